// All cameras at a glance, a cell for each.

import { element } from "./dom.js";
import { level, stateWord } from "./why.js";

const collator = new Intl.Collator(undefined, { numeric: true });

// The arrow keys move within; Tab passes over all of it.
export class CameraMap {
  #root;
  #cells = new Map();
  #onStream;

  constructor(root, onStream) {
    this.#root = root;
    this.#onStream = onStream;
    root.addEventListener("click", ({ target }) => {
      if (target.dataset.stream) {
        this.#focus(target);
        onStream(Number(target.dataset.stream));
      }
    });
    root.addEventListener("keydown", (event) => this.#move(event));
  }

  show(streams, selected) {
    const ids = new Set(streams.map(({ now }) => now.id));
    for (const [id, cell] of this.#cells) {
      if (!ids.has(id)) {
        cell.remove();
        this.#cells.delete(id);
      }
    }
    const sorted = [...streams].sort((a, b) => collator.compare(a.now.name, b.now.name));
    sorted.forEach(({ now, troubles }, i) => {
      let cell = this.#cells.get(now.id);
      if (!cell) {
        cell = element("button", "cell", null);
        this.#root.insertBefore(cell, this.#root.children[i] ?? null);
        cell.type = "button";
        cell.dataset.stream = now.id;
        cell.tabIndex = this.#cells.size === 0 ? 0 : -1;
        this.#cells.set(now.id, cell);
      }
      const state = level(now);
      const name = state === "good" && troubles.length > 0 ? "warn" : state;
      const words = `${now.name}: ${troubles.length ? troubles.map(({ kind }) => kind).join("; ") : stateWord(now)}`;
      if (cell.dataset.level !== name) {
        cell.dataset.level = name;
      }
      if (cell.title !== words) {
        cell.title = words;
        cell.setAttribute("aria-label", words);
      }
      cell.setAttribute("aria-current", now.id === selected);
    });
    if (!this.#root.querySelector('[tabindex="0"]') && this.#root.firstElementChild) {
      this.#root.firstElementChild.tabIndex = 0;
    }
    this.#root.dataset.count = streams.length > 128 ? "many" : streams.length > 32 ? "some" : "few";
  }

  #focus(cell) {
    this.#root.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    cell.tabIndex = 0;
    cell.focus();
  }

  #move(event) {
    const cells = [...this.#root.children];
    const at = cells.indexOf(document.activeElement);
    const columns = cells.findIndex((cell) => cell.offsetTop !== cells[0].offsetTop);
    const row = columns < 0 ? cells.length : columns;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - row, ArrowDown: at + row, Home: 0, End: cells.length - 1 }[event.key];
    if (at >= 0 && cells[to]) {
      event.preventDefault();
      this.#focus(cells[to]);
    }
  }
}
