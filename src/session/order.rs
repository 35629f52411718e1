//! Which leg of a session sends first.
//!
//! Where several slots of a wall begin at once, a picture of each goes before what any of them has to catch up with:
//! all of the wall is there soon, and live a little later. A picture that has begun to leave is finished
//! before it is another leg's turn, and the slot in focus comes first.

use std::iter;
use std::time::Instant;

use super::io::{Io, Tracks, Transmit};
use super::leg::{Leg, Turn};
use super::transport::Egress;
use super::{Session, earliest};

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

impl Session {
    /// Lets the legs that are due send what they can.
    pub(super) fn pump_due<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let now = io.now;
        self.pump(|leg| leg.due().is_some_and(|at| at <= now), io);
    }

    /// Lets some legs send what they can, and along with it the reports that are due. Returns when
    /// the first of these legs is due again, or any other.
    pub(super) fn pump<T: Transmit>(
        &mut self,
        which: impl Fn(&Leg) -> bool,
        io: &mut Io<'_, T>,
    ) -> Option<Instant> {
        let tracks = io.tracks;
        let Some(mut egress) = self.transport.egress(io) else {
            self.legs.iter_mut().for_each(Leg::rest);
            return None;
        };
        let late = tracks.is_late();
        let mut turn = Turn::new(self.showings.len() > 1);
        let (mut due, mut pumped, mut last) = (None, false, None);
        for place in self.order.places(self.legs.len()) {
            let Some(leg) = self.legs.get_mut(place).filter(|leg| which(leg)) else {
                continue;
            };
            let media = leg.media(tracks);
            if late && let Some(track) = media.and_then(|media| media.track(leg.kind())) {
                leg.shed(track.ring(), egress.now());
            }
            let before = leg.sent().packets;
            leg.pump(media, &mut turn, &mut egress);
            due = earliest(due, leg.due());
            pumped |= media.is_some();
            self.news |= leg.has_changed();
            if leg.sent().packets > before {
                last = Some(place);
            }
        }
        if turn.has_yielded() {
            last = catch_up(&mut self.legs, &self.order, turn, tracks, &mut egress).or(last);
            due = self.legs.iter().filter_map(Leg::due).min();
        }
        if pumped && self.legs.iter().all(|leg| leg.due().is_none()) {
            egress.caught_up();
            pad(&mut self.legs, tracks, &mut egress);
        }
        egress.finish();
        if due.is_some()
            && let Some(last) = last
        {
            self.order.sent(last, &self.legs, tracks);
        }
        // Along with media, so that no thread has to wake up for a report alone.
        if pumped && self.transport.report_is_due(io.now) {
            self.send_reports(io);
        }
        due
    }
}

/// Lets the legs that have yielded go on. While pictures of others wait, they wait with them. Returns the last
/// one that sent something.
fn catch_up<T: Transmit>(
    legs: &mut [Leg],
    order: &Order,
    turn: Turn,
    tracks: &dyn Tracks,
    egress: &mut Egress<'_, T>,
) -> Option<usize> {
    let pictures = legs.iter().filter(|leg| !leg.yields());
    if let Some(at) = pictures.filter_map(Leg::due).min() {
        let yielding = legs.iter_mut().filter(|leg| leg.yields());
        yielding.for_each(|leg| leg.wait_until(at));
        return None;
    }
    let mut turn = turn.of_backlogs();
    let mut last = None;
    for place in order.places(legs.len()) {
        if let Some(leg) = legs.get_mut(place).filter(|leg| leg.yields()) {
            let before = leg.sent().packets;
            leg.pump(leg.media(tracks), &mut turn, egress);
            if leg.sent().packets > before {
                last = Some(place);
            }
        }
    }
    last
}

/// Sends padding if it is time to find out whether the path carries more.
fn pad<T: Transmit>(legs: &mut [Leg], tracks: &dyn Tracks, egress: &mut Egress<'_, T>) {
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
