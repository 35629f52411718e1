// A browser on one side of a network that a test has made, driven from a process there: what drives Firefox connects
// to it. As a program it is that process:
//   node remote_browser.mjs chromium|firefox OPTIONS   takes questions and gives answers, each in a line of JSON

import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { Child, LONG_MS, launchBrowser, waitUntil } from "./helpers.mjs";

export class RemoteBrowser {
  #child;
  #lines;

  // inside: what runs a command there, as [command, arguments]. flags: Chromium's. profile: Firefox's, a folder.
  static async start(name, inside, { flags = [], profile } = {}) {
    const remote = new RemoteBrowser();
    const options = JSON.stringify({ flags, profile });
    const self = fileURLToPath(import.meta.url);
    remote.name = name;
    remote.#child = await Child.start(...inside(process.execPath, [self, name, options]), /^ready$/);
    remote.#lines = createInterface({ input: remote.#child.process.stdout });
    return remote;
  }

  // What a page of the gateway at this URL sees of the camera "door": {state, reason, path, ms}, and the selected
  // candidates {local, remote}. path: the one to wait for, where others may be up before it. With `relay` it uses relays alone.
  async play(url, { path = null, relay = false } = {}) {
    return this.#ask("play", url, path, relay);
  }

  // Opens the page of the camera "door", which stays.
  async open(url) {
    return this.#ask("open", url);
  }

  // Of the page that was opened: {pictures, connections, remote, state}, how many there were, what kind of candidate the gateway
  // is, and what it says.
  async seen() {
    return this.#ask("seen");
  }

  // A document in JSON.
  async get(url) {
    return this.#ask("get", url);
  }

  async #ask(...question) {
    const ended = this.#child.exited.then(() => {
      throw new Error(`${this.name} has ended: ${this.#child.stderr}`);
    });
    ended.catch(() => {});
    this.#child.process.stdin.write(`${JSON.stringify(question)}\n`);
    const [line] = await Promise.race([once(this.#lines, "line"), ended]);
    const { answer, error } = JSON.parse(line);
    if (error) {
      throw new Error(`${this.name}: ${error}`);
    }
    return answer;
  }

  async stop() {
    this.#child.process.stdin.end();
    await this.#child.exited;
  }
}

// Starts one of each kind, and adds them to these: if one fails, the other one is there to be stopped.
export async function startBoth(browsers, inside, options) {
  const start = async (name) => browsers.push(await RemoteBrowser.start(name, inside, options));
  const started = await Promise.allSettled(["chromium", "firefox"].map(start));
  const failed = started.find(({ reason }) => reason);
  if (failed) {
    throw failed.reason;
  }
}

// Runs in a page before its scripts.
function keepConnections(relay) {
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super(relay ? { ...configuration, iceTransportPolicy: "relay" } : configuration);
      window.connections.push(this);
    }
    setConfiguration(configuration) {
      super.setConfiguration(relay ? { ...configuration, iceTransportPolicy: "relay" } : configuration);
    }
  };
}

// Until it plays by this path, if that is said; or the first attempt has failed.
async function playInPage([expected, longMs]) {
  const { WhepPlayer } = await import("/player.js");
  const video = document.body.appendChild(document.createElement("video"));
  const player = new WhepPlayer({ endpoint: "/door/whep", video });
  const start = performance.now();
  const ended = new Promise((resolve) => {
    player.addEventListener("state", () => ["playing", "retrying", "failed"].includes(player.state) && resolve());
  });
  player.start();
  await ended;
  const ms = Math.round(performance.now() - start);
  const { state, reason } = player;
  const end = performance.now() + longMs;
  while (state === "playing" && player.path !== (expected ?? player.path ?? "some") && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (let i = 0; state === "playing" && i < 25; ++i) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  }
  const { path } = player;
  const reports = [...(await window.connections.at(-1).getStats()).values()];
  const find = (id) => reports.find((report) => report.id === id);
  const transport = reports.find((report) => report.type === "transport");
  const pair = find(transport?.selectedCandidatePairId) ?? reports.find(({ selected }) => selected);
  const candidate = (id) => {
    const { candidateType, address, port, protocol, relayProtocol } = find(id) ?? {};
    return { candidateType, address, port, protocol, relayProtocol };
  };
  const [local, remote] = [candidate(pair?.localCandidateId), candidate(pair?.remoteCandidateId)];
  player.stop();
  return { state, reason, path, ms, local, remote };
}

async function look() {
  const video = document.querySelector("video");
  const reports = [...((await window.connections.at(-1)?.getStats()) ?? new Map()).values()];
  const find = (id) => reports.find((report) => report.id === id);
  const transport = reports.find((report) => report.type === "transport");
  const pair = find(transport?.selectedCandidatePairId) ?? reports.find(({ selected }) => selected);
  return {
    pictures: window.shown?.get(video) ?? video.getVideoPlaybackQuality().totalVideoFrames,
    connections: window.connections.length,
    remote: find(pair?.remoteCandidateId)?.candidateType,
    state: document.getElementById("state").textContent,
  };
}

// A browser: what opens a page, and what closes it.
const launch = {
  async chromium({ flags }) {
    const browser = await launchBrowser(flags);
    const newPage = async (relay) => {
      const page = await browser.newPage();
      await page.addInitScript(keepConnections, relay);
      return page;
    };
    return { newPage, close: () => browser.close() };
  },
  async firefox({ profile }) {
    const browser = await launchFirefox({}, profile ? { userDataDir: profile } : {});
    const newPage = async (relay) => {
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(keepConnections, relay);
      await page.evaluateOnNewDocument(prepareFirefoxPage);
      return page;
    };
    return { newPage, close: () => browser.close() };
  },
};

async function serve(name, options) {
  const browser = await launch[name](options);
  let opened;
  const goto = (page, url) => waitUntil(url, LONG_MS, () => page.goto(url).then(() => true, () => false));
  const answers = {
    async play(url, path, relay) {
      const page = await browser.newPage(relay);
      await goto(page, `${url}metrics`);
      const seen = await page.evaluate(playInPage, [path, LONG_MS / 4]);
      await page.close();
      return seen;
    },
    async open(url) {
      opened = await browser.newPage(false);
      await goto(opened, `${url}door`);
    },
    seen: () => opened.evaluate(look),
    get: async (url) => (await fetch(url)).json(),
  };
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, ...rest] = JSON.parse(line);
    const answer = await answers[what](...rest).then((answer) => ({ answer }), ({ message }) => ({ error: message }));
    console.log(JSON.stringify(answer));
  }
  await browser.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, options] = process.argv;
  await serve(name, JSON.parse(options));
}
