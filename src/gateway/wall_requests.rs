//! Walls: whom they may show what, and what their pages ask of their slots.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Handle;
use super::authority::Claim;
use crate::config::{WallSlots, WhepOffer};
use crate::error::{Error, Result, Status, panicked};
use crate::events::Operation;
use crate::sdp::offer::{Offer, OfferedSection};
use crate::state::{SessionId, SlotChange, StreamId};
use crate::wall::{Decision, Refusal, Reply, Request, SlotNotice, SlotRequest};
use crate::whep::http::{Call, refusal};
use crate::worker::pending_offers::Ticket;
use crate::worker::{Posted, Visitor, WallRequest};

/// Streams about which the host is asked for one wall at a time.
const QUESTIONS: usize = 16;

/// Why some streams may not be shown, by their names.
pub(super) type Refused = HashMap<String, Refusal>;

/// Who opens a wall, and what it may not be shown of the streams that it names.
#[derive(Default)]
pub(super) struct Opened {
    pub visitor: Visitor,
    pub refused: Refused,
}

/// The offer of a wall that is ready for its worker.
pub(super) struct CheckedWall {
    offer: Offer,
    slots: Vec<(Box<str>, StreamId)>,
    refused: Vec<Decision>,
    visitor: Visitor,
}

impl CheckedWall {
    pub fn request(self, posted: Posted, ticket: Ticket) -> WallRequest {
        WallRequest {
            offer: self.offer,
            slots: self.slots,
            refused: self.refused,
            visitor: Arc::new(self.visitor),
            posted,
            ticket,
        }
    }
}

impl Handle {
    /// Reads the offer of a wall, and finds what its slots are to show.
    pub(super) fn check_wall(
        &self,
        offer: &WhepOffer<'_>,
        slots: &WallSlots<'_>,
        opened: Opened,
    ) -> Result<CheckedWall> {
        let parsed = Offer::parse_wall(offer.sdp)?;
        self.answer_pages()?;
        let of_kind = |kind| {
            let of_kind = move |section: &&OfferedSection| section.media == kind;
            parsed.sections.iter().filter(of_kind)
        };
        let video = of_kind("video").count();
        if slots.video.len() > video {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "streams are named for {} slots, but the offer has {video} video sections: name at \
                     most one for each",
                    slots.video.len()
                ),
            ));
        }
        let named = of_kind("video").zip(slots.video.iter().copied());
        let named = named.chain(of_kind("audio").zip([slots.sound]));
        let (mut slots, mut refused) = (Vec::new(), Vec::new());
        for (section, name) in named {
            let Some(name) = name else { continue };
            let slot = section.mid.as_str();
            match self.named(name, &opened.refused) {
                Ok(stream) => slots.push((slot.into(), stream)),
                Err(refusal) => refused.push(Decision {
                    slot: slot.to_owned(),
                    result: Err(refusal),
                }),
            }
        }
        Ok(CheckedWall {
            slots,
            refused,
            visitor: Visitor {
                peer: opened.visitor.peer.or(offer.peer.map(str::to_owned)),
                ..opened.visitor
            },
            offer: parsed,
        })
    }

    /// The stream of this name, unless it is among the refused.
    fn named(&self, name: &str, refused: &Refused) -> std::result::Result<StreamId, Refusal> {
        if let Some(refusal) = refused.get(name) {
            return Err(refusal.clone());
        }
        let found = self.shared.registry.find_stream(name);
        found
            .map(|(stream, _)| stream)
            .map_err(|error| Refusal::from(&error))
    }

    /// Whether who opened a wall may be shown the stream of this name: asked as for an offer. Fails with
    /// `NotFound` for the session, with `InvalidState` if it is no wall, and if the host does not decide.
    pub async fn may_watch(&self, session: SessionId, stream: &str) -> Result<bool> {
        let visitor = self.shared.registry.visitor(session)?;
        self.allows(&visitor, stream).await
    }

    async fn allows(&self, visitor: &Visitor, stream: &str) -> Result<bool> {
        if visitor.authorized {
            return Ok(true);
        }
        let claim = Claim {
            operation: Operation::Watch,
            stream: Some(stream),
            token: visitor.token.as_ref().map(|token| token.as_str()),
            peer: visitor.peer.as_deref(),
        };
        self.shared.authority.allows(claim).await
    }

    /// Asks for each of these streams whether it may be shown, some at a time: the host has few places for
    /// questions, and others ask as well.
    pub(super) async fn refused(&self, visitor: &Visitor, names: BTreeSet<&str>) -> Refused {
        let asked = names.into_iter().map(|name| async move {
            let refusal = match self.allows(visitor, name).await {
                Ok(true) => return None,
                Ok(false) => refusal(visitor.token.is_some()),
                Err(error) => Refusal::from(&error),
            };
            Some((name.to_owned(), refusal))
        });
        let mut asked: Vec<_> = asked.collect();
        let mut refused = Refused::new();
        while !asked.is_empty() {
            let some = asked.split_off(asked.len().saturating_sub(QUESTIONS));
            refused.extend(join_all(some).await.into_iter().flatten());
        }
        refused
    }

    /// What a wall shows, as JSON: the state of its session, and its slots as notices have them.
    pub(super) fn describe_wall(&self, session: SessionId) -> Result<String> {
        #[derive(Serialize)]
        struct Wall<'a> {
            state: &'static str,
            bandwidth_bps: Option<u64>,
            slots: Vec<SlotNotice<'a>>,
        }
        let info = self.session_info(session)?;
        let slots = self.slots(session)?;
        let registry = &self.shared.registry;
        let variants = slots.iter().map(|slot| {
            let shown = slot.quality.map(|quality| quality.variant);
            registry.stream_name(shown?).ok()
        });
        let variants: Vec<Option<Arc<str>>> = variants.collect();
        let notices = slots.iter().zip(&variants);
        let wall = Wall {
            state: info.state.name(),
            bandwidth_bps: info.quality.estimate,
            slots: notices
                .map(|(slot, variant)| SlotNotice::of(slot, variant.as_deref()))
                .collect(),
        };
        serde_json::to_string(&wall).map_err(|error| {
            Error::new(
                Status::Panic,
                format!("what the wall shows cannot be written as JSON: {error}"),
            )
        })
    }

    /// Does what the page of a wall asks of its slots, for who is allowed to see what `visitor` may. Each
    /// slot fails alone.
    pub(crate) async fn change_slots(
        &self,
        session: SessionId,
        visitor: &Visitor,
        request: Request,
    ) -> Result<Reply> {
        let names = request.slots.iter().filter_map(|slot| slot.stream.as_ref());
        let names = names.flatten().map(String::as_str).collect();
        let refused = self.refused(visitor, names).await;
        let handle = self.clone();
        // It asks the worker and waits.
        let work = tokio::task::spawn_blocking(move || handle.change(session, &request, &refused));
        work.await.unwrap_or_else(|_| Err(panicked("this request")))
    }

    fn change(&self, session: SessionId, request: &Request, refused: &Refused) -> Result<Reply> {
        let (mut changes, mut decided) = (Vec::new(), Vec::new());
        for slot in &request.slots {
            match self.change_of(slot, refused) {
                Ok(change) => {
                    changes.push(change);
                    decided.push(None);
                }
                Err(refusal) => decided.push(Some(refusal)),
            }
        }
        let denied = decided.iter().flatten().count();
        self.shared.registry.slots.add(0, denied);
        let mut changed = self.change_all_slots(session, changes)?.into_iter();
        let name = |stream| {
            let name = self.shared.registry.stream_name(stream).ok()?;
            Some(name.to_string())
        };
        let slots = request.slots.iter().zip(decided);
        let slots = slots.map(|(slot, refusal)| {
            let result = match refusal {
                Some(refusal) => Err(refusal),
                None => match changed.next() {
                    Some(Ok(stream)) => Ok(stream.and_then(name)),
                    Some(Err(error)) => Err(Refusal::from(&error)),
                    None => Err(Refusal::from(&panicked("this request"))),
                },
            };
            Decision {
                slot: slot.slot.clone(),
                result,
            }
        });
        Ok(Reply {
            id: request.id,
            slots: slots.collect(),
        })
    }

    fn change_of(
        &self,
        slot: &SlotRequest,
        refused: &Refused,
    ) -> std::result::Result<SlotChange, Refusal> {
        let stream = slot.stream.as_ref().map(|name| {
            let name = name.as_ref();
            name.map(|name| self.named(name, refused)).transpose()
        });
        Ok(SlotChange {
            mid: slot.slot.as_str().into(),
            stream: stream.transpose()?,
            width: slot.width,
            height: slot.height,
            focus: slot.focus,
            paused: slot.paused,
        })
    }
}

/// Who makes a request.
pub(super) fn visitor(call: &Call) -> Visitor {
    Visitor {
        token: call.token.clone().map(Zeroizing::new),
        peer: call.peer.clone(),
        authorized: call.authorized,
    }
}
