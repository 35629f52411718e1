// The host restarts: the player notices at once, and plays again soon after it is back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, launchBrowser, restartGateway, startCameras, startGateway, waitUntil } from "./helpers.mjs";

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

// Keeps the page's requests: the method, the end of the path, and when. The page seems to have no focus at
// first: then the player does not listen to events.
function watchRequests() {
  window.focused = false;
  document.hasFocus = () => window.focused;
  window.asked = [];
  const { fetch } = window;
  window.fetch = (url, options = {}) => {
    const { pathname } = new URL(url, location.href);
    window.asked.push({ method: options.method ?? "GET", path: pathname, at: Date.now() });
    return fetch(url, options);
  };
}

// A browser with a page that can run these, whichever it is.
const browsers = {
  async Chromium() {
    const browser = await launchBrowser();
    const page = await browser.newPage();
    return { browser, page, before: (script) => page.addInitScript(script) };
  },
  async Firefox() {
    const browser = await launchFirefox();
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(prepareFirefoxPage);
    return { browser, page, before: (script) => page.evaluateOnNewDocument(script) };
  },
};

// A page with the player alone, and the states it was in.
async function open(t, launch) {
  const { browser, page, before } = await launch();
  t.after(() => browser.close());
  await before(watchRequests);
  await page.goto(`${gateway.url}metrics`);
  await page.evaluate(async () => {
    const { WhepPlayer } = await import("/player.js");
    const video = document.body.appendChild(document.createElement("video"));
    window.states = [];
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

// The host ends, and is there again once the page has looked for it in vain.
async function restart(page, signal) {
  const stopped = Date.now();
  await gateway.stop(signal);
  const { at, reason } = await has(page, "retrying", stopped);
  await waitUntil("attempts", LONG_MS, async () =>
    (await asked(page)).filter((request) => request.method === "POST" && request.at > at).length > 2,
  );
  gateway = await restartGateway(gateway, { door: cameras.urls[0] });
  const back = Date.now();
  const again = await has(page, "playing", back);
  return { reason, noticed: at - stopped, returned: again.at - back };
}

for (const [name, launch] of Object.entries(browsers)) {
  test(`${name} plays again soon after the host is back`, async (t) => {
    const page = await open(t, launch);
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
    assert.ok(killed.noticed < 4_000, `${killed.noticed} ms: ICE would need 5 s`);
    assert.ok((await page.evaluate(() => window.states)).every(({ state }) => state !== "failed"));
  });
}
