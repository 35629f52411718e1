// A camera whose microphone is switched on while somebody watches.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, openPage, startCameras, startGateway, stats, waitUntil, waitUntilLive, waitUntilPlaying } from "./helpers.mjs";

const CLIP = ["--clip", "baseline360p"];

let cameras;
let gateway;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(1, ...CLIP, "--no-audio"), launchBrowser()]);
  gateway = await startGateway({ door: cameras.urls[0] });
  await waitUntilLive(gateway);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
});

test("the button for sound comes with the sound, and the picture goes on", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  assert.equal(await page.locator("#sound").isVisible(), false);

  const { host } = new URL(cameras.urls[0].replace("rtsp:", "http:"));
  await cameras.stop();
  cameras = await startCameras(1, ...CLIP, "--listen", host);
  await page.locator("#sound").waitFor({ timeout: LONG_MS });
  assert.equal(await page.evaluate(() => window.connections.length), 1, "without a new offer");
  await page.locator("#sound").click();
  await waitUntil("the beep is heard", LONG_MS, async () => (await stats(page)).audio?.totalAudioEnergy > 0);
  await waitUntilPlaying(page, 100);
});
