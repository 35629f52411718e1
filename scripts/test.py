#!/usr/bin/python3
"""Builds and runs the tests. Ends with one line: "N passed, N failed".

Usage: test.py [SUITE]...     all suites unless named; --list prints them

A suite fails if a test failed, or if it ran no test. Builds take as long as they take. A test run that
prints nothing for QUIET_SECONDS is ended, with everything that it started.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "target" / "cmake"
QUIET_SECONDS = 20 * 60
# The camera simulator, for the Python and the browser tests. Built with the Rust tests.
CAMSIM = ROOT / "target" / "debug" / "camsim"
os.environ.setdefault("CAMSIM", str(CAMSIM))

CARGO_TEST = ["cargo", "test", "--locked", "--workspace", "--no-fail-fast"]
# The fast ones: no sockets, no cameras, virtual time.
QUICK = ["--lib", "--test", "scenarios"]
CLANG_FORMAT = "clang-format-19"  # other versions lay code out differently
C_SOURCES = [f"{place}.{kind}" for place in ("examples-c/*", "capi-tests/**/*")
             for kind in ("c", "h", "cpp", "hpp")] + ["include/*.hpp"]


def seconds_of(time_and_unit):
    number, unit = re.match(r"([\d.]+)(ms|s)", time_and_unit).groups()
    return float(number) / (1000 if unit == "ms" else 1)


# What a test runner's output says: how many passed, how many failed, and (seconds, name) of each test.
def cargo_results(output):
    results = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed;", output, re.M)
    times = re.findall(r"^test (\S+).* \.\.\. \w+ <([\d.]+s)>", output, re.M)
    return (
        sum(int(passed) for passed, _ in results),
        sum(int(failed) for _, failed in results),
        [(seconds_of(time), name) for name, time in times],
    )


def ctest_results(output):
    results = re.findall(r"tests passed, (\d+) tests? failed out of (\d+)", output)
    times = re.findall(r"Test +#\d+: (\S+) \.*.*? ([\d.]+) sec$", output, re.M)
    return (
        sum(int(all_) - int(failed) for failed, all_ in results),
        sum(int(failed) for failed, _ in results),
        [(float(seconds), name) for name, seconds in times],
    )


def node_results(output):
    def count(word):
        return sum(int(n) for n in re.findall(rf"^\S+ {word} (\d+)$", output, re.M))

    times = re.findall(r"^\s*[✔✖] (.+) \(([\d.]+m?s)\)$", output, re.M)
    return (
        count("pass"),
        count("fail") + count("cancelled"),
        [(seconds_of(time), name) for name, time in times],
    )


def one_result(_output):
    """For a step that is one test: its exit code decides."""
    return 1, 0, []


class Totals:
    def __init__(self):
        self.rows = []  # suite, step, passed, failed, seconds
        self.times = []  # seconds, suite, test

    def failed(self):
        return sum(row[3] for row in self.rows)

    def print(self, seconds):
        print("\nThe slowest tests:")
        for took, suite, name in sorted(self.times, reverse=True)[:10]:
            print(f"{took:8.1f} s  {suite}: {name}")
        print("\nsuite      step                           passed  failed  seconds")
        for suite, step, passed, failed, took in self.rows:
            print(f"{suite:10} {step:30} {passed:6}  {failed:6}  {took:7.0f}")
        passed = sum(row[2] for row in self.rows)
        print(f"In {seconds:.0f} s; the library is built, and C and packages are tested, while others run")
        print(f"\n{passed} passed, {self.failed()} failed", flush=True)


TOTALS = Totals()
RUNNING = set()  # each with a session of its own


def show(text):
    print(text, end="", flush=True)


def run(command, may_be_quiet, env=None, show=show):
    """Runs a command and shows its output as it comes. Returns its exit code and output."""
    show(" ".join(["\n$", *(word.removeprefix(f"{ROOT}/") for word in command)]) + "\n")
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        env={**os.environ, **(env or {})},
    )
    RUNNING.add(process)
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    output = []
    try:
        while (line := lines.get(timeout=None if may_be_quiet else QUIET_SECONDS)) is not None:
            show(line)
            output.append(line)
    except queue.Empty:
        last = output[-1].strip() if output else "nothing"
        show(f"Ended: no output for {QUIET_SECONDS} s. The last was: {last}\n")
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    RUNNING.discard(process)
    return code, "".join(output)


def build(suite, step, command, show=show):
    """Whether it succeeded. Is counted only if it failed."""
    start = time.monotonic()
    code, _ = run(command, may_be_quiet=True, show=show)
    TOTALS.rows.append((suite, step, 0, int(code != 0), time.monotonic() - start))
    return code == 0


def test(suite, step, results, command, may_be_quiet=False, env=None, show=show):
    start = time.monotonic()
    code, output = run(command, may_be_quiet, env, show)
    output = re.sub(r"\x1b\[[\d;]*m", "", output)  # without colors
    passed, failed, times = results(output)
    if results is one_result and code != 0:
        passed, failed = 0, 1
    if failed == 0 and (code != 0 or passed == 0):
        show(f"{step}: exit code {code}, {passed} passed: that counts as a failure\n")
        failed = 1
    TOTALS.rows.append((suite, step, passed, failed, time.monotonic() - start))
    TOTALS.times += [(seconds, suite, name) for seconds, name in times]


def cargo_test(suite, step, arguments, env=None):
    """Builds, then runs: only the run may be ended."""
    if build(suite, f"build {step}", [*CARGO_TEST, "--no-run", *arguments]):
        # The test harness tells how long a test took only where unstable options are allowed.
        host = re.search(r"host: (.*)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
        runner = f"CARGO_TARGET_{host.upper().replace('-', '_')}_RUNNER"
        test(suite, step, cargo_results,
             [*CARGO_TEST, *arguments, "--", "-Zunstable-options", "--report-time"],
             env={runner: "env RUSTC_BOOTSTRAP=1", **(env or {})})


def check():
    test("check", "rustfmt", one_result, ["cargo", "fmt", "--all", "--check"])
    if shutil.which(CLANG_FORMAT):
        files = sorted(str(path) for pattern in C_SOURCES for path in ROOT.glob(pattern))
        test("check", "clang-format", one_result, [CLANG_FORMAT, "--dry-run", "-Werror", *files])
    else:
        print(f"\nNOT TESTED: the layout of C and C++ code, as there is no {CLANG_FORMAT}")
    test("check", "clippy", one_result,
         ["cargo", "clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"],
         may_be_quiet=True)
    cargo_test("check", "unit tests and scenarios", QUICK)


def metadata():
    return json.loads(subprocess.check_output(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], cwd=ROOT))


def rustc_version(command):
    """Such as "1.95"; None if there is no such compiler."""
    try:
        output = subprocess.check_output([*command, "--version"], stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return re.search(r"\d+\.\d+", output).group()


def oldest_rust():
    """The oldest compiler that Cargo.toml allows builds the library."""
    oldest = metadata()["packages"][0]["rust_version"]
    if rustc_version(["rustc"]) == oldest:
        print(f"\nRust {oldest}, the oldest that Cargo.toml allows, builds everything that is tested here.")
    elif rustc_version(["rustup", "run", oldest, "rustc"]) == oldest:
        test("rust", f"Rust {oldest} builds the library", one_result,
             ["rustup", "run", oldest, "cargo", "check", "--locked", "--lib",
              "--target-dir", "target/oldest-rust"], may_be_quiet=True)
    else:
        print(f"\nNOT TESTED: that Rust {oldest} builds the library, as rustup has no such toolchain")


def rust():
    """All that `check` does not run."""
    names = {target["name"] for package in metadata()["packages"] if package["name"] != "fuzz"
             for target in package["targets"] if target["kind"] == ["test"]} - {"scenarios", "soak"}
    cargo_test("rust", "gateways over real sockets",
               ["--exclude", "fuzz", "--bins", *(word for name in sorted(names) for word in ("--test", name))],
               # They wait most of the time.
               env={"RUST_TEST_THREADS": str(4 * (os.cpu_count() or 1))})
    test("rust", "examples in the documentation", cargo_results,
         ["cargo", "test", "--locked", "--workspace", "--doc"], may_be_quiet=True)
    oldest_rust()


def fuzz():
    """The fuzz targets, as a seeded loop."""
    cargo_test("fuzz", "fuzz targets over seeded inputs", ["--test", "seeded"])


def soak():
    cargo_test("soak", "two minutes of cameras, viewers and a host", ["--test", "soak"])


class Aside:
    """Runs while other tests do, which mostly wait: with what they leave of the processors."""

    def __init__(self, what):
        self.output = []
        arguments = {"args": ("nice",), "kwargs": {"show": self.output.append}}
        self.thread = threading.Thread(target=what, daemon=True, **arguments)
        self.thread.start()

    def wait(self):
        """Then shows what it printed."""
        self.thread.join()
        show("".join(self.output))
        self.output.clear()


class Library:
    """The library, the examples, the C tests and the camera simulator: built once."""

    def __init__(self):
        self.ahead = None
        self.built = None

    def build(self, *nice, show=show):
        self.built = all(build("build", step, [*nice, *command], show) for step, command in (
            ("configure", [
                "cmake", "-S", ".", "-B", str(BUILD), "-DCMAKE_BUILD_TYPE=Release",
                "-DRTSP_WEBRTC_GATEWAY_BUILD_EXAMPLES=ON", "-DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=ON",
                "-DRTSP_WEBRTC_GATEWAY_BUILD_PROGRAM=ON",  # as the packages, so that nothing is built twice
                f"-DRTSP_WEBRTC_GATEWAY_TARGET_DIR={ROOT / 'target'}",
            ]),
            ("library, examples, C tests", ["cmake", "--build", str(BUILD), "--parallel"]),
            ("camera simulator, example",
             ["cargo", "build", "--locked", "--workspace", "--exclude", "fuzz", "--bins", "--examples"]),
        ))

    def build_ahead(self):
        if self.ahead is None and self.built is None:
            self.ahead = Aside(self.build)

    def is_built(self):
        if self.ahead is not None:
            self.ahead.wait()
        if self.built is None:
            self.build()
        return self.built


LIBRARY = Library()


def ctest(label, *nice, may_be_quiet=False, show=show):
    if LIBRARY.is_built():
        test(label, f"ctest {label}", ctest_results,
             [*nice, "ctest", "--test-dir", str(BUILD), "--output-on-failure", "--no-tests=error",
              "--parallel", "2", "--timeout", str(QUIET_SECONDS), "--label-regex", f"^{label}$"],
             may_be_quiet, show=show)


def c(*nice, show=show):
    ctest("c", *nice, show=show)


def packages(*nice, show=show):
    """These build, too."""
    ctest("packages", *nice, may_be_quiet=True, show=show)


def browser():
    if LIBRARY.is_built():
        test("browser", "in Chromium and Firefox", node_results,
             ["node", "--test", "--test-concurrency=1", "--test-reporter=spec",
              *sorted(str(path) for path in (ROOT / "tests" / "browser").glob("*.test.mjs"))])


# In the order in which they run: the quick ones first.
SUITES = {
    "check": (check, "format, lints, unit tests, scenarios in virtual time"),
    "rust": (rust, "the other Rust tests: gateways over real sockets"),
    "fuzz": (fuzz, "the fuzz targets, a fixed number of executions"),
    "soak": (soak, "whole gateways, cameras and viewers that misbehave: nothing grows"),
    "c": (c, "the C and C++ API, also under valgrind and sanitizers"),
    "python": (lambda: ctest("python"), "the Python module"),
    "bindings": (lambda: ctest("bindings"), "the bindings for .NET and Java"),
    "packages": (packages, "what is installed and packaged, as other projects use it"),
    "documents": (lambda: ctest("documents"), "programs and names in the documents; the reference"),
    "browser": (browser, "players in Chromium and Firefox"),
}

# What runs beside others, and from when on.
ASIDE = {"packages": "rust", "c": "soak"}

NEED_LIBRARY = {"c", "python", "bindings", "packages", "documents", "browser"}


def main():
    names = sys.argv[1:] or list(SUITES)
    if names == ["--list"]:
        for name, (_, what) in SUITES.items():
            print(f"    {name:12} {what}")
        return 0
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"There is no suite {unknown[0]}; there are: {' '.join(SUITES)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that children are ended, too
    start = time.monotonic()
    asides = {}
    try:
        for name in names:
            for what, begins in ASIDE.items():
                if name == begins and what in names and LIBRARY.is_built():
                    asides[what] = Aside(SUITES[what][0])
            if name in asides:
                asides[name].wait()
                continue
            if name not in NEED_LIBRARY and not NEED_LIBRARY.isdisjoint(names):
                LIBRARY.build_ahead()
            SUITES[name][0]()
    except KeyboardInterrupt:
        for process in list(RUNNING):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    TOTALS.print(time.monotonic() - start)
    return 1 if TOTALS.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
