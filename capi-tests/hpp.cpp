// The C++ header: moves, ownership, callbacks that throw, errors in both forms.
#include <rtsp_webrtc_gateway.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

using namespace rtsp_webrtc;

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

namespace {

static_assert(!std::is_copy_constructible_v<Gateway> && !std::is_copy_assignable_v<Gateway>);
static_assert(std::is_nothrow_move_constructible_v<Gateway>);
static_assert(std::is_nothrow_move_assignable_v<Gateway>);
static_assert(!std::is_copy_constructible_v<Response>);
static_assert(std::is_nothrow_move_constructible_v<Response>);
static_assert(!std::is_convertible_v<StreamId, SessionId>);
static_assert(!std::is_convertible_v<std::uint64_t, StreamId>);

// Nobody listens on port 9 (discard) of loopback: the connection is refused.
const PullOptions nobody{"rtsp://user:hunter2secret@127.0.0.1:9/video"};

Config loopback() {
    Config config;
    config.udp_bind = UDP_LOOPBACK;
    return config;
}

// Counts up from the callback thread, and waits for it.
class Counter {
public:
    void add() {
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }
    void wait(int count) {
        std::unique_lock lock(mutex_);
        CHECK(changed_.wait_for(lock, std::chrono::minutes(1), [&] { return count_ >= count; }));
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

// Runs call, which must throw, and returns what it threw.
template <class Call> Error thrown_by(Call call) {
    try {
        call();
    } catch (const Error &error) {
        return error;
    }
    std::fprintf(stderr, "nothing was thrown\n");
    std::exit(1);
}

void errors() {
    Config wrong = loopback();
    wrong.udp_bind = "nonsense";
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    CHECK(thrown_by([&] { Gateway gateway(wrong); }).status() == Status::InvalidArgument);
    wrong.udp_bind = UDP_LOOPBACK;
    wrong.public_addresses = {"192.0.2.1", "no address"};
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.public_addresses = {"192.0.2.1"};
    wrong.interfaces = {"!"};
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.interfaces = {"!docker0"};
    wrong.stun_servers = {"stun:no"};
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.stun_servers.clear();
    wrong.turn_servers = {{"turn:192.0.2.1", std::nullopt, std::nullopt}};
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.turn_servers.clear();
    wrong.udp_fd = 1; /* and udp_bind */
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.udp_fd = 0;
    wrong.tuning = {{static_cast<TuningKey>(9999), 1}};
    CHECK(Gateway::try_create(wrong).status() == Status::NotFound);

    Gateway gateway(loopback());
    const Error missing = thrown_by([&] { gateway.remove_stream(StreamId(7)); });
    CHECK(missing.status() == Status::NotFound && missing.http_status() == 404);
    CHECK(std::string(missing.what()).size() > 10);
    const Result<StreamInfo> info = gateway.try_get_stream_info(StreamId(7));
    CHECK(!info && !info.has_value() && info.status() == Status::NotFound);
    CHECK(info.error().what() == std::string(missing.what()));
    CHECK(thrown_by([&] { (void)info.value(); }).status() == Status::NotFound);

    // A NUL does not cut a name.
    const std::string name("door\0x", 6);
    CHECK(gateway.try_add_stream(name, nobody).status() == Status::InvalidArgument);
    CHECK(gateway.try_add_stream("a b", nobody).status() == Status::InvalidArgument);
    PullOptions options = nobody;
    options.password = std::string("pass\0word", 9);
    CHECK(gateway.try_add_stream("door", options).status() == Status::InvalidArgument);
    // A view has no terminator.
    const StreamId door = gateway.add_stream(std::string_view("doorway", 4), nobody);
    CHECK(door && gateway.try_add_stream("door", nobody).status() == Status::AlreadyExists);
    CHECK(std::unordered_set<StreamId>({door, door, StreamId()}).size() == 2);

    CHECK(gateway.try_handle_whep_offer({"door", "no sdp"}).status() == Status::Sdp);
    CHECK(gateway.try_handle_whep_offer({"other", ""}).status() == Status::NotFound);
    CHECK(gateway.try_handle_whep_patch("key", "*", "").status() == Status::NotFound);
    CHECK(gateway.try_handle_whep_delete("key").status() == Status::NotFound);
    const Error refused = gateway.try_handle_whep_offer({"other", ""}).error();
    CHECK(refused.response() && refused.response()->status() == 404);
    CHECK(refused.response()->body().find("\"detail\"") != std::string_view::npos);
    CHECK(!gateway.try_cancel(OperationId(1)).error().response());
    CHECK(thrown_by([&] { (void)gateway.get_session_info(SessionId(door.value())); }).status() ==
          Status::NotFound);

    gateway.shutdown();
    CHECK(gateway.try_add_stream("late", nobody).status() == Status::ShuttingDown);
}

void knobs_and_figures() {
    Config config = loopback();
    config.tuning = {{TuningKey::WorkerThreads, 1}, {TuningKey::GopCacheMs, 2000}};
    Gateway gateway(config);
    CHECK(gateway.get_tuning(TuningKey::GopCacheMs) == 2000);
    gateway.set_tuning(TuningKey::Nack, 0);
    CHECK(gateway.get_tuning(TuningKey::Nack) == 0);
    CHECK(gateway.try_set_tuning(TuningKey::Nack, 2).status() == Status::InvalidArgument);
    CHECK(gateway.try_set_tuning(TuningKey::WorkerThreads, 2).status() == Status::InvalidState);

    CHECK(find_tuning("gop_cache_ms") == TuningKey::GopCacheMs && !find_tuning("nonsense"));
    const std::vector<TuningInfo> knobs = describe_tuning();
    CHECK(knobs.size() > 15);
    for (const TuningInfo &knob : knobs) {
        CHECK(find_tuning(knob.name) == knob.key && !knob.help.empty());
        CHECK(knob.min_value <= knob.default_value && knob.default_value <= knob.max_value);
    }
    const std::string metrics = gateway.metrics();
    CHECK(metrics.find("# TYPE ") != std::string::npos && metrics.find('\0') == std::string::npos);
    CHECK(gateway.state_json().rfind("{\"version\":\"" LIBRARY_VERSION "\"", 0) == 0);
    CHECK(version() == std::string(LIBRARY_VERSION));
    CHECK(version_number() == RTSP_WEBRTC_GATEWAY_VERSION_NUMBER);
    CHECK(abi_version() == RTSP_WEBRTC_GATEWAY_ABI_VERSION);
}

void moves() {
    std::atomic<int> removed{0};
    const auto count_removed = [&removed] {
        Config config = loopback();
        config.on_stream_state = [&removed](const StreamEvent &event) {
            removed += event.state == StreamState::Removed;
        };
        return config;
    };
    Gateway first(count_removed());
    const StreamId stream = first.add_stream("door", nobody);
    Gateway second(std::move(first));
    CHECK(first.handle() == nullptr && removed == 0);
    CHECK(first.try_get_stream_info(stream).status() == Status::InvalidArgument);
    CHECK(second.get_stream_info(stream).message.find("hunter2") == std::string::npos);

    std::vector<Gateway> gateways;
    gateways.push_back(std::move(second));
    gateways.emplace_back(count_removed());
    gateways[1].add_stream("door", nobody);
    gateways[1] = std::move(gateways[0]); // the one that was there is shut down
    CHECK(removed == 1);
    CHECK(gateways[1].try_get_stream_info(stream));
    Gateway &itself = gateways[1];
    gateways[1] = std::move(itself);
    CHECK(gateways[1].try_get_stream_info(stream));
    gateways.clear();
    CHECK(removed == 2);

    Response none(nullptr);
    CHECK(none.status() == 0 && none.body().empty() && none.headers().empty());
    CHECK(none.etag().empty() && none.session_key().empty() && !none.session());
}

void callbacks_live_as_long_as_the_gateway() {
    const auto token = std::make_shared<int>(0);
    Config config = loopback();
    config.on_stream_state = [token](const StreamEvent &) {};
    {
        Gateway gateway(std::move(config));
        CHECK(token.use_count() == 2);
    }
    CHECK(token.use_count() == 1);

    Config wrong = loopback();
    wrong.udp_bind = "nonsense";
    wrong.on_stream_state = [token](const StreamEvent &) {};
    CHECK(!Gateway::try_create(std::move(wrong)));
    CHECK(token.use_count() == 1);
}

// The last callbacks run while the gateway is destroyed, and may ask it.
void callbacks_use_the_gateway() {
    std::optional<Gateway> gateway;
    Counter retrying;
    std::vector<StreamState> states;
    Config config = loopback();
    config.on_stream_state = [&](const StreamEvent &event) {
        states.push_back(event.state);
        const Status asked = gateway->try_get_stream_info(event.stream).status();
        if (event.state == StreamState::Retrying) {
            CHECK(event.status == Status::Connect && event.name == "door" &&
                  !event.message.empty());
            CHECK(asked == Status::Ok);
            CHECK(gateway->try_shutdown().status() == Status::WouldDeadlock);
            CHECK(Gateway::try_create().status() == Status::WouldDeadlock);
            retrying.add();
        } else if (event.state == StreamState::Removed) {
            CHECK(asked == Status::ShuttingDown);
        }
    };
    gateway.emplace(std::move(config));
    gateway->add_stream("door", nobody);
    retrying.wait(1);
    gateway.reset();
    CHECK(states.back() == StreamState::Removed);
}

// A camera that stays, with other options.
void cameras_change() {
    Gateway gateway(loopback());
    int of_host = 0;
    PullOptions labeled = nobody;
    labeled.label = "Front door";
    labeled.user_data = &of_host;
    const StreamId stream = gateway.add_stream("door", labeled);
    CHECK(gateway.stream_name(stream) == "door");
    StreamInfo info = gateway.get_stream_info(stream);
    CHECK(info.name == "door" && info.label == "Front door" && info.user_data == &of_host);
    gateway.update_stream(stream, nobody);
    gateway.reconnect_stream(stream);
    info = gateway.get_stream_info(stream);
    CHECK(info.name == "door" && info.label.empty() && info.user_data == nullptr);
    labeled.label = std::string(129, 'x');
    CHECK(gateway.try_update_stream(stream, labeled).status() == Status::InvalidArgument);
    gateway.remove_stream(stream);
    CHECK(gateway.try_stream_name(stream).status() == Status::NotFound);
    CHECK(gateway.try_reconnect_stream(stream).status() == Status::NotFound);
}

void cameras_on_demand() {
    Gateway gateway(loopback());
    PullOptions sleeper = nobody;
    sleeper.on_demand = true;
    sleeper.linger = std::chrono::milliseconds(99);
    CHECK(gateway.try_add_stream("door", sleeper).status() == Status::InvalidArgument);
    sleeper.linger = std::chrono::seconds(1);
    const StreamId door = gateway.add_stream("door", sleeper);
    CHECK(gateway.get_stream_info(door).state == StreamState::Idle);
    CHECK(to_string(StreamState::Idle) == std::string("idle"));
}

void variants() {
    Gateway gateway(loopback());
    const StreamId door = gateway.add_stream("door", nobody);
    const StreamId small = gateway.add_stream("door-small", nobody);
    gateway.set_variants(door, {small});
    CHECK(gateway.try_set_variants(door, {small, small}).status() == Status::InvalidArgument);
    gateway.remove_stream(small);
    CHECK(gateway.try_set_variants(door, {small}).status() == Status::NotFound);
    gateway.set_variants(door, {});
}

void callbacks_may_throw() {
    Counter caught;
    std::atomic<int> right{0};
    Config config = loopback();
    config.on_stream_state = [](const StreamEvent &) { throw std::string("thrown"); };
    config.on_exception = [&](const char *callback, std::exception_ptr exception) {
        try {
            std::rethrow_exception(exception);
        } catch (const std::string &text) {
            right += text == "thrown" && callback == std::string("on_stream_state");
        }
        caught.add();
        throw std::runtime_error("so does this one");
    };
    Gateway gateway(std::move(config));
    for (int i = 1; i <= 3; ++i) {
        gateway.remove_stream(gateway.add_stream("door", nobody));
        caught.wait(i);
    }
    gateway.shutdown();
    CHECK(right >= 3);

    // Without on_exception it is written to stderr, and that is all.
    Config silent = loopback();
    silent.on_stream_state = [](const StreamEvent &) {
        throw std::runtime_error("expected in this test");
    };
    Gateway(std::move(silent)).add_stream("door", nobody);
}

void log_functions() {
    CHECK(try_set_log_level(LogLevel::Info).status() == Status::InvalidState);
    const auto token = std::make_shared<int>(0);
    std::atomic<int> about_stream{0};
    set_log(LogLevel::Trace, [token, &about_stream](const LogRecord &record) {
        about_stream += record.stream && record.stream_name == "door" && !record.message.empty() &&
                        !record.target.empty();
        throw std::runtime_error("expected in this test");
    });
    CHECK(token.use_count() == 2);
    {
        Counter retrying;
        Config config = loopback();
        config.on_stream_state = [&](const StreamEvent &event) {
            if (event.state == StreamState::Retrying) {
                retrying.add();
            }
        };
        Gateway gateway(std::move(config));
        gateway.add_stream("door", nobody);
        retrying.wait(1);
    }
    CHECK(about_stream > 0);
    set_log_level(LogLevel::Off);
    set_log(LogLevel::Off, nullptr);
    CHECK(token.use_count() == 1);
}

// SPS, PPS, and the beginning of an IDR picture.
const std::vector<std::uint8_t> keyframe{0,    0,    0,    1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02,
                                         0x80, 0xf6, 0x84, 0, 0,    0,    1,    0x68, 0xce, 0x3c,
                                         0x80, 0,    0,    0, 1,    0x65, 0x88, 0x84, 0x21, 0xa0};
const std::vector<std::uint8_t> picture{0, 0, 0, 1, 0x41, 0x9a, 0x21, 0x42, 0x10};

void push() {
    Counter asked;
    Config config = loopback();
    config.on_keyframe_request = [&](StreamId) { asked.add(); };
    Gateway gateway(std::move(config));
    PushOptions options;
    options.video_codec = Codec::H264;
    options.audio_codec = Codec::Pcmu;
    const StreamId stream = gateway.add_push_stream("pushed", options);
    CHECK(gateway.find_stream("pushed") == stream && gateway.list_streams().size() == 1);
    gateway.push_video(stream, {picture, std::chrono::milliseconds(0)});
    asked.wait(1); // it builds on a keyframe that never came

    // Lent, not copied: the owner is let go once, also where the push fails.
    const auto token = std::make_shared<int>(0);
    Frame frame;
    frame.data = keyframe;
    frame.owner = token;
    frame.key = true;
    frame.captured = std::chrono::system_clock::now();
    for (int i = 1; i <= 10; ++i) {
        frame.pts = std::chrono::milliseconds(40 * i);
        gateway.push_video(stream, frame);
    }
    CHECK(gateway.try_push_video(StreamId(99), frame).status() == Status::NotFound);
    frame.data = Bytes();
    CHECK(gateway.try_push_video(stream, frame).status() == Status::InvalidArgument);
    frame.owner.reset();
    gateway.push_video(stream, Frame::owning(keyframe, std::chrono::milliseconds(440)));
    gateway.push_audio(stream, {std::string(160, 'x'), std::chrono::milliseconds(440)});
    CHECK(gateway.try_push_rtp(stream, Codec::H264, std::string_view("x")).status() ==
          Status::InvalidArgument);
    CHECK(gateway.try_push_audio(stream, Frame()).status() == Status::InvalidArgument);
    PullOptions pull = nobody;
    CHECK(gateway
              .try_push_video(gateway.add_stream("door", pull),
                              {keyframe, std::chrono::milliseconds(0)})
              .status() == Status::InvalidState);
    gateway.shutdown();
    CHECK(token.use_count() == 1);
}

const char *const sdp =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\n"
    "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW\r\n"
    "a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:"
    "F0:A1:58:D0:A1:2C:19:08\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n"
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

void offers() {
    Gateway gateway(loopback());
    PushOptions options;
    options.video_codec = Codec::H264;
    const StreamId stream = gateway.add_push_stream("pushed", options);
    const Offer offer{"pushed", sdp, "/pushed/whep/", std::chrono::minutes(1)};

    // Waits for the first keyframe; cancelled meanwhile.
    Counter answered;
    std::optional<Status> outcome;
    const OperationId op =
        gateway.handle_whep_offer_async(offer, [&](OperationId, Result<Response> response) {
            outcome = response.status();
            answered.add();
            throw std::runtime_error("expected in this test");
        });
    gateway.cancel(op);
    answered.wait(1);
    CHECK(outcome == Status::Cancelled);
    CHECK(gateway.try_cancel(op).status() == Status::NotFound);

    std::future<Response> later = gateway.handle_whep_offer_async(offer);
    gateway.push_video(stream, {keyframe, std::chrono::milliseconds(0)});
    Response response = later.get();
    CHECK(response.status() == 201 && response.body().substr(0, 3) == "v=0");
    CHECK(!response.session_key().empty() && response.etag().size() > 2);
    CHECK(gateway.list_sessions() == std::vector<SessionId>{response.session()});
    std::string location;
    for (const Header &header : response.headers()) {
        if (header.name == "Location") {
            location = header.value;
        }
    }
    CHECK(location == "/pushed/whep/" + std::string(response.session_key()));
    const SessionInfo info = gateway.get_session_info(response.session());
    CHECK(info.stream == stream && info.state == SessionState::New);
    CHECK(info.label.empty() && info.peer.empty() && info.user_data == nullptr);

    Offer of_ann = offer;
    int ann = 0;
    of_ann.label = "ann";
    of_ann.peer = "192.0.2.7";
    of_ann.user_data = &ann;
    of_ann.ice_servers = {{"turn:turn.example.com", "ann", "expires-soon"}};
    const Response hers = gateway.handle_whep_offer(of_ann);
    const std::vector<Header> headers = hers.headers();
    CHECK(std::any_of(headers.begin(), headers.end(), [](const Header &header) {
        return header.name == "Link" && header.value.find("\"ann\"") != std::string_view::npos;
    }));
    const SessionInfo her_info = gateway.get_session_info(hers.session());
    CHECK(her_info.label == "ann" && her_info.peer == "192.0.2.7" && her_info.user_data == &ann);
    CHECK(her_info.variant == stream && her_info.detail == Detail::AllFrames);
    CHECK(her_info.reason == QualityReason::Nothing && her_info.held_back.empty());
    gateway.set_session_limits(hers.session(), {500000, stream});
    CHECK(gateway.try_set_session_limits(hers.session(), {0, StreamId(), true}).status() ==
          Status::InvalidArgument);
    Offer limited = offer;
    limited.limits.variant = StreamId(UINT64_MAX);
    CHECK(gateway.try_handle_whep_offer(limited).status() == Status::InvalidArgument);
    CHECK(gateway.handle_whep_delete(hers.session_key()).status() == 200);

    std::string bundle(sdp);
    bundle.insert(bundle.find("m=video"), "a=group:BUNDLE 0\r\n");
    Offer of_wall;
    of_wall.sdp = bundle;
    of_wall.wall = WallSlots{{std::string(offer.stream_name)}, {}};
    const Response wall = gateway.handle_whep_offer(of_wall);
    CHECK(gateway.get_session_info(wall.session()).stream == StreamId());
    SlotInfo slot = gateway.get_slot_info(wall.session(), 0);
    CHECK(slot.slot == "0" && !slot.audio && slot.stream == stream);
    CHECK(slot.state == StreamState::Live && slot.why.empty());
    gateway.set_slot_view(wall.session(), "0", {640, 360, true, true});
    gateway.bind_slot(wall.session(), "0", StreamId());
    slot = gateway.get_slot_info(wall.session(), 0);
    CHECK(slot.stream == StreamId() && !slot.state && slot.view.width == 640);
    CHECK(slot.view.focus && slot.view.paused);
    CHECK(gateway.try_bind_slot(wall.session(), "1", stream).status() == Status::NotFound);
    CHECK(gateway.try_set_slot_view(wall.session(), "0", {20000, 1}).status() ==
          Status::InvalidArgument);
    CHECK(gateway.try_get_slot_info(wall.session(), 1).status() == Status::NotFound);
    HttpRequest end_wall;
    end_wall.method = "DELETE";
    end_wall.path = "/video";
    end_wall.session_key = wall.session_key();
    end_wall.wall = true;
    CHECK(gateway.handle_http(end_wall).status() == 200);
    of_ann.stream_name = "nothing-yet";
    gateway.add_push_stream("nothing-yet", options);
    of_ann.timeout = std::chrono::milliseconds(0); // does not wait
    CHECK(gateway.try_handle_whep_offer(of_ann).error().response()->status() == 409);

    const Response restarted = gateway.handle_whep_patch(
        response.session_key(), "*", "a=ice-ufrag:9xYz\r\na=ice-pwd:3/1muCWoOi3uLifh0NuRHlbX\r\n");
    CHECK(restarted.status() == 200 && restarted.etag() != response.etag());
    gateway.close_session(response.session());

    const Response second = gateway.handle_whep_offer(offer);
    gateway.handle_whep_delete(second.session_key());
    // A response outlives its session and its gateway; one that is moved from is empty.
    const Response moved = std::move(response);
    const StreamId silent = gateway.add_push_stream("silent", options);
    CHECK(silent != stream);
    std::future<Response> never = gateway.handle_whep_offer_async({"silent", sdp});
    {
        const Gateway ended = std::move(gateway);
    }
    CHECK(thrown_by([&] { (void)never.get(); }).status() == Status::ShuttingDown);
    CHECK(moved.status() == 201);
}

void http() {
    Counter asked;
    std::optional<Gateway> gateway;
    Config config = loopback();
    config.bearer_tokens = {"sesame"};
    config.on_authorize = [&](const AuthorizeRequest &request) {
        CHECK(request.id && request.operation == Operation::Watch);
        CHECK(request.stream_name == "pushed" && request.peer == "somebody");
        gateway->authorize(request.id, request.bearer_token == "open");
        asked.add();
    };
    gateway.emplace(std::move(config));
    PushOptions options;
    options.video_codec = Codec::H264;
    const StreamId stream = gateway->add_push_stream("pushed", options);
    gateway->push_video(stream, {keyframe, std::chrono::milliseconds(0)});

    const auto post = [](std::string_view authorization) {
        HttpRequest request;
        request.method = "POST";
        request.path = "/pushed/whep";
        request.headers = {{"Content-Type", "application/sdp"}, {"Authorization", authorization}};
        request.body = sdp;
        request.peer = "somebody";
        return request;
    };
    const Response created = gateway->handle_http(post("Bearer sesame"));
    CHECK(created.status() == 201 && created.session());
    CHECK(gateway->handle_http(post("Bearer open")).status() == 201);
    CHECK(gateway->handle_http(post("Bearer wrong")).status() == 403);
    asked.wait(2);
    CHECK(gateway->try_set_bearer_tokens({"no token"}).status() == Status::InvalidArgument);
    gateway->set_bearer_tokens({"sesame", "new"});
    CHECK(gateway->handle_http(post("Bearer new")).status() == 201);
    HttpRequest other;
    other.method = "OPTIONS";
    other.path = "/pushed/whep";
    CHECK(gateway->handle_http(other).status() == 200);

    Counter answered;
    gateway->handle_http_async(post("Bearer sesame"), [&](Response response) {
        CHECK(response.status() == 201);
        answered.add();
    });
    answered.wait(1);
    CHECK(gateway->try_authorize(RequestId(99), true).status() == Status::NotFound);

    ListenOptions listen;
    listen.address = "127.0.0.1:0";
    const auto port = gateway->try_listen_http(listen);
    CHECK(port ? *port > 0 : port.status() == Status::Unsupported);
    listen.address = "nonsense";
    CHECK(!gateway->try_listen_http(listen));
}

void sinks() {
    Gateway gateway(loopback());
    PushOptions options;
    options.video_codec = Codec::H264;
    const StreamId stream = gateway.add_push_stream("pushed", options);
    CHECK(gateway.try_get_keyframe(stream).status() == Status::NotReady);
    SinkOptions lengths;
    lengths.length_prefixed = true;
    const SinkId sink = gateway.add_sink(stream, lengths);
    CHECK(!gateway.read_sink(sink, std::chrono::milliseconds(0)));
    Frame pushed{keyframe, std::chrono::milliseconds(40)};
    pushed.captured = std::chrono::system_clock::now() - std::chrono::seconds(1);
    gateway.push_video(stream, pushed);
    std::optional<SinkFrame> frame = gateway.read_sink(sink, std::chrono::minutes(1));
    CHECK(frame && frame->key() && frame->format_changed() && !frame->discontinuity());
    CHECK(!frame->damaged() && !frame->cached() && frame->packets_lost() == 0);
    CHECK(frame->track() == SinkTrack::Video && frame->codec() == Codec::H264);
    CHECK(frame->encoding() == "H264" && frame->width() == gateway.get_stream_info(stream).width);
    CHECK(frame->data().data()[3] == 9 && frame->parameters().size() > 8);
    CHECK(frame->age().count() >= 0 && frame->frames_dropped() == 0);
    const auto off = *frame->captured() - *pushed.captured;
    CHECK(std::chrono::abs(off) < std::chrono::milliseconds(100));
    CHECK(frame->arrival() > *frame->captured() && frame->channels() == 0);
    const SinkInfo info = gateway.get_sink_info(sink);
    CHECK(info.stream == stream && info.frames == 1 && info.queued_frames == 0);
    const SinkFrame kept = gateway.get_keyframe(stream);
    CHECK(kept.key() && kept.cached() && kept.data().size() == frame->data().size());
    gateway.remove_sink(sink);
    CHECK(gateway.try_read_sink(sink, std::chrono::minutes(1)).status() == Status::NotFound);
    gateway.shutdown();
    CHECK(frame->data().data()[4] == 0x67); // it outlives the gateway
}

void outputs() {
    Config config = loopback();
    Counter told;
    std::vector<std::string> states; // read once the gateway is gone
    config.on_output_state = [&](const OutputEvent &event) {
        CHECK(event.stream_name == "pushed" && event.label == "cloud" && !event.session);
        CHECK(event.server == "https://127.0.0.1:9" || event.server == "http://192.0.2.1");
        CHECK(event.output_user_data == &states);
        const bool failed = event.state == OutputState::Retrying;
        CHECK((event.status == Status::Ingest) == failed && event.message.empty() != failed);
        states.push_back(std::to_string(static_cast<int>(event.state)));
        told.add();
    };
    Gateway gateway(std::move(config));
    PushOptions options;
    options.video_codec = Codec::H264;
    const StreamId stream = gateway.add_push_stream("pushed", options);
    OutputOptions to;
    to.url = "rtsp://127.0.0.1/";
    CHECK(!gateway.try_add_output(stream, to));
    to.url = "https://user:hunter2@127.0.0.1:9/whip/key";
    to.bearer_token = "hunter2";
    to.no_audio = true;
    to.label = "cloud";
    to.user_data = &states;
    const Result<OutputId> added = gateway.try_add_output(stream, to);
    if (added.status() == Status::Unsupported) {
        return; // a variant of the library without HTTP
    }
    const OutputId output = added.value();
    const OutputInfo info = gateway.get_output_info(output);
    CHECK(info.stream == stream && info.state == OutputState::Waiting && !info.session);
    CHECK(info.server == "https://127.0.0.1:9" && info.label == "cloud");
    CHECK(info.user_data == &states && info.attempts == 0 && !info.retry_in &&
          info.warning.empty());
    gateway.push_video(stream, {keyframe, std::chrono::milliseconds(0)});
    told.wait(2); // it is tried, and refused
    CHECK(gateway.get_output_info(output).status == Status::Ingest);
    gateway.remove_output(output);
    CHECK(gateway.try_get_output_info(output).status() == Status::NotFound);
    to.url = "http://192.0.2.1/whip";
    CHECK(!gateway.get_output_info(gateway.add_output(stream, to)).warning.empty());
    gateway.remove_stream(stream);
    gateway.shutdown();
    CHECK(states.at(0) == "2" && states.at(1) == "4");
}

} // namespace

int main() {
    errors();
    sinks();
    outputs();
    knobs_and_figures();
    moves();
    callbacks_live_as_long_as_the_gateway();
    callbacks_use_the_gateway();
    cameras_change();
    cameras_on_demand();
    variants();
    callbacks_may_throw();
    push();
    offers();
    http();
    log_functions();
    CHECK(to_string(StreamState::Live) == std::string("live"));
    CHECK(to_string(static_cast<StreamState>(99)) == std::string("unknown"));
    CHECK(to_string(Status::NotFound) == std::string("not found"));
    return 0;
}
