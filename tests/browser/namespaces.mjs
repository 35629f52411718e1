// Network namespaces, pairs of virtual Ethernet devices between them, and programs inside. Needs root and iproute2.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// What programs in a namespace see in place of files in /etc (ip-netns(8)).
const ETC = "/etc/netns";

let made = 0;

export function run(command, args, input) {
  return execFileSync(command, args, { encoding: "utf8", input, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
}

// Why `make` cannot be done here, which needs `what`; false if it can. It returns namespaces.
export function whyNot(what, make) {
  try {
    make().remove();
    return false;
  } catch (error) {
    return `no ${what} here: ${(error.stderr || error.message).trim()}`;
  }
}

const endByExit = () => process.exit(1);

export class Namespaces {
  #names; // by what each is called here
  #directory;

  // words: what the namespaces are called. build: what is in them; they are removed if it fails.
  constructor(words, build) {
    const prefix = `rwg-${process.pid}-${made++}`;
    this.#names = new Map(words.map((word) => [word, `${prefix}-${word}`]));
    this.#directory = mkdtempSync(join(tmpdir(), `${prefix}-`));
    this.remove = this.remove.bind(this);
    process.once("exit", this.remove);
    process.once("SIGTERM", endByExit); // how the test runner ends a test
    try {
      for (const name of this.#names.values()) {
        run("ip", ["netns", "add", name]);
        run("ip", ["-n", name, "link", "set", "lo", "up"]);
      }
      build(this);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  // Joins two namespaces. Each end: [word, device, addresses with their prefix lengths].
  connect(...ends) {
    const [[first, device], [second, other]] = ends;
    this.ip(first, "link", "add", device, "type", "veth", "peer", "name", other, "netns", this.#names.get(second));
    for (const [word, name, addresses] of ends) {
      for (const address of addresses) {
        this.ip(word, "addr", "add", address, "dev", name);
      }
      this.ip(word, "link", "set", name, "up");
    }
  }

  // ip(8) in a namespace.
  ip(word, ...words) {
    return run("ip", ["-n", this.#names.get(word), ...words]);
  }

  // tc(8) in a namespace.
  tc(word, ...words) {
    return run("tc", ["-n", this.#names.get(word), ...words]);
  }

  // nft(8) in a namespace, which reads the text.
  nft(word, text) {
    return run("ip", ["netns", "exec", this.#names.get(word), "nft", "-f", "-"], text);
  }

  // The names that programs in a namespace know, as in /etc/hosts.
  hosts(word, text) {
    const folder = join(ETC, this.#names.get(word));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "hosts"), text);
  }

  // What runs a command in a namespace: [command, arguments].
  inside(word, command, args) {
    return ["ip", ["netns", "exec", this.#names.get(word), command, ...args]];
  }

  // A program that runs `command` in a namespace.
  program(word, command) {
    const file = join(this.#directory, `${word}-command`);
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.#names.get(word)} ${command} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  // Whether all addresses are usable: a Chromium that is started before finds no network, and does not look again.
  get isUp() {
    return [...this.#names.keys()].every((word) => !this.ip(word, "addr", "show", "tentative"));
  }

  remove() {
    process.off("exit", this.remove);
    process.off("SIGTERM", endByExit);
    for (const name of this.#names.values()) {
      spawnSync("ip", ["netns", "delete", name]);
      rmSync(join(ETC, name), { recursive: true, force: true });
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
