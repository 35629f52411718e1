#!/bin/bash
# What takes too long for each change, once a week: fuzzing, a soak, a small box, ThreadSanitizer, Miri. Ends with how long
# each took, and fails if one did.
#   scripts/deep.sh [FUZZ SECONDS [SOAK MINUTES]]   600 for each target, and 60, by default
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
summary=""

step() {
    local name=$1 result=passed
    shift
    SECONDS=0
    "$@" || { result=FAILED; failed=1; }
    summary+=$(printf '%-6s %-6s %7d s' "$name" "$result" "$SECONDS")$'\n'
}

step fuzz scripts/fuzz.sh "${1:-600}"
step soak env SOAK_MINUTES="${2:-60}" cargo test --locked --release --test soak
step small cargo test --locked --workspace --test program -- --ignored small_box --nocapture
step tsan scripts/tsan.sh
step miri scripts/miri.sh
printf '\n%s' "$summary"
exit $failed
