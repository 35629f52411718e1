"""The shared library at work through the Python module.

CAMSIM: path of the camera simulator. Without it the tests that need a camera are skipped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import unittest
from collections.abc import Callable
from typing import Any

import rtsp_webrtc_gateway as rwg
from offer import offer_sdp
from rtsp_webrtc_gateway import SessionState, Status, StreamState, TuningKey

NOBODY = "rtsp://user:hunter2secret@127.0.0.1:9/video"


# SPS, PPS, and the beginning of an IDR picture.
KEYFRAME = bytes.fromhex(
    "00000001 6742c01eda0280f684 00000001 68ce3c80 00000001 65888421a0".replace(" ", "")
)
PICTURE = bytes.fromhex("00000001419a214210")


class Notes:
    """A gateway on loopback, and every state that it tells of."""

    def __init__(self, **options: Any) -> None:
        self.changed = threading.Condition()
        self.streams: list[tuple[int, StreamState | int]] = []
        self.sessions: list[tuple[int, SessionState | int]] = []
        self.events: list[rwg.SessionEvent] = []
        self.gateway = rwg.Gateway(
            udp_bind="127.0.0.1:0",
            on_stream_state=self.stream_state,
            on_session_state=self.session_state,
            **options,
        )

    def stream_state(self, event: rwg.StreamEvent) -> None:
        with self.changed:
            self.streams.append((event.stream, event.state))
            self.changed.notify_all()

    def session_state(self, event: rwg.SessionEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.sessions.append((event.session, event.state))
            self.changed.notify_all()

    def wait(self, seen: Callable[[], bool]) -> None:
        with self.changed:
            if not self.changed.wait_for(seen, timeout=60):
                raise TimeoutError(f"streams {self.streams}, sessions {self.sessions}")


class WithoutCamera(unittest.TestCase):
    def test_a_camera_that_stays(self) -> None:
        notes = Notes()
        with notes.gateway as gateway:
            stream = gateway.add_stream("cam", NOBODY, label="Front", user_data=7)
            self.assertEqual(gateway.stream_name(stream), "cam")
            info = gateway.get_stream_info(stream)
            self.assertEqual((info.name, info.label, info.user_data), ("cam", "Front", 7))
            gateway.update_stream(stream, NOBODY, label="Back")
            gateway.reconnect_stream(stream)
            self.assertEqual(gateway.get_stream_info(stream).label, "Back")
            gateway.remove_stream(stream)
            with self.assertRaises(rwg.Error) as failed:
                gateway.stream_name(stream)
            self.assertEqual(failed.exception.status, Status.ERR_NOT_FOUND)

    def test_create_and_close(self) -> None:
        notes = Notes()
        with notes.gateway as gateway:
            stream = gateway.add_stream("cam", NOBODY)
            with self.assertRaises(rwg.Error) as failed:
                gateway.handle_whep_offer("other", offer_sdp())
            self.assertEqual(failed.exception.status, Status.ERR_NOT_FOUND)
            self.assertEqual(failed.exception.http_status, 404)
            self.assertIn("other", str(failed.exception))
            refusal = failed.exception.response
            assert refusal is not None
            self.assertEqual(refusal.status, 404)
            self.assertEqual(json.loads(refusal.body)["detail"], str(failed.exception))
            self.assertIn(("Content-Type", "application/problem+json"), refusal.headers)
            notes.wait(lambda: (stream, StreamState.RETRYING) in notes.streams)
            info = gateway.get_stream_info(stream)
            self.assertEqual(info.status, Status.ERR_CONNECT)
            self.assertNotIn("hunter2", info.message)
            self.assertEqual(info.since_last_media_ms, -1)
        self.assertEqual(notes.streams[-1], (stream, StreamState.REMOVED))
        with self.assertRaises(rwg.Error) as failed:
            gateway.get_stream_info(stream)
        self.assertEqual(failed.exception.status, Status.ERR_INVALID_ARGUMENT)

    def test_knobs(self) -> None:
        with Notes(tuning={TuningKey.GOP_CACHE_MS: 2000}).gateway as gateway:
            self.assertEqual(gateway.get_tuning(TuningKey.GOP_CACHE_MS), 2000)
            gateway.set_tuning(TuningKey.NACK, 0)
            self.assertEqual(gateway.get_tuning(TuningKey.NACK), 0)
            with self.assertRaises(rwg.Error):
                gateway.set_tuning(TuningKey.NACK, 2)
            self.assertIn("# TYPE ", gateway.metrics())
            self.assertEqual(gateway.state_json()["version"], rwg.version())
        knobs = rwg.describe_tuning()
        self.assertEqual({knob.key for knob in knobs}, set(TuningKey))
        self.assertTrue(all(rwg.find_tuning(knob.name) == knob.key for knob in knobs))

    def test_log(self) -> None:
        lines: list[tuple[str, str]] = []
        rwg.set_log(rwg.LogLevel.TRACE, lambda record: lines.append((record.target, record.message)))
        notes = Notes()
        with notes.gateway as gateway:
            stream = gateway.add_stream("cam", NOBODY)
            notes.wait(lambda: (stream, StreamState.RETRYING) in notes.streams)
        rwg.set_log_level(rwg.LogLevel.OFF)
        rwg.set_log(rwg.LogLevel.OFF, None)
        self.assertTrue(lines)
        self.assertFalse([line for line in lines if "hunter2" in line[1]])

    def test_sink(self) -> None:
        with rwg.Gateway(udp_bind="127.0.0.1:0") as gateway:
            stream = gateway.add_push_stream("pushed", rwg.Codec.H264, rwg.Codec.PCMU)
            sink = gateway.add_sink(stream)
            self.assertIsNone(gateway.read_sink(sink))
            for index, picture in enumerate((KEYFRAME, PICTURE)):
                gateway.push_video(stream, picture, index * 40_000)
            gateway.push_audio(stream, b"\xff" * 160, 0)
            frames = [gateway.read_sink(sink, 60_000) for _ in range(3)]
            first, second, sound = (frame for frame in frames if frame is not None)
            self.assertEqual((first.data, second.data), (KEYFRAME, PICTURE))
            key = rwg.SinkFrameFlags.KEY | rwg.SinkFrameFlags.FORMAT_CHANGED
            self.assertEqual((first.flags, second.flags), (key, rwg.SinkFrameFlags(0)))
            self.assertEqual(second.pts_us - first.pts_us, 40_000)
            self.assertEqual((first.track, first.codec), (rwg.SinkTrack.VIDEO, rwg.Codec.H264))
            self.assertTrue(first.parameters)
            self.assertEqual((sound.encoding, sound.sample_rate, sound.channels), ("PCMU", 8000, 1))
            self.assertEqual(gateway.get_keyframe(stream).data, KEYFRAME)
            self.assertEqual(gateway.get_sink_info(sink).frames, 3)
            past = gateway.add_sink(stream, flags=rwg.SinkFlags.FROM_CACHE)
            gateway.stream_name(stream)
            gateway.get_stream_info(stream)
            gateway.remove_stream(stream)
            self.assertEqual([frame.data for frame in gateway.sink_frames(past)], [KEYFRAME, PICTURE])

    def test_output(self) -> None:
        events: list[rwg.OutputEvent] = []
        refused_by_server = threading.Event()

        def output_state(event: rwg.OutputEvent) -> None:
            events.append(event)
            if event.state == rwg.OutputState.RETRYING:
                refused_by_server.set()

        with rwg.Gateway(udp_bind="127.0.0.1:0", on_output_state=output_state) as gateway:
            stream = gateway.add_push_stream("pushed", rwg.Codec.H264)
            url = "https://user:hunter2@127.0.0.1:9/whip/key"
            with self.assertRaises(rwg.Error) as refused:
                gateway.add_output(stream, "rtsp://127.0.0.1/")
            self.assertEqual(refused.exception.status, rwg.Status.ERR_URL)
            output = gateway.add_output(
                stream,
                url,
                bearer_token="hunter2",
                flags=rwg.OutputFlags.NO_AUDIO,
                label="cloud",
                user_data=7,
            )
            info = gateway.get_output_info(output)
            self.assertEqual((info.stream, info.state, info.session), (stream, rwg.OutputState.WAITING, 0))
            self.assertEqual((info.server, info.label, info.user_data), ("https://127.0.0.1:9", "cloud", 7))
            self.assertEqual((info.attempts, info.retry_in_ms, info.warning), (0, -1, ""))
            state = gateway.state_json()
            self.assertEqual(state["streams"][0]["outputs"][0]["state"], "waiting")
            self.assertNotIn("hunter2", str(state))
            gateway.push_video(stream, KEYFRAME, 0)
            self.assertTrue(refused_by_server.wait(60))
            gateway.remove_output(output)
            with self.assertRaises(rwg.Error) as gone:
                gateway.get_output_info(output)
            self.assertEqual(gone.exception.status, rwg.Status.ERR_NOT_FOUND)
        self.assertEqual(
            [event.state for event in events[:2]], [rwg.OutputState.CONNECTING, rwg.OutputState.RETRYING]
        )
        self.assertEqual(events[-1].state, rwg.OutputState.REMOVED)
        failed = events[1]
        self.assertEqual((failed.output, failed.stream, failed.session), (output, stream, 0))
        self.assertEqual((failed.status, failed.user_data), (rwg.Status.ERR_INGEST, 7))
        self.assertEqual((failed.server, failed.label, failed.stream_name), ("https://127.0.0.1:9", "cloud", "pushed"))
        self.assertIn("cannot be reached", failed.message)
        self.assertEqual(events[0].message, "")

    def test_push(self) -> None:
        requests: list[int] = []
        notes = Notes(on_keyframe_request=requests.append)
        with notes.gateway as gateway:
            stream = gateway.add_push_stream("pushed", rwg.Codec.H264, rwg.Codec.PCMU)
            self.assertEqual(gateway.find_stream("pushed"), stream)
            self.assertEqual(gateway.list_streams(), [stream])
            op, cancelled = gateway.handle_whep_offer_async("pushed", offer_sdp())
            gateway.cancel(op)
            with self.assertRaises(rwg.Error) as failed:
                cancelled.result(60)
            self.assertEqual(failed.exception.status, Status.ERR_CANCELLED)
            _, answered = gateway.handle_whep_offer_async("pushed", offer_sdp(), timeout_ms=60_000)
            for index in range(10):
                flags = rwg.FrameFlags.KEY if index == 0 else rwg.FrameFlags(0)
                picture = PICTURE if index else KEYFRAME
                gateway.push_video(stream, picture, index * 40_000, flags=flags)
                gateway.push_audio(stream, b"\xff" * 160, index * 20_000)
            response = answered.result(60)
            self.assertEqual(response.status, 201)
            self.assertEqual(gateway.list_sessions(), [response.session])
            info = gateway.get_stream_info(stream)
            self.assertEqual(info.state, StreamState.LIVE)
            self.assertEqual(info.video_codec, rwg.Codec.H264)
            self.assertEqual(info.frames_dropped, 0)
            gateway.close_session(response.session)
            closed = (response.session, SessionState.CLOSED)
            notes.wait(lambda: closed in notes.sessions)
            with self.assertRaises(rwg.Error) as failed:
                gateway.push_rtp(stream, rwg.Codec.H264, b"x")
            self.assertEqual(failed.exception.status, Status.ERR_INVALID_ARGUMENT)

    def test_http(self) -> None:
        questions: list[rwg.AuthorizeRequest] = []

        def decide(request: rwg.AuthorizeRequest) -> None:
            questions.append(request)
            notes.gateway.authorize(request.id, request.bearer_token == "open")

        notes = Notes(on_authorize=decide, bearer_tokens=["sesame"])
        with notes.gateway as gateway:
            stream = gateway.add_push_stream("pushed", rwg.Codec.H264)
            gateway.push_video(stream, KEYFRAME, 0)

            def post(token: str) -> int:
                headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
                return gateway.handle_http("POST", "/pushed/whep", headers, offer_sdp()).status

            self.assertEqual([post("sesame"), post("open"), post("wrong")], [201, 201, 403])
            self.assertEqual([question.stream_name for question in questions], ["pushed"] * 2)
            gateway.set_bearer_tokens(["sesame", "new"])
            self.assertEqual(post("new"), 201)
            self.assertEqual(questions[0].operation, rwg.Operation.WATCH)
            missing = gateway.handle_http_async("OPTIONS", "/pushed/whep")
            self.assertEqual(missing.result(60).status, 200)
            try:
                self.assertGreater(gateway.listen_http("127.0.0.1:0"), 0)
            except rwg.Error as error:  # left out of the build
                self.assertEqual(error.status, Status.ERR_UNSUPPORTED)

    def test_own_urls(self) -> None:
        notes = Notes()
        with notes.gateway as gateway:
            stream = gateway.add_push_stream("cam7", rwg.Codec.H264)
            gateway.add_push_stream("cam8", rwg.Codec.H264)
            gateway.push_video(stream, KEYFRAME, 0)
            path = "/api/v1/cameras/7/live"
            turn = rwg.IceServer("turn:turn.example.com", "ann", "expires-soon")
            created = gateway.handle_http(
                "POST",
                path,
                {"Content-Type": "application/sdp"},
                offer_sdp(),
                stream_name="cam7",
                authorized=True,
                location_prefix="live/",
                peer="192.0.2.7",
                ice_servers=[turn],
                label="ann",
                user_data=4711,
            )
            headers = dict(created.headers)
            self.assertEqual(created.status, 201)
            self.assertEqual(headers["Location"], "live/" + created.session_key)
            self.assertIn('username="ann"', headers["Link"])
            info = gateway.get_session_info(created.session)
            self.assertEqual((info.peer, info.label, info.user_data), ("192.0.2.7", "ann", 4711))
            self.assertEqual(info.variant, info.stream)
            self.assertEqual((info.detail, info.reason), (rwg.Detail.ALL_FRAMES, rwg.QualityReason.NOTHING))
            self.assertEqual(info.held_back, "")
            limits = rwg.ViewerLimits(max_bitrate_bps=500_000, variant=info.stream, only=True)
            gateway.set_session_limits(created.session, limits)
            with self.assertRaises(rwg.Error) as failed:
                gateway.set_session_limits(created.session, rwg.ViewerLimits(variant=2**64 - 1))
            self.assertEqual(failed.exception.status, Status.ERR_INVALID_ARGUMENT)
            with self.assertRaises(rwg.Error):
                gateway.handle_whep_offer("cam7", offer_sdp(), limits=rwg.ViewerLimits(only=True))
            key = created.session_key
            deleted = gateway.handle_http("DELETE", path, stream_name="cam7", session_key=key)
            self.assertEqual(deleted.status, 200)
            closed = (created.session, SessionState.CLOSED)
            notes.wait(lambda: closed in notes.sessions)
            last = notes.events[-1]
            self.assertEqual((last.peer, last.label, last.user_data), ("192.0.2.7", "ann", 4711))
            self.assertEqual(last.stream_name, "cam7")

            wall = gateway.handle_whep_offer(
                None, offer_sdp(), wall=rwg.WallSlots(video=["cam7"], sound="nothing")
            )
            self.assertTrue(dict(wall.headers)["Refused-Slots"].startswith('"1";status=404;'))
            self.assertEqual(gateway.get_session_info(wall.session).stream, 0)
            slot = gateway.get_slot_info(wall.session, 0)
            self.assertEqual((slot.slot, slot.track), ("0", rwg.SinkTrack.VIDEO))
            self.assertEqual(slot.stream, gateway.find_stream("cam7"))
            gateway.bind_slot(wall.session, "0", 0)
            view = rwg.SlotView(width=640, height=360, flags=rwg.SlotFlags.FOCUS)
            gateway.set_slot_view(wall.session, "0", view)
            slot = gateway.get_slot_info(wall.session, 0)
            self.assertEqual((slot.stream, slot.state, slot.why), (0, 0, ""))
            self.assertEqual((slot.width, slot.flags), (640, rwg.SlotFlags.FOCUS))
            with self.assertRaises(rwg.Error) as failed:
                gateway.bind_slot(wall.session, "2", slot.stream)
            self.assertEqual(failed.exception.status, Status.ERR_NOT_FOUND)
            ended = gateway.handle_http("DELETE", "/x", session_key=wall.session_key, wall=True)
            self.assertEqual(ended.status, 200)

            # No frame has come, and the offer does not wait for one.
            with self.assertRaises(rwg.Error) as failed:
                gateway.handle_whep_offer("cam8", offer_sdp(), timeout_ms=0, ice_servers=[])
            self.assertEqual(failed.exception.status, Status.ERR_NOT_READY)
            assert failed.exception.response is not None
            self.assertIn("Retry-After", dict(failed.exception.response.headers))

    def test_wrong_options(self) -> None:
        with self.assertRaises(rwg.Error) as failed:
            rwg.Gateway(udp_bind="nonsense")
        self.assertEqual(failed.exception.status, Status.ERR_INVALID_ARGUMENT)
        with self.assertRaises(ValueError):
            rwg.find_tuning("a\0b")


@unittest.skipUnless("CAMSIM" in os.environ, "CAMSIM is not set: NO CAMERA, NOT TESTED")
class WithCamera(unittest.TestCase):
    def setUp(self) -> None:
        self.camera = subprocess.Popen(
            [os.environ["CAMSIM"], "--cameras", "1"], stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(self.stop_camera)
        assert self.camera.stdout is not None
        ready = self.camera.stdout.readline().split()
        self.assertEqual(ready[:1], ["READY"])
        self.notes = Notes()
        self.gateway = self.notes.gateway
        self.addCleanup(self.gateway.close)
        self.url = ready[1]
        self.stream = self.gateway.add_stream("cam", self.url)

    def stop_camera(self) -> None:
        self.camera.send_signal(signal.SIGTERM)
        self.camera.wait(60)
        assert self.camera.stdout is not None
        self.camera.stdout.close()

    def test_an_offer_is_answered(self) -> None:
        response = self.gateway.handle_whep_offer(
            "cam", offer_sdp(), location_prefix="/cam/whep/", timeout_ms=60_000
        )
        self.assertEqual(response.status, 201)
        answer = response.body.decode()
        self.assertTrue(answer.startswith("v=0\r\n"))
        for line in ("a=fingerprint:", "a=ice-ufrag:", "a=candidate:", "a=setup:passive", "H264/"):
            self.assertIn(line, answer)
        headers = dict(response.headers)
        self.assertGreaterEqual(len(response.session_key), 22)
        self.assertEqual(headers["Content-Type"], "application/sdp")
        self.assertEqual(headers["Location"], "/cam/whep/" + response.session_key)
        self.assertEqual(headers["ETag"], response.etag)

        stream = self.gateway.get_stream_info(self.stream)
        self.assertEqual(stream.state, StreamState.LIVE)
        self.assertEqual(stream.video_codec, rwg.Codec.H264)
        self.assertGreater(stream.width, 0)
        self.assertEqual(stream.sessions, 1)
        session = self.gateway.get_session_info(response.session)
        self.assertEqual(session.stream, self.stream)
        self.assertEqual(session.state, SessionState.NEW)
        self.assertEqual(session.remote_address, "")

        restart = b"a=ice-ufrag:9xYz\r\na=ice-pwd:3/1muCWoOi3uLifh0NuRHlbX\r\n"
        with self.assertRaises(rwg.Error) as failed:
            self.gateway.handle_whep_patch(response.session_key, None, restart)
        self.assertEqual(failed.exception.status, Status.ERR_PRECONDITION_REQUIRED)
        restarted = self.gateway.handle_whep_patch(response.session_key, "*", restart)
        self.assertEqual(restarted.status, 200)
        self.assertNotEqual(restarted.etag, response.etag)

        self.gateway.handle_whep_delete(response.session_key)
        closed = (response.session, SessionState.CLOSED)
        self.notes.wait(lambda: closed in self.notes.sessions)
        with self.assertRaises(rwg.Error) as failed:
            self.gateway.handle_whep_delete(response.session_key)
        self.assertEqual(failed.exception.status, Status.ERR_NOT_FOUND)

    def test_on_demand(self) -> None:
        stream = self.gateway.add_stream(
            "sleeper", self.url, flags=rwg.PullFlags.ON_DEMAND, linger_ms=100
        )
        self.assertEqual(self.gateway.get_stream_info(stream).state, StreamState.IDLE)
        response = self.gateway.handle_whep_offer("sleeper", offer_sdp(), timeout_ms=60_000)
        self.gateway.handle_whep_delete(response.session_key)
        self.notes.wait(lambda: (stream, StreamState.IDLE) in self.notes.streams)
        states = [state for told, state in self.notes.streams if told == stream]
        self.assertEqual(states, [StreamState.CONNECTING, StreamState.LIVE, StreamState.IDLE])

    def test_variants(self) -> None:
        main = self.gateway.find_stream("cam")
        sub = self.gateway.add_stream("sub", self.url, flags=rwg.PullFlags.ON_DEMAND)

        def variants() -> object:
            streams = self.gateway.state_json()["streams"]
            return next(s["variants"] for s in streams if s["name"] == "cam")

        self.gateway.set_variants(main, [sub])
        self.assertEqual(variants(), [main, sub])
        with self.assertRaises(rwg.Error) as failed:
            self.gateway.set_variants(main, [sub, sub])
        self.assertEqual(failed.exception.status, Status.ERR_INVALID_ARGUMENT)
        self.gateway.set_variants(main, [])
        self.assertEqual(variants(), [])
        self.gateway.remove_stream(sub)

    def test_no_codec_in_common(self) -> None:
        whole = offer_sdp()
        video, audio = whole.index(b"m=video"), whole.index(b"m=audio")
        with self.assertRaises(rwg.Error) as failed:
            self.gateway.handle_whep_offer("cam", offer_sdp("96 VP8/90000"), timeout_ms=60_000)
        self.assertEqual(failed.exception.status, Status.ERR_CODEC)
        self.assertEqual(self.gateway.handle_whep_offer("cam", whole).status, 201)
        sound = whole[:video] + whole[audio:]
        self.assertEqual(self.gateway.handle_whep_offer("cam", sound).status, 201)

    def test_close_closes_sessions(self) -> None:
        response = self.gateway.handle_whep_offer("cam", offer_sdp(), timeout_ms=60_000)
        self.gateway.close()
        self.assertEqual(self.notes.sessions[-1], (response.session, SessionState.CLOSED))
        self.assertEqual(self.notes.streams[-1], (self.stream, StreamState.REMOVED))


if __name__ == "__main__":
    unittest.main()
