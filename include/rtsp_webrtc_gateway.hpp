/*
 * rtsp_webrtc_gateway for C++17 and later: RAII, strong types, std::function, and errors as
 * exceptions or as results. Header-only, on top of rtsp_webrtc_gateway.h, which has the details that
 * are not repeated here: ranges, defaults, timing.
 *
 *     rtsp_webrtc::Config config;
 *     config.on_stream_state = [](const auto &event) { std::cout << event.name << to_string(event.state); };
 *     rtsp_webrtc::Gateway gateway(std::move(config));
 *     gateway.add_stream("door", {"rtsp://user:pass@192.0.2.20/stream1"});
 *     // For each POST /door/whep that the web server receives:
 *     rtsp_webrtc::Response response = gateway.handle_whep_offer({"door", body, "/door/whep/"});
 *
 * Conventions
 * -----------
 * Errors     Every function that can fail has two forms: add_stream() throws Error; try_add_stream()
 *            returns Result<StreamId>, which holds the value or the Error, and throws nothing except
 *            std::bad_alloc. Without exceptions (-fno-exceptions), only the try_ forms are available.
 *            RTTI is not needed.
 * Inputs     The library copies its inputs; they need to be valid only during the call. A
 *            std::string_view needs no terminating NUL; a NUL inside one is an invalid argument.
 *            Options are plain structs: members that are left out have the library's defaults.
 * Threads    As in C: any method may be called from any thread, concurrently, on the same Gateway. Only
 *            moving from it, assigning to it and destroying it must not run concurrently with other
 *            calls.
 * Callbacks  std::functions, which run one at a time on one thread of the gateway. They may call every
 *            method that is not "Blocking", and must not destroy a Gateway. Exceptions that they throw
 *            are passed to Config::on_exception.
 * Raw        handle() returns the C object.
 */
#ifndef RTSP_WEBRTC_GATEWAY_HPP
#define RTSP_WEBRTC_GATEWAY_HPP

#include "rtsp_webrtc_gateway.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define RTSP_WEBRTC_GATEWAY_EXCEPTIONS 1
#else
#define RTSP_WEBRTC_GATEWAY_EXCEPTIONS 0
#endif

namespace rtsp_webrtc {

/* ------------------------------------------------------------------- enums */

/** Results: enum rtsp_webrtc_gateway_status. Later versions may add values. */
enum class Status : int {
    Ok = RTSP_WEBRTC_GATEWAY_OK,
    InvalidArgument = RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT,
    NotFound = RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND,
    AlreadyExists = RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS,
    InvalidState = RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE,
    Unsupported = RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED,
    Sdp = RTSP_WEBRTC_GATEWAY_ERR_SDP,
    TooLarge = RTSP_WEBRTC_GATEWAY_ERR_TOO_LARGE,
    Codec = RTSP_WEBRTC_GATEWAY_ERR_CODEC,
    Fingerprint = RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT,
    IceCredentials = RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS,
    Url = RTSP_WEBRTC_GATEWAY_ERR_URL,
    Credentials = RTSP_WEBRTC_GATEWAY_ERR_CREDENTIALS,
    NotReady = RTSP_WEBRTC_GATEWAY_ERR_NOT_READY,
    Limit = RTSP_WEBRTC_GATEWAY_ERR_LIMIT,
    Timeout = RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT,
    Cancelled = RTSP_WEBRTC_GATEWAY_ERR_CANCELLED,
    Auth = RTSP_WEBRTC_GATEWAY_ERR_AUTH,
    Connect = RTSP_WEBRTC_GATEWAY_ERR_CONNECT,
    Camera = RTSP_WEBRTC_GATEWAY_ERR_CAMERA,
    Stalled = RTSP_WEBRTC_GATEWAY_ERR_STALLED,
    Io = RTSP_WEBRTC_GATEWAY_ERR_IO,
    Ice = RTSP_WEBRTC_GATEWAY_ERR_ICE,
    Dtls = RTSP_WEBRTC_GATEWAY_ERR_DTLS,
    SrtpProfile = RTSP_WEBRTC_GATEWAY_ERR_SRTP_PROFILE,
    ShuttingDown = RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN,
    WouldDeadlock = RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK,
    AbiMismatch = RTSP_WEBRTC_GATEWAY_ERR_ABI_MISMATCH,
    StructSize = RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE,
    QueueFull = RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL,
    Etag = RTSP_WEBRTC_GATEWAY_ERR_ETAG,
    PreconditionRequired = RTSP_WEBRTC_GATEWAY_ERR_PRECONDITION_REQUIRED,
    Unprocessable = RTSP_WEBRTC_GATEWAY_ERR_UNPROCESSABLE,
    Ingest = RTSP_WEBRTC_GATEWAY_ERR_INGEST,
    Panic = RTSP_WEBRTC_GATEWAY_ERR_PANIC,
};

/** enum rtsp_webrtc_gateway_log_level. */
enum class LogLevel : std::int32_t {
    Off = RTSP_WEBRTC_GATEWAY_LOG_OFF,
    Error = RTSP_WEBRTC_GATEWAY_LOG_ERROR,
    Warn = RTSP_WEBRTC_GATEWAY_LOG_WARN,
    Info = RTSP_WEBRTC_GATEWAY_LOG_INFO,
    Debug = RTSP_WEBRTC_GATEWAY_LOG_DEBUG,
    Trace = RTSP_WEBRTC_GATEWAY_LOG_TRACE,
};

/** Knobs: enum rtsp_webrtc_gateway_tuning_key, which says what each does. */
enum class TuningKey : std::int32_t {
    WorkerThreads = RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS,
    Nack = RTSP_WEBRTC_GATEWAY_TUNING_NACK,
    NackHistoryPackets = RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_PACKETS,
    RtcpIntervalMs = RTSP_WEBRTC_GATEWAY_TUNING_RTCP_INTERVAL_MS,
    SrtpPolicy = RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY,
    InterfaceCacheTtlMs = RTSP_WEBRTC_GATEWAY_TUNING_INTERFACE_CACHE_TTL_MS,
    Gso = RTSP_WEBRTC_GATEWAY_TUNING_GSO,
    SendBatchPackets = RTSP_WEBRTC_GATEWAY_TUNING_SEND_BATCH_PACKETS,
    UdpSendBufferBytes = RTSP_WEBRTC_GATEWAY_TUNING_UDP_SEND_BUFFER_BYTES,
    UdpRecvBufferBytes = RTSP_WEBRTC_GATEWAY_TUNING_UDP_RECV_BUFFER_BYTES,
    GopCache = RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE,
    GopCacheBytes = RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_BYTES,
    GopCacheMs = RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_MS,
    Pacing = RTSP_WEBRTC_GATEWAY_TUNING_PACING,
    PacingRatePercent = RTSP_WEBRTC_GATEWAY_TUNING_PACING_RATE_PERCENT,
    MaxSessions = RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS,
    MaxSessionsPerStream = RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS_PER_STREAM,
    Profile = RTSP_WEBRTC_GATEWAY_TUNING_PROFILE,
    AudioHoldMs = RTSP_WEBRTC_GATEWAY_TUNING_AUDIO_HOLD_MS,
    NackHistoryMs = RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_MS,
    Congestion = RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION,
    CongestionStartKbps = RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_START_KBPS,
    CongestionFloorKbps = RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_FLOOR_KBPS,
    CongestionCeilingKbps = RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_CEILING_KBPS,
    DamagedFrames = RTSP_WEBRTC_GATEWAY_TUNING_DAMAGED_FRAMES,
    MaxWorkerLoadPercent = RTSP_WEBRTC_GATEWAY_TUNING_MAX_WORKER_LOAD_PERCENT,
    MemoryLimitBytes = RTSP_WEBRTC_GATEWAY_TUNING_MEMORY_LIMIT_BYTES,
    DtlsInStun = RTSP_WEBRTC_GATEWAY_TUNING_DTLS_IN_STUN,
};

/** Values of TuningKey::SrtpPolicy: enum rtsp_webrtc_gateway_srtp_policy. */
enum class SrtpPolicy : std::int64_t {
    PreferGcm = RTSP_WEBRTC_GATEWAY_SRTP_PREFER_GCM,
    GcmOnly = RTSP_WEBRTC_GATEWAY_SRTP_GCM_ONLY,
    Any = RTSP_WEBRTC_GATEWAY_SRTP_ANY,
};

/** When a changed knob takes effect: enum rtsp_webrtc_gateway_applies. */
enum class Applies : std::int32_t {
    Create = RTSP_WEBRTC_GATEWAY_APPLIES_CREATE,
    NewSessions = RTSP_WEBRTC_GATEWAY_APPLIES_NEW_SESSIONS,
    Now = RTSP_WEBRTC_GATEWAY_APPLIES_NOW,
};

/** enum rtsp_webrtc_gateway_stream_state. */
enum class StreamState : std::int32_t {
    Connecting = RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING,
    Live = RTSP_WEBRTC_GATEWAY_STREAM_LIVE,
    Retrying = RTSP_WEBRTC_GATEWAY_STREAM_RETRYING,
    Failed = RTSP_WEBRTC_GATEWAY_STREAM_FAILED,
    Removed = RTSP_WEBRTC_GATEWAY_STREAM_REMOVED,
    Idle = RTSP_WEBRTC_GATEWAY_STREAM_IDLE,
};

/** enum rtsp_webrtc_gateway_session_state. */
enum class SessionState : std::int32_t {
    New = RTSP_WEBRTC_GATEWAY_SESSION_NEW,
    Connecting = RTSP_WEBRTC_GATEWAY_SESSION_CONNECTING,
    Connected = RTSP_WEBRTC_GATEWAY_SESSION_CONNECTED,
    Disconnected = RTSP_WEBRTC_GATEWAY_SESSION_DISCONNECTED,
    Failed = RTSP_WEBRTC_GATEWAY_SESSION_FAILED,
    Closed = RTSP_WEBRTC_GATEWAY_SESSION_CLOSED,
};

/** How much of a video a viewer gets, best first: enum rtsp_webrtc_gateway_detail. */
enum class Detail : std::int32_t {
    AllFrames = RTSP_WEBRTC_GATEWAY_DETAIL_ALL_FRAMES,
    FewerFrames = RTSP_WEBRTC_GATEWAY_DETAIL_FEWER_FRAMES,
    Keyframes = RTSP_WEBRTC_GATEWAY_DETAIL_KEYFRAMES,
    SoundOnly = RTSP_WEBRTC_GATEWAY_DETAIL_SOUND_ONLY,
};

/** Why a viewer does not get the best: enum rtsp_webrtc_gateway_quality_reason. */
enum class QualityReason : std::int32_t {
    Nothing = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_NOTHING,
    Path = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_PATH,
    Viewer = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_VIEWER,
    Codec = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CODEC,
    Camera = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CAMERA,
    RareKeyframes = RTSP_WEBRTC_GATEWAY_QUALITY_REASON_RARE_KEYFRAMES,
};

/** What is wrong with the media of a stream that is Live: enum rtsp_webrtc_gateway_media_warning. */
enum class MediaWarning : std::int32_t {
    None = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NONE,
    BFrames = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_B_FRAMES,
    NoKeyframe = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_KEYFRAME,
    NoParameterSets = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_PARAMETER_SETS,
    Damaged = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_DAMAGED,
    Audio = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_AUDIO,
    RareKeyframes = RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_RARE_KEYFRAMES,
};

/** enum rtsp_webrtc_gateway_codec. */
enum class Codec : std::int32_t {
    None = RTSP_WEBRTC_GATEWAY_CODEC_NONE,
    H264 = RTSP_WEBRTC_GATEWAY_CODEC_H264,
    H265 = RTSP_WEBRTC_GATEWAY_CODEC_H265,
    Av1 = RTSP_WEBRTC_GATEWAY_CODEC_AV1,
    Opus = RTSP_WEBRTC_GATEWAY_CODEC_OPUS,
    Pcmu = RTSP_WEBRTC_GATEWAY_CODEC_PCMU,
    Pcma = RTSP_WEBRTC_GATEWAY_CODEC_PCMA,
    G722 = RTSP_WEBRTC_GATEWAY_CODEC_G722,
    Aac = RTSP_WEBRTC_GATEWAY_CODEC_AAC,
};

/** enum rtsp_webrtc_gateway_transport. */
enum class Transport : std::int32_t {
    Auto = RTSP_WEBRTC_GATEWAY_TRANSPORT_AUTO,
    Tcp = RTSP_WEBRTC_GATEWAY_TRANSPORT_TCP,
    Udp = RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP,
    Multicast = RTSP_WEBRTC_GATEWAY_TRANSPORT_MULTICAST,
    Http = RTSP_WEBRTC_GATEWAY_TRANSPORT_HTTP,
};

/** Tracks of a stream, as a sink gets them. */
enum class SinkTrack : std::int32_t {
    Video = RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO,
    Audio = RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO,
    /** XML documents of ONVIF. */
    Metadata = RTSP_WEBRTC_GATEWAY_SINK_TRACK_METADATA,
};

/** States of an output. */
enum class OutputState : std::int32_t {
    Waiting = RTSP_WEBRTC_GATEWAY_OUTPUT_WAITING,
    Connecting = RTSP_WEBRTC_GATEWAY_OUTPUT_CONNECTING,
    Live = RTSP_WEBRTC_GATEWAY_OUTPUT_LIVE,
    Retrying = RTSP_WEBRTC_GATEWAY_OUTPUT_RETRYING,
    Removed = RTSP_WEBRTC_GATEWAY_OUTPUT_REMOVED,
};

/** What a request over HTTP asks for: enum rtsp_webrtc_gateway_operation. */
enum class Operation : std::int32_t {
    Watch = RTSP_WEBRTC_GATEWAY_OPERATION_WATCH,
    Update = RTSP_WEBRTC_GATEWAY_OPERATION_UPDATE,
    End = RTSP_WEBRTC_GATEWAY_OPERATION_END,
    Monitor = RTSP_WEBRTC_GATEWAY_OPERATION_MONITOR,
};

/** Short text for a status. Never null. */
inline const char *to_string(Status status) noexcept {
    return rtsp_webrtc_gateway_strerror(static_cast<int>(status));
}

/** For example "live"; "unknown" for a value that this header does not have. */
inline const char *to_string(StreamState state) noexcept {
    switch (state) {
    case StreamState::Connecting: return "connecting";
    case StreamState::Live: return "live";
    case StreamState::Retrying: return "retrying";
    case StreamState::Failed: return "failed";
    case StreamState::Removed: return "removed";
    case StreamState::Idle: return "idle";
    }
    return "unknown";
}

/** For example "connected"; "unknown" for a value that this header does not have. */
inline const char *to_string(SessionState state) noexcept {
    switch (state) {
    case SessionState::New: return "new";
    case SessionState::Connecting: return "connecting";
    case SessionState::Connected: return "connected";
    case SessionState::Disconnected: return "disconnected";
    case SessionState::Failed: return "failed";
    case SessionState::Closed: return "closed";
    }
    return "unknown";
}

/** For example "keyframes"; "unknown" for a value that this header does not have. */
inline const char *to_string(Detail detail) noexcept {
    switch (detail) {
    case Detail::AllFrames: return "all_frames";
    case Detail::FewerFrames: return "fewer_frames";
    case Detail::Keyframes: return "keyframes";
    case Detail::SoundOnly: return "sound_only";
    }
    return "unknown";
}

/** For example "path"; "unknown" for a value that this header does not have. */
inline const char *to_string(QualityReason reason) noexcept {
    switch (reason) {
    case QualityReason::Nothing: return "nothing";
    case QualityReason::Path: return "path";
    case QualityReason::Viewer: return "viewer";
    case QualityReason::Codec: return "codec";
    case QualityReason::Camera: return "camera";
    case QualityReason::RareKeyframes: return "rare_keyframes";
    }
    return "unknown";
}

/** For example "H264"; "unknown" for a value that this header does not have. */
inline const char *to_string(Codec codec) noexcept {
    switch (codec) {
    case Codec::None: return "none";
    case Codec::H264: return "H264";
    case Codec::H265: return "H265";
    case Codec::Av1: return "AV1";
    case Codec::Opus: return "opus";
    case Codec::Pcmu: return "PCMU";
    case Codec::Pcma: return "PCMA";
    case Codec::G722: return "G722";
    case Codec::Aac: return "AAC";
    }
    return "unknown";
}

/** The HTTP status code for a WHEP request whose call returned this status. */
inline int http_status(Status status) noexcept {
    return rtsp_webrtc_gateway_http_status(static_cast<int>(status));
}

/* --------------------------------------------------------------------- ids */

/** A 64-bit id, distinct in type from other kinds of ids. Ordered and hashable. */
template <class Tag> class Id {
public:
    /** No id: 0. */
    constexpr Id() noexcept = default;
    constexpr explicit Id(std::uint64_t value) noexcept : value_(value) {}
    constexpr std::uint64_t value() const noexcept { return value_; }
    constexpr explicit operator bool() const noexcept { return value_ != 0; }

    friend constexpr bool operator==(Id a, Id b) noexcept { return a.value_ == b.value_; }
    friend constexpr bool operator!=(Id a, Id b) noexcept { return a.value_ != b.value_; }
    friend constexpr bool operator<(Id a, Id b) noexcept { return a.value_ < b.value_; }

private:
    std::uint64_t value_ = 0;
};

/** Identifies a stream. Never reused. */
using StreamId = Id<struct StreamTag>;
/** Identifies a session (a viewer). Never reused. */
using SessionId = Id<struct SessionTag>;
/** Identifies a sink. Never reused. */
using SinkId = Id<struct SinkTag>;
/** Identifies an output. Never reused. */
using OutputId = Id<struct OutputTag>;
/** Identifies a pending offer. Never reused. */
using OperationId = Id<struct OperationTag>;
/** Identifies a request of on_authorize. Never reused. */
using RequestId = Id<struct RequestTag>;

/* ------------------------------------------------------------------ errors */

class Response;

/** A failed call: its status, and a message that says what happened and what to do about it. */
class Error : public std::runtime_error {
public:
    Error(Status status, const std::string &message,
          std::shared_ptr<const Response> response = nullptr)
        : std::runtime_error(message), status_(status), response_(std::move(response)) {}

    /** The error of the last C function that failed on this thread, with the status it returned. */
    static Error last(int status, std::shared_ptr<const Response> response = nullptr) {
        // As snprintf: the first call returns the length, the second fills the buffer.
        std::string text(rtsp_webrtc_gateway_last_error(nullptr, 0) + 1, '\0');
        rtsp_webrtc_gateway_last_error(&text[0], text.size());
        text.pop_back();
        return Error(static_cast<Status>(status), text, std::move(response));
    }

    Status status() const noexcept { return status_; }
    /** The HTTP status to respond with. */
    int http_status() const noexcept { return rtsp_webrtc::http_status(status_); }
    /**
     * Of handle_whep_...() and handle_http...(): the response to send, with problem details (RFC 9457)
     * and Retry-After where trying again may help. Null for other functions.
     */
    const Response *response() const noexcept { return response_.get(); }

private:
    Status status_;
    std::shared_ptr<const Response> response_;
};

namespace detail {

[[noreturn]] inline void raise(const Error &error) {
#if RTSP_WEBRTC_GATEWAY_EXCEPTIONS
    throw error;
#else
    std::fprintf(stderr, "rtsp_webrtc: value() of a failed result: %s\n", error.what());
    std::abort();
#endif
}

} // namespace detail

/** A value or an Error. */
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /** The value. Undefined behavior if there is none. */
    T &operator*() & noexcept { return *std::get_if<0>(&state_); }
    const T &operator*() const & noexcept { return *std::get_if<0>(&state_); }
    T &&operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    T *operator->() noexcept { return std::get_if<0>(&state_); }
    const T *operator->() const noexcept { return std::get_if<0>(&state_); }

    /** The value. Throws the Error if there is none, or aborts without exceptions. */
    T &value() & { return check(), **this; }
    const T &value() const & { return check(), **this; }
    T &&value() && { return check(), std::move(**this); }

    /** The error. Undefined behavior if there is a value. */
    const Error &error() const noexcept { return *std::get_if<1>(&state_); }
    /** Status::Ok if there is a value. */
    Status status() const noexcept { return has_value() ? Status::Ok : error().status(); }

private:
    void check() const {
        if (!has_value()) {
            detail::raise(error());
        }
    }

    std::variant<T, Error> state_;
};

/** Success or an Error. */
template <> class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }

    /** Throws the Error if there is one, or aborts without exceptions. */
    void value() const {
        if (error_) {
            detail::raise(*error_);
        }
    }

    /** The error. Undefined behavior on success. */
    const Error &error() const noexcept { return *error_; }
    /** Status::Ok on success. */
    Status status() const noexcept { return error_ ? error_->status() : Status::Ok; }

private:
    std::optional<Error> error_;
};

/* ------------------------------------------------- conversions to and from C */

namespace detail {

/** A struct of the C header with its defaults, as RTSP_WEBRTC_GATEWAY_INIT() makes it. */
template <class Struct> Struct c_struct() noexcept {
    Struct value{};
    value.struct_size = sizeof value;
    return value;
}

/** A text with a NUL becomes invalid UTF-8, so that the library reports which argument is wrong. */
inline const char *c_text(const std::string &text) noexcept {
    return text.find('\0') == std::string::npos ? text.c_str() : "\xff";
}

/** A copy of a view, with a terminating NUL. */
class CText {
public:
    explicit CText(std::string_view text) : text_(text) {}
    operator const char *() const noexcept { return c_text(text_); }

private:
    std::string text_;
};

/** Null if there is no text. */
class OptionalCText {
public:
    explicit OptionalCText(std::optional<std::string_view> text) {
        if (text) {
            text_.emplace(*text);
        }
    }
    operator const char *() const noexcept { return text_ ? c_text(*text_) : nullptr; }

private:
    std::optional<std::string> text_;
};

inline const char *c_text(const std::optional<std::string> &text) noexcept {
    return text ? c_text(*text) : nullptr;
}

/** Empty if there is no text. */
inline std::string_view view(const char *text) noexcept {
    return text == nullptr ? std::string_view() : std::string_view(text);
}

/** Clamped to 0 and the largest value that C can express. */
inline std::uint32_t c_milliseconds(std::chrono::milliseconds time) noexcept {
    constexpr std::chrono::milliseconds longest(UINT32_MAX);
    return static_cast<std::uint32_t>((std::min)((std::max)(time, time.zero()), longest).count());
}

/** A text that the library returned, freed at the end of the scope. */
class OwnedText {
public:
    OwnedText() = default;
    OwnedText(const OwnedText &) = delete;
    OwnedText &operator=(const OwnedText &) = delete;
    ~OwnedText() { rtsp_webrtc_gateway_string_free(text); }

    char *text = nullptr;
    std::size_t size = 0;
};

/** Calls a function of the host, and passes an exception that it throws to on_exception. */
template <class OnException, class Call>
void contain([[maybe_unused]] const char *name, [[maybe_unused]] const OnException &on_exception,
             Call call) noexcept {
#if RTSP_WEBRTC_GATEWAY_EXCEPTIONS
    try {
        call();
    } catch (...) {
        try {
            on_exception(name, std::current_exception());
        } catch (...) {
            std::fprintf(stderr, "rtsp_webrtc: on_exception threw, too\n");
        }
    }
#else
    call();
#endif
}

#if RTSP_WEBRTC_GATEWAY_EXCEPTIONS
/** The default on_exception. */
inline void print_exception(const char *name, std::exception_ptr exception) noexcept {
    try {
        std::rethrow_exception(std::move(exception));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "rtsp_webrtc: exception in %s: %s\n", name, error.what());
    } catch (...) {
        std::fprintf(stderr, "rtsp_webrtc: exception in %s\n", name);
    }
}
#else
inline void print_exception(const char *, std::exception_ptr) noexcept {}
#endif

} // namespace detail

/* --------------------------------------------------------------- versions */

/** Version of the library that runs, for example "0.1.0". */
inline const char *version() noexcept {
    return rtsp_webrtc_gateway_version();
}

/** The same as a number: (major << 16) | (minor << 8) | patch. */
inline std::uint32_t version_number() noexcept {
    return rtsp_webrtc_gateway_version_number();
}

/** ABI version of the library that runs. Creating a Gateway checks it. */
inline std::uint32_t abi_version() noexcept {
    return rtsp_webrtc_gateway_abi_version();
}

/* -------------------------------------------------------------------- log */

/** One line of the log. The views are valid until the function returns. */
struct LogRecord {
    LogLevel level;
    /** The part of the library that logs, for example "rtsp_webrtc_gateway::whep". */
    std::string_view target;
    std::string_view message;
    /** The stream that the line is about, if any. */
    StreamId stream;
    /** The session that the line is about, if any. */
    SessionId session;
    /** Name of that stream; empty if the line is not about one. */
    std::string_view stream_name;
};

/**
 * Receives a line of the log, on any thread and on several at once. It may call the functions that do
 * not wait; the others fail with Status::WouldDeadlock.
 */
using LogFunction = std::function<void(const LogRecord &)>;

/**
 * Sets the log function of the process, and the highest level that it receives. An empty function ends
 * the log. When it returns, the previous function is not running and has been destroyed. Exceptions of
 * the function are written to stderr. Blocking.
 */
inline Result<void> try_set_log(LogLevel max_level, LogFunction function) {
    rtsp_webrtc_gateway_log_fn call = nullptr;
    rtsp_webrtc_gateway_free_fn free_function = nullptr;
    std::unique_ptr<LogFunction> owned;
    if (function) {
        owned = std::make_unique<LogFunction>(std::move(function));
        call = [](void *user_data, const rtsp_webrtc_gateway_log_record *record) noexcept {
            detail::contain("the log function", detail::print_exception, [&] {
                (*static_cast<const LogFunction *>(user_data))(
                    {static_cast<LogLevel>(record->level), record->target, record->message,
                     StreamId(record->stream), SessionId(record->session),
                     detail::view(record->stream_name)});
            });
        };
        free_function = [](void *user_data) noexcept {
            delete static_cast<LogFunction *>(user_data);
        };
    }
    // It runs free_function in any case.
    const int status = rtsp_webrtc_gateway_set_log_callback(static_cast<std::int32_t>(max_level),
                                                            call, owned.release(), free_function);
    if (status < 0) {
        return Error::last(status);
    }
    return {};
}

/** Changes the highest level that is logged. Status::InvalidState if there is no log function. */
inline Result<void> try_set_log_level(LogLevel max_level) {
    const int status = rtsp_webrtc_gateway_set_log_level(static_cast<std::int32_t>(max_level));
    if (status < 0) {
        return Error::last(status);
    }
    return {};
}

#if RTSP_WEBRTC_GATEWAY_EXCEPTIONS
/** As try_set_log(); throws. */
inline void set_log(LogLevel max_level, LogFunction function) {
    try_set_log(max_level, std::move(function)).value();
}

/** As try_set_log_level(); throws. */
inline void set_log_level(LogLevel max_level) {
    try_set_log_level(max_level).value();
}
#endif

/* ----------------------------------------------------------------- tuning */

/** A knob and its value. */
struct Tuning {
    TuningKey key;
    std::int64_t value;
};

/** Description of a knob. The views are static. */
struct TuningInfo {
    TuningKey key;
    Applies applies;
    /** Stable name, for example "nack_history_packets". */
    std::string_view name;
    /** Effect and unit, in English. */
    std::string_view help;
    std::int64_t default_value;
    std::int64_t min_value;
    std::int64_t max_value;
};

/** All knobs of the library that runs. */
inline std::vector<TuningInfo> describe_tuning() {
    std::vector<TuningInfo> knobs;
    auto info = detail::c_struct<rtsp_webrtc_gateway_tuning_info>();
    while (rtsp_webrtc_gateway_describe_tuning(knobs.size(), &info) >= 0) {
        knobs.push_back({static_cast<TuningKey>(info.key), static_cast<Applies>(info.applies),
                         info.name, info.help, info.default_value, info.min_value, info.max_value});
    }
    return knobs;
}

/** Finds a knob by name, for settings that are stored as text. */
inline std::optional<TuningKey> find_tuning(std::string_view name) {
    std::int32_t key = 0;
    if (rtsp_webrtc_gateway_find_tuning(detail::CText(name), &key) < 0) {
        return std::nullopt;
    }
    return static_cast<TuningKey>(key);
}

/* ---------------------------------------------------------------- options */

/** A request over HTTP to allow or deny. The views are valid until the callback returns. */
struct AuthorizeRequest {
    /** For Gateway::authorize(). */
    RequestId id;
    Operation operation;
    /** As the request has it; there may be no such stream. Empty for Operation::Monitor. */
    std::string_view stream_name;
    /** A secret. Empty: none was sent. */
    std::string_view bearer_token;
    /** Where the request comes from; empty if that is not known. */
    std::string_view peer;
};

/** A STUN or TURN server for viewers, or one of turn_servers, which relay for the gateway. */
struct IceServer {
    /** For example "turn:turn.example.com:3478?transport=udp". */
    std::string url;
    /** User name, required for TURN; none for STUN. */
    std::optional<std::string> username{};
    /** Password, required for TURN; none for STUN. It is sent to the viewer, unless it is one of turn_servers. */
    std::optional<std::string> credential{};
    /** For "turns:" in turn_servers: trust certificates of these authorities only, in PEM. */
    std::optional<std::string> tls_ca{};
    /** The same: trust this certificate only, by its SHA-256 in hexadecimal. */
    std::optional<std::string> tls_fingerprint{};
};

namespace detail {

/** A list of ICE servers as C wants it. Their strings stay the caller's. */
class CIceServers {
public:
    explicit CIceServers(const std::vector<IceServer> &servers) {
        servers_.reserve(servers.size() + 1); // never null: an empty list is not "no list"
        for (const IceServer &server : servers) {
            auto &element = servers_.emplace_back(c_struct<rtsp_webrtc_gateway_ice_server>());
            element.url = c_text(server.url);
            element.username = c_text(server.username);
            element.credential = c_text(server.credential);
            element.tls_ca = c_text(server.tls_ca);
            element.tls_fingerprint = c_text(server.tls_fingerprint);
        }
    }
    /** Null if there is no list. */
    explicit CIceServers(const std::optional<std::vector<IceServer>> &servers) {
        if (servers) {
            *this = CIceServers(*servers);
        }
    }

    const rtsp_webrtc_gateway_ice_server *data() const noexcept { return servers_.data(); }
    std::size_t size() const noexcept { return servers_.size(); }

private:
    std::vector<rtsp_webrtc_gateway_ice_server> servers_;
};

} // namespace detail

/**
 * A change of a stream's state, or of the warning of a stream that is Live. The views are valid until
 * the callback returns.
 */
struct StreamEvent {
    StreamId stream;
    /** The new state. */
    StreamState state;
    /** Why the stream is Retrying or Failed; Ok in the other states. */
    Status status;
    /** Error message for status; empty if there is none. */
    std::string_view message;
    /** From the options of the stream. */
    void *stream_user_data;
    /** Name of the stream. */
    std::string_view name;
    /** From the options of the stream; empty if there is none. */
    std::string_view label;
    /** What is wrong with the media of a stream that is Live. */
    MediaWarning warning;
    /** The warning in a sentence for people, with what to do; empty if there is none. */
    std::string_view warning_message;
};

/** A session changed its state. The views are valid until the callback returns. */
struct SessionEvent {
    SessionId session;
    StreamId stream;
    /** New at first, Closed at last. */
    SessionState state;
    /** Why it failed, if the state is Failed; Ok otherwise. */
    Status status;
    /** Error message for status; empty if there is none. */
    std::string_view message;
    /** Of the session's offer. */
    void *session_user_data;
    /** Of the session's offer; empty if there is none. */
    std::string_view label;
    /** Of the session's offer; empty if there is none. */
    std::string_view peer;
    /** Name of the stream. */
    std::string_view stream_name;
};

/** An output changed its state. The views are valid until the callback returns. */
struct OutputEvent {
    OutputId output;
    StreamId stream;
    /** The session with the media server, while it is Live. */
    std::optional<SessionId> session;
    OutputState state;
    /** Why it is Retrying; Ok in the other states. */
    Status status;
    /** Error message for status; empty if there is none. */
    std::string_view message;
    /** Of the output's options. */
    void *output_user_data;
    /** Scheme, host and port of the media server. */
    std::string_view server;
    /** Of the output's options; empty if there is none. */
    std::string_view label;
    /** Name of the stream. */
    std::string_view stream_name;
};

/** A viewer is shown something else than before. The views are valid until the callback returns. */
struct QualityEvent {
    SessionId session;
    StreamId stream;
    /** The stream whose video it is shown: stream, or one of its variants. */
    StreamId variant;
    Detail detail;
    QualityReason reason;
    /** What its connection carries in bits per second; 0 if it was not measured. */
    std::uint64_t bandwidth_bps;
    /** What the best variant that it may be shown needs in bits per second; 0 if not known. */
    std::uint64_t needed_bps;
    /** Why it gets less than the best, as a sentence for people; empty if it gets the best. */
    std::string_view held_back;
    /** Of the session's offer. */
    void *session_user_data;
    /** Of the session's offer; empty if there is none. */
    std::string_view label;
    /** Of the session's offer; empty if there is none. */
    std::string_view peer;
    /** Name of the stream. */
    std::string_view stream_name;
};

/** Options and callbacks of a gateway. */
struct Config {
    /** Address of the UDP socket, for example "[::]:5000". None: all addresses, any free port. */
    std::optional<std::string> udp_bind;
    /** Also listen on TCP, on the address and port of udp_bind, for viewers without UDP (ICE-TCP). */
    bool ice_tcp = false;
    /** Be a TURN server for the gateway's own viewers, that relays to nothing else (CONFIG_TURN). */
    bool turn = false;
    /** Addresses to advertise in addition to those of the network interfaces (1:1 NAT). */
    std::vector<std::string> public_addresses;
    /** Knobs to set to other values than their defaults. */
    std::vector<Tuning> tuning;
    /** Bearer tokens, each of which permits everything over HTTP. */
    std::vector<std::string> bearer_tokens;
    /** STUN and TURN servers for viewers. */
    std::vector<IceServer> ice_servers;
    /** Origins whose web pages may use WHEP: "https://nvr.example"; "*": all. Empty: its own alone. */
    std::vector<std::string> allowed_origins;

    /**
     * Rules for the network interfaces whose addresses viewers are told: "eth0", "wl*", "!tun0". Without
     * names: all but bridges of containers and virtual machines.
     */
    std::vector<std::string> interfaces;
    /** STUN servers that tell the gateway its public address behind a NAT: "stun.example.com:3478". */
    std::vector<std::string> stun_servers;
    /** TURN servers that relay for the gateway itself, behind a NAT that lets no viewer in. */
    std::vector<IceServer> turn_servers;
    /** Instead of udp_bind: a UDP socket that is bound. It stays the host's. 0: none. POSIX only. */
    int udp_fd = 0;
    /** Instead of ice_tcp: a TCP socket that listens. It stays the host's. 0: none. POSIX only. */
    int tcp_fd = 0;

    /** A stream changed its state, or it is Live and its warning changed. */
    std::function<void(const StreamEvent &)> on_stream_state;
    /** A session changed its state. */
    std::function<void(const SessionEvent &)> on_session_state;
    /** A viewer is shown something else than before: another variant, or more or fewer frames. */
    std::function<void(const QualityEvent &)> on_session_quality;
    /** An output changed its state. Removed is the last call for an output. */
    std::function<void(const OutputEvent &)> on_output_state;
    /** A push stream needs a keyframe: request one from the encoder. */
    std::function<void(StreamId)> on_keyframe_request;
    /**
     * A request over HTTP is to be allowed or denied: call Gateway::authorize(), here or later. Empty:
     * bearer_tokens decide alone.
     */
    std::function<void(const AuthorizeRequest &)> on_authorize;
    /**
     * A callback of this gateway (for example "on_stream_state") threw an exception. Runs on the same
     * thread. Empty: a line is written to stderr.
     */
    std::function<void(const char *callback, std::exception_ptr)> on_exception;
};

/** Options of a camera that the gateway connects to. */
struct PullOptions {
    /** rtsp://[user:password@]host[:port]/path. Required. */
    std::string url;
    /** User name for Basic or Digest authentication. None: from url. */
    std::optional<std::string> username{};
    /** Password for Basic or Digest authentication. None: from url. */
    std::optional<std::string> password{};
    Transport transport = Transport::Auto;
    /** Do not use the camera's audio. */
    bool no_audio = false;
    /** Time limit from TCP to the response to PLAY: 500 ms to 5 min. 0: 10 s. */
    std::chrono::milliseconds connect_timeout{0};
    /** A camera that sends no video for this long is reconnected: 500 ms to 5 min. 0: 8 s. */
    std::chrono::milliseconds idle_timeout{0};
    /** Delay before the first retry: 100 ms to 1 h. 0: 1 s, or retry_max if that is shorter. */
    std::chrono::milliseconds retry_min{0};
    /** Longest delay between attempts: retry_min to 1 h. 0: 30 s, or retry_min if that is longer. */
    std::chrono::milliseconds retry_max{0};
    /** Receive the camera's ONVIF metadata, for sinks: RTSP_WEBRTC_GATEWAY_PULL_METADATA. */
    bool metadata = false;
    /** Connect only while needed: RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND. */
    bool on_demand = false;
    /** With on_demand: time connected after the last need, 100 ms to 1 h. 0: 10 s. */
    std::chrono::milliseconds linger{0};
    /** Label for people, at most 128 bytes. Returned in StreamEvent and StreamInfo. */
    std::optional<std::string> label{};
    /** Returned in StreamEvent and StreamInfo. */
    void *user_data = nullptr;
    /** rtsps: trust certificates of these authorities only, in PEM. None: as the system does. */
    std::optional<std::string> tls_ca{};
    /** rtsps: trust this certificate only: its SHA-256 in hexadecimal. */
    std::optional<std::string> tls_fingerprint{};
    /** rtsps: trust any certificate: RTSP_WEBRTC_GATEWAY_PULL_TLS_UNVERIFIED. */
    bool tls_unverified = false;
};

/** Options of a stream whose media the host pushes. */
struct PushOptions {
    /** None: sound alone, if audio_codec is set. */
    Codec video_codec = Codec::None;
    /** None: no audio. */
    Codec audio_codec = Codec::None;
    /** In Hz; 0: the default of the codec. */
    std::uint32_t audio_sample_rate = 0;
    /** 0: the default of the codec. */
    std::uint32_t audio_channels = 0;
    /** Frames of each track that may be queued; 0: 64. */
    std::uint32_t queue_frames = 0;
    /** As in PullOptions. */
    std::optional<std::string> label{};
    /** As in PullOptions. */
    void *user_data = nullptr;
    /** Parameter sets of the video: an avcC, hvcC or av1C record, or with start codes. Empty: none. */
    std::vector<std::uint8_t> codec_config{};
    /** H264, H265: NAL units of a frame have lengths in place of start codes. */
    bool length_prefixed = false;
    /** Without video for this long the stream is stalled. 0: 8 s; milliseconds::max(): never. */
    std::chrono::milliseconds idle_timeout{};
    /** With Codec::Aac: its AudioSpecificConfig. */
    std::vector<std::uint8_t> audio_config{};
};

/** A view of bytes: of a vector, an array, a string, a span, or pointer and size. */
class Bytes {
public:
    constexpr Bytes() noexcept = default;
    Bytes(const void *data, std::size_t size) noexcept
        : data_(static_cast<const std::uint8_t *>(data)), size_(size) {}

    /** Any container with data(), size() and one-byte elements. */
    template <class Container,
              class Element = std::remove_pointer_t<decltype(std::declval<Container &>().data())>,
              class = std::enable_if_t<sizeof(Element) == 1 && std::is_trivial_v<Element> &&
                                       !std::is_same_v<std::decay_t<Container>, Bytes>>>
    Bytes(const Container &container) noexcept : Bytes(container.data(), container.size()) {}

    constexpr const std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    const std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

/** One access unit of video, or one frame of audio. */
struct Frame {
    /** The data, in the format that struct rtsp_webrtc_gateway_frame describes. */
    Bytes data;
    /** Presentation time, on a timeline of the host's choice that both tracks share. */
    std::chrono::microseconds pts{0};
    /** Capture time, if known: set it on both tracks or on neither. */
    std::optional<std::chrono::system_clock::time_point> captured{};
    /** The frame is a keyframe. Optional. */
    bool key = false;
    /** The timeline restarts. */
    bool discontinuity = false;
    /**
     * Owner of data. Empty: the push copies data before it returns. Otherwise data is not copied, and
     * the owner is released, on any thread, when the library no longer needs it.
     */
    std::shared_ptr<const void> owner{};

    /** A frame that owns its buffer, which is not copied: Frame::owning(std::move(vector), pts). */
    template <class Buffer> static Frame owning(Buffer buffer, std::chrono::microseconds pts) {
        const auto owner = std::make_shared<const Buffer>(std::move(buffer));
        Frame frame;
        frame.data = *owner;
        frame.pts = pts;
        frame.owner = owner;
        return frame;
    }
};

/** Options of a sink. */
struct SinkOptions {
    /** RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO. */
    bool no_video = false;
    /** RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO. */
    bool no_audio = false;
    /** RTSP_WEBRTC_GATEWAY_SINK_METADATA; needs PullOptions::metadata. */
    bool metadata = false;
    /** Begin with what is kept for viewers: RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE. */
    bool from_cache = false;
    /** Lengths instead of start codes: RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED. */
    bool length_prefixed = false;
    /** Frames that are queued until they are read, 16 to 65536. 0: 2048. */
    std::uint32_t queue_frames = 0;
    /** Bytes that are queued until they are read, 64 KiB to 1 GiB. 0: 16 MiB. */
    std::uint64_t queue_bytes = 0;
};

/** Options of an output: a stream is sent to a media server by WHIP. */
struct OutputOptions {
    /** The WHIP endpoint, https:// or http://. Required. */
    std::string url;
    /** Sent as Authorization: Bearer, to the origin of url alone. None: nothing. */
    std::optional<std::string> bearer_token{};
    /** https: trust certificates of these authorities only, in PEM. None: as the system does. */
    std::optional<std::string> tls_ca{};
    /** https: trust this certificate only: its SHA-256 in hexadecimal. */
    std::optional<std::string> tls_fingerprint{};
    /** https: trust any certificate: RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED. */
    bool tls_unverified = false;
    /** RTSP_WEBRTC_GATEWAY_OUTPUT_NO_VIDEO. */
    bool no_video = false;
    /** RTSP_WEBRTC_GATEWAY_OUTPUT_NO_AUDIO. */
    bool no_audio = false;
    /** Bits per second that the chosen variant may need. 0: no limit. */
    std::uint64_t max_bitrate_bps = 0;
    /** Label for people, at most 128 bytes. Returned in OutputInfo. */
    std::optional<std::string> label{};
    /** Returned in OutputInfo. */
    void *user_data = nullptr;
};

/** The current state of an output. Counters start at add_output(). */
struct OutputInfo {
    StreamId stream;
    /** The session with the media server; none before that has answered. */
    std::optional<SessionId> session;
    OutputState state;
    /** Status of the last failure, which is why it is not live. */
    Status status;
    /** Error message for status. */
    std::string message;
    /** Number of attempts, and of times that media began to flow. */
    std::uint64_t attempts;
    std::uint64_t connections;
    /** Until the next attempt, while it is Retrying. */
    std::optional<std::chrono::milliseconds> retry_in;
    /** Scheme, host and port of the media server. */
    std::string server;
    std::string label;
    void *user_data;
    /** What is wrong with the way there, as a sentence: credentials over http://. Empty: nothing. */
    std::string warning;
};

/** A frame that a stream received. Owns its data. */
class SinkFrame {
public:
    /** Takes ownership of a frame of the C API. */
    explicit SinkFrame(const rtsp_webrtc_gateway_sink_frame *frame) noexcept : handle_(frame) {}

    SinkTrack track() const noexcept { return static_cast<SinkTrack>(handle_->track); }
    /** None: a codec that viewers are not sent, see encoding(). */
    Codec codec() const noexcept { return static_cast<Codec>(handle_->codec); }
    /** The encoding by name: "H264", "AAC". */
    std::string_view encoding() const noexcept { return handle_->encoding; }
    /** The data, in the format that struct rtsp_webrtc_gateway_sink_frame describes. */
    Bytes data() const noexcept { return {handle_->data, handle_->size}; }
    /** What a decoder needs in advance; empty if there is nothing. */
    Bytes parameters() const noexcept { return {handle_->parameters, handle_->parameters_size}; }
    /** Presentation time, on a timeline that all tracks of the stream share. */
    std::chrono::microseconds pts() const noexcept {
        return std::chrono::microseconds(handle_->pts_us);
    }
    /** Capture time, if known. */
    std::optional<std::chrono::system_clock::time_point> captured() const noexcept {
        return handle_->capture_unix_us == 0 ? std::nullopt
                                             : std::optional(at(handle_->capture_unix_us));
    }
    /** When its last packet arrived. */
    std::chrono::system_clock::time_point arrival() const noexcept {
        return at(handle_->arrival_unix_us);
    }
    /** How long ago that was when it was read. */
    std::chrono::microseconds age() const noexcept {
        return std::chrono::microseconds(handle_->age_us);
    }
    /** Decoding can start with it. */
    bool key() const noexcept { return has(RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY); }
    /** Something is missing before it. */
    bool discontinuity() const noexcept {
        return has(RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY);
    }
    /** Parts of it are missing. */
    bool damaged() const noexcept { return has(RTSP_WEBRTC_GATEWAY_SINK_FRAME_DAMAGED); }
    /** It comes from what is kept for viewers. */
    bool cached() const noexcept { return has(RTSP_WEBRTC_GATEWAY_SINK_FRAME_CACHED); }
    /** Codec, size or parameters are not those of the frame before it. */
    bool format_changed() const noexcept {
        return has(RTSP_WEBRTC_GATEWAY_SINK_FRAME_FORMAT_CHANGED);
    }
    /** Of video, in pixels; 0 if it is not known. */
    std::uint32_t width() const noexcept { return handle_->width; }
    std::uint32_t height() const noexcept { return handle_->height; }
    /** Of audio, in Hz. */
    std::uint32_t sample_rate() const noexcept { return handle_->sample_rate; }
    /** Of audio; 0 if it is not known. */
    std::uint32_t channels() const noexcept { return handle_->channels; }
    /** RTP packets that are missing before it or in it. */
    std::uint32_t packets_lost() const noexcept { return handle_->packets_lost; }
    /** Frames of its track before it that were dropped because the queue was full. */
    std::uint32_t frames_dropped() const noexcept { return handle_->frames_dropped; }

    /** The C object, which remains owned by this object. Null after a move. */
    const rtsp_webrtc_gateway_sink_frame *handle() const noexcept { return handle_.get(); }

private:
    static std::chrono::system_clock::time_point at(std::int64_t unix_us) noexcept {
        using Clock = std::chrono::system_clock;
        const std::chrono::microseconds since(unix_us);
        return Clock::time_point(std::chrono::duration_cast<Clock::duration>(since));
    }
    bool has(std::uint32_t flag) const noexcept { return (handle_->flags & flag) != 0; }

    struct Free {
        void operator()(const rtsp_webrtc_gateway_sink_frame *frame) const noexcept {
            rtsp_webrtc_gateway_sink_frame_free(frame);
        }
    };
    std::unique_ptr<const rtsp_webrtc_gateway_sink_frame, Free> handle_;
};

/** The current state of a sink. */
struct SinkInfo {
    StreamId stream;
    /** Frames that were put into its queue so far, and their bytes. */
    std::uint64_t frames;
    std::uint64_t bytes;
    /** Frames that were dropped because its queue was full. */
    std::uint64_t frames_dropped;
    /** How often its queue was full. */
    std::uint64_t overflows;
    /** What is in its queue. */
    std::uint64_t queued_bytes;
    std::uint32_t queued_frames;
};

/** The current state of a stream. Counters start at add_stream(). */
struct StreamInfo {
    StreamState state;
    /** Status of the last failure, which is why the stream is not live. */
    Status status;
    /** Error message for status. */
    std::string message;
    Codec video_codec;
    Codec audio_codec;
    /** In pixels; 0 while unknown. */
    std::uint32_t width;
    std::uint32_t height;
    /** Current number of viewers. */
    std::uint32_t sessions;
    /** Number of times the camera was connected again after having been live. */
    std::uint32_t reconnects;
    std::uint64_t bytes;
    std::uint64_t packets_lost;
    std::uint64_t frames;
    std::uint64_t keyframes;
    /** Video frames that were not sent to any viewer. */
    std::uint64_t frames_dropped;
    /** Number of keyframe requests. */
    std::uint64_t keyframe_requests;
    /** Video bit rate in bits per second, averaged over a few seconds. */
    std::uint64_t bitrate_bps;
    /** None before the first video frame. */
    std::optional<std::chrono::milliseconds> since_last_media;
    /** From the options of the stream. */
    void *user_data;
    std::string name;
    /** From the options of the stream; empty if there is none. */
    std::string label;
    /** What the camera gets wrong and is forgiven: "cseq, no-transport". */
    std::string quirks;
    /** What is wrong with the media that arrives. */
    MediaWarning warning;
    /** The warning in a sentence for people, with what to do; empty if there is none. */
    std::string warning_message;
};

/** The current state of a session. */
struct SessionInfo {
    StreamId stream;
    SessionState state;
    /** IANA number of the SRTP profile: 1 (AES-CM-128-HMAC-SHA1-80), 7 (AEAD AES-128-GCM), or 0. */
    std::int32_t srtp_profile;
    std::uint64_t bytes_sent;
    std::uint64_t packets_sent;
    std::uint64_t nacks;
    std::uint64_t retransmits;
    std::uint64_t plis;
    std::uint64_t overflows;
    /** Since the offer was answered. */
    std::chrono::milliseconds age;
    /** 0 before it is known. */
    std::chrono::microseconds round_trip;
    /** Loss in parts per million by the last receiver report. */
    std::uint32_t loss_ppm;
    /** Where media is sent, as "192.0.2.1:5000"; empty before ICE has selected an address. */
    std::string remote_address;
    /** Of the session's offer. */
    void *user_data;
    /** Of the session's offer; empty if there is none. */
    std::string label;
    /** Of the session's offer; empty if there is none. */
    std::string peer;
    /** The stream whose video it is shown: stream, or one of its variants. */
    StreamId variant;
    Detail detail;
    QualityReason reason;
    /** What its connection carries in bits per second; 0 if it was not measured. */
    std::uint64_t bandwidth_bps;
    /** What the best variant that it may be shown needs in bits per second; 0 if not known. */
    std::uint64_t needed_bps;
    /** Padding, by which the gateway finds out whether its connection carries more. */
    std::uint64_t padding_packets;
    std::uint64_t padding_bytes;
    /** Times that frames were left out up to a keyframe for its connection. */
    std::uint64_t skips;
    /** Times that it was shown a better variant, or a worse one. */
    std::uint64_t switches_up;
    std::uint64_t switches_down;
    /** Times that it began to get fewer frames, keyframes alone, or sound alone. */
    std::uint64_t switches_fewer_frames;
    std::uint64_t switches_keyframes;
    std::uint64_t switches_sound_only;
    /** Why it gets less than the best, as a sentence for people; empty if it gets the best. */
    std::string held_back;
    /** IANA number of what carries its media: 17 (UDP), 6 (TCP); 0 before ICE has selected an address. */
    std::int32_t protocol;
    /** TURN carries it: 0: no; 1: over TCP; 2: over TLS. */
    std::uint32_t relay;
};

/** What a viewer asks for: less than the best, for a small picture or a metered connection. */
struct ViewerLimits {
    /** Bits per second that it may be sent, all media and headers included. 0: no limit. */
    std::uint64_t max_bitrate_bps = 0;
    /** The best variant that it may be shown: this one, or those after it. 0: any. */
    StreamId variant{};
    /** That variant alone. */
    bool only = false;
};

/** What the slots of a new wall show at first. */
struct WallSlots {
    /**
     * Names of streams for the video sections of the offer, in its order; empty for a slot that shows nothing
     * yet. What a slot cannot show is in the header Refused-Slots of the response.
     */
    std::vector<std::string> video{};
    /** Name of the stream for the first audio section. Empty: none. */
    std::string sound{};
};

/** How the viewer shows a slot of a wall. */
struct SlotView {
    /** Size of its tile in device pixels, at most 16384. 0: not known. */
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    /** This tile comes before all others. */
    bool focus = false;
    /** The tile is hidden: nothing is sent. */
    bool paused = false;
};

/** What a slot of a wall shows at this moment. */
struct SlotInfo {
    /** Name: the a=mid of its section in the offer. */
    std::string slot;
    /** It is for sound. */
    bool audio = false;
    /** The stream that it is bound to. 0: none. */
    StreamId stream{};
    /** Its state; none if it is bound to none. */
    std::optional<StreamState> state{};
    /** The stream whose media it is sent: stream, or one of its variants. 0: none. */
    StreamId variant{};
    /** How much of that it gets; meaningless if it is bound to none. */
    Detail detail{};
    /** Why not more. */
    QualityReason reason{};
    SlotView view{};
    /** Size of the video that it is sent, in pixels. 0: not known. */
    std::uint32_t video_width = 0;
    std::uint32_t video_height = 0;
    /** clock_unix on the RTP clock of the slot. */
    std::uint32_t clock_rtp = 0;
    /** A wall clock time of what it is sent, since 1970. 0: nothing has been sent yet. */
    std::chrono::milliseconds clock_unix{};
    /** Why the stream is not live, or it gets less than the best of it. Empty: neither. */
    std::string why;
};

/** A WHEP offer: the POST request of a viewer. Views are borrowed for the call. */
struct Offer {
    /** Name of the stream to watch. Empty for a wall. */
    std::string_view stream_name;
    /** Body of the request (application/sdp). */
    std::string_view sdp;
    /**
     * What precedes the session key in Location: an absolute path such as "/cam1/whep/", a URL, or a
     * reference relative to the URL of the request, such as "whep/". None: no Location.
     */
    std::optional<std::string_view> location_prefix{};
    /**
     * How long to wait for a camera that is still connecting. 0: not at all; an on-demand camera is
     * still connected. None: 5 s.
     */
    std::optional<std::chrono::milliseconds> timeout{};
    /** Where the viewer comes from, for people: its address, for example. Cut after 128 bytes. */
    std::optional<std::string_view> peer{};
    /** STUN and TURN servers for this viewer. None: those of the Config. */
    std::optional<std::vector<IceServer>> ice_servers{};
    /**
     * Label of the session, for people: at most 128 bytes without control characters, otherwise
     * InvalidArgument.
     */
    std::optional<std::string_view> label{};
    /**
     * A pointer for the host's own use. It comes back in SessionInfo and SessionEvent. If the
     * response is not 201, no session has it and no event will: free it then. The event Closed may
     * come before the call returns. Outside events, dereference it only under a lock or reference
     * count of yours.
     */
    void *user_data = nullptr;
    /** What the viewer asks for. Gateway::set_session_limits() changes it later. */
    ViewerLimits limits{};
    /** The offer is that of a wall: each of its sections shows any stream, and others later. */
    std::optional<WallSlots> wall{};
};

/** A header field. */
struct Header {
    std::string_view name;
    std::string_view value;
};

/** An HTTP request as the host's web server received it. Views are borrowed for the call. */
struct HttpRequest {
    std::string_view method;
    /**
     * As the viewer sent it, percent-encoded, for example "/live/door/whep". Of a POST, the query may
     * have the viewer's limits: max_bitrate=500000, variant=NAME or variant=only:NAME.
     */
    std::string_view path;
    /**
     * Only Accept, Access-Control-Request-Private-Network, Authorization, Content-Type, Host,
     * If-Match, Origin, Prefer, Sec-Fetch-Site and X-Forwarded-Prefix are used.
     */
    std::vector<Header> headers{};
    std::string_view body{};
    /**
     * Name of the stream, percent-decoded, for hosts with URLs of their own. None: path ends in
     * {stream}/whep.
     */
    std::optional<std::string_view> stream_name{};
    /**
     * With stream_name: the session key in the URL, percent-decoded. The session must belong to the
     * stream, otherwise 404. None or empty: the stream's endpoint.
     */
    std::optional<std::string_view> session_key{};
    /** The request is to a wall, or with no session_key to their endpoint; stream_name must be none. */
    bool wall = false;
    /** The host has authorized this request: bearer_tokens and on_authorize are not consulted. */
    bool authorized = false;
    /** Of a POST: as in Offer. None: path and a slash. */
    std::optional<std::string_view> location_prefix{};
    /** Of a POST: as in Offer. The header "Prefer: wait=<seconds>" shortens it. */
    std::optional<std::chrono::milliseconds> timeout{};
    /** As in Offer. It is also passed to on_authorize. */
    std::optional<std::string_view> peer{};
    /** Of a POST: as in Offer. */
    std::optional<std::vector<IceServer>> ice_servers{};
    /** Of a POST: as in Offer. */
    std::optional<std::string_view> label{};
    /** Of a POST: as in Offer. */
    void *user_data = nullptr;
};

/** Options of a listener. */
struct ListenOptions {
    /** "192.0.2.1:8889" or "[::]:8889"; port 0: any free port. None: "127.0.0.1:8889". */
    std::optional<std::string> address{};
    /** For HTTPS: the contents of a PEM file with the certificate chain. None: HTTP. */
    std::optional<std::string> tls_certificates{};
    /** The contents of a PEM file with the private key, not encrypted. */
    std::optional<std::string> tls_private_key{};
    /** Maximum number of connections. 0: 512. */
    std::uint32_t max_connections = 0;
    /** How many of them one address may have; behind a reverse proxy: all. 0: half. */
    std::uint32_t max_connections_per_peer = 0;
    /** Names by which viewers reach it, besides localhost and IP addresses; others get 421. */
    std::vector<std::string> host_names{};
    /** Take media on this port, too, for viewers whose network lets nothing else pass (LISTEN_MEDIA). */
    bool media = false;
    /** Instead of address: a TCP socket that listens. It stays the host's. 0: none. POSIX only. */
    int fd = 0;
};

/* --------------------------------------------------------------- response */

/** An HTTP response, to be sent as it is. Views are valid for its lifetime. */
class Response {
public:
    /** Takes ownership of a response of the C API. */
    explicit Response(rtsp_webrtc_gateway_response *response) noexcept : handle_(response) {}

    /** HTTP status, for example 201. */
    int status() const noexcept { return rtsp_webrtc_gateway_response_http_status(handle()); }

    /** The body, for example the SDP answer. */
    std::string_view body() const noexcept {
        std::size_t size = 0;
        const char *text = rtsp_webrtc_gateway_response_body(handle(), &size);
        return {text, size};
    }

    /** The header fields. Send all; Content-Type, ETag and Location are among them. */
    std::vector<Header> headers() const {
        std::vector<Header> headers;
        const char *name = nullptr;
        const char *value = nullptr;
        while (rtsp_webrtc_gateway_response_header(handle(), headers.size(), &name, &value)) {
            headers.push_back({name, value});
        }
        return headers;
    }

    /** Entity tag of the session, including the quotes; empty if there is none. */
    std::string_view etag() const noexcept {
        return detail::view(rtsp_webrtc_gateway_response_etag(handle()));
    }

    /** Session key: the unguessable last segment of the session's URL; empty if there is none. */
    std::string_view session_key() const noexcept {
        return detail::view(rtsp_webrtc_gateway_response_session_key(handle()));
    }

    /** Id of the session that was created or changed, as in callbacks; 0 if there is none. */
    SessionId session() const noexcept {
        return SessionId(rtsp_webrtc_gateway_response_session_id(handle()));
    }

    /** The C object, which remains owned by this object. Null after a move. */
    rtsp_webrtc_gateway_response *handle() const noexcept { return handle_.get(); }

private:
    struct Free {
        void operator()(rtsp_webrtc_gateway_response *response) const noexcept {
            rtsp_webrtc_gateway_response_free(response);
        }
    };
    std::unique_ptr<rtsp_webrtc_gateway_response, Free> handle_;
};

/** Receives the outcome of an offer: once, on the gateway's callback thread. */
using OfferFunction = std::function<void(OperationId, Result<Response>)>;

/** Receives the response to a request: once, on the gateway's callback thread. */
using HttpFunction = std::function<void(Response)>;

/* ---------------------------------------------------------------- gateway */

namespace detail {

/** The host's functions, shared by the gateway and the library's callback thread. */
struct Handlers {
    explicit Handlers(Config &config)
        : stream_state(std::move(config.on_stream_state)),
          session_state(std::move(config.on_session_state)),
          session_quality(std::move(config.on_session_quality)),
          output_state(std::move(config.on_output_state)),
          keyframe_request(std::move(config.on_keyframe_request)),
          authorize(std::move(config.on_authorize)), exception(std::move(config.on_exception)) {
        if (!exception) {
            exception = print_exception;
        }
    }

    /** Runs call unless function is empty. */
    template <class Function, class... Arguments>
    void run(const char *name, const Function &function, Arguments... arguments) const noexcept {
        if (function) {
            contain(name, exception, [&] { function(arguments...); });
        }
    }

    decltype(Config::on_stream_state) stream_state;
    decltype(Config::on_session_state) session_state;
    decltype(Config::on_session_quality) session_quality;
    decltype(Config::on_output_state) output_state;
    decltype(Config::on_keyframe_request) keyframe_request;
    decltype(Config::on_authorize) authorize;
    decltype(Config::on_exception) exception;
};

using HandlersPtr = std::shared_ptr<const Handlers>;

/** What the C callbacks get as user_data is a HandlersPtr. */
inline const Handlers &handlers(void *user_data) noexcept {
    return **static_cast<HandlersPtr *>(user_data);
}

inline rtsp_webrtc_gateway_callbacks c_callbacks(HandlersPtr *user_data) noexcept {
    auto callbacks = c_struct<rtsp_webrtc_gateway_callbacks>();
    callbacks.user_data = user_data;
    callbacks.free_user_data = [](void *pointer) noexcept {
        delete static_cast<HandlersPtr *>(pointer);
    };
    callbacks.on_stream_state = [](void *pointer,
                                   const rtsp_webrtc_gateway_stream_event *from) noexcept {
        const Handlers &to = handlers(pointer);
        const StreamEvent event{StreamId(from->stream),
                                static_cast<StreamState>(from->state),
                                static_cast<Status>(from->status),
                                view(from->message),
                                from->stream_user_data,
                                view(from->name),
                                view(from->label),
                                static_cast<MediaWarning>(from->warning),
                                view(from->warning_message)};
        to.run("on_stream_state", to.stream_state, std::cref(event));
    };
    callbacks.on_session_state = [](void *pointer,
                                    const rtsp_webrtc_gateway_session_event *from) noexcept {
        const Handlers &to = handlers(pointer);
        const SessionEvent event{SessionId(from->session),
                                 StreamId(from->stream),
                                 static_cast<SessionState>(from->state),
                                 static_cast<Status>(from->status),
                                 view(from->message),
                                 from->session_user_data,
                                 view(from->label),
                                 view(from->peer),
                                 view(from->stream_name)};
        to.run("on_session_state", to.session_state, std::cref(event));
    };
    callbacks.on_session_quality = [](void *pointer,
                                      const rtsp_webrtc_gateway_quality_event *from) noexcept {
        const Handlers &to = handlers(pointer);
        const QualityEvent event{SessionId(from->session),
                                 StreamId(from->stream),
                                 StreamId(from->variant),
                                 static_cast<Detail>(from->detail),
                                 static_cast<QualityReason>(from->reason),
                                 from->bandwidth_bps,
                                 from->needed_bps,
                                 view(from->held_back),
                                 from->session_user_data,
                                 view(from->label),
                                 view(from->peer),
                                 view(from->stream_name)};
        to.run("on_session_quality", to.session_quality, std::cref(event));
    };
    callbacks.on_output_state = [](void *pointer,
                                   const rtsp_webrtc_gateway_output_event *from) noexcept {
        const Handlers &to = handlers(pointer);
        OutputEvent event{};
        event.output = OutputId(from->output);
        event.stream = StreamId(from->stream);
        if (from->session != 0) {
            event.session = SessionId(from->session);
        }
        event.state = static_cast<OutputState>(from->state);
        event.status = static_cast<Status>(from->status);
        event.message = view(from->message);
        event.output_user_data = from->output_user_data;
        event.server = view(from->server);
        event.label = view(from->label);
        event.stream_name = view(from->stream_name);
        to.run("on_output_state", to.output_state, std::cref(event));
    };
    callbacks.on_keyframe_request = [](void *pointer,
                                       rtsp_webrtc_gateway_stream_id stream) noexcept {
        const Handlers &to = handlers(pointer);
        to.run("on_keyframe_request", to.keyframe_request, StreamId(stream));
    };
    if ((*user_data)->authorize) { // null has a meaning here
        callbacks.on_authorize = [](void *pointer,
                                    const rtsp_webrtc_gateway_authorize_request *request) noexcept {
            const Handlers &to = handlers(pointer);
            const AuthorizeRequest question{
                RequestId(request->request_id), static_cast<Operation>(request->operation),
                view(request->stream_name), view(request->bearer_token), view(request->peer)};
            to.run("on_authorize", to.authorize, std::cref(question));
        };
    }
    return callbacks;
}

} // namespace detail

/**
 * A gateway: the cameras, the viewers, and the threads and the socket that serve them. Move-only; after a
 * move, methods of the moved-from object fail with Status::InvalidArgument. The callbacks of the Config
 * live until the gateway is destroyed. None of them runs before the constructor or try_create() returns.
 */
class Gateway {
public:
    /** Creates a gateway: binds the socket and starts the threads. Blocking. */
    static Result<Gateway> try_create(Config config = {}) {
        rtsp_webrtc_gateway_config options{};
        int status = rtsp_webrtc_gateway_struct_init(&options, sizeof options,
                                                     RTSP_WEBRTC_GATEWAY_ABI_VERSION);
        if (status < 0) {
            return Error::last(status);
        }
        std::vector<const char *> addresses;
        for (const std::string &address : config.public_addresses) {
            addresses.push_back(detail::c_text(address));
        }
        std::vector<const char *> tokens;
        for (const std::string &token : config.bearer_tokens) {
            tokens.push_back(detail::c_text(token));
        }
        std::vector<const char *> origins;
        for (const std::string &origin : config.allowed_origins) {
            origins.push_back(detail::c_text(origin));
        }
        std::vector<const char *> interfaces;
        for (const std::string &rule : config.interfaces) {
            interfaces.push_back(detail::c_text(rule));
        }
        std::vector<const char *> stun_servers;
        for (const std::string &server : config.stun_servers) {
            stun_servers.push_back(detail::c_text(server));
        }
        const detail::CIceServers servers(config.ice_servers);
        const detail::CIceServers turn_servers(config.turn_servers);
        std::vector<rtsp_webrtc_gateway_tuning> tuning;
        for (const Tuning &knob : config.tuning) {
            tuning.push_back({static_cast<std::int32_t>(knob.key), 0, knob.value});
        }
        auto handlers = std::make_shared<const detail::Handlers>(config);
        auto user_data = std::make_unique<detail::HandlersPtr>(handlers);
        const rtsp_webrtc_gateway_callbacks callbacks = detail::c_callbacks(user_data.get());
        options.udp_bind = detail::c_text(config.udp_bind);
        options.flags = (config.ice_tcp ? RTSP_WEBRTC_GATEWAY_CONFIG_ICE_TCP : 0) |
                        (config.turn ? RTSP_WEBRTC_GATEWAY_CONFIG_TURN : 0);
        options.public_addresses = addresses.data();
        options.public_addresses_len = addresses.size();
        options.bearer_tokens = tokens.data();
        options.bearer_tokens_len = tokens.size();
        options.ice_servers = servers.data();
        options.ice_servers_len = servers.size();
        options.allowed_origins = origins.data();
        options.allowed_origins_len = origins.size();
        options.interfaces = interfaces.data();
        options.interfaces_len = interfaces.size();
        options.stun_servers = stun_servers.data();
        options.stun_servers_len = stun_servers.size();
        options.turn_servers = turn_servers.data();
        options.turn_servers_len = turn_servers.size();
        options.udp_fd = config.udp_fd;
        options.tcp_fd = config.tcp_fd;
        options.tuning = tuning.data();
        options.tuning_len = tuning.size();
        options.callbacks = &callbacks;

        rtsp_webrtc_gateway *handle = nullptr;
        status = rtsp_webrtc_gateway_create(&options, &handle);
        // An older library that cannot read the structs is the one case in which it is still ours.
        if (status != RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE) {
            static_cast<void>(user_data.release());
        }
        if (status < 0) {
            return Error::last(status);
        }
        return Gateway(handle, std::move(handlers));
    }

    Gateway(Gateway &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), handlers_(std::move(other.handlers_)) {}

    Gateway &operator=(Gateway &&other) noexcept {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, nullptr);
            handlers_ = std::move(other.handlers_);
        }
        return *this;
    }

    /**
     * Shuts down and frees the gateway. The last callbacks run before it returns, and may still use this
     * object. Blocking: must not run inside a callback; the gateway would continue and never be freed.
     */
    ~Gateway() { close(); }

    /**
     * Closes all sessions and streams, delivers the last callbacks and ends the threads. Calls that are
     * waiting fail with Status::ShuttingDown. Blocking, for at most timeout; 0: 10 s.
     */
    Result<void> try_shutdown(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        return done(rtsp_webrtc_gateway_shutdown(handle_, detail::c_milliseconds(timeout)));
    }

    /* Knobs. */

    /** Sets a knob. */
    Result<void> try_set_tuning(TuningKey key, std::int64_t value) {
        return done(rtsp_webrtc_gateway_set_tuning(handle_, static_cast<std::int32_t>(key), value));
    }

    /** Reads a knob. */
    Result<std::int64_t> try_get_tuning(TuningKey key) const {
        std::int64_t value = 0;
        const int status =
            rtsp_webrtc_gateway_get_tuning(handle_, static_cast<std::int32_t>(key), &value);
        return done(status, value);
    }

    /* Streams. */

    /** Adds a camera and returns immediately. name identifies the stream in offers and URLs. */
    Result<StreamId> try_add_stream(std::string_view name, const PullOptions &options) {
        const auto pull = c_options(options);
        rtsp_webrtc_gateway_stream_id id = 0;
        const int status = rtsp_webrtc_gateway_add_stream(handle_, detail::CText(name), &pull, &id);
        return done(status, StreamId(id));
    }

    /** Replaces all options of a camera, and connects with the new ones. Its viewers stay. */
    Result<void> try_update_stream(StreamId stream, const PullOptions &options) {
        const auto pull = c_options(options);
        return done(rtsp_webrtc_gateway_update_stream(handle_, stream.value(), &pull));
    }

    /** Connects to a camera now instead of waiting for the next attempt. */
    Result<void> try_reconnect_stream(StreamId stream) {
        return done(rtsp_webrtc_gateway_reconnect_stream(handle_, stream.value()));
    }

    /** Sets what viewers of a stream may be shown in its place, best first: its substream. */
    Result<void> try_set_variants(StreamId stream, const std::vector<StreamId> &variants) {
        std::vector<rtsp_webrtc_gateway_stream_id> ids;
        ids.reserve(variants.size());
        for (const StreamId variant : variants) {
            ids.push_back(variant.value());
        }
        return done(
            rtsp_webrtc_gateway_set_variants(handle_, stream.value(), ids.data(), ids.size()));
    }

    /** Adds a stream whose media the host pushes. */
    Result<StreamId> try_add_push_stream(std::string_view name, const PushOptions &options) {
        auto push = detail::c_struct<rtsp_webrtc_gateway_push_options>();
        push.video_codec = static_cast<std::int32_t>(options.video_codec);
        push.audio_codec = static_cast<std::int32_t>(options.audio_codec);
        push.audio_sample_rate = options.audio_sample_rate;
        push.audio_channels = options.audio_channels;
        push.queue_frames = options.queue_frames;
        if (options.length_prefixed) {
            push.flags |= RTSP_WEBRTC_GATEWAY_PUSH_LENGTH_PREFIXED;
        }
        push.codec_config = options.codec_config.data();
        push.codec_config_size = options.codec_config.size();
        push.idle_timeout_ms = options.idle_timeout == std::chrono::milliseconds::max()
                                   ? UINT32_MAX
                                   : static_cast<std::uint32_t>(options.idle_timeout.count());
        push.audio_config = options.audio_config.data();
        push.audio_config_size = options.audio_config.size();
        push.label = detail::c_text(options.label);
        push.user_data = options.user_data;
        rtsp_webrtc_gateway_stream_id id = 0;
        const int status =
            rtsp_webrtc_gateway_add_push_stream(handle_, detail::CText(name), &push, &id);
        return done(status, StreamId(id));
    }

    /**
     * Pushes one access unit of video. Never waits. Status::QueueFull: the frame was dropped, as are
     * further ones up to the next keyframe.
     */
    Result<void> try_push_video(StreamId stream, const Frame &frame) {
        return push(rtsp_webrtc_gateway_push_video, stream, frame);
    }

    /** Pushes one frame of audio. Never waits. Status::QueueFull: the frame was dropped. */
    Result<void> try_push_audio(StreamId stream, const Frame &frame) {
        return push(rtsp_webrtc_gateway_push_audio, stream, frame);
    }

    /** Pushes one RTP packet of the track with this codec. Never waits. */
    Result<void> try_push_rtp(StreamId stream, Codec codec, Bytes packet) {
        return done(rtsp_webrtc_gateway_push_rtp(handle_, stream.value(),
                                                 static_cast<std::int32_t>(codec), packet.data(),
                                                 packet.size()));
    }

    /** Removes a stream and closes its sessions. The event Removed follows. */
    Result<void> try_remove_stream(StreamId stream) {
        return done(rtsp_webrtc_gateway_remove_stream(handle_, stream.value()));
    }

    /** Finds a stream by name. */
    Result<StreamId> try_find_stream(std::string_view name) const {
        rtsp_webrtc_gateway_stream_id id = 0;
        const int status = rtsp_webrtc_gateway_find_stream(handle_, detail::CText(name), &id);
        return done(status, StreamId(id));
    }

    /** The name of a stream. */
    Result<std::string> try_stream_name(StreamId stream) const {
        char name[129]; // the longest has 128 characters
        if (rtsp_webrtc_gateway_stream_name(handle_, stream.value(), name, sizeof name) == 0) {
            return Error::last(RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
        }
        return std::string(name);
    }

    /** All streams, oldest first. */
    Result<std::vector<StreamId>> try_list_streams() const {
        return list<StreamId>(rtsp_webrtc_gateway_list_streams);
    }

    /** The current state of a stream. Asks a worker thread. */
    Result<StreamInfo> try_get_stream_info(StreamId stream) const {
        auto info = detail::c_struct<rtsp_webrtc_gateway_stream_info>();
        const int status = rtsp_webrtc_gateway_get_stream_info(handle_, stream.value(), &info);
        if (status < 0) {
            return Error::last(status);
        }
        StreamInfo out{};
        out.state = static_cast<StreamState>(info.state);
        out.status = static_cast<Status>(info.status);
        out.message = info.message;
        out.video_codec = static_cast<Codec>(info.video_codec);
        out.audio_codec = static_cast<Codec>(info.audio_codec);
        out.width = info.width;
        out.height = info.height;
        out.sessions = info.sessions;
        out.reconnects = info.reconnects;
        out.bytes = info.bytes;
        out.packets_lost = info.packets_lost;
        out.frames = info.frames;
        out.keyframes = info.keyframes;
        out.frames_dropped = info.frames_dropped;
        out.keyframe_requests = info.keyframe_requests;
        out.bitrate_bps = info.bitrate_bps;
        out.user_data = info.user_data;
        out.name = info.name;
        out.label = info.label;
        out.quirks = info.quirks;
        out.warning = static_cast<MediaWarning>(info.warning);
        out.warning_message = info.warning_message;
        if (info.since_last_media_ms >= 0) {
            out.since_last_media = std::chrono::milliseconds(info.since_last_media_ms);
        }
        return out;
    }

    /* Sinks. */

    /** Adds a sink: the frames that a stream receives are queued, to be read. */
    Result<SinkId> try_add_sink(StreamId stream, const SinkOptions &options = {}) {
        auto sink = detail::c_struct<rtsp_webrtc_gateway_sink_options>();
        const std::pair<bool, std::uint32_t> flags[] = {
            {options.no_video, RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO},
            {options.no_audio, RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO},
            {options.metadata, RTSP_WEBRTC_GATEWAY_SINK_METADATA},
            {options.from_cache, RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE},
            {options.length_prefixed, RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED},
        };
        for (const auto &[set, flag] : flags) {
            sink.flags |= set ? flag : 0;
        }
        sink.queue_frames = options.queue_frames;
        sink.queue_bytes = options.queue_bytes;
        rtsp_webrtc_gateway_sink_id id = 0;
        const int status = rtsp_webrtc_gateway_add_sink(handle_, stream.value(), &sink, &id);
        return done(status, SinkId(id));
    }

    /** Removes a sink. Frames that were read stay valid. */
    Result<void> try_remove_sink(SinkId sink) {
        return done(rtsp_webrtc_gateway_remove_sink(handle_, sink.value()));
    }

    /**
     * The next frame of a sink; none if none comes within timeout. 0: does not wait; otherwise blocking.
     * Status::NotFound once the stream is removed and all its frames are read.
     */
    Result<std::optional<SinkFrame>> try_read_sink(SinkId sink, std::chrono::milliseconds timeout) {
        const rtsp_webrtc_gateway_sink_frame *frame = nullptr;
        const int status = rtsp_webrtc_gateway_read_sink(handle_, sink.value(),
                                                         detail::c_milliseconds(timeout), &frame);
        if (status == RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT) {
            return std::optional<SinkFrame>();
        }
        if (status < 0) {
            return Error::last(status);
        }
        return std::optional<SinkFrame>(SinkFrame(frame));
    }

    /** The current state of a sink. */
    Result<SinkInfo> try_get_sink_info(SinkId sink) const {
        auto info = detail::c_struct<rtsp_webrtc_gateway_sink_info>();
        const int status = rtsp_webrtc_gateway_get_sink_info(handle_, sink.value(), &info);
        if (status < 0) {
            return Error::last(status);
        }
        return SinkInfo{StreamId(info.stream), info.frames,    info.bytes,
                        info.frames_dropped,   info.overflows, info.queued_bytes,
                        info.queued_frames};
    }

    /** The last keyframe of a stream, with its parameter sets. Asks a worker thread. */
    Result<SinkFrame> try_get_keyframe(StreamId stream) const {
        const rtsp_webrtc_gateway_sink_frame *frame = nullptr;
        const int status = rtsp_webrtc_gateway_get_keyframe(handle_, stream.value(), &frame);
        if (status < 0) {
            return Error::last(status);
        }
        return SinkFrame(frame);
    }

    /* Outputs. */

    /** Sends a stream to a media server by WHIP from now on, whenever it is live. */
    Result<OutputId> try_add_output(StreamId stream, const OutputOptions &options) {
        auto to = detail::c_struct<rtsp_webrtc_gateway_output_options>();
        to.url = detail::c_text(options.url);
        to.bearer_token = detail::c_text(options.bearer_token);
        to.tls_ca = detail::c_text(options.tls_ca);
        to.tls_fingerprint = detail::c_text(options.tls_fingerprint);
        const std::pair<bool, std::uint32_t> flags[] = {
            {options.no_video, RTSP_WEBRTC_GATEWAY_OUTPUT_NO_VIDEO},
            {options.no_audio, RTSP_WEBRTC_GATEWAY_OUTPUT_NO_AUDIO},
            {options.tls_unverified, RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED},
        };
        for (const auto &[set, flag] : flags) {
            to.flags |= set ? flag : 0;
        }
        to.max_bitrate_bps = options.max_bitrate_bps;
        to.label = detail::c_text(options.label);
        to.user_data = options.user_data;
        rtsp_webrtc_gateway_output_id id = 0;
        const int status = rtsp_webrtc_gateway_add_output(handle_, stream.value(), &to, &id);
        return done(status, OutputId(id));
    }

    /** Removes an output. The media server is told in the background. */
    Result<void> try_remove_output(OutputId output) {
        return done(rtsp_webrtc_gateway_remove_output(handle_, output.value()));
    }

    /** The current state of an output. */
    Result<OutputInfo> try_get_output_info(OutputId output) const {
        auto info = detail::c_struct<rtsp_webrtc_gateway_output_info>();
        const int status = rtsp_webrtc_gateway_get_output_info(handle_, output.value(), &info);
        if (status < 0) {
            return Error::last(status);
        }
        OutputInfo out{};
        out.stream = StreamId(info.stream);
        if (info.session != 0) {
            out.session = SessionId(info.session);
        }
        out.state = static_cast<OutputState>(info.state);
        out.status = static_cast<Status>(info.status);
        out.message = info.message;
        out.attempts = info.attempts;
        out.connections = info.connections;
        if (info.retry_in_ms >= 0) {
            out.retry_in = std::chrono::milliseconds(info.retry_in_ms);
        }
        out.server = info.server;
        out.label = info.label;
        out.user_data = info.user_data;
        out.warning = info.warning;
        return out;
    }

    /*
     * WHEP. The Error of these functions has the response to send: Error::response().
     */

    /**
     * Answers an offer (POST) and creates a session. Waits for a camera that is connecting for the
     * first time, or on demand. Blocking.
     */
    Result<Response> try_handle_whep_offer(const Offer &offer) {
        const OfferText text(offer);
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status = rtsp_webrtc_gateway_handle_whep_offer(handle_, &text.offer, &response);
        return responded(status, response);
    }

    /**
     * Answers an offer without waiting. After success, function runs exactly once with the outcome,
     * possibly before this returns; after a failure it does not run.
     */
    Result<OperationId> try_handle_whep_offer_async(const Offer &offer, OfferFunction function) {
        const OfferText text(offer);
        auto pending = std::make_unique<Pending>(Pending{std::move(function), handlers_});
        rtsp_webrtc_gateway_op_id op = 0;
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status = rtsp_webrtc_gateway_handle_whep_offer_async(
            handle_, &text.offer, answered, pending.get(), &op, &response);
        if (status < 0) {
            return failed(status, Response(response));
        }
        static_cast<void>(pending.release());
        return OperationId(op);
    }

    /** Cancels a pending offer: its function runs with Status::Cancelled, unless it is answered. */
    Result<void> try_cancel(OperationId op) {
        return done(rtsp_webrtc_gateway_cancel(handle_, op.value()));
    }

    /**
     * Answers a PATCH (application/trickle-ice-sdpfrag): candidates or an ICE restart. if_match is the
     * value of the header If-Match; none if there is none. Asks a worker thread.
     */
    Result<Response> try_handle_whep_patch(std::string_view session_key,
                                           std::optional<std::string_view> if_match,
                                           std::string_view fragment) {
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status = rtsp_webrtc_gateway_handle_whep_patch(
            handle_, detail::CText(session_key), detail::OptionalCText(if_match), fragment.data(),
            fragment.size(), &response);
        return responded(status, response);
    }

    /** Ends a session (DELETE) by the last segment of its URL. */
    Result<Response> try_handle_whep_delete(std::string_view session_key) {
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status =
            rtsp_webrtc_gateway_handle_whep_delete(handle_, detail::CText(session_key), &response);
        return responded(status, response);
    }

    /* Sessions. */

    /** Reads a session at this moment. Asks a worker thread. */
    Result<SessionInfo> try_get_session_info(SessionId session) const {
        auto info = detail::c_struct<rtsp_webrtc_gateway_session_info>();
        const int status = rtsp_webrtc_gateway_get_session_info(handle_, session.value(), &info);
        if (status < 0) {
            return Error::last(status);
        }
        SessionInfo out{};
        out.stream = StreamId(info.stream);
        out.state = static_cast<SessionState>(info.state);
        out.srtp_profile = info.srtp_profile;
        out.bytes_sent = info.bytes_sent;
        out.packets_sent = info.packets_sent;
        out.nacks = info.nacks;
        out.retransmits = info.retransmits;
        out.plis = info.plis;
        out.overflows = info.overflows;
        out.age = std::chrono::milliseconds(info.age_ms);
        out.round_trip = std::chrono::microseconds(info.round_trip_us);
        out.loss_ppm = info.loss_ppm;
        out.remote_address = info.remote_address;
        out.user_data = info.user_data;
        out.label = info.label;
        out.peer = info.peer;
        out.variant = StreamId(info.variant);
        out.detail = static_cast<Detail>(info.detail);
        out.reason = static_cast<QualityReason>(info.reason);
        out.bandwidth_bps = info.bandwidth_bps;
        out.needed_bps = info.needed_bps;
        out.padding_packets = info.padding_packets;
        out.padding_bytes = info.padding_bytes;
        out.skips = info.skips;
        out.switches_up = info.switches_up;
        out.switches_down = info.switches_down;
        out.switches_fewer_frames = info.switches_fewer_frames;
        out.switches_keyframes = info.switches_keyframes;
        out.switches_sound_only = info.switches_sound_only;
        out.held_back = info.held_back;
        out.protocol = info.protocol;
        out.relay = info.relay;
        return out;
    }

    /** Changes what a viewer asks for, all of it. Asks a worker thread. */
    Result<void> try_set_session_limits(SessionId session, const ViewerLimits &limits) {
        const auto asked = c_limits(limits);
        return done(rtsp_webrtc_gateway_set_session_limits(handle_, session.value(), &asked));
    }

    /** Binds a slot of a wall to another stream, or to none. Asks a worker thread. */
    Result<void> try_bind_slot(SessionId session, std::string_view slot, StreamId stream) {
        return done(rtsp_webrtc_gateway_bind_slot(handle_, session.value(), detail::CText(slot),
                                                  stream.value()));
    }

    /** Changes how the viewer shows a slot of a wall. Asks a worker thread. */
    Result<void> try_set_slot_view(SessionId session, std::string_view slot, const SlotView &view) {
        auto shown = detail::c_struct<rtsp_webrtc_gateway_slot_view>();
        shown.width = view.width;
        shown.height = view.height;
        shown.flags = view.focus ? RTSP_WEBRTC_GATEWAY_SLOT_FOCUS : 0;
        if (view.paused) {
            shown.flags |= RTSP_WEBRTC_GATEWAY_SLOT_PAUSED;
        }
        return done(rtsp_webrtc_gateway_set_slot_view(handle_, session.value(), detail::CText(slot),
                                                      &shown));
    }

    /** Reads a slot of a wall, by its place from 0. Asks a worker thread. */
    Result<SlotInfo> try_get_slot_info(SessionId session, std::size_t index) const {
        auto info = detail::c_struct<rtsp_webrtc_gateway_slot_info>();
        const int status =
            rtsp_webrtc_gateway_get_slot_info(handle_, session.value(), index, &info);
        if (status < 0) {
            return Error::last(status);
        }
        SlotInfo out{};
        out.slot = info.slot;
        out.audio = info.track == RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO;
        out.stream = StreamId(info.stream);
        if (info.state != 0) {
            out.state = static_cast<StreamState>(info.state);
        }
        out.variant = StreamId(info.variant);
        out.detail = static_cast<Detail>(info.detail);
        out.reason = static_cast<QualityReason>(info.reason);
        out.view.width = info.width;
        out.view.height = info.height;
        out.view.focus = (info.flags & RTSP_WEBRTC_GATEWAY_SLOT_FOCUS) != 0;
        out.view.paused = (info.flags & RTSP_WEBRTC_GATEWAY_SLOT_PAUSED) != 0;
        out.video_width = info.video_width;
        out.video_height = info.video_height;
        out.clock_rtp = info.clock_rtp;
        out.clock_unix = std::chrono::milliseconds(info.clock_unix_ms);
        out.why = info.why;
        return out;
    }

    /** All sessions, oldest first. */
    Result<std::vector<SessionId>> try_list_sessions() const {
        return list<SessionId>(rtsp_webrtc_gateway_list_sessions);
    }

    /** Ends a session. The event Closed follows. */
    Result<void> try_close_session(SessionId session) {
        return done(rtsp_webrtc_gateway_close_session(handle_, session.value()));
    }

    /* HTTP. */

    /**
     * Answers an HTTP request of a viewer: the whole of WHEP, for hosts that have a web server of
     * their own. The Response may be a failure, for example 404; an Error is a failure of the call,
     * and has a response to send, too. Blocking.
     */
    Result<Response> try_handle_http(const HttpRequest &request) {
        const HttpText text(request);
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status = rtsp_webrtc_gateway_handle_http(handle_, &text.request, &response);
        return responded(status, response);
    }

    /**
     * The same without waiting. After success, function runs exactly once, possibly before this
     * returns; after a failure it does not run.
     */
    Result<void> try_handle_http_async(const HttpRequest &request, HttpFunction function) {
        const HttpText text(request);
        auto pending = std::make_unique<PendingHttp>(PendingHttp{std::move(function), handlers_});
        rtsp_webrtc_gateway_response *response = nullptr;
        const int status = rtsp_webrtc_gateway_handle_http_async(
            handle_, &text.request, http_answered, pending.get(), &response);
        if (status < 0) {
            return failed(status, Response(response));
        }
        static_cast<void>(pending.release());
        return {};
    }

    /** Replaces Config::bearer_tokens for all requests from now on. */
    Result<void> try_set_bearer_tokens(const std::vector<std::string> &tokens) {
        std::vector<const char *> texts;
        texts.reserve(tokens.size());
        for (const std::string &token : tokens) {
            texts.push_back(detail::c_text(token));
        }
        return done(rtsp_webrtc_gateway_set_bearer_tokens(handle_, texts.data(), texts.size()));
    }

    /** Allows or denies a request of on_authorize. */
    Result<void> try_authorize(RequestId request, bool allow) {
        return done(rtsp_webrtc_gateway_authorize(handle_, request.value(), allow));
    }

    /** Starts an HTTP listener for WHEP, pages and figures; returns its port. */
    Result<std::uint16_t> try_listen_http(const ListenOptions &options = {}) {
        auto listen = detail::c_struct<rtsp_webrtc_gateway_listen_options>();
        listen.address = detail::c_text(options.address);
        if (options.tls_certificates) {
            listen.tls_certificates = options.tls_certificates->data();
            listen.tls_certificates_size = options.tls_certificates->size();
        }
        if (options.tls_private_key) {
            listen.tls_private_key = options.tls_private_key->data();
            listen.tls_private_key_size = options.tls_private_key->size();
        }
        listen.max_connections = options.max_connections;
        listen.max_connections_per_peer = options.max_connections_per_peer;
        std::vector<const char *> names;
        for (const std::string &name : options.host_names) {
            names.push_back(detail::c_text(name));
        }
        listen.host_names = names.data();
        listen.host_names_len = names.size();
        listen.flags = options.media ? RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA : 0;
        listen.fd = options.fd;
        std::uint16_t port = 0;
        const int status = rtsp_webrtc_gateway_listen_http(handle_, &listen, &port);
        return done(status, port);
    }

    /* Figures. */

    /** Metrics in the Prometheus text format ("text/plain; version=0.0.4"). Asks every worker. */
    Result<std::string> try_metrics() const { return text(rtsp_webrtc_gateway_metrics); }

    /** The current state as a JSON object, for a dashboard. Asks every worker thread. */
    Result<std::string> try_state_json() const { return text(rtsp_webrtc_gateway_state_json); }

    /** The C object, which remains owned by this object. Null after a move. */
    rtsp_webrtc_gateway *handle() const noexcept { return handle_; }

#if RTSP_WEBRTC_GATEWAY_EXCEPTIONS
    /* The same, throwing Error. */

    explicit Gateway(Config config = {}) : Gateway(try_create(std::move(config)).value()) {}

    void shutdown(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        try_shutdown(timeout).value();
    }
    void set_tuning(TuningKey key, std::int64_t value) { try_set_tuning(key, value).value(); }
    std::int64_t get_tuning(TuningKey key) const { return try_get_tuning(key).value(); }
    StreamId add_stream(std::string_view name, const PullOptions &options) {
        return try_add_stream(name, options).value();
    }
    StreamId add_push_stream(std::string_view name, const PushOptions &options) {
        return try_add_push_stream(name, options).value();
    }
    void push_video(StreamId stream, const Frame &frame) { try_push_video(stream, frame).value(); }
    void push_audio(StreamId stream, const Frame &frame) { try_push_audio(stream, frame).value(); }
    void push_rtp(StreamId stream, Codec codec, Bytes packet) {
        try_push_rtp(stream, codec, packet).value();
    }
    void update_stream(StreamId stream, const PullOptions &options) {
        try_update_stream(stream, options).value();
    }
    void reconnect_stream(StreamId stream) { try_reconnect_stream(stream).value(); }
    void set_variants(StreamId stream, const std::vector<StreamId> &variants) {
        try_set_variants(stream, variants).value();
    }
    void remove_stream(StreamId stream) { try_remove_stream(stream).value(); }
    std::string stream_name(StreamId stream) const { return try_stream_name(stream).value(); }
    StreamId find_stream(std::string_view name) const { return try_find_stream(name).value(); }
    std::vector<StreamId> list_streams() const { return try_list_streams().value(); }
    StreamInfo get_stream_info(StreamId stream) const {
        return try_get_stream_info(stream).value();
    }
    SinkId add_sink(StreamId stream, const SinkOptions &options = {}) {
        return try_add_sink(stream, options).value();
    }
    void remove_sink(SinkId sink) { try_remove_sink(sink).value(); }
    std::optional<SinkFrame> read_sink(SinkId sink, std::chrono::milliseconds timeout) {
        return try_read_sink(sink, timeout).value();
    }
    SinkInfo get_sink_info(SinkId sink) const { return try_get_sink_info(sink).value(); }
    OutputId add_output(StreamId stream, const OutputOptions &options) {
        return try_add_output(stream, options).value();
    }
    void remove_output(OutputId output) { try_remove_output(output).value(); }
    OutputInfo get_output_info(OutputId output) const {
        return try_get_output_info(output).value();
    }
    SinkFrame get_keyframe(StreamId stream) const { return try_get_keyframe(stream).value(); }
    Response handle_whep_offer(const Offer &offer) { return try_handle_whep_offer(offer).value(); }
    OperationId handle_whep_offer_async(const Offer &offer, OfferFunction function) {
        return try_handle_whep_offer_async(offer, std::move(function)).value();
    }
    /** The same as a future: its get() returns the Response or throws. Not to be waited for in a
     *  callback. */
    std::future<Response> handle_whep_offer_async(const Offer &offer) {
        // A std::function must be copyable, a promise is not.
        const auto promise = std::make_shared<std::promise<Response>>();
        handle_whep_offer_async(offer, [promise](OperationId, Result<Response> response) {
            if (response) {
                promise->set_value(*std::move(response));
            } else {
                promise->set_exception(std::make_exception_ptr(response.error()));
            }
        });
        return promise->get_future();
    }
    void cancel(OperationId op) { try_cancel(op).value(); }
    Response handle_whep_patch(std::string_view session_key,
                               std::optional<std::string_view> if_match,
                               std::string_view fragment) {
        return try_handle_whep_patch(session_key, if_match, fragment).value();
    }
    Response handle_whep_delete(std::string_view session_key) {
        return try_handle_whep_delete(session_key).value();
    }
    SessionInfo get_session_info(SessionId session) const {
        return try_get_session_info(session).value();
    }
    void set_session_limits(SessionId session, const ViewerLimits &limits) {
        try_set_session_limits(session, limits).value();
    }
    void bind_slot(SessionId session, std::string_view slot, StreamId stream) {
        try_bind_slot(session, slot, stream).value();
    }
    void set_slot_view(SessionId session, std::string_view slot, const SlotView &view) {
        try_set_slot_view(session, slot, view).value();
    }
    SlotInfo get_slot_info(SessionId session, std::size_t index) const {
        return try_get_slot_info(session, index).value();
    }
    std::vector<SessionId> list_sessions() const { return try_list_sessions().value(); }
    void close_session(SessionId session) { try_close_session(session).value(); }
    Response handle_http(const HttpRequest &request) { return try_handle_http(request).value(); }
    void handle_http_async(const HttpRequest &request, HttpFunction function) {
        try_handle_http_async(request, std::move(function)).value();
    }
    void set_bearer_tokens(const std::vector<std::string> &tokens) {
        try_set_bearer_tokens(tokens).value();
    }
    void authorize(RequestId request, bool allow) { try_authorize(request, allow).value(); }
    std::uint16_t listen_http(const ListenOptions &options = {}) {
        return try_listen_http(options).value();
    }
    std::string metrics() const { return try_metrics().value(); }
    std::string state_json() const { return try_state_json().value(); }
#endif

private:
    Gateway(rtsp_webrtc_gateway *handle, detail::HandlersPtr handlers) noexcept
        : handle_(handle), handlers_(std::move(handlers)) {}

    /** The handle stays valid to the end, because the last callbacks may use this object. */
    void close() noexcept {
        if (handle_ != nullptr) {
            rtsp_webrtc_gateway_shutdown(handle_, 0);
            rtsp_webrtc_gateway_destroy(handle_);
        }
    }

    static rtsp_webrtc_gateway_pull_options c_options(const PullOptions &options) {
        auto pull = detail::c_struct<rtsp_webrtc_gateway_pull_options>();
        pull.url = detail::c_text(options.url);
        pull.username = detail::c_text(options.username);
        pull.password = detail::c_text(options.password);
        pull.transport = static_cast<std::int32_t>(options.transport);
        if (options.no_audio) {
            pull.flags |= RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO;
        }
        if (options.metadata) {
            pull.flags |= RTSP_WEBRTC_GATEWAY_PULL_METADATA;
        }
        if (options.on_demand) {
            pull.flags |= RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND;
        }
        pull.connect_timeout_ms = detail::c_milliseconds(options.connect_timeout);
        pull.idle_timeout_ms = detail::c_milliseconds(options.idle_timeout);
        pull.retry_min_ms = detail::c_milliseconds(options.retry_min);
        pull.retry_max_ms = detail::c_milliseconds(options.retry_max);
        pull.linger_ms = detail::c_milliseconds(options.linger);
        if (options.tls_unverified) {
            pull.flags |= RTSP_WEBRTC_GATEWAY_PULL_TLS_UNVERIFIED;
        }
        pull.tls_ca = detail::c_text(options.tls_ca);
        pull.tls_fingerprint = detail::c_text(options.tls_fingerprint);
        pull.label = detail::c_text(options.label);
        pull.user_data = options.user_data;
        return pull;
    }

    /** An offer that is under way: what the C API gets as user_data. */
    struct Pending {
        OfferFunction function;
        detail::HandlersPtr handlers;
    };

    static void answered(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                         rtsp_webrtc_gateway_response *response) noexcept {
        const std::unique_ptr<Pending> pending(static_cast<Pending *>(user_data));
        Response owned(response);
        if (!pending->function) {
            return;
        }
        detail::contain("the offer's function", pending->handlers->exception, [&] {
            if (status < 0) {
                pending->function(OperationId(op), failed(status, std::move(owned)));
            } else {
                pending->function(OperationId(op), std::move(owned));
            }
        });
    }

    /** The same for a request of HTTP. */
    struct PendingHttp {
        HttpFunction function;
        detail::HandlersPtr handlers;
    };

    static void http_answered(void *user_data, rtsp_webrtc_gateway_response *response) noexcept {
        const std::unique_ptr<PendingHttp> pending(static_cast<PendingHttp *>(user_data));
        Response owned(response);
        if (pending->function) {
            detail::contain("the request's function", pending->handlers->exception,
                            [&] { pending->function(std::move(owned)); });
        }
    }

    template <class Kind>
    Result<std::vector<Kind>> list(int (*get)(const rtsp_webrtc_gateway *, std::uint64_t *,
                                              std::size_t, std::size_t *)) const {
        std::vector<std::uint64_t> ids;
        std::size_t count = 0;
        do { // more may have come meanwhile
            ids.resize(count);
            const int status = get(handle_, ids.data(), ids.size(), &count);
            if (status < 0) {
                return Error::last(status);
            }
        } while (count > ids.size());
        return std::vector<Kind>(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
    }

    using Push = int (*)(rtsp_webrtc_gateway *, rtsp_webrtc_gateway_stream_id,
                         const rtsp_webrtc_gateway_frame *);

    Result<void> push(Push call, StreamId stream, const Frame &from) {
        using std::chrono::duration_cast;
        using std::chrono::microseconds;
        auto frame = detail::c_struct<rtsp_webrtc_gateway_frame>();
        frame.data = from.data.data();
        frame.size = from.data.size();
        frame.pts_us = from.pts.count();
        if (from.captured) {
            // The clock counts from 1970 everywhere, and from C++20 on by definition.
            frame.capture_unix_us =
                duration_cast<microseconds>(from.captured->time_since_epoch()).count();
        }
        if (from.key) {
            frame.flags |= RTSP_WEBRTC_GATEWAY_FRAME_KEY;
        }
        if (from.discontinuity) {
            frame.flags |= RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY;
        }
        using Owner = std::shared_ptr<const void>;
        auto owner = from.owner ? std::make_unique<Owner>(from.owner) : nullptr;
        if (owner) {
            frame.release = [](void *pointer) noexcept { delete static_cast<Owner *>(pointer); };
            frame.release_data = owner.get();
        }
        const int status = call(handle_, stream.value(), &frame);
        // As for create(): an older library that cannot read the struct does not release.
        if (status != RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE) {
            static_cast<void>(owner.release());
        }
        return done(status);
    }

    Result<std::string> text(int (*get)(const rtsp_webrtc_gateway *, char **,
                                        std::size_t *)) const {
        detail::OwnedText out;
        const int status = get(handle_, &out.text, &out.size);
        if (status < 0) {
            return Error::last(status);
        }
        return std::string(out.text, out.size);
    }

    static Result<void> done(int status) {
        if (status < 0) {
            return Error::last(status);
        }
        return {};
    }

    static Error failed(int status, Response response) {
        if (response.handle() == nullptr) {
            return Error::last(status);
        }
        return Error::last(status, std::make_shared<const Response>(std::move(response)));
    }

    static Result<Response> responded(int status, rtsp_webrtc_gateway_response *response) {
        Response owned(response);
        if (status < 0) {
            return failed(status, std::move(owned));
        }
        return Result<Response>(std::move(owned));
    }

    template <class T> static Result<T> done(int status, T value) {
        if (status < 0) {
            return Error::last(status);
        }
        return value;
    }

    static rtsp_webrtc_gateway_viewer_limits c_limits(const ViewerLimits &from) noexcept {
        auto limits = detail::c_struct<rtsp_webrtc_gateway_viewer_limits>();
        limits.max_bitrate_bps = from.max_bitrate_bps;
        limits.variant = from.variant.value();
        limits.flags = from.only ? RTSP_WEBRTC_GATEWAY_LIMITS_ONLY : 0;
        return limits;
    }

    /** An offer with the copies that it points to. */
    struct OfferText {
        explicit OfferText(const Offer &from)
            : name(from.stream_name), location_prefix(from.location_prefix), peer(from.peer),
              label(from.label), ice_servers(from.ice_servers), limits(c_limits(from.limits)),
              offer(detail::c_struct<rtsp_webrtc_gateway_offer>()) {
            if (!from.wall || !from.stream_name.empty()) {
                offer.stream_name = name;
            }
            offer.sdp = from.sdp.data();
            offer.sdp_size = from.sdp.size();
            offer.location_prefix = location_prefix;
            if (from.timeout) {
                offer.timeout_ms = detail::c_milliseconds(*from.timeout);
                offer.flags = offer.timeout_ms == 0 ? RTSP_WEBRTC_GATEWAY_OFFER_NO_WAIT : 0;
            }
            offer.peer = peer;
            offer.ice_servers = ice_servers.data();
            offer.ice_servers_len = ice_servers.size();
            offer.label = label;
            offer.user_data = from.user_data;
            offer.limits = &limits;
            if (from.wall) {
                offer.flags |= RTSP_WEBRTC_GATEWAY_OFFER_WALL;
                for (const std::string &slot : from.wall->video) {
                    slots.push_back(slot.c_str());
                }
                offer.slots = slots.data();
                offer.slots_len = slots.size();
                offer.sound = from.wall->sound.c_str();
            }
        }
        OfferText(const OfferText &) = delete;
        OfferText &operator=(const OfferText &) = delete;

        detail::CText name;
        detail::OptionalCText location_prefix;
        detail::OptionalCText peer;
        detail::OptionalCText label;
        detail::CIceServers ice_servers;
        rtsp_webrtc_gateway_viewer_limits limits;
        std::vector<const char *> slots;
        rtsp_webrtc_gateway_offer offer;
    };

    /** A request with the copies that it points to. */
    struct HttpText {
        explicit HttpText(const HttpRequest &from)
            : method(from.method), path(from.path), stream_name(from.stream_name),
              session_key(from.session_key), location_prefix(from.location_prefix), peer(from.peer),
              label(from.label), ice_servers(from.ice_servers),
              request(detail::c_struct<rtsp_webrtc_gateway_http_request>()) {
            texts.reserve(2 * from.headers.size()); // so that they stay where they are
            for (const Header &header : from.headers) {
                const detail::CText &name = texts.emplace_back(header.name);
                headers.push_back({name, texts.emplace_back(header.value)});
            }
            request.method = method;
            request.path = path;
            request.headers = headers.data();
            request.headers_len = headers.size();
            request.body = from.body.data();
            request.body_size = from.body.size();
            request.stream_name = stream_name;
            request.session_key = session_key;
            request.location_prefix = location_prefix;
            if (from.timeout) {
                request.timeout_ms = detail::c_milliseconds(*from.timeout);
                request.flags = request.timeout_ms == 0 ? RTSP_WEBRTC_GATEWAY_HTTP_NO_WAIT : 0;
            }
            if (from.authorized) {
                request.flags |= RTSP_WEBRTC_GATEWAY_HTTP_AUTHORIZED;
            }
            if (from.wall) {
                request.flags |= RTSP_WEBRTC_GATEWAY_HTTP_WALL;
            }
            request.peer = peer;
            request.ice_servers = ice_servers.data();
            request.ice_servers_len = ice_servers.size();
            request.label = label;
            request.user_data = from.user_data;
        }
        HttpText(const HttpText &) = delete;
        HttpText &operator=(const HttpText &) = delete;

        detail::CText method;
        detail::CText path;
        detail::OptionalCText stream_name;
        detail::OptionalCText session_key;
        detail::OptionalCText location_prefix;
        detail::OptionalCText peer;
        detail::OptionalCText label;
        detail::CIceServers ice_servers;
        std::vector<detail::CText> texts;
        std::vector<rtsp_webrtc_gateway_http_header> headers;
        rtsp_webrtc_gateway_http_request request;
    };

    rtsp_webrtc_gateway *handle_ = nullptr;
    detail::HandlersPtr handlers_;
};

} // namespace rtsp_webrtc

template <class Tag> struct std::hash<rtsp_webrtc::Id<Tag>> {
    std::size_t operator()(rtsp_webrtc::Id<Tag> id) const noexcept {
        return std::hash<std::uint64_t>()(id.value());
    }
};

#endif
