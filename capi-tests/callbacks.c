/* Callbacks: order, what may be called in them, and free_user_data exactly once. */
#include "check.h"

#include <pthread.h>
#include <time.h>

struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    rtsp_webrtc_gateway *gateway;
    int retrying, removed, after_removed, freed, destroying;
};

static int state_of_host;

static void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    struct seen *seen = user_data;
    const rtsp_webrtc_gateway_stream_id stream = event->stream;
    CHECK(event->struct_size == sizeof *event && strcmp(event->name, "cam") == 0);
    CHECK(strcmp(event->label, "Front door") == 0 && event->stream_user_data == &state_of_host);
    pthread_mutex_lock(&seen->lock);
    CHECK(seen->freed == 0);
    seen->after_removed += seen->removed;
    if (event->state == RTSP_WEBRTC_GATEWAY_STREAM_REMOVED) {
        seen->removed++;
        /* The last callbacks may still use the gateway, even inside destroy(). */
        rtsp_webrtc_gateway_stream_info info;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        CHECK_STATUS(rtsp_webrtc_gateway_get_stream_info(seen->gateway, stream, &info),
                     seen->destroying ? RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN
                                      : RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    }
    if (event->state == RTSP_WEBRTC_GATEWAY_STREAM_RETRYING && seen->retrying++ == 0) {
        CHECK(event->message != NULL && event->status == RTSP_WEBRTC_GATEWAY_ERR_CONNECT);
        /* Functions that do not block work in a callback. */
        rtsp_webrtc_gateway_stream_info info;
        int64_t value;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        CHECK_OK(rtsp_webrtc_gateway_get_stream_info(seen->gateway, stream, &info));
        CHECK(info.status == RTSP_WEBRTC_GATEWAY_ERR_CONNECT);
        CHECK(strlen(info.message) > 10 && strstr(info.message, SECRET) == NULL);
        CHECK_OK(rtsp_webrtc_gateway_get_tuning(seen->gateway, 2, &value));

        /* Functions that block fail, and change nothing. */
        rtsp_webrtc_gateway_config config;
        rtsp_webrtc_gateway *other = NULL;
        config_loopback(&config);
        CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &other), WOULD_DEADLOCK);
        CHECK_FAILS(rtsp_webrtc_gateway_shutdown(seen->gateway, 1), WOULD_DEADLOCK);
        CHECK_FAILS(rtsp_webrtc_gateway_destroy(seen->gateway), WOULD_DEADLOCK);
        rtsp_webrtc_gateway_offer offer;
        rtsp_webrtc_gateway_response *response = NULL;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
        offer.stream_name = "cam";
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(seen->gateway, &offer, &response),
                      response, WOULD_DEADLOCK);
        CHECK_FAILS(rtsp_webrtc_gateway_set_log_callback(0, NULL, NULL, NULL), WOULD_DEADLOCK);

        CHECK_OK(rtsp_webrtc_gateway_remove_stream(seen->gateway, stream));
    }
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

static int add_labeled(rtsp_webrtc_gateway *gateway, rtsp_webrtc_gateway_stream_id *stream) {
    rtsp_webrtc_gateway_pull_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = NOBODY;
    options.label = "Front door";
    options.user_data = &state_of_host;
    return rtsp_webrtc_gateway_add_stream(gateway, "cam", &options, stream);
}

static void free_seen(void *user_data) {
    ((struct seen *)user_data)->freed++;
}

/* Nothing is shown to anybody here: only that the callback is taken. */
static void on_session_quality(void *user_data, const rtsp_webrtc_gateway_quality_event *event) {
    struct seen *seen = user_data;
    CHECK(event->struct_size == sizeof *event && seen->freed == 0);
}

/* Counts on every failure. */
static void create_fails(rtsp_webrtc_gateway_config *config, int expected) {
    struct seen seen = {.freed = 0};
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &seen;
    callbacks.free_user_data = free_seen;
    config->callbacks = &callbacks;
    rtsp_webrtc_gateway *gateway = NULL;
    CHECK_STATUS(rtsp_webrtc_gateway_create(config, &gateway), expected);
    CHECK(seen.freed == 1);
    CHECK_STATUS(rtsp_webrtc_gateway_create(config, NULL),
                 RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT);
    CHECK(seen.freed == 2 && gateway == NULL);
}

int main(void) {
    rtsp_webrtc_gateway_config config;
    config_loopback(&config);
    config.udp_bind = "nonsense";
    create_fails(&config, RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT);
    config_loopback(&config);
    config.tuning_len = 1;
    create_fails(&config, RTSP_WEBRTC_GATEWAY_ERR_INVALID_ARGUMENT);
    config_loopback(&config);
    config.udp_bind = "192.0.2.1:5000"; /* documentation address: no interface has it */
    create_fails(&config, RTSP_WEBRTC_GATEWAY_ERR_IO);

    struct seen seen = {.freed = 0};
    CHECK(pthread_mutex_init(&seen.lock, NULL) == 0);
    CHECK(pthread_cond_init(&seen.changed, NULL) == 0);
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &seen;
    callbacks.free_user_data = free_seen;
    callbacks.on_stream_state = on_stream_state;
    callbacks.on_session_quality = on_session_quality;
    seen.gateway = gateway_loopback(&callbacks);
    memset(&callbacks, 0xff, sizeof callbacks); /* it was copied */

    rtsp_webrtc_gateway_stream_id stream;
    CHECK_OK(add_labeled(seen.gateway, &stream));
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 10;
    pthread_mutex_lock(&seen.lock);
    while (seen.removed == 0) {
        CHECK(pthread_cond_timedwait(&seen.changed, &seen.lock, &deadline) == 0);
    }
    pthread_mutex_unlock(&seen.lock);

    CHECK_OK(rtsp_webrtc_gateway_shutdown(seen.gateway, 0));
    CHECK_OK(rtsp_webrtc_gateway_destroy(seen.gateway));
    CHECK(seen.freed == 1);
    CHECK(seen.retrying == 1 && seen.removed == 1 && seen.after_removed == 0);

    /* destroy() alone delivers the last callbacks and frees, too. */
    struct seen last = {.freed = 0};
    CHECK(pthread_mutex_init(&last.lock, NULL) == 0);
    CHECK(pthread_cond_init(&last.changed, NULL) == 0);
    last.retrying = 1; /* only count */
    last.destroying = 1;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &last;
    callbacks.free_user_data = free_seen;
    callbacks.on_stream_state = on_stream_state;
    last.gateway = gateway_loopback(&callbacks);
    CHECK_OK(add_labeled(last.gateway, &stream));
    CHECK_OK(rtsp_webrtc_gateway_destroy(last.gateway));
    CHECK(last.removed == 1 && last.after_removed == 0 && last.freed == 1);
    return 0;
}
