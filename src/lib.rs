//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
//!
//! A host - an NVR, a video management system - adds its cameras and passes in the offers of its
//! viewers' browsers. The gateway answers the offers and owns everything between: RTSP, RTP,
//! packetising, SRTP, pacing, retransmission, ICE and DTLS. It runs on threads of its own. Most
//! hosts use it through its C ABI (`include/rtsp_webrtc_gateway.h`, written by `src/ffi`); this
//! crate is the same in safe Rust.
//!
//! ```no_run
//! use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
//! use rtsp_webrtc_gateway::gateway::Gateway;
//!
//! # fn main() -> rtsp_webrtc_gateway::error::Result<()> {
//! # let body: &[u8] = &[];
//! let gateway = Gateway::new(Config::default())?;
//! gateway.add_stream("door", PullOptions {
//!     url: "rtsp://admin:secret@192.0.2.7/stream1".to_owned(),
//!     ..PullOptions::default()
//! })?;
//! // For each POST /door/whep that the host's web server gets:
//! let response = gateway.handle_whep_offer(&WhepOffer {
//!     stream: "door",
//!     sdp: body,
//!     location_prefix: Some("/door/whep/"),
//!     ..WhepOffer::default()
//! })?;
//! // Answer with response.status, response.headers and response.body.
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a picture
//!
//! ```text
//!  camera --RTSP--> source --> track: packetizer --> ring ------> session A: seal --+
//!                              (once per stream)     shared by    session B: seal --+--> UDP GSO
//!                                                    all viewers  session C: seal --+    one port
//!  host --handle_whep_offer--> whep --> session: answer, ICE, DTLS ----> becomes a viewer
//!  browser --STUN, DTLS, RTCP--> receiver --> the worker that owns the session
//! ```
//!
//! * A [`source`] delivers [access units](media::AccessUnit): the complete bits of one picture.
//!   It is a camera, or the host itself, which [pushes](gateway::Gateway::push_video) what its own
//!   encoder or pipeline makes: that costs one copy and a bounded queue more.
//! * The stream's [track](media::Track) turns each into RTP payloads, once, and keeps them in a
//!   [ring](media::Ring). The ring serves live sending, the instant start of late joiners (from
//!   the last keyframe) and retransmission. A viewer stores no payload: it stores where it is.
//! * A [session](session::Session) is one viewer. For each access unit it writes its own RTP
//!   headers and seals the shared payloads straight into the worker's send buffer, from where one
//!   system call sends them all (UDP generic segmentation offload).
//! * A worker is a thread that owns streams with everything that belongs to them, so between
//!   "access unit complete" and "datagrams handed to the kernel" there is no lock, no channel and
//!   no wake-up. Streams are spread over the workers.
//!
//! # Which module does what
//!
//! | module | what it is | what it does not know |
//! |---|---|---|
//! | [`gateway`] | the API: streams, sessions, knobs, shutdown | media |
//! | [`config`], [`tuning`], [`state`], [`error`], [`events`] | what goes in and comes out | |
//! | [`source`] | where media comes from: RTSP and its retries, or the host | viewers |
//! | [`media`] | what media is: codecs, packetizer, ring, clock | sessions |
//! | [`session`] | one viewer: answer, ICE, DTLS, SRTP, RTCP, pacing | sockets, clocks |
//! | [`whep`] | the protocol: offer in, response out | web servers |
//! | `net` | threads, the socket, demultiplexing | protocols |
//! | `figures` | what is counted and measured; `metrics` says it to Prometheus, `snapshot` in JSON | |
//! | `ffi` | the C ABI: converts and calls [`gateway`] | logic |
//!
//! Everything in [`media`], [`session`] and [`whep`] does no I/O: time, bytes and events come in
//! as arguments, and go out as results. That is why loss, reordering, pacing and timeouts are
//! tested without sleeping, over a simulated network (`tests/scenarios`).
//!
//! # Errors and bugs
//!
//! Whatever a camera, a browser, the network or the host sends is an [`error::Error`] at worst: a
//! status, and a sentence that says what happened and what to do. A panic is a bug; it costs the
//! stream or the session that it happened in, and no other.
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod authority;
pub mod config;
pub mod error;
pub mod events;
#[allow(unsafe_code)] // the one place where pointers come in
mod ffi;
mod figures;
pub mod gateway;
#[cfg(feature = "http")]
mod http;
mod ids;
pub mod media;
mod metrics;
mod net;
mod notifier;
mod operations;
mod random;
mod registry;
pub mod session;
mod snapshot;
pub mod source;
pub mod state;
mod stream;
#[cfg(any(test, feature = "test-panic"))]
mod test_panic;
pub mod tuning;
pub mod whep;
