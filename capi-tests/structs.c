/* struct_size of each struct: of an older version, of this one, of a newer one with a tail of zeros and
 * with garbage, and sizes that no version has. */
#include "push.h"

#include <stddef.h>

static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id stream;
static rtsp_webrtc_gateway_session_id session, wall;
static rtsp_webrtc_gateway_sink_id sink;
static rtsp_webrtc_gateway_output_id sent_to;
/* False in a variant of the library without HTTP. */
static bool has_outputs;

enum { TAIL = 16, ROOM = 2048 };
typedef union object {
    size_t struct_size;
    unsigned char bytes[ROOM];
} object;

/* ------------------------------------------------------------------- what the host passes in */

static int use_config(object *in) {
    rtsp_webrtc_gateway *other = NULL;
    const int status = rtsp_webrtc_gateway_create((rtsp_webrtc_gateway_config *)in, &other);
    CHECK((status == RTSP_WEBRTC_GATEWAY_OK) == (other != NULL));
    CHECK_OK(rtsp_webrtc_gateway_destroy(other));
    return status;
}
static void fill_config(object *in) {
    rtsp_webrtc_gateway_config *config = (rtsp_webrtc_gateway_config *)in;
    config->udp_bind = UDP_LOOPBACK;
}
static int use_callbacks(object *in) {
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *other = NULL;
    config_loopback(&config);
    config.callbacks = (rtsp_webrtc_gateway_callbacks *)in;
    const int status = rtsp_webrtc_gateway_create(&config, &other);
    CHECK_OK(rtsp_webrtc_gateway_destroy(other));
    return status;
}
static int remove_added(int status, rtsp_webrtc_gateway_stream_id added) {
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, added));
    }
    return status;
}
static int use_pull_options(object *in) {
    rtsp_webrtc_gateway_stream_id added = 0;
    const int status = rtsp_webrtc_gateway_add_stream(
        gateway, "cam", (rtsp_webrtc_gateway_pull_options *)in, &added);
    return remove_added(status, added);
}
static void fill_pull_options(object *in) {
    ((rtsp_webrtc_gateway_pull_options *)in)->url = NOBODY;
}
static int use_push_options(object *in) {
    rtsp_webrtc_gateway_stream_id added = 0;
    const int status = rtsp_webrtc_gateway_add_push_stream(
        gateway, "other", (rtsp_webrtc_gateway_push_options *)in, &added);
    return remove_added(status, added);
}
static void fill_push_options(object *in) {
    ((rtsp_webrtc_gateway_push_options *)in)->video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
}
static int use_frame(object *in) {
    return rtsp_webrtc_gateway_push_video(gateway, stream, (rtsp_webrtc_gateway_frame *)in);
}
static void fill_frame(object *in) {
    static uint8_t data[64];
    rtsp_webrtc_gateway_frame *frame = (rtsp_webrtc_gateway_frame *)in;
    const rtsp_webrtc_gateway_frame one = picture(data, 1, true);
    frame->data = one.data;
    frame->size = one.size;
    frame->pts_us = one.pts_us;
}
static int use_sink_options(object *in) {
    rtsp_webrtc_gateway_sink_id added = 0;
    const int status = rtsp_webrtc_gateway_add_sink(gateway, stream,
                                                    (rtsp_webrtc_gateway_sink_options *)in, &added);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        CHECK_OK(rtsp_webrtc_gateway_remove_sink(gateway, added));
    }
    return status;
}
static void fill_sink_options(object *in) {
    ((rtsp_webrtc_gateway_sink_options *)in)->flags = RTSP_WEBRTC_GATEWAY_SINK_NO_AUDIO;
}
static int use_output_options(object *in) {
    rtsp_webrtc_gateway_output_id added = 0;
    const int status = rtsp_webrtc_gateway_add_output(
        gateway, stream, (rtsp_webrtc_gateway_output_options *)in, &added);
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        CHECK_OK(rtsp_webrtc_gateway_remove_output(gateway, added));
    }
    /* Checked after the struct: a variant of the library without HTTP. */
    return status == RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED ? RTSP_WEBRTC_GATEWAY_OK : status;
}
static void fill_output_options(object *in) {
    ((rtsp_webrtc_gateway_output_options *)in)->url = "http://127.0.0.1:9/whip";
}
static int use_offer(object *in) {
    rtsp_webrtc_gateway_response *response = NULL;
    const int status =
        rtsp_webrtc_gateway_handle_whep_offer(gateway, (rtsp_webrtc_gateway_offer *)in, &response);
    CHECK(response != NULL);
    rtsp_webrtc_gateway_response_free(response);
    return status;
}
static void fill_offer(object *in) {
    rtsp_webrtc_gateway_offer *offer = (rtsp_webrtc_gateway_offer *)in;
    offer->stream_name = "pushed";
    offer->sdp = SESSION VIDEO;
    offer->sdp_size = strlen(offer->sdp);
}

static int use_viewer_limits(object *in) {
    object filled = {.struct_size = sizeof(rtsp_webrtc_gateway_offer)};
    fill_offer(&filled);
    ((rtsp_webrtc_gateway_offer *)&filled)->limits = (rtsp_webrtc_gateway_viewer_limits *)in;
    const int status = use_offer(&filled);
    CHECK_STATUS(rtsp_webrtc_gateway_set_session_limits(gateway, session,
                                                        (rtsp_webrtc_gateway_viewer_limits *)in),
                 status);
    return status;
}
static void fill_viewer_limits(object *in) {
    ((rtsp_webrtc_gateway_viewer_limits *)in)->max_bitrate_bps = 500000;
}
static int use_slot_view(object *in) {
    return rtsp_webrtc_gateway_set_slot_view(gateway, wall, "0",
                                             (rtsp_webrtc_gateway_slot_view *)in);
}
static void fill_slot_view(object *in) {
    ((rtsp_webrtc_gateway_slot_view *)in)->width = 640;
}
static int use_ice_server(object *in) {
    object filled = {.struct_size = sizeof(rtsp_webrtc_gateway_offer)};
    rtsp_webrtc_gateway_offer *offer = (rtsp_webrtc_gateway_offer *)&filled;
    fill_offer(&filled);
    offer->ice_servers = (rtsp_webrtc_gateway_ice_server *)in;
    offer->ice_servers_len = 1;
    return use_offer(&filled);
}
static void fill_ice_server(object *in) {
    ((rtsp_webrtc_gateway_ice_server *)in)->url = "stun:stun.example.com";
}
static int use_http_request(object *in) {
    rtsp_webrtc_gateway_response *response = NULL;
    const int status =
        rtsp_webrtc_gateway_handle_http(gateway, (rtsp_webrtc_gateway_http_request *)in, &response);
    CHECK(response != NULL);
    rtsp_webrtc_gateway_response_free(response);
    return status;
}
static void fill_http_request(object *in) {
    rtsp_webrtc_gateway_http_request *request = (rtsp_webrtc_gateway_http_request *)in;
    request->method = "OPTIONS";
    request->path = "/pushed/whep";
}
static int use_listen_options(object *in) {
    const int status =
        rtsp_webrtc_gateway_listen_http(gateway, (rtsp_webrtc_gateway_listen_options *)in, NULL);
    /* The listener may have been left out of the build. */
    return status == RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED ? 0 : status;
}
static void fill_listen_options(object *in) {
    ((rtsp_webrtc_gateway_listen_options *)in)->address = "127.0.0.1:0";
}

/* older: the size of a version that ends with the last field that the host must set. */
#define INPUT(type, last)                                                                   \
    {#type, sizeof(rtsp_webrtc_gateway_##type), offsetof(rtsp_webrtc_gateway_##type, last), \
     fill_##type, use_##type}
static void fill_callbacks(object *in) {
    (void)in;
}
static const struct input {
    const char *name;
    size_t size, older;
    void (*fill)(object *in);
    int (*use)(object *in);
} INPUTS[] = {
    INPUT(config, public_addresses),         /* rtsp_webrtc_gateway_config */
    INPUT(callbacks, on_stream_state),       /* rtsp_webrtc_gateway_callbacks */
    INPUT(pull_options, username),           /* rtsp_webrtc_gateway_pull_options */
    INPUT(push_options, audio_sample_rate),  /* rtsp_webrtc_gateway_push_options */
    INPUT(frame, capture_unix_us),           /* rtsp_webrtc_gateway_frame */
    INPUT(sink_options, queue_bytes),        /* rtsp_webrtc_gateway_sink_options */
    INPUT(output_options, label),            /* rtsp_webrtc_gateway_output_options */
    INPUT(offer, location_prefix),           /* rtsp_webrtc_gateway_offer */
    INPUT(viewer_limits, variant),           /* rtsp_webrtc_gateway_viewer_limits */
    INPUT(slot_view, flags),                 /* rtsp_webrtc_gateway_slot_view */
    INPUT(ice_server, username),             /* rtsp_webrtc_gateway_ice_server */
    INPUT(http_request, headers),            /* rtsp_webrtc_gateway_http_request */
    INPUT(listen_options, tls_certificates), /* rtsp_webrtc_gateway_listen_options */
};

static void pass(const struct input *input, size_t struct_size, unsigned char beyond,
                 size_t beyond_from, int expected) {
    object in;
    memset(&in, 0, sizeof in);
    input->fill(&in);
    in.struct_size = struct_size;
    memset(in.bytes + beyond_from, beyond, sizeof in.bytes - beyond_from);
    const int status = input->use(&in);
    if (status != expected) {
        fprintf(stderr, "%s of %zu bytes: %d, not %d\n", input->name, struct_size, status,
                expected);
        exit(1);
    }
}

static void inputs(void) {
    for (size_t i = 0; i < sizeof INPUTS / sizeof *INPUTS; i++) {
        const struct input *input = &INPUTS[i];
        const int ok = RTSP_WEBRTC_GATEWAY_OK, wrong = RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE;
        const size_t size = input->size;
        /* Memory beyond the host's version is not read: garbage there is harmless. */
        pass(input, input->older, 0xff, input->older, ok);
        pass(input, size, 0xff, size, ok);
        pass(input, size + TAIL, 0xff, size + TAIL, ok);
        /* Within it, fields unknown to this version must be 0. */
        pass(input, size + TAIL, 0xff, size, wrong);
        pass(input, size + TAIL, 0xff, size + TAIL - 1, wrong);
        const size_t sizes[] = {0, 1, 7, size - 1, size + 1, 1 << 20, SIZE_MAX};
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            pass(input, sizes[j], 0, size, wrong);
        }
    }
}

/* Elements of an array lie as far apart as the first one's struct_size says. */
static int use_servers(rtsp_webrtc_gateway_ice_server *first, size_t count) {
    object filled = {.struct_size = sizeof(rtsp_webrtc_gateway_offer)};
    rtsp_webrtc_gateway_offer *offer = (rtsp_webrtc_gateway_offer *)&filled;
    fill_offer(&filled);
    offer->ice_servers = first;
    offer->ice_servers_len = count;
    return use_offer(&filled);
}

static void arrays(void) {
    struct newer {
        rtsp_webrtc_gateway_ice_server known;
        size_t unknown;
    } newer[3] = {{{0}, 0}};
    for (size_t i = 0; i < 3; i++) {
        newer[i].known.struct_size = sizeof *newer;
        newer[i].known.url = "stun:stun.example.com";
    }
    CHECK_OK(use_servers(&newer[0].known, 3));
    newer[2].unknown = 1;
    CHECK_FAILS(use_servers(&newer[0].known, 3), STRUCT_SIZE);
    CHECK_OK(use_servers(&newer[0].known, 2));
    newer[1].known.struct_size = sizeof newer->known;
    CHECK_FAILS(use_servers(&newer[0].known, 2), STRUCT_SIZE);
    rtsp_webrtc_gateway_ice_server none;
    CHECK_OK(use_servers(&none, 0)); /* an empty list, not "no list" */
}

/* --------------------------------------------------------------------- what the library fills */

static int fill_stream_info(object *out) {
    return rtsp_webrtc_gateway_get_stream_info(gateway, stream,
                                               (rtsp_webrtc_gateway_stream_info *)out);
}
static int fill_session_info(object *out) {
    return rtsp_webrtc_gateway_get_session_info(gateway, session,
                                                (rtsp_webrtc_gateway_session_info *)out);
}
static int fill_slot_info(object *out) {
    return rtsp_webrtc_gateway_get_slot_info(gateway, wall, 0,
                                             (rtsp_webrtc_gateway_slot_info *)out);
}
static int fill_sink_info(object *out) {
    return rtsp_webrtc_gateway_get_sink_info(gateway, sink, (rtsp_webrtc_gateway_sink_info *)out);
}
static int fill_output_info(object *out) {
    return rtsp_webrtc_gateway_get_output_info(gateway, sent_to,
                                               (rtsp_webrtc_gateway_output_info *)out);
}
static int fill_tuning_info(object *out) {
    return rtsp_webrtc_gateway_describe_tuning(0, (rtsp_webrtc_gateway_tuning_info *)out);
}
#define OUTPUT(type) {#type, sizeof(rtsp_webrtc_gateway_##type), fill_##type}
static const struct output {
    const char *name;
    size_t size;
    int (*fill)(object *out);
} OUTPUTS[] = {
    OUTPUT(stream_info),  /* rtsp_webrtc_gateway_stream_info */
    OUTPUT(session_info), /* rtsp_webrtc_gateway_session_info */
    OUTPUT(slot_info),    /* rtsp_webrtc_gateway_slot_info */
    OUTPUT(sink_info),    /* rtsp_webrtc_gateway_sink_info */
    OUTPUT(output_info),  /* rtsp_webrtc_gateway_output_info */
    OUTPUT(tuning_info),  /* rtsp_webrtc_gateway_tuning_info */
};

static void outputs(void) {
    for (size_t i = 0; i < sizeof OUTPUTS / sizeof *OUTPUTS; i++) {
        const struct output *output = &OUTPUTS[i];
        if (output->fill == fill_output_info && !has_outputs) {
            continue;
        }
        object out;
        const size_t sizes[] = {16, output->size - 8, output->size, output->size + TAIL};
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            memset(&out, 0xee, sizeof out);
            out.struct_size = sizes[j];
            CHECK_OK(output->fill(&out));
            CHECK(out.struct_size == sizes[j]);
            /* The fields that both know are written, and nothing else. */
            const size_t known = sizes[j] < output->size ? sizes[j] : output->size;
            size_t written = ROOM;
            while (written > 0 && out.bytes[written - 1] == 0xee) {
                written--;
            }
            CHECK(written == known);
        }
        const size_t wrong[] = {0, 1, 7, output->size - 1, output->size + 1, 1 << 20, SIZE_MAX};
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            memset(&out, 0xee, sizeof out);
            out.struct_size = wrong[j];
            CHECK_FAILS(output->fill(&out), STRUCT_SIZE);
            CHECK(out.bytes[sizeof out.struct_size] == 0xee);
        }
    }
}

/* ----------------------------------------------------------------- initializers, and reserved */

static void initializers(void) {
    const uint32_t abi = RTSP_WEBRTC_GATEWAY_ABI_VERSION;
    object any;
    memset(&any, 0xff, sizeof any);
    CHECK_OK(rtsp_webrtc_gateway_struct_init(&any, 64, abi));
    CHECK(any.struct_size == 64 && any.bytes[63] == 0 && any.bytes[64] == 0xff);

    /* Compiled against another header: refused, and useless even if nobody looks at the result. */
    memset(&any, 0xff, sizeof any);
    const size_t size = sizeof(rtsp_webrtc_gateway_config);
    CHECK_FAILS(rtsp_webrtc_gateway_struct_init(&any, size, abi + 1), ABI_MISMATCH);
    CHECK(any.struct_size == 0 && any.bytes[size - 1] == 0 && any.bytes[size] == 0xff);
    rtsp_webrtc_gateway *other = NULL;
    CHECK_FAILS(rtsp_webrtc_gateway_create((rtsp_webrtc_gateway_config *)&any, &other),
                STRUCT_SIZE);
    CHECK(other == NULL);

    const size_t wrong[] = {0, 1, size - 1, size + 1, 1 << 20, SIZE_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&any, 0xff, sizeof any);
        CHECK_FAILS(rtsp_webrtc_gateway_struct_init(&any, wrong[i], abi), STRUCT_SIZE);
        CHECK(any.struct_size == SIZE_MAX);
    }
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.flags = 4;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
}

int main(void) {
    gateway = gateway_loopback(NULL);
    stream = add_push_stream(gateway, "pushed");
    /* The library fills this one: rtsp_webrtc_gateway_sink_frame. */
    rtsp_webrtc_gateway_sink_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    CHECK_OK(rtsp_webrtc_gateway_add_sink(gateway, stream, &options, &sink));
    rtsp_webrtc_gateway_output_options to;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&to));
    to.url = "http://127.0.0.1:9/whip";
    const int added = rtsp_webrtc_gateway_add_output(gateway, stream, &to, &sent_to);
    has_outputs = added != RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED;
    CHECK(!has_outputs || added == RTSP_WEBRTC_GATEWAY_OK);
    push_picture(gateway, stream, 0, true);
    const rtsp_webrtc_gateway_sink_frame *frame = NULL;
    CHECK_OK(rtsp_webrtc_gateway_read_sink(gateway, sink, UINT32_MAX, &frame));
    CHECK(frame->struct_size == sizeof *frame);
    rtsp_webrtc_gateway_sink_frame_free(frame);
    rtsp_webrtc_gateway_response *response = offer_h264(gateway, "pushed");
    session = rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_response_free(response);
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.flags = RTSP_WEBRTC_GATEWAY_OFFER_WALL;
    offer.sdp = SESSION "a=group:BUNDLE 0\r\n" VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response));
    wall = rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_response_free(response);
    inputs();
    arrays();
    outputs();
    initializers();
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
