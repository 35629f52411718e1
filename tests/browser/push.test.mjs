// What a host pushes, in one browser: H.264, and AV1 with Opus.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";

import { LONG_MS, Child, launchBrowser, openPage, pictures, root, stats, waitUntil } from "./helpers.mjs";

const PUSH = process.env.PUSH ?? `${root}/target/debug/examples/push`;
const CLIP = `${root}/testkit/clips/baseline360p.h264`;

let browser;
let clips;

before(async () => {
  clips = mkdtempSync(`${tmpdir()}/push-`);
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  rmSync(clips, { recursive: true, force: true });
});

function ffmpeg(...args) {
  execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", ...args]);
}

// Plays what the host pushes until 50 pictures of this size were shown; returns the stats.
async function watch(t, size, ...files) {
  const host = await Child.start(PUSH, ["127.0.0.1:0", ...files], /^listening on (\S+)$/);
  t.after(() => host.stop());
  const page = await openPage(browser, t);
  await page.goto(`${host.ready[1]}file`);
  await page.waitForFunction(() => document.querySelector("video")?.videoWidth > 0, null, {
    timeout: LONG_MS,
  });
  const first = await pictures(page);
  await waitUntil("pictures", LONG_MS, async () => (await pictures(page)) >= first + 50);
  const shown = await page.evaluate(() => {
    const video = document.querySelector("video");
    return [video.videoWidth, video.videoHeight];
  });
  assert.deepEqual(shown, size);
  const [stream] = await (await fetch(`${host.ready[1]}api/streams`)).json();
  return { page, stream, result: await stats(page) };
}

async function codec(page, kind) {
  return page.evaluate(async (kind) => {
    const reports = [...(await window.connections.at(-1).getStats()).values()];
    const track = reports.find((report) => report.type === "inbound-rtp" && report.kind === kind);
    return reports.find((report) => report.id === track?.codecId)?.mimeType;
  }, kind);
}

test("H.264 is shown", async (t) => {
  const clip = `${clips}/clip.h264`;
  ffmpeg("-i", CLIP, "-c", "copy", "-bsf:v", "h264_metadata=aud=insert", clip);
  const { page, result } = await watch(t, [640, 360], clip);
  assert.equal(await codec(page, "video"), "video/H264");
  assert.equal(result.video.packetsLost, 0);
});

test("AV1 is shown and Opus is heard", async (t) => {
  const [video, sound] = [`${clips}/clip.ivf`, `${clips}/sound.opus`];
  ffmpeg("-i", CLIP, "-c:v", "libaom-av1", "-cpu-used", "8", "-g", "25", "-b:v", "500k", video);
  ffmpeg("-f", "lavfi", "-i", "sine=440:r=48000", "-t", "4", "-c:a", "libopus", sound);
  const { page, result } = await watch(t, [640, 360], video, sound);
  assert.equal(await codec(page, "video"), "video/AV1");
  assert.equal(await codec(page, "audio"), "audio/opus");
  assert.equal(result.audio.packetsLost, 0);
  // A page starts without sound, and what is muted has no energy.
  await page.evaluate(() => {
    document.querySelector("video").muted = false;
  });
  await waitUntil("a tone", LONG_MS, async () => (await stats(page)).audio.totalAudioEnergy > 0);
});

// A browser that is sent pictures in another order than they are shown freezes and asks for keyframes.
for (const name of ["bframes180p", "pyramid180p"]) {
  test(`${name}: what is left without B-frames is shown without a pause`, async (t) => {
    const clip = `${clips}/${name}.h264`;
    ffmpeg("-i", `${root}/testkit/clips/${name}.h264`, "-c", "copy", "-bsf:v", "h264_metadata=aud=insert", clip);
    const { result, stream } = await watch(t, [320, 180], clip);
    assert.equal(result.video.pliCount, 0);
    assert.equal(stream.warning?.name, "b_frames");
  });
}

// Browsers begin with an IDR picture, and there is none.
for (const name of ["opengop180p", "refresh180p"]) {
  test(`${name}: a stream without an IDR picture is shown`, async (t) => {
    const clip = `${clips}/${name}.h264`;
    ffmpeg("-i", `${root}/testkit/clips/${name}.h264`, "-c", "copy",
      "-bsf:v", "filter_units=remove_types=5,h264_metadata=aud=insert", clip);
    const { stream } = await watch(t, [320, 180], clip);
    assert.ok(["b_frames", "no_keyframe"].includes(stream.warning?.name));
  });
}
