//! What names a gateway, a stream and a session.

use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use super::convert::null;
use super::table::Table;
use crate::error::{Error, Result, Status};
use crate::gateway::Gateway;
use crate::ids;

/// A gateway: the cameras, the viewers, and the threads and the socket that serve them.
pub struct rtsp_webrtc_gateway {
    gateway: Gateway,
}

/// Identifies a stream (a camera). Never 0, never reused.
pub type rtsp_webrtc_gateway_stream_id = u64;

/// Identifies a session (a viewer). Never 0, never reused.
pub type rtsp_webrtc_gateway_session_id = u64;

/// Identifies a sink (a recorder of a stream, for example). Never 0, never reused.
pub type rtsp_webrtc_gateway_sink_id = u64;

/// Identifies an output (a media server that a stream is sent to). Never 0, never reused.
pub type rtsp_webrtc_gateway_output_id = u64;

/// Identifies an asynchronous offer until it is answered. Never 0, never reused.
pub type rtsp_webrtc_gateway_op_id = u64;

static GATEWAYS: Table<rtsp_webrtc_gateway> = Table::new();

impl rtsp_webrtc_gateway {
    pub(super) fn into_raw(gateway: Gateway) -> *mut rtsp_webrtc_gateway {
        let handle: *mut rtsp_webrtc_gateway = next_handle();
        GATEWAYS.insert(handle.addr(), Arc::new(rtsp_webrtc_gateway { gateway }));
        handle
    }

    /// Ends the life of a handle. What it stood for goes with the last call that still uses it.
    pub(super) fn free(handle: *const rtsp_webrtc_gateway) -> Result<()> {
        GATEWAYS.remove(handle.addr()).map(drop).ok_or_else(gone)
    }
}

impl Deref for rtsp_webrtc_gateway {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

/// A pointer that nobody else has or had, and that points to nothing: the host passes it back, and a
/// stale one cannot be mistaken for a later object.
pub(super) fn next_handle<T>() -> *mut T {
    // Multiples of 16, as of memory. Where pointers have 32 bits, they come again after 2^28.
    loop {
        let handle = (ids::next() as usize).wrapping_mul(16);
        if handle != 0 {
            return ptr::without_provenance_mut(handle);
        }
    }
}

/// The gateway of a handle.
pub(super) fn gateway_ref(handle: *const rtsp_webrtc_gateway) -> Result<Arc<rtsp_webrtc_gateway>> {
    if handle.is_null() {
        return Err(null("gateway"));
    }
    GATEWAYS.find(handle.addr()).ok_or_else(gone)
}

fn gone() -> Error {
    let why = match GATEWAYS.is_parents() {
        true => {
            "this gateway belongs to the parent process, as fork() does not copy its threads: create \
             gateways after fork()"
        }
        false => {
            "this gateway has been destroyed, or was never created: make destroy() the last call on it"
        }
    };
    Error::new(Status::InvalidState, why)
}
