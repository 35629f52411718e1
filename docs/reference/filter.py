#!/usr/bin/python3
"""What Doxygen reads instead of a file, on stdout.

Of the C header: its sections as groups, named by the first line of the file in src/ffi that they are
made from, and its head as a page. Of Markdown: the table of contents is Doxygen's own, and links to
files that are no part of the reference become plain text. Of the C++ header: all but what is
specialized of std, at which Doxygen 1.9 stumbles.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def header(text):
    first = True

    def group(match):
        nonlocal first
        name = match[1]
        title = re.match(r"//! (.*)\.$", (ROOT / f"src/ffi/{name}.rs").read_text("utf-8"), re.M)
        assert title, f"src/ffi/{name}.rs begins with a line of documentation"
        end = "" if first else "/** @} */ "
        first = False
        return f"{end}/** @defgroup {name} {title[1]} \n @{{ */"

    text = re.sub(r"^/\* -+ ([a-z_]+) \*/$", group, text, flags=re.M)
    end = text.rindex("\n#ifdef __cplusplus\n}")
    text = text[:end] + "\n/** @} */" + text[end:]
    head = re.match(r"/\*\n(.*?)\n \*/\n", text, re.S)
    lines = [line[3:] for line in head[1].split("\n")]
    # "Term    explanation", further lines of it indented.
    page = "\n".join(
        re.sub(r"^(\S+) +", r"\n@par \1\n", line)
        for line in lines[lines.index("Conventions") + 2:]
    )
    return f"/** @page conventions Conventions of the C API\n{page}\n*/" + text[head.end():]


# What the reference is made of.
PAGES = {ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")}


def markdown(text):
    def link(match):
        target = match[2]
        kept = target.startswith("http") or (path.resolve().parent / target).resolve() in PAGES
        return match[0] if kept else match[1]

    text = re.sub(r"(^- \[[^]]+\]\(#[^)]*\)\n)+", "[TOC]\n", text, count=1, flags=re.M)
    return re.sub(r"\[([^]]+)\]\(([^)]*)\)", link, text)


def cpp_header(text):
    return re.sub(r"^template <[^\n]*struct std::hash<.*?^\};\n", "", text, flags=re.M | re.S)


FILTERS = {".h": header, ".hpp": cpp_header, ".md": markdown}
path = Path(sys.argv[1])
print(FILTERS[path.suffix](path.read_text("utf-8")), end="")
