//! What a host gives along, to have it back: pointers, and what frees them.

use std::ffi::c_void;

/// Frees a user_data pointer. The library calls it exactly once, on any thread, when it no longer
/// uses the pointer. The function must not call into the library.
pub type rtsp_webrtc_gateway_free_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What a host wants back in its callbacks. Freed when dropped, so exactly once.
pub(super) struct UserData {
    pointer: *mut c_void,
    free: rtsp_webrtc_gateway_free_fn,
}

// SAFETY: the header says that user_data is used and freed on any thread; the host agrees by
// passing it.
unsafe impl Send for UserData {}
// SAFETY: the pointer is only handed back to the host, whose callbacks must bear that (log), or
// are called by one thread (events).
unsafe impl Sync for UserData {}

impl UserData {
    pub(super) fn new(pointer: *mut c_void, free: rtsp_webrtc_gateway_free_fn) -> Self {
        UserData { pointer, free }
    }

    pub(super) fn get(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the host passed this function for this pointer; it runs once, here.
            unsafe { free(self.pointer) }
        }
    }
}
