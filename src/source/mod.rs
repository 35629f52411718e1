//! Where media comes from.

mod demand;
mod failure;
pub mod push;
mod retry;
mod rtsp;
#[cfg(test)]
mod tests;
mod timeouts;
mod url;

pub use demand::Demand;
pub use rtsp::run;
pub use timeouts::Timeouts;
pub use url::CameraUrl;

use std::time::Duration;

use crate::error::Error;
use crate::media::{AccessUnit, MediaKind, TrackInfo};

/// What a source tells its stream. Calls come from the stream's own worker thread.
pub trait Sink {
    /// An attempt to connect begins.
    fn connecting(&mut self);

    /// Connected, and all that is needed to answer offers is known. Comes once per connection,
    /// before its first access unit; timestamps may restart.
    fn live(&mut self, video: TrackInfo, audio: Option<TrackInfo>);

    /// The camera changed its parameter sets within a connection.
    fn video_changed(&mut self, video: TrackInfo);

    /// An access unit. `lost` counts RTP packets missing before it.
    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32);

    /// The attempt or connection failed; the next attempt begins after `retry_in`, unless the camera
    /// is on demand and nobody wants it by then.
    fn failed(&mut self, error: &Error, retry_in: Duration);

    /// Nobody wants the camera any more: it is disconnected, and connected again, from anew, when
    /// somebody does.
    fn idle(&mut self);
}

/// What a source that the host pushes tells besides.
pub trait PushSink: Sink {
    /// The time line of a track restarts with its next access unit.
    fn restarted(&mut self, kind: MediaKind);

    /// Pictures came that no viewer gets.
    fn dropped(&mut self, pictures: u64);

    /// Nothing more can be shown before the host's encoder makes a keyframe.
    fn keyframe_needed(&mut self);

    /// No picture came for a while.
    fn stalled(&mut self, error: &Error);

    /// Pictures come again.
    fn resumed(&mut self);
}
