/* A host that misuses the library: ids of another gateway, wrong sizes, invalid numbers, garbage as
 * media, timestamps that jump, a callback that does not return. Each gives an error or is tolerated;
 * nothing crashes, hangs or leaks. */
#include "push.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define WAIT_FOR(condition)                                          \
    do {                                                             \
        for (int ms_ = 0; !(condition); ms_++) {                     \
            CHECK(ms_ < 60000 && "in a minute");                     \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); \
        }                                                            \
    } while (0)

/* ------------------------------------------------------------------------- two gateways */

static _Atomic uint64_t question;

static void on_authorize(void *user_data, const rtsp_webrtc_gateway_authorize_request *request) {
    (void)user_data;
    atomic_store(&question, request->request_id);
}

static void http_answered(void *user_data, rtsp_webrtc_gateway_response *response) {
    atomic_store((atomic_int *)user_data, rtsp_webrtc_gateway_response_http_status(response));
    rtsp_webrtc_gateway_response_free(response);
}

static void offer_answered(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                           rtsp_webrtc_gateway_response *response) {
    (void)op;
    rtsp_webrtc_gateway_response_free(response);
    atomic_store((atomic_int *)user_data, status);
}

/* A gateway does not know the ids of another one, although both have streams and sessions. */
static void ids_of_another_gateway(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_authorize = on_authorize;
    rtsp_webrtc_gateway *gateways[2];
    rtsp_webrtc_gateway_stream_id streams[2];
    rtsp_webrtc_gateway_session_id sessions[2];
    rtsp_webrtc_gateway_op_id ops[2];
    rtsp_webrtc_gateway_response *responses[2];
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_offer offer;
    uint64_t questions[2];
    atomic_int offered[2] = {1, 1}, asked[2] = {0, 0};
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = "GET";
    request.path = "/pushed/whep";
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "silent";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.timeout_ms = 600000;
    for (int i = 0; i < 2; i++) {
        gateways[i] = gateway_loopback(&callbacks);
        streams[i] = add_push_stream(gateways[i], "pushed");
        add_push_stream(gateways[i], "silent");
        push_picture(gateways[i], streams[i], 0, true);
        responses[i] = offer_h264(gateways[i], "pushed");
        sessions[i] = rtsp_webrtc_gateway_response_session_id(responses[i]);
        CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer_async(gateways[i], &offer, offer_answered,
                                                             &offered[i], &ops[i], NULL));
        atomic_store(&question, 0);
        CHECK_OK(rtsp_webrtc_gateway_handle_http_async(gateways[i], &request, http_answered,
                                                       &asked[i], NULL));
        WAIT_FOR(atomic_load(&question) != 0);
        questions[i] = atomic_load(&question);
    }
    rtsp_webrtc_gateway_stream_info info;
    rtsp_webrtc_gateway_session_info session_info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&session_info));
    for (int i = 0; i < 2; i++) {
        rtsp_webrtc_gateway *const other = gateways[1 - i];
        uint8_t data[64];
        const rtsp_webrtc_gateway_frame frame = picture(data, 1, false);
        const char *key = rtsp_webrtc_gateway_response_session_key(responses[i]);
        CHECK_FAILS(rtsp_webrtc_gateway_get_stream_info(other, streams[i], &info), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_push_video(other, streams[i], &frame), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(other, streams[i]), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_get_session_info(other, sessions[i], &session_info),
                    NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_close_session(other, sessions[i]), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(other, key, NULL), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_cancel(other, ops[i]), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_authorize(other, questions[i], true), NOT_FOUND);
        /* Nor is an id of one kind valid as another kind. */
        CHECK_FAILS(rtsp_webrtc_gateway_close_session(gateways[i], streams[i]), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(gateways[i], sessions[i]), NOT_FOUND);
    }
    for (int i = 0; i < 2; i++) { /* none of that had any effect */
        CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateways[i], streams[i], &info));
        CHECK_OK(rtsp_webrtc_gateway_close_session(gateways[i], sessions[i]));
        CHECK_OK(rtsp_webrtc_gateway_cancel(gateways[i], ops[i]));
        WAIT_FOR(atomic_load(&offered[i]) == RTSP_WEBRTC_GATEWAY_ERR_CANCELLED);
        CHECK_OK(rtsp_webrtc_gateway_authorize(gateways[i], questions[i], true));
        WAIT_FOR(atomic_load(&asked[i]) == 200);
        rtsp_webrtc_gateway_response_free(responses[i]);
        CHECK_OK(rtsp_webrtc_gateway_destroy(gateways[i]));
    }
}

/* ------------------------------------------------------- sizes that lie, numbers that are none */

static void sizes_that_lie(rtsp_webrtc_gateway *gateway, rtsp_webrtc_gateway_stream_id stream) {
    /* No byte may be read beyond their ends: a sanitizer checks that. */
    enum { HUGE_SIZE = 1 << 30 };
    char *little = malloc(4);
    CHECK(little != NULL);
    memset(little, 'v', 4);
    rtsp_webrtc_gateway_response *response = NULL;
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.sdp = little;
    const size_t sizes[] = {HUGE_SIZE, SIZE_MAX / 2};
    for (int i = 0; i < 2; i++) {
        offer.sdp_size = sizes[i];
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                      TOO_LARGE);
        rtsp_webrtc_gateway_response *session = offer_h264(gateway, "pushed");
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_patch(
                          gateway, rtsp_webrtc_gateway_response_session_key(session), "*", little,
                          sizes[i], &response),
                      response, TOO_LARGE);
        rtsp_webrtc_gateway_response_free(session);
        const rtsp_webrtc_gateway_http_header type = {"Content-Type", "application/sdp"};
        rtsp_webrtc_gateway_http_request request;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
        request.method = "POST";
        request.path = "/pushed/whep";
        request.headers = &type;
        request.headers_len = 1;
        request.body = little;
        request.body_size = sizes[i];
        CHECK(response == NULL);
        CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &response));
        CHECK(rtsp_webrtc_gateway_response_http_status(response) == 413);
        rtsp_webrtc_gateway_response_free(response);
        response = NULL;
        rtsp_webrtc_gateway_frame frame;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
        frame.data = (const uint8_t *)little;
        frame.size = sizes[i];
        CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_push_audio(gateway, stream, &frame), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, stream, RTSP_WEBRTC_GATEWAY_CODEC_H264,
                                                 frame.data, frame.size),
                    INVALID_ARGUMENT);
    }
    char text[4] = {'x', 'x', 'x', 'x'};
    CHECK(rtsp_webrtc_gateway_last_error(text, 1) > 1 && text[0] == 0 && text[1] == 'x');
    CHECK(rtsp_webrtc_gateway_last_error(NULL, SIZE_MAX) > 1);
    free(little);

#ifndef WITHOUT_LISTENER
    /* A certificate that could not be read must not result in plain HTTP. */
    rtsp_webrtc_gateway_listen_options listen;
    uint16_t port = 0;
    for (int i = 0; i < 4; i++) {
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&listen));
        listen.address = "127.0.0.1:0";
        listen.tls_certificates = i == 2 ? "" : NULL;
        listen.tls_certificates_size = i == 0 ? 100 : 0;
        listen.tls_private_key = i == 3 ? "" : NULL;
        listen.tls_private_key_size = i == 1 ? 100 : 0;
        CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &listen, &port), INVALID_ARGUMENT);
    }
    CHECK(port == 0);
#endif
}

static void numbers_that_are_none(rtsp_webrtc_gateway *gateway,
                                  rtsp_webrtc_gateway_stream_id stream) {
    const int numbers[] = {INT32_MIN, -1, 4, 63, 68, 1000, INT32_MAX};
    static const uint8_t packet[] = {0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff};
    rtsp_webrtc_gateway_push_options push;
    rtsp_webrtc_gateway_pull_options pull;
    rtsp_webrtc_gateway_tuning_info knob;
    rtsp_webrtc_gateway_stream_id added = 7;
    int64_t value = 7;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&push));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&pull));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&knob));
    pull.url = NOBODY;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        push.video_codec = numbers[i];
        push.audio_codec = 0;
        CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "a", &push, &added),
                    INVALID_ARGUMENT);
        push.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
        push.audio_codec = numbers[i];
        CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "a", &push, &added),
                    INVALID_ARGUMENT);
        if (numbers[i] < 0 || numbers[i] > RTSP_WEBRTC_GATEWAY_TRANSPORT_HTTP) {
            pull.transport = numbers[i];
            CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "a", &pull, &added),
                        INVALID_ARGUMENT);
        }
        CHECK_FAILS(
            rtsp_webrtc_gateway_push_rtp(gateway, stream, numbers[i], packet, sizeof packet),
            INVALID_ARGUMENT);
        if (numbers[i] != 4) { /* a knob */
            CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, numbers[i], 1), NOT_FOUND);
            CHECK_FAILS(rtsp_webrtc_gateway_get_tuning(gateway, numbers[i], &value), NOT_FOUND);
        }
        if (numbers[i] < 0 || numbers[i] > 5) { /* 4 is a level */
            CHECK_FAILS(rtsp_webrtc_gateway_set_log_callback(numbers[i], NULL, NULL, NULL),
                        INVALID_ARGUMENT);
        }
        CHECK(rtsp_webrtc_gateway_strerror(numbers[i]) != NULL);
    }
    CHECK_FAILS(rtsp_webrtc_gateway_describe_tuning(SIZE_MAX, &knob), NOT_FOUND);
    /* Every knob at both ends of its range, and beyond. */
    for (size_t i = 0; rtsp_webrtc_gateway_describe_tuning(i, &knob) == 0; i++) {
        if (knob.applies == RTSP_WEBRTC_GATEWAY_APPLIES_CREATE) {
            continue;
        }
        CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, knob.key, INT64_MIN), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, knob.key, INT64_MAX), INVALID_ARGUMENT);
        CHECK_OK(rtsp_webrtc_gateway_set_tuning(gateway, knob.key, knob.min_value));
        CHECK_OK(rtsp_webrtc_gateway_set_tuning(gateway, knob.key, knob.max_value));
        CHECK_OK(rtsp_webrtc_gateway_set_tuning(gateway, knob.key, knob.default_value));
    }
    CHECK(added == 7 && value == 7);
}

/* ----------------------------------------------------------------------- media that is none */

static uint32_t state = 1;

static uint32_t below(uint32_t limit) {
    state = state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)state * limit >> 32);
}

static void release(void *data) {
    free(data);
}

/* Any data at any time is accepted or refused, and the stream can continue with valid frames. There is
 * a viewer, so that all of it is packetized. */
static void garbage(rtsp_webrtc_gateway *gateway, int32_t video, int32_t audio, const char *name) {
    static const int64_t leaps[] = {0,        1,         -1,        40000,     -40000,
                                    10000001, -10000001, INT64_MAX, INT64_MIN, INT64_MAX / 2};
    static const uint8_t start[] = {0, 0, 0, 1};
    static const uint8_t headers[] = {0x67, 0x68, 0x65, 0x41, 0x40, 0x42, 0x44, 0x26, 0x02,
                                      0x0a, 0x32, 0x12, 0x0c, 0xff, 0x1c, 0x7c, 0x62, 0x18};
    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream;
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    options.video_codec = video;
    options.audio_codec = audio;
    options.queue_frames = 1024;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, name, &options, &stream));
    if (video == RTSP_WEBRTC_GATEWAY_CODEC_H264) {
        push_picture(gateway, stream, 0, true);
        rtsp_webrtc_gateway_response_free(offer_h264(gateway, name));
    }
    int64_t pts = 0;
    for (int i = 0; i < 4000; i++) {
        const uint32_t size = 1 + below(i % 100 ? 200 : 70000);
        uint8_t *data = malloc(size);
        CHECK(data != NULL);
        for (uint32_t at = 0; at < size; at++) {
            data[at] = below(4) ? (uint8_t)below(256) : 0;
        }
        if (size > 5 && below(4)) {
            memcpy(data, start, sizeof start);
            data[4] = headers[below(sizeof headers)];
        }
        rtsp_webrtc_gateway_frame frame;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
        frame.data = data;
        frame.size = size;
        pts = (int64_t)((uint64_t)pts + (uint64_t)leaps[below(sizeof leaps / sizeof *leaps)]);
        frame.pts_us = pts;
        frame.capture_unix_us = leaps[below(sizeof leaps / sizeof *leaps)];
        frame.flags = below(4);
        frame.release = release;
        frame.release_data = data;
        int status;
        switch (below(3)) {
        case 0:
            data[0] = 0x80 | (uint8_t)below(64);
            status =
                rtsp_webrtc_gateway_push_rtp(gateway, stream, below(2) ? video : audio, data, size);
            free(data);
            break;
        case 1: status = rtsp_webrtc_gateway_push_audio(gateway, stream, &frame); break;
        default: status = rtsp_webrtc_gateway_push_video(gateway, stream, &frame); break;
        }
        CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL ||
              status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT);
    }
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    CHECK(info.state != RTSP_WEBRTC_GATEWAY_STREAM_FAILED);
    if (video == RTSP_WEBRTC_GATEWAY_CODEC_H264) {
        push_picture(gateway, stream, 1, true);
        const uint64_t before = info.keyframes;
        WAIT_FOR((rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info), info.keyframes) >
                 before);
        CHECK(info.state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    }
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    rtsp_webrtc_gateway_frame late;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&late));
    late.data = start;
    late.size = sizeof start;
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, &late), NOT_FOUND);
}

/* ------------------------------------------------------------- a callback that does not return */

static atomic_int stuck, holds, removed;

static void hold(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    (void)user_data;
    removed += event->state == RTSP_WEBRTC_GATEWAY_STREAM_REMOVED;
    atomic_store(&stuck, 1);
    while (atomic_load(&holds)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void *shut_down_with_patience(void *gateway) {
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, UINT32_MAX));
    return NULL;
}

static void a_callback_that_does_not_return(void) {
    enum { STREAMS = 20000 };
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = hold;
    rtsp_webrtc_gateway *gateway = gateway_loopback(&callbacks);
    atomic_store(&holds, 1);
    /* Far more events than are kept; the last one of each stream is kept. */
    for (int i = 0; i < STREAMS; i++) {
        CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, add_push_stream(gateway, "again")));
    }
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "pushed");
    push_picture(gateway, stream, 0, true);
    rtsp_webrtc_gateway_response_free(offer_h264(gateway, "pushed"));
    WAIT_FOR(atomic_load(&stuck));
    /* It delays only those who wait for it, and only as long as their timeouts. */
    CHECK_FAILS(rtsp_webrtc_gateway_shutdown(gateway, 1), TIMEOUT);
    CHECK_FAILS(rtsp_webrtc_gateway_shutdown(gateway, 1), TIMEOUT);
    pthread_t patient;
    CHECK(pthread_create(&patient, NULL, shut_down_with_patience, gateway) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK_FAILS(rtsp_webrtc_gateway_shutdown(gateway, 10), TIMEOUT);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(gateway, stream), SHUTTING_DOWN);
    }
    CHECK(atomic_load(&removed) <= 1);
    atomic_store(&holds, 0);
    CHECK(pthread_join(patient, NULL) == 0);
    CHECK(atomic_load(&removed) == STREAMS + 1);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 1));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

int main(void) {
    ids_of_another_gateway();
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "pushed");
    push_picture(gateway, stream, 0, true);
    sizes_that_lie(gateway, stream);
    numbers_that_are_none(gateway, stream);
    garbage(gateway, RTSP_WEBRTC_GATEWAY_CODEC_H264, RTSP_WEBRTC_GATEWAY_CODEC_PCMU, "h264");
    garbage(gateway, RTSP_WEBRTC_GATEWAY_CODEC_H265, RTSP_WEBRTC_GATEWAY_CODEC_OPUS, "h265");
    garbage(gateway, RTSP_WEBRTC_GATEWAY_CODEC_AV1, RTSP_WEBRTC_GATEWAY_CODEC_G722, "av1");
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    a_callback_that_does_not_return();
    return 0;
}
