/* Push streams: what is refused, lent memory that is released exactly once whatever the result of the
 * push, a full queue that refuses instead of waiting, and the request for a keyframe. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* 640x480, Baseline, and one frame of each kind. No decoder looks at them here. */
#define SETS                                       \
    "\0\0\0\1\x67\x42\x00\x1e\xf4\x05\x01\xec\x80" \
    "\0\0\0\1\x68\xce\x3c\x80"
#define IDR SETS "\0\0\1\x65\x88\x80\x10\x01"
#define SLICE "\0\0\1\x41\x9a\x02\x10\x01"

static atomic_int released;
static atomic_int hold;
static atomic_int held;

static void release(void *data) {
    CHECK(data == &released);
    atomic_fetch_add(&released, 1);
    while (atomic_load(&hold)) {
        atomic_store(&held, 1);
        usleep(1000);
    }
}

static rtsp_webrtc_gateway_frame frame_of(const void *data, size_t size, int64_t pts_us) {
    rtsp_webrtc_gateway_frame frame;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
    frame.data = data;
    frame.size = size;
    frame.pts_us = pts_us;
    return frame;
}
#define FRAME(text, pts_us) frame_of(text, sizeof text - 1, pts_us)

static rtsp_webrtc_gateway_frame lent(rtsp_webrtc_gateway_frame frame) {
    frame.release = release;
    frame.release_data = &released;
    return frame;
}

static rtsp_webrtc_gateway_stream_id add(rtsp_webrtc_gateway *gateway, const char *name,
                                         uint32_t queue_frames) {
    rtsp_webrtc_gateway_stream_id stream = 0;
    rtsp_webrtc_gateway_push_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_PCMU;
    options.queue_frames = queue_frames;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, name, &options, &stream));
    return stream;
}

static rtsp_webrtc_gateway_stream_info info(rtsp_webrtc_gateway *gateway,
                                            rtsp_webrtc_gateway_stream_id stream) {
    rtsp_webrtc_gateway_stream_info now;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&now));
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &now));
    return now;
}

/* Waits for up to a minute. */
#define WAIT_FOR(condition)                     \
    do {                                        \
        for (int i_ = 0; !(condition); i_++) {  \
            CHECK(i_ < 60000 && "in a minute"); \
            usleep(1000);                       \
        }                                       \
    } while (0)

static void options_that_cannot_be(rtsp_webrtc_gateway *gateway) {
    rtsp_webrtc_gateway_stream_id stream = 7;
    rtsp_webrtc_gateway_push_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
#define REFUSED(field, value)                                                                  \
    do {                                                                                       \
        rtsp_webrtc_gateway_push_options other_ = options;                                     \
        other_.field = (value);                                                                \
        CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "refused", &other_, &stream), \
                    INVALID_ARGUMENT);                                                         \
    } while (0)
    REFUSED(reserved, 0); /* no codec at all */
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    REFUSED(video_codec, RTSP_WEBRTC_GATEWAY_CODEC_PCMU);
    REFUSED(video_codec, 1000);
    REFUSED(video_codec, -1);
    REFUSED(audio_codec, RTSP_WEBRTC_GATEWAY_CODEC_H264);
    REFUSED(audio_sample_rate, 8000); /* without a codec */
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_PCMA;
    REFUSED(audio_sample_rate, 16000);
    REFUSED(audio_channels, 2);
    REFUSED(queue_frames, 1025);
    REFUSED(reserved, 1);
    REFUSED(audio_codec, RTSP_WEBRTC_GATEWAY_CODEC_AAC); /* without its configuration */
    static const uint8_t config[] = {0x14, 0x08}, main_profile[] = {0x0c, 0x08};
    options.audio_config = config;
    options.audio_config_size = sizeof config;
    REFUSED(audio_codec, RTSP_WEBRTC_GATEWAY_CODEC_PCMA);
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_AAC;
    REFUSED(audio_config, main_profile);
    REFUSED(audio_config_size, 1);
    REFUSED(audio_sample_rate, 48000);
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_PCMA;
    options.audio_config = NULL;
    options.audio_config_size = 0;
    CHECK(stream == 7);
    options.audio_sample_rate = 8000;
    options.audio_channels = 1;
    options.queue_frames = 1024;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, "fine", &options, &stream));
    CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "fine", &options, &stream),
                ALREADY_EXISTS);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
}

/* Live with the first frame of it; there is no video to be pushed. */
static void sound_alone(rtsp_webrtc_gateway *gateway) {
    static const uint8_t samples[160];
    rtsp_webrtc_gateway_stream_id stream = 0;
    rtsp_webrtc_gateway_push_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_PCMU;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, "sound", &options, &stream));
    const rtsp_webrtc_gateway_frame sound = frame_of(samples, sizeof samples, 0);
    const rtsp_webrtc_gateway_frame picture = FRAME(IDR, 0);
    CHECK_OK(rtsp_webrtc_gateway_push_audio(gateway, stream, &sound));
    WAIT_FOR(info(gateway, stream).state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    const rtsp_webrtc_gateway_stream_info now = info(gateway, stream);
    CHECK(now.video_codec == RTSP_WEBRTC_GATEWAY_CODEC_NONE);
    CHECK(now.audio_codec == RTSP_WEBRTC_GATEWAY_CODEC_PCMU);
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, &picture), INVALID_STATE);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
}

/* A push that fails, for whatever reason, releases the lent memory before it returns. */
static void failures_give_back(rtsp_webrtc_gateway *gateway) {
    const rtsp_webrtc_gateway_stream_id stream = add(gateway, "failures", 0);
    rtsp_webrtc_gateway_stream_id camera = 0;
    CHECK_OK(add_camera(gateway, "camera", NOBODY, &camera));
    int expected = atomic_load(&released);
#define GIVES_BACK(call, status)                     \
    do {                                             \
        CHECK_FAILS(call, status);                   \
        CHECK(atomic_load(&released) == ++expected); \
    } while (0)
    rtsp_webrtc_gateway_frame frame = lent(FRAME(IDR, 0));
    GIVES_BACK(rtsp_webrtc_gateway_push_video(NULL, stream, &frame), INVALID_ARGUMENT);
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, 0, &frame), NOT_FOUND);
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, camera, &frame), INVALID_STATE);
    frame.flags = 1u << 31;
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    frame.flags = 0;
    frame.reserved = 1;
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    frame.reserved = 0;
    frame.size = SIZE_MAX;
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    frame.data = NULL;
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    frame.size = 0;
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    GIVES_BACK(rtsp_webrtc_gateway_push_audio(gateway, stream, &frame), INVALID_ARGUMENT);
    frame = lent(FRAME("\0\0\0\5\x65\1\2\3\4", 0));
    GIVES_BACK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    /* A frame of unknown size is not seen. */
    frame.struct_size = 3;
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), STRUCT_SIZE);
    CHECK(atomic_load(&released) == expected);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, camera));
}

static void success_gives_back(rtsp_webrtc_gateway *gateway) {
    const rtsp_webrtc_gateway_stream_id stream = add(gateway, "success", 1024);
    const int before = atomic_load(&released);
    for (int i = 0; i < 100; i++) {
        rtsp_webrtc_gateway_frame video =
            i % 25 ? lent(FRAME(SLICE, i * INT64_C(40000))) : lent(FRAME(IDR, i * INT64_C(40000)));
        static const uint8_t samples[320];
        rtsp_webrtc_gateway_frame audio =
            lent(frame_of(samples, sizeof samples, i * INT64_C(40000)));
        video.flags = i % 25 ? 0 : RTSP_WEBRTC_GATEWAY_FRAME_KEY;
        CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &video));
        CHECK_OK(rtsp_webrtc_gateway_push_audio(gateway, stream, &audio));
    }
    WAIT_FOR(atomic_load(&released) == before + 200);
    const rtsp_webrtc_gateway_stream_info now = info(gateway, stream);
    CHECK(now.state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    CHECK(now.status == RTSP_WEBRTC_GATEWAY_OK);
    CHECK(now.video_codec == RTSP_WEBRTC_GATEWAY_CODEC_H264);
    CHECK(now.audio_codec == RTSP_WEBRTC_GATEWAY_CODEC_PCMU);
    CHECK(now.width == 640 && now.height == 480);
    CHECK(now.frames == 100 && now.keyframes == 4 && now.frames_dropped == 0);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
}

/* A keyframe in one packet, which the host may overwrite at once. */
static void rtp(rtsp_webrtc_gateway *gateway) {
    static const uint8_t header[] = {0x80, 0xe0, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4};
    static const uint8_t payload[] = "\x78\0\x9\x67\x42\x00\x1e\xf4\x05\x01\xec\x80"
                                     "\0\4\x68\xce\x3c\x80"
                                     "\0\5\x65\x88\x80\x10\x01";
    const rtsp_webrtc_gateway_stream_id stream = add(gateway, "rtp", 0);
    const int32_t h264 = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    uint8_t packet[sizeof header + sizeof payload - 1];
    const size_t size = sizeof packet;
    memcpy(packet, header, sizeof header);
    memcpy(packet + sizeof header, payload, sizeof payload - 1);
    CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, 0, h264, packet, size), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, stream, 0, packet, size), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, stream, 99, packet, size), INVALID_ARGUMENT);
    CHECK_FAILS(
        rtsp_webrtc_gateway_push_rtp(gateway, stream, RTSP_WEBRTC_GATEWAY_CODEC_PCMA, packet, size),
        INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, stream, h264, packet, 11), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(gateway, stream, h264, packet, 0), INVALID_ARGUMENT);
    CHECK_OK(rtsp_webrtc_gateway_push_rtp(gateway, stream, h264, packet, size));
    memset(packet, 0xff, size);
    WAIT_FOR(info(gateway, stream).keyframes == 1);
    CHECK(info(gateway, stream).state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
}

static void on_keyframe_request(void *user_data, rtsp_webrtc_gateway_stream_id stream) {
    atomic_store((_Atomic uint64_t *)user_data, stream);
}

/* release() blocks the only worker, so that the queue fills. */
static void a_full_queue(rtsp_webrtc_gateway *gateway, _Atomic uint64_t *asked) {
    const rtsp_webrtc_gateway_stream_id stream = add(gateway, "full", 3);
    const int before = atomic_load(&released);
    int pushed = 1;
    atomic_store(&hold, 1);
    rtsp_webrtc_gateway_frame frame = lent(FRAME(IDR, 0));
    CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame));
    WAIT_FOR(atomic_load(&held));
    frame = lent(FRAME(SLICE, 40000));
    for (; pushed <= 3; pushed++) {
        CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame));
    }
    CHECK(atomic_load(&released) == before + 1);
    atomic_store(&hold, 0);
    /* Whether the worker continues before this or not: the queue is full, or there is room. */
    int refused = 0;
    for (int i = 0; i < 1000; i++, pushed++) {
        const int status = rtsp_webrtc_gateway_push_video(gateway, stream, &frame);
        CHECK(status == RTSP_WEBRTC_GATEWAY_OK || status == RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL);
        refused += status != RTSP_WEBRTC_GATEWAY_OK;
        CHECK(refused == 0 || status != RTSP_WEBRTC_GATEWAY_OK);
    }
    CHECK(refused > 0);
    CHECK(rtsp_webrtc_gateway_http_status(RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL) == 503);
    WAIT_FOR(atomic_load(&released) == before + pushed);
    WAIT_FOR(atomic_load(asked) == stream);
    WAIT_FOR(info(gateway, stream).frames_dropped == (uint64_t)refused);
    CHECK(info(gateway, stream).keyframe_requests >= 1);
    frame = lent(FRAME(IDR, 80000));
    CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame));
    WAIT_FOR(info(gateway, stream).keyframes == 2);
    CHECK(rtsp_webrtc_gateway_remove_stream(gateway, stream) == RTSP_WEBRTC_GATEWAY_OK);
}

struct pusher {
    rtsp_webrtc_gateway *gateway;
    rtsp_webrtc_gateway_stream_id stream;
    int pushed;
};

static void *push_until_it_is_gone(void *argument) {
    struct pusher *pusher = argument;
    int status;
    do {
        rtsp_webrtc_gateway_frame frame = lent(FRAME(IDR, pusher->pushed * INT64_C(1000)));
        status = rtsp_webrtc_gateway_push_video(pusher->gateway, pusher->stream, &frame);
        pusher->pushed++;
    } while (status != RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND &&
             status != RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    return NULL;
}

/* Removal and shutdown during pushes. */
static void the_end_gives_back(rtsp_webrtc_gateway *gateway) {
    enum { PUSHERS = 4 };
    pthread_t threads[PUSHERS];
    struct pusher pushers[PUSHERS];
    const int before = atomic_load(&released);
    const rtsp_webrtc_gateway_stream_id streams[2] = {add(gateway, "removed", 0),
                                                      add(gateway, "open", 0)};
    for (int i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){gateway, streams[i % 2], 0};
        CHECK(pthread_create(&threads[i], NULL, push_until_it_is_gone, &pushers[i]) == 0);
    }
    usleep(20000);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, streams[0]));
    usleep(20000);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    int pushed = 0;
    for (int i = 0; i < PUSHERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        pushed += pushers[i].pushed;
    }
    CHECK(atomic_load(&released) == before + pushed);
}

int main(void) {
    _Atomic uint64_t asked = 0;
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = &asked;
    callbacks.on_keyframe_request = on_keyframe_request;
    rtsp_webrtc_gateway_config config;
    config_loopback(&config);
    int32_t workers = 0;
    CHECK_OK(rtsp_webrtc_gateway_find_tuning("worker_threads", &workers));
    const rtsp_webrtc_gateway_tuning one = {workers, 0, 1};
    config.tuning = &one;
    config.tuning_len = 1;
    config.callbacks = &callbacks;
    rtsp_webrtc_gateway *gateway = NULL;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));
    options_that_cannot_be(gateway);
    sound_alone(gateway);
    failures_give_back(gateway);
    success_gives_back(gateway);
    rtp(gateway);
    a_full_queue(gateway, &asked);
    the_end_gives_back(gateway);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
