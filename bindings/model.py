"""What the bindings are made of: the header's declarations, with the meaning that C types do not have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

import header

# Of parameters, only the name says which enum it takes.
ENUM_OF_PARAMETER = {
    "codec": "codec", "key": "tuning_key", "max_level": "log_level", "out_key": "tuning_key",
    "status": "status",
}


class Kind(Enum):
    """What a parameter, a result or a field is."""

    NOTHING = auto()
    NUMBER = auto()  # of is the C type
    BOOL = auto()
    ID = auto()
    ENUM = auto()  # of is the enum
    TEXT = auto()  # const char *, which ends with NUL
    CHARACTERS = auto()  # char[array]
    BYTES = auto()  # a pointer to data that is passed with its size
    BUFFER = auto()  # char *, which the library writes to
    STRUCT = auto()  # a pointer to a struct of the host; of is the struct
    FUNCTION = auto()  # of is the callback
    POINTER = auto()  # any other pointer: of the library, of the host, or to an array
    NUMBERS = auto()  # an array of ids
    OUT = auto()  # a pointer to what the library writes; of is the kind of that


@dataclass(frozen=True)
class Value:
    name: str
    kind: Kind
    of: str = ""
    array: int = 0
    what: Value | None = None  # of OUT


@dataclass(frozen=True)
class Function:
    name: str
    result: Value
    parameters: tuple[Value, ...]


@dataclass(frozen=True)
class Struct:
    name: str
    fields: tuple[Value, ...]


@dataclass(frozen=True)
class Model:
    version: str
    abi_version: int
    enums: dict[str, dict[str, int]]
    structs: tuple[Struct, ...]
    callbacks: tuple[Function, ...]
    functions: tuple[Function, ...]


def short(name: str) -> str:
    return name.removeprefix(header.PREFIX)


def pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def constants(enum: str, members: dict[str, int]) -> dict[str, int]:
    """Without what all names of the enum begin with."""
    names = [name.removeprefix(header.PREFIX.upper()).split("_") for name in members]
    begin = 0
    if len(names) == 1:
        begin = 1  # RTSP_WEBRTC_GATEWAY_LIMITS_ONLY of limits_flags
    else:
        while len({tuple(words[: begin + 1]) for words in names}) == 1:
            begin += 1
    return {"_".join(words[begin:]): value for words, value in zip(names, members.values())}


def enums_of_fields(text: str) -> dict[tuple[str, str], str]:
    """The enums that the comments of fields name."""
    found = {}
    for body, struct in re.findall(r"^typedef struct \w+ \{(.*?)^\} (\w+);", text, re.M | re.S):
        for comment, name in re.findall(r"/\*\*(.*?)\*/\s*u?int32_t (\w+);", body, re.S):
            comment = comment.rpartition("/**")[2]
            if match := re.search(rf"enum {header.PREFIX}(\w+)", comment):
                found[short(struct), name] = match[1]
    return found


class Reader:
    def __init__(self, text: str) -> None:
        self.header = header.parse(text)
        self.enum_of_field = enums_of_fields(text)

    def number(self, kind: str, name: str) -> Value:
        if kind in self.header.ids:
            return Value(name, Kind.ID)
        return Value(name, Kind.BOOL if kind == "bool" else Kind.NUMBER, kind)

    def field(self, struct: str, field: header.Declared) -> Value:
        name = field.name
        if field.parameters is not None:
            return Value(name, Kind.FUNCTION, name)
        if field.array:
            return Value(name, Kind.CHARACTERS, array=field.array)
        if enum := self.enum_of_field.get((struct, name)) or ("status" if name == "status" else ""):
            return Value(name, Kind.ENUM, enum)
        if field.type in self.header.callbacks:
            return Value(name, Kind.FUNCTION, short(field.type))
        if field.type == "const char *":
            return Value(name, Kind.TEXT)
        return Value(name, Kind.POINTER) if field.is_pointer else self.number(field.type, name)

    def parameter(self, function: str, all_: tuple[header.Declared, ...], index: int) -> Value:
        kind, name = all_[index].type, all_[index].name
        following = all_[index + 1].name if index + 1 < len(all_) else ""
        pointed = kind[:-1].strip()
        if kind in self.header.callbacks:
            return Value(name, Kind.FUNCTION, short(kind))
        if name.startswith("out_") and pointed.removeprefix("const ") in ("char *", "void *"):
            return Value(name, Kind.OUT, what=Value("", Kind.POINTER))
        if name.startswith("out_") and pointed not in self.header.structs:
            what = Value("", Kind.POINTER) if pointed.endswith("*") else self.number(pointed, "")
            if enum := ENUM_OF_PARAMETER.get(name):
                what = Value("", Kind.ENUM, enum)
            return Value(name, Kind.OUT, what=what)
        if kind == "const char *" or kind == "uint8_t *":
            sized = following in (f"{name}_size", "size")
            return Value(name, Kind.BYTES if sized else Kind.TEXT)
        if kind == "char *" and following == "capacity":
            return Value(name, Kind.BUFFER)
        if pointed in self.header.structs and not function.endswith("_free"):
            return Value(name, Kind.STRUCT, short(pointed))
        if pointed in self.header.ids:
            return Value(name, Kind.NUMBERS)
        if kind.endswith("*"):
            return Value(name, Kind.POINTER)
        if enum := ENUM_OF_PARAMETER.get(name):
            return Value(name, Kind.ENUM, enum)
        return self.number(kind, name)

    def result(self, name: str, kind: str) -> Value:
        if kind == "void":
            return Value("", Kind.NOTHING)
        if kind == "int" and not name.endswith("http_status"):
            return Value("", Kind.ENUM, "status")
        return Value("", Kind.TEXT) if kind == "const char *" else self.number(kind, "")

    def function(self, function: header.Function) -> Function:
        name = short(function.name)
        all_ = function.parameters
        parameters = tuple(self.parameter(name, all_, index) for index in range(len(all_)))
        return Function(name, self.result(name, function.result), parameters)

    def callbacks(self) -> list[Function]:
        """Those with a name, then those that are fields."""
        found = [self.function(function) for function in self.header.callbacks.values()]
        for fields in self.header.structs.values():
            for field in fields:
                if field.parameters is not None:
                    declared = header.Function(field.type, field.name, field.parameters)
                    found.append(self.function(declared))
        return found


def read() -> Model:
    text = header.PATH.read_text(encoding="utf-8")
    reader = Reader(text)
    version = re.search(r'^#define RTSP_WEBRTC_GATEWAY_VERSION "(.+)"$', text, re.M)
    abi = re.search(r"^#define RTSP_WEBRTC_GATEWAY_ABI_VERSION (\d+)$", text, re.M)
    assert version is not None and abi is not None
    return Model(
        version=version[1],
        abi_version=int(abi[1]),
        enums={short(name): constants(name, members)
               for name, members in reader.header.enums.items()},
        structs=tuple(
            Struct(short(name), tuple(reader.field(short(name), field) for field in fields))
            for name, fields in reader.header.structs.items()
        ),
        callbacks=tuple(reader.callbacks()),
        functions=tuple(map(reader.function, reader.header.functions.values())),
    )
