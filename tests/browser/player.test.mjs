// The WHEP client alone, against an endpoint that answers as the test wants.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LONG_MS, launchBrowser, waitUntil } from "./helpers.mjs";
import { answerFromPage, serveSynthetic, SyntheticGateway, WITHIN_BROWSER } from "./synthetic.mjs";

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
async function open(t, answer, options = {}) {
  const page = await browser.newPage();
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
  const { page, requests } = await open(t, () => problem(404, "There is no such camera."), { retryMin: 50 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  const told = (await states(page)).find(({ state }) => state === "retrying");
  assert.deepEqual(told, { state: "retrying", reason: "There is no such camera.", status: 404 });
});

test("Retry-After is kept to", async (t) => {
  const { requests } = await open(t, () => problem(409, "Not live yet.", { "Retry-After": "2" }), { retryMin: 10 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  const waited = requests[1].at - requests[0].at;
  assert.ok(waited >= 1_900, `after ${waited} ms`);
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
  const { page, requests } = await open(t, () => problem(401, "Who are you?"), { token: "s3cret", retryMin: 20 });
  await waitUntil("a second offer", LONG_MS, () => requests.length > 1);
  assert.ok(requests.every(({ headers }) => headers.authorization === "Bearer s3cret"));
  assert.equal((await states(page)).find(({ status }) => status === 401)?.reason, "Who are you?");
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
