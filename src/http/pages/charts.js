// Charts over time, drawn by uPlot (assets/uplot.js, loaded before the modules).

import { color, element, setText } from "./dom.js";

const { uPlot } = window;
const LEAST_SECONDS = 60; // what the horizontal axis shows at least
const HEIGHT = 128; // as in dashboard.css

const clock = (seconds) =>
  new Date(1000 * seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// What the gateway as a whole and each camera have.
export const FLOW = [
  { key: "received", label: "in", color: "--part-2" },
  { key: "sent", label: "out", color: "--part-1" },
];
export const LATENCY = [
  { key: "p50", label: "p50", color: "--part-2" },
  { key: "p95", label: "p95", color: "--part-1" },
  { key: "max", label: "max", color: "--part-5" },
];
export const MEDIA_CPU = [
  { key: "packetize", label: "packetize", color: "--part-2" },
  { key: "seal", label: "seal", color: "--part-3" },
  { key: "send", label: "send", color: "--part-1" },
];

export class Chart {
  #options;
  #plot = null;
  #columns = null;
  #values;
  #root;
  #body;

  // options: title; series [{key, label, color}], color a custom property; format(value); stacked;
  // least: what the vertical axis shows at least.
  constructor(parent, options) {
    this.#options = options;
    this.#root = element("figure", "chart", parent);
    const head = element("figcaption", "", this.#root);
    element("h3", "", head).textContent = options.title;
    const legend = element("p", "legend", head);
    this.#values = options.series.map(({ label, color: name }) => {
      const entry = element("span", "entry", legend);
      const key = element("span", "key", entry);
      key.style.background = `var(${name})`;
      if (options.series.length > 1) {
        element("span", "label", entry).textContent = label;
      } else {
        key.hidden = true;
      }
      return element("b", "", entry);
    });
    this.#body = element("div", "plot", this.#root);
    this.#body.setAttribute("role", "img");
    new ResizeObserver(() => this.#resize()).observe(this.#body);
    addEventListener("themechange", () => this.#rebuild());
  }

  show(history) {
    this.#columns = history.columns(this.#options.series.map(({ key }) => key));
    if (!document.hidden && this.#body.clientWidth > 0) {
      this.#draw();
    }
    this.#say(null);
  }

  #draw() {
    this.#plot ??= this.#make();
    this.#plot.setData(this.#data());
  }

  // What is drawn: for a stack the sums, the topmost first, so that each hides the rest of those behind.
  #data() {
    const [time, ...values] = this.#columns;
    if (!this.#options.stacked) {
      return [time, ...values];
    }
    const sums = [];
    for (const column of values) {
      const below = sums.at(-1);
      sums.push(column.map((value, i) => (value === null ? null : value + (below?.[i] ?? 0))));
    }
    return [time, ...sums.reverse()];
  }

  #make() {
    const { series, stacked, format, least = 1 } = this.#options;
    const drawn = stacked ? [...series].reverse() : series;
    const quiet = color("--quiet");
    const axis = { stroke: quiet, font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: color("--edge"), width: 1 } };
    return new uPlot(
      {
        width: this.#body.clientWidth,
        height: HEIGHT,
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked } },
        scales: {
          x: { range: (_, min, max) => [Math.min(min ?? 0, (max ?? 0) - LEAST_SECONDS), max ?? 0] },
          y: { range: (_, __, max) => [0, Math.max(least, 1.08 * (max ?? 0))] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 26, gap: 7, space: 80, values: (_, ticks) => ticks.map(clock) },
          { ...axis, size: 62, gap: 4, space: 32, values: (_, ticks) => ticks.map((value) => format(value)) },
        ],
        series: [
          {},
          ...drawn.map((entry) => ({
            stroke: color(entry.color),
            fill: stacked ? color(entry.color) : undefined,
            width: stacked ? 0 : 1.6,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [({ cursor }) => this.#say(cursor.idx ?? null)] },
      },
      this.#data(),
      this.#body,
    );
  }

  // The values at the cursor, or the newest.
  #say(index) {
    const [time, ...values] = this.#columns ?? [[]];
    const at = index ?? time.length - 1;
    const words = this.#options.series.map(({ label }, i) => {
      const text = this.#options.format(values[i]?.[at] ?? undefined);
      setText(this.#values[i], text);
      return `${label} ${text}`;
    });
    this.#root.classList.toggle("past", index !== null);
    if (index === null) {
      this.#body.setAttribute("aria-label", `${this.#options.title} over time. Now: ${words.join(", ")}`);
    }
  }

  #resize() {
    const width = this.#body.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT });
    } else if (!this.#plot && width > 0 && this.#columns) {
      this.#draw();
    }
  }

  #rebuild() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.#columns && this.#body.clientWidth > 0) {
      this.#draw();
    }
  }
}
