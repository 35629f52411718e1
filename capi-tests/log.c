/* The log callback: set, replaced, removed, freed exactly once; no password in any line. */
#include "check.h"

#include <stdatomic.h>

struct log {
    atomic_int lines, freed;
    atomic_ullong stream;
};

static void on_line(void *user_data, const rtsp_webrtc_gateway_log_record *record) {
    struct log *log = user_data;
    CHECK(atomic_load(&log->freed) == 0);
    CHECK(record->struct_size == sizeof *record);
    CHECK(record->level >= RTSP_WEBRTC_GATEWAY_LOG_ERROR);
    CHECK(record->level <= RTSP_WEBRTC_GATEWAY_LOG_TRACE);
    CHECK(strlen(record->target) > 0 && strlen(record->message) > 0);
    CHECK(strstr(record->message, SECRET) == NULL);
    CHECK(strpbrk(record->message, "\r\n\x1b") == NULL);
    /* Calling the library here is not allowed, and must not hang. */
    CHECK_STATUS(rtsp_webrtc_gateway_set_log_callback(0, NULL, NULL, NULL),
                 RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(rtsp_webrtc_gateway_set_log_level(0), RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK);
    atomic_fetch_add(&log->lines, 1);
    if (record->stream != 0) {
        CHECK(strcmp(record->stream_name, "cam") == 0);
        atomic_store(&log->stream, record->stream);
    }
}

static void free_log(void *user_data) {
    atomic_fetch_add(&((struct log *)user_data)->freed, 1);
}

/* Something worth a log line: a camera that cannot be reached. */
static void run_gateway(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &stream));
    do {
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info));
    } while (info.state == RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

int main(void) {
    struct log first = {0}, second = {0}, refused = {0};
    CHECK_FAILS(rtsp_webrtc_gateway_set_log_level(RTSP_WEBRTC_GATEWAY_LOG_INFO), INVALID_STATE);
    CHECK_FAILS(rtsp_webrtc_gateway_set_log_callback(6, on_line, &refused, free_log),
                INVALID_ARGUMENT);
    CHECK(refused.freed == 1);

    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_TRACE, on_line, &first,
                                                  free_log));
    run_gateway();
    CHECK(first.lines > 0 && first.freed == 0);
    CHECK(first.stream != 0); /* the unreachable camera */
    CHECK_FAILS(rtsp_webrtc_gateway_set_log_level(-1), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_set_log_callback(-1, on_line, &refused, free_log),
                INVALID_ARGUMENT);
    CHECK(refused.freed == 2 && first.freed == 0);

    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_WARN, on_line, &second,
                                                  free_log));
    CHECK(first.freed == 1);
    const int lines = first.lines;
    run_gateway();
    CHECK(first.lines == lines);
    CHECK_OK(rtsp_webrtc_gateway_set_log_level(RTSP_WEBRTC_GATEWAY_LOG_OFF));
    const int before = second.lines;
    run_gateway();
    CHECK(second.lines == before);

    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_OFF, NULL, NULL, NULL));
    CHECK(second.freed == 1 && first.freed == 1);
    /* Without a callback user_data is freed at once. */
    struct log unused = {0};
    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_INFO, NULL, &unused,
                                                  free_log));
    CHECK(unused.freed == 1);
    run_gateway();
    CHECK(second.lines == before);
    return 0;
}
