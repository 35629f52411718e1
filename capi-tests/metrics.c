/* Metrics: Prometheus text that names streams and knobs; the same and more in JSON. */
#include "check.h"

int main(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(add_camera(gateway, "cam-1", NOBODY, &stream));
    char *text = NULL;
    size_t size = 0;
    CHECK_OK(rtsp_webrtc_gateway_metrics(gateway, &text, &size));
    CHECK(size == strlen(text) && size > 1000);
    CHECK(strstr(text, "\nrtsp_webrtc_gateway_stream_live{stream=\"cam-1\"} 0\n") != NULL);
    CHECK(strstr(text, "\nrtsp_webrtc_gateway_tuning{knob=\"rtcp_interval_ms\"} 1000\n") != NULL);
    CHECK(strstr(text, "\nrtsp_webrtc_gateway_send_errors_total 0\n") != NULL);
    CHECK(strstr(text, "rtsp_webrtc_gateway_cpu_seconds_total{worker=\"0\",part=\"seal\"}") !=
          NULL);
    CHECK(strstr(text, SECRET) == NULL);
    rtsp_webrtc_gateway_string_free(text);

    CHECK_OK(rtsp_webrtc_gateway_state_json(gateway, &text, &size));
    CHECK(size == strlen(text) && text[0] == '{' && text[size - 1] == '}');
    CHECK(strstr(text, "\"name\":\"cam-1\",\"label\":null,\"variants\":[],\"source\":\"pull\"") !=
          NULL);
    CHECK(strstr(text, "\"sessions\":[]") != NULL);
    CHECK(strstr(text, SECRET) == NULL);
    rtsp_webrtc_gateway_string_free(text);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
