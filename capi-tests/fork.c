/* A forked child has none of the gateway's threads: it gets errors, and nothing hangs. */
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    int64_t value;
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &stream));

    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(10);
        CHECK_FAILS(rtsp_webrtc_gateway_get_tuning(gateway, 2, &value), INVALID_STATE);
        CHECK_FAILS(add_camera(gateway, "cam2", NOBODY, &stream), INVALID_STATE);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(gateway, stream), INVALID_STATE);
        CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(gateway, "key"), INVALID_STATE);
        CHECK_FAILS(rtsp_webrtc_gateway_shutdown(gateway, 0), INVALID_STATE);
        CHECK_FAILS(rtsp_webrtc_gateway_destroy(gateway), INVALID_STATE);
        /* One of its own works. */
        CHECK_OK(rtsp_webrtc_gateway_destroy(gateway_loopback(NULL)));
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(rtsp_webrtc_gateway_get_tuning(gateway, 2, &value));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
