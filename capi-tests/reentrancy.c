/* Every function from inside every callback: those that wait return ERR_WOULD_DEADLOCK and change
 * nothing, the others work. */
#include "every.h"
#include "push.h"

#include <pthread.h>
#include <time.h>

static struct world world;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* The callbacks in which everything was called. */
enum {
    STREAM_STATE = 1,
    SESSION_STATE = 2,
    KEYFRAME_REQUEST = 4,
    ANSWERED = 8,
    AUTHORIZE = 16,
    HTTP_ANSWERED = 32,
    LOG = 64,
};
static int done;

static void call_every(int callback) {
    pthread_mutex_lock(&lock); /* main() writes world */
    if (done & callback) {
        pthread_mutex_unlock(&lock);
        return;
    }
    for (int i = 0; i < EVERY_COUNT; i++) {
        const struct call *call = &EVERY[i];
        const int status = call->run(&world);
        if (call->kind == BLOCKING || call->kind == END ||
            (callback == LOG && (call->kind == ASKING || call->run == every_set_log_level))) {
            CHECK_CALL(call, status, status == RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK);
        } else { /* what an earlier callback has added is there */
            CHECK_CALL(call, status,
                       status == 0 || status == RTSP_WEBRTC_GATEWAY_ERR_ALREADY_EXISTS);
        }
    }
    done |= callback;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for(int callback) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&lock);
    while (!(done & callback)) {
        CHECK(pthread_cond_timedwait(&changed, &lock, &deadline) == 0);
    }
    pthread_mutex_unlock(&lock);
}

static void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) {
    (void)user_data;
    if (event->state == RTSP_WEBRTC_GATEWAY_STREAM_LIVE) {
        call_every(STREAM_STATE);
    }
}

static void on_session_state(void *user_data, const rtsp_webrtc_gateway_session_event *event) {
    (void)user_data;
    if (event->state == RTSP_WEBRTC_GATEWAY_SESSION_CLOSED) {
        call_every(SESSION_STATE);
    }
}

static void on_keyframe_request(void *user_data, rtsp_webrtc_gateway_stream_id stream) {
    (void)user_data, (void)stream;
    call_every(KEYFRAME_REQUEST);
}

static void on_answer(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                      rtsp_webrtc_gateway_response *response) {
    (void)user_data, (void)op;
    CHECK(status == RTSP_WEBRTC_GATEWAY_OK);
    rtsp_webrtc_gateway_response_free(response);
    call_every(ANSWERED);
}

static void on_authorize(void *user_data, const rtsp_webrtc_gateway_authorize_request *request) {
    (void)user_data;
    call_every(AUTHORIZE);
    /* None of that answered the question. */
    CHECK_OK(rtsp_webrtc_gateway_authorize(world.gateway, request->request_id, true));
}

static void on_http_answer(void *user_data, rtsp_webrtc_gateway_response *response) {
    (void)user_data;
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == 200);
    rtsp_webrtc_gateway_response_free(response);
    call_every(HTTP_ANSWERED);
}

/* Runs on the thread of a worker, which could answer nothing as long as this waits. */
static void on_log(void *user_data, const rtsp_webrtc_gateway_log_record *record) {
    (void)user_data;
    if (record->stream != 0) {
        call_every(LOG);
    }
}

int main(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_stream_state = on_stream_state;
    callbacks.on_session_state = on_session_state;
    callbacks.on_keyframe_request = on_keyframe_request;
    callbacks.on_authorize = on_authorize;
    pthread_mutex_lock(&lock);
    world.gateway = gateway_loopback(&callbacks);
    world.stream = add_push_stream(world.gateway, "pushed");
    pthread_mutex_unlock(&lock);

    push_picture(world.gateway, world.stream, 0, true);
    wait_for(STREAM_STATE);
    rtsp_webrtc_gateway_response *response = offer_h264(world.gateway, "pushed");
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_delete(
        world.gateway, rtsp_webrtc_gateway_response_session_key(response), NULL));
    rtsp_webrtc_gateway_response_free(response);
    wait_for(SESSION_STATE);
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = "pushed";
    offer.sdp = SESSION VIDEO;
    offer.sdp_size = strlen(offer.sdp);
    CHECK_OK(rtsp_webrtc_gateway_handle_whep_offer_async(world.gateway, &offer, on_answer, NULL,
                                                         NULL, NULL));
    wait_for(ANSWERED);
    /* Frames that refer to one that never arrived. */
    const rtsp_webrtc_gateway_stream_id late = add_push_stream(world.gateway, "late");
    push_picture(world.gateway, late, 0, false);
    wait_for(KEYFRAME_REQUEST);
    rtsp_webrtc_gateway_http_request request;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&request));
    request.method = "GET";
    request.path = "/pushed/whep";
    CHECK_OK(
        rtsp_webrtc_gateway_handle_http_async(world.gateway, &request, on_http_answer, NULL, NULL));
    wait_for(AUTHORIZE);
    wait_for(HTTP_ANSWERED);
    rtsp_webrtc_gateway_stream_id absent;
    CHECK_OK(
        rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_WARN, on_log, NULL, NULL));
    CHECK_OK(add_camera(world.gateway, "absent", NOBODY, &absent));
    wait_for(LOG);
    CHECK_OK(rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_OFF, NULL, NULL, NULL));

    CHECK_OK(rtsp_webrtc_gateway_destroy(world.gateway));
    return 0;
}
