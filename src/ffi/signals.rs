//! Keeps the host's signals off the library's threads.

/// While this lives, threads that are started inherit a mask that blocks signals: the host's
/// handlers then run on the host's own threads.
#[cfg(unix)]
pub(super) struct SignalsBlocked {
    before: libc::sigset_t,
}

#[cfg(unix)]
impl SignalsBlocked {
    /// Signals that a thread raises itself by a fault, which a crash reporter of the host must
    /// see, and the one that profilers send.
    const LEFT_ALONE: [libc::c_int; 7] = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGPROF,
    ];

    pub(super) fn new() -> Self {
        use std::mem::MaybeUninit;
        let mut blocked = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: sigfillset() and pthread_sigmask() write the sets that they are given; neither
        // fails with these arguments.
        unsafe {
            libc::sigfillset(blocked.as_mut_ptr());
            for signal in Self::LEFT_ALONE {
                libc::sigdelset(blocked.as_mut_ptr(), signal);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr());
            SignalsBlocked {
                before: before.assume_init(),
            }
        }
    }
}

#[cfg(unix)]
impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask that this thread had; a NULL third argument is allowed.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}

/// Other systems have no signals for threads.
#[cfg(not(unix))]
pub(super) struct SignalsBlocked;

#[cfg(not(unix))]
impl SignalsBlocked {
    pub(super) fn new() -> Self {
        SignalsBlocked
    }
}
