// The page: "/" shows all cameras, "/NAME" shows one.

import { WhepPlayer } from "./player.js";

const LOOK_MS = 1_000;
// The picture counts as standing still when none came for this long.
const STILL_MS = 3_000;

const only = decodeURIComponent(location.pathname.slice(1));
const list = document.getElementById("cameras");
const summary = document.getElementById("summary");
const tiles = new Map();

class Tile {
  #video;
  #message;
  #facts;
  #sound;
  #player;
  #problem = "Connecting";
  #pictures = 0;
  #lastPicture = -Infinity;

  constructor(name) {
    this.root = document.getElementById("camera").content.firstElementChild.cloneNode(true);
    this.#video = this.root.querySelector("video");
    this.#message = this.root.querySelector(".message");
    this.#facts = this.root.querySelector(".facts");
    this.#sound = this.root.querySelector(".sound");

    const link = this.root.querySelector(".name");
    link.textContent = name;
    link.href = `/${encodeURIComponent(name)}`;

    // The property, too: browsers copy the attribute "muted" of a template only to the default.
    this.#video.muted = true;
    this.#sound.addEventListener("click", () => this.#setMuted(!this.#video.muted));

    const endpoint = `/${encodeURIComponent(name)}/whep`;
    this.#player = new WhepPlayer(this.#video, endpoint, (problem) => {
      this.#problem = problem;
      this.#showMessage(problem);
    });
    this.#showMessage(this.#problem);
  }

  start() {
    this.#player.start();
  }

  stop() {
    this.#player.stop();
  }

  get playing() {
    return performance.now() - this.#lastPicture < STILL_MS;
  }

  // Called each second with what the server says about the camera.
  async look(camera) {
    const pictures = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    if (pictures !== this.#pictures) {
      this.#pictures = pictures;
      this.#lastPicture = performance.now();
    }
    const audio = this.#video.srcObject?.getAudioTracks() ?? [];
    this.#sound.hidden = audio.length === 0;

    const facts = this.playing ? await this.#player.facts() : null;
    this.#facts.textContent = facts ? `${facts.width}\u00d7${facts.height}, ${facts.fps} fps` : "";
    // Moving pictures of a camera that is away are old ones.
    const away = camera && camera.state !== "live";
    this.#showMessage(this.#problem ?? (this.playing && !away ? null : whyStill(camera)));
  }

  #setMuted(muted) {
    this.#video.muted = muted;
    this.#sound.textContent = muted ? "Unmute" : "Mute";
  }

  #showMessage(text) {
    this.#message.hidden = text === null;
    this.#message.textContent = text ?? "";
  }
}

function whyStill(camera) {
  if (!camera) {
    return "The server cannot be reached.";
  }
  if (camera.state === "live") {
    return "Waiting for a picture";
  }
  return camera.reason ? `No picture: ${camera.reason}` : "Connecting to the camera";
}

async function fetchCameras() {
  const response = await fetch("/api/streams", { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) {
    throw new Error(`/api/streams answered ${response.status}`);
  }
  const cameras = await response.json();
  return only ? cameras.filter((camera) => camera.name === only) : cameras;
}

function addTile(name) {
  const tile = new Tile(name);
  tiles.set(name, tile);
  list.append(tile.root);
  const columns = Math.ceil(Math.sqrt(tiles.size));
  list.style.setProperty("--columns", columns);
  list.style.setProperty("--rows", Math.ceil(tiles.size / columns));
  tile.start();
}

async function look() {
  let cameras = [];
  try {
    cameras = await fetchCameras();
  } catch {
    // The server is away; each tile says so.
  }
  for (const { name } of cameras) {
    if (!tiles.has(name)) {
      addTile(name);
    }
  }
  for (const [name, tile] of tiles) {
    await tile.look(cameras.find((camera) => camera.name === name));
  }
  const playing = [...tiles.values()].filter((tile) => tile.playing).length;
  summary.textContent = only ? "" : `${playing} of ${tiles.size} playing`;
  setTimeout(look, LOOK_MS);
}

if (only) {
  document.title = only;
  document.getElementById("home").textContent = "\u2039 All cameras";
  list.classList.add("single");
  addTile(only); // at once: no need to wait for the list
}
look();

addEventListener("pagehide", () => tiles.forEach((tile) => tile.stop()));
// The page may come back from the browser's back/forward cache.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) {
    tiles.forEach((tile) => tile.start());
  }
});
