//! Answers offers: at once, or when the camera's first media has told its codec.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::admission;
use super::command::{AnswerRequest, Command, Posted};
use super::core::Core;
use super::local_ice::{LocalCandidates, credentials, etag, relay_links};
use super::outputs::Link;
use super::streams::{not_ready, still_connecting};
use super::table::Viewer;
use crate::error::{Error, Result, Status, panicked};
use crate::media::TrackInfo;
use crate::random;
use crate::sdp::IceCredentials;
use crate::sdp::answer::{self, Allowed, Countered, LocalTransport, Negotiated};
use crate::sdp::offer::Offer;
use crate::session::{FIRST_CHECK, LegConfig, Session, TransactionKey, TransportConfig};
use crate::state::{StreamId, ViewerLimits};
use crate::whep::Response;
use crate::worker::command::OfferRequest;
use crate::worker::registry::{SessionLocation, no_stream};

impl Core {
    pub(super) fn offer(&mut self, request: OfferRequest, now: Instant) {
        let Some(request) = self.pass_on(request, now) else {
            return;
        };
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
                let create = AssertUnwindSafe(|| self.create_session(&request, None, now));
                catch_unwind(create).unwrap_or_else(|_| Err(panicked("this offer")))
            }
            Some(entry) if entry.may_soon_be_live() => {
                Err(still_connecting(entry.stream.name(), request.timeout))
            }
            Some(entry) => Err(not_ready(entry.stream.name(), entry.stream.error())),
        });
    }

    /// `agreed`: what has been negotiated with a guest.
    pub(super) fn create_session(
        &mut self,
        request: &OfferRequest,
        agreed: Option<Negotiated>,
        now: Instant,
    ) -> Result<Response> {
        self.check_limits(request.stream, &request.limits)?;
        let context = &self.context;
        let (registry, tuning) = (&context.registry, &context.tuning);
        registry.check_room(tuning.max_sessions())?;
        registry.check_room_at(request.stream, tuning.max_sessions_per_stream())?;
        let location = SessionLocation {
            worker: context.index,
            row: self.viewers.vacant(),
        };
        let local_ice = credentials(location)?;
        let candidates = LocalCandidates::new(context, now);
        let local = LocalTransport {
            ice: &local_ice,
            fingerprint: context.certificate.fingerprint(),
            candidates: candidates.get(),
        };
        let negotiated = match (&request.offer, agreed) {
            (Some(offer), Some(agreed)) => Ok((offer, agreed)),
            (Some(offer), None) => {
                let negotiated = self.media_for(request.stream)?.negotiate(offer);
                negotiated.map(|negotiated| (offer, negotiated))
            }
            (None, _) => Err(no_offer()),
        };
        let (sdp, session, countered) = match negotiated {
            Ok((offer, negotiated)) => {
                let sdp = answer::answer(offer, &negotiated, &local);
                let peer = request.posted.viewer.peer.as_deref();
                self.let_in(location, peer, offer.candidates.iter().copied());
                let session =
                    self.session(request.stream, location, local_ice, offer, negotiated, now);
                (sdp, session?, None)
            }
            Err(error) if request.may_counter && error.status() == Status::Codec => {
                let media = self.media_for(request.stream)?;
                let (sdp, countered) = media.counter(&local, error.message())?;
                let session = self.session_to_be(location, local_ice, now)?;
                (sdp, session, Some(countered))
            }
            Err(error) => return Err(error),
        };
        let (stream, limits) = (request.stream, request.limits);
        let mut response = self.enter_session(
            stream,
            limits,
            &request.posted,
            location,
            session,
            sdp,
            countered,
            None,
        )?;
        self.add_links(&mut response, &request.posted, location);
        Ok(response)
    }

    /// Registers a new session, and writes the response.
    #[expect(clippy::too_many_arguments, reason = "what a session consists of")]
    pub(super) fn enter_session(
        &mut self,
        stream: StreamId,
        limits: ViewerLimits,
        posted: &Posted,
        location: SessionLocation,
        mut session: Session,
        sdp: String,
        countered: Option<Countered>,
        output: Option<&Rc<Link>>,
    ) -> Result<Response> {
        let context = &self.context;
        let key = random::hex::<16>()?;
        session.set_limits(limits);
        let (id, displaced) = context.registry.add_session(
            location,
            stream,
            key.clone(),
            // Outputs are the host's, and bounded.
            output
                .is_none()
                .then(|| admission::peer(posted.viewer.peer.as_deref())),
            admission::most_waiting(context.tuning.max_sessions(), stream == StreamId::NONE),
        );
        let what = match countered {
            None => "offer answered",
            Some(_) => "offer answered by another",
        };
        log::debug!(
            session = id.0, stream = stream.0, stream_name = self.streams.name(stream);
            "{what}; peer {:?}", posted.viewer.peer.as_deref().unwrap_or_default()
        );
        let etag = etag(&session);
        let section = answer::transport_section(&sdp).into();
        let makes_offer = countered.is_some();
        let mut identity = posted.viewer.clone();
        if makes_offer {
            // After a response that is not 201 the host may free what this points to.
            identity.user_data = 0;
        }
        let mut viewer = Viewer::new(id, stream, identity, session, limits, section);
        viewer.countered = countered.map(Box::new);
        viewer.output = output.map(Rc::clone);
        let row = self.viewers.insert(viewer);
        self.streams.viewer_came(stream, row);
        self.load.admitted();
        self.tell_load(Instant::now());
        self.note_streams(row);
        self.settle(row);
        if let Some((displaced, place)) = displaced {
            let command = Command::DisplaceSession(displaced, place.row);
            self.context.peers.command(place.worker, command);
        }
        let url = posted
            .location_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{key}"));
        Ok(match makes_offer {
            false => Response::created(sdp, url, id, key, etag),
            true => Response::countered(sdp, url, id, key, etag, SystemTime::now() + FIRST_CHECK),
        })
    }

    /// Tells the player of a new session by which servers it may come, and the gateway's TURN server who does.
    pub(super) fn add_links(
        &self,
        response: &mut Response,
        posted: &Posted,
        location: SessionLocation,
    ) {
        let links = match &posted.ice_links {
            Some(own) => own.as_slice(),
            None => &self.context.ice_links,
        };
        let relay = relay_links(
            &self.context,
            Instant::now(),
            posted.turn_url.as_deref(),
            (response.session, location),
        );
        let peer = posted.viewer.peer.as_deref();
        self.let_in(location, peer, peer.and_then(ip_of));
        let allocation = self.context.allocation.as_ref();
        let stun = allocation.and_then(|own| own.stun_link());
        let links = links.iter().cloned().chain(relay).chain(stun);
        response.headers.extend(links.map(|link| ("Link", link)));
    }

    /// The viewer of a session may come from these addresses to the gateway's TURN server; `peer`: what the host says of it.
    pub(super) fn let_in(
        &self,
        location: SessionLocation,
        peer: Option<&str>,
        ips: impl IntoIterator<Item = IpAddr>,
    ) {
        if let Some(own) = &self.context.allocation {
            own.permit(location, peer, ips);
        }
    }

    /// The viewer of a counter-offer has answered it.
    pub(super) fn answer(&mut self, request: &AnswerRequest, now: Instant) -> Result<Response> {
        // Untrusted input, as an offer is.
        let take = AssertUnwindSafe(|| self.take_answer(request, now));
        catch_unwind(take).unwrap_or_else(|_| Err(panicked("this answer")))
    }

    fn take_answer(&mut self, request: &AnswerRequest, now: Instant) -> Result<Response> {
        let viewer = self.viewers.find(request.row, request.session)?;
        let Some(countered) = &viewer.countered else {
            return Err(Error::new(
                Status::Unprocessable,
                "this session waits for no answer: its offer has been answered, or it has answered one",
            ));
        };
        let (stream, limits) = (viewer.stream, viewer.limits);
        let peer = viewer.identity.peer.clone();
        let local_ice = viewer.session.ice_credentials().0.clone();
        let countered = countered.clone();
        let location = SessionLocation {
            worker: self.context.index,
            row: request.row,
        };
        let mut negotiated = self.media_for(stream)?.negotiate(&request.answer)?;
        countered.rename(&mut negotiated);
        let answer = &request.answer;
        let candidates = answer.candidates.iter().copied();
        self.let_in(location, peer.as_deref(), candidates);
        let mut session = self.session(stream, location, local_ice, answer, negotiated, now)?;
        session.set_limits(limits);
        let viewer = self.viewers.find(request.row, request.session)?;
        session.goes_on_from(&viewer.session);
        viewer.session = session;
        viewer.countered = None;
        let etag = etag(&viewer.session);
        self.note_streams(request.row);
        self.settle(request.row);
        Ok(Response::no_content(
            request.session,
            request.key.clone(),
            etag,
        ))
    }

    /// What a stream has for a viewer.
    pub(super) fn media_for(&self, stream: StreamId) -> Result<Media<'_>> {
        let Some(entry) = self.streams.get(stream) else {
            return Err(no_stream(stream));
        };
        let Some(media) = entry.stream.media() else {
            return Err(not_ready(entry.stream.name(), entry.stream.error()));
        };
        let video = media.video.map(|track| track.info());
        let audio = media.audio.map(|track| track.info());
        Ok(self.media_of(stream, video, audio))
    }

    /// The same of a stream that has these tracks itself.
    pub(super) fn media_of<'a>(
        &self,
        stream: StreamId,
        own: Option<&'a TrackInfo>,
        audio: Option<&'a TrackInfo>,
    ) -> Media<'a> {
        let variants = self.streams.variants(stream).iter();
        let others = variants
            .filter(|&&variant| variant != stream)
            .map(|&variant| self.context.registry.video(variant));
        Media {
            own,
            others: others.collect(),
            audio,
            allowed: self.allowed(),
        }
    }

    /// What a session may use if it is offered.
    pub(super) fn allowed(&self) -> Allowed {
        let tuning = &self.context.tuning;
        Allowed {
            nack: tuning.nack(),
            transport_cc: tuning.congestion(),
            dtls_in_stun: tuning.dtls_in_stun(),
        }
    }

    /// A session whose viewer has said all of itself.
    fn session(
        &self,
        stream: StreamId,
        location: SessionLocation,
        local_ice: IceCredentials,
        offer: &Offer,
        negotiated: Negotiated,
        now: Instant,
    ) -> Result<Session> {
        let transport = self.agreed_transport(location, local_ice, offer, &negotiated)?;
        let random = [random::number()?, random::number()?];
        let legs = LegConfig::of_stream(stream, negotiated, random);
        Ok(Session::new(now, transport, legs))
    }

    /// Both sides of a transport.
    pub(super) fn agreed_transport(
        &self,
        location: SessionLocation,
        local_ice: IceCredentials,
        offer: &Offer,
        negotiated: &Negotiated,
    ) -> Result<TransportConfig> {
        Ok(TransportConfig {
            remote_ice: negotiated.remote_ice(offer).clone(),
            fingerprints: offer.fingerprints.clone(),
            cname: negotiated.cname(),
            transport_cc: negotiated.transport_cc(),
            dtls_in_stun: !negotiated.dtls_in_stun.is_empty(),
            ..self.transport(location, local_ice)?
        })
    }

    /// The place of a session whose viewer has not said anything of itself yet. Nobody can connect to it,
    /// and it ends like any other that nobody connects to.
    pub(super) fn session_to_be(
        &self,
        location: SessionLocation,
        local_ice: IceCredentials,
        now: Instant,
    ) -> Result<Session> {
        let transport = self.transport(location, local_ice)?;
        Ok(Session::new(now, transport, []))
    }

    /// Our side of a transport; of the viewer's there is nothing that anybody could know.
    fn transport(
        &self,
        location: SessionLocation,
        local_ice: IceCredentials,
    ) -> Result<TransportConfig> {
        let context = &self.context;
        let tuning = &context.tuning;
        Ok(TransportConfig {
            transactions: TransactionKey {
                place: location.transaction_prefix(),
                secret: random::bytes()?,
            },
            local_ice,
            remote_ice: IceCredentials {
                ufrag: random::hex::<16>()?,
                pwd: random::hex::<16>()?,
            },
            certificate: Arc::clone(&context.certificate),
            fingerprints: Vec::new(),
            srtp_policy: tuning.srtp_policy(),
            ingest: None,
            data: None,
            cname: String::new(),
            rtcp_interval: tuning.rtcp_interval(),
            pacing_percent: tuning.pacing_percent(),
            congestion: tuning.congestion().then(|| tuning.congestion_limits()),
            transport_cc: false,
            dtls_in_stun: false,
            paths: Arc::clone(&context.paths),
            clock: context.clock,
        })
    }
}

/// What a stream has for a viewer.
pub(super) struct Media<'a> {
    pub(super) own: Option<&'a TrackInfo>,
    /// The videos of its variants, where they are known.
    pub(super) others: Vec<Option<TrackInfo>>,
    pub(super) audio: Option<&'a TrackInfo>,
    pub(super) allowed: Allowed,
}

impl Media<'_> {
    pub(super) fn videos(&self) -> Vec<Option<&TrackInfo>> {
        let own = self.own.into_iter().map(Some);
        own.chain(self.others.iter().map(Option::as_ref)).collect()
    }

    pub(super) fn negotiate(&self, offer: &Offer) -> Result<Negotiated> {
        answer::negotiate(
            offer,
            &self.videos(),
            self.audio,
            self.allowed,
            &mut random::number,
        )
    }

    fn counter(&self, local: &LocalTransport<'_>, why: &str) -> Result<(String, Countered)> {
        answer::counter_offer(
            &self.videos(),
            self.audio,
            self.allowed,
            &mut random::number,
            local,
            why,
        )
    }
}

/// The address that a peer begins with, if it is one.
fn ip_of(peer: &str) -> Option<IpAddr> {
    let socket = peer.parse().map(|address: SocketAddr| address.ip());
    let ip = socket.or_else(|_| peer.parse::<IpAddr>()).ok();
    ip.map(|ip| ip.to_canonical())
}

/// What an empty offer asks for.
fn no_offer() -> Error {
    Error::new(Status::Codec, "the viewer left the offer to the gateway")
}
