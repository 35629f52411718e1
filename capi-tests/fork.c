/* A forked child has none of the gateway's threads: calls fail, and nothing hangs. */
#include "every.h"
#include "push.h"

#include <sys/wait.h>
#include <unistd.h>

static int released;

static void release(void *data) {
    CHECK(data == &released);
    released++;
}

static void in_child(struct world *world) {
    alarm(60);
    /* Lent frames are released here, too. */
    uint8_t data[64];
    rtsp_webrtc_gateway_frame frame = picture(data, 1, true);
    frame.release = release;
    frame.release_data = &released;
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(world->gateway, world->stream, &frame),
                INVALID_STATE);
    CHECK(released == 1);
    for (int i = 0; i < EVERY_COUNT; i++) {
        const struct call *call = &EVERY[i];
        const int status = call->run(world);
        if (call->kind == GLOBAL || call->run == every_set_log_callback ||
            call->run == every_create) { /* one of its own works */
            CHECK_CALL(call, status, status == RTSP_WEBRTC_GATEWAY_OK);
        } else {
            CHECK_CALL(call, status, status == RTSP_WEBRTC_GATEWAY_ERR_INVALID_STATE);
        }
    }
}

int main(void) {
    struct world world = {.gateway = gateway_loopback(NULL)};
    world.stream = add_push_stream(world.gateway, "pushed");
    push_picture(world.gateway, world.stream, 0, true);

    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_child(&world);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(every_get_stream_info(&world));
    CHECK_OK(rtsp_webrtc_gateway_destroy(world.gateway));
    return 0;
}
