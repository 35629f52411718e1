// One camera of the grid: plays while it is in view and live, or on demand.

import { token } from "./api.js";
import { size } from "./format.js";
import { WhepPlayer } from "../player.js";
import { Turns } from "./turns.js";
import { level, overPath, showHeldBack, warning, whyBlack } from "./why.js";

// Who scrolls past does not end sessions and begin them again.
const OUT_OF_VIEW_MS = 3_000;

const turns = new Turns();

export class Tile {
  #player;
  #video;
  #parts;
  #stream = null;
  #least = null;
  #inView = false;
  #leave = 0;
  #turn = null; // to connect
  #tried = null; // what the last start depended on
  #reachable = true;

  constructor(template, name) {
    this.name = name;
    this.root = template.content.firstElementChild.cloneNode(true);
    const part = (selector) => this.root.querySelector(selector);
    this.#parts = {
      mark: part(".mark"),
      name: part(".name"),
      facts: part(".facts"),
      message: part(".message"),
      heldBack: part(".held-back"),
      sound: part(".sound"),
    };
    this.#video = part("video");
    this.#parts.name.textContent = name;
    this.#parts.name.href = encodeURIComponent(name);
    this.#parts.sound.addEventListener("click", () => {
      this.#video.muted = !this.#video.muted;
      this.#show();
    });
    this.#player = new WhepPlayer({
      endpoint: `${encodeURIComponent(name)}/whep`,
      video: this.#video,
      token,
      variant: () => this.#variant(),
    });
    this.#player.addEventListener("quality", () => this.#show());
    this.#player.addEventListener("path", () => this.#show());
    this.#player.addEventListener("state", () => {
      if (this.#player.state !== "connecting") {
        this.#endTurn();
      }
      this.#show();
    });
    this.#show();
  }

  // What the host calls the camera.
  get label() {
    return this.#stream?.label ?? this.name;
  }

  get playing() {
    return this.#player.state === "playing";
  }

  // What the gateway says about the camera, each second; undefined if it does not answer.
  // least: name of the camera's last variant, if it has any.
  update(stream, least) {
    this.#least = least;
    this.#reachable = stream !== undefined;
    this.#stream = stream ?? this.#stream;
    this.#parts.name.textContent = this.label;
    this.#play();
    this.#show();
  }

  set inView(inView) {
    this.#inView = inView;
    clearTimeout(this.#leave);
    if (inView) {
      this.#play();
    } else {
      this.#leave = setTimeout(() => this.#stop(), OUT_OF_VIEW_MS);
    }
  }

  remove() {
    clearTimeout(this.#leave);
    this.#inView = false;
    this.#stop();
    this.root.remove();
  }

  // An offer for a camera that is away would wait at the gateway, and hold one of the browser's few
  // connections to it. A session that is up stays: the picture comes back into it. A camera on demand
  // is watched by whoever has it in view, as any other.
  #play() {
    const playable = ["live", "idle"].includes(this.#stream?.state);
    if (this.#inView && playable && this.#mayStart && !this.#turn) {
      this.#turn = turns.ask(() => {
        this.#tried = this.#asks;
        this.#player.start();
      });
    }
  }

  // What was refused may be granted once it is asked for in another way.
  get #mayStart() {
    const { state } = this.#player;
    return state === "idle" || (state === "failed" && this.#asks !== this.#tried);
  }

  get #asks() {
    return `${token()} ${this.#variant()}`;
  }

  // A small picture is the last of the camera's variants: more would be thrown away.
  #variant() {
    const { density } = this.root.parentElement.dataset;
    return density === "small" ? this.#least : null;
  }

  #stop() {
    this.#endTurn();
    this.#player.stop();
  }

  #endTurn() {
    this.#turn?.end();
    this.#turn = null;
  }

  #show() {
    const { mark, facts, message, heldBack, sound } = this.#parts;
    const why = this.#message();
    const text = why ?? (this.playing && !this.#player.hasVideo ? "Sound only" : null);
    if (message.textContent !== (text ?? "")) {
      message.textContent = text ?? "";
    }
    message.hidden = text === null;
    const { quality } = this.#player;
    // What this page asked for itself is no news.
    const held = why === null && quality?.reason !== "viewer";
    showHeldBack(heldBack, (held && quality?.heldBack) || warning(this.#stream));
    this.root.dataset.level = mark.dataset.level = this.#stream ? level(this.#stream) : "wait";
    facts.textContent =
      this.#stream?.state === "live" && this.#stream.width ? size(this.#stream.width, this.#stream.height) : "";
    sound.hidden = !this.#player.hasAudio;
    mark.title = overPath(this.#player.path).trim();
    const heard = !this.#video.muted;
    sound.setAttribute("aria-pressed", heard);
    sound.setAttribute("aria-label", `Sound of ${this.name}`);
    sound.title = heard ? "Switch the sound off" : "Switch the sound on";
  }

  #message() {
    if (!this.#reachable) {
      return this.playing ? null : "The gateway cannot be reached.";
    }
    const black = this.#stream ? whyBlack(this.#stream) : "";
    // An idle camera may have a substream, which is what plays then.
    if (black !== null && !(this.playing && this.#stream?.state === "idle")) {
      return black;
    }
    switch (this.#player.state) {
      case "playing":
        return null;
      case "idle":
        return "";
      case "connecting":
        return this.#player.reason ?? "";
      default:
        return this.#player.reason;
    }
  }
}
