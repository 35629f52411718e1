// Pictures of a wall and what the gateway says of them come by different ways, in any order: each tile has the right name
// on the right picture all the same.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, waitUntil } from "./helpers.mjs";
import { live, openWall, shows, startStage, stateOf } from "./wall_page.mjs";

const STILL_MS = 1_500;

let stage;

before(async () => {
  stage = await startStage();
});

after(() => stage?.stop());

// Runs in the page: sees each frame that comes to the first tile, as {rtp, color} in window.arrived. With the first frame
// of the camera in window.last all cameras stop.
function observe() {
  const { standIn, wall } = window;
  const slot = [...standIn.slots.values()].find(({ stream }) => stream === wall.tile(0).camera);
  const { receiver } = wall.connection.getTransceivers().find(({ mid }) => mid === slot.slot);
  const video = document.createElement("video");
  video.muted = true;
  video.style.cssText = "position: fixed; top: 0; left: 0; width: 32px; height: 18px; z-index: 9";
  video.srcObject = new MediaStream([receiver.track]);
  document.body.append(video);
  video.play();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(window, { arrived: [], slot, last: null });
  video.requestVideoFrameCallback(function see(now, { rtpTimestamp: rtp }) {
    context.drawImage(video, 40, 20, 10, 10, 0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    const color = red > 150 ? (green > 150 ? "yellow" : "red") : green > 150 ? "green" : blue > 150 ? "blue" : "none";
    window.arrived.push({ rtp, color });
    standIn.draws &&= color !== window.last;
    video.requestVideoFrameCallback(see);
  });
}

async function open(t) {
  const { page } = await openWall(stage, t, { tiles: ["red", "green"] });
  await live(page, [0, 1]);
  await waitUntil("the data channel", LONG_MS, () => page.evaluate(() => window.standIn.channel?.readyState === "open"));
  await page.evaluate(observe);
  await arrived(page, "red");
  return page;
}

// The first frame of this color from the frame with this number on.
const arrived = (page, color, from = 0) =>
  waitUntil(`a ${color} frame`, LONG_MS, () =>
    page.evaluate(([color, from]) => window.arrived.slice(from).find((frame) => frame.color === color), [color, from]),
  );

const shown = (page) => page.evaluate(() => window.told.filter(({ type, place }) => type === "shown" && place === 0).map(({ camera }) => camera));
const isStale = (page) => page.evaluate(() => document.querySelector(".wall-tile").hasAttribute("data-stale"));
const say = (page, rtp) => page.evaluate((rtp) => window.standIn.notice({ ...window.slot, rtp }), rtp);

// Asks for this camera, and waits until the gateway has got that.
async function ask(page, camera) {
  const before = await page.evaluate(() => window.standIn.kept.length);
  await page.evaluate((camera) => window.wall.show(0, camera), camera);
  await waitUntil(`${camera} is asked for`, LONG_MS, () => page.evaluate((before) => window.standIn.kept.length > before, before));
}

test("the picture comes before the word of it: it is nobody's until then", async (t) => {
  const page = await open(t);
  await page.evaluate(() => {
    window.told.length = 0;
    window.standIn.tells = false;
    window.wall.show(0, "blue");
  });
  const { rtp } = await arrived(page, "blue");
  await shows(page, 0, "blue"); // the picture before is gone
  const seen = await page.evaluate(() => window.arrived.length);
  await waitUntil("some frames more", LONG_MS, () => page.evaluate((seen) => window.arrived.length > seen + 5, seen));
  assert.deepEqual(await shown(page), []);
  assert.ok(await isStale(page));
  assert.deepEqual([(await stateOf(page, 0)).camera, (await stateOf(page, 0)).state], ["blue", "connecting"]);
  await say(page, rtp);
  await live(page, [0]);
  assert.deepEqual(await shown(page), ["blue"]);
  assert.ok(!(await isStale(page)));
  const other = await page.evaluate(() => window.told.filter(({ type, place }) => type === "shown" && place === 1));
  assert.deepEqual(other, [], "the other tile does not notice");
});

test("the first picture comes before the word of it, and no other does: it is shown with the word", async (t) => {
  const page = await open(t);
  await page.evaluate(() => {
    window.told.length = 0;
    window.last = "blue";
    window.standIn.tells = false;
    window.wall.show(0, "blue");
  });
  const { rtp } = await arrived(page, "blue");
  let count = 0;
  await waitUntil("no frame comes any more", LONG_MS, async () => {
    const before = count;
    await page.waitForTimeout(STILL_MS);
    count = await page.evaluate(() => window.arrived.length);
    return count === before;
  });
  assert.deepEqual(await shown(page), []);
  await say(page, rtp);
  await waitUntil("it is shown", LONG_MS, async () => (await shown(page)).length > 0);
  assert.equal(await page.evaluate(() => window.arrived.length), count, "by another frame");
  assert.deepEqual(await shown(page), ["blue"]);
  await shows(page, 0, "blue");
});

test("another camera and back, while the gateway is slow: what comes in between is not taken for it", async (t) => {
  const page = await open(t);
  const { rtp } = await arrived(page, "red");
  await page.evaluate(() => {
    window.told.length = 0;
    window.standIn.kept = [];
    window.standIn.tells = false;
  });
  await ask(page, "blue");
  await ask(page, "red");
  await say(page, rtp); // of what it has been before both
  const from = await page.evaluate(() => window.arrived.length);
  await page.evaluate(() => window.standIn.next());
  await arrived(page, "blue", from);
  const seen = await page.evaluate(() => window.arrived.length);
  await waitUntil("some frames more", LONG_MS, () => page.evaluate((seen) => window.arrived.length > seen + 5, seen));
  assert.ok(await isStale(page), "blue is not red");
  assert.notEqual((await stateOf(page, 0)).state, "live");
  await page.evaluate(() => window.standIn.next());
  const back = await arrived(page, "red", seen);
  await say(page, back.rtp);
  await live(page, [0]);
  assert.ok(!(await isStale(page)));
  await shows(page, 0, "red");
});

test("another camera that is refused, and back meanwhile: nothing new is said, and it is live again", async (t) => {
  const page = await open(t);
  await page.evaluate(() => {
    window.standIn.kept = [];
    window.standIn.refuse.set("blue", { status: 403, title: "Forbidden", detail: "this token may not watch blue" });
  });
  await ask(page, "blue");
  await ask(page, "red");
  await page.evaluate(() => {
    window.standIn.next();
    window.standIn.next();
    window.standIn.kept = null;
  });
  await live(page, [0]);
  assert.ok(!(await isStale(page)));
  await shows(page, 0, "red");
});
