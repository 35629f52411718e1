/* record: a recorder that has no connection of its own to the camera. Writes each track to a file as the
 * camera sends it (video as Annex B, AAC with ADTS headers), and next to it a table of all frames. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
    (void)signal;
    interrupted = 1;
}

static FILE *create_file(const char *prefix, const char *suffix) {
    char path[512];
    snprintf(path, sizeof path, "%s.%s", prefix, suffix);
    for (char *c = path + strlen(prefix); *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

/* A header for one frame of AAC (ISO/IEC 14496-3 section 1.A.2), from the AudioSpecificConfig. */
static size_t adts_header(const rtsp_webrtc_gateway_sink_frame *frame, uint8_t header[7]) {
    const uint8_t *config = frame->parameters;
    if (strcmp(frame->encoding, "AAC") != 0 || frame->parameters_size < 2) {
        return 0;
    }
    const unsigned profile = (config[0] >> 3) - 1U;
    const unsigned rate = (config[0] & 7U) << 1 | config[1] >> 7;
    const unsigned channels = config[1] >> 3 & 15U;
    const size_t size = frame->size + 7;
    const uint8_t bytes[7] = {0xff,
                              0xf1,
                              (uint8_t)(profile << 6 | rate << 2 | channels >> 2),
                              (uint8_t)((channels & 3) << 6 | (size >> 11 & 3)),
                              (uint8_t)(size >> 3),
                              (uint8_t)((size & 7) << 5 | 0x1f),
                              0xfc};
    memcpy(header, bytes, sizeof bytes);
    return sizeof bytes;
}

/* The files of one recording: one for each track, and the table. */
struct recording {
    const char *prefix;
    FILE *tracks[4];
    long offsets[4];
    FILE *table;
};

static void record(struct recording *to, const rtsp_webrtc_gateway_sink_frame *frame) {
    if (frame->track < 1 || frame->track > 3) {
        return;
    }
    FILE **file = &to->tracks[frame->track];
    if (*file == NULL) {
        *file = create_file(to->prefix, frame->encoding);
    }
    uint8_t header[7];
    const size_t header_size = adts_header(frame, header);
    const size_t written =
        fwrite(header, 1, header_size, *file) + fwrite(frame->data, 1, frame->size, *file);
    if (written != header_size + frame->size) {
        perror("write");
        exit(1);
    }
    fprintf(to->table, "%s\t%ld\t%zu\t%lld\t%lld\t%s%s%s\n", frame->encoding,
            to->offsets[frame->track], written, (long long)frame->pts_us,
            (long long)frame->capture_unix_us,
            frame->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY ? "K" : "",
            frame->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY ? "D" : "",
            frame->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_DAMAGED ? "!" : "");
    to->offsets[frame->track] += (long)written;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4 || strcmp(argv[1], "--help") == 0) {
        puts("usage: record RTSP_URL PREFIX [SECONDS]\n"
             "Records a camera to PREFIX.h264 (or .h265, .av1), PREFIX.aac (or .pcmu ...), and\n"
             "PREFIX.tsv: for each frame its encoding, offset, size, presentation time, capture\n"
             "time, and K (keyframe), D (something is missing before it), ! (damaged). Ends after\n"
             "SECONDS; without, when it is interrupted.");
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    const time_t end = argc > 3 ? time(NULL) + atol(argv[3]) : 0;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    rtsp_webrtc_gateway *gateway = create_gateway();
    rtsp_webrtc_gateway_pull_options camera;
    rtsp_webrtc_gateway_stream_id stream;
    check(RTSP_WEBRTC_GATEWAY_INIT(&camera), "options");
    camera.url = argv[1];
    check(rtsp_webrtc_gateway_add_stream(gateway, "camera", &camera, &stream), "add_stream");

    rtsp_webrtc_gateway_sink_options options;
    rtsp_webrtc_gateway_sink_id sink;
    check(RTSP_WEBRTC_GATEWAY_INIT(&options), "options");
    check(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink), "add_sink");

    struct recording recording = {.prefix = argv[2], .table = create_file(argv[2], "tsv")};
    while (!interrupted && (end == 0 || time(NULL) < end)) {
        const rtsp_webrtc_gateway_sink_frame *frame = NULL;
        const int status = rtsp_webrtc_gateway_read_sink(gateway, sink, 500, &frame);
        if (status == RTSP_WEBRTC_GATEWAY_ERR_TIMEOUT) {
            continue; /* the camera is away, or has not sent a keyframe yet */
        }
        check(status, "read_sink");
        record(&recording, frame);
        rtsp_webrtc_gateway_sink_frame_free(frame);
    }

    rtsp_webrtc_gateway_sink_info info;
    check(RTSP_WEBRTC_GATEWAY_INIT(&info), "info");
    check(rtsp_webrtc_gateway_get_sink_info(gateway, sink, &info), "get_sink_info");
    fprintf(stderr, "%llu frames, %llu bytes, %llu dropped\n", (unsigned long long)info.frames,
            (unsigned long long)info.bytes, (unsigned long long)info.frames_dropped);
    check(rtsp_webrtc_gateway_destroy(gateway), "destroy");
    for (int track = 1; track <= 3; track++) {
        if (recording.tracks[track] != NULL) {
            fclose(recording.tracks[track]);
        }
    }
    fclose(recording.table);
    return 0;
}
