// The header as a C++ program uses it: linkage, and callbacks from noexcept functions.
#include <rtsp_webrtc_gateway.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

namespace {

struct Destroy {
    void operator()(rtsp_webrtc_gateway *gateway) const noexcept {
        rtsp_webrtc_gateway_destroy(gateway);
    }
};

void on_stream_state(void *user_data, const rtsp_webrtc_gateway_stream_event *event) noexcept {
    static_cast<std::string *>(user_data)->append(std::to_string(event->state));
}

} // namespace

int main() {
    std::string states;
    rtsp_webrtc_gateway_callbacks callbacks;
    RTSP_WEBRTC_GATEWAY_INIT(&callbacks);
    callbacks.user_data = &states;
    callbacks.on_stream_state = on_stream_state;
    rtsp_webrtc_gateway_config config;
    int status = RTSP_WEBRTC_GATEWAY_INIT(&config);
    config.udp_bind = UDP_LOOPBACK;
    config.callbacks = &callbacks;
    rtsp_webrtc_gateway *created = nullptr;
    if (status == RTSP_WEBRTC_GATEWAY_OK) {
        status = rtsp_webrtc_gateway_create(&config, &created);
    }
    if (status != RTSP_WEBRTC_GATEWAY_OK) {
        std::cerr << rtsp_webrtc_gateway_strerror(status) << '\n';
        return EXIT_FAILURE;
    }
    std::unique_ptr<rtsp_webrtc_gateway, Destroy> gateway(created);
    rtsp_webrtc_gateway_pull_options options;
    RTSP_WEBRTC_GATEWAY_INIT(&options);
    options.url = "rtsp://127.0.0.1:9/video";
    rtsp_webrtc_gateway_stream_id stream = 0;
    status = rtsp_webrtc_gateway_add_stream(gateway.get(), "cam", &options, &stream);
    if (status != RTSP_WEBRTC_GATEWAY_OK || stream == 0) {
        return EXIT_FAILURE;
    }
    gateway.reset();
    // REMOVED came, and came last.
    return !states.empty() && states.back() == '5' ? EXIT_SUCCESS : EXIT_FAILURE;
}
