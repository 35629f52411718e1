//! Where a leg is in the ring of its track, and which packet index the next packet gets.

use std::collections::VecDeque;

/// Gaps that are remembered: those of more than a second at 25 frames a second, of which every other one
/// is left out.
const GAPS: usize = 32;

/// A packet of the ring has a *number*. The viewer sees an *index*: 2^16 * ROC + SEQ (RFC 3711
/// section 3.3.1). Indices only grow, and each is used for one packet. Numbers map to indices one
/// to one until the leg goes back, or moves to another ring or a later part of this one: then a new
/// mapping begins, and the index goes on without a gap. Single access units that are left out
/// are gaps in the numbers of one mapping.
#[derive(Debug)]
#[repr(C)] // the order counts: see Session
pub struct Position {
    /// Number of the next packet to send; `None` until there is one to start from.
    cursor: Option<u64>,
    /// Index of the next packet to send.
    index: u64,
    /// Index at which the present mapping began.
    mapped_from: u64,
    /// What was sent before this index cannot be found any more, whatever its mapping.
    found_from: u64,
    /// Index of the first packet after a gap, and the packets left out there. Empty, without memory,
    /// unless frames are left out.
    gaps: VecDeque<(u64, u64)>,
}

impl Position {
    pub fn new(first_index: u64) -> Self {
        Position {
            cursor: None,
            index: first_index,
            mapped_from: first_index,
            found_from: first_index,
            gaps: VecDeque::new(),
        }
    }

    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether nothing was sent since the viewer began, or began again.
    pub fn begins(&self) -> bool {
        self.index == self.mapped_from
    }

    /// The next packet to send is another than the one that follows the last.
    pub fn seek(&mut self, number: u64) {
        self.cursor = Some(number);
        self.mapped_from = self.index;
        self.gaps.clear();
    }

    /// The next `packets` packets are left out. What was sent before can still be found.
    pub fn skip(&mut self, packets: u64) {
        let Some(cursor) = &mut self.cursor else {
            return;
        };
        *cursor += packets;
        if let Some((at, gap)) = self.gaps.back_mut()
            && *at == self.index
        {
            *gap += packets;
            return;
        }
        if self.gaps.len() == GAPS
            && let Some((at, _)) = self.gaps.pop_front()
        {
            self.mapped_from = self.mapped_from.max(at);
        }
        self.gaps.push_back((self.index, packets));
    }

    /// The next `packets` packets were sent.
    pub fn advance(&mut self, packets: u64) {
        if let Some(cursor) = &mut self.cursor {
            *cursor += packets;
            self.index += packets;
        }
    }

    /// What was sent so far cannot be sent again as it was.
    pub fn forget_sent(&mut self) {
        self.found_from = self.index;
    }

    /// Number and index of the packet that was sent with this sequence number under the present
    /// mapping. What was sent under an earlier one, or is forgotten, can no longer be found.
    pub fn sent_as(&self, sequence: u16) -> Option<(u64, u64)> {
        let last = self.index.checked_sub(1)?;
        let back = u64::from((last as u16).wrapping_sub(sequence));
        let index = last.checked_sub(back)?;
        let later = self.gaps.iter().rev().take_while(|&&(at, _)| at > index);
        let left_out: u64 = later.map(|(_, packets)| packets).sum();
        let number = self.cursor?.checked_sub(back + 1 + left_out)?;
        (index >= self.mapped_from.max(self.found_from)).then_some((number, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_go_on_wherever_the_cursor_moves() {
        let mut position = Position::new(0xfffe);
        assert_eq!(position.sent_as(0xfffd), None, "nothing was sent");
        position.seek(100);
        position.advance(4);
        assert_eq!((position.cursor(), position.index()), (Some(104), 0x1_0002));
        assert_eq!(position.sent_as(0xfffe), Some((100, 0xfffe)));
        assert_eq!(position.sent_as(1), Some((103, 0x1_0001)));
        assert_eq!(position.sent_as(2), None, "not sent yet");
        assert_eq!(position.sent_as(0xfffd), None, "before the first");

        position.seek(50);
        assert_eq!(position.sent_as(1), None, "another mapping");
        position.advance(1);
        assert_eq!(position.sent_as(2), Some((50, 0x1_0002)));
        assert_eq!(position.sent_as(1), None);
    }

    #[test]
    fn what_is_forgotten_is_not_found_and_all_else_goes_on() {
        let mut position = Position::new(10);
        position.seek(100);
        position.advance(4);
        position.forget_sent();
        assert!(!position.begins());
        assert_eq!(position.sent_as(13), None);
        position.advance(1);
        assert_eq!(position.sent_as(14), Some((104, 14)));
        assert_eq!(position.sent_as(13), None);
    }

    #[test]
    fn gaps_do_not_hide_what_was_sent_before_them() {
        let mut position = Position::new(10);
        position.seek(1000);
        let mut sent = Vec::new();
        for round in 0..100 {
            if round % 2 == 1 {
                // Two in a row count as one.
                position.skip(2);
                position.skip(1);
            } else {
                sent.push((position.cursor().unwrap(), position.index()));
                sent.push((position.cursor().unwrap() + 1, position.index() + 1));
                position.advance(2);
            }
            for &(number, index) in sent.iter().rev().take(60) {
                assert_eq!(position.sent_as(index as u16), Some((number, index)));
            }
        }
        assert_eq!(position.sent_as(10), None, "too many gaps ago");
        position.seek(5);
        assert_eq!(position.sent_as(position.index() as u16 - 1), None);
    }
}
