//! Sends access units to many viewers in portions. Between two portions the worker reads other
//! cameras, so a stream with a thousand viewers does not delay the others.

use std::collections::VecDeque;
use std::time::Instant;

use crate::media::MediaKind;
use crate::state::StreamId;

/// About how many packets are sent in one portion: a millisecond of work.
pub const PORTION: usize = 1024;
/// About how many packets are sent before the worker reads its viewers' datagrams. Access units that
/// arrive after that wait.
const TURN: usize = 2 * PORTION;

/// The pending passes, in order.
#[derive(Debug, Default)]
pub struct FanOut {
    passes: VecDeque<Pass>,
    /// Packets sent since the worker last read its viewers' datagrams.
    sent: usize,
}

/// A pass over the viewers of a stream, from last to first, so that the removal of a viewer does not
/// move a waiting one into the part that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The stream.
    pub stream: StreamId,
    /// Viewers below this index are still to be served.
    pub left: usize,
    /// Which of its tracks; `None`: all.
    pub kind: Option<MediaKind>,
    /// When the video frame arrived; `None` for audio.
    pub arrival: Option<Instant>,
    /// Another access unit arrived during the pass: a second pass serves those already done.
    again: bool,
    again_kind: Option<MediaKind>,
    /// When the first video frame for the second pass arrived.
    again_arrival: Option<Instant>,
}

impl FanOut {
    /// The worker has read its viewers' datagrams.
    pub fn turn_begins(&mut self) {
        self.sent = 0;
    }

    /// Starts a pass over `viewers` viewers. `None` if it has to wait: enough was sent in this turn, or
    /// the stream's previous pass is not over. That one is then followed by a second pass, unless no
    /// viewer has been served yet.
    pub fn begin(
        &mut self,
        stream: StreamId,
        viewers: usize,
        kind: Option<MediaKind>,
        arrival: Option<Instant>,
    ) -> Option<Pass> {
        if let Some(running) = self.passes.iter_mut().find(|pass| pass.stream == stream) {
            if running.left >= viewers {
                running.kind = running.kind.filter(|_| running.kind == kind);
            } else {
                let same = !running.again || running.again_kind == kind;
                running.again_kind = kind.filter(|_| same);
                running.again = true;
                running.again_arrival = running.again_arrival.or(arrival);
            }
            return None;
        }
        let pass = Pass {
            stream,
            left: viewers,
            kind,
            arrival,
            again: false,
            again_kind: None,
            again_arrival: None,
        };
        if self.sent >= TURN {
            self.passes.push_back(pass);
            return None;
        }
        Some(pass)
    }

    /// The next pending pass.
    pub fn next(&mut self) -> Option<Pass> {
        self.passes.pop_front()
    }

    /// A portion of `packets` was sent; the stream has `viewers` viewers now. The rest of the pass comes
    /// after those of other streams.
    pub fn portion_sent(&mut self, mut pass: Pass, viewers: usize, packets: usize) {
        self.sent += packets;
        if pass.left == 0 && pass.again {
            (pass.left, pass.again) = (viewers, false);
            pass.kind = pass.again_kind;
            pass.arrival = pass.again_arrival.take();
        }
        if pass.left > 0 {
            self.passes.push_back(pass);
        }
    }

    /// Whether a pass is pending.
    pub fn is_pending(&self) -> bool {
        !self.passes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: StreamId = StreamId(1);
    const OTHER: StreamId = StreamId(2);

    /// Sends one portion of a pass to up to `most` viewers, as a worker does.
    fn send(fan_out: &mut FanOut, mut pass: Pass, viewers: usize, most: usize) -> usize {
        let sent = pass.left.min(most);
        pass.left -= sent;
        fan_out.portion_sent(pass, viewers, sent);
        sent
    }

    #[test]
    fn a_neighbor_waits_for_one_portion_at_most() {
        let mut fan_out = FanOut::default();
        let hot = fan_out.begin(HOT, 1000, None, None).unwrap();
        send(&mut fan_out, hot, 1000, 100);
        let other = fan_out.begin(OTHER, 1, None, None).unwrap();
        assert_eq!(send(&mut fan_out, other, 1, 100), 1, "at once, if it fits");

        let other = fan_out.begin(OTHER, 250, None, None).unwrap();
        send(&mut fan_out, other, 250, 100);
        let mut order = Vec::new();
        while let Some(pass) = fan_out.next() {
            order.push((pass.stream, send(&mut fan_out, pass, 1000, 100)));
        }
        assert_eq!(
            order[..4],
            [(HOT, 100), (OTHER, 100), (HOT, 100), (OTHER, 50)]
        );
        let all = |stream| {
            order
                .iter()
                .filter(|o| o.0 == stream)
                .map(|o| o.1)
                .sum::<usize>()
        };
        assert_eq!((all(HOT), all(OTHER)), (900, 150));
        assert!(!fan_out.is_pending());
    }

    #[test]
    fn a_unit_that_comes_during_a_pass_goes_to_all_in_another() {
        let mut fan_out = FanOut::default();
        let first = fan_out.begin(HOT, 300, None, None).unwrap();
        send(&mut fan_out, first, 300, 200);
        assert_eq!(fan_out.begin(HOT, 300, None, None), None);
        assert_eq!(
            fan_out.begin(HOT, 300, None, None),
            None,
            "one more pass is enough"
        );
        let mut sent = 0;
        while let Some(pass) = fan_out.next() {
            sent += send(&mut fan_out, pass, 300, 200);
        }
        assert_eq!(sent, 100 + 300);
        assert!(fan_out.begin(HOT, 300, None, None).is_some());
    }

    #[test]
    fn what_comes_during_a_pass_decides_which_tracks_the_next_one_is_of() {
        let (video, audio) = (Some(MediaKind::Video), Some(MediaKind::Audio));
        for (during, expected) in [
            (&[video][..], video),
            (&[audio, audio], audio),
            (&[audio, video], None),
            (&[video, audio, video], None),
        ] {
            let mut fan_out = FanOut::default();
            let first = fan_out.begin(HOT, 300, video, None).unwrap();
            send(&mut fan_out, first, 300, 200);
            for &kind in during {
                assert_eq!(fan_out.begin(HOT, 300, kind, None), None);
            }
            let rest = fan_out.next().unwrap();
            assert_eq!(rest.kind, video);
            send(&mut fan_out, rest, 300, 100);
            assert_eq!(fan_out.next().map(|pass| pass.kind), Some(expected));
        }
    }

    #[test]
    fn viewers_are_read_before_all_cameras_of_a_busy_worker_are_served() {
        let mut fan_out = FanOut::default();
        let mut sent = [0; 3];
        let mut passes = 0;
        for (turn, sent) in sent.iter_mut().enumerate() {
            fan_out.turn_begins();
            for camera in 0..60 {
                // The first frame of each arrives in the first turn, the second in the third.
                if turn == 1 {
                    break;
                }
                if let Some(pass) = fan_out.begin(StreamId(camera), 500, None, None) {
                    *sent += send(&mut fan_out, pass, 500, PORTION);
                    passes += 1;
                }
            }
            if let Some(pass) = fan_out.next() {
                *sent += send(&mut fan_out, pass, 500, PORTION);
                passes += 1;
            }
            assert!(*sent <= TURN + 2 * PORTION, "{sent}");
        }
        assert!(sent[0] >= TURN && sent[1] > 0 && sent[2] >= TURN);
        while let Some(pass) = fan_out.next() {
            send(&mut fan_out, pass, 500, PORTION);
            passes += 1;
        }
        // Viewers that still waited for the first frame got the second in the same pass.
        assert_eq!(passes, 60 + 7);
    }

    #[test]
    fn a_viewer_that_leaves_during_a_pass_costs_no_other_its_frame() {
        let mut fan_out = FanOut::default();
        let mut viewers: Vec<u32> = (0..100).collect();
        let mut got = Vec::new();
        let mut pass = fan_out.begin(HOT, viewers.len(), None, None);
        while let Some(mut now) = pass {
            let first = now.left.min(viewers.len()).saturating_sub(10);
            got.extend(&viewers[first..now.left.min(viewers.len())]);
            now.left = first;
            // A viewer that was served leaves, and one that was not.
            viewers.pop();
            viewers.retain(|&viewer| viewer != got.len() as u32 / 4);
            fan_out.portion_sent(now, viewers.len(), 1);
            pass = fan_out.next();
        }
        assert!(viewers.iter().all(|viewer| got.contains(viewer)));
    }
}
