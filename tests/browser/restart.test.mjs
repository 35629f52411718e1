// The host restarts: the player notices at once, and plays again soon after it is back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./both_browsers.mjs";
import { LONG_MS, restartGateway, startCameras, startGateway, waitUntil } from "./helpers.mjs";

// While the host is away the player looks for it this often at the latest: once a second, varied by a quarter. It plays 1.5 s
// after the host's return, if the connection takes no longer than 250 ms.
const LOOKS_MS = 1_250;

let cameras;
let gateway;

before(async () => {
  cameras = await startCameras(1, "--clip", "baseline360p");
  gateway = await startGateway({ door: cameras.urls[0] });
});

after(async () => {
  await gateway?.stop();
  await cameras?.stop();
});

// Runs in the page before its scripts, and keeps what happens there. The page seems to have no focus at first: then the player
// does not listen to events.
function watch() {
  window.focused = false;
  document.hasFocus = () => window.focused;
  // Requests: the method, the end of the path, and when.
  window.asked = [];
  // Connections: when they were made, and how long the player meant to wait before; then the status of the answer to the offer,
  // 0 if there was none.
  window.attempts = [];
  // The player's states and those of ICE, in order.
  window.states = [];
  let waited = 0;
  const { fetch, setTimeout, RTCPeerConnection } = window;
  window.setTimeout = (run, ms) =>
    setTimeout(() => {
      waited = ms;
      run();
      waited = 0;
    }, ms);
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      window.attempts.push({ at: Date.now(), waited });
      this.addEventListener("iceconnectionstatechange", () =>
        window.states.push({ ice: this.iceConnectionState, at: Date.now() }),
      );
    }
  };
  window.fetch = async (url, options = {}) => {
    const { pathname } = new URL(url, location.href);
    const method = options.method ?? "GET";
    window.asked.push({ method, path: pathname, at: Date.now() });
    const attempt = method === "POST" && pathname.endsWith("/whep") ? window.attempts.at(-1) : {};
    try {
      const response = await fetch(url, options);
      attempt.status = response.status;
      return response;
    } catch (error) {
      attempt.status = 0;
      throw error;
    }
  };
}

// A page with the player alone.
async function open(t, start) {
  const browser = await start();
  t.after(() => browser.close());
  const page = await browser.newPage([watch]);
  await page.goto(`${gateway.url}metrics`);
  await page.evaluate(async () => {
    const { WhepPlayer } = await import("/player.js");
    const video = document.body.appendChild(document.createElement("video"));
    window.player = new WhepPlayer({ endpoint: "/door/whep", video });
    window.player.addEventListener("state", ({ detail }) => window.states.push({ ...detail, at: Date.now() }));
    window.player.start();
  });
  return page;
}

async function has(page, state, since) {
  return waitUntil(`${state}`, LONG_MS, () =>
    page.evaluate(([state, since]) => window.states.find((known) => known.state === state && known.at >= since), [state, since]),
  );
}

const asked = (page) => page.evaluate(() => window.asked);

const since = (list, time) => list.filter(({ at }) => at >= time);

// The host ends, and is there again once the page has looked for it in vain.
async function restart(page, signal) {
  const stopped = Date.now();
  await gateway.stop(signal);
  const { at, reason } = await has(page, "retrying", stopped);
  await waitUntil("attempts", LONG_MS, async () =>
    (await page.evaluate(() => window.attempts)).filter((attempt) => attempt.at > at && attempt.status === 0).length > 2,
  );
  gateway = await restartGateway(gateway, { door: cameras.urls[0] });
  const back = Date.now();
  const again = await has(page, "playing", back);

  const states = since(await page.evaluate(() => window.states), stopped);
  const before = states.slice(0, states.findIndex(({ state }) => state === "retrying"));
  assert.deepEqual(before, [], "it was noticed before ICE missed anything");
  const attempts = since(await page.evaluate(() => window.attempts), at);
  const told = JSON.stringify(attempts);
  assert.ok(attempts.every(({ waited }) => waited <= LOOKS_MS), told);
  // The first one that finds the host is the one that plays.
  assert.deepEqual(attempts.filter(({ status }) => status !== 0).map(({ status }) => status), [201], told);
  assert.equal(attempts.at(-1).status, 201, told);
  return { reason, noticed: at - stopped, returned: again.at - back };
}

for (const [name, start] of Object.entries(launch)) {
  test(`${name} plays again soon after the host is back`, async (t) => {
    const page = await open(t, start);
    const tell = (how, { noticed, returned }) =>
      t.diagnostic(`${name}, ${how}: noticed after ${noticed} ms, plays ${returned} ms after its return`);
    await has(page, "playing", 0);
    await waitUntil("the path is known", LONG_MS, () => page.evaluate(() => window.player.path === "udp"));

    const closed = await restart(page);
    tell("goodbye by DTLS", closed);
    assert.equal(closed.reason, "The gateway ended the connection.");

    const listens = async () => {
      const since = Date.now();
      await page.evaluate(() => {
        window.focused = true;
        dispatchEvent(new Event("focus"));
      });
      await waitUntil("it listens to events", LONG_MS, async () =>
        (await asked(page)).some(({ path, at }) => path.endsWith("/events/stream") && at >= since),
      );
      await new Promise((done) => setTimeout(done, 100)); // until it is heard
    };
    await listens();
    const told = await restart(page);
    tell("goodbye by an event", told);
    if (name === "Firefox") {
      // Either may come first: the end of DTLS overtakes the event.
      assert.match(told.reason, /^The gateway (asks to connect again|ended the connection)\.$/);
    } else {
      assert.equal(told.reason, "The gateway asks to connect again.");
    }

    // It listens again by itself.
    await new Promise((done) => setTimeout(done, 500));
    const killed = await restart(page, "SIGKILL");
    tell("killed", killed);
    assert.ok((await page.evaluate(() => window.states)).every(({ state }) => state !== "failed"));
  });
}
