"""The shared library, and how its functions are called."""

from __future__ import annotations

import ctypes
import enum
import os
import sys
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
    sizeof,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .enums import Status
from .structs import (
    _config,
    _frame,
    _free_fn,
    _http_fn,
    _http_request,
    _listen_options,
    _log_fn,
    _offer,
    _output_info,
    _output_options,
    _pull_options,
    _push_options,
    _session_info,
    _sink_frame,
    _sink_info,
    _sink_options,
    _slot_info,
    _slot_view,
    _stream_info,
    _tuning_info,
    _viewer_limits,
    _whep_fn,
)

if TYPE_CHECKING:
    from .results import Response

#: Of the header that this module mirrors.
ABI_VERSION = 1

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
    "add_output": (c_int, [c_void_p, c_uint64, POINTER(_output_options), POINTER(c_uint64)]),
    "remove_output": (c_int, [c_void_p, c_uint64]),
    "get_output_info": (c_int, [c_void_p, c_uint64, POINTER(_output_info)]),
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
    # rtsp_webrtc_gateway/library.py, or dist-packages, and the library in lib.
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


