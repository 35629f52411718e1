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
        } else if self.phase.dtls().is_some()
            && let Some(datagram) = embedding.take(carried)
        {
            // What DTLS does not get is not acknowledged either, so that it comes again.
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
        let along = self.send_response(path, response, !flight.is_empty(), io);
        for datagram in flight.iter().filter(|&it| Some(it) != along.as_ref()) {
            self.send_of_flight(path, datagram, io);
        }
        self.take_dtls_events(path, io)
    }

    /// Returns the datagram that went along. `is_new`: it is of a flight that DTLS has just sent, and does not go along
    /// once more.
    fn send_response<T: Transmit>(
        &mut self,
        path: Path,
        response: Unsealed,
        is_new: bool,
        io: &mut Io<'_, T>,
    ) -> Option<BytesMut> {
        let mut full = response.clone();
        let embedding = self.embedding.as_mut();
        let along = embedding.and_then(|embedding| embedding.add_to(&mut full, true));
        if self.seal_and_send(path, full, io) {
            if is_new || !self.is_flight_noted() {
                self.note_flight(along.is_some(), io.now);
            }
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use super::super::{Ingest, TransportConfig};
    use super::*;
    use crate::sdp::IceCredentials;
    use crate::session::dtls::Certificate;
    use crate::session::ice::TransactionKey;
    use crate::session::wall_clock::WallClock;
    use crate::tuning::SrtpPolicy;

    /// A transport that has no path yet.
    fn waiting(now: Instant) -> Transport {
        let credentials = |ufrag: &str| IceCredentials {
            ufrag: ufrag.to_owned(),
            pwd: "a password of 22 bytes".to_owned(),
        };
        let to = SocketAddr::from(([192, 0, 2, 1], 5000)).into();
        Transport::new(
            now,
            TransportConfig {
                transactions: TransactionKey {
                    place: [0; 4],
                    secret: [1; 16],
                },
                local_ice: credentials("ours"),
                remote_ice: credentials("theirs"),
                certificate: Arc::new(Certificate::generate().unwrap()),
                fingerprints: Vec::new(),
                srtp_policy: SrtpPolicy::PreferGcm,
                ingest: Some(Ingest {
                    candidates: vec![(to, 1)],
                    dtls_passive: true,
                }),
                data: None,
                cname: String::new(),
                rtcp_interval: Duration::from_secs(1),
                pacing_percent: None,
                congestion: None,
                transport_cc: false,
                dtls_in_stun: true,
                paths: Arc::default(),
                clock: WallClock::new(now, SystemTime::UNIX_EPOCH),
            },
        )
    }

    #[test]
    fn what_comes_before_dtls_begins_is_not_acknowledged() {
        let now = Instant::now();
        let mut transport = waiting(now);
        let (_, check) = transport.ice.take_due(now).unwrap();
        let length = |transport: &mut Transport| {
            let mut check = check.clone();
            let embedding = transport.embedding.as_mut().unwrap();
            embedding.add_to(&mut check, false);
            check.seal().unwrap().len()
        };
        let before = length(&mut transport);
        let record = b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x05hello";
        let carried = || Carried {
            datagram: Some(record.to_vec()),
            arrived: None,
        };
        transport.take_carried(carried(), now);
        assert_eq!(length(&mut transport), before);
        transport.begin_handshake(now);
        transport.take_carried(carried(), now);
        assert_eq!(length(&mut transport), before + 4);
    }
}
