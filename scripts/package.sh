#!/bin/bash
# Packages the library for this architecture, from a release build:
#   librtsp-webrtc-gateway0.1_VERSION-1_ARCH.deb       the shared library
#   librtsp-webrtc-gateway-dev_VERSION-1_ARCH.deb      header, static library, CMake and pkg-config files
#   librtsp-webrtc-gateway0.1-dbg_VERSION-1_ARCH.deb   symbols of the shared library
#   python3-rtsp-webrtc-gateway_VERSION-1_ARCH.deb     Python module
#   rtsp_webrtc_gateway-VERSION-linux-ARCH.tar.gz      all of it, to be unpacked anywhere
#   rtsp_webrtc_gateway-VERSION-py3-none-PLATFORM.whl  Python module with the shared library, for pip
#
# Usage: scripts/package.sh [OUTPUT_DIR], target/package unless given. CARGO_TARGET_DIR is where cargo
# builds, target unless given; MAINTAINER is "NAME <ADDRESS>" in the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

output=${1:-target/package}
target=${CARGO_TARGET_DIR:-$PWD/target}
maintainer=${MAINTAINER:-The rtsp_webrtc_gateway authors <root@localhost>}
# The date of all files, so that the same build gives the same packages. Hidden from cargo, which would
# rebuild all C code.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
umask 022

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=$version-1
abi=$(sed -E 's/^(0\.[0-9]+|[0-9]+).*/\1/' <<<"$version")
arch=$(dpkg --print-architecture)
triplet=$(dpkg-architecture --query DEB_HOST_MULTIARCH)
mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$output/work
rm -rf "$work"
trap 'rm -rf "$work"' EXIT

# build LIBDIR: builds the library, to be installed below /usr.
build() {
    cmake -S . -B "$output/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
        -DCMAKE_INSTALL_LIBDIR="$1" -DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=OFF \
        -DRTSP_WEBRTC_GATEWAY_PYTHON_DIR=lib/python3/dist-packages \
        -DRTSP_WEBRTC_GATEWAY_TARGET_DIR="$target" >/dev/null
    cmake --build "$output/build"
}

# stage DESTDIR COMPONENT: installs a component of it below DESTDIR/usr.
stage() {
    DESTDIR=$1 cmake --install "$output/build" --component "$2" >/dev/null
}

# deb NAME COMPONENT: packages a component with the further fields of its control file on stdin.
deb() {
    local name=$1 component=$2
    local root=$work/$name
    local doc=$root/usr/share/doc/$name
    stage "$root" "$component"
    mkdir -p "$root/DEBIAN" "$doc"
    if [[ -d $root/usr/share/doc/rtsp_webrtc_gateway ]]; then
        mv "$root"/usr/share/doc/rtsp_webrtc_gateway/* "$doc"
        rm -r "$doc/CHANGELOG.md" "$root/usr/share/doc/rtsp_webrtc_gateway"
    fi
    { cat LICENSE && echo && cat "$output/build/package/THIRD-PARTY.md"; } >"$doc/copyright"
    gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
    gzip -9n >"$doc/changelog.Debian.gz" <<EOF
rtsp-webrtc-gateway ($revision) unstable; urgency=medium

  * Packaged by scripts/package.sh. What is new is in changelog.gz.

 -- $maintainer  $(date --utc --rfc-email --date="@$epoch")
EOF
    # These are what the copyright file says.
    rm -rf "$root/usr/share/licenses"
    {
        echo "Package: $name"
        echo "Source: rtsp-webrtc-gateway"
        echo "Version: $revision"
        echo "Architecture: $arch"
        echo "Maintainer: $maintainer"
        echo "Priority: optional"
        echo "Installed-Size: $(du -sk "$root/usr" | cut -f1)"
        cat
    } >"$root/DEBIAN/control"
    if [[ $component == runtime ]]; then
        echo "librtsp_webrtc_gateway $abi $name (>= $version)" >"$root/DEBIAN/shlibs"
        echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
    fi
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group --build "$root" "$output/${name}_${revision}_$arch.deb"
}

# What the shared library needs of the system, as packages.
dependencies() {
    mkdir -p "$work/shlibdeps/debian"
    echo "Source: rtsp-webrtc-gateway" >"$work/shlibdeps/debian/control"
    (cd "$work/shlibdeps" && dpkg-shlibdeps -O "$output/build/lib/librtsp_webrtc_gateway.so.$version") |
        sed -n 's/^shlibs:Depends=//p'
}

runtime=librtsp-webrtc-gateway$abi
build lib
for component in runtime development debug python; do
    stage "$work/tar" "$component"
done
folder=rtsp_webrtc_gateway-$version-linux-$(uname -m)
mv "$work/tar/usr" "$work/tar/$folder"
tar --create --gzip --file "$output/$folder.tar.gz" --directory "$work/tar" --sort=name \
    --owner=0 --group=0 --numeric-owner --mtime="@$epoch" "$folder"
SOURCE_DATE_EPOCH=$epoch python3 -B python/wheel_backend.py "$output" "$output/build"

build "lib/$triplet"
deb "$runtime" runtime <<EOF
Section: libs
Multi-Arch: same
Depends: $(dependencies)
Description: gateway from RTSP cameras to WebRTC viewers - shared library
 A library that puts RTSP cameras into the browser by WebRTC (WHEP). A video
 recorder or a video management system links it, tells it the cameras, and
 passes in the browsers' offers; the library does what lies between.
 .
 This package has the shared library.
EOF
deb librtsp-webrtc-gateway-dev development <<EOF
Section: libdevel
Multi-Arch: same
Depends: $runtime (= $revision)
Description: gateway from RTSP cameras to WebRTC viewers - development files
 A library that puts RTSP cameras into the browser by WebRTC (WHEP). A video
 recorder or a video management system links it, tells it the cameras, and
 passes in the browsers' offers; the library does what lies between.
 .
 This package has the header, the static library, and the files for CMake and
 pkg-config.
EOF
deb "$runtime-dbg" debug <<EOF
Section: debug
Multi-Arch: same
Depends: $runtime (= $revision)
Description: gateway from RTSP cameras to WebRTC viewers - symbols
 A library that puts RTSP cameras into the browser by WebRTC (WHEP). A video
 recorder or a video management system links it, tells it the cameras, and
 passes in the browsers' offers; the library does what lies between.
 .
 This package has the symbols of the shared library, for names in backtraces.
EOF
deb python3-rtsp-webrtc-gateway python <<EOF
Section: python
Depends: python3, $runtime (>= $version)
Description: gateway from RTSP cameras to WebRTC viewers - Python module
 A library that puts RTSP cameras into the browser by WebRTC (WHEP). A video
 recorder or a video management system links it, tells it the cameras, and
 passes in the browsers' offers; the library does what lies between.
 .
 This package has the Python module, with types.
EOF
echo "Made in $output:"
ls "$output" | grep -v '^build$\|^work$'
