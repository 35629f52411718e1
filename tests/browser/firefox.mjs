// Debian's Firefox ESR, driven by WebDriver BiDi: playwright-core cannot drive it.

import puppeteer from "puppeteer-core";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const PREFERENCES = {
  // H.264 by the system's decoder: Debian's Firefox comes without OpenH264.
  "media.webrtc.hw.h264.enabled": true,
  "gfx.blacklist.webrtc.hw.acceleration.h264": 1,
  // Checks of 127.0.0.1, as for a page that may use the camera.
  "media.peerconnection.ice.loopback": true,
  "media.navigator.streams.fake": true,
  "permissions.default.camera": 1,
  "permissions.default.microphone": 1,
};

export async function launchFirefox(preferences = {}, options = {}) {
  return puppeteer.launch({
    ...options,
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: { ...PREFERENCES, ...preferences },
  });
}
