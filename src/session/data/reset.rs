//! Streams are reset, which is how data channels are closed (RFC 6525, RFC 8831 section 6.7).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::packet::{parameter, parameters};

/// Parameters of a RE-CONFIG chunk (RFC 6525 section 4).
const OUTGOING: u16 = 13;
const RESPONSE: u16 = 16;
/// Results of a request (RFC 6525 section 4.4).
const DONE: u32 = 1;
const WRONG_NUMBER: u32 = 5;
const IN_PROGRESS: u32 = 6;

/// Streams that wait to be reset. A viewer that opens more that are refused gets no answer to the others.
const MAX_STREAMS: usize = 64;
/// A request of ours is given up after so many attempts.
const MAX_ATTEMPTS: u32 = 8;

/// The requests of both sides.
pub struct Resets {
    /// The number of the viewer's next request, and what became of the one before.
    theirs: u32,
    result: u32,
    /// The number of our next request.
    ours: u32,
    /// Streams of ours to reset.
    wanted: BTreeSet<u16>,
    pending: Option<Pending>,
}

/// A request of ours that is not answered.
struct Pending {
    streams: Vec<u16>,
    /// Our last number when it was made.
    last: u32,
    attempts: u32,
    /// It is to be sent, for the first time or again.
    unsent: bool,
    /// When it is to be sent again.
    due: Instant,
}

impl Resets {
    /// Requests are numbered from the first numbers of the chunks on.
    pub fn new(theirs: u32, ours: u32) -> Self {
        Resets {
            theirs,
            result: WRONG_NUMBER,
            ours,
            wanted: BTreeSet::new(),
            pending: None,
        }
    }

    /// Resets a stream of ours. False if there are too many.
    pub fn want(&mut self, stream: u16) -> bool {
        let may = self.wanted.len() < MAX_STREAMS;
        if may {
            self.wanted.insert(stream);
        }
        may
    }

    /// Takes the body of a RE-CONFIG chunk, when all chunks up to `cumulative` have come. `reset` gets the streams that the viewer resets.
    /// Returns the body of the answer.
    pub fn take(
        &mut self,
        body: &[u8],
        cumulative: u32,
        mut reset: impl FnMut(u16),
    ) -> Option<Vec<u8>> {
        let mut answer = None;
        // RFC 6525 section 3.1: there are at most two.
        for (kind, body) in parameters(body).take(2) {
            match kind {
                OUTGOING => answer = self.requested(body, cumulative, &mut reset).or(answer),
                RESPONSE => self.answered(body),
                _ => {}
            }
        }
        answer
    }

    fn requested(
        &mut self,
        body: &[u8],
        cumulative: u32,
        reset: &mut impl FnMut(u16),
    ) -> Option<Vec<u8>> {
        let (&[n3, n2, n1, n0, _, _, _, _, l3, l2, l1, l0], streams) =
            body.split_first_chunk::<12>()?;
        let number = u32::from_be_bytes([n3, n2, n1, n0]);
        let last = u32::from_be_bytes([l3, l2, l1, l0]);
        let result = if number == self.theirs {
            // What was sent before is to be read before.
            let ready = (last.wrapping_sub(cumulative) as i32) <= 0;
            if ready {
                self.theirs = number.wrapping_add(1);
                self.result = DONE;
                for stream in streams.chunks_exact(2) {
                    reset(u16::from_be_bytes([stream[0], stream[1]]));
                }
            }
            if ready { DONE } else { IN_PROGRESS }
        } else if number.wrapping_add(1) == self.theirs {
            self.result
        } else {
            WRONG_NUMBER
        };
        let answer = [number.to_be_bytes(), result.to_be_bytes()].concat();
        Some(parameter(RESPONSE, &answer))
    }

    fn answered(&mut self, body: &[u8]) {
        let Some((&[n3, n2, n1, n0, r3, r2, r1, r0], _)) = body.split_first_chunk::<8>() else {
            return;
        };
        let result = u32::from_be_bytes([r3, r2, r1, r0]);
        if self.pending.is_some()
            && u32::from_be_bytes([n3, n2, n1, n0]) == self.ours
            && result != IN_PROGRESS
        {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.pending = None;
        self.ours = self.ours.wrapping_add(1);
    }

    /// The body of the request that is to be sent. `last` is the number of our last chunk, `sent` says whether all were sent, and an
    /// answer takes up to `timeout`.
    pub fn request(
        &mut self,
        now: Instant,
        sent: bool,
        last: u32,
        timeout: Duration,
    ) -> Option<Vec<u8>> {
        if self.pending.is_none() && sent && !self.wanted.is_empty() {
            self.pending = Some(Pending {
                streams: std::mem::take(&mut self.wanted).into_iter().collect(),
                last,
                attempts: 1,
                unsent: true,
                due: now + timeout,
            });
        }
        let pending = self.pending.as_mut().filter(|p| p.unsent)?;
        pending.unsent = false;
        let head = [self.ours, self.theirs.wrapping_sub(1), pending.last];
        let head = head.iter().flat_map(|number| number.to_be_bytes());
        let streams = pending
            .streams
            .iter()
            .flat_map(|stream| stream.to_be_bytes());
        Some(parameter(
            OUTGOING,
            &head.chain(streams).collect::<Vec<u8>>(),
        ))
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, timeout: Duration) {
        match self.pending.as_mut().filter(|pending| pending.due <= now) {
            Some(pending) if pending.attempts < MAX_ATTEMPTS => {
                pending.attempts += 1;
                pending.unsent = true;
                pending.due = now + timeout;
            }
            Some(_) => self.settle(),
            None => {}
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn request(number: u32, last: u32, streams: &[u16]) -> Vec<u8> {
        let head = [number, 0, last];
        let head = head.iter().flat_map(|number| number.to_be_bytes());
        let streams = streams.iter().flat_map(|stream| stream.to_be_bytes());
        parameter(OUTGOING, &head.chain(streams).collect::<Vec<u8>>())
    }

    fn response(number: u32, result: u32) -> Vec<u8> {
        parameter(
            RESPONSE,
            &[number.to_be_bytes(), result.to_be_bytes()].concat(),
        )
    }

    #[test]
    fn the_viewer_resets_what_it_has_sent() {
        let mut resets = Resets::new(7, 1);
        let mut reset = Vec::new();
        let mut take = |body: &[u8], cumulative| {
            let mut streams = Vec::new();
            let answer = resets.take(body, cumulative, |stream| streams.push(stream));
            reset.push(streams);
            answer
        };
        assert_eq!(
            take(&request(7, 100, &[4]), 99),
            Some(response(7, IN_PROGRESS))
        );
        assert_eq!(
            take(&request(7, 100, &[4, 6]), 100),
            Some(response(7, DONE))
        );
        // It did not get the answer; and then it is wrong.
        assert_eq!(take(&request(7, 100, &[4]), 100), Some(response(7, DONE)));
        assert_eq!(
            take(&request(9, 100, &[4]), 100),
            Some(response(9, WRONG_NUMBER))
        );
        assert_eq!(take(&[0; 3], 100), None);
        assert_eq!(take(&parameter(OUTGOING, &[0; 11]), 100), None);
        assert_eq!(reset, [vec![], vec![4, 6], vec![], vec![], vec![], vec![]]);
    }

    #[test]
    fn our_request_is_repeated_until_it_is_answered_or_given_up() {
        let mut resets = Resets::new(7, 1);
        let now = Instant::now();
        assert!(resets.want(2) && resets.want(4));
        assert_eq!(resets.request(now, false, 9, TIMEOUT), None);
        let expected = Some(request(1, 9, &[2, 4])).map(|mut body| {
            body[8..12].copy_from_slice(&6_u32.to_be_bytes());
            body
        });
        assert_eq!(resets.request(now, true, 9, TIMEOUT), expected);
        assert_eq!(resets.request(now, true, 10, TIMEOUT), None);
        assert_eq!(resets.deadline(), Some(now + TIMEOUT));
        resets.handle_timeout(now, TIMEOUT);
        assert_eq!(resets.request(now, true, 10, TIMEOUT), None);
        resets.handle_timeout(now + TIMEOUT, TIMEOUT);
        assert_eq!(resets.request(now + TIMEOUT, true, 10, TIMEOUT), expected);
        resets.take(&response(1, IN_PROGRESS), 0, |_| ());
        assert!(resets.deadline().is_some());
        resets.take(&response(1, DONE), 0, |_| ());
        assert_eq!(resets.deadline(), None);
        assert!(resets.want(6));
        let later = (0..20).map(|n| now + n * TIMEOUT);
        let requests = later.filter_map(|now| {
            resets.handle_timeout(now, TIMEOUT);
            resets.request(now, true, 10, TIMEOUT)
        });
        assert_eq!(requests.count(), 8);
        assert_eq!(resets.deadline(), None);
    }

    #[test]
    fn only_so_many_streams_wait() {
        let mut resets = Resets::new(7, 1);
        assert_eq!((0..1000).filter(|&stream| resets.want(stream)).count(), 64);
    }
}
