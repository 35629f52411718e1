//! Takes what the viewer says in RTCP from the transport to the legs.

use std::time::Instant;

use super::Session;
use super::io::{Io, Transmit};
use super::leg::Leg;
use super::order::Which;
use super::rtcp::{self, Feedback};
use crate::media::MediaKind;

/// What a viewer may say at once, and per second, counted in packets that its feedback speaks of: several
/// times what it can be sent. More takes the worker's time from others, and is not read.
const MOST: u32 = 16_384;
const PER_SECOND: u64 = 50_000;
/// What else an item of feedback costs, as a number of those, and each packet that is asked for again.
const ITEM: u32 = 16;
const REPEAT: u32 = 8;

/// What a viewer may still say.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    spent: u32,
    at: Option<Instant>,
}

impl Allowance {
    /// Whether there is any left.
    fn is_left(&mut self, now: Instant) -> bool {
        let since = self.at.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(since).as_micros() as u64;
        let back = (passed.saturating_mul(PER_SECOND) / 1_000_000).min(self.spent.into());
        if back == 0 && self.spent > 0 {
            self.at = Some(since);
        }
        self.spent -= back as u32;
        self.spent < MOST
    }

    fn spend(&mut self, cost: u32) {
        self.spent = self.spent.saturating_add(cost);
    }
}

impl Session {
    pub(super) fn handle_rtcp<T: Transmit>(&mut self, compound: &[u8], io: &mut Io<'_, T>) {
        if !self.allowance.is_left(io.now) {
            self.transport.reject();
            return;
        }
        let (mut measured, mut begins) = (false, false);
        let mut cost = 0;
        let spoken_of = rtcp::parse_feedback(compound, |item| {
            measured |= matches!(item, Feedback::Arrivals(_));
            cost += match item {
                Feedback::Nack { blp, .. } => REPEAT * (1 + blp.count_ones()),
                _ => ITEM,
            };
            begins |= self.handle_feedback(item, io);
        });
        self.allowance.spend(cost + spoken_of);
        if measured || begins {
            // The pace may have risen. Few legs wait.
            self.waits |= begins;
            self.pump(Which::Waiting, io);
        }
        if begins || !self.is_settled(io.now, io.tracks) {
            self.decide_if_ready(io);
        }
    }

    /// True if a leg begins again for it.
    fn handle_feedback<T: Transmit>(&mut self, item: Feedback<'_>, io: &mut Io<'_, T>) -> bool {
        match item {
            Feedback::Arrivals(feedback) => self.transport.note_arrivals(io.now, &feedback),
            Feedback::Report {
                ssrc,
                fraction_lost,
                last_sr,
                delay,
            } => {
                self.transport.note_report(io.now, last_sr, delay);
                if let Some(leg) = find(&mut self.legs, ssrc) {
                    leg.note_loss(fraction_lost);
                    if leg.kind() == MediaKind::Video {
                        self.transport.note_loss(io.now, fraction_lost);
                        if fraction_lost > 0 {
                            self.burst.note_loss(io.now);
                        }
                    }
                }
            }
            Feedback::Nack { ssrc, pid, blp } => {
                self.nacks += 1 + u64::from(blp.count_ones());
                self.transport.note_nack(io.now);
                self.burst.note_loss(io.now);
                let tracks = io.tracks;
                if let Some(leg) = find(&mut self.legs, ssrc)
                    && let Some(track) = leg.track(tracks)
                    && leg.sends(track)
                    && let Some(mut egress) = self.transport.egress(io)
                {
                    leg.retransmit(track.ring(), pid, blp, &mut egress);
                }
            }
            Feedback::KeyframeRequest { ssrc } => {
                self.plis += 1;
                let tracks = io.tracks;
                let leg = find(&mut self.legs, ssrc);
                return leg.is_some_and(|leg| {
                    let track = leg.track(tracks);
                    track.is_some_and(|track| leg.keyframe_requested(io.now, track))
                });
            }
        }
        false
    }
}

fn find(legs: &mut [Leg], ssrc: u32) -> Option<&mut Leg> {
    legs.iter_mut().find(|leg| leg.ssrc() == ssrc)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_of_feedback_is_read_at_a_rate_that_others_do_not_notice() {
        let mut allowance = Allowance::default();
        let start = Instant::now();
        let mut read = 0;
        // 44 bytes each.
        for i in 0..125_000 {
            let now = start + i * Duration::from_micros(80);
            if allowance.is_left(now) {
                allowance.spend(4096 + ITEM);
                read += 4096;
            }
        }
        let most = u64::from(MOST) + 10 * PER_SECOND + 2 * 4096;
        assert!((most / 2..=most).contains(&read), "{read}");
    }

    #[test]
    fn an_ordinary_viewer_is_always_read() {
        let mut allowance = Allowance::default();
        let start = Instant::now();
        // 20 Mbit/s with a twentieth lost, and the backlog of a join.
        allowance.spend(8000);
        for i in 0..1000 {
            assert!(allowance.is_left(start + i * Duration::from_millis(62)));
            allowance.spend(150 + 8 * REPEAT + 3 * ITEM);
        }
    }
}
