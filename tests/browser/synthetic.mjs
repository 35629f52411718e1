// A gateway that is not there: serves the pages with made-up snapshots of any number of cameras, to
// look at the dashboard and the wall at sizes that no test machine could carry.
//   node synthetic.mjs [PORT [CAMERAS]]    to look at it in a browser of your own

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const PAGES = new URL("../../src/http/pages/", import.meta.url);
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const POLICY =
  "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

const SIZES = [
  [1920, 1080, 4.1e6],
  [2560, 1440, 6.2e6],
  [1280, 720, 2.1e6],
  [640, 360, 0.7e6],
];
// What some viewers get, by the last digits of their ids.
const SHOWN = {
  3: { detail: "keyframes", reason: "path", held_back: "this connection carries 0.6 of 2.1 Mbit/s: showing only the keyframes" },
  6: { detail: "all_frames", reason: "viewer", held_back: "this viewer asked for at most \"lobby-sub\": showing the substream \"lobby-sub\"", variant: 9999, variant_name: "lobby-sub" },
};

const PLACES = ["door", "yard", "hall", "gate", "dock", "lobby", "stairs", "garage", "roof", "store"];

const ADDRESS = "192.0.2.";
const FAULTS = {
  auth: (i) => ["retrying", "credentials rejected", `camera ${ADDRESS}${i}:554 refused the user or the password: check both, and that this user may watch by RTSP`],
  dead: (i) => ["retrying", "camera unreachable", `camera ${ADDRESS}${i}:554 cannot be reached (Connection refused): check that it is on the network, and host and port of its URL`],
  stalled: (i) => ["retrying", "camera stopped sending", `camera ${ADDRESS}${i}:554 sent no video for 10 s: check the camera and the network to it; with UDP, that no firewall is in the way`],
  connecting: () => ["connecting", "ok", ""],
};

// The same numbers each time.
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

// Which cameras are in trouble; the rest are well.
function faultOf(i, count, healthy) {
  if (healthy) {
    return null;
  }
  const every = Math.max(Math.floor(count / 3), 5);
  return { 2: "auth", 4: "dead" }[i % every] ?? (i === 7 ? "stalled" : i === 11 ? "connecting" : i === 40 ? "dead" : null);
}

export class SyntheticGateway {
  // healthy: nothing needs attention.
  constructor({ cameras = 16, viewersEach = 2, healthy = false } = {}) {
    this.random = random(7);
    this.healthy = healthy;
    this.ms = 0;
    this.streams = Array.from({ length: cameras }, (_, i) => this.#stream(i, cameras));
    let id = 1000;
    this.sessions = this.streams.flatMap((stream) =>
      Array.from({ length: stream.state === "live" ? (stream.id * 7) % (2 * viewersEach + 1) : 0 }, () =>
        this.#session(stream, id++),
      ),
    );
    this.workers = [0, 1].map((index) => ({
      index,
      busy_us: 0,
      streams: Math.ceil(cameras / 2),
      sessions: Math.ceil(this.sessions.length / 2),
      cost_us: { rtsp: 0, packetize: 0, seal: 0, send: 0, control: 0 },
    }));
    this.cpu = 0;
    this.overrun = 0;
  }

  #stream(i, count) {
    const [width, height, bps] = SIZES[(i * 5) % SIZES.length];
    const fault = faultOf(i, count, this.healthy);
    const [state, status, message] = fault ? FAULTS[fault](10 + (i % 240)) : ["live", "ok", ""];
    const place = PLACES[i % PLACES.length];
    return {
      fault, bps,
      id: i + 1, variants: [], name: `${place}-${String(Math.floor(i / PLACES.length) + 1).padStart(2, "0")}`, source: i % 9 === 8 ? "push" : "pull",
      state, status, message,
      video_codec: fault === "auth" || fault === "dead" ? null : i % 6 === 5 ? "H265" : "H264", audio_codec: i % 3 ? null : "PCMU",
      width: fault === "auth" || fault === "dead" ? 0 : width, height: fault === "auth" || fault === "dead" ? 0 : height, bitrate_bps: 0, sessions: 0, reconnects: fault ? 3 : 0, given_up: 0, warning: null,
      bytes: 0, frames: 0, keyframes: 0, frames_dropped: 0, packets_lost: 0, keyframe_requests: 0, quirks: {},
      since_last_media_ms: fault ? (fault === "stalled" ? 14_000 : null) : 20,
      memory_bytes: fault ? 0 : Math.round(bps / 2), cost_us: { packetize: 0, seal: 0, send: 0 },
      latency_us: fault ? null : { p50: 300 + 40 * (i % 9), p95: 900 + 110 * (i % 13), max: 4000 + 900 * (i % 5) },
      sent: { bytes: 0, packets: 0, nacks: 0, retransmits: 0, plis: 0, overflows: 0 },
    };
  }

  #session(stream, id) {
    const troubled = !this.healthy && id % 23 === 5;
    const shown = (!this.healthy && SHOWN[id % 19]) || { detail: "all_frames", reason: "nothing", held_back: null };
    stream.sessions += 1;
    return {
      id, stream: stream.id, stream_name: stream.name, state: "connected",
      srtp_profile: !this.healthy && id % 31 === 9 ? "AES128_CM_HMAC_SHA1_80" : "AEAD_AES_128_GCM",
      remote: `198.51.100.${id % 250}:${50_000 + (id % 9999)}`,
      bytes_sent: 0, packets_sent: 0, nacks: 0, retransmits: 0, plis: id % 4, overflows: 0, skips: 0,
      variant: stream.id, variant_name: stream.name, ...shown, bandwidth_bps: id % 7 ? null : 8_000_000, needed_bps: stream.bps,
      switches: { up: 0, down: 0, fewer_frames: 0, keyframes: 0, sound_only: 0 },
      round_trip_us: troubled ? 180_000 : 1200 + 700 * (id % 17), loss_ppm: troubled ? 46_000 : id % 5 ? 0 : 800,
      age_ms: 60_000 * (id % 300),
    };
  }

  // Lets a time pass.
  advance(ms = 1000) {
    const seconds = ms / 1000;
    const wave = 1 + 0.25 * Math.sin(this.ms / 40_000) + 0.06 * (this.random() - 0.5);
    this.ms += ms;
    const byId = new Map(this.streams.map((stream) => [stream.id, stream]));
    for (const stream of this.streams) {
      if (stream.state !== "live") {
        stream.since_last_media_ms += stream.since_last_media_ms === null ? 0 : ms;
        continue;
      }
      const bps = stream.bps * wave;
      stream.bitrate_bps = Math.round(bps);
      stream.frames += Math.round(25 * seconds);
      stream.bytes += Math.round((bps / 8) * seconds);
      stream.cost_us.packetize += Math.round((bps / 1e6) * 120 * seconds);
      if (!this.healthy && stream.id === 10) {
        stream.packets_lost += Math.round(4 * this.random());
      }
      if (!this.healthy && stream.id === 13) {
        stream.latency_us = { p50: 22_000, p95: Math.round(118_000 + 12_000 * this.random()), max: 240_000 };
      }
    }
    for (const session of this.sessions) {
      const stream = byId.get(session.stream);
      const bytes = Math.round((stream.bps * wave * seconds) / 8);
      const packets = Math.round(bytes / 1150);
      const again = Math.round((packets * session.loss_ppm) / 1e6);
      session.bytes_sent += bytes;
      session.packets_sent += packets;
      session.nacks += again;
      session.retransmits += again;
      session.age_ms += ms;
      stream.sent.bytes += bytes;
      stream.sent.packets += packets;
      stream.sent.nacks += again;
      stream.sent.retransmits += again;
      stream.cost_us.seal += Math.round(packets * 0.5);
      stream.cost_us.send += Math.round(packets * 0.9);
    }
    const load = Math.min(0.9, this.sessions.length / 400 + 0.05) * wave;
    this.workers.forEach((worker, i) => {
      const busy = Math.min(0.985, load * (!this.healthy && i === 1 ? 1.9 : 1)) * seconds * 1e6;
      worker.busy_us += Math.round(busy);
      for (const [part, share] of Object.entries({ rtsp: 0.34, packetize: 0.13, seal: 0.17, send: 0.31, control: 0.05 })) {
        worker.cost_us[part] += Math.round(share * busy);
      }
      this.cpu += busy * 1.06;
    });
  }

  snapshot() {
    const streams = this.streams.map(({ fault, bps, ...stream }) => stream);
    return {
      version: "0.1.0", unix_ms: Date.UTC(2026, 5, 1, 12) + this.ms, uptime_ms: 93_784_000 + this.ms,
      process: { resident_bytes: (30 + this.streams.length + 0.06 * this.sessions.length) * 2 ** 20, cpu_us: Math.round(this.cpu) },
      workers: this.workers,
      counters: { datagrams_unknown: 3, datagrams_overrun: this.overrun, send_errors: 0, events_dropped: 0, interface_enumerations: 4 },
      tuning: TUNING,
      streams, sessions: this.sessions,
    };
  }
}

// For launchBrowser(): a connection within the browser needs addresses, since nobody resolves names for it.
export const WITHIN_BROWSER = ["--disable-features=WebRtcHideLocalIpsWithMdns"];

// An answer by a connection of the page itself, which sends a moving picture, or none while window.still.
export const answerFromPage = (page, offer) => sendFromPage(page, offer);

// An offer by such a connection, which is window.sender.
export const offerFromPage = (page) => sendFromPage(page, null);

function sendFromPage(page, offer) {
  return page.evaluate(async (sdp) => {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    setInterval(() => {
      if (window.still) {
        return;
      }
      context.fillStyle = `rgb(${Math.random() * 255}, 0, 0)`;
      context.fillRect(0, 0, 300, 150);
    }, 40);
    const pc = new RTCPeerConnection();
    window.sender = pc;
    const [track] = canvas.captureStream().getVideoTracks();
    if (sdp === null) {
      pc.addTransceiver(track, { direction: "sendonly" });
    } else {
      await pc.setRemoteDescription({ type: "offer", sdp });
      const { sender } = pc.getTransceivers().find(({ receiver }) => receiver.track.kind === "video");
      pc.getTransceivers().forEach((transceiver) => (transceiver.direction = "sendonly"));
      await sender.replaceTrack(track);
    }
    await pc.setLocalDescription();
    while (pc.iceGatheringState !== "complete") {
      await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
    return pc.localDescription.sdp;
  }, offer);
}

const knob = (name, value, preset, min, max, applies) => ({ name, value, default: preset, min, max, applies });
const TUNING = [
  knob("worker_threads", 0, 0, 0, 64, "create"),
  knob("nack", 1, 1, 0, 1, "new_sessions"),
  knob("nack_history_packets", 2048, 512, 0, 8192, "now"),
  knob("rtcp_interval_ms", 500, 1000, 100, 60_000, "new_sessions"),
  knob("srtp_policy", 0, 0, 0, 2, "new_sessions"),
  knob("gso", 1, 1, 0, 1, "now"),
  knob("send_batch_packets", 32, 32, 1, 64, "now"),
  knob("gop_cache", 1, 1, 0, 1, "now"),
  knob("gop_cache_bytes", 8_388_608, 8_388_608, 65_536, 1_073_741_824, "now"),
  knob("pacing", 1, 1, 0, 1, "new_sessions"),
  knob("max_sessions", 0, 0, 0, 1_000_000, "now"),
];

// Serves gateway and pages as the library's listener does; token: the bearer token asked for.
export async function serveSynthetic(gateway, { port = 0, token = null } = {}) {
  const api = {
    "/api/gateway": () => gateway.snapshot(),
    "/api/streams": () => gateway.snapshot().streams,
    "/api/sessions": () => gateway.snapshot().sessions,
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://gateway");
    const answer = (status, type, body) => {
      response.writeHead(status, { "Content-Type": type, "Content-Security-Policy": POLICY, "Cache-Control": "no-store" });
      response.end(body);
    };
    const problem = (status, detail) => answer(status, "application/problem+json", JSON.stringify({ status, detail }));
    if (api[pathname]) {
      if (token && request.headers.authorization !== `Bearer ${token}`) {
        return problem(401, "This gateway asks for a bearer token.");
      }
      return answer(200, "application/json", JSON.stringify(api[pathname]()));
    }
    if (pathname.endsWith("/whep")) {
      return problem(409, "There is no media behind these figures.");
    }
    if (request.method !== "GET") {
      return problem(405, "This can be read only.");
    }
    const file =
      { "/": "cameras.html", "/dashboard": "dashboard.html", "/player.js": "player.js", "/wall.js": "wall.js" }[pathname] ??
      (pathname.startsWith("/assets/uplot.") ? pathname.replace("/assets/", "vendor/") : pathname.startsWith("/assets/") ? pathname.slice(8) : "camera.html");
    try {
      answer(200, `${TYPES[file.split(".").at(-1)]}; charset=utf-8`, await readFile(new URL(file, PAGES)));
    } catch {
      problem(404, "Nothing is here.");
    }
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const gateway = new SyntheticGateway({ cameras: Number(process.argv[3] ?? 64) });
  const { url } = await serveSynthetic(gateway, { port: Number(process.argv[2] ?? 8890) });
  setInterval(() => gateway.advance(), 1000);
  console.log(`${url}dashboard`);
}
