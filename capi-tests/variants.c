/* Variants of a stream: lists that are refused, replaced and taken away, and streams that go. */
#include "check.h"

typedef rtsp_webrtc_gateway_stream_id id;

static rtsp_webrtc_gateway *gateway;

/* The list in the JSON document is this one: ids with commas between them. */
static void check_list(const char *name, const char *expected) {
    char *json = NULL;
    size_t size = 0;
    CHECK_OK(rtsp_webrtc_gateway_state_json(gateway, &json, &size));
    char start[64], list[512];
    snprintf(start, sizeof start, "\"name\":\"%s\"", name);
    snprintf(list, sizeof list, "\"variants\":[%s],", expected);
    const char *stream = strstr(json, start);
    CHECK(stream != NULL);
    const char *found = strstr(stream, "\"variants\":");
    CHECK(found != NULL && strncmp(found, list, strlen(list)) == 0);
    rtsp_webrtc_gateway_string_free(json);
}

static int set(id stream, const id *variants, size_t count) {
    return rtsp_webrtc_gateway_set_variants(gateway, stream, variants, count);
}

int main(void) {
    gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway *other = gateway_loopback(NULL);
    id main_stream, sub, thumb, foreign, many[9];
    CHECK_OK(add_camera(gateway, "main", NOBODY, &main_stream));
    CHECK_OK(add_camera(gateway, "sub", NOBODY, &sub));
    CHECK_OK(add_camera(gateway, "thumb", NOBODY, &thumb));
    CHECK_OK(add_camera(other, "main", NOBODY, &foreign));
    for (size_t i = 0; i < 9; i++) {
        char name[8];
        snprintf(name, sizeof name, "cam%zu", i);
        CHECK_OK(add_camera(gateway, name, NOBODY, &many[i]));
    }

    char expected[256];
    check_list("main", "");
    CHECK_OK(set(main_stream, (id[]){sub, thumb}, 2));
    snprintf(expected, sizeof expected, "%llu,%llu,%llu", (unsigned long long)main_stream,
             (unsigned long long)sub, (unsigned long long)thumb);
    check_list("main", expected);

    /* Whatever is refused changes nothing. */
    CHECK_FAILS(set(0, &sub, 1), NOT_FOUND);
    CHECK_FAILS(set(UINT64_MAX, &sub, 1), NOT_FOUND);
    CHECK_FAILS(set(foreign, &sub, 1), NOT_FOUND);
    CHECK_FAILS(set(main_stream, &foreign, 1), NOT_FOUND);
    CHECK_FAILS(set(main_stream, (id[]){sub, 0}, 2), NOT_FOUND);
    CHECK_FAILS(set(main_stream, (id[]){sub, sub}, 2), INVALID_ARGUMENT);
    CHECK_FAILS(set(main_stream, (id[]){main_stream, sub, main_stream}, 3), INVALID_ARGUMENT);
    CHECK_FAILS(set(main_stream, many, 9), INVALID_ARGUMENT);
    CHECK_FAILS(set(main_stream, many, 1000000), INVALID_ARGUMENT);
    CHECK_FAILS(set(main_stream, many, SIZE_MAX), INVALID_ARGUMENT);
    CHECK_FAILS(set(main_stream, NULL, 1), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_set_variants(NULL, main_stream, &sub, 1), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_set_variants(other, main_stream, &sub, 1), NOT_FOUND);
    check_list("main", expected);

    /* Lists are flat: each may name streams that have one, and each other. */
    CHECK_OK(set(sub, (id[]){main_stream, sub, thumb}, 3));
    check_list("sub", expected);
    CHECK_OK(set(main_stream, many, 8));
    CHECK_OK(set(main_stream, (id[]){sub, thumb}, 2));
    check_list("main", expected);

    /* A stream that is removed is a variant of none, and its name begins anew. */
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, sub));
    snprintf(expected, sizeof expected, "%llu,%llu", (unsigned long long)main_stream,
             (unsigned long long)thumb);
    check_list("main", expected);
    CHECK_FAILS(set(sub, &thumb, 1), NOT_FOUND);
    CHECK_FAILS(set(main_stream, &sub, 1), NOT_FOUND);
    CHECK_OK(add_camera(gateway, "sub", NOBODY, &sub));
    check_list("sub", "");
    check_list("main", expected);

    CHECK_OK(set(main_stream, NULL, 0));
    check_list("main", "");
    CHECK_OK(set(main_stream, &main_stream, 1));
    check_list("main", "");
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK_FAILS(set(main_stream, &sub, 1), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK_OK(rtsp_webrtc_gateway_destroy(other));
    return 0;
}
