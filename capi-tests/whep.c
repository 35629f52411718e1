/* The life of a session through its viewer's requests: asynchronous POST, PATCH, DELETE; by the
 * functions for each, and by handle_http(). The host pushes a frame, so that there is media. */
#include "push.h"

#include <pthread.h>
#include <time.h>

#define CANDIDATE                                    \
    "m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\n" \
    "a=candidate:1 1 udp 2122260223 192.0.2.7 61764 typ host\r\n"
#define RESTART "a=ice-ufrag:9xYz\r\na=ice-pwd:3/1muCWoOi3uLifh0NuRHlbX\r\n"
#define RESTART_AGAIN "a=ice-ufrag:wXyZ\r\na=ice-pwd:4/1muCWoOi3uLifh0NuRHlbY\r\n"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static rtsp_webrtc_gateway *gateway;
static rtsp_webrtc_gateway_stream_id stream;

/* What a completion got. */
struct answer {
    int calls, status;
    rtsp_webrtc_gateway_op_id op;
    rtsp_webrtc_gateway_response *response;
};

static void answered(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                     rtsp_webrtc_gateway_response *response) {
    struct answer *answer = user_data;
    pthread_mutex_lock(&lock);
    answer->calls++;
    answer->status = status;
    answer->op = op;
    answer->response = response;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void http_answered(void *user_data, rtsp_webrtc_gateway_response *response) {
    answered(user_data, 0, RTSP_WEBRTC_GATEWAY_OK, response);
}

static void wait_for(struct answer *answer) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&lock);
    while (answer->calls == 0) {
        CHECK(pthread_cond_timedwait(&changed, &lock, &deadline) == 0);
    }
    CHECK(answer->calls == 1);
    pthread_mutex_unlock(&lock);
}

static bool body_has(const rtsp_webrtc_gateway_response *response, const char *part) {
    size_t size = 0;
    const char *body = rtsp_webrtc_gateway_response_body(response, &size);
    CHECK(body != NULL && strlen(body) == size);
    return strstr(body, part) != NULL;
}

/* Status, session and ETag agree with the headers of the response. */
static void check_response(const rtsp_webrtc_gateway_response *response, int http_status,
                           rtsp_webrtc_gateway_session_id session) {
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == http_status);
    CHECK(rtsp_webrtc_gateway_response_session_id(response) == session);
    const char *etag = rtsp_webrtc_gateway_response_etag(response);
    CHECK(etag != NULL && etag[0] == '"' && strlen(etag) > 6 && etag[strlen(etag) - 1] == '"');
    CHECK(http_status == 204 || strcmp(header_of(response, "ETag"), etag) == 0);
}

static struct answer offer_async(bool before_the_picture) {
    struct answer answer = {0, 0, 0, NULL};
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_op_id op = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.location_prefix = "/live/pushed/whep/";
    offer.timeout_ms = 60000;
    CHECK_OK(
        rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &offer, answered, &answer, &op, NULL));
    if (before_the_picture) { /* it waits for the frame */
        push_picture(gateway, stream, 0, true);
    }
    wait_for(&answer);
    CHECK(op != 0 && answer.op == op && answer.status == RTSP_WEBRTC_GATEWAY_OK);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, op), NOT_FOUND);
    return answer;
}

static int patch(const char *key, const char *if_match, const char *fragment,
                 rtsp_webrtc_gateway_response **response) {
    return rtsp_webrtc_gateway_handle_whep_patch(gateway, key, if_match, fragment, strlen(fragment),
                                                 response);
}

/* Restarts ICE; returns the response. */
static rtsp_webrtc_gateway_response *restart(const char *key, const char *if_match,
                                             const char *fragment,
                                             rtsp_webrtc_gateway_session_id session) {
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(patch(key, if_match, fragment, &response));
    check_response(response, 200, session);
    CHECK(strcmp(rtsp_webrtc_gateway_response_session_key(response), key) == 0);
    CHECK(strcmp(header_of(response, "Content-Type"), "application/trickle-ice-sdpfrag") == 0);
    CHECK(body_has(response, "a=ice-ufrag:") && body_has(response, "a=ice-pwd:"));
    CHECK(body_has(response, "a=candidate:"));
    CHECK(!body_has(response, "9xYz") && !body_has(response, "wXyZ"));
    return response;
}

static void candidates_are_taken(const char *key, const char *etag,
                                 rtsp_webrtc_gateway_session_id session) {
    rtsp_webrtc_gateway_response *response = NULL;
    size_t size = 7;
    CHECK_OK(patch(key, etag, CANDIDATE, &response));
    check_response(response, 204, session);
    CHECK(strcmp(rtsp_webrtc_gateway_response_etag(response), etag) == 0);
    CHECK(strcmp(rtsp_webrtc_gateway_response_body(response, &size), "") == 0 && size == 0);
    const char *name, *value;
    CHECK(!rtsp_webrtc_gateway_response_header(response, 0, &name, &value));
    rtsp_webrtc_gateway_response_free(response);
}

static void by_the_functions(void) {
    /* The offer comes before the first frame, and is answered with it. */
    struct answer first = offer_async(true);
    rtsp_webrtc_gateway_response *created = first.response;
    const rtsp_webrtc_gateway_session_id session = rtsp_webrtc_gateway_response_session_id(created);
    const char *key = rtsp_webrtc_gateway_response_session_key(created);
    const char *etag = rtsp_webrtc_gateway_response_etag(created);
    char location[256];
    CHECK(session != 0 && key != NULL && strlen(key) >= 22);
    check_response(created, 201, session);
    snprintf(location, sizeof location, "/live/pushed/whep/%s", key);
    CHECK(strcmp(header_of(created, "Location"), location) == 0);
    CHECK(strcmp(header_of(created, "Content-Type"), "application/sdp") == 0);
    CHECK(body_has(created, "v=0\r\n") && body_has(created, "\r\na=ice-lite\r\n"));

    /* Another one, answered at once, with a session of its own. */
    struct answer other = offer_async(false);
    CHECK(rtsp_webrtc_gateway_response_session_id(other.response) != session);
    CHECK(strcmp(rtsp_webrtc_gateway_response_session_key(other.response), key) != 0);
    const char *other_etag = rtsp_webrtc_gateway_response_etag(other.response);
    CHECK(strcmp(other_etag, etag) != 0);

    candidates_are_taken(key, etag, session);
    rtsp_webrtc_gateway_response *none = NULL;
    CHECK_REFUSED(patch(key, NULL, CANDIDATE, &none), none, PRECONDITION_REQUIRED);
    CHECK_REFUSED(patch(key, "\"wrong\"", CANDIDATE, &none), none, ETAG);
    CHECK_REFUSED(patch(key, other_etag, CANDIDATE, &none), none, ETAG);
    CHECK_REFUSED(patch(key, "", CANDIDATE, &none), none, ETAG);
    CHECK_REFUSED(patch(key, etag, "a=candidate:nonsense\r\n", &none), none, SDP);
    CHECK_REFUSED(patch(key, etag, SESSION VIDEO, &none), none, UNPROCESSABLE);
    CHECK_REFUSED(patch(key, etag, "a=ice-ufrag:9xYz\r\n", &none), none, ICE_CREDENTIALS);
    CHECK_REFUSED(patch(key, "\"wrong\"", RESTART, &none), none, ETAG);
    CHECK(none == NULL);
    candidates_are_taken(key, etag, session); /* none of these changed it */

    /* A restart by ETag, another by "*": each has a new ETag and invalidates the previous one. */
    rtsp_webrtc_gateway_response *second = restart(key, etag, RESTART, session);
    const char *second_etag = rtsp_webrtc_gateway_response_etag(second);
    CHECK(strcmp(second_etag, etag) != 0);
    CHECK_REFUSED(patch(key, etag, CANDIDATE, &none), none, ETAG);
    CHECK_REFUSED(patch(key, etag, RESTART_AGAIN, &none), none, ETAG);
    candidates_are_taken(key, second_etag, session);
    rtsp_webrtc_gateway_response *again = NULL; /* its credentials are known by now: no restart */
    CHECK_OK(patch(key, "*", RESTART CANDIDATE, &again));
    check_response(again, 204, session);
    CHECK(strcmp(rtsp_webrtc_gateway_response_etag(again), second_etag) == 0);
    rtsp_webrtc_gateway_response_free(again);
    rtsp_webrtc_gateway_response *third = restart(key, "*", RESTART_AGAIN, session);
    CHECK(strcmp(rtsp_webrtc_gateway_response_etag(third), second_etag) != 0);
    CHECK_REFUSED(patch(key, second_etag, CANDIDATE, &none), none, ETAG);
    candidates_are_taken(key, rtsp_webrtc_gateway_response_etag(third), session);
    rtsp_webrtc_gateway_response_free(second);
    rtsp_webrtc_gateway_response_free(third);

    /* DELETE ends this session and no other. Responses outlive their session. */
    rtsp_webrtc_gateway_session_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, session, &info));
    rtsp_webrtc_gateway_response *deleted = NULL;
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_delete(gateway, key, &deleted));
    CHECK(rtsp_webrtc_gateway_response_http_status(deleted) == 200);
    CHECK(strcmp(rtsp_webrtc_gateway_response_body(deleted, NULL), "") == 0);
    rtsp_webrtc_gateway_response_free(deleted);
    CHECK_FAILS(rtsp_webrtc_gateway_handle_whep_delete(gateway, key, NULL), NOT_FOUND);
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_delete(gateway, key, &none), none, NOT_FOUND);
    CHECK_REFUSED(patch(key, "*", CANDIDATE, &none), none, NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_close_session(gateway, session), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_get_session_info(gateway, session, &info), NOT_FOUND);
    candidates_are_taken(rtsp_webrtc_gateway_response_session_key(other.response), other_etag,
                         rtsp_webrtc_gateway_response_session_id(other.response));
    CHECK(none == NULL);
    rtsp_webrtc_gateway_response_free(created);
    CHECK_OK(rtsp_webrtc_gateway_close_session(
        gateway, rtsp_webrtc_gateway_response_session_id(other.response)));
    rtsp_webrtc_gateway_response_free(other.response);
}

/* Sends a request and checks the status. The caller owns the response. */
static rtsp_webrtc_gateway_response *ask(const char *method, const char *path, const char *type,
                                         const char *if_match, const char *body, int http_status) {
    const rtsp_webrtc_gateway_http_header headers[] = {{"content-type", type},
                                                       {"If-Match", if_match}};
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = method;
    request.path = path;
    request.headers = headers;
    request.headers_len = if_match != NULL ? 2 : 1;
    request.body = body;
    request.body_size = strlen(body);
    CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &response));
    const int status = rtsp_webrtc_gateway_response_http_status(response);
    if (status != http_status) {
        fprintf(stderr, "%s %s: %d, not %d\n%s\n", method, path, status, http_status,
                rtsp_webrtc_gateway_response_body(response, NULL));
        exit(1);
    }
    return response;
}
#define ASK(...) rtsp_webrtc_gateway_response_free(ask(__VA_ARGS__))

static void by_http(void) {
    static const char *const sdp = "application/sdp";
    static const char *const fragment = "application/trickle-ice-sdpfrag";
    rtsp_webrtc_gateway_response *created =
        ask("POST", "/live/pushed/whep", sdp, NULL, SESSION VIDEO, 201);
    const rtsp_webrtc_gateway_session_id session = rtsp_webrtc_gateway_response_session_id(created);
    const char *path = header_of(created, "Location");
    const char *etag = rtsp_webrtc_gateway_response_etag(created);
    check_response(created, 201, session);
    CHECK(strncmp(path, "/live/pushed/whep/", 18) == 0);
    CHECK(strcmp(path + 18, rtsp_webrtc_gateway_response_session_key(created)) == 0);

    ASK("PATCH", path, fragment, etag, CANDIDATE, 204);
    ASK("PATCH", path, fragment, NULL, CANDIDATE, 428);
    ASK("PATCH", path, fragment, "\"wrong\"", CANDIDATE, 412);
    ASK("PATCH", path, "text/plain", etag, CANDIDATE, 415);
    ASK("PATCH", path, sdp, NULL, SESSION VIDEO, 422); /* its offer has been answered */
    rtsp_webrtc_gateway_response *restarted = ask("PATCH", path, fragment, "*", RESTART, 200);
    check_response(restarted, 200, session);
    ASK("PATCH", path, fragment, etag, CANDIDATE, 412);
    ASK("PATCH", path, fragment, rtsp_webrtc_gateway_response_etag(restarted), CANDIDATE, 204);
    rtsp_webrtc_gateway_response_free(restarted);
    ASK("GET", path, sdp, NULL, "", 200);
    ASK("DELETE", path, sdp, NULL, "", 200);
    ASK("DELETE", path, sdp, NULL, "", 404);
    ASK("PATCH", path, fragment, etag, CANDIDATE, 404);
    ASK("GET", path, sdp, NULL, "", 404);
    rtsp_webrtc_gateway_response_free(created);

    /* The same, asynchronously. */
    static const rtsp_webrtc_gateway_http_header type = {"Content-Type", "application/sdp"};
    struct answer answer = {0, 0, 0, NULL};
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = "POST";
    request.path = "/pushed/whep";
    request.headers = &type;
    request.headers_len = 1;
    request.body = SESSION VIDEO;
    request.body_size = strlen(request.body);
    CHECK_OK(
        rtsp_webrtc_gateway_handle_http_async(gateway, &request, http_answered, &answer, NULL));
    wait_for(&answer);
    const rtsp_webrtc_gateway_session_id later =
        rtsp_webrtc_gateway_response_session_id(answer.response);
    CHECK(later > session);
    check_response(answer.response, 201, later);
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_delete(
        gateway, rtsp_webrtc_gateway_response_session_key(answer.response), NULL));
    rtsp_webrtc_gateway_response_free(answer.response);
}

/* ---------------------------------------------------------- what the host says of a viewer */

static int ann; /* her address is her sessions' user_data */
static const char *const her_peer = "192.0.2.7:5000";
static int32_t her_states[8];
static size_t her_states_count;

static void on_session_state(void *user_data, const rtsp_webrtc_gateway_session_event *event) {
    CHECK(user_data == NULL && event->struct_size >= sizeof *event && event->stream == stream);
    CHECK(event->status == RTSP_WEBRTC_GATEWAY_OK && event->message == NULL);
    if (event->session_user_data == NULL) {
        CHECK(event->label == NULL && event->peer == NULL);
        return;
    }
    CHECK(event->session_user_data == &ann);
    CHECK(strcmp(event->label, "Ann M\xc3\xbcller") == 0 && strcmp(event->peer, her_peer) == 0);
    pthread_mutex_lock(&lock);
    CHECK(her_states_count < sizeof her_states / sizeof *her_states);
    her_states[her_states_count++] = event->state;
    pthread_mutex_unlock(&lock);
}

/* What a viewer may ask for, in its offer and later. */
static void offer_limits(const rtsp_webrtc_gateway_offer *of) {
    const rtsp_webrtc_gateway_stream_id other = add_push_stream(gateway, "other");
    rtsp_webrtc_gateway_stream_id own;
    rtsp_webrtc_gateway_offer offer = *of;
    rtsp_webrtc_gateway_viewer_limits limits;
    CHECK_OK(rtsp_webrtc_gateway_find_stream(gateway, offer.stream_name, &own));
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&limits));
    offer.user_data = NULL;
    offer.label = offer.peer = NULL;
    offer.limits = &limits;
    limits.max_bitrate_bps = 500000;
    limits.variant = own;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response));
    const rtsp_webrtc_gateway_session_id session =
        rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_response_free(response);
    rtsp_webrtc_gateway_session_info info;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, session, &info));
    CHECK(info.variant == own && info.detail == RTSP_WEBRTC_GATEWAY_DETAIL_ALL_FRAMES);
    CHECK(info.bandwidth_bps == 0 && info.skips == 0);
    CHECK(info.switches_up == 0 && info.switches_down == 0);

    CHECK_OK(rtsp_webrtc_gateway_set_session_limits(gateway, session, NULL));
    limits.flags = RTSP_WEBRTC_GATEWAY_LIMITS_ONLY;
    CHECK_OK(rtsp_webrtc_gateway_set_session_limits(gateway, session, &limits));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, session, &info));
    CHECK(info.reason == RTSP_WEBRTC_GATEWAY_QUALITY_REASON_NOTHING && *info.held_back == '\0');
    const struct {
        rtsp_webrtc_gateway_stream_id variant;
        uint32_t flags, reserved;
    } wrong[] = {
        {other, 0, 0}, /* a stream, but no variant */
        {UINT64_MAX, 0, 0}, {own, 2, 0}, {0, RTSP_WEBRTC_GATEWAY_LIMITS_ONLY, 0}, {own, 0, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        limits.variant = wrong[i].variant;
        limits.flags = wrong[i].flags;
        limits.reserved = wrong[i].reserved;
        CHECK_FAILS(rtsp_webrtc_gateway_set_session_limits(gateway, session, &limits),
                    INVALID_ARGUMENT);
        CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                      INVALID_ARGUMENT);
    }
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, session));
    CHECK_FAILS(rtsp_webrtc_gateway_set_session_limits(gateway, session, NULL), NOT_FOUND);
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, other));
}

static void of_a_viewer(void) {
    rtsp_webrtc_gateway_offer offer;
    rtsp_webrtc_gateway_ice_server server;
    rtsp_webrtc_gateway_session_info info;
    rtsp_webrtc_gateway_response *response = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&server));
    server.url = "turn:turn.example.com";
    server.username = "ann";
    server.credential = "expires-soon";
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    offer.peer = her_peer;
    offer.ice_servers = &server;
    offer.ice_servers_len = 1;
    offer.label = "Ann M\xc3\xbcller";
    offer.user_data = &ann;
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response));
    CHECK(strcmp(header_of(response, "Accept-Patch"), "application/trickle-ice-sdpfrag") == 0);
    CHECK(strstr(header_of(response, "Link"), "credential=\"expires-soon\"") != NULL);
    const rtsp_webrtc_gateway_session_id session =
        rtsp_webrtc_gateway_response_session_id(response);
    rtsp_webrtc_gateway_response_free(response);
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, session, &info));
    CHECK(info.user_data == &ann);
    CHECK(strcmp(info.label, offer.label) == 0 && strcmp(info.peer, her_peer) == 0);
    char *json = NULL;
    CHECK_OK(rtsp_webrtc_gateway_state_json(gateway, &json, NULL));
    CHECK(strstr(json, "\"label\":\"Ann M\xc3\xbcller\"") != NULL);
    CHECK(strstr(json, "\"peer\":\"192.0.2.7:5000\"") != NULL);
    rtsp_webrtc_gateway_string_free(json);
    CHECK_OK(rtsp_webrtc_gateway_close_session(gateway, session));
    offer_limits(&offer);

    /* One that does not wait for the camera. */
    add_push_stream(gateway, "silent");
    offer.stream_name = "silent";
    offer.flags = RTSP_WEBRTC_GATEWAY_OFFER_NO_WAIT;
    offer.timeout_ms = UINT32_MAX;
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &offer, &response), response,
                  NOT_READY);
}

/* ------------------------------------------------------------- an offer of the gateway's own */

static void by_an_offer_of_the_gateway(void) {
    static const char *const sdp = "application/sdp";
    static const rtsp_webrtc_gateway_http_header type = {"Content-Type", "application/sdp"};
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_session_info info;
    rtsp_webrtc_gateway_response *offer = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = "POST";
    request.path = "/pushed/whep";
    request.headers = &type;
    request.headers_len = 1;
    request.user_data = &ann;
    CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &offer));
    CHECK(rtsp_webrtc_gateway_response_http_status(offer) == 406);
    CHECK(strncmp(header_of(offer, "Content-Type"), "application/sdp; valid-until=\"", 30) == 0);
    CHECK(body_has(offer, "a=setup:actpass\r\n") && body_has(offer, " H264/90000\r\n"));
    const rtsp_webrtc_gateway_session_id session = rtsp_webrtc_gateway_response_session_id(offer);
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
    CHECK_OK(rtsp_webrtc_gateway_get_session_info(gateway, session, &info));
    CHECK(info.state == RTSP_WEBRTC_GATEWAY_SESSION_NEW);
    CHECK(info.user_data == NULL); /* it is the host's again */
    const char *path = header_of(offer, "Location");
    ASK("PATCH", path, sdp, NULL, CANDIDATE, 400);
    ASK("PATCH", path, sdp, NULL, SESSION VIDEO, 204);
    ASK("PATCH", path, sdp, NULL, SESSION VIDEO, 422);
    ASK("DELETE", path, sdp, NULL, "", 200);
    rtsp_webrtc_gateway_response_free(offer);
}

int main(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_session_state = on_session_state;
    gateway = gateway_loopback(&callbacks);
    stream = add_push_stream(gateway, "pushed");
    by_the_functions();
    by_http();
    of_a_viewer();
    by_an_offer_of_the_gateway();
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(her_states_count == 2 && her_states[0] == RTSP_WEBRTC_GATEWAY_SESSION_NEW);
    CHECK(her_states[1] == RTSP_WEBRTC_GATEWAY_SESSION_CLOSED);
    return 0;
}
