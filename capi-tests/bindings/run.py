"""A binding against the C compiler, and at work.

Usage: run.py dotnet|java LIBRARY LAYOUT_PROGRAM WORK

LAYOUT_PROGRAM prints sizes and offsets as the C compiler knows them (bindings/generate.py --layout). WORK is a
directory for what is built. Prints NOT TESTED where there is no such runtime.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINDINGS = HERE.parents[1] / "bindings"
sys.path[:0] = [str(HERE.parent / "python"), str(BINDINGS)]

from model import pascal
from offer import offer_sdp

OLDEST_JAVA = 22


def output(command, **options):
    shown = " ".join(map(str, command))
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        sys.exit(f"{shown}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def not_tested(why):
    print(f"NOT TESTED: {why}")
    sys.exit()


def dotnet_runtime():
    """That of the path, or the one that scripts/setup.sh brings as a Python package."""
    found = [Path(path) for path in [shutil.which("dotnet")] if path]
    found += (HERE.parents[1] / "target" / "dotnet").glob("lib/*/site-packages/dotnetcore2/bin/dotnet")
    if not found:
        return None
    found[0].chmod(found[0].stat().st_mode | 0o100)
    return found[0]


def dotnet(library, work):
    """Compiled by Mono's compiler. Run by Mono, and by .NET where there is one."""
    if not shutil.which("mcs"):
        not_tested("the binding for .NET, as there is no mcs")
    program = work / "Smoke.exe"
    sources = [*sorted((BINDINGS / "dotnet").glob("*.cs")), HERE / "Smoke.cs"]
    output(["mcs", "-warnaserror", "-warn:4", f"-out:{program}", *sources])
    # Beside the program, under the plain name: both look there.
    (work / "librtsp_webrtc_gateway.so").unlink(missing_ok=True)
    (work / "librtsp_webrtc_gateway.so").symlink_to(library)
    yield "Mono", ["mono", program], {"MONO_PATH": str(work), "LD_LIBRARY_PATH": str(work)}
    if runtime := dotnet_runtime():
        framework = re.search(r"^Microsoft\.NETCore\.App (\S+) ", output([runtime, "--list-runtimes"]), re.M)
        if framework:
            config = work / "Smoke.runtimeconfig.json"
            config.write_text('{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "%s"}}}'
                              % framework[1])
            yield f".NET {framework[1]}", [runtime, "exec", "--runtimeconfig", config, program], {
                "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}


def java_home():
    """That of JAVA_HOME, of the path, or one of those that Linux has beside each other."""
    homes = [Path(os.environ.get("JAVA_HOME", "/nowhere"))]
    if javac := shutil.which("javac"):
        homes.append(Path(javac).resolve().parents[1])
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    for home in homes:
        release = home / "release"
        found = release.exists() and re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.M)
        if found and int(found[1]) >= OLDEST_JAVA and (home / "bin" / "javac").exists():
            return home
    not_tested(f"the binding for Java, as there is no JDK {OLDEST_JAVA}")


def java(library, work):
    home = java_home()
    sources = [*sorted((BINDINGS / "java").rglob("*.java")), HERE / "Smoke.java"]
    # "restricted" warns of each call that leaves Java.
    output([home / "bin" / "javac", "-encoding", "UTF-8", "-Xlint:all,-restricted,-serial", "-Werror", "-d", work,
            *sources])
    yield "Java", [home / "bin" / "java", "--enable-native-access=ALL-UNNAMED",
                   f"-Drtsp_webrtc_gateway.library={library}", "-cp", work, "Smoke"], {}


def main():
    binding, library, layout_program, work = sys.argv[1], *map(Path, sys.argv[2:])
    work.mkdir(parents=True, exist_ok=True)
    offer = work / "offer.sdp"
    offer.write_bytes(offer_sdp())
    expected = output([layout_program]).split("\n")
    if binding == "dotnet":  # has names of its own
        expected = [".".join(map(pascal, line.split("."))) for line in expected]
    for name, command, variables in {"dotnet": dotnet, "java": java}[binding](library, work):
        env = {**os.environ, "LC_ALL": "C.UTF-8", **variables}
        layout = output([*command, "--layout"], env=env).split("\n")
        # The order of structs is the runtime's.
        if sorted(layout) != sorted(expected):
            sys.exit(f"{name}: the C compiler has {set(expected) - set(layout)}, {name} {set(layout) - set(expected)}")
        print(name, len(layout), "sizes and offsets as in C;", output([*command, offer], env=env).strip())


if __name__ == "__main__":
    main()
