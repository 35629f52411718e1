//! Media for the host: a recorder gets what a camera sends, without a connection of its own.
//!
//! ```text
//!  worker:       received unit -> frame, once for all sinks of the stream -> queue of each sink
//!  host thread:  queue -> Handle::read_sink
//! ```
//!
//! A sink is behind reception and in front of all that is done for viewers: it gets B-frames, frames
//! with missing parts, and audio as the camera encodes it. The worker never waits for a sink: one whose
//! queue is full loses frames up to the next keyframe. A stream without sinks does no work for them.

mod convert;
mod format;
mod frame;
#[allow(missing_docs)] // nobody but tests reaches it from outside
pub(crate) mod queue;
mod replay;
#[allow(missing_docs)] // as above
pub(crate) mod stream;
#[cfg(test)]
mod tests;

pub use format::SinkFormat;
pub use frame::{SinkFrame, SinkTrack};
pub(crate) use queue::Queue;
pub(crate) use replay::{Newest, keyframe};
pub(crate) use stream::StreamSinks;
