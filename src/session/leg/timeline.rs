//! The timestamps that a viewer sees, across tracks.

/// Ticks of a second of video.
const SECOND: u32 = 90_000;
/// A picture may come this much earlier in the time line than the keyframe before it in the stream: the
/// most that [`MediaClock`](crate::media::MediaClock) lets pass.
const REORDER: u32 = SECOND;
/// The backlog is squeezed to no less than this.
const LEAST: u32 = SECOND / 50;

/// Maps the timestamps of a track to those that the viewer sees.
///
/// When a leg goes on with another track, three things must hold. The viewer's time line goes on: every
/// timestamp is later than those before. "Now" stays where it was on that line: so what sender reports
/// say, and with it the sound that goes with the picture, stays right. And one packet always gets one
/// timestamp, however often it is sent: with AES-GCM, two packets of one index give their contents away.
///
/// The other track is joined at a keyframe that may be older than what the viewer has seen. So what is
/// older than "now" is squeezed between the last timestamp that was sent and "now".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// What the viewer's timestamps are ahead of the track's.
    offset: u32,
    squeeze: Option<Squeeze>,
}

/// Maps `from..to` of a track to the `ticks` before the viewer's timestamp for `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Squeeze {
    from: u32,
    to: u32,
    ticks: u32,
}

impl Timeline {
    /// The viewer's timestamps are `offset` ahead of the track's.
    pub fn new(offset: u32) -> Self {
        Timeline {
            offset,
            squeeze: None,
        }
    }

    /// Goes on with a track that begins at `keyframe`, and whose timestamp would be `now` at present.
    /// For the viewer, it would be `live`; `last` is the latest timestamp that it was sent.
    pub fn joined(keyframe: u32, now: u32, live: u32, last: u32) -> Self {
        let offset = live.wrapping_sub(now);
        let from = keyframe.wrapping_sub(REORDER);
        if is_later(from.wrapping_add(offset), last) {
            return Timeline::new(offset);
        }
        // Up to a moment later than now if hardly any time has passed since `last`.
        let backlog = distance(from, now);
        let room = distance(last, live);
        let least = LEAST.max(backlog / 256);
        let wait = least.saturating_sub(room);
        let to = from.wrapping_add(backlog).wrapping_add(wait);
        let to_viewer = to.wrapping_add(offset);
        Timeline {
            offset,
            squeeze: Some(Squeeze {
                from,
                to,
                ticks: distance(last, to_viewer).saturating_sub(1).max(1),
            }),
        }
    }

    /// Goes on with a track whose timestamp is `now` at present, and of which only what is to come is sent.
    pub fn after(now: u32, live: u32, last: u32) -> Self {
        let room = live.wrapping_sub(last) as i32;
        let wait = if room > 0 { 0 } else { room.unsigned_abs() + 1 };
        Timeline::new(live.wrapping_add(wait).wrapping_sub(now))
    }

    /// The track has come to `now`: once the squeezed part is hours ago, it must not come back as
    /// timestamps wrap.
    pub fn passed(&mut self, now: u32) {
        const LONG_AGO: u32 = 3600 * SECOND;
        self.squeeze = self
            .squeeze
            .filter(|squeeze| distance(squeeze.to, now) < LONG_AGO);
    }

    /// The timestamp that the viewer sees for one of the track.
    pub fn at(&self, of_track: u32) -> u32 {
        let plain = of_track.wrapping_add(self.offset);
        match &self.squeeze {
            Some(squeeze) if is_later(squeeze.to, of_track) => {
                let before = u64::from(squeeze.to.wrapping_sub(of_track));
                let span = u64::from(squeeze.to.wrapping_sub(squeeze.from)).max(1);
                let before = before * u64::from(squeeze.ticks) / span;
                squeeze
                    .to
                    .wrapping_add(self.offset)
                    .wrapping_sub(before as u32)
            }
            _ => plain,
        }
    }
}

/// Whether `a` comes after `b` on a time line that wraps.
fn is_later(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 > 0
}

/// From `a` to `b`; 0 if `b` is not later.
fn distance(a: u32, b: u32) -> u32 {
    u32::try_from(b.wrapping_sub(a) as i32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    /// Frames of a track from a keyframe on, in the order of decoding, with two that are shown before it.
    fn frames(keyframe: u32, spacing: u32, count: u32) -> Vec<u32> {
        let mut frames = vec![keyframe, keyframe.wrapping_sub(2 * spacing)];
        frames.push(keyframe.wrapping_sub(spacing));
        frames.extend((1..count).map(|i| keyframe.wrapping_add(i * spacing)));
        frames
    }

    #[test]
    fn the_viewers_time_goes_on_wherever_the_other_track_begins() {
        let mut random = Rng::with_seed(1);
        for _ in 0..5000 {
            let spacing = [1500, 3000, 3600, 18_000][random.usize(..4)];
            let now: u32 = random.u32(..);
            // Up to 30 s of backlog; the newest frame may come from the future of a jittery clock.
            let keyframe = now.wrapping_sub(random.u32(..30 * SECOND));
            let live: u32 = random.u32(..);
            let last = live.wrapping_sub([0, 1, 3600, 500_000, u32::MAX - 900][random.usize(..5)]);
            let line = Timeline::joined(keyframe, now, live, last);
            let mut seen: Vec<u32> = frames(keyframe, spacing, 1000)
                .into_iter()
                .map(|frame| line.at(frame).wrapping_sub(last))
                .collect();
            let shown_first = seen.iter().min();
            assert!(shown_first.is_some_and(|&first| (first as i32) > 0));
            seen.sort_unstable();
            assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{line:?}");
            // A moment later the viewer sees what it would have.
            let later = now.wrapping_add(SECOND);
            assert_eq!(line.at(later), live.wrapping_add(SECOND));
        }
    }

    #[test]
    fn what_is_to_come_of_sound_is_later_than_what_was_sent() {
        for (live, last) in [(5000, 4000), (5000, 5000), (5000, 5960), (3, u32::MAX - 2)] {
            let line = Timeline::after(777, live, last);
            let first = line.at(777).wrapping_sub(last) as i32;
            assert!(first > 0, "{live} {last}");
            assert_eq!(line.at(777 + 960), line.at(777).wrapping_add(960));
        }
        assert_eq!(Timeline::after(777, 5000, 4000).at(777), 5000);
    }

    #[test]
    fn a_squeeze_does_not_return_after_hours() {
        let mut line = Timeline::joined(1_000_000, 1_090_000, 5_090_000, 5_089_000);
        let plain = Timeline::new(4_000_000);
        assert_ne!(line.at(1_000_000), plain.at(1_000_000));
        for hour in 0..20u32 {
            let now = 1_090_000u32.wrapping_add(hour.wrapping_mul(3600 * SECOND));
            line.passed(now);
            assert_eq!(
                line.at(now.wrapping_add(3600)),
                plain.at(now.wrapping_add(3600))
            );
        }
    }

    #[test]
    fn nothing_is_squeezed_or_stretched_without_need() {
        let line = Timeline::joined(1_000_000, 1_090_000, 5_090_000, 4_000_000);
        assert_eq!(line, Timeline::new(4_000_000));
        // A keyframe that has just come: its time hardly changes.
        let line = Timeline::joined(1_000_000, 1_000_100, 5_000_100, 4_996_400);
        let off = line.at(1_000_000).wrapping_sub(5_000_000) as i32;
        assert!(off.abs() <= 100, "{off}");
    }
}
