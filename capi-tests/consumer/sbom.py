"""The bill of materials against the notices, which another program wrote, and against Cargo.lock.

Usage: sbom.py DATA_DIR NAME CARGO_LOCK
"""

import json
import re
import sys
from pathlib import Path

data, name, lock = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text("utf-8")
bom = json.loads((data / "sbom" / f"{name}.cdx.json").read_text("utf-8"))
assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
library = bom["metadata"]["component"]
components = {component["bom-ref"]: component for component in bom["components"]}
assert len(components) == len(bom["components"]), "a bom-ref twice"
for component in components.values():
    assert component["version"] and component["licenses"][0]["expression"], component
names = {component["name"] for component in components.values()}
assert {"aws/aws-lc", "rust-lang/rust", "uplot"} <= names, names

# Every crate of the notices, and no other.
notices = (data / "licenses" / name / "THIRD-PARTY.md").read_text("utf-8")
crates = re.findall(r"^\| (\S+) (\d\S+) \| [^|]+ \| \S+ \|$", notices, re.M)
refs = {f"pkg:cargo/{crate}@{version}" for crate, version in crates}
own = f"pkg:cargo/rtsp_webrtc_gateway@{library['version']}"  # in the program
assert len(crates) > 50 and refs == {ref for ref in components if ref.startswith("pkg:cargo/")} - {own}

# Each with the checksum of its archive, or with what was changed in it.
patched = {ref for ref, component in components.items() if "pedigree" in component}
assert {components[ref]["name"] for ref in patched} == {"rtc-dtls"}, patched
for crate, version in crates:
    if (ref := f"pkg:cargo/{crate}@{version}") in patched:
        (patch,) = components[ref]["pedigree"]["patches"]
        assert "skip_verify_hello" in patch["diff"]["text"]["content"], patch
        continue
    (found,) = components[ref]["hashes"]
    entry = f'name = "{crate}"\nversion = "{version}"\nsource = "registry+'
    assert re.search(re.escape(entry) + rf'.+"\nchecksum = "{found["content"]}"', lock), crate

# The library, or the program, needs all of them, directly or not.
needs = {entry["ref"]: entry["dependsOn"] for entry in bom["dependencies"]}
reached, open_refs = set(), [library["bom-ref"]]
while open_refs:
    ref = open_refs.pop()
    if ref not in reached:
        reached.add(ref)
        open_refs += needs[ref]
assert reached == {library["bom-ref"], *components} == set(needs), reached ^ set(needs)
print(len(components), "components")
