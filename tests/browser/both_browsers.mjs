// Chromium and Firefox by the same few words, for tests that ask the same of both.

import { launchFirefox, prepareFirefoxPage } from "./firefox.mjs";
import { LONG_MS, launchBrowser } from "./helpers.mjs";

// All of the picture is in view: Chromium tells little of one that is not.
const VIEWPORT = { width: 1280, height: 860 };

// Runs in a page before its scripts.
function keepConnections() {
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      window.connections.push(this);
    }
  };
}

// By name: what starts one. It has newPage(...scripts), each of which is [function, argument] and runs before the page's own,
// after window.connections is there; and close(). Pages have what both drivers call the same: goto, evaluate, close.
export const launch = {
  async Chromium() {
    const browser = await launchBrowser();
    return {
      async newPage(...scripts) {
        const page = await browser.newPage({ viewport: VIEWPORT });
        page.setDefaultNavigationTimeout(LONG_MS);
        for (const [script, argument] of [[keepConnections], ...scripts]) {
          await page.addInitScript(script, argument);
        }
        return page;
      },
      close: () => browser.close(),
    };
  },
  async Firefox() {
    const browser = await launchFirefox();
    return {
      async newPage(...scripts) {
        const page = await browser.newPage();
        page.setDefaultNavigationTimeout(LONG_MS);
        for (const [script, argument] of [[prepareFirefoxPage], [keepConnections], ...scripts]) {
          await page.evaluateOnNewDocument(script, argument);
        }
        return page;
      },
      close: () => browser.close(),
    };
  },
};
