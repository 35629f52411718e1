/* Shared by the C examples: a failed call ends the program with the library's error message. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <rtsp_webrtc_gateway.h>

#include <stdio.h>
#include <stdlib.h>

static inline void check(int status, const char *what) {
    if (status < 0) {
        char sentence[512];
        rtsp_webrtc_gateway_last_error(sentence, sizeof sentence);
        fprintf(stderr, "%s: %s: %s\n", what, rtsp_webrtc_gateway_strerror(status), sentence);
        exit(1);
    }
}

static inline const char *stream_state_name(int32_t state) {
    switch (state) {
    case RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING: return "connecting";
    case RTSP_WEBRTC_GATEWAY_STREAM_LIVE: return "live";
    case RTSP_WEBRTC_GATEWAY_STREAM_RETRYING: return "retrying";
    case RTSP_WEBRTC_GATEWAY_STREAM_FAILED: return "failed";
    case RTSP_WEBRTC_GATEWAY_STREAM_REMOVED: return "removed";
    case RTSP_WEBRTC_GATEWAY_STREAM_IDLE: return "idle";
    default: return "unknown";
    }
}

/* For rtsp_webrtc_gateway_callbacks.on_stream_state. */
static inline void print_stream_state(void *user_data,
                                      const rtsp_webrtc_gateway_stream_event *event) {
    (void)user_data;
    fprintf(stderr, "%s: %s%s%s\n", event->name, stream_state_name(event->state),
            event->message != NULL ? ", " : "", event->message != NULL ? event->message : "");
}

/* A gateway that reports the states of its streams on stderr. */
static inline rtsp_webrtc_gateway *create_gateway(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    check(RTSP_WEBRTC_GATEWAY_INIT(&callbacks), "callbacks");
    callbacks.on_stream_state = print_stream_state;
    check(RTSP_WEBRTC_GATEWAY_INIT(&config), "config");
    config.callbacks = &callbacks;
    check(rtsp_webrtc_gateway_create(&config, &gateway), "create");
    return gateway;
}

/* Reads the offer that a browser would POST from a file ("-": stdin) and writes the answer to stdout.
 * Waits for the stream's first media. */
static inline void answer_offer(rtsp_webrtc_gateway *gateway, const char *stream,
                                const char *path) {
    static char sdp[128 * 1024];
    FILE *file = path[0] == '-' && path[1] == '\0' ? stdin : fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    check(RTSP_WEBRTC_GATEWAY_INIT(&offer), "offer");
    offer.stream_name = stream;
    offer.sdp = sdp;
    offer.sdp_size = fread(sdp, 1, sizeof sdp, file);
    offer.timeout_ms = 30000;
    if (file != stdin) {
        fclose(file);
    }
    check(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), "offer");
    fputs(rtsp_webrtc_gateway_response_body(response, NULL), stdout);
    fflush(stdout);
    rtsp_webrtc_gateway_response_free(response); /* the session continues */
}

#endif
