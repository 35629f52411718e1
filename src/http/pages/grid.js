// All cameras. Those in view play.

import { getJson } from "./api.js";
import { Tile } from "./tile.js";

const POLL_MS = 1_000;

const main = document.getElementById("cameras");
const summary = document.getElementById("summary");
const search = document.getElementById("search");
const nothing = document.getElementById("nothing");
const template = document.getElementById("tile");
const tiles = new Map(); // by name

const byRoot = new WeakMap();
const viewport = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const tile = byRoot.get(target);
      if (tile) {
        tile.inView = isIntersecting;
      }
    }
  },
  { rootMargin: "100px" },
);

const collator = new Intl.Collator(undefined, { numeric: true });

function add(name) {
  const tile = new Tile(template, name);
  tiles.set(name, tile);
  byRoot.set(tile.root, tile);
  const next = [...main.children].find((root) => collator.compare(byRoot.get(root).name, name) > 0);
  main.insertBefore(tile.root, next ?? null);
  viewport.observe(tile.root);
}

function remove(tile) {
  viewport.unobserve(tile.root);
  tiles.delete(tile.name);
  tile.remove();
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  for (const tile of tiles.values()) {
    const words = `${tile.name} ${tile.label}`;
    tile.root.hidden = !words.toLowerCase().includes(wanted);
  }
}

// A camera's substream is not another camera.
function cameras(all) {
  const lesser = new Set(all.flatMap(({ id, variants = [] }) => variants.filter((variant) => variant !== id)));
  return all.filter(({ id, variants = [] }) => variants.length > 0 || !lesser.has(id));
}

function show(all) {
  const streams = cameras(all);
  const names = new Map(all.map(({ id, name }) => [id, name]));
  const byName = new Map(streams.map((stream) => [stream.name, stream]));
  for (const tile of [...tiles.values()]) {
    if (!byName.has(tile.name)) {
      remove(tile);
    }
  }
  for (const [name, stream] of byName) {
    if (!tiles.has(name)) {
      add(name);
    }
    tiles.get(name).update(stream, names.get(stream.variants?.at(-1)));
  }
  filter();
  const live = streams.filter(({ state }) => state === "live").length;
  const playing = [...tiles.values()].filter((tile) => tile.playing).length;
  summary.textContent = `${live} of ${streams.length} live, ${playing} playing here`;
  nothing.textContent = "No cameras yet. They appear here as soon as the host adds them.";
  nothing.hidden = streams.length > 0;
}

function showUnreachable(reason) {
  for (const tile of tiles.values()) {
    tile.update(undefined);
  }
  summary.textContent = reason;
  nothing.textContent = reason;
  nothing.hidden = tiles.size > 0;
}

async function poll() {
  try {
    show(await getJson("api/streams"));
  } catch (error) {
    showUnreachable(error.message);
  }
  setTimeout(poll, POLL_MS);
}

function setDensity(density) {
  main.dataset.density = density;
  for (const button of document.querySelectorAll("#density button")) {
    button.setAttribute("aria-pressed", button.dataset.density === density);
  }
}

document.getElementById("density").addEventListener("click", ({ target }) => {
  const { density } = target.dataset;
  if (density) {
    setDensity(density);
    try {
      localStorage.setItem("density", density);
    } catch {
      // Then it lasts as long as the page.
    }
  }
});
search.addEventListener("input", filter);

try {
  setDensity(localStorage.getItem("density") ?? "medium");
} catch {
  // Storage is switched off: the page's own choice stays.
}
poll();
