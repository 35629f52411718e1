/* NULL for every pointer of every function: an error or a neutral value, never a crash. */
#include "check.h"

static void without_gateway(void) {
    int32_t key;
    rtsp_webrtc_gateway_tuning_info tuning;
    CHECK_FAILS(rtsp_webrtc_gateway_describe_tuning(0, NULL), INVALID_ARGUMENT);
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&tuning));
    CHECK_OK(rtsp_webrtc_gateway_describe_tuning(0, &tuning));
    CHECK_FAILS(rtsp_webrtc_gateway_find_tuning(NULL, &key), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_find_tuning("nack", NULL), INVALID_ARGUMENT);

    CHECK_FAILS(rtsp_webrtc_gateway_struct_init(NULL, sizeof(rtsp_webrtc_gateway_offer),
                                                RTSP_WEBRTC_GATEWAY_ABI_VERSION),
                INVALID_ARGUMENT);

    rtsp_webrtc_gateway *gateway = (rtsp_webrtc_gateway *)&key;
    CHECK_FAILS(rtsp_webrtc_gateway_create(NULL, &gateway), INVALID_ARGUMENT);
    CHECK(gateway == (rtsp_webrtc_gateway *)&key);
    rtsp_webrtc_gateway_config config;
    config_loopback(&config);
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, NULL), INVALID_ARGUMENT);
    config.public_addresses_len = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    const char *addresses[] = {NULL};
    config.public_addresses = addresses;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    config_loopback(&config);
    config.tuning_len = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);

    config_loopback(&config);
    config.ice_servers_len = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    const rtsp_webrtc_gateway_ice_server server = {.struct_size = sizeof server,
                                                   .credential = SECRET};
    config.ice_servers = &server;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);

    CHECK(rtsp_webrtc_gateway_last_error(NULL, 10) > 0);
    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_INFO, NULL, NULL, NULL));

    size_t size = 7;
    const char *text = "unchanged";
    CHECK(rtsp_webrtc_gateway_response_http_status(NULL) == 0);
    CHECK(rtsp_webrtc_gateway_response_body(NULL, &size) == NULL);
    CHECK(rtsp_webrtc_gateway_response_body(NULL, NULL) == NULL);
    CHECK(size == 7);
    CHECK(!rtsp_webrtc_gateway_response_header(NULL, 0, &text, &text));
    CHECK(!rtsp_webrtc_gateway_response_header(NULL, 0, NULL, NULL));
    CHECK(strcmp(text, "unchanged") == 0);
    CHECK(rtsp_webrtc_gateway_response_etag(NULL) == NULL);
    CHECK(rtsp_webrtc_gateway_response_session_key(NULL) == NULL);
    CHECK(rtsp_webrtc_gateway_response_session_id(NULL) == 0);
    rtsp_webrtc_gateway_response_free(NULL);
    rtsp_webrtc_gateway_sink_frame_free(NULL);
}

/* Nothing is ever answered here. */
static void no_answer(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                      rtsp_webrtc_gateway_response *response) {
    (void)user_data, (void)op, (void)status, (void)response;
    CHECK(false);
}

static void no_http_answer(void *user_data, rtsp_webrtc_gateway_response *response) {
    (void)user_data, (void)response;
    CHECK(false);
}

/* Each pointer except the gateway; if gateway is NULL, the gateway as well. */
static void with_gateway(rtsp_webrtc_gateway *gateway) {
    int64_t value;
    char *text = NULL;
    rtsp_webrtc_gateway_stream_id stream = 7;
    rtsp_webrtc_gateway_op_id op = 7;
    size_t count = 7;
    rtsp_webrtc_gateway_response *response = NULL;
    rtsp_webrtc_gateway_pull_options pull;
    rtsp_webrtc_gateway_push_options push;
    rtsp_webrtc_gateway_frame frame;
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_stream_info stream_info;
    rtsp_webrtc_gateway_session_info session_info;
    rtsp_webrtc_gateway_slot_info slot_info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&pull));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&push));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&frame));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&stream_info));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&session_info));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&slot_info));
    pull.url = NOBODY;
    push.video_codec = RTSP_WEBRTC_GATEWAY_CODEC_H264;
    frame.data = (const uint8_t *)"\0\0\1\x65";
    frame.size = 4;
    offer.stream_name = "cam";
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    rtsp_webrtc_gateway_sink_options sink_options;
    rtsp_webrtc_gateway_sink_info sink_info;
    rtsp_webrtc_gateway_sink_id sink = 7;
    const rtsp_webrtc_gateway_sink_frame *sink_frame = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&sink_options));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&sink_info));
    rtsp_webrtc_gateway_output_options output_options;
    rtsp_webrtc_gateway_output_info output_info;
    rtsp_webrtc_gateway_output_id output = 7;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&output_options));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&output_info));

    if (gateway == NULL) {
        CHECK_FAILS(rtsp_webrtc_gateway_shutdown(NULL, 1), INVALID_ARGUMENT);
        CHECK_OK(rtsp_webrtc_gateway_destroy(NULL));
        CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(NULL, 2, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_tuning(NULL, 2, &value), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_add_stream(NULL, "cam", &pull, &stream), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(NULL, "push", &push, &stream),
                    INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_push_video(NULL, 1, &frame), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_push_audio(NULL, 1, &frame), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_push_rtp(NULL, 1, RTSP_WEBRTC_GATEWAY_CODEC_H264,
                                                 frame.data, frame.size),
                    INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_stream(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_update_stream(NULL, 1, &pull), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_reconnect_stream(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_set_variants(NULL, 1, NULL, 0), INVALID_ARGUMENT);
        char name[8] = "name";
        CHECK(rtsp_webrtc_gateway_stream_name(NULL, 1, name, sizeof name) == 0 && name[0] == 0);
        CHECK_FAILS(rtsp_webrtc_gateway_get_stream_info(NULL, 1, &stream_info), INVALID_ARGUMENT);
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(NULL, &offer, &response), response,
                      INVALID_ARGUMENT);
        CHECK_FAILS(
            rtsp_webrtc_gateway_handle_whep_offer_async(NULL, &offer, no_answer, NULL, &op, NULL),
            INVALID_ARGUMENT);
        CHECK_FAILS(
            rtsp_webrtc_gateway_handle_whep_offer_async(NULL, &offer, no_answer, NULL, NULL, NULL),
            INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_cancel(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_find_stream(NULL, "cam", &stream), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_list_streams(NULL, &stream, 1, &count), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_list_sessions(NULL, &stream, 1, &count), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_close_session(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_set_session_limits(NULL, 1, NULL), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(NULL, 1, "0", 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(NULL, 1, "0", NULL), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(NULL, 1, 0, &slot_info), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(NULL, "key", NULL), INVALID_ARGUMENT);
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_patch(NULL, "key", "*", "", 0, &response),
                      response, INVALID_ARGUMENT);
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(NULL, &request, &response), response,
                      INVALID_ARGUMENT);
        CHECK_FAILS(
            rtsp_webrtc_gateway_handle_http_async(NULL, &request, no_http_answer, NULL, NULL),
            INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_listen_http(NULL, NULL, NULL), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_authorize(NULL, 1, true), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_set_bearer_tokens(NULL, NULL, 0), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_session_info(NULL, 1, &session_info), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_add_sink(NULL, 1, &sink_options, &sink), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_sink(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_read_sink(NULL, 1, 0, &sink_frame), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_sink_info(NULL, 1, &sink_info), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_keyframe(NULL, 1, &sink_frame), INVALID_ARGUMENT);
        CHECK(sink == 7 && sink_frame == NULL);
        CHECK_FAILS(rtsp_webrtc_gateway_add_output(NULL, 1, &output_options, &output),
                    INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_remove_output(NULL, 1), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_get_output_info(NULL, 1, &output_info), INVALID_ARGUMENT);
        CHECK(output == 7);
        CHECK_FAILS(rtsp_webrtc_gateway_metrics(NULL, &text, NULL), INVALID_ARGUMENT);
        CHECK_FAILS(rtsp_webrtc_gateway_state_json(NULL, &text, NULL), INVALID_ARGUMENT);
        CHECK(text == NULL);
        rtsp_webrtc_gateway_string_free(NULL);
        return;
    }
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, NULL, &response), response,
                  INVALID_ARGUMENT);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, &request, &response), response,
                  INVALID_ARGUMENT);
    request.method = "GET";
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, &request, &response), response,
                  INVALID_ARGUMENT);
    request.path = "/cam/whep";
    CHECK_FAILS(rtsp_webrtc_gateway_handle_http(gateway, &request, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_http_async(gateway, &request, NULL, NULL, NULL),
                INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_http_async(gateway, NULL, no_http_answer, NULL, NULL),
                INVALID_ARGUMENT);
    request.headers_len = 1;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, &request, &response), response,
                  INVALID_ARGUMENT);
    const rtsp_webrtc_gateway_http_header no_header = {NULL, NULL};
    request.headers = &no_header;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, &request, &response), response,
                  INVALID_ARGUMENT);
    request.headers_len = 0;
    request.body_size = 1;
    CHECK_FAILS(
        rtsp_webrtc_gateway_handle_http_async(gateway, &request, no_http_answer, NULL, NULL),
        INVALID_ARGUMENT);
    CHECK(response == NULL);

    CHECK_FAILS(rtsp_webrtc_gateway_get_tuning(gateway, 2, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_update_stream(gateway, 1, NULL), INVALID_ARGUMENT);
    CHECK(rtsp_webrtc_gateway_stream_name(gateway, 1, NULL, 10) == 0);
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, NULL, &pull, &stream), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", NULL, &stream), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, NULL), INVALID_ARGUMENT);
    pull.url = NULL;
    CHECK_FAILS(rtsp_webrtc_gateway_add_stream(gateway, "cam", &pull, &stream), INVALID_ARGUMENT);
    CHECK(stream == 7);
    CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, NULL, &push, &stream),
                INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "cam", NULL, &stream),
                INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_push_stream(gateway, "cam", &push, NULL), INVALID_ARGUMENT);
    CHECK(stream == 7);
    CHECK_OK(rtsp_webrtc_gateway_add_push_stream(gateway, "push", &push, &stream));
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_push_audio(gateway, stream, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(
        rtsp_webrtc_gateway_push_rtp(gateway, stream, RTSP_WEBRTC_GATEWAY_CODEC_H264, NULL, 12),
        INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, NULL, &sink), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_sink(gateway, stream, &sink_options, NULL),
                INVALID_ARGUMENT);
    CHECK_OK(rtsp_webrtc_gateway_add_sink(gateway, stream, &sink_options, &sink));
    CHECK_FAILS(rtsp_webrtc_gateway_read_sink(gateway, sink, 0, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_get_sink_info(gateway, sink, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_get_keyframe(gateway, stream, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_output(gateway, stream, NULL, &output), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_add_output(gateway, stream, &output_options, &output),
                INVALID_ARGUMENT);
    output_options.url = "http://127.0.0.1:9/whip";
    CHECK_FAILS(rtsp_webrtc_gateway_add_output(gateway, stream, &output_options, NULL),
                INVALID_ARGUMENT);
    CHECK(output == 7);
    if (rtsp_webrtc_gateway_add_output(gateway, stream, &output_options, &output) !=
        RTSP_WEBRTC_GATEWAY_ERR_UNSUPPORTED) {
        CHECK_FAILS(rtsp_webrtc_gateway_get_output_info(gateway, output, NULL), INVALID_ARGUMENT);
    }
    frame.data = NULL;
    CHECK_FAILS(rtsp_webrtc_gateway_push_video(gateway, stream, &frame), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_push_audio(gateway, stream, &frame), INVALID_ARGUMENT);
    /* None of these added it. */
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &stream));
    CHECK_FAILS(rtsp_webrtc_gateway_get_stream_info(gateway, stream, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_get_session_info(gateway, 1, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, 1, NULL, 1), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(gateway, 1, NULL, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(gateway, 1, 0, NULL), INVALID_ARGUMENT);

    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, NULL, &response), response,
                  INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, NULL), INVALID_ARGUMENT);
    offer.sdp_size = 10;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer.sdp = "v=0";
    offer.sdp_size = SIZE_MAX;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer.sdp_size = 3;
    offer.stream_name = NULL;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    CHECK(response == NULL);
    CHECK_FAILS(
        rtsp_webrtc_gateway_handle_whep_offer_async(gateway, NULL, no_answer, NULL, &op, NULL),
        INVALID_ARGUMENT);
    CHECK_FAILS(
        rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &offer, no_answer, NULL, &op, NULL),
        INVALID_ARGUMENT);
    offer.stream_name = "cam";
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &offer, NULL, NULL, &op, NULL),
                INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_find_stream(gateway, NULL, &stream), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_find_stream(gateway, "cam", NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_list_streams(gateway, NULL, 1, &count), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_list_streams(gateway, NULL, 0, NULL), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_list_sessions(gateway, NULL, 1, &count), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_list_sessions(gateway, NULL, 0, NULL), INVALID_ARGUMENT);
    CHECK(op == 7 && count == 7);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(gateway, NULL, NULL), INVALID_ARGUMENT);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_patch(gateway, NULL, "*", "", 0, &response),
                  response, INVALID_ARGUMENT);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_patch(gateway, "key", "*", NULL, 1, &response),
                  response, INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_patch(gateway, "key", "*", "", 0, NULL),
                INVALID_ARGUMENT);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_patch(gateway, "key", NULL, "", 0, &response),
                  response, NOT_FOUND);
    CHECK(response == NULL);
    CHECK_FAILS(rtsp_webrtc_gateway_metrics(gateway, NULL, NULL), INVALID_ARGUMENT);
    CHECK_OK(rtsp_webrtc_gateway_metrics(gateway, &text, NULL));
    rtsp_webrtc_gateway_string_free(text);
    CHECK_FAILS(rtsp_webrtc_gateway_state_json(gateway, NULL, NULL), INVALID_ARGUMENT);
    CHECK_OK(rtsp_webrtc_gateway_state_json(gateway, &text, NULL));
    rtsp_webrtc_gateway_string_free(text);
}

int main(void) {
    without_gateway();
    with_gateway(NULL);
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    with_gateway(gateway);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
