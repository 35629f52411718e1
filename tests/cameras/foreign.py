"""What the foreign cameras that run beside an ffmpeg have in common."""

import ctypes
import signal
import socket


def die_with_parent():
    """Also where this script is killed the hard way."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def plays(url, port, tracks):
    """Whether DESCRIBE lists all tracks; while they start, servers answer errors or list fewer."""
    request = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(request.encode())
            return probe.recv(65536).count(b"\nm=") == tracks
    except OSError:
        return False
