//! Viewers behind one address, who may share a link. Each measures all of it: what a train shows while the others
//! send little is not theirs alone. So each says how much it uses, and whoever finds that more is used than the link
//! carries makes do with its part.
//!
//! One address is not always one link: a VPN or a relay has viewers behind it whose links have nothing in common.
//! What is sent to them together tells: more than the link carries, for seconds, is not sent through one link. Who has
//! just come may have measured only what the others left of it, so a low measurement counts once it has stood for a
//! while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::session::estimate::Others;

/// More viewers behind one address are no household with one link.
const MOST: usize = 8;
/// Two viewers share a link if what they measured of theirs differs by no more than this factor.
const ALIKE: f64 = 1.5;
/// More than so many times what the link carries is not sent through it for two seconds, whatever its queue holds.
const APART: f64 = 1.4;
/// What was said longer ago is of a time that is over.
const FRESH: Duration = Duration::from_secs(2);
/// Within this time a viewer that shares a link measures nearly all of it: the others pause now and then.
const STANDS: Duration = Duration::from_secs(10);
/// For how long it is remembered that they share none, and what one of them measured that says nothing more.
const REMEMBERED: Duration = Duration::from_secs(60);

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
    /// Since when it has not measured less.
    since: Option<Instant>,
    /// What was sent to it in the last two seconds, the same.
    sent: f64,
    /// When it said so.
    said: Option<Instant>,
    /// The most that was sent together to it and to those with such a link and that is more than one carries, and until
    /// when it is remembered.
    apart: Option<(f64, Instant)>,
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

impl Viewer {
    fn say(&mut self, now: Instant, link: Option<f64>, used: f64, sent: f64) {
        if self.link.is_none() || link < self.link {
            self.since = Some(now);
        }
        (self.link, self.used, self.sent) = (link, used, sent);
        self.said = Some(now);
    }

    /// What it measured, unless it has said nothing for so long that its link may be another one by now.
    fn link_at(&self, now: Instant) -> Option<f64> {
        let late = |said| now.saturating_duration_since(said) >= REMEMBERED;
        self.link.filter(|_| !self.said.is_none_or(late))
    }

    /// Whether it would have measured more by now if its link carried more.
    fn has_stood(&self, now: Instant) -> bool {
        let long = |since| now.saturating_duration_since(since) >= STANDS;
        self.since.is_some_and(long)
    }

    /// So much was sent together.
    fn set_apart(&mut self, now: Instant, together: f64) {
        let before = self.apart.filter(|&(_, until)| now < until);
        let most = before.map_or(together, |(before, _)| before.max(together));
        self.apart = Some((most, now + REMEMBERED));
    }

    /// Whether more than `most` was sent together.
    fn is_apart(&self, now: Instant, most: f64) -> bool {
        self.apart
            .is_some_and(|(together, until)| now < until && together > most)
    }

    /// What was sent to it of late. From one that has vanished there is no word, and what it was sent before says
    /// nothing of the link now.
    fn sent_until(&self, now: Instant) -> f64 {
        let fresh = |said| now.saturating_duration_since(said) < FRESH;
        if self.said.is_some_and(fresh) {
            self.sent
        } else {
            0.0
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

    /// Says what the link carries, by what this viewer measured, what it uses of it, and what it was sent of late,
    /// in bits per second. Returns what the others use who seem to share it.
    pub fn exchange(
        &self,
        now: Instant,
        link: Option<f64>,
        used: f64,
        sent: f64,
    ) -> Option<Others> {
        if !(2..=MOST).contains(&self.all.count.load(Ordering::Relaxed)) {
            return None;
        }
        let mut viewers = self.all.viewers.lock();
        if let Some(own) = viewers.iter_mut().find(|v| v.number == self.number) {
            own.say(now, link, used, sent);
        }
        let alike = |viewer: &Viewer| are_alike(viewer.link_at(now), link);
        let mut others = Others::default();
        let (mut least, mut highest) = (f64::INFINITY, 0.0_f64);
        for viewer in viewers.iter().filter(|viewer| alike(viewer)) {
            let rate = viewer.link.unwrap_or(0.0);
            highest = highest.max(rate);
            if viewer.has_stood(now) {
                least = least.min(rate);
            }
            if viewer.number != self.number {
                others.count += 1;
                others.used += viewer.used;
                others.sent += viewer.sent_until(now);
                others.link = others.link.max(rate);
            }
        }
        if others.count == 0 {
            return None;
        }
        let together = sent + others.sent;
        let most = APART * least.min(highest);
        let mut apart = false;
        for viewer in viewers.iter_mut().filter(|viewer| alike(viewer)) {
            if together > most {
                viewer.set_apart(now, together);
            }
            // What was more than the link carries is no more than that once more was measured.
            apart |= viewer.number == self.number && viewer.is_apart(now, most);
        }
        (!apart).then_some(others)
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

    fn some(count: u32, link: f64, used: f64, sent: f64) -> Option<Others> {
        Some(Others {
            count,
            link,
            used,
            sent,
        })
    }

    #[test]
    fn those_with_the_same_link_know_of_each_other() {
        let now = Instant::now();
        let all = Arc::new(Neighborhood::new(now));
        let join = || Neighbor::join(Arc::clone(&all));
        let says = |one: &Neighbor, link, used| one.exchange(now, link, used, used);
        let one = join();
        assert_eq!(says(&one, Some(8e5), 5e5), None, "alone");
        let other = join();
        assert_eq!(says(&other, Some(9e5), 4e5), None, "nothing was said yet");
        assert_eq!(says(&one, Some(8e5), 5e5), some(1, 9e5, 4e5, 4e5));
        assert_eq!(says(&other, None, 4e5), None, "nothing was measured");
        assert_eq!(says(&other, Some(5e6), 4e5), None, "another link");
        let third = join();
        says(&other, Some(8e5), 1e5);
        assert_eq!(says(&third, Some(8e5), 2e5), some(2, 8e5, 6e5, 6e5));
        drop(one);
        assert_eq!(says(&third, Some(8e5), 2e5), some(1, 8e5, 1e5, 1e5));
    }

    #[test]
    fn those_who_get_more_than_one_link_carries_share_none() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let viewers = [(); 4].map(|()| Neighbor::join(Arc::clone(&all)));
        let say = |at, sent| {
            let known = viewers
                .each_ref()
                .map(|v| v.exchange(at, Some(6e5), 5e5, sent));
            known[3]
        };
        assert_eq!(say(start, 2e5), some(3, 6e5, 15e5, 6e5));
        assert_eq!(say(start, 5e5), None);
        let later = start + REMEMBERED / 2;
        assert_eq!(say(later, 1e5), None, "one of them pauses");
        assert_eq!(say(later + REMEMBERED, 1e5), some(3, 6e5, 15e5, 3e5));
    }

    /// Who comes while the others send measures less than the link carries at first.
    #[test]
    fn the_highest_measurement_of_the_link_counts() {
        let now = Instant::now();
        let all = Arc::new(Neighborhood::new(now));
        let [one, other] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        one.exchange(now, Some(8e5), 5e5, 4.5e5);
        let says = |link| other.exchange(now, Some(link), 5e5, 4e5);
        assert_eq!(says(5.5e5), some(1, 8e5, 5e5, 4.5e5), "85 of 80, not of 55");
        one.exchange(now, Some(5.5e5), 5e5, 4.5e5);
        assert_eq!(says(5.5e5), None, "both measured too little");
        assert_eq!(
            says(8e5),
            some(1, 5.5e5, 5e5, 4.5e5),
            "one has measured more"
        );
    }

    /// Behind a VPN: two viewers with wide links and two with thin ones.
    #[test]
    fn what_shows_that_some_share_no_link_says_nothing_of_others() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let [wide, wide2, thin, thin2] = [0; 4].map(|_| Neighbor::join(Arc::clone(&all)));
        wide.exchange(start, Some(1e7), 8e6, 8e6);
        assert_eq!(wide2.exchange(start, Some(1e7), 8e6, 8e6), None);
        thin.exchange(start, Some(1e6), 8e5, 6e5);
        let shared = thin2.exchange(start, Some(1e6), 8e5, 6e5);
        assert_eq!(shared, some(1, 1e6, 8e5, 6e5), "they may share one");
        thin.exchange(start, Some(1e6), 8e5, 8e5);
        assert_eq!(thin2.exchange(start, Some(1e6), 8e5, 8e5), None);
        let later = start + REMEMBERED / 2;
        for viewer in [&wide, &wide2] {
            let less = viewer.exchange(later, Some(1e7), 8e6, 5e6);
            assert_eq!(less, None, "16 were sent at once");
        }
        for viewer in [&thin, &thin2] {
            assert_eq!(viewer.exchange(later, Some(1e6), 8e5, 5e5), None);
        }
    }

    #[test]
    fn the_most_that_was_sent_together_counts() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let [one, other] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        let says = |link, sent| {
            one.exchange(start, Some(link), 8e5, sent);
            other.exchange(start, Some(link), 8e5, sent)
        };
        assert_eq!(says(1e6, 1e6), None);
        assert_eq!(says(1e6, 7.25e5), None);
        assert_eq!(says(1.05e6, 7e5), None, "20 are more than 14.7");
        assert_eq!(says(1.45e6, 7e5), some(1, 1.45e6, 8e5, 7e5));
    }

    #[test]
    fn the_lesser_of_two_links_counts_once_it_has_stood() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let [lesser, other] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        let say = |at, sent| {
            let of_lesser = lesser.exchange(start + at, Some(1e6), 9.5e5, sent);
            let of_other = other.exchange(start + at, Some(1.45e6), 9.5e5, sent);
            (of_lesser.is_some(), of_other.is_some())
        };
        say(Duration::ZERO, 9.5e5);
        let second = Duration::from_secs(1);
        assert_eq!(say(second, 9.5e5), (true, true), "19 of 14.5");
        assert_eq!(say(30 * second, 6e5), (true, true), "12 of 10");
        assert_eq!(say(31 * second, 9.5e5), (false, false), "19 of 10");
        assert_eq!(say(33 * second, 6e5), (false, false), "remembered");
    }

    #[test]
    fn what_one_measured_that_says_nothing_any_more_does_not_count() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let [gone, left] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        gone.exchange(start, Some(8e5), 5e5, 4e5);
        let at = |time| left.exchange(start + time, Some(6e5), 3e5, 3e5);
        assert_eq!(at(REMEMBERED / 2), some(1, 8e5, 5e5, 0.0));
        assert_eq!(at(REMEMBERED), None);
    }

    #[test]
    fn what_one_that_vanished_was_sent_does_not_count() {
        let start = Instant::now();
        let all = Arc::new(Neighborhood::new(start));
        let [gone, left] = [0, 1].map(|_| Neighbor::join(Arc::clone(&all)));
        gone.exchange(start, Some(6e5), 5e5, 4e5);
        let at = |time| left.exchange(start + time, Some(6e5), 3e5, 3e5);
        assert_eq!(at(FRESH / 2), some(1, 6e5, 5e5, 4e5));
        assert_eq!(at(FRESH), some(1, 6e5, 5e5, 0.0));
        // More together than the link carries, but not at one time.
        let more = left.exchange(start + 2 * FRESH, Some(6e5), 5e5, 6e5);
        assert_eq!(more, some(1, 6e5, 5e5, 0.0));
    }

    #[test]
    fn many_behind_one_address_share_no_link() {
        let now = Instant::now();
        let all = Arc::new(Neighborhood::new(now));
        let viewers: Vec<_> = (0..=MOST)
            .map(|_| Neighbor::join(Arc::clone(&all)))
            .collect();
        let known = |viewer: &Neighbor| viewer.exchange(now, Some(1e6), 1e5, 1e5);
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
