#!/usr/bin/python3
"""A foreign camera for the tests: VLC's RTSP server with a test picture and a tone by ffmpeg.

Prints `READY rtsp://127.0.0.1:PORT/PATH` once it listens. SIGTERM and SIGINT end it.
It sends RTP over UDP only and knows no authentication. Debian packages: vlc-bin vlc-plugin-base
ffmpeg
"""

import argparse
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

from foreign import die_with_parent, plays

FRAMES_PER_SECOND = 25
KEYFRAME_INTERVAL = 50
START_SECONDS = 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="cam", help="path of the stream (default: cam)")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free port")
    parser.add_argument("--audio", choices=["pcmu", "none"], default="pcmu")
    parser.add_argument("--size", default="640x360", help="picture size (default: 640x360)")
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def encoder(options):
    picture = f"testsrc2=size={options.size}:rate={FRAMES_PER_SECOND}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", picture]
    if options.audio == "pcmu":
        command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000"]
        command += ["-c:a", "mp2", "-ac", "1", "-ar", "32000"]
    command += ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency"]
    command += ["-profile:v", "main", "-pix_fmt", "yuv420p", "-b:v", "1M", "-bf", "0"]
    command += ["-g", str(KEYFRAME_INTERVAL)]
    return command + ["-f", "mpegts", "-flush_packets", "1", "-"]


def server(options, url):
    # MPEG-TS knows no G.711, so VLC makes it.
    g711 = "transcode{acodec=ulaw,ab=64,channels=1,samplerate=8000}:"
    sound = g711 if options.audio == "pcmu" else ""
    command = ["cvlc", "--quiet", "--play-and-exit", "--rtsp-host=127.0.0.1"]
    command += ["--demux=ts", "--file-caching=0", "-"]
    return command + ["--sout", f"#{sound}rtp{{sdp={url}}}"]


def unprivileged():
    """VLC refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
        "env": {**os.environ, "HOME": "/nonexistent"},
        "cwd": "/",
    }


def main():
    options = arguments()
    port = options.port or free_port()
    url = f"rtsp://127.0.0.1:{port}/{options.path}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))

    tracks = 1 if options.audio == "none" else 2
    children = []
    try:
        media = subprocess.Popen(
            encoder(options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        children.append(media)
        vlc = subprocess.Popen(
            server(options, url),
            stdin=media.stdout,
            stdout=sys.stderr,
            preexec_fn=die_with_parent,
            **unprivileged(),
        )
        children.append(vlc)
        media.stdout.close()
        deadline = time.monotonic() + START_SECONDS
        while not plays(url, port, tracks):
            if time.monotonic() > deadline or any(c.poll() is not None for c in children):
                sys.exit("VLC did not start its RTSP server")
            time.sleep(0.1)
        print(f"READY {url}", flush=True)
        vlc.wait()
        sys.exit("VLC ended by itself")
    finally:
        for child in children:
            child.kill()
            child.wait()


if __name__ == "__main__":
    main()
