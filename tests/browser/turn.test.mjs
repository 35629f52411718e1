// Browsers behind a firewall that passes nothing but HTTPS to the gateway: the page plays by the gateway's own relay,
// over TLS on the same port.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { launchBrowser, openPage, selected, startCameras, startGateway, waitUntil, waitUntilPlaying, LONG_MS } from "./helpers.mjs";

let folder;
let authority;
let cameras;
let gateway;
let browser;

const openssl = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "turn-"));
  const files = ["authority.pem", "authority-key.pem", "certificate.pem", "key.pem"];
  const [authorityFile, authorityKey, certificate, key] = files.map((name) => join(folder, name));
  authority = authorityFile;
  openssl("req", "-x509", ...curve, "-subj", "/CN=tests", "-keyout", authorityKey, "-out", authority);
  openssl(
    ...["req", "-x509", ...curve, "-subj", "/CN=localhost", "-CA", authority, "-CAkey", authorityKey],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", key, "-out", certificate],
  );
  // For TURN, too: --ignore-certificate-errors counts for pages alone.
  const publicKey = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: "spki", format: "der" });
  const hash = createHash("sha256").update(publicKey).digest("base64");

  cameras = await startCameras(1, "--clip", "baseline360p");
  gateway = await startGateway({ door: cameras.urls[0] }, "--tls", certificate, key);
  browser = await launchBrowser([`--ignore-certificate-errors-spki-list=${hash}`]);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
  rmSync(folder, { recursive: true });
});

// Runs in the page before its scripts. As if a firewall passed nothing but HTTPS: relays alone are used.
function onlyRelays() {
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
  };
}

test("where only HTTPS passes Chromium plays by the gateway's relay over TLS", async (t) => {
  const page = await openPage(browser, t);
  await page.addInitScript(onlyRelays);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 100);
  const { local, remote, video } = await selected(page);
  assert.equal(local.candidateType, "relay");
  assert.equal(local.relayProtocol, "tls");
  assert.match(local.url, /^turns:127\.0\.0\.1:\d+\?transport=tcp$/);
  assert.equal(remote.protocol, "udp");
  assert.equal(video.packetsLost, 0);
  const path = page.locator("#figures div", { hasText: "Path" }).locator("dd");
  assert.equal(await path.textContent(), "TURN");
  const sessions = () => page.evaluate(async () => (await fetch("/api/sessions")).json());
  await waitUntil("the gateway says so", LONG_MS, async () => (await sessions())[0]?.protocol === "turn-tls");
});

test("where UDP works it is used, although a relay is there", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  await waitUntil("UDP", LONG_MS, async () => (await selected(page)).local.candidateType !== "relay");
});

// The same: a machine of its own trusts its own authority.
function profile() {
  const directory = join(folder, "firefox");
  mkdirSync(directory);
  const database = ["-d", `sql:${directory}`];
  execFileSync("certutil", ["-N", ...database, "--empty-password"]);
  execFileSync("certutil", ["-A", ...database, "-n", "tests", "-t", "CT,,", "-i", authority]);
  return directory;
}

test("and so does Firefox, which knows the authority of the certificate", async (t) => {
  const firefox = await launchFirefox({}, { userDataDir: profile() });
  t.after(() => firefox.close());
  const page = await firefox.newPage();
  await page.evaluateOnNewDocument(onlyRelays);
  await page.evaluateOnNewDocument(prepareFirefoxPage);
  // Over TLS Firefox relays by servers that have a name alone, not by IP addresses.
  await page.goto(`${gateway.url.replace("127.0.0.1", "localhost")}door`);
  await waitUntil("the page says so", LONG_MS, () =>
    page.evaluate(() => document.getElementById("state").textContent === "Live through a relay"),
  );
  const sessions = () => page.evaluate(async () => (await fetch("/api/sessions")).json());
  await waitUntil("the gateway says so", LONG_MS, async () =>
    (await sessions()).some(({ protocol, state }) => protocol === "turn-tls" && state === "connected"),
  );
});
