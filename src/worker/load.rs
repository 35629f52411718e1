//! How busy a worker is, and whether it takes newcomers.
//!
//! A worker without any time left delays everybody's frames. So newcomers are refused before, by what those
//! who are there take of its time, and by what newcomers of the last moments will take.

use std::time::{Duration, Instant};

use crate::limit::Complaint;

/// Samples are at least so far apart.
const SAMPLE: Duration = Duration::from_millis(250);
/// What an earlier sample still counts beside a new one: most of it after a moment, little after seconds.
const MEMORY: f32 = 0.75;

/// What a worker has spent since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Time that it was busy.
    pub busy: Duration,
    /// Of that, what sources took that do not get through: any other work goes before.
    pub greedy: Duration,
    /// Of that, what viewers cost.
    pub delivered: Duration,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Load {
    last: Option<(Instant, Spent)>,
    /// Parts of its time, from 0 to 1: all that it was busy, that without what viewers cost, and what each
    /// of them costs.
    busy: f32,
    rest: f32,
    each: Option<f32>,
    /// Viewers at the last sample, and how many came since.
    viewers: usize,
    newcomers: usize,
    /// Newcomers that were refused.
    refused: u64,
    complaint: Complaint,
}

impl Load {
    /// Whether it is time for [`Load::sample`].
    pub fn is_due(&self, now: Instant) -> bool {
        let last = self.last.as_ref();
        last.is_none_or(|(at, _)| now.saturating_duration_since(*at) >= SAMPLE)
    }

    /// Takes a sample. `viewers`: how many there are.
    pub fn sample(&mut self, now: Instant, spent: Spent, viewers: usize) {
        let before = self.last.replace((now, spent));
        self.viewers = viewers;
        self.newcomers = 0;
        let Some((at, before)) = before else {
            return;
        };
        let time = now.saturating_duration_since(at).as_secs_f32();
        let part = |after: Duration, before: Duration| {
            let part = after.saturating_sub(before).as_secs_f32() / time;
            part.min(1.0)
        };
        let own = |spent: Spent| spent.busy.saturating_sub(spent.greedy);
        let memory = MEMORY.powf(time / SAMPLE.as_secs_f32());
        let busy = part(own(spent), own(before));
        let delivered = part(spent.delivered, before.delivered);
        let mix = |before: f32, now: f32| before * memory + now * (1.0 - memory);
        self.busy = mix(self.busy, busy);
        self.rest = mix(self.rest, (busy - delivered).max(0.0));
        if viewers > 0 {
            let each = delivered / viewers as f32;
            self.each = Some(self.each.map_or(each, |before| mix(before, each)));
        }
    }

    /// How much of its time it is busy, in percent, with all that those will take who have just come.
    pub fn percent(&self) -> u32 {
        let viewers = (self.viewers + self.newcomers) as f32;
        let expected = self.rest + self.each.unwrap_or_default() * viewers;
        (self.busy.max(expected) * 100.0) as u32
    }

    /// Whether it is time to say again that there is no time.
    pub fn may_complain(&mut self, now: Instant) -> bool {
        self.complaint.is_due(now)
    }

    /// A viewer is taken in.
    pub fn admitted(&mut self) {
        self.newcomers += 1;
    }

    /// A viewer is refused.
    pub fn refused(&mut self) {
        self.refused += 1;
    }

    /// How many were.
    pub fn refusals(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker in virtual time: so many viewers, each of which takes a percent, and a source that takes
    /// what is left.
    struct World {
        load: Load,
        now: Instant,
        spent: Spent,
        viewers: u32,
        flood: bool,
    }

    impl World {
        fn new() -> World {
            World {
                load: Load::default(),
                now: Instant::now(),
                spent: Spent::default(),
                viewers: 0,
                flood: false,
            }
        }

        fn pass(&mut self, millis: u32) {
            for _ in 0..millis / 5 {
                let step = Duration::from_millis(5);
                self.now += step;
                let delivered = (step * self.viewers / 100).min(step);
                self.spent.delivered += delivered;
                self.spent.busy += if self.flood { step } else { delivered };
                if self.flood {
                    self.spent.greedy += step - delivered;
                }
                if self.load.is_due(self.now) {
                    let viewers = self.viewers as usize;
                    self.load.sample(self.now, self.spent, viewers);
                }
            }
        }

        /// Viewers come, so many a second, while they are taken in; how many there are in the end.
        fn comes(&mut self, per_second: u32, seconds: u32) -> u32 {
            for _ in 0..per_second * seconds {
                self.pass(1000 / per_second);
                if self.load.percent() < 80 {
                    self.load.admitted();
                    self.viewers += 1;
                }
            }
            self.viewers
        }
    }

    #[test]
    fn newcomers_are_taken_in_until_the_time_is_used_and_again_when_some_have_left() {
        let mut world = World::new();
        for per_second in [1, 10, 20, 200] {
            let most = world.comes(per_second, 400 / per_second);
            assert!((75..=90).contains(&most), "{most}");
            world.pass(5000);
            assert!((75..=90).contains(&world.load.percent()));
            world.viewers = 30;
            world.pass(5000);
        }
        assert!((29..=31).contains(&world.load.percent()));
    }

    #[test]
    fn what_gives_way_to_others_keeps_nobody_out() {
        let mut world = World::new();
        world.viewers = 40;
        world.flood = true;
        world.pass(5000);
        assert!((39..=41).contains(&world.load.percent()));
    }

    #[test]
    fn a_moment_says_little_and_a_long_rest_all() {
        let mut world = World::new();
        world.pass(1000);
        world.viewers = 100;
        world.pass(250);
        assert!(world.load.percent() < 40);
        world.viewers = 0;
        world.now += Duration::from_secs(60);
        world.pass(250);
        assert_eq!(world.load.percent(), 0);
    }
}
