#!/bin/bash
# Fuzzes with libFuzzer: each target in turn, or one of them.
#   scripts/fuzz.sh [SECONDS [TARGET]...]   for each target; 60 s by default
# Inputs that reach new code are kept in fuzz/corpus, which is not committed; those in fuzz/seeds are. What
# fails is written to fuzz/artifacts: `cargo run -p fuzz --bin TARGET FILE` runs it again, with any compiler.
# Needs rustup: a nightly toolchain and cargo-fuzz are installed if they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
rustup run nightly rustc --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

# Without LTO it builds in half the time. What memory errors there can be are in C code, which no sanitizer
# of Rust sees: scripts/tsan.sh and valgrind run that.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
options=(--sanitizer none --target-dir target/fuzz)
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)
for target in "${targets[@]}"; do
    cargo +nightly fuzz build "${options[@]}" "$target"
done
failed=0
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    dictionary=()
    [[ -e fuzz/dictionaries/$target.dict ]] && dictionary=("-dict=fuzz/dictionaries/$target.dict")
    log=target/fuzz/$target.log
    if cargo +nightly fuzz run "${options[@]}" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        "${dictionary[@]}" >"$log" 2>&1; then
        stat() { sed -n "s/^stat::$1: *//p" "$log"; }
        echo "$target: $(stat number_of_executed_units) executions, $(stat average_exec_per_sec) per second"
    else
        echo "$target: failed, see $log"
        failed=1
    fi
done
exit $failed
