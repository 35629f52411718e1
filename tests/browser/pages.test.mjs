// The pages of the library's own listener, with sixteen cameras: one dead, one that refuses its
// credentials, one that stalls.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, openPage, root, startCameras, startGateway, waitUntil } from "./helpers.mjs";

const SCREENSHOTS = `${root}/target/screenshots`;
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
// Limits are for machines that do other things, too.
const ABSENT = "rtsp://127.0.0.1:1/stream"; // nothing listens there
const HEALTHY = 14;

let cameras;
let locked;
let gateway;
let browser;

before(async () => {
  [cameras, locked, browser] = await Promise.all([
    startCameras(HEALTHY, "--clip", "baseline360p"),
    startCameras(1, "--auth", "digest:viewer:right"),
    launchBrowser(),
  ]);
  const urls = Object.fromEntries(cameras.urls.map((url, i) => [`cam${i + 1}`, url]));
  gateway = await startGateway({
    ...urls,
    dead: ABSENT,
    locked: locked.urls[0].replace("rtsp://", "rtsp://viewer:topsecret@"),
  });
  await mkdir(SCREENSHOTS, { recursive: true });
  await waitUntil("the healthy cameras are live", LONG_MS, async () => (await live()).length === HEALTHY);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
  await locked?.stop();
});

const live = async () => (await gateway.streams()).filter(({ state }) => state === "live");
const sessions = () => gateway.get("api/sessions");

async function open(t, path, viewport = DESKTOP, options = {}) {
  const page = await openPage(browser, t);
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme: options.colorScheme ?? "light" });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error));
  page.on("console", (message) => message.text().includes("Content Security Policy") && errors.push(message.text()));
  t.after(() => assert.deepEqual(errors, []));
  await page.goto(gateway.url + path);
  return page;
}

const pictures = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("video")].map((video) => video.getVideoPlaybackQuality().totalVideoFrames),
  );

const playing = (page, count) =>
  waitUntil(`${count} cameras play`, LONG_MS, async () => (await pictures(page)).filter((n) => n > 10).length >= count);

const tile = (page, name) =>
  page.locator(".wall-tile:visible", { has: page.locator(".wall-name", { hasText: new RegExp(`^${name}$`) }) });

test("the wall plays all that is live, and says why the rest is black", async (t) => {
  const page = await open(t, "");
  await playing(page, HEALTHY);
  await tile(page, "dead").locator(".wall-message", { hasText: /cannot be reached|did not answer/ }).waitFor();
  const refused = tile(page, "locked").locator(".wall-message", { hasText: /refused the user or the password/ });
  assert.ok(!(await refused.textContent()).includes("topsecret"));
  await page.locator("#summary", { hasText: `${HEALTHY} of 16 live, ${HEALTHY} playing here` }).waitFor();
  assert.deepEqual(
    (await page.locator(".wall-name").allTextContents()).slice(0, 3),
    ["cam1", "cam2", "cam3"],
    "in natural order",
  );
  await page.screenshot({ path: `${SCREENSHOTS}/wall-light.png` });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: `${SCREENSHOTS}/wall-dark.png` });
  await tile(page, "cam2").locator(".wall-name").click();
  await page.waitForURL(`${gateway.url}cam2`);
});

test("what a person changes is kept in the address", async (t) => {
  const page = await open(t, "");
  await playing(page, HEALTHY);
  assert.equal(await page.evaluate(() => location.hash), "", "it follows the gateway");
  await page.locator("#layout").selectOption("4");
  await page.locator("#list").click();
  await page.locator("#search").fill("M14");
  const found = page.locator("#cameras button:visible");
  await page.waitForFunction(() => [...document.querySelectorAll("#cameras li")].filter(({ hidden }) => !hidden).length === 1);
  await found.click();
  await tile(page, "cam14").waitFor();
  assert.equal(await page.evaluate(() => location.hash), "#layout=4&tiles=cam14,cam2,cam3,cam4");
  await found.dragTo(tile(page, "cam3"));
  await tile(page, "cam3").waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => location.hash), "#layout=4&tiles=cam14,cam2,cam14,cam4");
  await page.reload();
  await playing(page, 4);
  assert.deepEqual(await page.locator(".wall-tile:visible .wall-name").allTextContents(), ["cam14", "cam2", "cam14", "cam4"]);
  await page.evaluate(() => (location.hash = "layout=1&tiles=cam5"));
  await tile(page, "cam5").waitFor();
  await page.locator("nav [aria-current]").click();
  await page.waitForFunction((count) => [...document.querySelectorAll(".wall-tile")].filter(({ hidden }) => !hidden).length >= count, HEALTHY);
});

test("only what is in view plays", async (t) => {
  const page = await open(t, "", { ...PHONE, height: 600 });
  await playing(page, 2);
  const paused = (name) => tile(page, name).evaluate((tile) => tile.hasAttribute("data-paused"));
  await page.screenshot({ path: `${SCREENSHOTS}/wall-phone.png` });
  await waitUntil("the last camera is paused", LONG_MS, () => paused("cam14"));
  await tile(page, "cam14").scrollIntoViewIfNeeded();
  await waitUntil("the last camera plays, the first is paused", LONG_MS, async () => (await paused("cam1")) && !(await paused("cam14")));
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `${width} px wide`);
});

test("one camera: picture, sound, figures; leaving the page ends the session", async (t) => {
  const page = await open(t, "cam2");
  await playing(page, 1);
  await page.locator("#state", { hasText: "Live" }).waitFor();
  const muted = () => page.evaluate(() => document.querySelector("video").muted);
  assert.equal(await muted(), true);
  await page.locator("#sound").click();
  assert.equal(await muted(), false);
  assert.equal(await page.locator("#sound").getAttribute("aria-pressed"), "true");
  await page.keyboard.press("m");
  assert.equal(await muted(), true);
  const figures = page.locator("#figures");
  await figures.getByText("640\u00d7360").waitFor();
  await figures.getByText("H.264").waitFor();
  await page.screenshot({ path: `${SCREENSHOTS}/camera-light.png` });
  await page.setViewportSize(PHONE);
  await page.screenshot({ path: `${SCREENSHOTS}/camera-phone.png` });
  const mine = async () => (await sessions()).filter(({ stream_name }) => stream_name === "cam2").length;
  await waitUntil("one session", LONG_MS, async () => (await mine()) === 1); // those of pages before end by and by
  await page.goto("about:blank");
  await waitUntil("the session is gone", LONG_MS, async () => (await mine()) === 0);
});

test("a camera that is black says why", async (t) => {
  const page = await open(t, "dead");
  await page.locator("#message", { hasText: /cannot be reached|did not answer/ }).waitFor();
  await page.goto(`${gateway.url}nobody`);
  await page.locator("#message", { hasText: /no such|unknown|no camera|no stream/i }).waitFor();
});

test("a camera that stalls: the page says so, the session lives on, the picture returns", async (t) => {
  const page = await open(t, "cam3");
  await playing(page, 1);
  cameras.command("cam3 stall");
  await page.locator("#message", { hasText: /sent no video/ }).waitFor();
  const dashboard = await open(t, "dashboard");
  await dashboard.locator(".trouble", { hasText: "Camera stopped sending" }).waitFor();
  await dashboard.screenshot({ path: `${SCREENSHOTS}/dashboard-light.png` });
  cameras.command("cam3 heal");
  await page.locator("#message").waitFor({ state: "hidden" });
  const states = await page.evaluate(() => window.connections.map((pc) => pc.connectionState));
  assert.deepEqual(states, ["connected"]);
});

test("the dashboard tells the same as the cameras do", async (t) => {
  const watcher = await open(t, "cam1");
  await playing(watcher, 1);
  const page = await open(t, "dashboard", DESKTOP, { colorScheme: "dark" });
  await page.locator(".trouble", { hasText: "Credentials rejected" }).waitFor();
  await page.locator(".trouble", { hasText: "Camera unreachable" }).waitFor();
  const cells = (name) => page.locator("#camera-table tr", { has: page.locator(".name", { hasText: new RegExp(`^${name}$`) }) });
  const cam1 = cells("cam1");
  await cam1.locator("[data-column=fps]", { hasText: /^2[0-9]$/ }).waitFor();
  assert.equal(await cam1.locator("[data-column=viewers]").textContent(), "1");
  assert.equal(await cam1.locator("[data-column=size]").textContent(), "640\u00d7360");
  await page.locator(".figure", { hasText: "AES-GCM" }).getByText("100").waitFor();
  await cam1.click();
  await page.locator("#detail .viewers", { hasText: "AES-128-GCM" }).waitFor();
  await page.screenshot({ path: `${SCREENSHOTS}/dashboard-dark.png` });
  await page.setViewportSize(PHONE);
  await page.locator('[data-part="close"]').click();
  await page.screenshot({ path: `${SCREENSHOTS}/dashboard-phone.png` });
});

test("no path lets anything of the pages come from elsewhere", async (t) => {
  const requests = [];
  const page = await openPage(browser, t);
  page.on("request", (request) => requests.push(request.url()));
  for (const path of ["", "cam1", "dashboard"]) {
    const response = await page.goto(gateway.url + path);
    assert.match(response.headers()["content-security-policy"], /default-src 'self'/);
  }
  assert.ok(requests.every((url) => url.startsWith(gateway.url)), requests.join("\n"));
});

test("a restart of ICE: new credentials, the same session, and the picture goes on", async (t) => {
  const page = await openPage(browser, t);
  const exchanges = [];
  page.on("response", (response) => {
    const request = response.request();
    if (request.url().includes("/whep")) {
      exchanges.push({ method: request.method(), url: request.url(), status: response.status(), headers: request.headers() });
    }
  });
  await page.goto(`${gateway.url}api/streams`); // of the same origin, and does nothing
  await page.evaluate(async () => {
    const { WhepPlayer } = await import("/player.js");
    const video = document.body.appendChild(document.createElement("video"));
    window.player = new WhepPlayer({ endpoint: "/cam4/whep", video });
    window.player.start();
  });
  await playing(page, 1);
  const ufrag = () =>
    page.evaluate(() => window.player.connection.currentRemoteDescription.sdp.match(/^a=ice-ufrag:(.*)$/m)[1].trim());
  const before = await ufrag();
  // The picture may be quicker than the candidates, which the gateway does not need.
  const trickle = () => exchanges.find(({ method }) => method === "PATCH");
  const trickled = await waitUntil("candidates", LONG_MS, trickle);
  assert.equal(trickled.status, 204, "candidates are taken");
  assert.match(trickled.headers["if-match"], /^"/);

  for (let i = 0; i < 3; ++i) {
    const last = await ufrag();
    assert.equal(await page.evaluate(() => window.player.restartIce()), true);
    assert.notEqual(await ufrag(), last);
    const [start] = await pictures(page);
    await waitUntil("pictures after the restart", LONG_MS, async () => (await pictures(page))[0] > start + 25);
  }
  assert.notEqual(await ufrag(), before);
  const restarts = exchanges.filter(({ method, status }) => method === "PATCH" && status === 200);
  assert.equal(restarts.length, 3);
  assert.equal(exchanges.filter(({ method, url }) => method === "POST" && url.endsWith("/whep")).length, 1);
  const states = await page.evaluate(() => window.connections.map((pc) => pc.connectionState));
  assert.deepEqual(states, ["connected"]);
});
