// One camera in one browser: video, audio, encryption, and how long it takes to connect.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  LONG_MS,
  launchBrowser,
  median,
  openPage,
  startCameras,
  startServer,
  stats,
  waitUntil,
  waitUntilLive,
  waitUntilPlaying,
  watchFrames,
} from "./helpers.mjs";

// The clip of cam1: 1280x720, 25 frames per second, a loop of 200 frames.
const CLIP_FRAMES = 200;
const TICKS_PER_FRAME = 90_000 / 25;

let cameras;
let server;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(1), launchBrowser()]);
  server = await startServer({ cam1: cameras.urls[0] });
  await waitUntilLive(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
});

test("the picture comes in its right size", async (t) => {
  const page = await openPage(browser, t);
  const start = performance.now();
  await page.goto(`${server.url}cam1`, { waitUntil: "commit" });
  await waitUntilPlaying(page);
  t.diagnostic(`page opened to first video frame: ${Math.round(performance.now() - start)} ms`);
  const size = await page.evaluate(() => {
    const video = document.querySelector("video");
    return [video.videoWidth, video.videoHeight];
  });
  assert.deepEqual(size, [1280, 720]);
});

test("the frames are undamaged and in order", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}cam1`);
  await waitUntilPlaying(page, 25); // the fast start is over
  const first = await stats(page);
  // More than one loop of the clip, so that frames can be compared with themselves.
  const seen = await watchFrames(page, 50);
  const last = await stats(page);

  const unreadable = seen.filter(({ number }) => number < 0 || number >= CLIP_FRAMES);
  assert.deepEqual(unreadable, [], "frames whose bar code is damaged");

  // The frame number runs with the RTP timestamp. The callback may see a later frame already: the next one, or where the
  // page had no time for a moment, one after that.
  const phase = ({ number, rtpTimestamp }) => {
    const frames = Math.round(rtpTimestamp / TICKS_PER_FRAME) - number;
    return ((frames % CLIP_FRAMES) + CLIP_FRAMES) % CLIP_FRAMES;
  };
  const usual = median(seen.map(phase));
  const strange = seen.filter((frame) => {
    const later = (usual - phase(frame) + CLIP_FRAMES) % CLIP_FRAMES;
    return later > 10 && later < CLIP_FRAMES - 1;
  });
  assert.deepEqual(strange, [], "frames whose number does not fit their time");

  // The same frame looks the same each time round.
  const looks = new Map();
  let compared = 0;
  for (const { number, checksum } of seen) {
    if (looks.has(number)) {
      compared += 1;
      assert.equal(checksum, looks.get(number), `frame ${number} differs from one loop to the next`);
    }
    looks.set(number, checksum);
  }
  assert.ok(compared >= 50, `only ${compared} frames were seen twice`);

  // How many are decoded and shown in time is a matter of this machine. What arrives is not.
  const change = (name) => last.video[name] - first.video[name];
  // Those that waited to be decoded are seen later; a few more wait to be shown.
  const received = last.video.framesReceived - first.video.framesDecoded;
  assert.ok(received >= seen.length - 4, `${received} frames arrived, ${seen.length} were seen`);
  assert.equal(change("packetsLost"), 0);
  assert.equal(change("pliCount"), 0);
  const gaps = seen.slice(1).map(({ now }, i) => now - seen[i].now);
  t.diagnostic(
    `${seen.length} frames, ${compared} compared, longest gap ${Math.round(Math.max(...gaps))} ms, ` +
      `${change("framesDropped")} dropped, ${change("freezeCount")} freezes`,
  );
});

test("audio arrives, and SRTP is AES-128-GCM", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}cam1`);
  await page.waitForFunction(() => document.querySelector("video").videoWidth > 0);
  // The picture may be there before the first sound.
  const first = await waitUntil("audio", LONG_MS, async () => {
    const now = await stats(page);
    return now.audio && now;
  });
  const last = await waitUntil("more audio", LONG_MS, async () => {
    const now = await stats(page);
    return now.audio.packetsReceived > first.audio.packetsReceived + 30 && now;
  });
  assert.ok(last.audio.totalSamplesReceived > first.audio.totalSamplesReceived);
  assert.equal(last.audio.packetsLost, 0);
  assert.equal(last.transport.srtpCipher, "SRTP_AEAD_AES_128_GCM");
  assert.match(server.stderr(), /viewer \d+ of cam1: connected from \S+, SRTP AES-128-GCM/);

  const button = page.locator("button.sound");
  assert.equal(await button.textContent(), "Unmute");
  await button.click();
  assert.equal(await page.evaluate(() => document.querySelector("video").muted), false);
});

test("closing the page ends the session", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}cam1`);
  await page.waitForFunction(() => document.querySelector("video").videoWidth > 0);
  assert.equal((await server.streams())[0].viewers, 1);
  await page.goto("about:blank");
  // Long before the gateway would miss the viewer: consent lasts 30 s.
  await waitUntil("the session ends with its page", 20_000, async () => (await server.streams())[0].viewers === 0);
});

// Runs in the page. Connects two connections of the page with each other; returns the milliseconds
// from the offer until the side that offered is connected.
async function connectToItself() {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  const connected = new Promise((resolve) => {
    a.onconnectionstatechange = () => a.connectionState === "connected" && resolve(performance.now());
  });
  a.addTransceiver("audio", { direction: "recvonly" });
  a.addTransceiver("video", { direction: "recvonly" });
  await a.setLocalDescription();
  const start = performance.now();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  const took = (await connected) - start;
  a.close();
  b.close();
  return took;
}

// Runs in the page. Connects to the gateway and leaves it; the same of it, and of the first frame.
async function connectToGateway() {
  const pc = new RTCPeerConnection();
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  const connected = new Promise((resolve, reject) => {
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "connected") {
        resolve(performance.now());
      } else if (pc.connectionState === "failed") {
        reject(new Error("connection failed"));
      }
    });
  });
  const frame = new Promise((resolve) => {
    video.requestVideoFrameCallback(() => resolve(performance.now()));
  });
  pc.addEventListener("track", ({ track }) => {
    if (track.kind === "video") {
      video.srcObject = new MediaStream([track]);
      video.play();
    }
  });
  await pc.setLocalDescription();
  const start = performance.now();
  const response = await fetch("/cam1/whep", {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: pc.localDescription.sdp,
  });
  if (response.status !== 201) {
    throw new Error(`${response.status} ${await response.text()}`);
  }
  await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  const times = { connected: (await connected) - start, frame: (await frame) - start };
  const gone = await fetch(response.headers.get("Location"), { method: "DELETE" });
  pc.close();
  video.remove();
  return { ...times, deleted: gone.status };
}

test("connecting takes no longer than between two connections of one page", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}api/streams`); // a page of the same origin that does nothing
  const connects = [];
  const inPage = [];
  // The quickest of each: whatever else runs on this machine only delays. Usually half as long.
  const quickest = () => [Math.min(...connects.map(({ connected }) => connected)), Math.min(...inPage)];
  await waitUntil("connecting is as quick", LONG_MS, async () => {
    inPage.push(await page.evaluate(connectToItself));
    connects.push(await page.evaluate(connectToGateway));
    const [gateway, itself] = quickest();
    return connects.length >= 10 && gateway <= 1.5 * itself;
  });
  const [gateway, itself] = quickest().map((ms) => ms.toFixed(1));
  const frame = median(connects.map((connect) => connect.frame));
  t.diagnostic(`offer to connected: ${gateway} ms; in the page ${itself} ms; ${connects.length} of each`);
  t.diagnostic(`offer to first video frame: median ${frame.toFixed(1)} ms`);
  assert.ok(connects.every(({ deleted }) => deleted === 200));
});
