/* Sixteen threads call everything on one gateway, and its callbacks call back, until it shuts down
 * under them. Whatever began ends exactly once: streams, sessions, operations, lent frames.
 * RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS: duration, default 3. */
#include "push.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 16 };

static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id pushed; /* "pushed", for as long as the gateway is */
static int knobs;
static atomic_int added, removed, opened, closed, told, asked, answered, lent, released, wrong;

static bool is_one_of(int status, int a, int b, int c) {
    return status == a || status == b || status == c ||
           status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN;
}
enum {
    OK = RTSP_WEBRTC_GATEWAY_OK,
    NOT_FOUND = RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND,
    NOT_READY = RTSP_WEBRTC_GATEWAY_ERR_NOT_READY,
    QUEUE_FULL = RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL,
    EXISTS = RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS,
};

static void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    (void)user_data;
    removed += event->state == RTSP_WEBRTC_GATEWAY_STREAM_REMOVED;
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_stream_info(gateway, event->stream, &info);
    wrong += !is_one_of(status, OK, NOT_FOUND, OK);
}

static void on_session_state(void *user_data, const rtsp_webrtc_gateway_session_event *event) {
    (void)user_data;
    opened += event->state == RTSP_WEBRTC_GATEWAY_SESSION_NEW;
    closed += event->state == RTSP_WEBRTC_GATEWAY_SESSION_CLOSED;
    const int status = rtsp_webrtc_gateway_close_session(gateway, event->session);
    wrong += !is_one_of(status, OK, NOT_FOUND, OK);
}

static int add_and_remove(int round) {
    rtsp_webrtc_gateway_stream_id stream;
    int status = add_camera(gateway, round % 2 ? "a" : "b", NOBODY, &stream);
    CHECK(is_one_of(status, OK, EXISTS, OK));
    if (status == OK) {
        added++;
        status = rtsp_webrtc_gateway_remove_stream(gateway, stream);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK)); /* shutdown() removed it */
    }
    return status;
}

static rtsp_webrtc_gateway_offer offer_of(const char *stream, int round) {
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = stream;
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.timeout_ms = round % 5 ? 30000 : 1 + (uint32_t)round % 50;
    return offer;
}

static int offer_and_delete(int round) {
    const char *const streams[] = {"pushed", "a", "pushed", "c"};
    const rtsp_webrtc_gateway_offer offer = offer_of(streams[round % 4], round);
    rtsp_webrtc_gateway_response *response = NULL;
    int status = rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response);
    /* On a busy machine workers take no newcomers. */
    CHECK(is_one_of(status, OK, NOT_FOUND, NOT_READY) || status == RTSP_WEBRTC_GATEWAY_ERR_LIMIT);
    if (status != OK) {
        check_refusal(response, status);
        return status;
    }
    told++;
    const char *key = rtsp_webrtc_gateway_response_session_key(response);
    rtsp_webrtc_gateway_response *restarted = NULL;
    static const char restart[] = "a=ice-ufrag:9xYz\r\na=ice-pwd:3/1muCWoOi3uLifh0NuRHlbX\r\n";
    status = rtsp_webrtc_gateway_handle_whep_patch(gateway, key, "*", restart, sizeof restart - 1,
                                                   &restarted);
    CHECK(is_one_of(status, OK, NOT_FOUND, OK)); /* another thread closes what it finds */
    rtsp_webrtc_gateway_response_free(restarted);
    status = rtsp_webrtc_gateway_handle_whep_delete(gateway, key, NULL);
    CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    rtsp_webrtc_gateway_response_free(response);
    return status;
}

static void on_answer(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                      rtsp_webrtc_gateway_response *response) {
    (void)user_data, (void)op;
    answered++;
    told += status == OK;
    wrong += (status == OK) != (rtsp_webrtc_gateway_response_http_status(response) == 201);
    rtsp_webrtc_gateway_response_free(response);
}

static int offer_and_cancel(int round) {
    const rtsp_webrtc_gateway_offer offer = offer_of(round % 3 ? "pushed" : "a", round);
    rtsp_webrtc_gateway_op_id op;
    int status =
        rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &offer, on_answer, NULL, &op, NULL);
    CHECK(is_one_of(status, OK, NOT_FOUND, RTSP_WEBRTC_GATEWAY_ERR_LIMIT));
    if (status == OK) {
        asked++;
        status = rtsp_webrtc_gateway_cancel(gateway, op);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    }
    return status;
}

static int look(int round) {
    rtsp_webrtc_gateway_stream_info info;
    rtsp_webrtc_gateway_session_info session_info;
    rtsp_webrtc_gateway_viewer_limits limits;
    rtsp_webrtc_gateway_session_id sessions[4] = {0};
    size_t count = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&session_info));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&limits));
    int status = rtsp_webrtc_gateway_get_stream_info(gateway, 1 + (uint64_t)round, &info);
    CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    status = rtsp_webrtc_gateway_list_sessions(gateway, sessions, 4, &count);
    CHECK(is_one_of(status, OK, OK, OK));
    for (size_t i = 0; i < count && i < 4; i++) {
        status = rtsp_webrtc_gateway_get_session_info(gateway, sessions[i], &session_info);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK));
        limits.max_bitrate_bps = 1 + (uint64_t)round * 1000;
        status = rtsp_webrtc_gateway_set_session_limits(gateway, sessions[i], &limits);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK));
        status = rtsp_webrtc_gateway_close_session(gateway, sessions[i]);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    }
    return status;
}

static int tune_and_measure(int round) {
    rtsp_webrtc_gateway_tuning_info knob;
    char *text = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&knob));
    CHECK_OK(rtsp_webrtc_gateway_describe_tuning((size_t)(round % knobs), &knob));
    int status = rtsp_webrtc_gateway_set_tuning(gateway, knob.key,
                                                round % 3 ? knob.max_value : knob.min_value);
    CHECK(is_one_of(status, OK, RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE, OK));
    status = (round % 2 ? rtsp_webrtc_gateway_metrics
                        : rtsp_webrtc_gateway_state_json)(gateway, &text, NULL);
    CHECK(is_one_of(status, OK, OK, OK));
    rtsp_webrtc_gateway_string_free(text);
    return status;
}

static int record(int round) {
    rtsp_webrtc_gateway_sink_options options;
    rtsp_webrtc_gateway_sink_info info;
    rtsp_webrtc_gateway_sink_id sink;
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    options.flags = round % 2 ? RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE : 0;
    options.queue_frames = 16;
    /* One that others add and remove, or the one that stays. */
    const rtsp_webrtc_gateway_stream_id stream = round % 3 ? pushed : 1 + (uint64_t)round;
    int status = rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink);
    CHECK(is_one_of(status, OK, NOT_FOUND, RTSP_WEBRTC_GATEWAY_ERR_LIMIT));
    if (status != OK) {
        return status;
    }
    for (int i = 0; i < 4; i++) {
        status = rtsp_webrtc_gateway_read_sink(gateway, sink, (uint32_t)i, &frame);
        CHECK(is_one_of(status, OK, NOT_FOUND, RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT));
        rtsp_webrtc_gateway_sink_frame_free(status == OK ? frame : NULL);
    }
    status = rtsp_webrtc_gateway_get_sink_info(gateway, sink, &info);
    CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    status = rtsp_webrtc_gateway_get_keyframe(gateway, stream, &frame);
    CHECK(is_one_of(status, OK, NOT_FOUND, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY));
    rtsp_webrtc_gateway_sink_frame_free(status == OK ? frame : NULL);
    if (round % 5) { /* some are left to their stream, or to shutdown() */
        status = rtsp_webrtc_gateway_remove_sink(gateway, sink);
        CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    }
    return status;
}

static void release(void *data) {
    released++;
    free(data);
}

static int push_lent(rtsp_webrtc_gateway_stream_id stream, int round) {
    uint8_t *data = malloc(64);
    CHECK(data != NULL);
    rtsp_webrtc_gateway_frame frame = picture(data, round, round % 10 == 0);
    frame.release = release;
    frame.release_data = data;
    lent++;
    const int status = rtsp_webrtc_gateway_push_video(gateway, stream, &frame);
    CHECK(is_one_of(status, OK, NOT_FOUND, QUEUE_FULL));
    return status;
}

static int push_and_remove(int round) {
    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    options.queue_frames = 2;
    int status =
        rtsp_webrtc_gateway_add_push_stream(gateway, round % 2 ? "c" : "d", &options, &stream);
    CHECK(is_one_of(status, OK, EXISTS, OK));
    if (status != OK) {
        return status;
    }
    added++;
    for (int i = 0; i < 5; i++) {
        push_lent(stream, i);
    }
    status = rtsp_webrtc_gateway_remove_stream(gateway, stream);
    CHECK(is_one_of(status, OK, NOT_FOUND, OK));
    return status;
}

static void on_http_answer(void *user_data, rtsp_webrtc_gateway_response *response) {
    (void)user_data;
    answered++;
    told += rtsp_webrtc_gateway_response_session_id(response) != 0;
    rtsp_webrtc_gateway_response_free(response);
}

static void on_authorize(void *user_data, const rtsp_webrtc_gateway_authorize_request *request) {
    (void)user_data;
    const int status =
        rtsp_webrtc_gateway_authorize(gateway, request->request_id, request->request_id % 5 != 0);
    wrong += !is_one_of(status, OK, NOT_FOUND, OK);
}

static int ask_by_http(int round) {
    static const rtsp_webrtc_gateway_http_header type = {"Content-Type", "application/sdp"};
    const char *const methods[] = {"POST", "OPTIONS", "GET", "POST", "HEAD"};
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = methods[round % 5];
    request.path = round % 2 ? "/pushed/whep" : "/c/whep";
    request.headers = &type;
    request.headers_len = 1;
    request.body = SESSION VIDEO;
    request.body_size = strlen(request.body);
    if (round % 3) {
        const int status =
            rtsp_webrtc_gateway_handle_http_async(gateway, &request, on_http_answer, NULL, NULL);
        CHECK(is_one_of(status, OK, RTSP_WEBRTC_GATEWAY_ERR_LIMIT, OK));
        asked += status == OK;
        return status;
    }
    rtsp_webrtc_gateway_response *response = NULL;
    const int status = rtsp_webrtc_gateway_handle_http(gateway, &request, &response);
    CHECK(is_one_of(status, OK, OK, OK));
    told += rtsp_webrtc_gateway_response_session_id(response) != 0;
    rtsp_webrtc_gateway_response_free(response);
    return status;
}

static void *call(void *argument) {
    const int number = *(int *)argument;
    int status = OK;
    for (int round = 0; status != RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN; round++) {
        switch (number % 9) {
        case 0: status = add_and_remove(round); break;
        case 1: status = offer_and_delete(round); break;
        case 2: status = offer_and_cancel(round); break;
        case 3: status = look(round); break;
        case 4: status = tune_and_measure(round); break;
        case 5: status = push_lent(pushed, round); break;
        case 6: status = ask_by_http(round); break;
        case 7: status = record(round); break;
        default: status = push_and_remove(round); break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL); /* gives each thread a turn */
    }
    return NULL;
}

int main(void) {
    rtsp_webrtc_gateway_tuning_info knob;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&knob));
    while (rtsp_webrtc_gateway_describe_tuning((size_t)knobs, &knob) == OK) {
        knobs++;
    }
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = on_stream_state;
    callbacks.on_session_state = on_session_state;
    callbacks.on_authorize = on_authorize;
    gateway = gateway_loopback(&callbacks);
    pushed = add_push_stream(gateway, "pushed");
    added++;
    push_picture(gateway, pushed, 0, true);

    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, call, &numbers[i]) == 0);
    }
    const char *seconds = getenv("RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS");
    const struct timespec duration = {.tv_sec = seconds == NULL ? 3 : atoi(seconds)};
    nanosleep(&duration, NULL);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 60000));
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));

    CHECK(wrong == 0);
    fprintf(stderr, "streams %d, sessions %d, operations %d, frames %d\n", added, opened, asked,
            lent);
    CHECK(added > 1 && removed == added);
    /* shutdown() may come between an answer and the HTTP request: the request gets 503. */
    CHECK(told > 0 && opened >= told && closed == opened);
    CHECK(asked > 0 && answered == asked);
    CHECK(lent > 0 && released == lent);
    return 0;
}
