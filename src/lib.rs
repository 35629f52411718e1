//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod config;
pub mod error;
pub mod events;
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
