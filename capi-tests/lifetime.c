/* Gateways come and go, with and without streams, and leave no thread, file or memory behind.
 * lifetime [CYCLES]: default 1,000; memory is checked from 1,000 on. */
#include "push.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>

static int entries(const char *path) {
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

static long resident_kib(void) {
    long kib = 0;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    fclose(status);
    CHECK(kib > 0);
    return kib;
}

static void come_and_go(int number) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    rtsp_webrtc_gateway_stream_id stream;
    /* Not in every cycle: closing streams takes a while. */
    if (number % 20 == 1) {
        push_picture(gateway, add_push_stream(gateway, "pushed"), 0, true);
        rtsp_webrtc_gateway_response_free(offer_h264(gateway, "pushed"));
    }
    if (number % 100 == 2) {
        CHECK_OK(add_camera(gateway, "camera", NOBODY, &stream));
    }
    if (number % 2) {
        CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    }
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

static void *look_until_shut_down(void *gateway) {
    for (;;) {
        rtsp_webrtc_gateway_stream_info info;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        const int status = rtsp_webrtc_gateway_get_stream_info(gateway, 1, &info);
        if (status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN) {
            return NULL;
        }
        CHECK_STATUS(status, RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    }
}

int main(int argc, char **argv) {
    const int cycles = argc > 1 ? atoi(argv[1]) : 1000;
    /* The first gateways allocate what the process keeps. */
    for (int i = 0; i < cycles / 4; i++) {
        come_and_go(i);
    }
    const int files = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    /* A leak costs the same each time; an arena that malloc() opens when threads meet in it, once. */
    long before, after = LONG_MAX;
    for (int repeat = 0; repeat == 0 || (cycles >= 1000 && after > before + 2048); repeat++) {
        before = resident_kib();
        for (int i = 0; i < cycles; i++) {
            come_and_go(i);
        }
        CHECK(entries("/proc/self/fd") == files);
        CHECK(entries("/proc/self/task") == threads);
        after = resident_kib();
        printf("%ld KiB, then %ld KiB, %d gateways later\n", before, after, cycles);
        CHECK(repeat < 5 && "memory stops growing");
    }

    /* shutdown() while others call: their calls fail, then destroy() is safe. */
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    pthread_t callers[4];
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&callers[i], NULL, look_until_shut_down, gateway) == 0);
    }
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(callers[i], NULL) == 0);
    }
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(entries("/proc/self/task") == threads);
    return 0;
}
