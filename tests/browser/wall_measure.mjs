// Measures one connection against a connection for each camera, in Chromium and Firefox; prints a table.
//   node wall_measure.mjs [SECONDS] [BROWSER] [TILES]    SECONDS of steady playing that CPU is measured in; default 10
// The numbers are those of this machine: compare them with each other, on one that does nothing else.

import { readdir, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { launchBrowser, startCameras, startGateway, waitUntilLive } from "./helpers.mjs";

const [SECONDS, BROWSER, TILES] = [Number(process.argv[2] ?? 10), process.argv[3], Number(process.argv[4])];
const TICKS = 100; // a second, in /proc/PID/stat
const LOADS = [
  { count: 64, clip: "low180p", layout: "64", viewport: { width: 2560, height: 1440 } },
  { count: 16, clip: "high360p", layout: "16", viewport: { width: 2560, height: 1440 } },
];
const BROWSERS = {
  async Chromium() {
    const browser = await launchBrowser();
    return {
      close: () => browser.close(),
      open: async ({ width, height }) => browser.newPage({ viewport: { width, height } }),
    };
  },
  async Firefox() {
    const browser = await launchFirefox();
    return {
      close: () => browser.close(),
      open: async (viewport) => {
        const page = await browser.newPage();
        await page.setViewport(viewport);
        await page.evaluateOnNewDocument(prepareFirefoxPage);
        return page;
      },
    };
  },
};

async function stat(pid) {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
}

// Processes that descend from this one, without those of `apart`.
async function browserProcesses(apart) {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, (await stat(pid)).parent])));
  const descends = (pid) => pid === process.pid || (parents.has(pid) && !apart.includes(pid) && descends(parents.get(pid)));
  return pids.filter((pid) => pid !== process.pid && !apart.includes(pid) && descends(pid));
}

async function cpu(pids) {
  const all = await Promise.all(pids.map(stat));
  return all.reduce((sum, { cpu }) => sum + (cpu || 0), 0);
}

// What they have of memory that is theirs alone, and their share of the rest, in MiB.
async function memory(pids) {
  const all = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "")));
  return all.reduce((sum, text) => sum + Number(text.match(/^Pss:\s+(\d+) kB/m)?.[1] ?? 0), 0) / 1024;
}

// Runs in the page: a wall of these cameras, and when all of them have been shown.
async function begin({ names, layout, one }) {
  document.body.innerHTML = '<div id="wall"></div>';
  document.body.style.margin = "0";
  const element = document.getElementById("wall");
  element.style.height = "100vh";
  const { Wall } = await import("/wall.js");
  // The POST to what is no wall is part of what single connections cost, and little of it.
  const wall = new Wall(element, { endpoint: one ? "/wall" : "/dashboard", single: (name) => `/${name}/whep`, layout, layouts: [layout], tiles: names });
  window.wall = wall;
  window.allShown = (count) =>
    new Promise((resolve) => {
      const start = performance.now();
      const places = new Set();
      wall.addEventListener("shown", function seen({ detail }) {
        places.add(detail.place);
        if (places.size === count) {
          wall.removeEventListener("shown", seen);
          resolve(Math.round(performance.now() - start));
        }
      });
    });
  const all = window.allShown(names.length);
  wall.start();
  return all;
}

// Runs in the page: sixteen tiles get other cameras.
function change({ next }) {
  const all = window.allShown(16);
  window.wall.tiles = next;
  return all;
}

async function measure(launch, { count, clip, layout, viewport }, one) {
  const cameras = await startCameras(count, "--clip", clip);
  const names = Array.from({ length: count }, (_, i) => `cam${i + 1}`);
  const gateway = await startGateway(Object.fromEntries(names.map((name, i) => [name, cameras.urls[i]])));
  await waitUntilLive(gateway);
  const browser = await launch();
  try {
    const page = await browser.open(viewport);
    await page.goto(`${gateway.url}metrics`);
    const all = await page.evaluate(begin, { names, layout, one });
    await sleep(3_000);
    const pids = await browserProcesses([gateway.pid, cameras.pid]);
    const before = [await cpu(pids), await cpu([gateway.pid])];
    await sleep(1000 * SECONDS);
    const after = [await cpu(pids), await cpu([gateway.pid])];
    const used = after.map((seconds, i) => (100 * (seconds - before[i])) / SECONDS);
    const held = [await memory(pids), await memory([gateway.pid])];
    const changes = [];
    const others = [...names.slice(-16).reverse(), ...names.slice(16)];
    for (const next of [others, names, others, names]) {
      changes.push(await page.evaluate(change, { next }));
      await sleep(3_000); // what they catch up with is through
    }
    return { all, used, held, change: Math.min(...changes), worst: Math.max(...changes) };
  } finally {
    await browser.close();
    await gateway.stop();
    await cameras.stop();
  }
}

console.log(`${cpus().length} x ${cpus()[0].model}; CPU in % of one core, over ${SECONDS} s; memory in MiB\n`);
console.log("| browser | tiles | connections | all show a picture | CPU browser | CPU server | memory browser | memory server | 16 tiles changed |");
console.log("|---|---|---|---|---|---|---|---|---|");
for (const [name, launch] of Object.entries(BROWSERS).filter(([name]) => name === (BROWSER ?? name))) {
  for (const load of LOADS.filter(({ count }) => count === (TILES || count))) {
    for (const one of [true, false]) {
      const { all, used, held, change, worst } = await measure(launch, load, one);
      const tiles = `${load.count} of ${load.clip === "low180p" ? "320x180" : "640x360"}`;
      const cells = [name, tiles, one ? "1" : load.count, `${all} ms`, ...used.map((value) => value.toFixed(0)), ...held.map((value) => value.toFixed(0)), `${change} to ${worst} ms`];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}
