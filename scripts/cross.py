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
WINE = OUT / "wine"
CARGO = "/usr/bin/cargo"
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
    environment: dict = field(default_factory=dict)


_CHILD = "starts a program, which qemu-user does only where the kernel knows how (binfmt_misc)"
QEMU = {name: _CHILD for name in (
    "obeys_commands_and_exits_with_its_input",
    "outlives_its_input_and_exits_on_sigterm",
    "explains_bad_options")}
TARGETS = {target.name: target for target in (
    Target("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc-posix", "x86_64-w64-mingw32-", ["wine"], ".exe",
           environment={
               "WINEPREFIX": str(WINE), "WINEDEBUG": "-all",
               "WINEDLLOVERRIDES": "bcryptprimitives=n;mscoree=;mshtml=",
               "WINEPATH": f"Z:{OUT}/x86_64-pc-windows-gnu/bin".replace("/", "\\"),
           }),
    Target("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-",
           ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"], skip=QEMU),
    Target("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", "arm-linux-gnueabihf-",
           ["qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"], skip=QEMU),
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
        f"CARGO_TARGET_{upper}_RUNNER": " ".join(target.emulator),
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


def rust_tests(target, environment):
    skipped = [word for name in target.skip for word in ("--skip", name)]
    cargo = [CARGO, "test", "--locked", "-Zbuild-std=std,panic_unwind,test", "--target", target.name, *TESTS]
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
         "-DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=ON", f"-DRTSP_WEBRTC_GATEWAY_TARGET_DIR={CARGO_DIR}",
         f"-DRTSP_WEBRTC_GATEWAY_CARGO_TARGET={target.name}", f"-DCARGO={CARGO}",
         "-DRTSP_WEBRTC_GATEWAY_CARGO_OPTIONS=-Zbuild-std=std,panic_unwind"], environment)
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


def live_session(target, environment):
    """Camera simulator, the gateway program, and a viewer over UDP, all of them in the emulator."""
    run([CARGO, "build", "--locked", "-Zbuild-std=std,panic_unwind,test", "--target", target.name, "--package", "serve",
         "--package", "testkit", "--bins"], environment)
    programs = CARGO_DIR / target.name / "debug"
    start = lambda program, *arguments: subprocess.Popen(
        [*target.emulator, f"{program}{target.exe}", *arguments], env={**os.environ, **environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    camera = start(programs / "camsim", "--stdin-exit", "--clip", "main720p")
    host = None
    try:
        url = camera.stdout.readline().split()[1]
        host = start(programs / "rtsp-webrtc-gateway", "127.0.0.1:0", f"cam1={url}")
        page = next(found.group() for line in host.stdout if (found := re.search(r"http://[\d.]+:\d+/", line)))
        code, output = run_and_read([*target.emulator, f"{programs}/viewsim{target.exe}", f"{page}cam1/whep",
                                     str(WATCHED_SECONDS)], environment)
        return code == 0, output.strip()
    finally:
        for process in (host, camera):
            if process is not None:
                process.kill()
                process.wait()


def cross(target):
    environment = environment_of(target)
    start = time.monotonic()
    if target.exe:
        prepare_wine(target, environment)
    rust, rust_failed = rust_tests(target, environment)
    build = build_library(target, environment)
    build_examples(target, environment)
    c, c_failed = c_tests(target, environment, build)
    is_live, session = live_session(target, environment)
    minutes = (time.monotonic() - start) / 60
    counts = lambda result: f"{result[0]} passed, {result[1]} failed, {result[2]} skipped"
    row = f"| {target.name} | {counts(rust)} | {counts(c)} | {session} | {minutes:.0f} |"
    for name in rust_failed + c_failed:
        print(f"{target.name}: {name} failed")
    return row, not (rust[1] or c[1] or rust_failed or c_failed) and is_live and rust[0] > 0


def main():
    names = sys.argv[1:] or list(TARGETS)
    if names == ["--list"]:
        print("\n".join(f"    {name}" for name in TARGETS))
        return 0
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        sys.exit(f"There is no target {unknown[0]}; there are: {' '.join(TARGETS)}")
    results = [cross(TARGETS[name]) for name in names]
    print("\n| target | Rust tests | C tests | live session | minutes |\n|---|---|---|---|---:|")
    for row, _ in results:
        print(row)
    for name in names:
        for what, why in {**TARGETS[name].skip, **TARGETS[name].skip_c}.items():
            print(f"{name}: {what} is skipped: it {why}")
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
