// One camera: picture, sound, full screen, and why it is black where it is.

import { getJson, token } from "./api.js";
import { bitrate, codec, digits, micros, percent, size } from "./format.js";
import { WhepPlayer } from "../player.js";
import { level, overPath, showHeldBack, stateWord, warning, whyBlack } from "./why.js";

const POLL_MS = 1_000;
// The controls go away when the mouse rests for this long on the playing picture.
const REST_MS = 2_500;

const byId = (id) => document.getElementById(id);
const name = decodeURIComponent(location.pathname.split("/").at(-1));
const stage = byId("stage");
const video = byId("video");
const sound = byId("sound");
const figures = new Map();

let stream = null; // what the gateway says about the camera; undefined if it has no such camera
let tried = null; // what the last start depended on
let resting = 0;

document.title = name;
byId("name").textContent = name;

// ?max_bitrate=500000&variant=NAME in the address: for a metered connection, or to look at a variant.
const asked = new URLSearchParams(location.search);
const player = new WhepPlayer({
  endpoint: `${encodeURIComponent(name)}/whep`,
  video,
  token,
  maxBitrate: asked.get("max_bitrate"),
  variant: asked.get("variant"),
});
player.addEventListener("quality", show);
player.addEventListener("path", show);
player.addEventListener("state", () => {
  show();
  rest();
});

function message() {
  if (player.state === "playing" && stream?.state !== "retrying" && stream?.state !== "failed") {
    return null;
  }
  const refused = player.status >= 400 && player.status !== 409 ? player.reason : null;
  return refused ?? (stream === null ? null : whyBlack(stream)) ?? player.reason;
}

function show() {
  const why = message() ?? (player.state === "playing" ? null : "Connecting");
  const text = why ?? (player.hasVideo ? null : "Sound only");
  const box = byId("message");
  box.hidden = text === null;
  if (box.textContent !== (text ?? "")) {
    box.textContent = text ?? "";
  }
  showHeldBack(byId("held-back"), (why === null && player.quality?.heldBack) || warning(stream));
  const live = player.state === "playing" && why === null;
  byId("mark").dataset.level = live ? "good" : stream ? (level(stream) === "good" ? "wait" : level(stream)) : "wait";
  const word = live ? `Live${overPath(player.path)}` : stream && stream.state !== "live" ? stateWord(stream) : "Connecting";
  if (byId("state").textContent !== word) {
    byId("state").textContent = word;
  }
  sound.hidden = !player.hasAudio;
  sound.setAttribute("aria-pressed", !video.muted);
  sound.title = video.muted ? "Switch the sound on (M)" : "Switch the sound off (M)";
  byId("sound-word").textContent = video.muted ? "Sound off" : "Sound on";
  sound.setAttribute("aria-label", "Sound");
}

function setFigure(label, value) {
  let field = figures.get(label);
  if (!field) {
    const row = document.createElement("div");
    const term = row.appendChild(document.createElement("dt"));
    field = row.appendChild(document.createElement("dd"));
    term.textContent = label;
    byId("figures").append(row);
    figures.set(label, field);
  }
  if (field.textContent !== value) {
    field.textContent = value;
  }
}

async function showFigures() {
  const stats = (await player.stats()) ?? {};
  const packets = stats.packetsReceived + stats.packetsLost;
  setFigure("Size", size(stats.width, stats.height));
  setFigure("Codec", codec(stats.codec));
  setFigure("Pictures", player.state === "idle" ? "\u2013" : `${digits(stats.fps)}/s`);
  setFigure("Bit rate", bitrate(stats.bitrate));
  setFigure("Loss", percent(packets > 0 ? stats.packetsLost / packets : undefined));
  setFigure("Round trip", micros(stats.roundTripMs == null ? undefined : 1000 * stats.roundTripMs));
  setFigure("Path", player.path?.toUpperCase() ?? "\u2013");
}

async function poll() {
  try {
    const streams = await getJson("api/streams");
    stream = streams.find((candidate) => candidate.name === name);
  } catch {
    stream = null; // the player says what it knows
  }
  start();
  show();
  await showFigures();
  setTimeout(poll, POLL_MS);
}

// What was refused may be granted to another token, or once there is the camera.
function start() {
  const asks = `${token()} ${Boolean(stream)}`;
  if (player.state === "idle" || (player.state === "failed" && asks !== tried)) {
    tried = asks;
    player.start();
  }
}

// Shows the controls, and hides them again while the picture plays on.
function rest() {
  clearTimeout(resting);
  stage.classList.remove("still");
  if (player.state === "playing") {
    resting = setTimeout(() => stage.classList.add("still"), REST_MS);
  }
}

function toggleSound() {
  if (player.hasAudio) {
    video.muted = !video.muted;
    show();
  }
}

function toggleFullscreen() {
  if (document.fullscreenElement) {
    document.exitFullscreen();
  } else if (stage.requestFullscreen) {
    stage.requestFullscreen().catch(() => {}); // the browser or its user does not allow it
  } else {
    video.webkitEnterFullscreen?.(); // iPhone
  }
}

sound.addEventListener("click", toggleSound);
byId("fullscreen").addEventListener("click", toggleFullscreen);
stage.addEventListener("dblclick", toggleFullscreen);
for (const event of ["pointermove", "pointerdown", "focusin"]) {
  stage.addEventListener(event, rest);
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) {
    return;
  }
  if (event.key === "m") {
    toggleSound();
  } else if (event.key === "f") {
    toggleFullscreen();
  }
});

start();
show();
poll();
