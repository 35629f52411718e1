/* Compiled once per C standard: the header is self-contained, and may be included twice. */
#include <rtsp_webrtc_gateway.h>
#include <rtsp_webrtc_gateway.h>

int header(void);
int header(void) {
    return RTSP_WEBRTC_GATEWAY_OK;
}
