// A viewer that tells what it saw: when each frame came, and how old it was.

import { LONG_MS, median, waitUntil } from "./helpers.mjs";

const FRAME_MS = 40;
const CLIP_FRAMES = 200; // high360p and low180p: 8 s
const CLIP_MS = CLIP_FRAMES * FRAME_MS;
const FREEZE_MS = 200;
// What is seen before does not count as a freeze, or as old.
const STARTED_MS = 3_000;

// Runs in the page: watches a WHEP endpoint. Times are in milliseconds since the start.
async function watchInPage({ url, ms, till, startedMs, longMs }) {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  connection.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {}); // nothing to play if the connection is closed first
  };
  connection.addTransceiver("video", { direction: "recvonly" });

  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const start = performance.now();
  const frames = [];
  window.watched = {
    width: () => frames.at(-1)?.width,
    // How many frames were seen in the last `time`; 0 before it can be told.
    seenIn: (time) => {
      const from = performance.now() - start - time;
      return from < startedMs ? 0 : frames.filter(({ at }) => at > from).length;
    },
    enough: !till,
  };
  video.requestVideoFrameCallback(function look(now, { width, height, rtpTimestamp }) {
    context.drawImage(video, 0, height / 18, width, 1, 0, 0, 640, 1);
    const { data } = context.getImageData(0, 0, 640, 1);
    let number = 0;
    for (let block = 0; block < 16; ++block) {
      number = 2 * number + (data[4 * (40 * block + 20)] > 128 ? 1 : 0);
    }
    const at = performance.now();
    frames.push({ at: at - start, clock: performance.timeOrigin + at, number, width, rtpTimestamp });
    video.requestVideoFrameCallback(look);
  });

  await connection.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  const session = new URL(response.headers.get("Location"), response.url);
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
  await sleep(ms);
  while (!window.watched.enough && performance.now() - start < longMs) {
    await sleep(100);
  }
  ms = performance.now() - start;

  const reports = [...(await connection.getStats()).values()];
  const stats = reports.find(({ type, kind }) => type === "inbound-rtp" && kind === "video") ?? {};
  connection.close();
  video.remove();
  await fetch(session, { method: "DELETE" });
  return { frames, stats, ms };
}

// Watches for `ms`, in a page of the server; if `till`, until allSeen() of this page.
export async function watch(page, url, ms, till = false) {
  return page.evaluate(watchInPage, { url, ms, till, startedMs: STARTED_MS, longMs: 3 * LONG_MS });
}

// Waits until the video in this page has this width.
export async function waitForWidth(page, width) {
  await waitUntil(`a video ${width} wide`, LONG_MS, () =>
    page.evaluate((width) => window.watched?.width() === width, width),
  );
}

// Waits until each of these pages has seen nearly all frames for `ms` at the same time.
export async function allSeen(pages, ms) {
  const enough = (0.8 * ms) / FRAME_MS;
  await waitUntil("all viewers see nearly all frames", LONG_MS, async () => {
    const seen = await Promise.all(pages.map((page) => page.evaluate((ms) => window.watched?.seenIn(ms) ?? 0, ms)));
    return seen.every((count) => count > enough);
  });
  await Promise.all(pages.map((page) => page.evaluate(() => (window.watched.enough = true))));
}

// The time of day, modulo the clip, at which the camera sends frame 0, as a viewer on a good path sees it. Ages are
// relative to that viewer's.
export function cameraClock({ frames }) {
  const begins = frames.filter(({ at }) => at > 1_000).map(({ clock, number }) => clock - number * FRAME_MS);
  return begins[0] + median(begins.map((begin) => around(begin - begins[0])));
}

// Modulo the clip, and nearest to zero.
function around(ms) {
  return ((((ms + CLIP_MS / 2) % CLIP_MS) + CLIP_MS) % CLIP_MS) - CLIP_MS / 2;
}

function percentile(sorted, percent) {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}

// What a viewer saw. `clock` is of cameraClock().
export function figures({ frames, stats, ms }, clock) {
  const aged = frames
    .filter(({ number }) => number < CLIP_FRAMES)
    .map((frame) => {
      const age = around(frame.clock - clock - frame.number * FRAME_MS);
      return { ...frame, age: age < -CLIP_MS / 4 ? age + CLIP_MS : age };
    });
  const late = aged.filter(({ at }) => at > STARTED_MS);
  const ages = late.map(({ age }) => age).sort((a, b) => a - b);
  const times = [STARTED_MS, ...late.map(({ at }) => at), ms];
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  const frozen = gaps.filter((gap) => gap > FREEZE_MS).reduce((sum, gap) => sum + gap - FRAME_MS, 0);
  const live = aged.find(({ at }) => {
    const next = aged.filter((frame) => frame.at >= at && frame.at < at + 2_000);
    return next.length > 25 && next.every(({ age }) => age < FREEZE_MS);
  });
  const { packetsReceived = 0, packetsLost = 0, nackCount = 0, pliCount = 0 } = stats;
  return {
    firstMs: Math.round(aged[0]?.at ?? NaN),
    liveMs: Math.round(live?.at ?? NaN),
    framesPerSecond: round((late.length * 1000) / (ms - STARTED_MS)),
    frozenPerMinute: round((frozen * 60) / (ms - STARTED_MS)),
    longestGapMs: Math.round(Math.max(...gaps)),
    ageMs: [50, 95].map((percent) => Math.round(percentile(ages, percent))),
    lostPercent: round((100 * packetsLost) / Math.max(packetsReceived + packetsLost, 1)),
    retransmissions: stats.retransmittedPacketsReceived ?? 0,
    nacks: nackCount,
    plis: pliCount,
    packets: packetsReceived,
    widths: [...new Set(aged.map(({ width }) => width))],
    lastWidth: aged.at(-1)?.width,
  };
}

function round(number) {
  return Math.round(10 * number) / 10;
}

// How many of the frames that the camera sent from the time `from` on were seen: a share of 1. The RTP timestamps tell
// what was sent.
export function shareOfFrames({ frames }, from = STARTED_MS) {
  // Chromium does not know the RTP timestamp of every frame.
  const late = frames.filter(({ at, rtpTimestamp }) => at > from && rtpTimestamp !== undefined);
  if (late.length < 2) {
    return 0;
  }
  const ticks = (late.at(-1).rtpTimestamp - late[0].rtpTimestamp) >>> 0;
  return (late.length - 1) / (ticks / (90 * FRAME_MS));
}
