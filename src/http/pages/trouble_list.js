// What needs attention, in words.

import { element, setText } from "./dom.js";
import { count } from "./format.js";

// Cameras of a kind of trouble that are shown before "12 more", and after.
const ITEMS = 5;
const ALL_ITEMS = 64;

// Rows are kept by kind, so that a screen reader and a finger find them again.
export class TroubleList {
  #list;
  #empty;
  #rows = new Map();
  #open = new Set();
  #onStream;

  constructor(root, onStream) {
    this.#onStream = onStream;
    this.#empty = element("p", "well", root);
    this.#empty.textContent = "Nothing. All cameras are live, and all viewers get what they should.";
    this.#list = element("ul", "troubles", root);
  }

  show(groups) {
    this.#empty.hidden = groups.length > 0;
    const kept = new Set(groups.map(({ key }) => key));
    for (const [key, row] of this.#rows) {
      if (!kept.has(key)) {
        row.remove();
        this.#rows.delete(key);
      }
    }
    groups.forEach((group, i) => {
      const row = this.#rows.get(group.key) ?? this.#add(group);
      if (this.#list.children[i] !== row) {
        this.#list.insertBefore(row, this.#list.children[i] ?? null);
      }
      this.#update(row, group);
    });
  }

  #add({ key, level: name, kind }) {
    const row = element("li", "trouble", null);
    row.dataset.level = name;
    const head = element("p", "kind", row);
    const mark = element("span", "mark", head);
    mark.dataset.level = name;
    element("span", "unseen", head).textContent = { bad: "Error: ", warn: "Warning: ", note: "Note: " }[name];
    element("span", "words", head).textContent = kind;
    element("span", "count", head);
    element("p", "members", row);
    this.#rows.set(key, row);
    return row;
  }

  #update(row, { key, items }) {
    // A camera with many such viewers is named once.
    const byName = new Map();
    for (const item of items) {
      const known = byName.get(item.name);
      byName.set(item.name, { ...item, times: (known?.times ?? 0) + 1 });
    }
    const names = [...byName.values()];
    setText(row.querySelector(".count"), items.length > 1 ? count(items.length) : "");
    const members = row.querySelector(".members");
    const open = this.#open.has(key);
    const shown = names.slice(0, open ? ALL_ITEMS : ITEMS);
    const hidden = names.length - shown.length;
    const state = JSON.stringify([shown.map(({ name, text, times }) => [name, text, times]), hidden, open]);
    if (members.dataset.state === state) {
      return;
    }
    members.dataset.state = state;
    const focused = members.contains(document.activeElement) ? document.activeElement.textContent : null;
    members.replaceChildren();
    const single = shown.length === 1;
    for (const { name, text, stream, times } of shown) {
      const chip = element(stream === undefined ? "span" : "button", "chip", members);
      chip.textContent = times > 1 ? `${name} \u00d7${times}` : name;
      if (stream !== undefined) {
        chip.type = "button";
        chip.title = text;
        chip.addEventListener("click", () => this.#onStream(stream));
      }
      if (single || stream === undefined) {
        element("span", "text", members).textContent = text;
      }
    }
    if (hidden > 0 || (open && names.length > ITEMS)) {
      const button = element("button", "chip other", members);
      button.type = "button";
      button.textContent = open ? (hidden ? `${hidden} more; show fewer` : "show fewer") : `${hidden} more`;
      button.addEventListener("click", () => {
        this.#open[open ? "delete" : "add"](key);
        this.#update(row, { key, items });
      });
    }
    if (focused !== null) {
      [...members.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
    }
  }
}
