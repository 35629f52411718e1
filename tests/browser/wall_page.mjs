// A page with a wall, whose cameras are colors, and a stand-in for the gateway within it.

import assert from "node:assert/strict";

import { LONG_MS, launchBrowser, openPage, waitUntil } from "./helpers.mjs";
import { serveSynthetic, SyntheticGateway, WITHIN_BROWSER } from "./synthetic.mjs";
import { standInFor } from "./wall_stand_in.mjs";

const CAMERAS = { red: [220, 0, 0], green: [0, 200, 0], blue: [0, 0, 220], yellow: [220, 220, 0] };
export const FOUR = Object.keys(CAMERAS);

// A browser, and what serves the files of the pages.
export async function startStage() {
  const browser = await launchBrowser(WITHIN_BROWSER);
  const server = await serveSynthetic(new SyntheticGateway({ cameras: 4 }));
  return {
    browser,
    server,
    async stop() {
      await browser.close();
      await server.stop();
    },
  };
}

// Runs in the page: the data channel seems to be under way for as long as window.channelHeld is set.
function holdChannel(held) {
  window.channelHeld = held;
  const { createDataChannel } = RTCPeerConnection.prototype;
  const { get } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, "readyState");
  RTCPeerConnection.prototype.createDataChannel = function (...wanted) {
    const channel = createDataChannel.apply(this, wanted);
    return Object.defineProperty(channel, "readyState", { get: () => (window.channelHeld ? "connecting" : get.call(channel)) });
  };
}

// A page with the wall as window.wall; its events are kept in window.told.
export async function openWall({ browser, server }, t, options = {}, { status = 201, lost = 0, holdsChannel = false, viewport = { width: 960, height: 540 } } = {}) {
  const page = await openPage(browser);
  await page.setViewportSize(viewport);
  const served = await standInFor(page, CAMERAS);
  Object.assign(served, { status, lost });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error));
  t.after(async () => {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.close();
    assert.deepEqual(errors, []);
  });
  await page.goto(`${server.url}api/streams`); // of the same origin, and does nothing
  await page.evaluate(holdChannel, holdsChannel);
  await page.evaluate(async (options) => {
    document.body.innerHTML = '<div id="wall"></div>';
    const element = document.getElementById("wall");
    document.body.style.margin = "0";
    element.style.height = "100vh";
    const { Wall } = await import("/wall.js");
    const wall = new Wall(element, { endpoint: "/wall", layouts: ["1", "4", "9", "1+5"], player: { retryMin: 50, requestTimeout: 120_000 }, ...options });
    window.told = [];
    for (const type of ["state", "tile", "shown", "change"]) {
      wall.addEventListener(type, ({ detail }) => window.told.push({ type, ...detail }));
    }
    window.wall = wall;
    wall.start();
  }, options);
  return { page, served };
}

export const stateOf = (page, place) => page.evaluate((place) => window.wall.tile(place), place);

export async function live(page, places) {
  await waitUntil("all tiles live", LONG_MS, () =>
    page.evaluate((places) => places.every((place) => window.wall.tile(place).state === "live"), places),
  );
}

// The color in the middle of a tile's picture as it is seen.
export const colorOf = (page, place) =>
  page.evaluate((place) => {
    const [tile] = [...document.querySelectorAll(".wall-tile")].filter((tile) => Number(tile.style.order) === place);
    const pictures = [...tile.querySelectorAll(".wall-video")];
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    context.drawImage(pictures.at(-1), 40, 20, 10, 10, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }, place);

const near = (a, b) => a.every((value, i) => Math.abs(value - b[i]) < 60);

export async function shows(page, place, camera) {
  await waitUntil(`tile ${place} shows ${camera}`, LONG_MS, async () => near(await colorOf(page, place), CAMERAS[camera]));
}

export const connections = (page) => page.evaluate(() => window.connections.filter((pc) => pc.getTransceivers().some(({ direction }) => direction === "recvonly")).length);
