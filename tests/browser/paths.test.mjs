// Each path to the viewer alone, in both browsers: what docs/embedding.md says of it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { LONG_MS, startCamerasAt, startGatewayAt, waitUntil } from "./helpers.mjs";
import { FilteredPath, whyNoPaths } from "./paths.mjs";
import { WITHIN_BROWSER } from "./synthetic.mjs";

const skip = whyNoPaths();
// Chromium registers no mDNS names where there is no IPv4 at all, and then has no candidates.
const flags = WITHIN_BROWSER;

describe("each path alone", { skip, concurrency: 4 }, () => {
  for (const [name, options, expected] of [
    ["UDP", {}, "udp"],
    ["TCP only", { rules: ["meta l4proto udp drop"] }, "tcp"],
    ["IPv6 only", { v4: false, v6: true, flags }, "udp"],
    ["a symmetric NAT", { nat: true }, "udp"],
  ]) {
    for (const browser of ["chromium", "firefox"]) {
      test(`${name}, ${browser}`, async (t) => {
        const path = new FilteredPath(options);
        t.after(() => path.remove());
        await waitUntil("the link is up", LONG_MS, () => path.isUp);
        const cameras = await startCamerasAt(path, 1, "--clip", "baseline360p");
        t.after(() => cameras.stop());
        const gateway = await startGatewayAt(path, { door: cameras.urls[0] });
        t.after(() => gateway.stop());
        const seen = await path.play(browser, gateway.url, options.flags);
        t.diagnostic(JSON.stringify(seen));
        assert.deepEqual([seen.state, seen.path], ["playing", expected], seen.reason);
      });
    }
  }
});
