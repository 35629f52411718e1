// Who or what keeps a viewer from the best picture.

import { count } from "./format.js";
import { level, sentence, silence, whyBlack } from "./why.js";

const REASONS = { path: "line", camera: "camera", rare_keyframes: "camera", viewer: "viewer", codec: "browser" };

// {by: "line", "camera", "viewer" or "browser", text}, or null. A camera that sends nothing counts more
// than what the line carries of it, unless a variant is shown in its place.
export function heldBack({ now, stream }) {
  const black = now.variant === now.stream && stream && (whyBlack(stream.now) ?? silence(stream.now));
  if (black) {
    return { by: "camera", text: black };
  }
  if (now.held_back) {
    return { by: REASONS[now.reason] ?? "line", text: sentence(now.held_back) };
  }
  const { lost, dropped } = stream?.recent ?? {};
  if (lost > 0) {
    return { by: "camera", text: `${count(lost)} packets lost on the way from the camera in the last minute` };
  }
  return dropped > 0 ? { by: "camera", text: `${count(dropped)} pushed frames dropped in the last minute` } : null;
}

const DETAILS = { fewer_frames: "fewer frames", keyframes: "keyframes", sound_only: "sound only" };

// What the viewer is shown, in a word or two.
export function shown({ now }) {
  const words = [now.variant === now.stream ? null : now.variant_name, DETAILS[now.detail]];
  return words.filter(Boolean).join(", ") || "all";
}
