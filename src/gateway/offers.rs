//! Offers: answered while the caller waits, or later on the callback thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use super::Handle;
use super::handle::{REPLY_TIMEOUT, after, overloaded};
use super::wall_requests::{CheckedWall, Opened};
use crate::config::{DEFAULT_OFFER_TIMEOUT, MAX_LABEL, WhepOffer, checked_label};
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::role;
use crate::sdp::offer::Offer;
use crate::state::{OpId, StreamId, ViewerIdentity, ViewerLimits};
use crate::whep::http::check_location_prefix;
use crate::whep::{Response, ice_server};
use crate::worker::pending_offers::Ticket;
use crate::worker::{Command, OfferRequest, Posted, memory_is_full};

impl Handle {
    /// Answers a WHEP offer (POST) and creates a session.
    ///
    /// Blocks while the camera is connecting for the first time, or because this offer wants it (on
    /// demand), for at most the offer's timeout; returns within milliseconds otherwise. The HTTP
    /// response to a failure is [`HttpResponse::from`](crate::whep::HttpResponse) of the error.
    ///
    /// The offer of a wall is answered at once, and its streams may be connected later.
    ///
    /// Fails with `NotFound` for the stream; with `Sdp`, `TooLarge`, `Fingerprint`, `IceCredentials`
    /// and `Codec` for the SDP; with `InvalidArgument` if the limits name a stream that is no variant of
    /// this one; with `NotReady` while the camera is not live; with `Limit` if a limit
    /// of sessions is reached; with `ShuttingDown` after [`Handle::drain`]; with `WouldDeadlock` inside a
    /// callback.
    pub fn handle_whep_offer(&self, offer: &WhepOffer<'_>) -> Result<Response> {
        role::check_may_block("handle_whep_offer")?;
        let checked = self.check_offer(offer, Said::default())?;
        let (timeout, worker) = (checked.timeout, checked.worker);
        let (reply, answer) = mpsc::sync_channel(1);
        let ticket = self.shared.offers.begin(move |result| {
            // If it is no longer received, the ticket has been claimed and this does not run.
            let _ = reply.send(result);
        });
        if let Err(error) = self.command(worker, checked.command(ticket.clone())) {
            ticket.claim();
            return Err(error);
        }
        // The worker keeps the timeout; this is for one that does not get to it.
        let answered = answer.recv_timeout(timeout.saturating_add(REPLY_TIMEOUT));
        if let Ok(result) = answered {
            return result;
        }
        match ticket.claim() {
            Some(_) => Err(overloaded()),
            // Claimed by a worker, which is about to complete it.
            None => answer
                .recv_timeout(REPLY_TIMEOUT)
                .unwrap_or_else(|_| Err(shutting_down())),
        }
    }

    /// Answers a WHEP offer without waiting. `done` is called with the outcome: once, on the callback
    /// thread, possibly before this returns; it must not block. It is also called after
    /// [`Handle::cancel`] (`Cancelled`), after the stream was removed (`NotFound`), after the offer's
    /// timeout (`NotReady`) and at shutdown (`ShuttingDown`). If this fails, `done` is dropped.
    ///
    /// Fails as [`Handle::handle_whep_offer`] does for the stream and for the SDP, and with `Limit`
    /// while 1024 offers are pending.
    pub fn handle_whep_offer_async(
        &self,
        offer: &WhepOffer<'_>,
        done: Box<dyn FnOnce(OpId, Result<Response>) + Send>,
    ) -> Result<OpId> {
        let checked = self.check_offer(offer, Said::default())?;
        let worker = checked.worker;
        let ticket = self
            .shared
            .offers
            .begin_async(self.shared.notices.clone(), done)?;
        let op = ticket.op();
        match self.command(worker, checked.command(ticket.clone())) {
            // If shutdown has completed it, its outcome is on its way to `done`.
            Err(error) if ticket.claim().is_some() => Err(error),
            _ => Ok(op),
        }
    }

    /// Answers a WHEP offer without blocking and without the callback thread: with an offer of ours where
    /// it cannot be answered, or there is none. Dropping the future cancels the offer.
    pub(super) async fn answer_offer(&self, offer: &WhepOffer<'_>, said: Said) -> Result<Response> {
        let checked = self.check_offer(offer, said)?;
        let worker = checked.worker;
        let (reply, answer) = oneshot::channel();
        let ticket = self.shared.offers.begin(move |result| {
            let _ = reply.send(result);
        });
        let command = checked.command(ticket.clone());
        let _given_up = GivenUp(ticket);
        self.command(worker, command)?;
        answer.await.unwrap_or_else(|_| Err(shutting_down()))
    }

    /// Cancels a pending offer: its `done` is called with `Cancelled`. Fails with `NotFound` if the
    /// offer has been answered or is being answered; `done` is called with that outcome.
    pub fn cancel(&self, op: OpId) -> Result<()> {
        self.check_open()?;
        self.shared.offers.cancel(op)
    }

    /// Checks all that does not depend on the camera.
    fn check_offer(&self, offer: &WhepOffer<'_>, said: Said) -> Result<Checked> {
        self.check_open()?;
        if self.shared.draining.load(Ordering::Relaxed) {
            return Err(Error::new(
                Status::ShuttingDown,
                "the gateway is about to shut down and takes no new viewers: try again once it has been \
                 started again",
            ));
        }
        if self.shared.tuning.is_full() {
            let refused = &self.shared.refused_for_memory;
            refused.fetch_add(1, Ordering::Relaxed);
            return Err(memory_is_full());
        }
        if let Some(prefix) = offer.location_prefix {
            check_location_prefix(prefix)?;
        }
        let ice_links = offer.ice_servers.map(ice_server::links).transpose()?;
        let label = checked_label(offer.label)?;
        let posted = Posted {
            location_prefix: offer.location_prefix.map(str::to_owned),
            ice_links,
            turn_url: said.turn_url,
            viewer: ViewerIdentity {
                peer: offer.peer.and_then(clean),
                label,
                user_data: offer.user_data,
            },
        };
        if let Some(slots) = &offer.wall {
            let wall = self.check_wall(offer, slots, said.opened)?;
            let workers = self.shared.workers.len();
            return Ok(Checked {
                worker: self.shared.registry.worker_for_wall(workers),
                timeout: Duration::ZERO,
                posted,
                shows: Shows::Wall(wall),
            });
        }
        let (stream, worker) = self.shared.registry.find_stream(offer.stream)?;
        Ok(Checked {
            worker,
            timeout: offer.timeout.unwrap_or(DEFAULT_OFFER_TIMEOUT),
            posted,
            shows: Shows::Stream {
                stream,
                offer: match said.may_counter && offer.sdp.trim_ascii().is_empty() {
                    true => None,
                    false => Some(Offer::parse(offer.sdp)?),
                },
                may_counter: said.may_counter,
                limits: offer.limits,
            },
        })
    }
}

/// What an HTTP request says of its offer, beside what a host does.
#[derive(Default)]
pub(super) struct Said {
    /// Whether the viewer takes an offer of ours instead.
    pub may_counter: bool,
    /// Where this viewer reaches the relay.
    pub turn_url: Option<String>,
    /// Of a wall.
    pub opened: Opened,
}

/// Text from outside: short, and unable to forge a line of a log. `None` if nothing is left.
fn clean(peer: &str) -> Option<Arc<str>> {
    let text: String = peer.chars().filter(|c| !c.is_control()).collect();
    let text = &text[..text.floor_char_boundary(MAX_LABEL)];
    (!text.is_empty()).then(|| text.into())
}

/// Claims the ticket of an abandoned offer when it is dropped.
struct GivenUp(Ticket);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.claim();
    }
}

/// An offer that is ready for its worker.
struct Checked {
    worker: usize,
    timeout: Duration,
    posted: Posted,
    shows: Shows,
}

/// What it is to show.
enum Shows {
    Stream {
        stream: StreamId,
        offer: Option<Offer>,
        may_counter: bool,
        limits: ViewerLimits,
    },
    Wall(CheckedWall),
}

impl Checked {
    fn command(self, ticket: Ticket) -> Command {
        let Checked {
            timeout, posted, ..
        } = self;
        match self.shows {
            Shows::Stream {
                stream,
                offer,
                may_counter,
                limits,
            } => Command::Offer(Box::new(OfferRequest {
                stream,
                offer,
                may_counter,
                posted,
                timeout,
                deadline: after(timeout),
                limits,
                stays: false,
                ticket,
            })),
            Shows::Wall(wall) => Command::OfferWall(Box::new(wall.request(posted, ticket))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_short_and_one_line() {
        assert_eq!(
            clean("192.0.2.7\r\nforged: line").as_deref(),
            Some("192.0.2.7forged: line")
        );
        assert_eq!(clean("\r\n\0"), None);
        let long = "é".repeat(100);
        assert_eq!(clean(&long).as_deref(), Some(&*"é".repeat(64)));
        assert_eq!(clean(&("x".to_owned() + &long)).unwrap().len(), 127);
    }
}
