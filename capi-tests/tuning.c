/* Knobs: described, found by name, set in the config and on a running gateway. */
#include "check.h"

int main(void) {
    rtsp_webrtc_gateway *gateway = gateway_loopback(NULL);
    size_t count = 0;
    for (;; count++) {
        rtsp_webrtc_gateway_tuning_info info;
        CHECK_OK(RTSP_WEBRTC_GATEWAY_INIT(&info));
        const int status = rtsp_webrtc_gateway_describe_tuning(count, &info);
        if (status == RTSP_WEBRTC_GATEWAY_ERR_NOT_FOUND) {
            break;
        }
        CHECK_OK(status);
        CHECK(strlen(info.name) > 0 && strlen(info.help) > 0);
        CHECK(info.min_value <= info.default_value && info.default_value <= info.max_value);

        int32_t key = 0;
        CHECK_OK(rtsp_webrtc_gateway_find_tuning(info.name, &key));
        CHECK(key == info.key);
        int64_t value = -1;
        CHECK_OK(rtsp_webrtc_gateway_get_tuning(gateway, key, &value));
        CHECK(value == info.default_value);

        if (info.applies == RTSP_WEBRTC_GATEWAY_APPLIES_CREATE) {
            CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, key, info.max_value),
                        INVALID_STATE);
        } else {
            CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, key, info.max_value + 1),
                        INVALID_ARGUMENT);
            CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, key, info.min_value - 1),
                        INVALID_ARGUMENT);
            CHECK_OK(rtsp_webrtc_gateway_get_tuning(gateway, key, &value));
            CHECK(value == info.default_value);
            CHECK_OK(rtsp_webrtc_gateway_set_tuning(gateway, key, info.max_value));
            CHECK_OK(rtsp_webrtc_gateway_get_tuning(gateway, key, &value));
            CHECK(value == info.max_value);
            /* Set back: a profile also sets other knobs. */
            CHECK_OK(rtsp_webrtc_gateway_set_tuning(gateway, key, info.default_value));
        }
    }
    CHECK(count == 28);
    CHECK_FAILS(rtsp_webrtc_gateway_set_tuning(gateway, 0, 1), NOT_FOUND);
    int64_t value = 5;
    CHECK_FAILS(rtsp_webrtc_gateway_get_tuning(gateway, 999, &value), NOT_FOUND);
    CHECK(value == 5);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));

    rtsp_webrtc_gateway_config config;
    config_loopback(&config);
    rtsp_webrtc_gateway_tuning knobs[2] = {
        {RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS, 0, 2},
        {RTSP_WEBRTC_GATEWAY_TUNING_RTCP_INTERVAL_MS, 0, 2000},
    };
    config.tuning = knobs;
    config.tuning_len = 2;
    CHECK_OK(rtsp_webrtc_gateway_create(&config, &gateway));
    CHECK_OK(
        rtsp_webrtc_gateway_get_tuning(gateway, RTSP_WEBRTC_GATEWAY_TUNING_WORKER_THREADS, &value));
    CHECK(value == 2);
    CHECK_OK(rtsp_webrtc_gateway_destroy(gateway));

    gateway = NULL;
    knobs[1].value = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    knobs[1].value = 2000;
    knobs[1].reserved = 1;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    knobs[1].reserved = 0;
    knobs[1].key = 999;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), NOT_FOUND);
    config_loopback(&config);
    config.udp_bind = "localhost";
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    config_loopback(&config);
    const char *addresses[] = {"203.0.113.7", "not an address"};
    config.public_addresses = addresses;
    config.public_addresses_len = 2;
    CHECK_FAILS(rtsp_webrtc_gateway_create(&config, &gateway), INVALID_ARGUMENT);
    CHECK(gateway == NULL);
    return 0;
}
