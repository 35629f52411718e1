//! Which code may wait on which thread: a callback must not wait for the thread it runs on.

use std::cell::Cell;

use crate::error::{Error, Result, Status};

/// What runs on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Code of the host.
    Host,
    /// The host's [`Events`](super::Events).
    Callback,
    /// Media or HTTP. Code of the host runs here only if its logger does.
    Library,
    /// The host's log callback, on any thread.
    Log,
}

thread_local! {
    static ROLE: Cell<Role> = const { Cell::new(Role::Host) };
}

/// Sets the role of a thread of the library for as long as the thread lives.
pub(crate) fn mark_thread(role: Role) {
    ROLE.set(role);
}

/// The log callback runs on this thread until this is dropped.
pub(crate) struct LogScope {
    outer: Role,
}

impl LogScope {
    /// `None` inside the log callback, which must not log to itself, and while the thread ends.
    pub(crate) fn enter() -> Option<LogScope> {
        let outer = ROLE.try_with(Cell::get).ok()?;
        if outer == Role::Log {
            return None;
        }
        ROLE.set(Role::Log);
        Some(LogScope { outer })
    }
}

impl Drop for LogScope {
    fn drop(&mut self) {
        ROLE.set(self.outer);
    }
}

/// Whether the log callback runs on this thread.
pub(crate) fn in_log_callback() -> bool {
    ROLE.get() == Role::Log
}

/// Refuses what waits for callbacks, cameras or threads, unless the host's own code calls it.
pub(crate) fn check_may_block(function: &str) -> Result<()> {
    match ROLE.get() {
        Role::Host => Ok(()),
        _ => Err(Error::new(
            Status::WouldDeadlock,
            format!("{function} blocks and cannot be called from a callback: use another thread"),
        )),
    }
}

/// Refuses what waits for the answer of a worker thread where a worker may be waiting, too: the log
/// callback runs on workers, and holds up the others while it is being replaced.
pub(crate) fn check_may_ask() -> Result<()> {
    match ROLE.get() {
        Role::Host | Role::Callback => Ok(()),
        Role::Library | Role::Log => Err(Error::new(
            Status::WouldDeadlock,
            "this call waits for a worker thread and cannot be made while a line is logged: use \
             another thread",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> (bool, bool) {
        (check_may_block("test").is_ok(), check_may_ask().is_ok())
    }

    fn on_a_thread(role: Role) -> (bool, bool) {
        std::thread::spawn(move || {
            mark_thread(role);
            allowed()
        })
        .join()
        .unwrap()
    }

    #[test]
    fn only_the_host_may_block_and_no_logger_may_ask() {
        assert_eq!(on_a_thread(Role::Callback), (false, true));
        assert_eq!(on_a_thread(Role::Library), (false, false));
        assert_eq!(allowed(), (true, true));
    }

    #[test]
    fn the_log_callback_ends_with_its_scope() {
        let scope = LogScope::enter().unwrap();
        assert_eq!(allowed(), (false, false));
        assert_eq!(check_may_ask().unwrap_err().status(), Status::WouldDeadlock);
        assert!(in_log_callback() && LogScope::enter().is_none());
        drop(scope);
        assert_eq!(allowed(), (true, true));
    }
}
