// The knobs with their live values.

import { element, setText } from "./dom.js";

const APPLIES = { create: "at creation", new_sessions: "to new viewers", now: "at once" };

export class TuningTable {
  #body;
  #rows = new Map();

  constructor(root) {
    const table = element("table", "tuning", root);
    table.setAttribute("aria-label", "Tuning");
    const head = element("tr", "", element("thead", "", table));
    for (const [label, kind] of [["Knob", ""], ["Value", "number"], ["Default", "number"], ["Range", "number"], ["A change applies", ""]]) {
      const th = element("th", kind, head);
      th.scope = "col";
      th.textContent = label;
    }
    this.#body = element("tbody", "", table);
  }

  show(knobs) {
    for (const knob of knobs) {
      const cells = this.#rows.get(knob.name) ?? this.#make(knob);
      const changed = knob.value !== knob.default;
      setText(cells.value, String(knob.value));
      setText(cells.changed, changed ? "changed" : "");
      cells.row.dataset.changed = changed;
    }
  }

  #make(knob) {
    const row = element("tr", "", this.#body);
    const name = element("th", "", row);
    name.scope = "row";
    const title = element("code", "", name);
    title.textContent = knob.name;
    const changed = element("span", "changed", name);
    if (knob.help) {
      element("span", "help", name).textContent = knob.help;
    }
    const value = element("td", "number value", row);
    element("td", "number", row).textContent = String(knob.default);
    element("td", "number", row).textContent = `${knob.min} to ${knob.max}`;
    element("td", "", row).textContent = APPLIES[knob.applies] ?? knob.applies;
    const cells = { row, value, changed };
    this.#rows.set(knob.name, cells);
    return cells;
  }
}
