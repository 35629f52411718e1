//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
//!
//! A host - an NVR, a video management system - adds its cameras and passes in the offers of its
//! viewers' browsers. The gateway answers the offers and owns everything between: RTSP, RTP,
//! packetizing, SRTP, pacing, retransmission, ICE and DTLS. It runs on threads of its own. Most
//! hosts use it through its C ABI (`include/rtsp_webrtc_gateway.h`, written by `src/ffi`); this
//! crate is the same in safe Rust.
//!
//! ```no_run
//! use rtsp_webrtc_gateway::{Config, Gateway, PullOptions, WhepOffer};
//!
//! # fn main() -> rtsp_webrtc_gateway::Result<()> {
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
//! * A `source` delivers access units: the complete bits of one picture.
//!   It is a camera, or the host itself, which [pushes](Handle::push_video) what its own
//!   encoder or pipeline makes: that costs one copy and a bounded queue more.
//! * The stream's track turns each into RTP payloads, once, and keeps them in a
//!   ring. The ring serves live sending, the instant start of late joiners (from
//!   the last keyframe) and retransmission. A viewer stores no payload: it stores where it is.
//! * A session is one viewer. For each access unit it writes its own RTP
//!   headers and seals the shared payloads straight into the worker's send buffer, from where one
//!   system call sends them all (UDP generic segmentation offload).
//! * A worker is a thread that owns streams with everything that belongs to them, so between
//!   "access unit complete" and "datagrams handed to the kernel" there is no lock, no channel and
//!   no wake-up. Streams are spread over the workers.
//!
//! # Which module does what
//!
//! From the top down; a module uses those in the last column and no other (`tests/module_table.rs`
//! holds this table to the code).
//!
//! | module | what it is | uses |
//! |---|---|---|
//! | `ffi` | the C ABI: converts and calls [`gateway`], no logic | config error events gateway media state tuning whep |
//! | `http` | the HTTP listener and its pages | config error events gateway sdp whep |
//! | [`gateway`] | the API: [`Gateway`] owns the threads, [`Handle`] has the calls | config error events ids media net sdp session source state stats tuning whep worker |
//! | `worker` | the engine: threads that own streams and sessions, and move media between them | config error events ids media net random sdp session source state stats tuning whep |
//! | [`whep`] | the protocol: requests in, responses out; knows no web server | config error events sdp state |
//! | `session` | one viewer: ICE, DTLS, SRTP, RTCP, pacing; knows no socket and no clock | error media sdp state tuning |
//! | `sdp` | offers, answers and fragments | error media |
//! | `source` | where media comes from: a camera and its retries, or the host; knows no viewers | config error media state |
//! | `stats` | what is counted and measured, in JSON and for Prometheus | error media state tuning |
//! | `net` | the socket and the interface addresses; knows no protocols | error tuning |
//! | [`config`] | what the host passes in | events media tuning |
//! | [`events`] | what the host is told, and the thread that tells it | error state |
//! | [`state`] | ids, states, and how a stream or session is at one moment | error media |
//! | `media` | what media is: codecs, packetizer, ring, clock; knows no sessions | |
//! | [`tuning`] | the knobs | error |
//! | `random` | unpredictable numbers | error |
//! | [`error`], `ids` | status and sentence of a failure; numbers used once | |
//!
//! `media`, `sdp`, `session` and [`whep`] do no I/O: time, bytes and events come in as arguments, and
//! go out as results. That is why loss, reordering, pacing and timeouts are tested without sleeping,
//! over a simulated network (`tests/scenarios`).
//!
//! # Errors and bugs
//!
//! Whatever a camera, a browser, the network or the host sends is an [`error::Error`] at worst: a
//! status, and a sentence that says what happened and what to do. A panic is a bug; it costs the
//! stream or the session that it happened in, and no other.
#![deny(missing_docs)]
// The docs of what only tests reach (`internals`) may name what they do not.
#![allow(rustdoc::private_intra_doc_links)]
#![deny(unsafe_code)]

pub mod config;
pub mod error;
pub mod events;
#[allow(unsafe_code)] // the one place where pointers come in
mod ffi;
pub mod gateway;
mod http;
mod ids;
#[doc(hidden)]
pub mod internals;
mod media;
mod net;
mod random;
mod sdp;
mod session;
mod source;
pub mod state;
mod stats;
#[cfg(any(test, feature = "test-panic"))]
mod test_panic;
pub mod tuning;
pub mod whep;
mod worker;

pub use config::{Config, PullOptions, PushOptions, WhepOffer};
pub use error::{Error, Result, Status};
pub use events::Events;
pub use gateway::{Gateway, Handle};
pub use media::Codec;
pub use state::{
    SessionId, SessionInfo, SessionState, SrtpProfile, StreamId, StreamInfo, StreamState,
};
pub use tuning::Key;
