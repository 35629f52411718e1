/* Every function of the header as a call on a gateway with a stream, for the tests that call all of
 * them in a special situation: in callbacks, in a forked child, after shutdown().
 * python/test_header.py checks that none is missing. */
#ifndef EVERY_H
#define EVERY_H

#include "check.h"
#include "offer.h"

/* What the calls work on. */
struct world {
    rtsp_webrtc_gateway *gateway;
    rtsp_webrtc_gateway_stream_id stream; /* "pushed", with video and audio */
};

/* What a call may do. */
enum kind {
    GLOBAL,   /* without a gateway */
    QUICK,    /* never waits */
    ASKING,   /* waits for the answer of a worker: not in the log callback */
    BLOCKING, /* waits for callbacks, cameras or threads: not in any callback */
    END,      /* BLOCKING, and ends the gateway: not where it is still needed */
};

struct call {
    const char *name;
    enum kind kind;
    int (*run)(struct world *world);
};

static inline int every_version(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_version() == NULL;
}
static inline int every_version_number(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_version_number() == 0;
}
static inline int every_abi_version(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_abi_version() != RTSP_WEBRTC_GATEWAY_ABI_VERSION;
}
static inline int every_strerror(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_strerror(0) == NULL;
}
static inline int every_http_status(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_http_status(0) != 200;
}
static inline int every_last_error(struct world *w) {
    char text[8];
    (void)w;
    rtsp_webrtc_gateway_last_error(text, sizeof text);
    return 0;
}
static inline int every_describe_tuning(struct world *w) {
    rtsp_webrtc_gateway_tuning_info info;
    (void)w;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    return rtsp_webrtc_gateway_describe_tuning(0, &info);
}
static inline int every_find_tuning(struct world *w) {
    int32_t key;
    (void)w;
    return rtsp_webrtc_gateway_find_tuning("nack", &key);
}
static inline int every_struct_init(struct world *w) {
    rtsp_webrtc_gateway_offer offer;
    (void)w;
    return rtsp_webrtc_gateway_struct_init(&offer, sizeof offer, RTSP_WEBRTC_GATEWAY_ABI_VERSION);
}
static inline int every_response(struct world *w) {
    const char *name, *value;
    size_t size;
    (void)w;
    rtsp_webrtc_gateway_response_http_status(NULL);
    rtsp_webrtc_gateway_response_body(NULL, &size);
    rtsp_webrtc_gateway_response_header(NULL, 0, &name, &value);
    rtsp_webrtc_gateway_response_etag(NULL);
    rtsp_webrtc_gateway_response_session_key(NULL);
    rtsp_webrtc_gateway_response_session_id(NULL);
    rtsp_webrtc_gateway_response_free(NULL);
    rtsp_webrtc_gateway_string_free(NULL);
    rtsp_webrtc_gateway_sink_frame_free(NULL);
    return 0;
}
static inline int every_set_log_callback(struct world *w) {
    (void)w;
    return rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_OFF, NULL, NULL, NULL);
}
static inline int every_set_log_level(struct world *w) {
    (void)w;
    const int status = rtsp_webrtc_gateway_set_log_level(RTSP_WEBRTC_GATEWAY_LOG_OFF);
    /* There is no log callback. */
    return status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE ? 0 : status;
}
static inline int every_create(struct world *w) {
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    (void)w;
    config_loopback(&config);
    const int status = rtsp_webrtc_gateway_create(&config, &gateway);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    }
    return status;
}
static inline int every_set_tuning(struct world *w) {
    return rtsp_webrtc_gateway_set_tuning(w->gateway, RTSP_WEBRTC_GATEWAY_TUNING_GSO, 1);
}
static inline int every_get_tuning(struct world *w) {
    int64_t value;
    return rtsp_webrtc_gateway_get_tuning(w->gateway, RTSP_WEBRTC_GATEWAY_TUNING_GSO, &value);
}
static inline int every_add_stream(struct world *w) {
    rtsp_webrtc_gateway_stream_id stream;
    return add_camera(w->gateway, "every-camera", NOBODY, &stream);
}
static inline int every_remove_stream(struct world *w) {
    rtsp_webrtc_gateway_stream_id stream;
    const int status = add_camera(w->gateway, "every-removed", NOBODY, &stream);
    return status ? status : rtsp_webrtc_gateway_remove_stream(w->gateway, stream);
}
static inline int every_update_stream(struct world *w) {
    rtsp_webrtc_gateway_pull_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = NOBODY;
    const int status = rtsp_webrtc_gateway_update_stream(w->gateway, UINT64_MAX, &options);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_reconnect_stream(struct world *w) {
    const int status = rtsp_webrtc_gateway_reconnect_stream(w->gateway, UINT64_MAX);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_set_variants(struct world *w) {
    return rtsp_webrtc_gateway_set_variants(w->gateway, w->stream, NULL, 0);
}
static inline int every_get_stream_info(struct world *w) {
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    return rtsp_webrtc_gateway_get_stream_info(w->gateway, w->stream, &info);
}
static inline int every_add_push_stream(struct world *w) {
    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    return rtsp_webrtc_gateway_add_push_stream(w->gateway, "every-push", &options, &stream);
}
/* An access unit delimiter: nothing to show. As audio, a click. */
static inline int every_push(struct world *w,
                             int (*push)(rtsp_webrtc_gateway *, rtsp_webrtc_gateway_stream_id,
                                         const rtsp_webrtc_gateway_frame *)) {
    static const uint8_t delimiter[] = {0, 0, 0, 1, 9, 0xf0};
    rtsp_webrtc_gateway_frame frame;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
    frame.data = delimiter;
    frame.size = sizeof delimiter;
    return push(w->gateway, w->stream, &frame);
}
static inline int every_push_video(struct world *w) {
    return every_push(w, rtsp_webrtc_gateway_push_video);
}
static inline int every_push_audio(struct world *w) {
    return every_push(w, rtsp_webrtc_gateway_push_audio);
}
static inline int every_push_rtp(struct world *w) {
    static const uint8_t packet[] = {0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
    return rtsp_webrtc_gateway_push_rtp(w->gateway, w->stream, RTSP_WEBRTC_GATEWAY_CODEC_PCMU,
                                        packet, sizeof packet);
}
static inline int every_add_sink(struct world *w) {
    rtsp_webrtc_gateway_sink_options options;
    rtsp_webrtc_gateway_sink_id sink;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    const int status = rtsp_webrtc_gateway_add_sink(w->gateway, w->stream, &options, &sink);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        const rtsp_webrtc_gateway_sink_frame *frame = NULL;
        /* Perhaps what was pushed just before. */
        const int read = rtsp_webrtc_gateway_read_sink(w->gateway, sink, 0, &frame);
        CHECK(read == RTSP_WEBRTC_GATEWAY_OK || read == RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT);
        rtsp_webrtc_gateway_sink_frame_free(frame);
        CHECK_OK(rtsp_webrtc_gateway_remove_sink(w->gateway, sink));
    }
    return status;
}
static inline int every_remove_sink(struct world *w) {
    const int status = rtsp_webrtc_gateway_remove_sink(w->gateway, UINT64_MAX);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_read_sink(struct world *w) {
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    const int status = rtsp_webrtc_gateway_read_sink(w->gateway, UINT64_MAX, 1, &frame);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_get_sink_info(struct world *w) {
    rtsp_webrtc_gateway_sink_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_sink_info(w->gateway, UINT64_MAX, &info);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_add_output(struct world *w) {
    rtsp_webrtc_gateway_output_options options;
    rtsp_webrtc_gateway_output_id output;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = "http://127.0.0.1:9/whip";
    const int status = rtsp_webrtc_gateway_add_output(w->gateway, w->stream, &options, &output);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        CHECK_OK(rtsp_webrtc_gateway_remove_output(w->gateway, output));
    }
    /* A variant of the library without HTTP. */
    return status == RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED ? 0 : status;
}
static inline int every_remove_output(struct world *w) {
    const int status = rtsp_webrtc_gateway_remove_output(w->gateway, UINT64_MAX);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_get_output_info(struct world *w) {
    rtsp_webrtc_gateway_output_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_output_info(w->gateway, UINT64_MAX, &info);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_get_keyframe(struct world *w) {
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    const int status = rtsp_webrtc_gateway_get_keyframe(w->gateway, w->stream, &frame);
    rtsp_webrtc_gateway_sink_frame_free(frame);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_READY ? 0 : status;
}
static inline int every_handle_whep_offer(struct world *w) {
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "every-none";
    const int status = rtsp_webrtc_gateway_handle_whep_offer(w->gateway, &offer, &response);
    check_refusal(response, status);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline void every_answered(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                                  rtsp_webrtc_gateway_response *response) {
    (void)user_data, (void)op, (void)status;
    rtsp_webrtc_gateway_response_free(response);
}
static inline int every_handle_whep_offer_async(struct world *w) {
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    return rtsp_webrtc_gateway_handle_whep_offer_async(w->gateway, &offer, every_answered, NULL,
                                                       NULL, NULL);
}
static inline int every_cancel(struct world *w) {
    const int status = rtsp_webrtc_gateway_cancel(w->gateway, UINT64_MAX);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_find_stream(struct world *w) {
    rtsp_webrtc_gateway_stream_id stream;
    return rtsp_webrtc_gateway_find_stream(w->gateway, "pushed", &stream);
}
static inline int every_stream_name(struct world *w) {
    char name[8] = "";
    const size_t length = rtsp_webrtc_gateway_stream_name(w->gateway, w->stream, name, sizeof name);
    if (length == strlen("pushed") && strcmp(name, "pushed") == 0) {
        return RTSP_WEBRTC_GATEWAY_OK;
    }
    CHECK(length == 0 && name[0] == '\0');
    /* Its status is not returned: that of another function for the same reason. */
    rtsp_webrtc_gateway_stream_id stream;
    return rtsp_webrtc_gateway_find_stream(w->gateway, "pushed", &stream);
}
static inline int every_list_streams(struct world *w) {
    size_t count;
    return rtsp_webrtc_gateway_list_streams(w->gateway, NULL, 0, &count);
}
static inline int every_list_sessions(struct world *w) {
    size_t count;
    return rtsp_webrtc_gateway_list_sessions(w->gateway, NULL, 0, &count);
}
static inline int every_set_session_limits(struct world *w) {
    const int status = rtsp_webrtc_gateway_set_session_limits(w->gateway, UINT64_MAX, NULL);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_bind_slot(struct world *w) {
    const int status = rtsp_webrtc_gateway_bind_slot(w->gateway, UINT64_MAX, "0", w->stream);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_set_slot_view(struct world *w) {
    const int status = rtsp_webrtc_gateway_set_slot_view(w->gateway, UINT64_MAX, "0", NULL);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_get_slot_info(struct world *w) {
    rtsp_webrtc_gateway_slot_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_slot_info(w->gateway, UINT64_MAX, 0, &info);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_close_session(struct world *w) {
    const int status = rtsp_webrtc_gateway_close_session(w->gateway, UINT64_MAX);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline rtsp_webrtc_gateway_http_request every_request(void) {
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = "OPTIONS";
    request.path = "/pushed/whep";
    return request;
}
static inline int every_handle_http(struct world *w) {
    const rtsp_webrtc_gateway_http_request request = every_request();
    rtsp_webrtc_gateway_response *response = NULL;
    const int status = rtsp_webrtc_gateway_handle_http(w->gateway, &request, &response);
    rtsp_webrtc_gateway_response_free(response);
    return status;
}
static inline void every_http_answered(void *user_data, rtsp_webrtc_gateway_response *response) {
    (void)user_data;
    rtsp_webrtc_gateway_response_free(response);
}
static inline int every_handle_http_async(struct world *w) {
    const rtsp_webrtc_gateway_http_request request = every_request();
    return rtsp_webrtc_gateway_handle_http_async(w->gateway, &request, every_http_answered, NULL,
                                                 NULL);
}
static inline int every_set_bearer_tokens(struct world *w) {
    return rtsp_webrtc_gateway_set_bearer_tokens(w->gateway, NULL, 0);
}

static inline int every_authorize(struct world *w) {
    const int status = rtsp_webrtc_gateway_authorize(w->gateway, UINT64_MAX, true);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_listen_http(struct world *w) {
    rtsp_webrtc_gateway_listen_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.address = "127.0.0.1:0";
    const int status = rtsp_webrtc_gateway_listen_http(w->gateway, &options, NULL);
    /* The listener may have been left out of the build. */
    return status == RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED ? 0 : status;
}
static inline int every_handle_whep_patch(struct world *w) {
    rtsp_webrtc_gateway_response *response = NULL;
    const int status =
        rtsp_webrtc_gateway_handle_whep_patch(w->gateway, "none", "*", "", 0, &response);
    check_refusal(response, status);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_handle_whep_delete(struct world *w) {
    const int status = rtsp_webrtc_gateway_handle_whep_delete(w->gateway, "none", NULL);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_get_session_info(struct world *w) {
    rtsp_webrtc_gateway_session_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_session_info(w->gateway, UINT64_MAX, &info);
    return status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ? 0 : status;
}
static inline int every_text(struct world *w,
                             int (*get)(const rtsp_webrtc_gateway *, char **, size_t *)) {
    char *text = NULL;
    const int status = get(w->gateway, &text, NULL);
    rtsp_webrtc_gateway_string_free(text);
    return status;
}
static inline int every_metrics(struct world *w) {
    return every_text(w, rtsp_webrtc_gateway_metrics);
}
static inline int every_state_json(struct world *w) {
    return every_text(w, rtsp_webrtc_gateway_state_json);
}
static inline int every_shutdown(struct world *w) {
    return rtsp_webrtc_gateway_shutdown(w->gateway, 0);
}
static inline int every_destroy(struct world *w) {
    return rtsp_webrtc_gateway_destroy(w->gateway);
}

static const struct call EVERY[] = {
    {"version", GLOBAL, every_version},
    {"version_number", GLOBAL, every_version_number},
    {"abi_version", GLOBAL, every_abi_version},
    {"strerror", GLOBAL, every_strerror},
    {"http_status", GLOBAL, every_http_status},
    {"last_error", GLOBAL, every_last_error},
    {"describe_tuning", GLOBAL, every_describe_tuning},
    {"find_tuning", GLOBAL, every_find_tuning},
    {"struct_init", GLOBAL, every_struct_init},
    {"response_* and string_free", GLOBAL, every_response},
    {"set_log_level", GLOBAL, every_set_log_level},
    {"set_log_callback", BLOCKING, every_set_log_callback},
    {"create", BLOCKING, every_create},
    {"set_tuning", QUICK, every_set_tuning},
    {"get_tuning", QUICK, every_get_tuning},
    {"add_stream", QUICK, every_add_stream},
    {"remove_stream", QUICK, every_remove_stream},
    {"update_stream", QUICK, every_update_stream},
    {"reconnect_stream", QUICK, every_reconnect_stream},
    {"set_variants", QUICK, every_set_variants},
    {"get_stream_info", ASKING, every_get_stream_info},
    {"add_push_stream", QUICK, every_add_push_stream},
    {"push_video", QUICK, every_push_video},
    {"push_audio", QUICK, every_push_audio},
    {"push_rtp", QUICK, every_push_rtp},
    {"add_sink", ASKING, every_add_sink},
    {"remove_sink", QUICK, every_remove_sink},
    {"read_sink", BLOCKING, every_read_sink},
    {"get_sink_info", QUICK, every_get_sink_info},
    {"add_output", QUICK, every_add_output},
    {"remove_output", QUICK, every_remove_output},
    {"get_output_info", QUICK, every_get_output_info},
    {"get_keyframe", ASKING, every_get_keyframe},
    {"handle_whep_offer", BLOCKING, every_handle_whep_offer},
    {"handle_whep_offer_async", QUICK, every_handle_whep_offer_async},
    {"cancel", QUICK, every_cancel},
    {"find_stream", QUICK, every_find_stream},
    {"stream_name", QUICK, every_stream_name},
    {"list_streams", QUICK, every_list_streams},
    {"list_sessions", QUICK, every_list_sessions},
    {"close_session", QUICK, every_close_session},
    {"handle_http", BLOCKING, every_handle_http},
    {"handle_http_async", QUICK, every_handle_http_async},
    {"authorize", QUICK, every_authorize},
    {"set_bearer_tokens", QUICK, every_set_bearer_tokens},
    {"listen_http", QUICK, every_listen_http},
    {"handle_whep_patch", QUICK, every_handle_whep_patch},
    {"handle_whep_delete", QUICK, every_handle_whep_delete},
    {"set_session_limits", QUICK, every_set_session_limits},
    {"get_session_info", QUICK, every_get_session_info},
    {"bind_slot", QUICK, every_bind_slot},
    {"set_slot_view", QUICK, every_set_slot_view},
    {"get_slot_info", QUICK, every_get_slot_info},
    {"metrics", ASKING, every_metrics},
    {"state_json", ASKING, every_state_json},
    {"shutdown", END, every_shutdown},
    {"destroy", END, every_destroy},
};
enum { EVERY_COUNT = sizeof EVERY / sizeof *EVERY };

#define CHECK_CALL(call, status, condition)                                                  \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s returns %d (%s)\n", __FILE__, __LINE__, (call)->name, \
                    status, rtsp_webrtc_gateway_strerror(status));                           \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#endif
