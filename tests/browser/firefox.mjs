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

// Runs in a page before its scripts, so that it can play from this machine, and its pictures can be counted.
export function prepareFirefoxPage() {
  // Firefox checks addresses of this machine only for a page that uses the camera.
  navigator.mediaDevices?.getUserMedia({ video: true }).catch(() => {});
  // For live streams getVideoPlaybackQuality() stays 0 in Firefox.
  window.shown = new WeakMap();
  const { play } = HTMLMediaElement.prototype;
  HTMLVideoElement.prototype.play = function () {
    if (!window.shown.has(this)) {
      window.shown.set(this, 0);
      const presented = () => {
        window.shown.set(this, window.shown.get(this) + 1);
        this.requestVideoFrameCallback(presented);
      };
      this.requestVideoFrameCallback(presented);
    }
    return play.call(this);
  };
}

export async function launchFirefox(preferences = {}, options = {}) {
  return puppeteer.launch({
    ...options,
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    timeout: 120_000, // a busy machine
    extraPrefsFirefox: { ...PREFERENCES, ...preferences },
  });
}
