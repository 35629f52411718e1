//! Offers: answered while the caller waits, or later on the callback thread.

use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Handle;
use super::handle::{REPLY_TIMEOUT, after, overloaded};
use crate::config::WhepOffer;
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::role;
use crate::sdp::offer::Offer;
use crate::state::{OpId, StreamId};
use crate::whep::Response;
use crate::worker::pending_offers::Ticket;
use crate::worker::{Command, OfferRequest};

/// How long an offer waits for a camera that is still connecting, unless it says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Characters of [`WhepOffer::peer`] that are kept.
const MAX_PEER: usize = 128;

impl Handle {
    /// Answers a WHEP offer (POST). Blocks while the camera is connecting for the first time, or
    /// because this offer wants it (on demand), up to the offer's timeout; returns at once otherwise.
    pub fn handle_whep_offer(&self, offer: &WhepOffer<'_>) -> Result<Response> {
        role::check_may_block("handle_whep_offer")?;
        let checked = self.check_offer(offer)?;
        let (timeout, worker) = (checked.timeout, checked.worker);
        let (reply, answer) = mpsc::sync_channel(1);
        let ticket = self.shared.offers.begin(move |result| {
            // Who no longer listens has claimed the ticket, and so this is not called.
            let _ = reply.send(result);
        });
        let request = Box::new(checked.request(ticket.clone()));
        if let Err(error) = self.command(worker, Command::Offer(request)) {
            ticket.claim();
            return Err(error);
        }
        // The worker gives up on time; this is for one that does not get to it.
        let answered = answer.recv_timeout(timeout.saturating_add(REPLY_TIMEOUT));
        if let Ok(result) = answered {
            return result;
        }
        match ticket.claim() {
            Some(_) => Err(overloaded()),
            // Claimed by a worker, which completes it any moment.
            None => answer
                .recv_timeout(REPLY_TIMEOUT)
                .unwrap_or_else(|_| Err(shutting_down())),
        }
    }

    /// Answers a WHEP offer without blocking: `done` hears the outcome, once, on the callback
    /// thread, where it must not block. That is also so after [`Handle::cancel`] (`Cancelled`), the
    /// removal of the stream (`NotFound`), the offer's timeout (`NotReady`) and the shutdown of the
    /// gateway (`ShuttingDown`). It may be before this returns. If this fails, `done` is dropped.
    ///
    /// Fails as [`Handle::handle_whep_offer`] for an offer that nothing is needed to refuse, and
    /// with `Limit` while 1024 are under way.
    pub fn handle_whep_offer_async(
        &self,
        offer: &WhepOffer<'_>,
        done: Box<dyn FnOnce(OpId, Result<Response>) + Send>,
    ) -> Result<OpId> {
        let checked = self.check_offer(offer)?;
        let worker = checked.worker;
        let ticket = self
            .shared
            .offers
            .begin_async(self.shared.notices.clone(), done)?;
        let op = ticket.op();
        let request = Box::new(checked.request(ticket.clone()));
        match self.command(worker, Command::Offer(request)) {
            // Unless shutdown has completed it.
            Err(error) if ticket.claim().is_some() => Err(error),
            _ => Ok(op),
        }
    }

    /// Answers a WHEP offer without blocking and without the callback thread. Dropping the future
    /// gives up on the offer.
    pub(super) async fn answer_offer(&self, offer: &WhepOffer<'_>) -> Result<Response> {
        let checked = self.check_offer(offer)?;
        let worker = checked.worker;
        let (reply, answer) = oneshot::channel();
        let ticket = self.shared.offers.begin(move |result| {
            let _ = reply.send(result);
        });
        let request = Box::new(checked.request(ticket.clone()));
        let _given_up = GivenUp(ticket);
        self.command(worker, Command::Offer(request))?;
        answer.await.unwrap_or_else(|_| Err(shutting_down()))
    }

    /// Gives up on an offer that is not yet answered: its `done` hears `Cancelled`. `NotFound` if it
    /// has been answered, or is being answered: then `done` hears that.
    pub fn cancel(&self, op: OpId) -> Result<()> {
        self.check_open()?;
        self.shared.offers.cancel(op)
    }

    /// All that can be said of an offer without its stream.
    fn check_offer(&self, offer: &WhepOffer<'_>) -> Result<Checked> {
        self.check_open()?;
        if offer
            .location_prefix
            .is_some_and(|p| p.contains(char::is_control))
        {
            // It may come from the URL of the request, and would write headers of its own.
            return Err(Error::new(
                Status::InvalidArgument,
                "location_prefix contains a control character: pass the path as the URL has it, \
                 percent-encoded",
            ));
        }
        let (stream, worker) = self.shared.registry.find_stream(offer.stream)?;
        Ok(Checked {
            worker,
            stream,
            offer: Offer::parse(offer.sdp)?,
            location_prefix: offer.location_prefix.map(str::to_owned),
            // It comes from outside: short, and unable to forge a line of the log.
            peer: offer
                .peer
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_PEER)
                .collect(),
            timeout: offer.timeout.unwrap_or(DEFAULT_TIMEOUT),
        })
    }
}

/// Takes the ticket of an offer that nobody waits for any more.
struct GivenUp(Ticket);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.claim();
    }
}

/// An offer that may go to its worker.
struct Checked {
    worker: usize,
    stream: StreamId,
    offer: Offer,
    location_prefix: Option<String>,
    peer: String,
    timeout: Duration,
}

impl Checked {
    fn request(self, ticket: Ticket) -> OfferRequest {
        OfferRequest {
            stream: self.stream,
            offer: self.offer,
            location_prefix: self.location_prefix,
            peer: self.peer,
            timeout: self.timeout,
            deadline: after(self.timeout),
            ticket,
        }
    }
}
