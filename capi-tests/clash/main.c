/* A host that links the static library beside another one made of Rust, beside OpenSSL, and beside
 * functions of its own that have the names of ours (names.c). */
#include <rtsp_webrtc_gateway.h>

#include <openssl/evp.h>
#include <stdio.h>

bool second_library_works(void);

static bool gateway_works(void) {
    rtsp_webrtc_gateway_config config;
    rtsp_webrtc_gateway *gateway = NULL;
    if (RTSP_WEBRTC_GATEWAY_INIT(&config) < 0) {
        return false;
    }
    config.udp_bind = "127.0.0.1:0";
    /* Makes a DTLS certificate, which uses much of the cryptography. */
    return rtsp_webrtc_gateway_create(&config, &gateway) == RTSP_WEBRTC_GATEWAY_OK &&
           rtsp_webrtc_gateway_destroy(gateway) == RTSP_WEBRTC_GATEWAY_OK;
}

static bool openssl_works(void) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    return EVP_Digest("abc", 3, digest, &size, EVP_sha256(), NULL) == 1 && size == 32 &&
           digest[0] == 0xba && digest[31] == 0xad;
}

int main(void) {
    const bool gateway = gateway_works(), second = second_library_works();
    const bool openssl = openssl_works();
    printf("gateway %d, second library %d, OpenSSL %d\n", gateway, second, openssl);
    return !(gateway && second && openssl && gateway_works());
}
