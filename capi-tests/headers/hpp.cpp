// The C++ header alone: compiles under every standard that it promises, also without exceptions
// and RTTI, and has the try_ forms in each.
#include <rtsp_webrtc_gateway.hpp>
#include <rtsp_webrtc_gateway.hpp>

rtsp_webrtc::Result<rtsp_webrtc::StreamId> add_camera(rtsp_webrtc::Gateway &gateway);

rtsp_webrtc::Result<rtsp_webrtc::StreamId> add_camera(rtsp_webrtc::Gateway &gateway) {
    return gateway.try_add_stream("door", {"rtsp://192.0.2.1/video"});
}

rtsp_webrtc::IceServer stun_server();

// Options may leave out what follows their required members, without a warning.
rtsp_webrtc::IceServer stun_server() {
    return {"stun:stun.example.com:3478"};
}
