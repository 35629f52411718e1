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

from .enums import (
    Applies,
    Codec,
    ConfigFlags,
    Detail,
    FrameFlags,
    HttpFlags,
    LimitsFlags,
    ListenFlags,
    LogLevel,
    MediaWarning,
    OfferFlags,
    Operation,
    PullFlags,
    PushFlags,
    QualityReason,
    SessionState,
    SinkFlags,
    SinkFrameFlags,
    SinkTrack,
    SlotFlags,
    SrtpPolicy,
    Status,
    StreamState,
    Transport,
    TuningKey,
)
from .gateway import (
    Gateway,
    OnAuthorize,
    OnKeyframeRequest,
    OnSessionQuality,
    OnSessionState,
    OnStreamState,
)
from .library import ABI_VERSION, Error, FUNCTIONS, call, check
from .process import OnLog, describe_tuning, find_tuning, set_log, set_log_level, version
from .results import (
    AuthorizeRequest,
    IceServer,
    LogRecord,
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
    TuningInfo,
    ViewerLimits,
    WallSlots,
)

__all__ = [
    "ABI_VERSION",
    "Applies",
    "AuthorizeRequest",
    "Codec",
    "ConfigFlags",
    "Detail",
    "Error",
    "FUNCTIONS",
    "FrameFlags",
    "Gateway",
    "HttpFlags",
    "IceServer",
    "LimitsFlags",
    "ListenFlags",
    "LogLevel",
    "LogRecord",
    "MediaWarning",
    "OfferFlags",
    "OnAuthorize",
    "OnKeyframeRequest",
    "OnLog",
    "OnSessionQuality",
    "OnSessionState",
    "OnStreamState",
    "Operation",
    "PullFlags",
    "PushFlags",
    "QualityEvent",
    "QualityReason",
    "Response",
    "SessionEvent",
    "SessionInfo",
    "SessionState",
    "SinkFlags",
    "SinkFrame",
    "SinkFrameFlags",
    "SinkInfo",
    "SinkTrack",
    "SlotFlags",
    "SlotInfo",
    "SlotView",
    "SrtpPolicy",
    "Status",
    "StreamEvent",
    "StreamInfo",
    "StreamState",
    "Transport",
    "TuningInfo",
    "TuningKey",
    "ViewerLimits",
    "WallSlots",
    "call",
    "check",
    "describe_tuning",
    "find_tuning",
    "set_log",
    "set_log_level",
    "version",
]
