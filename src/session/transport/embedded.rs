//! What of DTLS comes and goes in messages of ICE: see [`Embedding`](crate::session::embedding::Embedding).

use std::time::Instant;

use bytes::BytesMut;

use super::phase::Phase;
use super::{Received, Transport};
use crate::session::ice::{Carried, Unsealed};
use crate::session::io::{Io, Path, Transmit};

impl Transport {
    /// Takes what an authentic message of the viewer carries. With one that carries nothing, embedding ends for good.
    pub(super) fn take_carried(&mut self, carried: Carried, now: Instant) {
        let Some(embedding) = &mut self.embedding else {
            return;
        };
        if carried.is_nothing() {
            self.embedding = None;
        } else if let Some(datagram) = embedding.take(carried) {
            self.pass_to_dtls(&datagram, now);
        }
    }

    /// Answers a check with the flight that it has led to, or with what of the last one has not arrived. What finds no
    /// place in the answer leaves by itself, right behind it.
    pub(super) fn send_embedded<T: Transmit>(
        &mut self,
        path: Path,
        check: Option<Unsealed>,
        response: Unsealed,
        io: &mut Io<'_, T>,
    ) -> Received {
        let flight = self.take_flight();
        if let Some(mut check) = check {
            if let Some(embedding) = &mut self.embedding {
                embedding.add_to(&mut check, false);
            }
            self.seal_and_send(path, check, io);
        }
        let along = self.send_response(path, response, io);
        for datagram in flight.iter().filter(|&it| Some(it) != along.as_ref()) {
            self.send_of_flight(path, datagram, io);
        }
        self.take_dtls_events(path, io)
    }

    /// Returns the datagram that went along.
    fn send_response<T: Transmit>(
        &mut self,
        path: Path,
        response: Unsealed,
        io: &mut Io<'_, T>,
    ) -> Option<BytesMut> {
        let mut full = response.clone();
        let embedding = self.embedding.as_mut();
        let along = embedding.and_then(|embedding| embedding.add_to(&mut full, true));
        if self.seal_and_send(path, full, io) {
            self.note_flight(along.is_some(), io.now);
            return along;
        }
        // It is too much for an address that is not proven.
        let mut less = response;
        if let Some(embedding) = &mut self.embedding {
            embedding.add_to(&mut less, false);
        }
        self.seal_and_send(path, less, io);
        None
    }

    /// See [`Transport::send`].
    pub(super) fn seal_and_send<T: Transmit>(
        &mut self,
        path: Path,
        message: Unsealed,
        io: &mut Io<'_, T>,
    ) -> bool {
        message
            .seal()
            .is_some_and(|message| self.send(path, &message, io))
    }

    /// What DTLS has to send.
    pub(super) fn take_flight(&mut self) -> Vec<BytesMut> {
        let dtls = self.phase.dtls();
        let flight: Vec<_> = dtls
            .into_iter()
            .flat_map(|dtls| std::iter::from_fn(|| dtls.poll_transmit()))
            .collect();
        if let Some(embedding) = &mut self.embedding
            && matches!(self.phase, Phase::Handshaking(_))
            && !flight.is_empty()
        {
            embedding.flight(&flight);
        }
        flight
    }
}
