#!/bin/bash
# Looks for data races: runs the tests of threads with ThreadSanitizer in the library and in Rust's
# standard library. A race is a failure. The C tests are hosts; the Rust test also has cameras and viewers.
#   scripts/tsan.sh [SECONDS]   how long the hammer tests run, 30 by default
# The first build takes a quarter of an hour on two cores, and 2 GB in target/tsan. Needs rustup, for
# the sources of the standard library, and gcc.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-30}
target=$(rustc -vV | sed -n 's/^host: //p')
libraries=$(rustc --print sysroot)/lib/rustlib/$target/lib
build=target/tsan/$target/debug
rustup component add rust-src

# Allows -Zsanitizer and -Zbuild-std with a stable compiler.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread
cargo build --locked -Zbuild-std --lib --target "$target" --target-dir target/tsan
runtime=$(echo "$libraries"/librustc-*_rt.tsan.a)

# AWS-LC is C and assembly, and not instrumented. All that its threads share is guarded by locks, which
# ThreadSanitizer sees, so no suppression is needed.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"
export RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS=$seconds
# Some kernels randomize addresses over a range that leaves no room for ThreadSanitizer's shadow memory.
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
