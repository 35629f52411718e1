//! The WHEP protocol: requests in, responses out, no I/O.

pub mod fragment;
pub(crate) mod ice_server;
pub mod offer;
mod response;

pub use response::Response;
