//! Another static library made of Rust in the same program: its threads, its panics, its allocator.

use std::{panic, thread};

#[unsafe(no_mangle)]
pub extern "C" fn second_library_works() -> bool {
    panic::set_hook(Box::new(|_| ()));
    thread::spawn(|| panic!("unwinds")).join().is_err()
        && panic::catch_unwind(|| vec![0u8; 1 << 20].len()).is_ok()
}
