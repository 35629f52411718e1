// The grid: four cameras at once in one browser.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launchBrowser, openPage, root, startCameras, startServer, waitUntilLive } from "./helpers.mjs";

const SCREENSHOTS = `${root}/target/screenshots`;

let cameras;
let server;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(4), launchBrowser()]);
  const [door, yard, hall, gate] = cameras.urls;
  server = await startServer({ door, yard, hall, gate });
  await waitUntilLive(server);
  await mkdir(SCREENSHOTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
});

for (const colorScheme of ["light", "dark"]) {
  test(`four cameras play at once (${colorScheme} page)`, async (t) => {
    const page = await openPage(browser, t);
    await page.emulateMedia({ colorScheme });
    await page.goto(server.url);
    await page.waitForFunction(
      () => {
        const videos = [...document.querySelectorAll("video")];
        return (
          videos.length === 4 &&
          videos.every((video) => video.getVideoPlaybackQuality().totalVideoFrames > 20)
        );
      },
      null,
    );
    const shown = page.locator("#summary", { hasText: "4 of 4 playing" });
    await shown.waitFor();
    await page.locator(".facts", { hasText: "1280\u00d7720" }).first().waitFor();
    await page.screenshot({ path: `${SCREENSHOTS}/grid-${colorScheme}.png` });
    assert.equal(await page.locator(".message:visible").count(), 0);

    const names = await page.locator(".name").allTextContents();
    assert.deepEqual(names, ["door", "gate", "hall", "yard"]);
    await page.locator(".name", { hasText: "gate" }).click();
    await page.waitForURL(`${server.url}gate`);
    await page.waitForFunction(() => document.querySelector("video")?.videoWidth > 0);
    assert.equal(await page.locator("video").count(), 1);
    await page.screenshot({ path: `${SCREENSHOTS}/camera-${colorScheme}.png` });
  });
}
