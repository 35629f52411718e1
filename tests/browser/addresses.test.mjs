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
import { RemoteBrowser } from "./remote_browser.mjs";
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
  if (addresses) {
    // Chromium asks for the address that it would use for the internet.
    link.ipOfViewer("route", "add", "default", "via", addresses.server);
  }
  const cameras = await startCamerasAt(link, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const gateway = await startGatewayAt(link, { door: cameras.urls[0] });
  t.after(() => gateway.stop());
  const browser = await launchBrowser(args, link);
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  return { link, gateway, page };
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

const connections = (page) => page.evaluate(() => window.connections.length);

// Another 50 pictures. Returns how long they took, in milliseconds.
async function goesOn(page) {
  const start = performance.now();
  await waitUntilPlaying(page, (await pictures(page)) + 50);
  return Math.round(performance.now() - start);
}

test("with IPv6 alone", { skip }, async (t) => {
  const { page } = await playing(t, IPV6, NO_MDNS);
  assert.equal((await remote(page)).address.replace(/[[\]]/g, ""), IPV6.server);
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
  await waitUntil("the browser has moved", LONG_MS, async () =>
    (await remote(page)).candidateType === "prflx",
  );
  await goesOn(page);
});

test("an address that becomes another, in Firefox", { skip }, async (t) => {
  const link = new ThinLink();
  t.after(() => link.remove());
  await waitUntil("the link is up", LONG_MS, () => link.isUp);
  const cameras = await startCamerasAt(link, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const gateway = await startGatewayAt(link, { door: cameras.urls[0] });
  t.after(() => gateway.stop());
  const browser = await RemoteBrowser.start("firefox", (...command) => link.beside(...command));
  t.after(() => browser.stop());
  await browser.open(gateway.url);
  const goesOn = async (count) => {
    const { pictures } = await browser.seen();
    await waitUntil("pictures", LONG_MS, async () => (await browser.seen()).pictures > pictures + count);
  };
  await goesOn(50);
  link.ip("addr", "del", `${link.address}/24`, "dev", "veth0");
  link.ip("addr", "add", "10.199.0.3/24", "dev", "veth0");
  const start = performance.now();
  await goesOn(50);
  const seen = await browser.seen();
  t.diagnostic(`goes on after ${Math.round(performance.now() - start)} ms: ${JSON.stringify(seen)}`);
  assert.equal(seen.connections, 1, "the same connection");
});
