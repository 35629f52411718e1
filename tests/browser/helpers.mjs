// Starts what the tests need: simulated cameras, whep_server or the gateway program, Chromium. All on loopback.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

const WHEP_SERVER = process.env.WHEP_SERVER ?? `${root}/target/cmake/examples-c/whep_server`;
export const SERVE = process.env.SERVE ?? `${root}/target/debug/rtsp-webrtc-gateway`;
const CAMSIM = process.env.CAMSIM ?? `${root}/target/release/camsim`;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

// Nothing takes this long unless it is broken, however busy the machine is.
export const LONG_MS = 120_000;
const START_MS = LONG_MS;
const STOP_MS = LONG_MS;

// Whatever ends the tests ends the children too.
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

// A child process that says on its standard output when it is ready.
export class Child {
  stdout = "";
  stderr = "";

  static async start(command, args, ready) {
    const child = new Child();
    child.process = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    child.exited = once(child.process, "exit");
    child.exited.catch(() => {}); // reported by the race below
    child.process.stderr.on("data", (data) => (child.stderr += data));
    running.add(child.process);
    child.exited.then(() => running.delete(child.process), () => {});

    const found = new Promise((resolve) => {
      createInterface({ input: child.process.stdout }).on("line", (line) => {
        child.stdout += `${line}\n`;
        const match = line.match(ready);
        if (match) {
          resolve(match);
        }
      });
    });
    const early = child.exited.then(([code]) => {
      throw new Error(`${command} ended early with code ${code}:\n${child.stderr}`);
    });
    early.catch(() => {});
    const late = sleep(START_MS, null, { ref: false }).then(() => {
      throw new Error(`${command} is not ready after ${START_MS} ms:\n${child.stderr}`);
    });
    try {
      child.ready = await Promise.race([found, early, late]);
    } catch (error) {
      child.process.kill();
      throw error;
    }
    return child;
  }

  // Ends the process; returns its exit code, or null if it had to be killed.
  async stop(signal = "SIGTERM") {
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
    const [code] = await this.exited;
    clearTimeout(timer);
    return code;
  }
}

// Where a program runs: here, unless it is on one side of a ThinLink.
const here = {
  address: "127.0.0.1",
  onServer: (command, args) => [command, args],
  onViewer: (command) => command,
};

// Simulated cameras; urls[0] is cam1, and so on. cam1 plays the clip main720p.
export async function startCameras(count, ...options) {
  return startCamerasAt(here, count, ...options);
}

export async function startCamerasAt(place, count, ...options) {
  const args = ["--cameras", String(count), "--stdin-exit", ...options];
  const child = await Child.start(...place.onServer(CAMSIM, args), /^READY (.+)$/);
  return {
    urls: child.ready[1].trim().split(/\s+/),
    pid: child.process.pid,
    // For instance "cam1 stall"; see camsim --help.
    command: (text) => child.process.stdin.write(`${text}\n`),
    stop: () => child.stop(),
  };
}

// whep_server with cameras {name: url} on a free port.
export async function startServer(cameras, ...options) {
  return startServerAt(here, cameras, ...options);
}

export async function startServerAt(place, cameras, ...options) {
  const names = Object.entries(cameras).map(([name, url]) => `${name}=${url}`);
  const args = ["--listen", `${place.address}:0`, ...options, ...names];
  const child = await Child.start(...place.onServer(WHEP_SERVER, args), /^listening on (\S+)$/);
  const url = child.ready[1];
  return {
    url,
    pid: child.process.pid,
    stderr: () => child.stderr,
    streams: async () => (await fetch(`${url}api/streams`)).json(),
    stop: (signal) => child.stop(signal),
  };
}

// The gateway program (SERVE), with cameras {name: url} on a free port: the library's own listener. "--variant" and what
// follows it come after the cameras that they name.
export async function startGateway(cameras, ...options) {
  return startGatewayAt(here, cameras, ...options);
}

// The same on the port of one that has ended.
export async function restartGateway({ url }, cameras, ...options) {
  return startGatewayAt({ ...here, port: new URL(url).port }, cameras, ...options);
}

export async function startGatewayAt(place, cameras, ...options) {
  const names = Object.entries(cameras).map(([name, url]) => `${name}=${url}`);
  const variants = options.includes("--variant") ? options.splice(options.indexOf("--variant")) : [];
  const args = [`${place.address}:${place.port ?? 0}`, ...options, ...names, ...variants];
  const child = await Child.start(...place.onServer(SERVE, args), /^listening on (\S+)$/);
  const url = child.ready[1];
  const get = async (path) => (await fetch(url + path)).json();
  return {
    url,
    pid: child.process.pid,
    get,
    streams: () => get("api/streams"),
    stderr: () => child.stderr,
    stop: (signal) => child.stop(signal),
  };
}

// The same with this file of settings (docs/serve.md); without cameras {name: url} and where it listens, which are added.
export async function startConfiguredAt(place, cameras, settings) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-"));
  const file = join(folder, "gateway.toml");
  const named = Object.entries(cameras).map(([name, url]) => `[camera.${name}]\nurl = "${url}"\n`);
  writeFileSync(file, `[http]\nlisten = "${place.address}:0"\n${settings}\n${named.join("")}`);
  try {
    const child = await Child.start(...place.onServer(SERVE, ["--config", file]), /^listening on (\S+)$/);
    return { url: child.ready[1], stop: () => child.stop() };
  } finally {
    rmSync(folder, { recursive: true }); // it is read
  }
}

// Runs whep_server where it ends by itself.
export async function runServer(...args) {
  const child = spawn(WHEP_SERVER, args, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: START_MS,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

export async function waitUntil(what, timeoutMs, condition) {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result) {
      return result;
    }
    assert.ok(performance.now() < end, `not within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}

export async function waitUntilLive(server) {
  await waitUntil("all cameras live", LONG_MS, async () =>
    (await server.streams()).every(({ state }) => state === "live"),
  );
}

// args: for Chromium, besides those that all tests need.
export async function launchBrowser(args = [], place = here) {
  return chromium.launch({
    executablePath: place.onViewer(CHROMIUM),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
      ...args,
    ],
  });
}

// The page's <video> has frames.
export async function waitUntilPlaying(page, frames = 0) {
  await page.waitForFunction(
    (frames) => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames > frames,
    frames,
    { timeout: LONG_MS },
  );
}

// A page that keeps its RTCPeerConnections in window.connections. Closed when the test t is over.
export async function openPage(browser, t) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  t?.after(() => page.close());
  page.setDefaultTimeout(LONG_MS);
  await page.addInitScript(() => {
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...args) {
        super(...args);
        window.connections.push(this);
      }
    };
  });
  return page;
}

// The stats of the newest connection that the tests look at.
export async function stats(page) {
  return page.evaluate(async () => {
    const result = {};
    for (const report of (await window.connections.at(-1).getStats()).values()) {
      if (report.type === "inbound-rtp") {
        result[report.kind] = report;
      } else if (report.type === "transport") {
        result.transport = report;
      }
    }
    return result;
  });
}

// The pair of candidates that the newest connection has selected, and what came of the video.
export async function selected(page) {
  return page.evaluate(async () => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const find = (id) => reports.find((report) => report.id === id);
    const transport = reports.find((report) => report.type === "transport");
    const pair = find(transport.selectedCandidatePairId);
    const video = reports.find((report) => report.type === "inbound-rtp" && report.kind === "video");
    return { local: find(pair.localCandidateId), remote: find(pair.remoteCandidateId), video };
  });
}

// How many pictures the page's first <video> has shown.
export async function pictures(page) {
  return page.evaluate(
    () => document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames,
  );
}

// Watches the page's first <video> until `again` frames of the clip were seen twice: for each presented
// frame when it came, its RTP timestamp, the frame number in its bar code (-1 where a block is neither
// black nor white), and a checksum of the whole picture.
export async function watchFrames(page, again) {
  return page.evaluate(async ([again, longMs]) => {
    const video = document.querySelector("video");
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const seen = [];
    const end = performance.now() + longMs;
    const numbers = new Set();

    function frameNumber() {
      let number = 0;
      for (let block = 0; block < 16; ++block) {
        const [r, g, b] = context.getImageData(40 * block + 20, 20, 1, 1).data;
        const luma = 0.3 * r + 0.6 * g + 0.1 * b;
        if (luma > 80 && luma < 176) {
          return -1;
        }
        number = 2 * number + (luma > 128 ? 1 : 0);
      }
      return number;
    }

    function checksum() {
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const words = new Uint32Array(data.buffer);
      let sum = 0;
      for (let i = 0; i < words.length; i += 7) {
        sum = (Math.imul(sum, 31) + words[i]) | 0;
      }
      return sum;
    }

    return new Promise((resolve) => {
      video.requestVideoFrameCallback(function look(now, metadata) {
        canvas.width = metadata.width;
        canvas.height = metadata.height;
        context.drawImage(video, 0, 0);
        seen.push({
          now,
          rtpTimestamp: metadata.rtpTimestamp,
          number: frameNumber(),
          checksum: checksum(),
        });
        numbers.add(seen.at(-1).number);
        if (seen.length < numbers.size + again && performance.now() < end) {
          video.requestVideoFrameCallback(look);
        } else {
          resolve(seen);
        }
      });
    });
  }, [again, LONG_MS]);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
