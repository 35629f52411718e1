// The WHEP client alone, against an endpoint that answers as the test wants.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, waitUntil } from "./helpers.mjs";
import { answerFromPage, offerFromPage, serveSynthetic, SyntheticGateway, WITHIN_BROWSER } from "./synthetic.mjs";

let browser;
let server;

before(async () => {
  browser = await launchBrowser(WITHIN_BROWSER);
  server = await serveSynthetic(new SyntheticGateway({ cameras: 1 }));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// A page with the player as window.player; answer(request) gives what page.route() fulfils with.
// Requests to the endpoint and states of the player are kept.
// script: runs in the page before its own.
async function open(t, answer, options = {}, script = null) {
  const page = await browser.newPage();
  if (script) {
    await page.addInitScript(script);
  }
  t.after(async () => {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.close();
  });
  const requests = [];
  await page.route("**/cam/whep**", async (route) => {
    const request = route.request();
    requests.push({
      method: request.method(),
      url: request.url(),
      headers: request.headers(),
      body: request.postData(),
      at: performance.now(),
    });
    const reply = await answer(requests.at(-1), requests.length);
    await (reply ? route.fulfill(reply) : route.abort());
  });
  await page.goto(`${server.url}api/streams`); // of the same origin, and does nothing
  await page.evaluate(async (options) => {
    const { WhepPlayer } = await import("/player.js");
    const video = document.body.appendChild(document.createElement("video"));
    window.states = [];
    window.player = new WhepPlayer({ endpoint: "/cam/whep", video, ...options });
    window.player.addEventListener("state", ({ detail }) => window.states.push(detail));
    window.player.start();
  }, options);
  return { page, requests };
}

const posts = (requests) => requests.filter(({ method }) => method === "POST");
const states = (page) => page.evaluate(() => window.states);
const problem = (status, detail, headers = {}) => ({
  status,
  contentType: "application/problem+json",
  headers,
  body: JSON.stringify({ status, title: "No", detail }),
});

test("the offer asks for picture and sound, to receive only", async (t) => {
  const { requests } = await open(t, () => problem(404, "There is no such camera."));
  await waitUntil("an offer", LONG_MS, () => requests.length > 0);
  const [{ method, headers, body }] = requests;
  assert.equal(method, "POST");
  assert.equal(headers["content-type"], "application/sdp");
  assert.equal(headers.authorization, undefined);
  assert.match(body, /^v=0/);
  assert.equal(body.match(/^m=video /gm).length, 1);
  assert.equal(body.match(/^m=audio /gm).length, 1);
  assert.equal(body.match(/^a=recvonly/gm).length, 2);
});

test("a refusal is shown in the server's words, and the offer is repeated", async (t) => {
  const { page, requests } = await open(t, () => problem(409, "The camera is away."), { retryMin: 50 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  const told = (await states(page)).find(({ state }) => state === "retrying");
  assert.deepEqual(told, { state: "retrying", reason: "The camera is away.", status: 409 });
});

test("what would be refused again is not tried again, unless the server says so", async (t) => {
  let status = 404;
  let headers = {};
  const { page, requests } = await open(t, () => problem(status, "No.", headers), { retryMin: 20 });
  for (const refused of [404, 401, 403]) {
    await waitUntil(`${refused} is final`, LONG_MS, async () => (await states(page)).at(-1).state === "failed");
    assert.deepEqual((await states(page)).at(-1), { state: "failed", reason: "No.", status: refused });
    status = { 404: 401, 401: 403 }[refused] ?? 403;
    headers = refused === 403 ? { "Retry-After": "1" } : {};
    await page.waitForTimeout(300);
    await page.evaluate(() => window.player.start());
  }
  await waitUntil("a fifth offer", LONG_MS, () => requests.length > 4);
  assert.equal((await states(page)).filter(({ state }) => state === "failed").length, 3);
});

test("Retry-After is kept to", async (t) => {
  const { requests } = await open(t, () => problem(409, "Not live yet.", { "Retry-After": "2" }), { retryMin: 10 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  const waited = requests[1].at - requests[0].at;
  assert.ok(waited >= 1_900, `after ${waited} ms`);
});

test("a server that is away is looked for every second, and one that fails less and less often", async (t) => {
  for (const [answer, most] of [
    [() => null, 1_250],
    [() => problem(500, "Broken."), 2_500],
  ]) {
    const { page, requests } = await open(t, answer, { retryMin: 500, retryMax: 2_000 });
    // As set, not as kept: a busy machine keeps them late.
    await page.evaluate(() => {
      window.waits = [];
      const { setTimeout } = window;
      window.setTimeout = (then, ms, ...more) => {
        if (ms >= 300 && ms <= 3_000) {
          window.waits.push(ms);
        }
        return setTimeout(then, ms, ...more);
      };
    });
    await waitUntil("six offers", LONG_MS, () => requests.length >= 6);
    const waits = await page.evaluate(() => window.waits);
    assert.ok(waits.every((ms) => ms <= most), `${waits} of at most ${most} ms`);
    assert.ok(Math.max(...waits) > 0.6 * most, `${waits} of at most ${most} ms`);
    await page.evaluate(() => window.player.stop());
  }
});

test("a server that is away is reported, and tried at growing intervals", async (t) => {
  const { page, requests } = await open(t, () => null, { retryMin: 50, retryMax: 400 });
  await waitUntil("five offers", LONG_MS, () => requests.length >= 5);
  const gap = (i) => requests[i + 1].at - requests[i].at;
  assert.ok(gap(3) > gap(0), `${gap(0)} ms, then ${gap(3)} ms`);
  assert.ok((await states(page)).some(({ reason }) => reason === "The server cannot be reached."));
});

test("a page of a proxy is no reason", async (t) => {
  const { page, requests } = await open(t, () => ({ status: 502, contentType: "text/html", body: "<html>Bad" }), {
    retryMin: 20,
  });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  assert.ok((await states(page)).some(({ reason }) => reason === "The server answered 502."));
});

test("the bearer token goes with every request", async (t) => {
  const { requests } = await open(t, () => problem(409, "Not now."), { token: "s3cret", retryMin: 20 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  assert.ok(requests.every(({ headers }) => headers.authorization === "Bearer s3cret"));
});

test("the answer's Link headers give ICE servers", async (t) => {
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.addInitScript(() => {
    window.configurations = [];
    const { setConfiguration } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.setConfiguration = function (configuration) {
      window.configurations.push(configuration.iceServers);
      return setConfiguration.call(this, configuration);
    };
  });
  await page.route("**/cam/whep", (route) =>
    route.fulfill({
      status: 201,
      headers: {
        "Content-Type": "application/sdp",
        Location: "/cam/whep/key",
        Link:
          '<stun:stun.example.net>; rel="ice-server", <https://example.net/>; rel="help", ' +
          '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u,;"; credential="a\\"b"; credential-type="password"',
      },
      body: "no SDP",
    }),
  );
  await page.route("**/cam/whep/key", (route) => route.fulfill({ status: 200 }));
  await page.goto(`${server.url}api/streams`);
  await page.evaluate(async () => {
    const { WhepPlayer } = await import("/player.js");
    new WhepPlayer({ endpoint: "/cam/whep", video: document.createElement("video") }).start();
  });
  const [servers] = await waitUntil("the configuration", LONG_MS, () =>
    page.evaluate(() => window.configurations.length > 0 && window.configurations),
  );
  assert.deepEqual(servers, [
    { urls: "stun:stun.example.net" },
    { urls: "turn:turn.example.net?transport=udp", username: "u,;", credential: 'a"b' },
  ]);
});

test("a session whose answer cannot be used is ended", async (t) => {
  const { requests } = await open(
    t,
    ({ method }) =>
      method === "POST"
        ? { status: 201, headers: { "Content-Type": "application/sdp", Location: "/cam/whep/key" }, body: "no SDP" }
        : { status: 200 },
    { retryMin: 20 },
  );
  const end = await waitUntil("a DELETE", LONG_MS, () => requests.find(({ method }) => method === "DELETE"));
  assert.match(end.url, /\/cam\/whep\/key$/);
});

test("an offer of the server is answered, and plays", async (t) => {
  let page;
  const opened = await open(t, async ({ method, body }) => {
    if (method === "POST") {
      await waitUntil("the page", LONG_MS, () => page);
      const sdp = await offerFromPage(page);
      return { status: 406, headers: { "Content-Type": 'application/sdp; valid-until="x"', Location: "/cam/whep/key" }, body: sdp };
    }
    if (method === "PATCH" && /^v=0/.test(body)) {
      await page.evaluate((sdp) => window.sender.setRemoteDescription({ type: "answer", sdp }), body);
      return { status: 204 };
    }
    return { status: 200 };
  });
  ({ page } = opened);
  await waitUntil("a picture", LONG_MS, async () => (await states(page)).some(({ state }) => state === "playing"));
  const answer = opened.requests.find(({ method, body }) => method === "PATCH" && /^v=0/.test(body));
  assert.equal(answer.headers["content-type"], "application/sdp");
  assert.match(answer.url, /\/cam\/whep\/key$/);
  assert.match(answer.body, /^a=recvonly/m);
});

test("an offer of the server that this browser cannot play is not answered, and says why", async (t) => {
  const offer = await readFile(new URL("../fixtures/offers/chromium.sdp", import.meta.url), "utf8");
  const sdp = offer
    .replace(/^m=audio[^]*/m, "")
    .replace(/^a=group:.*$/m, "a=group:BUNDLE 0\r")
    .replace(/^s=-\r?$/m, "s=-\r\ni=the camera sends X-NEW\r")
    .replace(/a=recvonly/g, "a=sendonly")
    .replace(/ (VP8|VP9|H264|H265|AV1)\//g, " X-NEW/");
  const { page, requests } = await open(t, ({ method }) =>
    method === "POST"
      ? { status: 406, headers: { "Content-Type": "application/sdp", Location: "/cam/whep/key" }, body: sdp }
      : { status: 200 },
  );
  const told = await waitUntil("the reason", LONG_MS, async () =>
    (await states(page)).find(({ state }) => state === "retrying"),
  );
  assert.deepEqual(told, { state: "retrying", reason: "the camera sends X-NEW", status: 406 });
  await waitUntil("its end", LONG_MS, () => requests.some(({ method }) => method === "DELETE"));
  assert.ok(requests.every(({ method }) => method !== "PATCH"));
});

// A player whose connection never comes up; window.attempts has what each was made with.
async function climb(t) {
  let page;
  const opened = await open(
    t,
    async ({ method, body }) => {
      if (method !== "POST") {
        return { status: 200 };
      }
      await waitUntil("the page", LONG_MS, () => page);
      const sdp = (await answerFromPage(page, body)).replace(/^a=candidate:.*\r\n/gm, "");
      const candidates = [
        "a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host",
        "a=candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype passive",
      ];
      return {
        status: 201,
        headers: {
          "Content-Type": "application/sdp",
          Location: "/cam/whep/key",
          Link: '<turn:192.0.2.1?transport=tcp>; rel="ice-server"; username="u"; credential="c"',
        },
        body: `${sdp}${candidates.join("\r\n")}\r\n`,
      };
    },
    { retryMin: 50 },
    () => {
      window.attempts = [];
      const { setTimeout } = window;
      window.setTimeout = (then, ms, ...more) => setTimeout(then, ms === 15_000 ? 200 : ms, ...more);
      const { setRemoteDescription } = RTCPeerConnection.prototype;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        if (description.type === "answer") {
          const kinds = [...description.sdp.matchAll(/^a=candidate:\S+ 1 (\w+)/gm)].map(([, kind]) => kind);
          window.attempts.push([this.getConfiguration().iceTransportPolicy, ...kinds].join(" "));
        }
        return setRemoteDescription.call(this, description);
      };
    },
  );
  ({ page } = opened);
  return page;
}

test("what a connection may have hung on is left out of the next attempt", async (t) => {
  const page = await climb(t);
  const attempts = await waitUntil("four attempts", LONG_MS, () =>
    page.evaluate(() => window.attempts.length >= 4 && window.attempts.slice(0, 4)),
  );
  assert.deepEqual(attempts, ["all udp tcp", "all tcp", "relay udp tcp", "all udp tcp"]);
});

test("who starts anew leaves nothing out", async (t) => {
  const page = await climb(t);
  await waitUntil("an attempt without UDP", LONG_MS, () =>
    page.evaluate(() => {
      if (window.attempts.at(-1) !== "all tcp") {
        return false;
      }
      window.player.stop();
      window.attempts = [];
      window.player.start();
      return true;
    }),
  );
  const [first] = await waitUntil("an attempt", LONG_MS, () =>
    page.evaluate(() => window.attempts.length > 0 && window.attempts),
  );
  assert.equal(first, "all udp tcp");
});

test("a page that is kept from the local network says so", async (t) => {
  // A page of the public internet, as far as this Chromium knows, that nobody lets reach this machine.
  const { host } = new URL(server.url);
  const kept = await launchBrowser([`--ip-address-space-overrides=${host}=public`]);
  t.after(() => kept.close());
  const gateway = await serveSynthetic(new SyntheticGateway({ cameras: 1 }));
  t.after(() => gateway.stop());
  const page = await kept.newPage({ bypassCSP: true });
  await page.goto(`${server.url}metrics`);
  const endpoint = `${gateway.url}cam/whep`;
  const told = await page.evaluate(async (endpoint) => {
    const { WhepPlayer } = await import("/player.js");
    const player = new WhepPlayer({ endpoint, video: document.createElement("video"), retryMin: 50 });
    const told = new Promise((resolve) => {
      player.addEventListener("state", ({ detail }) => /browser/.test(detail.reason) && resolve(detail));
    });
    player.start();
    return told;
  }, endpoint);
  assert.equal(told.state, "retrying");
  assert.match(told.reason, /does not let this page reach devices in the local network/);
});

test("stopping while the answer is under way ends the session, too", async (t) => {
  let answer;
  const held = new Promise((resolve) => (answer = resolve));
  const { page, requests } = await open(t, async ({ method }) => {
    if (method === "POST") {
      await held;
      return { status: 201, headers: { Location: "/cam/whep/late" }, body: "v=0" };
    }
    return { status: 200 };
  });
  await waitUntil("an offer", LONG_MS, () => requests.length > 0);
  await page.evaluate(() => window.player.stop());
  answer();
  await waitUntil("a DELETE", LONG_MS, () => requests.some(({ url }) => url.endsWith("/late")));
  assert.equal(await page.evaluate(() => window.player.state), "idle");
  assert.equal(posts(requests).length, 1);
});

// A player that plays; tell(number) gives what the endpoint answers to the numberth question about it.
async function play(t, tell, options) {
  let page;
  let asked = 0;
  const opened = await open(
    t,
    async ({ method, body }) => {
      if (method === "POST") {
        await waitUntil("the page", LONG_MS, () => page);
        const sdp = await answerFromPage(page, body);
        return { status: 201, headers: { "Content-Type": "application/sdp", Location: "/cam/whep/key" }, body: sdp };
      }
      return method === "GET" ? tell(asked++) : { status: 200 };
    },
    options,
  );
  ({ page } = opened);
  await page.evaluate(() => {
    window.told = [];
    window.player.addEventListener("quality", ({ detail }) => window.told.push(detail));
  });
  await waitUntil("a picture", LONG_MS, async () => (await states(page)).some(({ state }) => state === "playing"));
  return { ...opened, questions: () => opened.requests.filter(({ method }) => method === "GET") };
}

const told = (page) => page.evaluate(() => window.told);

test("what is shown is asked for while it plays, and what holds it back is told once", async (t) => {
  const held = "this connection carries 0.6 of 2.1 Mbit/s: showing only the keyframes";
  const { page, questions } = await play(t, (number) => ({
    status: 200,
    contentType: "application/json",
    body: JSON.stringify({
      held_back: number < 2 ? held : null,
      reason: number < 2 ? "path" : "nothing",
      detail: number < 2 ? "keyframes" : "all_frames",
      variant_name: "cam",
      bandwidth_bps: 600_000 + number,
      needed_bps: 2_100_000,
    }),
  }));
  await waitUntil("three questions and the answers", LONG_MS, async () => (await told(page)).length >= 2);
  const [first, second, ...more] = await told(page);
  assert.deepEqual(first, {
    heldBack: held,
    reason: "path",
    detail: "keyframes",
    variant: "cam",
    bandwidth: 600_000,
    needed: 2_100_000,
  });
  assert.deepEqual([second.heldBack, second.reason, more.length], [null, "nothing", 0]);
  assert.ok(questions().length >= 3);
  for (const { url, headers } of questions()) {
    assert.match(url, /\/cam\/whep\/key$/);
    assert.equal(headers.accept, "application/json");
  }
  await page.evaluate(() => window.player.stop());
  assert.equal(await page.evaluate(() => window.player.quality), null);
  const asked = questions().length;
  await page.waitForTimeout(3_000);
  assert.equal(questions().length, asked, "asked after stop()");
});

test("a thin connection is no stall between two keyframes, and sound alone says so", async (t) => {
  let shown = { detail: "keyframes", held_back: "this connection carries 0.1 of 2.1 Mbit/s: showing only the keyframes" };
  const answer = () => ({ status: 200, contentType: "application/json", body: JSON.stringify({ reason: "path", ...shown }) });
  const { page, questions } = await play(t, answer, { stallAfter: 500 });
  await waitUntil("the answer", LONG_MS, async () => (await told(page)).length > 0);
  await page.evaluate(() => (window.still = true));
  const since = questions().length;
  await waitUntil("another question", LONG_MS, () => questions().length > since);
  assert.equal((await states(page)).at(-1).state, "playing");
  shown = { detail: "sound_only", held_back: "this connection carries 0.1 of 2.1 Mbit/s: sound only" };
  const stalled = await waitUntil("the stall", LONG_MS, async () =>
    (await states(page)).find(({ state }) => state === "stalled"),
  );
  assert.equal(stalled.reason, "This connection carries 0.1 of 2.1 Mbit/s: sound only.");
  await page.evaluate(() => (window.still = false));
  await waitUntil("pictures", LONG_MS, async () => (await states(page)).at(-1).state === "playing");
});

// A player that plays at an endpoint with events; listen(number) answers whoever listens.
async function playWithEvents(t, listen, script = null) {
  let page;
  let listeners = 0;
  const opened = await open(
    t,
    async ({ method, url, body }) => {
      if (url.endsWith("/events")) {
        return { status: 201, headers: { Location: `${url}/stream` } };
      }
      if (url.endsWith("/stream")) {
        return listen(listeners++);
      }
      if (url.endsWith("/cam/whep-elsewhere")) {
        return problem(503, "This one is full.");
      }
      if (method !== "POST") {
        return { status: 200 };
      }
      await waitUntil("the page", LONG_MS, () => page);
      const headers = {
        "Content-Type": "application/sdp",
        Location: `/cam/whep/${listeners}${Math.random()}`,
        Link: '</cam/whep/key/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"',
      };
      return { status: 201, headers, body: await answerFromPage(page, body) };
    },
    { retryMin: 20 },
    script,
  );
  ({ page } = opened);
  return { ...opened, listeners: () => listeners };
}

test("a player whose events break off listens again", async (t) => {
  const { page, requests, listeners } = await playWithEvents(
    t,
    () => ({ status: 200, contentType: "text/event-stream", body: ":\n\n" }),
    () => {
      const { setTimeout } = window;
      window.setTimeout = (then, ms, ...more) => setTimeout(then, ms === 10_000 ? 200 : ms, ...more);
    },
  );
  await waitUntil("three listeners", LONG_MS, () => listeners() >= 3);
  assert.equal(posts(requests).filter(({ url }) => !url.endsWith("/events")).length, 1, "of one session");
  assert.notEqual(await page.evaluate(() => window.player.state), "retrying");
});

test("an endpoint that a server names is left again if it does not answer", async (t) => {
  const event = 'event: reconnect\ndata: {"url": "/cam/whep-elsewhere"}\n\n';
  const { requests } = await playWithEvents(t, (number) =>
    number === 0 ? { status: 200, contentType: "text/event-stream", body: event } : new Promise(() => {}),
  );
  const offers = () => posts(requests).filter(({ url }) => !url.endsWith("/events"));
  await waitUntil("three offers", LONG_MS, () => offers().length >= 3);
  assert.deepEqual(
    offers().slice(0, 3).map(({ url }) => new URL(url).pathname),
    ["/cam/whep", "/cam/whep-elsewhere", "/cam/whep"],
  );
});

test("another player of the page listens when the one that did is stopped", async (t) => {
  const { page, listeners } = await playWithEvents(t, () => new Promise(() => {}));
  await waitUntil("the first", LONG_MS, () => listeners() === 1);
  await page.evaluate(async () => {
    const { WhepPlayer } = await import("/player.js");
    const video = document.body.appendChild(document.createElement("video"));
    window.other = new WhepPlayer({ endpoint: "/cam/whep", video });
    window.other.start();
  });
  await waitUntil("the second player", LONG_MS, () => page.evaluate(() => window.other.state === "playing"));
  assert.equal(listeners(), 1, "one at a time");
  await page.evaluate(() => window.player.stop());
  await waitUntil("the second", LONG_MS, () => listeners() === 2);
});

test("an endpoint that does not tell what is shown is not asked again", async (t) => {
  const { page, questions } = await play(t, () => problem(405, "What?"));
  await waitUntil("a question", LONG_MS, () => questions().length > 0);
  await page.waitForTimeout(4_000);
  assert.equal(questions().length, 1);
  assert.deepEqual(await told(page), []);
  assert.equal(await page.evaluate(() => window.player.state), "playing");
});

test("what the viewer asks for is in the query of the offer, and nowhere else", async (t) => {
  const { page, requests } = await open(t, () => problem(404, "No."), {
    endpoint: "/cam/whep?own=1",
    maxBitrate: 500_000,
    variant: "only:cam sub",
    retryMin: 20,
  });
  const [{ url }] = await waitUntil("an offer", LONG_MS, () => requests.length > 0 && requests);
  assert.deepEqual(Object.fromEntries(new URL(url).searchParams), {
    own: "1",
    max_bitrate: "500000",
    variant: "only:cam sub",
  });
  await page.evaluate(() => window.player.stop());
});
