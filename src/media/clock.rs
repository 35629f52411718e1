//! Maps the source's timeline, which may restart, to the one that viewers see, which never does.
//!
//! Within a connection the increments of the camera's clock are kept exactly: they are what makes
//! motion smooth, while arrival times carry the jitter of the network. Arrival times only decide
//! whether a timestamp is plausible, and bridge the gap where it is not, or where the camera
//! reconnected.
//!
//! Sender reports (RFC 3550 section 6.4.1) relate timestamps to wall-clock time. That relation has
//! to come from arrival times, and packets arrive late, never early: of the access units of the last
//! seconds, the one with the smallest difference between arrival and timestamp was delayed least
//! and gives the best estimate. So [`MediaClock::rtp_at`] uses the minimum over a sliding window. A
//! late frame does not move it, and a camera whose clock is some hundred ppm off is followed in
//! steps of well below a millisecond.

use std::time::{Duration, Instant};

/// A timestamp that deviates from its arrival time by more than this is not trusted.
const JUMP_SECONDS: u64 = 10;
/// A timestamp that is less than this below the highest belongs to a B frame (in decoding order).
const REORDER_SECONDS: i64 = 1;
/// Seconds over which the smallest delay is sought.
const WINDOW: usize = 8;

/// The timeline of one track. Its values are clock ticks, not yet truncated to 32 bits.
#[derive(Clone, Debug)]
pub struct MediaClock {
    /// Ticks per second.
    rate: u32,
    /// Timestamp of the first access unit.
    first: i64,
    /// How timestamps are mapped; `None` before the first access unit.
    anchor: Option<Anchor>,
    discontinuity: bool,
}

#[derive(Clone, Debug)]
struct Anchor {
    /// Arrival of the first access unit; arrivals are counted from here.
    origin: Instant,
    /// Added to a timestamp of the source.
    offset: i64,
    /// The last and the highest timestamp returned.
    last: i64,
    highest: i64,
    last_arrival: Instant,
    /// For each of the last `WINDOW` seconds in which something arrived: the second, and the
    /// smallest difference between capture, or arrival, and timestamp.
    delays: [Option<(i64, i64)>; WINDOW],
}

impl MediaClock {
    /// A clock of `rate` Hz whose first access unit gets the RTP timestamp `first`.
    pub fn new(rate: u32, first: u32) -> Self {
        MediaClock {
            rate: rate.max(1),
            first: first.into(),
            anchor: None,
            discontinuity: false,
        }
    }

    /// The source reconnected: its timestamps may restart anywhere. The timeline advances by the
    /// time that passes until the next access unit arrives.
    pub fn discontinuity(&mut self) {
        self.discontinuity = true;
    }

    /// The RTP timestamp that viewers get for an access unit.
    ///
    /// A timestamp passes unchanged (apart from a constant) if it is within 10 s of what the arrival
    /// times say and less than 1 s below the highest before it. Otherwise the timeline advances by
    /// the time since the last arrival, by one tick at least.
    ///
    /// `moment`: when it was captured, as far as that is known. Sender reports are about that; it may be long
    /// before the arrival, and jump where a host plays what it has recorded.
    pub fn map(&mut self, timestamp: i64, arrival: Instant, moment: Instant) -> u32 {
        self.map_long(timestamp, arrival, moment) as u32
    }

    /// The same, before it is truncated to what RTP carries.
    pub fn map_long(&mut self, timestamp: i64, arrival: Instant, moment: Instant) -> i64 {
        let rate = self.rate;
        let restarted = std::mem::take(&mut self.discontinuity) && self.anchor.is_some();
        let anchor = self.anchor.get_or_insert_with(|| Anchor {
            origin: arrival,
            offset: self.first.wrapping_sub(timestamp),
            last: self.first,
            highest: self.first,
            last_arrival: arrival,
            delays: [None; WINDOW],
        });
        let elapsed = ticks(anchor.last_arrival, arrival, rate).max(0);
        let mut out = timestamp.wrapping_add(anchor.offset);
        if restarted || !anchor.believes(out, elapsed, rate) {
            out = anchor.highest.wrapping_add(elapsed.max(1));
            anchor.offset = out.wrapping_sub(timestamp);
            anchor.delays = [None; WINDOW];
        }
        anchor.highest = anchor.highest.max(out);
        anchor.last = out;
        anchor.last_arrival = arrival;
        let arrived = ticks(anchor.origin, arrival, rate);
        let captured = match moment == arrival {
            true => arrived,
            false => ticks(anchor.origin, moment, rate),
        };
        anchor.note_delay(arrived, captured, rate);
        out
    }

    /// The RTP timestamp that an access unit captured at `now` would have, for sender reports.
    /// `None` before the first access unit.
    pub fn rtp_at(&self, now: Instant) -> Option<u32> {
        self.long_at(now).map(|ticks| ticks as u32)
    }

    /// The same, before it is truncated to what RTP carries.
    pub fn long_at(&self, now: Instant) -> Option<i64> {
        let anchor = self.anchor.as_ref()?;
        let delay = anchor.delays.iter().flatten().map(|&(_, delay)| delay);
        let now = ticks(anchor.origin, now, self.rate);
        Some(now.wrapping_sub(delay.min()?))
    }
}

impl Anchor {
    /// Whether `out` can follow the last timestamp after `elapsed` ticks.
    fn believes(&self, out: i64, elapsed: i64, rate: u32) -> bool {
        let rate = i64::from(rate);
        let error = out.wrapping_sub(self.last).saturating_sub(elapsed);
        error.unsigned_abs() <= JUMP_SECONDS * rate as u64
            && self.highest.wrapping_sub(out) < REORDER_SECONDS * rate
    }

    /// Adds the last access unit, which arrived at `arrival`, to the window.
    fn note_delay(&mut self, arrival: i64, captured: i64, rate: u32) {
        let second = arrival.div_euclid(rate.into());
        let delay = captured.wrapping_sub(self.last);
        let oldest = second.saturating_sub(WINDOW as i64 - 1);
        for entry in &mut self.delays {
            if entry.is_some_and(|(then, _)| then < oldest) {
                *entry = None;
            }
        }
        let entry = &mut self.delays[second.rem_euclid(WINDOW as i64) as usize];
        *entry = match *entry {
            Some((then, least)) if then == second => Some((second, least.min(delay))),
            _ => Some((second, delay)),
        };
    }
}

/// Ticks from one instant to another; negative if the other one is earlier.
fn ticks(from: Instant, to: Instant, rate: u32) -> i64 {
    let count = |passed: Duration| {
        let ticks = passed.as_nanos() * u128::from(rate) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    };
    match to.checked_duration_since(from) {
        Some(passed) => count(passed),
        None => -count(from.saturating_duration_since(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn increments_are_kept_and_wrap() {
        let start = Instant::now();
        let first = u32::MAX - 5000;
        let mut clock = MediaClock::new(90_000, first);
        assert_eq!(clock.rtp_at(start), None);
        let mut random = Rng::with_seed(1);
        let mut sum = 0;
        for i in 0..1000 {
            // The network delays by up to 300 ms, which must not be visible.
            let arrival = start + ms(40 * i + random.usize(..300) as u64);
            let expected = first.wrapping_add(sum as u32);
            assert_eq!(
                clock.map(i64::MAX - (1 << 40) + sum, arrival, arrival),
                expected
            );
            sum = i64::try_from(i + 1).unwrap() * 3600;
            if i == 0 {
                sum += 1; // not a multiple of anything
            }
        }
    }

    #[test]
    fn the_time_line_of_the_source_may_wrap() {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 10);
        let mut timestamp = i64::MAX - 3600;
        for i in 0..4 {
            let out = clock.map(timestamp, start + ms(40 * i), start + ms(40 * i));
            assert_eq!(out, 10 + 3600 * i as u32);
            timestamp = timestamp.wrapping_add(3600);
        }
    }

    #[test]
    fn reordered_pictures_pass() {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 50_000);
        for (i, timestamp) in [0, 10_800, 3600, 7200, 21_600, 14_400]
            .into_iter()
            .enumerate()
        {
            let out = clock.map(
                777 + timestamp,
                start + ms(40 * i as u64),
                start + ms(40 * i as u64),
            );
            assert_eq!(i64::from(out), 50_000 + timestamp);
        }
    }

    #[test]
    fn after_a_reconnect_the_time_that_passed_is_added() {
        let start = Instant::now();
        let mut clock = MediaClock::new(8000, 100);
        clock.discontinuity();
        assert_eq!(clock.map(5_000_000, start, start), 100, "nothing before it");
        assert_eq!(clock.map(5_000_160, start + ms(20), start + ms(20)), 260);
        clock.discontinuity();
        assert_eq!(
            clock.map(-77, start + ms(3020), start + ms(3020)),
            260 + 24_000
        );
        assert_eq!(
            clock.map(83, start + ms(3040), start + ms(3040)),
            260 + 24_160
        );
        clock.discontinuity();
        assert_eq!(
            clock.map(0, start + ms(3040), start + ms(3040)),
            260 + 24_161,
            "one tick"
        );
        clock.discontinuity();
        assert_eq!(
            clock.map(0, start, start),
            260 + 24_162,
            "arrivals never go back"
        );
    }

    #[test]
    fn a_jump_is_not_believed() {
        for jump in [
            11 * 90_000,
            -90_000,
            -11 * 90_000,
            i64::from(u32::MAX),
            i64::MAX,
            i64::MIN,
        ] {
            let start = Instant::now();
            let mut clock = MediaClock::new(90_000, 0);
            let timestamp = 1_000_000;
            assert_eq!(clock.map(timestamp, start, start), 0);
            assert_eq!(
                clock.map(timestamp + 3600, start + ms(40), start + ms(40)),
                3600
            );
            let timestamp = timestamp.wrapping_add(3600).wrapping_add(jump);
            assert_eq!(
                clock.map(timestamp, start + ms(80), start + ms(80)),
                7200,
                "{jump}"
            );
            let timestamp = timestamp.wrapping_add(3601);
            assert_eq!(
                clock.map(timestamp, start + ms(120), start + ms(120)),
                10_801,
                "{jump}"
            );
        }
    }

    #[test]
    fn a_pause_of_the_camera_is_no_jump() {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 0);
        clock.map(0, start, start);
        // Motion-triggered: nothing for a minute, and the timestamps say so.
        assert_eq!(
            clock.map(60 * 90_000, start + ms(60_000), start + ms(60_000)),
            60 * 90_000
        );
        // Deviations of up to ten seconds are trusted.
        let off = 69 * 90_000 + 1;
        assert_eq!(
            clock.map(off, start + ms(60_040), start + ms(60_040)),
            off as u32
        );
    }

    /// A host that plays what it has recorded: from an hour ago, then from an hour before that, then live.
    #[test]
    fn capture_times_may_be_anywhere() {
        let start = Instant::now() + ms(10_000_000);
        let mut clock = MediaClock::new(90_000, 0);
        for i in 0..300_u64 {
            let arrival = start + ms(40 * i);
            let ago = [3_600_000, 7_200_000, 0][i as usize / 100];
            if i % 100 == 0 {
                clock.discontinuity();
            }
            let out = clock.map(i as i64 * 3600 + ago as i64, arrival, arrival - ms(ago));
            assert_eq!(out, 3600 * i as u32, "time goes on as it passes");
            let told = clock.rtp_at(arrival - ms(ago)).unwrap();
            assert!(told.abs_diff(out) < 90, "{i}");
        }
    }

    #[test]
    fn nothing_takes_the_time_line_back() {
        for seed in 0..20 {
            let mut random = Rng::with_seed(seed);
            let mut arrival = Instant::now();
            let mut clock = MediaClock::new(90_000, random.u64(..) as u32);
            let mut timestamp = random.u64(..) as i64;
            let mut highest = clock.map(timestamp, arrival, arrival);
            for _ in 0..2000 {
                match random.usize(..20) {
                    0 => timestamp = random.u64(..) as i64,
                    1 => timestamp = timestamp.wrapping_sub(random.usize(..2_000_000) as i64),
                    2 => clock.discontinuity(),
                    _ => timestamp = timestamp.wrapping_add(3600),
                }
                match random.usize(..30) {
                    0 => arrival += ms(random.usize(..30_000) as u64),
                    1 => arrival -= ms(random.usize(..1000) as u64),
                    _ => arrival += ms(40),
                }
                let out = clock.map(timestamp, arrival, arrival);
                let ahead = out.wrapping_sub(highest) as i32;
                assert!(ahead > -90_000, "{ahead}");
                if ahead > 0 {
                    highest = out;
                }
                assert!(clock.rtp_at(arrival).is_some());
            }
        }
    }

    /// Feeds 25 frames per second from a camera whose clock is `ppm` too fast, each delayed by
    /// `delay` milliseconds; returns the error of `rtp_at` after each, in milliseconds.
    fn report_errors(ppm: f64, mut delay: impl FnMut(u64) -> u64) -> Vec<f64> {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 0);
        let mut arrived = start;
        (0..3000)
            .map(|i| {
                let captured = (i * 3600) as f64 * (1.0 + ppm / 1e6);
                arrived = arrived.max(start + ms(40 * i + delay(i)));
                clock.map(captured as i64, arrived, arrived);
                let now = ms(40 * i + 100);
                let truth = now.as_secs_f64() * 90_000.0 * (1.0 + ppm / 1e6);
                let out = clock.rtp_at(start + now).unwrap();
                f64::from(out.wrapping_sub(truth as u32) as i32) / 90.0
            })
            .collect()
    }

    #[test]
    fn sender_reports_see_neither_jitter_nor_late_pictures() {
        let mut random = Rng::with_seed(3);
        let errors = report_errors(0.0, |i| match i {
            0 => 0,
            // Keyframes take longer to arrive, and the network stalls twice for a second.
            i if i % 50 == 0 => 60,
            1000..1025 | 2000..2025 => 1000 - 40 * (i % 1000),
            _ => 2 + random.usize(..40) as u64,
        });
        // Once the undelayed first frame has left the window, 2 ms of delay remain.
        assert!(errors.iter().all(|error| (-5.0..0.1).contains(error)));
    }

    #[test]
    fn sender_reports_follow_a_drifting_clock_smoothly() {
        for ppm in [-500.0, 500.0] {
            let mut random = Rng::with_seed(4);
            let errors = report_errors(ppm, |_| random.usize(..5) as u64);
            for pair in errors.windows(2) {
                assert!(pair[1].abs() < 8.0, "{ppm} ppm: {}", pair[1]);
                assert!((pair[1] - pair[0]).abs() < 1.6, "{ppm} ppm: {pair:?}");
            }
        }
    }

    /// A whole day, at 5 frames per second.
    #[test]
    fn sender_reports_follow_a_drifting_clock_for_a_day() {
        const FRAMES: u64 = 24 * 3600 * 5;
        for ppm in [-200, 200] {
            let mut random = Rng::with_seed(5);
            let start = Instant::now();
            let mut clock = MediaClock::new(90_000, u32::MAX - 1000);
            for i in 0..FRAMES {
                // What the camera counts, and when that really is.
                let counted = i as i64 * 18_000;
                let real = i * 200 * (1_000_000 - ppm) as u64;
                let captured = start + Duration::from_nanos(real);
                let arrived = captured + ms(random.u64(..30));
                let out = clock.map(counted, arrived, arrived);
                assert_eq!(out, (u32::MAX - 1000).wrapping_add(counted as u32));
                if i % 100 == 99 {
                    let error = clock.rtp_at(captured).unwrap().wrapping_sub(out) as i32;
                    assert!(error.abs() < 90 * 8, "{ppm} ppm, frame {i}: {error} ticks");
                }
            }
        }
    }

    #[test]
    fn sender_reports_follow_a_reconnect() {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 0);
        clock.map(0, start, start);
        // Half a second late, and the next connection continues from there.
        clock.map(3600, start + ms(540), start + ms(540));
        assert_eq!(clock.rtp_at(start + ms(540)), Some(48_600));
        clock.discontinuity();
        let out = clock.map(500, start + ms(1000), start + ms(1000));
        assert_eq!(out, 45_000);
        assert_eq!(clock.rtp_at(start + ms(1000)), Some(out));
        assert_eq!(clock.rtp_at(start + ms(1100)), Some(out + 9000));
        let past = clock.rtp_at(start - ms(1000));
        assert_eq!(past, Some(out.wrapping_sub(180_000)));
    }

    #[test]
    fn a_reconnect_goes_on_from_the_highest_timestamp() {
        let start = Instant::now();
        let mut clock = MediaClock::new(90_000, 0);
        for timestamp in [0, 10_800, 3600] {
            clock.map(timestamp, start, start);
        }
        clock.discontinuity();
        assert_eq!(clock.map(0, start, start), 10_801);
    }
}
