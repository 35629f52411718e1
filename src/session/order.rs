//! Which leg of a session sends first.
//!
//! Where several slots of a wall begin at once, a picture of each goes before what any of them has to catch up with:
//! all of the wall is there soon, and live a little later. A picture that has begun to leave is finished
//! before it is another leg's turn, and the slot in focus comes first.

use std::iter;
use std::time::Instant;

use super::io::{Io, Tracks, Transmit};
use super::leg::{Burst, Leg, Turn};
use super::transport::Egress;
use super::{Session, earliest};
use crate::media::MediaKind;
use crate::state::StreamId;

/// The leg that sends before others, and the one that goes on after it.
#[derive(Debug, Default)]
pub struct Order {
    first: u16,
    next: u16,
}

impl Order {
    /// This leg sends before others from now on.
    pub fn first(&mut self, place: Option<usize>) {
        self.first = place.map_or(0, |place| place as u16);
    }

    /// Something waits, and this leg was the last to send: the next one has its turn, unless a picture has begun to
    /// leave.
    fn sent(&mut self, last: usize, legs: &[Leg], tracks: &dyn Tracks) {
        let is_amid = |place: usize| {
            let leg = legs.get(place);
            leg.is_some_and(|leg| leg.due().is_some() && leg.is_amid_picture(tracks))
        };
        if !is_amid(self.next.into()) {
            self.next = match is_amid(last) {
                true => last as u16,
                false => ((last + 1) % legs.len()) as u16,
            };
        }
    }

    /// The places of so many legs.
    fn places(&self, legs: usize) -> impl Iterator<Item = usize> + use<> {
        let (first, next) = (usize::from(self.first), usize::from(self.next));
        let others = (next..legs).chain(0..next);
        iter::once(first).chain(others.filter(move |&place| place != first))
    }
}

/// Which legs may send.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    All,
    /// Those for which something waits.
    Waiting,
    /// Those of this kind for which something waits.
    WaitingOf(MediaKind),
    /// Those that are due.
    Due,
    /// Those of this stream, or of its track of this kind.
    Of(StreamId, Option<MediaKind>),
}

/// What came of letting legs send.
struct Pass {
    turn: Turn,
    /// When the first of them is due again.
    due: Option<Instant>,
    /// There was media for one.
    pumped: bool,
    /// The last one that sent something.
    last: Option<usize>,
    /// One has gone on with something else.
    changed: bool,
}

impl Pass {
    fn pump<T: Transmit>(
        &mut self,
        place: usize,
        leg: &mut Leg,
        tracks: &dyn Tracks,
        egress: &mut Egress<'_, T>,
    ) {
        let media = leg.media(tracks);
        if tracks.is_late()
            && let Some(track) = media.and_then(|media| media.track(leg.kind()))
        {
            leg.shed(track.ring(), egress.now());
        }
        let before = leg.sent().packets;
        leg.pump(media, &mut self.turn, egress);
        self.due = earliest(self.due, leg.due());
        self.pumped |= media.is_some();
        self.changed |= leg.has_changed();
        if leg.sent().packets > before {
            self.last = Some(place);
        }
    }

    /// Lets the legs that have yielded go on. While pictures of others wait, they wait with them, and then for a moment in
    /// which the viewer can show all of them.
    fn catch_up<T: Transmit>(
        &mut self,
        legs: &mut [Leg],
        order: &Order,
        burst: &mut Burst,
        tracks: &dyn Tracks,
        egress: &mut Egress<'_, T>,
    ) {
        // What is live and waits for something else takes turns with them.
        let has_picture = |leg: &&Leg| leg.is_joining() || leg.is_amid_picture(tracks);
        let pictures = legs.iter().filter(|leg| !leg.yields()).filter(has_picture);
        let mut until = pictures.filter_map(Leg::due).min();
        if until.is_none() && self.turn.may_rest() {
            let pictures = legs.iter().filter(|leg| leg.yields()).count();
            until = burst.rest(pictures, egress.now());
        }
        self.turn.pictures_have_left();
        for place in order.places(legs.len()) {
            let Some(leg) = legs.get_mut(place).filter(|leg| leg.yields()) else {
                continue;
            };
            match until {
                Some(at) => leg.wait_until(at),
                None => self.pump(place, leg, tracks, egress),
            }
        }
        self.due = legs.iter().filter_map(Leg::due).min();
    }
}

impl Session {
    /// Lets some legs send what they can, and along with it the reports that are due. Returns when
    /// the first of these legs is due again, or any other.
    pub(super) fn pump<T: Transmit>(
        &mut self,
        which: Which,
        io: &mut Io<'_, T>,
    ) -> Option<Instant> {
        let tracks = io.tracks;
        let Some(mut egress) = self.transport.egress(io) else {
            self.legs.iter_mut().for_each(Leg::rest);
            return None;
        };
        let mut pass = Pass {
            turn: match self.showings.len() {
                0 | 1 => Turn::of_one(),
                _ => Turn::of_many(&mut self.burst, egress.now()),
            },
            due: None,
            pumped: false,
            last: None,
            changed: false,
        };
        let now = egress.now();
        let mut visit = |place: usize| {
            if let Some(leg) = self.legs.get_mut(place).filter(|leg| which.means(leg, now)) {
                pass.pump(place, leg, tracks, &mut egress);
            }
        };
        if let Which::Of(stream, _) = which {
            let shown = self.shown.iter().enumerate();
            let places = shown.filter(|(_, shown)| **shown == stream);
            places.for_each(|(place, _)| visit(place));
        } else {
            let legs = self.shown.len();
            self.order.places(legs).for_each(visit);
        }
        if pass.turn.has_yielded() {
            let burst = &mut self.burst;
            pass.catch_up(&mut self.legs, &self.order, burst, tracks, &mut egress);
        }
        self.burst.leave(pass.turn.burst_left());
        self.news |= pass.changed;
        // Where nothing has waited, no other leg has to be looked at.
        self.waits = match self.waits {
            true => self.legs.iter().any(|leg| leg.due().is_some()),
            false => pass.due.is_some(),
        };
        if pass.pumped && !self.waits {
            egress.caught_up();
            pad(&mut self.legs, tracks, &mut egress);
        }
        egress.finish();
        if let Some(last) = pass.last.filter(|_| pass.due.is_some()) {
            self.order.sent(last, &self.legs, tracks);
        }
        // Along with media, so that no thread has to wake up for a report alone.
        if pass.pumped && self.transport.report_is_due(io.now) {
            self.send_reports(io);
        }
        pass.due
    }

    /// Something is due of a leg, perhaps with another stream than before.
    pub(super) fn note_due(&mut self) {
        self.waits = true;
        for (shown, leg) in self.shown.iter_mut().zip(&self.legs) {
            *shown = leg.stream().unwrap_or(StreamId::NONE);
        }
    }
}

impl Which {
    fn means(self, leg: &Leg, now: Instant) -> bool {
        match self {
            Which::All => true,
            Which::Waiting => leg.due().is_some(),
            Which::WaitingOf(kind) => leg.kind() == kind && leg.due().is_some(),
            Which::Due => leg.due().is_some_and(|at| at <= now),
            Which::Of(_, kind) => kind.is_none_or(|kind| leg.kind() == kind),
        }
    }
}

/// Sends padding if it is time to find out whether the path carries more.
fn pad<T: Transmit>(legs: &mut [Leg], tracks: &dyn Tracks, egress: &mut Egress<'_, T>) {
    if !egress.is_paced() {
        return;
    }
    let mut legs = legs.iter_mut().filter(|leg| leg.can_pad());
    let sending = legs.find_map(|leg| {
        let track = leg.track(tracks)?;
        Some((leg, track))
    });
    if let Some((leg, track)) = sending
        && let Some(bytes) = egress.probe_with_padding(leg.gets_less())
    {
        leg.pad(track.ring(), bytes, egress);
    }
}
