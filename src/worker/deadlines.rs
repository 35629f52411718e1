//! Finds the session that is due next without scanning all of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines of many sessions. An entry may be earlier than its session's real deadline, never
/// later: a session that is woken too early is armed again. So postponing a deadline, the usual
/// case, costs nothing.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The earliest entry per row.
    armed: Vec<Option<Instant>>,
}

impl Deadlines {
    /// Makes sure that `row` is woken at `deadline` at the latest.
    pub fn arm(&mut self, row: usize, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.armed.len() <= row {
            self.armed.resize(row + 1, None);
        }
        if self.armed[row].is_none_or(|armed| deadline < armed) {
            self.armed[row] = Some(deadline);
            self.heap.push(Reverse((deadline, row)));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// A row that is due, which is then no longer armed.
    pub fn pop_due(&mut self, now: Instant) -> Option<usize> {
        while let Some(&Reverse((deadline, row))) = self.heap.peek() {
            if deadline > now {
                return None;
            }
            self.heap.pop();
            // An entry that is not the earliest of its row was replaced by an earlier one.
            if self.armed[row] == Some(deadline) {
                self.armed[row] = None;
                return Some(row);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn wakes_in_order_and_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::default();
        deadlines.arm(1, Some(at(30)));
        deadlines.arm(0, Some(at(20)));
        deadlines.arm(1, Some(at(10)));
        deadlines.arm(0, Some(at(50)));
        deadlines.arm(2, None);
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.pop_due(at(9)), None);
        assert_eq!(deadlines.pop_due(at(100)), Some(1));
        assert_eq!(deadlines.pop_due(at(100)), Some(0));
        assert_eq!(deadlines.pop_due(at(100)), None);
        deadlines.arm(1, Some(at(200)));
        assert_eq!(deadlines.next(), Some(at(200)));
    }
}
