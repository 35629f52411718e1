// Real Chromium, and a gateway behind a NAT that learns its public address from coturn; or that no viewer can reach, and
// has an allocation there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import {
  Child,
  LONG_MS,
  SERVE,
  launchBrowser,
  openPage,
  startCamerasAt,
  startGatewayAt,
  waitUntil,
  waitUntilPlaying,
} from "./helpers.mjs";
import { Nat, OUTSIDE, whyNoNat } from "./behind_nat.mjs";

const impossible = whyNoNat();
const skip = impossible && `NOT TESTED: ${impossible}`;
const PORT = 5000;

test("the page plays at the address that coturn sees", { skip }, async (t) => {
  const nat = new Nat();
  t.after(() => nat.remove());
  const options = ["-n", "--stun-only", "--listening-ip", OUTSIDE, "--no-tls", "--no-dtls", "--no-cli",
    "--log-file", "stdout", "--pidfile", "/dev/null"];
  const [command, args] = nat.outside("turnserver", options);
  const coturn = spawn(command, args, { stdio: "ignore" });
  t.after(() => coturn.kill());
  const cameras = await startCamerasAt(nat, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const door = { door: cameras.urls[0] };
  const gateway = await startGatewayAt(nat, door, "--udp", `0.0.0.0:${PORT}`, "--stun", OUTSIDE);
  t.after(() => gateway.stop());
  const http = new URL(gateway.url).port;
  nat.forward("tcp", http);
  nat.forward("udp", PORT);
  await waitUntil("the addresses are usable", LONG_MS, () => nat.isUp);
  const browser = await launchBrowser([], nat);
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  const url = `http://${nat.public}:${http}/`;
  await page.goto(url);
  const known = await waitUntil("the public address is known", LONG_MS, () =>
    page.evaluate(async () => (await (await fetch("/api/gateway")).json()).stun.find((server) => server.public)),
  );
  assert.deepEqual(known, {
    server: `${OUTSIDE}:3478`,
    public: `${nat.public}:${PORT}`,
    base: `${nat.address}:${PORT}`,
    message: "",
  });
  await page.goto(`${url}door`);
  await waitUntilPlaying(page, 50);
  const remote = await page.evaluate(async () => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const find = (id) => reports.find((report) => report.id === id);
    const transport = reports.find((report) => report.type === "transport");
    return find(find(transport.selectedCandidatePairId).remoteCandidateId);
  });
  assert.equal(remote.address, nat.public);
  assert.equal(remote.port, PORT);
  assert.equal(remote.candidateType, "srflx");
});

test("a page plays through the gateway's TURN server, where no other way is open", { skip }, async (t) => {
  const nat = new Nat();
  t.after(() => nat.remove());
  const folder = mkdtempSync(join(tmpdir(), "allocation-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const options = ["-n", "--listening-ip", OUTSIDE, "--relay-ip", OUTSIDE, "--lt-cred-mech", "--realm", "tests",
    "--user", "gateway:secret", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout", "--pidfile", "/dev/null"];
  const [command, args] = nat.outside("turnserver", options);
  const coturn = spawn(command, args, { stdio: "ignore" });
  t.after(() => coturn.kill());
  const cameras = await startCamerasAt(nat, 1, "--clip", "baseline360p");
  t.after(() => cameras.stop());
  const file = join(folder, "gateway.toml");
  writeFileSync(file, `
    [http]
    listen = "${nat.address}:0"
    [media]
    udp = "0.0.0.0:${PORT}"
    tcp = false
    [[media.turn_servers]]
    url = "turn:${OUTSIDE}"
    username = "gateway"
    credential = "secret"
    [camera.door]
    url = "${cameras.urls[0]}"
  `);
  const gateway = await Child.start(...nat.onServer(SERVE, ["--config", file]), /^listening on (\S+)$/);
  t.after(() => gateway.stop());
  const http = new URL(gateway.ready[1]).port;
  nat.forward("tcp", http);
  await waitUntil("the addresses are usable", LONG_MS, () => nat.isUp);
  const browser = await launchBrowser([], nat);
  t.after(() => browser.close());
  const page = await openPage(browser, t);
  const url = `http://${nat.public}:${http}/`;
  await page.goto(`${url}metrics`);
  await waitUntil("there is an allocation", LONG_MS, () =>
    page.evaluate(async () => (await (await fetch("/api/gateway")).json()).turn_servers[0].relayed),
  );
  await page.goto(`${url}door`);
  await waitUntilPlaying(page, 50);
  const remote = await page.evaluate(async () => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const find = (id) => reports.find((report) => report.id === id);
    const transport = reports.find((report) => report.type === "transport");
    return find(find(transport.selectedCandidatePairId).remoteCandidateId);
  });
  assert.equal(remote.candidateType, "relay");
  assert.equal(remote.address, OUTSIDE);
  const sessions = () => page.evaluate(async () => (await fetch("/api/sessions")).json());
  await waitUntil("the gateway says so", LONG_MS, async () => (await sessions())[0]?.protocol === "turn-server");
  assert.ok(!gateway.stderr.includes("secret"));
});
