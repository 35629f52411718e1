// Compiled once per C++ standard: the header stands alone, and may come twice.
#include <rtsp_webrtc_gateway.h>
#include <rtsp_webrtc_gateway.h>

int header();
int header() {
    return RTSP_WEBRTC_GATEWAY_OK;
}
