// A camera goes away and comes back: the viewer stays connected, the picture returns by itself.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  LONG_MS,
  launchBrowser,
  openPage,
  pictures,
  startCameras,
  startServer,
  waitUntil,
  waitUntilLive,
} from "./helpers.mjs";

let cameras;
let server;
let browser;
let page;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(1), launchBrowser()]);
  server = await startServer({ cam1: cameras.urls[0] });
  await waitUntilLive(server);
  page = await openPage(browser);
  await page.goto(`${server.url}cam1`);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
});

beforeEach(() => playing("before the fault"));

async function playing(what) {
  const start = await pictures(page);
  await waitUntil(`pictures ${what}`, LONG_MS, async () => (await pictures(page)) > start + 10);
}

async function standsStill() {
  await waitUntil("the picture stands still", LONG_MS, async () => {
    const start = await pictures(page);
    await sleep(1_000);
    return (await pictures(page)) === start;
  });
}

async function messageIs(pattern) {
  await waitUntil(`the page says ${pattern}`, LONG_MS, async () =>
    pattern.test(await page.locator(".message").textContent()),
  );
}

// The same connection lives on; the page did not make a new one.
async function stillTheSameConnection() {
  const states = await page.evaluate(() => window.connections.map((pc) => pc.connectionState));
  assert.deepEqual(states, ["connected"]);
  assert.equal((await server.streams())[0].viewers, 1);
}

test("the camera drops its connection once", async () => {
  cameras.command("cam1 drop");
  await waitUntil("the library notices", LONG_MS, () => /camera cam1: retrying/.test(server.stderr()));
  await playing("after the drop");
  await stillTheSameConnection();
  await page.locator(".message").waitFor({ state: "hidden" });
});

test("the camera refuses connections for a while", async () => {
  cameras.command("cam1 refuse");
  await standsStill();
  await messageIs(/^No picture: /);
  await stillTheSameConnection();
  cameras.command("cam1 heal");
  await playing("after the refusal");
  await stillTheSameConnection();
});

test("the camera stalls: it stays connected and sends nothing", async () => {
  cameras.command("cam1 stall");
  await standsStill();
  await messageIs(/^No picture: /); // noticed within 10 s
  await stillTheSameConnection();
  cameras.command("cam1 heal");
  await playing("after the stall");
  await stillTheSameConnection();
});
