//! What a worker's loop waits for: commands, datagrams, a deadline, and its own tasks. A worker that is woken finds
//! its code and data out of the cache, so that each of these costs as little as it can.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Stands for "nothing is due".
const NEVER: Duration = Duration::from_secs(3600);

/// Rung by a task of the same thread to wake the loop.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Bell {
    /// Wakes the loop: a deadline has moved closer, or there is work left.
    pub fn ring(&self) {
        if !self.rung.replace(true)
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Ready once after it was rung, however often.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.rung.take() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// One timer for all deadlines. It is set anew only for an earlier one than it is set for, and when it goes off:
/// a deadline that is put off, the usual case, costs nothing.
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Instant,
}

impl Alarm {
    pub fn new() -> Alarm {
        let at = Instant::now() + NEVER;
        Alarm {
            sleep: Box::pin(tokio::time::sleep_until(at.into())),
            at,
        }
    }

    /// Ready when the deadline has passed.
    pub fn poll(&mut self, context: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        if deadline.is_some_and(|deadline| deadline < self.at) || self.sleep.is_elapsed() {
            self.at = deadline.unwrap_or_else(|| Instant::now() + NEVER);
            self.sleep.as_mut().reset(self.at.into());
        }
        self.sleep.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn a_bell_wakes_once_however_often_it_is_rung() {
        let bell = Rc::new(Bell::default());
        let rung = Rc::clone(&bell);
        let tasks = LocalSet::new();
        let mut awaited = std::pin::pin!(poll_fn(|context| bell.poll(context)));
        tasks.spawn_local(async move {
            rung.ring();
            rung.ring();
        });
        tasks.run_until(awaited.as_mut()).await;
        let nothing = poll_fn(|context| Poll::Ready(bell.poll(context).is_pending())).await;
        assert!(nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_is_never_late() {
        let mut alarm = Alarm::new();
        let start = tokio::time::Instant::now();
        let at = |ms| Some(start.into_std() + Duration::from_millis(ms));
        let mut rings = async |set: Option<Instant>, deadline| {
            poll_fn(|context| {
                let _ = alarm.poll(context, set);
                Poll::Ready(())
            })
            .await;
            poll_fn(|context| alarm.poll(context, deadline)).await;
            start.elapsed().as_millis()
        };
        assert_eq!(rings(None, at(50)).await, 50);
        assert_eq!(rings(at(70), at(90)).await, 90, "put off");
        assert_eq!(rings(at(150), at(120)).await, 120, "moved closer");
        assert_eq!(rings(None, at(20)).await, 120, "passed long ago");
    }
}
