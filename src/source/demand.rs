//! Whether a camera that is connected on demand is needed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::timeout;

/// Whether a camera is wanted: viewers need its media, or offers wait for it. Set by its stream, obeyed by
/// its source, both on one thread.
pub struct Demand {
    linger: Duration,
    wanted: Cell<bool>,
    /// Wakes the source, which waits for a change.
    waker: RefCell<Option<Waker>>,
}

impl Demand {
    /// Not wanted yet. Once it is no longer wanted, the camera stays connected for `linger`.
    pub fn new(linger: Duration) -> Demand {
        Demand {
            linger,
            wanted: Cell::new(false),
            waker: RefCell::default(),
        }
    }

    /// Whether the camera is wanted.
    pub fn is_wanted(&self) -> bool {
        self.wanted.get()
    }

    /// Sets whether the camera is wanted.
    pub fn set(&self, wanted: bool) {
        if self.wanted.replace(wanted) != wanted
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// Completes as soon as the camera is wanted.
    pub(super) async fn begins(&self) {
        self.becomes(true).await;
    }

    /// Completes when the camera has not been wanted for the linger time.
    pub(super) async fn ends(&self) {
        loop {
            self.becomes(false).await;
            if timeout(self.linger, self.becomes(true)).await.is_err() && !self.is_wanted() {
                return;
            }
        }
    }

    /// Polled with each video frame, so it takes no lock; tokio's primitives would.
    async fn becomes(&self, wanted: bool) {
        poll_fn(|context| {
            if self.is_wanted() == wanted {
                return Poll::Ready(());
            }
            match &mut *self.waker.borrow_mut() {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use tokio::task::{LocalSet, spawn_local, yield_now};
    use tokio::time::{Instant, advance};

    use super::*;

    const LINGER: Duration = Duration::from_secs(10);

    /// Runs on a paused clock that only the test advances.
    fn run(test: impl AsyncFnOnce(Rc<Demand>)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let demand = Rc::new(Demand::new(LINGER));
        LocalSet::new().block_on(&runtime, test(demand));
    }

    #[test]
    fn it_begins_as_soon_as_somebody_wants_it() {
        run(async |demand| {
            let begun = Instant::now();
            let source = spawn_local({
                let demand = Rc::clone(&demand);
                async move { demand.begins().await }
            });
            yield_now().await;
            assert!(!source.is_finished());
            demand.set(true);
            source.await.unwrap();
            demand.begins().await;
            assert_eq!(begun.elapsed(), Duration::ZERO);
        });
    }

    #[test]
    fn it_ends_when_nobody_comes_back_in_time() {
        run(async |demand| {
            demand.set(true);
            let source = spawn_local({
                let demand = Rc::clone(&demand);
                async move { demand.ends().await }
            });
            let almost = LINGER - Duration::from_millis(1);
            for wanted in [true, false, true, false] {
                demand.set(wanted);
                yield_now().await;
                advance(almost).await;
                yield_now().await;
                assert!(!source.is_finished());
            }
            advance(Duration::from_millis(2)).await;
            source.await.unwrap();
        });
    }
}
