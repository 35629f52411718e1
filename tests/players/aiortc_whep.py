"""A WHEP player by aiortc, a WebRTC stack of its own: plays some pictures, then ends the session.

Usage: aiortc_whep.py URL PICTURES [PORT]. With PORT, media comes through a relay at that port of 127.0.0.1. Prints the
size of the pictures. Needs requirements.txt.
"""

import asyncio
import re
import sys
import urllib.parse
import urllib.request

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

PATIENCE = 60


def http(method, url, body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.status, answer.headers, answer.read().decode()


async def play(url, pictures, relay=None):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    video = connection.addTransceiver("video", direction="recvonly")
    codecs = RTCRtpReceiver.getCapabilities("video").codecs
    video.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp.encode()
    status, headers, answer = await asyncio.to_thread(
        http, "POST", url, offer, **{"Content-Type": "application/sdp"}
    )
    assert status == 201, status
    if relay:
        address = re.compile(r"(a=candidate:\S+ 1 udp \d+) \S+ \d+", re.IGNORECASE)
        answer = address.sub(rf"\g<1> 127.0.0.1 {relay}", answer)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    for _ in range(pictures):
        picture = await video.receiver.track.recv()
    print(f"{picture.width}x{picture.height}", flush=True)
    session = urllib.parse.urljoin(url, headers["Location"])
    status, _, _ = await asyncio.to_thread(http, "DELETE", session)
    assert status == 200, status
    await connection.close()


url, pictures, *relay = sys.argv[1:]
asyncio.run(asyncio.wait_for(play(url, int(pictures), *relay), PATIENCE))
