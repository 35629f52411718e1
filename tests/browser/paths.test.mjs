// Each path to the viewer alone, in both browsers: what docs/embedding.md says of it. Behind a NAT: behind_nat.test.mjs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Certificate } from "./certificate.mjs";
import { LONG_MS, startCamerasAt, startConfiguredAt, startGatewayAt, waitUntil } from "./helpers.mjs";
import { FilteredPath, NAME, onlyTls, whyNoPaths } from "./paths.mjs";
import { startBoth } from "./remote_browser.mjs";
import { WITHIN_BROWSER } from "./synthetic.mjs";

const skip = whyNoPaths();

// A gateway with a camera, and both browsers on the other side. What has been started is ended by stop().
class Site {
  browsers = [];

  constructor(path) {
    this.path = path;
  }

  async start({ flags, profile, args = [] }) {
    const { path } = this;
    await waitUntil("the link is up", LONG_MS, () => path.isUp);
    this.cameras = await startCamerasAt(path, 1, "--clip", "baseline360p");
    this.gateway = await startGatewayAt(path, { door: this.cameras.urls[0] }, ...args);
    const inside = (...command) => path.beside(...command);
    await startBoth(this.browsers, inside, { flags, profile });
  }

  async stop() {
    await Promise.all(this.browsers.map((browser) => browser.stop()));
    await this.gateway?.stop();
    await this.cameras?.stop();
    this.path.remove();
  }
}

// Both browsers play by this path. relay: they use relays alone.
async function play(t, browsers, url, expected, relay = false) {
  const seen = await Promise.all(browsers.map((browser) => browser.play(url, { path: expected, relay })));
  for (const [i, { name }] of browsers.entries()) {
    t.diagnostic(`${name}: ${JSON.stringify(seen[i])}`);
    assert.deepEqual([seen[i].state, seen[i].path], ["playing", expected], `${name}: ${seen[i].reason}`);
  }
  return seen;
}

describe("each path alone", { skip, concurrency: 2 }, () => {
  // One after the other: each has its rules.
  describe("of IPv4", { concurrency: 1 }, () => {
    let certificate;
    let path;
    let here;
    let url;
    let plain; // another gateway, whose pages have no certificate

    before(async () => {
      certificate = new Certificate(`DNS:${NAME}`);
      path = new FilteredPath();
      here = new Site(path);
      await here.start({
        flags: [certificate.flag],
        profile: certificate.firefoxProfile(),
        args: ["--tls", certificate.file, certificate.key],
      });
      url = here.gateway.url.replace(path.address, NAME);
      plain = await startConfiguredAt(path, { door: here.cameras.urls[0] }, "[media]\nturn = true");
    });

    after(async () => {
      await plain?.stop();
      await here?.stop();
      certificate.remove();
    });

    for (const [name, rules, expected] of [
      ["UDP", () => ({}), "udp"],
      ["TCP only", () => ({ drop: ["meta l4proto udp drop"] }), "tcp"],
      ["a symmetric NAT", () => ({ nat: true }), "udp"],
      ["TLS to one port only", () => ({ drop: onlyTls(new URL(url).port) }), "turn"],
    ]) {
      test(name, async (t) => {
        path.filter(rules());
        await play(t, here.browsers, url, expected);
      });
    }

    // A page without a certificate.
    for (const [name, expected, relay] of [
      ["TCP to the port of HTTP only", "tcp", false],
      ["TCP to the port of HTTP only, by a relay alone", "turn", true],
    ]) {
      test(name, async (t) => {
        const { port } = new URL(plain.url);
        path.filter({ drop: ["meta l4proto udp drop", `tcp dport != ${port} drop`] });
        for (const { local, remote } of await play(t, here.browsers, plain.url, expected, relay)) {
          assert.deepEqual(relay ? local.relayProtocol : remote.port, relay ? "tcp" : Number(port));
        }
      });
    }
  });

  test("IPv6 only", async (t) => {
    // Chromium registers no mDNS names where there is no IPv4 at all, and then has no candidates.
    const here = new Site(new FilteredPath({ v6: true }));
    t.after(() => here.stop());
    await here.start({ flags: WITHIN_BROWSER });
    await play(t, here.browsers, here.gateway.url, "udp");
  });
});
