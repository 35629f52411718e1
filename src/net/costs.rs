//! Where a worker's time goes: the profiler of an embedded library.
//!
//! Clocks are read per access unit and per batch, never per packet. The share of the system calls
//! in sending is that of one access unit in [`SAMPLE`].

use std::time::{Duration, Instant};

/// One access unit in this many is sent with a clock around each system call.
const SAMPLE: u32 = 16;

/// Time spent by one worker since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Turning access units into packets.
    pub packetise: Duration,
    /// Sealing packets and handing them to the system.
    pub send: Duration,
    /// ICE, DTLS and RTCP.
    pub control: Duration,
    units: u32,
    /// Sending of the sampled access units, and the time inside the system of that.
    sampled: (Duration, Duration),
}

impl Costs {
    /// Whether the next access unit is one whose system calls are timed.
    pub fn sample(&mut self) -> bool {
        self.units = self.units.wrapping_add(1);
        self.units.is_multiple_of(SAMPLE)
    }

    /// Accounts for one access unit; `system` is the time inside the system if it was sampled.
    pub fn unit(
        &mut self,
        begun: Instant,
        packetised: Instant,
        sent: Instant,
        system: Option<Duration>,
    ) {
        self.packetise += packetised.saturating_duration_since(begun);
        self.send += sent.saturating_duration_since(packetised);
        if let Some(system) = system {
            self.sampled.0 += sent.saturating_duration_since(packetised);
            self.sampled.1 += system;
        }
    }

    /// Of [`Costs::send`], the time inside the system.
    pub fn system(&self) -> Duration {
        let (send, system) = self.sampled;
        if send.is_zero() {
            return Duration::ZERO;
        }
        self.send.mul_f64(system.as_secs_f64() / send.as_secs_f64())
    }
}
