// Chromium where no UDP gets through: the page plays over TCP, and says so.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  LONG_MS,
  launchBrowser,
  openPage,
  selected,
  startCameras,
  startGateway,
  waitUntil,
  waitUntilLive,
  waitUntilPlaying,
} from "./helpers.mjs";

let cameras;
let gateway;
let browser;

before(async () => {
  cameras = await startCameras(1, "--clip", "baseline360p");
  gateway = await startGateway({ door: cameras.urls[0] });
  browser = await launchBrowser();
  await waitUntilLive(gateway);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
});

// The page finds no candidate over UDP in the answers, as if a firewall passed none. Browsers open a connection to
// each of the others.
async function withoutUdp(page) {
  await page.route("**/whep", async (route) => {
    const response = await route.fetch();
    const body = await response.text();
    const kept = body.split("\r\n").filter((line) => !/^a=candidate:\S+ 1 udp /.test(line));
    await route.fulfill({ response, body: kept.join("\r\n") });
  });
}

const sessions = () => gateway.get("api/sessions");

test("without UDP Chromium plays over TCP, and nothing is lost", async (t) => {
  const page = await openPage(browser, t);
  await withoutUdp(page);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 100);
  const { local, remote, video } = await selected(page);
  assert.equal(local.protocol, "tcp");
  assert.equal(local.tcpType, "active");
  assert.equal(remote.protocol, "tcp");
  assert.equal(remote.candidateType, "host");
  assert.equal(video.packetsLost, 0);
  t.diagnostic(`${video.freezeCount} freezes`); // of a busy machine, too
  const path = page.locator("#figures div", { hasText: "Path" }).locator("dd");
  assert.equal(await path.textContent(), "TCP");
  const [session] = await sessions();
  assert.equal(session.protocol, "tcp");
  assert.equal(session.state, "connected");
});

test("where UDP works it is used, although TCP is offered", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  assert.equal((await selected(page)).remote.protocol, "udp");
  await waitUntil("the gateway says so", LONG_MS, async () =>
    (await sessions()).some(({ protocol }) => protocol === "udp"),
  );
});
