// A NAT between a browser and the gateway, in user space: what the browser sends to it goes on from a port of its
// own, which changes whenever the test wants. Both ends see what they see of a router that forgets a mapping.

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

export class Nat {
  // What passed since the last change: {out, kind}.
  passed = [];
  #inside;
  #server;
  #mappings = new Map(); // from the browser's port to the socket outside
  #ports = new Map(); // of the sockets outside

  static async start(serverPort) {
    const nat = new Nat();
    nat.#server = serverPort;
    nat.#inside = await bind((datagram, { port }) => nat.#goesOut(datagram, port));
    return nat;
  }

  get port() {
    return this.#inside.address().port;
  }

  async #mapping(port) {
    if (!this.#mappings.has(port)) {
      // A promise: datagrams that come meanwhile need no mapping of their own.
      this.#mappings.set(port, bind((datagram) => this.#comesIn(datagram, port)));
    }
    return this.#mappings.get(port);
  }

  async #goesOut(datagram, port) {
    const outside = await this.#mapping(port);
    this.passed.push({ out: true, kind: kindOf(datagram) });
    outside.send(datagram, this.#server, LOOPBACK, () => {});
  }

  #comesIn(datagram, port) {
    this.passed.push({ out: false, kind: kindOf(datagram) });
    this.#inside.send(datagram, port, LOOPBACK);
  }

  // Forgets all mappings. What is on its way to the old ports is lost.
  async rebind() {
    const old = [...this.#mappings.values()];
    this.#mappings.clear();
    this.passed = [];
    for (const outside of old) (await outside).close();
  }

  async stop() {
    await this.rebind();
    this.#inside.close();
  }
}
