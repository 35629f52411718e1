// A NAT between a browser and the gateway, in user space: what the browser sends to it goes on from a port of its
// own, which changes, or becomes another viewer's, whenever the test wants. Both ends see what they see of a router that
// forgets a mapping.

import { createSocket } from "node:dgram";
import { once } from "node:events";

const LOOPBACK = "127.0.0.1";

async function bind(onMessage) {
  const socket = createSocket("udp4", onMessage);
  socket.bind(0, LOOPBACK);
  await once(socket, "listening");
  return socket;
}

// What a datagram is (RFC 7983, RFC 5389 section 6, RFC 5761 section 4).
function kindOf(datagram) {
  const [first, second] = datagram;
  if (first < 4) return (first & 1) === 0 && (second & 0x10) === 0 ? "check" : "answer";
  if (first < 128) return "dtls";
  return second >= 192 && second <= 223 ? "rtcp" : "media";
}

const HANDSHAKE_MESSAGES = new Map([
  [1, "ClientHello"],
  [2, "ServerHello"],
  [3, "HelloVerifyRequest"],
  [11, "Certificate"],
  [12, "ServerKeyExchange"],
  [13, "CertificateRequest"],
  [14, "ServerHelloDone"],
  [15, "CertificateVerify"],
  [16, "ClientKeyExchange"],
]);

// What a datagram of a DTLS handshake says in plain text (RFC 6347 sections 4.1 and 4.2.2); a fragment of a message counts
// as the message.
function messagesOf(datagram) {
  const messages = [];
  for (let at = 0; at + 13 <= datagram.length; ) {
    const end = at + 13 + datagram.readUInt16BE(at + 11);
    if (datagram[at] === 20) messages.push("ChangeCipherSpec");
    const isPlain = datagram[at] === 22 && datagram.readUInt16BE(at + 3) === 0;
    for (let of = at + 13; isPlain && of + 12 <= end; of += 12 + datagram.readUIntBE(of + 9, 3)) {
      messages.push(HANDSHAKE_MESSAGES.get(datagram[of]) ?? `message ${datagram[of]}`);
    }
    at = end;
  }
  return messages;
}

// META-DTLS-IN-STUN (draft-hancke-webrtc-sped).
const DTLS_IN_STUN = 0xc070;

// The datagram of DTLS that a message of STUN carries; empty if there is none.
function carriedBy(datagram) {
  for (let at = 20; at + 4 <= datagram.length; ) {
    const length = datagram.readUInt16BE(at + 2);
    if (datagram.readUInt16BE(at) === DTLS_IN_STUN) return datagram.subarray(at + 4, at + 4 + length);
    at += 4 + length + (-length & 3);
  }
  return datagram.subarray(0, 0);
}

function dtlsIn(datagram, kind) {
  if (kind === "dtls") return messagesOf(datagram);
  return kind === "check" || kind === "answer" ? messagesOf(carriedBy(datagram)) : [];
}

// Runs in a page before its scripts: the gateway is found at this port of this machine, and nowhere else.
export function throughNat(port) {
  const { setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    const lines = sdp.split("\r\n");
    const isCandidate = (line) => line.startsWith("a=candidate:");
    const others = lines.filter((line) => !isCandidate(line));
    others.splice(lines.findIndex(isCandidate), 0, `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host`);
    return setRemoteDescription.call(this, { type, sdp: others.join("\r\n") });
  };
}

// The gateway's port for media, as an answer of this endpoint tells it to a page.
export async function mediaPort(page, endpoint) {
  return page.evaluate(async (endpoint) => {
    const connection = new RTCPeerConnection();
    connection.addTransceiver("video", { direction: "recvonly" });
    const { sdp } = await connection.createOffer();
    const headers = { "Content-Type": "application/sdp" };
    const response = await fetch(endpoint, { method: "POST", headers, body: sdp });
    const answer = await response.text();
    connection.close();
    await fetch(new URL(response.headers.get("Location"), response.url), { method: "DELETE" });
    return Number(answer.match(/^a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host/m)[1]);
  }, endpoint);
}

export class Nat {
  // What came here since the last change: {at, out, kind, messages}, and when it went on, as left. Times are of
  // performance.now(); messages are those of DTLS, also where a message of STUN carries it.
  passed = [];
  #waiting = new Set(); // timers of what is on its way
  #inside;
  #server;
  #delayMs;
  #mappings = new Map(); // from the browser's port to the socket outside
  #gone = new Set(); // ports of browsers that are gone without a word
  #free = []; // the sockets outside that were theirs

  // delayMs: how long everything is on its way, in either direction.
  static async start(serverPort, delayMs = 0) {
    const nat = new Nat();
    nat.#server = serverPort;
    nat.#delayMs = delayMs;
    nat.#inside = await bind((datagram, { port }) => nat.#goesOut(datagram, port));
    return nat;
  }

  get port() {
    return this.#inside.address().port;
  }

  async #mapping(port) {
    if (!this.#mappings.has(port)) {
      // A promise: datagrams that come meanwhile need no mapping of their own.
      this.#mappings.set(port, this.#map((datagram) => this.#comesIn(datagram, port)));
    }
    return this.#mappings.get(port);
  }

  async #map(onMessage) {
    return this.#free.shift()?.on("message", onMessage) ?? bind(onMessage);
  }

  async #goesOut(datagram, port) {
    if (this.#gone.has(port)) return;
    const outside = await this.#mapping(port);
    this.#pass(true, datagram, () => outside.send(datagram, this.#server, LOOPBACK, () => {}));
  }

  #comesIn(datagram, port) {
    this.#pass(false, datagram, () => this.#inside.send(datagram, port, LOOPBACK, () => {}));
  }

  #pass(out, datagram, send) {
    const kind = kindOf(datagram);
    const passed = { at: performance.now(), out, kind, messages: dtlsIn(datagram, kind) };
    this.passed.push(passed);
    const goOn = () => {
      passed.left = performance.now();
      send();
    };
    if (this.#delayMs === 0) return goOn();
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      goOn();
    }, this.#delayMs);
    this.#waiting.add(timer);
  }

  // Forgets all mappings. What is on its way to the old ports is lost.
  async rebind() {
    const old = [...this.#mappings.values()];
    this.#mappings.clear();
    this.#waiting.forEach(clearTimeout);
    this.#waiting.clear();
    this.passed = [];
    for (const outside of old) (await outside).close();
  }

  // Whoever is behind it is gone without a word. Who comes next is given the ports that were theirs; the gateway still sends
  // there.
  async reuse() {
    for (const outside of this.#free.splice(0)) outside.close();
    for (const [port, outside] of this.#mappings) {
      this.#gone.add(port);
      this.#free.push((await outside).removeAllListeners("message"));
    }
    this.#mappings.clear();
  }

  async stop() {
    for (const outside of this.#free.splice(0)) outside.close();
    await this.rebind();
    this.#inside.close();
  }
}
