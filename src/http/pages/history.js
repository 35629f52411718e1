// The last values of some series, one row a snapshot, in memory of fixed size.

export class History {
  #size;
  #time;
  #series = new Map();
  #count = 0;

  constructor(size, names) {
    this.#size = size;
    this.#time = new Float64Array(size);
    for (const name of names) {
      this.#series.set(name, new Float32Array(size));
    }
  }

  clear() {
    this.#count = 0;
  }

  // Unix time in seconds, and an object with a value for each series; null where there is none.
  push(time, values) {
    const slot = this.#count % this.#size;
    this.#time[slot] = time;
    for (const [name, series] of this.#series) {
      series[slot] = values[name] ?? NaN;
    }
    this.#count += 1;
  }

  // [times, values, values, ...], oldest first, as uPlot wants them.
  columns(names) {
    return [this.#ordered(this.#time, (value) => value), ...names.map((name) => this.values(name))];
  }

  values(name) {
    return this.#ordered(this.#series.get(name), (value) => (Number.isNaN(value) ? null : value));
  }

  // Of the rows of the last seconds.
  sum(name, seconds) {
    const series = this.#series.get(name);
    let sum = 0;
    const newest = this.#time[(this.#count - 1 + this.#size) % this.#size];
    for (let i = this.#count - 1; i >= Math.max(0, this.#count - this.#size); --i) {
      const slot = i % this.#size;
      if (this.#time[slot] < newest - seconds) {
        break;
      }
      sum += Number.isNaN(series[slot]) ? 0 : series[slot];
    }
    return sum;
  }

  #ordered(ring, map) {
    const length = Math.min(this.#count, this.#size);
    const start = this.#count - length;
    return Array.from({ length }, (_, i) => map(ring[(start + i) % this.#size]));
  }
}
