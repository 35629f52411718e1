//! Offers without an answer yet. Each is completed exactly once, by whoever claims it.
//!
//! The worker, a timeout, `cancel` and `shutdown` compete for it. Whoever removes it from the table
//! may complete it or create a session for it, and nobody else. So no offer is completed twice, and none
//! leaves a session that nobody knows of.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, Result, Status};
use crate::events::Notices;
use crate::ids;
use crate::limit::Limit;
use crate::state::OpId;
use crate::whep::Response;

/// Offers that may be under way without a thread of the host waiting for each: some 10 KB apiece.
const MAX_ASYNC: usize = 1024;

/// Called with the result. Never blocks.
type Complete = Box<dyn FnOnce(Result<Response>) + Send>;

/// Those under way.
pub struct PendingOffers {
    /// Asynchronous ones, until their callback has returned.
    asynchronous: Limit,
    pending: Mutex<HashMap<OpId, Complete>>,
}

impl Default for PendingOffers {
    fn default() -> Self {
        PendingOffers {
            asynchronous: Limit::new(MAX_ASYNC, "offers"),
            pending: Mutex::default(),
        }
    }
}

impl PendingOffers {
    /// Adds an offer. `complete` is called on the thread that completes it.
    pub fn begin(
        self: &Arc<Self>,
        complete: impl FnOnce(Result<Response>) + Send + 'static,
    ) -> Ticket {
        self.enter(OpId(ids::next()), Box::new(complete))
    }

    /// Adds an offer. `done` is called on the callback thread. `Limit` if too many are in progress.
    pub fn begin_async(
        self: &Arc<Self>,
        notices: Notices,
        done: Box<dyn FnOnce(OpId, Result<Response>) + Send>,
    ) -> Result<Ticket> {
        let permit = self.asynchronous.permit()?;
        let op = OpId(ids::next());
        let complete = move |result| {
            notices.call(Box::new(move || {
                done(op, result);
                drop(permit);
            }));
        };
        Ok(self.enter(op, Box::new(complete)))
    }

    fn enter(self: &Arc<Self>, op: OpId, complete: Complete) -> Ticket {
        self.pending.lock().insert(op, complete);
        Ticket {
            op,
            operations: Arc::clone(self),
        }
    }

    /// Completes an offer with `Cancelled`. `NotFound` if it is completed or being completed.
    pub fn cancel(&self, op: OpId) -> Result<()> {
        // Under the lock, so that nothing is completed after `close`.
        let mut pending = self.pending.lock();
        let Some(complete) = pending.remove(&op) else {
            return Err(Error::new(
                Status::NotFound,
                format!(
                    "no operation {} is under way: it was completed or never existed",
                    op.0
                ),
            ));
        };
        complete(Err(Error::new(Status::Cancelled, "the offer was canceled")));
        Ok(())
    }

    /// Fails all remaining offers.
    pub fn close(&self, why: &Error) {
        for (_, complete) in self.pending.lock().drain() {
            complete(Err(why.clone()));
        }
    }
}

/// The way to complete one.
#[derive(Clone)]
pub struct Ticket {
    op: OpId,
    operations: Arc<PendingOffers>,
}

impl Ticket {
    /// Its id.
    pub fn op(&self) -> OpId {
        self.op
    }

    /// Whether it has not been claimed.
    pub fn is_pending(&self) -> bool {
        self.operations.pending.lock().contains_key(&self.op)
    }

    /// Claims the offer, which the caller then must complete; `None` if it was claimed before.
    pub fn claim(&self) -> Option<impl FnOnce(Result<Response>) + use<>> {
        self.operations.pending.lock().remove(&self.op)
    }

    /// Fails the offer, unless it was claimed before.
    pub fn fail(&self, error: Error) {
        if let Some(complete) = self.claim() {
            complete(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn failed(status: Status) -> Result<Response> {
        Err(Error::new(status, "test"))
    }

    #[test]
    fn who_claims_first_completes() {
        let operations = Arc::new(PendingOffers::default());
        let (told, outcome) = mpsc::channel();
        let ticket = operations.begin(move |result| told.send(result).unwrap());
        assert!(ticket.is_pending());
        let complete = ticket.claim().unwrap();
        assert!(!ticket.is_pending() && ticket.claim().is_none());
        ticket.fail(Error::new(Status::Timeout, "too late"));
        assert_eq!(
            operations.cancel(ticket.op()).unwrap_err().status(),
            Status::NotFound
        );
        operations.close(&Error::new(Status::ShuttingDown, "too late"));
        complete(failed(Status::Codec));
        let outcomes: Vec<Status> = outcome.iter().map(|r| r.unwrap_err().status()).collect();
        assert_eq!(outcomes, [Status::Codec]);
    }

    #[test]
    fn cancel_and_close_complete_what_nobody_claimed() {
        let operations = Arc::new(PendingOffers::default());
        let (told, outcome) = mpsc::channel();
        let begin = || {
            let told = told.clone();
            operations.begin(move |result| told.send(result.unwrap_err().status()).unwrap())
        };
        let (first, second) = (begin(), begin());
        assert_ne!(first.op(), second.op());
        operations.cancel(first.op()).unwrap();
        operations.close(&Error::new(Status::ShuttingDown, "test"));
        assert!(first.claim().is_none() && second.claim().is_none());
        drop(told);
        let outcomes: Vec<Status> = outcome.iter().collect();
        assert_eq!(outcomes, [Status::Cancelled, Status::ShuttingDown]);
    }
}
