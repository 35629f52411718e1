// The list of all cameras: to put one into a tile, by a click or by dragging it there.

import { element, setText } from "./dom.js";
import { level, stateWord } from "./why.js";

export const CAMERA_TYPE = "application/x-camera";

export class CameraPicker {
  #list;
  #search;
  #items = new Map(); // by name
  #picked;

  // picked: called with the name of the camera that was clicked.
  constructor(list, search, picked) {
    this.#list = list;
    this.#search = search;
    this.#picked = picked;
    search.addEventListener("input", () => this.#filter());
  }

  // streams: in order; places: where each is on the wall, by name.
  update(streams, places) {
    const names = new Set(streams.map(({ name }) => name));
    for (const [name, { row }] of this.#items) {
      if (!names.has(name)) {
        row.remove();
        this.#items.delete(name);
      }
    }
    streams.forEach((stream, i) => {
      const item = this.#items.get(stream.name) ?? this.#add(stream.name);
      if (this.#list.children[i] !== item.row) {
        this.#list.insertBefore(item.row, this.#list.children[i] ?? null);
      }
      const place = places.get(stream.name);
      item.words = `${stream.name} ${stream.label ?? ""}`.toLowerCase();
      item.mark.dataset.level = level(stream);
      item.mark.title = stateWord(stream);
      setText(item.label, stream.label ?? stream.name);
      setText(item.where, place === undefined ? "" : `${place + 1}`);
      item.where.title = place === undefined ? "" : `In tile ${place + 1}`;
      item.button.setAttribute("aria-pressed", place !== undefined);
    });
    this.#filter();
  }

  #add(name) {
    const row = element("li", "", this.#list);
    const button = element("button", "", row);
    button.type = "button";
    button.draggable = true;
    button.addEventListener("click", () => this.#picked(name));
    button.addEventListener("dragstart", ({ dataTransfer }) => {
      dataTransfer.setData(CAMERA_TYPE, name);
      dataTransfer.effectAllowed = "copy";
    });
    const item = { row, button, words: "", mark: element("span", "mark", button), label: element("span", "label", button), where: element("span", "where", button) };
    this.#items.set(name, item);
    return item;
  }

  #filter() {
    const wanted = this.#search.value.trim().toLowerCase();
    for (const { row, words } of this.#items.values()) {
      row.hidden = !words.includes(wanted);
    }
  }
}
