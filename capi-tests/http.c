/* HTTP requests through the host's own server and through the listener; authorization. There is no
 * camera: playing is tested in Rust and in the browsers. */
#include "check.h"
#include "offer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static rtsp_webrtc_gateway *gateway;
static uint64_t open_question; /* about the stream "later" */
static int last_operation;

static void authorize(void *user_data, const rtsp_webrtc_gateway_authorize_request *request) {
    (void)user_data;
    CHECK(request->struct_size >= sizeof *request && request->request_id != 0);
    pthread_mutex_lock(&lock);
    last_operation = request->operation;
    if (request->stream_name != NULL && strcmp(request->stream_name, "later") == 0) {
        open_question = request->request_id;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        return;
    }
    pthread_mutex_unlock(&lock);
    const bool allow = request->bearer_token != NULL && strcmp(request->bearer_token, "good") == 0;
    CHECK_OK(rtsp_webrtc_gateway_authorize(gateway, request->request_id, allow));
    CHECK_FAILS(rtsp_webrtc_gateway_authorize(gateway, request->request_id, allow), NOT_FOUND);
}

static void request_init(rtsp_webrtc_gateway_http_request *request, const char *method,
                         const char *path, const rtsp_webrtc_gateway_http_header *token) {
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(request));
    request->method = method;
    request->path = path;
    request->headers = token;
    request->headers_len = token != NULL;
    request->peer = "192.0.2.7:5000";
}

/* Sends a request; checks the status and, on failure, the problem document. */
static void ask(const char *method, const char *path, const rtsp_webrtc_gateway_http_header *token,
                int status) {
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_response *response = NULL;
    request_init(&request, method, path, token);
    CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &response));
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == status);
    if (status >= 400) {
        CHECK(strcmp(header_of(response, "Content-Type"), "application/problem+json") == 0);
        CHECK(strstr(rtsp_webrtc_gateway_response_body(response, NULL), "\"detail\"") != NULL);
    }
    CHECK(rtsp_webrtc_gateway_response_session_id(response) == 0);
    CHECK(rtsp_webrtc_gateway_response_session_key(response) == NULL);
    CHECK(rtsp_webrtc_gateway_response_etag(response) == NULL);
    rtsp_webrtc_gateway_response_free(response);
}

/* As a host does that has read the names from a URL of its own. */
static void ask_own(const char *stream_name, const char *session_key, int status) {
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_response *response = NULL;
    request_init(&request, "GET", "/live", NULL);
    request.stream_name = stream_name;
    request.session_key = session_key;
    request.flags = RTSP_WEBRTC_GATEWAY_HTTP_AUTHORIZED;
    CHECK_OK(rtsp_webrtc_gateway_handle_http(gateway, &request, &response));
    CHECK(rtsp_webrtc_gateway_response_http_status(response) == status);
    rtsp_webrtc_gateway_response_free(response);
}

struct answers {
    int count, status;
};

static void answered(void *user_data, rtsp_webrtc_gateway_response *response) {
    struct answers *answers = user_data;
    rtsp_webrtc_gateway_http_request request;
    rtsp_webrtc_gateway_response *none = NULL;
    request_init(&request, "GET", "/cam/whep", NULL);
    const int nested = rtsp_webrtc_gateway_handle_http(gateway, &request, &none);
    CHECK(nested == RTSP_WEBRTC_GATEWAY_ERR_WOULD_DEADLOCK ||
          nested == RTSP_WEBRTC_GATEWAY_ERR_SHUTTING_DOWN);
    check_refusal(none, nested);
    pthread_mutex_lock(&lock);
    answers->count++;
    answers->status = rtsp_webrtc_gateway_response_http_status(response);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    rtsp_webrtc_gateway_response_free(response);
}

/* Requests "later", and waits for the question. */
static uint64_t ask_later(struct answers *answers) {
    rtsp_webrtc_gateway_http_request request;
    request_init(&request, "GET", "/later/whep", NULL);
    CHECK_OK(rtsp_webrtc_gateway_handle_http_async(gateway, &request, answered, answers, NULL));
    pthread_mutex_lock(&lock);
    while (open_question == 0) {
        pthread_cond_wait(&changed, &lock);
    }
    const uint64_t question = open_question;
    open_question = 0;
    pthread_mutex_unlock(&lock);
    return question;
}

#ifndef WITHOUT_LISTENER
static int get_status(uint16_t port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connection = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(connection, (struct sockaddr *)&address, sizeof address) == 0);
    char text[256];
    const int size =
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    CHECK(write(connection, text, (size_t)size) == size);
    CHECK(read(connection, text, 12) == 12 && memcmp(text, "HTTP/1.1 ", 9) == 0);
    close(connection);
    return atoi(text + 9);
}
#endif

static void listener(void) {
    rtsp_webrtc_gateway_listen_options options;
    uint16_t port = 0;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
#ifdef WITHOUT_LISTENER
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, NULL, &port), UNSUPPORTED);
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), UNSUPPORTED);
    CHECK(port == 0);
#else
    options.address = "not an address";
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    options.address = "127.0.0.1:0";
    options.tls_certificates = SECRET;
    options.tls_certificates_size = sizeof SECRET - 1;
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    CHECK(port == 0);
    options.tls_certificates = NULL;
    options.tls_certificates_size = 0;
    const char *names[] = {"nvr.example", "no name"};
    options.host_names = names;
    options.host_names_len = 2;
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    options.host_names_len = 1;
    options.flags = 2;
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    options.flags = RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA;
    CHECK_OK(rtsp_webrtc_gateway_listen_http(gateway, &options, &port));
    CHECK(port != 0);
    CHECK(get_status(port, "/") == 200);
    CHECK(get_status(port, "/nothing/here") == 404);
    CHECK(get_status(port, "/metrics") == 401);
    CHECK(last_operation == RTSP_WEBRTC_GATEWAY_OPERATION_MONITOR);
#endif
}

int main(void) {
    rtsp_webrtc_gateway_callbacks callbacks;
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway_stream_id stream;
    const char *tokens[] = {"configured", SECRET " "};
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.on_authorize = authorize;
    config_loopback(&config);
    config.callbacks = &callbacks;
    config.bearer_tokens = tokens;
    config.bearer_tokens_len = 2;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    config.bearer_tokens_len = 1;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));
    CHECK_OK(add_camera(gateway, "cam", NOBODY, &stream));

    const rtsp_webrtc_gateway_http_header good = {"authorization", "Bearer good"};
    const rtsp_webrtc_gateway_http_header bad = {"Authorization", "bearer bad"};
    const rtsp_webrtc_gateway_http_header configured = {"AUTHORIZATION", "Bearer configured"};
    const rtsp_webrtc_gateway_http_header no_text = {"Authorization", "Bearer \xff"};
    ask("OPTIONS", "/cam/whep", NULL, 200);
    ask("GET", "/cam", &good, 404);
    ask("PUT", "/cam/whep", &good, 405);
    ask("POST", "/cam/whep", &good, 415);
    ask("GET", "/any/prefix/cam/whep", &good, 200);
    ask("GET", "/cam/whep", &configured, 200);
    ask("GET", "/nobody/whep", &configured, 404);
    ask("GET", "/cam/whep", &bad, 403);
    ask("GET", "/cam/whep", &no_text, 401);
    ask("GET", "/cam/whep", NULL, 401);
    CHECK(last_operation == RTSP_WEBRTC_GATEWAY_OPERATION_WATCH);
    /* What a viewer sends is never an error of the host. */
    ask("GET", "/\xff/whep", &configured, 404);
    ask("DELETE", "/cam/whep/%ff", &configured, 404);
    ask("\xff", "/cam/whep", &configured, 405);
    ask_own("cam", NULL, 200);
    ask_own("cam", "\xff", 404);
    ask_own("\xff", NULL, 404);
    ask("DELETE", "/cam/whep/key", &good, 404);
    CHECK(last_operation == RTSP_WEBRTC_GATEWAY_OPERATION_END);
    CHECK_FAILS(rtsp_webrtc_gateway_authorize(gateway, 0, true), NOT_FOUND);

    /* Other tokens take the place of those before, all or none. */
    const char *rotated[] = {"rotated", SECRET " "};
    const rtsp_webrtc_gateway_http_header next = {"Authorization", "Bearer rotated"};
    CHECK_FAILS(rtsp_webrtc_gateway_set_bearer_tokens(gateway, rotated, 2), INVALID_ARGUMENT);
    CHECK_FAILS(rtsp_webrtc_gateway_set_bearer_tokens(gateway, NULL, 1), INVALID_ARGUMENT);
    ask("GET", "/cam/whep", &configured, 200);
    CHECK_OK(rtsp_webrtc_gateway_set_bearer_tokens(gateway, rotated, 1));
    ask("GET", "/cam/whep", &configured, 403);
    ask("GET", "/cam/whep", &next, 200);
    CHECK_OK(rtsp_webrtc_gateway_set_bearer_tokens(gateway, tokens, 1));

    /* Answered later, on another thread than the callback's. */
    struct answers first = {0, 0}, second = {0, 0};
    CHECK_OK(rtsp_webrtc_gateway_authorize(gateway, ask_later(&first), true));
    pthread_mutex_lock(&lock);
    while (first.count == 0) {
        pthread_cond_wait(&changed, &lock);
    }
    CHECK(first.status == 404);
    pthread_mutex_unlock(&lock);
    listener();

    /* Never answered: shutdown completes it, once. */
    const uint64_t never = ask_later(&second);
    CHECK_OK(rtsp_webrtc_gateway_shutdown(gateway, 0));
    CHECK(first.count == 1 && second.count == 1 && second.status == 503);
    CHECK_FAILS(rtsp_webrtc_gateway_authorize(gateway, never, true), SHUTTING_DOWN);
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, NULL, NULL), SHUTTING_DOWN);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}
