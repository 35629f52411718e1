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
//   video           The <video> to play in. Required without a scene. It is set to muted, autoplay, playsinline:
//                   browsers start nothing else by themselves. Unmute it when a person asks for sound.
//   token           Bearer token for all requests: a string, or a function that returns one or a
//                   promise of one and is asked before each request. Default: none.
//   audio           Ask for sound, too. Default: true.
//   maxBitrate      Ask for at most so many bits per second, for a metered connection. Default: no limit.
//   variant         Ask for the variant of this name or a lesser one, for a small picture; "only:NAME"
//                   for that one alone. Default: the best that the connection carries.
//                   Each of the two may be a function, which is asked before each offer.
//   query           A function that returns more for the endpoint's query, "a=b&c=d" as it stands in a
//                   URL, or "". Asked before each offer. Default: none.
//   scene           What to play in place of `video`, for a client of more than one picture, as wall.js
//                   is: {ask(pc) adds the sections and channels of an offer; show(pc, look): the answer
//                   is in effect, and look() may be called when a picture comes; pictures(): how many
//                   were shown so far; clear(): it is stopped}. No quality then. Default: one picture.
//   rtc             RTCConfiguration. ICE servers that the endpoint names by "Link" are added.
//   trickle         Send candidates by PATCH as they are found. Default: true.
//   requestTimeout  Milliseconds for one request. Default: 10000.
//   retryMin, retryMax  Milliseconds between attempts: doubled from the first to the second, each
//                   varied by a quarter. A longer Retry-After counts. While the server cannot be reached
//                   at most 1 s, or a sixtieth of the time that it is away. Default: 500, 10000.
//   stallAfter      Milliseconds without a picture until the state is "stalled"; at least 20000 while
//                   the gateway leaves frames out because the connection does not carry them. Default: 3000.
//
// Methods
//   start()         Connects, and again whenever the connection is lost. From "idle" and "failed".
//   stop()          Ends the session (DELETE, which outlives the page). start() begins anew.
//   restartIce()    New ICE credentials and paths for the same session (PATCH); the picture goes on.
//                   The player does this itself when the connection breaks off. If the endpoint
//                   cannot, a new session is made. Returns a promise of true where it succeeded.
//   request(method, body, headers)  A request about the session, with the token: a promise of the
//                   Response, or of null where there is no session. Rejects as fetch() does.
//   stats()         A promise of {width, height, fps, codec, bitrate, packetsLost, packetsReceived,
//                   framesDropped, roundTripMs, bufferMs, srtp, path}; bitrate (bit/s) and fps since
//                   the last call. Null without a connection; fields that the browser does not tell
//                   are null.
//
// Properties
//   state           "idle": not started, or stopped; "connecting": the offer is under way, or the
//                   connection not up yet; "playing": pictures come, or sound where there is no picture;
//                   "stalled": connected, but nothing for stallAfter, or the gateway says that the camera
//                   is away; "retrying": no connection, another attempt follows; "failed": refused, and
//                   another attempt would be: 4xx without Retry-After, but for 406, 408, 409, 425, 429.
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
//   path            How media comes: "udp", "tcp", or "turn" for a relay; null while not connected.
//   connection      The RTCPeerConnection of now, or null.
//
// Event "state": state, reason or status changed, which detail holds, or hasAudio.
// Event "quality": quality changed, but for bandwidth and needed; detail holds it.
// Event "path": path changed; detail holds it.
//
// Paths: browsers try all candidates of an answer, and prefer UDP to TCP to a relay. A path on which
// their checks pass and the connection does not come up all the same is left out of the next attempt:
// first without UDP, then through a relay only, then again with all.
//
// Events of the gateway (WHEP's server-sent events) are listened to by one player of a page, while its
// window has the focus: browsers have six connections per server, for all windows.
//
// When the page goes away the session ends; when it returns from the back/forward cache a new one begins.

const SDP = "application/sdp";
const SDP_FRAGMENT = "application/trickle-ice-sdpfrag";
const JSON_TYPE = "application/json";
const EVENTS = "urn:ietf:params:whep:ext:core:server-sent-events";
// ICE often recovers from "disconnected" by itself.
const RESTART_AFTER_MS = 1_000;
// A connection that is not up by then never will be.
const CONNECT_MS = 15_000;
// Without media for so long, is the session still there?
const SUSPECT_MS = 1_200;
// Between two of these questions.
const CHECK_MS = 10_000;
// A host that has just started may not have added its cameras yet.
const STARTING_MS = 10_000;
// A connection that lasted less is no success.
const LASTING_MS = 5_000;
// Between attempts while the server cannot be reached: it is found soon after its return.
const AWAY_MS = 1_000;
// Those that hear the same at the same time do not come back at the same time.
const SOON_MS = 250;
const MEDIA_AFTER_RESTART_MS = 3_000;
// Candidates that are found within this time go in one request.
const TRICKLE_MS = 50;
const LOOK_MS = 500;
// Between two questions about what is shown: short after a change, long while nothing changes.
const ASK_MIN_MS = 2_000;
const ASK_MAX_MS = 10_000;
// Keyframes are seldom further apart.
const SPARSE_MS = 20_000;
// What the next attempt leaves out if the connection does not come up.
const LADDER = ["all", "no-udp", "relay"];
// Servers, by origin, whose events a player of this page listens to.
const listening = new Set();
// Tells the others when one has stopped.
const vacancy = new EventTarget();

const DEFAULTS = {
  token: null,
  audio: true,
  maxBitrate: null,
  variant: null,
  query: null,
  scene: null,
  rtc: {},
  trickle: true,
  requestTimeout: 10_000,
  retryMin: 500,
  retryMax: 10_000,
  stallAfter: 3_000,
};

export class WhepPlayer extends EventTarget {
  #options;
  #scene;
  #pc = null;
  #session = null; // what belongs to one POST
  #state = "idle";
  #reason = null;
  #status = 0;
  #hasAudio = false;
  #hasVideo = false;
  #path = null;
  #backoff;
  #notBefore = 0; // the server wants no attempt until then
  #awayAt = -Infinity; // when the server was last away, or the connection lost
  #rung = 0; // of the ladder
  #elsewhere = null; // the endpoint that the gateway has named in place of the first
  #timer = 0; // the next step: a retry, or a limit on the connection
  #look = 0;
  #events = null; // ends the listening to the gateway
  #upAt = null; // when this connection came up
  #checkedAt = -Infinity; // whether the gateway still has the session
  #frames = 0; // pictures, or packets of sound, at the last look
  #lastFrame = 0;
  #lastStats = null;
  #quality = null;
  #ask = 0; // the next question about what is shown
  #page = null; // ends the listeners on the page

  constructor(options) {
    super();
    this.#options = { ...DEFAULTS, ...options };
    const { video, audio, scene } = this.#options;
    this.#scene = scene ?? new OnePicture(video, audio);
    this.#backoff = new Backoff(this.#options);
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

  get path() {
    return this.#path;
  }

  get connection() {
    return this.#pc;
  }

  start() {
    if (this.#state !== "idle" && this.#state !== "failed") {
      return;
    }
    this.#backoff.reset();
    this.#elsewhere = null;
    this.#rung = 0;
    this.#watchPage();
    this.#connect();
  }

  stop() {
    this.#page?.abort();
    this.#drop();
    this.#scene.clear();
    this.#set("idle");
  }

  async request(method, body, headers) {
    const url = this.#session?.url;
    return url ? this.#request(url, method, body, headers) : null;
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
      this.#retry(pc, describe(error), { away: isAway(error), soon: true });
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
    const pair = selectedPair(reports);
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
      path: pathOf(reports, pair),
    };
  }

  // --- One attempt: from a new connection to the answer ---

  async #connect() {
    this.#set("connecting", this.#reason, this.#status);
    const leftOut = LADDER[this.#rung];
    const policy = leftOut === "relay" ? { iceTransportPolicy: "relay" } : {};
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", ...this.#options.rtc, ...policy });
    this.#pc = pc;
    const session = new Session((body) => this.#patch(session, body));
    this.#session = session;
    // By its first packet; it stays so if no more come.
    pc.ontrack = ({ track }) => (track.onunmute = () => track.kind === "audio" && this.#hear(pc));
    pc.onconnectionstatechange = () => this.#connectionChanged(pc);
    pc.onicecandidate = ({ candidate }) => this.#options.trickle && session.found(pc, candidate);
    try {
      this.#scene.ask(pc);
      // The offer takes effect after the answer is here: candidates are then looked for by the ICE
      // servers that came with it.
      const offer = await makeOffer(pc);
      const response = await this.#request(this.#endpoint(), "POST", offer.sdp, {
        "Content-Type": SDP,
      });
      const countered = isCounterOffer(response);
      if (response.status !== 201 && !countered) {
        throw await refusal(response);
      }
      const sdp = await response.text();
      const location = response.headers.get("Location");
      const url = location && new URL(location, response.url);
      if (pc !== this.#pc) {
        this.#delete(url); // stopped while the answer was under way
        return;
      }
      session.url = url;
      session.etag = response.headers.get("ETag");
      const links = linksOf(response.headers.get("Link"));
      session.events = eventsOf(links, response.url);
      const known = pc.getConfiguration();
      const iceServers = [...known.iceServers, ...iceServersOf(links)];
      if (iceServers.length > 0) {
        pc.setConfiguration({ ...known, iceServers: leftOut === "relay" ? withoutUdpRelays(iceServers) : iceServers });
      }
      session.ladder = LADDER.filter((rung) => isUsable(rung, sdp, pc.getConfiguration().iceServers));
      const theirs = leftOut === "no-udp" ? withoutUdp(sdp) : sdp;
      await (countered ? this.#answer(pc, session, theirs) : this.#takeAnswer(pc, offer, theirs));
      if (pc !== this.#pc) {
        return;
      }
      session.release();
      this.#watchTransport(pc);
      const receives = (kind) => (transceiver) =>
        transceiver.receiver.track.kind === kind && transceiver.currentDirection === "recvonly";
      this.#hasVideo = pc.getTransceivers().some(receives("video"));
      if (this.#upAt === null) {
        this.#timer = setTimeout(() => this.#climb(pc, session), CONNECT_MS);
      }
      this.#show(pc);
    } catch (error) {
      this.#retry(pc, describe(error), { ...error, away: isAway(error), final: this.#isFinal(error) });
    }
  }

  async #takeAnswer(pc, offer, sdp) {
    await pc.setLocalDescription(offer);
    await pc.setRemoteDescription({ type: "answer", sdp });
  }

  // Some servers make the offer themselves, or another one (406). This connection has offered nothing
  // to itself yet.
  async #answer(pc, session, sdp) {
    await pc.setRemoteDescription({ type: "offer", sdp });
    const answer = await makeAnswer(pc);
    const why = sdp.match(/^i=(.*)$/m)?.[1].trim();
    if (!/^m=\w+ [1-9]/m.test(answer.sdp)) {
      throw Object.assign(new Error(why || "This browser plays nothing that the server offers."), { status: 406 });
    }
    await pc.setLocalDescription(answer);
    const response = await this.#request(session.url, "PATCH", answer.sdp, { "Content-Type": SDP });
    if (!response.ok) {
      throw await refusal(response);
    }
  }

  // The gateway says goodbye by DTLS, long before ICE misses it.
  #watchTransport(pc) {
    for (const { transport } of pc.getReceivers()) {
      transport?.addEventListener("statechange", () => {
        if (transport.state === "closed" || transport.state === "failed") {
          this.#retry(pc, "The gateway ended the connection.", { soon: true });
        }
      });
    }
  }

  // The connection did not come up: the next attempt leaves out what this one may have hung on.
  #climb(pc, session) {
    const rungs = session.ladder.map((rung) => LADDER.indexOf(rung));
    this.#rung = rungs.find((rung) => rung > this.#rung) ?? 0;
    this.#retry(pc, "The connection does not come up. Does a firewall block UDP?");
  }

  // What would be refused again. Not yet while the host may be starting.
  #isFinal({ status, retryAfterMs }) {
    const starting = status === 404 && performance.now() - this.#awayAt < STARTING_MS;
    const passing = [406, 408, 409, 425, 429].includes(status);
    return status >= 400 && status < 500 && !passing && !starting && !(retryAfterMs > 0);
  }

  #hear(pc) {
    if (pc === this.#pc && !this.#hasAudio) {
      this.#hasAudio = true;
      this.#tell();
    }
  }

  // The URL of the endpoint, with what this viewer asks for.
  #endpoint() {
    const { endpoint, maxBitrate, variant, query } = this.#options;
    const url = new URL(this.#elsewhere ?? endpoint, document.baseURI);
    for (const [name, option] of Object.entries({ max_bitrate: maxBitrate, variant })) {
      const value = typeof option === "function" ? option() : option;
      if (value) {
        url.searchParams.set(name, value);
      }
    }
    const more = query?.();
    if (more) {
      url.search += `${url.search ? "&" : "?"}${more}`;
    }
    return url;
  }

  // --- While it is connected: what is shown, how, and whether ---

  #show(pc) {
    this.#frames = this.#hasVideo ? this.#scene.pictures() : 0;
    this.#lastFrame = performance.now();
    this.#look = setInterval(() => this.#lookAtMedia(pc), LOOK_MS);
    // The first one at once.
    this.#scene.show(pc, () => pc === this.#pc && this.#state !== "playing" && this.#lookAtMedia(pc));
  }

  async #lookAtMedia(pc) {
    const frames = this.#hasVideo ? this.#scene.pictures() : await packetsReceived(pc);
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
      return;
    }
    const still = now - this.#lastFrame;
    const suspect = this.#isSparse ? this.#stallAfter : SUSPECT_MS;
    if (still >= suspect && now - this.#checkedAt >= CHECK_MS) {
      this.#checkSession(pc);
    }
    if (still >= this.#stallAfter) {
      const why = this.#quality?.heldBack;
      const what = this.#hasVideo ? "picture" : "sound";
      this.#set("stalled", why ? `${why[0].toUpperCase()}${why.slice(1)}.` : `No ${what} comes from the camera.`);
    } else if (this.#state === "stalled") {
      this.#set("playing"); // as far as it can
    }
  }

  // Between two keyframes of a thin connection the last picture is what there is.
  get #isSparse() {
    return ["fewer_frames", "keyframes"].includes(this.#quality?.detail);
  }

  get #stallAfter() {
    const { stallAfter } = this.#options;
    return this.#isSparse ? Math.max(stallAfter, SPARSE_MS) : stallAfter;
  }

  // Whether the gateway still has the session: a host that was killed says no goodbye. One failure may be
  // the viewer's own network, which is changing.
  async #checkSession(pc) {
    this.#checkedAt = performance.now();
    const url = this.#session?.url;
    if (!url) {
      return;
    }
    for (const attempt of [1, 2]) {
      try {
        const { status } = await this.#request(url, "GET");
        if (pc === this.#pc && (status === 404 || status === 410)) {
          this.#retry(pc, "The gateway has ended the session.", { soon: true });
        }
        return;
      } catch (error) {
        if (pc !== this.#pc || !navigator.onLine || error.name === "TimeoutError") {
          return; // ICE will find out
        }
        if (attempt === 2) {
          this.#retry(pc, describe(error), { away: true });
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    }
  }

  #connectionChanged(pc) {
    if (pc !== this.#pc) {
      return;
    }
    switch (pc.connectionState) {
      case "connected":
        clearTimeout(this.#timer);
        this.#lastFrame = performance.now();
        this.#upAt ??= performance.now();
        this.#lookAtPath(pc);
        this.#askLater(pc, ASK_MIN_MS);
        this.#listen();
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

  async #lookAtPath(pc) {
    const reports = await pc.getStats();
    if (pc !== this.#pc) {
      return;
    }
    const path = pathOf(reports, selectedPair(reports));
    if (path) {
      this.#setPath(path);
    } else {
      setTimeout(() => pc === this.#pc && this.#lookAtPath(pc), LOOK_MS); // figures may be a moment old
    }
  }

  #setPath(path) {
    if (path !== this.#path) {
      this.#path = path;
      this.dispatchEvent(new CustomEvent("path", { detail: path }));
    }
  }

  // WHEP has no event for it.
  async #askWhatIsShown(pc, waited) {
    const url = this.#session?.url;
    if (pc !== this.#pc || !url) {
      return;
    }
    this.#lookAtPath(pc);
    let quality = this.#quality;
    if (!this.#options.scene && ["playing", "stalled"].includes(this.#state) && !document.hidden) {
      const response = await this.#request(url, "GET", undefined, { Accept: JSON_TYPE }).catch(() => null);
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

  // --- Events of the gateway ---

  // Listens as long as it may: then another player of this page, or another window, takes over.
  async #listen() {
    const pc = this.#pc;
    const session = this.#session;
    const url = session?.events;
    if (!url || this.#upAt === null || this.#events || document.hidden || !document.hasFocus() || listening.has(url.origin)) {
      return;
    }
    listening.add(url.origin);
    const events = new AbortController();
    this.#events = events;
    try {
      const wanted = JSON.stringify(["active", "inactive", "reconnect"]);
      const made = await this.#request(url, "POST", wanted, { "Content-Type": JSON_TYPE });
      if (made.status !== 201) {
        session.events = null;
        return;
      }
      const stream = new URL(made.headers.get("Location"), made.url);
      const { body } = await this.#request(stream, "GET", undefined, { Accept: "text/event-stream" }, events.signal);
      await readEvents(body, (name, data) => pc === this.#pc && this.#heard(pc, name, data));
    } catch {
      // It broke off.
    } finally {
      listening.delete(url.origin);
      if (this.#events === events) {
        this.#events = null;
      }
      if (events.signal.aborted) {
        vacancy.dispatchEvent(new Event("vacant"));
      }
    }
    if (pc === this.#pc && !events.signal.aborted) {
      this.#checkSession(pc);
      setTimeout(() => pc === this.#pc && this.#listen(), CHECK_MS);
    }
  }

  #heard(pc, name, data) {
    if (name === "inactive") {
      this.#lastFrame = -Infinity;
      this.#lookAtMedia(pc);
    } else if (name === "reconnect") {
      const url = URL.parse?.(data.url ?? "", this.#session.events);
      this.#elsewhere = data.url && /^https?:$/.test(url?.protocol) ? url : this.#elsewhere;
      this.#retry(pc, "The gateway asks to connect again.", { soon: true });
    }
  }

  #hush() {
    this.#events?.abort();
    this.#events = null;
  }

  // --- When it ends, and begins anew ---

  // What happens to a connection that was given up does not count.
  #retry(pc, reason, { status = 0, retryAfterMs = 0, away = false, soon = false, final = false } = {}) {
    if (pc !== this.#pc) {
      return;
    }
    const now = performance.now();
    const lasting = this.#upAt !== null && now - this.#upAt >= LASTING_MS;
    if (lasting) {
      this.#backoff.reset();
      this.#rung = 0; // the next one may be from another place
    }
    if (this.#upAt === null) {
      this.#elsewhere = null;
    }
    away ||= AWAY.includes(status);
    if (away || this.#upAt !== null) {
      this.#awayAt = now;
    }
    this.#drop();
    if (final) {
      this.#page.abort();
      this.#set("failed", reason, status);
      return;
    }
    this.#notBefore = now + retryAfterMs;
    const delay = soon && lasting ? SOON_MS * Math.random() : this.#backoff.next(away);
    this.#timer = setTimeout(() => this.#connect(), Math.max(retryAfterMs, delay));
    this.#set("retrying", reason, status); // may call stop()
    this.#blameBrowser();
  }

  // A browser that keeps the page from the local network says so only here.
  async #blameBrowser() {
    const timer = this.#timer;
    if ((await isKeptFromLocalNetwork()) && timer === this.#timer && this.#state === "retrying" && !this.#status) {
      this.#set("retrying", "The browser does not let this page reach devices in the local network: allow it in the settings of this site.");
    }
  }

  // Something has changed that may help.
  #tryNow() {
    if (this.#state === "retrying" && performance.now() >= this.#notBefore) {
      clearTimeout(this.#timer);
      this.#connect();
    }
  }

  // Ends the connection and its session. The last picture stays.
  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#ask);
    clearInterval(this.#look);
    this.#hush();
    this.#setQuality(null);
    this.#setPath(null);
    this.#upAt = null;
    this.#session?.close();
    this.#delete(this.#session?.url);
    this.#session = null;
    this.#pc?.close();
    this.#pc = null;
    this.#hasAudio = false;
    this.#hasVideo = false;
  }

  #watchPage() {
    this.#page?.abort();
    this.#page = new AbortController();
    const { signal } = this.#page;
    addEventListener("pagehide", () => this.#drop(), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#connect(), { signal });
    const online = () => {
      this.#rung = 0; // it may be another network
      this.#tryNow();
    };
    addEventListener("online", online, { signal });
    const attend = () => {
      if (document.hidden || !document.hasFocus()) {
        this.#hush();
      } else {
        this.#listen();
      }
      if (!document.hidden) {
        this.#tryNow();
      }
    };
    document.addEventListener("visibilitychange", attend, { signal });
    addEventListener("focus", attend, { signal });
    addEventListener("blur", attend, { signal });
    vacancy.addEventListener("vacant", () => this.#listen(), { signal });
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

  // --- Requests ---

  // The token is for the server that the page names.
  async #request(url, method, body, headers = {}, signal = null) {
    const { endpoint, token, requestTimeout } = this.#options;
    const own = new URL(url, document.baseURI).origin === new URL(endpoint, document.baseURI).origin;
    const bearer = own && (typeof token === "function" ? await token() : token);
    return fetch(url, {
      method,
      body,
      headers: bearer ? { ...headers, Authorization: `Bearer ${bearer}` } : headers,
      // keepalive lets a DELETE outlive the page.
      ...(method === "DELETE" ? { keepalive: true } : { signal: signal ?? AbortSignal.timeout(requestTimeout) }),
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

// What a player plays unless it is told otherwise: a picture, and its sound, in a <video>.
class OnePicture {
  #video;
  #audio;
  #presented = 0;
  #media; // of the connection that is being made
  #showing = null; // the connection

  constructor(video, audio) {
    this.#video = video;
    this.#audio = audio;
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
  }

  ask(pc) {
    const media = new MediaStream();
    this.#media = media;
    pc.addEventListener("track", ({ track }) => media.addTrack(track));
    pc.addTransceiver("video", { direction: "recvonly" });
    if (this.#audio) {
      pc.addTransceiver("audio", { direction: "recvonly" });
    }
  }

  // look: called with each picture.
  show(pc, look) {
    const video = this.#video;
    this.#showing = pc;
    video.srcObject = this.#media;
    video.play().catch(() => {}); // refused, or replaced by the next attempt: no pictures come
    const presented = () => {
      if (pc === this.#showing) {
        this.#presented += 1;
        look();
        video.requestVideoFrameCallback(presented);
      }
    };
    video.requestVideoFrameCallback?.(presented);
  }

  // Firefox counts those of a live stream by callback only; others make no callbacks while the video is
  // scrolled out of view.
  pictures() {
    return this.#presented + this.#video.getVideoPlaybackQuality().totalVideoFrames;
  }

  clear() {
    this.#showing = null;
    this.#video.srcObject = null;
  }
}

// When to try again: each attempt later than the one before.
class Backoff {
  #min;
  #max;
  #ms;
  #since = 0; // when the first attempt of this row failed

  constructor({ retryMin, retryMax }) {
    this.#min = retryMin;
    this.#max = retryMax;
    this.reset();
  }

  reset() {
    this.#ms = this.#min;
    this.#since = 0;
  }

  // Milliseconds until the next attempt. A server that is away costs little to look for; where nobody
  // watches there is no hurry.
  next(away) {
    const now = performance.now();
    this.#since ||= now;
    const soon = away && !document.hidden;
    const most = soon ? Math.min(this.#max, Math.max(AWAY_MS, (now - this.#since) / 60)) : this.#max;
    const ms = Math.min(this.#ms, most);
    // Looking for it makes later attempts no rarer: it may be starting, or restart again.
    this.#ms = Math.min(2 * ms, most);
    return ms * (0.75 + Math.random() / 2);
  }
}

// One session at the endpoint, and the candidates that still have to go there.
class Session {
  url = null;
  events = null; // where to ask for its events
  ladder = LADDER; // what attempts may leave out
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

// --- SDP ---

async function makeOffer(pc, options) {
  return inStereo(await pc.createOffer(options));
}

async function makeAnswer(pc) {
  return inStereo(await pc.createAnswer());
}

// Browsers play Opus in mono unless their own description says "stereo" (RFC 7587).
function inStereo({ type, sdp }) {
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
    if (line === "a=setup:actpass") {
      return ["a=setup:passive"]; // of an offer of the server, which we have answered
    }
    return /^a=(candidate:|end-of-candidates)/.test(line) ? [] : [line];
  });
  return merged.join("\r\n");
}

// An answer without candidates over UDP: the browser then sends nothing there.
function withoutUdp(sdp) {
  const lines = sdp.split("\r\n");
  return lines.filter((line) => !/^a=candidate:\S+ \d+ udp /i.test(line)).join("\r\n");
}

// ICE servers for where UDP does not get through: of relays, those over TCP and TLS, if there are any.
function withoutUdpRelays(iceServers) {
  const isOver = (test) => ({ urls }) => [urls].flat().some(test);
  const others = iceServers.filter(isOver((url) => /^turns:|[?&]transport=tcp/i.test(url)));
  return others.length > 0 ? others : iceServers;
}

// Whether there is anything left to connect by.
function isUsable(rung, sdp, iceServers = []) {
  switch (rung) {
    case "no-udp":
      return /^a=candidate:\S+ \d+ tcp /im.test(sdp);
    case "relay":
      return iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
    default:
      return true;
  }
}

// --- Headers ---

// RFC 8288: Link: <turn:host>; rel="ice-server"; username="u"; credential="c"
function linksOf(header) {
  const value = '(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,"]+))';
  const parameter = `([\\w-]+)\\s*=\\s*${value}`;
  const link = new RegExp(`<([^>]*)>((?:\\s*;\\s*${parameter})*)`, "g");
  return [...(header ?? "").matchAll(link)].map(([, url, parameters]) => {
    const values = { url };
    for (const [, name, quoted, plain] of parameters.matchAll(new RegExp(parameter, "g"))) {
      values[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? plain;
    }
    return values;
  });
}

function iceServersOf(links) {
  const servers = links.filter(({ rel, url }) => rel === "ice-server" && /^(stun|turn)s?:/.test(url));
  return servers.map(({ url: urls, username, credential }) =>
    username === undefined ? { urls } : { urls, username, credential },
  );
}

function eventsOf(links, base) {
  const link = links.find(({ rel }) => rel === EVENTS);
  return link ? new URL(link.url, base) : null;
}

function isCounterOffer({ status, headers }) {
  return status === 406 && /^application\/sdp\b/i.test(headers.get("Content-Type")) && headers.has("Location");
}

// --- Figures ---

function selectedPair(reports) {
  const all = [...reports.values()];
  const transport = all.find(({ type }) => type === "transport");
  return (
    reports.get(transport?.selectedCandidatePairId) ??
    all.find(({ type, selected }) => type === "candidate-pair" && selected)
  );
}

function pathOf(reports, pair) {
  const local = reports.get(pair?.localCandidateId);
  return local ? (local.candidateType === "relay" ? "turn" : local.protocol) : null;
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

// --- Refusals ---

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

// A proxy answers for a server that is away.
const AWAY = [502, 503, 504];

function isAway(error) {
  return error.name === "TypeError" || error.name === "TimeoutError";
}

// Whether the user, or a policy, has denied this page the local network (Chromium's Local Network
// Access). The permission has had several names.
async function isKeptFromLocalNetwork() {
  if (!isSecureContext) {
    return false; // there it says nothing
  }
  const ask = (name) => navigator.permissions?.query({ name }).catch(() => null);
  const names = ["local-network-access", "local-network", "loopback-network"];
  const states = await Promise.all(names.map(ask));
  return states.some((permission) => permission?.state === "denied");
}

// --- Server-sent events, read by fetch(): an EventSource sends no token ---

async function readEvents(body, hear) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const field = (name) => event.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
      if (field("event")) {
        hear(field("event"), parsed(field("data")));
      }
    }
  }
}

function parsed(json) {
  try {
    return JSON.parse(json) ?? {};
  } catch {
    return {};
  }
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
