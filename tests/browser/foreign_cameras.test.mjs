// Cameras that are not ours, all at once: GStreamer's RTSP server in three ways, and VLC's by UDP.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Child, launchBrowser, openPage, root, startServer, waitUntilLive } from "./helpers.mjs";

const CAMERAS = {
  gst: ["gst_camera.py"],
  digest: ["gst_camera.py", "--user", "viewer", "--password", "s3cret", "--audio", "pcma"],
  sdp: ["gst_camera.py", "--parameter-sets", "sdp", "--audio", "none"],
  vlc: ["vlc_camera.py"],
};

const children = [];
let server;
let browser;

before(async () => {
  browser = await launchBrowser();
  const urls = {};
  for (const [name, [script, ...options]] of Object.entries(CAMERAS)) {
    const path = `${root}/tests/cameras/${script}`;
    // Debian's own Python has Debian's GStreamer bindings.
    const child = await Child.start("/usr/bin/python3", [path, ...options], /^READY (\S+)$/);
    children.push(child);
    urls[name] = child.ready[1];
  }
  urls.digest = urls.digest.replace("rtsp://", "rtsp://viewer:s3cret@");
  const { vlc, ...others } = urls;
  server = await startServer(others, "--udp", `vlc=${vlc}`);
  await waitUntilLive(server);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await Promise.all(children.map((child) => child.stop()));
});

test("all of them play on one page", async (t) => {
  const page = await openPage(browser, t);
  await page.goto(server.url);
  await page.waitForFunction(
    (count) => {
      const videos = [...document.querySelectorAll("video")];
      const plays = (video) => video.getVideoPlaybackQuality().totalVideoFrames > 50;
      return videos.length === count && videos.every(plays);
    },
    Object.keys(CAMERAS).length,
  );
});

for (const name of Object.keys(CAMERAS)) {
  test(`the camera ${name} plays (${CAMERAS[name].join(" ")})`, async (t) => {
    const page = await openPage(browser, t);
    await page.goto(server.url + name);
    await page.waitForFunction(
      () => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames > 50,
      null,
    );
    const size = await page.evaluate(() => {
      const video = document.querySelector("video");
      return [video.videoWidth, video.videoHeight];
    });
    assert.deepEqual(size, [640, 360]);
    assert.ok(!server.stderr().includes("s3cret"));
  });
}
