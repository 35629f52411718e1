/* Sixteen threads call everything on one gateway, and its callbacks call back, until it shuts down
 * under them. The cameras are not there: tests/hammer.rs does the same with cameras and viewers. */
#include "check.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 16, SECONDS = 2 };

static rtsp_webrtc_gateway *gateway;
/* Only the callback thread writes them, and main() reads them after destroy(). */
static int removed, wrong;
static int added[THREADS];

static void on_stream_state(void *user_data, rtsp_webrtc_gateway_stream_id stream, int32_t state,
                            int status)
{
    (void)user_data, (void)status;
    removed += state == RTSP_WEBRTC_GATEWAY_STREAM_REMOVED;
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    switch (rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info)) {
    case RTSP_WEBRTC_GATEWAY_OK:
    case RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND:
    case RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN:
        break;
    default:
        wrong++;
    }
}

static bool is_one_of(int status, int a, int b, int c)
{
    return status == a || status == b || status == c ||
           status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN;
}

/* Every fourth thread does the same. False when the gateway is shut down. */
static bool one_round(int number, int round)
{
    static const char sdp[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                              "m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\n"
                              "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW\r\n"
                              "a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:"
                              "1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n"
                              "a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n"
                              "a=rtpmap:102 H264/90000\r\n";
    const int ok = RTSP_WEBRTC_GATEWAY_OK, not_found = RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND;
    rtsp_webrtc_gateway_stream_id stream;
    int status;
    switch (number % 4) {
    case 0:
        status = add_camera(gateway, round % 2 ? "a" : "b", NOBODY, &stream);
        CHECK(is_one_of(status, ok, RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS, ok));
        if (status == ok) {
            added[number]++;
            status = rtsp_webrtc_gateway_remove_stream(gateway, stream);
            CHECK(is_one_of(status, ok, not_found, ok)); /* shutdown() removed it */
        }
        break;
    case 1: {
        rtsp_webrtc_gateway_offer offer;
        rtsp_webrtc_gateway_response *response = NULL;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
        offer.stream_name = round % 2 ? "a" : "b";
        offer.sdp = sdp;
        offer.sdp_size = sizeof sdp - 1;
        offer.timeout_ms = 1 + (uint32_t)round % 50;
        status = rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response);
        CHECK(is_one_of(status, not_found, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY, not_found));
        break;
    }
    case 2: {
        rtsp_webrtc_gateway_stream_info info;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        status = rtsp_webrtc_gateway_get_stream_info(gateway, 1 + (uint64_t)round, &info);
        CHECK(is_one_of(status, ok, not_found, ok));
        status = rtsp_webrtc_gateway_handle_whep_delete(gateway, "0123456789abcdef");
        CHECK(is_one_of(status, not_found, not_found, not_found));
        break;
    }
    default: {
        rtsp_webrtc_gateway_tuning_info knob;
        int64_t value;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&knob));
        CHECK_OK(rtsp_webrtc_gateway_describe_tuning((size_t)round % 17, &knob));
        CHECK_OK(rtsp_webrtc_gateway_get_tuning(gateway, knob.key, &value));
        status = rtsp_webrtc_gateway_set_tuning(gateway, knob.key,
                                                round % 3 ? knob.max_value : knob.min_value);
        CHECK(is_one_of(status, ok, RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE, ok));
    }
    }
    return status != RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN;
}

static void *call(void *number)
{
    for (int round = 0; one_round(*(int *)number, round); round++) {
    }
    return NULL;
}

int main(void)
{
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = on_stream_state;
    gateway = gateway_loopback(&callbacks);

    pthread_t threads[THREADS];
    int numbers[THREADS], all_added = 0;
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, call, &numbers[i]) == 0);
    }
    const struct timespec duration = {.tv_sec = SECONDS};
    nanosleep(&duration, NULL);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        all_added += added[i];
    }
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(all_added > 0 && removed == all_added && wrong == 0);
    return 0;
}
