// whep_server: the smallest complete host of the library. It adds cameras, serves WHEP by
// cpp-httplib, and shows the cameras on a page. Start reading at main(), at the end.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include <httplib.h>

#include "args.hpp"
#include "cameras.hpp"
#include "web_files.hpp" // made by CMake from web/ and the library's player.js

namespace {

// Offers of current browsers take 2 to 10 kB.
constexpr std::size_t kMaxBody = 128 * 1024;

void on_log(const rtsp_webrtc::LogRecord &record) {
    const char *level = record.level == rtsp_webrtc::LogLevel::Error ? "error: " : "warning: ";
    say(level + std::string(record.message));
}

void answer_text(httplib::Response &http, int status, const std::string &text) {
    http.status = status;
    http.set_content(text + "\n", "text/plain; charset=utf-8");
}

// /NAME/whep and /NAME/whep/KEY: the library knows WHEP. Waits while a camera is still connecting.
void answer_whep(rtsp_webrtc::Gateway &gateway, const httplib::Request &request,
                 httplib::Response &http) {
    rtsp_webrtc::HttpRequest whep;
    whep.method = request.method;
    whep.path = request.target; // httplib has decoded request.path
    for (const auto &[name, value] : request.headers) {
        whep.headers.push_back({name, value});
    }
    whep.body = request.body;
    whep.peer = request.remote_addr;

    const rtsp_webrtc::Response response = gateway.handle_http(whep);
    http.status = response.status();
    std::string content_type;
    for (const rtsp_webrtc::Header &header : response.headers()) {
        if (header.name == "Content-Type") {
            content_type = header.value; // set_content() writes it
        } else {
            http.set_header(std::string(header.name), std::string(header.value));
        }
    }
    http.set_content(std::string(response.body()), content_type);
}

void add_page_routes(httplib::Server &server, Cameras &cameras) {
    const auto page = [](httplib::Response &http) {
        http.set_header("Content-Security-Policy", "default-src 'self'; img-src data:");
        http.set_content(web::index_html, "text/html; charset=utf-8");
    };
    server.Get("/", [=](const auto &, auto &http) { page(http); });
    server.Get("/api/streams", [&](const auto &, auto &http) {
        http.set_content(cameras.json(), "application/json");
    });
    server.Get("/api/metrics", [&](const auto &, auto &http) {
        http.set_content(cameras.gateway().metrics(), "text/plain; version=0.0.4");
    });
    server.Get("/web/style.css", [](const auto &, auto &http) {
        http.set_content(web::style_css, "text/css; charset=utf-8");
    });
    server.Get("/web/page.js", [](const auto &, auto &http) {
        http.set_content(web::page_js, "text/javascript; charset=utf-8");
    });
    server.Get("/web/player.js", [](const auto &, auto &http) {
        http.set_content(web::player_js, "text/javascript; charset=utf-8");
    });
    server.Get("/([^/]+)", [&cameras, page](const auto &request, auto &http) {
        const std::string name = request.matches[1];
        if (cameras.contains(name)) {
            page(http);
        } else {
            answer_text(http, 404, "There is no such camera.");
        }
    });
}

void add_whep_routes(httplib::Server &server, Cameras &cameras) {
    const auto whep = [&](const httplib::Request &request, httplib::Response &http) {
        answer_whep(cameras.gateway(), request, http);
    };
    for (const char *path : {"/[^/]+/whep", "/[^/]+/whep/.+"}) {
        server.Get(path, whep).Post(path, whep).Put(path, whep);
        server.Patch(path, whep).Delete(path, whep).Options(path, whep);
    }
}

void configure(httplib::Server &server) {
    server.set_payload_max_length(kMaxBody);
    server.set_read_timeout(5);
    server.set_tcp_nodelay(true);
    // httplib's default would let a second server share the port unnoticed.
    server.set_socket_options([](socket_t socket) {
        const int on = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    });
    // An idle connection would occupy one of the server's threads.
    server.set_keep_alive_max_count(1);
    // An offer for a camera that is still connecting occupies a thread for up to 5 s.
    server.new_task_queue = [] { return new httplib::ThreadPool(32); };
    server.set_default_headers({
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
    });
    server.set_exception_handler([](const auto &, auto &http, std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const rtsp_webrtc::Error &e) {
            return answer_text(http, e.http_status(), e.what());
        } catch (const std::exception &e) {
            say(std::string("error: ") + e.what());
        } catch (...) {
            say("error: unknown exception");
        }
        answer_text(http, 500, "Internal error.");
    });
    server.set_error_handler([](const auto &, auto &http) {
        if (http.body.empty()) { // a response of httplib itself
            answer_text(http, http.status,
                        http.status == 404 ? "There is nothing at this address."
                        : http.status == 413
                            ? "The offer is too large."
                            : "The request is malformed, or has no Content-Length.");
        }
    });
}

volatile std::sig_atomic_t stop_requested = 0;

extern "C" void request_stop(int signal_number) {
    stop_requested = 1;
    std::signal(signal_number, SIG_DFL); // a second signal ends the program at once
}

void serve(const Args &args) {
    Cameras cameras(args);
    httplib::Server server;
    configure(server);
    add_page_routes(server, cameras);
    add_whep_routes(server, cameras);

    int port = args.port;
    if (port == 0) {
        port = server.bind_to_any_port(args.host);
    } else if (!server.bind_to_port(args.host, port)) {
        port = -1;
    }
    if (port < 0) {
        throw std::runtime_error("cannot listen on " + args.host + " port " +
                                 std::to_string(args.port) +
                                 "; is the port in use, or not yours to use?");
    }
    std::thread listener([&] { server.listen_after_bind(); });
    const bool ipv6 = args.host.find(':') != std::string::npos;
    std::cout << "listening on http://" << (ipv6 ? "[" + args.host + "]" : args.host) << ':' << port
              << '/' << std::endl;

    while (stop_requested == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    say("stopping");
    server.stop();
    // Offers that wait for a camera return, so no thread of the server is occupied.
    if (!cameras.gateway().try_shutdown(std::chrono::seconds(5))) {
        say("error: the gateway did not shut down in time");
    }
    listener.join();
    // No thread uses the gateway any more. `cameras` goes out of scope and frees it.
}

} // namespace

int main(int argc, char **argv) {
    try {
        const Args args = parse_args(argc, argv);
        if (args.help) {
            std::cout << help_text();
            return 0;
        }
        if (args.help_tuning) {
            std::cout << tuning_help_text();
            return 0;
        }
        std::signal(SIGINT, request_stop);
        std::signal(SIGTERM, request_stop);
        rtsp_webrtc::set_log(rtsp_webrtc::LogLevel::Warn, on_log);
        serve(args);
        return 0;
    } catch (const UsageError &e) {
        std::cerr << "whep_server: " << e.what() << "\nTry whep_server --help\n";
        return 2;
    } catch (const std::exception &e) {
        std::cerr << "whep_server: " << e.what() << '\n';
        return 1;
    }
}
