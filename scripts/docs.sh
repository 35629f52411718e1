#!/bin/bash
# Renders the reference of the C API with Doxygen, and fails if a symbol is not documented.
# Usage: scripts/docs.sh [OUTPUT_DIR], target/docs unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-target/docs}
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
rm -rf "$output"
mkdir -p "$output"
sed "s|@VERSION@|$version|; s|@OUTPUT@|$output|" docs/reference/Doxyfile.in | doxygen -
echo "The reference is $output/html/index.html"
