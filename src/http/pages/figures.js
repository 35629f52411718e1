// The figures of the whole gateway, at the top of the dashboard.

import { LIMITS } from "./attention.js";
import { element, setText } from "./dom.js";
import { bitrate, bytes, count, micros, percent, wholePercent } from "./format.js";
import { level } from "./why.js";

// One figure: label, value, a line below, and how much it matters.
class Figure {
  constructor(root, label) {
    this.root = element("div", "figure", root);
    element("dt", "", this.root).textContent = label;
    this.value = element("dd", "value", this.root);
    this.below = element("dd", "below", this.root);
    this.bar = null;
  }

  set(value, below, level = "") {
    setText(this.value, value);
    setText(this.below, below);
    this.root.dataset.level = level;
  }

  // Parts of a whole, each with a class.
  setBar(shares) {
    this.bar ??= element("dd", "split", this.root);
    this.bar.setAttribute("aria-hidden", "true");
    const all = shares.reduce((sum, [, share]) => sum + share, 0) || 1;
    shares.forEach(([name, share], i) => {
      const part = this.bar.children[i] ?? element("span", "", this.bar);
      part.className = name;
      part.style.width = `${(100 * share) / all}%`;
    });
  }
}

export class Figures {
  constructor(root) {
    const figure = (label) => new Figure(root, label);
    this.cameras = figure("Cameras live");
    this.viewers = figure("Viewers");
    this.held = figure("Held back");
    this.gcm = figure("AES-GCM");
    this.sent = figure("Sent");
    this.loss = figure("Loss at viewers");
    this.latency = figure("Latency p95, slowest");
    this.cpu = figure("CPU, of a core");
    this.memory = figure("Memory");
  }

  show({ totals, streams, workers }) {
    const all = streams.length;
    const down = streams.filter(({ now }) => level(now) === "bad").length;
    const idle = streams.filter(({ now }) => level(now) === "idle").length;
    const waiting = all - totals.live - down - idle;
    const words = [down && `${down} away`, waiting && `${waiting} connecting`, idle && `${idle} on demand`].filter(Boolean);
    this.cameras.set(`${totals.live} of ${all}`, words.join(", ") || "all of them", down ? "bad" : "");
    this.cameras.setBar([
      ["good", totals.live],
      ["wait", waiting],
      ["idle", idle],
      ["bad", down],
    ]);
    this.viewers.set(count(totals.viewers), totals.joining ? `${totals.joining} joining` : "connected");
    const { heldByLine, heldByCamera } = totals;
    const held = [heldByLine && `${count(heldByLine)} by line`, heldByCamera && `${count(heldByCamera)} by camera`];
    this.held.set(count(heldByLine + heldByCamera), held.filter(Boolean).join(", ") || "no viewer", heldByLine ? "warn" : "");
    const other = totals.encrypted - totals.gcm;
    this.gcm.set(
      totals.encrypted ? wholePercent(totals.gcm / totals.encrypted) : "\u2013",
      totals.encrypted ? (other ? `${count(other)} of ${count(totals.encrypted)} without` : "of all viewers") : "no viewers",
      other ? "note" : "",
    );
    this.gcm.setBar([
      ["gcm", totals.gcm],
      ["other", other],
    ]);
    this.sent.set(bitrate(totals.sent), `${bitrate(totals.received)} received`);
    this.loss.set(
      percent(totals.loss),
      `${percent(totals.retransmits)} sent again`,
      totals.loss >= LIMITS.loss ? "warn" : "",
    );
    this.latency.set(
      micros(totals.p95),
      totals.slowest ? totals.slowest.now.name : "no pictures sent",
      totals.p95 > LIMITS.latency_us ? "warn" : "",
    );
    const busiest = workers.reduce((most, row) => (row.busy > (most?.busy ?? -1) ? row : most), null);
    const full = busiest?.busy >= LIMITS.worker_full ? "bad" : busiest?.busy >= LIMITS.worker_busy ? "warn" : "";
    this.cpu.set(
      percent(totals.cpu),
      busiest ? `busiest worker ${percent(busiest.busy)}` : "",
      full,
    );
    this.memory.set(bytes(totals.resident), `${bytes(totals.media)} of it media`);
  }
}
