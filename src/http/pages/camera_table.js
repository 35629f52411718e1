// The table of cameras.

import { streamFilter } from "./filters.js";
import { element, setText } from "./dom.js";
import { bitrate, bytes, codec, count, digits, micros, percent, perSecond, size } from "./format.js";
import { splitBar } from "./split_bar.js";
import { Table } from "./table.js";
import { level, sentence, soundOnly, stateWord } from "./why.js";

const figure = (key, label, title, value, text, width, from) => ({
  key,
  label,
  title,
  value,
  text: (row) => text(value(row)),
  numeric: true,
  width,
  from,
});

const COLUMNS = [
  { key: "name", label: "Camera", value: ({ now }) => now.name, make: makeName },
  {
    key: "state",
    label: "State",
    value: ({ now, troubles }) => ({ bad: 0, wait: 1, good: troubles.length > 0 ? 2 : 3, idle: 4 })[level(now)],
    make: makeState,
    from: 620,
  },
  {
    key: "codec",
    label: "Codec",
    value: ({ now }) => now.video_codec,
    text: ({ now }) => (soundOnly(now) ? "Sound only" : codec(now.video_codec)),
    width: 76,
    from: 1000,
  },
  {
    key: "size",
    label: "Size",
    value: ({ now }) => now.width * now.height,
    text: ({ now }) => size(now.width, now.height),
    numeric: true,
    width: 112,
    from: 820,
  },
  figure("fps", "fps", "Pictures from the camera per second", ({ rate }) => rate.fps, digits, 52, 0),
  figure("received", "In", "Media from the camera", ({ rate }) => rate.received, bitrate, 92, 480),
  figure("viewers", "Viewers", "Sessions now", ({ now }) => now.sessions, count, 78, 0),
  figure("sent", "Out", "Sent to all its viewers", ({ rate }) => rate.sent, bitrate, 92, 900),
  figure("lost", "Lost", "Packets lost on the way from the camera, per second", ({ rate }) => rate.lost, perSecond, 66, 1120),
  figure("retransmits", "Sent again", "Share of packets that viewers asked for again", ({ rate }) => rate.retransmitShare, percent, 92, 1200),
  figure("latency", "Latency p95", "From the camera's last packet of a picture to the kernel", ({ now }) => now.latency_us?.p95, micros, 106, 560),
  {
    key: "cpu",
    label: "CPU",
    title: "Share of a core: packetize, seal, send",
    value: ({ rate }) => rate.cpu,
    numeric: true,
    make: makeCpu,
    width: 92,
    from: 700,
  },
  figure("memory", "Memory", "Media kept for late joiners and retransmission", ({ now }) => now.memory_bytes, bytes, 86, 1040),
];

function makeName(td) {
  const mark = element("span", "mark", td);
  const words = element("span", "words", td);
  const name = element("span", "name", words);
  const below = element("span", "below", words);
  return ({ now, troubles }) => {
    mark.dataset.level = level(now) === "good" && troubles.length > 0 ? "warn" : level(now);
    setText(name, now.name);
    setText(below, troubles[0]?.kind ?? stateWord(now));
    td.dataset.level = troubles[0]?.level ?? "";
  };
}

function makeState(td) {
  return ({ now, troubles }) => {
    const bad = level(now) !== "good";
    setText(td, bad ? (now.status === "ok" ? stateWord(now) : sentence(now.status)) : (troubles[0]?.kind ?? "Live"));
    td.title = bad ? sentence(now.message) : troubles.map(({ kind, text }) => `${kind}: ${text}`).join("\n");
    td.dataset.level = troubles[0]?.level ?? "";
  };
}

function makeCpu(td) {
  const text = element("span", "", td);
  const bar = splitBar(td, ["packetize", "seal", "send"]);
  return ({ rate }) => {
    setText(text, percent(rate.cpu ?? undefined));
    bar(rate.parts, rate.most);
  };
}

export class CameraTable extends Table {
  constructor(root, onRow, selected) {
    super(root, { label: "Cameras", columns: COLUMNS, sort: { key: "name", descending: false }, onRow, selected });
  }

  find(words, kind) {
    this.filter = streamFilter(words, kind);
  }
}
