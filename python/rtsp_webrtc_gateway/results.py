"""What the gateway says, as Python values."""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Sequence
from ctypes import Structure, byref, c_char_p, c_size_t, c_void_p
from dataclasses import dataclass, field
from typing import Any

from .enums import (
    Applies,
    Codec,
    Detail,
    LogLevel,
    MediaWarning,
    Operation,
    OutputState,
    QualityReason,
    SessionState,
    SinkFrameFlags,
    SinkTrack,
    SlotFlags,
    Status,
    StreamState,
    TuningKey,
)
from .library import _enum, call


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server for viewers, or one that relays for the gateway (turn_servers): tls_ca (PEM) and
    tls_fingerprint say which certificates that trusts over TLS."""

    url: str
    username: str | None = None
    credential: str | None = None
    tls_ca: str | None = None
    tls_fingerprint: str | None = None


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
class OutputInfo:
    """The current state of an output. Counters start at add_output()."""

    stream: int
    #: The session with the media server; 0 before that has answered.
    session: int
    state: OutputState | int
    #: Why it is not live.
    status: Status | int
    attempts: int
    #: How often media began to flow.
    connections: int
    #: Until the next attempt, while it is RETRYING; -1 otherwise.
    retry_in_ms: int
    user_data: int | None
    message: str
    #: Scheme, host and port of the media server.
    server: str
    label: str
    #: What is wrong with the way there, as a sentence: credentials over http://. "": nothing.
    warning: str


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
        if isinstance(field, bytes):
            field = field.decode()
        elif kind is not None:
            field = _enum(kind, field)
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
class OutputEvent:
    """An output changed its state."""

    output: int
    stream: int
    #: The session with the media server, while it is LIVE; 0 otherwise.
    session: int
    state: OutputState | int
    #: Why it is RETRYING.
    status: Status | int
    message: str
    #: Of the output's options.
    user_data: int | None
    #: Scheme, host and port of the media server.
    server: str
    label: str
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
