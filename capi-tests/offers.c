/* Offers that cannot be answered: each has its status, before the camera is there. Those that only
 * the camera's codecs decide are in python/test_smoke.py, which has a camera. */
#include "check.h"

#define SESSION                        \
    "v=0\r\n"                          \
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n"                          \
    "t=0 0\r\n"
#define TRANSPORT                                                                             \
    "c=IN IP4 0.0.0.0\r\n"                                                                    \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n"                                                             \
    "a=ice-ufrag:4ZcD\r\n"                                                                    \
    "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW\r\n"                                                  \
    "a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:"                  \
    "DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n"                                     \
    "a=setup:actpass\r\n"
#define VIDEO                                                                         \
    "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n" TRANSPORT                                   \
    "a=mid:0\r\n"                                                                     \
    "a=recvonly\r\n"                                                                  \
    "a=rtcp-mux\r\n"                                                                  \
    "a=rtpmap:102 H264/90000\r\n"                                                     \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
#define AUDIO                                       \
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" TRANSPORT   \
    "a=mid:1\r\n"                                   \
    "a=recvonly\r\n"                                \
    "a=rtcp-mux\r\n"                                \
    "a=rtpmap:0 PCMU/8000\r\n"

static rtsp_webrtc_gateway *gateway;

static int offer(const char *stream, const char *sdp, size_t size)
{
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = stream;
    offer.sdp = sdp;
    offer.sdp_size = size;
    offer.timeout_ms = 1;
    const int status = rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response);
    CHECK(status != RTSP_WEBRTC_GATEWAY_OK && response == NULL);
    return status;
}

/* The offer without the lines that start so. */
static int offer_without(const char *start)
{
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

int main(void)
{
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
        char *cut = malloc(length + 1); /* exact, so that a sanitiser sees reading past it */
        CHECK(cut != NULL);
        memcpy(cut, whole, length);
        const int status = offer("cam", cut, length);
        free(cut);
        switch (status) {
        case RTSP_WEBRTC_GATEWAY_ERR_SDP:
        case RTSP_WEBRTC_GATEWAY_ERR_FINGERPRINT:
        case RTSP_WEBRTC_GATEWAY_ERR_ICE_CREDENTIALS:
            CHECK(length < size);
            break;
        default:
            CHECK_STATUS(status, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY);
        }
    }
    /* Nothing of this hurt the stream. */
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    CHECK(info.sessions == 0 && info.state != RTSP_WEBRTC_GATEWAY_STREAM_FAILED);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
