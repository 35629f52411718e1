//! Keeps a camera connected: connects, delivers its media, and tries again when that ends.

mod attempt;
mod patience;
mod read;
mod set_up;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::learned::other;
use super::retry::{Backoff, Ended};
use super::{CameraConfig, Demand, Sink, failure};
use crate::config::Transport;
use crate::error::{Error, Status};
use crate::random;
use crate::state::StreamId;
use attempt::Attempt;

/// Attempts that follow another without a pause, because something was learned in that. What is learned is bounded, too.
const AT_ONCE: u32 = 4;

/// Connects, delivers media to `sink`, and reconnects whenever the connection ends; with `demand`,
/// only while the camera is wanted. Runs until dropped, on a tokio current-thread runtime inside a
/// `LocalSet`. When it is dropped, the camera gets a TEARDOWN.
///
/// `name` is the stream's, for the log.
pub fn run(
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    demand: Option<Rc<Demand>>,
    sink: impl Sink,
) -> impl Future<Output = ()> {
    Camera::new(stream, name, config).run(demand, sink)
}

/// What stays the same from one attempt to the next.
pub(super) struct Camera {
    /// For the log.
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    /// The camera refused the password, and is left alone until then: it may lock the account.
    refused: RefCell<Option<(Error, Instant)>>,
}

/// How an attempt ended.
struct Outcome {
    error: Error,
    ended: Ended,
    /// How media was to come.
    transport: Transport,
    /// Nothing came in this way.
    unheard: Option<Unheard>,
    /// Something was learned that makes the next attempt another.
    learned: bool,
}

/// Why nothing came.
#[derive(Clone, Copy)]
enum Unheard {
    /// The camera refused to send it in this way, or could not.
    Refused,
    /// It refused to, and did not say that it is because of the way.
    NotUnderstood,
    /// It agreed, and the attempt ended before anything came.
    Ended,
    /// It agreed, and nothing came for so long.
    Silent(Duration),
}

impl Camera {
    pub(super) fn new(stream: StreamId, name: Arc<str>, config: CameraConfig) -> Self {
        Camera {
            stream,
            name,
            config,
            refused: RefCell::default(),
        }
    }

    pub(super) async fn run(self, demand: Option<Rc<Demand>>, mut sink: impl Sink) {
        let Some(demand) = demand else {
            return self.serve(&mut sink, || true).await;
        };
        loop {
            demand.begins().await;
            tokio::select! {
                biased;
                () = demand.ends() => {}
                () = self.serve(&mut sink, || demand.is_wanted()) => {}
            }
            sink.idle();
        }
    }

    /// Keeps the camera connected; returns if it is not `wanted` when a retry is due.
    async fn serve(&self, sink: &mut impl Sink, wanted: impl Fn() -> bool) {
        let timeouts = &self.config.timeouts;
        let mut backoff = Backoff::new(timeouts.retry_min, timeouts.retry_max);
        // Without a pause between them.
        let (mut at_once, mut tried) = (0, Vec::<Outcome>::new());
        loop {
            sink.connecting();
            let random = random::number().unwrap_or_default();
            let refused = self.refused.borrow().clone();
            let still = refused.filter(|(_, until)| *until > Instant::now());
            let (error, retry_in) = match still {
                Some((error, until)) => (error, until - Instant::now()),
                None => {
                    // Not moved into the future of its run, which would have room for it twice.
                    let mut attempt = Attempt::new(self);
                    let outcome = attempt.run(sink).await;
                    drop(attempt);
                    let again = match outcome.learned {
                        true => at_once < AT_ONCE,
                        false => {
                            let next = self.next_transport(&outcome);
                            let mut all = tried.iter().chain([&outcome]);
                            next.is_some_and(|next| all.all(|outcome| outcome.transport != next))
                        }
                    };
                    if again {
                        tried.push(outcome);
                        at_once += 1;
                        continue;
                    }
                    let retry_in = backoff.delay(outcome.ended, random);
                    let error = self.error(&outcome, &tried);
                    if outcome.ended == Ended::Refused {
                        let until = Instant::now() + retry_in;
                        *self.refused.borrow_mut() = Some((error.clone(), until));
                    }
                    (error, retry_in)
                }
            };
            at_once = 0;
            tried.clear();
            sink.failed(&error, retry_in);
            sleep(retry_in).await;
            if !wanted() {
                return;
            }
        }
    }

    /// With [`Transport::Auto`], how media is to come if it did not come in this way.
    fn next_transport(&self, outcome: &Outcome) -> Option<Transport> {
        if self.config.transport != Transport::Auto {
            return None;
        }
        let refused = !matches!(outcome.unheard?, Unheard::Silent(_));
        let next = other(outcome.transport, refused);
        self.config.learned.update(|known| known.transport = next);
        Some(next)
    }

    /// What to say before a pause: of the last attempt, unless it was made because nothing came in other ways.
    fn error(&self, last: &Outcome, before: &[Outcome]) -> Error {
        let others = !before.is_empty() && self.config.transport == Transport::Auto;
        if !others || !matches!(last.ended, Ended::Broken { .. }) {
            return last.error.clone();
        }
        let mut longest: Option<(Duration, &Error)> = None;
        let mut not_understood: Option<&Error> = None;
        let (mut silent, mut refused) = (Vec::new(), Vec::new());
        for Outcome {
            unheard,
            transport,
            error,
            ..
        } in before.iter().chain([last])
        {
            let list = match *unheard {
                Some(Unheard::Silent(waited)) => {
                    if longest.is_none_or(|(most, _)| most < waited) {
                        longest = Some((waited, error));
                    }
                    &mut silent
                }
                Some(Unheard::NotUnderstood) => {
                    not_understood.get_or_insert(error);
                    &mut refused
                }
                // A group that could not be joined is no fault of the camera.
                Some(Unheard::Refused) if error.status() != Status::Io => &mut refused,
                _ => continue,
            };
            if !list.contains(transport) {
                list.push(*transport);
            }
        }
        match (longest, not_understood) {
            (Some((_, silence)), _) => {
                let then = last.unheard.is_none().then_some(&last.error);
                failure::heard_in_no_way(silence, &silent, &refused, then)
            }
            _ if last.unheard.is_none() => last.error.clone(),
            // It may refuse whatever it is asked for.
            (None, Some(error)) => error.clone(),
            _ if last.error.status() == Status::Io => last.error.clone(),
            _ => failure::refuses_all_transports(&self.config.url),
        }
    }
}
