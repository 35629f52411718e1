// What needs a person's attention, worst first.

import { count, micros, percent } from "./format.js";
import { GCM, RECENT_SECONDS } from "./model.js";
import { level, sentence, silence, stateWord } from "./why.js";

export const LIMITS = {
  latency_us: 100_000,
  loss: 0.02, // of what a viewer should have got
  worker_busy: 0.75,
  worker_full: 0.92,
  round_trip_us: 500_000,
};

const WARNINGS = {
  b_frames: "B-frames, which browsers do not show",
  no_keyframe: "No keyframes",
  no_parameter_sets: "No parameter sets: not decodable",
  damaged: "Damaged pictures",
  audio: "No audio",
  rare_keyframes: "Keyframes far apart",
};

// The troubles of one camera: [{level, kind, text}].
export function streamTroubles({ now, recent }) {
  const troubles = [];
  const add = (level, kind, text) => troubles.push({ level, kind, text });
  if (level(now) === "bad") {
    add("bad", sentence(now.status), sentence(now.message || stateWord(now)));
  } else if (now.state === "live" && silence(now)) {
    add("warn", "Live, but no media comes", silence(now));
  }
  if (now.warning) {
    add("warn", WARNINGS[now.warning.name] ?? "Something is wrong with the media", sentence(now.warning.message));
  }
  if (recent.lost > 0) {
    add("warn", "Packets lost on the way from the camera", `${count(recent.lost)} in the last minute`);
  }
  if (recent.overflows > 0) {
    add("warn", "Viewers fell behind and skipped pictures", `${count(recent.overflows)} times in the last minute`);
  }
  if (now.latency_us?.p95 > LIMITS.latency_us) {
    add("warn", "Slow in the gateway: latency p95 over 100 ms", `p95 ${micros(now.latency_us.p95)}`);
  }
  return troubles;
}

// What holds viewers back. A camera that is away, or loses packets, is a trouble of its own; who asks
// for less, as small tiles do, has none.
const HELD_BACK = {
  path: ["warn", "Viewers held back by their line"],
  camera: ["warn", "Viewers get a lesser variant: the best one has no media"],
  codec: ["note", "Viewers whose browser does not play the best variant"],
};

// Of one viewer.
export function sessionTroubles({ now, recent }) {
  const troubles = [];
  const add = (level, kind, text) => troubles.push({ level, kind, text });
  if (now.held_back && HELD_BACK[now.reason]) {
    add(...HELD_BACK[now.reason], sentence(now.held_back));
  }
  if (now.loss_ppm / 1e6 >= LIMITS.loss) {
    add("warn", "Viewers lose packets", `${percent(now.loss_ppm / 1e6)} lost`);
  }
  if (recent.overflows > 0) {
    add("warn", "Viewers fell behind", `${count(recent.overflows)} times in the last minute`);
  }
  if (now.round_trip_us > LIMITS.round_trip_us) {
    add("warn", "Viewers are far away: round trip over 500 ms", micros(now.round_trip_us));
  }
  if (now.state === "connected" && now.srtp_profile && !GCM.test(now.srtp_profile)) {
    add("note", "Viewers without AES-GCM: each costs more CPU", now.srtp_profile);
  }
  return troubles;
}

function workerTroubles({ now, busy }) {
  if (busy >= LIMITS.worker_full) {
    return [{ level: "bad", kind: "Workers at their limit", text: `${percent(busy)} busy` }];
  }
  return busy >= LIMITS.worker_busy
    ? [{ level: "warn", kind: "Workers nearly at their limit", text: `${percent(busy)} busy` }]
    : [];
}

const COUNTERS = {
  datagrams_overrun: ["bad", "Datagrams lost at the UDP socket", "Raise udp_recv_buffer_bytes, or the system's rmem_max"],
  send_errors: ["warn", "Datagrams that the system refused to send", "The network interface or its queue is at its limit"],
  events_dropped: ["warn", "Events dropped: the host's callback is too slow", "Callbacks must return quickly"],
  refused_for_memory: ["bad", "Viewers refused: memory is short", "Raise memory_limit_bytes or the limit of the cgroup, or have fewer streams"],
};

const ORDER = { bad: 0, warn: 1, note: 2 };

// Tells what happened of late; keeps how the gateway's own counters grew.
export class Attention {
  #grown = new Map(); // counter -> {total, since}
  #counters = null;

  // Groups of troubles of one kind: [{level, kind, items: [{name, text, stream?}]}], worst first.
  groups(model) {
    const groups = new Map();
    const put = ({ level, kind, text }, item) => {
      const key = `${level} ${kind}`;
      if (!groups.has(key)) {
        groups.set(key, { key, level, kind, items: [] });
      }
      groups.get(key).items.push({ ...item, text });
    };
    for (const row of model.streams) {
      row.troubles = streamTroubles(row);
      row.troubles.forEach((trouble) => put(trouble, { name: row.now.name, stream: row.now.id }));
    }
    for (const row of model.sessions) {
      row.troubles = sessionTroubles(row);
      row.troubles.forEach((trouble) => put(trouble, { name: row.now.stream_name, stream: row.now.stream }));
    }
    for (const row of model.workers) {
      workerTroubles(row).forEach((trouble) => put(trouble, { name: `worker ${row.now.index}` }));
    }
    for (const trouble of this.#counterTroubles(model.snapshot)) {
      put(trouble, { name: trouble.name });
    }
    return [...groups.values()].sort((a, b) => ORDER[a.level] - ORDER[b.level] || b.items.length - a.items.length);
  }

  #counterTroubles({ counters = {}, uptime_ms }) {
    const last = this.#counters;
    this.#counters = counters;
    const troubles = [];
    for (const [name, [level, kind, advice]] of Object.entries(COUNTERS)) {
      if (last && counters[name] > last[name]) {
        this.#grown.set(name, uptime_ms);
      }
      const age = uptime_ms - this.#grown.get(name);
      if (age >= 0 && age <= 1000 * RECENT_SECONDS) {
        troubles.push({ level, kind, name: `${count(counters[name])} so far`, text: advice });
      }
    }
    return troubles;
  }
}

