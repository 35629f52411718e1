// The page: "/" shows all cameras, "/NAME" shows one.

import { WhepPlayer } from "./player.js";

const LOOK_MS = 1_000;

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
  #camera = null; // the server's last word on it; undefined if it does not answer

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
    this.#player = new WhepPlayer({ endpoint, video: this.#video });
    this.#player.addEventListener("state", () => this.#showMessage());
  }

  start() {
    this.#player.start();
  }

  get playing() {
    return this.#player.state === "playing";
  }

  // Called each second with what the server says about the camera.
  async look(camera) {
    this.#camera = camera;
    this.#showMessage();
    this.#sound.hidden = !this.#player.hasAudio;
    const stats = this.playing ? await this.#player.stats() : null;
    this.#facts.textContent = stats?.width
      ? `${stats.width}\u00d7${stats.height}, ${Math.round(stats.fps ?? 0)} fps`
      : "";
  }

  #setMuted(muted) {
    this.#video.muted = muted;
    this.#sound.textContent = muted ? "Unmute" : "Mute";
  }

  #showMessage() {
    const text = this.#whyBlack();
    this.#message.hidden = text === null;
    this.#message.textContent = text ?? "";
  }

  #whyBlack() {
    // Video that still moves while the camera is away is old.
    const away = this.#camera && this.#camera.state !== "live";
    if (this.playing && !away) {
      return null;
    }
    const connected = this.#player.connection?.connectionState === "connected";
    return connected || !this.#player.reason ? whyStill(this.#camera) : this.#player.reason;
  }
}

function whyStill(camera) {
  if (camera === undefined) {
    return "The server cannot be reached.";
  }
  if (camera?.state === "live") {
    return "Waiting for a picture";
  }
  return camera?.reason ? `No picture: ${camera.reason}` : "Connecting to the camera";
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
    // The server does not answer; each tile says so.
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
