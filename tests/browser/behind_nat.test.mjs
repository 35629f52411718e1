// Both browsers, and gateways behind a NAT: one that learns its public address from coturn, behind a forwarded port; two
// that no viewer can reach, and have allocations at coturn, over UDP and, where their network lets none out, over TLS.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Nat, OUTSIDE, whyNoNat } from "./behind_nat.mjs";
import { Certificate } from "./certificate.mjs";
import { Child, LONG_MS, SERVE, startCamerasAt, waitUntil } from "./helpers.mjs";
import { startBoth } from "./remote_browser.mjs";

const impossible = whyNoNat();
const skip = impossible && `NOT TESTED: ${impossible}`;
const PORT = 5000;
const WITHOUT_UDP = 5002;

describe("a gateway behind a NAT", { skip }, () => {
  let nat;
  let certificate;
  let coturn;
  let cameras;
  const browsers = [];
  const gateways = [];

  before(async () => {
    nat = new Nat();
    certificate = new Certificate(`IP:${OUTSIDE}`);
    const options = ["-n", "--listening-ip", OUTSIDE, "--relay-ip", OUTSIDE, "--lt-cred-mech", "--realm", "tests",
      "--user", "gateway:secret", "--cert", certificate.file, "--pkey", certificate.key, "--no-dtls", "--no-cli",
      "--log-file", "stdout", "--pidfile", "/dev/null"];
    const [command, args] = nat.outside("turnserver", options);
    coturn = spawn(command, args, { stdio: "ignore" });
    await waitUntil("the addresses are usable", LONG_MS, () => nat.isUp);
    cameras = await startCamerasAt(nat, 1, "--clip", "baseline360p");
    const inside = (...command) => nat.outside(...command);
    await startBoth(browsers, inside);
  });

  after(async () => {
    await Promise.all(browsers.map((browser) => browser.stop()));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await cameras?.stop();
    coturn?.kill();
    certificate?.remove();
    nat?.remove();
  });

  // The URL of one for viewers. media: of its file.
  async function start(udp, media) {
    const file = join(certificate.folder, `${udp}.toml`);
    writeFileSync(file, `
      [http]
      listen = "${nat.address}:0"
      [media]
      udp = "0.0.0.0:${udp}"
      tcp = false
      ${media}
      [camera.door]
      url = "${cameras.urls[0]}"
    `);
    const gateway = await Child.start(...nat.onServer(SERVE, ["--config", file]), /^listening on (\S+)$/);
    gateways.push(gateway);
    const { port } = new URL(gateway.ready[1]);
    nat.forward("tcp", port);
    return { gateway, url: `http://${nat.public}:${port}/` };
  }

  async function play(t, url, options) {
    const seen = await Promise.all(browsers.map((browser) => browser.play(url, options)));
    for (const [i, { name }] of browsers.entries()) {
      t.diagnostic(`${name}: ${JSON.stringify(seen[i])}`);
      assert.equal(seen[i].state, "playing", `${name}: ${seen[i].reason}`);
    }
    return seen;
  }

  const server = (list, url, more = "") => `
      [[media.${list}]]
      url = "${url}"
      username = "gateway"
      credential = "secret"
      ${more}`;

  test("with a forwarded port it is reached at the address that coturn sees, directly and by a relay of the viewer's", async (t) => {
    const { url } = await start(PORT, `stun_servers = ["${OUTSIDE}"]` + server("ice_servers", `turn:${OUTSIDE}`));
    nat.forward("udp", PORT);
    const known = await waitUntil("the public address is known", LONG_MS, async () =>
      (await browsers[0].get(`${url}api/gateway`)).stun.find((server) => server.public),
    );
    assert.deepEqual(known, {
      server: `${OUTSIDE}:3478`,
      public: `${nat.public}:${PORT}`,
      base: `${nat.address}:${PORT}`,
      message: "",
    });
    for (const { remote } of await play(t, url)) {
      assert.deepEqual([remote.candidateType, remote.address, remote.port], ["srflx", nat.public, PORT]);
    }
    for (const { local } of await play(t, url, { relay: true, path: "turn" })) {
      assert.deepEqual([local.candidateType, local.address], ["relay", OUTSIDE]);
    }
  });

  // No port is forwarded for media.
  async function playByServer(t, udp, servers) {
    const { gateway, url } = await start(udp, servers);
    const told = await waitUntil("there is an allocation", LONG_MS, async () =>
      (await browsers[0].get(`${url}api/gateway`)).turn_servers.find((server) => server.relayed),
    );
    for (const { remote } of await play(t, url)) {
      assert.deepEqual([remote.candidateType, remote.address], ["relay", OUTSIDE]);
    }
    assert.ok(!gateway.stderr.includes("secret"));
    return told;
  }

  test("without a forwarded port it is reached by its TURN server", async (t) => {
    await playByServer(t, 5001, server("turn_servers", `turn:${OUTSIDE}`));
  });

  test("without UDP it is reached by its TURN server over TLS", async (t) => {
    nat.dropFromGateway(`udp sport ${WITHOUT_UDP}`);
    // It asks the first one in vain.
    const servers = [
      server("turn_servers", `turn:${OUTSIDE}`),
      server("turn_servers", `turns:${OUTSIDE}`, `tls_ca = "${certificate.authority}"`),
    ];
    const told = await playByServer(t, WITHOUT_UDP, servers.join(""));
    assert.match(told.server, /over TLS$/);
  });
});
