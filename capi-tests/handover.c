/* Sockets are passed to a process with a gateway, and from there to the next: what waits in them is served. */
#include "check.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The process with the gateway: serves until its standard input ends. */
static int serve(int udp_fd, int http_fd) {
    rtsp_webrtc_gateway_config config;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&config));
    config.udp_fd = udp_fd;
    rtsp_webrtc_gateway *gateway;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));
#ifndef WITHOUT_LISTENER
    rtsp_webrtc_gateway_listen_options options;
    CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&options));
    uint16_t port = 0;
    options.fd = udp_fd;
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    options.fd = http_fd;
    options.address = "127.0.0.1:0";
    CHECK_FAILS(rtsp_webrtc_gateway_listen_http(gateway, &options, &port), INVALID_ARGUMENT);
    options.address = NULL;
    CHECK_OK(rtsp_webrtc_gateway_listen_http(gateway, &options, &port));
    CHECK(port != 0);
#endif
    /* Ours are of no use any more, and still ours. */
    CHECK(close(udp_fd) == 0 && close(http_fd) == 0);
    char byte;
    CHECK(read(STDIN_FILENO, &byte, 1) == 0);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));
    return 0;
}

static int bound(int type, struct sockaddr_in *address) {
    const int fd = socket(AF_INET, type, 0);
    socklen_t size = sizeof *address;
    memset(address, 0, size);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd > 0 && bind(fd, (const struct sockaddr *)address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)address, &size) == 0);
    return fd;
}

int main(int argc, char **argv) {
    if (argc == 3) {
        return serve(atoi(argv[1]), atoi(argv[2]));
    }
    struct sockaddr_in udp, http;
    const int udp_fd = bound(SOCK_DGRAM, &udp), http_fd = bound(SOCK_STREAM, &http);
    CHECK(listen(http_fd, 16) == 0);
    for (int i = 0; i < 3; i++) {
        /* Nobody serves yet. */
        const int viewer = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(connect(viewer, (const struct sockaddr *)&http, sizeof http) == 0);
        const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        CHECK(write(viewer, request, sizeof request - 1) == sizeof request - 1);
        int end[2];
        CHECK(pipe(end) == 0);
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            char udp_text[12], http_text[12];
            snprintf(udp_text, sizeof udp_text, "%d", udp_fd);
            snprintf(http_text, sizeof http_text, "%d", http_fd);
            dup2(end[0], STDIN_FILENO);
            close(end[0]);
            close(end[1]);
            close(viewer);
            execl("/proc/self/exe", argv[0], udp_text, http_text, (char *)NULL);
            _exit(1);
        }
        close(end[0]);
#ifndef WITHOUT_LISTENER
        char answer[9] = {0};
        size_t size = 0;
        while (size < sizeof answer - 1) {
            const ssize_t more = read(viewer, answer + size, sizeof answer - 1 - size);
            CHECK(more > 0);
            size += (size_t)more;
        }
        CHECK(strcmp(answer, "HTTP/1.1") == 0);
#endif
        close(viewer);
        close(end[1]);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
