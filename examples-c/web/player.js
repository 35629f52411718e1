// A WHEP client: plays one endpoint in one <video>, and keeps it playing.

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;
const REQUEST_TIMEOUT_MS = 10_000;
// ICE may recover from "disconnected" by itself; after this long a new session is quicker.
const DISCONNECTED_MS = 4_000;

export class WhepPlayer {
  #video;
  #endpoint;
  #onProblem;
  #pc = null;
  #session = null; // URL of the session, to DELETE
  #retryMs = RETRY_MIN_MS;
  #timer = 0;

  // onProblem(text) is called with the reason when the connection fails, and with null when it
  // is up again.
  constructor(video, endpoint, onProblem) {
    this.#video = video;
    this.#endpoint = endpoint;
    this.#onProblem = onProblem;
  }

  get connected() {
    return this.#pc?.connectionState === "connected";
  }

  async start() {
    this.stop();
    const pc = new RTCPeerConnection();
    this.#pc = pc;
    try {
      await this.#connect(pc);
    } catch (error) {
      if (pc === this.#pc) {
        this.#retry(describe(error), error.retryAfterMs);
      }
    }
  }

  // Ends the session, also while the page goes away.
  stop() {
    clearTimeout(this.#timer);
    this.#pc?.close();
    this.#pc = null;
    if (this.#session) {
      deleteSession(this.#session);
      this.#session = null;
    }
  }

  // Sums up the connection: {width, height, fps}, or null without a picture.
  async facts() {
    for (const report of (await this.#pc?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp" && report.kind === "video" && report.frameWidth) {
        return {
          width: report.frameWidth,
          height: report.frameHeight,
          fps: Math.round(report.framesPerSecond ?? 0),
        };
      }
    }
    return null;
  }

  async #connect(pc) {
    const stream = new MediaStream();
    pc.ontrack = ({ track }) => stream.addTrack(track);
    pc.onconnectionstatechange = () => this.#connectionChanged(pc);
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    await pc.setLocalDescription();

    const response = await fetch(this.#endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: pc.localDescription.sdp,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const body = await response.text();
    if (!response.ok) {
      const error = new Error(body.trim() || `The server answered ${response.status}.`);
      error.retryAfterMs = 1000 * Number(response.headers.get("Retry-After"));
      throw error;
    }
    const session = new URL(response.headers.get("Location"), response.url);
    if (pc !== this.#pc) {
      deleteSession(session); // stopped while the answer was under way
      return;
    }
    this.#session = session;
    await pc.setRemoteDescription({ type: "answer", sdp: body });
    this.#video.srcObject = stream;
  }

  #connectionChanged(pc) {
    if (pc !== this.#pc) {
      return;
    }
    clearTimeout(this.#timer);
    switch (pc.connectionState) {
      case "connected":
        this.#retryMs = RETRY_MIN_MS;
        this.#onProblem(null);
        break;
      case "disconnected":
        this.#timer = setTimeout(() => this.#retry("The connection was lost."), DISCONNECTED_MS);
        break;
      case "failed":
        this.#retry("The connection failed.");
        break;
    }
  }

  #retry(reason, atLeastMs = 0) {
    this.stop();
    this.#onProblem(reason);
    const delay = Math.max(atLeastMs || 0, this.#retryMs * (0.75 + Math.random() / 2));
    this.#timer = setTimeout(() => this.start(), delay);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }
}

// keepalive lets the request outlive the page. The server drops a dead session anyway.
function deleteSession(url) {
  fetch(url, { method: "DELETE", keepalive: true }).catch(() => {});
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
