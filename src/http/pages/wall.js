// Wall shows many cameras at once, over one connection, and changes what each tile shows in place.
// Two files without dependencies, this one and player.js beside it: copy both into your product.
// License: MIT, as the project's.
//
//   import { Wall } from "./wall.js";
//   const wall = new Wall(document.querySelector("#wall"), { layout: "9", tiles: ["door", "yard", "hall"] });
//   wall.addEventListener("change", () => save(wall.layout, wall.tiles));
//   wall.start();
//
// The element gets the class "wall" and fills the box that the page gives it: set its height. Styles come
// with this file, in a cascade layer of their own (so that any rule of the page counts more), and need no
// style-src of a Content Security Policy. Custom properties of the element: --wall-gap, --wall-accent.
//
// new Wall(element, options)
//   layout          How many tiles, and how: "1", "4", "9", "16", "25", "36", "64" (squares), "1+5", "1+7"
//                   (one larger). An element that is narrower than 600 px has one column for up to four
//                   tiles, two for more, and scrolls. Default: "4".
//   layouts         Those that a person can choose. The connection has as many slots as the largest
//                   needs, which costs little while they are unused. Default: all.
//   tiles           What the tiles show, by place: an array of null (nothing), the name of a camera, or a
//                   patrol {cameras: [names], seconds}, which goes on to its next camera every so many
//                   seconds (1 to 86400). Default: nothing.
//   endpoint        URL of the gateway's wall. Default: "wall".
//   single          A function that returns the URL of a camera's WHEP endpoint, by its name: for single
//                   connections. Default: "NAME/whep".
//   token           Bearer token, as of player.js. Default: none.
//   about           A function that returns what the page knows about a camera, by its name, each second
//                   anew; all of it may be absent. {label: what people call it; href: where its name leads;
//                   note: a sentence to show over its picture; soundOnly: it sends no picture}, and for single connections {lesser: the
//                   variant that suffices for a tile of less than 480 device pixels; away: why it cannot
//                   be watched now: it is not asked for then}. Default: nothing.
//   cameras         A function that returns the names of all cameras in order: see cycle(). Default: none.
//   audio           Ask for sound, too. Default: true.
//   player          Further options of player.js: rtc, retryMin and so on. Default: {}.
//
// Methods
//   start()         Connects, and again whenever the connection is lost, with the same cameras. After
//                   stop(), or after state "failed", for example with another token.
//   stop()          Ends the connection. The tiles keep their cameras.
//   destroy()       stop(), and the element is as it was before.
//   show(place, content)  Shows in one tile what an item of `tiles` says.
//   swap(a, b)      The tiles at these places change places, with their pictures.
//   enlarge(place)  The tile alone in all of the wall, with the main stream; null: back. No new connection.
//   select(place)   The tile that keys act upon, whose sound is heard, and which comes first if the
//                   connection does not carry all. Where the focus is, if a person moves it.
//   cycle(seconds)  A patrol over all `cameras`, spread over the tiles: all of them change at once.
//   fullScreen()    Full screen, and back. A promise, which browsers keep for a person's click or key only.
//   tile(place)     {place, camera, state, reason, heldBack, variant, width, height, time, paused}; see "tile".
//   placeOf(node)   The place of the tile that a node is in, or null: for a page that drops cameras on tiles.
//   key(event)      Acts upon a keydown event as if the wall had the focus; returns whether it did.
//                   For pages where nothing else wants keys: addEventListener("keydown", e => wall.key(e)).
//
// Properties
//   layout, tiles   As above; to be read and set.
//   count           How many tiles the layout has.
//   selected, large Places of the tiles that are, or null.
//   sound           Whether the selected tile is heard. May be set by a person's click or key only, as
//                   browsers have it.
//   patrolling      Whether patrols go on; may be set. They rest while a tile is large or the page hidden.
//   state, reason, status   Of the connection, as of player.js.
//   mode            "one": one connection; "single": one for each camera, because the server has no wall
//                   (404, 405, 413, 501) or the browser cannot make so many sections.
//   connection      The RTCPeerConnection of mode "one", or null.
//
// Events
//   "change"        layout, tiles, selected, large, sound or patrolling changed.
//   "state"         state, reason, status or mode changed: detail has them.
//   "tile"          What tile() returns has changed, but for the time; detail is it. Its state: "empty";
//                   "connecting"; "live": pictures come; "stalled": none come, while the camera is said to
//                   be live; "retrying": the camera, or the gateway, is away; "idle": on demand, not
//                   needed; "removed": no such camera any more; "refused": no permission. reason: a
//                   sentence for a person where there is no picture, else null. heldBack: a sentence where
//                   the picture is less than the best, else null. time: when the frame was made, in ms
//                   since 1970, by the camera's clock or the gateway's; null where nobody tells.
//   "shown"         The first picture of a camera came to a tile: {place, camera, ms}, since it was asked for.
//
// Until then the picture before stays, darkened if it takes longer than a moment; no tile is ever black
// in between. What is out of view, or on a hidden page, is paused: the gateway sends nothing.
//
// Keys: arrows select, with Shift they swap; Enter, or a click: large and back; Escape: back; 1 to 6 and 8:
// so many columns; 7: 1+7; 9: 1+5; M: sound; F: full screen; P: patrol, over all cameras if there is none;
// Delete: nothing in this tile. Dragging a tile onto another swaps them, on a touch screen after a long press.

import { WhepPlayer } from "./player.js";

const LAYOUTS = {
  1: { side: 1, span: 1, count: 1 },
  4: { side: 2, span: 1, count: 4 },
  9: { side: 3, span: 1, count: 9 },
  16: { side: 4, span: 1, count: 16 },
  25: { side: 5, span: 1, count: 25 },
  36: { side: 6, span: 1, count: 36 },
  64: { side: 8, span: 1, count: 64 },
  "1+5": { side: 3, span: 2, count: 6 },
  "1+7": { side: 4, span: 3, count: 8 },
};
const DIGITS = { 1: "1", 2: "4", 3: "9", 4: "16", 5: "25", 6: "36", 7: "1+7", 8: "64", 9: "1+5" };
const NARROW_PX = 600;
// Below this width, in device pixels, a lesser variant suffices.
const SMALL_PX = 480;
// What a server answers that has no wall, or takes no offer of this size.
const NO_WALL = [404, 405, 413, 501];
const CYCLE_SECONDS = 10;
const DAY_SECONDS = 86_400; // timers have a limit
// Between two looks at each picture: whether it moves, and its clock.
const LOOK_MS = 1_000;
// Without a picture for so long, live is not the word for it; nor is it when only keyframes are sent.
const STALLED_MS = 3_000;
const SPARSE_MS = 20_000;
// Between two messages: resizing a window is many changes.
const MESSAGE_MS = 50;
// What was refused is asked for again.
const REFUSED_MS = 2_000;
const REFUSED_MAX_MS = 60_000;
// Longer addresses are not for every proxy: the rest is asked for when the answer is here.
const QUERY_MAX = 4_000;
// A drag begins: a mouse that has moved so far, a finger that has rested so long.
const DRAG_PX = 8;
const PRESS_MS = 400;
// Single connections that are made at a time: sixty at once are all late.
const AT_ONCE = 6;
const TURN_MS = 4_000;
// Who scrolls past does not end connections and make them again.
const OUT_OF_VIEW_MS = 3_000;

const DEFAULTS = {
  layout: "4",
  layouts: Object.keys(LAYOUTS),
  tiles: [],
  endpoint: "wall",
  single: (name) => `${encodeURIComponent(name)}/whep`,
  token: null,
  about: () => ({}),
  cameras: null,
  audio: true,
  player: {},
};

export class Wall extends EventTarget {
  #element;
  #options;
  #tiles = []; // by place
  #layout;
  #selected = null;
  #large = null;
  #sound = false;
  #patrolling = true;
  #carrier = null; // what brings the pictures
  #mode = "one";
  #link = { state: "idle", reason: null, status: 0 };
  #named; // by the page
  #status; // what screen readers say
  #byRoot = new WeakMap();
  #sizes;
  #views;
  #ends = new AbortController();
  #patrol = 0;
  #look = 0;
  #drag;

  constructor(element, options = {}) {
    super();
    this.#element = element;
    this.#options = { ...DEFAULTS, ...options };
    this.#layout = known(this.#options.layout);
    dress(element);
    element.classList.add("wall");
    element.setAttribute("role", "group");
    this.#named = element.hasAttribute("aria-label");
    if (!this.#named) {
      element.setAttribute("aria-label", "Wall of cameras");
    }
    this.#status = make("p", "wall-status", element);
    this.#status.setAttribute("role", "status");
    this.#sizes = new ResizeObserver((entries) => this.#measure(entries));
    this.#sizes.observe(element);
    this.#views = new IntersectionObserver((entries) => this.#seen(entries));
    this.#listen();
    this.#drag = new Drag(element, this.#ends.signal, {
      tileAt: (node) => this.placeOf(node),
      drop: (from, to) => this.swap(from, to),
      label: (place, active) => this.#tiles[place]?.root.toggleAttribute("data-dragged", active),
    });
    this.#arrange();
    this.tiles = this.#options.tiles;
  }

  get layout() {
    return this.#layout;
  }

  set layout(name) {
    const layout = known(name);
    if (layout === this.#layout) {
      return;
    }
    this.#layout = layout;
    this.#large = null;
    if (this.#selected >= this.count) {
      this.#selected = null;
    }
    this.#arrange();
    this.#plan();
    this.#say(`${this.count} ${this.count === 1 ? "tile" : "tiles"}`);
    this.#changed();
  }

  get count() {
    return LAYOUTS[this.#layout].count;
  }

  get tiles() {
    const contents = this.#tiles.map((tile) => tile.content);
    return contents.slice(0, contents.findLastIndex((content) => content !== null) + 1);
  }

  set tiles(contents) {
    this.#grow(Math.min(contents.length, this.#slots));
    this.#tiles.forEach((tile, place) => tile.put(contents[place] ?? null));
    this.#plan();
    this.#changed();
  }

  get selected() {
    return this.#selected;
  }

  get large() {
    return this.#large;
  }

  get sound() {
    return this.#sound;
  }

  set sound(sound) {
    if (sound !== this.#sound) {
      this.#sound = sound;
      this.#say(sound ? "Sound on" : "Sound off");
      this.#changed();
    }
  }

  get patrolling() {
    return this.#patrolling;
  }

  set patrolling(patrolling) {
    if (patrolling !== this.#patrolling) {
      this.#patrolling = patrolling;
      this.#plan();
      this.#say(patrolling ? "Patrol goes on" : "Patrol stopped");
      this.#changed();
    }
  }

  get state() {
    return this.#link.state;
  }

  get reason() {
    return this.#link.reason;
  }

  get status() {
    return this.#link.status;
  }

  get mode() {
    return this.#mode;
  }

  get connection() {
    return this.#carrier?.connection ?? null;
  }

  start() {
    if (this.#ends.signal.aborted) {
      throw new Error("this wall is destroyed");
    }
    if (this.#carrier && this.#link.state !== "failed") {
      return;
    }
    this.#carrier?.end();
    this.#carry(this.#mode);
  }

  stop() {
    this.#carrier?.end();
    this.#carrier = null;
    clearInterval(this.#look);
    clearTimeout(this.#patrol);
    this.#setLink({ state: "idle", reason: null, status: 0 });
  }

  destroy() {
    this.stop();
    this.#ends.abort();
    this.#drag.end();
    this.#sizes.disconnect();
    this.#views.disconnect();
    if (document.fullscreenElement === this.#element) {
      document.exitFullscreen().catch(() => {});
    }
    for (const tile of this.#tiles) {
      tile.remove();
    }
    this.#tiles = [];
    this.#status.remove();
    const element = this.#element;
    element.classList.remove("wall");
    for (const name of ["role", "data-large", "data-narrow", "data-layout", ...(this.#named ? [] : ["aria-label"])]) {
      element.removeAttribute(name);
    }
    for (const name of ["--wall-side", "--wall-span", "--wall-narrow"]) {
      element.style.removeProperty(name);
    }
    undress(element);
  }

  show(place, content) {
    this.#grow(Math.min(place + 1, this.#slots));
    this.#tiles[place]?.put(content);
    this.#plan();
    this.#changed();
  }

  swap(a, b) {
    const [one, other] = [this.#tiles[a], this.#tiles[b]];
    if (!one || !other || one === other) {
      return;
    }
    [this.#tiles[a], this.#tiles[b]] = [other, one];
    const follow = (place) => (place === a ? b : place === b ? a : place);
    this.#selected = follow(this.#selected);
    this.#large = follow(this.#large);
    this.#arrange();
    this.#say(`${this.#name(one)} is tile ${b + 1} now, ${this.#name(other)} tile ${a + 1}`);
    this.#changed();
  }

  enlarge(place) {
    const tile = place === null ? null : this.#tiles[place];
    if (tile === undefined || place === this.#large) {
      return;
    }
    const before = this.#large;
    this.#large = place;
    this.#selected = place ?? this.#selected;
    this.#arrange();
    this.#plan();
    if (tile === null && this.#element.hasAttribute("data-narrow")) {
      this.#tiles[before].root.scrollIntoView({ block: "nearest" });
    }
    this.#say(tile ? `${this.#name(tile)}, large` : "All tiles");
    this.#changed();
  }

  select(place) {
    if (place !== this.#selected && (place === null || this.#tiles[place])) {
      this.#selected = place;
      this.#label();
      this.#changed();
    }
  }

  cycle(seconds = CYCLE_SECONDS) {
    const names = this.#options.cameras?.() ?? [];
    const { count } = this;
    this.#patrolling = true;
    this.tiles = Array.from({ length: count }, (_, place) => {
      const cameras = names.filter((_, i) => i % count === place);
      return cameras.length > 1 ? { cameras, seconds } : (cameras[0] ?? null);
    });
  }

  async fullScreen() {
    await (document.fullscreenElement ? document.exitFullscreen() : this.#element.requestFullscreen());
  }

  tile(place) {
    const tile = this.#tiles[place];
    return tile ? { place, ...tile.info() } : null;
  }

  placeOf(node) {
    const root = node?.closest?.(".wall-tile");
    const place = this.#tiles.indexOf(this.#byRoot.get(root));
    return place < 0 ? null : place;
  }

  key(event) {
    const { key, target } = event;
    const typing = target?.closest?.("input, textarea, select, dialog, [contenteditable]");
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || typing) {
      return false;
    }
    // A link or a button has its own Enter.
    const pressed = key === "Enter" && target?.closest?.("a[href], button");
    const act = pressed ? null : this.#action(key, event.shiftKey);
    act?.();
    if (act) {
      event.preventDefault();
    }
    return Boolean(act);
  }

  // --- What people do ---

  #action(key, shift) {
    const here = this.#large ?? this.#selected ?? 0;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (step) {
      return () => this.#move(here, step, shift);
    }
    if (DIGITS[key]) {
      return this.#options.layouts.includes(DIGITS[key]) ? () => (this.layout = DIGITS[key]) : null;
    }
    switch (key.length === 1 ? key.toLowerCase() : key) {
      case "Enter":
        return () => this.enlarge(this.#large === null ? here : null);
      case "Escape":
        return this.#large === null ? null : () => this.enlarge(null);
      case "Delete":
        return () => this.show(here, null);
      case "m":
        return () => (this.sound = !this.#sound);
      case "f":
        return () => this.fullScreen().catch(() => {});
      case "p":
        return () => this.#pressPatrol();
      default:
        return null;
    }
  }

  #pressPatrol() {
    if (this.#tiles.slice(0, this.count).some((tile) => tile.patrols)) {
      this.patrolling = !this.#patrolling;
    } else {
      this.cycle();
    }
  }

  // To the next tile in a direction, as it looks; in a large tile, to the one before or after.
  #move(here, [dx, dy], swap) {
    if (this.#large !== null) {
      const next = (here + dx + dy + this.count) % this.count;
      this.enlarge(next);
      this.#tiles[next].root.focus({ preventScroll: true });
      return;
    }
    const center = (tile) => {
      const { left, top, width, height } = tile.root.getBoundingClientRect();
      return [left + width / 2, top + height / 2];
    };
    const [x, y] = center(this.#tiles[here]);
    let best = null;
    let least = Infinity;
    this.#tiles.slice(0, this.count).forEach((tile, place) => {
      const [tx, ty] = center(tile);
      const along = (tx - x) * dx + (ty - y) * dy;
      const aside = Math.abs((tx - x) * dy) + Math.abs((ty - y) * dx);
      if (along > 1 && along + 3 * aside < least) {
        least = along + 3 * aside;
        best = place;
      }
    });
    if (best !== null && swap) {
      this.swap(here, best);
    } else if (best !== null) {
      this.#tiles[best].root.focus();
    }
  }

  #listen() {
    const { signal } = this.#ends;
    const on = (target, type, act) => target.addEventListener(type, act, { signal });
    on(this.#element, "keydown", (event) => this.key(event));
    on(this.#element, "focusin", ({ target }) => {
      const place = this.placeOf(target);
      if (place !== null) {
        this.select(place);
      }
    });
    on(this.#element, "click", ({ target, detail }) => {
      const place = target.closest("a[href], button") ? null : this.placeOf(target);
      // The second click of two is not the way back.
      if (place !== null && detail < 2 && !this.#drag.dragged) {
        this.#tiles[place].root.focus({ preventScroll: true });
        this.enlarge(this.#large === null ? place : null);
      }
    });
    on(document, "visibilitychange", () => {
      this.#plan();
      this.#update();
    });
  }

  // --- Tiles ---

  get #slots() {
    return Math.max(this.count, ...this.#options.layouts.map((layout) => LAYOUTS[known(layout)].count));
  }

  // Tiles are made once, and stay with their slots: only their places change.
  #grow(count) {
    while (this.#tiles.length < count) {
      const tile = new Tile(this.#tiles.length, this.#options, {
        told: (told) => this.dispatchEvent(new CustomEvent("tile", { detail: { place: this.#tiles.indexOf(told), ...told.info() } })),
        shown: (told, ms) =>
          this.dispatchEvent(new CustomEvent("shown", { detail: { place: this.#tiles.indexOf(told), camera: told.camera, ms } })),
      });
      tile.root.hidden = this.#tiles.length >= this.count;
      tile.root.style.order = this.#tiles.length;
      this.#tiles.push(tile);
      this.#byRoot.set(tile.root, tile);
      this.#element.append(tile.root);
      this.#sizes.observe(tile.root);
      this.#views.observe(tile.root);
    }
    this.#label();
  }

  #arrange() {
    const { side, span, count } = LAYOUTS[this.#layout];
    const { style, dataset } = this.#element;
    dataset.layout = this.#layout;
    style.setProperty("--wall-side", side);
    style.setProperty("--wall-span", span);
    style.setProperty("--wall-narrow", count <= 4 ? 1 : 2);
    this.#grow(count);
    this.#element.removeAttribute("data-large"); // all can be seen meanwhile: none loses the focus
    this.#tiles.forEach((tile, place) => {
      const { root } = tile;
      root.style.order = place;
      tile.inView = root.hidden ? null : tile.inView;
      root.hidden = place >= count;
      root.toggleAttribute("data-first", place === 0 && span > 1);
      root.toggleAttribute("data-large", place === this.#large);
    });
    this.#element.toggleAttribute("data-large", this.#large !== null);
    this.#label();
    // Now, not at the next frame: the gateway hears of the layout and of the sizes at once.
    this.#element.toggleAttribute("data-narrow", isNarrow(this.#element.clientWidth));
    for (const tile of this.#tiles) {
      tile.measure(tile.root.clientWidth, tile.root.clientHeight);
      tile.inView ??= overlap(tile.root, this.#element);
    }
  }

  #label() {
    this.#tiles.forEach((tile, place) => {
      tile.root.toggleAttribute("data-selected", place === this.#selected);
      tile.name(`${place + 1} of ${this.count}`, place === (this.#selected ?? 0));
    });
  }

  #measure(entries) {
    for (const { target, contentRect } of entries) {
      if (target === this.#element) {
        target.toggleAttribute("data-narrow", isNarrow(contentRect.width));
      } else {
        this.#byRoot.get(target)?.measure(contentRect.width, contentRect.height);
      }
    }
    this.#update();
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const place = this.placeOf(target);
      // That the wall itself hides it says nothing of where it is.
      if (isIntersecting || (place < this.count && (this.#large ?? place) === place)) {
        this.#tiles[place].inView = isIntersecting;
      }
    }
    this.#update();
  }

  #name(tile) {
    return tile.label || "Empty tile";
  }

  #say(text) {
    this.#status.textContent = text;
  }

  #changed() {
    this.#update();
    this.dispatchEvent(new Event("change"));
  }

  // What each tile needs, for whoever brings it.
  #update() {
    const first = this.#large ?? this.#selected;
    this.#tiles.forEach((tile, place) => {
      const shown = place < this.count && (this.#large === null || this.#large === place);
      tile.focused = place === first;
      tile.heard = this.#sound && place === (first ?? 0);
      tile.pause(!shown || !tile.inView || document.hidden);
    });
    this.#carrier?.update();
  }

  // --- Patrols ---

  // Those of the same length go on together.
  #plan() {
    clearTimeout(this.#patrol);
    const rest = !this.#patrolling || this.#large !== null || document.hidden;
    const due = this.#tiles.slice(0, this.count).filter((tile) => tile.patrols);
    if (rest || due.length === 0) {
      due.forEach((tile) => (tile.due = null));
      return;
    }
    const now = performance.now();
    for (const tile of due) {
      tile.due ??= now + tile.dwell;
    }
    const next = Math.min(...due.map((tile) => tile.due));
    this.#patrol = setTimeout(() => this.#goOn(next), Math.max(next - now, 0));
  }

  #goOn(until) {
    for (const tile of this.#tiles.slice(0, this.count)) {
      if (tile.patrols && tile.due !== null && tile.due <= until + MESSAGE_MS) {
        tile.next();
        tile.due = performance.now() + tile.dwell;
      }
    }
    this.#label();
    this.#plan();
    this.#update();
  }

  // --- The connection ---

  #carry(mode) {
    this.#mode = mode;
    const Carrier = mode === "one" ? OneConnection : SingleConnections;
    const carrier = new Carrier({
      tiles: this.#tiles,
      slots: this.#slots,
      options: this.#options,
      heard: () => this.#tiles.find((tile) => tile.heard),
      state: (link) => this.#setLink(link),
      cannot: () => {
        if (this.#carrier === carrier) {
          carrier.end();
          this.#carry("single");
        }
      },
    });
    this.#carrier = carrier;
    clearInterval(this.#look);
    this.#look = setInterval(() => this.#watch(), LOOK_MS);
    this.#carrier.start();
    this.#plan();
    this.#update();
  }

  #watch() {
    this.#tiles.forEach((tile) => tile.look());
    this.#update();
  }

  #setLink(link) {
    this.#link = link;
    for (const tile of this.#tiles) {
      tile.setLink(link);
    }
    this.dispatchEvent(new CustomEvent("state", { detail: { ...link, mode: this.#mode } }));
  }
}

// One tile: its picture, its words, and what it needs.
class Tile {
  slot;
  root;
  camera = null;
  content = null;
  width = 0; // in device pixels, as it was last seen
  height = 0;
  inView = null; // not known yet
  paused = true;
  focused = false;
  heard = false;
  frames = 0; // that were seen, by and by
  due = null; // when its patrol goes on
  told = {}; // what the gateway says about what it shows
  #options;
  #events;
  #parts;
  #step = 0; // of the patrol
  #video = null;
  #coming = null; // the video that takes its place with its first picture
  #of = null; // the camera whose picture is seen; undefined: that is not known
  #asked = 0; // when the camera was asked for
  #from = null; // the RTP timestamp of its first frame; null: not known yet; undefined: any frame is
  #looking = null; // the video whose next frame is waited for
  #seen = null; // the frame that was seen last: {video, rtpTimestamp}
  #last = 0; // when a frame was last seen
  #time = null;
  #link = { state: "idle", reason: null };
  #position = "";
  #words = ""; // what was last told

  constructor(slot, options, events) {
    this.slot = slot;
    this.#options = options;
    this.#events = events;
    const root = make("figure", "wall-tile");
    this.root = root;
    root.setAttribute("role", "group");
    root.setAttribute("aria-roledescription", "camera");
    root.setAttribute("aria-keyshortcuts", "Enter M F P");
    const message = make("p", "wall-message", root);
    const sign = make("p", "wall-sign", root);
    const caption = make("figcaption", "wall-caption", root);
    const mark = make("span", "wall-mark", caption);
    const name = make("a", "wall-name", caption); // a link where it has an address
    const ear = make("span", "wall-ear", caption);
    ear.textContent = "\u{1F50A}\uFE0E";
    ear.setAttribute("aria-hidden", "true");
    const clock = make("time", "wall-clock", caption);
    this.#parts = { message, sign, mark, name, ear, clock };
  }

  get patrols() {
    return (this.content?.cameras?.length ?? 0) > 1;
  }

  get dwell() {
    return 1000 * Math.min(Math.max(this.content.seconds || CYCLE_SECONDS, 1), DAY_SECONDS);
  }

  // What the page knows about its camera.
  get about() {
    return (this.camera !== null && this.#options.about(this.camera)) || {};
  }

  get label() {
    return this.about.label ?? this.camera ?? "";
  }

  put(content) {
    if (JSON.stringify(content) === JSON.stringify(this.content)) {
      return;
    }
    this.content = content;
    this.#step = 0;
    this.due = null;
    this.#point(content?.cameras ? (content.cameras[0] ?? null) : content);
  }

  next() {
    this.#step = (this.#step + 1) % this.content.cameras.length;
    this.#point(this.content.cameras[this.#step]);
  }

  #point(camera) {
    if (camera === this.camera) {
      return;
    }
    this.camera = camera;
    this.told = {};
    this.#time = null;
    this.#expect();
    if (camera === null) {
      this.clear();
    }
    this.look(); // its first frame may come before the word of it
  }

  measure(width, height) {
    if (width > 0 && height > 0) {
      const ratio = window.devicePixelRatio || 1;
      this.width = Math.round(width * ratio);
      this.height = Math.round(height * ratio);
    }
  }

  pause(paused) {
    const goesOn = this.paused && !paused;
    if (goesOn) {
      this.#last = performance.now();
    }
    this.paused = paused;
    this.root.toggleAttribute("data-heard", this.heard);
    this.root.toggleAttribute("data-paused", paused);
    if (goesOn) {
      this.look();
    }
  }

  // inTurn: Tab leads to it, and from it to its link.
  name(position, inTurn) {
    this.#position = position;
    this.root.tabIndex = inTurn ? 0 : -1;
    this.#parts.name.tabIndex = inTurn ? 0 : -1;
    this.#show();
  }

  setLink({ state, reason }) {
    this.#link = { state, reason };
    if (state !== "playing" && state !== "connecting") {
      this.told = {}; // who comes next says it anew
    }
    this.#show();
  }

  // What the gateway says. first: the RTP timestamp with which the camera begins; null: not known yet;
  // undefined: any frame is its.
  tell(told, first) {
    this.told = told;
    if (this.#of !== this.camera && this.#from === null && told.state === "live") {
      this.#from = first;
      // Its first frame may have come before the word of it, and the next one may take a while.
      if (Number.isInteger(first) && this.#seen?.rtpTimestamp !== undefined) {
        this.#begin(this.#seen);
      }
      this.look();
    }
    this.#show();
  }

  // Its picture comes from another connection now, in a video of its own. The last one stays until then.
  renew(media) {
    if (this.#of === null) {
      this.#video?.remove(); // there is none
      this.#video = null;
    }
    this.#expect();
    this.#of = null;
    this.#coming?.remove();
    const video = make("video", "wall-video");
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    video.tabIndex = -1;
    video.disablePictureInPicture = true;
    this.root.prepend(video);
    this.#coming = video;
    this.#looking = null;
    this.#seen = null;
    if (media) {
      video.srcObject = media;
      video.play().catch(() => {}); // no pictures come: seen by look()
    }
    if (!this.#video) {
      this.#video = video;
      this.#coming = null;
    }
    this.look();
    return video;
  }

  // Whether a frame is the camera's, and not still of the one before.
  #hasBegun(rtpTimestamp) {
    if (this.told.state !== "live") {
      return false;
    }
    if (this.#from === null) {
      return performance.now() - this.#asked > LOOK_MS; // nobody tells
    }
    return this.#from === undefined || rtpTimestamp === undefined || ((rtpTimestamp - this.#from) | 0) >= 0;
  }

  // The next picture is another camera's, or comes from another connection.
  #expect() {
    this.#asked = performance.now();
    this.#from = null;
  }

  // Its camera is asked for: also if it was the one before, another may have been seen meanwhile.
  rebound() {
    if (this.#of === this.camera) {
      this.#of = undefined;
      this.#from = null;
      this.look();
    }
  }

  // Nothing is seen.
  clear() {
    for (const video of [this.#video, this.#coming]) {
      video?.classList.add("wall-unseen");
    }
    this.#of = null;
  }

  remove() {
    for (const video of [this.#video, this.#coming]) {
      if (video) {
        video.srcObject = null;
      }
    }
    this.root.remove();
  }

  // Waits for the next frame, and for all until the first one of its camera is there.
  look() {
    const video = this.#coming ?? this.#video;
    if (this.#looking !== video && video && !this.paused) {
      this.#looking = video;
      nextFrame(video, (frame) => {
        if (this.#looking === video) {
          this.#looking = null;
          this.#see(video, frame);
        }
      });
    }
    this.#show();
  }

  #see(video, { rtpTimestamp } = {}) {
    this.#last = performance.now();
    this.frames += 1;
    this.#seen = { video, rtpTimestamp };
    if (this.camera === null) {
      return;
    }
    this.#begin(this.#seen);
    const { rtp, unix_ms: unix } = this.told;
    if (rtp !== undefined && unix && rtpTimestamp !== undefined) {
      this.#time = unix + ((rtpTimestamp - rtp) | 0) / 90;
    }
    if (this.#of !== this.camera) {
      this.look();
    } else {
      this.#show();
    }
  }

  // If this frame is its camera's, that is what is shown from now on.
  #begin({ video, rtpTimestamp }) {
    if (this.#of !== this.camera && this.#hasBegun(rtpTimestamp)) {
      this.#of = this.camera;
      video.classList.remove("wall-unseen");
      this.#events.shown(this, performance.now() - this.#asked);
    }
    if (video === this.#coming && this.#of === this.camera) {
      this.#video.remove();
      this.#video.srcObject = null;
      this.#video = video;
      this.#coming = null;
    }
  }

  info() {
    const [state, reason] = this.#state();
    const { variant = null, width = 0, height = 0 } = this.told;
    const live = state === "live";
    return {
      camera: this.camera,
      state,
      reason,
      heldBack: (live && (this.told.reason || this.about.note)) || null,
      variant,
      width,
      height,
      time: this.#time,
      paused: this.paused,
    };
  }

  #state() {
    if (this.camera === null) {
      return ["empty", null];
    }
    const { state: link, reason: why } = this.#link;
    if (link === "retrying" || link === "failed") {
      return [link === "failed" ? "refused" : "retrying", why];
    }
    const { state = "connecting", reason, detail } = this.told;
    if (state !== "live") {
      return [state, sentence(reason) || null];
    }
    const still = performance.now() - Math.max(this.#last, this.#asked);
    if (this.about.soundOnly) {
      return ["live", "Sound only"];
    }
    const sparse = ["fewer_frames", "keyframes"].includes(detail);
    if (!this.paused && still > (sparse ? SPARSE_MS : STALLED_MS)) {
      return ["stalled", sentence(reason) || "No picture comes from the camera."];
    }
    return this.#of === this.camera || this.paused ? ["live", null] : ["connecting", null];
  }

  #show() {
    const { message, sign, mark, name, clock } = this.#parts;
    const info = this.info();
    const { state, reason, heldBack, time } = info;
    const { label } = this;
    const { href } = this.about;
    const held = sentence(heldBack);
    setText(name, label);
    if (href && name.getAttribute("href") !== href) {
      name.href = href;
    } else if (!href) {
      name.removeAttribute("href");
    }
    name.title = label;
    setText(message, reason ?? (state === "empty" ? "Empty" : ""));
    setText(sign, held);
    sign.title = held;
    setText(clock, time === null ? "" : CLOCK.format(time));
    this.root.dataset.state = state;
    mark.title = WORDS[state];
    this.root.toggleAttribute("data-stale", this.camera !== null && this.#of !== this.camera);
    const words = [label || "Nothing", WORDS[state], reason ?? "", held, this.#position].filter(Boolean).join(", ");
    if (this.root.getAttribute("aria-label") !== words) {
      this.root.setAttribute("aria-label", words);
    }
    const told = JSON.stringify({ ...info, time: null });
    if (told !== this.#words) {
      this.#words = told;
      this.#events.told(this);
    }
  }
}

// Brings the pictures by one connection: a slot for each tile, bound in place.
class OneConnection {
  #wall;
  #player;
  #link = null; // what belongs to one RTCPeerConnection
  #ids = 0;
  #timer = 0;
  #sent = 0; // when the last message went
  #ear = new Audio();

  // wall: {tiles, slots, options, heard(): the tile that is, state(link), cannot()}
  constructor(wall) {
    this.#wall = wall;
    const { endpoint, token, player } = wall.options;
    this.#player = new WhepPlayer({ ...player, endpoint, token, scene: this, query: () => this.#query() });
    this.#player.addEventListener("state", () => this.#changed());
  }

  get connection() {
    return this.#player.connection;
  }

  start() {
    this.#player.start();
  }

  end() {
    clearTimeout(this.#timer);
    this.#link = null; // what it still says is not heard
    this.#player.stop();
    this.#ear.srcObject = null;
  }

  // Tells the gateway what has changed.
  update() {
    this.#ear.muted = !this.#wall.heard();
    clearTimeout(this.#timer);
    const wait = this.#sent + MESSAGE_MS - performance.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#flush(), wait);
    } else {
      queueMicrotask(() => this.#flush());
    }
  }

  // --- The scene of the player ---

  ask(pc) {
    const link = { up: false, busy: false, slots: [], sound: null, channel: null, timer: 0 };
    this.#link = link;
    try {
      for (let i = 0; i < this.#wall.slots; ++i) {
        const transceiver = pc.addTransceiver("video", { direction: "recvonly" });
        transceiver.setCodecPreferences?.(codecs());
        link.slots.push(new Slot(transceiver));
      }
      if (this.#wall.options.audio) {
        link.sound = new Slot(pc.addTransceiver("audio", { direction: "recvonly" }));
      }
      link.channel = pc.createDataChannel("wall", { protocol: "wall.1" });
    } catch (error) {
      this.#giveUp();
      throw error;
    }
    link.channel.onopen = () => this.#flush();
    link.channel.onmessage = ({ data }) => link === this.#link && this.#hear(link, data);
  }

  show(pc) {
    const link = this.#link;
    link.up = true;
    link.slots.forEach(({ transceiver }, slot) => {
      const tile = this.#tileOf(slot);
      link.slots[slot].tile = tile;
      tile?.renew(new MediaStream([transceiver.receiver.track]));
    });
    if (link.sound) {
      this.#ear.srcObject = new MediaStream([link.sound.transceiver.receiver.track]);
      this.#ear.muted = !this.#wall.heard();
      this.#ear.play().catch(() => {}); // until a person asks for sound
    }
    this.#flush();
  }

  pictures() {
    return this.#wall.tiles.reduce((sum, { frames }) => sum + frames, 0);
  }

  clear() {}

  // The first cameras go with the offer: they are there when the connection is.
  #query() {
    const { slots, sound } = this.#link;
    const names = slots.map((_, slot) => {
      const tile = this.#tileOf(slot);
      return tile && !tile.paused ? tile.camera : null;
    });
    const list = names.slice(0, names.findLastIndex(Boolean) + 1).map((name) => encodeURIComponent(name ?? "")).join(",");
    if (list === "" || list.length > QUERY_MAX) {
      return "";
    }
    slots.forEach((slot, i) => (slot.sent.stream = names[i]));
    const heard = sound && this.#wall.heard()?.camera;
    if (heard) {
      sound.sent.stream = heard;
    }
    return heard ? `slots=${list}&sound=${encodeURIComponent(heard)}` : `slots=${list}`;
  }

  // --- What is wanted, and what was sent ---

  #tileOf(slot) {
    return this.#wall.tiles.find((tile) => tile.slot === slot);
  }

  #flush() {
    const link = this.#link;
    if (!link?.up || link.busy) {
      return;
    }
    this.#sent = performance.now();
    const changes = [];
    const id = ++this.#ids;
    for (const [i, slot] of link.slots.entries()) {
      const tile = this.#tileOf(i);
      if (tile && slot.tile !== tile) {
        slot.tile = tile; // which was made after the connection
        tile.renew(new MediaStream([slot.transceiver.receiver.track]));
      }
      const change = slot.change(id, tile ? needs(tile) : { stream: null });
      if (change?.stream) {
        tile.rebound();
      }
      changes.push(change);
    }
    changes.push(link.sound?.change(id, { stream: this.#wall.heard()?.camera ?? null }));
    const slots = changes.filter(Boolean);
    if (slots.length > 0) {
      this.#send(link, JSON.stringify({ id, slots }));
    }
    this.#tellAgain(link);
    this.#askAgain(link);
  }

  // The gateway says what a slot shows once: a tile that was another camera's meanwhile has not heard it.
  #tellAgain(link) {
    for (const { tile, said, sent, pending } of link.slots) {
      const camera = tile?.camera ?? null;
      const is = camera !== null && pending === null && said?.stream === camera && sent.stream === camera;
      if (is && tile.told.state === undefined) {
        tile.tell(said, said.rtp ?? null);
      }
    }
  }

  #send(link, text) {
    if (link.channel.readyState === "open") {
      link.channel.send(text);
    } else {
      this.#patch(link, text);
    }
  }

  // Until the data channel is open, and where it never opens. One at a time: they might overtake each other.
  async #patch(link, text) {
    link.busy = true;
    const response = await this.#player.request("PATCH", text, { "Content-Type": "application/json" }).catch(() => null);
    link.busy = false;
    if (link !== this.#link) {
      return;
    }
    if (response?.ok) {
      this.#hear(link, await response.text());
    } else {
      const { id } = JSON.parse(text);
      this.#all(link).forEach((slot) => slot.lose(id));
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#flush(), LOOK_MS);
      return;
    }
    this.#flush();
  }

  // What was refused is asked for again by and by.
  #askAgain(link) {
    const next = Math.min(...this.#all(link).map(({ again }) => again || Infinity));
    clearTimeout(link.timer);
    if (next < Infinity) {
      link.timer = setTimeout(() => link === this.#link && this.#flush(), Math.max(next - performance.now(), 0));
    }
  }

  // --- What the gateway says ---

  #hear(link, text) {
    const { id, slots, status, detail } = parsed(text);
    if (id !== undefined && status !== undefined) {
      this.#all(link).forEach((slot) => slot.pending === id && this.#refused(slot, { status, detail }));
    }
    for (const said of Array.isArray(slots) ? slots : []) {
      const slot = this.#all(link).find(({ transceiver }) => transceiver.mid === said.slot);
      if (slot && id !== undefined) {
        this.#replied(link, slot, id, said);
      } else if (slot) {
        this.#noticed(slot, said);
      }
    }
    this.update();
  }

  #replied(link, slot, id, said) {
    slot.replied(id, said);
    if (slot.pending !== id) {
      return;
    }
    if (said.status !== undefined) {
      this.#refused(slot, said);
      return;
    }
    slot.pending = null;
    // Without notices this is all there is.
    if (link.channel.readyState !== "open" && said.stream && said.stream === slot.tile?.camera) {
      slot.tile.tell({ state: "live" }, undefined);
    }
  }

  #refused(slot, { status, title, detail }) {
    slot.refuse();
    const state = status === 401 || status === 403 ? "refused" : status === 404 ? "removed" : "retrying";
    const reason = detail || title || (status === 404 ? "The gateway has no such camera." : `The gateway answered ${status}.`);
    slot.tile?.tell({ state, reason }, null);
  }

  #noticed(slot, said) {
    slot.said = said;
    if (slot.before !== null) {
      return; // it is of what was bound before, even where that is wanted again
    }
    const stream = said.stream ?? null;
    if (slot.pending === null) {
      slot.sent.stream = stream; // what is so; what is wanted instead is asked for
    }
    const wanted = slot.sent.stream;
    if (wanted && said.state === "removed" && (stream ?? wanted) === wanted) {
      this.#refused(slot, { status: 404, detail: said.reason });
    } else if (stream !== null && stream === wanted) {
      slot.accept();
      if (stream === slot.tile?.camera) {
        slot.tile.tell(said, said.rtp ?? null);
      }
    }
  }

  #all({ slots, sound }) {
    return sound ? [...slots, sound] : slots;
  }

  #changed() {
    const { state, reason, status } = this.#player;
    if (NO_WALL.includes(status) && (state === "failed" || status === 501)) {
      this.#giveUp();
      return;
    }
    // Whether pictures come is for each tile to say.
    this.#wall.state({ state: state === "stalled" ? "playing" : state, reason: state === "stalled" ? null : reason, status });
  }

  #giveUp() {
    this.#link = null;
    queueMicrotask(() => this.#wall.cannot());
  }
}

// One media section of the connection, and what the gateway was told about it.
class Slot {
  transceiver;
  tile = null;
  sent = { stream: null };
  said = null; // what the gateway said of it last
  pending = null; // the message that binds it and is not answered yet
  before = null; // an earlier one that is not answered either
  again = 0; // when what was refused is asked for again; 0: nothing was
  #wanted = null; // the camera
  #wait = REFUSED_MS;

  constructor(transceiver) {
    this.transceiver = transceiver;
  }

  // What a message has to say about it, or null.
  change(id, wanted) {
    if (wanted.stream !== this.#wanted) {
      this.#wanted = wanted.stream;
      this.accept();
    }
    if (performance.now() < this.again) {
      wanted = { stream: null };
    } else {
      this.again = 0;
    }
    const changed = Object.entries(wanted).filter(([name, value]) => value !== this.sent[name]);
    if (changed.length === 0) {
      return null;
    }
    const change = Object.fromEntries(changed);
    Object.assign(this.sent, change);
    if ("stream" in change) {
      this.before = this.pending;
      this.pending = id;
    }
    return { slot: this.transceiver.mid, ...change };
  }

  // The answer to a message.
  replied(id, { stream, status }) {
    if (id >= this.before) {
      this.before = null;
    }
    if (status === undefined && stream !== this.said?.stream) {
      this.said = null; // that was before
    }
  }

  // The message did not arrive.
  lose(id) {
    if (this.pending === id || this.pending === null) {
      this.sent = { stream: undefined };
      this.pending = null;
    }
  }

  // What it was told last is not so. Whatever it shows instead is to end.
  refuse() {
    this.pending = null;
    this.sent.stream = undefined;
    this.again = performance.now() + this.#wait;
    this.#wait = Math.min(2 * this.#wait, REFUSED_MAX_MS);
  }

  accept() {
    this.#wait = REFUSED_MS;
    this.again = 0;
  }
}

function needs({ camera, width, height, focused, paused }) {
  return camera === null ? { stream: null } : { stream: camera, width, height, focus: focused, paused };
}

// Brings the pictures by a connection for each tile: where a server has no wall.
class SingleConnections {
  #wall;
  #tiles = new Map(); // what plays in each, and what is to
  #waiting = new Set(); // for their turn
  #taken = new Set();

  constructor(wall) {
    this.#wall = wall;
  }

  start() {
    this.#wall.state({ state: "playing", reason: null, status: 0 });
  }

  end() {
    this.#waiting.clear();
    for (const plays of this.#tiles.values()) {
      clearTimeout(plays.leave);
      this.#leave(plays);
    }
    this.#tiles.clear();
  }

  update() {
    for (const tile of this.#wall.tiles) {
      const plays = this.#tiles.get(tile) ?? { now: null, next: null, leave: 0 };
      this.#tiles.set(tile, plays);
      const { camera, paused } = tile;
      const last = plays.next ?? plays.now;
      if (!paused) {
        clearTimeout(plays.leave);
        plays.leave = 0;
      }
      if (camera === null) {
        this.#leave(plays);
      } else if (paused) {
        plays.leave ||= setTimeout(() => this.#leave(plays), OUT_OF_VIEW_MS);
      } else {
        const { lesser: least = null, away = null } = tile.about;
        const lesser = tile.width < SMALL_PX ? least : null;
        if (away !== null && !last?.player?.connection) {
          this.#leave(plays);
          tile.tell({ state: "retrying", reason: away }, null);
        } else if (last?.camera !== camera || last.lesser !== lesser) {
          this.#begin(tile, plays, camera, lesser);
        }
      }
      this.#hear(tile, plays);
    }
  }

  #hear(tile, { now }) {
    if (now) {
      now.video.muted = !tile.heard;
    }
  }

  // What stops is no longer known by then: that it stops is no news of the tile.
  #leave(plays) {
    const { next, now } = plays;
    plays.next = plays.now = null;
    this.#stop(next);
    this.#stop(now);
  }

  #begin(tile, plays, camera, lesser) {
    const stale = plays.next;
    plays.next = null;
    this.#stop(stale);
    const next = { camera, lesser, video: null, player: null, timer: 0 };
    plays.next = next;
    this.#waiting.add(next);
    next.begin = () => {
      const { single, token, audio, player } = this.#wall.options;
      next.video = tile.renew(null);
      const options = { ...player, endpoint: single(camera), token, audio, video: next.video, variant: lesser };
      next.player = new WhepPlayer(options);
      const changed = () => this.#changed(tile, plays, next);
      next.player.addEventListener("state", changed);
      next.player.addEventListener("quality", changed);
      next.player.start();
      tile.look();
    };
    this.#next();
  }

  #changed(tile, plays, one) {
    const { state, reason, quality } = one.player;
    if (state !== "connecting") {
      this.#endTurn(one);
    }
    if (one !== plays.next && one !== plays.now) {
      return;
    }
    if (one === plays.next && state !== "connecting") {
      const before = plays.now;
      plays.now = one;
      plays.next = null;
      setTimeout(() => this.#stop(before), LOOK_MS); // its picture is seen until the new one is
      this.#hear(tile, plays);
    }
    if (state === "failed") {
      // What was refused may be granted by and by.
      setTimeout(() => one === plays.now && one.player.start(), REFUSED_MAX_MS);
    }
    if (tile.camera === one.camera) {
      const words = { playing: "live", failed: one.player.status === 404 ? "removed" : "refused", idle: "connecting" };
      // What was asked for is no news.
      const held = quality?.reason === "viewer" ? null : quality?.heldBack;
      const told = { state: words[state] ?? state, reason: state === "playing" ? held : reason };
      tile.tell({ ...told, variant: quality?.variant, detail: quality?.detail }, undefined);
    }
  }

  #stop(one) {
    if (one) {
      this.#endTurn(one);
      one.player?.stop();
    }
  }

  // --- A few at a time ---

  #next() {
    for (const one of this.#waiting) {
      if (this.#taken.size >= AT_ONCE) {
        return;
      }
      this.#waiting.delete(one);
      this.#taken.add(one);
      one.timer = setTimeout(() => this.#endTurn(one), TURN_MS);
      one.begin();
    }
  }

  #endTurn(one) {
    this.#waiting.delete(one);
    clearTimeout(one.timer);
    if (this.#taken.delete(one)) {
      this.#next();
    }
  }
}

// Drags a tile onto another: by mouse or pen at once, by finger after a long press.
class Drag {
  dragged = false; // the last press was one: the click that ends it is none
  #element;
  #acts;
  #from = null;
  #over = null;
  #start = null;
  #active = false;
  #timer = 0;

  // acts: {tileAt(node): its place or null, drop(from, to), label(place, active)}
  constructor(element, signal, acts) {
    this.#element = element;
    this.#acts = acts;
    const on = (type, act, options) => element.addEventListener(type, act, { signal, ...options });
    on("pointerdown", (event) => this.#press(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", () => this.#release(true));
    on("pointercancel", () => this.#release(false));
    on("lostpointercapture", () => this.#release(false));
    on("dragstart", (event) => event.preventDefault());
    on("contextmenu", (event) => this.#active && event.preventDefault());
    // A finger that drags does not scroll.
    on("touchmove", (event) => this.#active && event.preventDefault(), { passive: false });
  }

  end() {
    this.#release(false);
  }

  #press(event) {
    this.dragged = false;
    if (event.button !== 0 || !event.isPrimary || event.target.closest("a[href], button")) {
      return;
    }
    this.#from = this.#acts.tileAt(event.target);
    this.#start = event;
    if (event.pointerType === "touch") {
      this.#timer = setTimeout(() => this.#begin(), PRESS_MS);
    }
  }

  #begin() {
    if (this.#from === null || this.#element.hasAttribute("data-large")) {
      return;
    }
    this.#active = true;
    this.dragged = true;
    this.#element.setPointerCapture(this.#start.pointerId);
    this.#acts.label(this.#from, true);
  }

  #move(event) {
    if (this.#from === null) {
      return;
    }
    const far = Math.hypot(event.clientX - this.#start.clientX, event.clientY - this.#start.clientY) > DRAG_PX;
    if (!this.#active && far) {
      if (event.pointerType === "touch") {
        this.#release(false); // it scrolls
        return;
      }
      this.#begin();
    }
    if (this.#active) {
      const node = this.#element.getRootNode().elementFromPoint(event.clientX, event.clientY);
      this.#hover(this.#element.contains(node) ? node.closest(".wall-tile") : null);
    }
  }

  #hover(root) {
    if (root !== this.#over) {
      this.#over?.removeAttribute("data-over");
      root?.setAttribute("data-over", "");
      this.#over = root;
    }
  }

  #release(drop) {
    clearTimeout(this.#timer);
    const from = this.#from;
    const to = this.#over && this.#acts.tileAt(this.#over);
    const active = this.#active;
    this.#active = false;
    this.#from = null;
    this.#hover(null);
    if (from !== null) {
      this.#acts.label(from, false);
    }
    if (active && drop && to !== null && to !== from) {
      this.#acts.drop(from, to);
    }
  }
}

// --- Small things ---

const WORDS = {
  empty: "",
  connecting: "connecting",
  live: "live",
  stalled: "no picture",
  retrying: "not live",
  idle: "on demand",
  removed: "no such camera",
  refused: "not allowed",
};

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function known(name) {
  const layout = String(name);
  if (!Object.hasOwn(LAYOUTS, layout)) {
    throw new RangeError(`there is no layout "${layout}": use one of ${Object.keys(LAYOUTS).join(", ")}`);
  }
  return layout;
}

// What a camera may send. The rest makes offers of sixty sections half as large again.
function codecs() {
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  return codecs.filter(
    ({ mimeType, sdpFmtpLine = "" }) =>
      !/\/(red|ulpfec|flexfec)/i.test(mimeType) && !/packetization-mode=0|profile(-id)?=[1-9](;|$)/.test(sdpFmtpLine),
  );
}

// Calls back with the next frame of a video, once.
function nextFrame(video, then) {
  if (video.requestVideoFrameCallback) {
    video.requestVideoFrameCallback((now, frame) => then(frame));
  } else {
    video.addEventListener("timeupdate", () => then({}), { once: true });
  }
}

function isNarrow(width) {
  return width > 0 && width < NARROW_PX;
}

// Whether a tile is in the part of the wall, and of the window, that is seen.
function overlap(tile, wall) {
  const [a, b] = [tile.getBoundingClientRect(), wall.getBoundingClientRect()];
  const within = (from, to, ...ends) => Math.max(from, ...ends.map(([start]) => start)) < Math.min(to, ...ends.map(([, end]) => end));
  return (
    within(a.left, a.right, [b.left, b.right], [0, innerWidth]) && within(a.top, a.bottom, [b.top, b.bottom], [0, innerHeight])
  );
}

function parsed(json) {
  try {
    return JSON.parse(json) ?? {};
  } catch {
    return {};
  }
}

// The gateway's texts begin in lower case.
function sentence(text) {
  return text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "";
}

function make(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

// Text that has not changed is left alone: no layout, no word from a screen reader.
function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

// --- Styles ---

// Style sheets of documents and shadow roots, with the number of walls in each.
const dressed = new Map();

function dress(element) {
  const root = element.isConnected ? element.getRootNode() : document;
  if (!dressed.has(root)) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    dressed.set(root, { sheet, walls: new Set() });
  }
  dressed.get(root).walls.add(element);
}

function undress(element) {
  for (const [root, { sheet, walls }] of dressed) {
    if (walls.delete(element) && walls.size === 0) {
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((other) => other !== sheet);
      dressed.delete(root);
    }
  }
}

const STYLE = `
@layer wall {
  .wall {
    position: relative;
    display: grid;
    grid-template: repeat(var(--wall-side), minmax(0, 1fr)) / repeat(var(--wall-side), minmax(0, 1fr));
    gap: var(--wall-gap, 3px);
    overflow: hidden;
    background: #000;
    user-select: none;
  }
  .wall[data-narrow] {
    grid-template: none / repeat(var(--wall-narrow), minmax(0, 1fr));
    grid-auto-rows: max-content;
    align-content: start;
    overflow-y: auto;
  }
  .wall[data-large] {
    grid-template: minmax(0, 1fr) / minmax(0, 1fr);
    align-content: stretch;
  }
  .wall[data-large] .wall-tile:not([data-large]), .wall-tile[hidden] {
    display: none;
  }
  .wall-status {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: 0;
    overflow: hidden;
    clip-path: inset(50%);
  }
  .wall-tile {
    position: relative;
    container-type: inline-size;
    min-width: 0;
    min-height: 0;
    margin: 0;
    overflow: hidden;
    color: #f0f2f4;
    background: #0c0e11;
    font-size: 13px;
    line-height: 1.35;
    cursor: zoom-in;
    touch-action: manipulation;
    -webkit-touch-callout: none;
  }
  .wall[data-large] .wall-tile {
    cursor: zoom-out;
  }
  .wall-tile[data-state="empty"] {
    cursor: default;
  }
  .wall-tile[data-first] {
    grid-area: span var(--wall-span) / span var(--wall-span);
  }
  .wall[data-narrow] .wall-tile {
    aspect-ratio: 16 / 9;
  }
  .wall[data-narrow] .wall-tile[data-first] {
    grid-area: span 1 / span var(--wall-narrow);
  }
  .wall[data-large] .wall-tile[data-large] {
    grid-area: auto;
    aspect-ratio: auto;
  }
  .wall-tile[data-selected]::after, .wall-tile:focus-visible::after, .wall-tile[data-over]::after {
    content: "";
    position: absolute;
    z-index: 3;
    inset: 0;
    border: 2px solid var(--wall-accent, #84b4ff);
    pointer-events: none;
  }
  .wall[data-large] .wall-tile::after {
    content: none;
  }
  .wall-tile:focus, .wall-tile:focus-visible {
    outline: none;
  }
  .wall-tile:focus-visible::after, .wall-tile[data-over]::after {
    border-width: 4px;
  }
  .wall-tile[data-dragged] {
    opacity: 0.5;
    cursor: grabbing;
  }
  .wall-video {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
    pointer-events: none;
    transition: opacity 0.15s 0.25s;
  }
  .wall-tile[data-stale] .wall-video {
    opacity: 0.3;
  }
  .wall-unseen {
    visibility: hidden;
  }
  .wall-message {
    position: absolute;
    z-index: 1;
    inset: 0;
    display: grid;
    place-content: center;
    margin: 0;
    padding: 6px 12px 26px;
    overflow: hidden;
    text-align: center;
    background: rgb(12 14 17 / 72%);
  }
  .wall-message:empty, .wall-sign:empty, .wall-clock:empty {
    display: none;
  }
  .wall-tile[data-state="empty"] .wall-message {
    color: #8b949e;
    background: transparent;
  }
  .wall-tile[data-stale]:not([data-state="connecting"], [data-state="live"]) .wall-message {
    background: #0c0e11;
  }
  .wall-sign {
    position: absolute;
    z-index: 2;
    top: 6px;
    left: 6px;
    max-width: calc(100% - 12px);
    margin: 0;
    padding: 2px 7px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    font-size: 12px;
    background: rgb(12 14 17 / 72%);
    border-radius: 4px;
    pointer-events: none;
  }
  .wall-caption {
    position: absolute;
    z-index: 2;
    inset: auto 0 0;
    display: flex;
    align-items: center;
    gap: 7px;
    padding: 14px 8px 5px;
    white-space: nowrap;
    text-shadow: 0 1px 2px #000;
    background: linear-gradient(transparent, rgb(0 0 0 / 65%));
  }
  .wall-tile[data-state="empty"] .wall-caption {
    display: none;
  }
  .wall-mark {
    flex: none;
    box-sizing: border-box;
    width: 8px;
    height: 8px;
    background: #2f9e60;
    border-radius: 50%;
  }
  .wall-tile[data-state="connecting"] .wall-mark {
    background: none;
    border: 2px solid #d9982a;
  }
  .wall-tile[data-state="idle"] .wall-mark {
    background: none;
    border: 2px solid #9da7b1;
  }
  .wall-tile:is([data-state="stalled"], [data-state="retrying"], [data-state="removed"], [data-state="refused"]) .wall-mark {
    background: #dc4f49;
    border-radius: 1px;
    transform: rotate(45deg) scale(0.9);
  }
  .wall-name {
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    color: inherit;
    font-weight: 600;
    text-decoration: none;
  }
  .wall-name[href]:hover {
    text-decoration: underline;
  }
  .wall-clock {
    margin-left: auto;
    font-variant-numeric: tabular-nums;
  }
  .wall-ear {
    display: none;
  }
  .wall-tile[data-heard] .wall-ear {
    display: inline;
  }
  @container (max-width: 220px) {
    .wall-clock {
      display: none;
    }
    .wall-caption, .wall-message, .wall-sign {
      font-size: 11px;
    }
    .wall-message {
      padding: 4px 6px 20px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .wall-video {
      transition: none;
    }
  }
}
`;
