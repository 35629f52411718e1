// Real Chromium, and a gateway behind a NAT that learns its public address from coturn.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";

import {
  LONG_MS,
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
