#!/usr/bin/env python3
"""Takes from a running gateway what it needs, and checks what docs/reliability.md says of that.

    scripts/faults.py [--library FILE] [--camsim FILE] [--long] [FAULT...]

Faults: descriptors, threads, memory, stopped, clock, suspended, disk_full, camera_away, interface. Without any:
all. Linux, as root: it sets limits, a cgroup, a network namespace and the clocks of the gateway's process, and
nothing of the machine's. --long: the process is stopped for ten minutes, and a camera is away for an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# No check is about speed: what has to happen may take this long.
PATIENCE = 180.0

OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 {}
a=setup:actpass
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
""".format(":".join(["ab"] * 32)).replace("\n", "\r\n")


def host(cameras: list[str]) -> None:
    """The process that faults happen to: cameras and a listener, and memory on demand."""
    sys.path.insert(0, str(ROOT / "python"))
    import rtsp_webrtc_gateway as rwg

    rwg.set_log(rwg.LogLevel.WARN, lambda record: print("log:", record.message, flush=True))
    with rwg.Gateway() as gateway:
        for number, url in enumerate(cameras, 1):
            gateway.add_stream(f"cam{number}", url, retry_min_ms=200, retry_max_ms=1000)
        print("READY", gateway.listen_http("127.0.0.1:0"), flush=True)
        ballast = b""
        for line in sys.stdin:
            word, number = line.split()
            if word == "threads":
                os.setuid(65534)  # root has no limit of threads
                most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
                resource.setrlimit(resource.RLIMIT_NPROC, (int(number), most))
            elif word == "ballast":
                ballast = b"\1" * int(number)
            elif word == "disk_full":
                rwg.set_log(rwg.LogLevel.DEBUG, write_to_full_disk)
            print("DONE", len(ballast), flush=True)


def write_to_full_disk(record: Any) -> None:
    with contextlib.suppress(OSError), open("/dev/full", "w", buffering=1) as file:
        print("log:", record.message, file=file)


# Adds seconds from a file to the wall clock and to the monotonic clock of a process.
CLOCKS = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static const long *offsets;
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("FAULTS_CLOCKS"), O_RDONLY);
    offsets = mmap(0, 2 * sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && offsets && clock == CLOCK_REALTIME) time->tv_sec += offsets[0];
    if (result == 0 && offsets && clock == CLOCK_MONOTONIC) time->tv_sec += offsets[1];
    return result;
}
"""


class Clocks:
    """The clocks of a gateway's process, which are the machine's and so many seconds more."""

    def __init__(self, folder: str) -> None:
        self.file = Path(folder, "offsets")
        self.set(0, 0)
        source, library = Path(folder, "clocks.c"), Path(folder, "clocks.so")
        source.write_text(CLOCKS)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_CLOCKS": str(self.file)}

    def set(self, wall: int, monotonic: int) -> None:
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("ll", wall, monotonic))


class Host:
    """A gateway in a process of its own, with simulated cameras."""

    def __init__(self, by_name: bool = False, netns: bool = False, clocks: Clocks | None = None) -> None:
        enter = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] if netns else []
        self.cameras = self._start([*enter, options.camsim, "--clip", "baseline360p", "--stdin-exit"])
        urls = self._line(self.cameras, "READY").split()
        if by_name:
            urls = [url.replace("127.0.0.1", "localhost") for url in urls]
        self.enter = ["nsenter", "-n", "-t", str(self.cameras.pid)] if netns else []
        environment = {**os.environ, "RTSP_WEBRTC_GATEWAY_LIBRARY": options.library}
        environment |= clocks.environment if clocks else {}
        script = [sys.executable, __file__, "--host", *urls]
        self.process = self._start([*self.enter, *script], env=environment)
        self.pid = self.process.pid
        self.port = int(self._line(self.process, "READY"))
        self.wait("the camera is live", lambda: self.stream()["state"] == "live")

    def _start(self, command: list[str], **more: Any) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, **more)

    def _line(self, process: subprocess.Popen[str], word: str) -> str:
        assert process.stdout
        for line in process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
            print("   ", line.rstrip())
        raise SystemExit(f"{process.args} has ended: {process.wait()}")

    def close(self) -> None:
        for process in (self.process, self.cameras):
            assert process.stdin and process.stdout
            process.stdin.close()
            for line in process.stdout:
                print("   ", line.rstrip())
            assert process.wait(60) == 0, "it did not end by itself"

    def camera(self, command: str) -> None:
        assert self.cameras.stdin
        print("cam1", command, file=self.cameras.stdin, flush=True)

    def tell(self, word: str, number: int) -> None:
        assert self.process.stdin
        print(word, number, file=self.process.stdin, flush=True)
        self._line(self.process, "DONE")

    def request(self, path: str, body: str | None = None) -> tuple[int, Any]:
        """Status and JSON or text. In a namespace of its own, by a program there."""
        url = f"http://127.0.0.1:{self.port}{path}"
        if self.enter:
            post = ["-X", "POST", "-H", "Content-Type: application/sdp", "--data-binary", body] if body else []
            command = [*self.enter, "curl", "-s", "-m", "10", "-w", "\n%{http_code}", *post, url]
            text, _, status = subprocess.run(command, capture_output=True, text=True).stdout.rpartition("\n")
            code = int(status or 0)
        else:
            request = urllib.request.Request(url, body.encode() if body else None)
            request.add_header("Content-Type", "application/sdp")
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    code, text = response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                code, text = error.code, error.read().decode()
            except OSError:  # not answered in time, for instance
                code, text = 0, ""
        return code, json.loads(text) if text.startswith(("{", "[")) else text

    def stream(self) -> dict[str, Any]:
        code, streams = self.request("/api/streams")
        return streams[0] if code == 200 else {"state": "?", "message": ""}

    def offer(self) -> tuple[int, Any]:
        return self.request("/cam1/whep", OFFER)

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert self.process.poll() is None, f"the process has ended: {self.process.returncode}"
            assert time.monotonic() < end, f"not within {PATIENCE} s: {what}; {self.stream()}"
            time.sleep(0.2)
        print("  ", what)

    def descriptors(self, most: int) -> None:
        subprocess.run(["prlimit", f"--pid={self.pid}", f"--nofile={most}:"], check=True)


def descriptors() -> None:
    gateway = Host()
    used = max(int(number) for number in os.listdir(f"/proc/{gateway.pid}/fd")) + 1
    gateway.descriptors(used)
    crowd = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
    for _ in range(5):
        gateway.camera("drop")
        time.sleep(1)
    assert gateway.process.poll() is None
    for connection in crowd:
        connection.close()
    gateway.descriptors(used + 200)
    gateway.wait("with descriptors, the camera is live again", lambda: gateway.stream()["state"] == "live")
    assert gateway.offer()[0] == 201
    gateway.close()


def threads() -> None:
    gateway = Host(by_name=True)
    gateway.tell("threads", 1)
    gateway.camera("drop")
    gateway.wait("a lookup without a thread is told", lambda: "no thread" in gateway.stream()["message"])
    assert gateway.request("/metrics")[0] == 200
    gateway.tell("threads", 4096)
    gateway.wait("with threads, the camera is live again", lambda: gateway.stream()["state"] == "live")
    gateway.close()


def memory() -> None:
    gateway = Host()
    # Version 1 or 2, wherever the process is.
    lines = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    v1 = "memory" in lines
    base = Path("/sys/fs/cgroup/memory" if v1 else "/sys/fs/cgroup")
    group = base / f"rwg-faults-{os.getpid()}"
    limit = 256 << 20
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(limit))
        (group / "cgroup.procs").write_text(str(gateway.pid))
    except OSError as error:
        print(f"   left out: no cgroup can be made here ({error})")
        gateway.close()
        return
    assert gateway.offer()[0] == 201
    gateway.tell("ballast", limit * 91 // 100)
    gateway.wait("near the limit, newcomers get 503", lambda: gateway.offer()[0] == 503)
    code, problem = gateway.offer()
    assert "cgroup" in problem["detail"], problem
    assert gateway.request("/api/gateway")[1]["counters"]["refused_for_memory"] > 0
    assert gateway.stream()["state"] == "live", "those who are there stay"
    gateway.tell("ballast", 0)
    gateway.wait("with room, newcomers are taken again", lambda: gateway.offer()[0] == 201)
    gateway.close()
    group.rmdir()


def stopped() -> None:
    gateway = Host()
    for seconds in (10, 600) if options.long else (10,):
        before = gateway.stream()
        os.kill(gateway.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(gateway.pid, signal.SIGCONT)

        def goes_on(frames: int = before["frames"]) -> bool:
            now = gateway.stream()
            return now["state"] == "live" and now["frames"] > frames + 50

        gateway.wait(f"stopped for {seconds} s, the stream goes on", goes_on)
        # What the camera sent meanwhile waits in the socket; after minutes it may have given up itself.
        assert seconds > 10 or gateway.stream()["reconnects"] == before["reconnects"]
    gateway.close()


def clock() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clocks = Clocks(folder)
        gateway = Host(clocks=clocks)
        for wall in (86_400 * 365, -86_400 * 365, 0):
            before = gateway.stream()
            clocks.set(wall, 0)
            gateway.wait(
                f"the wall clock is set by {wall} s, frames go on",
                lambda: gateway.stream().get("frames", 0) > before["frames"] + 50,
            )
            now = gateway.stream()
            assert (now["state"], now["reconnects"]) == ("live", before["reconnects"]), now
            off = gateway.request("/api/gateway")[1]["unix_ms"] / 1000 - time.time()
            assert abs(off - wall) < 600, f"it is not set: {off}"
            assert gateway.offer()[0] == 201
        gateway.close()


def suspended() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clocks = Clocks(folder)
        gateway = Host(clocks=clocks)
        before = gateway.stream()
        clocks.set(3600, 3600)
        gateway.wait(
            "an hour is gone at once, frames go on",
            lambda: gateway.stream().get("frames", 0) > before["frames"] + 50,
        )
        now = gateway.stream()
        assert (now["state"], now["reconnects"]) == ("live", before["reconnects"]), now
        assert gateway.request("/api/gateway")[1]["uptime_ms"] > 3600_000, "it is not gone"
        assert gateway.offer()[0] == 201
        gateway.close()


def disk_full() -> None:
    gateway = Host()
    gateway.tell("disk_full", 0)
    reconnects = gateway.stream()["reconnects"]
    gateway.camera("drop")
    gateway.wait("the camera is connected again", lambda: gateway.stream().get("reconnects", 0) > reconnects)
    gateway.wait("and live", lambda: gateway.stream()["state"] == "live")
    assert gateway.offer()[0] == 201
    gateway.close()


def camera_away() -> None:
    gateway = Host()
    gateway.camera("refuse")
    gateway.wait("the stream says why", lambda: "503" in gateway.stream()["message"])
    time.sleep(3600 if options.long else 10)
    assert gateway.stream()["state"] == "retrying"
    gateway.camera("heal")
    gateway.wait("the camera is back", lambda: gateway.stream()["state"] == "live")
    gateway.close()


def interface() -> None:
    gateway = Host(netns=True)
    ip = lambda *words: subprocess.run([*gateway.enter, "ip", *words], check=True)
    before = gateway.stream()["frames"]
    ip("link", "set", "lo", "down")
    time.sleep(5)
    ip("link", "set", "lo", "up")
    gateway.wait("down and up, the stream goes on", lambda: gateway.stream()["state"] == "live")
    gateway.wait("with frames", lambda: gateway.stream().get("frames", 0) > before + 50)
    ip("address", "add", "198.51.100.7/32", "dev", "lo")

    def announced() -> bool:
        answer = gateway.offer()[1]
        return re.search(r"a=candidate:.* 198\.51\.100\.7 ", str(answer)) is not None

    gateway.wait("a new address is announced", announced)
    gateway.close()


ALL = (descriptors, threads, memory, stopped, clock, suspended, disk_full, camera_away, interface)
FAULTS = {fault.__name__: fault for fault in ALL}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--host"]:
        host(sys.argv[2:])
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--library", default=str(ROOT / "target/debug/librtsp_webrtc_gateway.so"))
    parser.add_argument("--camsim", default=str(ROOT / "target/debug/camsim"))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("fault", nargs="*", choices=[[], *FAULTS])
    options = parser.parse_args()
    for name in options.fault or FAULTS:
        print(name)
        FAULTS[name]()
    print("all as documented")
