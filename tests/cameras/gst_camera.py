#!/usr/bin/python3
"""A foreign camera for the tests: GStreamer's RTSP server with a test picture and a tone.

Prints `READY rtsp://127.0.0.1:PORT/PATH` once it listens. SIGTERM and SIGINT end it.
Debian packages: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base
gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
gstreamer1.0-x glib-networking
"""

import argparse
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

FRAMES_PER_SECOND = 25


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", default="cam", help="path of the stream (default: cam)")
    parser.add_argument("--port", type=int, default=0, help="0 (default): any free port")
    parser.add_argument("--codec", choices=["h264", "h265", "mjpeg", "none"], default="h264")
    parser.add_argument(
        "--audio",
        choices=["pcmu", "pcma", "g722", "g726", "l16", "opus", "aac", "latm", "none"],
        default="pcmu",
    )
    parser.add_argument("--tls", metavar="FILE", help="certificate and key in PEM; needs --user")
    parser.add_argument("--gop", type=int, default=50, help="frames to a keyframe (default: 50)")
    parser.add_argument("--size", default="640x360", help="picture size (default: 640x360)")
    parser.add_argument(
        "--parameter-sets",
        choices=["both", "sdp"],
        default="both",
        help="both (default): in the SDP and before each keyframe; sdp: only there",
    )
    parser.add_argument("--user", help="ask for Digest authentication with this user")
    parser.add_argument("--password", default="")
    parser.add_argument("--basic", action="store_true", help="Basic instead of Digest")
    return parser.parse_args()


def pipeline(options):
    width, height = options.size.split("x")
    picture = (
        f"videotestsrc is-live=true pattern=smpte ! timeoverlay font-desc=\"Sans 48\" "
        f"! video/x-raw,format=I420,width={width},height={height},"
        f"framerate={FRAMES_PER_SECOND}/1 "
    )
    # -1 is "with every keyframe", 0 "never": then they are in the SDP alone, because the stream
    # of NALs with lengths (avc) keeps them out of band.
    interval = -1 if options.parameter_sets == "both" else 0
    if options.codec == "h264":
        video = (
            f"! x264enc tune=zerolatency speed-preset=superfast bitrate=1000 "
            f"key-int-max={options.gop} bframes=0 ! video/x-h264,profile=main "
            f"! h264parse ! video/x-h264,stream-format=avc "
            f"! rtph264pay name=pay0 pt=96 config-interval={interval}"
        )
    elif options.codec == "mjpeg":
        video = "! jpegenc ! rtpjpegpay name=pay0"
    else:
        video = (
            f"! x265enc tune=zerolatency speed-preset=ultrafast bitrate=1000 "
            f"key-int-max={options.gop} ! h265parse "
            f"! rtph265pay name=pay0 pt=96 config-interval={interval}"
        )
    if options.codec == "none":
        picture = video = ""
    if options.audio == "none":
        return f"( {picture} {video} )"
    rate, audio = {
        "pcmu": (8000, "mulawenc ! rtppcmupay name=pay1"),
        "pcma": (8000, "alawenc ! rtppcmapay name=pay1"),
        "g722": (16000, "avenc_g722 ! rtpg722pay name=pay1"),
        "g726": (8000, "avenc_g726 ! rtpg726pay name=pay1 pt=97"),
        "l16": (16000, "audioconvert ! rtpL16pay name=pay1 pt=97"),
        "latm": (48000, "avenc_aac ! aacparse ! rtpmp4apay name=pay1 pt=97"),
        "opus": (48000, "opusenc ! rtpopuspay name=pay1 pt=97"),
        "aac": (48000, "avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97"),
    }[options.audio]
    tone = f"audiotestsrc is-live=true freq=440 volume=0.2 ! audio/x-raw,rate={rate},channels=1"
    if options.codec == "none":
        audio = audio.replace("pay1", "pay0")
    return f"( {picture} {video} {tone} ! {audio} )"


def main():
    options = arguments()
    Gst.init(None)

    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(options))
    factory.set_shared(True)

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    if options.user is not None:
        method = GstRtsp.RTSPAuthMethod.BASIC if options.basic else GstRtsp.RTSPAuthMethod.DIGEST
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(method)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if options.basic:
            secret = GstRtspServer.RTSPAuth.make_basic(options.user, options.password)
            auth.add_basic(secret, token)
        else:
            auth.add_digest(options.user, options.password, token)
        if options.tls is not None:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.tls))
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(f"/{options.path}", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {options.port} of 127.0.0.1")

    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    scheme = "rtsp" if options.tls is None else "rtsps"
    print(f"READY {scheme}://127.0.0.1:{server.get_bound_port()}/{options.path}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
