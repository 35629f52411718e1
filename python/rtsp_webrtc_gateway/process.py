"""What concerns the whole process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import byref, c_int32
from typing import Any

from .enums import LogLevel, TuningKey
from .library import _enum, _struct, _text, call, check
from .results import LogRecord, TuningInfo, _fields
from .structs import _free_fn, _log_fn, _tuning_info


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
