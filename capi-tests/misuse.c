/* What was freed is used and freed again, and what never was is freed: an error each time, and nothing else
 * suffers. */
#include "every.h"
#include "push.h"

#include <pthread.h>

static rtsp_webrtc_gateway *gateway;

/* The last error of this thread is about something that is gone. */
static void check_told(const char *what) {
    char text[256];
    CHECK(rtsp_webrtc_gateway_last_error(text, sizeof text) > 0);
    CHECK(strstr(text, what) != NULL);
    /* The next one is another. */
    CHECK_FAILS(rtsp_webrtc_gateway_destroy((rtsp_webrtc_gateway *)text), INVALID_STATE);
}

static void a_gateway_that_is_gone(void) {
    struct world world = {.gateway = gateway_loopback(NULL)};
    world.stream = add_push_stream(world.gateway, "pushed");
    CHECK_OK(rtsp_webrtc_gateway_destroy(world.gateway));
    /* A later one does not take its place. */
    rtsp_webrtc_gateway *later = gateway_loopback(NULL);
    add_push_stream(later, "pushed");
    for (int repeat = 0; repeat < 2; repeat++) {
        for (int i = 0; i < EVERY_COUNT; i++) {
            const struct call *call = &EVERY[i];
            if (call->kind == GLOBAL || call->run == every_create ||
                call->run == every_set_log_callback) {
                continue;
            }
            const int status = call->run(&world);
            CHECK_CALL(call, status, status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE);
        }
        world.gateway = (rtsp_webrtc_gateway *)&world; /* one that never was */
    }
    world.gateway = later;
    CHECK_OK(every_find_stream(&world));
    CHECK_OK(rtsp_webrtc_gateway_destroy(later));
    CHECK_FAILS(rtsp_webrtc_gateway_destroy(later), INVALID_STATE);
}

static void check_gone(rtsp_webrtc_gateway_response *response) {
    const char *name = NULL, *value = NULL;
    size_t size = 7;
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == 0);
    check_told("response");
    CHECK(rtsp_webrtc_gateway_response_body(response, &size) == NULL && size == 7);
    CHECK(!rtsp_webrtc_gateway_response_header(response, 0, &name, &value) && name == NULL);
    CHECK(rtsp_webrtc_gateway_response_etag(response) == NULL);
    CHECK(rtsp_webrtc_gateway_response_session_key(response) == NULL);
    CHECK(rtsp_webrtc_gateway_response_session_id(response) == 0);
    check_told("response");
    rtsp_webrtc_gateway_response_free(response);
    check_told("response");
}

static void responses(void) {
    rtsp_webrtc_gateway_response *first = offer_h264(gateway, "pushed");
    rtsp_webrtc_gateway_response_free(first);
    rtsp_webrtc_gateway_response *second = offer_h264(gateway, "pushed");
    check_gone(first);
    check_gone((rtsp_webrtc_gateway_response *)&first);
    CHECK(rtsp_webrtc_gateway_response_http_status(second) == 201);
    rtsp_webrtc_gateway_response_free(second);
    check_gone(second);
}

static void frames(rtsp_webrtc_gateway_stream_id stream) {
    const rtsp_webrtc_gateway_sink_frame *first = NULL, *second = NULL;
    CHECK_OK(rtsp_webrtc_gateway_get_keyframe(gateway, stream, &first));
    rtsp_webrtc_gateway_sink_frame_free(first);
    CHECK_OK(rtsp_webrtc_gateway_get_keyframe(gateway, stream, &second));
    CHECK(first != second);
    /* What a program finds that goes on using it. */
    CHECK(first->data == NULL && first->size == 0 && first->parameters == NULL);
    rtsp_webrtc_gateway_sink_frame_free(first);
    check_told("frame");
    rtsp_webrtc_gateway_sink_frame_free((const rtsp_webrtc_gateway_sink_frame *)&first);
    check_told("frame");
    CHECK(second->size > 0 && second->data[4] == 0x67);
    rtsp_webrtc_gateway_sink_frame_free(second);
    rtsp_webrtc_gateway_sink_frame_free(second);
    check_told("frame");
}

static void texts(void) {
    char *text = NULL, own[] = "own";
    CHECK_OK(rtsp_webrtc_gateway_state_json(gateway, &text, NULL));
    rtsp_webrtc_gateway_string_free(text);
    rtsp_webrtc_gateway_string_free(text);
    check_told("text");
    rtsp_webrtc_gateway_string_free(own);
    check_told("text");
    CHECK(strcmp(own, "own") == 0);
}

static void *use_until_gone(void *stale) {
    struct world world = {.gateway = stale};
    int status;
    do {
        status = every_find_stream(&world);
        CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ||
              status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN ||
              status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE);
    } while (status != RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE);
    return NULL;
}

static void *destroy(void *stale) {
    const int status = rtsp_webrtc_gateway_destroy(stale);
    CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE);
    return status == RTSP_WEBRTC_GATEWAY_OK ? stale : NULL;
}

/* Threads destroy what others use; one of them does. */
static void at_the_same_time(void) {
    for (int i = 0; i < 20; i++) {
        rtsp_webrtc_gateway *shared = gateway_loopback(NULL);
        add_push_stream(shared, "pushed");
        pthread_t threads[4];
        for (int t = 0; t < 4; t++) {
            CHECK(pthread_create(&threads[t], NULL, t < 2 ? use_until_gone : destroy, shared) == 0);
        }
        int destroyed = 0;
        for (int t = 0; t < 4; t++) {
            void *result;
            CHECK(pthread_join(threads[t], &result) == 0);
            destroyed += result != NULL;
        }
        CHECK(destroyed == 1);
    }
}

int main(void) {
    a_gateway_that_is_gone();
    gateway = gateway_loopback(NULL);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "pushed");
    push_picture(gateway, stream, 0, true);
    responses();
    frames(stream);
    texts();
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    at_the_same_time();
    return 0;
}
