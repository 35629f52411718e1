/* pull_camera: one camera, whose state it reports, and one viewer, if there is an offer. No web
 * server: how offers arrive and where answers go is up to the host. */
#include "example.h"

#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4 || strcmp(argv[1], "--help") == 0) {
        puts("usage: pull_camera RTSP_URL [OFFER_FILE [SECONDS]]\n"
             "Connects to a camera and says on stderr how it is. OFFER_FILE (- is stdin) has the\n"
             "SDP offer of a viewer; the answer goes to stdout, and the viewer is served. Ends "
             "after\n"
             "SECONDS; without, when it is interrupted.");
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    rtsp_webrtc_gateway *gateway = create_gateway();

    rtsp_webrtc_gateway_pull_options camera;
    rtsp_webrtc_gateway_stream_id stream;
    check(RTSP_WEBRTC_GATEWAY_INIT(&camera), "options");
    camera.url = argv[1];
    check(rtsp_webrtc_gateway_add_stream(gateway, "camera", &camera, &stream), "add_stream");

    if (argc > 2) {
        answer_offer(gateway, "camera", argv[2]);
    }
    if (argc > 3) {
        sleep((unsigned)atoi(argv[3]));
    } else {
        sleep(60); /* the library works on its own threads */
    }

    rtsp_webrtc_gateway_stream_info info;
    check(RTSP_WEBRTC_GATEWAY_INIT(&info), "info");
    check(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info), "get_stream_info");
    fprintf(stderr, "%s, %ux%u, %llu pictures%s%s\n", stream_state_name(info.state), info.width,
            info.height, (unsigned long long)info.frames, info.message[0] ? ": " : "",
            info.message);
    check(rtsp_webrtc_gateway_destroy(gateway), "destroy");
    return 0;
}
