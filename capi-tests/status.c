/* strerror, http_status and last_error. */
#include "check.h"

int main(void) {
    CHECK(strcmp(rtsp_webrtc_gateway_strerror(RTSP_WEBRTC_GATEWAY_OK), "ok") == 0);
    CHECK(strcmp(rtsp_webrtc_gateway_strerror(RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND), "not found") ==
          0);
    CHECK(strcmp(rtsp_webrtc_gateway_strerror(1), "unknown status") == 0);
    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_OK) == 200);
    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_ERR_TOO_LARGE) == 413);
    CHECK(rtsp_webrtc_gateway_http_status(-9999) == 500);

    /* Nothing has failed yet. */
    char text[256] = "x";
    CHECK(rtsp_webrtc_gateway_last_error(text, sizeof text) == 0);
    CHECK(text[0] == '\0');

    int32_t key = 7;
    CHECK_FAILS(rtsp_webrtc_gateway_find_tuning("no_such_knob", &key), NOT_FOUND);
    CHECK(key == 7);
    const size_t length = rtsp_webrtc_gateway_last_error(text, sizeof text);
    CHECK(length == strlen(text));
    CHECK(strstr(text, "no_such_knob") != NULL);
    /* Like snprintf. */
    CHECK(rtsp_webrtc_gateway_last_error(NULL, 0) == length);
    CHECK(rtsp_webrtc_gateway_last_error(NULL, 100) == length);
    char small[5] = "xxxx";
    CHECK(rtsp_webrtc_gateway_last_error(small, 0) == length);
    CHECK(small[0] == 'x');
    CHECK(rtsp_webrtc_gateway_last_error(small, sizeof small) == length);
    CHECK(strlen(small) == 4 && strncmp(small, text, 4) == 0);
    /* A successful call leaves it unchanged. */
    CHECK_OK(rtsp_webrtc_gateway_find_tuning("nack", &key));
    CHECK(rtsp_webrtc_gateway_last_error(NULL, 0) == length);
    return 0;
}
