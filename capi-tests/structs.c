/* struct_size: smaller, equal, larger with a tail of zeros, larger with garbage. */
#include "check.h"

static void config_of_other_versions(void)
{
    struct {
        rtsp_webrtc_gateway_config known;
        size_t unknown[2];
    } newer;
    rtsp_webrtc_gateway *gateway = NULL;

    memset(&newer, 0xff, sizeof newer);
    CHECK_OK(rtsp_webrtc_gateway_config_init(&newer.known, sizeof newer,
                                             RTSP_WEBRTC_GATEWAY_ABI_VERSION));
    CHECK(newer.known.struct_size == sizeof newer && newer.unknown[1] == 0);
    newer.known.udp_bind = "127.0.0.1:0";
    CHECK_OK(rtsp_webrtc_gateway_create(&newer.known, &gateway));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    newer.unknown[1] = 1;
    gateway = NULL;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&newer.known, &gateway), STRUCT_SIZE);
    CHECK(gateway == NULL);

    /* An older version: up to udp_bind. What follows is not read. */
    memset(&newer, 0xff, sizeof newer);
    CHECK_OK(rtsp_webrtc_gateway_config_init(
        &newer.known, offsetof(rtsp_webrtc_gateway_config, public_addresses),
        RTSP_WEBRTC_GATEWAY_ABI_VERSION));
    CHECK(newer.known.public_addresses_len == SIZE_MAX);
    newer.known.udp_bind = "127.0.0.1:0";
    CHECK_OK(rtsp_webrtc_gateway_create(&newer.known, &gateway));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));

    rtsp_webrtc_gateway_config config;
    CHECK_FAILS(rtsp_webrtc_gateway_config_init(&config, sizeof config,
                                                RTSP_WEBRTC_GATEWAY_ABI_VERSION + 1),
                ABI_MISMATCH);
    const size_t wrong[] = {0, 8, sizeof config - 1, sizeof config + 1, 1 << 20, SIZE_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_FAILS(rtsp_webrtc_gateway_config_init(&config, wrong[i],
                                                    RTSP_WEBRTC_GATEWAY_ABI_VERSION),
                    STRUCT_SIZE);
        config_loopback(&config);
        config.struct_size = wrong[i];
        gateway = NULL;
        const int status = rtsp_webrtc_gateway_create(&config, &gateway);
        /* 8 bytes are a struct, but one without abi_version. */
        CHECK(status == (wrong[i] == 8 ? RTSP_WEBRTC_GATEWAY_ERR_ABI_MISMATCH
                                       : RTSP_WEBRTC_GATEWAY_ERR_STRUCT_SIZE));
        CHECK(gateway == NULL);
    }
    config_loopback(&config);
    config.reserved = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
}

static void inputs_and_outputs(rtsp_webrtc_gateway *gateway)
{
    rtsp_webrtc_gateway_stream_id stream = 0;
    struct {
        rtsp_webrtc_gateway_pull_options known;
        size_t unknown;
    } pull;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&pull));
    CHECK(pull.known.struct_size == sizeof pull);
    pull.known.url = NOBODY;
    pull.unknown = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull.known, &stream), STRUCT_SIZE);
    pull.unknown = 0;
    CHECK_OK(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull.known, &stream));
    pull.known.struct_size = 0;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam2", &pull.known, &stream),
                STRUCT_SIZE);

    struct {
        rtsp_webrtc_gateway_stream_info known;
        unsigned char unknown[8];
    } info;
    memset(&info, 0xee, sizeof info);
    info.known.struct_size = sizeof info;
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info.known));
    CHECK(info.known.struct_size == sizeof info && info.unknown[0] == 0xee);
    CHECK(info.known.state >= RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING);
    CHECK(info.known.since_last_media_ms == -1);
    CHECK(memchr(info.known.message, 0, sizeof info.known.message) != NULL);
    memset(&info, 0xee, sizeof info);
    info.known.struct_size = offsetof(rtsp_webrtc_gateway_stream_info, video_codec);
    CHECK_OK(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info.known));
    CHECK(info.known.video_codec == (int32_t)0xeeeeeeee);
    info.known.struct_size = 3;
    CHECK_FAILS(rtsp_webrtc_gateway_get_stream_info(gateway, stream, &info.known), STRUCT_SIZE);

    rtsp_webrtc_gateway_tuning_info knob;
    memset(&knob, 0, sizeof knob);
    CHECK_FAILS(rtsp_webrtc_gateway_describe_tuning(0, &knob), STRUCT_SIZE);

    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "cam";
    offer.reserved = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response),
                INVALID_ARGUMENT);
    memset(&offer, 0, sizeof offer);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), STRUCT_SIZE);
}

int main(void)
{
    config_of_other_versions();
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    inputs_and_outputs(gateway);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
