// What the gateway's snapshots say over time: rates, sums of the last minute, history.
//
// Counters are cumulative; a rate is the difference of two snapshots by the time between them. What
// the gateway does not tell is null, and so is what follows from it.

import { heldBack } from "./held_back.js";
import { History } from "./history.js";

const HISTORY_SECONDS = 900;
const STREAM_HISTORY_SECONDS = 300;
// What went wrong counts as "now" for this long.
export const RECENT_SECONDS = 60;

export const COST_PARTS = ["rtsp", "packetize", "seal", "send", "control"];
const STREAM_PARTS = ["packetize", "seal", "send"];
const GATEWAY_SERIES = ["sent", "received", "p50", "p95", "max", "loss", "retransmits", ...COST_PARTS, "viewers", "live"];
const STREAM_SERIES = ["fps", "received", "sent", "p50", "p95", "max", ...STREAM_PARTS, "lost", "dropped", "overflows", "sentPackets", "retransmits"];
const SESSION_SERIES = ["overflows"];

export const GCM = /GCM/;

export class Model {
  streams = []; // {now, rate, recent, history}
  sessions = []; // {now, rate, recent, stream, heldBack}
  workers = []; // {now, busy, parts}
  totals = null;
  history = new History(HISTORY_SECONDS, GATEWAY_SERIES);
  #last = null;
  #streams = new Map();
  #sessions = new Map();

  update(snapshot) {
    const last = this.#last;
    if (last && snapshot.uptime_ms < last.uptime_ms) {
      this.#forget(); // another gateway: its counters began anew
    }
    const ms = this.#last ? snapshot.uptime_ms - this.#last.uptime_ms : 0;
    if (this.#last && ms === 0) {
      return;
    }
    const seconds = ms / 1000 || null;
    const time = snapshot.unix_ms / 1000;
    this.workers = snapshot.workers.map((now, i) => worker(now, this.#last?.workers[i], seconds));
    this.streams = follow(this.#streams, snapshot.streams, (entry, now) => updateStream(entry, now, seconds, time));
    this.sessions = follow(this.#sessions, snapshot.sessions, (entry, now) =>
      updateSession(entry, now, seconds, time, this.#streams.get(now.stream)),
    );
    const most = Math.max(...this.streams.map(({ rate: { cpu } }) => cpu ?? 0), 0.001);
    this.streams.forEach((row) => (row.rate.most = most));
    this.totals = this.#sum(snapshot, seconds);
    this.history.push(time, this.totals);
    this.snapshot = this.#last = snapshot;
  }

  stream(id) {
    return this.#streams.get(id);
  }

  #forget() {
    this.#last = null;
    this.#streams.clear();
    this.#sessions.clear();
    this.history.clear();
  }

  #sum(snapshot, seconds) {
    const { streams, sessions, workers } = this;
    const sum = (rows, value) => rows.reduce((total, row) => total + (value(row) ?? 0), 0);
    const rated = (rows, value) => (seconds ? sum(rows, value) : null);
    const worst = (key) => streams.reduce((most, row) => (row.now.latency_us?.[key] > (most?.now.latency_us[key] ?? -1) ? row : most), null);
    const connected = sessions.filter(({ now }) => now.state === "connected");
    const encrypted = connected.filter(({ now }) => now.srtp_profile);
    const packets = rated(sessions, ({ rate }) => rate.packets);
    const retransmits = rated(sessions, ({ rate }) => rate.retransmits);
    const reporting = connected.filter(({ now }) => now.loss_ppm !== null && now.loss_ppm !== undefined);
    const slowest = worst("p95");
    return {
      live: streams.filter(({ now }) => now.state === "live").length,
      viewers: connected.length,
      joining: sessions.length - connected.length,
      heldByLine: sessions.filter((row) => row.heldBack?.by === "line").length,
      heldByCamera: sessions.filter((row) => row.heldBack?.by === "camera").length,
      received: rated(streams, ({ rate }) => rate.received),
      sent: rated(sessions, ({ rate }) => rate.sent),
      packets,
      retransmits: packets ? retransmits / packets : packets,
      loss: reporting.length ? sum(reporting, ({ now }) => now.loss_ppm) / reporting.length / 1e6 : null,
      slowest,
      p50: slowest ? worst("p50")?.now.latency_us.p50 : null,
      p95: slowest?.now.latency_us.p95 ?? null,
      max: slowest ? worst("max")?.now.latency_us.max : null,
      gcm: encrypted.filter(({ now }) => GCM.test(now.srtp_profile)).length,
      encrypted: encrypted.length,
      cpu: this.#last ? rate(snapshot.process?.cpu_us, this.#last.process?.cpu_us, seconds, 1e6) : null,
      resident: snapshot.process?.resident_bytes ?? null,
      media: sum(streams, ({ now }) => now.memory_bytes),
      ...Object.fromEntries(COST_PARTS.map((part) => [part, rated(workers, ({ parts }) => parts[part])])),
    };
  }
}

// Growth per second, in units of `unit`.
function rate(now, last, seconds, unit = 1) {
  return typeof now === "number" && typeof last === "number" && seconds ? Math.max(now - last, 0) / unit / seconds : null;
}

// Entries by id, in the gateway's order; those that are gone are forgotten.
function follow(entries, rows, update) {
  const present = new Set(rows.map(({ id }) => id));
  for (const id of entries.keys()) {
    if (!present.has(id)) {
      entries.delete(id);
    }
  }
  return rows.map((now) => {
    const entry = entries.get(now.id) ?? {};
    entries.set(now.id, entry);
    update(entry, now);
    return entry;
  });
}

function shares(now, last, parts, seconds) {
  return Object.fromEntries(parts.map((part) => [part, rate(now?.[part], last?.[part], seconds, 1e6)]));
}

function worker(now, last, seconds) {
  const parts = shares(now.cost_us, last?.cost_us, COST_PARTS, seconds);
  return { now, busy: rate(now.busy_us, last?.busy_us, seconds, 1e6), parts };
}

function updateStream(entry, now, seconds, time) {
  const last = entry.now;
  const sent = (key) => rate(now.sent?.[key], last?.sent?.[key], last && seconds);
  const parts = shares(now.cost_us, last?.cost_us, STREAM_PARTS, last && seconds);
  const packets = sent("packets");
  const retransmits = sent("retransmits");
  entry.now = now;
  entry.history ??= new History(STREAM_HISTORY_SECONDS, STREAM_SERIES);
  entry.rate = {
    fps: rate(now.frames, last?.frames, last && seconds),
    received: scale(rate(now.bytes, last?.bytes, last && seconds), 8) ?? now.bitrate_bps,
    sent: scale(sent("bytes"), 8),
    lost: rate(now.packets_lost, last?.packets_lost, last && seconds),
    retransmits,
    retransmitShare: packets ? retransmits / packets : packets,
    overflows: sent("overflows"),
    cpu: now.cost_us ? STREAM_PARTS.reduce((sum, part) => (parts[part] === null ? null : sum + parts[part]), 0) : null,
    parts,
  };
  entry.history.push(time, {
    ...entry.rate,
    ...parts,
    ...now.latency_us,
    lost: difference(now.packets_lost, last?.packets_lost),
    dropped: difference(now.frames_dropped, last?.frames_dropped),
    overflows: difference(now.sent?.overflows, last?.sent?.overflows),
    sentPackets: packets,
  });
  entry.recent = {
    lost: entry.history.sum("lost", RECENT_SECONDS),
    dropped: entry.history.sum("dropped", RECENT_SECONDS),
    overflows: entry.history.sum("overflows", RECENT_SECONDS),
  };
}

function updateSession(entry, now, seconds, time, stream) {
  const last = entry.now;
  const per = (key) => rate(now[key], last?.[key], last && seconds);
  const packets = per("packets_sent");
  const retransmits = per("retransmits");
  entry.now = now;
  entry.stream = stream;
  entry.history ??= new History(RECENT_SECONDS, SESSION_SERIES);
  entry.rate = {
    sent: scale(per("bytes_sent"), 8),
    packets,
    retransmits,
    retransmitShare: packets ? retransmits / packets : packets,
    nacks: per("nacks"),
  };
  entry.history.push(time, { overflows: difference(now.overflows, last?.overflows) });
  entry.recent = { overflows: entry.history.sum("overflows", RECENT_SECONDS) };
  entry.heldBack = now.state === "connected" ? heldBack(entry) : null;
}

const scale = (value, factor) => (value === null ? null : factor * value);
const difference = (now, last) => (typeof now === "number" && typeof last === "number" ? Math.max(now - last, 0) : null);
