// The table of viewers.

import { element, setText } from "./dom.js";
import { sessionFilter } from "./filters.js";
import { bitrate, count, duration, micros, percent, perSecond } from "./format.js";
import { shown } from "./held_back.js";
import { GCM } from "./model.js";
import { Table } from "./table.js";

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

const PROFILES = {
  AEAD_AES_128_GCM: "AES-128-GCM",
  AEAD_AES_256_GCM: "AES-256-GCM",
  AES128_CM_HMAC_SHA1_80: "AES-CM-SHA1-80",
  SRTP_AES128_CM_HMAC_SHA1_80: "AES-CM-SHA1-80",
};

export const profileName = (profile) => (profile ? (PROFILES[profile] ?? profile) : "\u2013");

// States of a connection that is well, or on its way.
const LEVELS = { connected: "good", new: "wait", connecting: "wait" };

// Where a viewer's media goes; what is not UDP is worth a word: its connection or its firewall passes none.
const PROTOCOLS = { tcp: "TCP", "turn-udp": "relay over UDP", "turn-tcp": "relay over TCP", "turn-tls": "relay over TLS",
  "turn-server": "the gateway's TURN server" };
export const place = ({ remote, protocol }) =>
  remote && protocol in PROTOCOLS ? `${remote} (${PROTOCOLS[protocol]})` : remote;

const COLUMNS = [
  { key: "camera", label: "Camera", value: ({ now }) => now.stream_name, make: makeName },
  { key: "remote", label: "Address", title: "Where its media goes, over UDP unless something else is named", value: ({ now }) => now.remote, text: ({ now }) => place(now) ?? "\u2013", from: 620 },
  { key: "profile", label: "SRTP", title: "What encrypts the media", value: ({ now }) => now.srtp_profile, make: makeProfile, width: 152 },
  { key: "shown", label: "Shown", title: "What of the camera, and what holds it back", value: shown, make: makeShown, width: 150, from: 900 },
  figure("carries", "Line carries", "What the connection carries, as far as it was measured", ({ now }) => now.bandwidth_bps, bitrate, 104, 1000),
  figure("sent", "Rate", "Sent, retransmissions included", ({ rate }) => rate.sent, bitrate, 94, 480),
  figure("loss", "Loss", "By the viewer's last report", ({ now }) => (typeof now.loss_ppm === "number" ? now.loss_ppm / 1e6 : null), percent, 84, 0),
  figure("round_trip", "Round trip", "", ({ now }) => now.round_trip_us, micros, 96, 560),
  figure("nacks", "Asked again", "Packets the viewer asked for again (NACK)", ({ rate }) => rate.nacks, perSecond, 106, 960),
  figure("retransmits", "Sent again", "Share of the packets sent", ({ rate }) => rate.retransmitShare, percent, 96, 840),
  figure("plis", "PLI", "Picture loss indications so far", ({ now }) => now.plis, count, 60, 1480),
  figure("overflows", "Fell behind", "Times it skipped to a keyframe, so far", ({ now }) => now.overflows, count, 104, 1300),
  figure("age", "Since", "How long it has been watching", ({ now }) => now.age_ms, duration, 104, 700),
];

function makeName(td) {
  const mark = element("span", "mark", td);
  const words = element("span", "words", td);
  const name = element("span", "name", words);
  const below = element("span", "below", words);
  return ({ now, troubles }) => {
    const trouble = troubles.find(({ level }) => level !== "note");
    mark.dataset.level = trouble?.level ?? LEVELS[now.state] ?? "bad";
    setText(name, now.stream_name);
    setText(below, trouble ? `${trouble.kind}: ${trouble.text}` : now.state === "connected" ? "" : now.state);
    td.dataset.level = trouble?.level ?? "";
  };
}

const BY = { line: "its line", camera: "the camera", viewer: "itself", browser: "its browser" };

function makeShown(td) {
  const words = element("span", "words", td);
  const what = element("span", "name", words);
  const by = element("span", "below", words);
  return (row) => {
    const { heldBack } = row;
    setText(what, shown(row));
    setText(by, heldBack ? `held back by ${BY[heldBack.by]}` : "");
    td.title = heldBack?.text ?? "";
    td.dataset.level = heldBack && ["line", "camera"].includes(heldBack.by) ? "warn" : "";
  };
}

function makeProfile(td) {
  const badge = element("span", "badge", td);
  return ({ now }) => {
    setText(badge, profileName(now.srtp_profile));
    badge.dataset.kind = now.srtp_profile ? (GCM.test(now.srtp_profile) ? "gcm" : "other") : "";
  };
}

export class ViewerTable extends Table {
  constructor(root, onRow) {
    super(root, { label: "Viewers", columns: COLUMNS, sort: { key: "camera", descending: false }, onRow });
  }

  find(words, kind) {
    this.filter = sessionFilter(words, kind);
  }
}
