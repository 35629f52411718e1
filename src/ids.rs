//! Ids that a host gets: never 0, never reused, and of one gateway only, so that a mix-up of two
//! gateways is an error instead of a call on something else.

use std::sync::atomic::{AtomicU64, Ordering};

/// One that nothing else in this process has or had. Later ones are larger.
pub fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    1 + LAST.fetch_add(1, Ordering::Relaxed)
}
