//! Viewers behind one address, who may share a link. Each measures all of it: what a train shows while the others
//! send little is not theirs alone. So each says how much it uses, and whoever finds that more is used than the link
//! carries makes do with its part.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::session::estimate::Others;

/// More viewers behind one address are no household with one link.
const MOST: usize = 8;
/// Two viewers share a link if what they measured of theirs differs by no more than this factor.
const ALIKE: f64 = 1.5;

/// The viewers behind one address.
#[derive(Debug)]
pub struct Neighborhood {
    began: Instant,
    count: AtomicUsize,
    /// Until when a probe of one of them is on its way, in microseconds.
    probe: AtomicU64,
    viewers: Mutex<Vec<Viewer>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Viewer {
    number: u64,
    /// In bits per second: what its link carries, and what it uses.
    link: Option<f64>,
    used: f64,
}

/// One of them, for as long as it is there.
#[derive(Debug)]
pub struct Neighbor {
    number: u64,
    all: Arc<Neighborhood>,
}

impl Neighborhood {
    pub fn new(now: Instant) -> Neighborhood {
        Neighborhood {
            began: now,
            count: AtomicUsize::new(0),
            probe: AtomicU64::new(0),
            viewers: Mutex::default(),
        }
    }
}

impl Neighbor {
    /// Another viewer.
    pub fn join(all: Arc<Neighborhood>) -> Neighbor {
        let mut viewers = all.viewers.lock();
        let number = viewers.last().map_or(0, |last| last.number + 1);
        viewers.push(Viewer {
            number,
            ..Viewer::default()
        });
        all.count.store(viewers.len(), Ordering::Relaxed);
        drop(viewers);
        Neighbor { number, all }
    }

    /// Says what the link carries, by what this viewer measured, and what it uses of it, in bits per second. Returns
    /// what the others use who seem to share it.
    pub fn exchange(&self, link: Option<f64>, used: f64) -> Option<Others> {
        if !(2..=MOST).contains(&self.all.count.load(Ordering::Relaxed)) {
            return None;
        }
        let mut others = Others::default();
        for viewer in self.all.viewers.lock().iter_mut() {
            if viewer.number == self.number {
                (viewer.link, viewer.used) = (link, used);
            } else if are_alike(viewer.link, link) {
                others.count += 1;
                others.used += viewer.used;
            }
        }
        (others.count > 0).then_some(others)
    }

    /// Whether no probe of another one is on its way. Many would wait for each other for long.
    pub fn may_probe(&self, now: Instant) -> bool {
        self.all.count.load(Ordering::Relaxed) > MOST
            || self.micros(now) >= self.all.probe.load(Ordering::Relaxed)
    }

    /// A probe of this one is on its way for so long.
    pub fn probes(&self, now: Instant, time: Duration) {
        let until = self.micros(now + time);
        self.all.probe.store(until, Ordering::Relaxed);
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.all.began).as_micros() as u64
    }
}

impl Drop for Neighbor {
    fn drop(&mut self) {
        let mut viewers = self.all.viewers.lock();
        viewers.retain(|viewer| viewer.number != self.number);
        self.all.count.store(viewers.len(), Ordering::Relaxed);
    }
}

fn are_alike(one: Option<f64>, other: Option<f64>) -> bool {
    let both = one.zip(other);
    both.is_some_and(|(one, other)| one < ALIKE * other && other < ALIKE * one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u32, used: f64) -> Option<Others> {
        Some(Others { count, used })
    }

    #[test]
    fn those_with_the_same_link_know_of_each_other() {
        let all = Arc::new(Neighborhood::new(Instant::now()));
        let join = || Neighbor::join(Arc::clone(&all));
        let one = join();
        assert_eq!(one.exchange(Some(8e5), 5e5), None, "alone");
        let other = join();
        assert_eq!(other.exchange(Some(9e5), 4e5), None, "nothing was said yet");
        assert_eq!(one.exchange(Some(8e5), 5e5), some(1, 4e5));
        assert_eq!(other.exchange(None, 4e5), None, "nothing was measured");
        assert_eq!(other.exchange(Some(5e6), 4e5), None, "another link");
        let third = join();
        other.exchange(Some(8e5), 1e5);
        assert_eq!(third.exchange(Some(8e5), 2e5), some(2, 6e5));
        drop(one);
        assert_eq!(third.exchange(Some(8e5), 2e5), some(1, 1e5));
    }

    #[test]
    fn many_behind_one_address_share_no_link() {
        let all = Arc::new(Neighborhood::new(Instant::now()));
        let viewers: Vec<_> = (0..=MOST)
            .map(|_| Neighbor::join(Arc::clone(&all)))
            .collect();
        let known = |viewer: &Neighbor| viewer.exchange(Some(1e6), 1e5);
        assert!(viewers.iter().all(|viewer| known(viewer).is_none()));
    }

    #[test]
    fn one_probes_at_a_time() {
        let now = Instant::now();
        let all = Arc::new(Neighborhood::new(now));
        let [one, other] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        let time = Duration::from_millis(90);
        assert!(one.may_probe(now));
        one.probes(now, time);
        assert!(!other.may_probe(now + time / 2));
        assert!(other.may_probe(now + time));
    }
}
