/* Offers that cannot be answered: each gives its status before the camera is connected. Those that
 * depend on the camera's codecs are in python/test_smoke.py, which has a camera. */
#include "check.h"
#include "offer.h"

static rtsp_webrtc_gateway *gateway;

static int offer(const char *stream, const char *sdp, size_t size) {
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = stream;
    offer.sdp = sdp;
    offer.sdp_size = size;
    offer.timeout_ms = 1;
    const int status = rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response);
    CHECK(status != RTSP_WEBRTC_GATEWAY_OK);
    check_refusal(response, status);
    return status;
}

/* The offer without the lines that start like this. */
static int offer_without(const char *start) {
    char sdp[4096];
    size_t size = 0;
    for (const char *line = SESSION VIDEO AUDIO; *line;) {
        const size_t length = (size_t)(strchr(line, '\n') - line) + 1;
        if (strncmp(line, start, strlen(start)) != 0) {
            memcpy(sdp + size, line, length);
            size += length;
        }
        line += length;
    }
    return offer("cam", sdp, size);
}

int main(void) {
    gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &stream));

    const char whole[] = SESSION VIDEO AUDIO;
    const size_t size = sizeof whole - 1;
    CHECK_FAILS(offer("nobody", whole, size), NOT_FOUND);
    CHECK_FAILS(offer("cam", NULL, 0), SDP);
    CHECK_FAILS(offer("cam", "GET / HTTP/1.1\r\n\r\n", 18), SDP);
    CHECK_FAILS(offer("cam", "\0\xff\0\xff", 4), SDP);
    CHECK_FAILS(offer_without("a=fingerprint"), FINGERPRINT);
    CHECK_FAILS(offer_without("a=ice-ufrag"), ICE_CREDENTIALS);
    CHECK_FAILS(offer_without("a=ice-pwd"), ICE_CREDENTIALS);

    char *large = malloc(1 << 20);
    CHECK(large != NULL);
    memset(large, 'a', 1 << 20);
    memcpy(large, whole, size);
    CHECK_FAILS(offer("cam", large, 1 << 20), TOO_LARGE);
    free(large);

    /* Cut anywhere: an offer that misses something, or one that is whole enough to wait for the
     * camera. */
    for (size_t length = 0; length <= size; length++) {
        char *cut = malloc(length + 1); /* exact, so that a sanitizer sees reading past it */
        CHECK(cut != NULL);
        memcpy(cut, whole, length);
        const int status = offer("cam", cut, length);
        free(cut);
        switch (status) {
        case RTSP_WEBRTC_GATEWAY_ERR_SDP:
        case RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT:
        case RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS: CHECK(length < size); break;
        default: CHECK_STATUS(status, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY);
        }
    }
    /* None of this affected the stream. */
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    CHECK(info.sessions == 0 && info.state != RTSP_WEBRTC_GATEWAY_STREAM_FAILED);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
