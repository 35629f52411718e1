//! Random numbers from the operating system, the only source of them. Sans-I/O modules receive them as
//! arguments.

use crate::error::{Error, Result, Status};

/// `N` random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
        Error::new(
            Status::Io,
            "the operating system provides no random numbers: check /dev/urandom",
        )
    })?;
    Ok(bytes)
}

/// A random number.
pub fn number() -> Result<u64> {
    bytes().map(u64::from_le_bytes)
}

/// `N` random bytes in hexadecimal.
pub fn hex<const N: usize>() -> Result<String> {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * N);
    for byte in bytes::<N>()? {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
