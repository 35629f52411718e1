//! An embeddable gateway from RTSP cameras to WebRTC viewers (WHEP).
//!
//! A host (a video recorder, a video management system) adds its cameras and passes in the offers
//! of its viewers' browsers. The gateway answers the offers and owns everything in between: RTSP,
//! RTP, packetizing, SRTP, pacing, retransmission, ICE and DTLS. It runs on its own threads. Most
//! hosts use it through its C ABI (`include/rtsp_webrtc_gateway.h`, generated from `src/ffi`); this
//! crate is the same API in safe Rust.
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
//! # The path of a video frame
//!
//! ```text
//!  camera --RTSP--> source --> track: packetizer --> ring ------> session A: seal --+
//!                              (once per stream)     shared by    session B: seal --+--> UDP GSO
//!                                                    all viewers  session C: seal --+    one port
//!  host --handle_whep_offer--> whep --> session: answer, ICE, DTLS ----> becomes a viewer
//!  browser --STUN, DTLS, RTCP--> receiver --> the worker that owns the session
//! ```
//!
//! * A source delivers access units: the complete data of one video frame. It is a camera, or the
//!   host itself, which [pushes](Handle::push_video) the frames of its own encoder or pipeline at
//!   the cost of one more copy and a bounded queue.
//! * The stream's track turns each access unit into RTP payloads, once, and keeps them in a ring.
//!   The ring serves live sending, the instant start of late joiners (from the last keyframe) and
//!   retransmission. A viewer stores no payload, only its position in the ring.
//! * A session is one viewer. For each access unit it writes its own RTP headers and seals the
//!   shared payloads straight into the worker's send buffer. One system call sends them all (UDP
//!   generic segmentation offload).
//! * A worker is a thread that owns streams with everything that belongs to them. Between "access
//!   unit complete" and "datagrams handed to the kernel" there is no lock, no channel and no
//!   wake-up. Streams are spread over the workers.
//!
//! `docs/architecture.md` follows a frame, an offer, a datagram and a knob through the files.
//!
//! # Which module does what
//!
//! From the top down. A module uses those in the last column and no others;
//! `tests/consistency/module_table.rs` compares the table with the code.
//!
//! | module | contents | uses |
//! |---|---|---|
//! | `ffi` | the C ABI: converts and calls [`gateway`], no logic | config crypto error events gateway ids media sinks state tuning whep |
//! | `http` | the HTTP listener and its pages | config error events gateway limit net sdp whep |
//! | [`gateway`] | the API: [`Gateway`] owns the threads, [`Handle`] has the calls | config error events ids limit media net random sdp session sinks source state stats stun system tuning wall whep whip worker |
//! | `worker` | the engine: threads that own streams and sessions and move media between them | budget config error events ids limit media net random sdp session sinks source state stats stun tuning wall whep whip |
//! | [`whep`] | the WHEP protocol: requests in, responses out; knows no web server | config error events sdp state wall |
//! | `whip` | streams that go to media servers: where to, what the server says, when to try again; knows no session | config error events source state |
//! | `wall` | the messages of walls: what slots are to show, and what they do; knows no session | error media state |
//! | `session` | one viewer: ICE, DTLS, SRTP, RTCP, pacing; knows no socket and no clock | crypto error media sdp state stun tuning |
//! | `sdp` | offers, answers and fragments | error media |
//! | [`sinks`] | media for the host: frames of a stream, queued until they are read | config error limit media source state |
//! | `source` | where media comes from: a camera and its retries, or the host; knows no viewers | budget config error media random state system |
//! | `stats` | figures: costs, latency, totals; written as JSON and Prometheus text | crypto error media state stun tuning |
//! | `stun` | the addresses that a NAT gives the gateway; knows no socket and no clock | crypto error sdp |
//! | `net` | the socket, connections and the interface addresses; knows no protocols but TLS | budget error system tuning |
//! | [`config`] | what the host passes in | error events media state tuning |
//! | [`events`] | what the host is notified of, and the thread that does it | error limit state |
//! | [`state`] | ids, states, and the info structs of streams and sessions | error media |
//! | `media` | codecs, packetizer, ring, clock; knows no sessions | |
//! | [`tuning`] | the knobs | error |
//! | `crypto` | AES in counter mode, and what `rtc` needs of AWS-LC; whether that is the FIPS module | |
//! | `random`, `limit` | random numbers; limits on operations in progress and on what is logged | error |
//! | `system` | calls of the system that no crate makes in safe Rust | |
//! | `budget` | what an owner of work may do before the others have their turn | |
//! | [`error`], `ids` | status and message of a failure; unique numbers | |
//!
//! `media`, `sdp`, `session` and [`whep`] are sans-I/O: time, bytes and events are arguments, and
//! results say what to send and when to call again. So loss, reordering, pacing and timeouts are
//! tested without sleeping, over a simulated network (`tests/scenarios`).
//!
//! # Errors and bugs
//!
//! Input from a camera, a browser, the network or the host causes an [`error::Error`] at worst: a
//! status, and a message that says what happened and what to do. A panic is a bug. It costs the
//! stream or the session that it happened in, and no other.
#![warn(missing_docs)]
// A bug is an error, not a panic, wherever it can be foreseen; and a library has no terminal.
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)
)]
// Docs of items that only tests reach (`internals`) may link to items that tests do not reach.
#![allow(rustdoc::private_intra_doc_links)]

mod budget;
pub mod config;
mod crypto;
pub mod error;
pub mod events;
#[allow(unsafe_code)] // the only module that handles raw pointers
mod ffi;
pub mod gateway;
mod http;
mod ids;
#[doc(hidden)]
pub mod internals;
mod limit;
mod media;
mod net;
mod random;
mod sdp;
mod session;
pub mod sinks;
mod source;
pub mod state;
mod stats;
mod stun;
#[allow(unsafe_code)] // in the folder of what is unsafe; those that use it are below the rest of that
#[path = "ffi/system.rs"]
mod system;
#[cfg(any(test, feature = "test-panic"))]
mod test_panic;
pub mod tuning;
mod wall;
pub mod whep;
mod whip;
mod worker;

pub use config::{Config, OutputOptions, PullOptions, PushOptions, SinkOptions, WhepOffer};
pub use crypto::VERSION;
pub use error::{Error, Result, Status};
pub use events::Events;
pub use gateway::{Gateway, Handle};
pub use media::Codec;
pub use state::{
    OutputId, OutputInfo, OutputState, SessionId, SessionInfo, SessionState, SinkId, SinkInfo,
    SrtpProfile, StreamId, StreamInfo, StreamState, ViewerLimits,
};
pub use tuning::Key;
