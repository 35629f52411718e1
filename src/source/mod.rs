//! Where media comes from.

mod failure;
mod retry;
mod rtsp;
#[cfg(test)]
mod tests;
mod url;

pub use rtsp::run;
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

    /// The attempt or connection failed; the next attempt begins after `retry_in`.
    fn failed(&mut self, error: &Error, retry_in: Duration);
}
