// A late joiner: the first picture comes at once, and soon the picture is live.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchBrowser, openPage, startCameras, startServer, waitUntilLive } from "./helpers.mjs";

const CLIP_FRAMES = 200; // high360p: 8 s, a keyframe every 4 s
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

// Runs in the page. Joins once; for each presented picture of the joiner tells when it came after
// the POST, and how many frames it is behind a viewer that has been watching for long.
async function join(url) {
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
  const end = posted + 1500;
  await new Promise((resolve) => {
    function presented(now) {
      seen.push({
        at: now - posted,
        behind: frameNumber(reference.video) - frameNumber(video),
      });
      if (now < end) {
        video.requestVideoFrameCallback(presented);
      } else {
        resolve();
      }
    }
    video.requestVideoFrameCallback(presented);
  });
  pc.close();
  video.remove();
  return seen;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

test("a viewer that joins within a long GOP sees a picture at once and is soon live", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}api/streams`);
  const url = `${server.url}cam1/whep`;
  await page.evaluate(join, url); // warms up the browser
  const firsts = [];
  const lives = [];
  const gaps = [];
  for (let i = 0; i < JOINS; ++i) {
    // Somewhere else in the GOP each time.
    await page.waitForTimeout(370 * i);
    const seen = await page.evaluate(join, url);
    const behind = seen.map((picture) => {
      const frames = ((picture.behind % CLIP_FRAMES) + CLIP_FRAMES) % CLIP_FRAMES;
      return frames > CLIP_FRAMES / 2 ? 0 : frames * FRAME_MS;
    });
    firsts.push(seen[0].at);
    const lastOld = behind.findLastIndex((age) => age > 200);
    assert.ok(lastOld < seen.length - 5, `still ${behind.at(-1)} ms behind after 1.5 s`);
    lives.push(seen[lastOld + 1].at);
    gaps.push(...seen.slice(1).map(({ at }, j) => at - seen[j].at));
  }
  const round = (value) => Math.round(value);
  t.diagnostic(
    `POST to first picture: median ${round(median(firsts))} ms, largest ${round(Math.max(...firsts))} ms`,
  );
  t.diagnostic(
    `POST to live: median ${round(median(lives))} ms, largest ${round(Math.max(...lives))} ms`,
  );
  t.diagnostic(`longest gap: ${round(Math.max(...gaps))} ms`);
  // Hard limits are loose: the machine may be busy.
  assert.ok(median(firsts) < 300, `first pictures after ${firsts}`);
  assert.ok(median(lives) < 900, `live after ${lives}`);
});
