//! The WHEP protocol (draft-ietf-wish-whep): requests in, responses out, no I/O.

pub(crate) mod etag;
#[cfg_attr(not(feature = "http"), allow(dead_code))] // the listener alone sends them
pub(crate) mod events;
pub mod http;
pub(crate) mod ice_server;
mod response;

pub use http::{HttpRequest, HttpResponse, HttpTarget};
pub use response::Response;
