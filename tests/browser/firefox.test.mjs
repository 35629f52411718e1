// The pages in Firefox ESR.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, startCameras, startGateway, waitUntil } from "./helpers.mjs";

let cameras;
let gateway;
let browser;

before(async () => {
  cameras = await startCameras(2, "--clip", "baseline360p");
  const [door, yard] = cameras.urls;
  gateway = await startGateway({ door, yard });
  browser = await launchFirefox();
  await waitUntil("both cameras are live", LONG_MS, async () =>
    (await gateway.streams()).every(({ state }) => state === "live"),
  );
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
});

// Answers lose their candidates over UDP, as if a firewall passed none.
function blockUdp() {
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    const kept = sdp.split("\r\n").filter((line) => !/^a=candidate:\S+ 1 udp /.test(line));
    return setRemoteDescription.call(this, { type, sdp: kept.join("\r\n") });
  };
}

async function open(path, ...scripts) {
  const page = await browser.newPage();
  for (const script of [prepareFirefoxPage, ...scripts]) {
    await page.evaluateOnNewDocument(script);
  }
  await page.goto(gateway.url + path);
  return page;
}

const pictures = (page) =>
  page.evaluate(() => [...document.querySelectorAll("video")].map((video) => window.shown.get(video) ?? 0));

test("the player plays", async () => {
  const page = await open("door");
  await waitUntil("pictures", LONG_MS, async () => (await pictures(page))[0] > 25);
  await waitUntil("the page says so", LONG_MS, () =>
    page.evaluate(() => document.getElementById("state").textContent === "Live"),
  );
  const [first] = await pictures(page);
  await waitUntil("more pictures", LONG_MS, async () => (await pictures(page))[0] > first + 25);
  // The picture may be there before the first sound.
  await waitUntil("the button for sound", LONG_MS, () => page.evaluate(() => !document.getElementById("sound").hidden));
  await page.close();
});

test("the button for sound comes with the sound", async (t) => {
  const quiet = await startCameras(1, "--clip", "baseline360p", "--no-audio");
  const later = await startGateway({ gate: quiet.urls[0] });
  t.after(() => later.stop());
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(prepareFirefoxPage);
  await waitUntil("the camera is live", LONG_MS, async () => (await later.streams())[0].state === "live");
  await page.goto(`${later.url}gate`);
  await waitUntil("pictures", LONG_MS, async () => (await pictures(page))[0] > 25);
  const hidden = () => page.evaluate(() => document.getElementById("sound").hidden);
  assert.equal(await hidden(), true);
  const { host } = new URL(quiet.urls[0].replace("rtsp:", "http:"));
  await quiet.stop();
  const heard = await startCameras(1, "--clip", "baseline360p", "--listen", host);
  t.after(() => heard.stop());
  await waitUntil("the button", LONG_MS, async () => !(await hidden()));
  await page.close();
});

test("without UDP it plays over TCP", async () => {
  const page = await open("door", blockUdp);
  await waitUntil("pictures", LONG_MS, async () => (await pictures(page))[0] > 50);
  const sessions = await gateway.get("api/sessions");
  assert.ok(sessions.some(({ protocol, state }) => protocol === "tcp" && state === "connected"));
  await page.close();
});

test("the wall plays", async () => {
  const page = await open("");
  await waitUntil("both play", LONG_MS, async () => {
    // The other tiles of the layout are empty.
    const shown = await pictures(page);
    return shown.filter((count) => count > 10).length === 2;
  });
  await page.close();
});

test("the dashboard shows its figures", async () => {
  const page = await open("dashboard");
  await waitUntil("figures", LONG_MS, () =>
    page.evaluate(() => document.querySelector("#camera-table [data-column=fps]:not(th)")?.textContent === "25"),
  );
  await page.close();
});
