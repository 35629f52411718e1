//! What is done for an output over time: attempts, and what the media server is told of their end.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::core::Core;
use super::log_lines;
use super::outputs::Link;
use super::own_sockets;
use crate::error::{Error, Status, panicked};
use crate::random;
use crate::whip::{self, Patience, Refusal, Resource};

/// After a bug has stopped an output.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// The tasks that may still have something to tell a media server.
#[derive(Default)]
pub(super) struct Underway {
    tasks: Cell<usize>,
    none: Notify,
}

/// One of them.
struct Task(Rc<Underway>);

impl Underway {
    fn task(self: &Rc<Self>) -> Task {
        self.tasks.set(self.tasks.get() + 1);
        Task(Rc::clone(self))
    }

    /// Completes once there is none.
    pub(super) async fn none(&self) {
        while self.tasks.get() > 0 {
            self.none.notified().await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let Task(underway) = self;
        underway.tasks.set(underway.tasks.get() - 1);
        underway.none.notify_one();
    }
}

/// Why an attempt is over, and for how long media flowed.
struct Over {
    why: Refusal,
    live: Option<Duration>,
}

/// Begins with an output.
pub(super) fn begin(core: &Rc<RefCell<Core>>, link: Rc<Link>) {
    let core = Rc::clone(core);
    let underway = Rc::clone(&core.borrow().underway);
    let task = underway.task();
    tokio::task::spawn_local(async move {
        let _task = task;
        loop {
            let run = AssertUnwindSafe(run(&core, &underway, &link));
            if run.catch_unwind().await.is_ok() {
                break;
            }
            let error = panicked("this output, which is tried again later");
            log::error!("{error}");
            core.borrow_mut().end_output(&link, error.message());
            link.output.retries(error, Instant::now() + AFTER_PANIC);
            tokio::select! {
                () = sleep(AFTER_PANIC) => {}
                () = link.removal() => {}
            }
        }
    });
}

/// Sends a stream to a media server until the output is removed.
async fn run(core: &RefCell<Core>, underway: &Rc<Underway>, link: &Rc<Link>) {
    let output = &link.output;
    let mut patience = Patience::default();
    loop {
        let may_begin = || match core.borrow().codecs(output) {
            _ if link.removed.get() => Some(false),
            Some(_) => Some(true),
            None => {
                output.waits();
                None
            }
        };
        if !link.until(may_begin).await {
            break;
        }
        let Over { why, live } = attempt(core, underway, link).await;
        if link.removed.get() {
            break;
        }
        let random = random::number().unwrap_or_default();
        let delay = patience.delay(&why, live, random);
        core.borrow_mut().count_output_failure(output);
        log_lines::output_failed(output, &why.error, live, delay);
        let begun = Instant::now();
        output.retries(why.error, begun + delay);
        let asked_for = why.not_before.unwrap_or_default();
        tokio::select! {
            () = sleep(asked_for) => {}
            () = link.removal() => break,
        }
        // A server that refused what the stream had may take what it has by now.
        let changed = || match core.borrow().codecs(output) {
            _ if link.removed.get() => Some(false),
            Some(codecs) if codecs != link.offered.get() => Some(true),
            _ => None,
        };
        let goes_on = tokio::select! {
            () = sleep(delay.saturating_sub(begun.elapsed())) => true,
            goes_on = link.until(changed) => goes_on,
        };
        if !goes_on {
            break;
        }
    }
    output.removed();
}

/// One session, from offer to end.
async fn attempt(core: &RefCell<Core>, underway: &Rc<Underway>, link: &Rc<Link>) -> Over {
    let over = |why: Refusal| Over { why, live: None };
    let output = &link.output;
    output.connects();
    let offered = core.borrow_mut().offer_output(link);
    let offered = match offered {
        Ok(offered) => offered,
        Err(error) => return over(error.into()),
    };
    let mut reading = pin!(own_sockets::read(core, &offered));
    // Complete once the session is of no use any more.
    let is_over = || {
        if link.removed.get() {
            return Some(removed());
        }
        let gone = !core.borrow().has_output_session(link);
        link.ended.borrow().clone().filter(|_| gone)
    };
    let mut post = Box::pin({
        let (output, sdp) = (output.clone(), offered.sdp.clone());
        async move { whip::post(&output.target, &sdp).await }
    });
    let posted = tokio::select! {
        posted = &mut post => posted,
        never = &mut reading => match never {},
        why = link.until(is_over) => {
            core.borrow_mut().end_output(link, why.message());
            // The server may begin a session all the same: it is told once it has said where that is.
            let (link, task) = (Rc::clone(link), underway.task());
            tokio::task::spawn_local(async move {
                let _task = task;
                if let Ok((_, Some(resource))) = post.await {
                    whip::delete(&link.output.target, resource).await;
                }
            });
            return over(why.into());
        }
    };
    let (answer, resource) = match posted {
        Ok(answered) => answered,
        Err(why) => {
            core.borrow_mut()
                .end_output(link, "its offer was not answered");
            return over(why);
        }
    };
    // Untrusted input decides much of what happens here.
    let take = || {
        core.borrow_mut()
            .take_ingest_answer(link, &offered, &answer)
    };
    let taken = catch_unwind(AssertUnwindSafe(take));
    if let Err(error) = taken.unwrap_or_else(|_| Err(panicked("this answer"))) {
        // If the session had ended before, that is why.
        let why = link.ended.take().unwrap_or(error);
        core.borrow_mut().end_output(link, why.message());
        leave(underway, link, resource);
        return over(why.into());
    }
    output.has_session(offered.session);
    let ended = tokio::select! {
        ended = link.until(is_over) => ended,
        never = &mut reading => match never {},
    };
    core.borrow_mut().end_output(link, ended.message());
    let live = link.live_since.get().map(|since| since.elapsed());
    leave(underway, link, resource);
    Over {
        why: ended.into(),
        live,
    }
}

/// Tells the server that a session is over. Nothing waits for that.
fn leave(underway: &Rc<Underway>, link: &Rc<Link>, resource: Option<Resource>) {
    let Some(resource) = resource else {
        return;
    };
    let (link, task) = (Rc::clone(link), underway.task());
    tokio::task::spawn_local(async move {
        let _task = task;
        whip::delete(&link.output.target, resource).await;
    });
}

fn removed() -> Error {
    Error::new(Status::Cancelled, "the output was removed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_under_way_is_waited_for() {
        let underway = Rc::new(Underway::default());
        underway.none().await;
        let tasks = [underway.task(), underway.task()];
        let wait = underway.none();
        tokio::pin!(wait);
        assert!(wait.as_mut().now_or_never().is_none());
        let [first, second] = tasks;
        drop(first);
        assert!(wait.as_mut().now_or_never().is_none());
        drop(second);
        wait.await;
    }

    #[test]
    fn what_ends_a_session_is_followed_by_another_at_once() {
        let live = Some(Duration::from_secs(3600));
        let ended = Error::new(Status::Ingest, "the ingest has ended the session");
        let delay = Patience::default().delay(&ended.into(), live, 0);
        assert!(delay <= Duration::from_millis(200), "{delay:?}");
    }
}
