//! The RTSP client (RFC 2326), without I/O: bytes, time and events in and out.
//!
//! ```text
//!  bytes ─► client ─┬─► packets of tracks (interleaved)
//!                   ├─► message ─► requests (matching, auth) ─► state: DESCRIBE, SETUP, PLAY, keep-alive
//!                   └─► sdp, transport, control: what a camera says, as leniently as it needs
//! ```
//!
//! Lenient in grammar, strict in sizes: each buffer and each list has a limit, and what is beyond it
//! ends the attempt. What was forgiven is counted as a [`Quirk`](crate::source::Quirk).

mod auth;
mod channels;
mod client;
mod control;
mod keep_alive;
mod message;
mod requests;
mod sdp;
#[cfg(test)]
mod tests;
mod transport;

pub use auth::{Authenticator, Challenge, base64};
pub use client::{Client, Event, Failure, Wanted};
pub use message::{Head, Start, head_len};
pub use sdp::{Description, Track};
pub use transport::{Answer, Lower};
