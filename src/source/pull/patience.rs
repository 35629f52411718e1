//! How long the camera is waited for.

use std::time::Duration;

use tokio::time::Instant;

use super::Unheard;
use super::attempt::Attempt;
use crate::config::Transport;
use crate::error::Error;
use crate::source::failure;
use crate::source::tracks::Tracks;

/// With [`Transport::Auto`]: a camera that plays and sends no datagrams for this long is asked to send
/// by TCP. By TCP nothing is lost on the way: what begins late begins late in any way.
const SILENT: Duration = Duration::from_secs(4);

/// A deadline that is noticed so much later says nothing of the camera.
const LATE: Duration = Duration::from_secs(1);

impl Attempt<'_> {
    pub(super) fn next_deadline(&self) -> Instant {
        let client = self.client.next_deadline().map(Instant::from_std);
        let tracks = self.tracks.as_ref().and_then(Tracks::next_deadline);
        let tracks = tracks.map(Instant::from_std);
        let patience = self.patience();
        [client, tracks]
            .into_iter()
            .flatten()
            .fold(patience, Instant::min)
    }

    /// Until when the camera is waited for; a moment longer if it went by unnoticed.
    fn patience(&self) -> Instant {
        let pardoned = self.pardoned.map(|at| at + LATE);
        let patience = self.unpardoned();
        pardoned.map_or(patience, |pardoned| pardoned.max(patience))
    }

    fn unpardoned(&self) -> Instant {
        let timeouts = &self.camera.config.timeouts;
        let Some(playing) = self.playing else {
            return self.begun + timeouts.connect;
        };
        match self.tracks.as_ref().and_then(Tracks::frames) {
            Some((first, last)) => {
                let idle = Instant::from_std(last) + timeouts.idle;
                let sets = Instant::from_std(first) + timeouts.parameter_sets;
                let live = self.tracks.as_ref().and_then(Tracks::live_since);
                live.map_or(idle.min(sets), |_| idle)
            }
            None => playing + self.first_wait(),
        }
    }

    /// How long the first frame is waited for.
    fn first_wait(&self) -> Duration {
        let idle = self.camera.config.timeouts.idle;
        match (self.camera.config.transport, self.transport) {
            (Transport::Auto, Transport::Udp | Transport::Multicast) => idle.min(SILENT),
            _ => idle,
        }
    }

    /// Why the camera is no longer waited for.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Error> {
        let config = &self.camera.config;
        let timeouts = &config.timeouts;
        let patience = self.patience();
        if patience > now {
            return None;
        }
        if now - patience > LATE {
            // The process was stopped, or the machine asleep: what waits is read first.
            self.pardoned = Some(now);
            return None;
        }
        if self.playing.is_none() {
            return Some(match self.client.misbehaved() {
                Some(failure) => self.failed(failure),
                None => failure::connect_timeout(&config.url, timeouts.connect),
            });
        }
        let tracks = self.tracks.as_ref();
        let last = tracks
            .and_then(Tracks::frames)
            .map(|(_, last)| Instant::from_std(last));
        Some(match last {
            Some(last) if last + timeouts.idle > now => {
                failure::no_parameter_sets(&config.url, timeouts.parameter_sets)
            }
            _ => {
                let has_video = tracks.is_none_or(Tracks::has_video);
                let waited = last.map_or(self.first_wait(), |_| timeouts.idle);
                self.unheard = last.is_none().then_some(Unheard::Silent(waited));
                failure::stalled(&config.url, waited, has_video)
            }
        })
    }
}
