/* A bug in a worker costs its stream or its session, and nothing else. The cargo feature test-panic
 * injects it: see variant.cmake. */
#include "push.h"

#include <stdatomic.h>
#include <time.h>

static atomic_int stream_failed, session_failed;

static void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    (void)user_data;
    stream_failed += event->state == RTSP_WEBRTC_GATEWAY_STREAM_FAILED &&
                     event->status == RTSP_WEBRTC_GATEWAY_ERR_PANIC;
}

static void on_session_state(void *user_data, const rtsp_webrtc_gateway_session_event *event) {
    (void)user_data;
    session_failed += event->state == RTSP_WEBRTC_GATEWAY_SESSION_FAILED &&
                      event->status == RTSP_WEBRTC_GATEWAY_ERR_PANIC;
}

int main(void) {
    rtsp_webrtc_gateway_tuning one_worker = {RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS, 0, 1};
    rtsp_webrtc_gateway_callbacks callbacks;
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = on_stream_state;
    callbacks.on_session_state = on_session_state;
    config_loopback(&config);
    config.callbacks = &callbacks;
    config.tuning = &one_worker;
    config.tuning_len = 1;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));

    const rtsp_webrtc_gateway_stream_id broken = add_push_stream(gateway, "test-panic-stream");
    const rtsp_webrtc_gateway_stream_id fragile = add_push_stream(gateway, "test-panic-session");
    push_picture(gateway, fragile, 0, true);
    rtsp_webrtc_gateway_response_free(offer_h264(gateway, "test-panic-session"));
    push_picture(gateway, fragile, 1, false);
    for (int i = 0; i < 3; i++) {
        push_picture(gateway, broken, i, i == 0);
    }

    /* Both streams are on the one worker: when it answers this, all of that has happened. */
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    do {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, broken, &info));
    } while (info.frames < 3 && info.state != RTSP_WEBRTC_GATEWAY_STREAM_FAILED);
    CHECK(info.state == RTSP_WEBRTC_GATEWAY_STREAM_FAILED);
    CHECK(info.status == RTSP_WEBRTC_GATEWAY_ERR_PANIC);
    /* The worker is alive, and so is the stream whose session broke. */
    push_picture(gateway, fragile, 2, true);
    rtsp_webrtc_gateway_response_free(offer_h264(gateway, "test-panic-session"));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, fragile, &info));
    CHECK(info.state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, broken));
    push_picture(gateway, add_push_stream(gateway, "test-panic-stream"), 0, true);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(stream_failed == 1 && session_failed >= 1);
    return 0;
}
