// WhepPlayer plays one WHEP endpoint (draft-ietf-wish-whep) in one <video>, and keeps it playing.
// One file without dependencies: copy it into your product. License: MIT, as the project's.
//
//   import { WhepPlayer } from "./player.js";
//   const player = new WhepPlayer({ endpoint: "/door/whep", video: document.querySelector("video") });
//   player.addEventListener("state", ({ detail }) => console.log(detail.state, detail.reason));
//   player.start();
//
// new WhepPlayer(options)
//   endpoint        URL of the WHEP endpoint. Required.
//   video           The <video> to play in. Required. It is set to muted, autoplay, playsinline:
//                   browsers start nothing else by themselves. Unmute it when a person asks for sound.
//   token           Bearer token for all requests: a string, or a function that returns one or a
//                   promise of one and is asked before each request. Default: none.
//   audio           Ask for sound, too. Default: true.
//   maxBitrate      Ask for at most so many bits per second, for a metered connection. Default: no limit.
//   variant         Ask for the variant of this name or a lesser one, for a small picture; "only:NAME"
//                   for that one alone. Default: the best that the connection carries.
//                   Each of the two may be a function, which is asked before each offer.
//   rtc             RTCConfiguration. ICE servers that the endpoint names by "Link" are added.
//   trickle         Send candidates by PATCH as they are found. Default: true.
//   requestTimeout  Milliseconds for one request. Default: 10000.
//   retryMin, retryMax  Milliseconds between attempts: doubled from the first to the second, each
//                   varied by a quarter. A longer Retry-After counts. Default: 500, 10000.
//   stallAfter      Milliseconds without a picture until the state is "stalled"; at least 20000 while
//                   the gateway leaves frames out because the connection does not carry them. Default: 3000.
//
// Methods
//   start()         Connects, and again whenever the connection is lost. From "idle" only.
//   stop()          Ends the session (DELETE, which outlives the page). start() begins anew.
//   restartIce()    New ICE credentials and paths for the same session (PATCH); the picture goes on.
//                   The player does this itself when the connection breaks off. If the endpoint
//                   cannot, a new session is made. Returns a promise of true where it succeeded.
//   stats()         A promise of {width, height, fps, codec, bitrate, packetsLost, packetsReceived,
//                   framesDropped, roundTripMs, bufferMs, srtp, path}; bitrate (bit/s) and fps since
//                   the last call; path: "udp", "tcp", or "turn" for a relay. Null without a connection; fields that the browser does not tell are null.
//
// Properties
//   state           "idle": not started, or stopped; "connecting": the offer is under way, or the
//                   connection not up yet; "playing": pictures come, or sound where there is no picture;
//                   "stalled": connected, but nothing for stallAfter; "retrying": no connection, another
//                   attempt follows.
//   reason          Why there is no picture, as a sentence for a person, or null. A refusal gives
//                   the "detail" of its problem document (RFC 9457).
//   status          HTTP status of a refusal, else 0.
//   hasAudio        Whether sound has come in this session: it may begin later than the picture.
//   hasVideo        Whether the session has a picture: false for a camera that sends sound alone.
//   quality         What the gateway shows, and why: {heldBack, reason, detail, variant, bandwidth,
//                   needed}. heldBack is a sentence for a person, "this connection carries 0.6 of 2.1
//                   Mbit/s: showing the substream ...", or null where this is the best that there is;
//                   the others are those of the gateway's JSON. Asked every few seconds while
//                   connected; null before, and where an endpoint does not tell.
//   connection      The RTCPeerConnection of now, or null.
//
// Event "state": state, reason or status changed, which detail holds, or hasAudio.
// Event "quality": quality changed, but for bandwidth and needed; detail holds it.
//
// When the page goes away the session ends; when it returns from the back/forward cache a new one begins.

const SDP = "application/sdp";
const SDP_FRAGMENT = "application/trickle-ice-sdpfrag";
// ICE often recovers from "disconnected" by itself.
const RESTART_AFTER_MS = 1_000;
// A connection that is not up by then never will be.
const CONNECT_MS = 15_000;
const MEDIA_AFTER_RESTART_MS = 3_000;
// Candidates that are found within this time go in one request.
const TRICKLE_MS = 50;
const LOOK_MS = 500;
// Between two questions about what is shown: short after a change, long while nothing changes.
const ASK_MIN_MS = 2_000;
const ASK_MAX_MS = 10_000;
// Keyframes are seldom further apart.
const SPARSE_MS = 20_000;

const DEFAULTS = {
  token: null,
  audio: true,
  maxBitrate: null,
  variant: null,
  rtc: {},
  trickle: true,
  requestTimeout: 10_000,
  retryMin: 500,
  retryMax: 10_000,
  stallAfter: 3_000,
};

export class WhepPlayer extends EventTarget {
  #options;
  #video;
  #pc = null;
  #session = null; // what belongs to one POST
  #state = "idle";
  #reason = null;
  #status = 0;
  #hasAudio = false;
  #hasVideo = false;
  #retryMs;
  #timer = 0; // the next step: a retry, or a limit on the connection
  #look = 0;
  #presented = 0;
  #frames = 0; // pictures, or packets of sound, at the last look
  #lastFrame = 0;
  #lastStats = null;
  #quality = null;
  #ask = 0; // the next question about what is shown
  #page = null; // ends the listeners on the page

  constructor(options) {
    super();
    this.#options = { ...DEFAULTS, ...options };
    this.#video = this.#options.video;
    this.#retryMs = this.#options.retryMin;
    this.#video.muted = true;
    this.#video.autoplay = true;
    this.#video.playsInline = true;
  }

  get state() {
    return this.#state;
  }

  get reason() {
    return this.#reason;
  }

  get status() {
    return this.#status;
  }

  get hasAudio() {
    return this.#hasAudio;
  }

  get hasVideo() {
    return this.#hasVideo;
  }

  get quality() {
    return this.#quality;
  }

  get connection() {
    return this.#pc;
  }

  start() {
    if (this.#state !== "idle") {
      return;
    }
    this.#retryMs = this.#options.retryMin;
    this.#watchPage();
    this.#connect();
  }

  stop() {
    this.#page?.abort();
    this.#drop();
    this.#video.srcObject = null;
    this.#set("idle");
  }

  async restartIce() {
    const pc = this.#pc;
    const session = this.#session;
    if (!session?.url || session.restarting) {
      return false;
    }
    session.restarting = true;
    try {
      const received = await packetsReceived(pc);
      session.hold();
      const offer = await makeOffer(pc, { iceRestart: true });
      await pc.setLocalDescription(offer);
      const response = await this.#request(session.url, "PATCH", fragment(offer.sdp, []), {
        "Content-Type": SDP_FRAGMENT,
        "If-Match": "*",
      });
      if (response.status !== 200) {
        throw await refusal(response);
      }
      const answer = withIce(pc.currentRemoteDescription.sdp, await response.text());
      if (pc !== this.#pc) {
        return false;
      }
      session.etag = response.headers.get("ETag");
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
      session.release();
      return await this.#mediaReturns(pc, received);
    } catch (error) {
      this.#retry(pc, describe(error), error);
      return false;
    } finally {
      session.restarting = false;
    }
  }

  async stats() {
    const pc = this.#pc;
    const reports = pc && (await pc.getStats());
    const kind = this.#hasVideo ? "video" : "audio";
    const track = reports && [...reports.values()].find(isInbound(kind));
    if (!track) {
      return null;
    }
    const transport = reports.get(track.transportId);
    const pair = reports.get(transport?.selectedCandidatePairId);
    const local = reports.get(pair?.localCandidateId);
    const last = this.#lastStats?.pc === pc ? this.#lastStats.track : null;
    this.#lastStats = { pc, track };
    const seconds = last && (track.timestamp - last.timestamp) / 1000;
    const rate = (key) => (seconds && key in track ? (track[key] - last[key]) / seconds : null);
    const { jitterBufferDelay, jitterBufferEmittedCount: emitted } = track;
    return {
      width: track.frameWidth ?? null,
      height: track.frameHeight ?? null,
      fps: rate("framesDecoded"),
      codec: reports.get(track.codecId)?.mimeType?.replace(/^(video|audio)\//, "") ?? null,
      bitrate: seconds ? 8 * rate("bytesReceived") : null,
      packetsLost: track.packetsLost ?? null,
      packetsReceived: track.packetsReceived ?? null,
      framesDropped: track.framesDropped ?? null,
      roundTripMs: pair?.currentRoundTripTime >= 0 ? 1000 * pair.currentRoundTripTime : null,
      bufferMs: emitted ? (1000 * jitterBufferDelay) / emitted : null,
      srtp: transport?.srtpCipher ?? null,
      path: local ? (local.candidateType === "relay" ? "turn" : local.protocol) : null,
    };
  }

  // One attempt, from a new connection to its answer.
  async #connect() {
    this.#set("connecting", this.#reason, this.#status);
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...this.#options.rtc });
    this.#pc = pc;
    const session = new Session((body) => this.#patch(session, body));
    this.#session = session;
    const media = new MediaStream();
    pc.ontrack = ({ track }) => {
      media.addTrack(track);
      // By its first packet; it stays so if no more come.
      track.onunmute = () => track.kind === "audio" && this.#hear(pc);
    };
    pc.onconnectionstatechange = () => this.#connectionChanged(pc);
    pc.onicecandidate = ({ candidate }) => this.#options.trickle && session.found(pc, candidate);
    try {
      pc.addTransceiver("video", { direction: "recvonly" });
      if (this.#options.audio) {
        pc.addTransceiver("audio", { direction: "recvonly" });
      }
      // The offer takes effect after the answer is here: candidates are then looked for by the ICE
      // servers that came with it.
      const offer = await makeOffer(pc);
      const response = await this.#request(this.#endpoint(), "POST", offer.sdp, {
        "Content-Type": SDP,
      });
      if (response.status !== 201) {
        throw await refusal(response);
      }
      const answer = await response.text();
      const location = response.headers.get("Location");
      const url = location && new URL(location, response.url);
      if (pc !== this.#pc) {
        this.#delete(url); // stopped while the answer was under way
        return;
      }
      session.url = url;
      session.etag = response.headers.get("ETag");
      const iceServers = linkedIceServers(response.headers.get("Link"));
      if (iceServers.length > 0) {
        const known = pc.getConfiguration();
        pc.setConfiguration({ ...known, iceServers: [...known.iceServers, ...iceServers] });
      }
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: "answer", sdp: answer });
      if (pc !== this.#pc) {
        return;
      }
      session.release();
      const receives = (kind) => (transceiver) =>
        transceiver.receiver.track.kind === kind && transceiver.currentDirection === "recvonly";
      this.#hasVideo = pc.getTransceivers().some(receives("video"));
      const reason = "The connection does not come up. Does a firewall block UDP?";
      this.#timer = setTimeout(() => this.#retry(pc, reason), CONNECT_MS);
      this.#show(media);
    } catch (error) {
      this.#retry(pc, describe(error), error);
    }
  }

  #hear(pc) {
    if (pc === this.#pc && !this.#hasAudio) {
      this.#hasAudio = true;
      this.#tell();
    }
  }

  // The URL of the endpoint, with what this viewer asks for.
  #endpoint() {
    const { endpoint, maxBitrate, variant } = this.#options;
    const url = new URL(endpoint, document.baseURI);
    for (const [name, option] of Object.entries({ max_bitrate: maxBitrate, variant })) {
      const value = typeof option === "function" ? option() : option;
      if (value) {
        url.searchParams.set(name, value);
      }
    }
    return url;
  }

  #show(media) {
    const video = this.#video;
    video.srcObject = media;
    const pc = this.#pc;
    this.#frames = this.#hasVideo ? this.#countPictures() : 0;
    video.play().catch(() => {}); // refused, or replaced by the next attempt: seen by #lookAtMedia
    this.#lastFrame = performance.now();
    this.#look = setInterval(() => this.#lookAtMedia(pc), LOOK_MS);
    const presented = () => {
      if (pc === this.#pc) {
        this.#presented += 1;
        if (this.#state !== "playing") {
          this.#lookAtMedia(pc); // the first one at once
        }
        video.requestVideoFrameCallback(presented);
      }
    };
    video.requestVideoFrameCallback?.(presented);
  }

  // Pictures shown so far. Firefox counts those of a live stream by callback only; others make no
  // callbacks while the video is scrolled out of view.
  #countPictures() {
    return this.#presented + this.#video.getVideoPlaybackQuality().totalVideoFrames;
  }

  async #lookAtMedia(pc) {
    const frames = this.#hasVideo ? this.#countPictures() : await packetsReceived(pc);
    if (pc !== this.#pc || pc.connectionState !== "connected") {
      return;
    }
    const now = performance.now();
    if (frames !== this.#frames || document.hidden) {
      this.#lastFrame = now; // nothing is drawn on a hidden page: it does not count as a stall
    }
    if (frames !== this.#frames) {
      this.#frames = frames;
      this.#set("playing");
    } else if (now - this.#lastFrame >= this.#stallAfter()) {
      const why = this.#quality?.heldBack;
      const what = this.#hasVideo ? "picture" : "sound";
      this.#set("stalled", why ? `${why[0].toUpperCase()}${why.slice(1)}.` : `No ${what} comes from the camera.`);
    } else if (this.#state === "stalled") {
      this.#set("playing"); // as far as it can
    }
  }

  // Between two keyframes of a thin connection the last picture is what there is.
  #stallAfter() {
    const { stallAfter } = this.#options;
    const sparse = ["fewer_frames", "keyframes"].includes(this.#quality?.detail);
    return sparse ? Math.max(stallAfter, SPARSE_MS) : stallAfter;
  }

  #connectionChanged(pc) {
    if (pc !== this.#pc) {
      return;
    }
    switch (pc.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        this.#retryMs = this.#options.retryMin;
        this.#lastFrame = performance.now();
        this.#askLater(pc, ASK_MIN_MS);
        break;
      case "disconnected":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.restartIce(), RESTART_AFTER_MS);
        break;
      case "failed":
        this.#retry(pc, "The connection was lost.");
        break;
    }
  }

  #askLater(pc, ms) {
    clearTimeout(this.#ask);
    this.#ask = setTimeout(() => this.#askWhatIsShown(pc, ms), ms);
  }

  // There is no other way to hear of it: WHEP has no channel from the server.
  async #askWhatIsShown(pc, waited) {
    const url = this.#session?.url;
    if (pc !== this.#pc || !url) {
      return;
    }
    let quality = this.#quality;
    if (["playing", "stalled"].includes(this.#state) && !document.hidden) {
      const response = await this.#request(url, "GET", undefined, { Accept: "application/json" }).catch(() => null);
      if (response && response.status < 500) {
        quality = await readQuality(response);
        if (quality === null) {
          return; // this endpoint does not tell
        }
      }
    }
    if (pc === this.#pc) {
      const changed = this.#setQuality(quality);
      this.#askLater(pc, changed ? ASK_MIN_MS : Math.min(1.5 * waited, ASK_MAX_MS));
    }
  }

  #setQuality(quality) {
    const words = (of) => of && JSON.stringify([of.heldBack, of.reason, of.detail, of.variant]);
    const changed = words(quality) !== words(this.#quality);
    this.#quality = quality;
    if (changed) {
      this.dispatchEvent(new CustomEvent("quality", { detail: quality }));
    }
    return changed;
  }

  // A restart that brings no media is worse than a new session.
  async #mediaReturns(pc, before) {
    const end = performance.now() + MEDIA_AFTER_RESTART_MS;
    while (pc === this.#pc && performance.now() < end) {
      if ((await packetsReceived(pc)) > before && pc.iceConnectionState !== "disconnected") {
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    this.#retry(pc, "The connection was lost.");
    return false;
  }

  // What happens to a connection that was given up does not count.
  #retry(pc, reason, { status = 0, retryAfterMs = 0 } = {}) {
    if (pc !== this.#pc) {
      return;
    }
    this.#drop();
    this.#set("retrying", reason, status);
    const delay = Math.max(retryAfterMs, this.#retryMs * (0.75 + Math.random() / 2));
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#retryMs = Math.min(2 * this.#retryMs, this.#options.retryMax);
  }

  // Ends the connection and its session. The last picture stays.
  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#ask);
    clearInterval(this.#look);
    this.#setQuality(null);
    this.#session?.close();
    this.#delete(this.#session?.url);
    this.#session = null;
    this.#pc?.close();
    this.#pc = null;
    this.#hasAudio = false;
    this.#hasVideo = false;
  }

  #watchPage() {
    this.#page = new AbortController();
    const { signal } = this.#page;
    addEventListener("pagehide", () => this.#drop(), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#connect(), { signal });
    addEventListener(
      "online",
      () => {
        if (this.#state === "retrying") {
          clearTimeout(this.#timer);
          this.#connect();
        }
      },
      { signal },
    );
  }

  #set(state, reason = null, status = 0) {
    if (state === this.#state && reason === this.#reason && status === this.#status) {
      return;
    }
    this.#state = state;
    this.#reason = reason;
    this.#status = status;
    this.#tell();
  }

  #tell() {
    const detail = { state: this.#state, reason: this.#reason, status: this.#status };
    this.dispatchEvent(new CustomEvent("state", { detail }));
  }

  async #request(url, method, body, headers = {}) {
    const { token, requestTimeout } = this.#options;
    const bearer = typeof token === "function" ? await token() : token;
    return fetch(url, {
      method,
      body,
      headers: bearer ? { ...headers, Authorization: `Bearer ${bearer}` } : headers,
      // keepalive lets a DELETE outlive the page.
      ...(method === "DELETE" ? { keepalive: true } : { signal: AbortSignal.timeout(requestTimeout) }),
    });
  }

  // Sends candidates. An endpoint that does not take them may still reach us: no reason to stop.
  async #patch(session, lines) {
    const headers = { "Content-Type": SDP_FRAGMENT };
    if (session.etag) {
      headers["If-Match"] = session.etag;
    }
    const response = await this.#request(session.url, "PATCH", lines, headers).catch(() => null);
    if (response && response.status >= 400 && response.status !== 412) {
      session.close();
    }
  }

  // The gateway ends a dead session by itself, should this not arrive.
  #delete(url) {
    if (url) {
      this.#request(url, "DELETE").catch(() => {});
    }
  }
}

// One session at the endpoint, and the candidates that still have to go there.
class Session {
  url = null;
  etag = null;
  restarting = false;
  #send;
  #candidates = [];
  #sdp = "";
  #held = true;
  #closed = false;
  #timer = 0;

  constructor(send) {
    this.#send = send;
  }

  // A candidate, or null when there are no more.
  found(pc, candidate) {
    this.#sdp = pc.localDescription.sdp;
    this.#candidates.push(candidate?.candidate ? `a=${candidate.candidate}` : "a=end-of-candidates");
    this.#soon();
  }

  // Candidates wait: for the first answer, or for the entity tag of a restart.
  hold() {
    this.#held = true;
    this.#candidates = [];
  }

  release() {
    this.#held = false;
    this.#soon();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #soon() {
    clearTimeout(this.#timer);
    if (this.url && !this.#held && !this.#closed && this.#candidates.length > 0) {
      this.#timer = setTimeout(() => {
        const lines = [...new Set(this.#candidates)];
        this.#candidates = [];
        this.#send(fragment(this.#sdp, lines));
      }, TRICKLE_MS);
    }
  }
}

// Browsers play Opus in mono unless their own description says "stereo" (RFC 7587).
async function makeOffer(pc, options) {
  const { type, sdp } = await pc.createOffer(options);
  const opus = sdp.match(/^a=rtpmap:(\d+) opus\//im)?.[1];
  return { type, sdp: sdp.replace(new RegExp(`^a=fmtp:${opus} (?!.*stereo=)`, "m"), "$&stereo=1;") };
}

// An SDP fragment (RFC 8840) for the first media section, which carries the whole bundle.
function fragment(sdp, candidates) {
  const line = (pattern) => sdp.match(pattern)?.[0] ?? "";
  return [
    line(/^a=ice-ufrag:.*$/m),
    line(/^a=ice-pwd:.*$/m),
    line(/^m=.*$/m),
    line(/^a=mid:.*$/m),
    ...candidates,
    "",
  ]
    .map((text) => text.trim())
    .join("\r\n");
}

// The answer in force with the ICE parameters of a fragment: what answers a restart.
function withIce(answer, ice) {
  const lines = ice.split(/\r?\n/);
  const value = (name) => lines.find((line) => line.startsWith(`a=${name}:`));
  const candidates = lines.filter((line) => /^a=(candidate:|end-of-candidates)/.test(line));
  const [ufrag, pwd] = [value("ice-ufrag"), value("ice-pwd")];
  if (!ufrag || !pwd) {
    throw new Error("The server's answer to the ICE restart has no credentials.");
  }
  let first = true;
  const merged = answer.split("\r\n").flatMap((line) => {
    if (line.startsWith("a=ice-ufrag:")) {
      return [ufrag];
    }
    if (line.startsWith("a=ice-pwd:")) {
      const more = first ? candidates : [];
      first = false;
      return [pwd, ...more];
    }
    return /^a=(candidate:|end-of-candidates)/.test(line) ? [] : [line];
  });
  return merged.join("\r\n");
}

// RFC 8288: Link: <turn:host>; rel="ice-server"; username="u"; credential="c"
function linkedIceServers(header) {
  const value = '(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,"]+))';
  const parameter = `([\\w-]+)\\s*=\\s*${value}`;
  const link = new RegExp(`<([^>]*)>((?:\\s*;\\s*${parameter})*)`, "g");
  const servers = [];
  for (const [, urls, parameters] of (header ?? "").matchAll(link)) {
    const values = {};
    for (const [, name, quoted, plain] of parameters.matchAll(new RegExp(parameter, "g"))) {
      values[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    }
    if (values.rel === "ice-server" && /^(stun|turn)s?:/.test(urls)) {
      const { username, credential } = values;
      servers.push(username === undefined ? { urls } : { urls, username, credential });
    }
  }
  return servers;
}

function isInbound(kind) {
  return (report) => report.type === "inbound-rtp" && report.kind === kind;
}

async function packetsReceived(pc) {
  let packets = 0;
  for (const report of (await pc.getStats()).values()) {
    packets += report.type === "inbound-rtp" ? report.packetsReceived : 0;
  }
  return packets;
}

// A refused request as an error: a sentence, the status, and how long to wait.
async function refusal(response) {
  const text = await response.text();
  let detail = text.trim();
  if (/\bjson\b/.test(response.headers.get("Content-Type"))) {
    try {
      const problem = JSON.parse(text);
      detail = problem.detail ?? problem.title ?? "";
    } catch {
      detail = "";
    }
  } else if (/^\s*</.test(text)) {
    detail = ""; // some proxy's page
  }
  const error = new Error(detail || `The server answered ${response.status}.`);
  error.status = response.status;
  error.retryAfterMs = retryAfterMs(response.headers.get("Retry-After"));
  return error;
}

// What an answer about the session tells; null if the endpoint does not know the question.
async function readQuality(response) {
  if (!response.ok || !/\bjson\b/.test(response.headers.get("Content-Type"))) {
    return null;
  }
  const told = await response.json().catch(() => null);
  return (
    told && {
      heldBack: told.held_back ?? null,
      reason: told.reason ?? null,
      detail: told.detail ?? null,
      variant: told.variant_name ?? null,
      bandwidth: told.bandwidth_bps ?? null,
      needed: told.needed_bps ?? null,
    }
  );
}

// Seconds, or a date (RFC 9110, 10.2.3).
function retryAfterMs(text) {
  const ms = /^\d+$/.test(text ?? "") ? 1000 * Number(text) : Date.parse(text) - Date.now();
  return Math.min(Math.max(ms || 0, 0), 300_000);
}

function describe(error) {
  switch (error.name) {
    case "TypeError":
      return "The server cannot be reached.";
    case "TimeoutError":
      return "The server does not answer.";
    default:
      return error.message;
  }
}
