//! The checks of ours that are on their way. What proves that a viewer has received one is that it knows
//! the transaction ID, so that must not be guessed: not even by the viewer, who may answer from an address
//! that is not its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use rtc::stun::message::TransactionId;

use crate::session::io::Remote;

/// Checks whose answers are awaited at most. The oldest is given up first.
const MAX_PENDING: usize = 32;
/// No answer takes longer.
const LONGEST: Duration = Duration::from_secs(30);

/// What the transaction IDs of a session's checks are made of.
#[derive(Clone, Copy)]
pub struct TransactionKey {
    /// Where the session lives: the answers name no session otherwise.
    pub place: [u8; 4],
    /// Random, and known to nobody.
    pub secret: [u8; 16],
}

/// Numbers our checks, and finds the one that an answer belongs to.
pub struct Transactions {
    key: TransactionKey,
    next: u32,
    pending: VecDeque<Check>,
}

/// A check of ours.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Counts the checks of a session.
    pub number: u32,
    pub to: Remote,
    pub at: Instant,
    /// Cannot be guessed.
    pub random: u8,
    pub id: TransactionId,
    /// It nominates where it goes.
    pub nominates: bool,
}

impl Transactions {
    pub fn new(key: TransactionKey) -> Self {
        Transactions {
            key,
            next: 0,
            pending: VecDeque::new(),
        }
    }

    /// The number of the next check.
    pub fn next_number(&self) -> u32 {
        self.next
    }

    /// A new check.
    pub fn begin(&mut self, now: Instant, to: Remote, nominates: bool) -> Check {
        let number = self.next;
        self.next = number.wrapping_add(1);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key.secret);
        let tag = hmac::sign(&key, &number.to_be_bytes());
        let mut id = TransactionId::default();
        let random = tag.as_ref().iter().copied();
        let bytes = self.key.place.into_iter().chain(random);
        for (to, from) in id.0.iter_mut().zip(bytes) {
            *to = from;
        }
        let check = Check {
            number,
            to,
            at: now,
            random: tag.as_ref().last().copied().unwrap_or_default(),
            id,
            nominates,
        };
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(check);
        check
    }

    /// The check that a datagram from `from` seems to answer. Nothing is authenticated.
    pub fn find(&self, now: Instant, from: Remote, datagram: &[u8]) -> Option<Check> {
        let id = datagram.get(8..20)?;
        let mut pending = self.pending.iter();
        let found = pending.find(|check| check.id.0 == *id && check.to == from)?;
        (now < found.at + LONGEST).then_some(*found)
    }

    /// The check was answered; a second answer does not count.
    pub fn end(&mut self, check: &Check) {
        self.pending.retain(|other| other.number != check.number);
    }
}

/// The place of the session whose check this answers; `None` if it is no response.
pub fn place(datagram: &[u8]) -> Option<[u8; 4]> {
    const SUCCESS: [u8; 2] = [1, 1];
    datagram
        .starts_with(&SUCCESS)
        .then(|| datagram.get(8..)?.first_chunk().copied())?
}

#[cfg(test)]
mod tests {
    use super::super::testing::address;
    use super::*;

    const KEY: TransactionKey = TransactionKey {
        place: [1, 2, 3, 4],
        secret: [7; 16],
    };

    fn answer(check: &Check) -> Vec<u8> {
        [&[1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &check.id.0].concat()
    }

    #[test]
    fn an_answer_counts_once_from_where_the_check_went() {
        let mut transactions = Transactions::new(KEY);
        let now = Instant::now();
        let [first, second] = [1, 1].map(|to| transactions.begin(now, address(to), false));
        assert_ne!(first.id, second.id);
        assert_eq!((first.number, second.number), (0, 1));
        assert_eq!(place(&answer(&first)), Some(KEY.place));
        assert!(
            transactions
                .find(now, address(2), &answer(&first))
                .is_none()
        );
        let found = transactions.find(now, address(1), &answer(&first));
        assert_eq!(found.unwrap().number, 0);
        transactions.end(&first);
        assert!(
            transactions
                .find(now, address(1), &answer(&first))
                .is_none()
        );
        let late = now + LONGEST;
        assert!(
            transactions
                .find(late, address(1), &answer(&second))
                .is_none()
        );
    }

    #[test]
    fn ids_of_another_session_or_number_say_nothing_of_these() {
        let now = Instant::now();
        let mut ids = Vec::new();
        for secret in [[7; 16], [8; 16]] {
            let mut transactions = Transactions::new(TransactionKey { secret, ..KEY });
            ids.extend(
                (0..20).map(|_| transactions.begin(now, address(1), false).id.0[4..].to_vec()),
            );
            assert!(transactions.pending.len() <= MAX_PENDING);
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40);
    }

    #[test]
    fn other_datagrams_name_no_place() {
        for datagram in [&[][..], &[1, 1], &[0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]] {
            assert_eq!(place(datagram), None);
        }
    }
}
