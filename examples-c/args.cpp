#include "args.hpp"

#include <charconv>
#include <cstdint>
#include <sstream>

namespace {

template <typename Number> Number parse_number(const std::string &text, const std::string &what) {
    Number value{};
    const char *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || stop != end) {
        throw UsageError(what + " must be a number, not \"" + text + "\"");
    }
    return value;
}

// ADDR:PORT, or [ADDR]:PORT for IPv6.
void parse_listen(const std::string &text, Args &args) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        throw UsageError("--listen wants ADDR:PORT, for instance 0.0.0.0:8889, not \"" + text +
                         "\"");
    }
    args.host = text.substr(0, colon);
    if (args.host.front() == '[' && args.host.back() == ']') {
        args.host = args.host.substr(1, args.host.size() - 2);
    }
    args.port = parse_number<std::uint16_t>(text.substr(colon + 1), "the port of --listen");
}

rtsp_webrtc::Tuning parse_set(const std::string &text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
        throw UsageError("--set wants KEY=VALUE, not \"" + text + "\"");
    }
    const std::string name = text.substr(0, equals);
    const auto key = rtsp_webrtc::find_tuning(name);
    if (!key) {
        throw UsageError("there is no knob \"" + name + "\"; --help-tuning lists them");
    }
    return {*key, parse_number<std::int64_t>(text.substr(equals + 1), name)};
}

const char *applies_text(rtsp_webrtc::Applies applies) {
    switch (applies) {
    case rtsp_webrtc::Applies::Create: return "fixed at start";
    case rtsp_webrtc::Applies::NewSessions: return "applies to new sessions";
    default: return "applies at once";
    }
}

// The message must not repeat the text: it may contain a password.
Camera parse_camera(const std::string &text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
        throw UsageError("a camera is given as NAME=RTSP_URL");
    }
    Camera camera{text.substr(0, equals), text.substr(equals + 1), false};
    // The library requires this of a name, too. A browser resolves "." and ".." away.
    const bool valid =
        !camera.name.empty() && camera.name.size() <= 128 && camera.name != "." &&
        camera.name != ".." &&
        camera.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789._~-") == std::string::npos;
    if (!valid) {
        throw UsageError("a camera's name has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - "
                         "and stands before the first \"=\" of NAME=RTSP_URL");
    }
    return camera;
}

} // namespace

Args parse_args(int argc, char **argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    Args args;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string &word = words[i];
        const auto value = [&]() -> const std::string & {
            if (i + 1 == words.size()) {
                throw UsageError(word + " wants a value");
            }
            return words[++i];
        };
        if (word == "--help" || word == "-h") {
            args.help = true;
        } else if (word == "--help-tuning") {
            args.help_tuning = true;
        } else if (word == "--listen") {
            parse_listen(value(), args);
        } else if (word == "--set") {
            args.tuning.push_back(parse_set(value()));
        } else if (word == "--public-address") {
            args.public_addresses.push_back(value());
        } else if (word == "--udp") {
            args.cameras.push_back(parse_camera(value()));
            args.cameras.back().udp = true;
        } else if (word.rfind("-", 0) == 0) {
            throw UsageError("there is no option " + word.substr(0, word.find('=')));
        } else {
            args.cameras.push_back(parse_camera(word));
        }
    }
    if (args.cameras.empty() && !args.help && !args.help_tuning) {
        throw UsageError("no camera given");
    }
    return args;
}

std::string help_text() {
    return R"(whep_server: shows RTSP cameras in a browser, by WebRTC (WHEP).

usage: whep_server [--listen ADDR:PORT] [--set KEY=VALUE]... [--public-address IP]...
                   [--udp NAME=RTSP_URL]... NAME=RTSP_URL...

  NAME=RTSP_URL          A camera, for instance door=rtsp://user:pass@192.168.1.20/stream1.
                         NAME has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -
                         Percent-encode special characters of user and password.
  --udp NAME=RTSP_URL    A camera that cannot send its media in the RTSP connection (TCP).
  --listen ADDR:PORT     Address of the web server. Default 127.0.0.1:8889: this machine only.
                         Port 0 takes a free port. The program prints the URL.
  --set KEY=VALUE        Sets a knob of the library; VALUE is a whole number.
  --help-tuning          Lists the knobs.
  --public-address IP    An address to announce to viewers besides this machine's own: the public
                         one, where NAT maps it one to one.
  --help                 This text.

It serves
  GET    /                 all cameras in a grid
  GET    /NAME             one camera
  POST   /NAME/whep        WHEP: takes an SDP offer, answers 201 with SDP and a Location
  DELETE /NAME/whep/KEY    ends the session of that Location
  GET    /api/streams      the state of all cameras, as JSON
  GET    /api/metrics      counters and CPU times, for Prometheus

It has no users and no TLS: put it behind a web server that has. SIGINT or SIGTERM ends it.
Exit code: 0 ended by a signal, 1 failed, 2 wrong usage.
)";
}

std::string tuning_help_text() {
    std::ostringstream out;
    out << "Knobs for --set KEY=VALUE, with their defaults:\n";
    for (const rtsp_webrtc::TuningInfo &info : rtsp_webrtc::describe_tuning()) {
        out << "\n  " << info.name << '=' << info.default_value << "\n    " << info.min_value
            << " to " << info.max_value << ", " << applies_text(info.applies) << ". " << info.help
            << '\n';
    }
    return out.str();
}
