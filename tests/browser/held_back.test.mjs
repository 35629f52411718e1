// The sign that says why a picture is not the best there is, and what the pages ask for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, startCameras, startGateway, waitUntil, waitUntilPlaying } from "./helpers.mjs";
import { answerFromPage, serveSynthetic, SyntheticGateway, WITHIN_BROWSER } from "./synthetic.mjs";

const SENTENCE = "this connection carries 0.6 of 2.1 Mbit/s: showing only the keyframes";

let browser;

before(async () => {
  browser = await launchBrowser(WITHIN_BROWSER);
});

after(() => browser?.close());

// A page of a made-up gateway whose cameras play; told is what the gateway says about each session.
async function open(t, path, { change = () => {}, width = 1280 } = {}) {
  const gateway = new SyntheticGateway({ cameras: 3, healthy: true });
  change(gateway);
  const server = await serveSynthetic(gateway);
  t.after(() => server.stop());
  const page = await browser.newPage();
  t.after(async () => {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.close();
  });
  await page.setViewportSize({ width, height: 720 });
  const offers = [];
  const told = { held_back: SENTENCE, reason: "path", detail: "keyframes", variant_name: "x" };
  await page.route("**/whep**", async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (request.method() === "POST") {
      offers.push(url);
      const body = await answerFromPage(page, request.postData());
      const headers = { "Content-Type": "application/sdp", Location: `${url.pathname}/key` };
      return route.fulfill({ status: 201, headers, body });
    }
    const json = { status: 200, contentType: "application/json", body: JSON.stringify(told) };
    return route.fulfill(request.method() === "GET" ? json : { status: 200 });
  });
  await page.goto(server.url + path);
  return { page, told, offers, gateway };
}

test("a sign over the picture says why it is poor, as long as it is", async (t) => {
  const { page, told } = await open(t, "door-01");
  const sign = page.locator("#held-back");
  await sign.getByText("This connection carries 0.6 of 2.1 Mbit/s: showing only the keyframes").waitFor({ timeout: LONG_MS });
  Object.assign(told, { held_back: null, reason: "nothing", detail: "all_frames" });
  await sign.waitFor({ state: "hidden", timeout: LONG_MS });
});

test("the page of a camera passes on what its address asks for", async (t) => {
  const { offers } = await open(t, "door-01?max_bitrate=500000&variant=only:door-01");
  await waitUntil("an offer", LONG_MS, () => offers.length > 0);
  assert.equal(offers[0].searchParams.get("max_bitrate"), "500000");
  assert.equal(offers[0].searchParams.get("variant"), "only:door-01");
});

// yard-01 is the substream of door-01.
const withVariant = ({ streams: [door, yard] }) => (door.variants = [door.id, yard.id]);

test("a substream has no tile, and small tiles ask for it", async (t) => {
  const { page, told, offers, gateway } = await open(t, "", { change: withVariant, width: 800 });
  await waitUntil("offers of both cameras", LONG_MS, () => offers.length >= 2);
  assert.deepEqual(await page.locator(".wall-tile:visible .wall-name").allTextContents(), ["door-01", "hall-01", "", ""]);
  const asked = Object.fromEntries(offers.map((url) => [url.pathname, url.searchParams.get("variant")]));
  assert.deepEqual(asked, { "/door-01/whep": "yard-01", "/hall-01/whep": null });

  const sign = page.locator(".wall-tile", { hasText: "door-01" }).locator(".wall-sign");
  await sign.getByText("This connection carries").waitFor({ timeout: LONG_MS });
  // What the page asked for itself is no news.
  Object.assign(told, { held_back: "this viewer asked for at most \"yard-01\"", reason: "viewer" });
  await sign.waitFor({ state: "hidden", timeout: LONG_MS });

  // A main stream that nobody needs is idle, and the substream plays on.
  Object.assign(gateway.streams[0], { state: "idle" });
  await page.locator("#cameras .mark[data-level=idle]").waitFor({ state: "attached", timeout: LONG_MS });
  assert.equal(await page.locator(".wall-tile", { hasText: "door-01" }).locator(".wall-message").isVisible(), false);
});

test("larger tiles ask for nothing", async (t) => {
  const { offers } = await open(t, "", { change: withVariant, width: 1280 });
  await waitUntil("offers of both cameras", LONG_MS, () => offers.length >= 2);
  assert.ok(offers.every((url) => url.search === ""), offers.join());
});

test("a real gateway keeps to what is asked for, and the sign says so", async (t) => {
  const cameras = await startCameras(2, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const [door, sub] = cameras.urls;
  const gateway = await startGateway({ door, "door-sub": sub }, "--variant", "door=door-sub");
  t.after(() => gateway.stop());
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(`${gateway.url}door?variant=door-sub&max_bitrate=50000000`);
  await waitUntilPlaying(page, 10);
  const sentence = 'this viewer asked for at most "door-sub" and at most 50.0 Mbit/s: showing the substream "door-sub"';
  await page.locator("#held-back").getByText(sentence).waitFor({ timeout: LONG_MS });
  const [session] = await gateway.get("api/sessions");
  assert.deepEqual(
    [session.stream_name, session.variant_name, session.reason, session.held_back],
    ["door", "door-sub", "viewer", sentence],
  );
});
