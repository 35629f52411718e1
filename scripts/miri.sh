#!/bin/bash
# Runs under Miri the unit tests of what does no I/O and calls no C: it sees undefined behavior, and
# arithmetic and slices that go wrong only there. Tests that repeat something very often are left out: Miri
# is a hundred times slower. Ten minutes on two cores.
#   scripts/miri.sh [MODULE]...   all those below by default
# Needs rustup: the nightly toolchain, Miri and the sources of the standard library are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
rustup run nightly rustc --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
rustup component add miri rust-src --toolchain nightly

modules=("$@")
((${#modules[@]})) || modules=(
    budget:: ids:: media::av1 media::bits media::chunks media::clock media::copies media::h264 media::h265
    media::nal media::packetizer media::parameter_sets media::pool media::rate media::ring media::track
    sdp:: source::audio::bits source::audio::config source::audio::latm source::choice source::quirks
    source::rtp source::rtsp source::url source::video session::estimate::feedback session::estimate::meter
    session::estimate::trend session::leg session::rtcp sinks:: state:: tuning:: whep::
)
# What calls C (hashes, libopus), and what repeats for thousands of rounds.
left_out=(
    any_bytes any_noise digest garbage hostile noise random sha thousands transcod truncat differential
    bounded every_length mutated
)
skips=()
for name in "${left_out[@]}"; do skips+=(--skip "$name"); done
# Tests may read clocks.
export MIRIFLAGS="-Zmiri-disable-isolation"
cargo +nightly miri test --locked --lib --target-dir target/miri -- "${modules[@]}" "${skips[@]}"
