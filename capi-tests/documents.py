#!/usr/bin/python3
"""The documents tell the truth about the C API: their C programs compile, and what they name is in a
public header, in CMake or in the library's files.

Usage: documents.py C_COMPILER
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# Where a name may come from that is no symbol of the header.
OTHERS = [ROOT / "CMakeLists.txt", *(ROOT / "cmake").iterdir(), ROOT / "scripts/package.sh"]
FLAGS = ["-std=c99", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-xc"]


def compiles(compiler, program):
    command = [compiler, *FLAGS, "-I", str(ROOT / "include"), "-"]
    return subprocess.run(command, input=program, text=True).returncode == 0


def main():
    text = "\n".join(p.read_text("utf-8") for p in [*(ROOT / "include").iterdir(), *OTHERS])
    known = set(re.findall(r"\w+", text))
    programs, errors = 0, []
    for document in DOCUMENTS:
        words = document.read_text("utf-8")
        name = document.relative_to(ROOT)
        for match in re.finditer(r"^```c\n(.*?)^```$", words, re.M | re.S):
            programs += 1
            if not compiles(sys.argv[1], match[1]):
                errors.append(f"{name}:{words.count(chr(10), 0, match.start()) + 1}: see above")
        for word in sorted(set(re.findall(r"\brtsp_webrtc_gateway_\w*[a-z]\b|\bRTSP_WEBRTC_\w+", words))):
            if word not in known:
                errors.append(f"{name} names {word}, which there is not")
    if programs < 3:
        errors.append(f"found {programs} programs only")
    print("\n".join(errors) or f"{programs} programs compile")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
