//! Where a worker's CPU time goes: a built-in profiler.
//!
//! Clocks are read per access unit and per batch, never per packet. The time inside system calls is
//! measured for one access unit in [`SAMPLE`] and extrapolated.

use std::time::Duration;

/// For one access unit in this many per stream, each system call is timed. A prime, so that video and
/// audio, which alternate, both get sampled.
const SAMPLE: u32 = 17;

/// Time spent by one worker since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Media of all its streams, past ones included.
    pub media: MediaCosts,
    /// ICE, DTLS, RTCP, and the retransmissions that RTCP asks for.
    pub control: Duration,
}

/// Time spent on media: of one stream, or of all streams of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaCosts {
    packetize: Duration,
    /// Sealing packets and passing them to the system.
    deliver: Duration,
    units: u32,
    /// Delivery of the sampled access units, and the time of it inside the system.
    sampled: (Duration, Duration),
}

impl MediaCosts {
    /// Whether to time the system calls of this stream's next access unit.
    pub fn sample(&mut self) -> bool {
        self.units = self.units.wrapping_add(1);
        self.units.is_multiple_of(SAMPLE)
    }

    /// An access unit was turned into packets.
    pub fn packetized(&mut self, time: Duration) {
        self.packetize += time;
    }

    /// Packets were sealed and passed to the system; `system` is the time inside it, if measured.
    pub fn delivered(&mut self, time: Duration, system: Option<Duration>) {
        self.deliver += time;
        if let Some(system) = system {
            self.sampled.0 += time;
            self.sampled.1 += system;
        }
    }

    /// Adds what others have spent.
    pub fn add_all(&mut self, other: &MediaCosts) {
        self.packetize += other.packetize;
        self.deliver += other.deliver;
        self.sampled.0 += other.sampled.0;
        self.sampled.1 += other.sampled.1;
    }

    /// Sealing packets and passing them to the system.
    pub fn deliver(&self) -> Duration {
        self.deliver
    }

    /// All parts, by name.
    pub fn parts(&self) -> [(&'static str, Duration); 3] {
        [
            ("packetize", self.packetize()),
            ("seal", self.seal()),
            ("send", self.send()),
        ]
    }

    /// Turning access units into packets.
    pub fn packetize(&self) -> Duration {
        self.packetize
    }

    pub fn seal(&self) -> Duration {
        self.deliver - self.send()
    }

    /// Inside the system's network stack.
    pub fn send(&self) -> Duration {
        let (deliver, system) = self.sampled;
        if deliver.is_zero() {
            return Duration::ZERO;
        }
        let share = system.as_secs_f64() / deliver.as_secs_f64();
        self.deliver.mul_f64(share).min(self.deliver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sampled_share_holds_for_all() {
        let mut costs = MediaCosts::default();
        let micros = Duration::from_micros;
        for _ in 0..10 * SAMPLE {
            let system = costs.sample().then_some(micros(4));
            costs.packetized(micros(2));
            costs.delivered(micros(10), system);
        }
        let units = 10 * u64::from(SAMPLE);
        assert_eq!(costs.packetize(), micros(2 * units));
        assert_eq!(costs.send(), micros(4 * units));
        assert_eq!(costs.seal(), micros(6 * units));
        costs.delivered(micros(10 * units), None);
        assert_eq!(costs.send(), micros(8 * units));
        assert_eq!(costs.seal(), micros(12 * units));
    }

    #[test]
    fn nothing_sampled_is_no_time_in_the_system() {
        let mut costs = MediaCosts::default();
        costs.delivered(Duration::from_micros(3), None);
        assert_eq!(costs.send(), Duration::ZERO);
        assert_eq!(costs.seal(), Duration::from_micros(3));
    }
}
