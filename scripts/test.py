#!/usr/bin/python3
"""Builds and runs every test suite, and ends with one line: "N passed, N failed".

Fails if a test failed, a suite did not build or ran nothing, or took too long.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "target" / "cmake"
SUITE_SECONDS = 20 * 60
# The simulated cameras, for the Python and the browser tests.
os.environ.setdefault("CAMSIM", str(ROOT / "target" / "release" / "camsim"))


def cargo_counts(output):
    results = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed;", output, re.M)
    return sum(int(passed) for passed, _ in results), sum(int(failed) for _, failed in results)


def ctest_counts(output):
    results = re.findall(r"tests passed, (\d+) tests? failed out of (\d+)", output)
    return sum(int(all_) - int(failed) for failed, all_ in results), sum(
        int(failed) for failed, _ in results
    )


def node_counts(output):
    def count(word):
        return sum(int(n) for n in re.findall(rf"^\S+ {word} (\d+)$", output, re.M))

    return count("pass"), count("fail") + count("cancelled")


def unittest_counts(output):
    ran = sum(int(n) for n in re.findall(r"^Ran (\d+) tests?", output, re.M))
    failed = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
    return max(ran - failed, 0), failed


# Also what the browser tests run.
BUILD_COMMANDS = [
    [
        "cmake", "-S", ".", "-B", str(BUILD), "-DCMAKE_BUILD_TYPE=Release",
        "-DRTSP_WEBRTC_GATEWAY_BUILD_EXAMPLES=ON", "-DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=ON",
        f"-DRTSP_WEBRTC_GATEWAY_TARGET_DIR={ROOT / 'target'}",
    ],
    ["cmake", "--build", str(BUILD), "--parallel"],
    ["cargo", "build", "--locked", "--release", "--package", "testkit", "--bin", "camsim"],
]
# Name, whether it needs the build above, how to count, command.
SUITES = [
    ("Rust", False, cargo_counts, ["cargo", "test", "--locked", "--workspace", "--no-fail-fast"]),
    ("C, C++, Python", True, ctest_counts,
     ["ctest", "--test-dir", str(BUILD), "--output-on-failure"]),
    ("browser", True, node_counts,
     ["node", "--test", "--test-concurrency=1", "--test-reporter=spec",
      *sorted(str(path) for path in (ROOT / "tests" / "browser").glob("*.test.mjs"))]),
]


def run(command):
    """Runs a command, shows its output as it comes; returns its exit code and output."""
    print("\n$", *(word.removeprefix(f"{ROOT}/") for word in command), flush=True)
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )

    def kill_all():
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(SUITE_SECONDS, kill_all)
    timer.start()
    output = []
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            output.append(line)
        return process.wait(), "".join(output)
    except KeyboardInterrupt:
        kill_all()
        raise
    finally:
        timer.cancel()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that children are ended, too
    rows = []
    build_ok = True
    for command in BUILD_COMMANDS:
        start = time.monotonic()
        code, _ = run(command)
        if code != 0:
            build_ok = False
            rows.append((f"build ({' '.join(command[:2])})", 0, 1, time.monotonic() - start))
            break
    for name, needs_build, counts, command in SUITES:
        start = time.monotonic()
        if needs_build and not build_ok:
            rows.append((name, 0, 1, 0))
            continue
        code, output = run(command)
        passed, failed = counts(re.sub(r"\x1b\[[\d;]*m", "", output))  # without colours
        if failed == 0 and (code != 0 or passed == 0):
            print(f"{name}: exit code {code}, {passed} passed: that counts as a failure")
            failed = 1
        rows.append((name, passed, failed, time.monotonic() - start))

    print("\nsuite                          passed  failed  seconds")
    for name, passed, failed, seconds in rows:
        print(f"{name:30} {passed:6}  {failed:6}  {seconds:7.0f}")
    passed = sum(row[1] for row in rows)
    failed = sum(row[2] for row in rows)
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
