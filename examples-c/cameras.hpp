// The gateway with its cameras.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include <rtsp_webrtc_gateway.hpp>

#include "args.hpp"

// Writes one line to stderr, in one piece.
void say(const std::string &line) noexcept;

// Adds the cameras, and reports on stderr which cameras and viewers come and go.
class Cameras {
public:
    explicit Cameras(const Args &args);

    Cameras(const Cameras &) = delete;
    Cameras &operator=(const Cameras &) = delete;

    rtsp_webrtc::Gateway &gateway() noexcept { return gateway_; }

    bool contains(const std::string &name) const;

    // [{"name":"door","state":"live","reason":"","width":1280,"height":720,"viewers":1},...]
    std::string json() const;

private:
    rtsp_webrtc::Config config(const Args &args);
    void add(const Camera &camera);
    std::string name_of(rtsp_webrtc::StreamId id) const;

    void on_stream_state(const rtsp_webrtc::StreamEvent &event) const;
    void on_session_state(const rtsp_webrtc::SessionEvent &event) const;

    mutable std::mutex mutex_;
    std::map<std::string, rtsp_webrtc::StreamId> ids_; // guarded by mutex_
    // The last member, so destroyed first: the last callbacks use the others.
    rtsp_webrtc::Gateway gateway_;
};
