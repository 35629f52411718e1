/* Gateways come and go, with and without streams, and leave no thread and no file behind. */
#include "check.h"

#include <dirent.h>
#include <pthread.h>

static int entries(const char *path)
{
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void *look_until_shut_down(void *gateway)
{
    for (;;) {
        rtsp_webrtc_gateway_stream_info info;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        const int status = rtsp_webrtc_gateway_get_stream_info(gateway, 1, &info);
        if (status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN)
            return NULL;
        CHECK_STATUS(status, RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    }
}

int main(void)
{
    /* The first gateway may make what the process keeps. */
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway_loopback(NULL)));
    const int files = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    for (int i = 0; i < 50; i++) {
        rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
        rtsp_webrtc_gateway_stream_id stream;
        for (int cameras = 0; cameras < i % 3; cameras++)
            CHECK_OK(add_camera(gateway, cameras ? "b" : "a", NOBODY, &stream));
        if (i % 2)
            CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 5000));
        CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    }
    CHECK(entries("/proc/self/fd") == files);
    CHECK(entries("/proc/self/task") == threads);

    /* shutdown() while others call: they get their error, then destroy() is safe. */
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    pthread_t callers[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&callers[i], NULL, look_until_shut_down, gateway) == 0);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(callers[i], NULL) == 0);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(entries("/proc/self/task") == threads);
    return 0;
}
