//! The WHEP protocol: requests in, responses out, no I/O.

pub mod fragment;
pub mod http;
pub(crate) mod ice_server;
pub mod offer;
mod response;

pub use http::{HttpRequest, HttpResponse};
pub use response::Response;
