/* PATCH without a session: each failure has its status, and its HTTP status. */
#include "check.h"

#define CANDIDATE "a=candidate:1 1 udp 2122260223 192.0.2.7 61764 typ host\r\n"

static rtsp_webrtc_gateway *gateway;

static int patch(const char *key, const char *if_match, const char *fragment, size_t size) {
    rtsp_webrtc_gateway_response *response = NULL;
    const int status =
        rtsp_webrtc_gateway_handle_whep_patch(gateway, key, if_match, fragment, size, &response);
    check_refusal(response, status);
    return status;
}

int main(void) {
    gateway = gateway_loopback(NULL);
    const size_t size = strlen(CANDIDATE);
    CHECK_FAILS(patch("nobody", "*", CANDIDATE, size), NOT_FOUND);
    CHECK_FAILS(patch("nobody", NULL, CANDIDATE, size), NOT_FOUND);
    CHECK_FAILS(patch("", "*", NULL, 0), NOT_FOUND);
    CHECK_FAILS(patch("\xff", "*", CANDIDATE, size), INVALID_ARGUMENT);
    CHECK_FAILS(patch("nobody", "\xff", CANDIDATE, size), INVALID_ARGUMENT);
    CHECK_FAILS(patch("nobody", "*", NULL, size), INVALID_ARGUMENT);

    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_ERR_ETAG) == 412);
    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_ERR_PRECONDITION_REQUIRED) == 428);
    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_ERR_UNPROCESSABLE) == 422);

    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK_FAILS(patch("nobody", "*", CANDIDATE, size), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
