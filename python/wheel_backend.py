#!/usr/bin/python3
"""Builds the wheel (PEP 427), for pip (PEP 517) or by itself. Needs only the standard library.

Usage: wheel_backend.py OUTPUT_DIR [CMAKE_BUILD_DIR [PLATFORM]]

With the directory of a CMake build the wheel contains the shared library of that build, its notices and
its SBOM, and is for PLATFORM, such as linux-aarch64 or windows-x86_64; this one unless given. Without, it
contains the module alone, for all platforms.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import sysconfig
import time
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "rtsp_webrtc_gateway"


def version() -> str:
    found = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)
    assert found is not None
    return found[1]


def library(build: Path) -> Path:
    """The shared library under the name by which the module looks for it."""
    abi = re.sub(r"^(0\.\d+|\d+).*", r"\1", version())
    for name in (f"lib{NAME}.so.{abi}", f"lib{NAME}.{abi}.dylib", f"{NAME}.dll"):
        if (build / "lib" / name).exists():
            return build / "lib" / name
    sys.exit(f"{build}/lib contains no shared library")


def platform(binary: bytes, name: str) -> str:
    """The platform tag. On Linux the oldest glibc that has all that the library asks for (PEP 600)."""
    tag = "win_amd64" if name == "windows-x86_64" else re.sub(r"[-.]", "_", name)
    needed = re.findall(rb"\bGLIBC_(\d+)\.(\d+)", binary)
    if needed:
        major, minor = max((int(major), int(minor)) for major, minor in needed)
        tag = tag.replace("linux_", f"manylinux_{major}_{minor}_")
    return tag


def build(output: Path, cmake_build: Path | None, for_platform: str | None = None) -> str:
    """Writes the wheel. Returns its name."""
    info = f"{NAME}-{version()}.dist-info"
    contents = {
        f"{NAME}/{path.name}": path.read_bytes()
        for path in sorted((HERE / NAME).iterdir()) if path.is_file()
    }
    contents[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    tag = "py3-none-any"
    if cmake_build is not None:
        shared = library(cmake_build)
        contents[f"{NAME}/{shared.name}"] = shared.read_bytes()
        for folder, name in (("licenses", "THIRD-PARTY.md"), ("sboms", f"{NAME}.cdx.json")):
            contents[f"{info}/{folder}/{name}"] = (cmake_build / "package" / NAME / name).read_bytes()
        binary = contents[f"{NAME}/{shared.name}"]
        tag = f"py3-none-{platform(binary, for_platform or sysconfig.get_platform())}"
    contents[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.4\nName: {NAME}\nVersion: {version()}\n"
        "Summary: Embeddable gateway from RTSP cameras to WebRTC (WHEP) viewers\n"
        "License-Expression: MIT\nRequires-Python: >=3.9\n"
    ).encode()
    contents[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: {NAME}\nRoot-Is-Purelib: {str(cmake_build is None).lower()}\n"
        f"Tag: {tag}\n"
    ).encode()

    # The dates are those of the sources, so that the same build gives the same wheel.
    date = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]
    record = ""
    name = f"{NAME}-{version()}-{tag}.whl"
    with zipfile.ZipFile(output / name, "w", zipfile.ZIP_DEFLATED) as wheel:

        def add(path: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(path, date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.startswith(f"{NAME}/lib") else 0o644) << 16
            wheel.writestr(entry, data)

        for path, data in contents.items():
            add(path, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(data)}\n"
        add(f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())
    return name


# What pip calls.
def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    cmake_build = (config_settings or {}).get("build")
    return build(Path(wheel_directory), Path(cmake_build) if cmake_build else None)


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    raise NotImplementedError("The source is the repository. There is no source distribution.")


if __name__ == "__main__":
    output_dir, *rest = sys.argv[1:]
    print(build(Path(output_dir), Path(rest[0]) if rest else None, rest[1] if rest[1:] else None))
