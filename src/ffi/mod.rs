//! The C ABI: converts, calls the safe API, converts back. No logic.
//!
//! One file per section of the header, which cbindgen writes from their comments and signatures:
//! the documentation of `pub` items in them is written for C. build.rs has their order, and
//! preamble.h.in the head of the header. `convert` and `guard` are what they share.
#![allow(non_camel_case_types)] // names are those of the header
#![allow(clippy::missing_safety_doc)] // the header's conventions are the contract
#![warn(clippy::undocumented_unsafe_blocks)]

mod authorize;
mod convert;
mod descriptor;
mod events;
mod gateway;
mod guard;
mod handle;
mod http;
mod ice_server;
mod log;
mod metrics;
mod output;
mod push;
mod quality;
mod session;
mod signals;
mod sink;
mod status;
mod stream;
mod table;
mod tuning;
mod user_data;
mod version;
mod wall;
mod whep;

#[cfg(test)]
mod tests;
