"""Reads the C header: what it declares, as plain text. For the generator of bindings, and for the tests that
compare others with it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PREFIX = "rtsp_webrtc_gateway_"
PATH = Path(
    os.environ.get(
        "RTSP_WEBRTC_GATEWAY_HEADER",
        Path(__file__).resolve().parents[1] / "include" / "rtsp_webrtc_gateway.h",
    )
)


@dataclass(frozen=True)
class Declared:
    """A parameter or a field. For a function pointer, type is its result and parameters is set."""

    type: str
    name: str
    array: int = 0
    parameters: "tuple[Declared, ...] | None" = None

    @property
    def is_pointer(self) -> bool:
        return (
            self.parameters is not None or self.type.endswith("*") or self.type.endswith("_fn")
        )


@dataclass(frozen=True)
class Function:
    result: str
    name: str
    parameters: tuple[Declared, ...]


@dataclass(frozen=True)
class Header:
    functions: dict[str, Function]
    enums: dict[str, dict[str, int]]
    structs: dict[str, tuple[Declared, ...]]
    callbacks: dict[str, Function]
    ids: tuple[str, ...]


def parse(text: str) -> Header:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = text[text.index('extern "C" {') :]
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    enums = {
        name: {key: int(value, 0) for key, value in re.findall(r"(\w+)\s*=\s*(-?\w+)", body)}
        for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\}", text, re.S)
    }
    structs = {
        name: tuple(_declared(field) for field in _split(body, ";"))
        for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \w+;", text, re.S)
    }
    callbacks = {
        name: Function(_type(result), name, _parameters(parameters))
        for result, name, parameters in re.findall(
            r"typedef ([\w \n*]+?)\(\*(\w+)\)\(([^;]*)\);", text
        )
    }
    functions = {}
    for declaration in re.findall(r"RTSP_WEBRTC_GATEWAY_API([^;]*);", text):
        declaration = declaration.replace("RTSP_WEBRTC_GATEWAY_MUST_USE", "")
        match = re.fullmatch(r"([\w\s*]+?)(\w+)\((.*)\)", declaration.strip(), re.S)
        if match is None:
            raise ValueError(f"not understood: {declaration}")
        result, name, parameters = match.groups()
        functions[name] = Function(_type(result), name, _parameters(parameters))
    ids = tuple(re.findall(r"typedef uint64_t (\w+);", text))
    return Header(functions, enums, structs, callbacks, ids)


def read() -> Header:
    return parse(PATH.read_text())


def split_arguments(text: str) -> list[str]:
    """Splits at the commas that are in no parentheses."""
    return _split(text, ",")


def _split(text: str, separator: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parameters(text: str) -> tuple[Declared, ...]:
    return () if text.strip() == "void" else tuple(_declared(part) for part in _split(text, ","))


def _declared(text: str) -> Declared:
    if match := re.fullmatch(r"([\w\s*]+?)\(\*(\w+)\)\((.*)\)", text, re.S):
        result, name, parameters = match.groups()
        return Declared(_type(result), name, 0, _parameters(parameters))
    if match := re.fullmatch(r"(.*?)(\w+)(?:\[(\d+)\])?", text, re.S):
        kind, name, array = match.groups()
        return Declared(_type(kind), name, int(array or 0))
    raise ValueError(f"not understood: {text}")


def _type(text: str) -> str:
    """`const struct x *` to `x *`; of const only that of `const char *` stays."""
    const_char = re.match(r"\s*const char\b", text) is not None
    words = re.sub(r"\b(const|struct|enum)\b", " ", text).replace("*", " * ").split()
    return ("const " if const_char else "") + " ".join(words).replace("* *", "**")
