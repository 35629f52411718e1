#!/usr/bin/python3
"""Writes the notices that the licenses of the linked crates ask for, as Markdown.

Usage: notices.py OUTPUT PACKAGE [argument of cargo, e.g. --no-default-features]...

PACKAGE is the library, rtsp_webrtc_gateway, or the program, serve. The crates are those that this build links
on this platform, as `cargo tree` says. Each license text appears once, with the crates that carry it. A choice
of licenses is passed on as it is.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LICENSE_FILE = re.compile(r"(un)?licen[cs]e|copying|notice|copyright", re.IGNORECASE)
# Some crates carry no text. All of them may be used under this one.
MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(package, options):
    """Names and versions of all crates in the binary but our own, which have a path there outside of third_party."""
    tree = cargo(
        "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro",
        "--prefix", "none", "--no-dedupe", "--format", "{p}", *options,
    )
    crates = set(re.findall(r"^(\S+) v(\S+)(.*[/\\])?", tree, re.M))
    return sorted((name, version) for name, version, path in crates if not path or str(ROOT / "third_party") in path)


def texts(package):
    """The license texts of a crate."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(
        path
        # aws-lc-sys brings a C library, which brings another one.
        for path in [*folder.glob("*"), *folder.glob("LICENSES/*"), *folder.glob("*/LICENSE*"),
                     *folder.glob("*/third_party/*/LICENSE*")]
        if path.is_file() and (LICENSE_FILE.match(path.name) or path.parent.name == "LICENSES")
    )
    found = [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]
    found = [text for text in found if text]
    if not found:
        if "MIT" not in package["license"]:
            sys.exit(f"{package['name']}: no license text, and {package['license']} has no MIT in it")
        authors = ", ".join(re.sub(r" <.*?>", "", name) for name in package["authors"])
        found = [f"Copyright (c) {authors or 'the authors of ' + package['name']}\n\n{MIT}"]
    return found


def main():
    output, package, *options = sys.argv[1:]
    metadata = json.loads(cargo("metadata", "--locked", "--all-features", "--format-version", "1"))
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    crates = linked(package, options)
    carriers = {}
    for crate in crates:
        for text in texts(packages[crate]):
            # The same text with other line breaks is the same text.
            key = " ".join(text.split())
            names = carriers.setdefault(key, (text, []))[1]
            if " ".join(crate) not in names:
                names.append(" ".join(crate))

    # What the library's own pages bring.
    for path in sorted((ROOT / "src/http/pages/vendor").glob("*.LICENSE")):
        carriers[path.name] = (path.read_text("utf-8").strip(), [f"{path.stem} (JavaScript)"])

    out = [
        "# Third-party notices",
        "",
        "rtsp_webrtc_gateway is under the MIT license (LICENSE). Its binaries contain these works, too, each",
        "under the license beside it; the texts follow. They also contain parts of the Rust standard",
        "library (MIT OR Apache-2.0, copyright The Rust Project Developers).",
        "",
        "| crate | license | source |",
        "|---|---|---|",
    ]
    for crate in crates:
        package = packages[crate]
        source = package["repository"] or f"https://crates.io/crates/{package['name']}"
        out.append(f"| {' '.join(crate)} | {package['license']} | {source} |")
    for text, names in sorted(carriers.values(), key=lambda item: (-len(item[1]), item[1])):
        out += ["", "## " + ", ".join(names), "", "```", text.replace("```", "'''"), "```"]
    Path(output).write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
