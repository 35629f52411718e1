#include "cameras.hpp"

#include <cstdio>
#include <sstream>
#include <string_view>
#include <utility>

using rtsp_webrtc::SessionState;
using rtsp_webrtc::Status;
using rtsp_webrtc::StreamId;
using rtsp_webrtc::StreamState;

namespace {

// Numbers from the IANA registry "DTLS-SRTP Protection Profiles".
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

Cameras::Cameras(const Args &args) : gateway_(config(args)) {
    for (const Camera &camera : args.cameras) {
        add(camera);
    }
}

rtsp_webrtc::Config Cameras::config(const Args &args) {
    rtsp_webrtc::Config config;
    config.tuning = args.tuning;
    config.public_addresses = args.public_addresses;
    config.on_stream_state = [this](auto... what) { on_stream_state(what...); };
    config.on_session_state = [this](const auto &event) { on_session_state(event); };
    return config;
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
        const rtsp_webrtc::StreamInfo info = gateway_.get_stream_info(id);
        out << std::exchange(separator, ",") << "{\"name\":" << json_string(name)
            << ",\"state\":" << json_string(to_string(info.state))
            << ",\"reason\":" << json_string(info.message) << ",\"width\":" << info.width
            << ",\"height\":" << info.height << ",\"viewers\":" << info.sessions << '}';
    }
    out << ']';
    return out.str();
}

void Cameras::add(const Camera &camera) {
    rtsp_webrtc::PullOptions options;
    options.url = camera.url;
    if (camera.udp) {
        options.transport = rtsp_webrtc::Transport::Udp;
    }
    // Held during the call, so that a callback for the new id finds its name.
    const std::lock_guard lock(mutex_);
    const auto id = gateway_.try_add_stream(camera.name, options);
    if (!id) {
        throw rtsp_webrtc::Error(id.status(), "camera " + camera.name + ": " + id.error().what());
    }
    ids_.emplace(camera.name, *id);
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

void Cameras::on_stream_state(const rtsp_webrtc::StreamEvent &event) const {
    std::string line = "camera " + std::string(event.name) + ": " + to_string(event.state);
    if (event.status != Status::Ok) {
        line += ", " + std::string(event.message);
    }
    say(line);
}

void Cameras::on_session_state(const rtsp_webrtc::SessionEvent &event) const {
    const std::string viewer =
        "viewer " + std::to_string(event.session.value()) + " of " + name_of(event.stream);
    if (event.state == SessionState::Connected) {
        if (const auto info = gateway_.try_get_session_info(event.session)) {
            say(viewer + ": connected from " + info->remote_address + ", SRTP " +
                srtp_profile_name(info->srtp_profile));
        }
    } else if (event.state == SessionState::Failed) {
        say(viewer + ": failed, " + std::string(event.message));
    } else if (event.state == SessionState::Closed) {
        say(viewer + ": closed");
    }
}
