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
mod net;
mod notifier;
mod random;
mod registry;
pub mod session;
pub mod source;
mod stream;
pub mod tuning;
pub mod whep;
