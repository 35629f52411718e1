//! Where a worker's time goes: the profiler of an embedded library.
//!
//! Clocks are read per access unit and per batch, never per packet. The share of the system calls
//! in sending is that of one access unit in [`SAMPLE`].

use std::time::Duration;

/// Of each stream, one access unit in this many is sent with a clock around each system call. A
/// prime, so that picture and sound, which alternate, have their turns.
const SAMPLE: u32 = 17;

/// Time spent by one worker since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// All its streams together, with those that are gone.
    pub media: MediaCosts,
    /// ICE, DTLS, RTCP, and what they ask to send again.
    pub control: Duration,
}

/// Time spent on media: of one stream, or of all streams of a worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaCosts {
    packetise: Duration,
    /// Sealing packets and handing them to the system.
    deliver: Duration,
    units: u32,
    /// Delivery of the sampled access units, and the time inside the system of that.
    sampled: (Duration, Duration),
}

impl MediaCosts {
    /// Whether the next access unit of this stream is one whose system calls are timed.
    pub fn sample(&mut self) -> bool {
        self.units = self.units.wrapping_add(1);
        self.units.is_multiple_of(SAMPLE)
    }

    /// An access unit was turned into packets.
    pub fn packetised(&mut self, time: Duration) {
        self.packetise += time;
    }

    /// Packets were sealed and handed to the system; `system` is the time inside it, if that was
    /// measured.
    pub fn delivered(&mut self, time: Duration, system: Option<Duration>) {
        self.deliver += time;
        if let Some(system) = system {
            self.sampled.0 += time;
            self.sampled.1 += system;
        }
    }

    /// All of it, by name.
    pub fn parts(&self) -> [(&'static str, Duration); 3] {
        [
            ("packetise", self.packetise()),
            ("seal", self.seal()),
            ("send", self.send()),
        ]
    }

    /// Turning access units into packets.
    pub fn packetise(&self) -> Duration {
        self.packetise
    }

    /// Sealing packets.
    pub fn seal(&self) -> Duration {
        self.deliver - self.send()
    }

    /// Inside the system, which takes packets to the network.
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
            costs.packetised(micros(2));
            costs.delivered(micros(10), system);
        }
        let units = 10 * u64::from(SAMPLE);
        assert_eq!(costs.packetise(), micros(2 * units));
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
