// Firefox as a viewer. It is driven over a port of its own machine, so this runs where the viewer is:
//   node thin_firefox.mjs PAGE
// opens PAGE and prints READY. Each line {"url": ..., "ms": ...} on standard input is a WHEP endpoint to watch; what was
// seen is printed as one line. Ends at the end of standard input.

import { createInterface } from "node:readline";

import { launchFirefox } from "./firefox.mjs";
import { watch } from "./thin_viewer.mjs";

const browser = await launchFirefox({
  // The page comes from another machine without TLS.
  "media.devices.insecure.enabled": true,
  "media.getusermedia.insecure.enabled": true,
});
const page = await browser.newPage();
await page.goto(process.argv[2]);
// Firefox uses all addresses only for a page that uses the camera.
await page.evaluate(() => navigator.mediaDevices.getUserMedia({ video: true }).then(() => {}));
console.log("READY");
for await (const line of createInterface({ input: process.stdin })) {
  const { url, ms } = JSON.parse(line);
  console.log(`SEEN ${JSON.stringify(await watch(page, url, ms))}`);
}
await browser.close();
