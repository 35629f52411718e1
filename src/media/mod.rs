//! Media: codecs, access units, RTP payloads, and the ring that viewers read from.
//!
//! Nothing here knows about viewers, sockets or clocks: time is an argument.

mod access_unit;
pub mod av1;
pub(crate) mod bits;
mod chunks;
mod clock;
mod codec;
mod copies;
pub mod h264;
pub mod h265;
pub mod nal;
mod packetizer;
mod parameter_sets;
mod pool;
mod rate;
mod ring;
#[cfg(test)]
pub(crate) mod testing;
mod track;

pub use access_unit::AccessUnit;
pub use clock::MediaClock;
pub use codec::{Codec, MediaKind, TrackInfo};
pub use copies::{TrackCopy, UnitCopy};
pub use packetizer::{MAX_PAYLOAD, SMALL_PAYLOAD, is_keyframe};
pub use parameter_sets::{Found, ParameterSets};
pub use rate::{RateMeter, StreamRate};
pub use ring::{Packet, Ring, RingLimits};
pub use track::Track;
