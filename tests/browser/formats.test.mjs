// What cameras send that browsers do not show as it is, or not gladly: both show what the gateway makes of it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { launch } from "./both_browsers.mjs";
import { LONG_MS, startCameras, startGateway, waitUntil, waitUntilLive } from "./helpers.mjs";

const RECORDINGS = ["b-frames", "b-pyramid", "open-gops", "intra-refresh", "two-sizes", "2160p", "intra-refresh+aac"];

let cameras;
let gateway;

before(async () => {
  cameras = await startCameras(1, "--recordings", RECORDINGS.join());
  const named = cameras.urls.map((url) => [url.split("/").at(-1), url]);
  gateway = await startGateway(Object.fromEntries(named));
  await waitUntilLive(gateway);
});

after(async () => {
  await gateway?.stop();
  await cameras?.stop();
});

// In the page: notes each picture that its <video> shows: its size and RTP timestamp.
function notePictures() {
  const video = document.querySelector("video");
  window.noted = [];
  video.requestVideoFrameCallback(function look(_now, { width, height, rtpTimestamp }) {
    window.noted.push({ size: `${width}x${height}`, rtpTimestamp });
    video.requestVideoFrameCallback(look);
  });
  // Without it Chromium, with nothing else to draw, tells of one picture in many.
  requestAnimationFrame(function draw() {
    requestAnimationFrame(draw);
  });
}

// In the page: the stats of the newest connection's {audio, video}, with the names of their codecs.
async function inbound() {
  const reports = await window.connections.at(-1).getStats();
  const tracks = [...reports.values()].filter(({ type }) => type === "inbound-rtp");
  return Object.fromEntries(tracks.map((track) => [track.kind, { ...track, codec: reports.get(track.codecId)?.mimeType }]));
}

describe("what browsers do not show as it is", { concurrency: 2 }, () => {
  for (const [name, start] of Object.entries(launch)) {
    describe(name, { concurrency: 1 }, () => {
      let browser;
      before(async () => (browser = await start()));
      after(() => browser?.close());

      async function open(t, camera) {
        const page = await browser.newPage();
        t.after(() => page.close());
        await page.goto(`${gateway.url}${camera}`);
        await page.evaluate(notePictures);
        return page;
      }

      // What was noted once it is enough.
      const noted = (page, what, isEnough) =>
        waitUntil(what, LONG_MS, async () => {
          const pictures = await page.evaluate(() => window.noted);
          return isEnough(pictures) && pictures;
        });

      // places: in how many of a GOP frames are seen. Keyframes alone, as where a decoder gives up in between, are in one; of
      // 4K a slow machine may be shown no more.
      for (const [camera, size, ticks, gop, places, warning] of [
        ["b-frames", "320x180", 3600, 25, 4, "b_frames"],
        ["b-pyramid", "320x180", 3600, 25, 4, "b_frames"],
        ["open-gops", "320x180", 3600, 24, 4, "b_frames"],
        ["intra-refresh", "320x180", 3600, 25, 4, "no_keyframe"],
        ["2160p", "3840x2160", 18_000, 5, 1, undefined],
      ]) {
        test(`${camera} is shown, and in order`, async (t) => {
          const page = await open(t, camera);
          // Since the first one, in ticks of 90 kHz. It wraps around.
          const times = (seen) => seen.map(({ rtpTimestamp }) => (rtpTimestamp - seen[0].rtpTimestamp) | 0);
          const placesOf = (seen) => new Set(times(seen).map((time) => Math.round(time / ticks) % gop));
          const pictures = await noted(page, "pictures", (seen) => seen.length > 5 && placesOf(seen).size >= places);
          const { video } = await page.evaluate(inbound);
          t.diagnostic(`${pictures.length} pictures, ${video.pliCount} requests for a keyframe`);
          assert.deepEqual([...new Set(pictures.map((picture) => picture.size))], [size]);
          const shown = times(pictures);
          assert.deepEqual(shown, shown.toSorted((a, b) => a - b));
          const warned = async () => (await gateway.streams()).find((stream) => stream.name === camera).warning?.name;
          await waitUntil("the warning", LONG_MS, async () => (await warned()) === warning);
        });
      }

      test("a camera changes its size while somebody watches", async (t) => {
        const page = await open(t, "two-sizes");
        const pictures = await noted(page, "both sizes, again and again", (seen) => {
          const sizes = seen.map(({ size }) => size);
          return sizes.filter((size, i) => i > 0 && size !== sizes[i - 1]).length >= 3;
        });
        assert.deepEqual(new Set(pictures.map(({ size }) => size)), new Set(["640x360", "320x180"]));
        assert.equal(await page.evaluate(() => window.connections.length), 1, "the same connection");
      });

      test("AAC is heard, as Opus", async (t) => {
        const page = await open(t, "intra-refresh-aac");
        await noted(page, "pictures", (seen) => seen.length > 25);
        // What is muted has no energy.
        await page.evaluate(() => (document.querySelector("video").muted = false));
        await waitUntil("a tone", LONG_MS, async () => (await page.evaluate(inbound)).audio?.totalAudioEnergy > 0);
        const { audio } = await page.evaluate(inbound);
        assert.equal(audio.codec, "audio/opus");
      });
    });
  }
});
