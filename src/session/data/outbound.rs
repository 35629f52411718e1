//! What is sent to the viewer: cut into chunks, repeated until it is acknowledged, no faster than the path
//! carries (RFC 9260 sections 6 and 7).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::inbound::OVERHEAD;
use super::packet::{DATA, DATA_HEADER, Writer};
use super::{MAX_PACKET, MAX_UNSENT};

/// Bytes of a message in one chunk: a packet has its header, perhaps an acknowledgment, and this.
const MAX_FRAGMENT: usize = MAX_PACKET - 12 - DATA_HEADER;
/// Timeout until a round trip was measured, and its bounds. Browsers acknowledge after 20 to 200 ms.
const FIRST_TIMEOUT: Duration = Duration::from_millis(500);
const MIN_TIMEOUT: Duration = Duration::from_millis(300);
const MAX_TIMEOUT: Duration = Duration::from_secs(10);
/// The viewer acknowledges nothing: so many timeouts in a row end the association. About a minute.
const MAX_TIMEOUTS: u32 = 10;
/// An acknowledgment with more gaps is taken in part.
const MAX_GAPS: usize = 64;
/// Reports that a chunk is missing until it is repeated (RFC 9260 section 7.2.4).
const MISSING: u8 = 3;

/// A part of a message.
struct Fragment {
    flags: u8,
    stream: u16,
    sequence: u16,
    protocol: u32,
    bytes: Bytes,
    /// Times that it was reported missing.
    missing: u8,
    /// When it was sent last; `None`: it has to be sent.
    sent: Option<Instant>,
    repeated: bool,
    acknowledged: bool,
}

pub struct Outbound {
    /// The number of the next chunk that is sent for the first time.
    next: u32,
    /// Not sent yet.
    waiting: VecDeque<Fragment>,
    /// Sent, oldest first; their numbers are the ones before `next`.
    sent: VecDeque<Fragment>,
    /// Of all fragments, with [`OVERHEAD`] for each.
    cost: usize,
    /// Bytes that were sent, and are neither acknowledged nor lost.
    in_flight: usize,
    /// Fragments in `sent` that have to be sent again.
    lost: usize,
    sequence: u16,
    /// What the viewer takes beyond what is in flight.
    peer_window: usize,
    window: usize,
    threshold: usize,
    grown: usize,
    /// Until this number is acknowledged, the window does not shrink again.
    recovery: Option<u32>,
    round_trip: Option<(Duration, Duration)>,
    timeout: Duration,
    timer: Option<Instant>,
    timeouts: u32,
}

impl Outbound {
    pub fn new(first: u32, peer_window: usize) -> Self {
        Outbound {
            next: first,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            cost: 0,
            in_flight: 0,
            lost: 0,
            sequence: 0,
            peer_window,
            window: 4 * MAX_PACKET,
            threshold: peer_window,
            grown: 0,
            recovery: None,
            round_trip: None,
            timeout: FIRST_TIMEOUT,
            timer: None,
            timeouts: 0,
        }
    }

    /// The number of the last chunk that was sent.
    pub fn last(&self) -> u32 {
        self.next.wrapping_sub(1)
    }

    /// Whether all that was queued was sent at least once.
    pub fn is_sent(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Time after which what was not answered is sent again.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.timer
    }

    /// Queues a message, which is not empty. False if there is no room for it.
    pub fn push(&mut self, stream: u16, protocol: u32, message: Bytes) -> bool {
        let count = message.len().div_ceil(MAX_FRAGMENT);
        let cost = message.len() + count * OVERHEAD;
        if self.cost + cost > MAX_UNSENT {
            return false;
        }
        self.cost += cost;
        let (sequence, mut rest, mut first) = (self.sequence, message, true);
        self.sequence = self.sequence.wrapping_add(1);
        while !rest.is_empty() {
            let bytes = rest.split_to(rest.len().min(MAX_FRAGMENT));
            let flags = u8::from(first) << 1 | u8::from(rest.is_empty());
            first = false;
            self.waiting.push_back(Fragment {
                flags,
                stream,
                sequence,
                protocol,
                bytes,
                missing: 0,
                sent: None,
                repeated: false,
                acknowledged: false,
            });
        }
        true
    }

    /// The stream begins anew: what was not sent yet never is, and messages are counted from zero.
    pub fn reset(&mut self) {
        // The fragments of a message that was begun go on: the viewer waits for its end.
        let begun = |fragment: &Fragment| fragment.flags & 2 == 0;
        let keep = self.waiting.iter().take_while(|f| begun(f)).count();
        for fragment in self.waiting.drain(keep..) {
            self.cost -= fragment.bytes.len() + OVERHEAD;
        }
        self.sequence = 0;
    }

    /// Adds chunks that may be sent now to a packet that has nothing but its header, or an acknowledgment.
    pub fn fill(&mut self, now: Instant, packet: &mut Writer) {
        let first = self.next.wrapping_sub(self.sent.len() as u32);
        if self.lost > 0 {
            for (number, fragment) in (0..).zip(&mut self.sent) {
                if fragment.sent.is_some() || fragment.acknowledged {
                    continue;
                }
                let size = fragment.bytes.len();
                let allowed = self.in_flight == 0 || self.in_flight + size <= self.window;
                if !allowed || !fits(packet, size) {
                    break;
                }
                fragment.sent = Some(now);
                fragment.repeated = true;
                fragment.write(first.wrapping_add(number), packet);
                self.in_flight += size;
                self.lost -= 1;
                self.timer.get_or_insert(now + self.timeout);
                if self.lost == 0 {
                    break;
                }
            }
        }
        while let Some(fragment) = self.waiting.front() {
            let size = fragment.bytes.len();
            // One chunk may be sent at any time, to find out whether the viewer takes more again.
            let allowed = self.sent.is_empty()
                || self.in_flight + size <= self.window && size <= self.peer_window;
            if self.lost > 0 || !allowed || !fits(packet, size) {
                break;
            }
            if let Some(mut fragment) = self.waiting.pop_front() {
                fragment.sent = Some(now);
                fragment.write(self.next, packet);
                self.sent.push_back(fragment);
            }
            self.next = self.next.wrapping_add(1);
            self.in_flight += size;
            self.peer_window = self.peer_window.saturating_sub(size);
            self.timer.get_or_insert(now + self.timeout);
        }
    }

    /// Takes the body of a SACK chunk (RFC 9260 section 6.2.1). False if it acknowledges what was not sent, or is malformed.
    pub fn acknowledged(&mut self, now: Instant, body: &[u8]) -> bool {
        let Some((&[c3, c2, c1, c0, w3, w2, w1, w0, g1, g0, _, _], rest)) =
            body.split_first_chunk::<12>()
        else {
            return false;
        };
        let cumulative = u32::from_be_bytes([c3, c2, c1, c0]);
        let peer_window = u32::from_be_bytes([w3, w2, w1, w0]) as usize;
        let gaps = usize::from(u16::from_be_bytes([g1, g0])).min(MAX_GAPS);
        let count = self.sent.len();
        let before = self.next.wrapping_sub(count as u32).wrapping_sub(1);
        let done = cumulative.wrapping_sub(before) as usize;
        if done > count {
            // It is an old one, or absurd.
            return before.wrapping_sub(cumulative) < 1 << 31;
        }
        let was_full = self.in_flight + MAX_PACKET > self.window;
        let mut measured = None;
        let mut bytes = 0;
        for fragment in self.sent.drain(..done) {
            self.cost -= fragment.bytes.len() + OVERHEAD;
            if fragment.acknowledged {
                continue;
            }
            bytes += fragment.bytes.len();
            match fragment.sent {
                Some(at) => {
                    self.in_flight -= fragment.bytes.len();
                    measured = (!fragment.repeated).then_some(at).or(measured);
                }
                None => self.lost -= 1,
            }
        }
        if let Some(at) = measured {
            self.measure(now.saturating_duration_since(at));
        }
        if done > 0 {
            self.timeouts = 0;
            self.timer = (!self.sent.is_empty()).then(|| now + self.timeout);
            if self
                .recovery
                .is_some_and(|exit| exit.wrapping_sub(cumulative) as i32 <= 0)
            {
                self.recovery = None;
            }
        }
        let highest = self.take_gaps(rest.chunks_exact(4).take(gaps), &mut bytes);
        self.note_missing(highest);
        if done > 0 && was_full && self.recovery.is_none() {
            self.grow(bytes);
        }
        self.peer_window = peer_window.saturating_sub(self.in_flight);
        true
    }

    /// What lies between gaps has arrived. Returns how many of the chunks lie before the last that did for the first time.
    fn take_gaps<'a>(&mut self, gaps: impl Iterator<Item = &'a [u8]>, bytes: &mut usize) -> usize {
        let (mut highest, mut next) = (0, 0);
        for gap in gaps {
            let &[s1, s0, e1, e0] = gap else { break };
            let start = usize::from(u16::from_be_bytes([s1, s0]));
            let end = usize::from(u16::from_be_bytes([e1, e0]));
            // They are in order and apart, so that no chunk is looked at twice, and the first chunk is missing.
            if start < 2 || start <= next || end < start || end > self.sent.len() {
                break;
            }
            next = end;
            let arrived = self.sent.iter_mut().enumerate();
            for (index, fragment) in arrived.take(end).skip(start - 1) {
                if fragment.acknowledged {
                    continue;
                }
                fragment.acknowledged = true;
                *bytes += fragment.bytes.len();
                match fragment.sent {
                    Some(_) => self.in_flight -= fragment.bytes.len(),
                    None => self.lost -= 1,
                }
                highest = index;
            }
        }
        highest
    }

    /// The first `count` chunks are reported missing, as far as they are.
    fn note_missing(&mut self, count: usize) {
        let mut lost = false;
        for fragment in self.sent.iter_mut().take(count) {
            if fragment.acknowledged || fragment.sent.is_none() || fragment.missing >= MISSING {
                continue;
            }
            fragment.missing += 1;
            if fragment.missing == MISSING {
                lost = true;
                fragment.sent = None;
                self.in_flight -= fragment.bytes.len();
                self.lost += 1;
            }
        }
        if lost && self.recovery.is_none() {
            self.threshold = (self.window / 2).max(4 * MAX_PACKET);
            self.window = self.threshold;
            self.grown = 0;
            self.recovery = Some(self.last());
        }
    }

    fn grow(&mut self, bytes: usize) {
        if self.window <= self.threshold {
            self.window += bytes.min(MAX_PACKET);
        } else {
            self.grown += bytes;
            if self.grown >= self.window {
                self.grown -= self.window;
                self.window += MAX_PACKET;
            }
        }
        self.window = self.window.min(MAX_UNSENT);
    }

    /// RFC 9260 section 6.3.1.
    fn measure(&mut self, sample: Duration) {
        let (smooth, deviation) = match self.round_trip {
            None => (sample, sample / 2),
            Some((smooth, deviation)) => (
                smooth * 7 / 8 + sample / 8,
                deviation * 3 / 4 + smooth.abs_diff(sample) / 4,
            ),
        };
        self.round_trip = Some((smooth, deviation));
        self.timeout = (smooth + 4 * deviation).clamp(MIN_TIMEOUT, MAX_TIMEOUT);
    }

    /// Does what is due. False if the viewer has acknowledged nothing for too long.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.timer.is_none_or(|at| now < at) {
            return true;
        }
        self.timer = None;
        self.timeouts += 1;
        if self.timeouts > MAX_TIMEOUTS {
            return false;
        }
        for fragment in &mut self.sent {
            if !fragment.acknowledged && fragment.sent.take().is_some() {
                fragment.missing = 0;
                self.lost += 1;
            }
        }
        self.in_flight = 0;
        self.threshold = (self.window / 2).max(4 * MAX_PACKET);
        self.window = MAX_PACKET;
        self.grown = 0;
        self.recovery = None;
        self.timeout = (2 * self.timeout).min(MAX_TIMEOUT);
        if self.lost > 0 {
            // Should nothing leave now, that is no reason to wait forever.
            self.timer = Some(now + self.timeout);
        }
        true
    }
}

impl Fragment {
    fn write(&self, number: u32, packet: &mut Writer) {
        let head = [
            &number.to_be_bytes()[..],
            &self.stream.to_be_bytes(),
            &self.sequence.to_be_bytes(),
            &self.protocol.to_be_bytes(),
            &self.bytes,
        ];
        packet.chunk(DATA, self.flags, &head);
    }
}

fn fits(packet: &Writer, size: usize) -> bool {
    packet.len() + DATA_HEADER + size.next_multiple_of(4) <= MAX_PACKET
}

#[cfg(test)]
mod tests {
    use super::super::packet::Packet;
    use super::*;

    fn at(ms: u64) -> Instant {
        use std::sync::OnceLock;
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        *BEGINNING.get_or_init(Instant::now) + Duration::from_millis(ms)
    }

    /// The numbers of the chunks that may be sent now, packet by packet.
    fn sent(outbound: &mut Outbound, now: Instant) -> Vec<Vec<u32>> {
        std::iter::from_fn(|| {
            let mut packet = Writer::new(1, 2, 3);
            outbound.fill(now, &mut packet);
            let bytes = (!packet.is_empty()).then(|| packet.finish())?;
            assert!(bytes.len() <= MAX_PACKET);
            let packet = Packet::parse(&bytes).unwrap();
            let number = |body: &[u8]| u32::from_be_bytes(body[..4].try_into().unwrap());
            Some(packet.chunks().map(|chunk| number(chunk.body)).collect())
        })
        .collect()
    }

    fn sack(cumulative: u32, window: u32, gaps: &[[u16; 2]]) -> Vec<u8> {
        let mut body = cumulative.to_be_bytes().to_vec();
        body.extend(window.to_be_bytes());
        body.extend((gaps.len() as u16).to_be_bytes());
        body.extend([0, 0]);
        body.extend(gaps.iter().flatten().flat_map(|end| end.to_be_bytes()));
        body
    }

    fn message(fragments: usize) -> Bytes {
        vec![7; fragments * MAX_FRAGMENT].into()
    }

    #[test]
    fn small_messages_share_a_packet_and_large_ones_are_cut() {
        let mut outbound = Outbound::new(u32::MAX, 1 << 20);
        for _ in 0..3 {
            assert!(outbound.push(0, 51, Bytes::from_static(b"hi")));
        }
        assert_eq!(sent(&mut outbound, at(0)), [[u32::MAX, 0, 1]]);
        assert!(outbound.acknowledged(at(20), &sack(1, 1 << 20, &[])));
        assert_eq!(outbound.deadline(), None);
        assert!(outbound.push(0, 51, message(3)));
        assert_eq!(sent(&mut outbound, at(30)), [[2], [3], [4]]);
        assert!(outbound.acknowledged(at(50), &sack(4, 1 << 20, &[])));
        assert_eq!((outbound.cost, outbound.in_flight), (0, 0));
    }

    #[test]
    fn the_window_opens_as_what_was_sent_is_acknowledged() {
        let mut outbound = Outbound::new(1, 1 << 20);
        assert!(outbound.push(0, 51, message(40)));
        assert_eq!(sent(&mut outbound, at(0)).len(), 4);
        assert_eq!(sent(&mut outbound, at(0)).len(), 0);
        assert!(outbound.acknowledged(at(10), &sack(2, 1 << 20, &[])));
        assert_eq!(sent(&mut outbound, at(10)).len(), 3);
        // The viewer takes no more than it says.
        assert!(outbound.acknowledged(at(20), &sack(7, 1500, &[])));
        assert_eq!(sent(&mut outbound, at(20)), [[8]]);
        // Nothing: but one chunk asks again and again.
        assert!(outbound.acknowledged(at(30), &sack(8, 0, &[])));
        assert_eq!(sent(&mut outbound, at(30)), [[9]]);
        assert_eq!(sent(&mut outbound, at(30)).len(), 0);
    }

    #[test]
    fn what_is_missing_three_times_is_sent_again_at_once() {
        let mut outbound = Outbound::new(1, 1 << 20);
        outbound.window = 20 * MAX_PACKET;
        assert!(outbound.push(0, 51, message(10)));
        assert_eq!(sent(&mut outbound, at(0)).len(), 10);
        for last in 2..=4 {
            assert_eq!(sent(&mut outbound, at(9)).len(), 0);
            assert!(outbound.acknowledged(at(10), &sack(0, 1 << 20, &[[2, last]])));
        }
        assert_eq!(outbound.window, 10 * MAX_PACKET);
        assert_eq!(sent(&mut outbound, at(10)), [[1]]);
        assert!(outbound.acknowledged(at(20), &sack(10, 1 << 20, &[])));
        assert_eq!(
            (outbound.cost, outbound.in_flight, outbound.lost),
            (0, 0, 0)
        );
    }

    #[test]
    fn silence_is_answered_more_and_more_slowly_and_then_no_more() {
        let mut outbound = Outbound::new(1, 1 << 20);
        assert!(outbound.push(0, 51, message(4)));
        assert_eq!(sent(&mut outbound, at(0)).len(), 4);
        let mut waited = Vec::new();
        let mut now = at(0);
        loop {
            let due = outbound.deadline().expect("a timer that goes on");
            waited.push((due - now).as_millis());
            now = due;
            if !outbound.handle_timeout(now) {
                break;
            }
            assert_eq!(sent(&mut outbound, now), [[1]]);
        }
        assert_eq!(waited[..5], [500, 1000, 2000, 4000, 8000]);
        assert_eq!((waited.len(), waited[10]), (11, 10_000));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outbound = Outbound::new(1, 1 << 20);
        let small = (0..10_000).take_while(|_| outbound.push(0, 51, Bytes::from_static(b"x")));
        assert!((1000..4000).contains(&small.count()));
        outbound.reset();
        assert!(outbound.cost == 0 && outbound.push(0, 51, message(50)));
    }

    #[test]
    fn an_acknowledgment_of_what_was_not_sent_is_refused() {
        let mut outbound = Outbound::new(1, 1 << 20);
        assert!(outbound.push(0, 51, message(4)));
        assert_eq!(sent(&mut outbound, at(0)).len(), 4);
        assert!(!outbound.acknowledged(at(1), &sack(5, 1 << 20, &[])));
        assert!(!outbound.acknowledged(at(1), &[0; 11]));
        // Old, overlapping, backwards, beyond the end: no harm.
        assert!(outbound.acknowledged(at(1), &sack(u32::MAX, 1 << 20, &[])));
        for gaps in [[[2, 3], [3, 4]], [[4, 2], [1, 1]], [[0, 1], [1, 9]]] {
            assert!(outbound.acknowledged(at(1), &sack(0, 1 << 20, &gaps)));
        }
        assert!(outbound.acknowledged(at(2), &sack(4, 1 << 20, &[])));
        assert_eq!(
            (outbound.cost, outbound.in_flight, outbound.lost),
            (0, 0, 0)
        );
    }
}
