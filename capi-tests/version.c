/* Header, library and Cargo.toml agree on the version; the library says whether it has the FIPS module. */
#include "check.h"

int main(void) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", RTSP_WEBRTC_GATEWAY_VERSION_MAJOR,
             RTSP_WEBRTC_GATEWAY_VERSION_MINOR, RTSP_WEBRTC_GATEWAY_VERSION_PATCH);
    CHECK(strcmp(text, CARGO_VERSION) == 0);
    CHECK(strcmp(RTSP_WEBRTC_GATEWAY_VERSION, CARGO_VERSION) == 0);
    CHECK(strcmp(rtsp_webrtc_gateway_version(), LIBRARY_VERSION) == 0);

    unsigned major, minor, patch;
    CHECK(sscanf(CARGO_VERSION, "%u.%u.%u", &major, &minor, &patch) == 3);
    const uint32_t number = major << 16 | minor << 8 | patch;
    CHECK(RTSP_WEBRTC_GATEWAY_VERSION_NUMBER == number);
    CHECK(rtsp_webrtc_gateway_version_number() == number);

    CHECK(RTSP_WEBRTC_GATEWAY_ABI_VERSION == (major == 0 ? minor : major << 16));
    CHECK(rtsp_webrtc_gateway_abi_version() == RTSP_WEBRTC_GATEWAY_ABI_VERSION);
    return 0;
}
