// A thin link between two network namespaces: a pair of virtual Ethernet devices, and a token bucket
// (`tc tbf`) on the server's end. Needs root and iproute2.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IPV4 = { server: "10.199.0.1", viewer: "10.199.0.2", prefix: 24 };
export const IPV6 = { server: "2001:db8:77::1", viewer: "2001:db8:77::2", prefix: 64 };
// What leaves at once, whatever the rate: less than four packets. The kernel segments what is larger before it
// queues it.
const BURST = 4096;

let made = 0;

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

// Why there can be no thin link here; false if there can.
export function whyImpossible() {
  try {
    const link = new ThinLink();
    try {
      link.limit(1_000_000, 100);
    } finally {
      link.remove();
    }
    return false;
  } catch (error) {
    return `no network namespaces with tc tbf here: ${(error.stderr || error.message).trim()}`;
  }
}

const endByExit = () => process.exit(1);

export class ThinLink {
  address; // of the server, as in URLs
  #server; // names of the namespaces
  #viewer;
  #directory;
  #limited = false;

  constructor({ server, viewer, prefix } = IPV4) {
    this.address = server.includes(":") ? `[${server}]` : server;
    const name = `thin-${process.pid}-${made++}`;
    this.#server = `${name}-s`;
    this.#viewer = `${name}-v`;
    this.#directory = mkdtempSync(join(tmpdir(), `${name}-`));
    this.remove = this.remove.bind(this);
    process.once("exit", this.remove);
    process.once("SIGTERM", endByExit); // how the test runner ends a test
    try {
      for (const namespace of [this.#server, this.#viewer]) {
        run("ip", "netns", "add", namespace);
        run("ip", "-n", namespace, "link", "set", "lo", "up");
      }
      run("ip", "-n", this.#server, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", this.#viewer);
      for (const [namespace, address] of [[this.#server, server], [this.#viewer, viewer]]) {
        run("ip", "-n", namespace, "addr", "add", `${address}/${prefix}`, "dev", "veth0");
        run("ip", "-n", namespace, "link", "set", "veth0", "up");
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  // Whether the addresses are usable: a Chromium that is started before finds no network, and does not look again.
  get isUp() {
    return [this.#server, this.#viewer].every(
      (namespace) => !run("ip", "-n", namespace, "addr", "show", "dev", "veth0", "tentative"),
    );
  }

  // Changes the network on the server's side: words of ip(8).
  ip(...words) {
    return run("ip", "-n", this.#server, ...words);
  }

  // The same on the viewer's side.
  ipOfViewer(...words) {
    return run("ip", "-n", this.#viewer, ...words);
  }

  // What runs a command on the server's side.
  onServer(command, args) {
    return ["ip", ["netns", "exec", this.#server, command, ...args]];
  }

  // A program that runs `command` on the viewer's side.
  onViewer(command) {
    const file = join(this.#directory, "command");
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.#viewer} ${command} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  // Limits the way to the viewer, in bits per second; the queue is in milliseconds.
  limit(rate, queueMs) {
    const action = this.#limited ? "change" : "add";
    run("tc", "-n", this.#server, "qdisc", action, "dev", "veth0", "root", "handle", "1:", "tbf",
      "rate", `${Math.round(rate)}bit`, "burst", `${BURST}`, "latency", `${queueMs}ms`);
    this.#limited = true;
  }

  unlimit() {
    if (this.#limited) {
      run("tc", "-n", this.#server, "qdisc", "del", "dev", "veth0", "root");
      this.#limited = false;
    }
  }

  // What the limit has carried and dropped so far.
  counters() {
    const [{ bytes, packets, drops, backlog }] = JSON.parse(run("tc", "-n", this.#server, "-s", "-j", "qdisc", "show", "dev", "veth0"));
    return { bytes, packets, drops, backlog };
  }

  remove() {
    process.off("exit", this.remove);
    process.off("SIGTERM", endByExit);
    for (const namespace of [this.#server, this.#viewer]) {
      spawnSync("ip", ["netns", "delete", namespace]);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
