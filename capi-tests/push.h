/* Streams whose frames the tests push: sessions without a camera. */
#ifndef PUSH_H
#define PUSH_H

#include "check.h"
#include "offer.h"

static inline rtsp_webrtc_gateway_stream_id add_push_stream(rtsp_webrtc_gateway *gateway,
                                                            const char *name) {
    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    options.audio_codec = RTSP_WEBRTC_GATEWAY_CODEC_PCMU;
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, name, &options, &stream));
    return stream;
}

/* Frame number index at 25 frames per second. data must have room for 64 bytes. */
static inline rtsp_webrtc_gateway_frame picture(uint8_t *data, int index, bool keyframe) {
    /* SPS, PPS, and the beginning of an IDR slice. */
    static const uint8_t idr[] = {0,    0,    0,    1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02,
                                  0x80, 0xf6, 0x84, 0, 0,    0,    1,    0x68, 0xce, 0x3c,
                                  0x80, 0,    0,    0, 1,    0x65, 0x88, 0x84, 0x21, 0xa0};
    static const uint8_t other[] = {0, 0, 0, 1, 0x41, 0x9a, 0x21, 0x42, 0x10};
    rtsp_webrtc_gateway_frame frame;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
    frame.size = keyframe ? sizeof idr : sizeof other;
    memcpy(data, keyframe ? idr : other, frame.size);
    frame.data = data;
    frame.pts_us = (int64_t)index * 40000;
    frame.flags = keyframe ? RTSP_WEBRTC_GATEWAY_FRAME_KEY : 0;
    return frame;
}

static inline void push_picture(rtsp_webrtc_gateway *gateway, rtsp_webrtc_gateway_stream_id stream,
                                int index, bool keyframe) {
    uint8_t data[64];
    const rtsp_webrtc_gateway_frame frame = picture(data, index, keyframe);
    CHECK_OK(rtsp_webrtc_gateway_push_video(gateway, stream, &frame));
}

/* A session on a stream that is live, or will be. */
static inline rtsp_webrtc_gateway_response *offer_h264(rtsp_webrtc_gateway *gateway,
                                                       const char *stream) {
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = stream;
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.timeout_ms = 60000;
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response));
    CHECK(response != NULL);
    return response;
}

#endif
