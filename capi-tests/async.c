/* Asynchronous offers: the callback runs exactly once after OK, and never after an error; what may be
 * called in it. The camera accepts connections and never answers, so that offers wait. */
#include "check.h"
#include "offer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_OPS 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static rtsp_webrtc_gateway *gateway;

/* One offer. */
struct offer {
    int calls, status, nested;
    rtsp_webrtc_gateway_op_id op;
};

static int offer_async(const char *stream, const char *sdp, uint32_t timeout_ms,
                       rtsp_webrtc_gateway_whep_fn callback, void *user_data,
                       rtsp_webrtc_gateway_op_id *op) {
    rtsp_webrtc_gateway_offer offer;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&offer));
    offer.stream_name = stream;
    offer.sdp = sdp;
    offer.sdp_size = strlen(sdp);
    offer.timeout_ms = timeout_ms;
    offer.peer = "192.0.2.7\r\nforged: line";
    return rtsp_webrtc_gateway_handle_whep_offer_async(gateway, &offer, callback, user_data, op,
                                                       NULL);
}

static void done(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                 rtsp_webrtc_gateway_response *response) {
    char sentence[256];
    CHECK(status != RTSP_WEBRTC_GATEWAY_OK);
    CHECK(rtsp_webrtc_gateway_last_error(sentence, sizeof sentence) > 10);
    check_refusal(response, status);
    struct offer *offer = user_data;
    pthread_mutex_lock(&lock);
    offer->calls++;
    offer->status = status;
    offer->op = op;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* In the callback: blocking functions fail; an offer and its cancellation do not block. */
static void done_and_again(void *user_data, rtsp_webrtc_gateway_op_id op, int status,
                           rtsp_webrtc_gateway_response *response) {
    struct offer *offer = user_data;
    rtsp_webrtc_gateway_offer again;
    rtsp_webrtc_gateway_response *none = NULL;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&again));
    again.stream_name = "cam";
    CHECK_REFUSED(rtsp_webrtc_gateway_handle_whep_offer(gateway, &again, &none), none,
                  WOULD_DEADLOCK);
    CHECK_FAILS(rtsp_webrtc_gateway_shutdown(gateway, 1), WOULD_DEADLOCK);
    CHECK_FAILS(rtsp_webrtc_gateway_destroy(gateway), WOULD_DEADLOCK);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, op), NOT_FOUND);
    rtsp_webrtc_gateway_op_id next;
    CHECK_OK(offer_async("cam", SESSION VIDEO, 60000, done, offer + 1, &next));
    CHECK_OK(rtsp_webrtc_gateway_cancel(gateway, next));
    size_t count;
    CHECK_OK(rtsp_webrtc_gateway_list_sessions(gateway, NULL, 0, &count));
    pthread_mutex_lock(&lock);
    offer->nested++;
    pthread_mutex_unlock(&lock);
    CHECK(status == RTSP_WEBRTC_GATEWAY_ERR_CANCELLED);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, 0), NOT_FOUND); /* done() expects a message */
    done(user_data, op, status, response);
}

static void wait_for(struct offer *offer, rtsp_webrtc_gateway_op_id op, int status) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 50;
    pthread_mutex_lock(&lock);
    while (offer->calls == 0) {
        CHECK(pthread_cond_timedwait(&changed, &lock, &deadline) == 0);
    }
    CHECK(offer->calls == 1 && offer->status == status && offer->op == op);
    pthread_mutex_unlock(&lock);
}

/* A camera that is silent. Returns its url. */
static const char *silent_camera(void) {
    static char url[64];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    snprintf(url, sizeof url, "rtsp://127.0.0.1:%u/video", (unsigned)ntohs(address.sin_port));
    return url; /* the listener stays open to the end */
}

static void refused_at_once(void) {
    struct offer none = {0};
    rtsp_webrtc_gateway_op_id op = 7;
    CHECK_FAILS(offer_async("nobody", SESSION VIDEO, 0, done, &none, &op), NOT_FOUND);
    CHECK_FAILS(offer_async("cam", "nonsense", 0, done, &none, &op), SDP);
    CHECK_FAILS(offer_async("cam", SESSION VIDEO, 0, NULL, &none, &op), INVALID_ARGUMENT);
    CHECK(op == 7 && none.calls == 0);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, 0), NOT_FOUND);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, op), NOT_FOUND);
}

int main(void) {
    const char *url = silent_camera();
    rtsp_webrtc_gateway_stream_id stream;
    rtsp_webrtc_gateway_op_id op, ops[MAX_OPS];
    struct offer cancelled[2] = {{0}}, late = {0}, removed = {0}, left[MAX_OPS] = {{0}};
    gateway = gateway_loopback(NULL); /* no callbacks but these */
    CHECK_OK(add_camera(gateway, "cam", url, &stream));
    refused_at_once();

    CHECK_OK(offer_async("cam", SESSION VIDEO AUDIO, 60000, done_and_again, cancelled, &op));
    CHECK_OK(rtsp_webrtc_gateway_cancel(gateway, op));
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, op), NOT_FOUND);
    wait_for(cancelled, op, RTSP_WEBRTC_GATEWAY_ERR_CANCELLED);
    pthread_mutex_lock(&lock);
    while (cancelled[1].calls == 0) {
        pthread_cond_wait(&changed, &lock);
    }
    CHECK(cancelled[0].nested == 1 && cancelled[1].op != op);
    pthread_mutex_unlock(&lock);

    CHECK_OK(offer_async("cam", SESSION VIDEO, 1, done, &late, &op));
    wait_for(&late, op, RTSP_WEBRTC_GATEWAY_ERR_NOT_READY);

    CHECK_OK(offer_async("cam", SESSION VIDEO, 60000, done, &removed, &op));
    CHECK_OK(rtsp_webrtc_gateway_remove_stream(gateway, stream));
    wait_for(&removed, op, RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND);

    /* What is pending when the gateway ends; op may be NULL. */
    CHECK_OK(add_camera(gateway, "cam", url, &stream));
    for (int i = 0; i < MAX_OPS; i++) {
        CHECK_OK(offer_async("cam", SESSION VIDEO, 60000, done, &left[i], i ? &ops[i] : NULL));
    }
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    for (int i = 0; i < MAX_OPS; i++) {
        CHECK(left[i].calls == 1 && left[i].status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
        CHECK(i == 0 || left[i].op == ops[i]);
    }
    CHECK_FAILS(offer_async("cam", SESSION VIDEO, 0, done, &left[0], &op), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_cancel(gateway, op), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(left[0].calls == 1 && cancelled[0].calls == 1 && cancelled[1].calls == 1);

    /* destroy() alone completes, too. */
    struct offer last = {0};
    gateway = gateway_loopback(NULL);
    CHECK_OK(add_camera(gateway, "cam", url, &stream));
    CHECK_OK(offer_async("cam", SESSION VIDEO, 60000, done, &last, &op));
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    CHECK(last.calls == 1 && last.op == op);
    CHECK(last.status == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    return 0;
}
