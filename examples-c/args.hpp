// The command line of whep_server.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <rtsp_webrtc_gateway.hpp>

struct Camera {
    std::string name;
    std::string url;
    bool udp = false;
};

struct Args {
    std::string host = "127.0.0.1";
    int port = 8889;
    std::vector<rtsp_webrtc::Tuning> tuning;
    std::vector<std::string> public_addresses;
    std::vector<Camera> cameras;
    bool help = false;
    bool help_tuning = false;
};

// The command line is invalid; what() says why.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

Args parse_args(int argc, char **argv);

std::string help_text();

// One line for each knob that --set takes, with the library's description.
std::string tuning_help_text();
