//! Media that the host pushes.
//!
//! ```text
//!  host thread:   push -> classify -> room in the queue? -> copy, start codes become lengths
//!  worker:        queue, in batches -> decodable? -> the stream's track
//! ```
//!
//! A pushed frame is copied at most once before it is packetized. Buffers are exchanged between host
//! and worker, so nothing is allocated in steady state.

mod bitstream;
mod codec_config;
mod feed;
mod queue;
mod run;
#[cfg(test)]
mod tests;

pub use feed::{Feed, feed};
pub use queue::Receiver;
pub use run::run;
