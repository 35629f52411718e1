// Two network namespaces, a gateway's and a viewer's, and a firewall between them (nftables): each path alone.
// Needs root, iproute2 and nftables.

import { Namespaces, whyNot } from "./namespaces.mjs";

const SERVER = { v4: "10.198.0.1", v6: "2001:db8:98::1" };
const VIEWER = { v4: "10.198.0.2", v6: "2001:db8:98::2" };
// The gateway's name for the viewer.
export const NAME = "gateway.test";

// Why there can be none of this here; false if there can.
export function whyNoPaths() {
  return whyNot("network namespaces with nftables", () => {
    const path = new FilteredPath();
    path.filter({ drop: onlyTls(443), nat: true });
    return path;
  });
}

// What a firewall drops that passes nothing but TLS to this port: all else, and what has the cookie of STUN behind the length
// of a datagram (RFC 4571), 32 bytes into TCP, whose options are its timestamps.
export function onlyTls(port) {
  return ["meta l4proto udp drop", `tcp dport != ${port} drop`, "@th,304,32 0x2112a442 drop"];
}

export class FilteredPath {
  #net;

  // v6: with addresses of IPv6 alone.
  constructor({ v6 = false } = {}) {
    const address = v6 ? SERVER.v6 : SERVER.v4;
    this.address = v6 ? `[${address}]` : address;
    this.#net = new Namespaces(["server", "viewer"], (net) => {
      const addresses = (of) => [v6 ? `${of.v6}/64` : `${of.v4}/24`];
      net.connect(["server", "veth0", addresses(SERVER)], ["viewer", "veth0", addresses(VIEWER)]);
      for (const [word, other] of [["server", VIEWER], ["viewer", SERVER]]) {
        const route = ["route", "add", "default", "via"];
        net.ip(word, ...(v6 ? ["-6", ...route, other.v6] : [...route, other.v4]));
      }
      net.hosts("viewer", `127.0.0.1 localhost\n${address} ${NAME}\n`);
    });
  }

  // drop: rules of nftables, for what leaves the viewer. nat: each of the viewer's connections leaves from another
  // port, and nothing comes in that it has not asked for.
  filter({ drop = [], nat = false }) {
    const hide = [
      "add table inet nat",
      "add chain inet nat post { type nat hook postrouting priority 100; }",
      "add rule inet nat post oifname veth0 masquerade fully-random",
      "add chain inet filter input { type filter hook input priority 0; }",
      "add rule inet filter input iifname veth0 ct state new drop",
    ];
    const script = [
      "flush ruleset",
      "add table inet filter",
      "add chain inet filter output { type filter hook output priority 0; }",
      ...drop.map((rule) => `add rule inet filter output oifname veth0 ${rule}`),
      ...(nat ? hide : []),
    ];
    this.#net.nft("viewer", script.join("\n"));
  }

  get isUp() {
    return this.#net.isUp;
  }

  // What runs a command on the gateway's side, and on the viewer's.
  onServer(command, args) {
    return this.#net.inside("server", command, args);
  }

  beside(command, args) {
    return this.#net.inside("viewer", command, args);
  }

  remove() {
    this.#net.remove();
  }
}
