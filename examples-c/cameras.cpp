#include "cameras.hpp"

#include <cstdio>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace {

const char *stream_state_name(std::int32_t state) {
    switch (state) {
    case RTSP_WEBRTC_GATEWAY_STREAM_CONNECTING: return "connecting";
    case RTSP_WEBRTC_GATEWAY_STREAM_LIVE: return "live";
    case RTSP_WEBRTC_GATEWAY_STREAM_RETRYING: return "retrying";
    case RTSP_WEBRTC_GATEWAY_STREAM_FAILED: return "failed";
    case RTSP_WEBRTC_GATEWAY_STREAM_REMOVED: return "removed";
    default: return "unknown";
    }
}

// Numbers of the IANA registry "DTLS-SRTP Protection Profiles".
const char *srtp_profile_name(std::int32_t profile) {
    switch (profile) {
    case 0x0001: return "AES-128-CM-SHA1-80";
    case 0x0007: return "AES-128-GCM";
    default: return "unknown";
    }
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + '"';
}

} // namespace

void say(const std::string &line) noexcept {
    std::fprintf(stderr, "%s\n", line.c_str());
}

Cameras::Cameras(const Args &args) {
    rtsp_webrtc_gateway_callbacks callbacks;
    check(RTSP_WEBRTC_GATEWAY_INIT(&callbacks));
    callbacks.user_data = this;
    callbacks.on_stream_state = on_stream_state;
    callbacks.on_session_state = on_session_state;

    std::vector<const char *> public_addresses;
    for (const std::string &address : args.public_addresses) {
        public_addresses.push_back(address.c_str());
    }

    rtsp_webrtc_gateway_config config;
    check(rtsp_webrtc_gateway_config_init(&config, sizeof config,
                                          RTSP_WEBRTC_GATEWAY_ABI_VERSION));
    config.callbacks = &callbacks;
    config.tuning = args.tuning.data();
    config.tuning_len = args.tuning.size();
    config.public_addresses = public_addresses.data();
    config.public_addresses_len = public_addresses.size();

    rtsp_webrtc_gateway *gateway = nullptr;
    check(rtsp_webrtc_gateway_create(&config, &gateway));
    gateway_.reset(gateway);

    for (const Camera &camera : args.cameras) {
        add(camera);
    }
}

Cameras::~Cameras() {
    // Before the gateway is freed, so that the last callbacks may still ask it.
    shut_down();
}

void Cameras::shut_down() noexcept {
    if (rtsp_webrtc_gateway_shutdown(gateway(), 5000) < 0) {
        say("error: the gateway did not shut down in time");
    }
}

bool Cameras::contains(const std::string &name) const {
    const std::lock_guard lock(mutex_);
    return ids_.count(name) != 0;
}

std::string Cameras::json() const {
    std::ostringstream out;
    const char *separator = "";
    const std::lock_guard lock(mutex_);
    out << '[';
    for (const auto &[name, id] : ids_) {
        rtsp_webrtc_gateway_stream_info info;
        check(RTSP_WEBRTC_GATEWAY_INIT(&info));
        check(rtsp_webrtc_gateway_get_stream_info(gateway(), id, &info));
        out << std::exchange(separator, ",") << "{\"name\":" << json_string(name)
            << ",\"state\":" << json_string(stream_state_name(info.state))
            << ",\"reason\":" << json_string(info.message) << ",\"width\":" << info.width
            << ",\"height\":" << info.height << ",\"viewers\":" << info.sessions << '}';
    }
    out << ']';
    return out.str();
}

void Cameras::add(const Camera &camera) {
    rtsp_webrtc_gateway_pull_options options;
    check(RTSP_WEBRTC_GATEWAY_INIT(&options));
    options.url = camera.url.c_str();
    if (camera.udp) {
        options.transport = RTSP_WEBRTC_GATEWAY_TRANSPORT_UDP;
    }
    // Held over the call, so that a callback about the new id finds its name.
    const std::lock_guard lock(mutex_);
    StreamId id = 0;
    const int status =
        rtsp_webrtc_gateway_add_stream(gateway(), camera.name.c_str(), &options, &id);
    if (status < 0) {
        throw GatewayError(status, "camera " + camera.name + ": " + last_error());
    }
    ids_.emplace(camera.name, id);
}

std::string Cameras::name_of(StreamId id) const {
    const std::lock_guard lock(mutex_);
    for (const auto &[name, known] : ids_) {
        if (known == id) {
            return name;
        }
    }
    return "?";
}

void Cameras::on_stream_state(void *self, StreamId stream, std::int32_t state,
                              int status) noexcept {
    const auto &cameras = *static_cast<Cameras *>(self);
    std::string line = "camera " + cameras.name_of(stream) + ": " + stream_state_name(state);
    if (status < 0) {
        line += std::string(", ") + rtsp_webrtc_gateway_strerror(status);
    }
    say(line);
}

void Cameras::on_session_state(void *self, SessionId session, StreamId stream,
                               std::int32_t state, int status) noexcept {
    const auto &cameras = *static_cast<Cameras *>(self);
    const std::string viewer =
        "viewer " + std::to_string(session) + " of " + cameras.name_of(stream);
    if (state == RTSP_WEBRTC_GATEWAY_SESSION_CONNECTED) {
        rtsp_webrtc_gateway_session_info info;
        if (RTSP_WEBRTC_GATEWAY_INIT(&info) == RTSP_WEBRTC_GATEWAY_OK &&
            rtsp_webrtc_gateway_get_session_info(cameras.gateway(), session, &info) ==
                RTSP_WEBRTC_GATEWAY_OK) {
            say(viewer + ": connected from " + info.remote_address + ", SRTP " +
                srtp_profile_name(info.srtp_profile));
        }
    } else if (state == RTSP_WEBRTC_GATEWAY_SESSION_FAILED) {
        say(viewer + ": failed, " + rtsp_webrtc_gateway_strerror(status));
    } else if (state == RTSP_WEBRTC_GATEWAY_SESSION_CLOSED) {
        say(viewer + ": closed");
    }
}
