// Real Chromium behind a thin link: what is sent fits the link, and the video goes on.
//
// Assertions are about shares, not about times: no machine is too slow for them. The figures are printed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { LONG_MS, launchBrowser, startCamerasAt, startServerAt, waitUntil } from "./helpers.mjs";
import { ThinLink, whyImpossible } from "./thin_link.mjs";
import { cameraClock, figures, shareOfFrames, watch } from "./thin_viewer.mjs";

const skip = whyImpossible();
// What high360p takes on the wire, in bits per second.
const STREAM = 360_000;
const WATCH_MS = Number(process.env.THIN_SECONDS ?? 14) * 1000;
const knobs = (process.env.THIN_SET ?? "congestion=1").split(",").flatMap((knob) => ["--set", knob]);

let link, cameras, server, browser, clock;

before(async () => {
  if (skip) return;
  link = new ThinLink();
  cameras = await startCamerasAt(link, 1, "--clip", "high360p", "--no-audio");
  server = await startServerAt(link, { cam1: cameras.urls[0] }, ...knobs);
  browser = await launchBrowser([], link);
  const page = await openOwnPage();
  await waitUntil("the camera is live", LONG_MS, async () =>
    (await page.evaluate(async () => (await fetch("/api/streams")).json())).every(({ state }) => state === "live"),
  );
  // In a new network Chromium takes some seconds until it sends anything.
  clock = await waitUntil("video is seen", LONG_MS, async () => {
    const seen = await watch(page, `${server.url}cam1/whep`, 4_000);
    return seen.frames.length > 50 && cameraClock(seen);
  });
  await page.close();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
  link?.remove();
});

// A page of the server that plays nothing by itself.
async function openOwnPage() {
  const page = await browser.newPage();
  await page.goto(`${server.url}player.js`);
  return page;
}

// `viewers` behind a link of `times` the stream's rate. Returns what each of them saw, and what became of the packets.
async function behind(t, times, queueMs, { viewers = 1, during = async () => {}, ms = WATCH_MS } = {}) {
  const pages = await Promise.all(Array.from({ length: viewers }, openOwnPage));
  link.limit(times * STREAM, queueMs);
  const start = link.counters();
  const [seen] = await Promise.all([
    Promise.all(pages.map((page) => watch(page, `${server.url}cam1/whep`, ms))),
    during(),
  ]);
  const end = link.counters();
  link.unlimit();
  await Promise.all(pages.map((page) => page.close()));
  const carried = end.packets - start.packets;
  const dropped = end.drops - start.drops;
  for (const view of seen) {
    t.diagnostic(`${times} x, queue ${queueMs} ms: ${JSON.stringify(figures(view, clock))}`);
  }
  t.diagnostic(`carried ${carried} packets, dropped ${dropped}; frames ${seen.map((view) => shareOfFrames(view).toFixed(2))}`);
  return { seen, dropped: dropped / (carried + dropped), frames: seen.map((view) => shareOfFrames(view)) };
}

test("a link a fifth wider than the stream", { skip }, async (t) => {
  const { dropped, frames } = await behind(t, 1.2, 100);
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  assert.ok(frames[0] > 0.8, `${frames[0]} of the frames were seen`);
});

test("a link that is a little wider", { skip }, async (t) => {
  const { dropped, frames } = await behind(t, 1.6, 100);
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  assert.ok(frames[0] > 0.8, `${frames[0]} of the frames were seen`);
});

test("a link that is narrower than the stream still shows video", { skip }, async (t) => {
  const { dropped, seen } = await behind(t, 0.8, 200);
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  assert.ok(seen[0].frames.length > 25, `${seen[0].frames.length} frames were seen`);
});

test("a link that becomes narrow for a while", { skip }, async (t) => {
  const part = WATCH_MS / 2;
  const during = async () => {
    await sleep(part);
    link.limit(0.5 * STREAM, 200);
    await sleep(part);
    link.limit(3 * STREAM, 200);
  };
  const { dropped, seen } = await behind(t, 3, 200, { during, ms: 4 * part });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  const last = shareOfFrames(seen[0], 3.5 * part);
  assert.ok(last > 0.8, `${last} of the frames were seen at the end`);
});

test("two viewers share a link", { skip }, async (t) => {
  const { dropped, frames } = await behind(t, 2.4, 100, { viewers: 2 });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  assert.ok(Math.min(...frames) > 0.8, `${frames} of the frames were seen`);
});
