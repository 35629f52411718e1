//! Lets sound wait a little, so that several packets leave in one system call: for a viewer, a packet alone
//! costs nearly as much as a frame. Video does not take waiting sound along, as that would leave by itself
//! all the same.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::state::StreamId;

/// How much later than expected the next packet may come and still find the one before.
const SLACK: Duration = Duration::from_millis(5);

/// Sound that comes after a longer pause begins anew.
const PAUSE: Duration = Duration::from_secs(1);

/// The sound of one stream.
#[derive(Debug, Default)]
pub struct Hold {
    /// When the last unit arrived.
    last: Option<Instant>,
    /// The average time between two.
    usual: Option<Duration>,
    /// Until when sound waits, if some does.
    until: Option<Instant>,
}

/// What to do with sound that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Send it, and all that waits: nothing would come in time.
    Over,
    /// It waits along with what waits already.
    GoesOn,
    /// It waits, at most until then.
    Begins(Instant),
}

impl Hold {
    /// A unit of sound has arrived. It waits for `most` at most.
    pub fn arrived(&mut self, at: Instant, most: Duration) -> Wait {
        let interval = self
            .last
            .replace(at)
            .map(|last| at.saturating_duration_since(last));
        let interval = interval.filter(|&interval| interval < PAUSE);
        self.usual = match (self.usual, interval) {
            (Some(usual), Some(interval)) => Some((usual * 7 + interval) / 8),
            (_, interval) => interval,
        };
        let end = match self.until {
            Some(until) => until - SLACK,
            None => at + most,
        };
        // Some come in bursts: behind one that follows at once nothing comes soon.
        let soon = |usual: &Duration| {
            let follows = interval.is_some_and(|interval| interval < *usual / 4);
            !follows && at + *usual <= end + SLACK / 2
        };
        if self.usual.filter(soon).is_none() {
            self.until = None;
            return Wait::Over;
        }
        match self.until {
            Some(_) => Wait::GoesOn,
            None => {
                self.until = Some(end + SLACK);
                Wait::Begins(end + SLACK)
            }
        }
    }

    /// All that waited is sent.
    pub fn sent(&mut self) {
        self.until = None;
    }

    fn waits_until(&self, until: Instant) -> bool {
        self.until == Some(until)
    }
}

/// The streams of a worker whose sound waits.
#[derive(Debug, Default)]
pub struct HeldSound {
    /// Nearly in order, as all wait equally long. Those that were sent meanwhile are still in it.
    waiting: VecDeque<(Instant, StreamId)>,
}

impl HeldSound {
    /// The sound of a stream waits. True if it is the first to be due.
    pub fn wait(&mut self, until: Instant, stream: StreamId) -> bool {
        self.waiting.push_back((until, stream));
        self.waiting.len() == 1
    }

    /// The sound of a stream is sent: nobody has to wake up for it.
    pub fn sent(&mut self, stream: StreamId) {
        while self
            .waiting
            .front()
            .is_some_and(|&(_, first)| first == stream)
        {
            self.waiting.pop_front();
        }
    }

    /// When [`HeldSound::pop_due`] is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.front().map(|&(until, _)| until)
    }

    /// The next stream whose sound has waited long enough. `hold` finds that of a stream.
    pub fn pop_due<'a>(
        &mut self,
        now: Instant,
        hold: impl Fn(StreamId) -> Option<&'a Hold>,
    ) -> Option<StreamId> {
        while let Some(&(until, stream)) = self.waiting.front() {
            let waits = hold(stream).is_some_and(|hold| hold.waits_until(until));
            if waits && until > now {
                return None;
            }
            self.waiting.pop_front();
            if waits {
                return Some(stream);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Which of the units that arrive at these times, in ms, wait.
    fn wait(arrivals: &[u64], most: u64) -> Vec<bool> {
        let start = Instant::now();
        let mut hold = Hold::default();
        let waits = |&at: &u64| hold.arrived(start + ms(at), ms(most)) != Wait::Over;
        arrivals.iter().map(waits).collect()
    }

    #[test]
    fn packets_leave_in_pairs_or_as_many_as_come_in_time() {
        let every_20 = [0, 20, 40, 60, 80, 100, 120];
        let pairs = [false, true, false, true, false, true, false];
        assert_eq!(wait(&every_20, 20), pairs);
        // Not exactly when they should.
        assert_eq!(wait(&[0, 21, 40, 61, 79, 101, 120], 20), pairs);
        let late = [0, 20, 40, 60, 84, 100, 123, 140, 160, 183, 200];
        assert_eq!(wait(&late, 20)[1..], [true, false].repeat(5));
        let fours = [false, true, true, true, false, true, true];
        assert_eq!(wait(&every_20, 60), fours);
        // What comes alone is not delayed, and neither is anything if nothing may be.
        assert_eq!(wait(&[0, 40, 80, 120], 20), [false; 4]);
        assert_eq!(wait(&every_20, 0), [false; 7]);
    }

    #[test]
    fn what_comes_in_pairs_leaves_in_pairs_at_once() {
        let arrivals: Vec<u64> = (0..20).map(|i| i / 2 * 40).collect();
        assert_eq!(wait(&arrivals, 20)[10..], [true, false].repeat(5));
    }

    #[test]
    fn after_one_that_was_very_late_pairs_go_on() {
        let start = Instant::now();
        let mut hold = Hold::default();
        let mut waits = Vec::new();
        for at in [0, 20, 40, 60, 86, 100, 120, 140] {
            if hold.until.is_some_and(|until| until < start + ms(at)) {
                hold.sent();
            }
            waits.push(hold.arrived(start + ms(at), ms(20)) != Wait::Over);
        }
        assert_eq!(waits[3..], [true, true, false, true, false]);
    }

    #[test]
    fn what_was_not_sent_in_time_is_due() {
        let start = Instant::now();
        let (door, yard) = (StreamId(1), StreamId(2));
        let mut holds = [Hold::default(), Hold::default()];
        let mut held = HeldSound::default();
        for (hold, stream) in holds.iter_mut().zip([door, yard]) {
            hold.arrived(start, ms(20));
            let until = start + ms(45);
            let begins = hold.arrived(start + ms(20), ms(20));
            assert_eq!(begins, Wait::Begins(until));
            assert_eq!(held.wait(until, stream), stream == door);
        }
        // A video frame took that of the door along.
        holds[0].sent();
        let mut due =
            |now| held.pop_due(start + ms(now), |stream| holds.get(stream.0 as usize - 1));
        assert_eq!(due(44), None);
        assert_eq!(due(45), Some(yard));
        assert_eq!(due(45), None);
        assert_eq!(held.next_due(), None);
        held.wait(start, door);
        held.sent(door);
        assert_eq!(held.next_due(), None);
    }
}
