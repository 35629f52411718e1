//! Answers offers: at once, or when the camera's first media has told its codec.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::admission;
use super::command::Command;
use super::core::Core;
use super::local_ice::{LocalCandidates, credentials, etag};
use super::slots::Viewer;
use super::streams::{not_ready, still_connecting};
use crate::error::{Result, panicked};
use crate::media::TrackInfo;
use crate::random;
use crate::sdp::answer::{self, Allowed, LocalTransport};
use crate::session::{LegConfig, Session, TransactionKey, TransportConfig};
use crate::whep::Response;
use crate::worker::command::OfferRequest;
use crate::worker::registry::{SessionLocation, no_stream};

impl Core {
    pub(super) fn offer(&mut self, request: OfferRequest, now: Instant) {
        // Before an on-demand camera is connected for it.
        if let Err(error) = self.check_load(now) {
            request.ticket.fail(error);
            return;
        }
        let Some(request) = self.streams.wait(request, now) else {
            return;
        };
        let Some(complete) = request.ticket.claim() else {
            // Given up or completed meanwhile.
            return;
        };
        complete(match self.streams.get(request.stream) {
            None => Err(no_stream(request.stream)),
            Some(entry) if entry.stream.media().is_some() => {
                // Untrusted input decides much of what happens here.
                let create = AssertUnwindSafe(|| self.create_session(&request, now));
                catch_unwind(create).unwrap_or_else(|_| Err(panicked("this offer")))
            }
            Some(entry) if entry.may_soon_be_live() => {
                Err(still_connecting(entry.stream.name(), request.timeout))
            }
            Some(entry) => Err(not_ready(entry.stream.name(), entry.stream.error())),
        });
    }

    fn create_session(&mut self, request: &OfferRequest, now: Instant) -> Result<Response> {
        self.check_limits(request.stream, &request.limits)?;
        let Some(entry) = self.streams.get_mut(request.stream) else {
            return Err(no_stream(request.stream));
        };
        let context = &self.context;
        let max_sessions = context.tuning.max_sessions();
        context.registry.check_room(max_sessions)?;
        self.viewers.check_room(
            context.tuning.max_sessions_per_stream(),
            &entry.stream.viewers,
        )?;
        let Some(media) = entry.stream.media() else {
            return Err(not_ready(entry.stream.name(), entry.stream.error()));
        };
        let variants = entry.stream.variants.iter();
        let others: Vec<Option<TrackInfo>> = variants
            .filter(|&&variant| variant != request.stream)
            .map(|&variant| context.registry.video(variant))
            .collect();
        let own = media.video.map(|track| Some(track.info()));
        let videos: Vec<_> = own
            .into_iter()
            .chain(others.iter().map(Option::as_ref))
            .collect();
        let negotiated = answer::negotiate(
            &request.offer,
            &videos,
            media.audio.map(|track| track.info()),
            Allowed {
                nack: context.tuning.nack(),
                transport_cc: context.tuning.congestion(),
            },
            &mut random::number,
        )?;
        let location = SessionLocation {
            worker: context.index,
            slot: self.viewers.vacant(),
        };
        let local_ice = credentials(location)?;
        let key = random::hex::<16>()?;
        let random = [random::number()?, random::number()?];
        let sdp = answer::answer(
            &request.offer,
            &negotiated,
            &LocalTransport {
                ice: &local_ice,
                fingerprint: context.certificate.fingerprint(),
                candidates: LocalCandidates::new(context, now).get(),
            },
        );
        let tuning = &context.tuning;
        let transport = TransportConfig {
            transactions: TransactionKey {
                place: location.transaction_prefix(),
                secret: random::bytes()?,
            },
            local_ice,
            remote_ice: negotiated.remote_ice(&request.offer).clone(),
            certificate: Arc::clone(&context.certificate),
            fingerprints: request.offer.fingerprints.clone(),
            srtp_policy: tuning.srtp_policy(),
            cname: negotiated.cname(),
            rtcp_interval: tuning.rtcp_interval(),
            pacing_percent: tuning.pacing_percent(),
            congestion: tuning.congestion().then(|| tuning.congestion_limits()),
            transport_cc: negotiated.transport_cc(),
            paths: Arc::clone(&context.paths),
            clock: context.clock,
        };
        let legs = LegConfig::of_stream(request.stream, negotiated, random);
        let mut session = Session::new(now, transport, legs);
        session.set_limits(request.limits);
        let (id, displaced) = context.registry.add_session(
            location,
            request.stream,
            key.clone(),
            admission::peer(request.viewer.peer.as_deref()),
            admission::most_waiting(max_sessions),
        );
        log::debug!(
            session = id.0, stream = request.stream.0, stream_name = entry.stream.name();
            "offer answered; peer {:?}", request.viewer.peer.as_deref().unwrap_or_default()
        );
        let etag = etag(&session);
        let section = answer::transport_section(&sdp).into();
        let slot = self.viewers.insert(Viewer::new(
            id,
            request.stream,
            request.viewer.clone(),
            session,
            request.limits,
            section,
        ));
        entry.stream.viewers.push(slot);
        self.load.admitted();
        self.note_streams(slot);
        self.settle(slot);
        if let Some((displaced, place)) = displaced {
            let command = Command::DisplaceSession(displaced, place.slot);
            self.context.peers.command(place.worker, command);
        }
        let url = request
            .location_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{key}"));
        let mut response = Response::created(sdp, url, id, key, etag);
        let links = match &request.ice_links {
            Some(own) => own.as_slice(),
            None => &self.context.ice_links,
        };
        let links = links.iter().cloned();
        response.headers.extend(links.map(|link| ("Link", link)));
        Ok(response)
    }
}
