// Cameras of a kind that is seldom: sound alone, sound that becomes Opus, a minute from one keyframe to the next.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Child, LONG_MS, launchBrowser, median, openPage, root, startCameras, startGateway, stats, waitUntil, waitUntilLive, waitUntilPlaying } from "./helpers.mjs";

const KEYFRAME_MS = 60_000;
const KEPT_MS = 15_000; // of a GOP, by the gateway: after that the keyframe is kept apart
const LIP_SYNC_MS = 40;
const SAMPLES = 20;

const children = [];
let browser, cameras, server, rareSince;

// GStreamer's RTSP server; returns its URL.
async function gstreamer(...options) {
  const path = `${root}/tests/cameras/gst_camera.py`;
  const child = await Child.start("/usr/bin/python3", [path, ...options], /^READY (\S+)$/);
  children.push(child);
  return child.ready[1];
}

before(async () => {
  cameras = await startCameras(1, "--recordings", "opus");
  server = await startGateway({
    sound: cameras.urls.at(-1),
    film: await gstreamer("--audio", "aac"),
    rare: await gstreamer("--audio", "none", "--gop", String((KEYFRAME_MS / 1000) * 25)),
  });
  browser = await launchBrowser();
  await waitUntilLive(server);
  rareSince = performance.now();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await Promise.all(children.map((child) => child.stop()));
  await cameras?.stop();
});

test("a camera that sends sound alone plays, and the pages say so", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}sound`);
  await page.waitForFunction(() => document.getElementById("message").textContent === "Sound only");
  await page.waitForFunction(() => document.getElementById("state").textContent === "Live");
  const heard = async () => (await stats(page)).audio?.packetsReceived ?? 0;
  const first = await heard();
  await waitUntil("sound", LONG_MS, async () => (await heard()) > first + 50);
  assert.equal(await page.locator("#sound").isVisible(), true);
  const sections = await page.evaluate(() => window.connections.at(-1).remoteDescription.sdp.split("\r\nm="));
  assert.match(sections.find((section) => section.startsWith("video")), /\r\na=inactive\r\n/);

  const all = await openPage(browser, t);
  await all.goto(server.url);
  const tile = all.locator(".wall-tile", { hasText: "sound" });
  await tile.locator(".wall-message", { hasText: "Sound only" }).waitFor();
});

test("of a camera with a keyframe a minute a late viewer sees a still at once", async (t) => {
  await sleep(Math.max(0, KEPT_MS + 2_000 - (performance.now() - rareSince)));
  const page = await openPage(browser, t);
  const begun = performance.now();
  await page.goto(`${server.url}rare`);
  await waitUntilPlaying(page);
  const [now, age] = [performance.now(), performance.now() - rareSince];
  // Before the next keyframe, however slow this machine is.
  assert.ok(age < KEYFRAME_MS - 5_000, `${age} ms after the keyframe`);
  const colors = await page.evaluate(() => {
    const video = document.querySelector("video");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const at = (x) => [...context.getImageData(x * canvas.width, 0.3 * canvas.height, 1, 1).data.slice(0, 3)];
    return [1, 3, 5, 7, 9, 11, 13].map((part) => at(part / 14));
  });
  const different = new Set(colors.map((color) => color.map((part) => part >> 6).join()));
  assert.ok(different.size >= 5, `not the test picture: ${JSON.stringify(colors)}`);
  t.diagnostic(`shown ${(now - begun).toFixed(0)} ms after the page was asked for`);
});

test("AAC that became Opus is in time with the picture", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${server.url}film`);
  await waitUntilPlaying(page);
  await page.evaluate(() => (document.querySelector("video").muted = false));
  const apart = [];
  // How far the sound is behind the picture, by the camera's clock.
  const inTime = await waitUntil("lip sync", LONG_MS, async () => {
    const { audio, video } = await stats(page);
    const both = [audio, video].map((track) => track?.estimatedPlayoutTimestamp);
    if (both.every(Boolean)) {
      apart.push(both[1] - both[0]);
    }
    await sleep(100);
    const latest = apart.slice(-SAMPLES);
    return latest.length === SAMPLES && Math.abs(median(latest)) <= LIP_SYNC_MS && latest;
  });
  t.diagnostic(`sound behind picture: ${median(inTime).toFixed(1)} ms (${apart.length} samples)`);
});
