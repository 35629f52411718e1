/* Sinks: what is pushed comes out, in both forms; a queue that is full costs its sink the rest of the GOP;
 * those who wait are woken; frames outlive everything. */
#include "push.h"

#include <pthread.h>

static rtsp_webrtc_gateway_sink_id add_sink(rtsp_webrtc_gateway *gateway,
                                            rtsp_webrtc_gateway_stream_id stream, uint32_t flags,
                                            uint32_t queue_frames) {
    rtsp_webrtc_gateway_sink_options options;
    rtsp_webrtc_gateway_sink_id sink = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.flags = flags;
    options.queue_frames = queue_frames;
    CHECK_OK(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink));
    CHECK(sink != 0);
    return sink;
}

static const rtsp_webrtc_gateway_sink_frame *read_frame(rtsp_webrtc_gateway *gateway,
                                                        rtsp_webrtc_gateway_sink_id sink) {
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    CHECK_OK(rtsp_webrtc_gateway_read_sink(gateway, sink, 60000, &frame));
    CHECK(frame != NULL && frame->struct_size == sizeof *frame && frame->size > 0);
    return frame;
}

static void nothing_to_read(rtsp_webrtc_gateway *gateway, rtsp_webrtc_gateway_sink_id sink) {
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    CHECK_FAILS(rtsp_webrtc_gateway_read_sink(gateway, sink, 0, &frame), TIMEOUT);
    CHECK(frame == NULL);
}

static void what_is_pushed_comes_out(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "cam");
    const rtsp_webrtc_gateway_sink_id annex_b = add_sink(gateway, stream, 0, 0);
    const rtsp_webrtc_gateway_sink_id lengths =
        add_sink(gateway, stream, RTSP_WEBRTC_GATEWAY_SINK_LENGTH_PREFIXED, 0);
    nothing_to_read(gateway, annex_b);
    for (int i = 0; i < 3; i++) {
        push_picture(gateway, stream, i, i == 0);
    }
    int64_t first = 0;
    for (int i = 0; i < 3; i++) {
        const rtsp_webrtc_gateway_sink_frame *frame = read_frame(gateway, annex_b);
        const rtsp_webrtc_gateway_sink_frame *other = read_frame(gateway, lengths);
        const uint32_t flags = i == 0 ? RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY |
                                            RTSP_WEBRTC_GATEWAY_SINK_FRAME_FORMAT_CHANGED
                                      : 0;
        first = i == 0 ? frame->pts_us : first;
        CHECK(frame->track == RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO);
        CHECK(frame->codec == RTSP_WEBRTC_GATEWAY_CODEC_H264);
        CHECK(strcmp(frame->encoding, "H264") == 0);
        CHECK(frame->flags == flags && other->flags == flags);
        CHECK(frame->pts_us == first + i * 40000 && other->pts_us == frame->pts_us);
        CHECK(frame->arrival_unix_us > 1600000000000000 && frame->age_us >= 0);
        CHECK(frame->packets_lost == 0 && frame->frames_dropped == 0);
        CHECK(memcmp(frame->data, "\0\0\0\1", 4) == 0);
        CHECK(frame->data[4] == (i == 0 ? 0x67 : 0x41));
        /* The SPS has 9 bytes, the slice 6 (its trailing zeros apart). */
        CHECK(other->size == frame->size && other->data[3] == (i == 0 ? 9 : 5));
        CHECK(frame->parameters_size > 8 && frame->parameters[4] == 0x67);
        rtsp_webrtc_gateway_sink_frame_free(frame);
        rtsp_webrtc_gateway_sink_frame_free(other);
    }
    const rtsp_webrtc_gateway_sink_frame *keyframe = NULL;
    CHECK_OK(rtsp_webrtc_gateway_get_keyframe(gateway, stream, &keyframe));
    CHECK(keyframe->data[4] == 0x67 && keyframe->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY);

    const rtsp_webrtc_gateway_sink_id late =
        add_sink(gateway, stream, RTSP_WEBRTC_GATEWAY_SINK_FROM_CACHE, 0);
    for (int i = 0; i < 3; i++) {
        const rtsp_webrtc_gateway_sink_frame *frame = read_frame(gateway, late);
        CHECK(frame->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_CACHED);
        CHECK(frame->pts_us == first + i * 40000);
        rtsp_webrtc_gateway_sink_frame_free(frame);
    }
    nothing_to_read(gateway, late);

    /* Frames outlive sink, stream and gateway. */
    push_picture(gateway, stream, 3, true);
    const rtsp_webrtc_gateway_sink_frame *frame = read_frame(gateway, annex_b);
    CHECK_OK(rtsp_webrtc_gateway_remove_sink(gateway, annex_b));
    CHECK_FAILS(rtsp_webrtc_gateway_remove_sink(gateway, annex_b), NOT_FOUND);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(frame->data[4] == 0x67 && frame->data[frame->size - 1] == 0xa0);
    rtsp_webrtc_gateway_sink_frame_free(frame);
    rtsp_webrtc_gateway_sink_frame_free(keyframe);
}

static void a_slow_sink_loses_the_rest_of_the_gop(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "cam");
    const rtsp_webrtc_gateway_sink_id slow = add_sink(gateway, stream, 0, 16);
    const rtsp_webrtc_gateway_sink_id other = add_sink(gateway, stream, 0, 0);
    for (int i = 0; i < 20; i++) {
        push_picture(gateway, stream, i, i == 0);
        rtsp_webrtc_gateway_sink_frame_free(read_frame(gateway, other));
    }
    for (int i = 0; i < 16; i++) {
        const rtsp_webrtc_gateway_sink_frame *frame = read_frame(gateway, slow);
        CHECK((frame->flags & RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY) == 0);
        rtsp_webrtc_gateway_sink_frame_free(frame);
    }
    push_picture(gateway, stream, 20, false);
    push_picture(gateway, stream, 21, true);
    const rtsp_webrtc_gateway_sink_frame *frame = read_frame(gateway, slow);
    CHECK(frame->flags ==
          (RTSP_WEBRTC_GATEWAY_SINK_FRAME_KEY | RTSP_WEBRTC_GATEWAY_SINK_FRAME_DISCONTINUITY));
    CHECK(frame->frames_dropped == 5);
    rtsp_webrtc_gateway_sink_frame_free(frame);
    rtsp_webrtc_gateway_sink_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_sink_info(gateway, slow, &info));
    CHECK(info.stream == stream && info.frames == 17 && info.queued_frames == 0);
    CHECK(info.frames_dropped == 5 && info.overflows == 1);
    CHECK_OK(rtsp_webrtc_gateway_get_sink_info(gateway, other, &info));
    CHECK(info.frames_dropped == 0 && info.overflows == 0);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

struct reader {
    rtsp_webrtc_gateway *gateway;
    rtsp_webrtc_gateway_sink_id sink;
    int frames;
    int status;
};

static void *read_all(void *argument) {
    struct reader *reader = argument;
    const rtsp_webrtc_gateway_sink_frame *frame;
    while ((reader->status = rtsp_webrtc_gateway_read_sink(reader->gateway, reader->sink,
                                                           UINT32_MAX, &frame)) == 0) {
        rtsp_webrtc_gateway_sink_frame_free(frame);
        reader->frames++;
    }
    return NULL;
}

static void those_who_wait_are_woken(void) {
    enum { STREAM_REMOVED, SINK_REMOVED, SHUT_DOWN, COUNT };
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    const char *names[] = {"a", "b", "c"};
    rtsp_webrtc_gateway_stream_id streams[COUNT];
    struct reader readers[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        streams[i] = add_push_stream(gateway, names[i]);
        readers[i] = (struct reader){gateway, add_sink(gateway, streams[i], 0, 0), 0, 0};
        CHECK(pthread_create(&threads[i], NULL, read_all, &readers[i]) == 0);
        push_picture(gateway, streams[i], 0, true);
    }
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, streams[STREAM_REMOVED]));
    CHECK(pthread_join(threads[STREAM_REMOVED], NULL) == 0);
    CHECK(readers[STREAM_REMOVED].status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    CHECK(readers[STREAM_REMOVED].frames <= 1);
    CHECK_OK(rtsp_webrtc_gateway_remove_sink(gateway, readers[SINK_REMOVED].sink));
    CHECK(pthread_join(threads[SINK_REMOVED], NULL) == 0);
    CHECK(readers[SINK_REMOVED].status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 60000));
    CHECK(pthread_join(threads[SHUT_DOWN], NULL) == 0);
    CHECK(readers[SHUT_DOWN].status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

static void what_makes_no_sense_is_refused(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    const rtsp_webrtc_gateway_stream_id stream = add_push_stream(gateway, "cam");
    rtsp_webrtc_gateway_sink_options options;
    rtsp_webrtc_gateway_sink_id sink = 7;
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.flags = RTSP_WEBRTC_GATEWAY_SINK_NO_VIDEO | RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO;
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink), INVALID_ARGUMENT);
    options.flags = 32;
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink), INVALID_ARGUMENT);
    options.flags = 0;
    options.queue_frames = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink), INVALID_ARGUMENT);
    options.queue_frames = 0;
    options.queue_bytes = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink), INVALID_ARGUMENT);
    options.queue_bytes = 0;
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream + 1, &options, &sink), NOT_FOUND);
    CHECK(sink == 7);
    CHECK_FAILS(rtsp_webrtc_gateway_read_sink(gateway, sink, 0, &frame), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_get_keyframe(gateway, stream, &frame), NOT_READY);
    CHECK_FAILS(rtsp_webrtc_gateway_get_keyframe(gateway, stream + 1, &frame), NOT_FOUND);
    CHECK(frame == NULL);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
}

int main(void) {
    what_is_pushed_comes_out();
    a_slow_sink_loses_the_rest_of_the_gop();
    those_who_wait_are_woken();
    what_makes_no_sense_is_refused();
    puts("ok");
    return 0;
}
