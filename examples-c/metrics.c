/* metrics: the library's figures, as text for Prometheus and as JSON for a dashboard. */
#include "example.h"

#include <string.h>
#include <unistd.h>

static void print(rtsp_webrtc_gateway *gateway,
                  int (*get)(const rtsp_webrtc_gateway *, char **, size_t *)) {
    char *text = NULL;
    size_t size = 0;
    check(get(gateway, &text, &size), "figures");
    fwrite(text, 1, size, stdout);
    putchar('\n');
    rtsp_webrtc_gateway_string_free(text);
}

int main(int argc, char **argv) {
    if (argc > 3 || (argc > 1 && strcmp(argv[1], "--help") == 0)) {
        puts("usage: metrics [RTSP_URL [SECONDS]]\n"
             "Connects to the camera, if one is given, waits for SECONDS (1), and prints all "
             "figures\n"
             "of the gateway: as text for Prometheus, then as one JSON object.");
        return argc > 3 ? 2 : 0;
    }
    rtsp_webrtc_gateway *gateway = create_gateway();
    if (argc > 1) {
        rtsp_webrtc_gateway_pull_options camera;
        rtsp_webrtc_gateway_stream_id stream;
        check(RTSP_WEBRTC_GATEWAY_INIT(&camera), "options");
        camera.url = argv[1];
        check(rtsp_webrtc_gateway_add_stream(gateway, "camera", &camera, &stream), "add_stream");
        sleep(argc > 2 ? (unsigned)atoi(argv[2]) : 1);
    }
    print(gateway, rtsp_webrtc_gateway_metrics);
    print(gateway, rtsp_webrtc_gateway_state_json);
    check(rtsp_webrtc_gateway_destroy(gateway), "destroy");
    return 0;
}
