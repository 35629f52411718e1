#!/usr/bin/python3
"""Writes the Conan recipe and the vcpkg port for the archives in a folder.

Usage: recipes.py OUTPUT_DIR VERSION URL

OUTPUT_DIR has the archives of scripts/package.sh, and gets conan/ and vcpkg/. URL is where the archives will be.
"""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"


def main():
    output, version, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    name = re.compile(rf"rtsp_webrtc_gateway-{re.escape(version)}-(\w+-\w+)\.(tar\.gz|zip)")
    archives = {match[1]: path for path in sorted(output.iterdir()) if (match := name.fullmatch(path.name))}

    def digest(kind, path):
        return hashlib.new(kind, path.read_bytes()).hexdigest()

    conan = output / "conan"
    conan.mkdir(exist_ok=True)
    shutil.copy(PACKAGING / "conan" / "conanfile.py", conan)
    sources = {platform: {"url": f"{url}/{path.name}", "sha256": digest("sha256", path)}
               for platform, path in archives.items()}
    # JSON is YAML, too.
    (conan / "conandata.yml").write_text(json.dumps({"sources": {version: sources}}, indent=2) + "\n")

    port = output / "vcpkg" / "rtsp-webrtc-gateway"
    port.mkdir(parents=True, exist_ok=True)
    manifest = (PACKAGING / "vcpkg" / "vcpkg.json").read_text().replace("@VERSION@", version)
    (port / "vcpkg.json").write_text(manifest)
    known = "".join(f'set(archive_{platform} "{path.name}")\nset(sha512_{platform} {digest("sha512", path)})\n'
                    for platform, path in archives.items())
    portfile = (PACKAGING / "vcpkg" / "portfile.cmake").read_text()
    (port / "portfile.cmake").write_text(portfile.replace("@ARCHIVES@\n", known).replace("@URL@", url))


if __name__ == "__main__":
    main()
