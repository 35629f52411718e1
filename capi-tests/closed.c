/* Every function on a gateway after shutdown(): ERR_SHUTTING_DOWN, and destroy() still works. */
#include "every.h"
#include "push.h"

int main(void) {
    struct world world = {.gateway = gateway_loopback(NULL)};
    world.stream = add_push_stream(world.gateway, "pushed");
    push_picture(world.gateway, world.stream, 0, true);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(world.gateway, 0));
    for (int i = 0; i < EVERY_COUNT; i++) {
        const struct call *call = &EVERY[i];
        const bool works = call->kind == GLOBAL || call->kind == END || call->run == every_create ||
                           call->run == every_set_log_callback || call->run == every_get_tuning;
        const int status = call->run(&world); /* destroy() is the last */
        CHECK_CALL(call, status,
                   status == (works ? 0 : (int)RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN));
    }
    return 0;
}
