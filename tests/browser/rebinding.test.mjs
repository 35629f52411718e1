// A NAT gives a viewer another port while it watches: the media follows, and the page notices nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  LONG_MS,
  launchBrowser,
  openPage,
  pictures,
  startCameras,
  startGateway,
  waitUntil,
  waitUntilLive,
  waitUntilPlaying,
} from "./helpers.mjs";
import { Nat } from "./nat.mjs";

const REBINDINGS = 6;

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

// The page finds no other way to the gateway than through a NAT.
async function behindNat(page, t) {
  let nat;
  t.after(() => nat?.stop());
  await page.route("**/whep", async (route) => {
    const response = await route.fetch();
    const lines = (await response.text()).split("\r\n");
    const candidate = /^(a=candidate:\S+ 1 udp \d+) \S+ (\d+) typ host/;
    const [, , port] = lines.map((line) => line.match(candidate)).find(Boolean);
    nat = await Nat.start(Number(port));
    const others = lines.filter((line) => !line.startsWith("a=candidate:"));
    const at = lines.findIndex((line) => line.startsWith("a=candidate:"));
    others.splice(at, 0, `a=candidate:1 1 udp 2130706431 127.0.0.1 ${nat.port} typ host`);
    await route.fulfill({ response, body: others.join("\r\n") });
  });
  return () => nat;
}

// Counts every change of a connection's state from now on.
async function countChanges(page) {
  await page.evaluate(() => {
    window.changes = [];
    const connection = window.connections.at(-1);
    connection.addEventListener("connectionstatechange", () => {
      window.changes.push(connection.connectionState);
    });
  });
}

test("media follows a viewer whose NAT gives it another port", async (t) => {
  const page = await openPage(browser, t);
  const nat = await behindNat(page, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  await countChanges(page);
  const [before] = await gateway.get("api/sessions");
  let followed = 0; // without a check of the browser's
  for (let i = 0; i < REBINDINGS; i++) {
    const shown = await pictures(page);
    const start = performance.now();
    await nat().rebind();
    const media = ({ out, kind }) => !out && kind === "media";
    await waitUntil("media comes to the new port", LONG_MS, () => nat().passed.some(media));
    const gap = performance.now() - start;
    const { passed } = nat();
    const till = passed.slice(0, passed.findIndex(media));
    const asked = till.some(({ out, kind }) => out && kind === "check");
    // The gateway believes no report: it asks the new address first.
    assert.ok(till.some(({ out, kind }) => !out && kind === "check"), JSON.stringify(till));
    assert.ok(till.some(({ out, kind }) => out && kind === "answer"), JSON.stringify(till));
    followed += asked ? 0 : 1;
    t.diagnostic(`media after ${gap.toFixed(0)} ms, ${asked ? "with a check of the browser's" : "by a report"}`);
    await waitUntil("pictures go on", LONG_MS, async () => (await pictures(page)) > shown + 30);
  }
  // Its checks are seconds apart: one may come just then, not each time.
  assert.ok(followed > 0, "media followed checks alone");
  assert.deepEqual(await page.evaluate(() => window.changes), []);
  const [now] = await gateway.get("api/sessions");
  assert.equal(now.id, before.id);
  assert.notEqual(now.remote, before.remote);
  assert.equal(now.state, "connected");
});
