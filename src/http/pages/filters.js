// Which rows a search and a choice leave.

import { GCM } from "./model.js";
import { level } from "./why.js";

const STREAMS = {
  all: () => true,
  attention: ({ troubles }) => troubles.length > 0,
  live: ({ now }) => now.state === "live",
  away: ({ now }) => level(now) !== "good",
  watched: ({ now }) => now.sessions > 0,
};

const SESSIONS = {
  all: () => true,
  attention: ({ troubles }) => troubles.length > 0,
  held: ({ heldBack }) => heldBack !== null,
  sha1: ({ now }) => now.srtp_profile && !GCM.test(now.srtp_profile),
};

// Every word of the search must occur.
function contains(words, texts) {
  const text = texts.join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

export function streamFilter(words, kind) {
  return (row) =>
    STREAMS[kind](row) &&
    contains(words, [row.now.name, row.now.state, row.now.status, row.now.message, row.now.video_codec, row.now.source]);
}

export function sessionFilter(words, kind) {
  return (row) =>
    SESSIONS[kind](row) && contains(words, [row.now.stream_name, row.now.variant_name, row.now.remote, row.now.protocol, row.now.state, row.now.srtp_profile]);
}
