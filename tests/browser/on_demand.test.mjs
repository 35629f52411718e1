// Cameras on demand: those that somebody has in view are connected, and no others.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, openPage, startCameras, startGateway, waitUntil } from "./helpers.mjs";

let cameras;
let gateway;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(4), launchBrowser()]);
  const [a, b, c, d] = cameras.urls;
  gateway = await startGateway({ a, b, c, d }, "--on-demand");
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
});

const states = async () => Object.fromEntries((await gateway.streams()).map(({ name, state }) => [name, state]));
const allIdle = async () => Object.values(await states()).every((state) => state === "idle");
const plays = (page, name) =>
  page.waitForFunction(
    (name) => {
      const video = [...document.querySelectorAll("video")].find(
        (video) => !name || video.closest(".wall-tile").querySelector(".wall-name").textContent === name,
      );
      return video?.getVideoPlaybackQuality().totalVideoFrames > 20;
    },
    name,
    { timeout: LONG_MS },
  );

test("a camera plays while its tile is in view, and is let go after that", { timeout: 4 * LONG_MS }, async (t) => {
  assert.ok(await allIdle());
  const page = await openPage(browser, t);
  await page.setViewportSize({ width: 420, height: 360 });
  await page.goto(gateway.url);
  await plays(page, "a");
  assert.equal((await states()).d, "idle", "nobody has scrolled to it");
  await page.locator(".wall-tile", { has: page.locator(".wall-name", { hasText: /^d$/ }) }).scrollIntoViewIfNeeded();
  await plays(page, "d");
  await waitUntil("the first is let go", LONG_MS, async () => (await states()).a === "idle");
  assert.equal((await states()).d, "live");

  await page.goto(`${gateway.url}dashboard`);
  await waitUntil("all are let go", LONG_MS, allIdle);
  await page.locator(".figure", { hasText: "0 of 4" }).filter({ hasText: "4 on demand" }).waitFor();
  await page.locator(".well").waitFor();
  assert.equal(await page.locator(".trouble").count(), 0);
});

test("the page of one camera connects it, and says why it cannot", { timeout: 3 * LONG_MS }, async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}b`);
  await plays(page, null);
  cameras.command("cam3 refuse");
  await page.goto(`${gateway.url}c`);
  await page.locator("#message", { hasText: "503" }).waitFor();
  cameras.command("cam3 heal");
  await plays(page, null);
});
