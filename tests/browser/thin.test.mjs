// Real Chromium behind a thin link: what is sent fits the link, and the video goes on.
//
// A machine that stalls looks like a link that does: so frames may be left out for a while, and it is waited until none
// are. What the link drops is counted from the start. The figures are printed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { LONG_MS, launchBrowser, startCamerasAt, startGatewayAt, startServerAt, waitUntil } from "./helpers.mjs";
import { ThinLink, whyImpossible } from "./thin_link.mjs";
import { allSeen, cameraClock, figures, shareOfFrames, waitForWidth, watch } from "./thin_viewer.mjs";

const skip = whyImpossible();
// What high360p takes on the wire, in bits per second.
const STREAM = 360_000;
const WATCH_MS = Number(process.env.THIN_SECONDS ?? 14) * 1000;
const knobs = (process.env.THIN_SET ?? "congestion=1").split(",").flatMap((knob) => ["--set", knob]);

const clocks = new Map(); // of the camera, as each server's connection has it
let link, cameras, server, gateway, browser;

before(async () => {
  if (skip) return;
  link = new ThinLink();
  cameras = await startCamerasAt(link, 2, "--clip", "high360p,low180p", "--no-audio");
  const [cam1, sub] = cameras.urls;
  server = await startServerAt(link, { cam1 }, ...knobs);
  gateway = await startGatewayAt(link, { cam1, sub }, "--variant", "cam1=sub");
  await waitUntil("the link is up", LONG_MS, () => link.isUp);
  browser = await launchBrowser([], link);
  for (const from of [server, gateway]) {
    const clock = await waitUntil("video is seen", LONG_MS, async () => {
      const page = await openOwnPage(from);
      const seen = await watch(page, `${from.url}cam1/whep`, 4_000).finally(() => page.close());
      return seen.frames.length > 50 && cameraClock(seen);
    });
    clocks.set(from, clock);
  }
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await server?.stop();
  await cameras?.stop();
  link?.remove();
});

// A page that plays nothing by itself.
async function openOwnPage(from = server) {
  const page = await browser.newPage();
  await page.goto(`${from.url}player.js`);
  return page;
}

// `viewers` behind a link of `times` the stream's rate; `till` they see nearly all frames for half of WATCH_MS. Returns
// what each of them saw, and what became of the packets.
async function behind(
  t,
  times,
  queueMs,
  { from = server, viewers = 1, during = async () => {}, ms = WATCH_MS, till = false } = {},
) {
  const pages = await Promise.all(Array.from({ length: viewers }, () => openOwnPage(from)));
  link.limit(times * STREAM, queueMs);
  const start = link.counters();
  const [seen] = await Promise.all([
    Promise.all(pages.map((page) => watch(page, `${from.url}cam1/whep`, ms, till))),
    during(pages).then(() => till && allSeen(pages, WATCH_MS / 2)),
  ]);
  const end = link.counters();
  link.unlimit();
  await Promise.all(pages.map((page) => page.close()));
  const carried = end.packets - start.packets;
  const dropped = end.drops - start.drops;
  for (const view of seen) {
    t.diagnostic(`${times} x, queue ${queueMs} ms: ${JSON.stringify(figures(view, clocks.get(from)))}`);
  }
  t.diagnostic(`carried ${carried} packets, dropped ${dropped}; frames ${seen.map((view) => shareOfFrames(view).toFixed(2))}`);
  return { seen, dropped: dropped / (carried + dropped) };
}

test("a link a fifth wider than the stream", { skip }, async (t) => {
  const { dropped } = await behind(t, 1.2, 100, { till: true });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
});

test("a link that is a little wider", { skip }, async (t) => {
  const { dropped } = await behind(t, 1.6, 100, { till: true });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
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
  const { dropped } = await behind(t, 3, 200, { during, ms: 3 * part, till: true });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
});

test("two viewers share a link", { skip }, async (t) => {
  const { dropped } = await behind(t, 2.4, 100, { viewers: 2, till: true });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
});

test("a link that does not carry the stream shows its substream, and the stream when it does", { skip }, async (t) => {
  const during = async ([page]) => {
    const start = performance.now();
    await waitForWidth(page, 320);
    t.diagnostic(`the substream after ${Math.round(performance.now() - start)} ms`);
    await sleep(WATCH_MS / 2);
    link.limit(3 * STREAM, 200);
    const widened = performance.now();
    await waitForWidth(page, 640);
    t.diagnostic(`the stream again ${Math.round(performance.now() - widened)} ms after the link is wide`);
  };
  const { dropped, seen } = await behind(t, 0.8, 200, { from: gateway, during, ms: 0, till: true });
  assert.ok(dropped < 0.1, `${dropped} of the packets were dropped`);
  const narrow = seen[0].frames.filter(({ width }) => width === 320);
  assert.ok(narrow.length > 25, `${narrow.length} frames of the substream were seen`);
});
