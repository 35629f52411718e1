//! Ids that a host gets: never 0, never reused, and of one gateway only, so that a mix-up of two
//! gateways is an error instead of a call on something else.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// A table by id.
pub type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Hashes an id: nobody else chooses them, so what protects tables from chosen keys is not needed.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // By the golden ratio: consecutive ids differ in high bits, too.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One that nothing else in this process has or had. Later ones are larger.
pub fn next() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    1 + LAST.fetch_add(1, Ordering::Relaxed)
}
