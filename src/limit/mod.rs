//! Limits: on operations that are in progress at the same time without a thread waiting for each, on connections of
//! strangers, and on how often the same is logged.

mod connections;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result, Status};

pub use connections::{Connection, Connections};

/// Counts one operation until it is dropped.
pub type Permit = OwnedSemaphorePermit;

/// How many operations of one kind may be in progress.
#[derive(Debug)]
pub struct Limit {
    permits: Arc<Semaphore>,
    max: usize,
    /// What the error calls the operations, in the plural.
    operations: &'static str,
}

impl Limit {
    /// A limit of `max` operations.
    pub fn new(max: usize, operations: &'static str) -> Self {
        Limit {
            permits: Arc::new(Semaphore::new(max)),
            max,
            operations,
        }
    }

    /// Whether none is in progress.
    #[cfg(any(feature = "http", test))]
    pub fn is_idle(&self) -> bool {
        self.permits.available_permits() == self.max
    }

    /// Admits one more operation, or fails with `Limit`. Never waits.
    pub fn permit(&self) -> Result<Permit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        permit.map_err(|_| {
            Error::new(
                Status::Limit,
                format!(
                    "{} {} are in progress, the maximum: try again later",
                    self.max, self.operations
                ),
            )
        })
    }
}

/// What may go wrong again at once is logged once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// When something was last complained of.
#[derive(Debug, Default)]
pub struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether to log it now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .0
            .is_none_or(|at| now.saturating_duration_since(at) >= COMPLAINT_INTERVAL);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_repeated_after_a_minute() {
        let mut complaint = Complaint::default();
        let now = Instant::now();
        let due = [0, 59, 60, 61, 120].map(|s| complaint.is_due(now + Duration::from_secs(s)));
        assert_eq!(due, [true, false, true, false, true]);
    }

    #[test]
    fn operations_are_counted_until_dropped() {
        let limit = Limit::new(2, "tests");
        let first = limit.permit().unwrap();
        let second = limit.permit().unwrap();
        let error = limit.permit().unwrap_err();
        assert_eq!(error.status(), Status::Limit);
        assert!(error.message().starts_with("2 tests are in progress"));
        drop(first);
        assert!(limit.permit().is_ok());
        assert!(!limit.is_idle());
        drop(second);
        assert!(limit.is_idle());
    }
}
