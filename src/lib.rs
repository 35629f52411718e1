//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod config;
pub mod error;
pub mod events;
#[allow(unsafe_code)] // the one place where pointers come in
mod ffi;
pub mod gateway;
pub mod media;
pub mod session;
pub mod source;
pub mod tuning;
pub mod whep;
