/* Lists of streams and sessions, streams by name, sessions closed by id. */
#include "check.h"

int main(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream[3], found = 7, ids[4] = {7, 7, 7, 7};
    size_t count = 7;
    CHECK_OK(rtsp_webrtc_gateway_list_streams(gateway, NULL, 0, &count));
    CHECK(count == 0);
    CHECK_OK(add_camera(gateway, "b", NOBODY, &stream[0]));
    CHECK_OK(add_camera(gateway, "a", NOBODY, &stream[1]));
    CHECK_OK(add_camera(gateway, "c", NOBODY, &stream[2]));

    /* The count is the total, however many fit. */
    for (size_t capacity = 0; capacity <= 4; capacity++) {
        memset(ids, 0xff, sizeof ids);
        CHECK_OK(rtsp_webrtc_gateway_list_streams(gateway, ids, capacity, &count));
        CHECK(count == 3);
        for (size_t i = 0; i < 4; i++) {
            CHECK(ids[i] == (i < capacity && i < 3 ? stream[i] : UINT64_MAX));
        }
    }
    CHECK_FAILS(rtsp_webrtc_gateway_find_stream(gateway, "nobody", &found), NOT_FOUND);
    CHECK(found == 7);
    CHECK_OK(rtsp_webrtc_gateway_find_stream(gateway, "a", &found));
    CHECK(found == stream[1]);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, found));
    CHECK_FAILS(rtsp_webrtc_gateway_find_stream(gateway, "a", &found), NOT_FOUND);
    CHECK_OK(rtsp_webrtc_gateway_list_streams(gateway, ids, 4, &count));
    CHECK(count == 2 && ids[0] == stream[0] && ids[1] == stream[2]);

    CHECK_OK(rtsp_webrtc_gateway_list_sessions(gateway, ids, 4, &count));
    CHECK(count == 0);
    CHECK_FAILS(rtsp_webrtc_gateway_close_session(gateway, 0), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_close_session(gateway, stream[0]), NOT_FOUND);

    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK_FAILS(rtsp_webrtc_gateway_list_streams(gateway, ids, 4, &count), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_list_sessions(gateway, ids, 4, &count), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_find_stream(gateway, "b", &found), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_close_session(gateway, 1), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
