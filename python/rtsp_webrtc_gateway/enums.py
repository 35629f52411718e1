"""The enumerations of the C API."""

import enum


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
    ERR_INGEST = -33
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
    DTLS_IN_STUN = 28


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


class OutputState(enum.IntEnum):
    WAITING = 1
    CONNECTING = 2
    LIVE = 3
    RETRYING = 4
    REMOVED = 5


class OutputFlags(enum.IntFlag):
    NO_VIDEO = 1
    NO_AUDIO = 2
    TLS_UNVERIFIED = 4


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
