//! Media that the host pushes.
//!
//! ```text
//!  host thread:   push -> look at it -> room in the queue? -> copy, with lengths for start codes
//!  worker:        queue, a batch at a time -> is it decodable? -> the stream's track
//! ```
//!
//! A pushed frame is copied at most once before it is packetized. Buffers go back and forth
//! between host and worker, so in steady state nothing is allocated.

mod bitstream;
mod depacketizer;
mod feed;
mod queue;
mod rtp;
mod run;
#[cfg(test)]
mod tests;

pub use feed::{Feed, feed};
pub use queue::Receiver;
pub use run::run;
