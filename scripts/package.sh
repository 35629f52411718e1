#!/bin/bash
# Packages the library, from a release build:
#   librtsp-webrtc-gateway0.1_VERSION-1_ARCH.deb       the shared library
#   librtsp-webrtc-gateway-dev_VERSION-1_ARCH.deb      header, static library, CMake and pkg-config files
#   librtsp-webrtc-gateway0.1-dbg_VERSION-1_ARCH.deb   symbols of the shared library
#   python3-rtsp-webrtc-gateway_VERSION-1_ARCH.deb     Python module
#   rtsp-webrtc-gateway_VERSION-1_ARCH.deb             the gateway as a program, with its systemd unit
#   rtsp_webrtc_gateway-VERSION-PLATFORM.tar.gz        all of it, to be unpacked anywhere; for Windows a .zip
#   rtsp_webrtc_gateway-VERSION-py3-none-PLATFORM.whl  Python module with the shared library, for pip
#   conan/, vcpkg/                                     recipe and port that take the archives
# The same commit gives the same bytes.
#
# Usage: scripts/package.sh [OUTPUT_DIR [TARGET]...]
#
# OUTPUT_DIR is target/package unless given. Each TARGET is one of `make cross`, whose build in target/cross is
# packaged; without one, this machine's architecture, for which the library is built. CARGO_TARGET_DIR is where cargo
# builds, target unless given; MAINTAINER is "NAME <ADDRESS>" in the packages; ARCHIVES_URL is where the archives will
# be found that recipe and port name, OUTPUT_DIR unless given.
set -euo pipefail
cd "$(dirname "$0")/.."

output=${1:-target/package}
shift || true
maintainer=${MAINTAINER:-The rtsp_webrtc_gateway authors <root@localhost>}
# The date of all files. Hidden from cargo, which would rebuild all C code.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
umask 022

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
revision=$version-1
abi=$(sed -E 's/^(0\.[0-9]+|[0-9]+).*/\1/' <<<"$version")
mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$output/work
trap 'rm -rf "$work"' EXIT

# select_target TARGET: what all functions below package. The names of its machine, as dpkg, uname and pip know it.
select_target() {
    tree=target/cross/build/$1
    case $1 in
    native)
        tree=$output/build
        arch=$(dpkg --print-architecture)
        triplet=$(dpkg-architecture --query DEB_HOST_MULTIARCH)
        platform=linux-$(uname -m)
        ;;
    aarch64-unknown-linux-gnu) arch=arm64 triplet=aarch64-linux-gnu platform=linux-aarch64 ;;
    armv7-unknown-linux-gnueabihf) arch=armhf triplet=arm-linux-gnueabihf platform=linux-armv7l ;;
    x86_64-pc-windows-gnu) arch='' triplet='' platform=windows-x86_64 ;;
    *) echo "No packages are known for $1" >&2 && exit 1 ;;
    esac
    if [[ $1 != native && ! -e $tree/CMakeCache.txt ]]; then
        echo "There is no build for $1: make cross TARGET=$1" >&2
        exit 1
    fi
    rm -rf "$work"
}

# build LIBDIR: configures the build to be installed below /usr; builds what is for this machine.
build() {
    local options=(-DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR="$1"
        -DRTSP_WEBRTC_GATEWAY_PYTHON_DIR=lib/python3/dist-packages)
    if [[ $tree != "$output/build" ]]; then
        cmake "${options[@]}" "$tree" >/dev/null
        return
    fi
    cmake -S . -B "$tree" -DCMAKE_BUILD_TYPE=Release "${options[@]}" -DRTSP_WEBRTC_GATEWAY_BUILD_TESTS=OFF \
        -DRTSP_WEBRTC_GATEWAY_BUILD_PROGRAM=ON \
        -DRTSP_WEBRTC_GATEWAY_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" >/dev/null
    cmake --build "$tree"
}

# stage DESTDIR COMPONENT...: installs components of it below DESTDIR/usr.
stage() {
    local root=$1 component
    shift
    for component in "$@"; do
        DESTDIR=$root cmake --install "$tree" --component "$component" >/dev/null
    done
    find "$root" -exec touch --no-dereference --date="@$epoch" {} +
}

archive() {
    local folder=rtsp_webrtc_gateway-$version-$platform
    stage "$work/archive" runtime development debug python program
    mv "$work/archive/usr" "$work/archive/$folder"
    if [[ $platform == windows-* ]]; then
        scripts/zip.py "$output/$folder.zip" "$work/archive" "$epoch"
    else
        tar --create --directory "$work/archive" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
            "$folder" | gzip -9n >"$output/$folder.tar.gz"
    fi
}

wheel() {
    SOURCE_DATE_EPOCH=$epoch python3 -B python/wheel_backend.py "$output" "$tree" "$platform"
}

# dependencies FILE: what it needs of the system, as packages.
dependencies() {
    mkdir -p "$work/shlibdeps/debian"
    echo "Source: rtsp-webrtc-gateway" >"$work/shlibdeps/debian/control"
    # The libraries of another architecture are in packages named after it.
    (cd "$work/shlibdeps" && DEB_HOST_ARCH=$arch dpkg-shlibdeps -O -l"/usr/$triplet/lib" "$1") |
        sed -n "s/-$arch-cross//g; s/:$arch//g; s/^shlibs:Depends=//p"
}

# deb NAME COMPONENT: packages a component with the further fields of its control file on stdin.
deb() {
    local name=$1 component=$2
    local root=$work/$name notices=rtsp_webrtc_gateway
    local doc=$root/usr/share/doc/$name
    if [[ $component == program ]]; then
        notices=rtsp-webrtc-gateway
        install -D -m 755 -t "$root/DEBIAN" packaging/debian/{postinst,prerm,postrm}
    fi
    stage "$root" "$component"
    mkdir -p "$root/DEBIAN" "$doc"
    if [[ -d $root/usr/share/doc/rtsp_webrtc_gateway ]]; then
        mv "$root"/usr/share/doc/rtsp_webrtc_gateway/* "$doc"
        rm -r "$doc/CHANGELOG.md" "$root/usr/share/doc/rtsp_webrtc_gateway"
    fi
    { cat LICENSE && echo && cat "$tree/package/$notices/THIRD-PARTY.md"; } >"$doc/copyright"
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
        # Not what the file system here needs for it.
        echo "Installed-Size: $(find "$root/usr" -type f -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')"
        cat
    } >"$root/DEBIAN/control"
    if [[ $component == runtime ]]; then
        echo "librtsp_webrtc_gateway $abi $name (>= $version)" >"$root/DEBIAN/shlibs"
        echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
    fi
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    find "$root" -exec touch --no-dereference --date="@$epoch" {} +
    # With more threads xz may write something else.
    SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group --threads-max=1 --build "$root" \
        "$output/${name}_${revision}_$arch.deb"
}

debs() {
    local runtime=librtsp-webrtc-gateway$abi
    local about="A library that puts RTSP cameras into the browser by WebRTC (WHEP). A video
 recorder or a video management system links it, tells it the cameras, and
 passes in the browsers' offers; the library does what lies between."
    # Apart from where they are used, so that a failure ends the script.
    local library_needs program_needs
    library_needs=$(dependencies "$(realpath "$tree")/lib/librtsp_webrtc_gateway.so.$version")
    program_needs=$(dependencies "$(realpath "$tree")/bin/rtsp-webrtc-gateway")
    deb "$runtime" runtime <<EOF
Section: libs
Depends: $library_needs
Description: gateway from RTSP cameras to WebRTC viewers - shared library
 $about
 .
 This package has the shared library.
EOF
    deb librtsp-webrtc-gateway-dev development <<EOF
Section: libdevel
Depends: $runtime (= $revision)
Description: gateway from RTSP cameras to WebRTC viewers - development files
 $about
 .
 This package has the header, the static library, the files for CMake and
 pkg-config, and sources for .NET and Java.
EOF
    deb "$runtime-dbg" debug <<EOF
Section: debug
Depends: $runtime (= $revision)
Description: gateway from RTSP cameras to WebRTC viewers - symbols
 $about
 .
 This package has the symbols of the shared library, for names in backtraces.
EOF
    deb python3-rtsp-webrtc-gateway python <<EOF
Section: python
Depends: python3, $runtime (>= $version)
Description: gateway from RTSP cameras to WebRTC viewers - Python module
 $about
 .
 This package has the Python module, with types.
EOF
    deb rtsp-webrtc-gateway program <<EOF
Section: video
Depends: $program_needs
Recommends: ca-certificates
Description: gateway from RTSP cameras to WebRTC viewers - program
 A program that puts RTSP cameras into the browser by WebRTC (WHEP), and its
 systemd unit, which waits for /etc/rtsp-webrtc-gateway/gateway.toml. A file to
 start from is /usr/share/rtsp_webrtc_gateway/gateway.toml.
EOF
}

for target in "${@:-native}"; do
    select_target "$target"
    build lib
    archive
    wheel
    if [[ $arch ]]; then
        build "lib/$triplet"
        debs
    fi
done
python3 -B scripts/recipes.py "$output" "$version" "${ARCHIVES_URL:-file://$output}"
echo "Made in $output:"
ls "$output" | grep -v '^build$\|^work$'
