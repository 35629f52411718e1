/* Invalid streams: names, URLs, credentials, options. Each gives its status, and no error message
 * contains the password. Then ids that are no longer valid. */
#include "check.h"

int main(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream = 0;

    char longest[129], too_long[130];
    memset(longest, 'n', sizeof longest);
    longest[128] = '\0';
    memset(too_long, 'n', sizeof too_long);
    too_long[129] = '\0';
    const char *const names[] = {"", too_long, "a/b", "a b", "\xc3\xa4", "\xff", "a\n"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_FAILS(add_camera(gateway, names[i], NOBODY, &stream), INVALID_ARGUMENT);
    }
    CHECK_OK(add_camera(gateway, longest, NOBODY, &stream));
    CHECK_FAILS(add_camera(gateway, longest, NOBODY, &stream), ALREADY_EXISTS);

    const char *const urls[] = {
        "",
        "camera",
        "http://user:" SECRET "@127.0.0.1/video",
        "user:" SECRET "@127.0.0.1/video",
        "rtsp://user:" SECRET "@127.0.0.1:99999/video",
        "rtsp://user:" SECRET "@127.0.0.1:port/video",
        "rtsp://user:" SECRET "@/video",
        "rtsp://user:" SECRET "@[::1/video",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        CHECK_FAILS(add_camera(gateway, "cam", urls[i], &stream), URL);
    }
    char why[256];
    CHECK_FAILS(add_camera(gateway, "cam", "192.0.2.7/stream1", &stream), URL);
    rtsp_webrtc_gateway_last_error(why, sizeof why);
    CHECK(strstr(why, "must start with rtsp://") != NULL);
    CHECK_FAILS(add_camera(gateway, "cam", "rtsp://user:" SECRET "\xff@127.0.0.1/", &stream),
                INVALID_ARGUMENT);
    CHECK_FAILS(add_camera(gateway, "cam", "rtsp://us%0d%0aer:" SECRET "@127.0.0.1/", &stream),
                CREDENTIALS);
    CHECK_FAILS(add_camera(gateway, "cam", "rtsp://user:" SECRET "%00@127.0.0.1/", &stream),
                CREDENTIALS);

    rtsp_webrtc_gateway_pull_options pull;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&pull));
    pull.url = "rtsp://127.0.0.1:9/video";
    pull.username = "user";
    pull.password = SECRET "\r\nX-Header: 1";
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), CREDENTIALS);
    pull.username = "us\ner";
    pull.password = SECRET;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), CREDENTIALS);
    pull.username = "user";
    pull.flags = 1u << 31;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.flags = RTSP_WEBRTC_GATEWAY_PULL_NO_AUDIO;
    pull.transport = RTSP_WEBRTC_GATEWAY_TRANSPORT_HTTP + 1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.transport = -1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.transport = RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP;
    pull.connect_timeout_ms = 499;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.connect_timeout_ms = 500;
    pull.idle_timeout_ms = 300001;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.idle_timeout_ms = 300000;
    pull.retry_min_ms = 2000;
    pull.retry_max_ms = 1999;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    pull.retry_max_ms = 2000;
    CHECK_OK(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream));

    /* Labels, names and updates. */
    char label[130];
    memset(label, 'l', sizeof label);
    label[129] = '\0';
    pull.label = label;
    CHECK_FAILS(rtsp_webrtc_gateway_update_stream(gateway, stream, &pull), INVALID_ARGUMENT);
    pull.label = "two\nlines";
    CHECK_FAILS(rtsp_webrtc_gateway_update_stream(gateway, stream, &pull), INVALID_ARGUMENT);
    label[128] = '\0';
    pull.label = label;
    pull.user_data = &stream;
    CHECK_OK(rtsp_webrtc_gateway_update_stream(gateway, stream, &pull));
    CHECK_OK(rtsp_webrtc_gateway_reconnect_stream(gateway, stream));
    rtsp_webrtc_gateway_stream_info updated;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&updated));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &updated));
    CHECK(strcmp(updated.label, label) == 0 && strcmp(updated.name, "cam") == 0);
    CHECK(updated.user_data == &stream);
    char name[4] = "xxx";
    CHECK(rtsp_webrtc_gateway_stream_name(gateway, stream, NULL, 0) == 3);
    CHECK(rtsp_webrtc_gateway_stream_name(gateway, stream, name, 1) == 3 && name[0] == '\0');
    CHECK(rtsp_webrtc_gateway_stream_name(gateway, stream, name, 4) == 3);
    CHECK(strcmp(name, "cam") == 0);
    rtsp_webrtc_gateway_push_options push;
    rtsp_webrtc_gateway_stream_id pushed;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&push));
    push.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    push.label = "Pushed";
    push.user_data = &push;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, "pushed", &push, &pushed));
    CHECK_FAILS(rtsp_webrtc_gateway_update_stream(gateway, pushed, &pull), INVALID_STATE);
    CHECK_FAILS(rtsp_webrtc_gateway_reconnect_stream(gateway, pushed), INVALID_STATE);
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, pushed, &updated));
    CHECK(strcmp(updated.label, "Pushed") == 0 && updated.user_data == &push);

    /* Ids that never existed, and one that is no longer valid. */
    rtsp_webrtc_gateway_stream_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    rtsp_webrtc_gateway_session_info session_info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&session_info));
    CHECK(stream != 0);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    const rtsp_webrtc_gateway_stream_id stale[] = {0, stream, UINT64_MAX};
    for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) {
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(gateway, stale[i]), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_update_stream(gateway, stale[i], &pull), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_reconnect_stream(gateway, stale[i]), NOT_FOUND);
        CHECK(rtsp_webrtc_gateway_stream_name(gateway, stale[i], name, 4) == 0 && name[0] == '\0');
        CHECK_FAILS(rtsp_webrtc_gateway_get_stream_info(gateway, stale[i], &info), NOT_FOUND);
        CHECK_FAILS(rtsp_webrtc_gateway_get_session_info(gateway, stale[i], &session_info),
                    NOT_FOUND);
    }
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(gateway, "", NULL), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(gateway, "AAAAAAAAAAAAAAAAAAAAAA", NULL),
                NOT_FOUND);
    /* The name is free again; the id is a new one. */
    rtsp_webrtc_gateway_stream_id again = 0;
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &again));
    CHECK(again != stream);

    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK_FAILS(add_camera(gateway, "late", NOBODY, &stream), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(gateway, again), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
