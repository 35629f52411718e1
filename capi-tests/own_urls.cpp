// A host that mounts WHEP under URLs of its own, /api/v1/cameras/{id}/live, behind its own login: with
// handle_http(), so that the whole protocol is the library's, and with cpp-httplib. A reverse proxy
// that removes a path prefix stands in front of it for some of the requests.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <httplib.h>
#include <rtsp_webrtc_gateway.hpp>

#include "offer.h"

namespace {

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

using namespace rtsp_webrtc;

// What the host knows about its users. The gateway returns the pointer to it in events.
struct User {
    std::string name;
    std::string password;
    std::set<int> cameras;
    std::set<SessionId> watching{};
};

class Host {
public:
    Host() : gateway_(config()) {
        users_ = {{"ann", {"ann", "sesame", {7, 8}}}, {"bob", {"bob", "open", {8}}}};
        PushOptions options;
        options.video_codec = Codec::H264;
        const StreamId live = gateway_.add_push_stream("cam7", options);
        gateway_.add_push_stream("cam8", options);
        static constexpr std::uint8_t keyframe[] = {
            0, 0, 0,    1,    0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x84, 0,    0,
            0, 1, 0x68, 0xce, 0x3c, 0x80, 0,    0,    0,    1,    0x65, 0x88, 0x84, 0x21, 0xa0};
        gateway_.push_video(live, {Bytes(keyframe, sizeof keyframe), std::chrono::seconds(0)});
        // The host's offers do not wait for media.
        while (gateway_.get_stream_info(live).state != StreamState::Live) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        add_routes();
        port = server_.bind_to_any_port("127.0.0.1");
        CHECK(port > 0);
        thread_ = std::thread([this] { server_.listen_after_bind(); });
    }

    ~Host() {
        server_.stop();
        static_cast<void>(gateway_.try_shutdown());
        thread_.join();
    }

    // Waits until a user watches so many sessions.
    std::vector<SessionInfo> wait_for_sessions(const std::string &user, std::size_t count) {
        std::unique_lock lock(mutex_);
        const auto reached = [&] { return users_.at(user).watching.size() == count; };
        CHECK(changed_.wait_for(lock, std::chrono::minutes(1), reached));
        std::vector<SessionInfo> sessions;
        for (const SessionId session : users_.at(user).watching) {
            sessions.push_back(gateway_.get_session_info(session));
            CHECK(sessions.back().user_data == &users_.at(user));
        }
        return sessions;
    }

    int port = 0;

private:
    Config config() {
        Config config;
        config.udp_bind = "127.0.0.1:0";
        config.bearer_tokens = {"of-the-metrics-reader"}; // cookies decide about viewers
        config.on_session_state = [this](const SessionEvent &event) {
            User &user = *static_cast<User *>(event.session_user_data);
            CHECK(event.label == user.name && event.peer == "127.0.0.1");
            const std::lock_guard lock(mutex_);
            if (event.state == SessionState::New) {
                user.watching.insert(event.session);
            } else if (event.state == SessionState::Closed) {
                user.watching.erase(event.session);
            }
            changed_.notify_all();
        };
        return config;
    }

    void add_routes() {
        server_.Post("/api/v1/login", [this](const httplib::Request &request, auto &response) {
            const auto user = users_.find(request.get_param_value("user"));
            if (user == users_.end() || user->second.password != request.body) {
                response.status = 403;
                return;
            }
            response.set_header("Set-Cookie", "login=" + user->first + "; HttpOnly");
        });
        const auto live = [this](const httplib::Request &request, httplib::Response &response) {
            answer(request, response);
        };
        const char *const path = R"(/api/v1/cameras/(\d+)/live(?:/([^/]+))?)";
        server_.Get(path, live).Post(path, live).Patch(path, live).Delete(path, live);
        server_.Options(path, live);
        // The reverse proxy.
        const auto proxied = [this](const httplib::Request &from, httplib::Response &to) {
            httplib::Client upstream("127.0.0.1", port);
            httplib::Request request;
            request.method = from.method;
            request.path = from.matches[1];
            request.headers = from.headers;
            request.body = from.body;
            const auto answer = upstream.send(request);
            CHECK(answer);
            to.status = answer->status;
            to.headers = answer->headers;
            to.headers.erase("Content-Length");
            to.body = answer->body;
        };
        server_.Post("/nvr(/.*)", proxied).Delete("/nvr(/.*)", proxied);
    }

    // /api/v1/cameras/{id}/live and /api/v1/cameras/{id}/live/{key}
    void answer(const httplib::Request &request, httplib::Response &response) {
        const int camera = std::stoi(request.matches[1]);
        const std::string name = "cam" + std::to_string(camera);
        const std::string key = request.matches[2];
        const std::string cookie = request.get_header_value("Cookie");
        const auto user =
            users_.find(cookie.rfind("login=", 0) == 0 ? cookie.substr(6) : std::string());
        if (user == users_.end() && request.method != "OPTIONS") {
            response.status = 401;
            return;
        }
        HttpRequest whep;
        whep.method = request.method;
        whep.path = request.target;
        for (const auto &[field, value] : request.headers) {
            whep.headers.push_back({field, value});
        }
        whep.body = request.body;
        whep.stream_name = name;
        whep.session_key = key;
        whep.authorized = true;
        whep.location_prefix = "live/"; // relative: the proxy's prefix stays in place
        whep.timeout = std::chrono::milliseconds(0);
        whep.peer = request.remote_addr;
        if (user != users_.end()) {
            if (user->second.cameras.count(camera) == 0) {
                response.status = 403;
                return;
            }
            whep.ice_servers = {{"turn:turn.example.com", user->first, "expires-soon"}};
            whep.label = user->first;
            whep.user_data = &user->second;
        }
        // An Error has a response, too.
        const Result<Response> result = gateway_.try_handle_http(whep);
        const Response &answer = result ? *result : *result.error().response();
        response.status = answer.status();
        std::string type;
        for (const Header &header : answer.headers()) {
            if (header.name == "Content-Type") {
                type = header.value; // set_content() writes it
            } else {
                response.headers.emplace(header.name, header.value);
            }
        }
        response.set_content(std::string(answer.body()), type);
    }

    std::map<std::string, User> users_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Gateway gateway_;
    httplib::Server server_;
    std::thread thread_;
};

// A viewer's browser.
class Browser {
public:
    explicit Browser(int port) : client_("127.0.0.1", port) {}

    int log_in(const std::string &user, const std::string &password) {
        const auto answer = client_.Post("/api/v1/login?user=" + user, password, "text/plain");
        const std::string cookie = answer->get_header_value("Set-Cookie");
        cookie_ = cookie.substr(0, cookie.find(';'));
        return answer->status;
    }

    httplib::Response ask(const std::string &method, const std::string &path,
                          httplib::Headers headers = {}, const std::string &body = {}) {
        httplib::Request request;
        request.method = method;
        request.path = path;
        request.headers = std::move(headers);
        request.headers.emplace("Cookie", cookie_);
        request.body = body;
        const auto answer = client_.send(request);
        CHECK(answer);
        return *answer;
    }

    httplib::Response post(const std::string &path, const std::string &type = "application/sdp",
                           const std::string &body = SESSION VIDEO) {
        return ask("POST", path, {{"Content-Type", type}}, body);
    }

    httplib::Response patch(const std::string &path, httplib::Headers headers) {
        headers.emplace("Content-Type", "application/trickle-ice-sdpfrag");
        return ask("PATCH", path, std::move(headers), "a=mid:0\r\na=end-of-candidates\r\n");
    }

private:
    httplib::Client client_;
    std::string cookie_ = "none";
};

// Resolves a reference that is relative to the last segment of a path (RFC 3986 section 5.2).
std::string resolve(const std::string &path, const std::string &reference) {
    CHECK(!reference.empty() && reference[0] != '/');
    return path.substr(0, path.rfind('/') + 1) + reference;
}

void check_problem(const httplib::Response &answer, int status) {
    CHECK(answer.status == status);
    CHECK(answer.get_header_value("Content-Type") == "application/problem+json");
    CHECK(answer.body.find("\"status\":" + std::to_string(status)) != std::string::npos);
}

const std::string camera7 = "/api/v1/cameras/7/live";
const std::string camera8 = "/api/v1/cameras/8/live";

void only_who_may(Host &host) {
    Browser nobody(host.port);
    CHECK(nobody.post(camera7).status == 401);
    CHECK(nobody.log_in("ann", "guess") == 403);
    CHECK(nobody.post(camera7).status == 401);
    const httplib::Response preflight = nobody.ask("OPTIONS", camera7);
    CHECK(preflight.status == 200);
    CHECK(preflight.get_header_value("Accept-Post") == "application/sdp");

    Browser bob(host.port);
    CHECK(bob.log_in("bob", "open") == 200);
    CHECK(bob.post(camera7).status == 403);
    host.wait_for_sessions("bob", 0);
}

void a_session_from_offer_to_delete(Host &host) {
    Browser ann(host.port);
    CHECK(ann.log_in("ann", "sesame") == 200);
    CHECK(ann.ask("GET", camera7).status == 200);
    const httplib::Response created = ann.post(camera7);
    CHECK(created.status == 201 && created.body.rfind("v=0", 0) == 0);
    const std::string session = resolve(camera7, created.get_header_value("Location"));
    CHECK(session.rfind(camera7 + "/", 0) == 0);
    CHECK(created.get_header_value("Link") ==
          "<turn:turn.example.com>; rel=\"ice-server\"; username=\"ann\"; "
          "credential=\"expires-soon\"; credential-type=\"password\"");
    const std::vector<SessionInfo> watching = host.wait_for_sessions("ann", 1);
    CHECK(watching[0].label == "ann" && watching[0].peer == "127.0.0.1");

    const std::string etag = created.get_header_value("ETag");
    CHECK(ann.patch(session, {{"If-Match", etag}}).status == 204);
    check_problem(ann.patch(session, {}), 428);
    check_problem(ann.patch(session, {{"If-Match", "\"other\""}}), 412);
    CHECK(ann.ask("GET", session).status == 200);
    // The key is that of a session of camera 7.
    check_problem(ann.ask("DELETE", camera8 + session.substr(camera7.size())), 404);
    CHECK(ann.ask("DELETE", session).status == 200);
    check_problem(ann.ask("DELETE", session), 404);
    host.wait_for_sessions("ann", 0);
}

void behind_the_proxy(Host &host) {
    Browser ann(host.port);
    CHECK(ann.log_in("ann", "sesame") == 200);
    const httplib::Response created = ann.post("/nvr" + camera7);
    CHECK(created.status == 201);
    const std::string session = resolve("/nvr" + camera7, created.get_header_value("Location"));
    CHECK(ann.ask("DELETE", session).status == 200);
    host.wait_for_sessions("ann", 0);
}

void failures_are_responses(Host &host) {
    Browser ann(host.port);
    CHECK(ann.log_in("ann", "sesame") == 200);
    check_problem(ann.post(camera7, "text/plain"), 415);
    check_problem(ann.post(camera7, "application/sdp", "no SDP"), 400);
    check_problem(ann.ask("DELETE", camera7), 405);
    check_problem(ann.ask("DELETE", camera7 + "/0123456789abcdef"), 404);
    check_problem(ann.ask("DELETE", camera7 + "/%00"), 404);
    check_problem(ann.ask("DELETE", camera7 + "/%ff"), 404);
    // Not live, and the host does not wait.
    const httplib::Response not_live = ann.post(camera8);
    check_problem(not_live, 409);
    CHECK(std::stoi(not_live.get_header_value("Retry-After")) > 0);
    host.wait_for_sessions("ann", 0);
}

} // namespace

int main() {
    Host host;
    only_who_may(host);
    a_session_from_offer_to_delete(host);
    behind_the_proxy(host);
    failures_are_responses(host);
    return 0;
}
