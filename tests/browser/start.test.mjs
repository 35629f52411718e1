// A late joiner: the first video frame comes at once, and soon the video is live.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, median, openPage, startCameras, startServer, waitUntilLive } from "./helpers.mjs";

const CLIP_FRAMES = 200; // high360p: 8 s
const KEYFRAME_MS = 4_000;
const FRAME_MS = 40;
const JOINS = 8;

let browser, cameras, server;

before(async () => {
  cameras = await startCameras(1, "--clip", "high360p", "--no-audio");
  server = await startServer({ cam1: cameras.urls[0] });
  browser = await launchBrowser();
  await waitUntilLive(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
});

// Runs in the page. Joins once, and watches until five frames in a row were live: at most 200 ms behind a
// viewer that has been watching for long. For each presented frame tells how long after the POST it came,
// and how many milliseconds it was behind.
async function join({ url, clipFrames, frameMs, longMs }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });

  function frameNumber(video) {
    canvas.width = video.videoWidth;
    canvas.height = 40;
    context.drawImage(video, 0, 0);
    let number = 0;
    for (let block = 0; block < 16; ++block) {
      const [red] = context.getImageData(40 * block + 20, 20, 1, 1).data;
      number = 2 * number + (red > 128 ? 1 : 0);
    }
    return number;
  }

  async function watch() {
    const pc = new RTCPeerConnection();
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    pc.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
    pc.addTransceiver("video", { direction: "recvonly" });
    await pc.setLocalDescription();
    const posted = performance.now();
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    video.play();
    return { pc, video, posted };
  }

  window.reference ??= await watch();
  const reference = window.reference;
  while (reference.video.readyState < 2) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { pc, video, posted } = await watch();
  const seen = [];
  await new Promise((resolve) => {
    function presented(now) {
      const frames = (frameNumber(reference.video) - frameNumber(video) + clipFrames) % clipFrames;
      // The joiner may be a little ahead.
      seen.push({ at: now - posted, behind: frames > clipFrames / 2 ? 0 : frames * frameMs });
      const live = seen.length >= 5 && seen.slice(-5).every(({ behind }) => behind <= 200);
      if (live || now > posted + longMs) {
        resolve();
      } else {
        video.requestVideoFrameCallback(presented);
      }
    }
    video.requestVideoFrameCallback(presented);
  });
  pc.close();
  video.remove();
  return seen;
}

test("a viewer that joins within a long GOP sees video at once and is soon live", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}api/streams`);
  const options = { url: `${server.url}cam1/whep`, clipFrames: CLIP_FRAMES, frameMs: FRAME_MS, longMs: LONG_MS };
  await page.evaluate(join, options); // warms up the browser
  const firsts = [];
  const lives = [];
  for (let i = 0; i < JOINS; ++i) {
    // Somewhere else in the GOP each time.
    await page.waitForTimeout(370 * i);
    const seen = await page.evaluate(join, options);
    assert.ok(seen.at(-1).behind <= 200, `still ${seen.at(-1).behind} ms behind`);
    firsts.push(seen[0].at);
    lives.push(seen.at(-5).at);
  }
  const figures = (values) => `median ${Math.round(median(values))} ms, largest ${Math.round(Math.max(...values))} ms`;
  t.diagnostic(`POST to first video frame: ${figures(firsts)}`);
  t.diagnostic(`POST to live: ${figures(lives)}`);
  // A viewer that waited for the next keyframe would wait for half of that time.
  assert.ok(median(firsts) < KEYFRAME_MS / 4, `first frames after ${firsts}`);
});
