// Words for a camera's state.

import { duration } from "./format.js";

// How much it matters: "good", "wait" (it may well come by itself), "idle" (nobody needs it), "bad".
// Between two attempts a camera is connecting again: that is no better than before.
export function level(stream) {
  if (stream.state === "live") {
    return "good";
  }
  if (stream.state === "idle") {
    return "idle";
  }
  return stream.state === "connecting" && stream.status === "ok" ? "wait" : "bad";
}

// Why there is no picture of this camera; null where it sends one.
export function whyBlack(stream) {
  if (stream === undefined) {
    return "The gateway has no such camera.";
  }
  switch (level(stream)) {
    case "good":
      return null;
    case "wait":
      return stream.source === "push" ? "Waiting for the first picture" : "Connecting to the camera";
    case "idle":
      return sentence(stream.message) || "Connects when somebody watches";
    default:
      return sentence(stream.message || "the camera was lost");
  }
}

// Whether a camera sends sound and no picture.
export function soundOnly(stream) {
  return stream.state === "live" && !stream.video_codec && Boolean(stream.audio_codec);
}

// What is wrong with what a camera that is live sends; null if nothing is.
export function warning(stream) {
  return stream?.warning?.message ?? null;
}

// How media comes, where that is not the usual way.
export function overPath(path) {
  return { tcp: " over TCP", turn: " through a relay" }[path] ?? "";
}

// The gateway's texts begin in lower case.
export function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

// The sign over a picture that is not the best there is; none if `why` is null.
export function showHeldBack(sign, why) {
  const text = sentence(why ?? "");
  if (sign.textContent !== text) {
    sign.textContent = text;
    sign.title = text;
  }
  sign.hidden = text === "";
}

export function stateWord(stream) {
  const words = { good: "Live", wait: "Connecting", idle: "On demand", bad: stream.state === "failed" ? "Failed" : "Not live" };
  return words[level(stream)];
}

// A camera that is live as far as RTSP goes, but silent.
export function silence(stream) {
  return stream.since_last_media_ms > 5_000 ? `No media for ${duration(stream.since_last_media_ms)}` : null;
}
