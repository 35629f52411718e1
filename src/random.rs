//! Unpredictable bits.

use crate::error::{Error, Result, Status};

/// `N` random bytes from the system's generator.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::new(Status::Io, "the system gives no random numbers"))?;
    Ok(bytes)
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
