//! Answers the offers of walls: at once, as a wall belongs to no stream that it could wait for.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::command::Posted;
use super::core::Core;
use super::local_ice::{LocalCandidates, credentials};
use super::pending_offers::Ticket;
use super::registry::SessionLocation;
use crate::error::{Result, panicked};
use crate::random;
use crate::sdp::IceCredentials;
use crate::sdp::answer::{self, LocalTransport, Negotiated};
use crate::sdp::offer::Offer;
use crate::session::data::DataConfig;
use crate::session::{LegConfig, Session, TransportConfig};
use crate::state::{SlotChange, StreamId, ViewerLimits};
use crate::wall::{Decision, Refusal};
use crate::whep::Response;

/// The offer of a wall on its way to the worker that is to have it.
pub struct WallRequest {
    /// The browser's offer.
    pub offer: Offer,
    /// What its slots, by the mids of their sections, show at first.
    pub slots: Vec<(Box<str>, StreamId)>,
    /// Those that are not to.
    pub refused: Vec<Decision>,
    /// Who opens it.
    pub visitor: Arc<Visitor>,
    /// What came with it.
    pub posted: Posted,
    /// Completes the offer.
    pub ticket: Ticket,
}

/// Who has opened a wall: asked for whenever it is to show another stream.
#[derive(Default)]
pub struct Visitor {
    /// The bearer token of its POST.
    pub token: Option<Zeroizing<String>>,
    /// Where that came from.
    pub peer: Option<String>,
    /// Whether the host had authorized it.
    pub authorized: bool,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("peer", &self.peer)
            .field("authorized", &self.authorized)
            .finish_non_exhaustive() // a token is a secret
    }
}

impl Core {
    pub(super) fn offer_wall(&mut self, request: WallRequest, now: Instant) {
        if let Err(error) = self.check_load(now) {
            request.ticket.fail(error);
            return;
        }
        let Some(complete) = request.ticket.claim() else {
            // Given up meanwhile.
            return;
        };
        // Untrusted input decides much of what happens here.
        let create = AssertUnwindSafe(|| self.create_wall(request, now));
        complete(catch_unwind(create).unwrap_or_else(|_| Err(panicked("this offer"))));
    }

    fn create_wall(&mut self, request: WallRequest, now: Instant) -> Result<Response> {
        let WallRequest {
            offer,
            slots,
            mut refused,
            visitor,
            posted,
            ..
        } = request;
        let context = &self.context;
        context.registry.check_room(context.tuning.max_sessions())?;
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
        let negotiated = answer::negotiate_wall(&offer, self.allowed(), &mut random::number)?;
        let sdp = answer::answer_wall(&offer, &negotiated, &local);
        let peer = posted.viewer.peer.as_deref();
        self.let_in(location, peer, offer.candidates.iter().copied());
        let session = self.wall_session(location, local_ice, &offer, negotiated, now)?;
        let limits = ViewerLimits::default();
        let mut response = self.enter_session(
            StreamId::NONE,
            limits,
            &posted,
            location,
            session,
            sdp,
            None,
            None,
        )?;
        self.add_links(&mut response, &posted, location);
        let registry = &self.context.registry;
        registry.note_visitor(response.session, visitor);
        registry.slots.add(0, refused.len());
        let changes = slots.into_iter().map(|(mid, stream)| SlotChange {
            mid,
            stream: Some(Some(stream)),
            ..SlotChange::default()
        });
        let changes: Vec<SlotChange> = changes.collect();
        let bound = self.change_slots(response.session, location.row, &changes, now)?;
        for (change, bound) in changes.into_iter().zip(bound) {
            if let Err(error) = bound {
                refused.push(Decision {
                    slot: change.mid.into(),
                    result: Err(Refusal::from(&error)),
                });
            }
        }
        response.is_of_wall(&refused);
        Ok(response)
    }

    fn wall_session(
        &self,
        location: SessionLocation,
        local_ice: IceCredentials,
        offer: &Offer,
        negotiated: Negotiated,
        now: Instant,
    ) -> Result<Session> {
        let data = negotiated.data.map(|data| {
            Ok(DataConfig {
                peer_port: data.sctp_port,
                // RFC 8841 section 6: 0 is any size.
                peer_max_message: NonZero::new(data.max_message_size)
                    .map_or(u32::MAX, NonZero::get),
                random: random::number()?,
            })
        });
        let transport = TransportConfig {
            data: data.transpose()?,
            ..self.agreed_transport(location, local_ice, offer, &negotiated)?
        };
        let legs = LegConfig::of_wall(negotiated, &mut random::number)?;
        Ok(Session::new(now, transport, legs))
    }
}
