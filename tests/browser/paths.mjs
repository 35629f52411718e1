// Two network namespaces, a gateway's and a viewer's, and a firewall between them (nftables): each path alone.
// Needs root, iproute2 and nftables. As a program it is the viewer:
//   node paths.mjs chromium|firefox URL [FLAG...]   plays the camera "door" of the gateway there, and prints how;
//                                                   the flags are Chromium's

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { LONG_MS, launchBrowser, waitUntil } from "./helpers.mjs";
import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";

const SERVER = { v4: "10.198.0.1", v6: "2001:db8:98::1" };
const VIEWER = { v4: "10.198.0.2", v6: "2001:db8:98::2" };

let made = 0;

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

// Why there can be none of this here; false if there can.
export function whyNoPaths() {
  try {
    new FilteredPath({ rules: ["udp dport 1 drop"] }).remove();
    return false;
  } catch (error) {
    return `no network namespaces with nftables here: ${(error.stderr || error.message).trim()}`;
  }
}

export class FilteredPath {
  #server;
  #viewer;

  // rules: of nftables, for what leaves the viewer. nat: each of the viewer's connections leaves from another
  // port, and nothing comes in that it has not asked for. v4, v6: the addresses that there are.
  constructor({ rules = [], nat = false, v4 = true, v6 = false }) {
    const name = `path-${process.pid}-${made++}`;
    [this.#server, this.#viewer] = [`${name}-s`, `${name}-v`];
    this.address = v4 ? SERVER.v4 : `[${SERVER.v6}]`;
    this.remove = this.remove.bind(this);
    process.once("exit", this.remove);
    try {
      for (const namespace of [this.#server, this.#viewer]) {
        run("ip", "netns", "add", namespace);
        run("ip", "-n", namespace, "link", "set", "lo", "up");
      }
      run("ip", "-n", this.#server, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", this.#viewer);
      for (const [namespace, own, other] of [[this.#server, SERVER, VIEWER], [this.#viewer, VIEWER, SERVER]]) {
        const add = (address) => run("ip", "-n", namespace, "addr", "add", address, "dev", "veth0", "nodad");
        run("ip", "-n", namespace, "link", "set", "veth0", "up");
        if (v4) {
          run("ip", "-n", namespace, "addr", "add", `${own.v4}/24`, "dev", "veth0");
          run("ip", "-n", namespace, "route", "add", "default", "via", other.v4);
        }
        if (v6) {
          add(`${own.v6}/64`);
          run("ip", "-n", namespace, "-6", "route", "add", "default", "via", other.v6);
        }
      }
      const drop = rules.map((rule) => `add rule inet filter output oifname veth0 ${rule}`);
      const hide = [
        "add table inet nat",
        "add chain inet nat post { type nat hook postrouting priority 100; }",
        "add rule inet nat post oifname veth0 masquerade fully-random",
        "add chain inet filter input { type filter hook input priority 0; }",
        "add rule inet filter input iifname veth0 ct state new drop",
      ];
      const script = [
        "add table inet filter",
        "add chain inet filter output { type filter hook output priority 0; }",
        ...drop,
        ...(nat ? hide : []),
      ];
      run("ip", "netns", "exec", this.#viewer, "nft", script.join("; "));
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

  // What runs a command on the gateway's side.
  onServer(command, args) {
    return ["ip", ["netns", "exec", this.#server, command, ...args]];
  }

  // What a browser on the viewer's side sees of the camera "door": {state, reason, path, ms}.
  async play(browser, url, flags = []) {
    const self = fileURLToPath(import.meta.url);
    const args = ["netns", "exec", this.#viewer, process.execPath, self, browser, url, ...flags];
    const { stdout } = await promisify(execFile)("ip", args, { encoding: "utf8", timeout: LONG_MS });
    return JSON.parse(stdout);
  }

  remove() {
    process.off("exit", this.remove);
    for (const namespace of [this.#server, this.#viewer]) {
      spawnSync("ip", ["netns", "delete", namespace]);
    }
  }
}

// Until it plays, or the first attempt has failed.
async function playInPage() {
  const { WhepPlayer } = await import("/player.js");
  const video = document.body.appendChild(document.createElement("video"));
  const player = new WhepPlayer({ endpoint: "/door/whep", video });
  const start = performance.now();
  const ended = new Promise((resolve) => {
    player.addEventListener("state", () => ["playing", "retrying", "failed"].includes(player.state) && resolve());
  });
  player.start();
  await ended;
  const ms = Math.round(performance.now() - start);
  const { state, reason } = player;
  if (state === "playing" && !player.path) {
    await new Promise((resolve) => player.addEventListener("path", resolve, { once: true }));
  }
  const { path } = player;
  player.stop();
  return { state, reason, path, ms };
}

const open = {
  async chromium(flags) {
    const browser = await launchBrowser(flags);
    return { browser, page: await browser.newPage() };
  },
  async firefox() {
    const browser = await launchFirefox();
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(prepareFirefoxPage);
    return { browser, page };
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, url, ...flags] = process.argv;
  const { browser, page } = await open[name](flags);
  try {
    await waitUntil("the page", LONG_MS, () => page.goto(`${url}metrics`).then(() => true, () => false));
    console.log(JSON.stringify(await page.evaluate(playInPage)));
  } finally {
    await browser.close();
  }
}
