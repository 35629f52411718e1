"""Python bindings of rtsp_webrtc_gateway: the C API through ctypes, with type annotations.

    with Gateway(on_stream_state=lambda event: print(event.name, event.state)) as gateway:
        gateway.add_stream("door", "rtsp://user:pass@192.0.2.20/stream1")
        # For each POST /door/whep that the web server receives:
        response = gateway.handle_whep_offer("door", body, location_prefix="/door/whep/")

The classes and functions follow include/rtsp_webrtc_gateway.h, which has the details. A failed call
raises Error. Callbacks run on one thread of the gateway; exceptions that they raise are passed to
sys.unraisablehook.

The shared library is the one that the environment variable RTSP_WEBRTC_GATEWAY_LIBRARY names, else the
one that was installed along with this module, else the one that the system's loader finds.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from ctypes import POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int, c_int32, c_int64
from ctypes import c_size_t, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p, sizeof
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

#: Of the header that this module mirrors.
ABI_VERSION = 1

# ------------------------------------------------------------------------------------- enums


class Status(enum.IntEnum):
    OK = 0
    ERR_INVALID_ARGUMENT = -1
    ERR_NOT_FOUND = -2
    ERR_ALREADY_EXISTS = -3
    ERR_INVALID_STATE = -4
    ERR_UNSUPPORTED = -5
    ERR_SDP = -6
    ERR_TOO_LARGE = -7
    ERR_CODEC = -8
    ERR_FINGERPRINT = -9
    ERR_ICE_CREDENTIALS = -10
    ERR_URL = -11
    ERR_CREDENTIALS = -12
    ERR_NOT_READY = -13
    ERR_LIMIT = -14
    ERR_TIMEOUT = -15
    ERR_CANCELLED = -16
    ERR_AUTH = -17
    ERR_CONNECT = -18
    ERR_CAMERA = -19
    ERR_STALLED = -20
    ERR_IO = -21
    ERR_ICE = -22
    ERR_DTLS = -23
    ERR_SRTP_PROFILE = -24
    ERR_SHUTTING_DOWN = -25
    ERR_WOULD_DEADLOCK = -26
    ERR_ABI_MISMATCH = -27
    ERR_STRUCT_SIZE = -28
    ERR_QUEUE_FULL = -29
    ERR_ETAG = -30
    ERR_PRECONDITION_REQUIRED = -31
    ERR_UNPROCESSABLE = -32
    ERR_PANIC = -100


class LogLevel(enum.IntEnum):
    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
    TRACE = 5


class TuningKey(enum.IntEnum):
    WORKER_THREADS = 1
    NACK = 2
    NACK_HISTORY_PACKETS = 3
    RTCP_INTERVAL_MS = 4
    SRTP_POLICY = 5
    INTERFACE_CACHE_TTL_MS = 6
    GSO = 7
    SEND_BATCH_PACKETS = 8
    UDP_SEND_BUFFER_BYTES = 9
    UDP_RECV_BUFFER_BYTES = 10
    GOP_CACHE = 11
    GOP_CACHE_BYTES = 12
    GOP_CACHE_MS = 13
    PACING = 14
    PACING_RATE_PERCENT = 15
    MAX_SESSIONS = 16
    MAX_SESSIONS_PER_STREAM = 17
    PROFILE = 18
    AUDIO_HOLD_MS = 19
    NACK_HISTORY_MS = 20
    CONGESTION = 21
    CONGESTION_START_KBPS = 22
    CONGESTION_FLOOR_KBPS = 23
    CONGESTION_CEILING_KBPS = 24
    DAMAGED_FRAMES = 25
    MAX_WORKER_LOAD_PERCENT = 26
    MEMORY_LIMIT_BYTES = 27


class SrtpPolicy(enum.IntEnum):
    PREFER_GCM = 0
    GCM_ONLY = 1
    ANY = 2


class Applies(enum.IntEnum):
    CREATE = 1
    NEW_SESSIONS = 2
    NOW = 3


class StreamState(enum.IntEnum):
    CONNECTING = 1
    LIVE = 2
    RETRYING = 3
    FAILED = 4
    REMOVED = 5
    IDLE = 6


class SessionState(enum.IntEnum):
    NEW = 1
    CONNECTING = 2
    CONNECTED = 3
    DISCONNECTED = 4
    FAILED = 5
    CLOSED = 6


class Detail(enum.IntEnum):
    """How much of a video a viewer gets, best first."""

    ALL_FRAMES = 1
    FEWER_FRAMES = 2
    KEYFRAMES = 3
    SOUND_ONLY = 4


class QualityReason(enum.IntEnum):
    """Why a viewer does not get the best."""

    NOTHING = 0
    PATH = 1
    VIEWER = 2
    CODEC = 3
    CAMERA = 4
    RARE_KEYFRAMES = 5


class MediaWarning(enum.IntEnum):
    """What is wrong with the media of a stream that is LIVE."""

    NONE = 0
    B_FRAMES = 1
    NO_KEYFRAME = 2
    NO_PARAMETER_SETS = 3
    DAMAGED = 4
    AUDIO = 5
    RARE_KEYFRAMES = 6


class LimitsFlags(enum.IntFlag):
    ONLY = 1


class Codec(enum.IntEnum):
    NONE = 0
    H264 = 1
    H265 = 2
    AV1 = 3
    OPUS = 64
    PCMU = 65
    PCMA = 66
    G722 = 67
    AAC = 68


class Transport(enum.IntEnum):
    AUTO = 0
    TCP = 1
    UDP = 2
    MULTICAST = 3
    HTTP = 4


class ConfigFlags(enum.IntFlag):
    ICE_TCP = 1
    TURN = 2


class ListenFlags(enum.IntFlag):
    MEDIA = 1


class PullFlags(enum.IntFlag):
    NO_AUDIO = 1
    ON_DEMAND = 2
    METADATA = 4
    TLS_UNVERIFIED = 8


class SinkTrack(enum.IntEnum):
    VIDEO = 1
    AUDIO = 2
    METADATA = 3


class SinkFlags(enum.IntFlag):
    NO_VIDEO = 1
    NO_AUDIO = 2
    METADATA = 4
    FROM_CACHE = 8
    LENGTH_PREFIXED = 16


class SinkFrameFlags(enum.IntFlag):
    KEY = 1
    DISCONTINUITY = 2
    DAMAGED = 4
    CACHED = 8
    FORMAT_CHANGED = 16


class OfferFlags(enum.IntFlag):
    NO_WAIT = 1
    WALL = 2


class SlotFlags(enum.IntFlag):
    FOCUS = 1
    PAUSED = 2


class HttpFlags(enum.IntFlag):
    NO_WAIT = 1
    AUTHORIZED = 2
    WALL = 4


class Operation(enum.IntEnum):
    WATCH = 1
    UPDATE = 2
    END = 3
    MONITOR = 4


class PushFlags(enum.IntFlag):
    LENGTH_PREFIXED = 1


class FrameFlags(enum.IntFlag):
    KEY = 1
    DISCONTINUITY = 2


# --------------------------------------------------------------- function pointers and structs

_free_fn = ctypes.CFUNCTYPE(None, c_void_p)
_keyframe_request_fn = ctypes.CFUNCTYPE(None, c_void_p, c_uint64)


class _log_record(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("level", c_int32),
        ("reserved", c_uint32),
        ("target", c_char_p),
        ("message", c_char_p),
        ("stream", c_uint64),
        ("session", c_uint64),
        ("stream_name", c_char_p),
    ]


_log_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_log_record))


_whep_fn = ctypes.CFUNCTYPE(None, c_void_p, c_uint64, c_int, c_void_p)


class _tuning_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key", c_int32),
        ("applies", c_int32),
        ("name", c_char_p),
        ("help", c_char_p),
        ("default_value", c_int64),
        ("min_value", c_int64),
        ("max_value", c_int64),
    ]


class _tuning(Structure):
    _fields_ = [("key", c_int32), ("reserved", c_uint32), ("value", c_int64)]


class _ice_server(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("username", c_char_p),
        ("credential", c_char_p),
    ]


class _authorize_request(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("request_id", c_uint64),
        ("stream_name", c_char_p),
        ("bearer_token", c_char_p),
        ("peer", c_char_p),
        ("operation", c_int32),
        ("reserved", c_uint32),
    ]


_authorize_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_authorize_request))


class _stream_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("message", c_char_p),
        ("stream_user_data", c_void_p),
        ("name", c_char_p),
        ("label", c_char_p),
        ("warning", c_int32),
        ("reserved", c_uint32),
        ("warning_message", c_char_p),
    ]


_stream_state_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_stream_event))


class _session_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("session", c_uint64),
        ("stream", c_uint64),
        ("state", c_int32),
        ("status", c_int32),
        ("message", c_char_p),
        ("session_user_data", c_void_p),
        ("label", c_char_p),
        ("peer", c_char_p),
        ("stream_name", c_char_p),
    ]


_session_state_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_session_event))


class _quality_event(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("session", c_uint64),
        ("stream", c_uint64),
        ("variant", c_uint64),
        ("detail", c_int32),
        ("reason", c_int32),
        ("bandwidth_bps", c_uint64),
        ("needed_bps", c_uint64),
        ("held_back", c_char_p),
        ("session_user_data", c_void_p),
        ("label", c_char_p),
        ("peer", c_char_p),
        ("stream_name", c_char_p),
    ]


_session_quality_fn = ctypes.CFUNCTYPE(None, c_void_p, POINTER(_quality_event))
_http_fn = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)


class _http_header(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class _http_request(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("path", c_char_p),
        ("headers", POINTER(_http_header)),
        ("headers_len", c_size_t),
        ("body", c_char_p),
        ("body_size", c_size_t),
        ("stream_name", c_char_p),
        ("session_key", c_char_p),
        ("location_prefix", c_char_p),
        ("timeout_ms", c_uint32),
        ("flags", c_uint32),
        ("peer", c_char_p),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("label", c_char_p),
        ("user_data", c_void_p),
    ]


class _listen_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("address", c_char_p),
        ("tls_certificates", c_char_p),
        ("tls_certificates_size", c_size_t),
        ("tls_private_key", c_char_p),
        ("tls_private_key_size", c_size_t),
        ("max_connections", c_uint32),
        ("max_connections_per_peer", c_uint32),
        ("host_names", POINTER(c_char_p)),
        ("host_names_len", c_size_t),
        ("fd", c_int32),
        ("flags", c_uint32),
    ]


class _callbacks(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("user_data", c_void_p),
        ("free_user_data", _free_fn),
        ("on_stream_state", _stream_state_fn),
        ("on_session_state", _session_state_fn),
        ("on_keyframe_request", _keyframe_request_fn),
        ("on_authorize", _authorize_fn),
        ("on_session_quality", _session_quality_fn),
    ]


class _config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("udp_bind", c_char_p),
        ("public_addresses", POINTER(c_char_p)),
        ("public_addresses_len", c_size_t),
        ("tuning", POINTER(_tuning)),
        ("tuning_len", c_size_t),
        ("callbacks", POINTER(_callbacks)),
        ("bearer_tokens", POINTER(c_char_p)),
        ("bearer_tokens_len", c_size_t),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("allowed_origins", POINTER(c_char_p)),
        ("allowed_origins_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("interfaces", POINTER(c_char_p)),
        ("interfaces_len", c_size_t),
        ("stun_servers", POINTER(c_char_p)),
        ("stun_servers_len", c_size_t),
        ("udp_fd", c_int32),
        ("tcp_fd", c_int32),
    ]


class _pull_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("url", c_char_p),
        ("username", c_char_p),
        ("password", c_char_p),
        ("transport", c_int32),
        ("flags", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("idle_timeout_ms", c_uint32),
        ("retry_min_ms", c_uint32),
        ("retry_max_ms", c_uint32),
        ("linger_ms", c_uint32),
        ("reserved", c_uint32),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("tls_ca", c_char_p),
        ("tls_fingerprint", c_char_p),
    ]


class _stream_info(Structure):
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
        ("frames_dropped", c_uint64),
        ("keyframe_requests", c_uint64),
        ("bitrate_bps", c_uint64),
        ("user_data", c_void_p),
        ("name", c_char * 136),
        ("label", c_char * 136),
        ("quirks", c_char * 256),
        ("warning", c_int32),
        ("warning_message", c_char * 252),
    ]


class _push_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("video_codec", c_int32),
        ("audio_codec", c_int32),
        ("audio_sample_rate", c_uint32),
        ("audio_channels", c_uint32),
        ("queue_frames", c_uint32),
        ("flags", c_uint32),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("codec_config", POINTER(c_uint8)),
        ("codec_config_size", c_size_t),
        ("idle_timeout_ms", c_uint32),
        ("reserved", c_uint32),
        ("audio_config", POINTER(c_uint8)),
        ("audio_config_size", c_size_t),
    ]


class _frame(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("data", POINTER(c_uint8)),
        ("size", c_size_t),
        ("pts_us", c_int64),
        ("capture_unix_us", c_int64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("release", _free_fn),
        ("release_data", c_void_p),
    ]


class _sink_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("queue_frames", c_uint32),
        ("queue_bytes", c_uint64),
    ]


class _sink_frame(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("track", c_int32),
        ("codec", c_int32),
        ("data", POINTER(c_uint8)),
        ("size", c_size_t),
        ("parameters", POINTER(c_uint8)),
        ("parameters_size", c_size_t),
        ("pts_us", c_int64),
        ("capture_unix_us", c_int64),
        ("arrival_unix_us", c_int64),
        ("age_us", c_int64),
        ("flags", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("sample_rate", c_uint32),
        ("channels", c_uint32),
        ("packets_lost", c_uint32),
        ("frames_dropped", c_uint32),
        ("reserved", c_uint32),
        ("encoding", c_char * 24),
    ]


class _sink_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream", c_uint64),
        ("frames", c_uint64),
        ("bytes", c_uint64),
        ("frames_dropped", c_uint64),
        ("overflows", c_uint64),
        ("queued_bytes", c_uint64),
        ("queued_frames", c_uint32),
        ("reserved", c_uint32),
    ]


class _viewer_limits(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("max_bitrate_bps", c_uint64),
        ("variant", c_uint64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class _offer(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("stream_name", c_char_p),
        ("sdp", c_char_p),
        ("sdp_size", c_size_t),
        ("location_prefix", c_char_p),
        ("timeout_ms", c_uint32),
        ("flags", c_uint32),
        ("peer", c_char_p),
        ("ice_servers", POINTER(_ice_server)),
        ("ice_servers_len", c_size_t),
        ("label", c_char_p),
        ("user_data", c_void_p),
        ("limits", POINTER(_viewer_limits)),
        ("slots", POINTER(c_char_p)),
        ("slots_len", c_size_t),
        ("sound", c_char_p),
    ]


class _slot_view(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_uint32),
        ("height", c_uint32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class _slot_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("slot", c_char * 72),
        ("track", c_int32),
        ("flags", c_uint32),
        ("stream", c_uint64),
        ("variant", c_uint64),
        ("state", c_int32),
        ("detail", c_int32),
        ("reason", c_int32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("video_width", c_uint32),
        ("video_height", c_uint32),
        ("clock_rtp", c_uint32),
        ("clock_unix_ms", c_uint64),
        ("why", c_char * 384),
    ]


class _session_info(Structure):
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
        ("user_data", c_void_p),
        ("label", c_char * 136),
        ("peer", c_char * 136),
        ("variant", c_uint64),
        ("detail", c_int32),
        ("reason", c_int32),
        ("bandwidth_bps", c_uint64),
        ("needed_bps", c_uint64),
        ("padding_packets", c_uint64),
        ("padding_bytes", c_uint64),
        ("skips", c_uint64),
        ("switches_up", c_uint64),
        ("switches_down", c_uint64),
        ("switches_fewer_frames", c_uint64),
        ("switches_keyframes", c_uint64),
        ("switches_sound_only", c_uint64),
        ("held_back", c_char * 384),
        ("protocol", c_int32),
        ("relay", c_uint32),
    ]


# --------------------------------------------------------------------------------- functions

# Result and parameters. Gateways and responses are void *, and so is text that is freed later.
FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "version": (c_char_p, []),
    "version_number": (c_uint32, []),
    "abi_version": (c_uint32, []),
    "strerror": (c_char_p, [c_int]),
    "http_status": (c_int, [c_int]),
    "last_error": (c_size_t, [c_char_p, c_size_t]),
    "set_log_callback": (c_int, [c_int32, _log_fn, c_void_p, _free_fn]),
    "set_log_level": (c_int, [c_int32]),
    "describe_tuning": (c_int, [c_size_t, POINTER(_tuning_info)]),
    "find_tuning": (c_int, [c_char_p, POINTER(c_int32)]),
    "set_tuning": (c_int, [c_void_p, c_int32, c_int64]),
    "get_tuning": (c_int, [c_void_p, c_int32, POINTER(c_int64)]),
    "struct_init": (c_int, [c_void_p, c_size_t, c_uint32]),
    "create": (c_int, [POINTER(_config), POINTER(c_void_p)]),
    "shutdown": (c_int, [c_void_p, c_uint32]),
    "destroy": (c_int, [c_void_p]),
    "add_stream": (c_int, [c_void_p, c_char_p, POINTER(_pull_options), POINTER(c_uint64)]),
    "update_stream": (c_int, [c_void_p, c_uint64, POINTER(_pull_options)]),
    "reconnect_stream": (c_int, [c_void_p, c_uint64]),
    "set_variants": (c_int, [c_void_p, c_uint64, POINTER(c_uint64), c_size_t]),
    "stream_name": (c_size_t, [c_void_p, c_uint64, c_char_p, c_size_t]),
    "push_rtp": (c_int, [c_void_p, c_uint64, c_int32, POINTER(c_uint8), c_size_t]),
    "find_stream": (c_int, [c_void_p, c_char_p, POINTER(c_uint64)]),
    "list_streams": (c_int, [c_void_p, POINTER(c_uint64), c_size_t, POINTER(c_size_t)]),
    "remove_stream": (c_int, [c_void_p, c_uint64]),
    "get_stream_info": (c_int, [c_void_p, c_uint64, POINTER(_stream_info)]),
    "add_push_stream": (c_int, [c_void_p, c_char_p, POINTER(_push_options), POINTER(c_uint64)]),
    "push_video": (c_int, [c_void_p, c_uint64, POINTER(_frame)]),
    "push_audio": (c_int, [c_void_p, c_uint64, POINTER(_frame)]),
    "add_sink": (c_int, [c_void_p, c_uint64, POINTER(_sink_options), POINTER(c_uint64)]),
    "remove_sink": (c_int, [c_void_p, c_uint64]),
    "read_sink": (c_int, [c_void_p, c_uint64, c_uint32, POINTER(POINTER(_sink_frame))]),
    "get_sink_info": (c_int, [c_void_p, c_uint64, POINTER(_sink_info)]),
    "get_keyframe": (c_int, [c_void_p, c_uint64, POINTER(POINTER(_sink_frame))]),
    "sink_frame_free": (None, [POINTER(_sink_frame)]),
    "handle_whep_offer": (c_int, [c_void_p, POINTER(_offer), POINTER(c_void_p)]),
    "handle_whep_offer_async": (
        c_int,
        [c_void_p, POINTER(_offer), _whep_fn, c_void_p, POINTER(c_uint64), POINTER(c_void_p)],
    ),
    "cancel": (c_int, [c_void_p, c_uint64]),
    "handle_whep_patch": (
        c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t, POINTER(c_void_p)]
    ),
    "handle_whep_delete": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "response_http_status": (c_int, [c_void_p]),
    "response_body": (c_char_p, [c_void_p, POINTER(c_size_t)]),
    "response_header": (c_bool, [c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_char_p)]),
    "response_etag": (c_char_p, [c_void_p]),
    "response_session_key": (c_char_p, [c_void_p]),
    "response_session_id": (c_uint64, [c_void_p]),
    "response_free": (None, [c_void_p]),
    "get_session_info": (c_int, [c_void_p, c_uint64, POINTER(_session_info)]),
    "handle_http": (c_int, [c_void_p, POINTER(_http_request), POINTER(c_void_p)]),
    "handle_http_async": (
        c_int, [c_void_p, POINTER(_http_request), _http_fn, c_void_p, POINTER(c_void_p)]
    ),
    "authorize": (c_int, [c_void_p, c_uint64, c_bool]),
    "set_bearer_tokens": (c_int, [c_void_p, POINTER(c_char_p), c_size_t]),
    "listen_http": (c_int, [c_void_p, POINTER(_listen_options), POINTER(c_uint16)]),
    "list_sessions": (c_int, [c_void_p, POINTER(c_uint64), c_size_t, POINTER(c_size_t)]),
    "set_session_limits": (c_int, [c_void_p, c_uint64, POINTER(_viewer_limits)]),
    "bind_slot": (c_int, [c_void_p, c_uint64, c_char_p, c_uint64]),
    "set_slot_view": (c_int, [c_void_p, c_uint64, c_char_p, POINTER(_slot_view)]),
    "get_slot_info": (c_int, [c_void_p, c_uint64, c_size_t, POINTER(_slot_info)]),
    "close_session": (c_int, [c_void_p, c_uint64]),
    "metrics": (c_int, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "state_json": (c_int, [c_void_p, POINTER(c_void_p), POINTER(c_size_t)]),
    "string_free": (None, [c_void_p]),
}


def _library() -> str:
    """The path of the shared library, or its name where the system is to find it."""
    if path := os.environ.get("RTSP_WEBRTC_GATEWAY_LIBRARY"):
        return path
    names = {"win32": "rtsp_webrtc_gateway.dll", "darwin": "librtsp_webrtc_gateway.0.1.dylib"}
    name = names.get(sys.platform, "librtsp_webrtc_gateway.so.0.1")
    here = Path(__file__).resolve().parent
    # A wheel has it beside this file. CMake installs this file as lib/python3.11/site-packages/
    # rtsp_webrtc_gateway/__init__.py, or dist-packages, and the library in lib.
    for folder in (here, *here.parents[2:3]):
        if (folder / name).exists():
            return str(folder / name)
    return name


def _load() -> dict[str, Any]:
    library = ctypes.CDLL(_library())
    functions = {}
    for name, (result, parameters) in FUNCTIONS.items():
        function = getattr(library, "rtsp_webrtc_gateway_" + name)
        function.restype, function.argtypes = result, parameters
        functions[name] = function
    return functions


_functions = _load()


def call(name: str, *arguments: Any) -> Any:
    """Calls a function of the C library by its short name, as it is."""
    return _functions[name](*arguments)


def check(name: str, *arguments: Any) -> None:
    """As call(); raises Error if it fails."""
    status = call(name, *arguments)
    if status < 0:
        raise Error(status)


S = TypeVar("S", bound=Structure)
E = TypeVar("E", bound=enum.IntEnum)


def _struct(kind: type[S], **fields: Any) -> S:
    value = kind(**fields)
    setattr(value, "struct_size", sizeof(value))
    return value


def _enum(kind: type[E], number: int) -> E | int:
    """The enumerator, or the number if a newer library has it and this module does not."""
    try:
        return kind(number)
    except ValueError:
        return number


def _text(value: str | None) -> bytes | None:
    if value is not None and "\0" in value:
        raise ValueError("a text for the library contains a NUL")
    return None if value is None else value.encode()


# ---------------------------------------------------------------------------------- results


class Error(Exception):
    """A failed call: its status, and a message that says what happened and what to do about it."""

    def __init__(self, status: int) -> None:
        text = ctypes.create_string_buffer(call("last_error", None, 0) + 1)
        call("last_error", text, sizeof(text))
        super().__init__(text.value.decode())
        self.status: Status | int = _enum(Status, status)
        #: The HTTP status to respond with.
        self.http_status: int = call("http_status", status)
        #: Of handle_whep_...() and handle_http...(): the response to send.
        self.response: Response | None = None


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server for viewers."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True)
class TuningInfo:
    """Description of a knob."""

    key: TuningKey | int
    applies: Applies | int
    name: str
    help: str
    default_value: int
    min_value: int
    max_value: int


@dataclass(frozen=True)
class StreamInfo:
    """The current state of a stream. Counters start at add_stream()."""

    state: StreamState | int
    status: Status | int
    video_codec: Codec | int
    audio_codec: Codec | int
    width: int
    height: int
    sessions: int
    reconnects: int
    bytes: int
    packets_lost: int
    frames: int
    keyframes: int
    #: -1 before the first video frame.
    since_last_media_ms: int
    message: str
    frames_dropped: int
    keyframe_requests: int
    bitrate_bps: int
    #: From the options of the stream.
    user_data: int | None
    name: str
    #: From the options of the stream; empty if there is none.
    label: str
    #: What the camera gets wrong and is forgiven: "cseq, no-transport".
    quirks: str
    #: What is wrong with the media that arrives.
    warning: MediaWarning | int
    #: The warning in a sentence for people, with what to do; empty if there is none.
    warning_message: str


@dataclass(frozen=True)
class SinkFrame:
    """A frame that a stream received: an access unit, a frame of audio, or a metadata document."""

    track: SinkTrack | int
    #: NONE: a codec that viewers are not sent, see encoding.
    codec: Codec | int
    #: The encoding by name: "H264", "AAC".
    encoding: str
    #: In the format that struct rtsp_webrtc_gateway_sink_frame describes.
    data: bytes = field(repr=False)
    #: What a decoder needs in advance; empty if there is nothing.
    parameters: bytes = field(repr=False)
    #: On a timeline that all tracks of the stream share.
    pts_us: int
    #: 0 if it is not known.
    capture_unix_us: int
    arrival_unix_us: int
    age_us: int
    flags: SinkFrameFlags
    #: Of video, in pixels; 0 if it is not known.
    width: int
    height: int
    #: Of audio.
    sample_rate: int
    channels: int
    #: RTP packets that are missing before it or in it.
    packets_lost: int
    #: Frames of its track before it that were dropped because the queue was full.
    frames_dropped: int


def _sink_frame_of(pointer: Any) -> SinkFrame:
    """Copies a frame of the C library, and frees it."""
    try:
        value = pointer.contents
        fields = _fields(value, track=SinkTrack, codec=Codec)
        fields["data"] = ctypes.string_at(value.data, fields.pop("size"))
        size = fields.pop("parameters_size")
        fields["parameters"] = ctypes.string_at(value.parameters, size) if size else b""
        fields["flags"] = SinkFrameFlags(fields["flags"])
        return SinkFrame(**fields)
    finally:
        call("sink_frame_free", pointer)


@dataclass(frozen=True)
class SinkInfo:
    """The current state of a sink."""

    stream: int
    frames: int
    bytes: int
    #: Frames that were dropped because its queue was full.
    frames_dropped: int
    #: How often its queue was full.
    overflows: int
    queued_bytes: int
    queued_frames: int


@dataclass(frozen=True)
class SessionInfo:
    """The current state of a session."""

    stream: int
    state: SessionState | int
    srtp_profile: int
    bytes_sent: int
    packets_sent: int
    nacks: int
    retransmits: int
    plis: int
    overflows: int
    age_ms: int
    round_trip_us: int
    loss_ppm: int
    #: Where media is sent; "" before ICE has selected an address.
    remote_address: str
    #: Of the session's offer.
    user_data: int | None
    label: str
    peer: str
    #: The stream whose video it is shown: stream, or one of its variants.
    variant: int
    detail: Detail | int
    reason: QualityReason | int
    #: What its connection carries; 0 if it was not measured.
    bandwidth_bps: int
    #: What the best variant that it may be shown needs; 0 if not known.
    needed_bps: int
    #: Padding, by which the gateway finds out whether its connection carries more.
    padding_packets: int
    padding_bytes: int
    #: Times that frames were left out up to a keyframe for its connection.
    skips: int
    #: Times that it was shown a better variant, or a worse one.
    switches_up: int
    switches_down: int
    #: Times that it began to get fewer frames, keyframes alone, or sound alone.
    switches_fewer_frames: int
    switches_keyframes: int
    switches_sound_only: int
    #: Why it gets less than the best, as a sentence; "" if it gets the best.
    held_back: str
    #: IANA number of what carries its media: 17 (UDP), 6 (TCP); 0 before ICE has selected an address.
    protocol: int
    #: Whether TURN carries it: 0: no; 1: over TCP; 2: over TLS.
    relay: int


@dataclass(frozen=True)
class ViewerLimits:
    """What a viewer asks for: less than the best, for a small picture or a metered connection."""

    #: Bits per second that it may be sent, all media and headers included; 0: no limit.
    max_bitrate_bps: int = 0
    #: The best variant that it may be shown: this one, or those after it; 0: any.
    variant: int = 0
    #: That variant alone.
    only: bool = False


@dataclass(frozen=True)
class WallSlots:
    """What the slots of a new wall show at first."""

    #: Names of streams for the video sections of the offer, in order; None for a slot that shows nothing yet.
    video: Sequence[str | None] = ()
    #: Name of the stream for the first audio section.
    sound: str | None = None


@dataclass(frozen=True)
class SlotView:
    """How the viewer shows a slot of a wall."""

    #: Size of its tile in device pixels, at most 16384; 0: not known.
    width: int = 0
    height: int = 0
    #: FOCUS: this tile comes before all others. PAUSED: it is hidden, and nothing is sent.
    flags: SlotFlags = SlotFlags(0)


@dataclass(frozen=True)
class SlotInfo:
    """What a slot of a wall shows at this moment."""

    #: Name: the a=mid of its section in the offer.
    slot: str
    #: VIDEO or AUDIO.
    track: SinkTrack
    flags: SlotFlags
    #: The stream that it is bound to; 0: none.
    stream: int
    #: The stream whose media it is sent: stream, or one of its variants; 0: none.
    variant: int
    #: State of stream; 0 if it is bound to none.
    state: StreamState | int
    #: How much of variant it gets; 0 if it is bound to none.
    detail: Detail | int
    #: Why not more.
    reason: QualityReason | int
    #: Size of its tile.
    width: int
    height: int
    #: Size of the video that it is sent, in pixels; 0: not known.
    video_width: int
    video_height: int
    #: clock_unix_ms on the RTP clock of the slot.
    clock_rtp: int
    #: A wall clock time of what it is sent, in ms since 1970; 0: nothing has been sent yet.
    clock_unix_ms: int
    #: Why the stream is not live, or it gets less than the best of it; "": neither.
    why: str


_ENUM_FIELDS: dict[str, type[enum.IntEnum]] = {
    "status": Status,
    "video_codec": Codec,
    "audio_codec": Codec,
    "detail": Detail,
    "reason": QualityReason,
    "warning": MediaWarning,
    "key": TuningKey,
    "applies": Applies,
}


def _fields(value: Structure, **enums: type[enum.IntEnum]) -> dict[str, Any]:
    """The fields of a C struct as Python values, for the data class that has them all."""
    fields: dict[str, Any] = {}
    for name, *_ in value._fields_:
        field = getattr(value, name)
        kind = enums.get(name, _ENUM_FIELDS.get(name))
        if kind is not None:
            field = _enum(kind, field)
        elif isinstance(field, bytes):
            field = field.decode()
        if name not in ("struct_size", "reserved"):
            fields[name] = field
    return fields


@dataclass(frozen=True)
class StreamEvent:
    """A change of a stream's state, or of the warning of a stream that is LIVE."""

    stream: int
    state: StreamState | int
    #: Why the stream is RETRYING or FAILED.
    status: Status | int
    message: str
    #: From the options of the stream.
    user_data: int | None
    name: str
    #: From the options of the stream; empty if there is none.
    label: str
    #: What is wrong with the media of a stream that is LIVE.
    warning: MediaWarning | int
    #: The warning in a sentence for people, with what to do; empty if there is none.
    warning_message: str


@dataclass(frozen=True)
class LogRecord:
    """A line of the log."""

    level: LogLevel | int
    #: The part of the library that logs, for example "rtsp_webrtc_gateway::whep".
    target: str
    message: str
    #: The stream that the line is about, or 0.
    stream: int
    #: The session that the line is about, or 0.
    session: int
    #: Name of that stream; empty if the line is not about one.
    stream_name: str


@dataclass(frozen=True)
class SessionEvent:
    """A session changed its state."""

    session: int
    stream: int
    state: SessionState | int
    #: Why it failed, if the state is FAILED.
    status: Status | int
    message: str
    #: Of the session's offer.
    user_data: int | None
    label: str
    peer: str
    stream_name: str


@dataclass(frozen=True)
class QualityEvent:
    """A viewer is shown something else than before."""

    session: int
    stream: int
    #: The stream whose video it is shown: stream, or one of its variants.
    variant: int
    detail: Detail | int
    reason: QualityReason | int
    #: What its connection carries; 0 if it was not measured.
    bandwidth_bps: int
    #: What the best variant that it may be shown needs; 0 if not known.
    needed_bps: int
    #: Why it gets less than the best, as a sentence; "" if it gets the best.
    held_back: str
    #: Of the session's offer.
    user_data: int | None
    label: str
    peer: str
    stream_name: str


@dataclass(frozen=True)
class AuthorizeRequest:
    """A request over HTTP to allow or deny."""

    id: int
    operation: Operation | int
    stream_name: str | None
    bearer_token: str | None
    peer: str | None


class Response:
    """An HTTP response, to be sent as it is."""

    def __init__(self, handle: c_void_p) -> None:
        """Takes ownership of a response of the C library."""
        size = c_size_t()
        body = call("response_body", handle, byref(size))
        #: HTTP status, for example 201.
        self.status: int = call("response_http_status", handle)
        self.body: bytes = body[: size.value]
        #: Send all; Content-Type, ETag and Location are among them.
        self.headers: list[tuple[str, str]] = []
        name, value = c_char_p(), c_char_p()
        while call("response_header", handle, len(self.headers), byref(name), byref(value)):
            self.headers.append(((name.value or b"").decode(), (value.value or b"").decode()))
        #: Entity tag of the session, including the quotes.
        self.etag: str = (call("response_etag", handle) or b"").decode()
        #: Session key: the unguessable last segment of the session's URL.
        self.session_key: str = (call("response_session_key", handle) or b"").decode()
        #: Id of the session that was created or changed, as in callbacks; 0 if there is none.
        self.session: int = call("response_session_id", handle)
        call("response_free", handle)


# ------------------------------------------------------------------- requests of viewers


def _respond(name: str, response: c_void_p, *arguments: Any) -> None:
    """Calls a function whose last parameter is out_response; raises Error with the response."""
    status = call(name, *arguments, byref(response))
    if status < 0:
        error = Error(status)
        if response.value is not None:
            error.response = Response(response)
        raise error


def _ice_servers(servers: Iterable[IceServer]) -> ctypes.Array[_ice_server]:
    elements = [
        _struct(
            _ice_server,
            url=_text(server.url),
            username=_text(server.username),
            credential=_text(server.credential),
        )
        for server in servers
    ]
    return (_ice_server * len(elements))(*elements)


def _limits_struct(limits: ViewerLimits) -> _viewer_limits:
    return _struct(
        _viewer_limits,
        max_bitrate_bps=limits.max_bitrate_bps,
        variant=limits.variant,
        flags=LimitsFlags.ONLY if limits.only else 0,
    )


def _offer_struct(
    stream_name: str | None,
    sdp: bytes,
    location_prefix: str | None,
    timeout_ms: int | None,
    peer: str | None,
    ice_servers: Iterable[IceServer] | None,
    label: str | None,
    user_data: int | None,
    limits: ViewerLimits | None,
    wall: WallSlots | None,
) -> _offer:
    offer = _struct(
        _offer,
        stream_name=_text(stream_name),
        sdp=sdp,
        sdp_size=len(sdp),
        location_prefix=_text(location_prefix),
        timeout_ms=timeout_ms or 0,
        flags=OfferFlags.NO_WAIT if timeout_ms == 0 else 0,
        peer=_text(peer),
        label=_text(label),
        user_data=user_data,
    )
    if ice_servers is not None:  # an empty list is not "no list"
        servers = _ice_servers(ice_servers)
        offer.ice_servers, offer.ice_servers_len = servers, len(servers)
    if limits is not None:
        offer.limits = ctypes.pointer(_limits_struct(limits))
    if wall is not None:
        names = [_text(name) for name in wall.video]
        offer.flags |= OfferFlags.WALL
        offer.slots, offer.slots_len = (c_char_p * len(names))(*names), len(names)
        offer.sound = _text(wall.sound)
    return offer


def _http_request_struct(
    method: str,
    path: str,
    headers: Mapping[str, str] | None,
    body: bytes,
    stream_name: str | None,
    session_key: str | None,
    authorized: bool,
    location_prefix: str | None,
    timeout_ms: int | None,
    peer: str | None,
    ice_servers: Iterable[IceServer] | None,
    label: str | None,
    user_data: int | None,
    wall: bool,
) -> _http_request:
    fields = [_http_header(_text(name), _text(value)) for name, value in (headers or {}).items()]
    flags = HttpFlags.NO_WAIT if timeout_ms == 0 else HttpFlags(0)
    if authorized:
        flags |= HttpFlags.AUTHORIZED
    if wall:
        flags |= HttpFlags.WALL
    request = _struct(
        _http_request,
        method=_text(method),
        path=_text(path),
        headers=(_http_header * len(fields))(*fields),
        headers_len=len(fields),
        body=body,
        body_size=len(body),
        stream_name=_text(stream_name),
        session_key=_text(session_key),
        location_prefix=_text(location_prefix),
        timeout_ms=timeout_ms or 0,
        flags=flags,
        peer=_text(peer),
        label=_text(label),
        user_data=user_data,
    )
    if ice_servers is not None:
        servers = _ice_servers(ice_servers)
        request.ice_servers, request.ice_servers_len = servers, len(servers)
    return request


def _pull(
    url: str,
    username: str | None,
    password: str | None,
    transport: Transport,
    flags: PullFlags,
    connect_timeout_ms: int,
    idle_timeout_ms: int,
    retry_min_ms: int,
    retry_max_ms: int,
    linger_ms: int,
    label: str | None,
    user_data: int | None,
    tls_ca: str | None,
    tls_fingerprint: str | None,
) -> _pull_options:
    return _struct(
        _pull_options,
        url=_text(url),
        username=_text(username),
        password=_text(password),
        transport=transport,
        flags=flags,
        connect_timeout_ms=connect_timeout_ms,
        idle_timeout_ms=idle_timeout_ms,
        retry_min_ms=retry_min_ms,
        retry_max_ms=retry_max_ms,
        linger_ms=linger_ms,
        label=_text(label),
        user_data=user_data,
        tls_ca=_text(tls_ca),
        tls_fingerprint=_text(tls_fingerprint),
    )


# ------------------------------------------------------------------------------ the gateway

_tokens = itertools.count(1)

OnStreamState = Callable[["StreamEvent"], None]
OnKeyframeRequest = Callable[[int], None]
OnAuthorize = Callable[["AuthorizeRequest"], None]
OnSessionState = Callable[["SessionEvent"], None]
OnSessionQuality = Callable[["QualityEvent"], None]


class Gateway:
    """A gateway. Close it, or use it in a `with` statement; not from inside a callback.

    on_stream_state gets a StreamEvent; on_session_state gets a SessionEvent;
    on_session_quality gets a QualityEvent; on_keyframe_request gets stream; on_authorize gets the question for authorize().
    """

    def __init__(
        self,
        *,
        udp_bind: str | None = None,
        flags: ConfigFlags = ConfigFlags(0),
        public_addresses: Iterable[str] = (),
        tuning: Mapping[TuningKey, int] | None = None,
        on_stream_state: OnStreamState | None = None,
        on_session_state: OnSessionState | None = None,
        on_session_quality: OnSessionQuality | None = None,
        on_keyframe_request: OnKeyframeRequest | None = None,
        on_authorize: OnAuthorize | None = None,
        bearer_tokens: Iterable[str] = (),
        ice_servers: Iterable[IceServer] = (),
        allowed_origins: Iterable[str] = (),
        interfaces: Iterable[str] = (),
        stun_servers: Iterable[str] = (),
        udp_fd: int = 0,
        tcp_fd: int = 0,
    ) -> None:
        self._handle: c_void_p | None = None
        #: Futures of offers by what the library gets as user_data.
        self._pending: dict[int, Future[Response]] = {}
        self._on_answer = _whep_fn(self._answered)
        self._on_http = _http_fn(self._http_answered)
        self._on_stream_state = on_stream_state
        self._on_session_state = on_session_state
        self._on_session_quality = on_session_quality
        self._on_keyframe_request = on_keyframe_request
        # ctypes frees the functions with the struct that holds them: it lives as long as this.
        self._callbacks = _struct(
            _callbacks,
            on_stream_state=_stream_state_fn(self._stream_state),
            on_session_state=_session_state_fn(self._session_state),
            on_session_quality=_session_quality_fn(self._session_quality),
            on_keyframe_request=_keyframe_request_fn(self._keyframe_request),
        )
        if on_authorize is not None:  # NULL has a meaning here
            self._on_authorize = on_authorize
            self._callbacks.on_authorize = _authorize_fn(self._authorize)
        addresses = [_text(address) for address in public_addresses]
        tokens = [_text(token) for token in bearer_tokens]
        servers = _ice_servers(ice_servers)
        origins = [_text(origin) for origin in allowed_origins]
        rules = [_text(rule) for rule in interfaces]
        stun = [_text(server) for server in stun_servers]
        knobs = [_tuning(key, 0, value) for key, value in (tuning or {}).items()]
        config = _config()
        check("struct_init", byref(config), sizeof(config), ABI_VERSION)
        config.udp_bind = _text(udp_bind)
        config.flags = flags
        config.public_addresses = (c_char_p * len(addresses))(*addresses)
        config.public_addresses_len = len(addresses)
        config.bearer_tokens = (c_char_p * len(tokens))(*tokens)
        config.bearer_tokens_len = len(tokens)
        config.ice_servers = servers
        config.ice_servers_len = len(servers)
        config.allowed_origins = (c_char_p * len(origins))(*origins)
        config.allowed_origins_len = len(origins)
        config.interfaces = (c_char_p * len(rules))(*rules)
        config.interfaces_len = len(rules)
        config.stun_servers = (c_char_p * len(stun))(*stun)
        config.stun_servers_len = len(stun)
        config.udp_fd = udp_fd
        config.tcp_fd = tcp_fd
        config.tuning = (_tuning * len(knobs))(*knobs)
        config.tuning_len = len(knobs)
        config.callbacks = ctypes.pointer(self._callbacks)
        handle = c_void_p()
        check("create", byref(config), byref(handle))
        self._handle = handle

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Shuts down and frees the gateway; the last callbacks run before it returns. No other call may be running."""
        if self._handle is not None:
            self.shutdown()
            handle, self._handle = self._handle, None
            check("destroy", handle)

    def shutdown(self, timeout_ms: int = 0) -> None:
        """Closes all sessions and streams and ends the threads. Blocking, for at most timeout_ms (0: 10 s)."""
        check("shutdown", self._handle, timeout_ms)

    def set_tuning(self, key: TuningKey, value: int) -> None:
        check("set_tuning", self._handle, key, value)

    def get_tuning(self, key: TuningKey) -> int:
        value = c_int64()
        check("get_tuning", self._handle, key, byref(value))
        return value.value

    def add_stream(
        self,
        name: str,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        transport: Transport = Transport.AUTO,
        flags: PullFlags = PullFlags(0),
        connect_timeout_ms: int = 0,
        idle_timeout_ms: int = 0,
        retry_min_ms: int = 0,
        retry_max_ms: int = 0,
        linger_ms: int = 0,
        label: str | None = None,
        user_data: int | None = None,
        tls_ca: str | None = None,
        tls_fingerprint: str | None = None,
    ) -> int:
        """Adds a camera and returns its id at once; on_stream_state reports its progress."""
        options = _pull(
            url,
            username=username,
            password=password,
            transport=transport,
            flags=flags,
            connect_timeout_ms=connect_timeout_ms,
            idle_timeout_ms=idle_timeout_ms,
            retry_min_ms=retry_min_ms,
            retry_max_ms=retry_max_ms,
            linger_ms=linger_ms,
            label=label,
            user_data=user_data,
            tls_ca=tls_ca,
            tls_fingerprint=tls_fingerprint,
        )
        stream = c_uint64()
        check("add_stream", self._handle, _text(name), byref(options), byref(stream))
        return stream.value

    def update_stream(
        self,
        stream: int,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        transport: Transport = Transport.AUTO,
        flags: PullFlags = PullFlags(0),
        connect_timeout_ms: int = 0,
        idle_timeout_ms: int = 0,
        retry_min_ms: int = 0,
        retry_max_ms: int = 0,
        linger_ms: int = 0,
        label: str | None = None,
        user_data: int | None = None,
        tls_ca: str | None = None,
        tls_fingerprint: str | None = None,
    ) -> None:
        """Replaces all options of a camera, and connects with the new ones. Its viewers stay."""
        options = _pull(
            url,
            username=username,
            password=password,
            transport=transport,
            flags=flags,
            connect_timeout_ms=connect_timeout_ms,
            idle_timeout_ms=idle_timeout_ms,
            retry_min_ms=retry_min_ms,
            retry_max_ms=retry_max_ms,
            linger_ms=linger_ms,
            label=label,
            user_data=user_data,
            tls_ca=tls_ca,
            tls_fingerprint=tls_fingerprint,
        )
        check("update_stream", self._handle, stream, byref(options))

    def reconnect_stream(self, stream: int) -> None:
        """Connects to a camera now instead of waiting for the next attempt."""
        check("reconnect_stream", self._handle, stream)

    def set_variants(self, stream: int, variants: Iterable[int]) -> None:
        """Sets what viewers of a stream may be shown in its place, best first: its substream."""
        listed = list(variants)
        ids = (c_uint64 * len(listed))(*listed)
        check("set_variants", self._handle, stream, ids, len(listed))

    def add_push_stream(
        self,
        name: str,
        video_codec: Codec,
        audio_codec: Codec = Codec.NONE,
        *,
        audio_sample_rate: int = 0,
        audio_channels: int = 0,
        queue_frames: int = 0,
        label: str | None = None,
        user_data: int | None = None,
        codec_config: bytes = b"",
        flags: PushFlags = PushFlags(0),
        idle_timeout_ms: int = 0,
        audio_config: bytes = b"",
    ) -> int:
        """Adds a stream whose media the host pushes.

        video_codec: Codec.NONE with an audio codec for sound alone.
        codec_config: parameter sets in an avcC, hvcC or av1C record, or with start codes.
        audio_config: with Codec.AAC, its AudioSpecificConfig.
        idle_timeout_ms: 0 is 8 s, and 0xFFFFFFFF is never.
        """
        def record(data: bytes) -> ctypes.Array[c_uint8] | None:
            return (c_uint8 * len(data)).from_buffer_copy(data) if data else None

        options = _struct(
            _push_options,
            video_codec=video_codec,
            audio_codec=audio_codec,
            audio_sample_rate=audio_sample_rate,
            audio_channels=audio_channels,
            queue_frames=queue_frames,
            flags=flags,
            label=_text(label),
            user_data=user_data,
            codec_config=record(codec_config),
            codec_config_size=len(codec_config),
            idle_timeout_ms=idle_timeout_ms,
            audio_config=record(audio_config),
            audio_config_size=len(audio_config),
        )
        stream = c_uint64()
        check("add_push_stream", self._handle, _text(name), byref(options), byref(stream))
        return stream.value

    def push_video(
        self,
        stream: int,
        data: bytes,
        pts_us: int,
        *,
        capture_unix_us: int = 0,
        flags: FrameFlags = FrameFlags(0),
    ) -> None:
        """Pushes one access unit. Never waits. ERR_QUEUE_FULL: the frame was dropped."""
        self._push("push_video", stream, data, pts_us, capture_unix_us, flags)

    def push_audio(
        self,
        stream: int,
        data: bytes,
        pts_us: int,
        *,
        capture_unix_us: int = 0,
        flags: FrameFlags = FrameFlags(0),
    ) -> None:
        """Pushes one frame of audio. Never waits."""
        self._push("push_audio", stream, data, pts_us, capture_unix_us, flags)

    def push_rtp(self, stream: int, codec: Codec, packet: bytes) -> None:
        """Pushes one RTP packet of the track with this codec. Never waits."""
        data = ctypes.cast(c_char_p(packet), POINTER(c_uint8))  # copied by the call
        check("push_rtp", self._handle, stream, codec, data, len(packet))

    def _push(
        self, name: str, stream: int, data: bytes, pts_us: int, capture_unix_us: int, flags: int
    ) -> None:
        frame = _struct(
            _frame,
            data=ctypes.cast(c_char_p(data), POINTER(c_uint8)),  # copied by the call
            size=len(data),
            pts_us=pts_us,
            capture_unix_us=capture_unix_us,
            flags=flags,
        )
        check(name, self._handle, stream, byref(frame))

    def add_sink(
        self,
        stream: int,
        *,
        flags: SinkFlags = SinkFlags(0),
        queue_frames: int = 0,
        queue_bytes: int = 0,
    ) -> int:
        """Adds a sink: the frames that a stream receives are queued, to be read."""
        options = _struct(
            _sink_options, flags=flags, queue_frames=queue_frames, queue_bytes=queue_bytes
        )
        sink = c_uint64()
        check("add_sink", self._handle, stream, byref(options), byref(sink))
        return sink.value

    def remove_sink(self, sink: int) -> None:
        check("remove_sink", self._handle, sink)

    def read_sink(self, sink: int, timeout_ms: int = 0) -> SinkFrame | None:
        """The next frame of a sink, or None if none comes in time. Blocking, unless timeout_ms is 0."""
        frame = POINTER(_sink_frame)()
        status = call("read_sink", self._handle, sink, timeout_ms, byref(frame))
        if status == Status.ERR_TIMEOUT:
            return None
        if status < 0:
            raise Error(status)
        return _sink_frame_of(frame)

    def sink_frames(self, sink: int) -> Iterator[SinkFrame]:
        """The frames of a sink as they come, until its stream or the sink is removed. Blocking."""
        while True:
            try:
                # Returns now and then, so that signals (Ctrl-C) are seen.
                frame = self.read_sink(sink, 500)
            except Error as error:
                if error.status in (Status.ERR_NOT_FOUND, Status.ERR_SHUTTING_DOWN):
                    return
                raise
            if frame is not None:
                yield frame

    def get_sink_info(self, sink: int) -> SinkInfo:
        info = _struct(_sink_info)
        check("get_sink_info", self._handle, sink, byref(info))
        return SinkInfo(**_fields(info))

    def get_keyframe(self, stream: int) -> SinkFrame:
        """The last keyframe of a stream, with its parameter sets."""
        frame = POINTER(_sink_frame)()
        check("get_keyframe", self._handle, stream, byref(frame))
        return _sink_frame_of(frame)

    def stream_name(self, stream: int) -> str:
        """The name of a stream."""
        name = ctypes.create_string_buffer(129)  # the longest has 128 characters
        if call("stream_name", self._handle, stream, name, sizeof(name)) == 0:
            raise Error(Status.ERR_NOT_FOUND)
        return name.value.decode()

    def remove_stream(self, stream: int) -> None:
        check("remove_stream", self._handle, stream)

    def find_stream(self, name: str) -> int:
        stream = c_uint64()
        check("find_stream", self._handle, _text(name), byref(stream))
        return stream.value

    def list_streams(self) -> list[int]:
        """All streams, oldest first."""
        return self._list("list_streams")

    def get_stream_info(self, stream: int) -> StreamInfo:
        info = _struct(_stream_info)
        check("get_stream_info", self._handle, stream, byref(info))
        return StreamInfo(**_fields(info, state=StreamState))

    def handle_whep_offer(
        self,
        stream_name: str | None,
        sdp: bytes,
        *,
        location_prefix: str | None = None,
        timeout_ms: int | None = None,
        peer: str | None = None,
        ice_servers: Iterable[IceServer] | None = None,
        label: str | None = None,
        user_data: int | None = None,
        limits: ViewerLimits | None = None,
        wall: WallSlots | None = None,
    ) -> Response:
        """Answers an offer (POST). On Error send its response. Blocking.

        timeout_ms is how long to wait for a camera that is still connecting; None: 5000, 0: do not
        wait. ice_servers replaces that of the gateway. wall: it is the offer of a wall, and stream_name is
        None.
        """
        offer = _offer_struct(
            stream_name, sdp, location_prefix, timeout_ms, peer, ice_servers, label, user_data, limits,
            wall,
        )
        response = c_void_p()
        _respond("handle_whep_offer", response, self._handle, byref(offer))
        return Response(response)

    def handle_whep_offer_async(
        self,
        stream_name: str | None,
        sdp: bytes,
        *,
        location_prefix: str | None = None,
        timeout_ms: int | None = None,
        peer: str | None = None,
        ice_servers: Iterable[IceServer] | None = None,
        label: str | None = None,
        user_data: int | None = None,
        limits: ViewerLimits | None = None,
        wall: WallSlots | None = None,
    ) -> tuple[int, Future[Response]]:
        """Answers an offer later. The id is for cancel(). Do not wait for the future in a callback."""
        offer = _offer_struct(
            stream_name, sdp, location_prefix, timeout_ms, peer, ice_servers, label, user_data, limits,
            wall,
        )
        future: Future[Response] = Future()
        token = next(_tokens)
        op = c_uint64()
        self._pending[token] = future
        try:
            _respond(
                "handle_whep_offer_async", c_void_p(), self._handle, byref(offer), self._on_answer,
                token, byref(op),
            )
        except Error:
            del self._pending[token]
            raise
        return op.value, future

    def cancel(self, op: int) -> None:
        """Cancels a pending offer: its future fails with ERR_CANCELLED, unless it is answered."""
        check("cancel", self._handle, op)

    def handle_whep_patch(
        self, session_key: str, if_match: str | None, fragment: bytes
    ) -> Response:
        """Answers a PATCH: candidates or an ICE restart. if_match is the header If-Match."""
        response = c_void_p()
        _respond(
            "handle_whep_patch", response, self._handle, _text(session_key), _text(if_match),
            fragment, len(fragment),
        )
        return Response(response)

    def handle_whep_delete(self, session_key: str) -> Response:
        """Ends a session (DELETE) by the last segment of its URL."""
        response = c_void_p()
        _respond("handle_whep_delete", response, self._handle, _text(session_key))
        return Response(response)

    def get_session_info(self, session: int) -> SessionInfo:
        info = _struct(_session_info)
        check("get_session_info", self._handle, session, byref(info))
        return SessionInfo(**_fields(info, state=SessionState))

    def handle_http(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        stream_name: str | None = None,
        session_key: str | None = None,
        authorized: bool = False,
        location_prefix: str | None = None,
        timeout_ms: int | None = None,
        peer: str | None = None,
        ice_servers: Iterable[IceServer] | None = None,
        label: str | None = None,
        user_data: int | None = None,
        wall: bool = False,
    ) -> Response:
        """Answers an HTTP request of a viewer: the whole of WHEP. Blocking.

        The path ends in {stream}/whep or {stream}/whep/{key}, for walls in wall or wall/{key}, or
        stream_name, or wall, and session_key say what the request is to. authorized: the host has checked it. The other arguments are those of
        handle_whep_offer(). The response may be a failure, for example 404; on Error send its response.
        """
        request = _http_request_struct(
            method, path, headers, body, stream_name, session_key, authorized, location_prefix,
            timeout_ms, peer, ice_servers, label, user_data, wall,
        )
        response = c_void_p()
        _respond("handle_http", response, self._handle, byref(request))
        return Response(response)

    def handle_http_async(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        stream_name: str | None = None,
        session_key: str | None = None,
        authorized: bool = False,
        location_prefix: str | None = None,
        timeout_ms: int | None = None,
        peer: str | None = None,
        ice_servers: Iterable[IceServer] | None = None,
        label: str | None = None,
        user_data: int | None = None,
        wall: bool = False,
    ) -> Future[Response]:
        """The same without waiting. Do not wait for the future in a callback."""
        request = _http_request_struct(
            method, path, headers, body, stream_name, session_key, authorized, location_prefix,
            timeout_ms, peer, ice_servers, label, user_data, wall,
        )
        future: Future[Response] = Future()
        token = next(_tokens)
        self._pending[token] = future
        try:
            _respond(
                "handle_http_async", c_void_p(), self._handle, byref(request), self._on_http, token
            )
        except Error:
            del self._pending[token]
            raise
        return future

    def set_bearer_tokens(self, tokens: Iterable[str]) -> None:
        """Replaces bearer_tokens for all requests from now on."""
        texts = [_text(token) for token in tokens]
        check("set_bearer_tokens", self._handle, (c_char_p * len(texts))(*texts), len(texts))

    def authorize(self, request: int, allow: bool) -> None:
        """Allows or denies a request of on_authorize."""
        check("authorize", self._handle, request, allow)

    def listen_http(
        self,
        address: str | None = None,
        *,
        tls_certificates: bytes | None = None,
        tls_private_key: bytes | None = None,
        max_connections: int = 0,
        max_connections_per_peer: int = 0,
        host_names: Iterable[str] = (),
        flags: ListenFlags = ListenFlags(0),
        fd: int = 0,
    ) -> int:
        """Starts an HTTP listener for WHEP, pages and figures; returns its port."""
        names = [_text(name) for name in host_names]
        options = _struct(
            _listen_options,
            address=_text(address),
            tls_certificates=tls_certificates,
            tls_certificates_size=len(tls_certificates or b""),
            tls_private_key=tls_private_key,
            tls_private_key_size=len(tls_private_key or b""),
            max_connections=max_connections,
            max_connections_per_peer=max_connections_per_peer,
            host_names=(c_char_p * len(names))(*names),
            host_names_len=len(names),
            flags=flags,
            fd=fd,
        )
        port = c_uint16()
        check("listen_http", self._handle, byref(options), byref(port))
        return port.value

    def list_sessions(self) -> list[int]:
        """All sessions, the oldest first."""
        return self._list("list_sessions")

    def set_session_limits(self, session: int, limits: ViewerLimits) -> None:
        """Changes what a viewer asks for, all of it."""
        check("set_session_limits", self._handle, session, byref(_limits_struct(limits)))

    def bind_slot(self, session: int, slot: str, stream: int) -> None:
        """Binds a slot of a wall to another stream; 0: to none."""
        check("bind_slot", self._handle, session, _text(slot), stream)

    def set_slot_view(self, session: int, slot: str, view: SlotView) -> None:
        """Changes how the viewer shows a slot of a wall."""
        shown = _struct(_slot_view, width=view.width, height=view.height, flags=view.flags)
        check("set_slot_view", self._handle, session, _text(slot), byref(shown))

    def get_slot_info(self, session: int, index: int) -> SlotInfo:
        """Reads a slot of a wall, by its place from 0."""
        info = _struct(_slot_info)
        check("get_slot_info", self._handle, session, index, byref(info))
        fields = _fields(info, track=SinkTrack, state=StreamState)
        fields["flags"] = SlotFlags(fields["flags"])
        return SlotInfo(**fields)

    def close_session(self, session: int) -> None:
        check("close_session", self._handle, session)

    def metrics(self) -> str:
        """Metrics in the Prometheus text format."""
        return self._owned_text("metrics")

    def state_json(self) -> dict[str, Any]:
        """The current state: workers, knobs, streams and sessions."""
        state: dict[str, Any] = json.loads(self._owned_text("state_json"))
        return state

    def _answered(self, token: int, op: int, status: int, response: int | None) -> None:
        future = self._pending.pop(token)
        if status < 0:
            error = Error(status)  # first: it reads the last error of this thread
            error.response = Response(c_void_p(response))
            future.set_exception(error)
        else:
            future.set_result(Response(c_void_p(response)))

    def _http_answered(self, token: int, response: int | None) -> None:
        self._pending.pop(token).set_result(Response(c_void_p(response)))

    def _authorize(self, _: int | None, pointer: Any) -> None:
        request = pointer.contents
        texts = (request.stream_name, request.bearer_token, request.peer)
        stream_name, token, peer = (None if text is None else text.decode() for text in texts)
        operation = _enum(Operation, request.operation)
        self._on_authorize(
            AuthorizeRequest(request.request_id, operation, stream_name, token, peer)
        )

    def _list(self, name: str) -> list[int]:
        capacity, count = 0, c_size_t()
        while True:  # more may have come meanwhile
            ids = (c_uint64 * capacity)()
            check(name, self._handle, ids, capacity, byref(count))
            if count.value <= capacity:
                return list(ids[: count.value])
            capacity = count.value

    def _owned_text(self, name: str) -> str:
        text, size = c_void_p(), c_size_t()
        check(name, self._handle, byref(text), byref(size))
        try:
            return ctypes.string_at(text.value or 0, size.value).decode()
        finally:
            call("string_free", text)

    def _stream_state(self, _: int | None, pointer: Any) -> None:
        if self._on_stream_state is not None:
            event = pointer.contents
            texts = (event.message, event.name, event.label, event.warning_message)
            message, name, label, warning = ((text or b"").decode() for text in texts)
            self._on_stream_state(
                StreamEvent(
                    event.stream,
                    _enum(StreamState, event.state),
                    _enum(Status, event.status),
                    message,
                    event.stream_user_data,
                    name,
                    label,
                    _enum(MediaWarning, event.warning),
                    warning,
                )
            )

    def _keyframe_request(self, _: int | None, stream: int) -> None:
        if self._on_keyframe_request is not None:
            self._on_keyframe_request(stream)

    def _session_state(self, _: int | None, pointer: Any) -> None:
        if self._on_session_state is not None:
            event = pointer.contents
            texts = (event.message, event.label, event.peer, event.stream_name)
            message, label, peer, stream_name = ((text or b"").decode() for text in texts)
            self._on_session_state(
                SessionEvent(
                    event.session,
                    event.stream,
                    _enum(SessionState, event.state),
                    _enum(Status, event.status),
                    message,
                    event.session_user_data,
                    label,
                    peer,
                    stream_name,
                )
            )

    def _session_quality(self, _: int | None, pointer: Any) -> None:
        if self._on_session_quality is not None:
            event = pointer.contents
            fields = _fields(event)
            fields["user_data"] = fields.pop("session_user_data")
            texts = ("held_back", "label", "peer", "stream_name")
            fields.update({name: fields[name] or "" for name in texts})
            self._on_session_quality(QualityEvent(**fields))


# ------------------------------------------------------------------------ the whole process


def version() -> str:
    """Version of the library that runs."""
    return str(call("version").decode())


def describe_tuning() -> list[TuningInfo]:
    """All knobs of the library that runs."""
    knobs: list[TuningInfo] = []
    info = _struct(_tuning_info)
    while call("describe_tuning", len(knobs), byref(info)) == 0:
        knobs.append(TuningInfo(**_fields(info)))
    return knobs


def find_tuning(name: str) -> TuningKey | int:
    """Finds a knob by name, for settings that are stored as text."""
    key = c_int32()
    check("find_tuning", _text(name), byref(key))
    return _enum(TuningKey, key.value)


OnLog = Callable[["LogRecord"], None]
_log: Any = None


def set_log(max_level: LogLevel, on_log: OnLog | None) -> None:
    """Sets the log function of the process; None ends the log. The function runs on any thread."""
    global _log

    def log(_: int | None, record: Any) -> None:
        line = record.contents
        if on_log is not None:
            on_log(
                LogRecord(
                    _enum(LogLevel, line.level),
                    line.target.decode(),
                    line.message.decode(),
                    line.stream,
                    line.session,
                    (line.stream_name or b"").decode(),
                )
            )

    function = ctypes.cast(0, _log_fn) if on_log is None else _log_fn(log)
    check("set_log_callback", max_level, function, None, ctypes.cast(0, _free_fn))
    _log = function  # only now is the earlier one not used any more


def set_log_level(max_level: LogLevel) -> None:
    check("set_log_level", max_level)
