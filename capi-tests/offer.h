/* An offer as a browser makes it, in parts. */
#ifndef OFFER_H
#define OFFER_H

#define SESSION                                      \
    "v=0\r\n"                                        \
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n" \
    "s=-\r\n"                                        \
    "t=0 0\r\n"
#define TRANSPORT                                                            \
    "c=IN IP4 0.0.0.0\r\n"                                                   \
    "a=rtcp:9 IN IP4 0.0.0.0\r\n"                                            \
    "a=ice-ufrag:4ZcD\r\n"                                                   \
    "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW\r\n"                                 \
    "a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:" \
    "DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n"                    \
    "a=setup:actpass\r\n"
#define VIDEO                                                     \
    "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n" TRANSPORT "a=mid:0\r\n" \
    "a=recvonly\r\n"                                              \
    "a=rtcp-mux\r\n"                                              \
    "a=rtpmap:102 H264/90000\r\n"                                 \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
#define AUDIO                                                   \
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" TRANSPORT "a=mid:1\r\n" \
    "a=recvonly\r\n"                                            \
    "a=rtcp-mux\r\n"                                            \
    "a=rtpmap:0 PCMU/8000\r\n"

#endif
