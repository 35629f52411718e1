// libwebrtc's own sender: Chromium sends a moving picture, encoded for each viewer, to whoever posts an offer to
// /whep. Prints READY URL. Ends at the end of standard input.
//   node libwebrtc.mjs [BITS_PER_SECOND]
//
// Needs the packages of tests/browser.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../tests/browser/", import.meta.url))("playwright-core");
const rate = Number(process.argv[2] ?? 500_000);

// Runs in the page: a texture that moves, 25 times a second, with the wall clock as its time.
async function film() {
  // Who may film may also know all addresses, the loopback address among them.
  await navigator.mediaDevices.getUserMedia({ audio: true });
  const [width, height] = [640, 360];
  const texture = new OffscreenCanvas(2 * width, 2 * height);
  const paint = texture.getContext("2d");
  for (let i = 0; i < 2_000; ++i) {
    paint.fillStyle = `hsl(${(i * 137) % 360} 60% ${20 + ((i * 29) % 60)}%)`;
    paint.fillRect((i * 7919) % (2 * width), (i * 104_729) % (2 * height), 8 + (i % 60), 8 + (i % 44));
  }
  const picture = new OffscreenCanvas(width, height).getContext("2d");
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const writer = generator.writable.getWriter();
  let count = 0;
  setInterval(() => {
    const angle = ++count / 40;
    picture.drawImage(texture, -width / 2 + (width / 2) * Math.sin(angle), -height / 2 + (height / 2) * Math.cos(angle / 2));
    writer.write(new VideoFrame(picture.canvas, { timestamp: 1_000 * performance.now() }));
  }, 40);
  window.track = generator;
}

// Runs in the page: answers an offer.
async function answer({ offer, rate }) {
  const connection = new RTCPeerConnection();
  connection.onconnectionstatechange = () => {
    if (["failed", "disconnected"].includes(connection.connectionState)) {
      connection.close();
    }
  };
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  const sender = connection.addTrack(window.track.clone(), new MediaStream());
  await connection.setLocalDescription();
  const parameters = sender.getParameters();
  parameters.encodings[0].maxBitrate = rate;
  await sender.setParameters(parameters);
  while (connection.iceGatheringState !== "complete") {
    await new Promise((resolve) => connection.addEventListener("icegatheringstatechange", resolve, { once: true }));
  }
  return connection.localDescription.sdp;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
  ],
});
const page = await browser.newPage();
const server = createServer(async (request, response) => {
  if (request.method !== "POST") {
    response.end("<!doctype html>");
    return;
  }
  let offer = "";
  for await (const part of request) {
    offer += part;
  }
  try {
    const sdp = await page.evaluate(answer, { offer, rate });
    response.writeHead(201, { "Content-Type": "application/sdp", Connection: "close" }).end(sdp);
  } catch (error) {
    response.writeHead(500, { Connection: "close" }).end(String(error));
  }
});
server.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  await page.goto(url);
  await page.evaluate(film);
  console.log(`READY ${url}whep`);
});
process.stdin.resume().on("end", async () => {
  await browser.close();
  process.exit(0);
});
