//! Decides when to probe: only for a rate that is wanted and above the estimate.

/// Time between probes in microseconds: doubled after each failure, up to the maximum.
const FIRST_PAUSE: u64 = 1_000_000;
const LONGEST_PAUSE: u64 = 8_000_000;
/// A probe without a result after this time has failed.
const RESULT: u64 = 2_000_000;
/// Rate of a probe relative to the wanted rate, and at most relative to the estimate.
const ROOM: f64 = 1.25;
const STEP: f64 = 3.0;
/// Duration of a probe, and its minimum size.
const SECONDS: f64 = 0.025;
const PACKETS: u32 = 6;
const PACKET_BYTES: u32 = 1200;
/// A probe succeeds if this share of its rate is measured.
const FOUND: f64 = 0.85;

/// A burst of padding to send: retransmissions of earlier packets (RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Bytes of UDP payload.
    pub bytes: u32,
    /// Rate in bits per second.
    pub rate: u64,
}

/// The prober.
#[derive(Debug)]
pub struct Probing {
    wanted: f64,
    next: u64,
    pause: u64,
    running: Option<(f64, u64)>,
}

impl Probing {
    pub fn new() -> Self {
        Probing {
            wanted: 0.0,
            next: 0,
            pause: FIRST_PAUSE,
            running: None,
        }
    }

    /// Sets the wanted rate.
    pub fn want(&mut self, rate: f64) {
        self.wanted = rate;
    }

    /// The wanted rate.
    pub fn wanted(&self) -> f64 {
        self.wanted
    }

    /// When the next probe is due; `None` if the estimate suffices.
    pub fn due(&self, estimate: f64) -> Option<u64> {
        (self.wanted > estimate).then_some(self.next)
    }

    /// Starts a probe if one is due.
    pub fn start(&mut self, now: u64, estimate: f64) -> Option<Probe> {
        if self.running.is_some_and(|(_, at)| now > at + RESULT) {
            self.failed(now);
        }
        if self.running.is_some() || self.due(estimate)? > now {
            return None;
        }
        let rate = (ROOM * self.wanted).min(STEP * estimate);
        self.running = Some((rate, now));
        self.next = now + self.pause;
        let bytes = (rate * SECONDS / 8.0) as u32;
        Some(Probe {
            bytes: bytes.max(PACKETS * PACKET_BYTES),
            rate: rate as u64,
        })
    }

    /// Handles the measured rate of a probe.
    pub fn result(&mut self, now: u64, shown: f64) {
        let Some((rate, _)) = self.running else {
            return;
        };
        if shown >= FOUND * rate {
            self.running = None;
            self.pause = FIRST_PAUSE;
            self.next = now;
        } else {
            self.failed(now);
        }
    }

    fn failed(&mut self, now: u64) {
        self.running = None;
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        self.next = now + self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn probes_approach_the_wanted_rate_in_steps() {
        let mut probing = Probing::new();
        assert_eq!(probing.start(0, 300e3), None);
        probing.want(2e6);
        let probe = probing.start(0, 300e3).unwrap();
        assert_eq!((probe.rate, probe.bytes), (900_000, 7200));
        assert_eq!(probing.start(1000, 300e3), None, "one at a time");
        probing.result(SECOND / 2, 900e3);
        let probe = probing.start(SECOND / 2, 855e3).unwrap();
        assert_eq!((probe.rate, probe.bytes), (2_500_000, 7812));
        probing.result(SECOND, 2.4e6);
        assert_eq!(probing.due(2.4e6), None);
        assert_eq!(probing.start(SECOND, 2.4e6), None);
    }

    #[test]
    fn failures_make_probes_rarer() {
        let mut probing = Probing::new();
        probing.want(2e6);
        let mut now = 0;
        let mut sent = Vec::new();
        while now < 120 * SECOND {
            if probing.start(now, 1e6).is_some() {
                sent.push(now / SECOND);
                probing.result(now + SECOND / 10, 1e6);
            }
            now += SECOND / 10;
        }
        assert_eq!(
            sent,
            [
                0, 2, 6, 14, 22, 30, 38, 46, 54, 62, 71, 79, 87, 95, 103, 111, 119
            ]
        );
    }
}
