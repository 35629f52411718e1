// The dashboard with made-up figures: at sizes and in troubles that no test machine could carry.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchBrowser } from "./helpers.mjs";
import { serveSynthetic, SyntheticGateway } from "./synthetic.mjs";

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(() => browser?.close());

// The dashboard of a made-up gateway; pass(seconds) lets time pass for both.
async function open(t, options = {}, { viewport = DESKTOP, colorScheme = "light", token, path = "dashboard" } = {}) {
  const gateway = new SyntheticGateway(options);
  const server = await serveSynthetic(gateway, { token });
  t.after(() => server.stop());
  const page = await browser.newPage({ viewport, colorScheme });
  t.after(() => page.close());
  const errors = [];
  page.on("pageerror", (error) => errors.push(error));
  t.after(() => assert.deepEqual(errors, []));
  await page.clock.install();
  await page.goto(server.url + path);
  const poll = () => Promise.all([page.waitForResponse("**/api/gateway"), page.clock.runFor(1000)]);
  const pass = async (seconds) => {
    for (let i = 0; i < seconds; ++i) {
      gateway.advance(1000);
      await poll();
    }
    await poll(); // the page asks again when it has shown the last answer
  };
  if (!token) {
    await page.locator("#content").waitFor();
    await pass(3);
  }
  return { page, gateway, pass, server };
}

const figure = (page, label) =>
  page.locator(".figure", { has: page.locator("dt", { hasText: new RegExp(`^${label}$`) }) }).locator(".value");
const row = (page, name) => page.locator("#camera-table tr", { has: page.locator(".name", { hasText: name }) });
const cell = (page, name, column) => row(page, name).locator(`[data-column="${column}"]`);
const text = async (locator) => (await locator.textContent()).replaceAll("\u202f", " ");

test("figures are differences of counters", async (t) => {
  const { page, gateway } = await open(t, { cameras: 16, healthy: true });
  assert.equal(await text(figure(page, "Cameras live")), "16 of 16");
  assert.equal(await text(figure(page, "AES-GCM")), "100 %");
  assert.equal(await text(figure(page, "Viewers")), String(gateway.sessions.length));
  const [stream] = gateway.streams;
  assert.equal(await text(cell(page, stream.name, "fps")), "25");
  assert.equal(await text(cell(page, stream.name, "size")), `${stream.width}\u00d7${stream.height}`);
  assert.match(await text(cell(page, stream.name, "received")), /^\d\.\d Mbit\/s$/);
  assert.equal(await page.locator(".well").isVisible(), true);
  assert.equal(await page.locator(".trouble").count(), 0);
});

test("what needs attention stands out, and leads to its camera", async (t) => {
  const { page, pass } = await open(t, { cameras: 64 });
  const kinds = (await page.locator(".trouble .words").allTextContents()).join("; ");
  for (const kind of [
    "Camera unreachable",
    "Credentials rejected",
    "Camera stopped sending",
    "Packets lost on the way from the camera",
    "latency p95 over 100 ms",
    "Viewers lose packets",
    "without AES-GCM",
  ]) {
    assert.ok(kinds.includes(kind), `${kind} is not among ${kinds}`);
  }
  const levels = await page.locator(".trouble").evaluateAll((rows) => rows.map(({ dataset }) => dataset.level));
  const order = levels.map((level) => ["bad", "warn", "note"].indexOf(level));
  assert.deepEqual(order, [...order].sort(), "the worst comes first");

  await page.locator(".trouble", { hasText: "Credentials rejected" }).locator("button").first().click();
  const detail = page.locator("#detail");
  assert.match(await detail.locator(".message").textContent(), /refused the user or the password/);
  await page.keyboard.press("Escape");
  assert.equal(await detail.isVisible(), false);

  await page.getByRole("button", { name: "Need attention" }).click();
  await pass(1);
  const states = await page.locator("#camera-table tr:not([hidden]) > td[data-column=state]").allTextContents();
  assert.ok(states.length > 5 && !states.includes("Live"), states.join("; "));
});

test("who is held back, by what, and why", async (t) => {
  const { page, gateway, pass } = await open(t, { cameras: 64 });
  const held = (reason) => gateway.sessions.filter((session) => session.reason === reason).length;
  const [byLine, byThemselves] = [held("path"), held("viewer")];
  assert.ok(byLine > 0 && byThemselves > 0);
  const below = page.locator(".figure", { has: page.locator("dt", { hasText: /^Held back$/ }) }).locator(".below");
  assert.match(await below.textContent(), new RegExp(`^${byLine} by line`));
  const trouble = page.locator(".trouble", { hasText: "Viewers held back by their line" });
  assert.match(await trouble.locator("button").first().getAttribute("title"), /^This connection carries 0\.6 of 2\.1 Mbit\/s/);

  await page.getByRole("tab", { name: "Viewers" }).click();
  await page.getByRole("button", { name: "Held back" }).click();
  await page.fill("#search", "lobby-sub");
  await pass(1);
  const shown = page.locator("#viewer-table tbody:not(.spacer) tr:not([hidden]) > td[data-column=shown]");
  assert.equal(await shown.count(), byThemselves);
  assert.equal(await shown.first().locator(".name").textContent(), "lobby-sub");
  assert.equal(await shown.first().locator(".below").textContent(), "held back by itself");
  assert.match(await shown.first().getAttribute("title"), /^This viewer asked for/);

  // A camera that loses packets, or sends none, holds back all of its viewers, whatever their lines.
  await page.fill("#search", "");
  const session = gateway.sessions.find(({ reason }) => reason === "path");
  const stream = gateway.streams.find(({ id }) => id === session.stream);
  Object.assign(stream, { state: "retrying", status: "camera stopped sending", message: "the camera sent no video" });
  await page.fill("#search", session.remote);
  await pass(2);
  const cellOf = page.locator("#viewer-table tr:not([hidden])", { hasText: session.remote }).locator("[data-column=shown]");
  assert.equal(await cellOf.locator(".below").textContent(), "held back by the camera");
  assert.match(await below.textContent(), /\d by camera/);

  // Unless they are shown another stream.
  const other = gateway.sessions.find(({ reason }) => reason === "viewer");
  Object.assign(gateway.streams.find(({ id }) => id === other.stream), { state: "idle" });
  await page.fill("#search", other.remote);
  await pass(2);
  const cellOfOther = page.locator("#viewer-table tr:not([hidden])", { hasText: other.remote }).locator("[data-column=shown]");
  assert.equal(await cellOfOther.locator(".below").textContent(), "held back by itself");
});

test("256 cameras cost few elements, which are updated in place", async (t) => {
  const { page, pass } = await open(t, { cameras: 256, viewersEach: 4 });
  assert.ok((await page.locator("*").count()) < 4_000);
  assert.ok((await page.locator("#camera-table tbody tr").count()) < 60);
  await page.evaluate(() => {
    window.added = 0;
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        window.added += [...addedNodes].filter((node) => node.nodeType === Node.ELEMENT_NODE).length;
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  await pass(4);
  const added = await page.evaluate(() => window.added);
  // The trouble list shows new figures.
  assert.ok(added < 40, `${added} elements were made in 4 updates`);

  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.locator("#camera-table .name", { hasText: "yard-26" }).waitFor();
  assert.equal(await page.locator("#camera-table table").getAttribute("aria-rowcount"), "257");
});

test("tables are sorted and searched", async (t) => {
  const { page } = await open(t, { cameras: 64 });
  const first = () => page.locator("#camera-table tbody:not(.spacer) .name").first().textContent();
  assert.equal(await first(), "dock-01");
  await page.locator("#camera-table").getByRole("button", { name: "Latency p95" }).click();
  assert.equal(await first(), "hall-02");
  assert.equal(
    await page.locator("#camera-table th[data-column=latency]").getAttribute("aria-sort"),
    "descending",
  );
  await page.fill("#search", "roof-0 h264");
  const names = await page.locator("#camera-table tr:not([hidden]) .name").allTextContents();
  assert.ok(names.length > 1 && names.every((name) => name.startsWith("roof-")), names.join());
  await page.fill("#search", "no such camera");
  assert.equal(await page.locator("#camera-table .none").isVisible(), true);
});

test("viewers, workers and knobs have their tables", async (t) => {
  const { page } = await open(t, { cameras: 64 });
  await page.getByRole("tab", { name: "Viewers" }).click();
  await page.getByRole("button", { name: "Without GCM" }).click();
  const profiles = await page.locator("#viewer-table tr:not([hidden]) .badge").allTextContents();
  assert.ok(profiles.length > 0 && profiles.every((profile) => profile === "AES-CM-SHA1-80"), profiles.join());
  await page.getByRole("tab", { name: "Workers" }).click();
  assert.equal(await page.locator(".worker").count(), 2);
  await page.getByRole("tab", { name: "Tuning" }).click();
  const changed = page.locator(".tuning tr[data-changed=true] code");
  assert.deepEqual(await changed.allTextContents(), ["nack_history_packets", "rtcp_interval_ms"]);
});

test("the keyboard reaches everything", async (t) => {
  const { page } = await open(t, { cameras: 64 });
  await page.locator('.map [tabindex="0"]').focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#detail").isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.className), "cell");
  await page.getByRole("tab", { name: "Cameras" }).focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await page.locator("#panel-tuning").isVisible(), true);
  await page.keyboard.press("ArrowRight");
  await page.locator("#camera-table tbody:not(.spacer) tr").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#detail h2").textContent(), "dock-02");
});

test("a gateway that restarted has no history", async (t) => {
  const { page, gateway, pass } = await open(t, { cameras: 16, healthy: true });
  const fresh = new SyntheticGateway({ cameras: 16, healthy: true });
  gateway.snapshot = () => ({ ...fresh.snapshot(), uptime_ms: 1000 + fresh.ms });
  gateway.advance = (ms) => fresh.advance(ms);
  await pass(3);
  assert.equal(await text(cell(page, fresh.streams[0].name, "fps")), "25");
});

test("a gateway that does not answer is reported, and what is shown stays", async (t) => {
  const { page, gateway, server } = await open(t, { cameras: 16 });
  const { port } = new URL(server.url);
  await server.stop();
  await page.clock.runFor(1000);
  await page.locator("#unreachable", { hasText: "cannot be reached" }).waitFor();
  assert.equal(await row(page, "door-01").isVisible(), true);
  const again = await serveSynthetic(gateway, { port: Number(port) });
  t.after(() => again.stop());
  gateway.advance(1000);
  await page.clock.runFor(2000);
  await page.locator("#unreachable").waitFor({ state: "hidden" });
});

test("the token is asked for, and is never in an address", async (t) => {
  const { page } = await open(t, { cameras: 16 }, { token: "s3cret" });
  await page.getByRole("dialog").getByRole("textbox").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: /token/ }).getByText("did not accept").waitFor();
  await page.getByRole("dialog").getByRole("textbox").fill("s3cret");
  await page.keyboard.press("Enter");
  await page.locator("#content").waitFor();
  assert.ok(!page.url().includes("s3cret"));
});

test("the token may come in the fragment", async (t) => {
  const { page } = await open(t, { cameras: 16 }, { token: "s3cret", path: "dashboard#token=s3cret" });
  await page.locator("#content").waitFor();
  assert.ok(!page.url().includes("s3cret"));
});

test("the theme is the system's until it is chosen", async (t) => {
  const { page } = await open(t, { cameras: 16 }, { colorScheme: "dark" });
  const pageColor = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await pageColor();
  await page.locator("button.theme").click();
  assert.notEqual(await pageColor(), dark, "light");
  await page.locator("button.theme").click();
  assert.equal(await pageColor(), dark, "dark");
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
});

for (const colorScheme of ["light", "dark"]) {
  test(`text is readable (${colorScheme})`, async (t) => {
    const { page } = await open(t, { cameras: 64 }, { colorScheme });
    const poor = await page.evaluate(poorContrast);
    assert.deepEqual(poor, []);
  });
}

test("nothing is wider than a phone", async (t) => {
  const { page } = await open(t, { cameras: 64 }, { viewport: PHONE });
  for (const tab of ["Cameras", "Viewers", "Workers", "Tuning"]) {
    await page.getByRole("tab", { name: tab }).click();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= PHONE.width, `${tab}: ${width} px`);
  }
  await page.getByRole("tab", { name: "Cameras" }).click();
  await row(page, "dock-02").click();
  const box = await page.locator("#detail").boundingBox();
  assert.deepEqual([box.width, box.height], [PHONE.width, PHONE.height]);
});

// Runs in the page: visible text with a contrast below 4.5 (WCAG 2.2, 1.4.3).
function poorContrast() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // The colors over one another, as the browser mixes them.
  function mix(colors) {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }
  function luminance(rgb) {
    const [r, g, b] = rgb.map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".unseen, script")) {
      continue;
    }
    const behind = [];
    for (let at = element; at; at = at.parentElement) {
      behind.unshift(getComputedStyle(at).backgroundColor);
    }
    const [front, back] = [mix([...behind, getComputedStyle(element).color]), mix(behind)].map(luminance);
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    // Zeros and dashes are quiet on purpose; they, too, must be legible.
    if (contrast < (element.matches(".nil") ? 3 : 4.5)) {
      poor.push(`${element.tagName} ${element.className} "${element.textContent.slice(0, 30)}" ${contrast.toFixed(2)}`);
    }
  }
  return [...new Set(poor)];
}
