"""The C examples at work. EXAMPLES: the folder where they were built. CAMSIM: the camera simulator."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offer import offer_sdp

PROGRAMS = ("pull_camera", "push_h264", "record", "ffmpeg_bridge", "metrics")


def path(program: str) -> Path:
    return Path(os.environ["EXAMPLES"]) / program


def run(program: str, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [str(path(program)), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=120)


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def film(self, name: str) -> Path:
        """Two seconds, 50 pictures, two of them keyframes."""
        file = self.folder / name
        source = ["-f", "lavfi", "-i", "testsrc=duration=2:size=320x240:rate=25"]
        codec = ["-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "25"]
        subprocess.run(["ffmpeg", "-v", "error", *source, *codec, file], check=True, timeout=120)
        return file

    def check(self, done: subprocess.CompletedProcess[bytes], *words: bytes) -> None:
        self.assertEqual(done.returncode, 0, done)
        for word in words:
            self.assertRegex(done.stderr, word)

    def check_answer(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.assertTrue(done.stdout.startswith(b"v=0\r\n"), done)
        self.assertIn(b"H264/90000", done.stdout)

    def test_push_h264(self) -> None:
        done = run("push_h264", self.film("film.h264"), 25, 3, "-", stdin=offer_sdp())
        # The third second is the first one again.
        self.check(done, b"live", b"320x240, 7[45] pictures, 3 of them keyframes, 0 dropped")
        self.check_answer(done)

    def test_push_h264_of_nonsense(self) -> None:
        nonsense = self.folder / "nonsense"
        nonsense.write_bytes(b"no start code")
        self.assertEqual(run("push_h264", nonsense, 25, 1).returncode, 2)
        self.assertEqual(run("push_h264", self.folder / "none", 25, 1).returncode, 1)

    def test_ffmpeg_bridge(self) -> None:
        if not path("ffmpeg_bridge").exists():
            self.skipTest("libavformat-dev is missing: NOT TESTED")
        done = run("ffmpeg_bridge", self.film("film.mp4"), "-", stdin=offer_sdp())
        # The last one may still be on its way when they are counted.
        self.check(done, b"live", b"320x240, (49|50) pictures, 2 of them keyframes, 0 dropped")
        self.check_answer(done)

    @contextmanager
    def camera(self) -> Iterator[str]:
        """The URL of a simulated camera."""
        if "CAMSIM" not in os.environ:
            self.skipTest("CAMSIM is not set: NO CAMERA, NOT TESTED")
        camera = subprocess.Popen(
            [os.environ["CAMSIM"], "--cameras", "1"], stdout=subprocess.PIPE, text=True
        )
        with camera:
            assert camera.stdout is not None
            yield camera.stdout.readline().split()[1]
            camera.terminate()

    def test_pull_camera(self) -> None:
        with self.camera() as url:
            done = run("pull_camera", url, "-", 1, stdin=offer_sdp())
        self.check(done, b"live", b" pictures")
        self.check_answer(done)

    def test_record(self) -> None:
        with self.camera() as url:
            done = run("record", url, self.folder / "film", 4)
        self.check(done, b"live", b" frames, [0-9]+ bytes, 0 dropped")
        rows = [row.split("\t") for row in (self.folder / "film.tsv").read_text().splitlines()]
        video = [row for row in rows if row[0] == "H264"]
        self.assertGreater(len(video), 10)
        self.assertEqual(video[0][5], "K")
        film = self.folder / "film.h264"
        self.assertEqual(sum(int(row[2]) for row in video), film.stat().st_size)
        # Another reader finds as many pictures in it.
        probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
        found = subprocess.run([*probe, "-of", "csv=p=0", film], capture_output=True, timeout=120)
        self.assertEqual((found.stdout.strip(), found.stderr), (str(len(video)).encode(), b""))

    def test_pull_camera_of_nobody(self) -> None:
        done = run("pull_camera", "rtsp://user:hunter2@127.0.0.1:9/", "-", stdin=offer_sdp())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"127.0.0.1", done.stderr)
        self.assertNotIn(b"hunter2", done.stderr)

    def test_metrics(self) -> None:
        done = run("metrics")
        self.check(done)
        text, snapshot = done.stdout.decode().rstrip().rsplit("\n", 1)
        self.assertIn("# TYPE ", text)
        self.assertEqual(json.loads(snapshot)["streams"], [])

    def test_help(self) -> None:
        for program in PROGRAMS:
            if path(program).exists():
                done = run(program, "--help")
                self.assertEqual(done.returncode, 0)
                self.assertIn(f"usage: {program}", done.stdout.decode())


if __name__ == "__main__":
    unittest.main()
