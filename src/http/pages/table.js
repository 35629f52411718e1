// A table of any length that holds only the rows in view, and updates them in place.
//
// The page scrolls, not the table: rows above and below the view are two spacers. Rows keep their
// order for some seconds, and while the mouse is over them, however the figures change.

import { element, setText } from "./dom.js";

const ROW_PX = 40; // as in dashboard.css
const MARGIN_ROWS = 6;
const RESORT_MS = 4_000;

const collator = new Intl.Collator(undefined, { numeric: true });

export class Table {
  #columns;
  #body;
  #above;
  #below;
  #pool = []; // {tr, cells}
  #rows = [];
  #order = [];
  #filter = () => true;
  #sort;
  #sorted = -Infinity;
  #heads = new Map();
  #onRow;
  #selected = () => false;
  #empty;
  #width = Infinity;
  #widths; // a <col> for each column

  // columns: [{key, label, title, value(row), compare?, text(row)? | make(td) -> update(row), numeric?,
  // from?: narrowest width of the table that shows it, width?: in pixels}]. value sorts; text is
  // shown. Columns without a width share what is left.
  // onRow(row): a row was chosen.
  constructor(root, { label, columns, sort, onRow, selected }) {
    this.#columns = columns;
    this.#sort = sort;
    this.#onRow = onRow;
    this.#selected = selected ?? this.#selected;
    this.table = element("table", "", root);
    this.table.setAttribute("aria-label", label);
    this.#empty = element("p", "none", root);
    this.#widths = columns.map(({ width }) => {
      const col = element("col", "", this.table);
      col.style.width = width ? `${width}px` : "";
      return col;
    });
    this.#makeHead();
    this.#above = element("tbody", "spacer", this.table);
    this.#body = element("tbody", "", this.table);
    this.#below = element("tbody", "spacer", this.table);
    for (const spacer of [this.#above, this.#below]) {
      spacer.setAttribute("aria-hidden", "true");
      element("td", "", element("tr", "", spacer));
    }
    if (onRow) {
      this.#body.addEventListener("click", ({ target }) => this.#choose(target.closest("tr")));
      this.#body.addEventListener("keydown", (event) => this.#key(event));
    }
    addEventListener("scroll", () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#resize()).observe(root);
  }

  set filter(filter) {
    this.#filter = filter;
    this.#sorted = -Infinity;
    this.#update();
  }

  get shown() {
    return this.#order.length;
  }

  // rows: [{now: {id}, ...}]
  show(rows) {
    this.#rows = rows;
    this.#update();
  }

  #makeHead() {
    const row = element("tr", "", element("thead", "", this.table));
    row.setAttribute("aria-rowindex", 1);
    for (const column of this.#columns) {
      const th = element("th", column.numeric ? "number" : "", row);
      th.scope = "col";
      th.dataset.column = column.key;
      const button = element("button", "", th);
      button.type = "button";
      button.textContent = column.label;
      button.title = column.title ?? "";
      button.addEventListener("click", () => {
        const descending = this.#sort.key === column.key ? !this.#sort.descending : Boolean(column.numeric);
        this.#sort = { key: column.key, descending };
        this.#sorted = -Infinity;
        this.#showSort();
        this.#update();
      });
      this.#heads.set(column.key, th);
    }
    this.#showSort();
  }

  #showSort() {
    for (const [key, th] of this.#heads) {
      const { key: sorted, descending } = this.#sort;
      th.setAttribute("aria-sort", key !== sorted ? "none" : descending ? "descending" : "ascending");
    }
  }

  #update() {
    const now = performance.now();
    const kept = new Map(this.#rows.map((row) => [row.now.id, row]));
    const held = this.#body.matches(":hover") || this.#body.contains(document.activeElement);
    if (now - this.#sorted >= RESORT_MS && !(held && this.#sorted > 0)) {
      this.#sorted = now;
      this.#order = this.#rows.filter(this.#filter).sort(this.#compare());
    } else {
      // The order stays; who is new comes last.
      const known = new Set(this.#order.map(({ now: { id } }) => id));
      const fresh = this.#rows.filter((row) => !known.has(row.now.id) && this.#filter(row));
      this.#order = [...this.#order.map(({ now: { id } }) => kept.get(id)).filter(Boolean), ...fresh];
    }
    this.table.setAttribute("aria-rowcount", this.#order.length + 1);
    this.#empty.hidden = this.#order.length > 0;
    setText(this.#empty, this.#rows.length > 0 ? "None match." : "None.");
    this.#draw();
  }

  #compare() {
    const { key, descending } = this.#sort;
    const { value } = this.#columns.find((column) => column.key === key);
    const sign = descending ? -1 : 1;
    return (a, b) => {
      const [x, y] = [value(a) ?? null, value(b) ?? null];
      if (x === null || y === null) {
        return (x === null) - (y === null) || a.now.id - b.now.id; // unknown last, either way
      }
      const order = typeof x === "number" ? x - y : collator.compare(x, y);
      return sign * order || a.now.id - b.now.id;
    };
  }

  #draw() {
    if (!this.table.offsetParent) {
      return; // its tab is not open
    }
    const top = this.table.getBoundingClientRect().top + this.table.tHead.offsetHeight;
    const first = Math.max(0, Math.floor(-top / ROW_PX) - MARGIN_ROWS);
    const visible = Math.ceil(innerHeight / ROW_PX) + 2 * MARGIN_ROWS;
    const start = Math.min(first, Math.max(0, this.#order.length - visible));
    const rows = this.#order.slice(start, start + visible);
    this.#above.firstChild.firstChild.style.height = `${ROW_PX * start}px`;
    this.#below.firstChild.firstChild.style.height = `${ROW_PX * (this.#order.length - start - rows.length)}px`;
    this.#above.hidden = start === 0;
    this.#below.hidden = start + rows.length === this.#order.length;
    while (this.#pool.length < rows.length) {
      this.#pool.push(this.#makeRow());
    }
    this.#pool.forEach(({ tr, cells }, i) => {
      const row = rows[i];
      tr.hidden = !row;
      if (!row) {
        return;
      }
      tr.dataset.id = row.now.id;
      tr.setAttribute("aria-rowindex", start + i + 2);
      tr.setAttribute("aria-current", this.#selected(row));
      cells.forEach((update) => update(row));
    });
  }

  #makeRow() {
    const tr = element("tr", "", this.#body);
    if (this.#onRow) {
      tr.tabIndex = 0;
    }
    const cells = this.#columns.map((column) => {
      const td = element("td", column.numeric ? "number" : "", tr);
      td.dataset.column = column.key;
      td.dataset.label = column.label;
      if (column.make) {
        return column.make(td);
      }
      return (row) => {
        setText(td, column.text(row));
        td.classList.toggle("nil", Boolean(column.numeric) && !column.value(row));
      };
    });
    this.#hideColumns(tr);
    return { tr, cells };
  }

  #choose(tr) {
    const row = tr && this.#order.find(({ now }) => String(now.id) === tr.dataset.id);
    if (row) {
      this.#onRow(row);
    }
  }

  #key(event) {
    const tr = event.target.closest("tr");
    if (event.target !== tr) {
      return;
    }
    const next = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#choose(tr);
    } else if (next && !next.hidden) {
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  }

  // Narrow tables leave out what matters least.
  #resize() {
    this.#width = this.table.parentElement.clientWidth;
    this.#columns.forEach((column, i) => {
      this.#heads.get(column.key).hidden = this.#tooNarrow(column);
      this.#widths[i].hidden = this.#tooNarrow(column);
    });
    for (const { tr } of this.#pool) {
      this.#hideColumns(tr);
    }
    this.#draw();
  }

  #hideColumns(tr) {
    [...tr.cells].forEach((cell, i) => (cell.hidden = this.#tooNarrow(this.#columns[i])));
  }

  #tooNarrow({ from = 0 }) {
    return this.#width < from;
  }
}
