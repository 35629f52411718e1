//! Sound may begin while a viewer watches, and end: what follows from that.

use super::Session;
use super::io::Tracks;
use super::leg::Leg;
use crate::media::{MediaKind, Track};
use crate::state::SessionState;

impl Session {
    /// Whether there is sound that the viewer is sent.
    pub fn has_sound(&self) -> bool {
        self.sound
    }

    /// Whether the viewer is connected and would be sent sound if there were any.
    pub fn hears(&self) -> bool {
        let connected = matches!(
            self.state(),
            SessionState::Connected | SessionState::Disconnected
        );
        connected && self.legs.iter().any(is_audio)
    }

    /// Notes whether there is sound that the viewer can be sent, and returns it: pictures keep step with
    /// it, and its stream is needed for it.
    pub(super) fn note_sound<'t>(&mut self, tracks: &'t dyn Tracks) -> Option<&'t Track> {
        let showing = self.showing.as_mut()?;
        let mut legs = self.legs.iter().filter(|leg| is_audio(leg));
        let sound = legs.find_map(|leg| {
            let track = tracks.media(leg.stream())?.audio?;
            leg.takes(track.info().codec).then_some(track)
        });
        let mut legs = self.legs.iter().filter(|leg| is_audio(leg));
        // A stream that is away may return with the sound that it had.
        let may_return = self.sound && legs.any(|leg| tracks.media(leg.stream()).is_none());
        let has_sound = sound.is_some() || may_return;
        showing.streams_changed |= has_sound != self.sound;
        self.sound = has_sound;
        for leg in &mut self.legs {
            leg.keep_step(has_sound);
        }
        sound
    }
}

pub(super) fn is_audio(leg: &Leg) -> bool {
    leg.kind() == MediaKind::Audio
}
