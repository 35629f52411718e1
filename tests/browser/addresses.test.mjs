// Real browsers, and a gateway whose addresses are of IPv6 alone, go away for a while, or become others. In network
// namespaces, which need root.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  LONG_MS,
  launchBrowser,
  openPage,
  startCamerasAt,
  startGatewayAt,
  waitUntil,
  waitUntilPlaying,
} from "./helpers.mjs";
import { startBoth } from "./remote_browser.mjs";
import { IPV6, ThinLink, whyImpossible } from "./thin_link.mjs";

const impossible = whyImpossible();
const skip = impossible && `NOT TESTED: ${impossible}`;

// Where there is no IPv4, Chromium's mDNS does not start, and it waits for ever for names to hide its addresses behind.
const NO_MDNS = "--disable-features=WebRtcHideLocalIpsWithMdns";

// A page that plays, in a browser on the other side of a link to the gateway.
async function playing(t, addresses, ...args) {
  const link = new ThinLink(addresses);
  t.after(() => link.remove());
  await waitUntil("the link is up", LONG_MS, () => link.isUp);
  // Chromium asks for the address that it would use for the internet.
  link.ipOfViewer("route", "add", "default", "via", addresses.server);
  const cameras = await startCamerasAt(link, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const gateway = await startGatewayAt(link, { door: cameras.urls[0] });
  t.after(() => gateway.stop());
  const browser = await launchBrowser(args, link);
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  return page;
}

// Where the media of the page's newest connection comes from. Browsers do not tell the address of one that they learned
// from the gateway's check alone.
async function remote(page) {
  return page.evaluate(async () => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const find = (id) => reports.find((report) => report.id === id);
    const transport = reports.find((report) => report.type === "transport");
    const pair = find(transport.selectedCandidatePairId);
    return find(pair.remoteCandidateId);
  });
}

test("with IPv6 alone", { skip }, async (t) => {
  const page = await playing(t, IPV6, NO_MDNS);
  assert.equal((await remote(page)).address.replace(/[[\]]/g, ""), IPV6.server);
});

// Both browsers watch, on the other side of a link to the gateway.
async function watching(t) {
  const link = new ThinLink();
  t.after(() => link.remove());
  await waitUntil("the link is up", LONG_MS, () => link.isUp);
  const cameras = await startCamerasAt(link, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const gateway = await startGatewayAt(link, { door: cameras.urls[0] });
  t.after(() => gateway.stop());
  const browsers = [];
  t.after(() => Promise.all(browsers.map((browser) => browser.stop())));
  await startBoth(browsers, (...command) => link.beside(...command));
  await Promise.all(browsers.map((browser) => browser.open(gateway.url)));
  await goOn(browsers);
  return { link, browsers };
}

// Another 50 pictures for each, on the same connection.
async function goOn(browsers, t) {
  const start = performance.now();
  for (const browser of browsers) {
    const { pictures } = await browser.seen();
    await waitUntil("pictures", LONG_MS, async () => (await browser.seen()).pictures > pictures + 50);
    const seen = await browser.seen();
    t?.diagnostic(`${browser.name} goes on after ${Math.round(performance.now() - start)} ms: ${JSON.stringify(seen)}`);
    assert.equal(seen.connections, 1, "the same connection");
  }
}

test("an interface that is down for some seconds", { skip }, async (t) => {
  const { link, browsers } = await watching(t);
  link.ip("link", "set", "veth0", "down");
  await sleep(4_000);
  link.ip("link", "set", "veth0", "up");
  await goOn(browsers, t);
});

test("an address that becomes another", { skip }, async (t) => {
  const { link, browsers } = await watching(t);
  // The page's own server is gone with the address: the gateway alone can tell the browser.
  link.ip("addr", "del", `${link.address}/24`, "dev", "veth0");
  link.ip("addr", "add", "10.199.0.3/24", "dev", "veth0");
  await goOn(browsers, t);
  const [chromium] = browsers.filter(({ name }) => name === "chromium"); // Firefox does not tell
  await waitUntil("the browser has moved", LONG_MS, async () => (await chromium.seen()).remote === "prflx");
});
