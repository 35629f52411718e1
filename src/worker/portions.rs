//! Sends what is new of streams to the sessions that want it, in portions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::core::Core;
use super::fan_out::{PORTION, Pass};
use super::session_io::{StreamTracks, session_io};
use crate::error::panicked;
use crate::media::MediaKind;
use crate::session::Tracks;
use crate::state::StreamId;

/// So many viewers' state is brought into the cache in one go: a pass comes upon it long after the one before, and
/// memory answers many questions in the time of one.
const AHEAD: usize = 16;

impl Core {
    /// Starts sending what is new of a stream, or of one of its tracks, to the sessions that want it.
    pub(super) fn send_to_audience(
        &mut self,
        id: StreamId,
        kind: Option<MediaKind>,
        arrival: Option<Instant>,
        now: Instant,
        timed: bool,
    ) {
        let audience = self.streams.audience(id).len();
        if audience == 0 {
            return;
        }
        if kind != Some(MediaKind::Video)
            && let Some(hold) = self.streams.hold_mut(id)
        {
            hold.sent();
            self.held_sound.sent(id);
        }
        match self.fan_out.begin(id, audience, kind, arrival) {
            Some(pass) => {
                let time = self.send_portion(pass, now, timed);
                if let Some(entry) = self.streams.get_mut(id) {
                    entry.stream.share.delivered(time);
                }
            }
            None => self.rearmed.ring(),
        }
    }

    /// Sends the sound that has waited long enough.
    pub(super) fn send_held_sound(&mut self, now: Instant) {
        let Core {
            held_sound,
            streams,
            ..
        } = self;
        let hold = |id| streams.hold(id);
        let due: Vec<StreamId> = std::iter::from_fn(|| held_sound.pop_due(now, hold)).collect();
        for id in due {
            self.send_to_audience(id, Some(MediaKind::Audio), None, now, false);
        }
    }

    /// Continues the next pending pass, if any. Call after the viewers' datagrams have been read.
    pub fn fan_out(&mut self) {
        self.fan_out.turn_begins();
        if let Some(pass) = self.fan_out.next() {
            self.send_portion(pass, Instant::now(), false);
        }
    }

    /// Whether a pass is pending.
    pub fn is_fanning_out(&self) -> bool {
        self.fan_out.is_pending()
    }

    /// Sends new packets to some of a stream's viewers; returns the time that it took. `timed`: measure the
    /// time spent in system calls.
    pub(super) fn send_portion(&mut self, mut pass: Pass, now: Instant, timed: bool) -> Duration {
        let Core {
            context,
            streams,
            viewers,
            connections,
            buffer,
            costs,
            ..
        } = self;
        let tracks = StreamTracks::new(streams, pass.stream);
        if tracks.media(pass.stream).is_none() {
            return Duration::ZERO;
        }
        let audience = streams.audience(pass.stream);
        let mut io = session_io(context, connections, &tracks, buffer, now, timed);
        let due_before = viewers.next_due();
        let mut broken = Vec::new();
        let pushed = streams.is_pushed(pass.stream);
        let mut keyframes_wanted = Vec::new();
        let mut news = Vec::new();
        let mut warm = pass.left;
        while pass.left > 0 && io.transmit.packets < PORTION {
            if warm == pass.left {
                warm = pass.left.saturating_sub(AHEAD);
                for &row in audience.get(warm..pass.left).unwrap_or_default() {
                    if let Some(viewer) = viewers.get(row) {
                        viewer.session.touch(pass.stream, now);
                    }
                }
            }
            pass.left -= 1;
            let Some(&row) = audience.get(pass.left) else {
                continue;
            };
            let Some(viewer) = viewers.get_mut(row) else {
                continue;
            };
            let send = AssertUnwindSafe(|| {
                #[cfg(any(test, feature = "test-panic"))]
                crate::test_panic::injected(streams.name(pass.stream), crate::test_panic::SESSION);
                viewer.session.send(pass.stream, pass.kind, &mut io)
            });
            let sent = catch_unwind(send);
            if viewer.session.has_news() {
                news.push(row);
            }
            if pushed {
                while let Some(stream) = viewer.session.poll_keyframe_request() {
                    if !keyframes_wanted.contains(&stream) {
                        keyframes_wanted.push(stream);
                    }
                }
            }
            match sent {
                Ok(due) => viewers.arm(row, due),
                Err(_) => broken.push(row),
            }
        }
        let outbox = io.transmit;
        let (count, packets) = (audience.len(), outbox.packets);
        let sent = Instant::now();
        let time = sent.saturating_duration_since(now);
        costs.media.delivered(time, outbox.timed);
        streams.delivered(pass.stream, time, outbox.timed);
        if pass.left == 0 {
            streams.delivered_to_all(pass.stream, pass.arrival, sent);
        }
        self.fan_out.portion_sent(pass, count, packets);
        if self.fan_out.is_pending() || self.viewers.next_due() != due_before {
            self.rearmed.ring();
        }
        for row in news {
            self.tell_news(row);
        }
        for row in broken {
            self.fail_viewer(row, panicked("this session"));
        }
        for stream in keyframes_wanted {
            self.request_keyframe(stream, now);
        }
        time
    }
}
