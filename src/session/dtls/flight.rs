//! Our last flight, which is sent again when the viewer repeats its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::dtls::endpoint::Endpoint;

/// The last flight is not sent again before it is this old: the peer's own may have crossed it.
/// This is half of the 50 ms after which browsers repeat theirs.
const RESEND_AFTER: Duration = Duration::from_millis(25);

/// The datagrams of the last flight sent.
#[derive(Default)]
pub(super) struct Flight {
    datagrams: Vec<BytesMut>,
    sent: Option<Instant>,
    /// How often it may be sent again. There is no limit before the handshake is done, because each
    /// time costs the peer some of its budget.
    pub(super) resends: u32,
}

impl Flight {
    /// Queues what the endpoint has to send, and keeps it as the last flight. False if there was
    /// nothing.
    pub(super) fn take(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        transmits: &mut VecDeque<BytesMut>,
    ) -> bool {
        let before = transmits.len();
        drain(endpoint, transmits);
        if transmits.len() == before {
            return false;
        }
        self.datagrams = transmits.iter().skip(before).cloned().collect();
        self.sent = Some(now);
        self.resends = u32::MAX;
        true
    }

    /// Queues the same datagrams again, unless it is too early. The peer drops those that it already
    /// has as replayed.
    pub(super) fn resend(&mut self, now: Instant, transmits: &mut VecDeque<BytesMut>) {
        let old_enough = self.sent.is_some_and(|sent| now >= sent + RESEND_AFTER);
        if old_enough && self.resends > 0 {
            self.resends -= 1;
            self.sent = Some(now);
            transmits.extend(self.datagrams.iter().cloned());
        }
    }

    /// Queues the same datagrams, which did not leave.
    pub(super) fn again(&mut self, now: Instant, transmits: &mut VecDeque<BytesMut>) {
        self.sent = Some(now);
        transmits.extend(self.datagrams.iter().cloned());
    }
}

/// Queues what the endpoint has to send.
pub(super) fn drain(endpoint: &mut Endpoint, transmits: &mut VecDeque<BytesMut>) {
    transmits.extend(std::iter::from_fn(|| endpoint.poll_transmit()).map(|t| t.message));
}
