/* A camera on demand: idle until an offer needs it, and idle again when connecting failed. */
#include "check.h"
#include "offer.h"

#include <time.h>

static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id stream;

/* The first state that on_stream_state reports. */
static int32_t first;

static void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    CHECK(user_data == NULL && event->stream == stream &&
          (first != 0 || event->status == RTSP_WEBRTC_GATEWAY_OK));
    if (first == 0) {
        first = event->state;
    }
}

static rtsp_webrtc_gateway_stream_info now(void) {
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    return info;
}

/* The camera is unreachable: the offer fails with that reason. */
static void offer(void) {
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "cam";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.timeout_ms = 60000;
    CHECK_STATUS(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response),
                 RTSP_WEBRTC_GATEWAY_ERR_NOT_READY);
    const char *body = rtsp_webrtc_gateway_response_body(response, NULL);
    CHECK(strstr(body, "cannot be reached") != NULL);
    check_refusal(response, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY);
}

int main(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = on_stream_state;
    gateway = gateway_loopback(&callbacks);
    rtsp_webrtc_gateway_pull_options pull;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&pull));
    pull.url = NOBODY;
    pull.flags = RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND;
    pull.linger_ms = 99;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.linger_ms = 3600001;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.linger_ms = 100;
    pull.reserved = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.reserved = 0;
    CHECK_OK(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream));
    CHECK(now().state == RTSP_WEBRTC_GATEWAY_STREAM_IDLE);
    CHECK(now().status == RTSP_WEBRTC_GATEWAY_OK && now().message[0] == '\0');

    for (int i = 0; i < 2; i++) {
        offer();
        const time_t end = time(NULL) + 50;
        while (now().state != RTSP_WEBRTC_GATEWAY_STREAM_IDLE) {
            CHECK(time(NULL) < end);
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        /* The reason stays visible. */
        CHECK(now().status == RTSP_WEBRTC_GATEWAY_ERR_CONNECT);
        CHECK(strlen(now().message) > 10 && strstr(now().message, SECRET) == NULL);
    }
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(first == RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING); /* IDLE from the start is not a change */
    return 0;
}
