// Two network namespaces, a gateway's and a viewer's, and a firewall between them (nftables): each path alone.
// Needs root, iproute2 and nftables. As a program it is the viewer:
//   node paths.mjs chromium|firefox URL [FLAG...]   plays the camera "door" of the gateway there, and prints how;
//                                                   the flags are Chromium's

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { LONG_MS, launchBrowser, waitUntil } from "./helpers.mjs";
import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { Namespaces, whyNot } from "./namespaces.mjs";

const SERVER = { v4: "10.198.0.1", v6: "2001:db8:98::1" };
const VIEWER = { v4: "10.198.0.2", v6: "2001:db8:98::2" };

// Why there can be none of this here; false if there can.
export function whyNoPaths() {
  return whyNot("network namespaces with nftables", () => new FilteredPath({ rules: ["udp dport 1 drop"] }));
}

export class FilteredPath {
  #net;

  // rules: of nftables, for what leaves the viewer. nat: each of the viewer's connections leaves from another
  // port, and nothing comes in that it has not asked for. v4, v6: the addresses that there are.
  constructor({ rules = [], nat = false, v4 = true, v6 = false }) {
    this.address = v4 ? SERVER.v4 : `[${SERVER.v6}]`;
    const addresses = (of) => [...(v4 ? [`${of.v4}/24`] : []), ...(v6 ? [`${of.v6}/64`] : [])];
    this.#net = new Namespaces(["server", "viewer"], (net) => {
      net.connect(["server", "veth0", addresses(SERVER)], ["viewer", "veth0", addresses(VIEWER)]);
      for (const [word, other] of [["server", VIEWER], ["viewer", SERVER]]) {
        if (v4) net.ip(word, "route", "add", "default", "via", other.v4);
        if (v6) net.ip(word, "-6", "route", "add", "default", "via", other.v6);
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
      net.nft("viewer", script.join("\n"));
    });
  }

  get isUp() {
    return this.#net.isUp;
  }

  // What runs a command on the gateway's side.
  onServer(command, args) {
    return this.#net.inside("server", command, args);
  }

  // What a browser on the viewer's side sees of the camera "door": {state, reason, path, ms}.
  async play(browser, url, flags = []) {
    const self = fileURLToPath(import.meta.url);
    const inside = this.#net.inside("viewer", process.execPath, [self, browser, url, ...flags]);
    const { stdout } = await promisify(execFile)(...inside, { encoding: "utf8", timeout: LONG_MS });
    return JSON.parse(stdout);
  }

  remove() {
    this.#net.remove();
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
