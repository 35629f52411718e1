// Makes the images in docs/images: node docs_images.mjs

import { mkdir } from "node:fs/promises";

import { launchBrowser, root, startCameras, startGateway, waitUntil } from "./helpers.mjs";
import { serveSynthetic, SyntheticGateway } from "./synthetic.mjs";

const IMAGES = `${root}/docs/images`;
const SOON = 120_000;

// A gateway of 64 cameras that ran for some minutes.
async function dashboard(browser, colorScheme, file) {
  const gateway = new SyntheticGateway({ cameras: 64 });
  const server = await serveSynthetic(gateway);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme });
  await page.clock.install();
  await page.goto(`${server.url}dashboard`);
  for (let i = 0; i < 300; ++i) {
    gateway.advance(1000);
    await Promise.all([page.waitForResponse("**/api/gateway"), page.clock.runFor(1000)]);
  }
  await page.screenshot({ path: `${IMAGES}/${file}` });
  await page.close();
  await server.stop();
}

// Real cameras, one of them away.
async function wall(browser, file) {
  const cameras = await startCameras(11);
  const names = ["door", "yard", "hall", "gate", "dock", "lobby", "stairs", "garage", "roof", "store", "ramp"];
  const urls = Object.fromEntries(names.map((name, i) => [name, cameras.urls[i]]));
  const gateway = await startGateway({ ...urls, fence: "rtsp://127.0.0.1:1/stream" });
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 }, colorScheme: "light" });
  await page.goto(gateway.url);
  await waitUntil("all play", SOON, () =>
    page.evaluate(
      (count) =>
        [...document.querySelectorAll("video")].filter((video) => video.getVideoPlaybackQuality().totalVideoFrames > 25)
          .length === count,
      names.length,
    ),
  );
  await page.screenshot({ path: `${IMAGES}/${file}`, type: "jpeg", quality: 80 });
  await page.close();
  await gateway.stop();
  await cameras.stop();
}

await mkdir(IMAGES, { recursive: true });
const browser = await launchBrowser();
await dashboard(browser, "light", "dashboard.png");
await dashboard(browser, "dark", "dashboard-dark.png");
await wall(browser, "wall.jpg");
await browser.close();
