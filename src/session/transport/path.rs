//! Which way media goes, and what is known of it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::opening::Opening;
use super::phase::Phase;
use super::{Received, Transport, liveness};
use crate::session::estimate::TransportFeedback;
use crate::session::io::Remote;

/// The memory of paths, which all workers share, is told of a path this often.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);

/// After a move, what was lost longer ago is not sent again: a keyframe is sooner there.
const REPEATED: Duration = Duration::from_secs(1);

impl Transport {
    /// Media may flow as soon as there are keys and an answer to a check of ours: measures the path that it takes from
    /// then on, whichever the keys came by.
    pub(super) fn measure(&mut self, now: Instant) {
        if let Phase::Up(_) = self.phase
            && let Some(path) = self.ice.selected()
            && let Some(time) = self.answer_time
            && let Some(pacer) = &mut self.pacer
            && let Some(limits) = self.congestion
        {
            let address = path.remote.address().ip();
            let remembered = self.paths.recall(now, address);
            let opening = Opening::new(now, time, remembered);
            let neighbor = self.paths.join(now, address);
            pacer.measure(now, limits, self.transport_cc, opening, neighbor);
            self.joined = Some(address);
        }
    }

    /// Perhaps media goes over a connection from now on, or no longer: what was measured says nothing any more. Or it goes
    /// to another address, where others are.
    pub(super) fn follow_path(&mut self, now: Instant) {
        let Some(path) = self.ice.selected() else {
            return;
        };
        match (path.remote.connection(), &self.backlog) {
            (None, Some(_)) => {
                self.backlog = None;
                self.measure(now);
            }
            (Some(_), None) => self.backlog = Some(Box::default()),
            _ => {}
        }
        let address = path.remote.address().ip();
        match (self.joined, &mut self.pacer) {
            // There were keys before there was a path.
            (None, _) => self.measure(now),
            (Some(joined), Some(pacer)) if joined != address => {
                self.joined = Some(address);
                pacer.join(self.paths.join(now, address));
            }
            _ => {}
        }
    }

    /// A connection has ended. Media goes another way if there is one that is proven.
    pub fn lost(&mut self, remote: Remote, now: Instant) -> Received {
        let was = self.ice.selected();
        self.ice.lost(now, remote);
        self.follow_path(now);
        match self.ice.proven(now) {
            Some(path) if Some(path) != was => Received::Proven,
            _ => Received::Nothing,
        }
    }

    /// The host's addresses have changed, and these are gone. If media left from one of them, it goes another way if one
    /// is proven; until one is, the session counts as disconnected.
    pub fn host_changed(&mut self, gone: &[IpAddr], now: Instant) -> Received {
        let lost_since = self.lost_since(now);
        if !self.ice.host_changed(now, gone) {
            return Received::Nothing;
        }
        self.follow_path(now);
        match self.ice.gone() {
            None => Received::Moved(lost_since),
            Some(gone) => {
                self.quiet(Some(liveness::address_gone(gone)));
                Received::Nothing
            }
        }
    }

    /// What left since then is lost if the viewer is no longer where media goes: it may have gone right
    /// after we heard it there last, which takes half a round trip, as does what is on its way there.
    pub(super) fn lost_since(&self, now: Instant) -> Instant {
        let heard = match &self.phase {
            Phase::Up(up) => up.heard,
            _ => now,
        };
        let lost = heard.checked_sub(self.round_trip.unwrap_or_default());
        lost.max(now.checked_sub(REPEATED)).unwrap_or(now)
    }

    /// A report block named one of our sender reports.
    pub fn note_report(&mut self, now: Instant, last_sr: u32, delay: u32) {
        if let Some(round_trip) = self.reports.round_trip(now, last_sr, delay) {
            self.round_trip = Some(round_trip);
            // What is said of a report once more says nothing of the path as it is now.
            if std::mem::replace(&mut self.reported, last_sr) != last_sr
                && let Some(pacer) = &mut self.pacer
            {
                pacer.round_trip_seen(now, round_trip);
            }
        }
        if self.noted.is_none_or(|at| now >= at + NOTE_INTERVAL) {
            let measured = self.estimate().filter(|_| self.transport_cc);
            if let (Some(rate), Some(Remote::Udp(address) | Remote::Own(address, _))) =
                (measured, self.remote())
            {
                self.paths.note(now, address.ip(), rate);
                self.noted = Some(now);
            }
        }
    }

    /// The viewer lost this much video since its last report, in 1/256.
    pub fn note_loss(&mut self, now: Instant, fraction: u8) {
        if let Some(pacer) = &mut self.pacer {
            pacer.report(now, fraction, self.round_trip);
        }
    }

    /// The viewer asks for lost packets.
    pub fn note_nack(&mut self, now: Instant) {
        if let Some(pacer) = &mut self.pacer {
            pacer.loss_seen(now);
        }
    }

    /// Transport-wide feedback has come.
    pub fn note_arrivals(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        if let Some(pacer) = &mut self.pacer {
            pacer.arrivals(now, feedback);
        }
    }
}
