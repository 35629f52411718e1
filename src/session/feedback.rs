//! Takes what the viewer says in RTCP from the transport to the legs.

use super::Session;
use super::io::{Io, Transmit};
use super::leg::Leg;
use super::rtcp::{self, Feedback};
use crate::media::MediaKind;

impl Session {
    pub(super) fn handle_rtcp<T: Transmit>(&mut self, compound: &[u8], io: &mut Io<'_, T>) {
        let mut measured = false;
        rtcp::parse_feedback(compound, |item| {
            measured |= matches!(item, Feedback::Arrivals(_));
            self.handle_feedback(item, io);
        });
        if measured {
            // The pace may have risen. Few legs wait.
            self.pump(|leg| leg.due().is_some(), io);
        }
        self.decide_if_ready(io);
    }

    fn handle_feedback<T: Transmit>(&mut self, item: Feedback<'_>, io: &mut Io<'_, T>) {
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
                    }
                }
            }
            Feedback::Nack { ssrc, pid, blp } => {
                self.nacks += 1 + u64::from(blp.count_ones());
                self.transport.note_nack(io.now);
                let tracks = io.tracks;
                if let Some(leg) = find(&mut self.legs, ssrc)
                    && let Some(media) = tracks.media(leg.stream())
                    && let Some(track) = media.track(leg.kind())
                    && leg.sends(track)
                    && let Some(mut egress) = self.transport.egress(io)
                {
                    leg.retransmit(track.ring(), pid, blp, &mut egress);
                }
            }
            Feedback::KeyframeRequest { ssrc } => {
                self.plis += 1;
                let tracks = io.tracks;
                if let Some(leg) = find(&mut self.legs, ssrc)
                    && let Some(media) = tracks.media(leg.stream())
                    && let Some(track) = media.track(leg.kind())
                    && leg.keyframe_requested(io.now, track)
                    && let Some(mut egress) = self.transport.egress(io)
                {
                    leg.pump(Some(media), &mut egress);
                    egress.finish();
                }
            }
        }
    }
}

fn find(legs: &mut [Leg], ssrc: u32) -> Option<&mut Leg> {
    legs.iter_mut().find(|leg| leg.ssrc() == ssrc)
}
