// All cameras, on a wall. Without a wall in the address it follows the gateway: all cameras, in order, in
// the smallest layout that holds them. What a person changes is kept in the address.

import { getJson, token } from "./api.js";
import { CAMERA_TYPE, CameraPicker } from "./camera_picker.js";
import { element, setText } from "./dom.js";
import { Wall } from "../wall.js";
import { read, write } from "./wall_address.js";
import { soundOnly, warning, whyBlack } from "./why.js";

const POLL_MS = 1_000;
const LAYOUTS = ["1", "4", "1+5", "1+7", "9", "16", "25", "36", "64"];
const SQUARES = LAYOUTS.filter((layout) => !layout.includes("+"));

const part = (id) => document.getElementById(id);
const [summary, nothing, layout, picker] = ["summary", "nothing", "layout", "picker"].map(part);

const collator = new Intl.Collator(undefined, { numeric: true });
let streams = []; // those to be watched, in order
let lesser = new Map(); // the least variant of each, by name
let following = true; // the gateway, for lack of a wall in the address
let arranging = false; // by this page, not by a person
let kept = ""; // what the wall is, as an address has it
let tried = null; // the token of the last start

const wall = new Wall(part("wall"), {
  layouts: LAYOUTS,
  token,
  about,
  cameras: () => streams.map(({ name }) => name),
});

const list = new CameraPicker(part("cameras"), part("search"), (name) => pick(name));

function about(name) {
  const stream = streams.find((known) => known.name === name);
  if (!stream) {
    return {};
  }
  const away = ["live", "idle"].includes(stream.state) ? null : whyBlack(stream);
  return {
    label: stream.label ?? name,
    href: encodeURIComponent(name),
    note: warning(stream),
    soundOnly: soundOnly(stream),
    lesser: lesser.get(name),
    away,
  };
}

// A camera's substream is not another camera.
function cameras(all) {
  const substreams = new Set(all.flatMap(({ id, variants = [] }) => variants.filter((variant) => variant !== id)));
  return all.filter(({ id, variants = [] }) => variants.length > 0 || !substreams.has(id));
}

// What a person sees on the wall, by name.
function places() {
  const seen = new Map();
  for (let place = wall.count - 1; place >= 0; --place) {
    seen.set(wall.tile(place).camera, place);
  }
  seen.delete(null);
  return seen;
}

// A camera that is on the wall is found there; another goes where the person is, and the next one after it.
function pick(name) {
  const known = places().get(name);
  if (known !== undefined) {
    wall.select(known);
    return;
  }
  const empty = Array.from({ length: wall.count }, (_, place) => place).find((place) => wall.tile(place).state === "empty");
  const place = wall.large ?? wall.selected ?? empty ?? 0;
  wall.show(place, name);
  if (wall.large === null) {
    wall.select((place + 1) % wall.count);
  }
}

// --- The address ---

function arrange(change) {
  arranging = true;
  try {
    change();
  } finally {
    arranging = false;
  }
}

function follow() {
  const names = streams.map(({ name }) => name);
  const holds = SQUARES.find((square) => Number(square) >= names.length) ?? SQUARES.at(-1);
  arrange(() => {
    wall.layout = holds;
    wall.tiles = names.slice(0, Number(holds));
  });
}

function takeAddress() {
  const given = read(location.hash);
  following = given === null || !LAYOUTS.includes(given.layout);
  if (following) {
    follow();
  } else {
    arrange(() => {
      wall.layout = given.layout;
      wall.tiles = given.tiles.slice(0, wall.count);
    });
  }
}

function keep() {
  const text = write(wall.layout, wall.tiles.slice(0, wall.count));
  if (!arranging && text !== kept) {
    following = false;
    history.replaceState(null, "", `#${text}`);
  }
  kept = text;
}

// --- What the page shows besides ---

function show() {
  const live = streams.filter(({ state }) => state === "live").length;
  let playing = 0;
  for (let place = 0; place < wall.count; ++place) {
    const { state, paused } = wall.tile(place);
    playing += state === "live" && !paused ? 1 : 0;
  }
  setText(summary, `${live} of ${streams.length} live, ${playing} playing here`);
  list.update(streams, places());
  layout.value = wall.layout;
  part("sound").setAttribute("aria-pressed", wall.sound);
  const patrols = wall.tiles.some((content) => content?.cameras);
  part("patrol").setAttribute("aria-pressed", patrols && wall.patrolling);
}

async function poll() {
  try {
    const all = await getJson("api/streams");
    const names = new Map(all.map(({ id, name }) => [id, name]));
    const before = streams.map(({ name }) => name).join("\n");
    streams = cameras(all).sort((a, b) => collator.compare(a.name, b.name));
    lesser = new Map(streams.map(({ name, variants }) => [name, names.get(variants?.at(-1))]));
    if (following && before !== streams.map(({ name }) => name).join("\n")) {
      follow();
    }
    // What was refused may be granted to another token.
    if (wall.state === "idle" || (wall.state === "failed" && token() !== tried)) {
      tried = token();
      wall.start();
    }
    show();
    setText(nothing, "No cameras yet. They appear here as soon as the host adds them.");
    nothing.hidden = streams.length > 0;
  } catch (error) {
    setText(summary, error.message);
    setText(nothing, error.message);
    nothing.hidden = streams.length > 0;
  }
  part("wall").hidden = streams.length === 0 && following;
  setTimeout(poll, POLL_MS);
}

function showList(shown) {
  picker.hidden = !shown;
  part("list").setAttribute("aria-expanded", shown);
}

// --- What a person does ---

for (const name of LAYOUTS) {
  const option = element("option", "", layout);
  option.value = name;
  option.textContent = name === "1" ? "1 camera" : `${name} cameras`;
}
layout.addEventListener("change", () => (wall.layout = layout.value));
part("list").addEventListener("click", () => {
  showList(picker.hidden);
  if (!picker.hidden) {
    part("search").focus();
  }
});
const press = (key) => wall.key(new KeyboardEvent("keydown", { key }));
part("patrol").addEventListener("click", () => press("p"));
part("sound").addEventListener("click", () => press("m"));
part("fullscreen").addEventListener("click", () => press("f"));
addEventListener("keydown", (event) => {
  if (event.target === document.body) {
    wall.key(event);
  }
});

part("wall").addEventListener("dragover", (event) => {
  if (event.dataTransfer.types.includes(CAMERA_TYPE)) {
    event.preventDefault();
  }
});
part("wall").addEventListener("drop", (event) => {
  const name = event.dataTransfer.getData(CAMERA_TYPE);
  const place = wall.placeOf(event.target);
  if (name && place !== null) {
    event.preventDefault();
    wall.show(place, name);
  }
});

wall.addEventListener("change", () => {
  keep();
  show();
});
addEventListener("hashchange", takeAddress);
takeAddress();
poll();
