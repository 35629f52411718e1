//! When the units of a camera were captured, by our clock.

use std::time::Instant;

/// The clock of a sender as its sender reports have it (RFC 3550 section 4): a time since 1900 in
/// units of 2^-32 s. Right in its differences, if in nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SenderTime(pub u64);

/// Translates the clock of a camera, which all of its tracks share. One per connection.
#[derive(Debug, Default)]
pub struct CaptureClock {}

impl CaptureClock {
    /// When something was captured that arrived at `arrival`; never later than that.
    pub fn captured(&mut self, _sampled: SenderTime, _arrival: Instant) -> Option<Instant> {
        None
    }
}
