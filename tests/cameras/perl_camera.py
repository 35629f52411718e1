#!/usr/bin/python3
"""A foreign camera for the tests: RTSP::Server of Perl, which passes on what ffmpeg publishes to it.

Prints `READY rtsp://127.0.0.1:PORT/PATH` once it lists its tracks. SIGTERM and SIGINT end it.
It sends RTP over UDP only, answers 400 to requests for TCP, and knows no authentication. Debian packages:
librtsp-server-perl ffmpeg
"""

import argparse
import signal
import socket
import subprocess
import sys
import time

from foreign import die_with_parent, plays

FRAMES_PER_SECOND = 25
KEYFRAME_INTERVAL = 50
START_SECONDS = 20

SERVER = r"""
use AnyEvent;
use RTSP::Server;

my ($clients, $sources, $rtp) = @ARGV;
# It goes back to this port whenever nothing is published.
$RTSP::Server::RTP_START_PORT = $rtp;
my $server = RTSP::Server->new(
    client_listen_port => $clients,
    source_listen_port => $sources,
    rtp_start_port => $rtp,
    client_listen_address => "127.0.0.1",
    source_listen_address => "127.0.0.1",
    log_level => 0,
);
$server->listen;
AnyEvent->condvar->recv;
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="cam", help="path of the stream (default: cam)")
    parser.add_argument("--audio", choices=["pcmu", "none"], default="pcmu")
    parser.add_argument("--size", default="640x360", help="picture size (default: 640x360)")
    return parser.parse_args()


def free_ports(kind, count):
    """Free ports in a row, the first one even."""
    while True:
        with socket.socket(type=kind) as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1] & ~1
        if first + count < 65536 and all(is_free(kind, first + i) for i in range(count)):
            return first


def is_free(kind, port):
    with socket.socket(type=kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def server(clients, sources):
    rtp = free_ports(socket.SOCK_DGRAM, 16)
    return ["perl", "-e", SERVER, *map(str, [clients, sources, rtp])]


def publisher(options, url):
    picture = f"testsrc2=size={options.size}:rate={FRAMES_PER_SECOND}"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", picture]
    if options.audio == "pcmu":
        command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000"]
        command += ["-c:a", "pcm_mulaw", "-ac", "1"]
    command += ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency"]
    command += ["-profile:v", "main", "-pix_fmt", "yuv420p", "-b:v", "1M", "-bf", "0"]
    command += ["-g", str(KEYFRAME_INTERVAL)]
    return command + ["-f", "rtsp", "-rtsp_transport", "udp", url]


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_for(what, children):
    deadline = time.monotonic() + START_SECONDS
    while not what():
        if time.monotonic() > deadline or any(c.poll() is not None for c in children):
            sys.exit("RTSP::Server did not start, or ffmpeg could not publish to it")
        time.sleep(0.1)


def main():
    options = arguments()
    clients = free_ports(socket.SOCK_STREAM, 2)
    sources = clients + 1
    url = f"rtsp://127.0.0.1:{clients}/{options.path}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))

    tracks = 1 if options.audio == "none" else 2
    children = []

    def start(command):
        children.append(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=die_with_parent
            )
        )

    try:
        start(server(clients, sources))
        wait_for(lambda: listens(sources), children)
        start(publisher(options, f"rtsp://127.0.0.1:{sources}/{options.path}"))
        wait_for(lambda: plays(url, clients, tracks), children)
        print(f"READY {url}", flush=True)
        children[0].wait()
        sys.exit("RTSP::Server ended by itself")
    finally:
        for child in children:
            child.kill()
            child.wait()


if __name__ == "__main__":
    main()
