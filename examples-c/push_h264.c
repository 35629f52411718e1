/* push_h264: a host with frames of its own. Pushes an H.264 file (Annex B) as a stream, frame by
 * frame, at a camera's pace, and starts over at the end of the file. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <string.h>
#include <time.h>

struct file {
    uint8_t *data;
    size_t size;
};

static struct file read_file(const char *path) {
    struct file file = {NULL, 0};
    FILE *from = fopen(path, "rb");
    if (from == NULL || fseek(from, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    const long size = ftell(from);
    rewind(from);
    file.data = size > 0 ? malloc((size_t)size) : NULL;
    if (file.data != NULL) {
        file.size = fread(file.data, 1, (size_t)size, from);
    }
    fclose(from);
    return file;
}

/* Where the next NAL unit after `from` starts (at its start code 00 00 01), or the end. */
static size_t next_start(const struct file *file, size_t from) {
    for (size_t i = from; i + 3 <= file->size; i++) {
        if (file->data[i] == 0 && file->data[i + 1] == 0 && file->data[i + 2] == 1) {
            return i;
        }
    }
    return file->size;
}

/* The end of the access unit at `start` (H.264 section 7.4.1.2.3): the first slice of a picture ends
 * the previous access unit, and so do the NAL units that precede that slice. */
static size_t access_unit_end(const struct file *file, size_t start) {
    bool has_slice = false;
    for (size_t nal = start; nal < file->size; nal = next_start(file, nal + 3)) {
        if (nal + 4 >= file->size) {
            break;
        }
        const int type = file->data[nal + 3] & 0x1f;
        const bool slice = type == 1 || type == 5;
        const bool first_slice = slice && (file->data[nal + 4] & 0x80); /* first_mb_in_slice is 0 */
        const bool in_front = type >= 6 && type <= 9; /* SEI, parameter sets, delimiter */
        if (has_slice && (first_slice || in_front)) {
            return nal;
        }
        has_slice = has_slice || slice;
    }
    return file->size;
}

/* Windows has no clock_nanosleep() for this clock. */
static void sleep_until(const struct timespec *due) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long long left =
        (due->tv_sec - now.tv_sec) * INT64_C(1000000000) + due->tv_nsec - now.tv_nsec;
    if (left > 0) {
        nanosleep(&(struct timespec){.tv_sec = (time_t)(left / 1000000000),
                                     .tv_nsec = (long)(left % 1000000000)},
                  NULL);
    }
}

static void on_keyframe_request(void *user_data, rtsp_webrtc_gateway_stream_id stream) {
    (void)user_data, (void)stream;
    fputs("a keyframe is wanted: a live encoder would make one\n", stderr);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 5 || strcmp(argv[1], "--help") == 0) {
        puts(
            "usage: push_h264 FILE.h264 [FPS [SECONDS [OFFER_FILE]]]\n"
            "Pushes the pictures of an Annex B file, FPS (25) a second, in a loop, for SECONDS "
            "(0:\n"
            "until it is interrupted). OFFER_FILE (- is stdin) has the SDP offer of a viewer; the\n"
            "answer goes to stdout.");
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    const struct file file = read_file(argv[1]);
    const int fps = argc > 2 ? atoi(argv[2]) : 25;
    const long seconds = argc > 3 ? atol(argv[3]) : 0;
    if (next_start(&file, 0) == file.size || fps < 1) {
        fprintf(stderr, "%s is no H.264 file with start codes, or FPS is no number\n", argv[1]);
        return 2;
    }

    rtsp_webrtc_gateway_callbacks callbacks;
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    check(RTSP_WEBRTC_GATEWAY_INIT(&callbacks), "callbacks");
    callbacks.on_stream_state = print_stream_state;
    callbacks.on_keyframe_request = on_keyframe_request;
    check(RTSP_WEBRTC_GATEWAY_INIT(&config), "config");
    config.callbacks = &callbacks;
    check(rtsp_webrtc_gateway_create(&config, &gateway), "create");

    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream;
    check(RTSP_WEBRTC_GATEWAY_INIT(&options), "options");
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    check(rtsp_webrtc_gateway_add_push_stream(gateway, "file", &options, &stream), "add");

    rtsp_webrtc_gateway_frame frame;
    check(RTSP_WEBRTC_GATEWAY_INIT(&frame), "frame");
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    size_t at = next_start(&file, 0);
    for (long picture = 0; seconds == 0 || picture < seconds * fps; picture++) {
        const size_t end = access_unit_end(&file, at);
        frame.data = file.data + at;
        frame.size = end - at;
        frame.pts_us = picture * INT64_C(1000000) / fps;
        const int status = rtsp_webrtc_gateway_push_video(gateway, stream, &frame);
        if (status != RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL) { /* dropped; a keyframe repairs it */
            check(status, "push_video");
        }
        at = end < file.size ? end : next_start(&file, 0);
        if (picture == 0 && argc > 4) {
            answer_offer(gateway, "file", argv[4]);
        }

        due.tv_nsec += 1000000000 / fps;
        due.tv_sec += due.tv_nsec / 1000000000;
        due.tv_nsec %= 1000000000;
        sleep_until(&due);
    }

    rtsp_webrtc_gateway_stream_info info;
    check(RTSP_WEBRTC_GATEWAY_INIT(&info), "info");
    check(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info), "get_stream_info");
    fprintf(stderr, "%ux%u, %llu pictures, %llu of them keyframes, %llu dropped\n", info.width,
            info.height, (unsigned long long)info.frames, (unsigned long long)info.keyframes,
            (unsigned long long)info.frames_dropped);
    check(rtsp_webrtc_gateway_destroy(gateway), "destroy"); /* all frames have been released */
    free(file.data);
    return 0;
}
