/* Walls: one session of many slots, which are bound to streams, to others and to none; by their functions and
 * by handle_http(). */
#include "push.h"

static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id door, yard;

/* Two slots for video and one for sound, in a bundle. */
#define SECTION(media, mid, codec) \
    "m=" media "\r\n" TRANSPORT "a=mid:" mid "\r\na=recvonly\r\na=rtcp-mux\r\n" codec
#define H264                      \
    "a=rtpmap:102 H264/90000\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
#define WALL                                                                                   \
    SESSION                                                                                    \
    "a=group:BUNDLE left right ear\r\n" SECTION("video 9 UDP/TLS/RTP/SAVPF 102", "left", H264) \
        SECTION("video 9 UDP/TLS/RTP/SAVPF 102", "right", H264)                                \
            SECTION("audio 9 UDP/TLS/RTP/SAVPF 0", "ear", "a=rtpmap:0 PCMU/8000\r\n")

static rtsp_webrtc_gateway_offer wall_offer(void) {
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.flags = RTSP_WEBRTC_GATEWAY_OFFER_WALL;
    offer.sdp = WALL;
    offer.sdp_size = strlen(offer.sdp);
    offer.location_prefix = "/wall/";
    return offer;
}

static rtsp_webrtc_gateway_slot_info slot_info(rtsp_webrtc_gateway_session_id wall, size_t index) {
    rtsp_webrtc_gateway_slot_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_slot_info(gateway, wall, index, &info));
    return info;
}

/* What the slots are bound to. */
static void check_bound(rtsp_webrtc_gateway_session_id wall, rtsp_webrtc_gateway_stream_id left,
                        rtsp_webrtc_gateway_stream_id right, rtsp_webrtc_gateway_stream_id ear) {
    CHECK(slot_info(wall, 0).stream == left);
    CHECK(slot_info(wall, 1).stream == right);
    CHECK(slot_info(wall, 2).stream == ear);
}

static rtsp_webrtc_gateway_session_id open_wall(void) {
    rtsp_webrtc_gateway_offer offer = wall_offer();
    const char *const slots[] = {"door", "nothing"};
    offer.slots = slots;
    offer.slots_len = 2;
    offer.sound = "door";
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response));
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == 201);
    const char *location = header_of(response, "Location");
    CHECK(location != NULL && strncmp(location, "/wall/", 6) == 0);
    const char *patches = header_of(response, "Accept-Patch");
    CHECK(patches != NULL && strstr(patches, "application/json") != NULL);
    const char *refused = header_of(response, "Refused-Slots");
    CHECK(refused != NULL && strncmp(refused, "\"right\";status=404;detail=\"", 26) == 0);
    const rtsp_webrtc_gateway_session_id wall = rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_response_free(response);
    return wall;
}

static void slots(void) {
    const rtsp_webrtc_gateway_session_id wall = open_wall();
    rtsp_webrtc_gateway_session_info session;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&session));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, wall, &session));
    CHECK(session.stream == 0);

    rtsp_webrtc_gateway_slot_info info = slot_info(wall, 0);
    CHECK(strcmp(info.slot, "left") == 0 && info.track == RTSP_WEBRTC_GATEWAY_SINK_TRACK_VIDEO);
    CHECK(info.variant == door && info.flags == 0 && info.width == 0 && info.clock_unix_ms == 0);
    info = slot_info(wall, 2);
    CHECK(strcmp(info.slot, "ear") == 0 && info.track == RTSP_WEBRTC_GATEWAY_SINK_TRACK_AUDIO);
    info = slot_info(wall, 1);
    CHECK(info.variant == 0 && info.state == 0 && info.detail == 0 && *info.why == '\0');
    CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(gateway, wall, 3, &info), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(gateway, wall, SIZE_MAX, &info), NOT_FOUND);
    check_bound(wall, door, 0, door);

    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "right", yard));
    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "right", yard));
    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "left", 0));
    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "ear", yard));
    check_bound(wall, 0, yard, yard);

    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "middle", door), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "", door), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "left", UINT64_MAX), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "left", wall), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, NULL, door), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "\xff", door), INVALID_ARGUMENT);
    check_bound(wall, 0, yard, yard);

    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, wall));
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, wall, "left", door), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(gateway, wall, 0, &info), NOT_FOUND);
}

static void views(void) {
    const rtsp_webrtc_gateway_session_id wall = open_wall();
    rtsp_webrtc_gateway_slot_view view;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&view));
    view.width = 640;
    view.height = 360;
    view.flags = RTSP_WEBRTC_GATEWAY_SLOT_FOCUS | RTSP_WEBRTC_GATEWAY_SLOT_PAUSED;
    CHECK_OK(rtsp_webrtc_gateway_set_slot_view(gateway, wall, "left", &view));
    rtsp_webrtc_gateway_slot_info info = slot_info(wall, 0);
    CHECK(info.width == 640 && info.height == 360 && info.flags == view.flags);
    const struct {
        uint32_t width, height, flags, reserved;
    } wrong[] = {{16385, 1, 0, 0}, {1, UINT32_MAX, 0, 0}, {1, 1, 4, 0}, {1, 1, 0, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        view.width = wrong[i].width;
        view.height = wrong[i].height;
        view.flags = wrong[i].flags;
        view.reserved = wrong[i].reserved;
        CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(gateway, wall, "left", &view),
                    INVALID_ARGUMENT);
    }
    CHECK(slot_info(wall, 0).width == 640);
    CHECK_OK(rtsp_webrtc_gateway_set_slot_view(gateway, wall, "left", NULL));
    CHECK(slot_info(wall, 0).width == 0 && slot_info(wall, 0).flags == 0);
    CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(gateway, wall, "middle", NULL), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(gateway, wall, NULL, NULL), INVALID_ARGUMENT);
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, wall));
}

/* A stream that goes leaves its slots behind. */
static void removed_stream(void) {
    const rtsp_webrtc_gateway_session_id wall = open_wall();
    const rtsp_webrtc_gateway_stream_id gate = add_push_stream(gateway, "gate");
    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "right", gate));
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, gate));
    CHECK(slot_info(wall, 1).state == RTSP_WEBRTC_GATEWAY_STREAM_REMOVED);
    CHECK(slot_info(wall, 0).stream == door);
    CHECK_OK(rtsp_webrtc_gateway_bind_slot(gateway, wall, "right", yard));
    CHECK(slot_info(wall, 1).state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE);
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, wall));
}

static void what_is_no_wall(void) {
    rtsp_webrtc_gateway_response *response = offer_h264(gateway, "door");
    const rtsp_webrtc_gateway_session_id session =
        rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_slot_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_FAILS(rtsp_webrtc_gateway_bind_slot(gateway, session, "0", yard), INVALID_STATE);
    CHECK_FAILS(rtsp_webrtc_gateway_set_slot_view(gateway, session, "0", NULL), INVALID_STATE);
    CHECK_FAILS(rtsp_webrtc_gateway_get_slot_info(gateway, session, 0, &info), INVALID_STATE);
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, session));
    rtsp_webrtc_gateway_response_free(response);
}

static void bad_offers(void) {
    const char *const three[] = {"door", NULL, ""};
    const char *const broken[] = {"\xff"};
    rtsp_webrtc_gateway_response *response = NULL;
    rtsp_webrtc_gateway_offer offer = wall_offer();
    offer.stream_name = "door";
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer = wall_offer();
    offer.slots = three;
    offer.slots_len = 3;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer.slots = NULL;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer.slots = broken;
    offer.slots_len = 1;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer = wall_offer();
    offer.flags = 0;
    offer.stream_name = "door";
    offer.sound = "door";
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  INVALID_ARGUMENT);
    offer = wall_offer();
    offer.sdp = SESSION VIDEO; /* no bundle */
    offer.sdp_size = strlen(offer.sdp);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response, SDP);
    offer.sdp_size = 0;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response, SDP);
}

/* As from the host's web server. */
static rtsp_webrtc_gateway_response *http(const char *method, const char *path, const char *type,
                                          const char *body, uint32_t flags, const char *key) {
    const rtsp_webrtc_gateway_http_header headers[] = {{"Content-Type", type}};
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = method;
    request.path = path;
    request.headers = headers;
    request.headers_len = 1;
    request.body = body;
    request.body_size = strlen(body);
    request.flags = flags;
    request.session_key = key;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &response));
    return response;
}

static void by_http(void) {
    rtsp_webrtc_gateway_response *posted = http("POST", "/video?slots=door,yard", "application/sdp",
                                                WALL, RTSP_WEBRTC_GATEWAY_HTTP_WALL, NULL);
    CHECK(rtsp_webrtc_gateway_response_http_status(posted) == 201);
    const rtsp_webrtc_gateway_session_id wall = rtsp_webrtc_gateway_response_session_id(posted);
    const char *key = rtsp_webrtc_gateway_response_session_key(posted);
    check_bound(wall, door, yard, 0);

    rtsp_webrtc_gateway_response *patched = http(
        "PATCH", "/video/x", "application/json",
        "{\"slots\":[{\"slot\":\"left\",\"stream\":\"yard\"},{\"slot\":\"up\",\"stream\":null}]}",
        RTSP_WEBRTC_GATEWAY_HTTP_WALL, key);
    CHECK(rtsp_webrtc_gateway_response_http_status(patched) == 200);
    const char *body = rtsp_webrtc_gateway_response_body(patched, NULL);
    CHECK(strstr(body, "{\"slot\":\"left\",\"stream\":\"yard\"}") != NULL);
    CHECK(strstr(body, "\"status\":404") != NULL);
    check_bound(wall, yard, yard, 0);
    rtsp_webrtc_gateway_response_free(patched);

    patched =
        http("PATCH", "/video/x", "application/json", "{", RTSP_WEBRTC_GATEWAY_HTTP_WALL, key);
    CHECK(rtsp_webrtc_gateway_response_http_status(patched) == 400);
    rtsp_webrtc_gateway_response_free(patched);

    /* A key is valid for what it was made for. */
    rtsp_webrtc_gateway_response *single = offer_h264(gateway, "door");
    patched = http("DELETE", "/x", "", "", RTSP_WEBRTC_GATEWAY_HTTP_WALL,
                   rtsp_webrtc_gateway_response_session_key(single));
    CHECK(rtsp_webrtc_gateway_response_http_status(patched) == 404);
    rtsp_webrtc_gateway_response_free(patched);
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway,
                                               rtsp_webrtc_gateway_response_session_id(single)));
    rtsp_webrtc_gateway_response_free(single);

    rtsp_webrtc_gateway_response *deleted =
        http("DELETE", "/x", "", "", RTSP_WEBRTC_GATEWAY_HTTP_WALL, key);
    CHECK(rtsp_webrtc_gateway_response_http_status(deleted) == 200);
    rtsp_webrtc_gateway_response_free(deleted);
    rtsp_webrtc_gateway_response_free(posted);

    rtsp_webrtc_gateway_http_request both;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&both));
    both.method = "GET";
    both.path = "/x";
    both.stream_name = "door";
    both.flags = RTSP_WEBRTC_GATEWAY_HTTP_WALL;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_http(gateway, &both, &response), response,
                  INVALID_ARGUMENT);
}

int main(void) {
    gateway = gateway_loopback(NULL);
    door = add_push_stream(gateway, "door");
    yard = add_push_stream(gateway, "yard");
    push_picture(gateway, door, 0, true);
    push_picture(gateway, yard, 0, true);
    slots();
    views();
    removed_stream();
    what_is_no_wall();
    bad_offers();
    by_http();
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
