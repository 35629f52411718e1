//! Where a worker's time goes: the profiler of an embedded library.
//!
//! Clocks are read per access unit and per batch, never per packet. The share of the system calls
//! in sending is that of one access unit in [`SAMPLE`].

use std::time::{Duration, Instant};

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

/// When an access unit was where.
#[derive(Clone, Copy, Debug)]
pub struct UnitTimes {
    /// The worker began with it.
    pub begun: Instant,
    /// It was in packets.
    pub packetised: Instant,
    /// The system had it for all viewers, but for what a pacer holds back.
    pub sent: Instant,
    /// Time inside the system, if it was sampled.
    pub system: Option<Duration>,
}

impl MediaCosts {
    /// Whether the next access unit of this stream is one whose system calls are timed.
    pub fn sample(&mut self) -> bool {
        self.units = self.units.wrapping_add(1);
        self.units.is_multiple_of(SAMPLE)
    }

    /// Accounts for one access unit.
    pub fn unit(&mut self, times: &UnitTimes) {
        let deliver = times.sent.saturating_duration_since(times.packetised);
        self.packetise += times.packetised.saturating_duration_since(times.begun);
        self.deliver += deliver;
        if let Some(system) = times.system {
            self.sampled.0 += deliver;
            self.sampled.1 += system;
        }
    }

    /// Accounts for the delivery of what a pacer had held back.
    pub fn late(&mut self, time: Duration) {
        self.deliver += time;
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
        let begun = Instant::now();
        for _ in 0..10 * SAMPLE {
            let sampled = costs.sample();
            costs.unit(&UnitTimes {
                begun,
                packetised: begun + Duration::from_micros(2),
                sent: begun + Duration::from_micros(12),
                system: sampled.then_some(Duration::from_micros(4)),
            });
        }
        let units = 10 * u64::from(SAMPLE);
        assert_eq!(costs.packetise(), Duration::from_micros(2 * units));
        assert_eq!(costs.send(), Duration::from_micros(4 * units));
        assert_eq!(costs.seal(), Duration::from_micros(6 * units));
        costs.late(Duration::from_micros(10 * units));
        assert_eq!(costs.send(), Duration::from_micros(8 * units));
        assert_eq!(costs.seal(), Duration::from_micros(12 * units));
    }

    #[test]
    fn nothing_sampled_is_no_time_in_the_system() {
        let mut costs = MediaCosts::default();
        costs.late(Duration::from_micros(3));
        assert_eq!(costs.send(), Duration::ZERO);
        assert_eq!(costs.seal(), Duration::from_micros(3));
    }
}
