//! On which worker something new lives.
//!
//! Streams and walls go to the worker with the least to do. A viewer lives with its stream, where it costs least. But
//! one core carries only so many: from a crowd on, newcomers become guests of other workers (`guests.rs`), each of
//! which then mirrors the stream. A mirror takes as much as a few viewers, whoever watches it; a stream that few watch
//! has none.
//!
//! Sessions never move, so that this is decided once for each. Thousands may come before the first of them costs
//! anything: where no worker is busy, it goes by number, and where one is, by measured time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The cost of a stream without viewers (reading and packetizing), as a number of viewers.
pub const STREAM_WORK: usize = 4;
/// The same of a wall, which shows many streams.
pub const WALL_WORK: usize = 32;

/// So many viewers a stream has on its own worker before others become guests: a tenth of a core at 2.4 Mbit/s.
const CROWD: u32 = 256;
/// The same on a worker that is busy for [`BUSY`] percent of its time.
const CROWD_OF_A_BUSY_WORKER: u32 = 16;
const BUSY: u32 = 50;
/// By so many percent of its time another worker must be less busy then.
const LEAD: u32 = 20;
/// A worker that no media comes to does not measure how busy it is: it is not.
const STALE: Duration = Duration::from_secs(2);

/// Maximum number of workers.
const WORKERS: usize = 64;

/// How busy each worker was when it measured that last. It says so while media comes, and takes no lock for it.
#[derive(Debug)]
pub struct Loads {
    began: Instant,
    /// Milliseconds from then on, and percent of its time; 0: never.
    measured: [AtomicU64; WORKERS],
}

impl Default for Loads {
    fn default() -> Loads {
        Loads {
            began: Instant::now(),
            measured: [const { AtomicU64::new(0) }; WORKERS],
        }
    }
}

impl Loads {
    /// A worker has measured how busy it is, in percent of its time.
    pub fn note(&self, worker: usize, percent: u32, now: Instant) {
        if let Some(measured) = self.measured.get(worker) {
            let known = self.millis(now) << 8 | u64::from(percent.min(u8::MAX.into()));
            measured.store(known, Ordering::Relaxed);
        }
    }

    /// How busy it is, as far as that is known.
    pub fn percent(&self, worker: usize, now: Instant) -> u32 {
        let known = self.measured.get(worker);
        let known = known.map_or(0, |known| known.load(Ordering::Relaxed));
        let age = self.millis(now).saturating_sub(known >> 8);
        match u128::from(age) < STALE.as_millis() {
            true => (known & 0xff) as u32,
            false => 0,
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_millis() as u64
    }
}

/// What the workers of a gateway have to do, each as a number of viewers.
#[derive(Debug, Default)]
pub struct Workload(Vec<usize>);

impl Workload {
    /// A worker has so much more to do.
    pub fn add(&mut self, worker: usize, work: usize) {
        *self.at(worker) += work;
    }

    /// A worker has so much less to do.
    pub fn remove(&mut self, worker: usize, work: usize) {
        *self.at(worker) -= work;
    }

    fn at(&mut self, worker: usize) -> &mut usize {
        if self.0.len() <= worker {
            self.0.resize(worker + 1, 0);
        }
        &mut self.0[worker]
    }

    fn work(&self, worker: usize) -> usize {
        self.0.get(worker).copied().unwrap_or(0)
    }

    /// The one with the least to do, of so many workers.
    pub fn least(&self, workers: usize) -> usize {
        let least = (0..workers).min_by_key(|&worker| self.work(worker));
        least.unwrap_or(0)
    }

    /// The worker for one more viewer of a stream. `viewers`: how many it has on each worker; `owner`: its own worker;
    /// `busy`: how busy each is, in percent; `full`: from so many on, a worker takes no newcomers.
    pub fn for_viewer(
        &self,
        owner: usize,
        viewers: &[u32],
        busy: impl Fn(usize) -> u32,
        full: Option<u32>,
    ) -> usize {
        let with_it = viewers.get(owner).copied().unwrap_or(0);
        let percent = busy(owner);
        let is_full = |percent: u32| full.is_some_and(|full| percent >= full);
        let (full_up, is_busy) = (is_full(percent), percent >= BUSY);
        let crowd = match is_busy || full_up {
            true => CROWD_OF_A_BUSY_WORKER,
            false => CROWD,
        };
        let takes = |&other: &usize| {
            let (guests, load) = (viewers[other], busy(other));
            // Where it is mirrored already, one more costs its own worker nothing.
            let worthwhile = with_it >= crowd || (full_up && guests > 0);
            let has_time = match () {
                () if full_up => !is_full(load),
                () if is_busy => load + LEAD <= percent && guests < with_it,
                () => load < BUSY && self.work(other) < self.work(owner),
            };
            other != owner && worthwhile && has_time && !is_full(load)
        };
        let others = (0..viewers.len()).filter(takes);
        let least = others.min_by_key(|&other| self.work(other));
        least.unwrap_or(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Option<u32> = Some(85);

    /// Three workers with a stream that is hot on the first.
    struct World {
        work: Workload,
        viewers: [u32; 3],
        busy: [u32; 3],
    }

    impl World {
        fn new() -> World {
            let mut work = Workload::default();
            work.add(0, STREAM_WORK);
            World {
                work,
                viewers: [0; 3],
                busy: [0; 3],
            }
        }

        fn place(&self) -> usize {
            let busy = |worker: usize| self.busy[worker];
            self.work.for_viewer(0, &self.viewers, busy, FULL)
        }

        /// So many come; how many are where then.
        fn come(&mut self, viewers: u32) -> [u32; 3] {
            for _ in 0..viewers {
                let worker = self.place();
                self.viewers[worker] += 1;
                self.work.add(worker, 1);
            }
            self.viewers
        }
    }

    #[test]
    fn a_crowd_spreads_and_fewer_stay_with_their_stream() {
        let mut world = World::new();
        assert_eq!(world.come(CROWD), [CROWD, 0, 0]);
        assert_eq!(world.come(2), [CROWD, 1, 1]);
        let all = world.come(4000 - CROWD - 2);
        assert_eq!(all.iter().sum::<u32>(), 4000);
        assert!(
            all.iter().all(|&some| (1329..=1338).contains(&some)),
            "{all:?}"
        );
        // Most have left: who comes now lives with the stream again.
        world.viewers = all.map(|some| some / 10);
        assert_eq!(world.place(), 0);
    }

    #[test]
    fn one_worker_has_no_other() {
        let work = Workload::default();
        assert_eq!(work.for_viewer(0, &[9999], |_| 99, FULL), 0);
    }

    #[test]
    fn a_worker_with_more_to_do_gets_no_guests() {
        let mut world = World::new();
        world.work.add(1, 500);
        world.work.add(2, 300);
        assert_eq!(world.come(290), [290, 0, 0]);
        // The numbers say little: few who take much.
        world.busy = [30, 0, 60];
        assert_eq!(world.come(100), [390, 0, 0]);
        world.busy = [30, 0, 20];
        assert_eq!(world.place(), 2);
    }

    #[test]
    fn a_busy_worker_sends_newcomers_away_sooner() {
        let mut world = World::new();
        world.busy = [60, 50, 40];
        assert_eq!(world.come(CROWD_OF_A_BUSY_WORKER), [16, 0, 0]);
        assert_eq!(
            world.come(20),
            [18, 0, 18],
            "not more than there are with the stream"
        );
        world.busy = [60, 55, 45];
        assert_eq!(world.place(), 0, "little would be gained");
    }

    #[test]
    fn what_was_measured_long_ago_says_nothing() {
        let loads = Loads::default();
        let now = Instant::now();
        assert_eq!(loads.percent(1, now), 0);
        loads.note(1, 300, now);
        loads.note(WORKERS, 50, now);
        assert_eq!(
            (loads.percent(1, now), loads.percent(WORKERS, now)),
            (255, 0)
        );
        assert_eq!(loads.percent(1, now + STALE / 2), 255);
        assert_eq!(loads.percent(1, now + STALE), 0);
    }

    #[test]
    fn a_full_worker_has_guests_where_they_cost_it_nothing() {
        let mut world = World::new();
        world.busy = [90, 80, 80];
        world.come(3);
        assert_eq!(
            world.viewers,
            [3, 0, 0],
            "the first guest costs as much as a viewer"
        );
        world.viewers = [3, 1, 0];
        assert_eq!(world.place(), 1);
        world.busy = [90, 85, 0];
        assert_eq!(world.place(), 0, "full, too");
        world.viewers[0] = 16;
        assert_eq!(world.place(), 2);
    }
}
