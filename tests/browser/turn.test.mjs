// Browsers behind a firewall that passes nothing but HTTPS to the gateway: the page plays by the gateway's own relay,
// over TLS on the same port. And browsers that are told to use relays alone, which use it over UDP.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";

import { Certificate } from "./certificate.mjs";
import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { launchBrowser, openPage, selected, startCameras, startGateway, waitUntil, waitUntilPlaying, LONG_MS } from "./helpers.mjs";

let certificate;
let cameras;
let gateway;
let browser;

before(async () => {
  certificate = new Certificate("DNS:localhost", "IP:127.0.0.1");
  cameras = await startCameras(1, "--clip", "baseline360p");
  gateway = await startGateway({ door: cameras.urls[0] }, "--tls", certificate.file, certificate.key);
  browser = await launchBrowser([certificate.flag]);
});

after(async () => {
  await browser?.close();
  await gateway?.stop();
  await cameras?.stop();
  certificate.remove();
});

// Runs in the page before its scripts: relays alone are used, and of those the ones whose URLs end with this. With "tcp"
// it is as if a firewall passed nothing but HTTPS.
function onlyRelays(transport) {
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
    setConfiguration({ iceServers = [], ...others }) {
      super.setConfiguration({ ...others, iceServers: iceServers.filter(({ urls }) => urls.endsWith(transport)) });
    }
  };
}

test("where only HTTPS passes Chromium plays by the gateway's relay over TLS", async (t) => {
  const page = await openPage(browser, t);
  await page.addInitScript(onlyRelays, "tcp");
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

test("told to use relays alone Chromium plays by the gateway's relay over UDP", async (t) => {
  const page = await openPage(browser, t);
  await page.addInitScript(onlyRelays, "udp");
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 100);
  const { local, video } = await selected(page);
  assert.equal(local.candidateType, "relay");
  assert.equal(local.relayProtocol, "udp");
  assert.match(local.url, /^turn:127\.0\.0\.1:\d+\?transport=udp$/);
  assert.ok(video.packetsReceived > 0);
  const sessions = () => page.evaluate(async () => (await fetch("/api/sessions")).json());
  await waitUntil("the gateway says so", LONG_MS, async () =>
    (await sessions()).some(({ protocol, state }) => protocol === "turn-udp" && state === "connected"),
  );
});

// In a page: a viewer of the camera "door" whose answer names this port in place of the gateway's addresses, by relays
// alone. Whether it has one: its session ends if it is slow.
async function relayTo(port) {
  const pc = new RTCPeerConnection({ iceTransportPolicy: "relay" });
  pc.addTransceiver("video", { direction: "recvonly" });
  const offer = await pc.createOffer();
  const headers = { "Content-Type": "application/sdp" };
  const response = await fetch("/door/whep", { method: "POST", headers, body: offer.sdp });
  const link = /<([^>]*)>; rel="ice-server"; username="([^"]*)"; credential="([^"]*)"/g;
  const links = [...response.headers.get("Link").matchAll(link)];
  pc.setConfiguration({
    iceTransportPolicy: "relay",
    iceServers: links.map(([, urls, username, credential]) => ({ urls, username, credential })),
  });
  const gathered = new Promise((resolve) => {
    pc.onicecandidate = ({ candidate }) => resolve(candidate !== null);
  });
  window.elsewhere = pc;
  await pc.setLocalDescription(offer);
  const lines = (await response.text()).split("\r\n").filter((line) => !line.startsWith("a=candidate:"));
  await pc.setRemoteDescription({ type: "answer", sdp: lines.join("\r\n") });
  for (const address of ["127.0.0.1", "127.0.0.2"]) {
    const candidate = `candidate:1 1 udp 2130706431 ${address} ${port} typ host`;
    await pc.addIceCandidate({ candidate, sdpMid: "0" });
  }
  return gathered;
}

test("to no other address does it relay what a browser sends", async (t) => {
  const elsewhere = createSocket("udp4");
  t.after(() => elsewhere.close());
  elsewhere.bind(0);
  await once(elsewhere, "listening");
  let heard = 0;
  elsewhere.on("message", () => (heard += 1));
  const page = await openPage(browser, t);
  await page.goto(gateway.url);
  const refused = () =>
    page.evaluate(async () => Number((await (await fetch("/metrics")).text()).match(/relay_requests_refused_total (\d+)/)[1]));
  const before = await refused();
  const { port } = elsewhere.address();
  await waitUntil("a relay is allocated", LONG_MS, () => page.evaluate(relayTo, port));
  await waitUntil("the gateway refuses", LONG_MS, async () => (await refused()) > before);
  await waitUntil("the browser gives up", LONG_MS, () =>
    page.evaluate(() => ["failed", "disconnected"].includes(window.elsewhere.iceConnectionState)),
  );
  assert.equal(heard, 0);
});

test("where UDP works it is used, although a relay is there", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(`${gateway.url}door`);
  await waitUntilPlaying(page, 50);
  await waitUntil("UDP", LONG_MS, async () => (await selected(page)).local.candidateType !== "relay");
});

describe("and so does Firefox, which knows the authority of the certificate", () => {
  let firefox;
  before(async () => (firefox = await launchFirefox({}, { userDataDir: certificate.firefoxProfile() })));
  after(() => firefox?.close());

  for (const [transport, expected] of [["tcp", "turn-tls"], ["udp", "turn-udp"]]) {
    test(expected, async (t) => {
      const page = await firefox.newPage();
      t.after(() => page.close());
      await page.evaluateOnNewDocument(onlyRelays, transport);
      await page.evaluateOnNewDocument(prepareFirefoxPage);
      // Over TLS Firefox relays by servers that have a name alone, not by IP addresses.
      await page.goto(`${gateway.url.replace("127.0.0.1", "localhost")}door`);
      await waitUntil("the page says so", LONG_MS, () =>
        page.evaluate(() => document.getElementById("state").textContent === "Live through a relay"),
      );
      const sessions = () => page.evaluate(async () => (await fetch("/api/sessions")).json());
      await waitUntil("the gateway says so", LONG_MS, async () =>
        (await sessions()).some(({ protocol, state }) => protocol === expected && state === "connected"),
      );
    });
  }
});
