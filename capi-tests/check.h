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

/* A failed request of a viewer has a response, too, which is freed here. */
#define CHECK_REFUSED(call, response, expected)                      \
    do {                                                             \
        CHECK_FAILS(call, expected);                                 \
        check_refusal(response, RTSP_WEBRTC_GATEWAY_ERR_##expected); \
        (response) = NULL;                                           \
    } while (0)

#define SECRET "hunter2secret"

static inline const char *header_of(const rtsp_webrtc_gateway_response *response,
                                    const char *name) {
    const char *found, *value;
    for (size_t i = 0; rtsp_webrtc_gateway_response_header(response, i, &found, &value); i++) {
        if (strcmp(found, name) == 0) {
            return value;
        }
    }
    return "";
}

/* A response with problem details (RFC 9457), about no session. Frees it. */
static inline void check_refusal(rtsp_webrtc_gateway_response *response, int status) {
    char member[32];
    const int http_status = rtsp_webrtc_gateway_http_status(status);
    CHECK(response != NULL);
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == http_status);
    CHECK(strcmp(header_of(response, "Content-Type"), "application/problem+json") == 0);
    snprintf(member, sizeof member, "\"status\":%d", http_status);
    const char *body = rtsp_webrtc_gateway_response_body(response, NULL);
    CHECK(strstr(body, member) != NULL && strstr(body, "\"detail\":\"") != NULL);
    CHECK(strstr(body, SECRET) == NULL);
    const bool again = status == RTSP_WEBRTC_GATEWAY_ERR_NOT_READY || http_status == 503;
    CHECK((atoi(header_of(response, "Retry-After")) > 0) == again);
    CHECK(rtsp_webrtc_gateway_response_session_id(response) == 0);
    CHECK(rtsp_webrtc_gateway_response_session_key(response) == NULL);
    CHECK(rtsp_webrtc_gateway_response_etag(response) == NULL);
    rtsp_webrtc_gateway_response_free(response);
}

static inline void config_loopback(rtsp_webrtc_gateway_config *config) {
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(config));
    config->udp_bind = UDP_LOOPBACK;
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
