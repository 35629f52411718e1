"""An offer as a browser makes it."""


def offer_sdp(video: str = "102 H264/90000") -> bytes:
    payload_type = video.split()[0]
    section = [
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:4ZcD",
        "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlbW",
        "a=fingerprint:sha-256 " + ":".join(["7B"] * 32),
        "a=setup:actpass",
        "a=recvonly",
        "a=rtcp-mux",
    ]
    lines = ["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += ["a=group:BUNDLE 0 1", f"m=video 9 UDP/TLS/RTP/SAVPF {payload_type}", *section]
    lines += ["a=mid:0", f"a=rtpmap:{video}"]
    if "H264" in video:
        fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
        lines += [f"a=fmtp:{payload_type} {fmtp}"]
    lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 0", *section, "a=mid:1", "a=rtpmap:0 PCMU/8000"]
    return ("\r\n".join(lines) + "\r\n").encode()
