/* Calls the library, and exits with 0 if it is the expected version. */
#include <rtsp_webrtc_gateway.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    int status = RTSP_WEBRTC_GATEWAY_INIT(&config);
    config.udp_bind = "127.0.0.1:0";
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        status = rtsp_webrtc_gateway_create(&config, &gateway);
    }
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        status = rtsp_webrtc_gateway_destroy(gateway);
    }
    printf("%s: %s\n", rtsp_webrtc_gateway_version(), rtsp_webrtc_gateway_strerror(status));
    return status != RTSP_WEBRTC_GATEWAY_OK || strcmp(rtsp_webrtc_gateway_version(), EXPECTED) != 0;
}
