#!/bin/bash
# Data races: the tests of threads, on a library whose every memory access ThreadSanitizer watches,
# Rust's standard library included. Any race it sees is a failure. The C tests are hosts; the Rust test
# has cameras and viewers, too.
#   scripts/tsan.sh [SECONDS]   for how long the hammer strikes; 30 unless given
# The first build takes a quarter of an hour on two cores, and 2 GB in target/tsan. Needs rustup, for
# the sources of the standard library, and gcc.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
target=$(rustc -vV | sed -n 's/^host: //p')
libraries=$(rustc --print sysroot)/lib/rustlib/$target/lib
build=target/tsan/$target/debug
rustup component add rust-src

# -Zsanitizer and -Zbuild-std are not for stable compilers, unless these are told so.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread
cargo build --locked -Zbuild-std --lib --target "$target" --target-dir target/tsan
runtime=$(echo "$libraries"/librustc-*_rt.tsan.a)

# Not watched is AWS-LC, which is C and assembly. It shares nothing between threads but what its locks
# guard, and these are seen. So nothing is suppressed.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"
export RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS=$seconds
# Some kernels spread addresses so widely that there is no room for what ThreadSanitizer notes.
plain=(setarch --addr-no-randomize)
mkdir -p target/tsan/c
for test in hammer once hostile push on_demand whep async http reentrancy callbacks lifetime; do
    echo "tsan: $test"
    gcc -std=c11 -D_GNU_SOURCE -fsanitize=thread -fPIE -g -O1 -Iinclude \
        -c "capi-tests/$test.c" -o "target/tsan/c/$test.o"
    gcc -pie -o "target/tsan/c/$test" "target/tsan/c/$test.o" \
        "$build/librtsp_webrtc_gateway.a" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive \
        -lpthread -ldl -lrt -lm -lgcc_s
    arguments=()
    [[ $test == lifetime ]] && arguments=(20)
    "${plain[@]}" "target/tsan/c/$test" "${arguments[@]}"
done
echo "tsan: the Rust test"
"${plain[@]}" cargo test --locked -Zbuild-std --test hammer --target "$target" --target-dir target/tsan
echo "no data race"
