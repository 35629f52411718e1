// whep_server without a camera: its command line, its HTTP answers, its end.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { LONG_MS, launchBrowser, openPage, runServer, startServer, waitUntil } from "./helpers.mjs";

// Nothing listens there.
const ABSENT = "rtsp://user:topsecret@127.0.0.1:1/stream";

describe("the command line", () => {
  test("--help tells all", async () => {
    const { code, stdout } = await runServer("--help");
    assert.equal(code, 0);
    for (const word of ["--listen", "--set", "--public-address", "NAME=RTSP_URL", "/NAME/whep"]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  test("--help-tuning lists the knobs", async () => {
    const { code, stdout } = await runServer("--help-tuning");
    assert.equal(code, 0);
    for (const word of ["worker_threads", "srtp_policy", "max_sessions"]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  for (const [what, code, message, ...args] of [
    ["no camera", 2, /no camera/],
    ["an unknown option", 2, /no option --nonsense/, "--nonsense"],
    ["an option without its value", 2, /--listen wants a value/, "--listen"],
    ["a bad address", 2, /ADDR:PORT/, "--listen", "8889", `a=${ABSENT}`],
    ["a bad port", 2, /port/, "--listen", "127.0.0.1:70000", `a=${ABSENT}`],
    ["an unknown knob", 2, /no knob "nonsense"/, "--set", "nonsense=1", `a=${ABSENT}`],
    ["a knob without number", 2, /must be a number/, "--set", "nack=on", `a=${ABSENT}`],
    ["a knob out of range", 1, /nack/, "--set", "nack=7", `a=${ABSENT}`],
    ["a camera without name", 2, /NAME=RTSP_URL/, ABSENT],
    ["a bad name", 2, /name/, `a/b=${ABSENT}`],
    ["the same name twice", 1, /camera a/, `a=${ABSENT}`, `a=${ABSENT}`],
    ["a bad URL", 1, /camera a/, "a=http://user:topsecret@127.0.0.1/"],
  ]) {
    test(`${what} is refused`, async () => {
      const result = await runServer("--listen", "127.0.0.1:0", ...args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
      assert.ok(!result.stderr.includes("topsecret"), "the password is not repeated");
    });
  }
});

describe("HTTP", () => {
  let server;

  before(async () => {
    server = await startServer({ cam1: ABSENT });
  });

  after(async () => {
    await server?.stop();
  });

  const post = (path, body, type = "application/sdp") =>
    fetch(server.url + path, { method: "POST", headers: { "Content-Type": type }, body });

  // Refusals of WHEP are problem documents (RFC 9457), those of the web server plain text.
  async function refused(response, status, type = "application/problem+json") {
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.equal(response.headers.get("Content-Type").split(";")[0], type);
    const sentence = type === "text/plain" ? text : JSON.parse(text).detail;
    assert.ok(sentence.length > 10, "the answer has a sentence");
    assert.ok(!text.includes("topsecret"));
  }

  test("an empty offer, which asks for one of the gateway's, is refused without media", async () => {
    await refused(await post("cam1/whep", ""), 409);
  });

  test("an offer that is no SDP is refused", async () => {
    await refused(await post("cam1/whep", "hello"), 400);
    await refused(await post("cam1/whep", new Uint8Array(4096)), 400);
  });

  test("an offer of another type is refused", async () => {
    await refused(await post("cam1/whep", "v=0", "text/plain"), 415);
  });

  test("an offer of 1 MB is refused", async () => {
    await refused(await post("cam1/whep", "a".repeat(1 << 20)), 413, "text/plain");
  });

  test("an unknown camera is refused", async () => {
    await refused(await post("nobody/whep", "v=0"), 404);
    for (const path of ["nobody", "a".repeat(8000), "%3Cscript%3E"]) {
      await refused(await fetch(server.url + path), 404, "text/plain");
    }
  });

  test("an unknown session is refused", async () => {
    const remove = (key) => fetch(`${server.url}cam1/whep/${key}`, { method: "DELETE" });
    for (const key of ["0123456789abcdef", "x", "..%2f", "%00"]) {
      await refused(await remove(key), 404);
    }
  });

  test("a wrong method is refused", async () => {
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const response = await fetch(`${server.url}cam1/whep`, { method, body: "v=0" });
      await refused(response, 405);
      assert.match(response.headers.get("Allow"), /\bPOST\b/);
    }
  });

  test("other sites may not use the endpoint (CORS)", async () => {
    const preflight = { method: "OPTIONS", headers: { Origin: "https://evil.example" } };
    const refusal = await fetch(`${server.url}cam1/whep`, preflight);
    assert.equal(refusal.status, 403);
    assert.equal(refusal.headers.get("Access-Control-Allow-Origin"), null);
    const own = await fetch(`${server.url}cam1/whep`, { method: "OPTIONS" });
    assert.ok(own.ok);
    assert.match(own.headers.get("Access-Control-Allow-Methods"), /POST/);
  });

  test("/api/metrics is for Prometheus", async () => {
    const response = await fetch(`${server.url}api/metrics`);
    assert.equal(response.headers.get("Content-Type"), "text/plain; version=0.0.4");
    assert.match(await response.text(), /^rtsp_webrtc_gateway_stream_live\{stream="\w+"\} [01]$/m);
  });

  test("/api/streams says why there is no picture", async () => {
    const [camera] = await waitUntil("the failure is known", LONG_MS, async () => {
      const streams = await server.streams();
      return streams[0].reason && streams;
    });
    assert.equal(camera.name, "cam1");
    assert.equal(camera.viewers, 0);
    assert.ok(!server.stderr().includes("topsecret"));
  });

  test("the page says why there is no picture", async () => {
    const browser = await launchBrowser();
    try {
      const page = await openPage(browser);
      const errors = [];
      page.on("pageerror", (error) => errors.push(error));
      await page.goto(server.url);
      const message = page.locator(".message");
      await message.filter({ hasText: /camera|stream/ }).waitFor();
      assert.ok(await message.isVisible());
      assert.equal(await page.locator("#summary").textContent(), "0 of 1 playing");
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
    }
  });
});

describe("the end", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal} ends the program cleanly`, async () => {
      const server = await startServer({ cam1: ABSENT });
      assert.equal(await server.stop(signal), 0, server.stderr());
      assert.throws(() => process.kill(server.pid, 0), { code: "ESRCH" });
    });
  }

  test("a port in use is an error", async () => {
    const server = await startServer({ cam1: ABSENT });
    const { host } = new URL(server.url);
    const second = await runServer("--listen", host, `a=${ABSENT}`);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /cannot listen/);
    assert.equal(await server.stop(), 0);
  });
});
