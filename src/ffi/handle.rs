//! What names a gateway, a stream and a session.

use std::process;

use super::convert::required;
use crate::error::{Error, Result, Status};
use crate::gateway::Gateway;

/// A gateway: the cameras, the viewers, and the threads and the socket that serve them.
pub struct rtsp_webrtc_gateway {
    gateway: Gateway,
    /// The process that has its threads: a forked child has none of them.
    process: u32,
}

/// Identifies a stream (a camera). Never 0, never reused.
pub type rtsp_webrtc_gateway_stream_id = u64;

/// Identifies a session (a viewer). Never 0, never reused.
pub type rtsp_webrtc_gateway_session_id = u64;

/// Identifies a sink (a recorder of a stream, for example). Never 0, never reused.
pub type rtsp_webrtc_gateway_sink_id = u64;

/// Identifies an asynchronous offer until it is answered. Never 0, never reused.
pub type rtsp_webrtc_gateway_op_id = u64;

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<rtsp_webrtc_gateway>();
};

impl rtsp_webrtc_gateway {
    pub(super) fn into_raw(gateway: Gateway) -> *mut rtsp_webrtc_gateway {
        Box::into_raw(Box::new(rtsp_webrtc_gateway {
            gateway,
            process: process::id(),
        }))
    }

    /// # Safety
    /// `handle` came from `into_raw`, in this process, and is not used again.
    pub(super) unsafe fn free(handle: *mut rtsp_webrtc_gateway) {
        // SAFETY: this function's contract.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// The gateway behind a handle.
///
/// # Safety
/// `handle` is NULL, or came from `into_raw` and is not destroyed for `'a`.
pub(super) unsafe fn gateway_ref<'a>(handle: *const rtsp_webrtc_gateway) -> Result<&'a Gateway> {
    // SAFETY: this function's contract.
    let handle = unsafe { required(handle, "gateway") }?;
    if handle.process != process::id() {
        return Err(Error::new(
            Status::InvalidState,
            "this gateway belongs to the parent process, as fork() does not copy its threads: create \
             gateways after fork()",
        ));
    }
    Ok(&handle.gateway)
}
