// Single connections to more cameras than a browser can begin to play at once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LONG_MS, launchBrowser, openPage, waitUntil } from "./helpers.mjs";
import { serveSynthetic, SyntheticGateway } from "./synthetic.mjs";

test("64 cameras of a gateway without walls: a few connect at a time", async (t) => {
  const server = await serveSynthetic(new SyntheticGateway({ cameras: 64, healthy: true }));
  t.after(() => server.stop());
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  const asked = new Set();
  let answer = false;
  await page.route("**/whep", async (route) => {
    asked.add(route.request().url());
    await waitUntil("answers are allowed", LONG_MS, () => answer);
    await route.fulfill({ status: 409, headers: { "Retry-After": "60" }, body: "Not live yet." });
  });
  await page.goto(server.url);
  const connections = () =>
    page.evaluate(() => window.connections.filter((pc) => pc.getTransceivers().length === 2).length);
  await waitUntil("some connect", LONG_MS, async () => (await connections()) > 0);
  assert.ok((await connections()) <= 6, "they take turns");

  answer = true;
  await waitUntil("all were asked for", LONG_MS, () => asked.size === 64);
});
