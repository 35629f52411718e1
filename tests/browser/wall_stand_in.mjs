// A gateway's wall in the page itself: a connection that sends drawn pictures, binds its slots as the data
// channel or PATCH ask, and can be told to refuse, or what to say of a camera.

import { LONG_MS, waitUntil } from "./helpers.mjs";

// Runs in the page. Cameras are colors: {name: [r, g, b]}.
function standIn(cameras) {
  const GONE = { status: 404, title: "Not found", detail: "there is no stream of this name" };
  const tracks = new Map(); // by camera
  const stand = (window.standIn = {
    pc: null,
    channel: null,
    requests: [], // messages of the page, with how each came
    slots: new Map(), // by mid: {kind, sender, stream, paused, ...}
    refuse: new Map(), // by camera: what to answer
    states: new Map(), // by camera: {state, reason}
    draws: true, // cameras send frames
    tells: true, // what slots show, unasked
    kept: null, // messages of the data channel that next() is to answer, if it is an array
  });

  function track(camera) {
    if (!tracks.has(camera)) {
      const canvas = document.createElement("canvas");
      canvas.width = 160;
      canvas.height = 90;
      const context = canvas.getContext("2d");
      let tick = 0;
      setInterval(() => {
        if (!stand.draws) {
          return;
        }
        context.fillStyle = `rgb(${cameras[camera].join(",")})`;
        context.fillRect(0, 0, 160, 90);
        context.fillStyle = "#fff";
        context.fillRect((tick += 3) % 150, 60, 10, 10);
      }, 100);
      tracks.set(camera, canvas.captureStream().getVideoTracks()[0]);
    }
    return tracks.get(camera);
  }

  async function show(slot) {
    if (slot.kind === "video") {
      await slot.sender.replaceTrack(slot.stream && !slot.paused ? track(slot.stream) : null);
    }
  }

  function bind(asked) {
    const slot = stand.slots.get(asked.slot);
    const refused = asked.stream && (stand.refuse.get(asked.stream) ?? (asked.stream in cameras ? null : GONE));
    if (!slot || refused) {
      return { slot: asked.slot, ...(refused ?? GONE) };
    }
    const { stream } = slot;
    Object.assign(slot, asked);
    show(slot);
    if (slot.stream !== stream && stand.tells) {
      queueMicrotask(() => stand.notice(slot));
    }
    return { slot: asked.slot, stream: slot.stream };
  }

  stand.message = (text, how) => {
    const request = JSON.parse(text);
    stand.requests.push({ how, ...request });
    return JSON.stringify({ id: request.id, slots: request.slots.map(bind) });
  };

  // rtp: the timestamp that each begins with, if it is known.
  stand.notice = (...slots) => {
    if (stand.channel?.readyState === "open") {
      const told = slots.map(({ slot, kind, stream, rtp }) => ({
        slot, kind, stream, rtp, unix_ms: Date.now(),
        ...(stream ? (stand.states.get(stream) ?? { state: "live", reason: "" }) : { state: "none", reason: "" }),
        variant: stream, detail: "all_frames", width: 160, height: 90,
      }));
      stand.channel.send(JSON.stringify({ slots: told }));
    }
  };

  // The answer to an offer; bound: names by place, of video.
  stand.answer = async (sdp, bound, sound) => {
    const pc = new RTCPeerConnection();
    stand.pc?.close();
    stand.pc = pc;
    stand.channel = null;
    stand.slots.clear();
    pc.ondatachannel = ({ channel }) => {
      stand.channel = channel;
      const open = () => stand.notice(...stand.slots.values());
      channel.readyState === "open" ? open() : (channel.onopen = open);
      const answer = (data) => channel.send(stand.message(data, `${channel.label} ${channel.protocol}`));
      channel.onmessage = ({ data }) => (stand.kept ? stand.kept.push(data) : answer(data));
      stand.next = () => answer(stand.kept.shift());
    };
    await pc.setRemoteDescription({ type: "offer", sdp });
    let place = 0;
    for (const transceiver of pc.getTransceivers()) {
      transceiver.direction = "sendonly";
      const { kind } = transceiver.receiver.track;
      const stream = (kind === "video" ? bound[place++] : sound) || null;
      stand.slots.set(transceiver.mid, { slot: transceiver.mid, kind, sender: transceiver.sender, stream: stream in cameras ? stream : null });
    }
    await pc.setLocalDescription();
    await Promise.all([...stand.slots.values()].map(show));
    while (pc.iceGatheringState !== "complete") {
      await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
    return pc.localDescription.sdp;
  };
}

// Serves POST, PATCH, GET and DELETE of {prefix}/wall from within the page. Returns the requests; and, to be changed, the
// status that offers are answered with, and how many messages by PATCH are answered with 503.
export async function standInFor(page, cameras) {
  await page.addInitScript(standIn, cameras);
  const served = { requests: [], status: 201, lost: 0 };
  await page.route(/\/wall(\/|\?|$)/, async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    const method = request.method();
    served.requests.push({ method, url, type: request.headers()["content-type"], body: request.postData(), token: request.headers().authorization });
    if (method === "POST" && served.status !== 201) {
      return route.fulfill({ status: served.status, contentType: "application/problem+json", body: JSON.stringify({ detail: "No wall here." }) });
    }
    if (method === "POST") {
      // As it stands in the URL: the names are percent-encoded, the commas are not.
      const field = (name) => url.search.match(new RegExp(`[?&]${name}=([^&]*)`))?.[1] ?? "";
      const bound = field("slots").split(",").map(decodeURIComponent);
      await waitUntil("the page", LONG_MS, () => page.evaluate(() => Boolean(window.standIn)));
      const sdp = await page.evaluate(([sdp, bound, sound]) => window.standIn.answer(sdp, bound, sound), [request.postData(), bound, decodeURIComponent(field("sound"))]);
      return route.fulfill({ status: 201, headers: { "Content-Type": "application/sdp", Location: `/wall/key${served.requests.length}`, ETag: '"e"' }, body: sdp });
    }
    if (method === "PATCH" && request.headers()["content-type"] === "application/json") {
      if (served.lost > 0) {
        served.lost -= 1;
        return route.fulfill({ status: 503 });
      }
      const body = await page.evaluate((text) => window.standIn.message(text, "PATCH"), request.postData());
      return route.fulfill({ status: 200, contentType: "application/json", body });
    }
    return route.fulfill({ status: method === "PATCH" ? 204 : 200 });
  });
  return served;
}
