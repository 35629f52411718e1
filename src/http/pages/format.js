// Figures for people. What is not known is an en dash.

const NONE = "\u2013";
const THIN = "\u202f"; // between a figure and its unit

const known = (value) => typeof value === "number" && Number.isFinite(value);

// Three digits that matter: 0.42, 4.2, 42, 420.
export function digits(value) {
  if (!known(value)) {
    return NONE;
  }
  const size = Math.abs(value);
  return value.toFixed(size >= 10 || size === 0 ? 0 : size >= 1 ? 1 : 2);
}

export function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en") : NONE;
}

function scaled(value, base, units) {
  if (!known(value)) {
    return NONE;
  }
  let scale = 0;
  // 999.6 would be shown as 1000.
  while (Math.abs(value) >= 0.9995 * base && scale < units.length - 1) {
    value /= base;
    scale += 1;
  }
  return `${scale === 0 ? Math.round(value) : digits(value)}${THIN}${units[scale]}`;
}

export const bitrate = (bps) => scaled(bps, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
export const bytes = (size) => scaled(size, 1024, ["B", "KiB", "MiB", "GiB"]);
export const micros = (us) => scaled(us, 1000, ["\u00b5s", "ms", "s"]);
export const perSecond = (rate) => (known(rate) ? `${digits(rate)}/s` : NONE);

// A share of 1.
export function percent(share) {
  if (!known(share)) {
    return NONE;
  }
  const value = 100 * share;
  return `${value > 0 && value < 0.01 ? "<0.01" : digits(value)}${THIN}%`;
}

// A share of GCM or of cameras: 100 % only where it is all of them.
export function wholePercent(share) {
  return known(share) ? `${share < 1 ? Math.min(Math.round(100 * share), 99) : 100}${THIN}%` : NONE;
}

export function duration(ms) {
  if (!known(ms)) {
    return NONE;
  }
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return (first < 0 ? [[0, "s"]] : parts.slice(first, first + 2))
    .map(([value, unit]) => `${value}${THIN}${unit}`)
    .join(" ");
}

export function size(width, height) {
  return width && height ? `${width}\u00d7${height}` : NONE;
}

const CODECS = { H264: "H.264", H265: "H.265", PCMU: "G.711 \u00b5-law", PCMA: "G.711 A-law", OPUS: "Opus", Opus: "Opus", G722: "G.722" };

export function codec(name) {
  return name ? (CODECS[name] ?? name) : NONE;
}
