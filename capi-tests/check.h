/* Shared by the tests: checks that report where they failed, and a gateway on loopback. */
#ifndef CHECK_H
#define CHECK_H

#include <rtsp_webrtc_gateway.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            char sentence_[512];                                                             \
            rtsp_webrtc_gateway_last_error(sentence_, sizeof sentence_);                     \
            fprintf(stderr, "%s:%d: %s\n  last_error: %s\n", __FILE__, __LINE__, #condition, \
                    sentence_);                                                              \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define CHECK_STATUS(call, expected)                                                            \
    do {                                                                                        \
        const int status_ = (call);                                                             \
        if (status_ != (expected)) {                                                            \
            char sentence_[512];                                                                \
            rtsp_webrtc_gateway_last_error(sentence_, sizeof sentence_);                        \
            fprintf(stderr, "%s:%d: %s\n  is %d (%s), not %s\n  last_error: %s\n", __FILE__,    \
                    __LINE__, #call, status_, rtsp_webrtc_gateway_strerror(status_), #expected, \
                    sentence_);                                                                 \
            exit(1);                                                                            \
        }                                                                                       \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(call, RTSP_WEBRTC_GATEWAY_OK)
/* A failure has an error message, and the message has no secret. */
#define CHECK_FAILS(call, expected)                                      \
    do {                                                                 \
        CHECK_STATUS(call, RTSP_WEBRTC_GATEWAY_ERR_##expected);          \
        char text_[1024];                                                \
        CHECK(rtsp_webrtc_gateway_last_error(text_, sizeof text_) > 10); \
        CHECK(strstr(text_, SECRET) == NULL);                            \
    } while (0)

#define SECRET "hunter2secret"

static inline void config_loopback(rtsp_webrtc_gateway_config *config) {
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(config));
    config->udp_bind = "127.0.0.1:0";
}

/* callbacks may be NULL. */
static inline rtsp_webrtc_gateway *
gateway_loopback(const rtsp_webrtc_gateway_callbacks *callbacks) {
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    config_loopback(&config);
    config.callbacks = callbacks;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));
    CHECK(gateway != NULL);
    return gateway;
}

/* Adds a camera. Port 9 of loopback (discard) has no listener: the connection is refused. */
static inline int add_camera(rtsp_webrtc_gateway *gateway, const char *name, const char *url,
                             rtsp_webrtc_gateway_stream_id *stream) {
    rtsp_webrtc_gateway_pull_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = url;
    return rtsp_webrtc_gateway_add_stream(gateway, name, &options, stream);
}
#define NOBODY "rtsp://user:" SECRET "@127.0.0.1:9/video"

#endif
