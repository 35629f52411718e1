//! Decides when to probe: only for a rate that is wanted and above the estimate.

use super::train::HEAD;

/// Time to the first probe, in microseconds: the start measures by itself.
const FIRST: u64 = 1_000_000;
/// Time between probes in microseconds: doubled after each failure, up to the maximum. Where all of what is
/// shown leaves, and the probe is for a better variant, that is shorter: it harms little, and the viewer is to be
/// back on it within ten seconds, of which four may pass until its next keyframe.
const FIRST_PAUSE: u64 = 1_000_000;
const LONGEST_PAUSE: u64 = 4_000_000;
const LONGEST_FOR_BETTER: u64 = 3_000_000;
/// After a collapse, so many probes are sent sooner: most fades are over soon.
const SOON: u64 = 600_000;
const SOON_PROBES: u32 = 3;
/// A result is awaited for this time.
const RESULT: u64 = 2_000_000;
/// Rate of a probe relative to the wanted rate, and at most relative to the estimate.
const ROOM: f64 = 1.25;
const STEP: f64 = 3.0;
/// Duration of a probe, after the head of a train that measures nothing, and its minimum size: two packets, besides
/// what the head takes of its last one.
const SECONDS: f64 = 0.025;
const LEAST: u32 = 2_600;
/// Probes that fail take at most this share of what the path carries.
const SHARE: f64 = 0.1;
/// A probe succeeds if this share of its rate is measured.
const FOUND: f64 = 0.85;

/// A burst to send: the first packets of a keyframe, or padding, which is retransmissions of earlier packets
/// (RFC 4588). It leaves at once: a token bucket would carry one that is paced a little above the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Bytes.
    pub bytes: u32,
}

/// The prober.
#[derive(Debug)]
pub struct Probing {
    wanted: f64,
    next: u64,
    pause: u64,
    /// What the last probe costs in time, for its share not to grow.
    rest: u64,
    running: Option<(f64, u64)>,
    /// Probes that are sent soon.
    soon: u32,
    /// The last one was for a better variant.
    better: bool,
}

impl Probing {
    pub fn new() -> Self {
        Probing {
            wanted: 0.0,
            next: FIRST,
            pause: FIRST_PAUSE,
            rest: 0,
            running: None,
            soon: 0,
            better: false,
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

    /// Starts a probe if one is due. `capacity`: the estimate, and what no feedback covers. `better`: it is for
    /// a better variant, and nothing is left out of this one.
    pub fn start(&mut self, now: u64, estimate: f64, capacity: f64, better: bool) -> Option<Probe> {
        // Nothing was heard of the last one: its train, or what told of it, was lost.
        self.running = self.running.filter(|(_, at)| now <= at + RESULT);
        if self.running.is_some() || self.due(estimate)? > now {
            return None;
        }
        let rate = (ROOM * self.wanted).min(STEP * estimate);
        let bytes = HEAD as u32 + ((rate * SECONDS / 8.0) as u32).max(LEAST);
        self.running = Some((rate, now));
        self.better = better;
        self.rest = (f64::from(bytes) * 8e6 / (SHARE * capacity)) as u64;
        self.next = now + self.pause();
        Some(Probe { bytes })
    }

    /// The path may have changed: the next probe need not wait.
    pub fn restart(&mut self) {
        self.running = None;
        self.pause = FIRST_PAUSE;
        self.next = 0;
    }

    /// The estimate has collapsed.
    pub fn collapsed(&mut self, now: u64) {
        self.pause = FIRST_PAUSE;
        self.next = now + SOON;
        self.soon = SOON_PROBES;
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

    /// The path does not carry more.
    pub fn failed(&mut self, now: u64) {
        self.running = None;
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        self.next = now + self.pause();
        self.soon = self.soon.saturating_sub(1);
    }

    fn pause(&self) -> u64 {
        match self.soon {
            0 if self.better => self.pause.min(LONGEST_FOR_BETTER).max(self.rest),
            0 => self.pause.max(self.rest),
            _ => SOON.max(self.rest / 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn probes_approach_the_wanted_rate_in_steps() {
        let mut probing = Probing::new();
        assert_eq!(probing.start(FIRST, 300e3, 300e3, false), None);
        probing.want(2e6);
        assert_eq!(probing.start(FIRST - 1, 300e3, 300e3, false), None);
        let probe = probing.start(FIRST, 300e3, 300e3, false).unwrap();
        assert_eq!(probe.bytes, 7812);
        let later = FIRST + SECOND / 2;
        assert_eq!(
            probing.start(later, 300e3, 300e3, false),
            None,
            "one at a time"
        );
        probing.result(later, 900e3);
        let probe = probing.start(later, 855e3, 855e3, false).unwrap();
        assert_eq!(probe.bytes, 12_812);
        probing.result(later, 2.4e6);
        assert_eq!(probing.due(2.4e6), None);
        assert_eq!(probing.start(10 * SECOND, 2.4e6, 2.4e6, false), None);
    }

    #[test]
    fn failures_make_probes_rarer() {
        let mut probing = Probing::new();
        probing.want(2e6);
        let mut now = 0;
        let mut sent = Vec::new();
        while now < 120 * SECOND {
            if probing.start(now, 1e6, 1e6, false).is_some() {
                sent.push(now / SECOND);
                probing.result(now + SECOND / 10, 1e6);
            }
            now += SECOND / 10;
        }
        let pauses: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[0], 2);
        assert!(
            pauses[1..].iter().all(|pause| (4..=5).contains(pause)),
            "{sent:?}"
        );
        // On a thin path they are so rare that they take a tenth of it.
        let rest = |estimate| {
            let mut probing = Probing::new();
            probing.want(2e6);
            probing.start(FIRST, estimate, estimate, false).unwrap();
            (probing.next - FIRST) / SECOND
        };
        assert_eq!((rest(1e6), rest(100e3)), (1, 6));
    }
}
