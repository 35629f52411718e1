/*
 * rtsp_webrtc_gateway: RTSP cameras in, WebRTC (WHEP) viewers out. C99 and C++11.
 *
 * Generated from src/ffi by cbindgen. Do not edit; regenerate with
 * `UPDATE_HEADER=1 cargo test --test consistency`.
 *
 * Conventions
 * -----------
 * Results    Functions that can fail return int: RTSP_WEBRTC_GATEWAY_OK (0) or a negative
 *            RTSP_WEBRTC_GATEWAY_ERR_*, abbreviated ERR_* in the descriptions. Later versions may
 *            add codes: treat every value below 0 as a failure. rtsp_webrtc_gateway_last_error()
 *            returns the error message. Output parameters come last, and are written on success
 *            only, except for out_response, which is also written on failure. In addition to the
 *            errors in its description, a function may return ERR_INVALID_ARGUMENT,
 *            ERR_STRUCT_SIZE, ERR_INVALID_STATE (in a forked child, or for a gateway that has been
 *            destroyed), ERR_SHUTTING_DOWN and ERR_PANIC.
 * Pointers   NULL for a required pointer returns ERR_INVALID_ARGUMENT. Functions that free
 *            something accept NULL. What the library hands out is looked up before it is used: a
 *            pointer to something that has been freed, or that is not of this library, is safe to
 *            pass back. A function that returns a status returns ERR_INVALID_STATE, one that returns
 *            something else returns NULL, 0 or false, one that frees does nothing; last_error() tells,
 *            and the log does for all but gateways. (Of texts, as long as no other one has got the same
 *            address.) Pointers into an object (to the body of a response, the data of a frame) end
 *            with it, as everywhere.
 * Strings    All strings are UTF-8. The library copies its inputs; they need to be valid only
 *            during the call. Bodies (SDP) are passed as pointer and length, and need no
 *            terminating NUL. A returned `const char *` ends with NUL, and either belongs to the
 *            object it came from or is static.
 * Ids        A gateway is a pointer. Streams, sessions, sinks, operations and requests are 64-bit
 *            ids. An id is never 0 and never reused in a process. Using one after its object is
 *            gone, or with another gateway, is safe and returns ERR_NOT_FOUND.
 * Structs    Start with struct_size. Initialize every struct with
 *            RTSP_WEBRTC_GATEWAY_INIT(pointer), then set the fields that should differ from the
 *            defaults; 0 and NULL are always the default. New versions only append fields. The
 *            library accepts a struct of an older header, and a struct of a newer header if the
 *            fields that the library does not know are 0; otherwise the call returns
 *            ERR_STRUCT_SIZE. Reserved fields must be 0. Elements of arrays that have no struct_size
 *            (rtsp_webrtc_gateway_tuning, rtsp_webrtc_gateway_http_header) never grow.
 * user_data  A pointer of the host that the library passes back and never dereferences. Where a
 *            free function can be given with it, the library calls that exactly once.
 * Threads    Any function may be called from any thread, and concurrently with any other. An object
 *            that is freed or destroyed meanwhile lives until the calls that use it return. A function
 *            whose description says neither of the following never waits, and may be called
 *            everywhere but in signal handlers:
 *            - "Asks a worker thread": waits for the answer of a worker thread, usually for less
 *              than a millisecond. Returns ERR_TIMEOUT after 5 s (an overloaded machine), and
 *              ERR_WOULD_DEADLOCK inside the log callback.
 *            - "Blocking": waits for cameras, callbacks or threads. Returns ERR_WOULD_DEADLOCK
 *              inside every callback.
 *            Changes of streams and sinks that are made faster than a worker thread can follow wait
 *            for it, after 1024 of them.
 * Callbacks  A gateway runs its callbacks one at a time, in order, on a thread of its own. No lock
 *            of the library is held, and no media waits for them. They should return quickly and
 *            must return normally: a C++ exception or a longjmp out of a callback terminates the
 *            process. While a callback runs, later ones are queued. When 16384 are queued, further
 *            ones are dropped, except for REMOVED and CLOSED, which are the last callbacks for an
 *            id. When shutdown() or destroy() returns success, no callback is running or will run.
 *            The log callback has rules of its own; see rtsp_webrtc_gateway_log_fn.
 * Panics     A bug that causes a panic inside the library does not terminate the process: the call
 *            returns ERR_PANIC, or the stream or session becomes FAILED. Everything else continues.
 * Process    No global initialization is needed, and a process may have several gateways. A gateway
 *            does not survive fork(): in the child, its functions return ERR_INVALID_STATE and
 *            destroy() frees nothing. Create gateways after fork(). The threads of the library
 *            block all signals except those for faults, so signal handlers of the host run on
 *            threads of the host. Those may call rtsp_webrtc_gateway_version(),
 *            rtsp_webrtc_gateway_version_number(), rtsp_webrtc_gateway_abi_version() and
 *            rtsp_webrtc_gateway_http_status(), and nothing else: every other function may take a
 *            lock that the interrupted thread holds. The library cannot be unloaded with dlclose().
 */
#ifndef RTSP_WEBRTC_GATEWAY_H
#define RTSP_WEBRTC_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of this header. */
#define RTSP_WEBRTC_GATEWAY_VERSION_MAJOR 0
#define RTSP_WEBRTC_GATEWAY_VERSION_MINOR 1
#define RTSP_WEBRTC_GATEWAY_VERSION_PATCH 0
#define RTSP_WEBRTC_GATEWAY_VERSION "0.1.0"
#define RTSP_WEBRTC_GATEWAY_VERSION_NUMBER \
    ((RTSP_WEBRTC_GATEWAY_VERSION_MAJOR << 16) | (RTSP_WEBRTC_GATEWAY_VERSION_MINOR << 8) | \
     RTSP_WEBRTC_GATEWAY_VERSION_PATCH)
/** Changes exactly when the soname changes: with MINOR while MAJOR is 0, with MAJOR from 1 on. */
#define RTSP_WEBRTC_GATEWAY_ABI_VERSION 1

/* Define RTSP_WEBRTC_GATEWAY_STATIC to link the static library on Windows. The CMake target
 * rtsp_webrtc_gateway::rtsp_webrtc_gateway and the pkg-config file rtsp_webrtc_gateway do so where
 * they select the static library. */
#if defined(_WIN32) && !defined(RTSP_WEBRTC_GATEWAY_STATIC)
#define RTSP_WEBRTC_GATEWAY_API __declspec(dllimport)
#else
#define RTSP_WEBRTC_GATEWAY_API
#endif
#if defined(__GNUC__)
#define RTSP_WEBRTC_GATEWAY_MUST_USE __attribute__((warn_unused_result))
#else
#define RTSP_WEBRTC_GATEWAY_MUST_USE
#endif

/** Zeroes *pointer, a struct of this header, and sets its struct_size. Returns a status. */
#define RTSP_WEBRTC_GATEWAY_INIT(pointer) \
    rtsp_webrtc_gateway_struct_init((pointer), sizeof(*(pointer)), RTSP_WEBRTC_GATEWAY_ABI_VERSION)

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------- version */

/**
 * Returns the version of the library that runs, for example "0.1.0"; with "+fips" behind it, the
 * cryptography is the FIPS module of AWS-LC. The string is static and never NULL.
 * RTSP_WEBRTC_GATEWAY_VERSION is the version of the header that the program was compiled against.
 */
RTSP_WEBRTC_GATEWAY_API const char *rtsp_webrtc_gateway_version(void);

/** Returns the version of the library that runs as a number: (major << 16) | (minor << 8) | patch. */
RTSP_WEBRTC_GATEWAY_API uint32_t rtsp_webrtc_gateway_version_number(void);

/**
 * Returns the ABI version of the library that runs. If it is not RTSP_WEBRTC_GATEWAY_ABI_VERSION,
 * the program was compiled against an incompatible header, and RTSP_WEBRTC_GATEWAY_INIT() fails
 * with ERR_ABI_MISMATCH.
 */
RTSP_WEBRTC_GATEWAY_API uint32_t rtsp_webrtc_gateway_abi_version(void);

/* ------------------------------------------------------------------ status */

/** Results of calls. Later versions may add values: treat every value below 0 as a failure. */
typedef enum rtsp_webrtc_gateway_status {
    /** Success. HTTP 200. */
    RTSP_WEBRTC_GATEWAY_OK = 0,
    /** An argument is missing or out of range. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT = -1,
    /**
     * No stream, session, operation, request or knob has this id or name, or it no longer exists.
     * HTTP 404.
     */
    RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND = -2,
    /** A stream with this name already exists. HTTP 409. */
    RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS = -3,
    /** The object is not in a state that allows the call. HTTP 409. */
    RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE = -4,
    /** Not supported by this build of the library or by this stream. HTTP 501. */
    RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED = -5,
    /** The SDP cannot be parsed, or lacks something that WebRTC requires. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_SDP = -6,
    /** The SDP is larger than the library accepts. HTTP 413. */
    RTSP_WEBRTC_GATEWAY_ERR_TOO_LARGE = -7,
    /** The offer and the camera have no codec in common, or the offer has no video. HTTP 406. */
    RTSP_WEBRTC_GATEWAY_ERR_CODEC = -8,
    /** The offer has no DTLS certificate fingerprint. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT = -9,
    /** The offer has no ICE credentials. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS = -10,
    /** The URL of a camera or of an output is not valid. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_URL = -11,
    /** A user name, password or token contains characters that RTSP or HTTP cannot carry. HTTP 400. */
    RTSP_WEBRTC_GATEWAY_ERR_CREDENTIALS = -12,
    /** The stream has no media yet. HTTP 409. */
    RTSP_WEBRTC_GATEWAY_ERR_NOT_READY = -13,
    /** A limit is reached, for example `max_sessions` or `max_sessions_per_stream`. HTTP 503. */
    RTSP_WEBRTC_GATEWAY_ERR_LIMIT = -14,
    /** The operation did not complete in time. HTTP 504. */
    RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT = -15,
    /** The operation was canceled, or the gateway shut down before it completed. HTTP 503. */
    RTSP_WEBRTC_GATEWAY_ERR_CANCELLED = -16,
    /** The camera, or the media server of an output, rejected the credentials. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_AUTH = -17,
    /** The camera cannot be reached. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_CONNECT = -18,
    /** The camera's RTSP responses are invalid, or it offers no usable media. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_CAMERA = -19,
    /** The camera, or the host of a push stream, stopped sending video. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_STALLED = -20,
    /** The operating system reported an error, for example when opening a socket. HTTP 500. */
    RTSP_WEBRTC_GATEWAY_ERR_IO = -21,
    /** No ICE connectivity check arrived from the viewer, or the checks stopped. HTTP 504. */
    RTSP_WEBRTC_GATEWAY_ERR_ICE = -22,
    /** The DTLS handshake failed, or the viewer's certificate does not match its offer. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_DTLS = -23,
    /** The viewer supports no SRTP profile that the policy allows. HTTP 406. */
    RTSP_WEBRTC_GATEWAY_ERR_SRTP_PROFILE = -24,
    /** The gateway is shutting down. HTTP 503. */
    RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN = -25,
    /**
     * The function would have to wait, and was called from a callback that it would wait for.
     * HTTP 500.
     */
    RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK = -26,
    /** The program was compiled against a header with another ABI version. HTTP 500. */
    RTSP_WEBRTC_GATEWAY_ERR_ABI_MISMATCH = -27,
    /**
     * `struct_size` is not a size that this library knows, or a field that it does not know is
     * set. HTTP 500.
     */
    RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE = -28,
    /**
     * The pushed frame was dropped: the queue is full, or frames since the last keyframe are
     * missing. HTTP 503.
     */
    RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL = -29,
    /** `If-Match` does not name the viewer's current ICE session. HTTP 412. */
    RTSP_WEBRTC_GATEWAY_ERR_ETAG = -30,
    /** The PATCH request has no `If-Match` header. HTTP 428. */
    RTSP_WEBRTC_GATEWAY_ERR_PRECONDITION_REQUIRED = -31,
    /**
     * The PATCH request asks for a change that sessions do not support, for example a new SDP.
     * HTTP 422.
     */
    RTSP_WEBRTC_GATEWAY_ERR_UNPROCESSABLE = -32,
    /** The media server of an output cannot be reached, has failed, or has ended the session. HTTP 502. */
    RTSP_WEBRTC_GATEWAY_ERR_INGEST = -33,
    /** A bug in the library. The call or its object failed; everything else continues. HTTP 500. */
    RTSP_WEBRTC_GATEWAY_ERR_PANIC = -100,
} rtsp_webrtc_gateway_status;

/**
 * Returns a short text for a status, for example "not found", or "unknown status" for any other
 * number. The string is static and never NULL.
 */
RTSP_WEBRTC_GATEWAY_API const char *rtsp_webrtc_gateway_strerror(int status);

/**
 * Returns the HTTP status code with which to answer a WHEP request when a call for it returned
 * this status. The enum lists the codes. Returns 500 for any other number.
 */
RTSP_WEBRTC_GATEWAY_API int rtsp_webrtc_gateway_http_status(int status);

/**
 * Copies the error message of the last failed call on the calling thread: what happened, and what
 * to do about it. The message never contains a password or a key. It is empty before the first
 * failure; a successful call does not change it.
 *
 * Works like snprintf(): writes at most capacity bytes, always with a terminating NUL unless
 * capacity is 0, and returns the length of the whole message without the NUL. The text is UTF-8
 * and is never cut inside a character. buffer may be NULL if capacity is 0, to query the length.
 */
RTSP_WEBRTC_GATEWAY_API size_t rtsp_webrtc_gateway_last_error(char *buffer, size_t capacity);

/* --------------------------------------------------------------- user_data */

/**
 * Frees a user_data pointer. The library calls it exactly once, on any thread, when it no longer
 * uses the pointer. The function must not call into the library.
 */
typedef void (*rtsp_webrtc_gateway_free_fn)(void *user_data);

/* --------------------------------------------------------------------- log */

/** Log levels. Each level includes the ones above it in this list. */
typedef enum rtsp_webrtc_gateway_log_level {
    /** No logging. */
    RTSP_WEBRTC_GATEWAY_LOG_OFF = 0,
    /** Failures of the library itself. */
    RTSP_WEBRTC_GATEWAY_LOG_ERROR = 1,
    /** Cameras that cannot be reached, viewers that cannot connect, lost events. */
    RTSP_WEBRTC_GATEWAY_LOG_WARN = 2,
    /** Cameras and viewers that connect and disconnect. */
    RTSP_WEBRTC_GATEWAY_LOG_INFO = 3,
    /** The steps of a connection. */
    RTSP_WEBRTC_GATEWAY_LOG_DEBUG = 4,
    /** Everything. */
    RTSP_WEBRTC_GATEWAY_LOG_TRACE = 5,
} rtsp_webrtc_gateway_log_level;

/** One line of the log. The strings are valid until the callback returns. */
typedef struct rtsp_webrtc_gateway_log_record {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** enum rtsp_webrtc_gateway_log_level. */
    int32_t level;
    /** Always 0. */
    uint32_t reserved;
    /** The part of the library that logs, for example "rtsp_webrtc_gateway::whep". */
    const char *target;
    /** The message: UTF-8, without control characters, passwords or keys. */
    const char *message;
    /** The stream that the line is about, or 0. */
    uint64_t stream;
    /** The session that the line is about, or 0. */
    uint64_t session;
    /** Name of the stream that the line is about. NULL: it is not about one stream. */
    const char *stream_name;
} rtsp_webrtc_gateway_log_record;

/**
 * Receives a line of the log. It may run on any thread that runs library code, including the
 * threads that carry media, and on several threads at once: it should return quickly, and must
 * return normally.
 *
 * It may call functions of the library. Those that are Blocking or that ask a worker thread return
 * ERR_WOULD_DEADLOCK, as does rtsp_webrtc_gateway_set_log_level(). Lines that such a call logs on
 * the same thread are dropped.
 */
typedef void (*rtsp_webrtc_gateway_log_fn)(void *user_data,
                                           const struct rtsp_webrtc_gateway_log_record *record);

/**
 * Sets the log callback of the process, and the highest level (enum rtsp_webrtc_gateway_log_level)
 * that it receives. It replaces the previous callback. NULL removes it. Without a callback, which
 * is the default, nothing is logged.
 *
 * When the function returns, the previous callback is not running and its free_user_data has run.
 * Messages of the libraries underneath are not passed on, because they may quote RTSP requests
 * with credentials.
 *
 * Ownership: the library keeps user_data until another callback is set, and then calls
 * free_user_data(user_data), which may be NULL. If the function fails, free_user_data runs as
 * well, and the previous callback stays.
 *
 * Blocking: waits for log callbacks that are running. Errors: ERR_INVALID_ARGUMENT if max_level is
 * not a level; ERR_INVALID_STATE if the host is a Rust program that has installed a logger of its
 * own.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_log_callback(int32_t max_level,
                                         rtsp_webrtc_gateway_log_fn callback,
                                         void *user_data,
                                         rtsp_webrtc_gateway_free_fn free_user_data);

/**
 * Changes the highest level (enum rtsp_webrtc_gateway_log_level) that the log callback receives.
 *
 * Errors: ERR_INVALID_ARGUMENT if max_level is not a level; ERR_INVALID_STATE if no callback is
 * set; ERR_WOULD_DEADLOCK inside the log callback.
 */
RTSP_WEBRTC_GATEWAY_API int rtsp_webrtc_gateway_set_log_level(int32_t max_level);

/* ------------------------------------------------------------------ handle */

/** A gateway: the cameras, the viewers, and the threads and the socket that serve them. */
typedef struct rtsp_webrtc_gateway rtsp_webrtc_gateway;

/** Identifies a stream (a camera). Never 0, never reused. */
typedef uint64_t rtsp_webrtc_gateway_stream_id;

/** Identifies a session (a viewer). Never 0, never reused. */
typedef uint64_t rtsp_webrtc_gateway_session_id;

/** Identifies a sink (a recorder of a stream, for example). Never 0, never reused. */
typedef uint64_t rtsp_webrtc_gateway_sink_id;

/** Identifies an output (a media server that a stream is sent to). Never 0, never reused. */
typedef uint64_t rtsp_webrtc_gateway_output_id;

/** Identifies an asynchronous offer until it is answered. Never 0, never reused. */
typedef uint64_t rtsp_webrtc_gateway_op_id;

/* ------------------------------------------------------------------ tuning */

/**
 * The keys of all knobs, each with its unit, default, range, and when a change takes effect.
 * rtsp_webrtc_gateway_describe_tuning() returns the same descriptions to a program.
 */
typedef enum rtsp_webrtc_gateway_tuning_key {
    /**
     * Number of threads that process media. 0: half of the CPU cores, at least 1 and at most 8.
     * Default 0, range 0 to 64, fixed at creation.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS = 1,
    /**
     * 1: retransmit the packets that a viewer reports as lost (NACK). 0: do not offer
     * retransmission; tracks keep no packets for it from then on, so that viewers who are there
     * are sent again only what the GOP cache has. Default 1, range 0 to 1, applies to new
     * sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_NACK = 2,
    /**
     * Maximum number of packets that a video track keeps for retransmission, in addition to the
     * GOP cache. Packets older than nack_history_ms are not kept. Default 512, range 0 to 8192,
     * applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_PACKETS = 3,
    /**
     * Interval between the RTCP sender reports of a track, in milliseconds. Default 1000, range
     * 100 to 60000, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_RTCP_INTERVAL_MS = 4,
    /**
     * SRTP protection profiles that a session accepts. 0 (prefer_gcm): AES-128-GCM if the viewer
     * supports it, otherwise AES-CM-128-HMAC-SHA1-80. 1 (gcm_only): AES-128-GCM only; other
     * viewers cannot connect. 2 (any): whichever of the two the viewer lists first. Default 0,
     * range 0 to 2, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY = 5,
    /**
     * How long the addresses of the network interfaces are cached, in milliseconds. 0: query the
     * operating system for each session. Default 30000, range 0 to 3600000, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_INTERFACE_CACHE_TTL_MS = 6,
    /**
     * 1: send packets in batches with UDP generic segmentation offload (GSO) where the operating
     * system supports it. 0: one system call per packet. Default 1, range 0 to 1, applies
     * immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_GSO = 7,
    /** Maximum number of packets in one GSO batch. Default 32, range 1 to 64, applies immediately. */
    RTSP_WEBRTC_GATEWAY_TUNING_SEND_BATCH_PACKETS = 8,
    /**
     * Size of the UDP socket's send buffer, in bytes. 0: as large as the operating system allows,
     * up to 8 MiB, and 1 MiB for that of an output. Default 0, range 0 to 1073741824, fixed at
     * creation.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_SEND_BUFFER_BYTES = 9,
    /**
     * Size of the UDP socket's receive buffer, in bytes. 0: as large as the operating system
     * allows, up to 8 MiB, and 1 MiB for that of an output. Default 0, range 0 to 1073741824,
     * fixed at creation.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_UDP_RECV_BUFFER_BYTES = 10,
    /**
     * 1: keep all video packets since the last keyframe, so that a new viewer starts immediately.
     * 0: a new viewer waits for the next keyframe. Default 1, range 0 to 1, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE = 11,
    /**
     * Maximum memory that the stored media of a track may take, in bytes, for the GOP cache and
     * for retransmission: RTP payload, and what is kept to find it again. Default 8388608, range
     * 65536 to 1073741824, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_BYTES = 12,
    /**
     * Maximum age of the media that a track keeps, in milliseconds, for the GOP cache and for
     * retransmission. Default 15000, range 100 to 120000, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_GOP_CACHE_MS = 13,
    /**
     * 1: spread large video frames (keyframes) and the backlog of a new viewer over time. The rate
     * is what the path carries if congestion measures it, and otherwise pacing_rate_percent, or
     * no limit for a nearby viewer (round trip up to 5 ms, hardly any loss). 0: send everything
     * in one burst. Default 1, range 0 to 1, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_PACING = 14,
    /**
     * Send rate of paced video in percent of the stream's bit rate, where nothing is measured: for
     * viewers that send no transport-wide feedback, and with congestion=0. Default 250, range 110
     * to 10000, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_PACING_RATE_PERCENT = 15,
    /**
     * Maximum number of viewers that are connected; further offers are refused. Sessions whose
     * viewers have not connected do not count. At most as many as this, but 64 to 1024, wait for
     * their viewers (4096 without a limit); beyond, the oldest ends, of the peer that has most.
     * 0: no limit. Default 0, range 0 to 1000000, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS = 16,
    /**
     * Maximum number of viewers of a stream that are connected; outputs do not count. 0: no limit.
     * Default 0, range 0 to 1000000, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_SESSIONS_PER_STREAM = 17,
    /**
     * Sets several knobs at once. A knob that is set afterwards overrides the profile. 0
     * (balanced): the defaults. 1 (lan): no pacing, no congestion control, short history. 2
     * (wan): gentle pacing, long history, frequent sender reports. 3 (max_density): least memory
     * and CPU time per viewer, no congestion control. Default 0, range 0 to 3, applies to new
     * sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_PROFILE = 18,
    /**
     * Maximum time in milliseconds that an audio packet waits for another one, to leave along with
     * it; 5 ms more if that is late. 0: send each at once. An audio packet that is sent alone
     * costs nearly as much CPU time as a video frame, and so does reading it alone: where a
     * camera sends audio packets over TCP that are all alike, one waits in the kernel until more
     * comes (and so does a video frame that is even smaller, until the next of either): up to
     * twice this time in all. Waiting adds this delay to the audio, and perhaps to the video as
     * well, because browsers synchronize the two (lip sync). Default 20, range 0 to 200, applies
     * immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_AUDIO_HOLD_MS = 19,
    /**
     * Maximum age of the packets that a video track keeps for retransmission, in milliseconds, in
     * addition to the GOP cache. Four or five round trips are enough. Default 500, range 100 to
     * 60000, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_NACK_HISTORY_MS = 20,
    /**
     * 1: measure what the path to a viewer carries (ICE checks at the start, then transport-wide
     * feedback), pace by it, and skip frames until the next keyframe when the path is slower than
     * the stream. 0: pace by the bit rate of the stream. It has no effect without pacing. Default
     * 1, range 0 to 1, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION = 21,
    /**
     * What the path to a viewer is assumed to carry until anything is measured, in kbit/s. Default
     * 1000, range 50 to 1000000, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_START_KBPS = 22,
    /**
     * Minimum of the estimate of what the path to a viewer carries, in kbit/s. Default 30, range
     * 10 to 100000, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_FLOOR_KBPS = 23,
    /**
     * Maximum of the estimate of what the path to a viewer carries, in kbit/s: packets to a viewer
     * leave no faster. 0: no limit. Default 0, range 0 to 1000000, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_CONGESTION_CEILING_KBPS = 24,
    /**
     * Show video frames with missing parts, and those that depend on them (0 or 1). 0: they are
     * left out, and the picture stands still until the next keyframe. Default 0, range 0 to 1,
     * applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_DAMAGED_FRAMES = 25,
    /**
     * How busy a worker may be and still take new viewers, in percent of its time: measured, and
     * with what those who have just come will take. Above it offers fail with ERR_LIMIT (503), so
     * that those who watch lose nothing. 0: no limit. Default 85, range 0 to 100, applies
     * immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_MAX_WORKER_LOAD_PERCENT = 26,
    /**
     * Resident memory that the process should stay below, in bytes: all of it, what the host
     * itself needs included. From 75 % of it on tracks keep less, and together no more than half
     * of it; from 90 % on offers fail with ERR_LIMIT (503). Those who watch go on. Looked at once
     * a second, and within 10 s of a change; the limit of a cgroup counts in the same way,
     * whichever is nearer. While memory is short, malloc_trim() is called every 10 s where the C
     * library has it. Linux only. 0: that of the cgroup alone. Default 0, range 0 to
     * 1099511627776, applies immediately.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_MEMORY_LIMIT_BYTES = 27,
    /**
     * 1: let the DTLS handshake of a viewer that offers it begin within the checks of ICE (SPED,
     * draft-hancke-webrtc-sped), which saves up to one round trip before the first picture. 0: it
     * begins after the first check. Default 1, range 0 to 1, applies to new sessions.
     */
    RTSP_WEBRTC_GATEWAY_TUNING_DTLS_IN_STUN = 28,
} rtsp_webrtc_gateway_tuning_key;

/** Values of RTSP_WEBRTC_GATEWAY_TUNING_SRTP_POLICY. */
typedef enum rtsp_webrtc_gateway_srtp_policy {
    /**
     * AES-128-GCM if the viewer supports it, otherwise AES-CM-128-HMAC-SHA1-80. AES-128-GCM needs
     * about a fifth of the CPU time for sealing a packet.
     */
    RTSP_WEBRTC_GATEWAY_SRTP_PREFER_GCM = 0,
    /** AES-128-GCM only; the session of a viewer without it fails with ERR_SRTP_PROFILE. */
    RTSP_WEBRTC_GATEWAY_SRTP_GCM_ONLY = 1,
    /** Whichever of the two the viewer lists first. */
    RTSP_WEBRTC_GATEWAY_SRTP_ANY = 2,
} rtsp_webrtc_gateway_srtp_policy;

/** When a changed knob takes effect. */
typedef enum rtsp_webrtc_gateway_applies {
    /** Fixed at creation: set it in rtsp_webrtc_gateway_config.tuning. */
    RTSP_WEBRTC_GATEWAY_APPLIES_CREATE = 1,
    /** For sessions created after the change. Existing sessions keep their value. */
    RTSP_WEBRTC_GATEWAY_APPLIES_NEW_SESSIONS = 2,
    /** Immediately, for existing sessions and streams too. */
    RTSP_WEBRTC_GATEWAY_APPLIES_NOW = 3,
} rtsp_webrtc_gateway_applies;

/** Description of a knob. The strings are static: they stay valid as long as the library is loaded. */
typedef struct rtsp_webrtc_gateway_tuning_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** enum rtsp_webrtc_gateway_tuning_key. */
    int32_t key;
    /** enum rtsp_webrtc_gateway_applies. */
    int32_t applies;
    /** Stable name, for example "nack_history_packets". */
    const char *name;
    /** What it does and in which unit, in English. */
    const char *help;
    /** The value unless the host sets another. */
    int64_t default_value;
    /** The smallest value allowed. */
    int64_t min_value;
    /** The largest value allowed. */
    int64_t max_value;
} rtsp_webrtc_gateway_tuning_info;

/**
 * A knob and its value: an element of rtsp_webrtc_gateway_config.tuning. The layout never changes,
 * so there is no struct_size.
 */
typedef struct rtsp_webrtc_gateway_tuning {
    /** enum rtsp_webrtc_gateway_tuning_key. */
    int32_t key;
    /** Must be 0. */
    uint32_t reserved;
    /** The knob's value, in the unit that its key documents. */
    int64_t value;
} rtsp_webrtc_gateway_tuning;

/**
 * Describes one knob, for a settings page for example. Call it with index 0, 1, 2 and so on until
 * it returns ERR_NOT_FOUND. The order may differ between versions; the key and the name of a knob
 * do not.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_describe_tuning(size_t index,
                                        struct rtsp_webrtc_gateway_tuning_info *out_info);

/**
 * Finds the key (enum rtsp_webrtc_gateway_tuning_key) of a knob by its name, for settings that are
 * stored as text. ERR_NOT_FOUND if no knob has this name.
 */
RTSP_WEBRTC_GATEWAY_API int rtsp_webrtc_gateway_find_tuning(const char *name, int32_t *out_key);

/**
 * Sets a knob of a running gateway.
 *
 * Errors: ERR_NOT_FOUND for an unknown key, ERR_INVALID_ARGUMENT for a value out of range,
 * ERR_INVALID_STATE for a knob that can only be set when the gateway is created.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_tuning(rtsp_webrtc_gateway *gateway,
                                   int32_t key,
                                   int64_t value);

/** Reads a knob of a gateway. ERR_NOT_FOUND for an unknown key. */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_tuning(const rtsp_webrtc_gateway *gateway,
                                   int32_t key,
                                   int64_t *out_value);

/* --------------------------------------------------------------- authorize */

/** What a request over HTTP asks for. */
typedef enum rtsp_webrtc_gateway_operation {
    /** Watch a stream: POST of an offer; GET or HEAD of its endpoint. */
    RTSP_WEBRTC_GATEWAY_OPERATION_WATCH = 1,
    /** Change a session: PATCH; GET or HEAD of the session. */
    RTSP_WEBRTC_GATEWAY_OPERATION_UPDATE = 2,
    /** End a session: DELETE. */
    RTSP_WEBRTC_GATEWAY_OPERATION_END = 3,
    /** Read the figures of all streams and sessions: /api and /metrics of listen_http(). */
    RTSP_WEBRTC_GATEWAY_OPERATION_MONITOR = 4,
} rtsp_webrtc_gateway_operation;

/**
 * A request over HTTP that the host is to allow or deny. Its strings are valid until the callback
 * returns.
 */
typedef struct rtsp_webrtc_gateway_authorize_request {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** Id of the request, for rtsp_webrtc_gateway_authorize(). Never 0, never reused. */
    uint64_t request_id;
    /**
     * Name of the stream, as the request has it; there may be no such stream. "" for a wall as such:
     * WATCH to open one whose request names no stream, UPDATE and END for those that are open. For each
     * stream that a wall is to show, WATCH is asked with its name. NULL for MONITOR.
     */
    const char *stream_name;
    /** Bearer token (RFC 6750) of the request: a secret. NULL: none was sent. */
    const char *bearer_token;
    /**
     * Where the request comes from: the client's address and port, or peer of
     * rtsp_webrtc_gateway_http_request. NULL: not known.
     */
    const char *peer;
    /** enum rtsp_webrtc_gateway_operation. */
    int32_t operation;
    /** Always 0. */
    uint32_t reserved;
} rtsp_webrtc_gateway_authorize_request;

/**
 * Allows or denies a request of on_authorize: inside that callback or later, from any thread,
 * within 30 s. A denied request gets 401 if it has no bearer token, 403 otherwise. A request
 * that is not decided in time gets 504.
 *
 * Parameters: request_id is that of rtsp_webrtc_gateway_authorize_request.
 *
 * Errors: ERR_NOT_FOUND if the request does not exist, has been decided or has timed out.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_authorize(rtsp_webrtc_gateway *gateway,
                                  uint64_t request_id,
                                  bool allow);

/**
 * Replaces config.bearer_tokens for all requests from now on, for instance because a token is no longer secret.
 * Sessions that exist continue. With 0 tokens and no on_authorize, anyone who can reach a listener can watch.
 *
 * Parameters: tokens are as in rtsp_webrtc_gateway_config; NULL if tokens_len is 0.
 *
 * Errors: ERR_INVALID_ARGUMENT if a token is not usable or there are more than 64; then nothing changes.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_bearer_tokens(rtsp_webrtc_gateway *gateway,
                                          const char *const *tokens,
                                          size_t tokens_len);

/* ------------------------------------------------------------------ events */

/**
 * A change of a stream's state, or of the warning of a stream that is LIVE. The strings are valid
 * until the callback returns.
 */
typedef struct rtsp_webrtc_gateway_stream_event {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** The stream. */
    rtsp_webrtc_gateway_stream_id stream;
    /** The new state, enum rtsp_webrtc_gateway_stream_state. */
    int32_t state;
    /** Why the stream is RETRYING or FAILED; RTSP_WEBRTC_GATEWAY_OK in the other states. */
    int32_t status;
    /** Error message for status. NULL: none. */
    const char *message;
    /** user_data of the stream's options. */
    void *stream_user_data;
    /** Name of the stream. */
    const char *name;
    /** label of the stream's options. NULL: none. */
    const char *label;
    /** What is wrong with the media of a stream that is LIVE, enum rtsp_webrtc_gateway_media_warning. */
    int32_t warning;
    /** 0. */
    uint32_t reserved;
    /** The warning in a sentence for people, with what to do. NULL: none. */
    const char *warning_message;
} rtsp_webrtc_gateway_stream_event;

/** A session changed its state. Its strings are valid until the callback returns. */
typedef struct rtsp_webrtc_gateway_session_event {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** The session. */
    rtsp_webrtc_gateway_session_id session;
    /** The stream that it watches. */
    rtsp_webrtc_gateway_stream_id stream;
    /** The new state (enum rtsp_webrtc_gateway_session_state): NEW first, CLOSED last. */
    int32_t state;
    /**
     * Why it failed, if the state is FAILED, or why it is DISCONNECTED, if that is known: this host has no longer
     * the address at which the viewer reached it. RTSP_WEBRTC_GATEWAY_OK otherwise.
     */
    int32_t status;
    /** The error message for status. NULL if status is RTSP_WEBRTC_GATEWAY_OK. */
    const char *message;
    /** user_data of the session's offer. */
    void *session_user_data;
    /** label of the session's offer. NULL: none. */
    const char *label;
    /** peer of the session's offer. NULL: not known. */
    const char *peer;
    /** Name of the stream. */
    const char *stream_name;
} rtsp_webrtc_gateway_session_event;

/** A viewer is shown something else than before. Its strings are valid until the callback returns. */
typedef struct rtsp_webrtc_gateway_quality_event {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** The session. */
    rtsp_webrtc_gateway_session_id session;
    /** The stream that it watches. */
    rtsp_webrtc_gateway_stream_id stream;
    /** The stream whose video it is shown: stream, or one of its variants. */
    rtsp_webrtc_gateway_stream_id variant;
    /** How much of that video it gets, enum rtsp_webrtc_gateway_detail. */
    int32_t detail;
    /** Why not more, enum rtsp_webrtc_gateway_quality_reason. */
    int32_t reason;
    /** What its connection carries in bits per second, IP and UDP headers included. 0: not measured. */
    uint64_t bandwidth_bps;
    /**
     * What the best variant that it may be shown needs in bits per second, with sound and headers.
     * 0: not known.
     */
    uint64_t needed_bps;
    /**
     * Why it gets less than the best variant with all frames, as a sentence for people. NULL: it gets
     * that.
     */
    const char *held_back;
    /** user_data of the session's offer. */
    void *session_user_data;
    /** label of the session's offer. NULL: none. */
    const char *label;
    /** peer of the session's offer. NULL: not known. */
    const char *peer;
    /** Name of the stream. */
    const char *stream_name;
} rtsp_webrtc_gateway_quality_event;

/** An output changed its state. Its strings are valid until the callback returns. */
typedef struct rtsp_webrtc_gateway_output_event {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** The output. */
    rtsp_webrtc_gateway_output_id output;
    /** Its stream. */
    rtsp_webrtc_gateway_stream_id stream;
    /** The session with the media server, while the state is LIVE. 0: none. */
    rtsp_webrtc_gateway_session_id session;
    /** The new state, enum rtsp_webrtc_gateway_output_state. */
    int32_t state;
    /** Why the output is RETRYING; RTSP_WEBRTC_GATEWAY_OK in the other states. */
    int32_t status;
    /** Error message for status. NULL: none. */
    const char *message;
    /** user_data of the output's options. */
    void *output_user_data;
    /** Scheme, host and port of the media server. */
    const char *server;
    /** label of the output's options. NULL: none. */
    const char *label;
    /** Name of the stream. */
    const char *stream_name;
} rtsp_webrtc_gateway_output_event;

/* -------------------------------------------------------------- ice_server */

/** A STUN or TURN server. Initialize each element of an array of them. */
typedef struct rtsp_webrtc_gateway_ice_server {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * URL of the server (RFC 7064, RFC 7065): "stun:", "stuns:", "turn:" or "turns:", the host,
     * the port and the transport, for example "turn:turn.example.com:3478?transport=udp". At most
     * 512 bytes. Required.
     */
    const char *url;
    /** User name, required for TURN: 1 to 512 printable ASCII characters. NULL for STUN. */
    const char *username;
    /**
     * Password, required for TURN: 1 to 512 printable ASCII characters. NULL for STUN. It is
     * sent to viewers, unless it is one of config.turn_servers, and it is never logged.
     */
    const char *credential;
    /**
     * For "turns:" in config.turn_servers: trust certificates of these authorities only, in PEM.
     * NULL: those that the system trusts, or tls_fingerprint. With "turn:" there, which is without TLS,
     * create() fails with ERR_INVALID_ARGUMENT. Ignored for viewers' servers: browsers decide by themselves.
     */
    const char *tls_ca;
    /**
     * The same: trust this certificate only, by its SHA-256: 64 hexadecimal digits, with or without
     * colons. NULL: see tls_ca.
     */
    const char *tls_fingerprint;
} rtsp_webrtc_gateway_ice_server;

/* ----------------------------------------------------------------- quality */

/** How much of a video a viewer gets, best first. */
typedef enum rtsp_webrtc_gateway_detail {
    /** Every frame. */
    RTSP_WEBRTC_GATEWAY_DETAIL_ALL_FRAMES = 1,
    /**
     * Frames are left out: those that no other frame refers to, and where that is not enough, those
     * that would be late.
     */
    RTSP_WEBRTC_GATEWAY_DETAIL_FEWER_FRAMES = 2,
    /** Keyframes alone. */
    RTSP_WEBRTC_GATEWAY_DETAIL_KEYFRAMES = 3,
    /** No video. */
    RTSP_WEBRTC_GATEWAY_DETAIL_SOUND_ONLY = 4,
} rtsp_webrtc_gateway_detail;

/** Why a viewer does not get the best variant with all frames. */
typedef enum rtsp_webrtc_gateway_quality_reason {
    /** It gets them. */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_NOTHING = 0,
    /** Its connection carries no more. */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_PATH = 1,
    /** It asked for less: rtsp_webrtc_gateway_viewer_limits. */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_VIEWER = 2,
    /** Its browser offered no codec of a better variant. */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CODEC = 3,
    /** A better variant has no media. */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_CAMERA = 4,
    /**
     * The camera's keyframes are so far apart that the last one is not kept any more with what
     * followed: the viewer is shown it as a still picture, or nothing, until the next.
     */
    RTSP_WEBRTC_GATEWAY_QUALITY_REASON_RARE_KEYFRAMES = 5,
} rtsp_webrtc_gateway_quality_reason;

/** Flags of rtsp_webrtc_gateway_viewer_limits.flags. */
typedef enum rtsp_webrtc_gateway_limits_flags {
    /**
     * With variant, which must not be 0: that one alone. Where the connection does not carry it,
     * frames are left out.
     */
    RTSP_WEBRTC_GATEWAY_LIMITS_ONLY = 1,
} rtsp_webrtc_gateway_limits_flags;

/** What a viewer asks for: less than the best, for a small picture or a metered connection. */
typedef struct rtsp_webrtc_gateway_viewer_limits {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * Bits per second that it may be sent on average, all media and headers included: a variant that
     * needs more is not shown, and frames are left out if even the least one does, in the end all of
     * them. Sound is never left out. Of a wall, all slots together. 0: no limit.
     */
    uint64_t max_bitrate_bps;
    /**
     * The best variant that it may be shown: this one, or those after it in the list of
     * set_variants(). While it is not in that list, it limits nothing. 0: any.
     */
    rtsp_webrtc_gateway_stream_id variant;
    /** Bitwise OR of enum rtsp_webrtc_gateway_limits_flags. */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
} rtsp_webrtc_gateway_viewer_limits;

/* ----------------------------------------------------------------- gateway */

/** Flags of rtsp_webrtc_gateway_config. */
typedef enum rtsp_webrtc_gateway_config_flags {
    /**
     * Also listen on TCP, on the address and port of udp_bind, for viewers whose network passes no UDP
     * (ICE-TCP, RFC 6544). The answers name that port, and browsers use it only where UDP does not
     * work. create() fails with ERR_IO if the port is not free for TCP.
     */
    RTSP_WEBRTC_GATEWAY_CONFIG_ICE_TCP = 1,
    /**
     * Be a TURN server (RFC 8656) for the gateway's own viewers, which relays to this gateway and to
     * nothing else: over TLS and TCP on the ports of listen_http() with LISTEN_MEDIA, over TCP on that of
     * CONFIG_ICE_TCP, over UDP on udp_bind. Each answer names it in Link headers, with credentials for this
     * session that begin nothing after a day: on a listener with LISTEN_MEDIA under the name of its own URL,
     * otherwise at the addresses of its candidates.
     */
    RTSP_WEBRTC_GATEWAY_CONFIG_TURN = 2,
} rtsp_webrtc_gateway_config_flags;

/**
 * Callbacks of a gateway. Each function may be NULL. The rules for callbacks are under "Callbacks"
 * at the top of this header.
 */
typedef struct rtsp_webrtc_gateway_callbacks {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Passed as the first argument to each function. */
    void *user_data;
    /**
     * Frees user_data after the last callback. Runs exactly once, also if create() fails. May be
     * NULL.
     */
    rtsp_webrtc_gateway_free_fn free_user_data;
    /**
     * A stream changed its state, or it is LIVE and its warning changed. The state in which a stream
     * is added, CONNECTING or IDLE, is not reported; the last call for a stream has the state
     * REMOVED.
     */
    void (*on_stream_state)(void *user_data, const rtsp_webrtc_gateway_stream_event *event);
    /**
     * A session changed its state. The first call for a session has the state NEW, the last one
     * CLOSED.
     */
    void (*on_session_state)(void *user_data, const rtsp_webrtc_gateway_session_event *event);
    /**
     * A push stream needs a keyframe, which only the host's encoder can provide: a viewer cannot
     * decode without one, or frames were dropped. Request one from the encoder. Called at most
     * once per second for a stream, and not while an earlier request has yet to be delivered.
     * Never called for cameras.
     */
    void (*on_keyframe_request)(void *user_data, rtsp_webrtc_gateway_stream_id stream);
    /**
     * A client asks for something over HTTP (handle_http(), listen_http()). Answer with
     * rtsp_webrtc_gateway_authorize() within 30 s, in the callback or later. Called for each
     * request that carries none of config.bearer_tokens, except OPTIONS requests and requests for
     * web pages, which need no permission. While 1024 requests wait for an answer, further
     * requests receive 503. NULL: only bearer_tokens decide.
     */
    void (*on_authorize)(void *user_data, const rtsp_webrtc_gateway_authorize_request *request);
    /**
     * A viewer is shown something else than before: another variant of the stream, more or fewer of
     * its frames, or the same for another reason. Called when that changes and at no other time, not
     * before the session is CONNECTED and never after CLOSED. A viewer that gets the best variant with
     * all frames from the start causes no call.
     */
    void (*on_session_quality)(void *user_data, const rtsp_webrtc_gateway_quality_event *event);
    /**
     * An output changed its state. It may be called before rtsp_webrtc_gateway_add_output() has returned:
     * output_user_data tells which output it is. The state in which it is added, WAITING, is not reported; the last call
     * for an output has the state REMOVED, and may come after the REMOVED of its stream.
     */
    void (*on_output_state)(void *user_data, const rtsp_webrtc_gateway_output_event *event);
} rtsp_webrtc_gateway_callbacks;

/** Options of a gateway. rtsp_webrtc_gateway_create() copies them. */
typedef struct rtsp_webrtc_gateway_config {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * Local address of the UDP socket that carries all sessions, for example "192.0.2.1:5000" or
     * "[::]:5000". Port 0 selects any free port. NULL: all addresses, any free port.
     */
    const char *udp_bind;
    /**
     * IP addresses to advertise to viewers in addition to the addresses of the network interfaces:
     * the public addresses of a 1:1 NAT. May be NULL if public_addresses_len is 0.
     */
    const char *const *public_addresses;
    /** Number of elements in public_addresses, at most 4096. */
    size_t public_addresses_len;
    /** Knobs to set to other values than their defaults. May be NULL if tuning_len is 0. */
    const rtsp_webrtc_gateway_tuning *tuning;
    /** Number of elements in tuning, at most 4096. */
    size_t tuning_len;
    /** Callbacks for changes. NULL: none. */
    const struct rtsp_webrtc_gateway_callbacks *callbacks;
    /**
     * Bearer tokens (RFC 6750), each of which permits everything over HTTP. A token consists of
     * the characters A-Z a-z 0-9 - . _ ~ + / with optional = at the end. With no tokens and no
     * on_authorize, anyone who can reach the port of listen_http() or of the host's web server can
     * watch. May be NULL if bearer_tokens_len is 0.
     */
    const char *const *bearer_tokens;
    /** Number of elements in bearer_tokens, at most 64. */
    size_t bearer_tokens_len;
    /**
     * STUN and TURN servers to announce to viewers in Link headers of the response to an offer
     * (RFC 9725 section 4.6), unless the offer has servers of its own. The gateway itself does
     * not use them. May be NULL if ice_servers_len is 0.
     */
    const rtsp_webrtc_gateway_ice_server *ice_servers;
    /** Number of elements in ice_servers, at most 16. */
    size_t ice_servers_len;
    /**
     * Origins whose web pages may use WHEP (CORS), besides pages of the host name and port that a
     * request is to: "https://nvr.example:8443", without a path. "*": all pages, wherever a viewer's
     * browser shows them. For listen_http() and handle_http(). May be NULL if allowed_origins_len is
     * 0.
     */
    const char *const *allowed_origins;
    /** Number of elements in allowed_origins, at most 64. */
    size_t allowed_origins_len;
    /** Bitwise OR of enum rtsp_webrtc_gateway_config_flags. */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * Rules for the network interfaces whose addresses viewers are told. "eth0", or "wl*" for any rest: only
     * such interfaces, besides loopback. "!tun0": not this one. Without a rule that has no "!", all
     * interfaces are used but bridges of containers and virtual machines (docker0, veth*, virbr* and the
     * like), and those too where there is nothing else. "eth0" is also for the labels of its addresses
     * ("eth0:1"). Rules that leave nothing but loopback are told in the log. If udp_bind has an address, that
     * is told, whatever the rules say. May be NULL if interfaces_len is 0.
     */
    const char *const *interfaces;
    /** Number of elements in interfaces, at most 64. */
    size_t interfaces_len;
    /**
     * STUN servers that tell the gateway its public address, where a NAT gives it one: "stun.example.com",
     * "stun.example.com:3478" or "[2001:db8::1]:3478". They are asked from the media socket every 15 s, which
     * keeps the NAT's mapping and notices when it changes, and the answers to offers have what they say.
     * What is wrong with one is told in the log and by state_json(). May be NULL if stun_servers_len is 0.
     */
    const char *const *stun_servers;
    /** Number of elements in stun_servers, at most 8. */
    size_t stun_servers_len;
    /**
     * Instead of udp_bind: the descriptor of a UDP socket that is bound and not connected, for restarts that
     * keep the port, and for socket activation. create() duplicates it: the host keeps its own, and may close
     * it at once or pass it on to the next process. Both stand for the same socket, which is set to
     * non-blocking; only one gateway may read it at a time. 0: none. POSIX only.
     */
    int32_t udp_fd;
    /** Instead of CONFIG_ICE_TCP: the descriptor of a TCP socket that listens, on any port. As udp_fd. 0: none. */
    int32_t tcp_fd;
    /**
     * TURN servers that relay for the gateway itself, as the last resort for one behind a NAT that lets no
     * viewer in, with username and credential, which viewers do not get: "turn:turn.example.com:3478" over
     * UDP; where the network lets no UDP out, "turn:turn.example.com:3478?transport=tcp", or
     * "turns:turn.example.com:5349" over TLS (RFC 7065; these are the default ports), whose certificate has to
     * be trusted: see tls_ca and tls_fingerprint of the element. The gateway keeps an allocation at the first of them that gives one, and the answers to offers
     * have its address as well; browsers use it only where no other works. The server lets in viewers from
     * the addresses of their candidates, in offers and PATCH requests, and of their peer. What is wrong with
     * one is told in the log and by state_json(). May be NULL if turn_servers_len is 0.
     */
    const rtsp_webrtc_gateway_ice_server *turn_servers;
    /** Number of elements in turn_servers, at most 8. */
    size_t turn_servers_len;
} rtsp_webrtc_gateway_config;

/**
 * Zeroes a struct of this header and sets its struct_size. Use RTSP_WEBRTC_GATEWAY_INIT(pointer),
 * which passes sizeof(*pointer) and RTSP_WEBRTC_GATEWAY_ABI_VERSION.
 *
 * Errors: ERR_ABI_MISMATCH if the program was compiled against a header with another ABI version;
 * the struct is then zeroed including struct_size, so that every call that takes it fails with
 * ERR_STRUCT_SIZE. ERR_STRUCT_SIZE if struct_size is not the size of any struct; the struct is
 * left unchanged.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_struct_init(void *object,
                                    size_t struct_size,
                                    uint32_t abi_version);

/**
 * Creates a gateway: binds its UDP socket, and its TCP port if it has one, and starts its threads. No callback runs before the
 * function returns, so user_data may point to where *out_gateway is stored.
 *
 * Ownership: on success the caller owns *out_gateway, and frees it with
 * rtsp_webrtc_gateway_destroy(). config->callbacks->free_user_data runs exactly once: after the
 * last callback of the gateway or, if the function fails, before it returns. If it fails with
 * ERR_STRUCT_SIZE, or because config is NULL, the callbacks have not been read: free_user_data
 * does not run, and user_data remains owned by the caller.
 *
 * Blocking. Errors: ERR_INVALID_ARGUMENT if an option is not valid; ERR_NOT_FOUND if
 * config->tuning has an unknown key; ERR_IO if a socket cannot be bound or a thread cannot be
 * started.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_create(const struct rtsp_webrtc_gateway_config *config,
                               rtsp_webrtc_gateway **out_gateway);

/**
 * Closes all sessions and streams, delivers the last callbacks and ends the threads. When it
 * returns RTSP_WEBRTC_GATEWAY_OK, no callback is running or will run. From the moment it starts,
 * all other calls on the gateway except get_tuning() fail with ERR_SHUTTING_DOWN, and calls that
 * are waiting return with it. After ERR_TIMEOUT, call it again to wait for the remaining threads.
 * After success, further calls do nothing.
 *
 * Parameters: timeout_ms is the longest time to wait in milliseconds; 0 means 10000.
 *
 * Blocking. Errors: ERR_TIMEOUT if a thread has not ended in time, for example because a callback
 * does not return.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_shutdown(rtsp_webrtc_gateway *gateway,
                                 uint32_t timeout_ms);

/**
 * Shuts down a gateway, unless shutdown() has done so, and frees it. NULL is ignored. It must be
 * the last call on the gateway, with no other call running: call shutdown(), which makes waiting
 * calls return, then stop the threads that use the gateway (the web server), then call destroy().
 * If destroy() itself shuts the gateway down, the last callbacks run before it returns, and
 * functions of this gateway that they call fail with ERR_SHUTTING_DOWN.
 *
 * Blocking: waits for at most 10 s. Errors: ERR_TIMEOUT if a thread has not ended in time; the
 * gateway is then not freed, the thread may still run a callback, and destroy() may be called again.
 * ERR_WOULD_DEADLOCK inside a callback; the gateway is then not freed, and remains valid.
 * ERR_INVALID_STATE in a forked child, and if the gateway has been destroyed already.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_destroy(rtsp_webrtc_gateway *gateway);

/* ------------------------------------------------------------------ stream */

/** States of a stream. */
typedef enum rtsp_webrtc_gateway_stream_state {
    /** Connecting to the camera. A push stream: waiting for the first keyframe. */
    RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING = 1,
    /** Media is arriving. */
    RTSP_WEBRTC_GATEWAY_STREAM_LIVE = 2,
    /**
     * The connection failed or was lost. The library retries after a delay, at first 1 s and at
     * most 30 s unless pull_options says otherwise. An on-demand camera with no viewers becomes
     * IDLE instead. A push stream: no video was pushed for 8 s (status ERR_STALLED); the next
     * frame makes it LIVE again.
     */
    RTSP_WEBRTC_GATEWAY_STREAM_RETRYING = 3,
    /**
     * A bug in the library stopped this stream. Remove it and add it again; reconnect_stream()
     * restarts a camera.
     */
    RTSP_WEBRTC_GATEWAY_STREAM_FAILED = 4,
    /** Removed. The last callback for a stream. */
    RTSP_WEBRTC_GATEWAY_STREAM_REMOVED = 5,
    /**
     * An on-demand camera (PULL_ON_DEMAND) that is not connected because no viewer needs it, as it
     * is after add_stream(). An offer connects it. No media is kept.
     */
    RTSP_WEBRTC_GATEWAY_STREAM_IDLE = 6,
} rtsp_webrtc_gateway_stream_state;

/** What is wrong with the media of a stream that is LIVE. */
typedef enum rtsp_webrtc_gateway_media_warning {
    /** Nothing. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NONE = 0,
    /** The camera sends B-frames, which browsers cannot show over WebRTC. They are left out. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_B_FRAMES = 1,
    /** The camera sends no keyframe (IDR picture) that a decoder can start with. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_KEYFRAME = 2,
    /** The camera's parameter sets are missing: its frames cannot be decoded. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_NO_PARAMETER_SETS = 3,
    /** Parts of frames are missing; such frames, and those that depend on them, are left out. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_DAMAGED = 4,
    /** The camera's audio cannot be played, or the camera does not send what it describes. */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_AUDIO = 5,
    /**
     * Keyframes are so far apart that viewers who come late have to wait for the next; until then
     * they are shown the last one as a still picture.
     */
    RTSP_WEBRTC_GATEWAY_MEDIA_WARNING_RARE_KEYFRAMES = 6,
} rtsp_webrtc_gateway_media_warning;

/** Codecs. */
typedef enum rtsp_webrtc_gateway_codec {
    /** No such track, or not yet known. */
    RTSP_WEBRTC_GATEWAY_CODEC_NONE = 0,
    /** H.264 (RFC 6184). */
    RTSP_WEBRTC_GATEWAY_CODEC_H264 = 1,
    /** H.265 (RFC 7798). */
    RTSP_WEBRTC_GATEWAY_CODEC_H265 = 2,
    /** AV1 (RTP Payload Format For AV1, version 1.0). */
    RTSP_WEBRTC_GATEWAY_CODEC_AV1 = 3,
    /** Opus (RFC 7587). RTP clock rate 48000 Hz. */
    RTSP_WEBRTC_GATEWAY_CODEC_OPUS = 64,
    /** G.711 mu-law, 8 kHz (RFC 3551). */
    RTSP_WEBRTC_GATEWAY_CODEC_PCMU = 65,
    /** G.711 A-law, 8 kHz (RFC 3551). */
    RTSP_WEBRTC_GATEWAY_CODEC_PCMA = 66,
    /**
     * G.722 at 64 kbit/s, sampled at 16 kHz. Its RTP clock rate is 8000 Hz (RFC 3551 section
     * 4.5.2).
     */
    RTSP_WEBRTC_GATEWAY_CODEC_G722 = 67,
    /** AAC-LC or HE-AAC, for push_options.audio_codec: viewers get it as Opus. */
    RTSP_WEBRTC_GATEWAY_CODEC_AAC = 68,
} rtsp_webrtc_gateway_codec;

/** How the camera sends RTP. */
typedef enum rtsp_webrtc_gateway_transport {
    /**
     * TCP; UDP if the camera refuses that or sends nothing; multicast if it refuses both; and back. What
     * works is remembered.
     */
    RTSP_WEBRTC_GATEWAY_TRANSPORT_AUTO = 0,
    /** Interleaved in the RTSP connection (RFC 2326 section 10.12): no packet loss, passes NAT. */
    RTSP_WEBRTC_GATEWAY_TRANSPORT_TCP = 1,
    /**
     * UDP, for cameras on the same network that do not support TCP. Packets wait for up to 100 ms for
     * one that is missing.
     */
    RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP = 2,
    /** UDP to a multicast group, which many may receive. The network has to pass it on. */
    RTSP_WEBRTC_GATEWAY_TRANSPORT_MULTICAST = 3,
    /** TCP, in two HTTP connections, for firewalls that let nothing else pass. The default port is 80. */
    RTSP_WEBRTC_GATEWAY_TRANSPORT_HTTP = 4,
} rtsp_webrtc_gateway_transport;

/** Flags of rtsp_webrtc_gateway_pull_options. */
typedef enum rtsp_webrtc_gateway_pull_flags {
    /** Do not use the camera's audio. */
    RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO = 1,
    /**
     * Connect to the camera only while it is needed. An offer starts the connection and waits for
     * it, for at most its own timeout. The connection ends with a TEARDOWN linger_ms after no
     * session needs it and no offer waits for it any more, and the stream becomes IDLE. A session
     * needs its stream unless its viewer asked for a lesser variant and gets no sound. If the connection fails, waiting offers get 409 (ERR_NOT_READY) with the reason in the
     * message, which stream_info has as a status; without sessions, the next attempt is made when
     * the next offer arrives.
     */
    RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND = 2,
    /**
     * Receive the camera's track of ONVIF metadata, for sinks (SINK_METADATA). A camera without one
     * plays all the same.
     */
    RTSP_WEBRTC_GATEWAY_PULL_METADATA = 4,
    /**
     * rtsps: trust any certificate. The connection is encrypted, but anybody may be the camera. Not
     * together with tls_ca or tls_fingerprint.
     */
    RTSP_WEBRTC_GATEWAY_PULL_TLS_UNVERIFIED = 8,
} rtsp_webrtc_gateway_pull_flags;

/** Options of a camera that the gateway connects to. */
typedef struct rtsp_webrtc_gateway_pull_options {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * rtsp://[user:password@]host[:port]/path, or rtsps:// for TLS. The default ports are 554 and
     * 322. Required.
     */
    const char *url;
    /**
     * User name for Basic or Digest authentication. It overrides the user name in url; "" counts
     * as given. NULL: from url.
     */
    const char *username;
    /**
     * Password for Basic or Digest authentication. It overrides the password in url, independently
     * of username; "" counts as given. NULL: from url.
     */
    const char *password;
    /** enum rtsp_webrtc_gateway_transport. */
    int32_t transport;
    /** Bitwise OR of enum rtsp_webrtc_gateway_pull_flags. */
    uint32_t flags;
    /**
     * Time limit for a connection attempt, from TCP to the response to PLAY, in milliseconds: 500
     * to 300000. 0: 10000.
     */
    uint32_t connect_timeout_ms;
    /**
     * A camera that sends no video for this long is reconnected (ERR_STALLED), in milliseconds:
     * 500 to 300000. 0: 8000.
     */
    uint32_t idle_timeout_ms;
    /**
     * Delay before the first attempt after a failure, in milliseconds: 100 to 3600000. Each
     * further delay is twice as long, up to retry_max_ms. Every delay varies randomly by up to 20
     * %, so that cameras that become reachable together do not connect at the same moment. A
     * connection that was live for more than 10 s resets the delay. 0: 1000, or retry_max_ms if
     * that is smaller.
     */
    uint32_t retry_min_ms;
    /**
     * Longest delay between attempts in milliseconds: retry_min_ms to 3600000. 0: 30000, or
     * retry_min_ms if that is larger.
     */
    uint32_t retry_max_ms;
    /**
     * With PULL_ON_DEMAND: how long the camera stays connected after no session needs it any more,
     * so that a returning viewer sees video immediately, in milliseconds: 100 to 3600000. 0:
     * 10000.
     */
    uint32_t linger_ms;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * Label of the stream, for people: at most 128 bytes without control characters, otherwise
     * ERR_INVALID_ARGUMENT. It is returned in events, stream_info and the JSON document. NULL:
     * none.
     */
    const char *label;
    /** Returned in events and stream_info. */
    void *user_data;
    /**
     * rtsps: trust certificates of these authorities only, in PEM. NULL: those that the system
     * trusts.
     */
    const char *tls_ca;
    /**
     * rtsps: trust this certificate only, whatever else it says: its SHA-256, 64 hexadecimal digits,
     * with or without colons. NULL: see tls_ca.
     */
    const char *tls_fingerprint;
} rtsp_webrtc_gateway_pull_options;

/** The current state of a stream. Counters start at add_stream(). */
typedef struct rtsp_webrtc_gateway_stream_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** enum rtsp_webrtc_gateway_stream_state. */
    int32_t state;
    /**
     * Status of the last failure, which is why the stream is not live. RTSP_WEBRTC_GATEWAY_OK
     * while it is live, and before the first failure.
     */
    int32_t status;
    /** enum rtsp_webrtc_gateway_codec. */
    int32_t video_codec;
    /**
     * enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0) also after the camera has come
     * back without audio.
     */
    int32_t audio_codec;
    /** Width of the video in pixels; 0 while unknown. */
    uint32_t width;
    /** Height of the video in pixels; 0 while unknown. */
    uint32_t height;
    /** Current number of viewers. */
    uint32_t sessions;
    /**
     * Number of times the camera was connected again after having been live, not counting those
     * from IDLE.
     */
    uint32_t reconnects;
    /** Bytes of media received. */
    uint64_t bytes;
    /** RTP packets that the camera sent and that did not arrive. */
    uint64_t packets_lost;
    /** Video frames received. */
    uint64_t frames;
    /** Keyframes received. */
    uint64_t keyframes;
    /** Milliseconds since the last video frame; -1 before the first. */
    int64_t since_last_media_ms;
    /** Error message for status; empty if there is none, truncated if it is longer. */
    char message[256];
    /**
     * Video frames that were not sent to any viewer: those that browsers cannot show (B-frames), those
     * with missing parts and what depends on them, and pushed ones for which the queue was full.
     */
    uint64_t frames_dropped;
    /** Number of keyframe requests (on_keyframe_request). 0 for a camera. */
    uint64_t keyframe_requests;
    /** Video bit rate in bits per second, averaged over a few seconds; 0 while no video arrives. */
    uint64_t bitrate_bps;
    /** user_data of the stream's options. */
    void *user_data;
    /** Name of the stream. */
    char name[136];
    /** label of the stream's options. "": none. */
    char label[136];
    /**
     * What the camera gets wrong and is forgiven: names of docs/quirks.md, as in "cseq,
     * no-transport"; empty if there is nothing, truncated if it is longer. The JSON document has
     * the numbers.
     */
    char quirks[256];
    /** What is wrong with the media that arrives, enum rtsp_webrtc_gateway_media_warning. */
    int32_t warning;
    /**
     * The warning in a sentence for people, with what to do; empty if there is none, truncated if it
     * is longer.
     */
    char warning_message[252];
} rtsp_webrtc_gateway_stream_info;

/**
 * Adds a camera. The function returns immediately; the library connects in the background (an
 * on-demand camera when the first offer arrives), and reconnects whenever the connection is lost.
 * on_stream_state reports the progress, and may run before this function returns.
 *
 * Parameters: name identifies the stream in WHEP offers and URLs. It must be unique, and consists
 * of 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - "." and ".." are refused, and so are the first
 * words of the listener's own paths: api, assets, dashboard, metrics, player.js, wall.js.
 *
 * Errors: ERR_INVALID_ARGUMENT if the name or an option is not valid; ERR_ALREADY_EXISTS if the
 * name is in use; ERR_URL if the URL is not valid; ERR_CREDENTIALS if the user name or password
 * contains control characters.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_add_stream(rtsp_webrtc_gateway *gateway,
                                   const char *name,
                                   const struct rtsp_webrtc_gateway_pull_options *options,
                                   rtsp_webrtc_gateway_stream_id *out_stream);

/**
 * Replaces the options of a camera, and connects with the new ones in the background. All options
 * are replaced, including label and user_data. There is no function that returns the options of a
 * stream: the host keeps them. The viewers stay connected, and video resumes as after an outage;
 * sound may begin or end with it. If a codec changes to one that a viewer's offer did not have, its
 * session fails with ERR_CAMERA. The name of a stream cannot be changed.
 *
 * Errors: as for rtsp_webrtc_gateway_add_stream(), in which case nothing changes; ERR_INVALID_STATE if
 * the stream is a push stream; ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_update_stream(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_stream_id stream,
                                      const struct rtsp_webrtc_gateway_pull_options *options);

/**
 * Connects to a camera now: skips the delay before the next attempt, or replaces a connection that
 * exists. The viewers stay connected. An on-demand camera without viewers stays IDLE.
 *
 * Errors: ERR_INVALID_STATE if the stream is a push stream; ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_reconnect_stream(rtsp_webrtc_gateway *gateway,
                                         rtsp_webrtc_gateway_stream_id stream);

/**
 * Sets the variants of a stream: streams of this gateway that show the same scene, best first, for
 * example the main stream of a camera and its substream. A viewer of stream whose connection does not
 * carry the best one is shown a lesser one in its place, without a new offer, and the best again when
 * it fits.
 *
 * Each variant is an ordinary stream: a camera, on demand or not, or a push stream. One that is on
 * demand (RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND) is connected while a viewer is shown it or about to be.
 * Sound always comes from stream itself. The viewers remain sessions of stream: they are listed,
 * counted and limited there. The list is for the viewers of stream alone: a variant may have a list of
 * its own, for those of its viewers whose offers named it.
 *
 * The list may be set at any time and replaces the one before, also while viewers watch. Viewers that
 * are shown a stream that is no longer in it go on with another. A stream that is removed is a variant
 * of none. The member variants in the JSON document (rtsp_webrtc_gateway_state_json()) has the list.
 *
 * Parameters: variants are count streams, best first, at most 8 besides stream itself, which may be
 * anywhere among them; if it is not, it is the best one. Each may be named once. It may be NULL if
 * count is 0, which takes the variants away.
 *
 * Errors, after which the list is as before: ERR_INVALID_ARGUMENT if there are too many or one is named
 * twice; ERR_NOT_FOUND if stream or a variant is not a stream of this gateway.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_variants(rtsp_webrtc_gateway *gateway,
                                     rtsp_webrtc_gateway_stream_id stream,
                                     const rtsp_webrtc_gateway_stream_id *variants,
                                     size_t count);

/**
 * Removes a stream and closes its sessions. The function does not wait for that: REMOVED is the
 * last callback for the stream; those of its outputs may come after it (on_output_state). The name
 * can be reused immediately. Offers that wait for the stream fail with ERR_NOT_FOUND.
 *
 * Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_remove_stream(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_stream_id stream);

/**
 * Finds a stream by name.
 *
 * Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_find_stream(const rtsp_webrtc_gateway *gateway,
                                    const char *name,
                                    rtsp_webrtc_gateway_stream_id *out_stream);

/**
 * Copies the name of a stream.
 *
 * Works like snprintf(): writes at most capacity bytes, always with a terminating NUL unless capacity
 * is 0, and returns the length of the name without the NUL, which is 1 to 128. buffer may be NULL to
 * query the length. Returns 0 on failure, for example if there is no such stream; buffer then holds an
 * empty string.
 */
RTSP_WEBRTC_GATEWAY_API
size_t rtsp_webrtc_gateway_stream_name(const rtsp_webrtc_gateway *gateway,
                                       rtsp_webrtc_gateway_stream_id stream,
                                       char *buffer,
                                       size_t capacity);

/**
 * Lists all streams, oldest first.
 *
 * Parameters: at most capacity ids are written to streams, which may be NULL if capacity is 0.
 * *out_count receives the number of existing streams, which may be larger than capacity.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_list_streams(const rtsp_webrtc_gateway *gateway,
                                     rtsp_webrtc_gateway_stream_id *streams,
                                     size_t capacity,
                                     size_t *out_count);

/**
 * Returns the current state of a stream. Initialize *out_info with RTSP_WEBRTC_GATEWAY_INIT()
 * first.
 *
 * Asks a worker thread. Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_stream_info(const rtsp_webrtc_gateway *gateway,
                                        rtsp_webrtc_gateway_stream_id stream,
                                        struct rtsp_webrtc_gateway_stream_info *out_info);

/* -------------------------------------------------------------------- push */

/** Flags of rtsp_webrtc_gateway_push_options. */
typedef enum rtsp_webrtc_gateway_push_flags {
    /**
     * H264, H265: the NAL units of a frame have their length in front of them in place of a start code,
     * in 4 bytes, big endian, unless codec_config says that there are fewer.
     */
    RTSP_WEBRTC_GATEWAY_PUSH_LENGTH_PREFIXED = 1,
} rtsp_webrtc_gateway_push_flags;

/** Flags of rtsp_webrtc_gateway_frame. */
typedef enum rtsp_webrtc_gateway_frame_flags {
    /** The frame is a keyframe. Optional: the library detects keyframes itself. */
    RTSP_WEBRTC_GATEWAY_FRAME_KEY = 1,
    /**
     * The timeline restarts: pts_us is unrelated to that of the previous frame of the track. For
     * viewers, time continues by the real time that has passed. Video resumes at the next
     * keyframe, ideally this frame.
     */
    RTSP_WEBRTC_GATEWAY_FRAME_DISCONTINUITY = 2,
} rtsp_webrtc_gateway_frame_flags;

/** Options of a stream whose media the host pushes. */
typedef struct rtsp_webrtc_gateway_push_options {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * Video codec, enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): sound alone, if
     * audio_codec is set. Viewers then get an inactive video section, and the sound.
     */
    int32_t video_codec;
    /** Audio codec, enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): no audio. */
    int32_t audio_codec;
    /**
     * Audio sample rate in Hz. 0: the rate of the codec in WebRTC (PCMU and PCMA 8000, G722 16000,
     * OPUS 48000), or of AAC that of audio_config. No other rate is accepted. Must be 0 without audio.
     */
    uint32_t audio_sample_rate;
    /**
     * Number of audio channels: 1, or 2 with OPUS. 0: the default of the codec, or what audio_config
     * says. Must be 0 without audio.
     */
    uint32_t audio_channels;
    /**
     * Number of frames of each track that may be queued for the worker thread: 1 to 1024. 0: 64.
     * When the queue is full, pushes return ERR_QUEUE_FULL. In addition, at most 32 MiB of a
     * stream are queued.
     */
    uint32_t queue_frames;
    /** Bitwise OR of enum rtsp_webrtc_gateway_push_flags. */
    uint32_t flags;
    /** As in rtsp_webrtc_gateway_pull_options. NULL: none. */
    const char *label;
    /** As in rtsp_webrtc_gateway_pull_options. */
    void *user_data;
    /**
     * Parameter sets of the video, for frames that come without them: an avcC, hvcC or av1C record,
     * as containers and system encoders have it (ISO/IEC 14496-15), or the parameter sets with start
     * codes. Those in the frames take their place. The library copies it. NULL: none.
     */
    const uint8_t *codec_config;
    /** Size of codec_config in bytes. */
    size_t codec_config_size;
    /**
     * Without a frame of video, or of audio where there is no video, for this long the stream is RETRYING with ERR_STALLED until the next one:
     * 500 to 86400000 milliseconds. 0: 8000. UINT32_MAX: never, for hosts that pause.
     */
    uint32_t idle_timeout_ms;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * With audio_codec AAC, the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) as the encoder or
     * container has it, for example 14 08 for AAC-LC at 16 kHz with one channel. Required then, and NULL
     * otherwise. The library copies it.
     */
    const uint8_t *audio_config;
    /** Size of audio_config in bytes. */
    size_t audio_config_size;
} rtsp_webrtc_gateway_push_options;

/**
 * One access unit of video, or one frame of audio.
 *
 * - H264, H265: an Annex B byte stream with start codes 00 00 01 or 00 00 00 01, or lengths in their
 *   place with PUSH_LENGTH_PREFIXED. A keyframe is an IDR picture (H265: any IRAP picture). Parameter
 *   sets are sent with the keyframe or before it, possibly in a push of their own, or are in
 *   push_options.codec_config. B-frames are left out: browsers do not show them over WebRTC.
 * - AV1: a temporal unit in the low-overhead bitstream format (AV1 specification section 5.2), in
 *   which every OBU has a size field. A keyframe starts with its sequence header.
 * - AAC: one access unit without ADTS header. Sinks get it as it is. Viewers get it as Opus (cargo feature
 *   transcode-audio), encoded once for all and only while somebody hears it.
 * - OPUS: one Opus packet of at most 1192 bytes, usually 20 ms.
 * - PCMU, PCMA: samples of one byte each, usually 20 ms (160 bytes).
 * - G722: 64 kbit/s octets, usually 20 ms (160 bytes).
 */
typedef struct rtsp_webrtc_gateway_frame {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** The data. Required. */
    const uint8_t *data;
    /** Size of data in bytes: 1 to 16 MiB. */
    size_t size;
    /**
     * Presentation time in microseconds, on a timeline of the host's choice that both tracks
     * share. Frames of a track are pushed in decoding order, so with B-frames the value may
     * decrease, by less than one second. After a jump of more than 10 s, time continues by the
     * real time that has passed.
     */
    int64_t pts_us;
    /**
     * Capture time in microseconds since 1970-01-01 UTC by the clock of this machine. 0: unknown.
     * RTCP sender reports (RFC 3550 section 6.4.1) pass it on, and viewers use it to synchronize
     * audio and video: set it on both tracks or on neither. If it is 0, in the future, or more
     * than an hour old, the time of the push is used.
     */
    int64_t capture_unix_us;
    /** Bitwise OR of enum rtsp_webrtc_gateway_frame_flags. */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * Ownership of data. NULL: the push copies data before it returns. Otherwise data is not
     * copied: it must remain valid and unchanged until the library calls release(release_data).
     * release runs exactly once, on any thread, whether the push succeeds or fails: possibly on
     * the calling thread before the push returns, and no later than during shutdown() or
     * destroy(). It does not run if frame is NULL or if the push returns ERR_STRUCT_SIZE. It must
     * be short and must not call into the library.
     */
    rtsp_webrtc_gateway_free_fn release;
    /** Argument of release. */
    void *release_data;
} rtsp_webrtc_gateway_frame;

/**
 * Adds a stream whose media the host pushes. The stream is CONNECTING until the first keyframe
 * with its parameter sets has been pushed, or the first frame of audio where there is no video, and LIVE
 * from then on; offers wait for it as they do for a camera. If no video is pushed for 8 s (idle_timeout_ms), it becomes RETRYING with ERR_STALLED until the next
 * frame. Remove the stream with remove_stream().
 *
 * Parameters: name is as for rtsp_webrtc_gateway_add_stream().
 *
 * Errors: ERR_INVALID_ARGUMENT if the name or an option is not valid; ERR_ALREADY_EXISTS if the
 * name is in use.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_add_push_stream(rtsp_webrtc_gateway *gateway,
                                        const char *name,
                                        const struct rtsp_webrtc_gateway_push_options *options,
                                        rtsp_webrtc_gateway_stream_id *out_stream);

/**
 * Pushes one access unit of video. Pushes to the same track must not overlap, otherwise their
 * order is undefined. The library repeats parameter sets for viewers where needed, and removes
 * access unit delimiters and filler data.
 *
 * Errors: ERR_QUEUE_FULL if the frame was dropped; further frames are then dropped up to the next
 * keyframe, because they could not be decoded, and on_keyframe_request asks for one. The sentence says
 * whether the worker is too busy, or the stream itself has more than its share of it pushed ("given_up" in
 * the JSON of a stream counts that).
 * ERR_INVALID_ARGUMENT if data is not an access unit of the codec (no start code, too large);
 * ERR_INVALID_STATE if the stream is a camera or has no video; ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_push_video(rtsp_webrtc_gateway *gateway,
                                   rtsp_webrtc_gateway_stream_id stream,
                                   const struct rtsp_webrtc_gateway_frame *frame);

/**
 * Pushes one frame of audio. The frames must be contiguous: each pts_us is the previous one plus
 * the duration of the previous frame. Beside video, audio before its first keyframe is dropped.
 *
 * Errors: as for rtsp_webrtc_gateway_push_video(), but after ERR_QUEUE_FULL only this frame is
 * lost. ERR_INVALID_STATE also if the stream has no audio.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_push_audio(rtsp_webrtc_gateway *gateway,
                                   rtsp_webrtc_gateway_stream_id stream,
                                   const struct rtsp_webrtc_gateway_frame *frame);

/**
 * Pushes one unencrypted RTP packet (RFC 3550) including its header: H264 as in RFC 6184, H265 as
 * in RFC 7798, AV1 as in its RTP payload specification; for audio, each payload is one frame. The
 * packet is copied.
 *
 * Packets may arrive out of order by up to 16 packets or 100 ms. Missing packets are counted in
 * packets_lost; what remains of the access unit is passed on, and on_keyframe_request follows. A
 * new SSRC, or a jump of more than 1000 in the sequence number, counts as FRAME_DISCONTINUITY.
 * Payload type and header extensions are ignored. Viewers receive packets with other SSRCs,
 * payload types and sequence numbers.
 *
 * Parameters: codec (enum rtsp_webrtc_gateway_codec) selects the track.
 *
 * Errors: ERR_QUEUE_FULL as for push_video(), from the packet that completes an access unit;
 * ERR_INVALID_ARGUMENT if the data is not an RTP packet (RTCP is not accepted), or if the stream
 * has no track with this codec; ERR_INVALID_STATE if the stream is a camera; ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_push_rtp(rtsp_webrtc_gateway *gateway,
                                 rtsp_webrtc_gateway_stream_id stream,
                                 int32_t codec,
                                 const uint8_t *packet,
                                 size_t size);

/* -------------------------------------------------------------------- sink */

/** Tracks of a stream, as a sink gets them. */
typedef enum rtsp_webrtc_gateway_sink_track {
    /** Video. */
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO = 1,
    /** Audio. */
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO = 2,
    /** ONVIF metadata. */
    RTSP_WEBRTC_GATEWAY_SINK_TRACK_METADATA = 3,
} rtsp_webrtc_gateway_sink_track;

/** Flags of rtsp_webrtc_gateway_sink_options. */
typedef enum rtsp_webrtc_gateway_sink_flags {
    /** No video. */
    RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO = 1,
    /** No audio. */
    RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO = 2,
    /** Get the ONVIF metadata, too. The camera must have been added with PULL_METADATA. */
    RTSP_WEBRTC_GATEWAY_SINK_METADATA = 4,
    /**
     * Begin in the past: with the last keyframe and all that followed it, as it is kept for viewers
     * (gop_cache_ms, gop_cache_bytes). These frames are marked SINK_FRAME_CACHED; they are video only,
     * without B-frames and damaged frames, which viewers do not get. Without this flag, and if no
     * keyframe is kept, video begins with the next keyframe.
     */
    RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE = 8,
    /**
     * H264 and H265 as in MP4: each NAL unit is preceded by its length in 4 bytes, big endian. Without
     * this flag: Annex B byte streams with start codes.
     */
    RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED = 16,
} rtsp_webrtc_gateway_sink_flags;

/** Flags of rtsp_webrtc_gateway_sink_frame. */
typedef enum rtsp_webrtc_gateway_sink_frame_flags {
    /**
     * Decoding can start with the frame: an IDR picture (H265: any IRAP picture; AV1: a key frame), with
     * its parameter sets in front; in a stream without IDR pictures, a recovery point or a picture that is
     * all intra coded. Set on each frame of audio and each document.
     */
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY = 1,
    /**
     * Something is missing between the frame before it of the same track and this one: packets were
     * lost, the camera was connected again, or the queue was full.
     */
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY = 2,
    /** Parts of the frame itself are missing. */
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_DAMAGED = 4,
    /** It comes from what is kept for viewers: see SINK_FROM_CACHE. */
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_CACHED = 8,
    /**
     * Codec, size or parameters are not those of the frame before it of the same track. Set on the first
     * frame of each track.
     */
    RTSP_WEBRTC_GATEWAY_SINK_FRAME_FORMAT_CHANGED = 16,
} rtsp_webrtc_gateway_sink_frame_flags;

/** Options of a sink. */
typedef struct rtsp_webrtc_gateway_sink_options {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Bitwise OR of enum rtsp_webrtc_gateway_sink_flags. 0: video and audio from the next keyframe on. */
    uint32_t flags;
    /** Frames that are queued until they are read: 16 to 65536. 0: 2048. */
    uint32_t queue_frames;
    /**
     * Bytes that are queued until they are read, in addition to one frame of any size: 65536 to
     * 1073741824. 0: 16777216 (16 MiB).
     */
    uint64_t queue_bytes;
} rtsp_webrtc_gateway_sink_options;

/**
 * A frame that a stream received: an access unit of video, a frame of audio, or a metadata document. The
 * library owns it; free it with rtsp_webrtc_gateway_sink_frame_free().
 */
typedef struct rtsp_webrtc_gateway_sink_frame {
    /** Size of this struct in bytes; the library sets it. */
    size_t struct_size;
    /** enum rtsp_webrtc_gateway_sink_track. */
    int32_t track;
    /** enum rtsp_webrtc_gateway_codec. RTSP_WEBRTC_GATEWAY_CODEC_NONE (0): none of those, see encoding. */
    int32_t codec;
    /**
     * The data: video as sink_options.flags say; AV1 as temporal units in the low-overhead format; audio
     * as the camera encodes it, a frame at a time (AAC without ADTS header; AAC-LATM: an
     * AudioMuxElement); an XML document. B-frames are among it, in decoding order.
     */
    const uint8_t *data;
    /** Size of data in bytes; never 0. */
    size_t size;
    /**
     * What a decoder needs in advance: parameter sets in the form of data (AV1: the sequence header as an
     * OBU), or the AudioSpecificConfig of AAC. NULL if there is nothing.
     */
    const uint8_t *parameters;
    /** Size of parameters in bytes. */
    size_t parameters_size;
    /**
     * Presentation time in microseconds, on a timeline that all tracks of the stream and all its sinks
     * share. It begins when the stream is added and goes on through reconnections. Between frames of a
     * track it has the steps of the camera's clock. Audio that turns out not to match the video, because the
     * first frames arrived late, is moved with SINK_FRAME_DISCONTINUITY.
     */
    int64_t pts_us;
    /**
     * Capture time in microseconds since 1970-01-01 UTC: what the camera's sender reports (RFC 3550) make
     * of it, by the clock of this machine; for a push stream, capture_unix_us of the frame. 0: not known.
     */
    int64_t capture_unix_us;
    /** When the last packet of the frame arrived, in microseconds since 1970-01-01 UTC. */
    int64_t arrival_unix_us;
    /** How long ago that was when the function returned, in microseconds. */
    int64_t age_us;
    /** Bitwise OR of enum rtsp_webrtc_gateway_sink_frame_flags. */
    uint32_t flags;
    /** Width of video in pixels. 0: not known. */
    uint32_t width;
    /** Height of video in pixels. 0: not known. */
    uint32_t height;
    /** Sampling rate of audio in Hz. */
    uint32_t sample_rate;
    /** Channels of audio. 0: not known. */
    uint32_t channels;
    /**
     * RTP packets that are missing before the frame or in it; for a push stream, frames that were refused
     * with ERR_QUEUE_FULL as well.
     */
    uint32_t packets_lost;
    /** Frames of this track that were dropped before this one, because the queue was full. */
    uint32_t frames_dropped;
    /** 0. */
    uint32_t reserved;
    /**
     * The encoding by name: "H264", "H265", "AV1", "OPUS", "PCMU", "PCMA", "G722", "AAC", "AAC-LATM",
     * "G726-16" to "G726-40", "AAL2-G726-16" to "AAL2-G726-40", "L16", "VND.ONVIF.METADATA".
     */
    char encoding[24];
} rtsp_webrtc_gateway_sink_frame;

/** The current state of a sink. */
typedef struct rtsp_webrtc_gateway_sink_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Its stream. */
    rtsp_webrtc_gateway_stream_id stream;
    /** Frames that were put into its queue so far. */
    uint64_t frames;
    /** Their bytes. */
    uint64_t bytes;
    /** Frames that were dropped because its queue was full. */
    uint64_t frames_dropped;
    /** How often its queue was full. */
    uint64_t overflows;
    /** Bytes in its queue. */
    uint64_t queued_bytes;
    /** Frames in its queue. */
    uint32_t queued_frames;
    /** 0. */
    uint32_t reserved;
} rtsp_webrtc_gateway_sink_info;

/**
 * Adds a sink to a stream: the frames that the stream receives, of a camera or pushed, are queued for the
 * host from now on, and rtsp_webrtc_gateway_read_sink() takes them out. A recorder thus needs no
 * connection of its own to the camera. It gets all that the camera sends: viewers are not shown B-frames
 * and damaged frames, and hear AAC as Opus; a sink gets them as they came. The data is copied once,
 * however many sinks the stream has.
 *
 * A sink needs its stream: a camera that is on demand is connected for it, and stays so. It may be added
 * while the camera is not connected, and lives through reconnections.
 *
 * If frames are not read in time, the queue is full, and frames are dropped: of video, all up to the next
 * keyframe. The next frame has their number and SINK_FRAME_DISCONTINUITY, sink_info counts them, and a line is
 * logged, at most once a minute and stream. Viewers and other sinks do not notice, and the library never
 * waits for the host.
 *
 * The sink ends when rtsp_webrtc_gateway_read_sink() has returned ERR_NOT_FOUND because the stream was
 * removed, with rtsp_webrtc_gateway_remove_sink(), or with the gateway.
 *
 * Asks a worker thread: what is pushed after this has returned is in the sink.
 *
 * Errors: ERR_INVALID_ARGUMENT if an option is not valid; ERR_LIMIT if the stream has 16 sinks;
 * ERR_NOT_FOUND; ERR_TIMEOUT after 5 s on an overloaded machine.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_add_sink(rtsp_webrtc_gateway *gateway,
                                 rtsp_webrtc_gateway_stream_id stream,
                                 const struct rtsp_webrtc_gateway_sink_options *options,
                                 rtsp_webrtc_gateway_sink_id *out_sink);

/**
 * Removes a sink. Frames in its queue are dropped; those that were read remain valid. A call of
 * rtsp_webrtc_gateway_read_sink() that waits returns ERR_NOT_FOUND.
 *
 * Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_remove_sink(rtsp_webrtc_gateway *gateway,
                                    rtsp_webrtc_gateway_sink_id sink);

/**
 * Takes the next frame out of the queue of a sink. One thread may read many sinks, without waiting, for
 * example all of them every 50 ms, until each returns ERR_TIMEOUT; or each sink has a thread that waits.
 * Threads that read the same sink share its frames between them.
 *
 * Parameters: timeout_ms is how long to wait for a frame, in milliseconds. 0: not at all. UINT32_MAX: as
 * long as it takes.
 *
 * Ownership: the caller frees *out_frame with rtsp_webrtc_gateway_sink_frame_free(). It stays valid until
 * then, also when the sink is removed and the gateway destroyed.
 *
 * Blocking, unless timeout_ms is 0: then it never waits, and may be called everywhere.
 *
 * Errors: ERR_TIMEOUT if no frame came in this time; ERR_NOT_FOUND if the stream was removed and the queue
 * is empty, or if the sink was removed; ERR_SHUTTING_DOWN as soon as shutdown() begins.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_read_sink(rtsp_webrtc_gateway *gateway,
                                  rtsp_webrtc_gateway_sink_id sink,
                                  uint32_t timeout_ms,
                                  const struct rtsp_webrtc_gateway_sink_frame **out_frame);

/**
 * Returns the current state of a sink.
 *
 * Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_sink_info(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_sink_id sink,
                                      struct rtsp_webrtc_gateway_sink_info *out_info);

/**
 * Returns the last keyframe of a stream, for example to make a snapshot of: codec, size, capture time
 * where it is known, age, and the data as a sink gets it, in Annex B with the parameter sets in front. It
 * is the one that is kept for viewers, so the camera is not asked for anything. Its pts_us is 0.
 *
 * Ownership: the caller frees *out_frame with rtsp_webrtc_gateway_sink_frame_free().
 *
 * Asks a worker thread. Errors: ERR_NOT_READY if there is none: no video has arrived yet, the camera is on
 * demand and IDLE, or the last keyframe is larger than half of gop_cache_bytes, or gop_cache is 0;
 * ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_get_keyframe(rtsp_webrtc_gateway *gateway,
                                     rtsp_webrtc_gateway_stream_id stream,
                                     const struct rtsp_webrtc_gateway_sink_frame **out_frame);

/**
 * Frees a frame of rtsp_webrtc_gateway_read_sink() or rtsp_webrtc_gateway_get_keyframe(). NULL is ignored.
 * The struct of a frame that was freed stays readable for a while, with all its fields 0, so that a program
 * that goes on using it, or frees it twice, meets NULL and an error of the log instead of another frame.
 */
RTSP_WEBRTC_GATEWAY_API
void rtsp_webrtc_gateway_sink_frame_free(const struct rtsp_webrtc_gateway_sink_frame *frame);

/* ------------------------------------------------------------------ output */

/** States of an output. */
typedef enum rtsp_webrtc_gateway_output_state {
    /** Its stream is not live, or has nothing of what the output sends. Nothing is sent anywhere. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_WAITING = 1,
    /** The media server is asked, or being connected to. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_CONNECTING = 2,
    /** Media flows. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_LIVE = 3,
    /**
     * The attempt failed or the connection was lost. The next attempt follows after a delay: up to 200 ms where media
     * had flowed, then 1 s, doubling up to 60 s; 1 minute, doubling up to 15, where the server refuses for a reason that
     * somebody has to change (401, 403, 404, its certificate, a codec); not before the time that its Retry-After asks
     * for, up to 10 minutes.
     */
    RTSP_WEBRTC_GATEWAY_OUTPUT_RETRYING = 4,
    /** Removed. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_REMOVED = 5,
} rtsp_webrtc_gateway_output_state;

/** Flags of rtsp_webrtc_gateway_output_options. */
typedef enum rtsp_webrtc_gateway_output_flags {
    /** Do not send the video. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_NO_VIDEO = 1,
    /** Do not send the audio. */
    RTSP_WEBRTC_GATEWAY_OUTPUT_NO_AUDIO = 2,
    /**
     * https: trust any certificate. The connection is encrypted, but anybody may be the server. Not together with
     * tls_ca or tls_fingerprint.
     */
    RTSP_WEBRTC_GATEWAY_OUTPUT_TLS_UNVERIFIED = 4,
} rtsp_webrtc_gateway_output_flags;

/** Options of an output. */
typedef struct rtsp_webrtc_gateway_output_options {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * The WHIP endpoint of the media server: https://host[:port]/path or http://, at most 4096 bytes. Its path may hold
     * a key, so it is in no log and in no message; scheme, host and port are. A user and a password in it are sent by
     * Basic authentication, unless there is a bearer_token. Required.
     */
    const char *url;
    /**
     * Sent as "Authorization: Bearer", to the scheme, host and port of url alone: at most 8192 visible ASCII characters.
     * NULL or "": none. Over http:// anybody on the way can read it: see warning of rtsp_webrtc_gateway_output_info.
     */
    const char *bearer_token;
    /** https: trust certificates of these authorities only, in PEM. NULL: those that the system trusts. */
    const char *tls_ca;
    /**
     * https: trust this certificate only, whatever else it says: its SHA-256, 64 hexadecimal digits, with or without
     * colons. NULL: see tls_ca.
     */
    const char *tls_fingerprint;
    /** Bitwise OR of enum rtsp_webrtc_gateway_output_flags. */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
    /**
     * Bits per second that the chosen variant of the stream may need, with sound and headers: see
     * rtsp_webrtc_gateway_viewer_limits. 0: no limit.
     */
    uint64_t max_bitrate_bps;
    /**
     * Label of the output, for people: at most 128 bytes without control characters, otherwise ERR_INVALID_ARGUMENT. It is
     * returned in output_info and the JSON document, and is that of the session. NULL: none.
     */
    const char *label;
    /** Returned in output_info. */
    void *user_data;
} rtsp_webrtc_gateway_output_options;

/** The current state of an output. Counters start at add_output(). */
typedef struct rtsp_webrtc_gateway_output_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Its stream. */
    rtsp_webrtc_gateway_stream_id stream;
    /**
     * The session with the media server, once that has answered: rtsp_webrtc_gateway_get_session_info() says what it is
     * sent, and what the path carries. 0: none.
     */
    rtsp_webrtc_gateway_session_id session;
    /** enum rtsp_webrtc_gateway_output_state. */
    int32_t state;
    /**
     * Status of the last failure, which is why it is not live. RTSP_WEBRTC_GATEWAY_OK while it is live, and before the
     * first failure.
     */
    int32_t status;
    /** Number of attempts. */
    uint64_t attempts;
    /** Number of times that media began to flow. */
    uint64_t connections;
    /** Milliseconds until the next attempt, while it is RETRYING; -1 otherwise. */
    int64_t retry_in_ms;
    /** user_data of its options. */
    void *user_data;
    /** Error message for status; empty if there is none, truncated if it is longer. */
    char message[256];
    /** Scheme, host and port of the media server, truncated if it is longer. */
    char server[264];
    /** label of its options. "": none. */
    char label[136];
    /**
     * What is wrong with the way to the media server, as a sentence for people: credentials that are sent over http://,
     * unless that is to this machine. "": nothing.
     */
    char warning[256];
} rtsp_webrtc_gateway_output_info;

/**
 * Sends a stream, pulled or pushed, to a media server or SFU by WHIP (RFC 9725) from now on. Whenever the stream is live,
 * it is offered; whatever ends the session, a change of the stream's codec included, is followed by another attempt. The
 * function returns immediately; on_output_state, rtsp_webrtc_gateway_get_output_info() and the JSON document say how far
 * it has come.
 *
 * The media server is sent what a viewer would be: the codec that the stream has, retransmissions and keyframes on request,
 * paced by what the path carries, and a lesser variant of the stream where that is not enough. Its session is in
 * rtsp_webrtc_gateway_list_sessions(), counts for max_sessions but not for max_sessions_per_stream, and may be closed like
 * others, which is followed by another attempt; on_session_state and on_session_quality are not called for it. A camera
 * that is on demand is connected for an output, and stays so. Each session leaves from a UDP port of its own, which the
 * system chooses on the address of udp_bind (servers that have one port tell sessions apart by that), to the candidates
 * of the server; nothing has to be opened for it. The requests are made on a worker thread, at most 15 s each.
 *
 * The output ends with rtsp_webrtc_gateway_remove_output(), with its stream, or with the gateway. The strings of options
 * are copied.
 *
 * Errors: ERR_URL if the URL is not valid; ERR_CREDENTIALS if the token, or the user or the password in the URL, contains
 * characters that HTTP cannot carry; ERR_INVALID_ARGUMENT if another option is not valid; ERR_LIMIT if the stream has 8
 * outputs, or the gateway 1024; ERR_UNSUPPORTED if the library was built without HTTP; ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_add_output(rtsp_webrtc_gateway *gateway,
                                   rtsp_webrtc_gateway_stream_id stream,
                                   const struct rtsp_webrtc_gateway_output_options *options,
                                   rtsp_webrtc_gateway_output_id *out_output);

/**
 * Removes an output. Its session ends in the background, and the media server is told (DELETE).
 *
 * Errors: ERR_NOT_FOUND.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_remove_output(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_output_id output);

/**
 * Returns the current state of an output. Never waits, and may be called everywhere.
 *
 * Errors: ERR_NOT_FOUND if it was removed, or its stream.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_output_info(const rtsp_webrtc_gateway *gateway,
                                        rtsp_webrtc_gateway_output_id output,
                                        struct rtsp_webrtc_gateway_output_info *out_info);

/* -------------------------------------------------------------------- whep */

/** Flags of rtsp_webrtc_gateway_offer.flags. */
typedef enum rtsp_webrtc_gateway_offer_flags {
    /**
     * Do not wait for a camera that is still connecting: fail with ERR_NOT_READY at once. An
     * on-demand camera is still connected, and stays connected for 5 s or linger_ms, whichever is
     * longer, so that it is live when the viewer tries again. timeout_ms is ignored.
     */
    RTSP_WEBRTC_GATEWAY_OFFER_NO_WAIT = 1,
    /**
     * The offer is that of a wall: each of its video and audio sections is a slot, which may show any
     * stream, and others later. stream_name, limits, timeout_ms and OFFER_NO_WAIT are not used; stream_name
     * must be NULL.
     */
    RTSP_WEBRTC_GATEWAY_OFFER_WALL = 2,
} rtsp_webrtc_gateway_offer_flags;

/**
 * An HTTP response, to be sent as it is by the host's web server: status, headers and body.
 *
 * Functions that take a `response` never wait. Any number of threads may read one response at a
 * time. The strings of a response are valid until rtsp_webrtc_gateway_response_free().
 */
typedef struct rtsp_webrtc_gateway_response rtsp_webrtc_gateway_response;

/**
 * A WHEP offer: the POST request of a viewer. Everything is copied, except what user_data
 * points to.
 */
typedef struct rtsp_webrtc_gateway_offer {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Name of the stream to watch. Required, unless flags has OFFER_WALL. */
    const char *stream_name;
    /** Body of the request (application/sdp). Needs no terminator. Required. */
    const char *sdp;
    /** Size of sdp in bytes, at most 131072, with OFFER_WALL 1048576; more gives ERR_TOO_LARGE. */
    size_t sdp_size;
    /**
     * What precedes the session key in the Location header (RFC 9110 section 10.2.2): an absolute
     * path such as "/cam1/whep/", a URL, or a reference relative to the URL of the request, such
     * as "whep/" for a request to ".../cam1/whep". A relative one works behind a reverse proxy
     * that removes a path prefix. Characters that a URL cannot contain must be percent-encoded,
     * and two slashes at the beginning are refused, because they name another host. NULL: the
     * response has no Location; add one that ends in response_session_key(). (In
     * rtsp_webrtc_gateway_http_request, NULL means a default made from path.)
     */
    const char *location_prefix;
    /**
     * How long to wait for a camera that is still connecting, in milliseconds. 0: 5000. To return
     * immediately, set OFFER_NO_WAIT.
     */
    uint32_t timeout_ms;
    /** Bitwise OR of enum rtsp_webrtc_gateway_offer_flags. */
    uint32_t flags;
    /**
     * Where the viewer comes from, for people: free text, for example its address. It is logged,
     * and it comes back in session_info and session_event. Control characters are removed, and the
     * text is cut after 128 bytes. NULL: not known.
     */
    const char *peer;
    /**
     * STUN and TURN servers for this viewer, in place of those of the config, at most 16: with
     * credentials of this user, for example. NULL: those of the config. Not NULL, with
     * ice_servers_len 0: none.
     */
    const rtsp_webrtc_gateway_ice_server *ice_servers;
    /** Number of elements in ice_servers. */
    size_t ice_servers_len;
    /**
     * Label of the session, for people, for example the name of the user: UTF-8, at most 128
     * bytes, no control characters. Unlike peer, it is not cut or cleaned: a label that is longer
     * or has control characters gives ERR_INVALID_ARGUMENT, so cut it first. It comes back in
     * session_info, session_event and the JSON of sessions. NULL: none.
     */
    const char *label;
    /**
     * A pointer for the host's own use. The library never dereferences or frees it. It comes back
     * in session_info and session_event; the last time it is passed is with the state CLOSED.
     *
     * If the response is not 201, no session has it and no callback will: free it then. The CLOSED
     * callback may run before the call returns, so do not use it after a 201 unless you know that
     * the session lives. Do not dereference it outside callbacks unless a lock or reference count
     * of yours protects it.
     */
    void *user_data;
    /**
     * What the viewer asks for. set_session_limits() changes it later. NULL: the best that its
     * connection carries.
     */
    const rtsp_webrtc_gateway_viewer_limits *limits;
    /**
     * With OFFER_WALL: names of the streams that the video sections of the offer show at first, in its
     * order. NULL or "" for a slot that shows nothing yet. At most one for each section. A slot whose stream
     * there is not, or that cannot show it, stays empty: the header Refused-Slots of the response says why.
     * May be NULL if slots_len is 0.
     */
    const char *const *slots;
    /** Number of elements in slots. */
    size_t slots_len;
    /** With OFFER_WALL: name of the stream whose sound the first audio section has at first. NULL: none. */
    const char *sound;
} rtsp_webrtc_gateway_offer;

/**
 * Receives the outcome of handle_whep_offer_async(): once, on the gateway's callback thread, under
 * the rules for callbacks.
 *
 * Parameters: user_data is that of the call, and op its *out_op. status is
 * RTSP_WEBRTC_GATEWAY_OK or an error, whose message last_error() returns here. response is what
 * *out_response of handle_whep_offer() would be, on success and on failure.
 *
 * Ownership: the callback frees response with rtsp_webrtc_gateway_response_free().
 */
typedef void (*rtsp_webrtc_gateway_whep_fn)(void *user_data,
                                            rtsp_webrtc_gateway_op_id op,
                                            int status,
                                            struct rtsp_webrtc_gateway_response *response);

/**
 * Answers a WHEP offer (POST) and creates a session.
 *
 * If the camera is connecting for the first time, or is on demand and idle, this function waits
 * for its codec, for at most offer->timeout_ms; otherwise it returns within milliseconds. If the
 * camera was live but is currently disconnected, the session is created, and its video starts when
 * the camera returns. An offer with audio gets an audio track also if the camera has no audio, so that
 * sound may begin later. The session is in the state NEW; callbacks with its states may run before
 * this function returns. If its viewer does not connect, the session fails after 20 s.
 *
 * On success *out_response is 201 with the SDP answer, ETag, Accept-Patch, Location, and a Link
 * for each ICE server. On failure it has the HTTP status of the error, problem details (RFC 9457)
 * with the error message as body, and Retry-After where trying again may help. The message is
 * meant for operators and may name the camera's address or a knob: replace the body if viewers
 * must not see that. It has no CORS headers. If the camera refuses the connection, the offers that
 * wait for it get 409 (ERR_NOT_READY) with the reason in the message; get_stream_info() has the
 * reason as a status.
 *
 * With OFFER_WALL it is the offer of a wall: up to 128 video and 8 audio sections, and one for data channels,
 * bundled, each with an a=mid. It is answered at once, with a slot for each section of video or audio that has
 * a codec of streams. bind_slot() changes later what they show, and so do their pages, by a PATCH or over the
 * data channel.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
 * success and on failure.
 *
 * Blocking.
 *
 * Errors: ERR_NOT_FOUND for the stream name; ERR_SDP, ERR_TOO_LARGE, ERR_FINGERPRINT,
 * ERR_ICE_CREDENTIALS and ERR_CODEC for the SDP; ERR_INVALID_ARGUMENT for offer->limits, as in
 * set_session_limits(); ERR_NOT_READY (409) while the camera is not live; ERR_LIMIT (503) if a limit of sessions is reached; ERR_SHUTTING_DOWN, also if shutdown() begins
 * while this function waits; ERR_TIMEOUT after 5 s on an overloaded machine.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_handle_whep_offer(rtsp_webrtc_gateway *gateway,
                                          const struct rtsp_webrtc_gateway_offer *offer,
                                          struct rtsp_webrtc_gateway_response **out_response);

/**
 * Answers a WHEP offer (POST) as handle_whep_offer() does, without waiting.
 *
 * If it returns RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once with the outcome, possibly
 * before this function returns. It also runs after cancel() (ERR_CANCELLED), after the stream
 * was removed (ERR_NOT_FOUND), after the offer's timeout (ERR_NOT_READY) and at shutdown
 * (ERR_SHUTTING_DOWN). If this function returns an error, callback does not run.
 *
 * Parameters: user_data is passed to callback; it is not offer->user_data, which belongs to the
 * session. *out_op receives the id for cancel(); out_op may be NULL. *out_response receives the
 * response to send if this function fails, and NULL if it succeeds; out_response may be NULL.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
 *
 * Errors: ERR_NOT_FOUND for the stream name; ERR_SDP, ERR_TOO_LARGE, ERR_FINGERPRINT and
 * ERR_ICE_CREDENTIALS for the SDP; ERR_LIMIT while 1024 offers are pending. Errors that depend
 * on the camera, on its variants (offer->limits) or on the maximum number of sessions go to
 * callback.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_handle_whep_offer_async(rtsp_webrtc_gateway *gateway,
                                                const struct rtsp_webrtc_gateway_offer *offer,
                                                rtsp_webrtc_gateway_whep_fn callback,
                                                void *user_data,
                                                rtsp_webrtc_gateway_op_id *out_op,
                                                struct rtsp_webrtc_gateway_response **out_response);

/**
 * Cancels a pending offer of handle_whep_offer_async(). Its callback runs with ERR_CANCELLED.
 *
 * Errors: ERR_NOT_FOUND if the offer has been answered or is being answered; its callback has
 * run or will run with that outcome.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_cancel(rtsp_webrtc_gateway *gateway,
                               rtsp_webrtc_gateway_op_id op);

/**
 * Answers a PATCH of a session (application/trickle-ice-sdpfrag, RFC 9725 section 4.3):
 * candidates, or an ICE restart.
 *
 * Candidates are checked for their syntax and then ignored: the gateway is ICE-lite and sends
 * to where checks come from. An ICE restart is a fragment with a new a=ice-ufrag and a new
 * a=ice-pwd; DTLS and media continue, and the old credentials stay valid until the viewer
 * nominates a pair with the new ones.
 *
 * Parameters: session_key is the last segment of the session's URL, percent-decoded. This function
 * does not know which stream the viewer may watch: the host checks rights itself. if_match is the
 * value of the header If-Match; NULL if there is none. fragment is the body, of fragment_size
 * bytes, at most 32768; it needs no terminator, and may be NULL if fragment_size is 0.
 *
 * On success *out_response is 204 without a body after candidates, and 200 with the gateway's
 * new credentials and a new ETag after an ICE restart. On failure it is as for
 * handle_whep_offer(), and the session is unchanged.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
 * success and on failure.
 *
 * Asks a worker thread.
 *
 * Errors: ERR_NOT_FOUND for the session; ERR_PRECONDITION_REQUIRED without if_match; ERR_ETAG
 * if it is neither "*" nor the current ETag; ERR_SDP, ERR_ICE_CREDENTIALS, ERR_TOO_LARGE and
 * ERR_UNPROCESSABLE (a whole SDP) for the fragment; ERR_TIMEOUT after 5 s on an overloaded
 * machine.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_handle_whep_patch(rtsp_webrtc_gateway *gateway,
                                          const char *session_key,
                                          const char *if_match,
                                          const char *fragment,
                                          size_t fragment_size,
                                          struct rtsp_webrtc_gateway_response **out_response);

/**
 * Ends a session (DELETE). The session's last callback, with the state CLOSED, follows.
 *
 * Parameters: session_key is the last segment of the session's URL, percent-decoded. This function
 * does not know which stream the viewer may watch: the host checks rights itself. *out_response
 * receives the response to send: 200 without a body on success, on failure as for
 * handle_whep_offer(); out_response may be NULL.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
 *
 * Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_handle_whep_delete(rtsp_webrtc_gateway *gateway,
                                           const char *session_key,
                                           struct rtsp_webrtc_gateway_response **out_response);

/** Returns the HTTP status, for example 201; 0 if response is NULL. */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_response_http_status(const struct rtsp_webrtc_gateway_response *response);

/**
 * Returns the body, for example the SDP answer; "" if there is none, and NULL if response is NULL.
 * It ends with NUL. *out_size is its length in bytes without the NUL; out_size may be NULL.
 */
RTSP_WEBRTC_GATEWAY_API
const char *rtsp_webrtc_gateway_response_body(const struct rtsp_webrtc_gateway_response *response,
                                              size_t *out_size);

/**
 * Reads a header field by its index, counted from 0: *out_name, for example "Content-Type", and
 * *out_value, for example "application/sdp". Returns false, and writes neither, if index is past
 * the last one. Send all of them; ETag and Location are among them. A name may occur more than
 * once.
 */
RTSP_WEBRTC_GATEWAY_API
bool rtsp_webrtc_gateway_response_header(const struct rtsp_webrtc_gateway_response *response,
                                         size_t index,
                                         const char **out_name,
                                         const char **out_value);

/**
 * Returns the entity tag of the session, including the quotes; NULL if there is none, or if
 * response is NULL.
 */
RTSP_WEBRTC_GATEWAY_API
const char *rtsp_webrtc_gateway_response_etag(const struct rtsp_webrtc_gateway_response *response);

/**
 * Returns the session key: the unguessable last segment of the session's URL. It is a secret of
 * the viewer, since it is all that PATCH and DELETE require. NULL if no session was created or
 * changed, or if response is NULL.
 */
RTSP_WEBRTC_GATEWAY_API
const char *rtsp_webrtc_gateway_response_session_key(const struct rtsp_webrtc_gateway_response *response);

/**
 * Returns the id of the session, as in callbacks and get_session_info(); 0 if no session was
 * created or changed, or if response is NULL.
 */
RTSP_WEBRTC_GATEWAY_API
rtsp_webrtc_gateway_session_id rtsp_webrtc_gateway_response_session_id(const struct rtsp_webrtc_gateway_response *response);

/** Frees a response. The session is not affected. NULL does nothing. */
RTSP_WEBRTC_GATEWAY_API
void rtsp_webrtc_gateway_response_free(struct rtsp_webrtc_gateway_response *response);

/* -------------------------------------------------------------------- http */

/** Flags of rtsp_webrtc_gateway_http_request.flags. */
typedef enum rtsp_webrtc_gateway_http_flags {
    /** Of a POST: as OFFER_NO_WAIT. A viewer gets the same by the header `Prefer: wait=0`. */
    RTSP_WEBRTC_GATEWAY_HTTP_NO_WAIT = 1,
    /**
     * The host has authorized this request: config.bearer_tokens and on_authorize are not
     * consulted. Of a POST to a wall: nor for what it asks to show later, over its data channel.
     */
    RTSP_WEBRTC_GATEWAY_HTTP_AUTHORIZED = 2,
    /**
     * The request is to a wall, for hosts with URLs of their own: with session_key to one that is open,
     * otherwise to the endpoint where viewers POST. stream_name must be NULL.
     */
    RTSP_WEBRTC_GATEWAY_HTTP_WALL = 4,
} rtsp_webrtc_gateway_http_flags;

/** Flags of rtsp_webrtc_gateway_listen_options. */
typedef enum rtsp_webrtc_gateway_listen_flags {
    /**
     * Take media on this port, too, for viewers whose network lets nothing else pass: ICE-TCP (RFC 6544), which
     * the answers then name, and with CONFIG_TURN TURN, over TLS where the listener has it. What a connection
     * begins with tells them from HTTP. Viewers have to reach the listener itself: a reverse proxy passes HTTP
     * alone.
     */
    RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA = 1,
} rtsp_webrtc_gateway_listen_flags;

/** A header field of a request. */
typedef struct rtsp_webrtc_gateway_http_header {
    /** Name, in any case. Required. */
    const char *name;
    /** Value. Required. */
    const char *value;
} rtsp_webrtc_gateway_http_header;

/**
 * An HTTP request as the host's web server received it. Everything is copied, except what
 * user_data points to.
 */
typedef struct rtsp_webrtc_gateway_http_request {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Method, for example "POST". Required. */
    const char *method;
    /**
     * Path of the URL as the viewer sent it: percent-encoded, with any prefix that WHEP is mounted
     * under, for example "/live/door/whep". Of a POST, the query may have the viewer's limits:
     * `max_bitrate=500000` in bits per second, and `variant=NAME` (this variant or a lesser one) or
     * `variant=only:NAME`, as in rtsp_webrtc_gateway_viewer_limits. Of a POST to a wall, it may have what
     * the slots show at first: `slots=door,yard,,gate` for the video sections of the offer in order (none
     * for the third), and `sound=door` for the first audio section. Other parameters are ignored.
     * Required.
     */
    const char *path;
    /**
     * Header fields. Only Accept, Access-Control-Request-Private-Network, Authorization,
     * Content-Type, Host, If-Match, Origin, Prefer, Sec-Fetch-Site and X-Forwarded-Prefix are used.
     * May be NULL if headers_len is 0.
     */
    const struct rtsp_webrtc_gateway_http_header *headers;
    /** Number of elements in headers, at most 4096. */
    size_t headers_len;
    /** Body. Needs no terminator. May be NULL if body_size is 0. */
    const char *body;
    /**
     * Size of body in bytes. More than 131072, or 1048576 of a POST to a wall, gives the response 413, so
     * the web server need not read more than that.
     */
    size_t body_size;
    /**
     * Name of the stream, for hosts with URLs of their own, for example "cam7" for a request to
     * "/api/v1/cameras/7/live". Percent-decoded, unlike path. NULL: path ends in "{stream}/whep",
     * "{stream}/whep/{key}", "wall" or "wall/{key}", or flags has HTTP_WALL.
     */
    const char *stream_name;
    /**
     * With stream_name or HTTP_WALL: the session key in the URL of the request, percent-decoded. The session
     * must belong to stream_name, or be a wall, otherwise the response is 404. NULL or "": the request is to
     * the endpoint, where viewers POST.
     */
    const char *session_key;
    /**
     * Of a POST: as in rtsp_webrtc_gateway_offer, except for NULL: path and a slash. A 201 always
     * has a Location.
     */
    const char *location_prefix;
    /**
     * Of a POST: as in rtsp_webrtc_gateway_offer. The header `Prefer: wait=<seconds>` (RFC 7240
     * section 4.3) shortens it.
     */
    uint32_t timeout_ms;
    /** Bitwise OR of enum rtsp_webrtc_gateway_http_flags. */
    uint32_t flags;
    /** As in rtsp_webrtc_gateway_offer. It is also passed to on_authorize. */
    const char *peer;
    /** Of a POST: as in rtsp_webrtc_gateway_offer. */
    const rtsp_webrtc_gateway_ice_server *ice_servers;
    /** Number of elements in ice_servers. */
    size_t ice_servers_len;
    /** Of a POST: as in rtsp_webrtc_gateway_offer. */
    const char *label;
    /** Of a POST: as in rtsp_webrtc_gateway_offer. */
    void *user_data;
} rtsp_webrtc_gateway_http_request;

/**
 * Receives the response to a request of handle_http_async(): once, on the gateway's callback
 * thread, under the rules for callbacks.
 *
 * Parameters: user_data is that of the call.
 *
 * Ownership: the callback frees response with rtsp_webrtc_gateway_response_free().
 */
typedef void (*rtsp_webrtc_gateway_http_fn)(void *user_data, rtsp_webrtc_gateway_response *response);

/** Options of a listener. Everything is copied. */
typedef struct rtsp_webrtc_gateway_listen_options {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /**
     * Address and port to listen on, as "192.0.2.1:8889" or "[::]:8889". Port 0: any free port.
     * NULL: "127.0.0.1:8889".
     */
    const char *address;
    /**
     * For HTTPS: the contents of a PEM file with the certificate, followed by the intermediate
     * certificates. Needs no terminator. If this and tls_private_key are NULL: plain HTTP.
     */
    const char *tls_certificates;
    /** Size of tls_certificates in bytes. */
    size_t tls_certificates_size;
    /**
     * The private key of the certificate: the contents of a PEM file (PKCS#8, PKCS#1 or SEC1), not
     * encrypted. Needs no terminator.
     */
    const char *tls_private_key;
    /** Size of tls_private_key in bytes. */
    size_t tls_private_key_size;
    /**
     * Maximum number of connections. At the limit, a new connection replaces the one that has been
     * idle for longest, or whose request has been incomplete for longest; if all are being answered,
     * it gets 503. A browser opens up to 6. 0: 512.
     */
    uint32_t max_connections;
    /**
     * How many of them one address (of IPv6: one /64 network) may have; beyond that, a new one
     * replaces one of its own. Behind a reverse proxy, which has a single address, set it to
     * max_connections. 0: half of max_connections.
     */
    uint32_t max_connections_per_peer;
    /**
     * Names by which viewers reach the listener, besides localhost and IP addresses: "nvr.example",
     * without a port. On a loopback address, where a reverse proxy passes Host on, they are required;
     * elsewhere, requests to other names get 421 if there are any. May be NULL if host_names_len is 0.
     */
    const char *const *host_names;
    /** Number of elements in host_names, at most 64. */
    size_t host_names_len;
    /**
     * Instead of address: the descriptor of a TCP socket that listens, for restarts that keep the port, and
     * for socket activation. listen_http() duplicates it: the host keeps its own, and may close it at once or
     * pass it on. Both stand for the same socket, which is set to non-blocking. 0: none. POSIX only.
     */
    int32_t fd;
    /** Bitwise OR of enum rtsp_webrtc_gateway_listen_flags. */
    uint32_t flags;
} rtsp_webrtc_gateway_listen_options;

/**
 * Answers an HTTP request of a viewer: the whole of WHEP, for hosts that have a web server of
 * their own. Pass it the requests of all methods below the paths that WHEP is mounted under, and
 * send the response as it is. Most web servers add Content-Length themselves.
 *
 * The request is to a stream's endpoint or to a session: by its path, which ends in
 * "{stream}/whep" or "{stream}/whep/{key}", for walls in "wall" or "wall/{key}" (any other path gives
 * 404), or by request->stream_name, or HTTP_WALL, and request->session_key.
 *
 * - `OPTIONS`: 200 with the headers of CORS and WHEP. Never requires a token.
 * - `POST` of an offer to the endpoint: 201 with Location, ETag and a Link for each ICE server. If the
 *   offer has nothing that the camera sends, or is empty: 406 with an offer of the gateway's own as
 *   application/sdp, and Location of a session that waits for the answer until "valid-until" of the
 *   Content-Type (20 s). on_session_state first hears of that session, as NEW, once the answer is
 *   taken, and never if none comes. It has label and peer of the request, but no user_data: as
 *   after any response but 201, the host may free what that points to.
 * - `PATCH` of a session: 204 after candidates; 200 with a new ETag after an ICE restart; 204 after
 *   the answer to an offer of the gateway's, as application/sdp.
 * - `POST` of an offer to "wall": 201 as for a stream, at once, and with Refused-Slots if some slots do not
 *   show what the query asks for: `"1";status=404;detail="..."` for each. 401 or 403 if none of the
 *   streams in the query may be shown.
 * - `PATCH` of a wall with application/json, `{"slots":[{"slot":"0","stream":"door"}]}`: 200 with what has
 *   become of each slot; 400 and 413 if it is no such request. docs/embedding.md has the messages.
 * - `DELETE` of a session: 200.
 * - `GET`, `HEAD`: 200 without a body, if the stream or the session exists. For `GET` of a session
 *   with the header `Accept: application/json`, a JSON object with what its viewer is shown and why:
 *   "state", "variant_name", "detail", "reason", "held_back", "bandwidth_bps" and "needed_bps", as
 *   in the "sessions" of state_json(). The library's player asks for it every few seconds.
 * - Failures: 400, also for a limit in the query that is not valid; 401 and 403 (see
 *   on_authorize); 403 to web pages of other origins than that of the request's Host, unless they are
 *   among config.allowed_origins; 404; 405 with Allow; 406 if an answer takes nothing that the camera
 *   sends; 409 with Retry-After while the camera is not live; 412; 413; 415; 422; 428; 503 with
 *   Retry-After at a limit; 504. Each has problem details (RFC 9457) as body, whose "detail" is
 *   the error message. It is meant for operators and may name the camera's address or a knob:
 *   replace the body if viewers must not see that.
 *
 * Returns RTSP_WEBRTC_GATEWAY_OK for every request that gets an HTTP response, including failures
 * such as 404. It fails for errors of the host, which are listed below.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
 * success and on failure. If this function fails, *out_response is the response to send, too:
 * problem details, as above, without headers of CORS.
 *
 * Blocking: waits for the answer to on_authorize, for at most 30 s, and for the camera as
 * handle_whep_offer() does.
 *
 * Errors: ERR_INVALID_ARGUMENT if a required field is NULL, a flag is unknown or a string of the
 * host is not UTF-8 (what the viewer sent may be anything: method, path, stream_name, session_key
 * and the values of headers); ERR_WOULD_DEADLOCK inside a callback; ERR_IO if the HTTP thread
 * cannot be started; ERR_SHUTTING_DOWN.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_handle_http(rtsp_webrtc_gateway *gateway,
                                    const struct rtsp_webrtc_gateway_http_request *request,
                                    rtsp_webrtc_gateway_response **out_response);

/**
 * Answers an HTTP request of a viewer as handle_http() does, without waiting.
 *
 * If it returns RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once with the response, possibly
 * before this function returns; with 503 if the gateway shuts down. If it returns an error,
 * callback does not run.
 *
 * Parameters: user_data is passed to callback; it is not request->user_data, which belongs to
 * the session. *out_response receives the response to send if this function fails, and NULL if
 * it succeeds; out_response may be NULL.
 *
 * Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
 *
 * Errors: ERR_INVALID_ARGUMENT as for handle_http(); ERR_LIMIT while 1024 requests are pending;
 * ERR_IO if the HTTP thread cannot be started.
 */
RTSP_WEBRTC_GATEWAY_API
RTSP_WEBRTC_GATEWAY_MUST_USE
int rtsp_webrtc_gateway_handle_http_async(rtsp_webrtc_gateway *gateway,
                                          const struct rtsp_webrtc_gateway_http_request *request,
                                          rtsp_webrtc_gateway_http_fn callback,
                                          void *user_data,
                                          rtsp_webrtc_gateway_response **out_response);

/**
 * Starts an HTTP listener for viewers and operators. It runs on a thread of the gateway until
 * shutdown(). May be called more than once, for several addresses. It serves:
 *
 * - `/{stream}/whep` and `/{stream}/whep/{key}`: WHEP, as handle_http() does;
 * - `/{stream}/whep/{key}/events`: events for the viewer (server-sent events), see docs/embedding.md;
 * - `/`, `/{stream}`, `/dashboard`: pages with all cameras, one camera, and the figures of the
 *   gateway; `/player.js`, `/wall.js`: the player, and the wall that uses it;
 * - `/api/gateway`, `/api/streams`, `/api/sessions`: state_json() and its parts, at most 250 ms old;
 * - `/metrics`: metrics();
 * - `/api/health`: 204 if all workers answer, for health checks; without a token.
 *
 * WHEP, the rest of `/api`, and `/metrics` require a token of config.bearer_tokens, or are decided by
 * on_authorize. Without both, anyone who can reach the port can watch every stream and read all
 * figures: then listen on a loopback address only, where every program of this machine is let in, or
 * behind a proxy that authenticates. Pages themselves need no token; they ask for it.
 *
 * Web pages of other sites are refused (403) even where a browser of this machine shows them, except
 * those of config.allowed_origins, which may use WHEP. A listener on a loopback address answers only
 * requests to an IP address, to localhost, or to a name of host_names, and others with 421: another
 * site cannot pass for this one by letting its own name resolve to this machine. So does one on another
 * address with host_names; without, it answers to any name, and such a site gets what is given without a token.
 *
 * Parameters: options may be NULL for the defaults. *out_port receives the port; out_port may
 * be NULL.
 *
 * Errors: ERR_IO if the address cannot be bound; ERR_INVALID_ARGUMENT if the address, the
 * certificate or the private key is not usable; ERR_UNSUPPORTED in a library that was built
 * without the listener.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_listen_http(rtsp_webrtc_gateway *gateway,
                                    const struct rtsp_webrtc_gateway_listen_options *options,
                                    uint16_t *out_port);

/* ----------------------------------------------------------------- session */

/** State of a session. */
typedef enum rtsp_webrtc_gateway_session_state {
    /** Answered; waiting for the viewer's first authenticated ICE check, for at most 20 s. */
    RTSP_WEBRTC_GATEWAY_SESSION_NEW = 1,
    /** ICE has reached the gateway; the DTLS handshake runs, for at most 10 s. */
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTING = 2,
    /** Media is sent. */
    RTSP_WEBRTC_GATEWAY_SESSION_CONNECTED = 3,
    /**
     * Nothing was received from the viewer for 8 s. 30 s after its last answer to an ICE check of the
     * gateway the session fails (RFC 7675).
     */
    RTSP_WEBRTC_GATEWAY_SESSION_DISCONNECTED = 4,
    /** The session failed; the status says why. CLOSED follows. */
    RTSP_WEBRTC_GATEWAY_SESSION_FAILED = 5,
    /** The session is gone. This is its last callback. */
    RTSP_WEBRTC_GATEWAY_SESSION_CLOSED = 6,
} rtsp_webrtc_gateway_session_state;

/** The current state of a session. Counts start at the offer. */
typedef struct rtsp_webrtc_gateway_session_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** The stream that it watches. 0: it is a wall; get_slot_info() has what its slots show. */
    rtsp_webrtc_gateway_stream_id stream;
    /** enum rtsp_webrtc_gateway_session_state. */
    int32_t state;
    /**
     * IANA number of the SRTP profile that DTLS negotiated: 1 (AES-CM-128-HMAC-SHA1-80, RFC
     * 5764) or 7 (AEAD AES-128-GCM, RFC 7714). 0: none yet.
     */
    int32_t srtp_profile;
    /** SRTP bytes sent, on all tracks, including retransmissions. */
    uint64_t bytes_sent;
    /** SRTP packets sent, on all tracks, including retransmissions. */
    uint64_t packets_sent;
    /** Packets for which the viewer requested a retransmission (NACK). */
    uint64_t nacks;
    /** Packets retransmitted. */
    uint64_t retransmits;
    /** Picture loss indications and full intra requests received. */
    uint64_t plis;
    /** Times that the viewer fell behind and resumed at a keyframe. */
    uint64_t overflows;
    /** Time since the offer was answered, in milliseconds. */
    uint64_t age_ms;
    /**
     * Round-trip time in microseconds: of the DTLS handshake, later of the last receiver report.
     * 0: not known yet.
     */
    uint32_t round_trip_us;
    /** Loss in parts per million, from the last receiver report. */
    uint32_t loss_ppm;
    /**
     * Where media is sent, as "192.0.2.1:5000" or "[2001:db8::1]:5000". "": ICE has not
     * selected an address yet.
     */
    char remote_address[64];
    /** user_data of the session's offer. */
    void *user_data;
    /** label of the session's offer. "": none. */
    char label[136];
    /** peer of the session's offer. "": not known. */
    char peer[136];
    /**
     * The stream whose video it is shown: stream, or one of its variants. Until the viewer is
     * CONNECTED nothing has been decided: this is stream, with all frames and no reason.
     */
    rtsp_webrtc_gateway_stream_id variant;
    /** How much of that video it gets, enum rtsp_webrtc_gateway_detail. */
    int32_t detail;
    /** Why not more, enum rtsp_webrtc_gateway_quality_reason. */
    int32_t reason;
    /**
     * What its connection carries in bits per second, IP and UDP headers included. 0: not measured,
     * as without the knob congestion, and over TCP as long as nothing has had to wait.
     */
    uint64_t bandwidth_bps;
    /**
     * What the best variant that it may be shown needs in bits per second, with sound and headers.
     * 0: not known.
     */
    uint64_t needed_bps;
    /**
     * Packets of padding, by which the gateway finds out whether its connection carries more. They
     * count in packets_sent.
     */
    uint64_t padding_packets;
    /** Bytes of padding. They count in bytes_sent. */
    uint64_t padding_bytes;
    /**
     * Times that frames were left out up to a keyframe because its connection could not carry them
     * in time.
     */
    uint64_t skips;
    /** Times that it was shown a better variant. */
    uint64_t switches_up;
    /** Times that it was shown a worse variant. */
    uint64_t switches_down;
    /** Times that it began to get fewer frames. */
    uint64_t switches_fewer_frames;
    /** Times that it began to get keyframes alone. */
    uint64_t switches_keyframes;
    /** Times that it began to get sound alone. */
    uint64_t switches_sound_only;
    /**
     * Why it gets less than the best variant with all frames, as a sentence for people. "": it gets
     * that.
     */
    char held_back[384];
    /**
     * IANA number of the protocol by which media reaches remote_address: 17 (UDP) or 6 (TCP, see
     * CONFIG_ICE_TCP). 0: ICE has not selected an address yet.
     */
    int32_t protocol;
    /**
     * Whether the viewer relays by TURN (CONFIG_TURN): 0: it does not; 1: it does, over TCP; 2: over TLS; 3: over
     * UDP; 4: the gateway itself does, through one of turn_servers.
     */
    uint32_t relay;
} rtsp_webrtc_gateway_session_info;

/**
 * Returns the state and the figures of a session.
 *
 * Parameters: initialize *out_info with RTSP_WEBRTC_GATEWAY_INIT().
 *
 * Asks a worker thread.
 *
 * Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_session_info(const rtsp_webrtc_gateway *gateway,
                                         rtsp_webrtc_gateway_session_id session,
                                         struct rtsp_webrtc_gateway_session_info *out_info);

/**
 * Changes what a viewer asks for, all of it: what its offer asked for counts no more. What it is
 * shown follows at once, or with the next keyframe; on_session_quality tells. The first few changes
 * count at once, and where they go on, the last of them every 2 s.
 *
 * Parameters: limits may be NULL for none. It is copied.
 *
 * Asks a worker thread.
 *
 * Errors, after which the limits are as before: ERR_INVALID_ARGUMENT if limits->variant is neither
 * the session's stream nor one of its variants (also if it is no stream at all), a flag is unknown,
 * or LIMITS_ONLY is set without a variant; ERR_NOT_FOUND if the session does not exist, or is gone.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_session_limits(rtsp_webrtc_gateway *gateway,
                                           rtsp_webrtc_gateway_session_id session,
                                           const rtsp_webrtc_gateway_viewer_limits *limits);

/**
 * Lists all sessions, oldest first.
 *
 * Parameters: sessions receives up to capacity ids; it may be NULL if capacity is 0. *out_count
 * receives the total number of sessions, which may be larger.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_list_sessions(const rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_session_id *sessions,
                                      size_t capacity,
                                      size_t *out_count);

/**
 * Ends a session, as handle_whep_delete() does by its key. The session's last callback, with
 * the state CLOSED, follows.
 *
 * Errors: ERR_NOT_FOUND if the session does not exist, or is gone.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_close_session(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_session_id session);

/* -------------------------------------------------------------------- wall */

/** Flags of rtsp_webrtc_gateway_slot_view.flags and rtsp_webrtc_gateway_slot_info.flags. */
typedef enum rtsp_webrtc_gateway_slot_flags {
    /** This tile comes before all others where the connection does not carry everything. */
    RTSP_WEBRTC_GATEWAY_SLOT_FOCUS = 1,
    /** The tile is hidden: nothing is sent. */
    RTSP_WEBRTC_GATEWAY_SLOT_PAUSED = 2,
} rtsp_webrtc_gateway_slot_flags;

/** How the viewer shows a slot. All zero: of a size that is not known, neither first nor hidden. */
typedef struct rtsp_webrtc_gateway_slot_view {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Width of its tile in device pixels, at most 16384. 0: not known. */
    uint32_t width;
    /** Height of its tile in device pixels, at most 16384. 0: not known. */
    uint32_t height;
    /** Bitwise OR of SLOT_FOCUS and SLOT_PAUSED. */
    uint32_t flags;
    /** Must be 0. */
    uint32_t reserved;
} rtsp_webrtc_gateway_slot_view;

/** What a slot of a wall shows at this moment. */
typedef struct rtsp_webrtc_gateway_slot_info {
    /** Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it. */
    size_t struct_size;
    /** Name of the slot: the a=mid of its section in the offer. */
    char slot[72];
    /** enum rtsp_webrtc_gateway_sink_track: video or audio. */
    int32_t track;
    /** Bitwise OR of enum rtsp_webrtc_gateway_slot_flags. */
    uint32_t flags;
    /** The stream that it is bound to. 0: none. */
    rtsp_webrtc_gateway_stream_id stream;
    /** The stream whose media it is sent: stream, or one of its variants. 0: none. */
    rtsp_webrtc_gateway_stream_id variant;
    /**
     * State of stream, enum rtsp_webrtc_gateway_stream_state. REMOVED: the slot shows nothing until it is bound
     * to another. 0: it is bound to none.
     */
    int32_t state;
    /** How much of variant it gets, enum rtsp_webrtc_gateway_detail. 0: it is bound to none. */
    int32_t detail;
    /** Why not more, enum rtsp_webrtc_gateway_quality_reason. */
    int32_t reason;
    /** Width of its tile as in set_slot_view(). */
    uint32_t width;
    /** Height of its tile as in set_slot_view(). */
    uint32_t height;
    /** Width of the video that it is sent, in pixels. 0: not known. */
    uint32_t video_width;
    /** Height of the video that it is sent, in pixels. 0: not known. */
    uint32_t video_height;
    /** What clock_unix_ms was on the RTP clock of the slot, by which a page finds out when a frame was taken. */
    uint32_t clock_rtp;
    /** A wall clock time of what it is sent, in milliseconds since 1970. 0: nothing has been sent yet. */
    uint64_t clock_unix_ms;
    /**
     * Why the stream is not live, or it gets less than the best variant with all frames, as a sentence for
     * people. "": neither.
     */
    char why[384];
} rtsp_webrtc_gateway_slot_info;

/**
 * Binds a slot of a wall to a stream, in place of the one that it is bound to: without another offer, and
 * beginning with the stream's cached keyframe.
 *
 * Neither config.bearer_tokens nor on_authorize are consulted: the host decides itself.
 *
 * Parameters: slot is the name of the slot: the a=mid of its section in the offer. stream is the stream to
 * show; 0: none, so that nothing is sent. It need not be live: the slot begins when it is. If it has
 * variants, the size of the tile and the connection decide which is shown.
 *
 * The first 8 changes of a slot count at once, and where they go on, the last of them every second.
 *
 * Asks a worker thread.
 *
 * Errors, after which the slot is as before: ERR_NOT_FOUND if the session, the slot or the stream does not
 * exist, or is gone; ERR_INVALID_STATE if the session is no wall; ERR_CODEC if the viewer's browser offered
 * the slot no codec of the stream or of a variant.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_bind_slot(rtsp_webrtc_gateway *gateway,
                                  rtsp_webrtc_gateway_session_id session,
                                  const char *slot,
                                  rtsp_webrtc_gateway_stream_id stream);

/**
 * Changes how the viewer shows a slot of a wall, all of it. Without effect on slots for audio.
 *
 * Parameters: slot is the name of the slot, as in bind_slot(). view is copied; NULL: as all zero.
 *
 * Asks a worker thread.
 *
 * Errors, after which the view is as before: ERR_INVALID_ARGUMENT if a size is above 16384 or a flag is
 * neither of the two; ERR_NOT_FOUND if the session or the slot does not exist, or is gone;
 * ERR_INVALID_STATE if the session is no wall.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_set_slot_view(rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_session_id session,
                                      const char *slot,
                                      const struct rtsp_webrtc_gateway_slot_view *view);

/**
 * Reads a slot of a wall. A wall has the same slots, in the same order, as long as it lives.
 *
 * Parameters: index counts the slots, for video and audio, from 0 in the order of the offer. Initialize
 * *out_info with RTSP_WEBRTC_GATEWAY_INIT().
 *
 * Asks a worker thread.
 *
 * Errors: ERR_NOT_FOUND if the session does not exist or is gone, or has no more than index slots;
 * ERR_INVALID_STATE if the session is no wall.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_get_slot_info(const rtsp_webrtc_gateway *gateway,
                                      rtsp_webrtc_gateway_session_id session,
                                      size_t index,
                                      struct rtsp_webrtc_gateway_slot_info *out_info);

/* ----------------------------------------------------------------- metrics */

/**
 * Returns all counters and gauges in the Prometheus text format, version 0.0.4: media received and
 * sent per stream, CPU time per worker and activity, sessions by SRTP profile, losses by cause,
 * and the knobs. Serve it as "text/plain; version=0.0.4".
 *
 * Parameters: *out_size receives the length of the text without the terminating NUL; out_size may
 * be NULL.
 *
 * Ownership: the caller frees *out_text with rtsp_webrtc_gateway_string_free().
 *
 * Asks every worker thread.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_metrics(const rtsp_webrtc_gateway *gateway,
                                char **out_text,
                                size_t *out_size);

/**
 * Returns the current state of the gateway as one JSON object (RFC 8259), for a dashboard:
 *
 * - "version"; "fips", whether the cryptography is the FIPS module of AWS-LC (a build with the feature fips);
 *   "unix_ms", the current time; "uptime_ms" of the gateway
 * - "process": "resident_bytes" and "cpu_us" of the whole process, null if the system does not
 *   provide them
 * - "workers": an array of {"index", "busy_us", "load_percent", "refused" (offers, because the worker
 *   was too busy), "streams", "sessions", "cost_us": {"rtsp", "packetize", "seal", "send",
 *   "control"}}
 * - "counters": {"datagrams_unknown", "datagrams_overrun", "connections_accepted" (for media over TCP, with
 *   CONFIG_ICE_TCP or LISTEN_MEDIA), "connections_strange" (those of them that ended before an authentic
 *   ICE check had come), "connections_overrun" (datagrams that are no media, dropped because a TCP connection of a
 *   viewer or to a TURN server took nothing, and 96 KiB waited, or because another thread was using the one to a TURN
 *   server), "relays_allocated" (by TURN, with CONFIG_TURN), "relay_requests_refused" (by wrong
 *   credentials, or to relay to others), "sessions_displaced" (they made
 *   room for later offers before their viewers had connected), "slot_binds" (slots of walls that were bound to a
 *   stream), "slot_refusals" (changes of slots that were refused), "send_errors", "events_dropped",
 *   "interface_enumerations", "address_changes" (of the network interfaces), "public_address_changes"
 *   (as STUN servers see this host), "allocations" (that TURN servers gave the gateway), "narrow_paths" (viewers on whose paths large datagrams vanished, so
 *   that the packets of what they are shown became smaller), "refused_for_memory" (offers, near memory_limit_bytes or the memory limit of the cgroup)}
 * - "stun": an array of {"server", "public", "base", "message"}, one for each of config.stun_servers, or
 *   for each of its addresses: where others see this host and its own address behind that ("ADDR:PORT";
 *   null if not known), and what is wrong (empty: nothing that is known)
 * - "turn_servers": an array of {"server", "relayed", "message"}, one for each of config.turn_servers: the
 *   address that it gives the gateway ("ADDR:PORT"; null if it does not), and what is wrong (empty:
 *   nothing that is known)
 * - "tuning": an array of {"name", "value", "default", "min", "max", "applies"}; "applies" is
 *   "create", "new_sessions" or "now"
 * - "streams": an array, ordered by id, of {"id", "name", "label", "variants" (ids, best
 *   first, its own included; empty if it has none), "source" ("pull" or "push"), "state" (enum
 *   rtsp_webrtc_gateway_stream_state in lower case), "status" (rtsp_webrtc_gateway_strerror()
 *   of the last failure, or "ok"), "message", "warning" ({"name" (enum
 *   rtsp_webrtc_gateway_media_warning in lower case), "message"}, or null), "video_codec",
 *   "audio_codec", "width", "height", "bitrate_bps", "sessions", "reconnects", "given_up" (times
 *   that the source took more than its share of a worker), "bytes", "frames", "keyframes",
 *   "frames_dropped", "packets_lost", "keyframe_requests", "quirks" (names as in
 *   stream_info, with numbers), "since_last_media_ms", "outputs" (an array of {"id", "state" (enum
 *   rtsp_webrtc_gateway_output_state in lower case), "status", "message", "server", "label", "session",
 *   "attempts", "connections", "retry_in_ms"}), "memory_bytes" (of what is kept of its media, on all workers
 *   that send it), "cost_us": {"packetize", "seal", "send"}, "latency_us": {"p50", "p95", "max"} (from the arrival of
 *   the last packet of a video frame until the frame has been handed to the system for all
 *   viewers, over the last 5 to 10 s), "sent": {"bytes", "packets", "nacks", "retransmits",
 *   "padding_packets", "padding_bytes", "plis", "overflows", "stills", "skips",
 *   "sheds", "switches"}}
 * - "sessions": an array, ordered by id, of {"id", "stream", "stream_name", "state" (enum
 *   rtsp_webrtc_gateway_session_state in lower case), "srtp_profile" ("AEAD_AES_128_GCM" or
 *   "AES128_CM_HMAC_SHA1_80"), "remote", "protocol" ("udp", "tcp", "turn-udp", "turn-tcp", "turn-tls" or
 *   "turn-server"), "peer", "label", "bytes_sent", "packets_sent",
 *   "nacks", "retransmits", "padding_packets", "padding_bytes", "plis", "overflows", "stills",
 *   "skips", "sheds", "variant" (the stream whose video is shown), "variant_name", "detail" (enum
 *   rtsp_webrtc_gateway_detail in lower case), "reason" (enum
 *   rtsp_webrtc_gateway_quality_reason in lower case), "held_back", "bandwidth_bps",
 *   "needed_bps", "switches", "round_trip_us", "loss_ppm", "age_ms"}
 *
 * Some members need explaining:
 *
 * - "cost_us": CPU time in microseconds, by activity. "seal" is encryption, "send" the system
 *   calls that send; "rtsp" is the cameras' connections, "control" is ICE, DTLS and RTCP. The
 *   division between "seal" and "send" is sampled.
 * - "stills": how many times a viewer was shown the last keyframe as a still picture, because the
 *   camera's keyframes are so far apart that what followed it is not kept any more.
 * - "skips": how many times frames were skipped until a keyframe because the path to the viewer
 *   could not carry them in time (knob congestion).
 * - "sheds": how many times frames were skipped until a keyframe because the worker was seconds late
 *   with them: it has more to do than time.
 * - "padding_packets", "padding_bytes": sent to find out whether the path carries more; they count in
 *   "packets_sent" and "bytes_sent", or "packets" and "bytes".
 * - "bandwidth_bps": what that path carries, IP and UDP headers included; null until it is
 *   measured, and without congestion. Measured up to about 50 Mbit/s.
 * - "needed_bps": what the best variant that the viewer may be shown needs, sound and headers
 *   included.
 * - "held_back": a sentence for people that says why the viewer gets less than the best variant
 *   with all frames; null if it gets that.
 * - "switches": how many times a viewer was shown something else: {"up" (a better variant), "down"
 *   (a worse one), "fewer_frames", "keyframes", "sound_only"}.
 *
 * Unknown values are null. Counters start with the object they belong to; compute rates from two
 * readings. Later versions may add members. The text contains no passwords and no keys.
 *
 * Parameters: *out_size receives the length of the text without the terminating NUL; out_size may
 * be NULL.
 *
 * Ownership: the caller frees *out_json with rtsp_webrtc_gateway_string_free().
 *
 * Asks every worker thread.
 */
RTSP_WEBRTC_GATEWAY_API
int rtsp_webrtc_gateway_state_json(const rtsp_webrtc_gateway *gateway,
                                   char **out_json,
                                   size_t *out_size);

/** Frees a text that the library returned through a `char **`. NULL is ignored. */
RTSP_WEBRTC_GATEWAY_API void rtsp_webrtc_gateway_string_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
