/* The host's functions that run exactly once: free_user_data, release, and the completions of
 * asynchronous calls. Once after success and after failure alike; never where the header says that the
 * library did not see them, or that the call failed. */
#include "push.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id stream; /* "silent": offers wait for its first frame */

/* A struct of a newer version of the header, with a field that this library does not know. */
#define NEWER(type)                   \
    union {                           \
        type object;                  \
        char bytes[sizeof(type) + 8]; \
    }
#define SET_UNKNOWN(newer) \
    ((newer).object.struct_size = sizeof(newer), (newer).bytes[sizeof(newer).object] = 1)

static int threads(void) {
    DIR *directory = opendir("/proc/self/task");
    CHECK(directory != NULL);
    int found = 0;
    while (readdir(directory) != NULL) {
        found++;
    }
    closedir(directory);
    return found;
}

static void count(void *user_data) {
    atomic_fetch_add((atomic_int *)user_data, 1);
}

/* ------------------------------------------------------------------------- free_user_data */

static void create(const rtsp_webrtc_gateway_config *config, int expected) {
    rtsp_webrtc_gateway *other = NULL;
    CHECK_STATUS(rtsp_webrtc_gateway_create(config, &other), expected);
    CHECK(other == NULL);
}

/* All ways in which create() refuses. freed counts. */
static void create_refuses(rtsp_webrtc_gateway_callbacks *callbacks, atomic_int *freed) {
    NEWER(rtsp_webrtc_gateway_config) config;
    NEWER(rtsp_webrtc_gateway_callbacks) newer;
#define REFUSED(change, status, times)                            \
    do {                                                          \
        memset(&config, 0, sizeof config);                        \
        config_loopback(&config.object);                          \
        config.object.callbacks = callbacks;                      \
        change;                                                   \
        atomic_store(freed, 0);                                   \
        create(&config.object, RTSP_WEBRTC_GATEWAY_ERR_##status); \
        CHECK(atomic_load(freed) == (times));                     \
    } while (0)
    /* Not seen: the size or the version of the config or the callbacks is unknown. */
    const size_t sizes[] = {0, 3, sizeof config.object - 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        REFUSED(config.object.struct_size = sizes[i], STRUCT_SIZE, 0);
        newer.object = *callbacks;
        newer.object.struct_size = sizes[i];
        REFUSED(config.object.callbacks = &newer.object, STRUCT_SIZE, 0);
    }
    REFUSED(SET_UNKNOWN(config), STRUCT_SIZE, 0);
    memset(&newer, 0, sizeof newer);
    newer.object = *callbacks;
    SET_UNKNOWN(newer);
    REFUSED(config.object.callbacks = &newer.object, STRUCT_SIZE, 0);
    REFUSED(config.object.callbacks = NULL;
            config.object.udp_bind = "nonsense", INVALID_ARGUMENT, 0);

    /* Seen. */
    REFUSED(config.object.udp_bind = "nonsense", INVALID_ARGUMENT, 1);
    REFUSED(config.object.udp_bind = "\xff", INVALID_ARGUMENT, 1);
    REFUSED(config.object.udp_bind = "192.0.2.1:5000", IO, 1); /* no interface has it */
    REFUSED(config.object.flags = 4, INVALID_ARGUMENT, 1);
    REFUSED(config.object.reserved = 1, INVALID_ARGUMENT, 1);
    const char *const no_text[] = {NULL}, *const nonsense[] = {"a b"};
#define REFUSED_LIST(list, list_len)                                                         \
    REFUSED(config.object.list_len = 1, INVALID_ARGUMENT, 1);                                \
    REFUSED(config.object.list = no_text; config.object.list_len = 1, INVALID_ARGUMENT, 1);  \
    REFUSED(config.object.list = nonsense; config.object.list_len = 1, INVALID_ARGUMENT, 1); \
    REFUSED(config.object.list = nonsense;                                                   \
            config.object.list_len = SIZE_MAX / 2, INVALID_ARGUMENT, 1)
    REFUSED_LIST(public_addresses, public_addresses_len);
    REFUSED_LIST(bearer_tokens, bearer_tokens_len);
    REFUSED_LIST(allowed_origins, allowed_origins_len);
    const char *const no_name[] = {"eth0", "!"};
    REFUSED(config.object.interfaces_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.interfaces = no_text;
            config.object.interfaces_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.interfaces = no_name;
            config.object.interfaces_len = 2, INVALID_ARGUMENT, 1);
    REFUSED_LIST(stun_servers, stun_servers_len);
    REFUSED(config.object.udp_fd = -1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.udp_fd = 1000000, INVALID_ARGUMENT, 1); /* not open */
    REFUSED(config.object.tcp_fd = 2, INVALID_ARGUMENT, 1);       /* no socket */
    const char *many[65];
    for (int i = 0; i < 65; i++) {
        many[i] = "token";
    }
    REFUSED(config.object.bearer_tokens = many;
            config.object.bearer_tokens_len = 65, INVALID_ARGUMENT, 1);
    const rtsp_webrtc_gateway_ice_server no_url = {.struct_size = sizeof no_url};
    const rtsp_webrtc_gateway_ice_server bad = {.struct_size = sizeof bad, .url = "http://" SECRET};
    REFUSED(config.object.ice_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.ice_servers = &no_url;
            config.object.ice_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.ice_servers = &bad;
            config.object.ice_servers_len = 1, INVALID_ARGUMENT, 1);
    const rtsp_webrtc_gateway_ice_server nobody = {.struct_size = sizeof nobody,
                                                   .url = "turn:192.0.2.1"};
    const rtsp_webrtc_gateway_ice_server over_dtls = {.struct_size = sizeof over_dtls,
                                                      .url = "turns:192.0.2.1?transport=udp",
                                                      .username = "a",
                                                      .credential = SECRET};
    const rtsp_webrtc_gateway_ice_server untrusted = {.struct_size = sizeof untrusted,
                                                      .url = "turns:192.0.2.1",
                                                      .username = "a",
                                                      .credential = SECRET,
                                                      .tls_ca = "no PEM"};
    REFUSED(config.object.turn_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.turn_servers = &no_url;
            config.object.turn_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.turn_servers = &nobody;
            config.object.turn_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.turn_servers = &over_dtls;
            config.object.turn_servers_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.turn_servers = &untrusted;
            config.object.turn_servers_len = 1, INVALID_ARGUMENT, 1);
    const rtsp_webrtc_gateway_tuning knobs[] = {
        {9999, 0, 1},
        {RTSP_WEBRTC_GATEWAY_TUNING_NACK, 0, INT64_MAX},
        {RTSP_WEBRTC_GATEWAY_TUNING_NACK, 1, 1},
    };
    REFUSED(config.object.tuning_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.tuning = knobs; config.object.tuning_len = 1, NOT_FOUND, 1);
    REFUSED(config.object.tuning = knobs + 1; config.object.tuning_len = 1, INVALID_ARGUMENT, 1);
    REFUSED(config.object.tuning = knobs + 2; config.object.tuning_len = 1, INVALID_ARGUMENT, 1);

    config_loopback(&config.object);
    config.object.callbacks = callbacks;
    atomic_store(freed, 0);
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config.object, NULL), INVALID_ARGUMENT);
    CHECK(atomic_load(freed) == 1);
    CHECK_FAILS(rtsp_webrtc_gateway_create(NULL, NULL), INVALID_ARGUMENT);
    CHECK(atomic_load(freed) == 1);
}

/* Inside a callback create() refuses, too. */
struct nested {
    rtsp_webrtc_gateway_callbacks inner; /* they count in inner_freed */
    atomic_int inner_freed, freed;
};

static void create_in_callback(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    struct nested *nested = user_data;
    rtsp_webrtc_gateway_config config;
    CHECK(atomic_load(&nested->freed) == 0);
    if (event->state != RTSP_WEBRTC_GATEWAY_STREAM_REMOVED) {
        return;
    }
    config_loopback(&config);
    config.callbacks = &nested->inner;
    create(&config, RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK);
    CHECK(atomic_load(&nested->inner_freed) == 1);
    CHECK_FAILS(rtsp_webrtc_gateway_set_log_callback(0, NULL, &nested->inner_freed, count),
                WOULD_DEADLOCK);
    CHECK(atomic_load(&nested->inner_freed) == 2);
}

static void count_nested(void *user_data) {
    atomic_fetch_add(&((struct nested *)user_data)->freed, 1);
}

static void free_user_data(void) {
    atomic_int freed = 0;
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &freed;
    callbacks.free_user_data = count;
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway_loopback(NULL))); /* what a sanitizer starts */
    const int before = threads();
    create_refuses(&callbacks, &freed);
    CHECK(threads() == before);

    struct nested nested = {.inner = callbacks};
    nested.inner.user_data = &nested.inner_freed;
    callbacks.user_data = &nested;
    callbacks.free_user_data = count_nested;
    callbacks.on_stream_state = create_in_callback;
    rtsp_webrtc_gateway *other = gateway_loopback(&callbacks);
    add_push_stream(other, "pushed");
    CHECK_OK(rtsp_webrtc_gateway_shutdown(other, 60000));
    CHECK(atomic_load(&nested.freed) == 1 && atomic_load(&nested.inner_freed) == 2);
    CHECK_OK(rtsp_webrtc_gateway_destroy(other));
    CHECK(atomic_load(&nested.freed) == 1);
}

/* -------------------------------------------------------------------------------- release */

static void release(void) {
    typedef int push_fn(rtsp_webrtc_gateway *, rtsp_webrtc_gateway_stream_id,
                        const rtsp_webrtc_gateway_frame *);
    push_fn *const pushes[] = {rtsp_webrtc_gateway_push_video, rtsp_webrtc_gateway_push_audio};
    static const uint8_t data[] = {0, 0, 1, 9, 0xf0};
    rtsp_webrtc_gateway_stream_id camera, silent, gone = add_push_stream(gateway, "gone");
    rtsp_webrtc_gateway_push_options options;
    CHECK_OK(add_camera(gateway, "camera", NOBODY, &camera));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, "soundless", &options, &silent));
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, gone));
    atomic_int released = 0;
    int expected = 0;
    for (int i = 0; i < 2; i++) {
        push_fn *const push = pushes[i];
        NEWER(rtsp_webrtc_gateway_frame) frame;
#define PUSH(to, change, status, times)                        \
    do {                                                       \
        memset(&frame, 0, sizeof frame);                       \
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame.object));     \
        frame.object.data = data;                              \
        frame.object.size = sizeof data;                       \
        frame.object.release = count;                          \
        frame.object.release_data = &released;                 \
        change;                                                \
        CHECK_FAILS(push(gateway, to, &frame.object), status); \
        expected += (times);                                   \
        CHECK(atomic_load(&released) == expected);             \
    } while (0)
        PUSH(stream, frame.object.struct_size = 0, STRUCT_SIZE, 0);
        PUSH(stream, frame.object.struct_size = SIZE_MAX, STRUCT_SIZE, 0);
        PUSH(stream, frame.object.struct_size -= 1, STRUCT_SIZE, 0);
        PUSH(stream, SET_UNKNOWN(frame), STRUCT_SIZE, 0);
        CHECK_FAILS(push(gateway, stream, NULL), INVALID_ARGUMENT);
        PUSH(stream, frame.object.data = NULL, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.data = NULL; frame.object.size = 0, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.size = 0, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.size = SIZE_MAX, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.size = SIZE_MAX / 2, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.flags = 4, INVALID_ARGUMENT, 1);
        PUSH(stream, frame.object.reserved = 1, INVALID_ARGUMENT, 1);
        PUSH(camera, (void)0, INVALID_STATE, 1);
        PUSH(gone, (void)0, NOT_FOUND, 1);
        PUSH(0, (void)0, NOT_FOUND, 1);
        PUSH(UINT64_MAX, (void)0, NOT_FOUND, 1);
        if (push == rtsp_webrtc_gateway_push_audio) {
            PUSH(silent, (void)0, INVALID_STATE, 1);
        }
    }
    /* release_data without release is ignored. */
    rtsp_webrtc_gateway_frame plain;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&plain));
    plain.data = data;
    plain.size = sizeof data;
    plain.release_data = &released;
    CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &plain));
    CHECK(atomic_load(&released) == expected);
}

/* ---------------------------------------------------------------------------- completions */

enum { MAX_UNDER_WAY = 1024 };

/* One asynchronous call. */
struct later {
    atomic_int calls, status;
};

static void offer_answered(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                           rtsp_webrtc_gateway_response *response) {
    struct later *later = user_data;
    CHECK(op != 0 && response != NULL);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        rtsp_webrtc_gateway_response_free(response);
    } else {
        check_refusal(response, status);
    }
    atomic_store(&later->status, status);
    atomic_fetch_add(&later->calls, 1);
}

static void http_answered(void *user_data, rtsp_webrtc_gateway_response *response) {
    struct later *later = user_data;
    atomic_store(&later->status, rtsp_webrtc_gateway_response_http_status(response));
    atomic_fetch_add(&later->calls, 1);
    rtsp_webrtc_gateway_response_free(response);
}

static void all_answered(struct later *later, int count_of, int status) {
    for (int i = 0; i < count_of; i++) {
        for (int ms = 0; atomic_load(&later[i].calls) == 0; ms++) {
            CHECK(ms < 60000 && "in a minute");
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        CHECK(atomic_load(&later[i].calls) == 1 && atomic_load(&later[i].status) == status);
    }
}

static void offers(struct later *never) {
    static struct later later[MAX_UNDER_WAY];
    NEWER(rtsp_webrtc_gateway_offer) offer;
    rtsp_webrtc_gateway_offer usable;
    rtsp_webrtc_gateway_op_id op = 7;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&usable));
    usable.stream_name = "silent";
    usable.sdp = SESSION VIDEO;
    usable.sdp_size = strlen(usable.sdp);
    usable.timeout_ms = UINT32_MAX;
#define OFFER(change, status)                                                             \
    do {                                                                                  \
        memset(&offer, 0, sizeof offer);                                                  \
        offer.object = usable;                                                            \
        change;                                                                           \
        rtsp_webrtc_gateway_response *response = NULL;                                    \
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer_async(                        \
                          gateway, &offer.object, offer_answered, never, &op, &response), \
                      response, status);                                                  \
        CHECK(op == 7);                                                                   \
    } while (0)
    OFFER(offer.object.struct_size = 0, STRUCT_SIZE);
    OFFER(SET_UNKNOWN(offer), STRUCT_SIZE);
    OFFER(offer.object.flags = 4, INVALID_ARGUMENT);
    OFFER(offer.object.stream_name = NULL, INVALID_ARGUMENT);
    OFFER(offer.object.stream_name = "\xff", INVALID_ARGUMENT);
    OFFER(offer.object.stream_name = "nobody", NOT_FOUND);
    OFFER(offer.object.sdp = NULL, INVALID_ARGUMENT);
    OFFER(offer.object.sdp_size = SIZE_MAX / 2 + 1, INVALID_ARGUMENT);
    OFFER(offer.object.sdp_size = 0, SDP);
    OFFER(offer.object.sdp = "nonsense"; offer.object.sdp_size = 8, SDP);
    OFFER(offer.object.location_prefix = "/a\r\nX: b/", INVALID_ARGUMENT);
    OFFER(offer.object.location_prefix = "//evil.example/whep/", INVALID_ARGUMENT);
    OFFER(offer.object.location_prefix = "/\\evil.example/whep/", INVALID_ARGUMENT);
    OFFER(offer.object.peer = "\xff", INVALID_ARGUMENT);
    OFFER(offer.object.label = "\xff", INVALID_ARGUMENT);
    OFFER(offer.object.label = "a\nb", INVALID_ARGUMENT);
    char long_label[130];
    memset(long_label, 'x', 129);
    long_label[129] = '\0';
    OFFER(offer.object.label = long_label, INVALID_ARGUMENT);
    const rtsp_webrtc_gateway_ice_server bad = {.struct_size = sizeof bad, .url = "turn:" SECRET};
    OFFER(offer.object.ice_servers_len = 1, INVALID_ARGUMENT);
    OFFER(offer.object.ice_servers = &bad; offer.object.ice_servers_len = 1, INVALID_ARGUMENT);
    OFFER(offer.object.ice_servers = &bad;
          offer.object.ice_servers_len = SIZE_MAX / 2, INVALID_ARGUMENT);

    for (int i = 0; i < MAX_UNDER_WAY; i++) {
        CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &usable, offer_answered,
                                                             &later[i], NULL, NULL));
    }
    OFFER((void)0, LIMIT);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    all_answered(later, MAX_UNDER_WAY, RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    OFFER((void)0, NOT_FOUND);
}

static struct later under_way[MAX_UNDER_WAY];

static void http(struct later *never) {
    NEWER(rtsp_webrtc_gateway_http_request) request;
    static const rtsp_webrtc_gateway_http_header no_name = {NULL, "value"},
                                                 no_value = {"name", NULL};
#define REQUEST(change, later, expected)                                                     \
    do {                                                                                     \
        memset(&request, 0, sizeof request);                                                 \
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request.object));                                 \
        request.object.method = "GET";                                                       \
        request.object.path = "/silent/whep";                                                \
        change;                                                                              \
        rtsp_webrtc_gateway_response *response = (rtsp_webrtc_gateway_response *)later;      \
        const int wanted = (expected);                                                       \
        CHECK_STATUS(rtsp_webrtc_gateway_handle_http_async(gateway, &request.object,         \
                                                           http_answered, later, &response), \
                     wanted);                                                                \
        if (wanted == RTSP_WEBRTC_GATEWAY_OK) {                                              \
            CHECK(response == NULL); /* it is written in any case */                         \
        } else {                                                                             \
            check_refusal(response, wanted);                                                 \
        }                                                                                    \
    } while (0)
#define REFUSED_REQUEST(change, status) REQUEST(change, never, RTSP_WEBRTC_GATEWAY_ERR_##status)
    REFUSED_REQUEST(request.object.struct_size = 0, STRUCT_SIZE);
    REFUSED_REQUEST(SET_UNKNOWN(request), STRUCT_SIZE);
    REFUSED_REQUEST(request.object.method = NULL, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.path = NULL, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.peer = "\xff", INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.label = "\xff", INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.flags = 8, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.session_key = "key", INVALID_ARGUMENT); /* of no stream */
    REFUSED_REQUEST(request.object.location_prefix = "\xff", INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.ice_servers_len = 1, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.headers_len = 1, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.headers = &no_name;
                    request.object.headers_len = SIZE_MAX / 2, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.headers = &no_name;
                    request.object.headers_len = 1, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.headers = &no_value;
                    request.object.headers_len = 1, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.body_size = 1, INVALID_ARGUMENT);
    REFUSED_REQUEST(request.object.body = "";
                    request.object.body_size = SIZE_MAX, INVALID_ARGUMENT);
    /* Nobody answers on_authorize, so they wait. */
    for (int i = 0; i < MAX_UNDER_WAY; i++) {
        REQUEST((void)0, &under_way[i], RTSP_WEBRTC_GATEWAY_OK);
    }
    REFUSED_REQUEST((void)0, LIMIT);
}

static void do_not_answer(void *user_data, const rtsp_webrtc_gateway_authorize_request *request) {
    (void)user_data, (void)request;
}

static struct later crossed;
static atomic_int asked;

/* Requests that need no authorization, until the gateway shuts down under them. */
static void *ask_until_shut_down(void *argument) {
    rtsp_webrtc_gateway_http_request request;
    int status;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    do {
        request.method = atomic_load(&asked) % 2 ? "OPTIONS" : "GET";
        request.path = "/nobody/whep";
        status = rtsp_webrtc_gateway_handle_http_async(argument, &request, http_answered, &crossed,
                                                       NULL);
        CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_LIMIT ||
              status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
        atomic_fetch_add(&asked, status == RTSP_WEBRTC_GATEWAY_OK);
    } while (status != RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    return NULL;
}

static void shutdown_between_them(void) {
    enum { ROUNDS = 50, CALLERS = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t callers[CALLERS];
        rtsp_webrtc_gateway *other = gateway_loopback(NULL);
        for (int i = 0; i < CALLERS; i++) {
            CHECK(pthread_create(&callers[i], NULL, ask_until_shut_down, other) == 0);
        }
        nanosleep(&(struct timespec){.tv_nsec = round * 20000}, NULL);
        CHECK_OK(rtsp_webrtc_gateway_shutdown(other, 60000));
        for (int i = 0; i < CALLERS; i++) {
            CHECK(pthread_join(callers[i], NULL) == 0);
        }
        CHECK_OK(rtsp_webrtc_gateway_destroy(other));
        CHECK(atomic_load(&crossed.calls) == atomic_load(&asked));
    }
    CHECK(atomic_load(&asked) > 0);
}

int main(void) {
    free_user_data();
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_authorize = do_not_answer;
    gateway = gateway_loopback(&callbacks);
    stream = add_push_stream(gateway, "silent");
    struct later never = {0, 0};
    release();
    offers(&never);
    http(&never);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 60000));
    all_answered(under_way, MAX_UNDER_WAY, 503);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(atomic_load(&never.calls) == 0);
    shutdown_between_them();
    return 0;
}
