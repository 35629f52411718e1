/* on_output_state: each change of an output once and in order, the reason where there is one, and REMOVED last. */
#include "push.h"

#include <pthread.h>
#include <time.h>

struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    rtsp_webrtc_gateway *gateway;
    rtsp_webrtc_gateway_output_id output; /* 0 until it is known */
    int connecting, retrying, removed, freed;
    int32_t state;
};

static int of_output;

static void on_output_state(void *user_data, const rtsp_webrtc_gateway_output_event *event) {
    struct seen *seen = user_data;
    CHECK(event->struct_size == sizeof *event && event->output_user_data == &of_output);
    CHECK(strcmp(event->stream_name, "cam") == 0 && strcmp(event->label, "cloud") == 0);
    CHECK(strcmp(event->server, "http://127.0.0.1:9") == 0 && event->session == 0);
    pthread_mutex_lock(&seen->lock);
    CHECK(seen->freed == 0 && seen->removed == 0 && event->state != seen->state);
    CHECK(seen->output == 0 || seen->output == event->output);
    seen->state = event->state;
    switch (event->state) {
    case RTSP_WEBRTC_GATEWAY_OUTPUT_CONNECTING: seen->connecting++; break;
    case RTSP_WEBRTC_GATEWAY_OUTPUT_RETRYING:
        seen->retrying++;
        CHECK_STATUS(event->status, RTSP_WEBRTC_GATEWAY_ERR_INGEST);
        CHECK(strstr(event->message, "cannot be reached") != NULL);
        CHECK(strstr(event->message, SECRET) == NULL);
        break;
    case RTSP_WEBRTC_GATEWAY_OUTPUT_REMOVED: seen->removed++; break;
    default: CHECK(!"another state");
    }
    if (event->state != RTSP_WEBRTC_GATEWAY_OUTPUT_RETRYING) {
        CHECK(event->message == NULL && event->status == RTSP_WEBRTC_GATEWAY_OK);
    }
    /* Functions that do not block work in a callback. */
    rtsp_webrtc_gateway_output_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    const int status = rtsp_webrtc_gateway_get_output_info(seen->gateway, event->output, &info);
    CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND ||
          status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

static void free_seen(void *user_data) {
    ((struct seen *)user_data)->freed++;
}

static void wait_until(struct seen *seen, const int *count, int least) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&seen->lock);
    while (*count < least) {
        CHECK(pthread_cond_timedwait(&seen->changed, &seen->lock, &deadline) == 0);
    }
    pthread_mutex_unlock(&seen->lock);
}

int main(void) {
    struct seen seen = {.freed = 0};
    CHECK(pthread_mutex_init(&seen.lock, NULL) == 0);
    CHECK(pthread_cond_init(&seen.changed, NULL) == 0);
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &seen;
    callbacks.free_user_data = free_seen;
    callbacks.on_output_state = on_output_state;
    seen.gateway = gateway_loopback(&callbacks);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(seen.gateway, "cam");

    /* Nobody listens on that port. */
    rtsp_webrtc_gateway_output_options options;
    rtsp_webrtc_gateway_output_id output = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = "http://user:" SECRET "@127.0.0.1:9/whip/" SECRET;
    options.label = "cloud";
    options.user_data = &of_output;
    const int added = rtsp_webrtc_gateway_add_output(seen.gateway, stream, &options, &output);
    if (added == RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED) {
        return 0; /* a variant of the library without HTTP */
    }
    CHECK_OK(added);
    pthread_mutex_lock(&seen.lock);
    seen.output = output;
    CHECK(seen.connecting == 0); /* it waits for its stream */
    pthread_mutex_unlock(&seen.lock);

    uint8_t data[64];
    rtsp_webrtc_gateway_frame frame = picture(data, 0, true);
    CHECK_OK(rtsp_webrtc_gateway_push_video(seen.gateway, stream, &frame));
    wait_until(&seen, &seen.retrying, 2);
    rtsp_webrtc_gateway_output_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_output_info(seen.gateway, output, &info));
    CHECK_STATUS(info.status, RTSP_WEBRTC_GATEWAY_ERR_INGEST);
    CHECK(info.warning[0] == '\0'); /* what stays on this machine is not read by others */
    CHECK_OK(rtsp_webrtc_gateway_remove_output(seen.gateway, output));
    wait_until(&seen, &seen.removed, 1);

    /* One that is there to the end: destroy() delivers the last callback. */
    seen.removed = 0;
    seen.state = 0;
    seen.output = 0;
    options.url = "http://user:" SECRET "@127.0.0.1:9/";
    CHECK_OK(rtsp_webrtc_gateway_add_output(seen.gateway, stream, &options, &output));
    CHECK_OK(rtsp_webrtc_gateway_destroy(seen.gateway));
    CHECK(seen.removed == 1 && seen.freed == 1);
    return 0;
}
