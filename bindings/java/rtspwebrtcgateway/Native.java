// Generated from rtsp_webrtc_gateway.h by bindings/generate.py. Do not edit.
package rtspwebrtcgateway;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The C API, name by name: the header describes each. For Java 22 and later, where pointers have 64 bits. Gateway is
 * the usual way to it.
 *
 * <p>The shared library is the file that the property {@code rtsp_webrtc_gateway.library} names, else the one that the
 * system's loader finds.
 */
public final class Native {
    public static final String VERSION_OF_HEADER = "0.1.0";
    public static final int ABI_VERSION_OF_HEADER = 1;
    private static final String ABI_NAME = "0.1";

    public static final class Status {
        public static final int OK = 0;
        public static final int ERR_INVALID_ARGUMENT = -1;
        public static final int ERR_NOT_FOUND = -2;
        public static final int ERR_ALREADY_EXISTS = -3;
        public static final int ERR_INVALID_STATE = -4;
        public static final int ERR_UNSUPPORTED = -5;
        public static final int ERR_SDP = -6;
        public static final int ERR_TOO_LARGE = -7;
        public static final int ERR_CODEC = -8;
        public static final int ERR_FINGERPRINT = -9;
        public static final int ERR_ICE_CREDENTIALS = -10;
        public static final int ERR_URL = -11;
        public static final int ERR_CREDENTIALS = -12;
        public static final int ERR_NOT_READY = -13;
        public static final int ERR_LIMIT = -14;
        public static final int ERR_TIMEOUT = -15;
        public static final int ERR_CANCELLED = -16;
        public static final int ERR_AUTH = -17;
        public static final int ERR_CONNECT = -18;
        public static final int ERR_CAMERA = -19;
        public static final int ERR_STALLED = -20;
        public static final int ERR_IO = -21;
        public static final int ERR_ICE = -22;
        public static final int ERR_DTLS = -23;
        public static final int ERR_SRTP_PROFILE = -24;
        public static final int ERR_SHUTTING_DOWN = -25;
        public static final int ERR_WOULD_DEADLOCK = -26;
        public static final int ERR_ABI_MISMATCH = -27;
        public static final int ERR_STRUCT_SIZE = -28;
        public static final int ERR_QUEUE_FULL = -29;
        public static final int ERR_ETAG = -30;
        public static final int ERR_PRECONDITION_REQUIRED = -31;
        public static final int ERR_UNPROCESSABLE = -32;
        public static final int ERR_INGEST = -33;
        public static final int ERR_PANIC = -100;
    }

    public static final class LogLevel {
        public static final int OFF = 0;
        public static final int ERROR = 1;
        public static final int WARN = 2;
        public static final int INFO = 3;
        public static final int DEBUG = 4;
        public static final int TRACE = 5;
    }

    public static final class TuningKey {
        public static final int WORKER_THREADS = 1;
        public static final int NACK = 2;
        public static final int NACK_HISTORY_PACKETS = 3;
        public static final int RTCP_INTERVAL_MS = 4;
        public static final int SRTP_POLICY = 5;
        public static final int INTERFACE_CACHE_TTL_MS = 6;
        public static final int GSO = 7;
        public static final int SEND_BATCH_PACKETS = 8;
        public static final int UDP_SEND_BUFFER_BYTES = 9;
        public static final int UDP_RECV_BUFFER_BYTES = 10;
        public static final int GOP_CACHE = 11;
        public static final int GOP_CACHE_BYTES = 12;
        public static final int GOP_CACHE_MS = 13;
        public static final int PACING = 14;
        public static final int PACING_RATE_PERCENT = 15;
        public static final int MAX_SESSIONS = 16;
        public static final int MAX_SESSIONS_PER_STREAM = 17;
        public static final int PROFILE = 18;
        public static final int AUDIO_HOLD_MS = 19;
        public static final int NACK_HISTORY_MS = 20;
        public static final int CONGESTION = 21;
        public static final int CONGESTION_START_KBPS = 22;
        public static final int CONGESTION_FLOOR_KBPS = 23;
        public static final int CONGESTION_CEILING_KBPS = 24;
        public static final int DAMAGED_FRAMES = 25;
        public static final int MAX_WORKER_LOAD_PERCENT = 26;
        public static final int MEMORY_LIMIT_BYTES = 27;
        public static final int DTLS_IN_STUN = 28;
    }

    public static final class SrtpPolicy {
        public static final int PREFER_GCM = 0;
        public static final int GCM_ONLY = 1;
        public static final int ANY = 2;
    }

    public static final class Applies {
        public static final int CREATE = 1;
        public static final int NEW_SESSIONS = 2;
        public static final int NOW = 3;
    }

    public static final class Operation {
        public static final int WATCH = 1;
        public static final int UPDATE = 2;
        public static final int END = 3;
        public static final int MONITOR = 4;
    }

    public static final class Detail {
        public static final int ALL_FRAMES = 1;
        public static final int FEWER_FRAMES = 2;
        public static final int KEYFRAMES = 3;
        public static final int SOUND_ONLY = 4;
    }

    public static final class QualityReason {
        public static final int NOTHING = 0;
        public static final int PATH = 1;
        public static final int VIEWER = 2;
        public static final int CODEC = 3;
        public static final int CAMERA = 4;
        public static final int RARE_KEYFRAMES = 5;
    }

    public static final class LimitsFlags {
        public static final int ONLY = 1;
    }

    public static final class ConfigFlags {
        public static final int ICE_TCP = 1;
        public static final int TURN = 2;
    }

    public static final class StreamState {
        public static final int CONNECTING = 1;
        public static final int LIVE = 2;
        public static final int RETRYING = 3;
        public static final int FAILED = 4;
        public static final int REMOVED = 5;
        public static final int IDLE = 6;
    }

    public static final class MediaWarning {
        public static final int NONE = 0;
        public static final int B_FRAMES = 1;
        public static final int NO_KEYFRAME = 2;
        public static final int NO_PARAMETER_SETS = 3;
        public static final int DAMAGED = 4;
        public static final int AUDIO = 5;
        public static final int RARE_KEYFRAMES = 6;
    }

    public static final class Codec {
        public static final int NONE = 0;
        public static final int H264 = 1;
        public static final int H265 = 2;
        public static final int AV1 = 3;
        public static final int OPUS = 64;
        public static final int PCMU = 65;
        public static final int PCMA = 66;
        public static final int G722 = 67;
        public static final int AAC = 68;
    }

    public static final class Transport {
        public static final int AUTO = 0;
        public static final int TCP = 1;
        public static final int UDP = 2;
        public static final int MULTICAST = 3;
        public static final int HTTP = 4;
    }

    public static final class PullFlags {
        public static final int NO_AUDIO = 1;
        public static final int ON_DEMAND = 2;
        public static final int METADATA = 4;
        public static final int TLS_UNVERIFIED = 8;
    }

    public static final class PushFlags {
        public static final int LENGTH_PREFIXED = 1;
    }

    public static final class FrameFlags {
        public static final int KEY = 1;
        public static final int DISCONTINUITY = 2;
    }

    public static final class SinkTrack {
        public static final int VIDEO = 1;
        public static final int AUDIO = 2;
        public static final int METADATA = 3;
    }

    public static final class SinkFlags {
        public static final int NO_VIDEO = 1;
        public static final int NO_AUDIO = 2;
        public static final int METADATA = 4;
        public static final int FROM_CACHE = 8;
        public static final int LENGTH_PREFIXED = 16;
    }

    public static final class SinkFrameFlags {
        public static final int KEY = 1;
        public static final int DISCONTINUITY = 2;
        public static final int DAMAGED = 4;
        public static final int CACHED = 8;
        public static final int FORMAT_CHANGED = 16;
    }

    public static final class OutputState {
        public static final int WAITING = 1;
        public static final int CONNECTING = 2;
        public static final int LIVE = 3;
        public static final int RETRYING = 4;
        public static final int REMOVED = 5;
    }

    public static final class OutputFlags {
        public static final int NO_VIDEO = 1;
        public static final int NO_AUDIO = 2;
        public static final int TLS_UNVERIFIED = 4;
    }

    public static final class OfferFlags {
        public static final int NO_WAIT = 1;
        public static final int WALL = 2;
    }

    public static final class HttpFlags {
        public static final int NO_WAIT = 1;
        public static final int AUTHORIZED = 2;
        public static final int WALL = 4;
    }

    public static final class ListenFlags {
        public static final int MEDIA = 1;
    }

    public static final class SessionState {
        public static final int NEW = 1;
        public static final int CONNECTING = 2;
        public static final int CONNECTED = 3;
        public static final int DISCONNECTED = 4;
        public static final int FAILED = 5;
        public static final int CLOSED = 6;
    }

    public static final class SlotFlags {
        public static final int FOCUS = 1;
        public static final int PAUSED = 2;
    }

    public static final class LogRecord extends Struct {
        public static final StructLayout LAYOUT = struct(
                "log_record",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("level"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("target"),
                ADDRESS.withName("message"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("session"),
                ADDRESS.withName("stream_name"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_LEVEL = offset(LAYOUT, "level");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_TARGET = offset(LAYOUT, "target");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_SESSION = offset(LAYOUT, "session");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");

        public LogRecord(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public LogRecord(MemorySegment passed) { super(LAYOUT, passed, OF_TARGET, OF_MESSAGE, OF_STREAM_NAME); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int level() { return segment.get(JAVA_INT, OF_LEVEL); }
        public LogRecord level(int value) { segment.set(JAVA_INT, OF_LEVEL, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public LogRecord reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public String target() { return Native.text(segment.get(ADDRESS, OF_TARGET)); }
        public LogRecord target(String value) { text(OF_TARGET, value); return this; }
        public String message() { return Native.text(segment.get(ADDRESS, OF_MESSAGE)); }
        public LogRecord message(String value) { text(OF_MESSAGE, value); return this; }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public LogRecord stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long session() { return segment.get(JAVA_LONG, OF_SESSION); }
        public LogRecord session(long value) { segment.set(JAVA_LONG, OF_SESSION, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public LogRecord streamName(String value) { text(OF_STREAM_NAME, value); return this; }
    }

    public static final class TuningInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "tuning_info",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("key"),
                JAVA_INT.withName("applies"),
                ADDRESS.withName("name"),
                ADDRESS.withName("help"),
                JAVA_LONG.withName("default_value"),
                JAVA_LONG.withName("min_value"),
                JAVA_LONG.withName("max_value"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_KEY = offset(LAYOUT, "key");
        private static final long OF_APPLIES = offset(LAYOUT, "applies");
        private static final long OF_NAME = offset(LAYOUT, "name");
        private static final long OF_HELP = offset(LAYOUT, "help");
        private static final long OF_DEFAULT_VALUE = offset(LAYOUT, "default_value");
        private static final long OF_MIN_VALUE = offset(LAYOUT, "min_value");
        private static final long OF_MAX_VALUE = offset(LAYOUT, "max_value");

        public TuningInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public TuningInfo(MemorySegment passed) { super(LAYOUT, passed, OF_NAME, OF_HELP); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int key() { return segment.get(JAVA_INT, OF_KEY); }
        public TuningInfo key(int value) { segment.set(JAVA_INT, OF_KEY, value); return this; }
        public int applies() { return segment.get(JAVA_INT, OF_APPLIES); }
        public TuningInfo applies(int value) { segment.set(JAVA_INT, OF_APPLIES, value); return this; }
        public String name() { return Native.text(segment.get(ADDRESS, OF_NAME)); }
        public TuningInfo name(String value) { text(OF_NAME, value); return this; }
        public String help() { return Native.text(segment.get(ADDRESS, OF_HELP)); }
        public TuningInfo help(String value) { text(OF_HELP, value); return this; }
        public long defaultValue() { return segment.get(JAVA_LONG, OF_DEFAULT_VALUE); }
        public TuningInfo defaultValue(long value) { segment.set(JAVA_LONG, OF_DEFAULT_VALUE, value); return this; }
        public long minValue() { return segment.get(JAVA_LONG, OF_MIN_VALUE); }
        public TuningInfo minValue(long value) { segment.set(JAVA_LONG, OF_MIN_VALUE, value); return this; }
        public long maxValue() { return segment.get(JAVA_LONG, OF_MAX_VALUE); }
        public TuningInfo maxValue(long value) { segment.set(JAVA_LONG, OF_MAX_VALUE, value); return this; }
    }

    public static final class Tuning extends Struct {
        public static final StructLayout LAYOUT = struct(
                "tuning",
                JAVA_INT.withName("key"),
                JAVA_INT.withName("reserved"),
                JAVA_LONG.withName("value"));
        private static final long OF_KEY = offset(LAYOUT, "key");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_VALUE = offset(LAYOUT, "value");

        public Tuning(SegmentAllocator allocator) { super(LAYOUT, allocator); }

        public int key() { return segment.get(JAVA_INT, OF_KEY); }
        public Tuning key(int value) { segment.set(JAVA_INT, OF_KEY, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public Tuning reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public long value() { return segment.get(JAVA_LONG, OF_VALUE); }
        public Tuning value(long value) { segment.set(JAVA_LONG, OF_VALUE, value); return this; }
    }

    public static final class AuthorizeRequest extends Struct {
        public static final StructLayout LAYOUT = struct(
                "authorize_request",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("request_id"),
                ADDRESS.withName("stream_name"),
                ADDRESS.withName("bearer_token"),
                ADDRESS.withName("peer"),
                JAVA_INT.withName("operation"),
                JAVA_INT.withName("reserved"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_REQUEST_ID = offset(LAYOUT, "request_id");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");
        private static final long OF_BEARER_TOKEN = offset(LAYOUT, "bearer_token");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_OPERATION = offset(LAYOUT, "operation");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");

        public AuthorizeRequest(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public AuthorizeRequest(MemorySegment passed) { super(LAYOUT, passed, OF_STREAM_NAME, OF_BEARER_TOKEN, OF_PEER); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long requestId() { return segment.get(JAVA_LONG, OF_REQUEST_ID); }
        public AuthorizeRequest requestId(long value) { segment.set(JAVA_LONG, OF_REQUEST_ID, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public AuthorizeRequest streamName(String value) { text(OF_STREAM_NAME, value); return this; }
        public String bearerToken() { return Native.text(segment.get(ADDRESS, OF_BEARER_TOKEN)); }
        public AuthorizeRequest bearerToken(String value) { text(OF_BEARER_TOKEN, value); return this; }
        public String peer() { return Native.text(segment.get(ADDRESS, OF_PEER)); }
        public AuthorizeRequest peer(String value) { text(OF_PEER, value); return this; }
        public int operation() { return segment.get(JAVA_INT, OF_OPERATION); }
        public AuthorizeRequest operation(int value) { segment.set(JAVA_INT, OF_OPERATION, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public AuthorizeRequest reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
    }

    public static final class StreamEvent extends Struct {
        public static final StructLayout LAYOUT = struct(
                "stream_event",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("stream"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("status"),
                ADDRESS.withName("message"),
                ADDRESS.withName("stream_user_data"),
                ADDRESS.withName("name"),
                ADDRESS.withName("label"),
                JAVA_INT.withName("warning"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("warning_message"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_STATUS = offset(LAYOUT, "status");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_STREAM_USER_DATA = offset(LAYOUT, "stream_user_data");
        private static final long OF_NAME = offset(LAYOUT, "name");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_WARNING = offset(LAYOUT, "warning");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_WARNING_MESSAGE = offset(LAYOUT, "warning_message");

        public StreamEvent(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public StreamEvent(MemorySegment passed) { super(LAYOUT, passed, OF_MESSAGE, OF_NAME, OF_LABEL, OF_WARNING_MESSAGE); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public StreamEvent stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public StreamEvent state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int status() { return segment.get(JAVA_INT, OF_STATUS); }
        public StreamEvent status(int value) { segment.set(JAVA_INT, OF_STATUS, value); return this; }
        public String message() { return Native.text(segment.get(ADDRESS, OF_MESSAGE)); }
        public StreamEvent message(String value) { text(OF_MESSAGE, value); return this; }
        public MemorySegment streamUserData() { return segment.get(ADDRESS, OF_STREAM_USER_DATA); }
        public StreamEvent streamUserData(MemorySegment value) { segment.set(ADDRESS, OF_STREAM_USER_DATA, value); return this; }
        public String name() { return Native.text(segment.get(ADDRESS, OF_NAME)); }
        public StreamEvent name(String value) { text(OF_NAME, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public StreamEvent label(String value) { text(OF_LABEL, value); return this; }
        public int warning() { return segment.get(JAVA_INT, OF_WARNING); }
        public StreamEvent warning(int value) { segment.set(JAVA_INT, OF_WARNING, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public StreamEvent reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public String warningMessage() { return Native.text(segment.get(ADDRESS, OF_WARNING_MESSAGE)); }
        public StreamEvent warningMessage(String value) { text(OF_WARNING_MESSAGE, value); return this; }
    }

    public static final class SessionEvent extends Struct {
        public static final StructLayout LAYOUT = struct(
                "session_event",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("session"),
                JAVA_LONG.withName("stream"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("status"),
                ADDRESS.withName("message"),
                ADDRESS.withName("session_user_data"),
                ADDRESS.withName("label"),
                ADDRESS.withName("peer"),
                ADDRESS.withName("stream_name"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_SESSION = offset(LAYOUT, "session");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_STATUS = offset(LAYOUT, "status");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_SESSION_USER_DATA = offset(LAYOUT, "session_user_data");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");

        public SessionEvent(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SessionEvent(MemorySegment passed) { super(LAYOUT, passed, OF_MESSAGE, OF_LABEL, OF_PEER, OF_STREAM_NAME); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long session() { return segment.get(JAVA_LONG, OF_SESSION); }
        public SessionEvent session(long value) { segment.set(JAVA_LONG, OF_SESSION, value); return this; }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public SessionEvent stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public SessionEvent state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int status() { return segment.get(JAVA_INT, OF_STATUS); }
        public SessionEvent status(int value) { segment.set(JAVA_INT, OF_STATUS, value); return this; }
        public String message() { return Native.text(segment.get(ADDRESS, OF_MESSAGE)); }
        public SessionEvent message(String value) { text(OF_MESSAGE, value); return this; }
        public MemorySegment sessionUserData() { return segment.get(ADDRESS, OF_SESSION_USER_DATA); }
        public SessionEvent sessionUserData(MemorySegment value) { segment.set(ADDRESS, OF_SESSION_USER_DATA, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public SessionEvent label(String value) { text(OF_LABEL, value); return this; }
        public String peer() { return Native.text(segment.get(ADDRESS, OF_PEER)); }
        public SessionEvent peer(String value) { text(OF_PEER, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public SessionEvent streamName(String value) { text(OF_STREAM_NAME, value); return this; }
    }

    public static final class QualityEvent extends Struct {
        public static final StructLayout LAYOUT = struct(
                "quality_event",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("session"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("variant"),
                JAVA_INT.withName("detail"),
                JAVA_INT.withName("reason"),
                JAVA_LONG.withName("bandwidth_bps"),
                JAVA_LONG.withName("needed_bps"),
                ADDRESS.withName("held_back"),
                ADDRESS.withName("session_user_data"),
                ADDRESS.withName("label"),
                ADDRESS.withName("peer"),
                ADDRESS.withName("stream_name"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_SESSION = offset(LAYOUT, "session");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_VARIANT = offset(LAYOUT, "variant");
        private static final long OF_DETAIL = offset(LAYOUT, "detail");
        private static final long OF_REASON = offset(LAYOUT, "reason");
        private static final long OF_BANDWIDTH_BPS = offset(LAYOUT, "bandwidth_bps");
        private static final long OF_NEEDED_BPS = offset(LAYOUT, "needed_bps");
        private static final long OF_HELD_BACK = offset(LAYOUT, "held_back");
        private static final long OF_SESSION_USER_DATA = offset(LAYOUT, "session_user_data");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");

        public QualityEvent(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public QualityEvent(MemorySegment passed) { super(LAYOUT, passed, OF_HELD_BACK, OF_LABEL, OF_PEER, OF_STREAM_NAME); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long session() { return segment.get(JAVA_LONG, OF_SESSION); }
        public QualityEvent session(long value) { segment.set(JAVA_LONG, OF_SESSION, value); return this; }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public QualityEvent stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long variant() { return segment.get(JAVA_LONG, OF_VARIANT); }
        public QualityEvent variant(long value) { segment.set(JAVA_LONG, OF_VARIANT, value); return this; }
        public int detail() { return segment.get(JAVA_INT, OF_DETAIL); }
        public QualityEvent detail(int value) { segment.set(JAVA_INT, OF_DETAIL, value); return this; }
        public int reason() { return segment.get(JAVA_INT, OF_REASON); }
        public QualityEvent reason(int value) { segment.set(JAVA_INT, OF_REASON, value); return this; }
        public long bandwidthBps() { return segment.get(JAVA_LONG, OF_BANDWIDTH_BPS); }
        public QualityEvent bandwidthBps(long value) { segment.set(JAVA_LONG, OF_BANDWIDTH_BPS, value); return this; }
        public long neededBps() { return segment.get(JAVA_LONG, OF_NEEDED_BPS); }
        public QualityEvent neededBps(long value) { segment.set(JAVA_LONG, OF_NEEDED_BPS, value); return this; }
        public String heldBack() { return Native.text(segment.get(ADDRESS, OF_HELD_BACK)); }
        public QualityEvent heldBack(String value) { text(OF_HELD_BACK, value); return this; }
        public MemorySegment sessionUserData() { return segment.get(ADDRESS, OF_SESSION_USER_DATA); }
        public QualityEvent sessionUserData(MemorySegment value) { segment.set(ADDRESS, OF_SESSION_USER_DATA, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public QualityEvent label(String value) { text(OF_LABEL, value); return this; }
        public String peer() { return Native.text(segment.get(ADDRESS, OF_PEER)); }
        public QualityEvent peer(String value) { text(OF_PEER, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public QualityEvent streamName(String value) { text(OF_STREAM_NAME, value); return this; }
    }

    public static final class OutputEvent extends Struct {
        public static final StructLayout LAYOUT = struct(
                "output_event",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("output"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("session"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("status"),
                ADDRESS.withName("message"),
                ADDRESS.withName("output_user_data"),
                ADDRESS.withName("server"),
                ADDRESS.withName("label"),
                ADDRESS.withName("stream_name"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_OUTPUT = offset(LAYOUT, "output");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_SESSION = offset(LAYOUT, "session");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_STATUS = offset(LAYOUT, "status");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_OUTPUT_USER_DATA = offset(LAYOUT, "output_user_data");
        private static final long OF_SERVER = offset(LAYOUT, "server");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");

        public OutputEvent(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public OutputEvent(MemorySegment passed) { super(LAYOUT, passed, OF_MESSAGE, OF_SERVER, OF_LABEL, OF_STREAM_NAME); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long output() { return segment.get(JAVA_LONG, OF_OUTPUT); }
        public OutputEvent output(long value) { segment.set(JAVA_LONG, OF_OUTPUT, value); return this; }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public OutputEvent stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long session() { return segment.get(JAVA_LONG, OF_SESSION); }
        public OutputEvent session(long value) { segment.set(JAVA_LONG, OF_SESSION, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public OutputEvent state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int status() { return segment.get(JAVA_INT, OF_STATUS); }
        public OutputEvent status(int value) { segment.set(JAVA_INT, OF_STATUS, value); return this; }
        public String message() { return Native.text(segment.get(ADDRESS, OF_MESSAGE)); }
        public OutputEvent message(String value) { text(OF_MESSAGE, value); return this; }
        public MemorySegment outputUserData() { return segment.get(ADDRESS, OF_OUTPUT_USER_DATA); }
        public OutputEvent outputUserData(MemorySegment value) { segment.set(ADDRESS, OF_OUTPUT_USER_DATA, value); return this; }
        public String server() { return Native.text(segment.get(ADDRESS, OF_SERVER)); }
        public OutputEvent server(String value) { text(OF_SERVER, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public OutputEvent label(String value) { text(OF_LABEL, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public OutputEvent streamName(String value) { text(OF_STREAM_NAME, value); return this; }
    }

    public static final class IceServer extends Struct {
        public static final StructLayout LAYOUT = struct(
                "ice_server",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("url"),
                ADDRESS.withName("username"),
                ADDRESS.withName("credential"),
                ADDRESS.withName("tls_ca"),
                ADDRESS.withName("tls_fingerprint"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_URL = offset(LAYOUT, "url");
        private static final long OF_USERNAME = offset(LAYOUT, "username");
        private static final long OF_CREDENTIAL = offset(LAYOUT, "credential");
        private static final long OF_TLS_CA = offset(LAYOUT, "tls_ca");
        private static final long OF_TLS_FINGERPRINT = offset(LAYOUT, "tls_fingerprint");

        public IceServer(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public IceServer(MemorySegment passed) { super(LAYOUT, passed, OF_URL, OF_USERNAME, OF_CREDENTIAL, OF_TLS_CA, OF_TLS_FINGERPRINT); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String url() { return Native.text(segment.get(ADDRESS, OF_URL)); }
        public IceServer url(String value) { text(OF_URL, value); return this; }
        public String username() { return Native.text(segment.get(ADDRESS, OF_USERNAME)); }
        public IceServer username(String value) { text(OF_USERNAME, value); return this; }
        public String credential() { return Native.text(segment.get(ADDRESS, OF_CREDENTIAL)); }
        public IceServer credential(String value) { text(OF_CREDENTIAL, value); return this; }
        public String tlsCa() { return Native.text(segment.get(ADDRESS, OF_TLS_CA)); }
        public IceServer tlsCa(String value) { text(OF_TLS_CA, value); return this; }
        public String tlsFingerprint() { return Native.text(segment.get(ADDRESS, OF_TLS_FINGERPRINT)); }
        public IceServer tlsFingerprint(String value) { text(OF_TLS_FINGERPRINT, value); return this; }
    }

    public static final class ViewerLimits extends Struct {
        public static final StructLayout LAYOUT = struct(
                "viewer_limits",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("max_bitrate_bps"),
                JAVA_LONG.withName("variant"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("reserved"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_MAX_BITRATE_BPS = offset(LAYOUT, "max_bitrate_bps");
        private static final long OF_VARIANT = offset(LAYOUT, "variant");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");

        public ViewerLimits(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public ViewerLimits(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long maxBitrateBps() { return segment.get(JAVA_LONG, OF_MAX_BITRATE_BPS); }
        public ViewerLimits maxBitrateBps(long value) { segment.set(JAVA_LONG, OF_MAX_BITRATE_BPS, value); return this; }
        public long variant() { return segment.get(JAVA_LONG, OF_VARIANT); }
        public ViewerLimits variant(long value) { segment.set(JAVA_LONG, OF_VARIANT, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public ViewerLimits flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public ViewerLimits reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
    }

    public static final class Callbacks extends Struct {
        public static final StructLayout LAYOUT = struct(
                "callbacks",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("user_data"),
                ADDRESS.withName("free_user_data"),
                ADDRESS.withName("on_stream_state"),
                ADDRESS.withName("on_session_state"),
                ADDRESS.withName("on_keyframe_request"),
                ADDRESS.withName("on_authorize"),
                ADDRESS.withName("on_session_quality"),
                ADDRESS.withName("on_output_state"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_FREE_USER_DATA = offset(LAYOUT, "free_user_data");
        private static final long OF_ON_STREAM_STATE = offset(LAYOUT, "on_stream_state");
        private static final long OF_ON_SESSION_STATE = offset(LAYOUT, "on_session_state");
        private static final long OF_ON_KEYFRAME_REQUEST = offset(LAYOUT, "on_keyframe_request");
        private static final long OF_ON_AUTHORIZE = offset(LAYOUT, "on_authorize");
        private static final long OF_ON_SESSION_QUALITY = offset(LAYOUT, "on_session_quality");
        private static final long OF_ON_OUTPUT_STATE = offset(LAYOUT, "on_output_state");

        public Callbacks(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public Callbacks(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public Callbacks userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public MemorySegment freeUserData() { return segment.get(ADDRESS, OF_FREE_USER_DATA); }
        public Callbacks freeUserData(MemorySegment value) { segment.set(ADDRESS, OF_FREE_USER_DATA, value); return this; }
        public MemorySegment onStreamState() { return segment.get(ADDRESS, OF_ON_STREAM_STATE); }
        public Callbacks onStreamState(MemorySegment value) { segment.set(ADDRESS, OF_ON_STREAM_STATE, value); return this; }
        public MemorySegment onSessionState() { return segment.get(ADDRESS, OF_ON_SESSION_STATE); }
        public Callbacks onSessionState(MemorySegment value) { segment.set(ADDRESS, OF_ON_SESSION_STATE, value); return this; }
        public MemorySegment onKeyframeRequest() { return segment.get(ADDRESS, OF_ON_KEYFRAME_REQUEST); }
        public Callbacks onKeyframeRequest(MemorySegment value) { segment.set(ADDRESS, OF_ON_KEYFRAME_REQUEST, value); return this; }
        public MemorySegment onAuthorize() { return segment.get(ADDRESS, OF_ON_AUTHORIZE); }
        public Callbacks onAuthorize(MemorySegment value) { segment.set(ADDRESS, OF_ON_AUTHORIZE, value); return this; }
        public MemorySegment onSessionQuality() { return segment.get(ADDRESS, OF_ON_SESSION_QUALITY); }
        public Callbacks onSessionQuality(MemorySegment value) { segment.set(ADDRESS, OF_ON_SESSION_QUALITY, value); return this; }
        public MemorySegment onOutputState() { return segment.get(ADDRESS, OF_ON_OUTPUT_STATE); }
        public Callbacks onOutputState(MemorySegment value) { segment.set(ADDRESS, OF_ON_OUTPUT_STATE, value); return this; }
    }

    public static final class Config extends Struct {
        public static final StructLayout LAYOUT = struct(
                "config",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("udp_bind"),
                ADDRESS.withName("public_addresses"),
                JAVA_LONG.withName("public_addresses_len"),
                ADDRESS.withName("tuning"),
                JAVA_LONG.withName("tuning_len"),
                ADDRESS.withName("callbacks"),
                ADDRESS.withName("bearer_tokens"),
                JAVA_LONG.withName("bearer_tokens_len"),
                ADDRESS.withName("ice_servers"),
                JAVA_LONG.withName("ice_servers_len"),
                ADDRESS.withName("allowed_origins"),
                JAVA_LONG.withName("allowed_origins_len"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("interfaces"),
                JAVA_LONG.withName("interfaces_len"),
                ADDRESS.withName("stun_servers"),
                JAVA_LONG.withName("stun_servers_len"),
                JAVA_INT.withName("udp_fd"),
                JAVA_INT.withName("tcp_fd"),
                ADDRESS.withName("turn_servers"),
                JAVA_LONG.withName("turn_servers_len"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_UDP_BIND = offset(LAYOUT, "udp_bind");
        private static final long OF_PUBLIC_ADDRESSES = offset(LAYOUT, "public_addresses");
        private static final long OF_PUBLIC_ADDRESSES_LEN = offset(LAYOUT, "public_addresses_len");
        private static final long OF_TUNING = offset(LAYOUT, "tuning");
        private static final long OF_TUNING_LEN = offset(LAYOUT, "tuning_len");
        private static final long OF_CALLBACKS = offset(LAYOUT, "callbacks");
        private static final long OF_BEARER_TOKENS = offset(LAYOUT, "bearer_tokens");
        private static final long OF_BEARER_TOKENS_LEN = offset(LAYOUT, "bearer_tokens_len");
        private static final long OF_ICE_SERVERS = offset(LAYOUT, "ice_servers");
        private static final long OF_ICE_SERVERS_LEN = offset(LAYOUT, "ice_servers_len");
        private static final long OF_ALLOWED_ORIGINS = offset(LAYOUT, "allowed_origins");
        private static final long OF_ALLOWED_ORIGINS_LEN = offset(LAYOUT, "allowed_origins_len");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_INTERFACES = offset(LAYOUT, "interfaces");
        private static final long OF_INTERFACES_LEN = offset(LAYOUT, "interfaces_len");
        private static final long OF_STUN_SERVERS = offset(LAYOUT, "stun_servers");
        private static final long OF_STUN_SERVERS_LEN = offset(LAYOUT, "stun_servers_len");
        private static final long OF_UDP_FD = offset(LAYOUT, "udp_fd");
        private static final long OF_TCP_FD = offset(LAYOUT, "tcp_fd");
        private static final long OF_TURN_SERVERS = offset(LAYOUT, "turn_servers");
        private static final long OF_TURN_SERVERS_LEN = offset(LAYOUT, "turn_servers_len");

        public Config(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public Config(MemorySegment passed) { super(LAYOUT, passed, OF_UDP_BIND); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String udpBind() { return Native.text(segment.get(ADDRESS, OF_UDP_BIND)); }
        public Config udpBind(String value) { text(OF_UDP_BIND, value); return this; }
        public MemorySegment publicAddresses() { return segment.get(ADDRESS, OF_PUBLIC_ADDRESSES); }
        public Config publicAddresses(MemorySegment value) { segment.set(ADDRESS, OF_PUBLIC_ADDRESSES, value); return this; }
        public long publicAddressesLen() { return segment.get(JAVA_LONG, OF_PUBLIC_ADDRESSES_LEN); }
        public Config publicAddressesLen(long value) { segment.set(JAVA_LONG, OF_PUBLIC_ADDRESSES_LEN, value); return this; }
        public MemorySegment tuning() { return segment.get(ADDRESS, OF_TUNING); }
        public Config tuning(MemorySegment value) { segment.set(ADDRESS, OF_TUNING, value); return this; }
        public long tuningLen() { return segment.get(JAVA_LONG, OF_TUNING_LEN); }
        public Config tuningLen(long value) { segment.set(JAVA_LONG, OF_TUNING_LEN, value); return this; }
        public MemorySegment callbacks() { return segment.get(ADDRESS, OF_CALLBACKS); }
        public Config callbacks(MemorySegment value) { segment.set(ADDRESS, OF_CALLBACKS, value); return this; }
        public MemorySegment bearerTokens() { return segment.get(ADDRESS, OF_BEARER_TOKENS); }
        public Config bearerTokens(MemorySegment value) { segment.set(ADDRESS, OF_BEARER_TOKENS, value); return this; }
        public long bearerTokensLen() { return segment.get(JAVA_LONG, OF_BEARER_TOKENS_LEN); }
        public Config bearerTokensLen(long value) { segment.set(JAVA_LONG, OF_BEARER_TOKENS_LEN, value); return this; }
        public MemorySegment iceServers() { return segment.get(ADDRESS, OF_ICE_SERVERS); }
        public Config iceServers(MemorySegment value) { segment.set(ADDRESS, OF_ICE_SERVERS, value); return this; }
        public long iceServersLen() { return segment.get(JAVA_LONG, OF_ICE_SERVERS_LEN); }
        public Config iceServersLen(long value) { segment.set(JAVA_LONG, OF_ICE_SERVERS_LEN, value); return this; }
        public MemorySegment allowedOrigins() { return segment.get(ADDRESS, OF_ALLOWED_ORIGINS); }
        public Config allowedOrigins(MemorySegment value) { segment.set(ADDRESS, OF_ALLOWED_ORIGINS, value); return this; }
        public long allowedOriginsLen() { return segment.get(JAVA_LONG, OF_ALLOWED_ORIGINS_LEN); }
        public Config allowedOriginsLen(long value) { segment.set(JAVA_LONG, OF_ALLOWED_ORIGINS_LEN, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public Config flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public Config reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public MemorySegment interfaces() { return segment.get(ADDRESS, OF_INTERFACES); }
        public Config interfaces(MemorySegment value) { segment.set(ADDRESS, OF_INTERFACES, value); return this; }
        public long interfacesLen() { return segment.get(JAVA_LONG, OF_INTERFACES_LEN); }
        public Config interfacesLen(long value) { segment.set(JAVA_LONG, OF_INTERFACES_LEN, value); return this; }
        public MemorySegment stunServers() { return segment.get(ADDRESS, OF_STUN_SERVERS); }
        public Config stunServers(MemorySegment value) { segment.set(ADDRESS, OF_STUN_SERVERS, value); return this; }
        public long stunServersLen() { return segment.get(JAVA_LONG, OF_STUN_SERVERS_LEN); }
        public Config stunServersLen(long value) { segment.set(JAVA_LONG, OF_STUN_SERVERS_LEN, value); return this; }
        public int udpFd() { return segment.get(JAVA_INT, OF_UDP_FD); }
        public Config udpFd(int value) { segment.set(JAVA_INT, OF_UDP_FD, value); return this; }
        public int tcpFd() { return segment.get(JAVA_INT, OF_TCP_FD); }
        public Config tcpFd(int value) { segment.set(JAVA_INT, OF_TCP_FD, value); return this; }
        public MemorySegment turnServers() { return segment.get(ADDRESS, OF_TURN_SERVERS); }
        public Config turnServers(MemorySegment value) { segment.set(ADDRESS, OF_TURN_SERVERS, value); return this; }
        public long turnServersLen() { return segment.get(JAVA_LONG, OF_TURN_SERVERS_LEN); }
        public Config turnServersLen(long value) { segment.set(JAVA_LONG, OF_TURN_SERVERS_LEN, value); return this; }
    }

    public static final class PullOptions extends Struct {
        public static final StructLayout LAYOUT = struct(
                "pull_options",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("url"),
                ADDRESS.withName("username"),
                ADDRESS.withName("password"),
                JAVA_INT.withName("transport"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("connect_timeout_ms"),
                JAVA_INT.withName("idle_timeout_ms"),
                JAVA_INT.withName("retry_min_ms"),
                JAVA_INT.withName("retry_max_ms"),
                JAVA_INT.withName("linger_ms"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("label"),
                ADDRESS.withName("user_data"),
                ADDRESS.withName("tls_ca"),
                ADDRESS.withName("tls_fingerprint"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_URL = offset(LAYOUT, "url");
        private static final long OF_USERNAME = offset(LAYOUT, "username");
        private static final long OF_PASSWORD = offset(LAYOUT, "password");
        private static final long OF_TRANSPORT = offset(LAYOUT, "transport");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_CONNECT_TIMEOUT_MS = offset(LAYOUT, "connect_timeout_ms");
        private static final long OF_IDLE_TIMEOUT_MS = offset(LAYOUT, "idle_timeout_ms");
        private static final long OF_RETRY_MIN_MS = offset(LAYOUT, "retry_min_ms");
        private static final long OF_RETRY_MAX_MS = offset(LAYOUT, "retry_max_ms");
        private static final long OF_LINGER_MS = offset(LAYOUT, "linger_ms");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_TLS_CA = offset(LAYOUT, "tls_ca");
        private static final long OF_TLS_FINGERPRINT = offset(LAYOUT, "tls_fingerprint");

        public PullOptions(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public PullOptions(MemorySegment passed) { super(LAYOUT, passed, OF_URL, OF_USERNAME, OF_PASSWORD, OF_LABEL, OF_TLS_CA, OF_TLS_FINGERPRINT); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String url() { return Native.text(segment.get(ADDRESS, OF_URL)); }
        public PullOptions url(String value) { text(OF_URL, value); return this; }
        public String username() { return Native.text(segment.get(ADDRESS, OF_USERNAME)); }
        public PullOptions username(String value) { text(OF_USERNAME, value); return this; }
        public String password() { return Native.text(segment.get(ADDRESS, OF_PASSWORD)); }
        public PullOptions password(String value) { text(OF_PASSWORD, value); return this; }
        public int transport() { return segment.get(JAVA_INT, OF_TRANSPORT); }
        public PullOptions transport(int value) { segment.set(JAVA_INT, OF_TRANSPORT, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public PullOptions flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int connectTimeoutMs() { return segment.get(JAVA_INT, OF_CONNECT_TIMEOUT_MS); }
        public PullOptions connectTimeoutMs(int value) { segment.set(JAVA_INT, OF_CONNECT_TIMEOUT_MS, value); return this; }
        public int idleTimeoutMs() { return segment.get(JAVA_INT, OF_IDLE_TIMEOUT_MS); }
        public PullOptions idleTimeoutMs(int value) { segment.set(JAVA_INT, OF_IDLE_TIMEOUT_MS, value); return this; }
        public int retryMinMs() { return segment.get(JAVA_INT, OF_RETRY_MIN_MS); }
        public PullOptions retryMinMs(int value) { segment.set(JAVA_INT, OF_RETRY_MIN_MS, value); return this; }
        public int retryMaxMs() { return segment.get(JAVA_INT, OF_RETRY_MAX_MS); }
        public PullOptions retryMaxMs(int value) { segment.set(JAVA_INT, OF_RETRY_MAX_MS, value); return this; }
        public int lingerMs() { return segment.get(JAVA_INT, OF_LINGER_MS); }
        public PullOptions lingerMs(int value) { segment.set(JAVA_INT, OF_LINGER_MS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public PullOptions reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public PullOptions label(String value) { text(OF_LABEL, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public PullOptions userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public String tlsCa() { return Native.text(segment.get(ADDRESS, OF_TLS_CA)); }
        public PullOptions tlsCa(String value) { text(OF_TLS_CA, value); return this; }
        public String tlsFingerprint() { return Native.text(segment.get(ADDRESS, OF_TLS_FINGERPRINT)); }
        public PullOptions tlsFingerprint(String value) { text(OF_TLS_FINGERPRINT, value); return this; }
    }

    public static final class StreamInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "stream_info",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("status"),
                JAVA_INT.withName("video_codec"),
                JAVA_INT.withName("audio_codec"),
                JAVA_INT.withName("width"),
                JAVA_INT.withName("height"),
                JAVA_INT.withName("sessions"),
                JAVA_INT.withName("reconnects"),
                JAVA_LONG.withName("bytes"),
                JAVA_LONG.withName("packets_lost"),
                JAVA_LONG.withName("frames"),
                JAVA_LONG.withName("keyframes"),
                JAVA_LONG.withName("since_last_media_ms"),
                MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("message"),
                JAVA_LONG.withName("frames_dropped"),
                JAVA_LONG.withName("keyframe_requests"),
                JAVA_LONG.withName("bitrate_bps"),
                ADDRESS.withName("user_data"),
                MemoryLayout.sequenceLayout(136, JAVA_BYTE).withName("name"),
                MemoryLayout.sequenceLayout(136, JAVA_BYTE).withName("label"),
                MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("quirks"),
                JAVA_INT.withName("warning"),
                MemoryLayout.sequenceLayout(252, JAVA_BYTE).withName("warning_message"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_STATUS = offset(LAYOUT, "status");
        private static final long OF_VIDEO_CODEC = offset(LAYOUT, "video_codec");
        private static final long OF_AUDIO_CODEC = offset(LAYOUT, "audio_codec");
        private static final long OF_WIDTH = offset(LAYOUT, "width");
        private static final long OF_HEIGHT = offset(LAYOUT, "height");
        private static final long OF_SESSIONS = offset(LAYOUT, "sessions");
        private static final long OF_RECONNECTS = offset(LAYOUT, "reconnects");
        private static final long OF_BYTES = offset(LAYOUT, "bytes");
        private static final long OF_PACKETS_LOST = offset(LAYOUT, "packets_lost");
        private static final long OF_FRAMES = offset(LAYOUT, "frames");
        private static final long OF_KEYFRAMES = offset(LAYOUT, "keyframes");
        private static final long OF_SINCE_LAST_MEDIA_MS = offset(LAYOUT, "since_last_media_ms");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_FRAMES_DROPPED = offset(LAYOUT, "frames_dropped");
        private static final long OF_KEYFRAME_REQUESTS = offset(LAYOUT, "keyframe_requests");
        private static final long OF_BITRATE_BPS = offset(LAYOUT, "bitrate_bps");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_NAME = offset(LAYOUT, "name");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_QUIRKS = offset(LAYOUT, "quirks");
        private static final long OF_WARNING = offset(LAYOUT, "warning");
        private static final long OF_WARNING_MESSAGE = offset(LAYOUT, "warning_message");

        public StreamInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public StreamInfo(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public StreamInfo state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int status() { return segment.get(JAVA_INT, OF_STATUS); }
        public StreamInfo status(int value) { segment.set(JAVA_INT, OF_STATUS, value); return this; }
        public int videoCodec() { return segment.get(JAVA_INT, OF_VIDEO_CODEC); }
        public StreamInfo videoCodec(int value) { segment.set(JAVA_INT, OF_VIDEO_CODEC, value); return this; }
        public int audioCodec() { return segment.get(JAVA_INT, OF_AUDIO_CODEC); }
        public StreamInfo audioCodec(int value) { segment.set(JAVA_INT, OF_AUDIO_CODEC, value); return this; }
        public int width() { return segment.get(JAVA_INT, OF_WIDTH); }
        public StreamInfo width(int value) { segment.set(JAVA_INT, OF_WIDTH, value); return this; }
        public int height() { return segment.get(JAVA_INT, OF_HEIGHT); }
        public StreamInfo height(int value) { segment.set(JAVA_INT, OF_HEIGHT, value); return this; }
        public int sessions() { return segment.get(JAVA_INT, OF_SESSIONS); }
        public StreamInfo sessions(int value) { segment.set(JAVA_INT, OF_SESSIONS, value); return this; }
        public int reconnects() { return segment.get(JAVA_INT, OF_RECONNECTS); }
        public StreamInfo reconnects(int value) { segment.set(JAVA_INT, OF_RECONNECTS, value); return this; }
        public long bytes() { return segment.get(JAVA_LONG, OF_BYTES); }
        public StreamInfo bytes(long value) { segment.set(JAVA_LONG, OF_BYTES, value); return this; }
        public long packetsLost() { return segment.get(JAVA_LONG, OF_PACKETS_LOST); }
        public StreamInfo packetsLost(long value) { segment.set(JAVA_LONG, OF_PACKETS_LOST, value); return this; }
        public long frames() { return segment.get(JAVA_LONG, OF_FRAMES); }
        public StreamInfo frames(long value) { segment.set(JAVA_LONG, OF_FRAMES, value); return this; }
        public long keyframes() { return segment.get(JAVA_LONG, OF_KEYFRAMES); }
        public StreamInfo keyframes(long value) { segment.set(JAVA_LONG, OF_KEYFRAMES, value); return this; }
        public long sinceLastMediaMs() { return segment.get(JAVA_LONG, OF_SINCE_LAST_MEDIA_MS); }
        public StreamInfo sinceLastMediaMs(long value) { segment.set(JAVA_LONG, OF_SINCE_LAST_MEDIA_MS, value); return this; }
        public String message() { return segment.asSlice(OF_MESSAGE, 256).getString(0); }
        public long framesDropped() { return segment.get(JAVA_LONG, OF_FRAMES_DROPPED); }
        public StreamInfo framesDropped(long value) { segment.set(JAVA_LONG, OF_FRAMES_DROPPED, value); return this; }
        public long keyframeRequests() { return segment.get(JAVA_LONG, OF_KEYFRAME_REQUESTS); }
        public StreamInfo keyframeRequests(long value) { segment.set(JAVA_LONG, OF_KEYFRAME_REQUESTS, value); return this; }
        public long bitrateBps() { return segment.get(JAVA_LONG, OF_BITRATE_BPS); }
        public StreamInfo bitrateBps(long value) { segment.set(JAVA_LONG, OF_BITRATE_BPS, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public StreamInfo userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public String name() { return segment.asSlice(OF_NAME, 136).getString(0); }
        public String label() { return segment.asSlice(OF_LABEL, 136).getString(0); }
        public String quirks() { return segment.asSlice(OF_QUIRKS, 256).getString(0); }
        public int warning() { return segment.get(JAVA_INT, OF_WARNING); }
        public StreamInfo warning(int value) { segment.set(JAVA_INT, OF_WARNING, value); return this; }
        public String warningMessage() { return segment.asSlice(OF_WARNING_MESSAGE, 252).getString(0); }
    }

    public static final class PushOptions extends Struct {
        public static final StructLayout LAYOUT = struct(
                "push_options",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("video_codec"),
                JAVA_INT.withName("audio_codec"),
                JAVA_INT.withName("audio_sample_rate"),
                JAVA_INT.withName("audio_channels"),
                JAVA_INT.withName("queue_frames"),
                JAVA_INT.withName("flags"),
                ADDRESS.withName("label"),
                ADDRESS.withName("user_data"),
                ADDRESS.withName("codec_config"),
                JAVA_LONG.withName("codec_config_size"),
                JAVA_INT.withName("idle_timeout_ms"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("audio_config"),
                JAVA_LONG.withName("audio_config_size"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_VIDEO_CODEC = offset(LAYOUT, "video_codec");
        private static final long OF_AUDIO_CODEC = offset(LAYOUT, "audio_codec");
        private static final long OF_AUDIO_SAMPLE_RATE = offset(LAYOUT, "audio_sample_rate");
        private static final long OF_AUDIO_CHANNELS = offset(LAYOUT, "audio_channels");
        private static final long OF_QUEUE_FRAMES = offset(LAYOUT, "queue_frames");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_CODEC_CONFIG = offset(LAYOUT, "codec_config");
        private static final long OF_CODEC_CONFIG_SIZE = offset(LAYOUT, "codec_config_size");
        private static final long OF_IDLE_TIMEOUT_MS = offset(LAYOUT, "idle_timeout_ms");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_AUDIO_CONFIG = offset(LAYOUT, "audio_config");
        private static final long OF_AUDIO_CONFIG_SIZE = offset(LAYOUT, "audio_config_size");

        public PushOptions(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public PushOptions(MemorySegment passed) { super(LAYOUT, passed, OF_LABEL); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int videoCodec() { return segment.get(JAVA_INT, OF_VIDEO_CODEC); }
        public PushOptions videoCodec(int value) { segment.set(JAVA_INT, OF_VIDEO_CODEC, value); return this; }
        public int audioCodec() { return segment.get(JAVA_INT, OF_AUDIO_CODEC); }
        public PushOptions audioCodec(int value) { segment.set(JAVA_INT, OF_AUDIO_CODEC, value); return this; }
        public int audioSampleRate() { return segment.get(JAVA_INT, OF_AUDIO_SAMPLE_RATE); }
        public PushOptions audioSampleRate(int value) { segment.set(JAVA_INT, OF_AUDIO_SAMPLE_RATE, value); return this; }
        public int audioChannels() { return segment.get(JAVA_INT, OF_AUDIO_CHANNELS); }
        public PushOptions audioChannels(int value) { segment.set(JAVA_INT, OF_AUDIO_CHANNELS, value); return this; }
        public int queueFrames() { return segment.get(JAVA_INT, OF_QUEUE_FRAMES); }
        public PushOptions queueFrames(int value) { segment.set(JAVA_INT, OF_QUEUE_FRAMES, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public PushOptions flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public PushOptions label(String value) { text(OF_LABEL, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public PushOptions userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public MemorySegment codecConfig() { return segment.get(ADDRESS, OF_CODEC_CONFIG); }
        public PushOptions codecConfig(MemorySegment value) { segment.set(ADDRESS, OF_CODEC_CONFIG, value); return this; }
        public long codecConfigSize() { return segment.get(JAVA_LONG, OF_CODEC_CONFIG_SIZE); }
        public PushOptions codecConfigSize(long value) { segment.set(JAVA_LONG, OF_CODEC_CONFIG_SIZE, value); return this; }
        public int idleTimeoutMs() { return segment.get(JAVA_INT, OF_IDLE_TIMEOUT_MS); }
        public PushOptions idleTimeoutMs(int value) { segment.set(JAVA_INT, OF_IDLE_TIMEOUT_MS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public PushOptions reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public MemorySegment audioConfig() { return segment.get(ADDRESS, OF_AUDIO_CONFIG); }
        public PushOptions audioConfig(MemorySegment value) { segment.set(ADDRESS, OF_AUDIO_CONFIG, value); return this; }
        public long audioConfigSize() { return segment.get(JAVA_LONG, OF_AUDIO_CONFIG_SIZE); }
        public PushOptions audioConfigSize(long value) { segment.set(JAVA_LONG, OF_AUDIO_CONFIG_SIZE, value); return this; }
    }

    public static final class Frame extends Struct {
        public static final StructLayout LAYOUT = struct(
                "frame",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("data"),
                JAVA_LONG.withName("size"),
                JAVA_LONG.withName("pts_us"),
                JAVA_LONG.withName("capture_unix_us"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("reserved"),
                ADDRESS.withName("release"),
                ADDRESS.withName("release_data"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_DATA = offset(LAYOUT, "data");
        private static final long OF_SIZE = offset(LAYOUT, "size");
        private static final long OF_PTS_US = offset(LAYOUT, "pts_us");
        private static final long OF_CAPTURE_UNIX_US = offset(LAYOUT, "capture_unix_us");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_RELEASE = offset(LAYOUT, "release");
        private static final long OF_RELEASE_DATA = offset(LAYOUT, "release_data");

        public Frame(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public Frame(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public MemorySegment data() { return segment.get(ADDRESS, OF_DATA); }
        public Frame data(MemorySegment value) { segment.set(ADDRESS, OF_DATA, value); return this; }
        public long size() { return segment.get(JAVA_LONG, OF_SIZE); }
        public Frame size(long value) { segment.set(JAVA_LONG, OF_SIZE, value); return this; }
        public long ptsUs() { return segment.get(JAVA_LONG, OF_PTS_US); }
        public Frame ptsUs(long value) { segment.set(JAVA_LONG, OF_PTS_US, value); return this; }
        public long captureUnixUs() { return segment.get(JAVA_LONG, OF_CAPTURE_UNIX_US); }
        public Frame captureUnixUs(long value) { segment.set(JAVA_LONG, OF_CAPTURE_UNIX_US, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public Frame flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public Frame reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public MemorySegment release() { return segment.get(ADDRESS, OF_RELEASE); }
        public Frame release(MemorySegment value) { segment.set(ADDRESS, OF_RELEASE, value); return this; }
        public MemorySegment releaseData() { return segment.get(ADDRESS, OF_RELEASE_DATA); }
        public Frame releaseData(MemorySegment value) { segment.set(ADDRESS, OF_RELEASE_DATA, value); return this; }
    }

    public static final class SinkOptions extends Struct {
        public static final StructLayout LAYOUT = struct(
                "sink_options",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("queue_frames"),
                JAVA_LONG.withName("queue_bytes"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_QUEUE_FRAMES = offset(LAYOUT, "queue_frames");
        private static final long OF_QUEUE_BYTES = offset(LAYOUT, "queue_bytes");

        public SinkOptions(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SinkOptions(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public SinkOptions flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int queueFrames() { return segment.get(JAVA_INT, OF_QUEUE_FRAMES); }
        public SinkOptions queueFrames(int value) { segment.set(JAVA_INT, OF_QUEUE_FRAMES, value); return this; }
        public long queueBytes() { return segment.get(JAVA_LONG, OF_QUEUE_BYTES); }
        public SinkOptions queueBytes(long value) { segment.set(JAVA_LONG, OF_QUEUE_BYTES, value); return this; }
    }

    public static final class SinkFrame extends Struct {
        public static final StructLayout LAYOUT = struct(
                "sink_frame",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("track"),
                JAVA_INT.withName("codec"),
                ADDRESS.withName("data"),
                JAVA_LONG.withName("size"),
                ADDRESS.withName("parameters"),
                JAVA_LONG.withName("parameters_size"),
                JAVA_LONG.withName("pts_us"),
                JAVA_LONG.withName("capture_unix_us"),
                JAVA_LONG.withName("arrival_unix_us"),
                JAVA_LONG.withName("age_us"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("width"),
                JAVA_INT.withName("height"),
                JAVA_INT.withName("sample_rate"),
                JAVA_INT.withName("channels"),
                JAVA_INT.withName("packets_lost"),
                JAVA_INT.withName("frames_dropped"),
                JAVA_INT.withName("reserved"),
                MemoryLayout.sequenceLayout(24, JAVA_BYTE).withName("encoding"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_TRACK = offset(LAYOUT, "track");
        private static final long OF_CODEC = offset(LAYOUT, "codec");
        private static final long OF_DATA = offset(LAYOUT, "data");
        private static final long OF_SIZE = offset(LAYOUT, "size");
        private static final long OF_PARAMETERS = offset(LAYOUT, "parameters");
        private static final long OF_PARAMETERS_SIZE = offset(LAYOUT, "parameters_size");
        private static final long OF_PTS_US = offset(LAYOUT, "pts_us");
        private static final long OF_CAPTURE_UNIX_US = offset(LAYOUT, "capture_unix_us");
        private static final long OF_ARRIVAL_UNIX_US = offset(LAYOUT, "arrival_unix_us");
        private static final long OF_AGE_US = offset(LAYOUT, "age_us");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_WIDTH = offset(LAYOUT, "width");
        private static final long OF_HEIGHT = offset(LAYOUT, "height");
        private static final long OF_SAMPLE_RATE = offset(LAYOUT, "sample_rate");
        private static final long OF_CHANNELS = offset(LAYOUT, "channels");
        private static final long OF_PACKETS_LOST = offset(LAYOUT, "packets_lost");
        private static final long OF_FRAMES_DROPPED = offset(LAYOUT, "frames_dropped");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_ENCODING = offset(LAYOUT, "encoding");

        public SinkFrame(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SinkFrame(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int track() { return segment.get(JAVA_INT, OF_TRACK); }
        public SinkFrame track(int value) { segment.set(JAVA_INT, OF_TRACK, value); return this; }
        public int codec() { return segment.get(JAVA_INT, OF_CODEC); }
        public SinkFrame codec(int value) { segment.set(JAVA_INT, OF_CODEC, value); return this; }
        public MemorySegment data() { return segment.get(ADDRESS, OF_DATA); }
        public SinkFrame data(MemorySegment value) { segment.set(ADDRESS, OF_DATA, value); return this; }
        public long size() { return segment.get(JAVA_LONG, OF_SIZE); }
        public SinkFrame size(long value) { segment.set(JAVA_LONG, OF_SIZE, value); return this; }
        public MemorySegment parameters() { return segment.get(ADDRESS, OF_PARAMETERS); }
        public SinkFrame parameters(MemorySegment value) { segment.set(ADDRESS, OF_PARAMETERS, value); return this; }
        public long parametersSize() { return segment.get(JAVA_LONG, OF_PARAMETERS_SIZE); }
        public SinkFrame parametersSize(long value) { segment.set(JAVA_LONG, OF_PARAMETERS_SIZE, value); return this; }
        public long ptsUs() { return segment.get(JAVA_LONG, OF_PTS_US); }
        public SinkFrame ptsUs(long value) { segment.set(JAVA_LONG, OF_PTS_US, value); return this; }
        public long captureUnixUs() { return segment.get(JAVA_LONG, OF_CAPTURE_UNIX_US); }
        public SinkFrame captureUnixUs(long value) { segment.set(JAVA_LONG, OF_CAPTURE_UNIX_US, value); return this; }
        public long arrivalUnixUs() { return segment.get(JAVA_LONG, OF_ARRIVAL_UNIX_US); }
        public SinkFrame arrivalUnixUs(long value) { segment.set(JAVA_LONG, OF_ARRIVAL_UNIX_US, value); return this; }
        public long ageUs() { return segment.get(JAVA_LONG, OF_AGE_US); }
        public SinkFrame ageUs(long value) { segment.set(JAVA_LONG, OF_AGE_US, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public SinkFrame flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int width() { return segment.get(JAVA_INT, OF_WIDTH); }
        public SinkFrame width(int value) { segment.set(JAVA_INT, OF_WIDTH, value); return this; }
        public int height() { return segment.get(JAVA_INT, OF_HEIGHT); }
        public SinkFrame height(int value) { segment.set(JAVA_INT, OF_HEIGHT, value); return this; }
        public int sampleRate() { return segment.get(JAVA_INT, OF_SAMPLE_RATE); }
        public SinkFrame sampleRate(int value) { segment.set(JAVA_INT, OF_SAMPLE_RATE, value); return this; }
        public int channels() { return segment.get(JAVA_INT, OF_CHANNELS); }
        public SinkFrame channels(int value) { segment.set(JAVA_INT, OF_CHANNELS, value); return this; }
        public int packetsLost() { return segment.get(JAVA_INT, OF_PACKETS_LOST); }
        public SinkFrame packetsLost(int value) { segment.set(JAVA_INT, OF_PACKETS_LOST, value); return this; }
        public int framesDropped() { return segment.get(JAVA_INT, OF_FRAMES_DROPPED); }
        public SinkFrame framesDropped(int value) { segment.set(JAVA_INT, OF_FRAMES_DROPPED, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public SinkFrame reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public String encoding() { return segment.asSlice(OF_ENCODING, 24).getString(0); }
    }

    public static final class SinkInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "sink_info",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("frames"),
                JAVA_LONG.withName("bytes"),
                JAVA_LONG.withName("frames_dropped"),
                JAVA_LONG.withName("overflows"),
                JAVA_LONG.withName("queued_bytes"),
                JAVA_INT.withName("queued_frames"),
                JAVA_INT.withName("reserved"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_FRAMES = offset(LAYOUT, "frames");
        private static final long OF_BYTES = offset(LAYOUT, "bytes");
        private static final long OF_FRAMES_DROPPED = offset(LAYOUT, "frames_dropped");
        private static final long OF_OVERFLOWS = offset(LAYOUT, "overflows");
        private static final long OF_QUEUED_BYTES = offset(LAYOUT, "queued_bytes");
        private static final long OF_QUEUED_FRAMES = offset(LAYOUT, "queued_frames");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");

        public SinkInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SinkInfo(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public SinkInfo stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long frames() { return segment.get(JAVA_LONG, OF_FRAMES); }
        public SinkInfo frames(long value) { segment.set(JAVA_LONG, OF_FRAMES, value); return this; }
        public long bytes() { return segment.get(JAVA_LONG, OF_BYTES); }
        public SinkInfo bytes(long value) { segment.set(JAVA_LONG, OF_BYTES, value); return this; }
        public long framesDropped() { return segment.get(JAVA_LONG, OF_FRAMES_DROPPED); }
        public SinkInfo framesDropped(long value) { segment.set(JAVA_LONG, OF_FRAMES_DROPPED, value); return this; }
        public long overflows() { return segment.get(JAVA_LONG, OF_OVERFLOWS); }
        public SinkInfo overflows(long value) { segment.set(JAVA_LONG, OF_OVERFLOWS, value); return this; }
        public long queuedBytes() { return segment.get(JAVA_LONG, OF_QUEUED_BYTES); }
        public SinkInfo queuedBytes(long value) { segment.set(JAVA_LONG, OF_QUEUED_BYTES, value); return this; }
        public int queuedFrames() { return segment.get(JAVA_INT, OF_QUEUED_FRAMES); }
        public SinkInfo queuedFrames(int value) { segment.set(JAVA_INT, OF_QUEUED_FRAMES, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public SinkInfo reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
    }

    public static final class OutputOptions extends Struct {
        public static final StructLayout LAYOUT = struct(
                "output_options",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("url"),
                ADDRESS.withName("bearer_token"),
                ADDRESS.withName("tls_ca"),
                ADDRESS.withName("tls_fingerprint"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("reserved"),
                JAVA_LONG.withName("max_bitrate_bps"),
                ADDRESS.withName("label"),
                ADDRESS.withName("user_data"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_URL = offset(LAYOUT, "url");
        private static final long OF_BEARER_TOKEN = offset(LAYOUT, "bearer_token");
        private static final long OF_TLS_CA = offset(LAYOUT, "tls_ca");
        private static final long OF_TLS_FINGERPRINT = offset(LAYOUT, "tls_fingerprint");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");
        private static final long OF_MAX_BITRATE_BPS = offset(LAYOUT, "max_bitrate_bps");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");

        public OutputOptions(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public OutputOptions(MemorySegment passed) { super(LAYOUT, passed, OF_URL, OF_BEARER_TOKEN, OF_TLS_CA, OF_TLS_FINGERPRINT, OF_LABEL); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String url() { return Native.text(segment.get(ADDRESS, OF_URL)); }
        public OutputOptions url(String value) { text(OF_URL, value); return this; }
        public String bearerToken() { return Native.text(segment.get(ADDRESS, OF_BEARER_TOKEN)); }
        public OutputOptions bearerToken(String value) { text(OF_BEARER_TOKEN, value); return this; }
        public String tlsCa() { return Native.text(segment.get(ADDRESS, OF_TLS_CA)); }
        public OutputOptions tlsCa(String value) { text(OF_TLS_CA, value); return this; }
        public String tlsFingerprint() { return Native.text(segment.get(ADDRESS, OF_TLS_FINGERPRINT)); }
        public OutputOptions tlsFingerprint(String value) { text(OF_TLS_FINGERPRINT, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public OutputOptions flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public OutputOptions reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
        public long maxBitrateBps() { return segment.get(JAVA_LONG, OF_MAX_BITRATE_BPS); }
        public OutputOptions maxBitrateBps(long value) { segment.set(JAVA_LONG, OF_MAX_BITRATE_BPS, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public OutputOptions label(String value) { text(OF_LABEL, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public OutputOptions userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
    }

    public static final class OutputInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "output_info",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("session"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("status"),
                JAVA_LONG.withName("attempts"),
                JAVA_LONG.withName("connections"),
                JAVA_LONG.withName("retry_in_ms"),
                ADDRESS.withName("user_data"),
                MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("message"),
                MemoryLayout.sequenceLayout(264, JAVA_BYTE).withName("server"),
                MemoryLayout.sequenceLayout(136, JAVA_BYTE).withName("label"),
                MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("warning"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_SESSION = offset(LAYOUT, "session");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_STATUS = offset(LAYOUT, "status");
        private static final long OF_ATTEMPTS = offset(LAYOUT, "attempts");
        private static final long OF_CONNECTIONS = offset(LAYOUT, "connections");
        private static final long OF_RETRY_IN_MS = offset(LAYOUT, "retry_in_ms");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_MESSAGE = offset(LAYOUT, "message");
        private static final long OF_SERVER = offset(LAYOUT, "server");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_WARNING = offset(LAYOUT, "warning");

        public OutputInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public OutputInfo(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public OutputInfo stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long session() { return segment.get(JAVA_LONG, OF_SESSION); }
        public OutputInfo session(long value) { segment.set(JAVA_LONG, OF_SESSION, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public OutputInfo state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int status() { return segment.get(JAVA_INT, OF_STATUS); }
        public OutputInfo status(int value) { segment.set(JAVA_INT, OF_STATUS, value); return this; }
        public long attempts() { return segment.get(JAVA_LONG, OF_ATTEMPTS); }
        public OutputInfo attempts(long value) { segment.set(JAVA_LONG, OF_ATTEMPTS, value); return this; }
        public long connections() { return segment.get(JAVA_LONG, OF_CONNECTIONS); }
        public OutputInfo connections(long value) { segment.set(JAVA_LONG, OF_CONNECTIONS, value); return this; }
        public long retryInMs() { return segment.get(JAVA_LONG, OF_RETRY_IN_MS); }
        public OutputInfo retryInMs(long value) { segment.set(JAVA_LONG, OF_RETRY_IN_MS, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public OutputInfo userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public String message() { return segment.asSlice(OF_MESSAGE, 256).getString(0); }
        public String server() { return segment.asSlice(OF_SERVER, 264).getString(0); }
        public String label() { return segment.asSlice(OF_LABEL, 136).getString(0); }
        public String warning() { return segment.asSlice(OF_WARNING, 256).getString(0); }
    }

    public static final class Offer extends Struct {
        public static final StructLayout LAYOUT = struct(
                "offer",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("stream_name"),
                ADDRESS.withName("sdp"),
                JAVA_LONG.withName("sdp_size"),
                ADDRESS.withName("location_prefix"),
                JAVA_INT.withName("timeout_ms"),
                JAVA_INT.withName("flags"),
                ADDRESS.withName("peer"),
                ADDRESS.withName("ice_servers"),
                JAVA_LONG.withName("ice_servers_len"),
                ADDRESS.withName("label"),
                ADDRESS.withName("user_data"),
                ADDRESS.withName("limits"),
                ADDRESS.withName("slots"),
                JAVA_LONG.withName("slots_len"),
                ADDRESS.withName("sound"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");
        private static final long OF_SDP = offset(LAYOUT, "sdp");
        private static final long OF_SDP_SIZE = offset(LAYOUT, "sdp_size");
        private static final long OF_LOCATION_PREFIX = offset(LAYOUT, "location_prefix");
        private static final long OF_TIMEOUT_MS = offset(LAYOUT, "timeout_ms");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_ICE_SERVERS = offset(LAYOUT, "ice_servers");
        private static final long OF_ICE_SERVERS_LEN = offset(LAYOUT, "ice_servers_len");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_LIMITS = offset(LAYOUT, "limits");
        private static final long OF_SLOTS = offset(LAYOUT, "slots");
        private static final long OF_SLOTS_LEN = offset(LAYOUT, "slots_len");
        private static final long OF_SOUND = offset(LAYOUT, "sound");

        public Offer(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public Offer(MemorySegment passed) { super(LAYOUT, passed, OF_STREAM_NAME, OF_SDP, OF_LOCATION_PREFIX, OF_PEER, OF_LABEL, OF_SOUND); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public Offer streamName(String value) { text(OF_STREAM_NAME, value); return this; }
        public String sdp() { return Native.text(segment.get(ADDRESS, OF_SDP)); }
        public Offer sdp(String value) { text(OF_SDP, value); return this; }
        public long sdpSize() { return segment.get(JAVA_LONG, OF_SDP_SIZE); }
        public Offer sdpSize(long value) { segment.set(JAVA_LONG, OF_SDP_SIZE, value); return this; }
        public String locationPrefix() { return Native.text(segment.get(ADDRESS, OF_LOCATION_PREFIX)); }
        public Offer locationPrefix(String value) { text(OF_LOCATION_PREFIX, value); return this; }
        public int timeoutMs() { return segment.get(JAVA_INT, OF_TIMEOUT_MS); }
        public Offer timeoutMs(int value) { segment.set(JAVA_INT, OF_TIMEOUT_MS, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public Offer flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public String peer() { return Native.text(segment.get(ADDRESS, OF_PEER)); }
        public Offer peer(String value) { text(OF_PEER, value); return this; }
        public MemorySegment iceServers() { return segment.get(ADDRESS, OF_ICE_SERVERS); }
        public Offer iceServers(MemorySegment value) { segment.set(ADDRESS, OF_ICE_SERVERS, value); return this; }
        public long iceServersLen() { return segment.get(JAVA_LONG, OF_ICE_SERVERS_LEN); }
        public Offer iceServersLen(long value) { segment.set(JAVA_LONG, OF_ICE_SERVERS_LEN, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public Offer label(String value) { text(OF_LABEL, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public Offer userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public MemorySegment limits() { return segment.get(ADDRESS, OF_LIMITS); }
        public Offer limits(MemorySegment value) { segment.set(ADDRESS, OF_LIMITS, value); return this; }
        public MemorySegment slots() { return segment.get(ADDRESS, OF_SLOTS); }
        public Offer slots(MemorySegment value) { segment.set(ADDRESS, OF_SLOTS, value); return this; }
        public long slotsLen() { return segment.get(JAVA_LONG, OF_SLOTS_LEN); }
        public Offer slotsLen(long value) { segment.set(JAVA_LONG, OF_SLOTS_LEN, value); return this; }
        public String sound() { return Native.text(segment.get(ADDRESS, OF_SOUND)); }
        public Offer sound(String value) { text(OF_SOUND, value); return this; }
    }

    public static final class HttpHeader extends Struct {
        public static final StructLayout LAYOUT = struct(
                "http_header",
                ADDRESS.withName("name"),
                ADDRESS.withName("value"));
        private static final long OF_NAME = offset(LAYOUT, "name");
        private static final long OF_VALUE = offset(LAYOUT, "value");

        public HttpHeader(SegmentAllocator allocator) { super(LAYOUT, allocator); }

        public String name() { return Native.text(segment.get(ADDRESS, OF_NAME)); }
        public HttpHeader name(String value) { text(OF_NAME, value); return this; }
        public String value() { return Native.text(segment.get(ADDRESS, OF_VALUE)); }
        public HttpHeader value(String value) { text(OF_VALUE, value); return this; }
    }

    public static final class HttpRequest extends Struct {
        public static final StructLayout LAYOUT = struct(
                "http_request",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("method"),
                ADDRESS.withName("path"),
                ADDRESS.withName("headers"),
                JAVA_LONG.withName("headers_len"),
                ADDRESS.withName("body"),
                JAVA_LONG.withName("body_size"),
                ADDRESS.withName("stream_name"),
                ADDRESS.withName("session_key"),
                ADDRESS.withName("location_prefix"),
                JAVA_INT.withName("timeout_ms"),
                JAVA_INT.withName("flags"),
                ADDRESS.withName("peer"),
                ADDRESS.withName("ice_servers"),
                JAVA_LONG.withName("ice_servers_len"),
                ADDRESS.withName("label"),
                ADDRESS.withName("user_data"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_METHOD = offset(LAYOUT, "method");
        private static final long OF_PATH = offset(LAYOUT, "path");
        private static final long OF_HEADERS = offset(LAYOUT, "headers");
        private static final long OF_HEADERS_LEN = offset(LAYOUT, "headers_len");
        private static final long OF_BODY = offset(LAYOUT, "body");
        private static final long OF_BODY_SIZE = offset(LAYOUT, "body_size");
        private static final long OF_STREAM_NAME = offset(LAYOUT, "stream_name");
        private static final long OF_SESSION_KEY = offset(LAYOUT, "session_key");
        private static final long OF_LOCATION_PREFIX = offset(LAYOUT, "location_prefix");
        private static final long OF_TIMEOUT_MS = offset(LAYOUT, "timeout_ms");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_ICE_SERVERS = offset(LAYOUT, "ice_servers");
        private static final long OF_ICE_SERVERS_LEN = offset(LAYOUT, "ice_servers_len");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");

        public HttpRequest(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public HttpRequest(MemorySegment passed) { super(LAYOUT, passed, OF_METHOD, OF_PATH, OF_BODY, OF_STREAM_NAME, OF_SESSION_KEY, OF_LOCATION_PREFIX, OF_PEER, OF_LABEL); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String method() { return Native.text(segment.get(ADDRESS, OF_METHOD)); }
        public HttpRequest method(String value) { text(OF_METHOD, value); return this; }
        public String path() { return Native.text(segment.get(ADDRESS, OF_PATH)); }
        public HttpRequest path(String value) { text(OF_PATH, value); return this; }
        public MemorySegment headers() { return segment.get(ADDRESS, OF_HEADERS); }
        public HttpRequest headers(MemorySegment value) { segment.set(ADDRESS, OF_HEADERS, value); return this; }
        public long headersLen() { return segment.get(JAVA_LONG, OF_HEADERS_LEN); }
        public HttpRequest headersLen(long value) { segment.set(JAVA_LONG, OF_HEADERS_LEN, value); return this; }
        public String body() { return Native.text(segment.get(ADDRESS, OF_BODY)); }
        public HttpRequest body(String value) { text(OF_BODY, value); return this; }
        public long bodySize() { return segment.get(JAVA_LONG, OF_BODY_SIZE); }
        public HttpRequest bodySize(long value) { segment.set(JAVA_LONG, OF_BODY_SIZE, value); return this; }
        public String streamName() { return Native.text(segment.get(ADDRESS, OF_STREAM_NAME)); }
        public HttpRequest streamName(String value) { text(OF_STREAM_NAME, value); return this; }
        public String sessionKey() { return Native.text(segment.get(ADDRESS, OF_SESSION_KEY)); }
        public HttpRequest sessionKey(String value) { text(OF_SESSION_KEY, value); return this; }
        public String locationPrefix() { return Native.text(segment.get(ADDRESS, OF_LOCATION_PREFIX)); }
        public HttpRequest locationPrefix(String value) { text(OF_LOCATION_PREFIX, value); return this; }
        public int timeoutMs() { return segment.get(JAVA_INT, OF_TIMEOUT_MS); }
        public HttpRequest timeoutMs(int value) { segment.set(JAVA_INT, OF_TIMEOUT_MS, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public HttpRequest flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public String peer() { return Native.text(segment.get(ADDRESS, OF_PEER)); }
        public HttpRequest peer(String value) { text(OF_PEER, value); return this; }
        public MemorySegment iceServers() { return segment.get(ADDRESS, OF_ICE_SERVERS); }
        public HttpRequest iceServers(MemorySegment value) { segment.set(ADDRESS, OF_ICE_SERVERS, value); return this; }
        public long iceServersLen() { return segment.get(JAVA_LONG, OF_ICE_SERVERS_LEN); }
        public HttpRequest iceServersLen(long value) { segment.set(JAVA_LONG, OF_ICE_SERVERS_LEN, value); return this; }
        public String label() { return Native.text(segment.get(ADDRESS, OF_LABEL)); }
        public HttpRequest label(String value) { text(OF_LABEL, value); return this; }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public HttpRequest userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
    }

    public static final class ListenOptions extends Struct {
        public static final StructLayout LAYOUT = struct(
                "listen_options",
                JAVA_LONG.withName("struct_size"),
                ADDRESS.withName("address"),
                ADDRESS.withName("tls_certificates"),
                JAVA_LONG.withName("tls_certificates_size"),
                ADDRESS.withName("tls_private_key"),
                JAVA_LONG.withName("tls_private_key_size"),
                JAVA_INT.withName("max_connections"),
                JAVA_INT.withName("max_connections_per_peer"),
                ADDRESS.withName("host_names"),
                JAVA_LONG.withName("host_names_len"),
                JAVA_INT.withName("fd"),
                JAVA_INT.withName("flags"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_ADDRESS = offset(LAYOUT, "address");
        private static final long OF_TLS_CERTIFICATES = offset(LAYOUT, "tls_certificates");
        private static final long OF_TLS_CERTIFICATES_SIZE = offset(LAYOUT, "tls_certificates_size");
        private static final long OF_TLS_PRIVATE_KEY = offset(LAYOUT, "tls_private_key");
        private static final long OF_TLS_PRIVATE_KEY_SIZE = offset(LAYOUT, "tls_private_key_size");
        private static final long OF_MAX_CONNECTIONS = offset(LAYOUT, "max_connections");
        private static final long OF_MAX_CONNECTIONS_PER_PEER = offset(LAYOUT, "max_connections_per_peer");
        private static final long OF_HOST_NAMES = offset(LAYOUT, "host_names");
        private static final long OF_HOST_NAMES_LEN = offset(LAYOUT, "host_names_len");
        private static final long OF_FD = offset(LAYOUT, "fd");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");

        public ListenOptions(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public ListenOptions(MemorySegment passed) { super(LAYOUT, passed, OF_ADDRESS, OF_TLS_CERTIFICATES, OF_TLS_PRIVATE_KEY); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String address() { return Native.text(segment.get(ADDRESS, OF_ADDRESS)); }
        public ListenOptions address(String value) { text(OF_ADDRESS, value); return this; }
        public String tlsCertificates() { return Native.text(segment.get(ADDRESS, OF_TLS_CERTIFICATES)); }
        public ListenOptions tlsCertificates(String value) { text(OF_TLS_CERTIFICATES, value); return this; }
        public long tlsCertificatesSize() { return segment.get(JAVA_LONG, OF_TLS_CERTIFICATES_SIZE); }
        public ListenOptions tlsCertificatesSize(long value) { segment.set(JAVA_LONG, OF_TLS_CERTIFICATES_SIZE, value); return this; }
        public String tlsPrivateKey() { return Native.text(segment.get(ADDRESS, OF_TLS_PRIVATE_KEY)); }
        public ListenOptions tlsPrivateKey(String value) { text(OF_TLS_PRIVATE_KEY, value); return this; }
        public long tlsPrivateKeySize() { return segment.get(JAVA_LONG, OF_TLS_PRIVATE_KEY_SIZE); }
        public ListenOptions tlsPrivateKeySize(long value) { segment.set(JAVA_LONG, OF_TLS_PRIVATE_KEY_SIZE, value); return this; }
        public int maxConnections() { return segment.get(JAVA_INT, OF_MAX_CONNECTIONS); }
        public ListenOptions maxConnections(int value) { segment.set(JAVA_INT, OF_MAX_CONNECTIONS, value); return this; }
        public int maxConnectionsPerPeer() { return segment.get(JAVA_INT, OF_MAX_CONNECTIONS_PER_PEER); }
        public ListenOptions maxConnectionsPerPeer(int value) { segment.set(JAVA_INT, OF_MAX_CONNECTIONS_PER_PEER, value); return this; }
        public MemorySegment hostNames() { return segment.get(ADDRESS, OF_HOST_NAMES); }
        public ListenOptions hostNames(MemorySegment value) { segment.set(ADDRESS, OF_HOST_NAMES, value); return this; }
        public long hostNamesLen() { return segment.get(JAVA_LONG, OF_HOST_NAMES_LEN); }
        public ListenOptions hostNamesLen(long value) { segment.set(JAVA_LONG, OF_HOST_NAMES_LEN, value); return this; }
        public int fd() { return segment.get(JAVA_INT, OF_FD); }
        public ListenOptions fd(int value) { segment.set(JAVA_INT, OF_FD, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public ListenOptions flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
    }

    public static final class SessionInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "session_info",
                JAVA_LONG.withName("struct_size"),
                JAVA_LONG.withName("stream"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("srtp_profile"),
                JAVA_LONG.withName("bytes_sent"),
                JAVA_LONG.withName("packets_sent"),
                JAVA_LONG.withName("nacks"),
                JAVA_LONG.withName("retransmits"),
                JAVA_LONG.withName("plis"),
                JAVA_LONG.withName("overflows"),
                JAVA_LONG.withName("age_ms"),
                JAVA_INT.withName("round_trip_us"),
                JAVA_INT.withName("loss_ppm"),
                MemoryLayout.sequenceLayout(64, JAVA_BYTE).withName("remote_address"),
                ADDRESS.withName("user_data"),
                MemoryLayout.sequenceLayout(136, JAVA_BYTE).withName("label"),
                MemoryLayout.sequenceLayout(136, JAVA_BYTE).withName("peer"),
                JAVA_LONG.withName("variant"),
                JAVA_INT.withName("detail"),
                JAVA_INT.withName("reason"),
                JAVA_LONG.withName("bandwidth_bps"),
                JAVA_LONG.withName("needed_bps"),
                JAVA_LONG.withName("padding_packets"),
                JAVA_LONG.withName("padding_bytes"),
                JAVA_LONG.withName("skips"),
                JAVA_LONG.withName("switches_up"),
                JAVA_LONG.withName("switches_down"),
                JAVA_LONG.withName("switches_fewer_frames"),
                JAVA_LONG.withName("switches_keyframes"),
                JAVA_LONG.withName("switches_sound_only"),
                MemoryLayout.sequenceLayout(384, JAVA_BYTE).withName("held_back"),
                JAVA_INT.withName("protocol"),
                JAVA_INT.withName("relay"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_SRTP_PROFILE = offset(LAYOUT, "srtp_profile");
        private static final long OF_BYTES_SENT = offset(LAYOUT, "bytes_sent");
        private static final long OF_PACKETS_SENT = offset(LAYOUT, "packets_sent");
        private static final long OF_NACKS = offset(LAYOUT, "nacks");
        private static final long OF_RETRANSMITS = offset(LAYOUT, "retransmits");
        private static final long OF_PLIS = offset(LAYOUT, "plis");
        private static final long OF_OVERFLOWS = offset(LAYOUT, "overflows");
        private static final long OF_AGE_MS = offset(LAYOUT, "age_ms");
        private static final long OF_ROUND_TRIP_US = offset(LAYOUT, "round_trip_us");
        private static final long OF_LOSS_PPM = offset(LAYOUT, "loss_ppm");
        private static final long OF_REMOTE_ADDRESS = offset(LAYOUT, "remote_address");
        private static final long OF_USER_DATA = offset(LAYOUT, "user_data");
        private static final long OF_LABEL = offset(LAYOUT, "label");
        private static final long OF_PEER = offset(LAYOUT, "peer");
        private static final long OF_VARIANT = offset(LAYOUT, "variant");
        private static final long OF_DETAIL = offset(LAYOUT, "detail");
        private static final long OF_REASON = offset(LAYOUT, "reason");
        private static final long OF_BANDWIDTH_BPS = offset(LAYOUT, "bandwidth_bps");
        private static final long OF_NEEDED_BPS = offset(LAYOUT, "needed_bps");
        private static final long OF_PADDING_PACKETS = offset(LAYOUT, "padding_packets");
        private static final long OF_PADDING_BYTES = offset(LAYOUT, "padding_bytes");
        private static final long OF_SKIPS = offset(LAYOUT, "skips");
        private static final long OF_SWITCHES_UP = offset(LAYOUT, "switches_up");
        private static final long OF_SWITCHES_DOWN = offset(LAYOUT, "switches_down");
        private static final long OF_SWITCHES_FEWER_FRAMES = offset(LAYOUT, "switches_fewer_frames");
        private static final long OF_SWITCHES_KEYFRAMES = offset(LAYOUT, "switches_keyframes");
        private static final long OF_SWITCHES_SOUND_ONLY = offset(LAYOUT, "switches_sound_only");
        private static final long OF_HELD_BACK = offset(LAYOUT, "held_back");
        private static final long OF_PROTOCOL = offset(LAYOUT, "protocol");
        private static final long OF_RELAY = offset(LAYOUT, "relay");

        public SessionInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SessionInfo(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public SessionInfo stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public SessionInfo state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int srtpProfile() { return segment.get(JAVA_INT, OF_SRTP_PROFILE); }
        public SessionInfo srtpProfile(int value) { segment.set(JAVA_INT, OF_SRTP_PROFILE, value); return this; }
        public long bytesSent() { return segment.get(JAVA_LONG, OF_BYTES_SENT); }
        public SessionInfo bytesSent(long value) { segment.set(JAVA_LONG, OF_BYTES_SENT, value); return this; }
        public long packetsSent() { return segment.get(JAVA_LONG, OF_PACKETS_SENT); }
        public SessionInfo packetsSent(long value) { segment.set(JAVA_LONG, OF_PACKETS_SENT, value); return this; }
        public long nacks() { return segment.get(JAVA_LONG, OF_NACKS); }
        public SessionInfo nacks(long value) { segment.set(JAVA_LONG, OF_NACKS, value); return this; }
        public long retransmits() { return segment.get(JAVA_LONG, OF_RETRANSMITS); }
        public SessionInfo retransmits(long value) { segment.set(JAVA_LONG, OF_RETRANSMITS, value); return this; }
        public long plis() { return segment.get(JAVA_LONG, OF_PLIS); }
        public SessionInfo plis(long value) { segment.set(JAVA_LONG, OF_PLIS, value); return this; }
        public long overflows() { return segment.get(JAVA_LONG, OF_OVERFLOWS); }
        public SessionInfo overflows(long value) { segment.set(JAVA_LONG, OF_OVERFLOWS, value); return this; }
        public long ageMs() { return segment.get(JAVA_LONG, OF_AGE_MS); }
        public SessionInfo ageMs(long value) { segment.set(JAVA_LONG, OF_AGE_MS, value); return this; }
        public int roundTripUs() { return segment.get(JAVA_INT, OF_ROUND_TRIP_US); }
        public SessionInfo roundTripUs(int value) { segment.set(JAVA_INT, OF_ROUND_TRIP_US, value); return this; }
        public int lossPpm() { return segment.get(JAVA_INT, OF_LOSS_PPM); }
        public SessionInfo lossPpm(int value) { segment.set(JAVA_INT, OF_LOSS_PPM, value); return this; }
        public String remoteAddress() { return segment.asSlice(OF_REMOTE_ADDRESS, 64).getString(0); }
        public MemorySegment userData() { return segment.get(ADDRESS, OF_USER_DATA); }
        public SessionInfo userData(MemorySegment value) { segment.set(ADDRESS, OF_USER_DATA, value); return this; }
        public String label() { return segment.asSlice(OF_LABEL, 136).getString(0); }
        public String peer() { return segment.asSlice(OF_PEER, 136).getString(0); }
        public long variant() { return segment.get(JAVA_LONG, OF_VARIANT); }
        public SessionInfo variant(long value) { segment.set(JAVA_LONG, OF_VARIANT, value); return this; }
        public int detail() { return segment.get(JAVA_INT, OF_DETAIL); }
        public SessionInfo detail(int value) { segment.set(JAVA_INT, OF_DETAIL, value); return this; }
        public int reason() { return segment.get(JAVA_INT, OF_REASON); }
        public SessionInfo reason(int value) { segment.set(JAVA_INT, OF_REASON, value); return this; }
        public long bandwidthBps() { return segment.get(JAVA_LONG, OF_BANDWIDTH_BPS); }
        public SessionInfo bandwidthBps(long value) { segment.set(JAVA_LONG, OF_BANDWIDTH_BPS, value); return this; }
        public long neededBps() { return segment.get(JAVA_LONG, OF_NEEDED_BPS); }
        public SessionInfo neededBps(long value) { segment.set(JAVA_LONG, OF_NEEDED_BPS, value); return this; }
        public long paddingPackets() { return segment.get(JAVA_LONG, OF_PADDING_PACKETS); }
        public SessionInfo paddingPackets(long value) { segment.set(JAVA_LONG, OF_PADDING_PACKETS, value); return this; }
        public long paddingBytes() { return segment.get(JAVA_LONG, OF_PADDING_BYTES); }
        public SessionInfo paddingBytes(long value) { segment.set(JAVA_LONG, OF_PADDING_BYTES, value); return this; }
        public long skips() { return segment.get(JAVA_LONG, OF_SKIPS); }
        public SessionInfo skips(long value) { segment.set(JAVA_LONG, OF_SKIPS, value); return this; }
        public long switchesUp() { return segment.get(JAVA_LONG, OF_SWITCHES_UP); }
        public SessionInfo switchesUp(long value) { segment.set(JAVA_LONG, OF_SWITCHES_UP, value); return this; }
        public long switchesDown() { return segment.get(JAVA_LONG, OF_SWITCHES_DOWN); }
        public SessionInfo switchesDown(long value) { segment.set(JAVA_LONG, OF_SWITCHES_DOWN, value); return this; }
        public long switchesFewerFrames() { return segment.get(JAVA_LONG, OF_SWITCHES_FEWER_FRAMES); }
        public SessionInfo switchesFewerFrames(long value) { segment.set(JAVA_LONG, OF_SWITCHES_FEWER_FRAMES, value); return this; }
        public long switchesKeyframes() { return segment.get(JAVA_LONG, OF_SWITCHES_KEYFRAMES); }
        public SessionInfo switchesKeyframes(long value) { segment.set(JAVA_LONG, OF_SWITCHES_KEYFRAMES, value); return this; }
        public long switchesSoundOnly() { return segment.get(JAVA_LONG, OF_SWITCHES_SOUND_ONLY); }
        public SessionInfo switchesSoundOnly(long value) { segment.set(JAVA_LONG, OF_SWITCHES_SOUND_ONLY, value); return this; }
        public String heldBack() { return segment.asSlice(OF_HELD_BACK, 384).getString(0); }
        public int protocol() { return segment.get(JAVA_INT, OF_PROTOCOL); }
        public SessionInfo protocol(int value) { segment.set(JAVA_INT, OF_PROTOCOL, value); return this; }
        public int relay() { return segment.get(JAVA_INT, OF_RELAY); }
        public SessionInfo relay(int value) { segment.set(JAVA_INT, OF_RELAY, value); return this; }
    }

    public static final class SlotView extends Struct {
        public static final StructLayout LAYOUT = struct(
                "slot_view",
                JAVA_LONG.withName("struct_size"),
                JAVA_INT.withName("width"),
                JAVA_INT.withName("height"),
                JAVA_INT.withName("flags"),
                JAVA_INT.withName("reserved"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_WIDTH = offset(LAYOUT, "width");
        private static final long OF_HEIGHT = offset(LAYOUT, "height");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_RESERVED = offset(LAYOUT, "reserved");

        public SlotView(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SlotView(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public int width() { return segment.get(JAVA_INT, OF_WIDTH); }
        public SlotView width(int value) { segment.set(JAVA_INT, OF_WIDTH, value); return this; }
        public int height() { return segment.get(JAVA_INT, OF_HEIGHT); }
        public SlotView height(int value) { segment.set(JAVA_INT, OF_HEIGHT, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public SlotView flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public int reserved() { return segment.get(JAVA_INT, OF_RESERVED); }
        public SlotView reserved(int value) { segment.set(JAVA_INT, OF_RESERVED, value); return this; }
    }

    public static final class SlotInfo extends Struct {
        public static final StructLayout LAYOUT = struct(
                "slot_info",
                JAVA_LONG.withName("struct_size"),
                MemoryLayout.sequenceLayout(72, JAVA_BYTE).withName("slot"),
                JAVA_INT.withName("track"),
                JAVA_INT.withName("flags"),
                JAVA_LONG.withName("stream"),
                JAVA_LONG.withName("variant"),
                JAVA_INT.withName("state"),
                JAVA_INT.withName("detail"),
                JAVA_INT.withName("reason"),
                JAVA_INT.withName("width"),
                JAVA_INT.withName("height"),
                JAVA_INT.withName("video_width"),
                JAVA_INT.withName("video_height"),
                JAVA_INT.withName("clock_rtp"),
                JAVA_LONG.withName("clock_unix_ms"),
                MemoryLayout.sequenceLayout(384, JAVA_BYTE).withName("why"));
        private static final long OF_STRUCT_SIZE = offset(LAYOUT, "struct_size");
        private static final long OF_SLOT = offset(LAYOUT, "slot");
        private static final long OF_TRACK = offset(LAYOUT, "track");
        private static final long OF_FLAGS = offset(LAYOUT, "flags");
        private static final long OF_STREAM = offset(LAYOUT, "stream");
        private static final long OF_VARIANT = offset(LAYOUT, "variant");
        private static final long OF_STATE = offset(LAYOUT, "state");
        private static final long OF_DETAIL = offset(LAYOUT, "detail");
        private static final long OF_REASON = offset(LAYOUT, "reason");
        private static final long OF_WIDTH = offset(LAYOUT, "width");
        private static final long OF_HEIGHT = offset(LAYOUT, "height");
        private static final long OF_VIDEO_WIDTH = offset(LAYOUT, "video_width");
        private static final long OF_VIDEO_HEIGHT = offset(LAYOUT, "video_height");
        private static final long OF_CLOCK_RTP = offset(LAYOUT, "clock_rtp");
        private static final long OF_CLOCK_UNIX_MS = offset(LAYOUT, "clock_unix_ms");
        private static final long OF_WHY = offset(LAYOUT, "why");

        public SlotInfo(SegmentAllocator allocator) { super(LAYOUT, allocator); }
        public SlotInfo(MemorySegment passed) { super(LAYOUT, passed); }

        public long structSize() { return segment.get(JAVA_LONG, OF_STRUCT_SIZE); }
        public String slot() { return segment.asSlice(OF_SLOT, 72).getString(0); }
        public int track() { return segment.get(JAVA_INT, OF_TRACK); }
        public SlotInfo track(int value) { segment.set(JAVA_INT, OF_TRACK, value); return this; }
        public int flags() { return segment.get(JAVA_INT, OF_FLAGS); }
        public SlotInfo flags(int value) { segment.set(JAVA_INT, OF_FLAGS, value); return this; }
        public long stream() { return segment.get(JAVA_LONG, OF_STREAM); }
        public SlotInfo stream(long value) { segment.set(JAVA_LONG, OF_STREAM, value); return this; }
        public long variant() { return segment.get(JAVA_LONG, OF_VARIANT); }
        public SlotInfo variant(long value) { segment.set(JAVA_LONG, OF_VARIANT, value); return this; }
        public int state() { return segment.get(JAVA_INT, OF_STATE); }
        public SlotInfo state(int value) { segment.set(JAVA_INT, OF_STATE, value); return this; }
        public int detail() { return segment.get(JAVA_INT, OF_DETAIL); }
        public SlotInfo detail(int value) { segment.set(JAVA_INT, OF_DETAIL, value); return this; }
        public int reason() { return segment.get(JAVA_INT, OF_REASON); }
        public SlotInfo reason(int value) { segment.set(JAVA_INT, OF_REASON, value); return this; }
        public int width() { return segment.get(JAVA_INT, OF_WIDTH); }
        public SlotInfo width(int value) { segment.set(JAVA_INT, OF_WIDTH, value); return this; }
        public int height() { return segment.get(JAVA_INT, OF_HEIGHT); }
        public SlotInfo height(int value) { segment.set(JAVA_INT, OF_HEIGHT, value); return this; }
        public int videoWidth() { return segment.get(JAVA_INT, OF_VIDEO_WIDTH); }
        public SlotInfo videoWidth(int value) { segment.set(JAVA_INT, OF_VIDEO_WIDTH, value); return this; }
        public int videoHeight() { return segment.get(JAVA_INT, OF_VIDEO_HEIGHT); }
        public SlotInfo videoHeight(int value) { segment.set(JAVA_INT, OF_VIDEO_HEIGHT, value); return this; }
        public int clockRtp() { return segment.get(JAVA_INT, OF_CLOCK_RTP); }
        public SlotInfo clockRtp(int value) { segment.set(JAVA_INT, OF_CLOCK_RTP, value); return this; }
        public long clockUnixMs() { return segment.get(JAVA_LONG, OF_CLOCK_UNIX_MS); }
        public SlotInfo clockUnixMs(long value) { segment.set(JAVA_LONG, OF_CLOCK_UNIX_MS, value); return this; }
        public String why() { return segment.asSlice(OF_WHY, 384).getString(0); }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface FreeFn {
        void call(MemorySegment userData);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, FreeFn.class, arena, FunctionDescriptor.ofVoid(ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface LogFn {
        void call(MemorySegment userData, MemorySegment record);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, LogFn.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface WhepFn {
        void call(MemorySegment userData, long op, int status, MemorySegment response);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, WhepFn.class, arena, FunctionDescriptor.ofVoid(ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface HttpFn {
        void call(MemorySegment userData, MemorySegment response);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, HttpFn.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnStreamState {
        void call(MemorySegment userData, MemorySegment event);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnStreamState.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnSessionState {
        void call(MemorySegment userData, MemorySegment event);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnSessionState.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnKeyframeRequest {
        void call(MemorySegment userData, long stream);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnKeyframeRequest.class, arena, FunctionDescriptor.ofVoid(ADDRESS, JAVA_LONG));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnAuthorize {
        void call(MemorySegment userData, MemorySegment request);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnAuthorize.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnSessionQuality {
        void call(MemorySegment userData, MemorySegment event);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnSessionQuality.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    /** Must not throw. */
    @FunctionalInterface
    public interface OnOutputState {
        void call(MemorySegment userData, MemorySegment event);

        /** What C calls, for as long as the arena lives. */
        default MemorySegment stub(Arena arena) {
            return Native.stub(this, OnOutputState.class, arena, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS));
        }
    }

    private Native() {}

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY = library();

    private static SymbolLookup library() {
        String named = System.getProperty("rtsp_webrtc_gateway.library");
        if (named != null) {
            return SymbolLookup.libraryLookup(Path.of(named), Arena.global());
        }
        String name = System.mapLibraryName("rtsp_webrtc_gateway");
        // On Linux the package for programs has the name with the ABI alone.
        String found = name.endsWith(".so") ? name + "." + ABI_NAME : name;
        return SymbolLookup.libraryLookup(found, Arena.global());
    }

    private static long offset(StructLayout layout, String field) {
        return layout.byteOffset(PathElement.groupElement(field));
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        String symbol = "rtsp_webrtc_gateway_" + name;
        MemorySegment address = LIBRARY.find(symbol).orElseThrow(() -> new UnsatisfiedLinkError(symbol));
        return LINKER.downcallHandle(address, descriptor);
    }

    private static MemorySegment stub(Object callback, Class<?> type, Arena arena, FunctionDescriptor descriptor) {
        try {
            MethodType methodType = descriptor.toMethodType();
            MethodHandle method = MethodHandles.lookup().findVirtual(type, "call", methodType);
            return LINKER.upcallStub(method.bindTo(callback), descriptor, arena);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static Error notThrown(Throwable e) {
        return new AssertionError("a C function throws nothing", e);
    }

    private static MemorySegment pointer(MemorySegment segment) {
        return segment == null ? MemorySegment.NULL : segment;
    }

    private static MemorySegment pointer(Struct struct) {
        return struct == null ? MemorySegment.NULL : struct.segment;
    }

    private static MemorySegment pointer(String text, Arena arena) {
        return text == null ? MemorySegment.NULL : arena.allocateFrom(text);
    }

    /** The text that ends with NUL; null for NULL. */
    public static String text(MemorySegment text) {
        return text.equals(MemorySegment.NULL) ? null : text.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** The message of the last call that failed on this thread. */
    public static String lastError() {
        try (Arena arena = Arena.ofConfined()) {
            long size = lastError(MemorySegment.NULL, 0) + 1;
            MemorySegment message = arena.allocate(size);
            lastError(message, size);
            return message.getString(0);
        }
    }

    /** A call that failed. */
    public static final class GatewayException extends RuntimeException {
        /** One of {@link Status}. */
        public final int status;

        public GatewayException(int status) {
            super(lastError());
            this.status = status;
        }
    }

    /** The layout that a C compiler gives a struct with these fields. */
    private static StructLayout struct(String name, MemoryLayout... fields) {
        List<MemoryLayout> members = new ArrayList<>();
        long offset = 0;
        long alignment = 1;
        for (MemoryLayout field : fields) {
            alignment = Math.max(alignment, field.byteAlignment());
            long hole = -offset & (field.byteAlignment() - 1);
            if (hole != 0) {
                members.add(MemoryLayout.paddingLayout(hole));
            }
            members.add(field);
            offset += hole + field.byteSize();
        }
        long hole = -offset & (alignment - 1);
        if (hole != 0) {
            members.add(MemoryLayout.paddingLayout(hole));
        }
        return MemoryLayout.structLayout(members.toArray(new MemoryLayout[0])).withName(name);
    }

    /** A struct of the library. Its texts are allocated by what allocated the struct. */
    public abstract static class Struct {
        public final MemorySegment segment;
        private final SegmentAllocator allocator;

        Struct(StructLayout layout, SegmentAllocator allocator) {
            this.allocator = allocator;
            segment = allocator.allocate(layout);
            if (layout.select(PathElement.groupElement(0)).name().orElse("").equals("struct_size")) {
                int status = structInit(segment, layout.byteSize(), ABI_VERSION_OF_HEADER);
                if (status < 0) {
                    throw new GatewayException(status);
                }
            }
        }

        /**
         * A copy of what the library passes and of the texts in it, which may be of another version: what it lacks is 0.
         * Other pointers in it are good until the callback returns.
         */
        Struct(StructLayout layout, MemorySegment passed, long... texts) {
            allocator = Arena.ofAuto();
            segment = allocator.allocate(layout);
            long size = passed.reinterpret(JAVA_LONG.byteSize()).get(JAVA_LONG, 0);
            size = Math.min(size, layout.byteSize());
            segment.copyFrom(passed.reinterpret(size));
            for (long at : texts) {
                text(at, Native.text(segment.get(ADDRESS, at)));
            }
        }

        final void text(long offset, String text) {
            segment.set(ADDRESS, offset, text == null ? MemorySegment.NULL : allocator.allocateFrom(text));
        }
    }

    private static final MethodHandle CALL_VERSION =
            function("version", FunctionDescriptor.of(ADDRESS));
    public static String version() {
        try {
            return text((MemorySegment) CALL_VERSION.invokeExact());
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_VERSION_NUMBER =
            function("version_number", FunctionDescriptor.of(JAVA_INT));
    public static int versionNumber() {
        try {
            return (int) CALL_VERSION_NUMBER.invokeExact();
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_ABI_VERSION =
            function("abi_version", FunctionDescriptor.of(JAVA_INT));
    public static int abiVersion() {
        try {
            return (int) CALL_ABI_VERSION.invokeExact();
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_STRERROR =
            function("strerror", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    public static String strerror(int status) {
        try {
            return text((MemorySegment) CALL_STRERROR.invokeExact(status));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HTTP_STATUS =
            function("http_status", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    public static int httpStatus(int status) {
        try {
            return (int) CALL_HTTP_STATUS.invokeExact(status);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_LAST_ERROR =
            function("last_error", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG));
    public static long lastError(MemorySegment buffer, long capacity) {
        try {
            return (long) CALL_LAST_ERROR.invokeExact(pointer(buffer), capacity);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_LOG_CALLBACK =
            function("set_log_callback", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int setLogCallback(int maxLevel, MemorySegment callback, MemorySegment userData, MemorySegment freeUserData) {
        try {
            return (int) CALL_SET_LOG_CALLBACK.invokeExact(maxLevel, pointer(callback), pointer(userData), pointer(freeUserData));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_LOG_LEVEL =
            function("set_log_level", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    public static int setLogLevel(int maxLevel) {
        try {
            return (int) CALL_SET_LOG_LEVEL.invokeExact(maxLevel);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_DESCRIBE_TUNING =
            function("describe_tuning", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
    public static int describeTuning(long index, TuningInfo outInfo) {
        try {
            return (int) CALL_DESCRIBE_TUNING.invokeExact(index, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_FIND_TUNING =
            function("find_tuning", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    public static int findTuning(String name, MemorySegment outKey) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_FIND_TUNING.invokeExact(pointer(name, arena), pointer(outKey));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_TUNING =
            function("set_tuning", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG));
    public static int setTuning(MemorySegment gateway, int key, long value) {
        try {
            return (int) CALL_SET_TUNING.invokeExact(pointer(gateway), key, value);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_TUNING =
            function("get_tuning", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    public static int getTuning(MemorySegment gateway, int key, MemorySegment outValue) {
        try {
            return (int) CALL_GET_TUNING.invokeExact(pointer(gateway), key, pointer(outValue));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_AUTHORIZE =
            function("authorize", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_BOOLEAN));
    public static int authorize(MemorySegment gateway, long requestId, boolean allow) {
        try {
            return (int) CALL_AUTHORIZE.invokeExact(pointer(gateway), requestId, allow);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_BEARER_TOKENS =
            function("set_bearer_tokens", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG));
    public static int setBearerTokens(MemorySegment gateway, MemorySegment tokens, long tokensLen) {
        try {
            return (int) CALL_SET_BEARER_TOKENS.invokeExact(pointer(gateway), pointer(tokens), tokensLen);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_STRUCT_INIT =
            function("struct_init", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    public static int structInit(MemorySegment object, long structSize, int abiVersion) {
        try {
            return (int) CALL_STRUCT_INIT.invokeExact(pointer(object), structSize, abiVersion);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_CREATE =
            function("create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    public static int create(Config config, MemorySegment outGateway) {
        try {
            return (int) CALL_CREATE.invokeExact(pointer(config), pointer(outGateway));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SHUTDOWN =
            function("shutdown", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    public static int shutdown(MemorySegment gateway, int timeoutMs) {
        try {
            return (int) CALL_SHUTDOWN.invokeExact(pointer(gateway), timeoutMs);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_DESTROY =
            function("destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    public static int destroy(MemorySegment gateway) {
        try {
            return (int) CALL_DESTROY.invokeExact(pointer(gateway));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_ADD_STREAM =
            function("add_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    public static int addStream(MemorySegment gateway, String name, PullOptions options, MemorySegment outStream) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_ADD_STREAM.invokeExact(pointer(gateway), pointer(name, arena), pointer(options), pointer(outStream));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_UPDATE_STREAM =
            function("update_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int updateStream(MemorySegment gateway, long stream, PullOptions options) {
        try {
            return (int) CALL_UPDATE_STREAM.invokeExact(pointer(gateway), stream, pointer(options));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RECONNECT_STREAM =
            function("reconnect_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int reconnectStream(MemorySegment gateway, long stream) {
        try {
            return (int) CALL_RECONNECT_STREAM.invokeExact(pointer(gateway), stream);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_VARIANTS =
            function("set_variants", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG));
    public static int setVariants(MemorySegment gateway, long stream, MemorySegment variants, long count) {
        try {
            return (int) CALL_SET_VARIANTS.invokeExact(pointer(gateway), stream, pointer(variants), count);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_REMOVE_STREAM =
            function("remove_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int removeStream(MemorySegment gateway, long stream) {
        try {
            return (int) CALL_REMOVE_STREAM.invokeExact(pointer(gateway), stream);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_FIND_STREAM =
            function("find_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int findStream(MemorySegment gateway, String name, MemorySegment outStream) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_FIND_STREAM.invokeExact(pointer(gateway), pointer(name, arena), pointer(outStream));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_STREAM_NAME =
            function("stream_name", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG));
    public static long streamName(MemorySegment gateway, long stream, MemorySegment buffer, long capacity) {
        try {
            return (long) CALL_STREAM_NAME.invokeExact(pointer(gateway), stream, pointer(buffer), capacity);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_LIST_STREAMS =
            function("list_streams", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    public static int listStreams(MemorySegment gateway, MemorySegment streams, long capacity, MemorySegment outCount) {
        try {
            return (int) CALL_LIST_STREAMS.invokeExact(pointer(gateway), pointer(streams), capacity, pointer(outCount));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_STREAM_INFO =
            function("get_stream_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int getStreamInfo(MemorySegment gateway, long stream, StreamInfo outInfo) {
        try {
            return (int) CALL_GET_STREAM_INFO.invokeExact(pointer(gateway), stream, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_ADD_PUSH_STREAM =
            function("add_push_stream", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    public static int addPushStream(MemorySegment gateway, String name, PushOptions options, MemorySegment outStream) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_ADD_PUSH_STREAM.invokeExact(pointer(gateway), pointer(name, arena), pointer(options), pointer(outStream));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_PUSH_VIDEO =
            function("push_video", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int pushVideo(MemorySegment gateway, long stream, Frame frame) {
        try {
            return (int) CALL_PUSH_VIDEO.invokeExact(pointer(gateway), stream, pointer(frame));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_PUSH_AUDIO =
            function("push_audio", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int pushAudio(MemorySegment gateway, long stream, Frame frame) {
        try {
            return (int) CALL_PUSH_AUDIO.invokeExact(pointer(gateway), stream, pointer(frame));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_PUSH_RTP =
            function("push_rtp", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
    public static int pushRtp(MemorySegment gateway, long stream, int codec, MemorySegment packet, long size) {
        try {
            return (int) CALL_PUSH_RTP.invokeExact(pointer(gateway), stream, codec, pointer(packet), size);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_ADD_SINK =
            function("add_sink", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    public static int addSink(MemorySegment gateway, long stream, SinkOptions options, MemorySegment outSink) {
        try {
            return (int) CALL_ADD_SINK.invokeExact(pointer(gateway), stream, pointer(options), pointer(outSink));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_REMOVE_SINK =
            function("remove_sink", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int removeSink(MemorySegment gateway, long sink) {
        try {
            return (int) CALL_REMOVE_SINK.invokeExact(pointer(gateway), sink);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_READ_SINK =
            function("read_sink", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS));
    public static int readSink(MemorySegment gateway, long sink, int timeoutMs, MemorySegment outFrame) {
        try {
            return (int) CALL_READ_SINK.invokeExact(pointer(gateway), sink, timeoutMs, pointer(outFrame));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_SINK_INFO =
            function("get_sink_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int getSinkInfo(MemorySegment gateway, long sink, SinkInfo outInfo) {
        try {
            return (int) CALL_GET_SINK_INFO.invokeExact(pointer(gateway), sink, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_KEYFRAME =
            function("get_keyframe", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int getKeyframe(MemorySegment gateway, long stream, MemorySegment outFrame) {
        try {
            return (int) CALL_GET_KEYFRAME.invokeExact(pointer(gateway), stream, pointer(outFrame));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SINK_FRAME_FREE =
            function("sink_frame_free", FunctionDescriptor.ofVoid(ADDRESS));
    public static void sinkFrameFree(MemorySegment frame) {
        try {
            CALL_SINK_FRAME_FREE.invokeExact(pointer(frame));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_ADD_OUTPUT =
            function("add_output", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    public static int addOutput(MemorySegment gateway, long stream, OutputOptions options, MemorySegment outOutput) {
        try {
            return (int) CALL_ADD_OUTPUT.invokeExact(pointer(gateway), stream, pointer(options), pointer(outOutput));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_REMOVE_OUTPUT =
            function("remove_output", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int removeOutput(MemorySegment gateway, long output) {
        try {
            return (int) CALL_REMOVE_OUTPUT.invokeExact(pointer(gateway), output);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_OUTPUT_INFO =
            function("get_output_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int getOutputInfo(MemorySegment gateway, long output, OutputInfo outInfo) {
        try {
            return (int) CALL_GET_OUTPUT_INFO.invokeExact(pointer(gateway), output, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_WHEP_OFFER =
            function("handle_whep_offer", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int handleWhepOffer(MemorySegment gateway, Offer offer, MemorySegment outResponse) {
        try {
            return (int) CALL_HANDLE_WHEP_OFFER.invokeExact(pointer(gateway), pointer(offer), pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_WHEP_OFFER_ASYNC =
            function("handle_whep_offer_async", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    public static int handleWhepOfferAsync(MemorySegment gateway, Offer offer, MemorySegment callback, MemorySegment userData, MemorySegment outOp, MemorySegment outResponse) {
        try {
            return (int) CALL_HANDLE_WHEP_OFFER_ASYNC.invokeExact(pointer(gateway), pointer(offer), pointer(callback), pointer(userData), pointer(outOp), pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_CANCEL =
            function("cancel", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int cancel(MemorySegment gateway, long op) {
        try {
            return (int) CALL_CANCEL.invokeExact(pointer(gateway), op);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_WHEP_PATCH =
            function("handle_whep_patch", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    public static int handleWhepPatch(MemorySegment gateway, String sessionKey, String ifMatch, MemorySegment fragment, long fragmentSize, MemorySegment outResponse) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_HANDLE_WHEP_PATCH.invokeExact(pointer(gateway), pointer(sessionKey, arena), pointer(ifMatch, arena), pointer(fragment), fragmentSize, pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_WHEP_DELETE =
            function("handle_whep_delete", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int handleWhepDelete(MemorySegment gateway, String sessionKey, MemorySegment outResponse) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_HANDLE_WHEP_DELETE.invokeExact(pointer(gateway), pointer(sessionKey, arena), pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_HTTP_STATUS =
            function("response_http_status", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    public static int responseHttpStatus(MemorySegment response) {
        try {
            return (int) CALL_RESPONSE_HTTP_STATUS.invokeExact(pointer(response));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_BODY =
            function("response_body", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    public static String responseBody(MemorySegment response, MemorySegment outSize) {
        try {
            return text((MemorySegment) CALL_RESPONSE_BODY.invokeExact(pointer(response), pointer(outSize)));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_HEADER =
            function("response_header", FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    public static boolean responseHeader(MemorySegment response, long index, MemorySegment outName, MemorySegment outValue) {
        try {
            return (boolean) CALL_RESPONSE_HEADER.invokeExact(pointer(response), index, pointer(outName), pointer(outValue));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_ETAG =
            function("response_etag", FunctionDescriptor.of(ADDRESS, ADDRESS));
    public static String responseEtag(MemorySegment response) {
        try {
            return text((MemorySegment) CALL_RESPONSE_ETAG.invokeExact(pointer(response)));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_SESSION_KEY =
            function("response_session_key", FunctionDescriptor.of(ADDRESS, ADDRESS));
    public static String responseSessionKey(MemorySegment response) {
        try {
            return text((MemorySegment) CALL_RESPONSE_SESSION_KEY.invokeExact(pointer(response)));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_SESSION_ID =
            function("response_session_id", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
    public static long responseSessionId(MemorySegment response) {
        try {
            return (long) CALL_RESPONSE_SESSION_ID.invokeExact(pointer(response));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_RESPONSE_FREE =
            function("response_free", FunctionDescriptor.ofVoid(ADDRESS));
    public static void responseFree(MemorySegment response) {
        try {
            CALL_RESPONSE_FREE.invokeExact(pointer(response));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_HTTP =
            function("handle_http", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int handleHttp(MemorySegment gateway, HttpRequest request, MemorySegment outResponse) {
        try {
            return (int) CALL_HANDLE_HTTP.invokeExact(pointer(gateway), pointer(request), pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_HANDLE_HTTP_ASYNC =
            function("handle_http_async", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
    public static int handleHttpAsync(MemorySegment gateway, HttpRequest request, MemorySegment callback, MemorySegment userData, MemorySegment outResponse) {
        try {
            return (int) CALL_HANDLE_HTTP_ASYNC.invokeExact(pointer(gateway), pointer(request), pointer(callback), pointer(userData), pointer(outResponse));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_LISTEN_HTTP =
            function("listen_http", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int listenHttp(MemorySegment gateway, ListenOptions options, MemorySegment outPort) {
        try {
            return (int) CALL_LISTEN_HTTP.invokeExact(pointer(gateway), pointer(options), pointer(outPort));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_SESSION_INFO =
            function("get_session_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int getSessionInfo(MemorySegment gateway, long session, SessionInfo outInfo) {
        try {
            return (int) CALL_GET_SESSION_INFO.invokeExact(pointer(gateway), session, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_SESSION_LIMITS =
            function("set_session_limits", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
    public static int setSessionLimits(MemorySegment gateway, long session, ViewerLimits limits) {
        try {
            return (int) CALL_SET_SESSION_LIMITS.invokeExact(pointer(gateway), session, pointer(limits));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_LIST_SESSIONS =
            function("list_sessions", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    public static int listSessions(MemorySegment gateway, MemorySegment sessions, long capacity, MemorySegment outCount) {
        try {
            return (int) CALL_LIST_SESSIONS.invokeExact(pointer(gateway), pointer(sessions), capacity, pointer(outCount));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_CLOSE_SESSION =
            function("close_session", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    public static int closeSession(MemorySegment gateway, long session) {
        try {
            return (int) CALL_CLOSE_SESSION.invokeExact(pointer(gateway), session);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_BIND_SLOT =
            function("bind_slot", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG));
    public static int bindSlot(MemorySegment gateway, long session, String slot, long stream) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_BIND_SLOT.invokeExact(pointer(gateway), session, pointer(slot, arena), stream);
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_SET_SLOT_VIEW =
            function("set_slot_view", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    public static int setSlotView(MemorySegment gateway, long session, String slot, SlotView view) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) CALL_SET_SLOT_VIEW.invokeExact(pointer(gateway), session, pointer(slot, arena), pointer(view));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_GET_SLOT_INFO =
            function("get_slot_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));
    public static int getSlotInfo(MemorySegment gateway, long session, long index, SlotInfo outInfo) {
        try {
            return (int) CALL_GET_SLOT_INFO.invokeExact(pointer(gateway), session, index, pointer(outInfo));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_METRICS =
            function("metrics", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int metrics(MemorySegment gateway, MemorySegment outText, MemorySegment outSize) {
        try {
            return (int) CALL_METRICS.invokeExact(pointer(gateway), pointer(outText), pointer(outSize));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_STATE_JSON =
            function("state_json", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    public static int stateJson(MemorySegment gateway, MemorySegment outJson, MemorySegment outSize) {
        try {
            return (int) CALL_STATE_JSON.invokeExact(pointer(gateway), pointer(outJson), pointer(outSize));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }

    private static final MethodHandle CALL_STRING_FREE =
            function("string_free", FunctionDescriptor.ofVoid(ADDRESS));
    public static void stringFree(MemorySegment text) {
        try {
            CALL_STRING_FREE.invokeExact(pointer(text));
        } catch (Throwable e) {
            throw notThrown(e);
        }
    }
}
