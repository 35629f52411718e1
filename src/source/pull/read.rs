//! Waiting for the camera, and reading what it sends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

use super::attempt::{Attempt, Happened};
use crate::budget::Budget;
use crate::config::Transport;
use crate::source::rtsp::Client;
use crate::source::tracks::Tracks;
use crate::source::wire::Read;
use crate::source::{Sink, TURN};

/// What is in front of a packet in a connection.
const INTERLEAVED: usize = 4;

impl Attempt<'_> {
    /// Waits for something to do, and does it as far as the budget goes.
    pub(super) async fn wait(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        now: Instant,
        sink: &mut impl Sink,
    ) -> Happened {
        let deadline = self.next_deadline();
        if deadline <= now {
            return Happened::Time;
        }
        if deadline < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                self.budget = Budget::new(TURN, std::time::Instant::now());
            }
            let happened = self.poll(context, timer.as_mut(), sink);
            waited = happened.is_pending();
            happened
        })
        .await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        sink: &mut impl Sink,
    ) -> Poll<Happened> {
        let Some(connection) = &mut self.connection else {
            return timer.poll(context).map(|()| Happened::Time);
        };
        let client = &mut self.client;
        if !client.unwritten().is_empty() {
            // A response may be all that comes.
            connection.set_low_water(1);
        }
        if (!client.unwritten().is_empty() || connection.has_unwritten())
            && let Poll::Ready(written) = connection.poll_write(context, client.unwritten())
            && written.is_err()
        {
            return Poll::Ready(Happened::Wrote(written));
        }
        if client.is_paused() {
            self.receive_rest(sink);
            return Poll::Ready(Happened::Read(Ok(Read::Some)));
        }
        let (tracks, budget) = (&mut self.tracks, &mut self.budget);
        let read =
            connection.poll_read(context, |data| receive(data, client, tracks, budget, sink));
        if let Poll::Ready(read) = read {
            // With ports of its own, sound does not come this way.
            let alone = self.ports.is_empty() && connection.rest().is_empty();
            let tracks = self.tracks.as_ref().filter(|_| alone);
            let waits = tracks.and_then(|tracks| {
                tracks.waiting_sound(std::time::Instant::now(), sink.audio_hold())
            });
            // One packet of it alone is not worth a turn.
            connection.set_low_water(waits.map_or(1, |bytes| INTERLEAVED + bytes + 1));
            return Poll::Ready(Happened::Read(read));
        }
        if self.poll_datagrams(context, sink).is_ready() {
            return Poll::Ready(Happened::Datagrams);
        }
        // Last, as most turns end before: a deadline that has passed is seen with the next one.
        timer.poll(context).map(|()| Happened::Time)
    }

    /// Goes on with what was read and not taken.
    fn receive_rest(&mut self, sink: &mut impl Sink) {
        let (client, tracks, budget) = (&mut self.client, &mut self.tracks, &mut self.budget);
        if let Some(connection) = &mut self.connection {
            connection.take_rest(|data| receive(data, client, tracks, budget, sink));
        }
    }

    /// Reads the ports one after the other, as far as the budget goes; next time from there on.
    fn poll_datagrams(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Happened> {
        let Some(tracks) = &mut self.tracks else {
            return Poll::Pending;
        };
        let (mut any, mut came) = (false, false);
        for _ in 0..self.ports.len() {
            self.next_ports %= self.ports.len();
            let (index, ports) = &mut self.ports[self.next_ports];
            self.next_ports += 1;
            let now = std::time::Instant::now();
            let mut take = |datagram: &[u8]| {
                came = true;
                tracks.packet(*index, datagram, now, sink);
            };
            any |= ports
                .poll_receive(context, &mut self.budget, &mut take)
                .is_ready();
            if self.budget.is_spent() {
                break;
            }
        }
        // What a group gets before the response to PLAY may be another viewer's.
        if came && (self.playing.is_some() || self.transport != Transport::Multicast) {
            self.client.media_came(std::time::Instant::now());
        }
        match any {
            true => Poll::Ready(Happened::Datagrams),
            false => Poll::Pending,
        }
    }

    pub(super) fn closed(&mut self, now: Instant, sink: &mut impl Sink) {
        let rest = self
            .connection
            .take()
            .map(|connection| connection.rest().to_vec());
        let tracks = &mut self.tracks;
        let now = now.into_std();
        self.client
            .closed(&rest.unwrap_or_default(), now, &mut |index, packet| {
                if let Some(tracks) = tracks {
                    tracks.packet(index, packet, now, sink);
                }
            });
    }

    pub(super) fn time_passed(&mut self, now: Instant, sink: &mut impl Sink) {
        let now = now.into_std();
        self.client.handle_timeout(now);
        if let Some(tracks) = &mut self.tracks {
            tracks.handle_timeout(now, sink);
        }
        // A body without an end is whole by now.
        self.receive_rest(sink);
        self.tell_quirks(sink);
    }
}

/// Passes on what was received, step by step. Returns how much of it is used.
fn receive(
    data: &[u8],
    client: &mut Client,
    tracks: &mut Option<Tracks>,
    budget: &mut Budget,
    sink: &mut impl Sink,
) -> usize {
    let mut used = 0;
    let mut now = std::time::Instant::now();
    loop {
        let rest = data.get(used..).unwrap_or_default();
        used += client.receive(rest, now, budget, &mut |index, packet| {
            if let Some(tracks) = tracks {
                tracks.packet(index, packet, now, sink);
            }
        });
        if !client.is_paused() {
            return used;
        }
        now = std::time::Instant::now();
        if !budget.goes_on(now) {
            return used;
        }
    }
}
