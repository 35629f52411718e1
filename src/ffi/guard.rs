//! Keeps panics inside the library, and errors for `last_error`.

use std::cell::RefCell;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result, Status, panicked};

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of a function that returns a value. `on_panic` is returned if it panics.
pub(super) fn guard<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    // Unwind safe: what the body shares with later calls is atomic or behind locks that do not
    // poison; what a panic leaves half done is the safe API's to bound.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        remember(&panicked("this call"));
        on_panic
    })
}

/// Runs the body of a function that returns a status, and remembers its error.
pub(super) fn guard_status(body: impl FnOnce() -> Result<()>) -> c_int {
    match contain(body) {
        Ok(()) => Status::Ok.code(),
        Err(error) => {
            remember(&error);
            error.status().code()
        }
    }
}

/// Makes a panic of `body` its error.
pub(super) fn contain<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(panicked("this call")))
}

/// Makes an error this thread's last one.
pub(super) fn remember(error: &Error) {
    // Fails only while the thread ends: then nobody can ask any more.
    let _ = LAST_ERROR.try_with(|last| error.message().clone_into(&mut last.borrow_mut()));
}

/// Reports a pointer that no live object has to a function that returns no status. Nothing was done.
pub(super) fn freed_before(what: &str) {
    let error = Error::new(
        Status::InvalidState,
        format!("this {what} has been freed already, or is none of this library: free each once"),
    );
    log::error!("{error}");
    remember(&error);
}

/// Reads the sentence of the last error on this thread.
pub(super) fn with_last_error<T>(read: impl FnOnce(&str) -> T) -> T {
    let text = LAST_ERROR.try_with(|last| last.borrow().clone());
    read(&text.unwrap_or_default())
}
