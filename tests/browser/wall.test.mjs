// The wall with a gateway: 64 cameras over one connection.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, launchBrowser, openPage, restartGateway, startCameras, startGateway, waitUntil, waitUntilLive } from "./helpers.mjs";

const COUNT = 64;
const NAMES = Array.from({ length: COUNT }, (_, i) => `cam${i + 1}`);
// Much is decoded here, on machines that may do other things, too.
const PATIENCE = { timeout: 5 * LONG_MS };

let cameras;
let gateway;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(COUNT, "--clip", "low180p"), launchBrowser()]);
  gateway = await startGateway(urls());
  await waitUntilLive(gateway);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
});

const urls = () => Object.fromEntries(NAMES.map((name, i) => [name, cameras.urls[i]]));

// The gateway's list may be a moment old.
const sessions = (count, of = gateway) =>
  waitUntil(`${count} sessions`, LONG_MS, async () => (await of.get("api/sessions")).length === count);

async function open(t, hash = "", of = gateway) {
  const page = await openPage(browser, t);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error));
  t.after(() => assert.deepEqual(errors, []));
  await page.goto(of.url + hash);
  return page;
}

// Tiles that show their camera.
const live = (page) =>
  page.evaluate(() => document.querySelectorAll('.wall-tile[data-state="live"]:not([hidden], [data-paused], [data-stale])').length);

async function playing(page, count) {
  await waitUntil(`${count} tiles live`, 3 * LONG_MS, async () => (await live(page)) === count);
}

// How many tracks decode pictures.
async function decoding(page) {
  const frames = () =>
    page.evaluate(async () => {
      const [pc] = window.connections.filter(({ connectionState }) => connectionState === "connected");
      const reports = [...(await pc.getStats()).values()];
      return Object.fromEntries(reports.filter(({ type, kind }) => type === "inbound-rtp" && kind === "video").map(({ mid, framesDecoded }) => [mid, framesDecoded]));
    });
  const before = await frames();
  await page.waitForTimeout(1_000);
  const after = await frames();
  return Object.keys(after).filter((mid) => after[mid] > (before[mid] ?? 0)).length;
}

const names = (page) => page.locator(".wall-tile:visible .wall-name").allTextContents();

test("64 tiles play over one connection", PATIENCE, async (t) => {
  const start = performance.now();
  const page = await open(t);
  await playing(page, COUNT);
  t.diagnostic(`all 64 after ${Math.round(performance.now() - start)} ms`);
  await sessions(1);
  assert.equal(await page.evaluate(() => window.connections.length), 1);

  await page.locator("#layout").selectOption("9");
  await waitUntil("nine are sent", LONG_MS, async () => (await decoding(page)) === 9);
  const change = performance.now();
  await page.locator("#layout").selectOption("25");
  await playing(page, 25);
  t.diagnostic(`16 more after ${Math.round(performance.now() - change)} ms`);
  await sessions(1);
});

test("other cameras come in place, tiles change places, patrols go on: one connection", PATIENCE, async (t) => {
  const page = await open(t, "#layout=4&tiles=cam1,cam2,cam3,cam4");
  await playing(page, 4);
  await page.locator(".wall-tile").first().focus();
  await page.keyboard.press("Shift+ArrowRight");
  assert.deepEqual(await names(page), ["cam1", "cam2", "cam3", "cam4"], "as the document has them");
  assert.equal(await page.evaluate(() => location.hash), "#layout=4&tiles=cam2,cam1,cam3,cam4");
  await playing(page, 4);
  await page.locator("#list").click();
  await page.locator("#cameras button", { hasText: /^cam64/ }).click();
  await waitUntil("cam64 is there", LONG_MS, async () => (await names(page)).includes("cam64"));
  await playing(page, 4);
  await page.evaluate(() => (location.hash = "layout=4&tiles=cam5+cam6+cam7@1,cam8+cam9@1,cam3,cam4"));
  for (const camera of ["cam6", "cam7", "cam5"]) {
    await waitUntil(camera, LONG_MS, async () => (await names(page)).includes(camera));
  }
  await page.locator("#patrol").click();
  await playing(page, 4);
  await sessions(1);
  assert.equal(await page.evaluate(() => window.connections.length), 1);
});

// Runs in the page: whether a tile that has shown a picture has none, looked at with each frame of the page. Counts in
// window.looked.
function watchForBlack() {
  const canvas = document.createElement("canvas");
  canvas.width = 16;
  canvas.height = 9;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const had = new Set();
  window.looked = { looks: 0, black: [] };
  const isBlack = (tile) => {
    const video = [...tile.querySelectorAll(".wall-video:not(.wall-unseen)")].at(-1);
    if (!video || video.readyState < video.HAVE_CURRENT_DATA) {
      return true;
    }
    context.clearRect(0, 0, 16, 9);
    context.drawImage(video, 0, 0, 16, 9);
    return context.getImageData(0, 0, 16, 9).data.every((value, i) => i % 4 === 3 || value < 16);
  };
  const look = () => {
    for (const tile of document.querySelectorAll(".wall-tile")) {
      if (tile.dataset.state === "empty") {
        had.delete(tile);
      } else if (tile.offsetWidth > 0 && had.has(tile)) {
        window.looked.looks += 1;
        if (isBlack(tile)) {
          window.looked.black.push(tile.getAttribute("aria-label"));
        }
      } else if (tile.dataset.state === "live" && !tile.hasAttribute("data-stale")) {
        had.add(tile);
      }
    }
    requestAnimationFrame(look);
  };
  look();
}

test("no tile is black while another camera comes: by layout, patrol, hand, and large", PATIENCE, async (t) => {
  const page = await open(t, "#layout=9&tiles=" + NAMES.slice(0, 9).join(","));
  await playing(page, 9);
  await page.evaluate(watchForBlack);
  const go = async (hash, count) => {
    await page.evaluate((hash) => (location.hash = hash), hash);
    await playing(page, count);
  };
  await go("layout=4&tiles=" + NAMES.slice(20, 29).join(","), 4);
  await go("layout=1+5&tiles=" + NAMES.slice(9, 18).join(","), 6);
  await go("layout=9&tiles=" + NAMES.slice(30, 39).join(","), 9);
  await page.locator(".wall-tile").nth(4).click();
  await playing(page, 1);
  await page.keyboard.press("Escape");
  await playing(page, 9);
  await page.evaluate((names) => (location.hash = "layout=9&tiles=" + names), NAMES.slice(0, 9).map((name, i) => `${name}+${NAMES[20 + i]}+${NAMES[40 + i]}@1`).join(","));
  for (const camera of ["cam21", "cam41", "cam1", "cam21"]) {
    await waitUntil(camera, LONG_MS, async () => (await names(page))[0] === camera);
  }
  await page.locator("#patrol").click();
  await playing(page, 9);
  const { looks, black } = await page.evaluate(() => window.looked);
  assert.ok(looks > 100, `${looks}`);
  assert.deepEqual(black, [], `${looks} looks`);
  await sessions(1);
});

test("a large tile gets the main stream, a small one its substream, the rest is paused", PATIENCE, async (t) => {
  const both = await startCameras(2, "--clip", "high360p,low180p");
  t.after(() => both.stop());
  const [door, sub] = both.urls;
  const other = await startGateway({ door, "door-sub": sub, yard: cameras.urls[0], hall: cameras.urls[1] }, "--variant", "door=door-sub");
  t.after(() => other.stop());
  await waitUntilLive(other);
  const page = await open(t, "#layout=25&tiles=door,yard,hall", other);
  const width = () => page.evaluate(() => document.querySelector(".wall-tile .wall-video").videoWidth);
  await playing(page, 3);
  await waitUntil("the substream", LONG_MS, async () => (await width()) === 320);
  await page.locator(".wall-tile").first().click();
  await waitUntil("the main stream", LONG_MS, async () => (await width()) === 640);
  await waitUntil("it alone is sent", LONG_MS, async () => (await decoding(page)) === 1);
  await page.keyboard.press("Escape");
  await waitUntil("the substream again", LONG_MS, async () => (await width()) === 320);
  await playing(page, 3);
  await sessions(1, other);
});

test("the host restarts: all tiles play again", PATIENCE, async (t) => {
  const page = await open(t, "#layout=16&tiles=" + NAMES.slice(0, 16).join(","));
  await playing(page, 16);
  await gateway.stop();
  await waitUntil("the tiles say why", LONG_MS, async () => (await page.locator('.wall-tile[data-state="retrying"]').count()) === 16);
  gateway = await restartGateway(gateway, urls());
  await playing(page, 16);
  await sessions(1);
});

test("a gateway without walls: single connections", PATIENCE, async (t) => {
  const page = await openPage(browser, t);
  await page.route(/\/wall(\?|$)/, (route) => route.fulfill({ status: 405 }));
  await page.goto(`${gateway.url}#layout=9&tiles=${NAMES.slice(0, 9).join(",")}`);
  await playing(page, 9);
  await sessions(9);
  await page.locator("#layout").selectOption("4");
  await sessions(4);
});

test("Firefox: nine tiles over one connection, and others in place", PATIENCE, async (t) => {
  const firefox = await launchFirefox();
  t.after(() => firefox.close());
  const page = await firefox.newPage();
  await page.evaluateOnNewDocument(prepareFirefoxPage);
  await page.goto(`${gateway.url}#layout=9&tiles=${NAMES.slice(0, 9).join(",")}`);
  await playing(page, 9);
  await sessions(1);
  await page.evaluate((list) => (location.hash = `layout=9&tiles=${list}`), NAMES.slice(20, 29).join(","));
  await waitUntil("other cameras", LONG_MS, () => page.evaluate(() => document.querySelector(".wall-name").textContent === "cam21"));
  await playing(page, 9);
  await sessions(1);
});
