// The data channel of a wall: a page binds slots, hears what they show, and sees it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, launchBrowser, median, startCameras, startGateway, waitUntilLive } from "./helpers.mjs";

let cameras;
let gateway;

before(async () => {
  cameras = await startCameras(2, "--clip", "baseline360p");
  const [door, yard] = cameras.urls;
  gateway = await startGateway({ door, yard });
  await waitUntilLive(gateway);
});

after(async () => {
  await gateway?.stop();
  await cameras?.stop();
});

// Runs in the page: a wall with two slots, its channel, and what was said over it.
async function openWall(longMs) {
  const within = (promise, what) =>
    Promise.race([
      promise,
      new Promise((_, reject) => setTimeout(() => reject(new Error(`not within ${longMs} ms: ${what}`)), longMs)),
    ]);
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel("wall", { protocol: "wall.1" });
  const other = connection.createDataChannel("chat");
  const transceivers = [0, 1].map(() => connection.addTransceiver("video", { direction: "recvonly" }));
  await connection.setLocalDescription();
  const response = await fetch("/wall", {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: connection.localDescription.sdp,
  });
  if (response.status !== 201) {
    throw new Error(`${response.status}: ${await response.text()}`);
  }
  const closed = new Promise((resolve) => other.addEventListener("close", resolve));
  const messages = [];
  const waiting = new Set();
  channel.addEventListener("message", ({ data }) => {
    messages.push(JSON.parse(data));
    waiting.forEach((check) => check());
  });
  // The first message of which `find` makes something, from the next one on.
  const heard = (what, find, from = messages.length) =>
    within(
      new Promise((resolve) => {
        const check = () => {
          const found = messages.slice(from).map(find).find(Boolean);
          if (found) {
            waiting.delete(check);
            resolve(found);
          }
        };
        waiting.add(check);
        check();
      }),
      what,
    );
  const videos = transceivers.map(({ receiver }) => {
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = new MediaStream([receiver.track]);
    document.documentElement.append(video);
    video.play().catch(() => {});
    return video;
  });
  const opened = within(new Promise((resolve) => channel.addEventListener("open", resolve)), "the channel is open");
  const first = heard("what all slots show", ({ slots, id }) => id === undefined && slots, 0);
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  await opened;
  let id = 0;
  window.wall = {
    connection,
    channel,
    mids: transceivers.map(({ mid }) => mid),
    first: await first,
    refused: within(closed, "the other channel is closed").then(() => other.readyState),
    // Sends a request, and returns its reply.
    ask(slots) {
      id += 1;
      const number = id;
      const reply = heard(`a reply to ${JSON.stringify(slots)}`, (message) => message.id === number && message);
      channel.send(JSON.stringify({ id, slots }));
      return reply;
    },
    notice: (what, find) => heard(what, ({ id, slots }) => id === undefined && slots?.find(find)),
    say: (text) => {
      const answer = heard("an answer", (message) => "status" in message && message);
      channel.send(text);
      return answer;
    },
    // When the next picture with this RTP timestamp or a later one was there.
    picture: (index, since) =>
      within(
        new Promise((resolve) => {
          const presented = (now, { rtpTimestamp }) => {
            if (since === undefined || (rtpTimestamp - since) % 2 ** 32 < 2 ** 31) {
              resolve({ at: performance.now(), rtpTimestamp });
            } else {
              videos[index].requestVideoFrameCallback(presented);
            }
          };
          videos[index].requestVideoFrameCallback(presented);
        }),
        `a picture in slot ${index}`,
      ),
  };
  return { mids: window.wall.mids, first: window.wall.first };
}

async function checks(page) {
  const { mids, first } = await page.evaluate(openWall, LONG_MS);
  assert.deepEqual(
    first.map(({ slot, kind, stream, state }) => ({ slot, kind, stream, state })),
    mids.map((slot) => ({ slot, kind: "video", stream: null, state: "none" })),
  );
  assert.equal(await page.evaluate(() => window.wall.refused), "closed");

  // Bound: the reply, the picture, and what is shown.
  const bound = await page.evaluate(async () => {
    const { ask, notice, picture, mids } = window.wall;
    const shown = notice("the slot shows the door", ({ slot, variant, rtp }) => slot === mids[0] && variant && rtp !== undefined);
    const seen = picture(0);
    return { reply: await ask([{ slot: mids[0], stream: "door" }]), shown: await shown, seen: await seen };
  });
  assert.deepEqual(bound.reply.slots, [{ slot: mids[0], stream: "door" }]);
  const { stream, state, variant, width, height, unix_ms } = bound.shown;
  assert.deepEqual({ stream, state, variant, width, height }, { stream: "door", state: "live", variant: "door", width: 640, height: 360 });
  assert.ok(Math.abs(Date.now() - unix_ms) < LONG_MS, `the wall clock ${unix_ms}`);

  // From one stream to the other and back: from the request to the first picture of the new one.
  const times = await page.evaluate(async () => {
    const { ask, notice, picture, mids } = window.wall;
    const times = [];
    for (let n = 0; n < 6; ++n) {
      const name = ["yard", "door"][n % 2];
      const start = performance.now();
      const shown = notice(`the slot shows ${name}`, ({ slot, variant, rtp }) => slot === mids[0] && variant === name && rtp !== undefined);
      const reply = ask([{ slot: mids[0], stream: name }]);
      const { rtp } = await shown;
      const { at } = await picture(0, rtp);
      await reply;
      times.push(at - start);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return times;
  });
  console.log(`request to first picture: ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
  assert.ok(median(times) < LONG_MS);

  // Each slot succeeds or fails alone.
  const mixed = await page.evaluate(() => {
    const { ask, mids } = window.wall;
    return ask([
      { slot: mids[1], stream: "yard", width: 320, height: 180, focus: true },
      { slot: mids[0], stream: "nowhere" },
      { slot: "nonsense", stream: "door" },
    ]);
  });
  assert.equal(mixed.slots[0].stream, "yard");
  assert.deepEqual(mixed.slots.slice(1).map(({ status }) => status), [404, 404]);
  await page.evaluate(() => window.wall.picture(1));

  // Unbound.
  const none = await page.evaluate(async () => {
    const { ask, notice, mids } = window.wall;
    const none = notice("the slot shows nothing", ({ slot, state }) => slot === mids[0] && state === "none");
    await ask([{ slot: mids[0], stream: null }]);
    return none;
  });
  assert.equal(none.stream, null);

  // What is no request is answered, too, and the channel stays.
  for (const [text, id] of [["hello", null], ['{"id":900,"slots":7}', 900]]) {
    const answer = await page.evaluate((text) => window.wall.say(text), text);
    assert.deepEqual({ id: answer.id, status: answer.status }, { id, status: 400 });
  }
  const last = await page.evaluate(() => window.wall.ask([{ slot: window.wall.mids[1], paused: true }]));
  assert.deepEqual(last.slots, [{ slot: mids[1], stream: "yard" }]);
  await page.evaluate(() => window.wall.connection.close());
}

test("a page in Chromium binds slots and hears what they show", async () => {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`${gateway.url}door`);
    await checks(page);
  } finally {
    await browser.close();
  }
});

test("a page in Firefox does, too", async () => {
  const browser = await launchFirefox();
  try {
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(prepareFirefoxPage);
    await page.goto(`${gateway.url}door`);
    await checks(page);
  } finally {
    await browser.close();
  }
});
