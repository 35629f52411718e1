"""The gateway."""

from __future__ import annotations

import ctypes
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from ctypes import POINTER, byref, c_char_p, c_int64, c_size_t, c_uint8, c_uint16, c_uint64, c_void_p, sizeof
from types import TracebackType
from typing import Any

from .enums import (
    Codec,
    ConfigFlags,
    FrameFlags,
    ListenFlags,
    MediaWarning,
    Operation,
    OutputFlags,
    OutputState,
    PullFlags,
    PushFlags,
    SessionState,
    SinkFlags,
    SinkTrack,
    SlotFlags,
    Status,
    StreamState,
    Transport,
    TuningKey,
)
from .library import ABI_VERSION, Error, _enum, _struct, _text, call, check
from .requests import _http_request_struct, _ice_servers, _limits_struct, _offer_struct, _pull, _respond
from .results import (
    AuthorizeRequest,
    IceServer,
    OutputEvent,
    OutputInfo,
    QualityEvent,
    Response,
    SessionEvent,
    SessionInfo,
    SinkFrame,
    SinkInfo,
    SlotInfo,
    SlotView,
    StreamEvent,
    StreamInfo,
    ViewerLimits,
    WallSlots,
    _fields,
    _sink_frame_of,
)
from .structs import (
    _authorize_fn,
    _callbacks,
    _config,
    _frame,
    _http_fn,
    _keyframe_request_fn,
    _listen_options,
    _output_info,
    _output_options,
    _output_state_fn,
    _push_options,
    _session_info,
    _session_quality_fn,
    _session_state_fn,
    _sink_frame,
    _sink_info,
    _sink_options,
    _slot_info,
    _slot_view,
    _stream_info,
    _stream_state_fn,
    _tuning,
    _whep_fn,
)

_tokens = itertools.count(1)

OnStreamState = Callable[["StreamEvent"], None]
OnKeyframeRequest = Callable[[int], None]
OnAuthorize = Callable[["AuthorizeRequest"], None]
OnSessionState = Callable[["SessionEvent"], None]
OnSessionQuality = Callable[["QualityEvent"], None]
OnOutputState = Callable[["OutputEvent"], None]


class Gateway:
    """A gateway. Close it, or use it in a `with` statement; not from inside a callback.

    on_stream_state gets a StreamEvent; on_session_state gets a SessionEvent;
    on_session_quality gets a QualityEvent; on_output_state gets an OutputEvent;
    on_keyframe_request gets stream; on_authorize gets the question for authorize().
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
        on_output_state: OnOutputState | None = None,
        on_keyframe_request: OnKeyframeRequest | None = None,
        on_authorize: OnAuthorize | None = None,
        bearer_tokens: Iterable[str] = (),
        ice_servers: Iterable[IceServer] = (),
        allowed_origins: Iterable[str] = (),
        interfaces: Iterable[str] = (),
        stun_servers: Iterable[str] = (),
        udp_fd: int = 0,
        tcp_fd: int = 0,
        turn_servers: Iterable[IceServer] = (),
    ) -> None:
        self._handle: c_void_p | None = None
        #: Futures of offers by what the library gets as user_data.
        self._pending: dict[int, Future[Response]] = {}
        self._on_answer = _whep_fn(self._answered)
        self._on_http = _http_fn(self._http_answered)
        self._on_stream_state = on_stream_state
        self._on_session_state = on_session_state
        self._on_session_quality = on_session_quality
        self._on_output_state = on_output_state
        self._on_keyframe_request = on_keyframe_request
        # ctypes frees the functions with the struct that holds them: it lives as long as this.
        self._callbacks = _struct(
            _callbacks,
            on_stream_state=_stream_state_fn(self._stream_state),
            on_session_state=_session_state_fn(self._session_state),
            on_session_quality=_session_quality_fn(self._session_quality),
            on_output_state=_output_state_fn(self._output_state),
            on_keyframe_request=_keyframe_request_fn(self._keyframe_request),
        )
        if on_authorize is not None:  # NULL has a meaning here
            self._on_authorize = on_authorize
            self._callbacks.on_authorize = _authorize_fn(self._authorize)
        addresses = [_text(address) for address in public_addresses]
        tokens = [_text(token) for token in bearer_tokens]
        servers = _ice_servers(ice_servers)
        relays = _ice_servers(turn_servers)
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
        config.turn_servers = relays
        config.turn_servers_len = len(relays)
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

    def add_output(
        self,
        stream: int,
        url: str,
        *,
        bearer_token: str | None = None,
        tls_ca: str | None = None,
        tls_fingerprint: str | None = None,
        flags: OutputFlags = OutputFlags(0),
        max_bitrate_bps: int = 0,
        label: str | None = None,
        user_data: int | None = None,
    ) -> int:
        """Sends a stream to a media server by WHIP from now on, whenever it is live."""
        options = _struct(
            _output_options,
            url=_text(url),
            bearer_token=_text(bearer_token),
            tls_ca=_text(tls_ca),
            tls_fingerprint=_text(tls_fingerprint),
            flags=flags,
            max_bitrate_bps=max_bitrate_bps,
            label=_text(label),
            user_data=user_data,
        )
        output = c_uint64()
        check("add_output", self._handle, stream, byref(options), byref(output))
        return output.value

    def remove_output(self, output: int) -> None:
        """Removes an output. The media server is told in the background."""
        check("remove_output", self._handle, output)

    def get_output_info(self, output: int) -> OutputInfo:
        info = _struct(_output_info)
        check("get_output_info", self._handle, output, byref(info))
        return OutputInfo(**_fields(info, state=OutputState))

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

    def _output_state(self, _: int | None, pointer: Any) -> None:
        if self._on_output_state is not None:
            event = pointer.contents
            fields = _fields(event, state=OutputState)
            fields["user_data"] = fields.pop("output_user_data")
            fields.update({name: fields[name] or "" for name in ("message", "label")})
            self._on_output_state(OutputEvent(**fields))
