// Real Chromium, and a gateway whose addresses are of IPv6 alone, go away for a while, or become others. In network
// namespaces, which need root.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  LONG_MS,
  launchBrowser,
  openPage,
  pictures,
  startCamerasAt,
  startGatewayAt,
  waitUntil,
  waitUntilPlaying,
} from "./helpers.mjs";
import { IPV6, ThinLink, whyImpossible } from "./thin_link.mjs";

const impossible = whyImpossible();
const skip = impossible && `NOT TESTED: ${impossible}`;

// A page that plays, in a browser on the other side of a link to the gateway.
async function playing(t, addresses) {
  const link = new ThinLink(addresses);
  t.after(() => link.remove());
  const cameras = await startCamerasAt(link, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const gateway = await startGatewayAt(link, { door: cameras.urls[0] });
  t.after(() => gateway.stop());
  await waitUntil("the link is up", LONG_MS, () => link.isUp);
  const browser = await launchBrowser([], link);
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  return { link, gateway, page };
}

// Where the media of the page's newest connection comes from.
async function remote(page) {
  return page.evaluate(async () => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const find = (id) => reports.find((report) => report.id === id);
    const transport = reports.find((report) => report.type === "transport");
    const pair = find(transport.selectedCandidatePairId);
    return find(pair.remoteCandidateId).address;
  });
}

const connections = (page) => page.evaluate(() => window.connections.length);

// Another 50 pictures. Returns how long they took, in milliseconds.
async function goesOn(page) {
  const start = performance.now();
  await waitUntilPlaying(page, (await pictures(page)) + 50);
  return Math.round(performance.now() - start);
}

test("with IPv6 alone", { skip }, async (t) => {
  const { page } = await playing(t, IPV6);
  assert.equal((await remote(page)).replace(/[[\]]/g, ""), IPV6.server);
});

test("an interface that is down for some seconds", { skip }, async (t) => {
  const { link, page } = await playing(t);
  link.ip("link", "set", "veth0", "down");
  await sleep(4_000);
  link.ip("link", "set", "veth0", "up");
  t.diagnostic(`goes on after ${await goesOn(page)} ms`);
  assert.equal(await connections(page), 1, "the same connection");
});

test("an address that becomes another", { skip }, async (t) => {
  const { link, page } = await playing(t);
  // The page's own server is gone with the address: the gateway alone can tell the browser.
  link.ip("addr", "del", `${link.address}/24`, "dev", "veth0");
  link.ip("addr", "add", "10.199.0.3/24", "dev", "veth0");
  t.diagnostic(`goes on after ${await goesOn(page)} ms`);
  assert.equal(await connections(page), 1, "the same connection");
  await waitUntil("the browser has moved", LONG_MS, async () => (await remote(page)) === "10.199.0.3");
  await goesOn(page);
});
