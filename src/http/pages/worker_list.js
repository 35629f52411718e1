// The workers: how busy each is, and with what.

import { LIMITS } from "./attention.js";
import { element, setText } from "./dom.js";
import { count, percent } from "./format.js";
import { COST_PARTS } from "./model.js";
import { splitBar } from "./split_bar.js";

export class WorkerList {
  #root;
  #rows = [];

  constructor(root) {
    this.#root = root;
  }

  show(workers) {
    while (this.#rows.length < workers.length) {
      this.#rows.push(this.#make());
    }
    workers.forEach((worker, i) => this.#rows[i](worker));
  }

  #make() {
    const row = element("li", "worker", this.#root);
    const name = element("span", "name", row);
    const holder = element("span", "bar-holder", row);
    const bar = splitBar(holder, COST_PARTS);
    const busy = element("b", "busy", row);
    const load = element("span", "load", row);
    return ({ now, busy: share, parts }) => {
      setText(name, `Worker ${now.index}`);
      setText(busy, percent(share));
      setText(load, `${count(now.streams)} cameras, ${count(now.sessions)} viewers`);
      row.dataset.level = share >= LIMITS.worker_full ? "bad" : share >= LIMITS.worker_busy ? "warn" : "";
      bar(parts, 1);
    };
  }
}
