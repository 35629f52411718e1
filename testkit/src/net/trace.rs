//! Rate traces that resemble LTE and crowded Wi-Fi, generated from a fixed seed: the same in every run.

use std::sync::LazyLock;
use std::time::Duration;

use super::link::Step;

/// One minute of LTE at the cell edge, in steps of 100 ms: about 1.5 Mbit/s, varying between 0.3 and 4, with a fade or
/// handover of 200 to 800 ms about every 10 s.
pub fn lte() -> &'static [Step] {
    static TRACE: LazyLock<Vec<Step>> = LazyLock::new(|| {
        let mut random = fastrand::Rng::with_seed(11);
        let (mut wander, mut fade) = (0.0, 0);
        let step = |_| {
            // A sum of uniform numbers is close enough to a normal distribution.
            let noise = (0..6).map(|_| random.f64()).sum::<f64>() - 3.0;
            wander = 0.97 * wander + 0.15 * noise;
            if random.f64() < 0.01 {
                fade = random.u64(2..=8);
            }
            let rate = (1.5e6 * f64::exp(wander)).clamp(0.3e6, 4e6);
            let rate = if fade > 0 { 0.05 * rate } else { rate };
            fade = fade.saturating_sub(1);
            Step {
                lasts: Duration::from_millis(100),
                rate: rate as u64,
            }
        };
        (0..600).map(step).collect()
    });
    &TRACE
}

/// 30 s of crowded Wi-Fi, in steps of 20 ms: 3 to 8 Mbit/s, interrupted by contention of a second or two at a tenth of
/// that, and by stalls of 40 to 120 ms.
pub fn wifi() -> &'static [Step] {
    static TRACE: LazyLock<Vec<Step>> = LazyLock::new(|| {
        let mut random = fastrand::Rng::with_seed(5);
        let (mut crowded, mut stall) = (false, 0);
        let step = |_| {
            let change = if crowded { 0.015 } else { 0.004 };
            crowded ^= random.f64() < change;
            if stall == 0 && random.f64() < 0.01 {
                stall = random.u64(2..=6);
            }
            let share = if crowded { 0.1 } else { 1.0 };
            let rate = (3e6 + 5e6 * random.f64()) * share;
            let rate = if stall > 0 { 0.0 } else { rate };
            stall = stall.saturating_sub(1);
            Step {
                lasts: Duration::from_millis(20),
                rate: rate as u64,
            }
        };
        (0..1500).map(step).collect()
    });
    &TRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean rate, and the share of time below `low`.
    fn figures(trace: &[Step], low: u64) -> (f64, f64) {
        let mean = trace.iter().map(|step| step.rate as f64).sum::<f64>() / trace.len() as f64;
        let below = trace.iter().filter(|step| step.rate < low).count();
        (mean, below as f64 / trace.len() as f64)
    }

    #[test]
    fn the_traces_match_their_description() {
        let (mean, faded) = figures(lte(), 250_000);
        assert!((1.2e6..2.0e6).contains(&mean), "{mean}");
        assert!((0.02..0.08).contains(&faded), "{faded}");
        let (mean, crowded) = figures(wifi(), 900_000);
        assert!((3e6..5.5e6).contains(&mean), "{mean}");
        assert!((0.1..0.4).contains(&crowded), "{crowded}");
    }
}
