// The first media takes three round trips from the answer: a check; ClientHello; Finished. That is seen in what passes
// between browser and gateway; the times are only told, since they depend on the machine.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, launchBrowser, median, startCameras, startGateway, waitUntil, waitUntilLive } from "./helpers.mjs";
import { Nat } from "./nat.mjs";

const ROUND_TRIP_MS = 50;
const JOINS = 3;

let cameras;
let gateway;

before(async () => {
  cameras = await startCameras(1, "--clip", "baseline360p");
  gateway = await startGateway({ door: cameras.urls[0] });
  await waitUntilLive(gateway);
});

after(async () => {
  await gateway?.stop();
  await cameras?.stop();
});

// In the page: offers, and returns the answer.
async function offer() {
  window.connection?.close();
  const connection = (window.connection = new RTCPeerConnection());
  connection.addTransceiver("video", { direction: "recvonly" });
  await connection.setLocalDescription();
  const headers = { "Content-Type": "application/sdp" };
  const response = await fetch("/door/whep", { method: "POST", headers, body: connection.localDescription.sdp });
  return response.text();
}

// In the page.
function accept(sdp) {
  return window.connection.setRemoteDescription({ type: "answer", sdp });
}

// The answer of a gateway that is reached at this port alone.
function leadsTo(sdp, port) {
  const lines = sdp.split("\r\n");
  const isCandidate = (line) => line.startsWith("a=candidate:");
  const others = lines.filter((line) => !isCandidate(line));
  others.splice(lines.findIndex(isCandidate), 0, `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host`);
  return others.join("\r\n");
}

const isMedia = ({ out, kind }) => !out && kind === "media";

async function join(page) {
  const sdp = await page.evaluate(offer);
  const [, port] = sdp.match(/^a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host/m);
  const nat = await Nat.start(Number(port), ROUND_TRIP_MS / 2);
  try {
    const answered = performance.now();
    await page.evaluate(accept, leadsTo(sdp, nat.port));
    await waitUntil("media", LONG_MS, () => nat.passed.some((datagram) => isMedia(datagram) && datagram.left));
    const { passed } = nat;
    const first = passed.findIndex(isMedia);
    const said = (out) => {
      const before = passed.slice(0, first).filter((datagram) => datagram.out === out);
      return [...new Set(before.flatMap(({ messages }) => messages))];
    };
    // The first round trip: a check, and our answer.
    const answer = passed.find(({ out, kind }) => !out && kind === "answer");
    const hello = passed.find(({ out, kind }) => out && kind === "dtls");
    assert.ok(answer.left <= hello.at, JSON.stringify(passed));
    // Two of DTLS: a cookie would be one more, by a HelloVerifyRequest.
    const [one, ...two] = said(true);
    assert.equal(one, "ClientHello");
    assert.deepEqual(two, ["Certificate", "ClientKeyExchange", "CertificateVerify", "ChangeCipherSpec"]);
    const ours = ["ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"];
    assert.deepEqual(said(false), [...ours, "ChangeCipherSpec"]);
    // Media waits for nothing more.
    const from = passed.filter(({ out, kind }) => !out && (kind === "dtls" || kind === "media"));
    const finished = from.findIndex(({ messages }) => messages.includes("ChangeCipherSpec"));
    assert.ok(isMedia(from[finished + 1]), JSON.stringify(passed));
    return passed.find(isMedia).left - answered;
  } finally {
    await nat.stop();
  }
}

async function joins(t, page) {
  await page.goto(`${gateway.url}metrics`);
  await join(page); // warms up the browser
  const times = [];
  for (let i = 0; i < JOINS; i++) {
    times.push(await join(page));
  }
  t.diagnostic(
    `first media ${Math.round(median(times))} ms after the answer at a round trip of ${ROUND_TRIP_MS} ms: ` +
      times.map(Math.round).join(", "),
  );
}

test("Chromium has media after three round trips", async (t) => {
  const browser = await launchBrowser();
  t.after(() => browser.close());
  await joins(t, await browser.newPage());
});

test("Firefox has media after three round trips", async (t) => {
  const browser = await launchFirefox();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.evaluateOnNewDocument(prepareFirefoxPage);
  await joins(t, page);
});
