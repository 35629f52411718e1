// A NAT gives a viewer another port while it watches: the media follows, and the page notices nothing. Or it gives the port of
// a viewer that is gone to the next one.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { launch } from "./both_browsers.mjs";
import { LONG_MS, startCameras, startGateway, waitUntil, waitUntilLive } from "./helpers.mjs";
import { Nat, mediaPort, throughNat } from "./nat.mjs";

const REBINDINGS = 6;

let cameras;
let gateway;

before(async () => {
  cameras = await startCameras(1, "--clip", "baseline360p");
  // A stream for each browser, to tell their sessions apart.
  gateway = await startGateway(Object.fromEntries(Object.keys(launch).map((name) => [name, cameras.urls[0]])));
  await waitUntilLive(gateway);
});

after(async () => {
  await gateway?.stop();
  await cameras?.stop();
});

// In the page: a viewer that tries once.
async function offer(endpoint) {
  const connection = new RTCPeerConnection();
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = true;
  connection.ontrack = ({ track }) => {
    video.srcObject = new MediaStream([track]);
    video.play();
  };
  connection.addTransceiver("video", { direction: "recvonly" });
  await connection.setLocalDescription();
  const headers = { "Content-Type": "application/sdp" };
  const response = await fetch(endpoint, { method: "POST", headers, body: connection.localDescription.sdp });
  window.session = new URL(response.headers.get("Location"), response.url).href;
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
}

// Counts every change of a connection's state from now on.
async function countChanges(page) {
  await page.evaluate(() => {
    window.changes = [];
    const connection = window.connections.at(-1);
    connection.addEventListener("connectionstatechange", () => {
      window.changes.push(connection.connectionState);
    });
  });
}

// How many pictures the page's newest connection has had so far.
async function pictures(page) {
  return page.evaluate(async () => {
    const reports = (await window.connections.at(-1)?.getStats()) ?? [];
    return [...reports.values()].find(({ type, kind }) => type === "inbound-rtp" && kind === "video")?.framesDecoded ?? 0;
  });
}

async function goesOn(page) {
  const shown = await pictures(page);
  await waitUntil("pictures go on", LONG_MS, async () => (await pictures(page)) > shown + 30);
}

describe("behind a NAT", { concurrency: 2 }, () => {
  for (const [name, start] of Object.entries(launch)) {
    describe(name, { concurrency: 1 }, () => {
      let browser;
      let port;

      before(async () => {
        browser = await start();
        const page = await browser.newPage();
        await page.goto(`${gateway.url}metrics`);
        port = await mediaPort(page, `/${name}/whep`);
        await page.close();
      });
      after(() => browser?.close());

      // A page that finds the gateway through this NAT alone.
      async function open(t, nat) {
        const page = await browser.newPage([throughNat, nat.port]);
        t.after(() => page.close());
        await page.goto(`${gateway.url}${name}`);
        await waitUntil("pictures", LONG_MS, async () => (await pictures(page)) > 30);
        return page;
      }

      const sessions = async () =>
        (await gateway.get("api/sessions")).filter(({ stream_name }) => stream_name === name);

      test("media follows a viewer that is given another port", async (t) => {
        const nat = await Nat.start(port);
        t.after(() => nat.stop());
        const page = await open(t, nat);
        await countChanges(page);
        const [before] = await sessions();
        let followed = 0; // without a check of the browser's
        for (let i = 0; i < REBINDINGS; i++) {
          const start = performance.now();
          await nat.rebind();
          const media = ({ out, kind }) => !out && kind === "media";
          await waitUntil("media comes to the new port", LONG_MS, () => nat.passed.some(media));
          const gap = performance.now() - start;
          const { passed } = nat;
          const till = passed.slice(0, passed.findIndex(media));
          const asked = till.some(({ out, kind }) => out && kind === "check");
          // The gateway believes no report: it asks the new address first.
          assert.ok(till.some(({ out, kind }) => !out && kind === "check"), JSON.stringify(till));
          assert.ok(till.some(({ out, kind }) => out && kind === "answer"), JSON.stringify(till));
          followed += asked ? 0 : 1;
          t.diagnostic(`media after ${gap.toFixed(0)} ms, ${asked ? "with a check of the browser's" : "by a report"}`);
          await goesOn(page);
        }
        // Its checks are seconds apart: one may come just then, not each time.
        assert.ok(followed > 0, "media followed checks alone");
        assert.deepEqual(await page.evaluate(() => window.changes), []);
        const [now] = await sessions();
        assert.equal(now.id, before.id);
        assert.notEqual(now.remote, before.remote);
        assert.equal(now.state, "connected");
      });

      // A viewer without a player, which would try again: its page, which finds the gateway through this NAT alone, and session.
      async function join(t, nat) {
        const known = new Set((await sessions()).map(({ id }) => id));
        const page = await browser.newPage([throughNat, nat.port]);
        t.after(() => page.close());
        await page.goto(`${gateway.url}metrics`);
        await page.evaluate(offer, `/${name}/whep`);
        const failed = () => page.evaluate(() => window.connections.at(-1).connectionState === "failed");
        await waitUntil("pictures", LONG_MS, async () => (await pictures(page)) > 30 || (await failed()));
        return { page, session: (await sessions()).find(({ id }) => !known.has(id)) };
      }

      const end = (page) => page.evaluate(() => fetch(window.session, { method: "DELETE" }).then(() => {}));

      test("a viewer that is given the port of one that is gone plays, and goes on when that one's session ends", async (t) => {
        const nat = await Nat.start(port);
        t.after(() => nat.stop());
        // Browsers check from several ports, and give up soon where a machine is busy: the second one may be at another port.
        const [{ page: gone, session: former }, { page, session }] = await waitUntil("a port again", LONG_MS, async () => {
          const both = [await join(t, nat)];
          await nat.reuse();
          both.push(await join(t, nat));
          const [first, second] = both.map(({ session }) => session?.remote);
          t.diagnostic(`at ${first}, then at ${second}`);
          if (first && first === second) {
            return both;
          }
          await Promise.all(both.map(({ page }) => end(page)));
          return null;
        });
        await countChanges(page);
        await end(gone); // it is not heard behind the NAT, but by HTTP
        const isThere = async (wanted) => (await sessions()).some(({ id }) => id === wanted.id);
        await waitUntil("its end", LONG_MS, async () => !(await isThere(former)));
        await goesOn(page);
        assert.deepEqual(await page.evaluate(() => window.changes), []);
        assert.ok(await isThere(session));
      });
    });
  }
});
