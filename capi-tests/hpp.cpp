// The C++ header: moves, ownership, callbacks that throw, errors in both forms.
#include <rtsp_webrtc_gateway.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

using namespace rtsp_webrtc;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                       \
        }                                                                       \
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
    config.udp_bind = "127.0.0.1:0";
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
    CHECK(!"it threw");
    std::abort();
}

void errors() {
    Config wrong = loopback();
    wrong.udp_bind = "nonsense";
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    CHECK(thrown_by([&] { Gateway gateway(wrong); }).status() == Status::InvalidArgument);
    wrong.udp_bind = "127.0.0.1:0";
    wrong.public_addresses = {"192.0.2.1", "no address"};
    CHECK(Gateway::try_create(wrong).status() == Status::InvalidArgument);
    wrong.public_addresses = {"192.0.2.1"};
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
    CHECK(gateway.snapshot().rfind("{\"version\":\"" RTSP_WEBRTC_GATEWAY_VERSION "\"", 0) == 0);
    CHECK(version() == std::string(RTSP_WEBRTC_GATEWAY_VERSION));
    CHECK(version_number() == RTSP_WEBRTC_GATEWAY_VERSION_NUMBER);
    CHECK(abi_version() == RTSP_WEBRTC_GATEWAY_ABI_VERSION);
}

void moves() {
    std::atomic<int> removed{0};
    const auto count_removed = [&removed] {
        Config config = loopback();
        config.on_stream_state = [&removed](StreamId, StreamState state, Status) {
            removed += state == StreamState::Removed;
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
    config.on_stream_state = [token](StreamId, StreamState, Status) {};
    {
        Gateway gateway(std::move(config));
        CHECK(token.use_count() == 2);
    }
    CHECK(token.use_count() == 1);

    Config wrong = loopback();
    wrong.udp_bind = "nonsense";
    wrong.on_stream_state = [token](StreamId, StreamState, Status) {};
    CHECK(!Gateway::try_create(std::move(wrong)));
    CHECK(token.use_count() == 1);
}

// The last callbacks run while the gateway is destroyed, and may ask it.
void callbacks_use_the_gateway() {
    std::optional<Gateway> gateway;
    Counter retrying;
    std::vector<StreamState> states;
    Config config = loopback();
    config.on_stream_state = [&](StreamId stream, StreamState state, Status status) {
        states.push_back(state);
        const Status asked = gateway->try_get_stream_info(stream).status();
        if (state == StreamState::Retrying) {
            CHECK(status == Status::Connect && asked == Status::Ok);
            CHECK(gateway->try_shutdown().status() == Status::WouldDeadlock);
            CHECK(Gateway::try_create().status() == Status::WouldDeadlock);
            retrying.add();
        } else if (state == StreamState::Removed) {
            CHECK(asked == Status::ShuttingDown);
        }
    };
    gateway.emplace(std::move(config));
    gateway->add_stream("door", nobody);
    retrying.wait(1);
    gateway.reset();
    CHECK(states.back() == StreamState::Removed);
}

void callbacks_may_throw() {
    Counter caught;
    std::atomic<int> right{0};
    Config config = loopback();
    config.on_stream_state = [](StreamId, StreamState, Status) { throw std::string("thrown"); };
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
    silent.on_stream_state = [](StreamId, StreamState, Status) {
        throw std::runtime_error("expected in this test");
    };
    Gateway(std::move(silent)).add_stream("door", nobody);
}

void log_functions() {
    CHECK(try_set_log_level(LogLevel::Info).status() == Status::InvalidState);
    const auto token = std::make_shared<int>(0);
    std::atomic<int> about_stream{0};
    set_log(LogLevel::Trace, [token, &about_stream](const LogRecord &record) {
        about_stream += record.stream && !record.message.empty() && !record.target.empty();
        throw std::runtime_error("expected in this test");
    });
    CHECK(token.use_count() == 2);
    {
        Counter retrying;
        Config config = loopback();
        config.on_stream_state = [&](StreamId, StreamState state, Status) {
            if (state == StreamState::Retrying) {
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

} // namespace

int main() {
    errors();
    knobs_and_figures();
    moves();
    callbacks_live_as_long_as_the_gateway();
    callbacks_use_the_gateway();
    callbacks_may_throw();
    log_functions();
    CHECK(to_string(StreamState::Live) == std::string("live"));
    CHECK(to_string(static_cast<StreamState>(99)) == std::string("unknown"));
    CHECK(to_string(Status::NotFound) == std::string("not found"));
    return 0;
}
