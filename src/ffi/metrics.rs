//! Metrics: everything that is counted.

use std::ffi::{CString, c_char, c_int};

use super::convert::output;
use super::guard::{guard, guard_status};
use super::handle::{gateway_ref, rtsp_webrtc_gateway};

/// Writes all counters and gauges in the text format of Prometheus, version 0.0.4: per stream what
/// came and went, per worker the CPU time by what it was spent on, sessions by SRTP profile, what
/// was dropped and why, and the knobs. Serve it as "text/plain; version=0.0.4".
///
/// *out_text ends with NUL and is the caller's, to be given to rtsp_webrtc_gateway_string_free().
/// *out_size is its length without the terminator; out_size may be NULL.
///
/// Asks each worker thread, and so takes a millisecond or so on a busy gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_metrics(
    gateway: *const rtsp_webrtc_gateway,
    out_text: *mut *mut c_char,
    out_size: *mut usize,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: out_text is NULL or writable, by the conventions.
        let out_text = unsafe { output(out_text, "out_text") }?;
        // No name or number in it holds a NUL.
        let text = CString::new(gateway.metrics()?).unwrap_or_default();
        if !out_size.is_null() {
            // SAFETY: not NULL, so writable by the conventions.
            unsafe { out_size.write(text.as_bytes().len()) };
        }
        out_text.write(text.into_raw());
        Ok(())
    })
}

/// Frees a text that the library gave through a `char **`. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_string_free(text: *mut c_char) {
    guard((), || {
        if !text.is_null() {
            // SAFETY: made by CString::into_raw(), and freed once, by the conventions.
            drop(unsafe { CString::from_raw(text) });
        }
    })
}
