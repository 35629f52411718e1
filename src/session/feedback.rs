//! RTCP of a session: what its viewer asks for and reports, and the reports it gets.

use std::time::{Duration, Instant};

use super::rtcp::{self, Feedback, SenderReport};
use super::transmit::Transmit;
use super::wall_clock::WallClock;
use super::{Io, Media, Session, send_context};
use crate::media::Ring;
use crate::state::SessionState;

/// A camera that has sent nothing for this long is silent. Some send one picture a second.
const SILENCE: Duration = Duration::from_millis(2500);

/// Intervals that a report may wait for media to go along with.
const WITHOUT_MEDIA: u32 = 4;

/// When sender reports are due.
pub(super) struct Reports {
    pub clock: WallClock,
    pub cname: String,
    pub interval: Duration,
    pub next: Option<Instant>,
}

impl Reports {
    /// When a report is due that no media has taken along. Without media it says little, and a
    /// timer that hardly ever runs out while there is media costs least.
    pub fn overdue(&self) -> Option<Instant> {
        self.next.map(|at| at + WITHOUT_MEDIA * self.interval)
    }
}

impl Session {
    pub(super) fn handle_srtcp<T: Transmit>(
        &mut self,
        datagram: &[u8],
        media: Media<'_>,
        io: &mut Io<'_, T>,
    ) {
        let Some(crypto) = &mut self.crypto else {
            return;
        };
        let Ok(compound) = crypto.srtcp.unprotect(datagram) else {
            self.stats.rejected += 1;
            return;
        };
        self.last_heard = Some(io.now);
        if self.state == SessionState::Disconnected {
            self.change(SessionState::Connected, None);
        }
        let mut items = Vec::new();
        rtcp::parse_feedback(&compound, |item| items.push(item));
        for item in items {
            self.handle_feedback(item, media, io);
        }
    }

    fn handle_feedback<T: Transmit>(
        &mut self,
        item: Feedback,
        media: Media<'_>,
        io: &mut Io<'_, T>,
    ) {
        match item {
            Feedback::Report {
                ssrc,
                fraction_lost,
                last_sr,
                delay,
                ..
            } => {
                let wall = self.reports.clock.wall(io.now);
                if let Some(round_trip) = rtcp::round_trip(last_sr, delay, wall) {
                    self.stats.round_trip = Some(round_trip);
                }
                if ssrc == self.video.ssrc() {
                    self.stats.loss_ppm = u32::from(fraction_lost) * 1_000_000 / 256;
                }
            }
            Feedback::Nack { ssrc, pid, blp } => {
                self.stats.nacks += 1 + u64::from(blp.count_ones());
                if self.nack && ssrc == self.video.ssrc() {
                    self.retransmit(pid, blp, media, io);
                }
            }
            Feedback::KeyframeRequest { ssrc } => {
                self.stats.plis += 1;
                if ssrc == self.video.ssrc() && !is_silent(media.video.ring(), io.now) {
                    if self.restart.allow(io.now) && self.video.restart(media.video.ring()) {
                        self.send(media, io);
                    } else {
                        self.keyframe_wanted = true;
                    }
                }
            }
        }
    }

    fn retransmit<T: Transmit>(
        &mut self,
        pid: u16,
        blp: u16,
        media: Media<'_>,
        io: &mut Io<'_, T>,
    ) {
        let round_trip = self.stats.round_trip.unwrap_or_default();
        let Some(path) = self.media_path() else {
            return;
        };
        if let Some(crypto) = &mut self.crypto {
            let mut context = send_context(path, crypto, io);
            self.video
                .retransmit(media.video.ring(), pid, blp, round_trip, &mut context);
        }
    }

    pub(super) fn send_reports<T: Transmit>(&mut self, media: Media<'_>, io: &mut Io<'_, T>) {
        self.reports.next = Some(io.now + self.reports.interval);
        let Some(path) = self.media_path() else {
            return;
        };
        let Some(crypto) = &mut self.crypto else {
            return;
        };
        let tracks = [
            (Some(&self.video), Some(media.video)),
            (self.audio.as_ref(), media.audio),
        ];
        for (sender, track) in tracks {
            let (Some(sender), Some(track)) = (sender, track) else {
                continue;
            };
            let Some(timestamp) = track.clock().rtp_at(io.now) else {
                continue;
            };
            if sender.stats.packets == 0 {
                continue;
            }
            let report = SenderReport {
                ssrc: sender.ssrc(),
                wall: self.reports.clock.wall(io.now),
                rtp_timestamp: sender.timestamp(timestamp),
                packets: sender.stats.packets as u32,
                octets: sender.stats.payload_octets as u32,
            };
            let compound = rtcp::sender_report(&report, &self.reports.cname);
            if let Ok(sealed) = crypto.srtcp.protect(&compound) {
                let _ = io.transmit.transmit(path, &sealed, sealed.len());
            }
        }
    }
}

/// Whether the camera has sent nothing for a while. Browsers then ask for a keyframe, and would
/// show the last seconds over and over if they got one.
fn is_silent(ring: &Ring, now: Instant) -> bool {
    let newest = ring.end().checked_sub(1).and_then(|n| ring.packet(n));
    newest.is_none_or(|packet| now.saturating_duration_since(packet.arrival) > SILENCE)
}
