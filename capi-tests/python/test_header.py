"""What mirrors the C header against it: the Python module, the C++ header, and the C tests that go
through all functions."""

import ctypes
import re
import unittest
from ctypes import POINTER, c_bool, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t
from ctypes import c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import header
from rtsp_webrtc_gateway import enums, library, structs

HEADER = header.read()
C_TESTS = Path(__file__).resolve().parents[1]
CPP_HEADER = header.PATH.with_suffix(".hpp").read_text()

SCALARS: dict[str, Any] = {
    "void": None, "bool": c_bool, "int": c_int, "size_t": c_size_t, "int32_t": c_int32,
    "int64_t": c_int64, "uint8_t": c_uint8, "uint16_t": c_uint16, "uint32_t": c_uint32, "uint64_t": c_uint64,
    "char": c_char,
}
OPAQUE = ("rtsp_webrtc_gateway", "rtsp_webrtc_gateway_response")


def short(name: str) -> str:
    return name.removeprefix(header.PREFIX)


def ctype(kind: str) -> Any:
    """The ctypes type that stands for a C type."""
    if kind in SCALARS:
        return SCALARS[kind]
    if kind in HEADER.ids:
        return c_uint64
    if kind in HEADER.structs or kind in HEADER.callbacks:
        return getattr(structs, "_" + short(kind))
    if kind == "const char *":
        return c_char_p
    if kind == "char *":  # text to be freed, or a buffer
        return c_char_p
    if kind in ("void *", "char **") or kind.removesuffix(" *") in OPAQUE:
        return POINTER(c_void_p) if kind == "char **" else c_void_p
    if kind.removesuffix(" **") in OPAQUE:
        return POINTER(c_void_p)
    if kind.endswith("**"):
        return POINTER(ctype(kind[:-1]))
    return POINTER(ctype(kind.removesuffix("*").strip()))


def declared(parameter: header.Declared) -> Any:
    if parameter.parameters is not None:
        return ctypes.CFUNCTYPE(ctype(parameter.type), *map(declared, parameter.parameters))
    kind = ctype(parameter.type)
    return kind * parameter.array if parameter.array else kind


class Python(unittest.TestCase):
    def test_functions(self) -> None:
        self.assertEqual(sorted(library.FUNCTIONS), sorted(map(short, HEADER.functions)))
        for name, function in HEADER.functions.items():
            result, parameters = library.FUNCTIONS[short(name)]
            with self.subTest(name):
                expected = [declared(parameter) for parameter in function.parameters]
                if short(name) == "string_free":
                    expected = [c_void_p]  # a c_char_p would be a copy of the text
                self.assertEqual(parameters, expected)
                self.assertEqual(result, ctype(function.result))

    def test_structs(self) -> None:
        for name, fields in HEADER.structs.items():
            with self.subTest(name):
                self.assertEqual(
                    getattr(structs, "_" + short(name))._fields_,
                    [(field.name, declared(field)) for field in fields],
                )

                # No struct has holes (the C tests compile with -Wpadded).
                mirrored = getattr(structs, "_" + short(name))
                sizes = sum(ctypes.sizeof(declared(field)) for field in fields)
                self.assertEqual(ctypes.sizeof(mirrored), sizes)

    def test_abi_version(self) -> None:
        text = header.PATH.read_text()
        self.assertIn(f"#define RTSP_WEBRTC_GATEWAY_ABI_VERSION {library.ABI_VERSION}\n", text)

    def test_function_pointers(self) -> None:
        for name, function in HEADER.callbacks.items():
            with self.subTest(name):
                self.assertEqual(
                    getattr(structs, "_" + short(name)),
                    ctypes.CFUNCTYPE(
                        ctype(function.result), *map(declared, function.parameters)
                    ),
                )

    def test_enums(self) -> None:
        for name, constants in HEADER.enums.items():
            with self.subTest(name):
                mirrored = getattr(enums, "".join(w.title() for w in short(name).split("_")))
                self.assertEqual([m.value for m in mirrored], list(constants.values()))
                for member, constant in zip(mirrored, constants):
                    self.assertTrue(constant.endswith("_" + member.name), constant)


class Cpp(unittest.TestCase):
    """rtsp_webrtc_gateway.hpp leaves nothing out."""

    def test_functions(self) -> None:
        for name in HEADER.functions:
            self.assertRegex(CPP_HEADER, rf"\b{name}\b", f"{name} is not used")

    def test_enums(self) -> None:
        for constants in HEADER.enums.values():
            for constant in constants:
                self.assertRegex(CPP_HEADER, rf"\b{constant}\b", f"{constant} is not there")

    def test_fields(self) -> None:
        own = {"struct_size", "reserved"}
        for name, fields in HEADER.structs.items():
            for field in fields:
                if field.name not in own:
                    used = rf"(\.|->){field.name}\b"
                    self.assertRegex(CPP_HEADER, used, f"{name}.{field.name} is not used")

    def test_both_forms(self) -> None:
        tried = set(re.findall(r"\btry_(\w+)\([^;{]*\)(?: const)? \{", CPP_HEADER)) - {"create"}
        self.assertGreater(len(tried), 10)
        for name in tried:
            self.assertRegex(CPP_HEADER, rf"\b{name}\([^;{{]*\)(?: const)? \{{", name)


class CTests(unittest.TestCase):
    """Tests that go through all functions go through all functions."""

    def test_null_for_every_pointer(self) -> None:
        """null.c writes NULL in the place of each pointer parameter of each function."""
        text = re.sub(r"/\*.*?\*/", "", (C_TESTS / "null.c").read_text(), flags=re.S)
        missing = {
            (name, parameter.name)
            for name, function in HEADER.functions.items()
            for parameter in function.parameters
            if parameter.is_pointer
        }
        self.assertGreater(len(missing), 40)
        for match in re.finditer(r"\b(rtsp_webrtc_gateway_\w+)\(", text):
            if (function := HEADER.functions.get(match[1])) is None:
                continue
            arguments = header.split_arguments(balanced(text, match.end() - 1))
            self.assertEqual(len(arguments), len(function.parameters), match[1])
            for parameter, argument in zip(function.parameters, arguments):
                if argument == "NULL":
                    missing.discard((function.name, parameter.name))
        self.assertEqual(missing, set(), "null.c does not call these with NULL")


    def test_every_function_in_every_place(self) -> None:
        """every.h has a call of each function."""
        text = "".join((C_TESTS / name).read_text() for name in ("every.h", "check.h"))
        missing = [name for name in HEADER.functions if f"{name}(" not in text.replace(",", "(")]
        self.assertEqual([name for name in missing if f"{name})" not in text], [])

    def test_every_struct_of_every_size(self) -> None:
        """structs.c has each struct with a struct_size; the library fills those of the others."""
        names = ("structs.c", "log.c", "http.c", "whep.c", "callbacks.c", "outputs.c")
        text = "".join((C_TESTS / name).read_text() for name in names)
        sized = [name for name, fields in HEADER.structs.items() if fields[0].name == "struct_size"]
        self.assertEqual([name for name in sized if not re.search(rf"\b{name}\b", text)], [])


def balanced(text: str, start: int) -> str:
    """What is between the parenthesis at start and the one that closes it."""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return text[start + 1 : index]
    raise ValueError("parentheses do not match")


if __name__ == "__main__":
    unittest.main()
