// A thin link between two network namespaces: a token bucket (`tc tbf`) on the server's end. Needs root and
// iproute2.

import { Namespaces, whyNot } from "./namespaces.mjs";

const IPV4 = { server: "10.199.0.1", viewer: "10.199.0.2", prefix: 24 };
export const IPV6 = { server: "2001:db8:77::1", viewer: "2001:db8:77::2", prefix: 64 };
// What leaves at once, whatever the rate: less than four packets. The kernel segments what is larger before it
// queues it.
const BURST = 4096;

// Why there can be no thin link here; false if there can.
export function whyImpossible() {
  return whyNot("network namespaces with tc tbf", () => {
    const link = new ThinLink();
    try {
      link.limit(1_000_000, 100);
    } catch (error) {
      link.remove();
      throw error;
    }
    return link;
  });
}

export class ThinLink {
  address; // of the server, as in URLs
  #net;
  #limited = false;

  constructor({ server, viewer, prefix } = IPV4) {
    this.address = server.includes(":") ? `[${server}]` : server;
    this.#net = new Namespaces(["server", "viewer"], (net) => {
      net.connect(["server", "veth0", [`${server}/${prefix}`]], ["viewer", "veth0", [`${viewer}/${prefix}`]]);
    });
  }

  get isUp() {
    return this.#net.isUp;
  }

  // Changes the network on the server's side: words of ip(8).
  ip(...words) {
    return this.#net.ip("server", ...words);
  }

  // The same on the viewer's side.
  ipOfViewer(...words) {
    return this.#net.ip("viewer", ...words);
  }

  // What runs a command on the server's side.
  onServer(command, args) {
    return this.#net.inside("server", command, args);
  }

  // What runs one on the viewer's side.
  beside(command, args) {
    return this.#net.inside("viewer", command, args);
  }

  // A program that runs `command` on the viewer's side.
  onViewer(command) {
    return this.#net.program("viewer", command);
  }

  // Limits the way to the viewer, in bits per second; the queue is in milliseconds.
  limit(rate, queueMs) {
    const action = this.#limited ? "change" : "add";
    this.#net.tc("server", "qdisc", action, "dev", "veth0", "root", "handle", "1:", "tbf",
      "rate", `${Math.round(rate)}bit`, "burst", `${BURST}`, "latency", `${queueMs}ms`);
    this.#limited = true;
  }

  unlimit() {
    if (this.#limited) {
      this.#net.tc("server", "qdisc", "del", "dev", "veth0", "root");
      this.#limited = false;
    }
  }

  // What the limit has carried and dropped so far.
  counters() {
    const [{ bytes, packets, drops, backlog }] = JSON.parse(this.#net.tc("server", "-s", "-j", "qdisc", "show", "dev", "veth0"));
    return { bytes, packets, drops, backlog };
  }

  remove() {
    this.#net.remove();
  }
}
