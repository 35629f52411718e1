#!/bin/bash
# Installs what is missing, by apt and npm. Quick when all is there.
#   scripts/setup.sh build     to build the library, the examples and the demo
#   scripts/setup.sh package   to package the library, too
#   scripts/setup.sh docs      to render the reference of the C API
#   scripts/setup.sh test      to run the tests, too
#   scripts/setup.sh cross     to build for other machines, and to run that in emulators
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?build, package, docs, test or cross}
missing=()

# need PACKAGE COMMAND...: the package is missing if the command fails. Asking for what a package
# gives, not for its name, finds it where it was installed in another way, too.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

installed() {
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

need python3 command -v python3
if [[ $purpose != docs ]]; then
    need cmake command -v cmake
    need g++ command -v g++
    need pkg-config command -v pkg-config
    need libcpp-httplib-dev pkg-config --exists cpp-httplib
fi
if [[ $purpose == package || $purpose == test ]]; then
    need dpkg-dev command -v dpkg-shlibdeps
fi
if [[ $purpose == docs || $purpose == test ]]; then
    need doxygen command -v doxygen
fi
if [[ $purpose == cross ]]; then
    # A compiler with the source of its standard library, which is built for each target.
    need rustc-web test -x /usr/bin/rustc
    need cargo-web test -x /usr/bin/cargo
    need rust-web-src test -d /usr/lib/rustlib/src/rust/library
    need gcc-mingw-w64-x86-64-posix command -v x86_64-w64-mingw32-gcc-posix
    need g++-mingw-w64-x86-64-posix command -v x86_64-w64-mingw32-g++-posix
    need wine64 installed wine64
    need wine command -v wine
    need nasm command -v nasm
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    need g++-aarch64-linux-gnu command -v aarch64-linux-gnu-g++
    need gcc-arm-linux-gnueabihf command -v arm-linux-gnueabihf-gcc
    need g++-arm-linux-gnueabihf command -v arm-linux-gnueabihf-g++
    need qemu-user-static command -v qemu-aarch64-static
    need musl-tools command -v musl-gcc
    need libunwind-19-dev test -f /usr/lib/llvm-19/lib/libunwind.a
fi
if [[ $purpose == test ]]; then
    need fakeroot command -v fakeroot
    need libssl-dev pkg-config --exists libcrypto
    need valgrind command -v valgrind
    need clang-format-19 command -v clang-format-19
    need libavformat-dev pkg-config --exists libavformat
    need libavcodec-dev pkg-config --exists libavcodec
    need mypy command -v mypy
    need chromium command -v chromium
    need iproute2 command -v tc
    need nftables command -v nft
    need coturn command -v turnserver
    need firefox-esr command -v firefox-esr
    need libnss3-tools command -v certutil
    need nodejs command -v node
    need npm command -v npm
    need python3-venv python3 -c 'import ensurepip, venv'
    # The compiler of C#, and one of the runtimes.
    need mono-mcs command -v mcs
    need mono-runtime command -v mono
    need libmono-system-core4.0-cil installed libmono-system-core4.0-cil
    # Compilers for other machines, which read the header.
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    need gcc-arm-linux-gnueabihf command -v arm-linux-gnueabihf-gcc
    need gcc-mingw-w64-x86-64-posix command -v x86_64-w64-mingw32-gcc
    # Foreign cameras: GStreamer's RTSP server, VLC's, and Perl's.
    need librtsp-server-perl perl -MRTSP::Server -e 1
    need ffmpeg command -v ffmpeg
    need vlc-bin command -v cvlc
    for package in python3-gi gir1.2-gst-rtsp-server-1.0 vlc-plugin-base gstreamer1.0-x \
        gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-libav; do
        need "$package" installed "$package"
    done
fi

if ((${#missing[@]})); then
    as_root=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "Missing packages. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "${missing[@]}"
fi

if [[ $purpose != docs ]] && ! command -v cargo >/dev/null; then
    echo "There is no Rust toolchain. Install one from https://rustup.rs and try again." >&2
    exit 1
fi

if [[ $purpose == test ]]; then
    # python_packages DIR REQUIREMENTS: an environment of its own, stamped when all of it is installed.
    python_packages() {
        if [[ ! $1/installed -nt $2 ]]; then
            python3 -m venv "$1"
            "$1/bin/pip" install --quiet --requirement "$2"
            touch "$1/installed"
        fi
    }
    # A player that others wrote, the runtime of .NET, and Conan.
    python_packages target/players tests/players/requirements.txt
    python_packages target/dotnet capi-tests/bindings/requirements.txt
    python_packages target/conan capi-tests/consumer/requirements.txt
    cd tests/browser
    # npm writes this file at the end of an installation.
    if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
        npm ci --ignore-scripts --no-audit --no-fund
    fi
fi
