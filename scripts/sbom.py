#!/usr/bin/python3
"""Writes the software bill of materials of a binary, as CycloneDX 1.6 JSON.

Usage: sbom.py OUTPUT PACKAGE [argument of cargo, e.g. --no-default-features]...

PACKAGE is the library, rtsp_webrtc_gateway, or the program, serve.

The components are what this build links on this platform: the crates that `cargo tree` lists, the Rust
standard library, AWS-LC (which a crate contains as source), and the JavaScript of the pages. The same
build gives the same file.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

from notices import ROOT, cargo

HTTP_OFF = "--no-default-features"


def purl(kind, name, version):
    return f"pkg:{kind}/{name}@{version}"


def patched(component):
    """A component whose copy in third_party has patches."""
    ancestor = {key: component[key] for key in ("type", "name", "version", "purl")}
    patches = sorted((ROOT / "third_party" / component["name"]).glob("*.patch"))
    diffs = [{"type": "unofficial", "diff": {"text": {"content": path.read_text("utf-8")}}} for path in patches]
    return component | {"pedigree": {"ancestors": [ancestor], "patches": diffs}}


def component(kind, name, version, license, repository=None, sha256=None):
    found = {
        "type": "library",
        "bom-ref": purl(kind, name, version),
        "name": name,
        "version": version,
        "purl": purl(kind, name, version),
        # Old manifests write / for OR.
        "licenses": [{"expression": re.sub(r" ?/ ?", " OR ", license)}],
    }
    if sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    if repository:
        found["externalReferences"] = [{"type": "vcs", "url": repository}]
    return found


def tree(package, options):
    """The crates that are linked, as (name, version), and for each what it depends on."""
    lines = cargo(
        "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro",
        "--prefix", "depth", "--format", " {p}", *options,
    )
    path, needs = [], {}
    for depth, name, version in re.findall(r"^(\d+) (\S+) v(\S+)", lines, re.M):
        del path[int(depth):]
        crate = (name, version)
        needs.setdefault(crate, set())
        if path:
            needs[path[-1]].add(crate)
        path.append(crate)
    return needs


def aws_lc(package):
    """AWS-LC, in the version that aws-lc-sys contains."""
    base = Path(package["manifest_path"]).parent / "aws-lc" / "include" / "openssl" / "base.h"
    version = re.search(r'AWSLC_VERSION_NUMBER_STRING "(.+)"', base.read_text())[1]
    return component("github", "aws/aws-lc", f"v{version}", package["license"],
                     "https://github.com/aws/aws-lc")


def main():
    output, package_name, *options = sys.argv[1:]
    metadata = json.loads(cargo("metadata", "--locked", "--all-features", "--format-version", "1"))
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    lock = re.findall(r'^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$',
                      (ROOT / "Cargo.lock").read_text("utf-8"), re.M)
    checksums = {(name, version): checksum for name, version, checksum in lock}

    components, dependencies = {}, {}
    for crate, needs in tree(package_name, options).items():
        package = packages[crate]
        components[crate] = component("cargo", *crate, package["license"], package["repository"],
                                      checksums.get(crate))
        if (ROOT / "third_party" / crate[0]).is_dir():
            components[crate] = patched(components[crate])
        dependencies[purl("cargo", *crate)] = {purl("cargo", *need) for need in needs}
    itself = next(crate for crate in components if crate[0] == package_name)
    binary = components.pop(itself)
    programs = [target["name"] for target in packages[itself]["targets"] if target["kind"] == ["bin"]]
    if programs:
        needs = dependencies.pop(binary["bom-ref"])
        binary = component("generic", programs[0], itself[1], packages[itself]["license"]) | {"type": "application"}
        dependencies[binary["bom-ref"]] = needs

    def add(parent, found):
        components[found["purl"]] = found
        dependencies[found["bom-ref"]] = set()
        dependencies[parent["bom-ref"]].add(found["bom-ref"])

    sys_crate = next(found for (name, _), found in components.items() if name == "aws-lc-sys")
    add(sys_crate, aws_lc(packages[("aws-lc-sys", sys_crate["version"])]))
    rustc = subprocess.run([os.environ.get("RUSTC", "rustc"), "--version"], check=True, stdout=subprocess.PIPE, text=True)
    add(binary, component("github", "rust-lang/rust", rustc.stdout.split()[1], "MIT OR Apache-2.0",
                           "https://github.com/rust-lang/rust"))
    if HTTP_OFF not in options or "http" in options:
        for path in sorted((ROOT / "src/http/pages/vendor").glob("*.js")):
            url, version = re.match(r"/\*! (\S+) \(v(.+)\) \*/", path.read_text("utf-8")).groups()
            add(binary, component("npm", url.split("/")[-1].lower(), version, "MIT", url))

    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": binary,
            # The binaries as they are built: what each build needs is not part of them.
            "lifecycles": [{"phase": "build"}],
        },
        "components": sorted(components.values(), key=lambda found: found["bom-ref"]),
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs)}
                         for ref, needs in sorted(dependencies.items())],
    }
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))
    bom["serialNumber"] = f"urn:uuid:{identity}"
    Path(output).write_text(json.dumps(bom, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
