/* No test: a host of one camera for a viewer that is another program (scripts/cross.py). Prints where its pages are,
 * and serves until its input ends. */
#include "check.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        fputs("usage: live RTSP_URL\n", stderr);
        return 2;
    }
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(add_camera(gateway, "cam1", argv[1], &stream));
    rtsp_webrtc_gateway_listen_options listen;
    uint16_t port = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&listen));
    listen.address = "127.0.0.1:0";
    CHECK_OK(rtsp_webrtc_gateway_listen_http(gateway, &listen, &port));
    printf("http://127.0.0.1:%u/\n", port);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    CHECK(info.state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE && info.frames > 0);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
