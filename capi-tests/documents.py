#!/usr/bin/python3
"""The documents are true: their C programs compile, the names of the C API in them are in a public
header, in CMake, in the packages or among the metrics, and the files that they link or name are there.

Usage: documents.py C_COMPILER
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
# Where a name may come from that is no symbol of the header.
OTHERS = [ROOT / "CMakeLists.txt", *(ROOT / "cmake").glob("*.*"), ROOT / "scripts/package.sh"]
# The metrics, without what they all begin with.
METRICS = ROOT / "src/stats/prometheus.rs"
# The folders whose files are named as `folder/file`.
FOLDERS = "benches|bindings|capi-tests|cmake|docs|examples|examples-c|include|python|scripts|src|testkit|tests|third_party"
FLAGS = ["-std=c99", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-xc"]


def compiles(compiler, program):
    command = [compiler, *FLAGS, "-I", str(ROOT / "include"), "-"]
    return subprocess.run(command, input=program, text=True).returncode == 0


def missing_files(document, words):
    links = [document.parent / link for link in re.findall(r"\]\(([^):#]+)[^):]*\)", words)]
    named = [ROOT / name for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", words)]
    # NAME stands for a name.
    return [path for path in links + named if not path.exists() and not re.search("[A-Z]{4}", path.stem)]


def main():
    text = "\n".join(p.read_text("utf-8") for p in [*(ROOT / "include").iterdir(), *OTHERS])
    known = set(re.findall(r"\w+", text))
    known |= {f"rtsp_webrtc_gateway_{name}" for name in re.findall(r'"(\w+)"', METRICS.read_text("utf-8"))}
    programs, errors = 0, []
    for document in DOCUMENTS:
        words = document.read_text("utf-8")
        name = document.relative_to(ROOT)
        for match in re.finditer(r"^```c\n(.*?)^```$", words, re.M | re.S):
            programs += 1
            if not compiles(sys.argv[1], match[1]):
                errors.append(f"{name}:{words.count(chr(10), 0, match.start()) + 1}: see above")
        for word in sorted(set(re.findall(r"\brtsp_webrtc_gateway_\w*[a-z]\b|\bRTSP_WEBRTC_\w+", words))):
            # tests/consistency/tuning_docs.rs knows the metrics.
            if word not in known and not word.endswith("_total"):
                errors.append(f"{name} names {word}, which does not exist")
        for path in missing_files(document, words):
            errors.append(f"{name} names {path.resolve().relative_to(ROOT)}, which does not exist")
    if programs < 3:
        errors.append(f"found {programs} programs only")
    print("\n".join(errors) or f"{programs} programs compile")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
