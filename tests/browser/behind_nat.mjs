// A gateway behind a NAT: three network namespaces, a router with nftables between the gateway's network and the one
// where the viewer and a STUN server are. Needs root, iproute2, nftables.

import { spawnSync } from "node:child_process";

import { Namespaces, run, whyNot } from "./namespaces.mjs";

const GATEWAY = "10.198.0.2";
const INSIDE = "10.198.0.1"; // the router
const PUBLIC = "203.0.113.1"; // the router, too
export const OUTSIDE = "203.0.113.2";

export class Nat {
  address = GATEWAY;
  public = PUBLIC;
  #net;

  constructor() {
    this.#net = new Namespaces(["gateway", "router", "outside"], (net) => {
      net.connect(["gateway", "eth0", [`${GATEWAY}/24`]], ["router", "inside", [`${INSIDE}/24`]]);
      net.connect(["outside", "eth0", [`${OUTSIDE}/24`]], ["router", "outside", [`${PUBLIC}/24`]]);
      net.ip("gateway", "route", "add", "default", "via", INSIDE);
      // What goes to the gateway's own address is lost there: where there is no route, coturn gives its relay up.
      net.ip("outside", "route", "add", "default", "via", PUBLIC);
      run(...net.inside("router", "sysctl", ["-qw", "net.ipv4.ip_forward=1"]));
      net.nft("router", "table ip nat {\nchain out { type nat hook postrouting priority 100; oifname outside masquerade; }\n" +
        "chain in { type nat hook prerouting priority -100; }\n" +
        "chain through { type filter hook forward priority 0; iifname outside ct status dnat accept; " +
        "iifname outside ct state new drop; }\n}\n");
    });
  }

  // What comes to a port of the router from outside goes to the gateway.
  forward(protocol, port) {
    this.#net.nft("router", `add rule ip nat in iifname outside ${protocol} dport ${port} dnat to ${GATEWAY}`);
  }

  get isUp() {
    return this.#net.isUp;
  }

  // What runs a command beside the gateway, or outside.
  onServer(command, args) {
    return this.#net.inside("gateway", command, args);
  }

  outside(command, args) {
    return this.#net.inside("outside", command, args);
  }

  // Drops what leaves the gateway by rules of nftables.
  dropFromGateway(...rules) {
    const begin = "add table inet filter\nadd chain inet filter output { type filter hook output priority 0; }\n";
    const drop = rules.map((rule) => `add rule inet filter output oifname eth0 ${rule} drop\n`);
    this.#net.nft("gateway", begin + drop.join(""));
  }

  remove() {
    this.#net.remove();
  }
}

// Why there can be no NAT here; false if there can.
export function whyNoNat() {
  if (spawnSync("turnserver", ["--version"]).error) {
    return "coturn is not installed";
  }
  return whyNot("network namespaces with nftables", () => new Nat());
}
