// Congestion control with a real browser's feedback: the offer is answered with transport-wide feedback,
// and on a path that carries everything the video plays as it does without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  launchBrowser,
  openPage,
  startCameras,
  startServer,
  stats,
  waitUntilLive,
  waitUntilPlaying,
  watchFrames,
} from "./helpers.mjs";

let cameras;
let server;
let browser;

before(async () => {
  [cameras, browser] = await Promise.all([startCameras(1), launchBrowser()]);
  server = await startServer({ cam1: cameras.urls[0] });
  await waitUntilLive(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await cameras?.stop();
});

test("a browser's feedback is asked for, and the video plays", async (t) => {
  const page = await openPage(browser, t);
  // The answer, before the page hands it to the browser.
  const answers = [];
  page.on("response", async (response) => {
    if (response.request().method() === "POST") answers.push(await response.text());
  });
  await page.goto(`${server.url}cam1`);
  await waitUntilPlaying(page, 25);
  assert.match(answers[0], /a=rtcp-fb:\d+ transport-cc\r\n/);
  assert.match(answers[0], /a=extmap:\d+ http:\/\/www\.ietf\.org\/id\/draft-holmer-rmcat-transport-wide-cc/);

  const first = await stats(page);
  const seen = await watchFrames(page, 25);
  const last = await stats(page);
  assert.equal(last.video.packetsLost - first.video.packetsLost, 0);
  assert.ok(last.video.framesReceived - first.video.framesReceived >= seen.length - 1);
  const gaps = seen.slice(1).map(({ now }, i) => now - seen[i].now);
  t.diagnostic(`${seen.length} frames, longest gap ${Math.round(Math.max(...gaps))} ms`);
});
