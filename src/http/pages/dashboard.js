// The dashboard: asks the gateway each second, and hands what it says to the parts of the page.

import { getJson } from "./api.js";
import { Attention } from "./attention.js";
import { CameraMap } from "./camera_map.js";
import { CameraTable } from "./camera_table.js";
import { Chart, FLOW, LATENCY, MEDIA_CPU } from "./charts.js";
import { Detail } from "./detail.js";
import { setText } from "./dom.js";
import { Figures } from "./figures.js";
import { bitrate, count, duration, micros, percent } from "./format.js";
import { Model } from "./model.js";
import { TroubleList } from "./trouble_list.js";
import { TuningTable } from "./tuning_table.js";
import { ViewerTable } from "./viewer_table.js";
import { WorkerList } from "./worker_list.js";

const POLL_MS = 1_000;

const byId = (id) => document.getElementById(id);

const CHARTS = [
  {
    title: "Bit rate",
    series: FLOW,
    format: bitrate,
    least: 1e6,
  },
  {
    title: "CPU of the workers",
    series: [
      { key: "rtsp", label: "rtsp", color: "--part-4" },
      ...MEDIA_CPU,
      { key: "control", label: "control", color: "--part-5" },
    ],
    format: percent,
    stacked: true,
    least: 0.02,
  },
  {
    title: "Latency, slowest camera",
    series: LATENCY,
    format: micros,
    least: 2000,
  },
  {
    title: "Loss and repair",
    series: [
      { key: "loss", label: "lost", color: "--part-3" },
      { key: "retransmits", label: "sent again", color: "--part-1" },
    ],
    format: percent,
    least: 0.005,
  },
];

const model = new Model();
const attention = new Attention();
let selected = null; // id of the stream shown in full
let answered = null; // when the gateway answered last

const figures = new Figures(byId("figures"));
const troubles = new TroubleList(byId("troubles"), select);
const map = new CameraMap(byId("map"), select);
const charts = CHARTS.map((options) => new Chart(byId("charts"), options));
const cameras = new CameraTable(byId("camera-table"), ({ now }) => select(now.id), ({ now }) => now.id === selected);
const viewers = new ViewerTable(byId("viewer-table"), ({ now }) => select(now.stream));
const workers = new WorkerList(byId("worker-list"));
const tuning = new TuningTable(byId("tuning-table"));
const detail = new Detail(byId("detail"), deselect);

function select(id) {
  selected = id;
  document.body.classList.add("with-detail");
  detail.open(model.stream(id), model.sessions);
  draw();
}

function deselect() {
  const id = selected;
  selected = null;
  document.body.classList.remove("with-detail");
  detail.close();
  draw();
  document.querySelector(`[data-stream="${id}"]`)?.focus({ preventScroll: true });
}

function draw() {
  const { snapshot, streams, sessions } = model;
  const groups = attention.groups(model);
  figures.show(model);
  troubles.show(groups);
  map.show(streams, selected);
  for (const chart of charts) {
    chart.show(model.history);
  }
  cameras.show(streams);
  viewers.show(sessions);
  workers.show(model.workers);
  tuning.show(snapshot.tuning);
  if (selected !== null) {
    detail.show(model.stream(selected), sessions);
  }
  const bad = streams.filter((row) => row.troubles.length > 0).length;
  setText(byId("count-attention"), bad ? count(bad) : "");
  setText(byId("count-cameras"), count(streams.length));
  setText(byId("count-viewers"), count(sessions.length));
  setText(byId("version"), `rtsp_webrtc_gateway ${snapshot.version}, up ${duration(snapshot.uptime_ms)}`);
  const worst = groups[0]?.level;
  document.title = worst === "bad" ? `(${groups.filter(({ level }) => level === "bad").length}) Dashboard` : "Dashboard";
}

function showUnreachable(reason) {
  const since = answered ? ` Shown is what it said at ${answered.toLocaleTimeString()}.` : "";
  setText(byId("unreachable"), reason + since);
  byId("unreachable").hidden = false;
  document.body.classList.add("stale");
}

async function poll() {
  try {
    const snapshot = await getJson("api/gateway");
    answered = new Date();
    byId("unreachable").hidden = true;
    document.body.classList.remove("stale");
    byId("content").hidden = false;
    model.update(snapshot);
    draw();
  } catch (error) {
    showUnreachable(error.message);
    if (!(error instanceof Error) || error.name === "TypeError") {
      throw error; // a bug of this page: the console tells
    }
  } finally {
    setTimeout(poll, POLL_MS);
  }
}

// Tabs as in the ARIA practices: arrow keys move, and what is chosen is shown at once.
const tabs = [...document.querySelectorAll('[role="tab"]')];

function openTab(tab) {
  for (const other of tabs) {
    const open = other === tab;
    other.setAttribute("aria-selected", open);
    other.tabIndex = open ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !open;
  }
  byId("search").hidden = !tab.dataset.search;
  byId("search").placeholder = tab.dataset.search ?? "";
  byId("search").setAttribute("aria-label", tab.dataset.search ?? "");
  for (const choice of document.querySelectorAll("[data-for]")) {
    choice.hidden = choice.dataset.for !== tab.id;
  }
  if (model.totals) {
    draw();
  }
}

for (const tab of tabs) {
  tab.addEventListener("click", () => openTab(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) {
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      next.focus();
      openTab(next);
    }
  });
}

function find() {
  const words = byId("search").value.trim();
  const chosen = (name) => document.querySelector(`[data-for="${name}"] [aria-pressed="true"]`).dataset.kind;
  cameras.find(words, chosen("tab-cameras"));
  viewers.find(words, chosen("tab-viewers"));
}

for (const choice of document.querySelectorAll("[data-for]")) {
  choice.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) {
      for (const other of choice.children) {
        other.setAttribute("aria-pressed", other === button);
      }
      find();
    }
  });
}
byId("search").addEventListener("input", find);
document.addEventListener("visibilitychange", () => !document.hidden && model.totals && draw());

openTab(tabs[0]);
poll();
