// The wall alone, against a stand-in for the gateway within the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, waitUntil } from "./helpers.mjs";
import { connections, FOUR, live, openWall, shows, startStage, stateOf } from "./wall_page.mjs";

let stage;

before(async () => {
  stage = await startStage();
});

after(() => stage?.stop());

const open = (t, options, how) => openWall(stage, t, options, how);
const asked = (page) => page.evaluate(() => window.standIn.requests.flatMap(({ how, slots }) => slots.map((slot) => ({ how, ...slot }))));
const forget = (page) => page.evaluate(() => (window.standIn.requests.length = 0));

test("one offer has a section for each tile of the largest layout, and binds the first cameras", async (t) => {
  const { page, served } = await open(t, { tiles: ["red", null, "blue"], token: "s3cret" });
  await live(page, [0, 2]);
  const [post, ...more] = served.requests.filter(({ method }) => method === "POST");
  assert.equal(more.length, 0);
  assert.equal(post.url.pathname + post.url.search, "/wall?slots=red,,blue");
  assert.equal(post.token, "Bearer s3cret");
  assert.equal(post.body.match(/^m=video /gm).length, 9);
  assert.equal(post.body.match(/^m=audio /gm).length, 1);
  assert.equal(post.body.match(/^m=application /gm).length, 1);
  assert.equal(post.body.match(/^a=recvonly/gm).length, 10);
  await shows(page, 0, "red");
  await shows(page, 2, "blue");
  assert.equal((await stateOf(page, 1)).state, "empty");
});

test("the gateway hears how large each tile is, by PATCH until the data channel is open", async (t) => {
  const { page } = await open(t, { tiles: FOUR }, { holdsChannel: true });
  await live(page, [0, 1, 2, 3]);
  const sizes = (await asked(page)).filter(({ width }) => width);
  assert.equal(new Set(sizes.map(({ slot }) => slot)).size, 4);
  assert.equal(sizes[0].how, "PATCH");
  assert.ok(Math.abs(sizes[0].width - 478) < 4 && Math.abs(sizes[0].height - 268) < 4, JSON.stringify(sizes[0]));
  await waitUntil("the data channel", LONG_MS, () => page.evaluate(() => window.standIn.channel?.readyState === "open"));
  await page.evaluate(() => (window.channelHeld = false));
  await forget(page);
  await page.setViewportSize({ width: 1280, height: 720 });
  const larger = await waitUntil("larger sizes", LONG_MS, async () => {
    const last = (await asked(page)).filter(({ width }) => width > 630);
    return new Set(last.map(({ slot }) => slot)).size === 4 && last;
  });
  assert.ok(larger.every(({ how }) => how === "wall wall.1"));
});

test("another camera comes in place: the picture before stays until then", async (t) => {
  const { page } = await open(t, { tiles: ["red", "green"] });
  await live(page, [0, 1]);
  await shows(page, 0, "red");
  await page.evaluate(() => {
    const [tile] = document.querySelectorAll(".wall-tile");
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    window.black = 0;
    window.looks = 0;
    const look = () => {
      context.drawImage([...tile.querySelectorAll(".wall-video")].at(-1), 40, 20, 10, 10, 0, 0, 1, 1);
      const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
      window.looks += 1;
      window.black += Math.max(r, g, b) < 60 ? 1 : 0;
      requestAnimationFrame(look);
    };
    look();
  });
  await page.evaluate(() => (window.told.length = 0));
  for (const camera of ["blue", "yellow", "red", "blue"]) {
    await page.evaluate((camera) => window.wall.show(0, camera), camera);
    await shows(page, 0, camera);
    await waitUntil("it is told", LONG_MS, () => page.evaluate((camera) => window.told.some(({ type, camera: shown, ms }) => type === "shown" && shown === camera && ms >= 0), camera));
    await live(page, [0]);
  }
  const { black, looks } = await page.evaluate(() => ({ black: window.black, looks: window.looks }));
  assert.ok(looks > 10);
  assert.equal(black, 0, `${black} of ${looks}`);
  assert.equal(await connections(page), 1);
  await shows(page, 1, "green");
});

test("a message that is lost, and a camera that is back before the gateway has heard of another: told all the same", async (t) => {
  const { page } = await open(t, { tiles: ["red", "green"] }, { lost: 1 });
  await live(page, [0, 1]);
  await waitUntil("the data channel", LONG_MS, () => page.evaluate(() => window.standIn.channel?.readyState === "open"));
  await page.evaluate(() => {
    window.wall.show(0, "blue");
    window.wall.show(0, "red");
  });
  await live(page, [0, 1]);
  await shows(page, 0, "red");
});

test("a tile is large by a click, a key, a second one brings it back: the same connection", async (t) => {
  const { page } = await open(t, { tiles: FOUR });
  await live(page, [0, 1, 2, 3]);
  await forget(page);
  const box = async () => page.locator(".wall-tile[data-large]").boundingBox();
  await page.locator(".wall-tile").nth(2).click();
  assert.equal(await page.evaluate(() => window.wall.large), 2);
  assert.ok((await box()).width > 950);
  const mid = await page.evaluate(() => [...window.standIn.slots.values()].find(({ stream }) => stream === "blue").slot);
  const wanted = await waitUntil("the gateway hears", LONG_MS, async () => {
    const all = await asked(page);
    return all.some(({ width }) => width > 950) && all;
  });
  assert.ok(wanted.some(({ slot, focus }) => slot === mid && focus === true));
  assert.equal(new Set(wanted.filter(({ paused }) => paused).map(({ slot }) => slot)).size, 3);
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => window.wall.large), null);
  await page.locator(".wall-tile").nth(1).dblclick();
  assert.equal(await page.evaluate(() => window.wall.large), 1, "two clicks are not there and back");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => window.wall.large), null);
  await waitUntil("all are sent again", LONG_MS, () => page.evaluate(() => [...window.standIn.slots.values()].every(({ stream, paused }) => !stream || !paused)));
  await live(page, [0, 1, 2, 3]);
  assert.equal(await connections(page), 1);
});

test("keys: arrows select, digits choose a layout, Shift and arrows swap", async (t) => {
  const { page } = await open(t, { tiles: FOUR });
  await page.keyboard.press("Tab");
  const selected = () => page.evaluate(() => window.wall.selected);
  assert.equal(await selected(), 0);
  await page.keyboard.press("ArrowRight");
  assert.equal(await selected(), 1);
  await page.keyboard.press("ArrowDown");
  assert.equal(await selected(), 3);
  await page.keyboard.press("Shift+ArrowLeft");
  assert.deepEqual(await page.evaluate(() => window.wall.tiles), ["red", "green", "yellow", "blue"]);
  assert.equal(await selected(), 2);
  await page.keyboard.press("3");
  assert.equal(await page.evaluate(() => window.wall.layout), "9");
  await page.keyboard.press("5");
  assert.equal(await page.evaluate(() => window.wall.layout), "9", "not among its layouts");
  await page.keyboard.press("Delete");
  assert.deepEqual(await page.evaluate(() => window.wall.tiles), ["red", "green", null, "blue"]);
  const label = await page.locator(".wall-tile[data-selected]").getAttribute("aria-label");
  assert.match(label, /^Nothing.*3 of 9$/);
  assert.equal(await page.locator('.wall-tile[tabindex="0"]').count(), 1);
});

test("tiles that the layout has no room for are paused, and go on with it", async (t) => {
  const { page } = await open(t, { layout: "9", tiles: [...FOUR, ...FOUR] });
  await live(page, [0, 1, 2, 3, 4, 5, 6, 7]);
  const paused = () => page.evaluate(() => [...window.standIn.slots.values()].filter(({ stream, paused, kind }) => kind === "video" && stream && paused).length);
  await page.evaluate(() => (window.wall.layout = "1"));
  await waitUntil("seven are paused", LONG_MS, async () => (await paused()) === 7);
  await page.evaluate(() => (window.wall.layout = "1+5"));
  await waitUntil("two are paused", LONG_MS, async () => (await paused()) === 2);
  await live(page, [0, 1, 2, 3, 4, 5]);
  const [first, second] = await page.evaluate(() => [...document.querySelectorAll(".wall-tile")].map((tile) => tile.clientWidth));
  assert.ok(first > 1.9 * second, `${first} px and ${second} px`);
  assert.equal(await connections(page), 1);
});

test("a tile that is dragged onto another changes places with it: nothing is asked for", async (t) => {
  const { page } = await open(t, { tiles: FOUR });
  await live(page, [0, 1, 2, 3]);
  await forget(page);
  const center = async (place) => {
    const { x, y, width, height } = await page.locator(".wall-tile").nth(place).boundingBox();
    return [x + width / 2, y + height / 2];
  };
  await page.mouse.move(...(await center(0)));
  await page.mouse.down();
  await page.mouse.move(...(await center(3)), { steps: 5 });
  await page.mouse.up();
  assert.deepEqual(await page.evaluate(() => window.wall.tiles), ["yellow", "green", "blue", "red"]);
  assert.equal(await page.evaluate(() => window.wall.large), null, "it was no click");
  await shows(page, 0, "yellow");
  await shows(page, 3, "red");
  assert.ok((await asked(page)).every(({ stream }) => stream === undefined));
});

test("a patrol goes on from camera to camera, rests on demand, and comes to all tiles at once", async (t) => {
  const { page } = await open(t, { layout: "4", tiles: [{ cameras: ["red", "green", "blue"], seconds: 1 }, { cameras: ["blue", "red"], seconds: 1 }, "yellow"] });
  for (const camera of ["red", "green", "blue", "red"]) {
    await waitUntil(camera, LONG_MS, async () => (await stateOf(page, 0)).camera === camera);
  }
  await page.evaluate(() => (window.wall.patrolling = false));
  const at = (await stateOf(page, 0)).camera;
  await page.waitForTimeout(1_500);
  assert.equal((await stateOf(page, 0)).camera, at);
  await shows(page, 0, at);
  await page.evaluate(() => (window.wall.patrolling = true));
  await waitUntil("it goes on", LONG_MS, async () => (await stateOf(page, 0)).camera !== at);
  const messages = await page.evaluate(() => window.standIn.requests.map(({ slots }) => slots.filter(({ stream }) => stream).length));
  assert.ok(messages.some((binds) => binds === 2), "both tiles in one message");
  assert.equal(await connections(page), 1);
});

test("what is refused is shown in the gateway's words, and asked for again", async (t) => {
  const { page } = await open(t, { tiles: ["red", "green"] });
  await live(page, [0, 1]);
  await page.evaluate(() => window.standIn.refuse.set("blue", { status: 403, title: "Forbidden", detail: "this token may not watch blue" }));
  await page.evaluate(() => window.wall.show(0, "blue"));
  await page.locator(".wall-message", { hasText: "This token may not watch blue." }).waitFor();
  assert.equal((await stateOf(page, 0)).state, "refused");
  await waitUntil("red is not sent on under its name", LONG_MS, () => page.evaluate(() => [...window.standIn.slots.values()].every(({ stream }) => stream !== "red")));
  assert.equal((await stateOf(page, 1)).state, "live", "the other tile does not notice");
  await page.evaluate(() => window.standIn.refuse.clear());
  await shows(page, 0, "blue");
  await live(page, [0]);
  await page.evaluate(() => window.wall.show(1, "nobody"));
  await page.locator(".wall-message", { hasText: "There is no stream of this name." }).waitFor();
  assert.equal((await stateOf(page, 1)).state, "removed");
});

test("a camera that is away says why, and why it shows less", async (t) => {
  const { page } = await open(t, { tiles: ["red"] });
  await live(page, [0]);
  const notice = (state, reason) =>
    page.evaluate(([state, reason]) => {
      window.standIn.states.set("red", { state, reason });
      window.standIn.notice(...window.standIn.slots.values());
    }, [state, reason]);
  await notice("retrying", "camera 192.0.2.7:554 cannot be reached");
  await page.locator(".wall-message", { hasText: "Camera 192.0.2.7:554 cannot be reached." }).waitFor();
  assert.equal((await stateOf(page, 0)).state, "retrying");
  await notice("live", "this connection carries 0.6 of 2.1 Mbit/s: showing only the keyframes");
  await page.locator(".wall-sign", { hasText: "This connection carries 0.6 of 2.1 Mbit/s" }).waitFor();
  assert.equal(await page.locator(".wall-message", { hasText: "192.0.2.7" }).count(), 0);
  await notice("removed", "");
  await page.locator(".wall-message", { hasText: "The gateway has no such camera." }).waitFor();
});

test("a hidden page pauses all, and goes on", async (t) => {
  const { page } = await open(t, { tiles: FOUR });
  await live(page, [0, 1, 2, 3]);
  const hide = (hidden) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  const paused = () => page.evaluate(() => [...window.standIn.slots.values()].filter(({ paused }) => paused).length);
  await hide(true);
  await waitUntil("all are paused", LONG_MS, async () => (await paused()) === 4);
  await hide(false);
  await waitUntil("none is paused", LONG_MS, async () => (await paused()) === 0);
  await live(page, [0, 1, 2, 3]);
});

test("a phone scrolls: what is out of view is paused", async (t) => {
  const { page } = await open(t, { layout: "9", tiles: [...FOUR, ...FOUR, "red"] }, { viewport: { width: 390, height: 400 } });
  await waitUntil("the first are live", LONG_MS, async () => (await stateOf(page, 0)).state === "live");
  const paused = (place) => page.evaluate((place) => window.wall.tile(place).paused, place);
  await waitUntil("the last is paused", LONG_MS, () => paused(8));
  const columns = await page.evaluate(() => new Set([...document.querySelectorAll(".wall-tile")].map((tile) => tile.offsetLeft)).size);
  assert.equal(columns, 2);
  await page.locator(".wall-tile").nth(8).scrollIntoViewIfNeeded();
  await waitUntil("it goes on", LONG_MS, async () => !(await paused(8)) && (await paused(0)));
  await page.evaluate(() => (window.wall.layout = "4"));
  await waitUntil("one column", LONG_MS, () => page.evaluate(() => new Set([...document.querySelectorAll(".wall-tile:not([hidden])")].map((tile) => tile.offsetLeft)).size === 1));
});

test("the connection is lost: the tiles say why, and another comes with the same cameras", async (t) => {
  const { page, served } = await open(t, { tiles: ["red", "green"] });
  await live(page, [0, 1]);
  await page.evaluate(() => window.wall.show(1, "blue"));
  await shows(page, 1, "blue");
  served.status = 503;
  await page.evaluate(() => window.standIn.pc.close());
  await page.locator(".wall-message", { hasText: "No wall here." }).first().waitFor();
  // Between two attempts: the next one is soon.
  const saidSo = () => window.told.some(({ type, place, state, reason }) => type === "tile" && place === 0 && state === "retrying" && reason === "No wall here.");
  await waitUntil("the tile says why", LONG_MS, () => page.evaluate(saidSo));
  served.status = 201;
  await live(page, [0, 1]);
  await shows(page, 1, "blue");
  assert.equal(served.requests.filter(({ method }) => method === "POST").at(-1).url.search, "?slots=red,blue");
  assert.equal(await page.evaluate(() => document.querySelectorAll("video").length), 4, "one for each tile");
});

test("sound is that of the selected tile", async (t) => {
  const { page } = await open(t, { tiles: ["red", "green"] });
  await live(page, [0, 1]);
  const heard = () => page.evaluate(() => [...window.standIn.slots.values()].find(({ kind }) => kind === "audio").stream);
  assert.equal(await heard(), null);
  await page.evaluate(() => (window.wall.sound = true));
  await waitUntil("the first", LONG_MS, async () => (await heard()) === "red");
  await page.evaluate(() => window.wall.select(1));
  await waitUntil("the second", LONG_MS, async () => (await heard()) === "green");
  await page.evaluate(() => (window.wall.sound = false));
  await waitUntil("none", LONG_MS, async () => (await heard()) === null);
});

test("without a wall there are single connections, a few made at a time", async (t) => {
  const { page } = await open(t, { layout: "9", tiles: FOUR, player: { retryMin: 50, retryMax: 50, requestTimeout: 120_000 } }, { status: 405 });
  await page.locator(".wall-message", { hasText: "There is no media behind these figures." }).first().waitFor();
  assert.equal(await page.evaluate(() => window.wall.mode), "single");
  await waitUntil("all say so", LONG_MS, async () => (await page.locator(".wall-message", { hasText: "There is no media" }).count()) === 4);
  await page.evaluate(() => window.wall.tiles = []);
  await waitUntil("none is asked for", LONG_MS, () => page.evaluate(() => window.connections.every((pc) => pc.connectionState === "closed")));
});

test("who destroys a wall has the element as it was, and the session is ended", async (t) => {
  const { page, served } = await open(t, { tiles: FOUR });
  await live(page, [0, 1, 2, 3]);
  const left = await page.evaluate(() => {
    window.wall.destroy();
    const element = document.getElementById("wall");
    return { classes: element.className, names: element.getAttributeNames(), inside: element.childNodes.length, style: element.style.cssText, sheets: document.adoptedStyleSheets.length };
  });
  assert.deepEqual(left, { classes: "", names: ["id", "class", "style"], inside: 0, style: "height: 100vh;", sheets: 0 });
  await waitUntil("a DELETE", LONG_MS, () => served.requests.some(({ method }) => method === "DELETE"));
  assert.ok(await page.evaluate(() => window.connections.every((pc) => pc === window.standIn.pc || pc.connectionState === "closed")));
});
