#!/usr/bin/python3
"""Writes the bindings for .NET and Java, from the C header.

Usage: generate.py             writes dotnet/Native.cs and java/rtspwebrtcgateway/Native.java
       generate.py --check     fails if they are not what it would write
       generate.py --layout    prints a C program that prints the sizes and offsets of all structs

Sizes and offsets are in neither: the runtimes lay the structs out by the types of their fields, as the C
compiler of their platform does. capi-tests/bindings/run.py compares them with what the C program prints.
"""

import sys
from pathlib import Path

import csharp
import header
import java
from model import read

HERE = Path(__file__).resolve().parent
GENERATED = {
    HERE / "dotnet" / "Native.cs": csharp.write,
    HERE / "java" / "rtspwebrtcgateway" / "Native.java": java.write,
}


def layout() -> str:
    lines = ['#include "rtsp_webrtc_gateway.h"', "", "#include <stdio.h>", "", "int main(void) {"]
    for struct in read().structs:
        kind = header.PREFIX + struct.name
        lines.append(f'    printf("{struct.name} %zu\\n", sizeof({kind}));')
        for field in struct.fields:
            offset = f"offsetof({kind}, {field.name})"
            lines.append(f'    printf("{struct.name}.{field.name} %zu\\n", {offset});')
    return "\n".join([*lines, "    return 0;", "}", ""])


def main() -> None:
    if sys.argv[1:] == ["--layout"]:
        print(layout(), end="")
        return
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    for path, write in GENERATED.items():
        text = write(read())
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what the header says: run bindings/generate.py")


if __name__ == "__main__":
    main()
