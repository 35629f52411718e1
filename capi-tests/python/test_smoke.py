"""The shared library through ctypes, as a host in another language uses it.

RTSP_WEBRTC_GATEWAY_LIBRARY: path of the shared library.
CAMSIM: path of the camera simulator. Without it the tests that need a camera are skipped.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import unittest
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint32, c_uint64, c_void_p, sizeof

FREE = ctypes.CFUNCTYPE(None, c_void_p)
STREAM_STATE = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_int32, c_int)
SESSION_STATE = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_uint64, c_int32, c_int)

STREAM_LIVE, STREAM_REMOVED, SESSION_CLOSED = 2, 5, 6
ERR_NOT_FOUND, ERR_CODEC = -2, -8


class Callbacks(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("free_user_data", FREE),
        ("on_stream_state", STREAM_STATE),
        ("on_session_state", SESSION_STATE),
    ]


class Config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("abi_version", c_uint32),
        ("reserved", c_uint32),
        ("udp_bind", c_char_p),
        ("public_addresses", POINTER(c_char_p)),
        ("public_addresses_len", c_size_t),
        ("tuning", c_void_p),
        ("tuning_len", c_size_t),
        ("callbacks", POINTER(Callbacks)),
    ]


class PullOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("username", c_char_p),
        ("password", c_char_p),
        ("transport", c_int32),
        ("flags", c_uint32),
    ]


class StreamInfo(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("state", c_int32),
        ("status", c_int32),
        ("video_codec", c_int32),
        ("audio_codec", c_int32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("sessions", c_uint32),
        ("reconnects", c_uint32),
        ("bytes", c_uint64),
        ("packets_lost", c_uint64),
        ("frames", c_uint64),
        ("keyframes", c_uint64),
        ("since_last_media_ms", c_int64),
        ("message", c_char * 256),
    ]


class Offer(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream_name", c_char_p),
        ("sdp", c_char_p),
        ("sdp_size", c_size_t),
        ("location_prefix", c_char_p),
        ("timeout_ms", c_uint32),
        ("reserved", c_uint32),
    ]


class SessionInfo(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("state", c_int32),
        ("srtp_profile", c_int32),
        ("bytes_sent", c_uint64),
        ("packets_sent", c_uint64),
        ("nacks", c_uint64),
        ("retransmits", c_uint64),
        ("plis", c_uint64),
        ("overflows", c_uint64),
        ("age_ms", c_uint64),
        ("round_trip_us", c_uint32),
        ("loss_ppm", c_uint32),
        ("remote_address", c_char * 64),
    ]


def load():
    library = ctypes.CDLL(os.environ["RTSP_WEBRTC_GATEWAY_LIBRARY"])

    def function(name, *arguments, result=c_int):
        f = getattr(library, "rtsp_webrtc_gateway_" + name)
        f.argtypes, f.restype = arguments, result

    function("version", result=c_char_p)
    function("abi_version", result=c_uint32)
    function("strerror", c_int, result=c_char_p)
    function("last_error", c_char_p, c_size_t, result=c_size_t)
    function("config_init", POINTER(Config), c_size_t, c_uint32)
    function("struct_init", c_void_p, c_size_t)
    function("create", POINTER(Config), POINTER(c_void_p))
    function("destroy", c_void_p)
    function("add_stream", c_void_p, c_char_p, POINTER(PullOptions), POINTER(c_uint64))
    function("remove_stream", c_void_p, c_uint64)
    function("get_stream_info", c_void_p, c_uint64, POINTER(StreamInfo))
    function("handle_whep_offer", c_void_p, POINTER(Offer), POINTER(c_void_p))
    function("handle_whep_delete", c_void_p, c_char_p)
    function("get_session_info", c_void_p, c_uint64, POINTER(SessionInfo))
    function("response_http_status", c_void_p)
    function("response_body", c_void_p, POINTER(c_size_t), result=c_char_p)
    function(
        "response_header", c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_char_p),
        result=ctypes.c_bool,
    )
    function("response_etag", c_void_p, result=c_char_p)
    function("response_session_key", c_void_p, result=c_char_p)
    function("response_session_id", c_void_p, result=c_uint64)
    function("response_free", c_void_p, result=None)
    return library


LIBRARY = load()


def call(name, *arguments):
    """Calls a function of the library by its short name."""
    return getattr(LIBRARY, "rtsp_webrtc_gateway_" + name)(*arguments)


class Failed(Exception):
    def __init__(self, status):
        text = ctypes.create_string_buffer(1024)
        call("last_error", text, sizeof(text))
        super().__init__(f"{status} ({call('strerror', status).decode()}): {text.value.decode()}")
        self.status = status


def check(name, *arguments):
    status = call(name, *arguments)
    if status != 0:
        raise Failed(status)


def struct(kind, **fields):
    value = kind()
    check("struct_init", byref(value), sizeof(value))
    for name, field in fields.items():
        setattr(value, name, field)
    return value


class Gateway:
    """A gateway with one callback set; notes every state that it is told."""

    def __init__(self):
        self.changed = threading.Condition()
        self.streams, self.sessions, self.freed = [], [], 0
        callbacks = struct(
            Callbacks,
            free_user_data=FREE(self.free),
            on_stream_state=STREAM_STATE(self.stream_state),
            on_session_state=SESSION_STATE(self.session_state),
        )
        self.keep = callbacks  # ctypes frees the functions with it
        config = Config()
        check("config_init", byref(config), sizeof(config), call("abi_version"))
        config.udp_bind = b"127.0.0.1:0"
        config.callbacks = ctypes.pointer(callbacks)
        self.handle = c_void_p()
        check("create", byref(config), byref(self.handle))

    def free(self, _):
        self.freed += 1

    def stream_state(self, _, stream, state, status):
        with self.changed:
            self.streams.append((stream, state))
            self.changed.notify_all()

    def session_state(self, _, session, stream, state, status):
        with self.changed:
            self.sessions.append((session, state))
            self.changed.notify_all()

    def wait(self, seen):
        with self.changed:
            if not self.changed.wait_for(seen, timeout=10):
                raise TimeoutError(f"streams {self.streams}, sessions {self.sessions}")

    def add_stream(self, name, url):
        stream = c_uint64()
        options = struct(PullOptions, url=url.encode())
        check("add_stream", self.handle, name.encode(), byref(options), byref(stream))
        return stream.value

    def offer(self, name, sdp):
        response = c_void_p()
        offer = struct(
            Offer,
            stream_name=name.encode(),
            sdp=sdp.encode(),
            sdp_size=len(sdp.encode()),
            location_prefix=f"/{name}/whep/".encode(),
        )
        check("handle_whep_offer", self.handle, byref(offer), byref(response))
        return response

    def destroy(self):
        handle, self.handle = self.handle, None
        check("destroy", handle)


def offer_sdp(video="102 H264/90000"):
    payload_type = video.split()[0]
    section = [
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:4ZcD",
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW",
        "a=fingerprint:sha-256 " + ":".join(["7B"] * 32),
        "a=setup:actpass",
        "a=recvonly",
        "a=rtcp-mux",
    ]
    lines = ["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += ["a=group:BUNDLE 0 1", f"m=video 9 UDP/TLS/RTP/SAVPF {payload_type}", *section]
    lines += ["a=mid:0", f"a=rtpmap:{video}"]
    if "H264" in video:
        fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
        lines += [f"a=fmtp:{payload_type} {fmtp}"]
    lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 0", *section, "a=mid:1", "a=rtpmap:0 PCMU/8000"]
    return "\r\n".join(lines) + "\r\n"


class WithoutCamera(unittest.TestCase):
    def test_create_and_destroy(self):
        gateway = Gateway()
        stream = gateway.add_stream("cam", "rtsp://127.0.0.1:9/video")
        with self.assertRaises(Failed) as failed:
            gateway.offer("other", offer_sdp())
        self.assertEqual(failed.exception.status, ERR_NOT_FOUND)
        gateway.destroy()
        self.assertEqual(gateway.streams[-1], (stream, STREAM_REMOVED))
        self.assertEqual(gateway.freed, 1)


@unittest.skipUnless("CAMSIM" in os.environ, "CAMSIM is not set: NO CAMERA, NOT TESTED")
class WithCamera(unittest.TestCase):
    def setUp(self):
        self.camera = subprocess.Popen(
            [os.environ["CAMSIM"], "--cameras", "1"], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.stop_camera)
        ready = self.camera.stdout.readline().split()
        self.assertEqual(ready[:1], ["READY"])
        self.gateway = Gateway()
        self.addCleanup(lambda: self.gateway.handle and self.gateway.destroy())
        self.stream = self.gateway.add_stream("cam", ready[1])

    def stop_camera(self):
        self.camera.send_signal(signal.SIGTERM)
        self.camera.wait(10)
        self.camera.stdout.close()

    def test_an_offer_is_answered(self):
        response = self.gateway.offer("cam", offer_sdp())
        self.addCleanup(call, "response_free", response)
        self.assertEqual(call("response_http_status", response), 201)
        size = c_size_t()
        answer = call("response_body", response, byref(size)).decode()
        self.assertEqual(len(answer.encode()), size.value)
        self.assertTrue(answer.startswith("v=0\r\n"))
        for line in ("a=fingerprint:", "a=ice-ufrag:", "a=candidate:", "a=setup:passive", "H264/"):
            self.assertIn(line, answer)

        headers, index = {}, 0
        name, value = c_char_p(), c_char_p()
        while call("response_header", response, index, byref(name), byref(value)):
            headers[name.value.decode()] = value.value.decode()
            index += 1
        key = call("response_session_key", response).decode()
        self.assertGreaterEqual(len(key), 22)
        self.assertEqual(headers["Content-Type"], "application/sdp")
        self.assertEqual(headers["Location"], "/cam/whep/" + key)
        self.assertEqual(headers["ETag"], call("response_etag", response).decode())

        stream_info = struct(StreamInfo)
        check("get_stream_info", self.gateway.handle, self.stream, byref(stream_info))
        self.assertEqual(stream_info.state, STREAM_LIVE)
        self.assertEqual(stream_info.video_codec, 1)
        self.assertGreater(stream_info.width, 0)
        self.assertEqual(stream_info.sessions, 1)

        session = call("response_session_id", response)
        session_info = struct(SessionInfo)
        check("get_session_info", self.gateway.handle, session, byref(session_info))
        self.assertEqual(session_info.stream, self.stream)
        self.assertEqual(session_info.remote_address, b"")

        check("handle_whep_delete", self.gateway.handle, key.encode())
        self.gateway.wait(lambda: (session, SESSION_CLOSED) in self.gateway.sessions)
        again = call("handle_whep_delete", self.gateway.handle, key.encode())
        self.assertEqual(again, ERR_NOT_FOUND)

    def test_no_codec_in_common(self):
        whole = offer_sdp()
        video, audio = whole.index("m=video"), whole.index("m=audio")
        for sdp in (offer_sdp("96 VP8/90000"), whole[:video] + whole[audio:]):
            with self.assertRaises(Failed) as failed:
                self.gateway.offer("cam", sdp)
            self.assertEqual(failed.exception.status, ERR_CODEC)
        call("response_free", self.gateway.offer("cam", whole))

    def test_destroy_closes_sessions(self):
        response = self.gateway.offer("cam", offer_sdp())
        session = call("response_session_id", response)
        self.gateway.destroy()
        self.assertEqual(self.gateway.sessions[-1], (session, SESSION_CLOSED))
        self.assertEqual(self.gateway.streams[-1], (self.stream, STREAM_REMOVED))
        self.assertEqual(self.gateway.freed, 1)
        # A response does not need its gateway.
        self.assertTrue(call("response_body", response, None).startswith(b"v=0"))
        call("response_free", response)


if __name__ == "__main__":
    sys.exit(unittest.main())
