//! Bounds of the estimate of what a path carries.

/// Bounds of the estimate of what the path to a viewer carries, in bits per second.
#[derive(Clone, Copy, Debug)]
pub struct EstimateLimits {
    /// Until anything is measured.
    pub start: u64,
    /// Minimum.
    pub floor: u64,
    /// Maximum.
    pub ceiling: u64,
}

impl Default for EstimateLimits {
    fn default() -> Self {
        EstimateLimits {
            start: 1_000_000,
            floor: 30_000,
            ceiling: 1_000_000_000,
        }
    }
}
