//! Sound may begin while a viewer watches, and end: what follows from that.

use super::Session;
use super::io::Tracks;
use super::leg::Leg;
use crate::media::{MediaKind, Track};
use crate::state::{SessionState, StreamId};

impl Session {
    /// Whether there is sound that the viewer is sent.
    pub fn has_sound(&self) -> bool {
        self.legs.iter().any(Leg::has_sound)
    }

    /// Whether the viewer is connected and would be sent the sound of this stream if there were any.
    pub fn hears(&self, stream: StreamId) -> bool {
        let connected = matches!(
            self.state(),
            SessionState::Connected | SessionState::Disconnected
        );
        let heard = |leg: &Leg| is_audio(leg) && leg.stream() == Some(stream);
        connected && self.legs.iter().any(heard)
    }

    /// Notes whether there is sound that the viewer can be sent: the pictures of its stream keep step with it, and
    /// its stream is needed for it.
    pub(super) fn note_sound(&mut self, tracks: &dyn Tracks) {
        for leg in self.legs.iter_mut().filter(|leg| is_audio(leg)) {
            let there = is_there(leg, tracks);
            self.streams_changed |= leg.note_sound(there);
        }
        for showing in &self.showings {
            let own = showing.own();
            let mut legs = self.legs.iter();
            let with_sound = legs.any(|leg| leg.has_sound() && leg.stream() == own);
            self.legs[showing.leg].keep_step(with_sound);
        }
    }
}

/// Whether there is sound that this leg can send.
fn is_there(leg: &Leg, tracks: &dyn Tracks) -> bool {
    match leg.media(tracks) {
        Some(media) => media
            .audio
            .is_some_and(|track| leg.takes(track.info().codec)),
        // A stream that is away may return with the sound that it had.
        None => leg.has_sound() && leg.stream().is_some(),
    }
}

/// Whether sound has begun, or ended, since it was noted.
pub(super) fn has_changed(legs: &[Leg], tracks: &dyn Tracks) -> bool {
    let mut legs = legs.iter().filter(|leg| is_audio(leg));
    legs.any(|leg| leg.has_sound() != is_there(leg, tracks))
}

/// The sound of a stream that the viewer is sent.
pub(super) fn sound_of<'t>(
    legs: &[Leg],
    stream: StreamId,
    tracks: &'t dyn Tracks,
) -> Option<&'t Track> {
    let mut legs = legs
        .iter()
        .filter(|leg| is_audio(leg) && leg.stream() == Some(stream));
    legs.find_map(|leg| {
        let track = leg.track(tracks)?;
        leg.takes(track.info().codec).then_some(track)
    })
}

pub(super) fn is_audio(leg: &Leg) -> bool {
    leg.kind() == MediaKind::Audio
}
