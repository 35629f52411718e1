// The gateway with its cameras.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "args.hpp"
#include "gateway.hpp"

// One line on stderr, in one piece. Callbacks of the library call it: it never throws.
void say(const std::string &line) noexcept;

// The library's callbacks arrive here, one at a time, on a thread of the library. They say on
// stderr which cameras and viewers come and go.
class Cameras {
public:
    explicit Cameras(const Args &args);
    ~Cameras();

    Cameras(const Cameras &) = delete;
    Cameras &operator=(const Cameras &) = delete;

    rtsp_webrtc_gateway *gateway() const noexcept { return gateway_.get(); }
    // Closes all sessions, and ends the offers that wait for a camera. The last callbacks run in here.
    void shut_down() noexcept;

    bool contains(const std::string &name) const;

    // [{"name":"door","state":"live","reason":"","width":1280,"height":720,"viewers":1},...]
    std::string json() const;

private:
    using StreamId = rtsp_webrtc_gateway_stream_id;
    using SessionId = rtsp_webrtc_gateway_session_id;

    void add(const Camera &camera);
    std::string name_of(StreamId id) const;

    // An exception must not leave a callback: noexcept says so, and the compiler sees to it.
    static void on_stream_state(void *self, StreamId stream, std::int32_t state,
                                int status) noexcept;
    static void on_session_state(void *self, SessionId session, StreamId stream,
                                 std::int32_t state, int status) noexcept;

    mutable std::mutex mutex_;
    std::map<std::string, StreamId> ids_; // guarded by mutex_
    GatewayPtr gateway_;
};
