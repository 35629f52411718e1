// RAII and exceptions over the parts of the C API that whep_server uses.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "rtsp_webrtc_gateway.h"

// A failed call: its status, and the library's sentence about it.
class GatewayError : public std::runtime_error {
public:
    GatewayError(int status, const std::string &message)
        : std::runtime_error(message), status_(status) {}
    int status() const noexcept { return status_; }

private:
    int status_;
};

// The sentence about the last failure on this thread.
inline std::string last_error() {
    // snprintf semantics: the first call returns the length, the second fills the buffer.
    std::string text(rtsp_webrtc_gateway_last_error(nullptr, 0) + 1, '\0');
    rtsp_webrtc_gateway_last_error(text.data(), text.size());
    text.pop_back();
    return text;
}

inline void check(int status) {
    if (status < 0) {
        throw GatewayError(status, last_error());
    }
}

struct GatewayDeleter {
    void operator()(rtsp_webrtc_gateway *gateway) const noexcept {
        rtsp_webrtc_gateway_destroy(gateway);
    }
};
using GatewayPtr = std::unique_ptr<rtsp_webrtc_gateway, GatewayDeleter>;

struct ResponseDeleter {
    void operator()(rtsp_webrtc_gateway_response *response) const noexcept {
        rtsp_webrtc_gateway_response_free(response);
    }
};
using ResponsePtr = std::unique_ptr<rtsp_webrtc_gateway_response, ResponseDeleter>;
