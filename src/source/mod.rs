//! Where media comes from.

pub mod audio;
mod camera;
#[allow(missing_docs)] // nobody but tests reaches it from outside
mod choice;
mod demand;
mod failure;
mod learned;
mod pull;
pub mod push;
#[allow(missing_docs)] // as above
mod quirks;
mod retry;
#[allow(missing_docs)] // as above
pub mod rtp;
#[allow(missing_docs)] // as above
pub mod rtsp;
#[cfg(test)]
mod tests;
mod timeouts;
#[allow(missing_docs)] // as above
mod tracks;
#[allow(missing_docs)] // as above
mod url;
pub mod video;
mod waiting;
#[allow(missing_docs)] // as above
pub mod wire;

pub use camera::CameraConfig;
pub use choice::Choice;
pub use demand::Demand;
pub use pull::run;
pub use quirks::{Quirk, Quirks};
pub use retry::{Backoff, Ended};
pub use rtsp::base64;
pub use timeouts::Timeouts;
pub use tracks::{REORDER, Tracks};
pub use url::CameraUrl;
pub use wire::{Endpoint, NoTls, NotTrusted, Reach, Trust, encrypt, lookup, open};

use std::time::{Duration, Instant};

use crate::budget::Allowance;
use crate::error::Error;
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::state::Warning;

/// What a source does before others have their turn: 20 ms of a camera of 50 Mbit/s, or the smallest
/// packets that there are for a millisecond.
pub const TURN: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 1024,
    bytes: 128 << 10,
};

/// A unit of a track as it was received, before anything of it is left out or converted for viewers.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// What the track carries.
    pub format: &'a rtp::Format,
    /// Its data, with a timestamp in units of the format's clock rate.
    pub unit: AccessUnit<'a>,
    /// RTP packets missing before it or in it.
    pub lost: u32,
    /// Parts of it are missing.
    pub damaged: bool,
    /// The timeline of the track restarts with it.
    pub restarts: bool,
}

/// What a source reports to its stream. Called on the stream's own worker thread.
pub trait Sink {
    /// An attempt to connect starts.
    fn connecting(&mut self);

    /// Connected, and everything needed to answer offers is known. Called once per connection,
    /// before its first access unit. Timestamps may restart. One of the two is there.
    fn live(&mut self, video: Option<TrackInfo>, audio: Option<TrackInfo>);

    /// Whether a viewer is sent the audio: if none is, there is no need to make any.
    fn is_heard(&self) -> bool;

    /// How long sound beside video may wait for more of it.
    fn audio_hold(&self) -> Duration {
        Duration::ZERO
    }

    /// The camera changed its parameter sets within a connection.
    fn video_changed(&mut self, video: TrackInfo);

    /// An access unit. `lost` is the number of RTP packets missing before it.
    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32);

    /// The same, and another follows at once: they may leave together.
    fn media_and_more(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        self.media(kind, unit, lost);
    }

    /// Everything that was received of any track, for the host's recorders. Called once for each unit,
    /// right after what the unit gave rise to.
    fn received(&mut self, arrival: &Arrival<'_>) {
        let _ = arrival;
    }

    /// Something that the camera got wrong was forgiven so many times.
    fn forgave(&mut self, quirk: Quirk, times: u32);

    /// A keyframe that the source made itself, because the camera sends none. It is for viewers who begin
    /// with the access unit of video that follows at once.
    fn opening(&mut self, unit: &AccessUnit<'_>);

    /// Whether viewers are shown frames with missing parts.
    fn shows_damaged(&self) -> bool;

    /// Video frames arrived that are not sent to any viewer.
    fn dropped(&mut self, frames: u64);

    /// What is wrong with a track of the stream, which stays live; `None`: nothing any more. It ends
    /// with the connection.
    fn warn(&mut self, kind: MediaKind, warning: Option<Warning>);

    /// The attempt or the connection failed. The next attempt starts after `retry_in`, unless the
    /// camera is on demand and not wanted by then.
    fn failed(&mut self, error: &Error, retry_in: Duration);

    /// The camera is on demand and no longer wanted: it is disconnected until it is.
    fn idle(&mut self);

    /// A turn of the source took all of its budget, and there is more to do. Returns what the next turn
    /// may take.
    fn overran(&mut self, began: Instant) -> Allowance {
        let _ = began;
        TURN
    }

    /// Whether the source has taken more than its share of the worker for so long that it is to be given
    /// up.
    fn exceeds_share(&mut self) -> bool {
        false
    }
}

/// What a pushed source reports in addition.
pub trait PushSink: Sink {
    /// The timeline of a track restarts with its next access unit.
    fn restarted(&mut self, kind: MediaKind);

    /// What is pushed cannot be decoded from its beginning on.
    fn undecodable(&mut self, error: &Error);

    /// Viewers cannot decode anything until the host's encoder makes a keyframe.
    fn keyframe_needed(&mut self);

    /// What the host pushes has taken more than the stream's share of the worker for seconds. It is taken no
    /// faster than its share allows.
    fn over_share(&mut self);

    /// No video frame arrived for a while.
    fn stalled(&mut self, error: &Error);

    /// Video frames arrive again.
    fn resumed(&mut self);
}
