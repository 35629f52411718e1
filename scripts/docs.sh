#!/bin/bash
# Renders the reference with Doxygen, and fails if a symbol of the C API is not documented.
# Usage: scripts/docs.sh [OUTPUT_DIR], target/docs unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-target/docs}
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
rm -rf "$output"
mkdir -p "$output"
configure() {
    sed "s|@VERSION@|$version|; s|@OUTPUT@|$output|" docs/reference/Doxyfile.in
}
# First the C header alone, where every symbol must be documented. In C++ the fields of a struct are
# those of the C struct that it names.
{ configure && printf 'FILE_PATTERNS = *.h *.md\nGENERATE_HTML = NO\nGENERATE_XML = YES\n'; } | doxygen -
rm -r "$output/xml"
{ configure && printf 'WARN_IF_UNDOCUMENTED = NO\n'; } | doxygen -
echo "The reference is $output/html/index.html"
