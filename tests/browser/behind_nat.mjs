// A gateway behind a NAT: three network namespaces, a router with nftables between the gateway's network and the one
// where the viewer and a STUN server are. Needs root, iproute2, nftables.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const GATEWAY = "10.198.0.2";
const INSIDE = "10.198.0.1"; // the router
const PUBLIC = "203.0.113.1"; // the router, too
export const OUTSIDE = "203.0.113.2";

let made = 0;

function run(command, args, input) {
  return execFileSync(command, args, { encoding: "utf8", input, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
}

export class Nat {
  address = GATEWAY;
  public = PUBLIC;
  #names; // of the namespaces
  #directory;

  constructor() {
    const name = `nat-${process.pid}-${made++}`;
    const [gateway, router, outside] = (this.#names = [`${name}-g`, `${name}-r`, `${name}-o`]);
    this.#directory = mkdtempSync(join(tmpdir(), `${name}-`));
    this.remove = this.remove.bind(this);
    process.once("exit", this.remove);
    try {
      for (const namespace of this.#names) {
        run("ip", ["netns", "add", namespace]);
        run("ip", ["-n", namespace, "link", "set", "lo", "up"]);
      }
      this.#connect(gateway, GATEWAY, router, "inside", INSIDE);
      this.#connect(outside, OUTSIDE, router, "outside", PUBLIC);
      run("ip", ["-n", gateway, "route", "add", "default", "via", INSIDE]);
      run("ip", ["netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
      this.#rules("table ip nat {\nchain out { type nat hook postrouting priority 100; oifname outside masquerade; }\n" +
        "chain in { type nat hook prerouting priority -100; }\n}\n");
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #connect(namespace, address, router, device, routerAddress) {
    run("ip", ["-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", device, "netns", router]);
    for (const [at, name, ip] of [[namespace, "eth0", address], [router, device, routerAddress]]) {
      run("ip", ["-n", at, "addr", "add", `${ip}/24`, "dev", name]);
      run("ip", ["-n", at, "link", "set", name, "up"]);
    }
  }

  #rules(text) {
    run("ip", ["netns", "exec", this.#names[1], "nft", "-f", "-"], text);
  }

  // What comes to a port of the router from outside goes to the gateway.
  forward(protocol, port) {
    this.#rules(`add rule ip nat in iifname outside ${protocol} dport ${port} dnat to ${GATEWAY}`);
  }

  // Whether all addresses are usable.
  get isUp() {
    return this.#names.every((namespace) => !run("ip", ["-n", namespace, "addr", "show", "tentative"]));
  }

  // What runs a command beside the gateway, or outside.
  onServer(command, args) {
    return ["ip", ["netns", "exec", this.#names[0], command, ...args]];
  }

  outside(command, args) {
    return ["ip", ["netns", "exec", this.#names[2], command, ...args]];
  }

  // A program that runs `command` outside.
  onViewer(command) {
    const file = join(this.#directory, "command");
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.#names[2]} ${command} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  remove() {
    process.off("exit", this.remove);
    for (const namespace of this.#names) {
      spawnSync("ip", ["netns", "delete", namespace]);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

// Why there can be no NAT here; false if there can.
export function whyNoNat() {
  try {
    if (spawnSync("turnserver", ["--version"]).error) {
      return "coturn is not installed";
    }
    new Nat().remove();
    return false;
  } catch (error) {
    return `no network namespaces with nftables: ${(error.stderr || error.message).trim()}`;
  }
}
