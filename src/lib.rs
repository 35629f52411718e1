//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod config;
pub mod error;
pub mod events;
pub mod gateway;
pub mod media;
pub mod session;
pub mod source;
pub mod tuning;
pub mod whep;
