// One camera in full, beside the tables.

import { Chart, FLOW, LATENCY, MEDIA_CPU } from "./charts.js";
import { element, setText } from "./dom.js";
import { bitrate, bytes, codec, count, digits, duration, micros, percent, perSecond, size } from "./format.js";
import { level, sentence, soundOnly, stateWord } from "./why.js";
import { place, profileName } from "./viewer_table.js";

const VIEWERS = 50;

const FACTS = [
  ["Source", ({ now }) => (now.source === "push" ? "pushed by the host" : "RTSP")],
  ["Video", ({ now }) => (soundOnly(now) ? "None: sound only" : `${codec(now.video_codec)}, ${size(now.width, now.height)}`)],
  ["Audio", ({ now }) => codec(now.audio_codec)],
  ["Pictures", ({ rate }) => `${digits(rate.fps)}/s`],
  ["In", ({ rate }) => bitrate(rate.received)],
  ["Out", ({ rate }) => bitrate(rate.sent)],
  ["Viewers", ({ now }) => count(now.sessions)],
  ["Sent again", ({ rate }) => percent(rate.retransmitShare ?? undefined)],
  ["Lost from the camera", ({ now, rate }) => `${count(now.packets_lost)} (${perSecond(rate.lost)})`],
  ["Viewers fell behind", ({ now }) => `${count(now.sent?.overflows)} times`],
  ["Pictures dropped", ({ now }) => count(now.frames_dropped)],
  ["Keyframes asked for", ({ now }) => count(now.keyframe_requests)],
  ["Reconnects", ({ now }) => count(now.reconnects)],
  ["Last picture", ({ now }) => (typeof now.since_last_media_ms === "number" ? `${duration(now.since_last_media_ms)} ago` : "never")],
  ["Latency p50, p95, max", ({ now }) => (now.latency_us ? ["p50", "p95", "max"].map((key) => micros(now.latency_us[key])).join(", ") : "\u2013")],
  ["Memory", ({ now }) => bytes(now.memory_bytes)],
];

const CHARTS = [
  { title: "Pictures per second", series: [{ key: "fps", label: "fps", color: "--part-1" }], format: digits, least: 5 },
  {
    title: "Bit rate",
    series: FLOW,
    format: bitrate,
    least: 1e5,
  },
  {
    title: "Latency",
    series: LATENCY,
    format: micros,
    least: 1000,
  },
  {
    title: "CPU, share of a core",
    series: MEDIA_CPU,
    format: percent,
    stacked: true,
    least: 0.001,
  },
];

export class Detail {
  #root;
  #fields;
  #charts;
  #viewers;
  #onClose;

  constructor(root, onClose) {
    this.#root = root;
    this.#onClose = onClose;
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.#fields = Object.fromEntries(
      ["name", "mark", "state", "message", "watch"].map((name) => [name, part(name)]),
    );
    const facts = part("facts");
    this.#fields.facts = FACTS.map(([label, text]) => {
      const row = element("div", "", facts);
      element("dt", "", row).textContent = label;
      return [element("dd", "", row), text];
    });
    this.#charts = CHARTS.map((options) => new Chart(part("charts"), options));
    this.#viewers = part("viewers");
    part("close").addEventListener("click", onClose);
    root.addEventListener("keydown", ({ key }) => key === "Escape" && onClose());
  }

  open(row, sessions) {
    const fresh = this.#root.hidden;
    this.#root.hidden = false;
    this.show(row, sessions);
    if (fresh) {
      this.#fields.name.focus({ preventScroll: true });
    }
  }

  close() {
    this.#root.hidden = true;
  }

  show(row, sessions) {
    if (!row) {
      this.#onClose(); // the camera was removed
      return;
    }
    const { name, mark, state, message, watch, facts } = this.#fields;
    const { now, troubles } = row;
    setText(name, now.name);
    mark.dataset.level = level(now) === "good" && troubles.length > 0 ? "warn" : level(now);
    setText(state, stateWord(now));
    const words = ["bad", "idle"].includes(level(now)) ? [sentence(now.message)] : troubles.map(({ kind, text }) => `${kind}: ${text}`);
    setText(message, words.join("\n"));
    message.hidden = words.join("") === "";
    message.dataset.level = troubles[0]?.level ?? "";
    watch.href = encodeURIComponent(now.name);
    for (const [field, text] of facts) {
      setText(field, text(row));
    }
    for (const chart of this.#charts) {
      chart.show(row.history);
    }
    this.#showViewers(sessions.filter((session) => session.now.stream === now.id));
  }

  #showViewers(sessions) {
    const rows = this.#viewers.children;
    const shown = sessions.slice(0, VIEWERS);
    while (rows.length > Math.max(shown.length, 1)) {
      rows[rows.length - 1].remove();
    }
    if (shown.length === 0) {
      setText(rows[0] ?? element("li", "", this.#viewers), "Nobody watches.");
      return;
    }
    shown.forEach(({ now, rate, heldBack }, i) => {
      const row = rows[i] ?? element("li", "", this.#viewers);
      setText(
        row,
        [
          place(now) ?? now.state,
          profileName(now.srtp_profile),
          bitrate(rate.sent),
          `loss ${percent(now.loss_ppm / 1e6)}`,
          micros(now.round_trip_us),
          ...(heldBack ? [heldBack.text] : []),
        ].join(" \u00b7 "),
      );
    });
  }
}
