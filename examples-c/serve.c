/* serve: the smallest host. It adds cameras and opens the library's own listener, which has pages for
 * watching, a dashboard, and WHEP.
 *
 *   serve [ADDR:PORT] [--tls CERTIFICATE KEY] [--udp ADDR:PORT] [--interface RULE]... [--stun SERVER]...
 *         [--on-demand] NAME=RTSP_URL... [--variant NAME=NAME]...
 *
 * For instance: serve door=rtsp://192.0.2.7/1
 * It has no users: anyone who reaches ADDR:PORT can watch. Without it: programs of this machine, at
 * 127.0.0.1:8889. Web pages of other sites cannot.
 * --tls: HTTPS with the certificate and the private key in these PEM files. Viewers whose network lets nothing but
 * HTTPS pass play as well, by the relay on the same port.
 * --udp: where media leaves from and arrives; without it all addresses and a free port.
 * --interface eth0, wl* or !tun0: the interfaces whose addresses viewers are told.
 * --stun stun.example.com:3478: a server that tells the public address behind a NAT.
 * Sockets that a service manager passes (systemd's LISTEN_FDS) are used instead of opening others: a UDP
 * socket for media; of TCP sockets, the first for HTTP and the second for media of viewers without UDP.
 * Cameras after --on-demand are connected only while somebody watches.
 * --variant door=small: viewers of door whose connection does not carry it are shown small.
 * Port 0 selects a free port; the program prints the address. SIGINT or SIGTERM ends it; on Windows, Ctrl-C. */
#include <rtsp_webrtc_gateway.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <sys/socket.h>
#include <unistd.h>
#endif

enum { MAX_RULES = 16, FIRST_PASSED = 3 };

/* What the command line says of the network. */
struct network {
    const char *udp_bind;
    /* The paths of a certificate and its key, or NULL for HTTP. */
    char **tls;
    const char *interfaces[MAX_RULES], *stun_servers[MAX_RULES];
    size_t interfaces_len, stun_servers_len;
    /* Sockets that were passed; 0: none. */
    int udp_fd, http_fd, tcp_fd;
};

static void on_log(void *user_data, const rtsp_webrtc_gateway_log_record *record) {
    (void)user_data;
    fprintf(stderr, "%s\n", record->message);
}

/* Prints the error message of this thread's last failed call. */
static void say_error(void) {
    char text[512];
    rtsp_webrtc_gateway_last_error(text, sizeof text);
    fprintf(stderr, "%s\n", text);
}

#ifdef _WIN32
static HANDLE ended;

static BOOL WINAPI on_end(DWORD reason) {
    (void)reason;
    SetEvent(ended);
    return TRUE;
}

/* To be called before threads are created. */
static void watch_for_the_end(void) {
    ended = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(on_end, TRUE);
}

static int wait_for_the_end(void) {
    return WaitForSingleObject(ended, INFINITE) == WAIT_OBJECT_0 ? 0 : -1;
}

/* There is no such convention. */
static void take_sockets(struct network *network) {
    (void)network;
}
#else
static sigset_t ends;

/* To be called before threads are created: they block the signals, which are waited for. */
static void watch_for_the_end(void) {
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
}

static int wait_for_the_end(void) {
    int signal_number;
    return sigwait(&ends, &signal_number);
}

/* Takes the sockets that were passed to this process (sd_listen_fds(3)). */
static void take_sockets(struct network *network) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || atol(pid) != (long)getpid()) {
        return;
    }
    for (int fd = FIRST_PASSED; fd < FIRST_PASSED + atoi(count); ++fd) {
        int type = 0;
        socklen_t size = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
            continue;
        }
        if (type == SOCK_DGRAM) {
            network->udp_fd = fd;
        } else if (network->http_fd == 0) {
            network->http_fd = fd;
        } else {
            network->tcp_fd = fd;
        }
    }
}
#endif

/* How many arguments behind this one belong to it, if it says something of the network; else 0. */
static int read_network(struct network *network, int argc, char **argv, int i) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
        network->tls = &argv[i + 1];
        return 2;
    }
    if (strcmp(argv[i], "--udp") == 0) {
        network->udp_bind = value;
    } else if (strcmp(argv[i], "--interface") == 0 && network->interfaces_len < MAX_RULES) {
        network->interfaces[network->interfaces_len++] = value;
    } else if (strcmp(argv[i], "--stun") == 0 && network->stun_servers_len < MAX_RULES) {
        network->stun_servers[network->stun_servers_len++] = value;
    } else {
        return 0;
    }
    return 1;
}

/* argument: NAME=RTSP_URL. It may contain a password, so no message repeats it. */
static int add_camera(rtsp_webrtc_gateway *gateway, const char *argument, uint32_t flags) {
    char name[129]; /* names have at most 128 characters */
    const char *equals = strchr(argument, '=');
    const size_t size = equals ? (size_t)(equals - argument) : 0;
    if (size == 0 || size >= sizeof name) {
        fprintf(stderr, "a camera is given as NAME=RTSP_URL\n");
        return -1;
    }
    memcpy(name, argument, size);
    name[size] = '\0';

    rtsp_webrtc_gateway_pull_options camera;
    RTSP_WEBRTC_GATEWAY_INIT(&camera);
    camera.url = equals + 1;
    camera.flags = flags;
    rtsp_webrtc_gateway_stream_id id;
    if (rtsp_webrtc_gateway_add_stream(gateway, name, &camera, &id) < 0) {
        fprintf(stderr, "camera %s: ", name);
        say_error();
        return -1;
    }
    return 0;
}

/* argument: NAME=NAME, both added before. The second is the only variant of the first. */
static int set_variant(rtsp_webrtc_gateway *gateway, char *argument) {
    char *equals = strchr(argument, '=');
    if (equals == NULL) {
        fprintf(stderr, "a variant is given as NAME=NAME\n");
        return -1;
    }
    *equals = '\0';
    rtsp_webrtc_gateway_stream_id stream, variant;
    if (rtsp_webrtc_gateway_find_stream(gateway, argument, &stream) < 0 ||
        rtsp_webrtc_gateway_find_stream(gateway, equals + 1, &variant) < 0 ||
        rtsp_webrtc_gateway_set_variants(gateway, stream, &variant, 1) < 0) {
        say_error();
        return -1;
    }
    return 0;
}

/* The contents of a PEM file, for free(); NULL if it cannot be read. */
static char *read_pem(const char *path, size_t *size) {
    enum { MOST = 1 << 20 };
    char *text = malloc(MOST);
    FILE *file = fopen(path, "rb");
    *size = file != NULL && text != NULL ? fread(text, 1, MOST, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (*size == 0) {
        fprintf(stderr, "cannot read %s\n", path);
        free(text);
        return NULL;
    }
    return text;
}

static int listen_on(rtsp_webrtc_gateway *gateway, const char *address,
                     const struct network *network) {
    char **paths = network->tls;
    rtsp_webrtc_gateway_listen_options listen;
    RTSP_WEBRTC_GATEWAY_INIT(&listen);
    listen.address = network->http_fd > 0 ? NULL : address;
    listen.fd = network->http_fd;
    char *certificate = NULL, *key = NULL;
    if (paths != NULL) {
        listen.tls_certificates = certificate = read_pem(paths[0], &listen.tls_certificates_size);
        listen.tls_private_key = key = read_pem(paths[1], &listen.tls_private_key_size);
        listen.flags = RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA;
    }
    uint16_t port = 0;
    const bool readable = paths == NULL || (certificate != NULL && key != NULL);
    const bool listening =
        readable && rtsp_webrtc_gateway_listen_http(gateway, &listen, &port) >= 0;
    free(certificate);
    free(key);
    if (!listening) {
        if (readable) {
            say_error();
        }
        return -1;
    }
    const int host_size = (int)(strrchr(address, ':') - address);
    const char *scheme = paths == NULL ? "http" : "https";
    printf("listening on %s://%.*s:%u/\n", scheme, host_size, address, (unsigned)port);
    fflush(stdout);
    return 0;
}

/* Returns when the program is asked to end, or -1 if there is nothing to serve. */
static int serve(rtsp_webrtc_gateway *gateway, const struct network *network, int argc,
                 char **argv) {
    struct network known = {0};
    uint32_t flags = 0;
    const bool has_address = strchr(argv[1], '=') == NULL && argv[1][0] != '-';
    const char *address = has_address ? argv[1] : "127.0.0.1:8889";
    for (int i = has_address ? 2 : 1; i < argc; ++i) {
        const int taken = read_network(&known, argc, argv, i);
        if (taken > 0) {
            i += taken;
        } else if (strcmp(argv[i], "--on-demand") == 0) {
            flags = RTSP_WEBRTC_GATEWAY_PULL_ON_DEMAND;
        } else if (strcmp(argv[i], "--variant") == 0 && i + 1 < argc) {
            if (set_variant(gateway, argv[++i]) < 0) {
                return -1;
            }
        } else if (add_camera(gateway, argv[i], flags) < 0) {
            return -1;
        }
    }
    if (listen_on(gateway, address, network) < 0) {
        return -1;
    }
    return wait_for_the_end();
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: serve [ADDR:PORT] [--tls CERTIFICATE KEY] [--udp ADDR:PORT] "
                        "[--interface RULE]... [--stun SERVER]... [--on-demand] "
                        "NAME=RTSP_URL... [--variant NAME=NAME]...\n");
        return 2;
    }
    watch_for_the_end();
    rtsp_webrtc_gateway_set_log_callback(RTSP_WEBRTC_GATEWAY_LOG_WARN, on_log, NULL, NULL);
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway;
    if (RTSP_WEBRTC_GATEWAY_INIT(&config) < 0) {
        say_error();
        return 1;
    }
    struct network network = {0};
    for (int i = 1; i < argc; ++i) {
        i += read_network(&network, argc, argv, i);
    }
    take_sockets(&network);
    config.udp_bind = network.udp_bind;
    config.interfaces = network.interfaces;
    config.interfaces_len = network.interfaces_len;
    config.stun_servers = network.stun_servers;
    config.stun_servers_len = network.stun_servers_len;
    config.udp_fd = network.udp_fd;
    config.tcp_fd = network.tcp_fd;
    /* For viewers whose network passes no UDP. */
    config.flags = network.tcp_fd > 0 ? 0 : RTSP_WEBRTC_GATEWAY_CONFIG_ICE_TCP;
    if (network.tls != NULL) {
        /* For those whose network passes nothing but HTTPS. */
        config.flags |= RTSP_WEBRTC_GATEWAY_CONFIG_TURN;
    }
    if (rtsp_webrtc_gateway_create(&config, &gateway) < 0) {
        say_error();
        return 1;
    }
    const int result = serve(gateway, &network, argc, argv);
    rtsp_webrtc_gateway_shutdown(gateway, 5000);
    rtsp_webrtc_gateway_destroy(gateway);
    return result == 0 ? 0 : 1;
}
