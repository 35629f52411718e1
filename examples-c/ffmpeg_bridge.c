/* ffmpeg_bridge: a host that has an FFmpeg pipeline. libavformat opens whatever it can - a file, a
 * capture device, a network stream - and its video packets go to the viewers: lent, not copied, and
 * not transcoded. */
#define _POSIX_C_SOURCE 200809L
#include "example.h"

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/time.h>

#include <string.h>

static void check_av(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, av_err2str(status));
        exit(1);
    }
}

/* The gateway's codec, and the bitstream filter that makes access units of the form it expects. */
static int32_t codec_of(enum AVCodecID id, const char **filter) {
    switch (id) {
    case AV_CODEC_ID_H264: return *filter = "h264_mp4toannexb", RTSP_WEBRTC_GATEWAY_CODEC_H264;
    case AV_CODEC_ID_HEVC: return *filter = "hevc_mp4toannexb", RTSP_WEBRTC_GATEWAY_CODEC_H265;
    case AV_CODEC_ID_AV1: return *filter = "null", RTSP_WEBRTC_GATEWAY_CODEC_AV1;
    default: return RTSP_WEBRTC_GATEWAY_CODEC_NONE;
    }
}

/* The gateway no longer needs the packet. Runs on any thread. */
static void release(void *packet) {
    AVPacket *given_back = packet;
    av_packet_free(&given_back);
}

static int push(rtsp_webrtc_gateway *gateway, rtsp_webrtc_gateway_stream_id stream,
                const AVPacket *packet) {
    rtsp_webrtc_gateway_frame frame;
    check(RTSP_WEBRTC_GATEWAY_INIT(&frame), "frame");
    AVPacket *lent = av_packet_clone(packet); /* another reference to the same data */
    if (lent == NULL) {
        check_av(AVERROR(ENOMEM), "packet");
    }
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    frame.data = lent->data;
    frame.size = (size_t)lent->size;
    frame.pts_us = av_rescale_q(time, packet->time_base, AV_TIME_BASE_Q);
    frame.flags = packet->flags & AV_PKT_FLAG_KEY ? RTSP_WEBRTC_GATEWAY_FRAME_KEY : 0;
    frame.release = release;
    frame.release_data = lent;
    return rtsp_webrtc_gateway_push_video(gateway, stream, &frame);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3 || strcmp(argv[1], "--help") == 0) {
        puts("usage: ffmpeg_bridge INPUT [OFFER_FILE]\n"
             "Pushes the video (H.264, H.265, AV1) of whatever FFmpeg can open, in its own time.\n"
             "OFFER_FILE (- is stdin) has the SDP offer of a viewer; the answer goes to stdout.");
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    AVFormatContext *input = NULL;
    check_av(avformat_open_input(&input, argv[1], NULL, NULL), argv[1]);
    check_av(avformat_find_stream_info(input, NULL), argv[1]);
    const int track = av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    check_av(track, "video");
    const AVStream *video = input->streams[track];
    const char *filter_name = NULL;
    const int32_t codec = codec_of(video->codecpar->codec_id, &filter_name);
    if (codec == RTSP_WEBRTC_GATEWAY_CODEC_NONE) {
        fprintf(stderr, "browsers cannot show %s\n", avcodec_get_name(video->codecpar->codec_id));
        return 1;
    }
    AVBSFContext *filter = NULL;
    check_av(av_bsf_alloc(av_bsf_get_by_name(filter_name), &filter), filter_name);
    check_av(avcodec_parameters_copy(filter->par_in, video->codecpar), filter_name);
    filter->time_base_in = video->time_base;
    check_av(av_bsf_init(filter), filter_name);

    rtsp_webrtc_gateway *gateway = create_gateway();
    rtsp_webrtc_gateway_push_options options;
    rtsp_webrtc_gateway_stream_id stream;
    check(RTSP_WEBRTC_GATEWAY_INIT(&options), "options");
    options.video_codec = codec;
    check(rtsp_webrtc_gateway_add_push_stream(gateway, "bridge", &options, &stream), "add");

    AVPacket *packet = av_packet_alloc();
    const int64_t start = av_gettime_relative();
    int64_t first = AV_NOPTS_VALUE;
    bool answered = argc < 3;
    while (av_read_frame(input, packet) >= 0) {
        if (packet->stream_index != track) {
            av_packet_unref(packet);
            continue;
        }
        /* A file is read as fast as the disk allows: wait until the packet is due. */
        const int64_t due = av_rescale_q(packet->dts, video->time_base, AV_TIME_BASE_Q);
        first = first == AV_NOPTS_VALUE ? due : first;
        const int64_t early = due - first - (av_gettime_relative() - start);
        if (packet->dts != AV_NOPTS_VALUE && early > 0) {
            av_usleep((unsigned)early);
        }

        check_av(av_bsf_send_packet(filter, packet), filter_name);
        while (av_bsf_receive_packet(filter, packet) >= 0) {
            packet->time_base = filter->time_base_out;
            const int status = push(gateway, stream, packet);
            if (status != RTSP_WEBRTC_GATEWAY_ERR_QUEUE_FULL) { /* dropped; a keyframe repairs it */
                check(status, "push_video");
            }
            av_packet_unref(packet);
        }
        if (!answered) {
            answered = true;
            answer_offer(gateway, "bridge", argv[2]);
        }
    }

    rtsp_webrtc_gateway_stream_info info;
    check(RTSP_WEBRTC_GATEWAY_INIT(&info), "info");
    check(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info), "get_stream_info");
    fprintf(stderr, "%ux%u, %llu pictures, %llu of them keyframes, %llu dropped\n", info.width,
            info.height, (unsigned long long)info.frames, (unsigned long long)info.keyframes,
            (unsigned long long)info.frames_dropped);
    check(rtsp_webrtc_gateway_destroy(gateway), "destroy"); /* all packets have been released */
    av_packet_free(&packet);
    av_bsf_free(&filter);
    avformat_close_input(&input);
    return 0;
}
