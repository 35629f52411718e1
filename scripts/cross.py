#!/usr/bin/python3
"""Builds the library for other machines, and tests it there as far as an emulator carries.

Usage: cross.py [TARGET]...     all targets unless named; --list prints them

What a host links is then in target/cross/TARGET, laid out as it is installed, with the examples in bin. Ends with a
table of what was tested, which docs/platforms.md has of the last run. Needs what `scripts/setup.sh cross` installs:
Debian's compiler with the source of its standard library, which is built along, as rustup may have none for a target.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "target" / "cross"
CARGO_DIR = OUT / "cargo"
CARGO_HOME = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
WINE = OUT / "wine"
MUSL = OUT / "musl"
CARGO = "/usr/bin/cargo"
CARGO_OPTIONS = ["-Zbuild-std=std,panic_unwind,test"]
TESTS = ["--package", "rtsp_webrtc_gateway", "--package", "testkit", "--lib", "--test", "scenarios",
         "--test", "camsim"]  # the last for the simulators' programs
WATCHED_SECONDS = 10


@dataclass
class Target:
    name: str
    gcc: str  # the cross compiler; g++ is named alike
    tools: str  # prefix of binutils
    emulator: list = field(default_factory=list)
    exe: str = ""
    # Rust tests that cannot pass in the emulator, with the reason.
    skip: dict = field(default_factory=dict)
    skip_c: dict = field(default_factory=dict)
    kinds: tuple = ("shared", "static")  # of the library
    rustflags: list = field(default_factory=list)
    cmake_options: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)


_CHILD = "starts a program, which qemu-user does only where the kernel knows how (binfmt_misc)"
IN_QEMU = {name: _CHILD for name in (
    "obeys_commands_and_exits_with_its_input",
    "outlives_its_input_and_exits_on_sigterm",
    "explains_bad_options")}
_GROUP = "has a camera that chooses the interface it sends to a group by (IP_MULTICAST_IF), which qemu-user 7.2 refuses"
IN_QEMU |= {name: _GROUP for name in (
    "source::tests::scripted::a_camera_that_names_a_group_in_place_of_its_ports_is_heard_there",
    "source::tests::scripted::a_camera_that_sends_to_a_group_alone_is_heard_there",
    "source::wire::udp::tests::a_group_is_joined_and_nobody_else_is_heard")}
C_IN_QEMU = {f"c_{name}_{kind}": why for kind in ("shared", "static") for name, why in {
    "handover": _CHILD,
    "lifetime": "counts threads in /proc, where those of qemu-user end later than they have been joined",
    "once": "counts threads in /proc, where those of qemu-user end later than they have been joined",
    "signals": "looks at the signal masks of all threads in /proc, one of which is of qemu-user",
}.items()}
_IPV4 = "binds a UDP socket of IPv4 alone, which wine does not let quinn-udp prepare (IPV6_V6ONLY, error 10045)"
IN_WINE = {name: _IPV4 for name in (
    "net::receiver::tests::a_full_receive_buffer_loses_datagrams_and_nothing_else",
    "net::receiver::tests::a_turn_ends_within_a_batch_and_goes_on_there",
    "net::socket::tests::only_a_udp_socket_that_is_bound_is_taken_over",
    "source::tests::scripted::a_camera_that_names_a_group_in_place_of_its_ports_is_heard_there",
    "source::tests::scripted::a_camera_that_refuses_every_transport_says_so",
    "source::tests::scripted::a_camera_that_sends_to_a_group_alone_is_heard_there",
    "source::tests::scripted::udp_ports_outlive_a_connection_that_ends_behind_a_challenge",
    "source::tests::simulator::a_stall_is_noticed_and_healed",
    "source::tests::simulator::by_udp",
    "source::tests::simulator::lost_packets_are_counted_and_end_nothing",
    "source::tests::simulator::udp_refused",
    "source::wire::udp::tests::a_flood_is_taken_in_turns",
    "source::wire::udp::tests::a_group_is_joined_and_nobody_else_is_heard",
    "source::wire::udp::tests::datagrams_of_the_camera_arrive_whatever_port_they_are_from",
    "source::wire::udp::tests::reports_go_where_rtcp_comes_from",
    "test_panic::tests::a_panic_for_a_viewer_ends_its_session_alone",
    "test_panic::tests::a_panic_in_a_command_costs_its_answer_alone",
    "test_panic::tests::a_panic_in_a_stream_stops_it_alone",
    "worker::chores::tests::a_camera_that_comes_back_with_another_codec_ends_its_viewers_in_portions",
    "worker::chores::tests::a_removed_stream_lets_others_have_their_turn_between_its_viewers",
    "worker::chores::tests::a_slot_that_another_viewer_has_by_then_is_not_closed",
    "worker::chores::tests::a_snapshot_is_made_in_portions",
    "worker::chores::tests::a_stream_counts_for_as_many_as_watch_it",
    "worker::chores::tests::no_total_falls_when_viewers_leave_while_a_snapshot_is_made",
    "worker::chores::tests::sessions_decide_again_in_portions_and_once_however_often_they_are_asked",
    "worker::chores::tests::viewers_whom_the_camera_suits_again_before_their_turn_go_on")}
_BURST = "has bounds for bursts of 10 ms; on Windows 20 ms of the pace leave at once, as its timer is coarse"
IN_WINE |= {name: _BURST for name in (
    "becomes_thin::the_substream_is_shown_within_two_seconds_and_is_current_no_later_than_with_its_next_keyframe",
    "pacing::by_the_estimate_hardly_anything_is_lost_once_the_path_is_measured",
    "shared::keyframes_of_both_at_once_take_no_frames_from_either")}
TARGETS = {target.name: target for target in (
    Target("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc-posix", "x86_64-w64-mingw32-", ["wine"], ".exe",
           skip=IN_WINE, environment={
               "WINEPREFIX": str(WINE), "WINEDEBUG": "-all",
               "WINEDLLOVERRIDES": "bcryptprimitives=n;mscoree=;mshtml=",
               "WINEPATH": f"Z:{OUT}/x86_64-pc-windows-gnu/bin".replace("/", "\\"),
           }),
    Target("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-",
           ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"], skip=IN_QEMU, skip_c=C_IN_QEMU),
    Target("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", "arm-linux-gnueabihf-",
           ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"], skip=IN_QEMU, skip_c=C_IN_QEMU),
    # Programs that need only the kernel of this machine. The headers of the kernel come after those of musl.
    Target("x86_64-unknown-linux-musl", "musl-gcc", "", kinds=("static",),
           rustflags=[f"-Lnative={MUSL}", "-Clink-self-contained=no", "-Crelocation-model=static"],
           cmake_options=[f"-DRTSP_WEBRTC_GATEWAY_UNWINDER={MUSL}/libunwind.a"],
           environment={"CFLAGS_x86_64_unknown_linux_musl":
                        "-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include"}),
)}


def run(command, environment, check=True, **options):
    print("\n$", *(str(word).removeprefix(f"{ROOT}/") for word in command), flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=check,
                          stdin=subprocess.DEVNULL, **options)


def run_and_read(command, environment):
    """Shows the output as it comes, and returns it."""
    print("\n$", *(str(word).removeprefix(f"{ROOT}/") for word in command), flush=True)
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


def environment_of(target):
    """What cargo, the crates that build C code, and the emulator need."""
    upper, lower = target.name.upper().replace("-", "_"), target.name.replace("-", "_")
    return {
        "RUSTC": "/usr/bin/rustc", "RUSTDOC": "/usr/bin/rustdoc",
        "RUSTC_BOOTSTRAP": "1",  # -Zbuild-std
        "CARGO_TARGET_DIR": str(CARGO_DIR), "CARGO_INCREMENTAL": "0",
        f"CARGO_TARGET_{upper}_LINKER": target.gcc,
        # Cargo takes no empty one.
        **({f"CARGO_TARGET_{upper}_RUNNER": " ".join(target.emulator)} if target.emulator else {}),
        # Tests and what is installed are made of the same objects: nothing is built twice, and in an emulator a debug
        # build would be slow. Programs are not optimized at link time, as each test would be, too.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        f"CARGO_TARGET_{upper}_RUSTFLAGS": " ".join([f"--remap-path-prefix={CARGO_HOME}=/cargo", *target.rustflags]),
        f"CC_{lower}": target.gcc, f"CXX_{lower}": target.gcc.replace("gcc", "g++"),
        f"AR_{lower}": f"{target.tools}ar",
        **target.environment,
    }


def prepare_wine(target, environment):
    """A prefix with what Rust's standard library expects of Windows."""
    system = WINE / "drive_c" / "windows" / "system32"
    if not system.exists():
        WINE.mkdir(parents=True, exist_ok=True)
        run(["wineboot", "--init"], environment)
    run([target.gcc, "-shared", "-O2", "-o", system / "bcryptprimitives.dll",
         "scripts/wine/bcryptprimitives.c", "-ladvapi32"], environment)


def prepare_musl(environment):
    """The unwinder that Rust's standard library expects: that of Debian, and what it needs of glibc."""
    MUSL.mkdir(parents=True, exist_ok=True)
    shutil.copy("/usr/lib/llvm-19/lib/libunwind.a", MUSL)
    run(["musl-gcc", "-O2", "-c", "scripts/musl/unwind.c", "-o", MUSL / "unwind.o"], environment)
    run(["ar", "r", MUSL / "libunwind.a", MUSL / "unwind.o"], environment)


def rust_tests(target, environment):
    skipped = [word for name in target.skip for word in ("--skip", name)]
    cargo = [CARGO, "test", "--locked", "--release", *CARGO_OPTIONS, "--target", target.name, *TESTS]
    run([*cargo, "--no-run"], environment)
    _, output = run_and_read([*cargo, "--no-fail-fast", "--", *skipped], environment)
    results = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed; .*? (\d+) filtered out", output, re.M)
    failed = re.findall(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", output, re.M)
    return [sum(int(result[i]) for result in results) for i in range(3)], failed


def build_library(target, environment):
    """Builds, installs, and returns the folder where it was built."""
    build, prefix = OUT / "build" / target.name, OUT / target.name
    run(["cmake", "-S", ".", "-B", build, "--toolchain", f"cmake/toolchains/{target.name}.cmake",
         "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_INSTALL_LIBDIR=lib",
         "-DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=ON", "-DRTSP_WEBRTC_GATEWAY_BUILD_PROGRAM=ON", *target.cmake_options,
         f"-DRTSP_WEBRTC_GATEWAY_TARGET_DIR={CARGO_DIR}",
         f"-DRTSP_WEBRTC_GATEWAY_CARGO_TARGET={target.name}", f"-DCARGO={CARGO}",
         f"-DRTSP_WEBRTC_GATEWAY_CARGO_OPTIONS={';'.join(CARGO_OPTIONS)}"], environment)
    run(["cmake", "--build", build, "--parallel"], environment)
    shutil.rmtree(prefix, ignore_errors=True)
    run(["cmake", "--install", build], environment, stdout=subprocess.DEVNULL)
    return build


def build_examples(target, environment):
    """As a host would: a project of its own, which finds the installed library."""
    prefix, build = OUT / target.name, OUT / "build" / f"{target.name}-examples"
    shutil.rmtree(build, ignore_errors=True)
    run(["cmake", "-S", "examples-c", "-B", build, "--toolchain", ROOT / f"cmake/toolchains/{target.name}.cmake",
         "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_RPATH=$ORIGIN/../lib"],
        environment)
    run(["cmake", "--build", build, "--parallel"], environment)
    (prefix / "bin").mkdir(exist_ok=True)
    for name in ("pull_camera", "push_h264", "record", "metrics"):
        shutil.copy2(build / f"{name}{target.exe}", prefix / "bin")


def c_tests(target, environment, build):
    excluded = "|".join(target.skip_c) or "none"
    _, output = run_and_read(["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "--parallel",
                              "2", "--label-regex", "^c$", "--exclude-regex", f"^({excluded})$",
                              "--timeout", "1800"], environment)
    failed, count = map(int, re.search(r"tests passed, (\d+) tests? failed out of (\d+)", output).groups())
    names = re.findall(r"^\s+\d+ - (\S+) \(", output, re.M)
    return (count - failed, failed, len(target.skip_c)), names


def live_session(target, environment, host_words, ends_with_input):
    """Camera simulator, a host, and a viewer over UDP, all of them in the emulator. Whether it went well, and what
    the viewer says. URL in host_words is the camera's."""
    programs = CARGO_DIR / target.name / "release"
    # What is installed is tested, not its original in the build tree.
    environment = {**environment, "LD_LIBRARY_PATH": str(OUT / target.name / "lib")}
    start = lambda words: subprocess.Popen(
        [*target.emulator, *words], env={**os.environ, **environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    camera = start([f"{programs}/camsim{target.exe}", "--stdin-exit", "--clip", "main720p"])
    host = None
    try:
        url = camera.stdout.readline().split()[1]
        host = start([word.replace("URL", url) for word in host_words])
        page = next((found.group() for line in host.stdout if (found := re.search(r"http://[\d.:]+/", line))), None)
        if page is None:
            return False, "the host did not start"
        code, output = run_and_read([*target.emulator, f"{programs}/viewsim{target.exe}", f"{page}cam1/whep",
                                     str(WATCHED_SECONDS)], environment)
        if ends_with_input:
            host.stdin.close()
            if host.wait() != 0:
                return False, "the host did not end well"
        return code == 0, output.strip()
    finally:
        for process in (host, camera):
            if process is not None:
                process.kill()
                process.wait()


def live_sessions(target, environment, build):
    """One with the program that is installed, and one with a host in C for each kind of library."""
    program = [f"{OUT / target.name}/bin/rtsp-webrtc-gateway{target.exe}", "127.0.0.1:0", "cam1=URL"]
    sessions = {"the program": live_session(target, environment, program, False)}
    for kind in target.kinds:
        host = [f"{build}/capi-tests/live_{kind}{target.exe}", "URL"]
        sessions[f"a host with the {kind} library"] = live_session(target, environment, host, True)
    return sessions


def cross(target):
    """Whether all went well, a row of the table, and what the viewers saw."""
    environment = environment_of(target)
    start = time.monotonic()
    if target.exe:
        prepare_wine(target, environment)
    if target.gcc == "musl-gcc":
        prepare_musl(environment)
    rust, rust_failed = rust_tests(target, environment)
    build = build_library(target, environment)
    build_examples(target, environment)
    c, c_failed = c_tests(target, environment, build)
    sessions = live_sessions(target, environment, build)
    minutes = (time.monotonic() - start) / 60
    for name in rust_failed + c_failed:
        print(f"{target.name}: {name} failed")
    counts = lambda result: f"{result[0]} passed, {result[1]} failed, {result[2]} skipped"
    row = f"| {target.name} | {counts(rust)} | {counts(c)} | {minutes:.0f} |"
    seen = [f"- {target.name}, {host}: {report}" for host, (_, report) in sessions.items()]
    passed = rust[0] > 0 and not (rust[1] or c[1] or rust_failed or c_failed)
    return passed and all(is_good for is_good, _ in sessions.values()), row, seen


def main():
    names = sys.argv[1:] or list(TARGETS)
    if names == ["--list"]:
        print("\n".join(f"    {name}" for name in TARGETS))
        return 0
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        sys.exit(f"There is no target {unknown[0]}; there are: {' '.join(TARGETS)}")
    results = [cross(TARGETS[name]) for name in names]
    print("\n| target | Rust tests | C tests | minutes |\n|---|---|---|---:|")
    for _, row, _ in results:
        print(row)
    print("\nLive sessions:\n")
    for _, _, seen in results:
        print("\n".join(seen))
    for name in names:
        for what, why in {**TARGETS[name].skip, **TARGETS[name].skip_c}.items():
            print(f"{name}: {what} is skipped: it {why}")
    return 0 if all(passed for passed, _, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
