#!/usr/bin/python3
"""Checks the licence of every crate in Cargo.lock: what ships may be linked into closed programs."""

import json
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# They ask for no more than that their text is kept.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT",
    "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
}
# Tools that run when the library is built and leave nothing of themselves in it.
BUILD_TOOLS = {"cbindgen": "MPL-2.0"}


def permissive(expression):
    """Whether an SPDX expression can be met by permissive licences alone."""
    # Old manifests write "MIT/Apache-2.0". An exception ("WITH ...") only adds permissions.
    expression = re.sub(r" WITH [\w.-]+", "", expression.replace("/", " OR "))
    words = re.findall(r"[()]|[\w.+-]+", expression)
    python = {"OR": "or", "AND": "and", "(": "(", ")": ")"}
    return eval(" ".join(python.get(word) or str(word in PERMISSIVE) for word in words))


class Licences(unittest.TestCase):
    def test_expressions_are_understood(self):
        self.assertTrue(permissive("MIT/Apache-2.0"))
        self.assertTrue(permissive("GPL-3.0-only OR MIT"))
        self.assertTrue(permissive("ISC AND (Apache-2.0 WITH LLVM-exception OR GPL-2.0-only)"))
        self.assertFalse(permissive("MIT AND GPL-3.0-only"))
        self.assertFalse(permissive("MPL-2.0"))

    def test_every_dependency_is_permissive(self):
        metadata = json.loads(
            subprocess.run(
                ["cargo", "metadata", "--format-version", "1", "--locked"],
                cwd=ROOT, check=True, capture_output=True,
            ).stdout
        )
        packages = metadata["packages"]
        self.assertGreater(len(packages), 50)
        for package in packages:
            name, licence = package["name"], package["license"] or "none"
            with self.subTest(crate=name, licence=licence):
                self.assertTrue(permissive(licence) or BUILD_TOOLS.get(name) == licence)


if __name__ == "__main__":
    unittest.main()
