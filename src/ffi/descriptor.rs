//! Descriptors of sockets that the host passes in.

use super::convert::invalid;
use crate::error::Result;

/// A duplicate of the host's descriptor, as a socket; `None` for 0.
///
/// # Safety
/// `fd` is 0, or stays open for the length of the call if it is open at all.
#[cfg(unix)]
pub unsafe fn duplicate<S: From<std::os::fd::OwnedFd>>(fd: i32, name: &str) -> Result<Option<S>> {
    use std::os::fd::BorrowedFd;

    if fd == 0 {
        return Ok(None);
    }
    let cannot = |why: String| invalid(format!("{name} {fd} cannot be used: {why}"));
    if fd < 0 {
        return Err(cannot(
            "descriptors are positive; 0 stands for none".to_owned(),
        ));
    }
    // SAFETY: not negative; this function's contract. One that is not open is refused by the system.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let owned = borrowed
        .try_clone_to_owned()
        .map_err(|error| cannot(error.to_string()))?;
    Ok(Some(S::from(owned)))
}

/// Elsewhere sockets are no descriptors.
///
/// # Safety
/// None is needed.
#[cfg(not(unix))]
pub unsafe fn duplicate<S>(fd: i32, name: &str) -> Result<Option<S>> {
    match fd {
        0 => Ok(None),
        _ => Err(invalid(format!(
            "{name} cannot be used: sockets are passed on POSIX systems only"
        ))),
    }
}
