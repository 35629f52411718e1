//! Streams that are sent to media servers: offers, answers, and new attempts. Once there is an answer, the session is like that
//! of a viewer.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::core::Core;
use super::local_ice::{LocalCandidates, credentials};
use super::log_lines;
use super::offers::Media;
use crate::error::{Error, Result, Status, panicked};
use crate::media::Codec;
use crate::random;
use crate::sdp::answer::{self, LocalTransport};
use crate::sdp::offer::IngestAnswer;
use crate::session::ice::MAX_CANDIDATES;
use crate::session::{Ingest, LegConfig, Session, SessionEvent, TransportConfig};
use crate::state::{
    OutputId, OutputInfo, SessionId, SessionState, StreamId, StreamState, ViewerIdentity,
    ViewerLimits,
};
use crate::whip::{self, Output, Patience, Refusal, Resource};
use crate::worker::command::Posted;
use crate::worker::registry::SessionLocation;

/// An output, as its task and its session see it. Both are on one thread.
pub(super) struct Link {
    pub(super) output: Arc<Output>,
    /// Something of it, or of its stream, has changed. Its task alone listens.
    changed: Notify,
    removed: Cell<bool>,
    /// When media began to flow.
    live_since: Cell<Option<Instant>>,
    /// How its session has ended.
    ended: RefCell<Option<Error>>,
    /// What was offered: the video and the audio.
    offered: Cell<[Option<Codec>; 2]>,
}

/// All outputs of a stream.
#[derive(Default)]
pub(super) struct Outputs {
    links: Vec<Rc<Link>>,
    /// Attempts and sessions that failed or ended.
    failures: u64,
}

impl Outputs {
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// All of them, and how often one failed.
    pub(super) fn snapshot(&self) -> (Vec<(OutputId, OutputInfo)>, u64) {
        let infos = self.links.iter().map(|link| &link.output);
        let infos = infos.map(|output| (output.id, output.info()));
        (infos.collect(), self.failures)
    }

    /// Tells all of them to look again.
    pub(super) fn stream_changed(&self) {
        for link in &self.links {
            link.changed.notify_one();
        }
    }

    /// Ends all of them.
    pub(super) fn end(&mut self) {
        for link in self.links.drain(..) {
            link.remove();
        }
    }
}

impl Link {
    fn remove(&self) {
        self.removed.set(true);
        self.changed.notify_one();
    }

    /// Completes once this is so.
    async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            self.changed.notified().await;
        }
    }

    async fn removal(&self) {
        self.until(|| self.removed.get().then_some(())).await;
    }

    /// Something happened to its session. True if media flows for the first time.
    pub(super) fn heard(&self, event: &SessionEvent) -> bool {
        match (event.state, &event.error) {
            (SessionState::Connected, _) if self.live_since.get().is_none() => {
                self.live_since.set(Some(Instant::now()));
                self.output.is_live();
                return true;
            }
            (SessionState::Failed, Some(error)) => {
                self.ended.replace(Some(error.clone()));
            }
            (SessionState::Closed, _) => {
                self.ended.borrow_mut().get_or_insert_with(ended_by_ingest);
                self.changed.notify_one();
            }
            _ => {}
        }
        false
    }
}

/// An offer that was made for an output.
struct Offered {
    sdp: String,
    session: SessionId,
    row: usize,
}

/// Why an attempt is over, and for how long media flowed.
struct Over {
    why: Refusal,
    live: Option<Duration>,
}

impl Core {
    /// Takes in an output, and begins with it once its stream is live.
    pub(super) fn add_output(core: &Rc<RefCell<Core>>, output: Arc<Output>) {
        let link = Rc::new(Link {
            changed: Notify::new(),
            removed: Cell::new(false),
            live_since: Cell::new(None),
            ended: RefCell::default(),
            offered: Cell::default(),
            output,
        });
        if let Some(entry) = core.borrow_mut().streams.get_mut(link.output.stream) {
            entry.outputs.links.push(Rc::clone(&link));
            entry.note_demand();
        } else {
            link.remove();
        }
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            let task = AssertUnwindSafe(run(&core, &link));
            if task.catch_unwind().await.is_err() {
                let error = panicked("this output until it is removed and added again");
                log::error!("{error}");
                link.output.retries(error, Instant::now());
            }
        });
    }

    pub(super) fn remove_output(&mut self, stream: StreamId, id: OutputId) {
        let Some(entry) = self.streams.get_mut(stream) else {
            return;
        };
        let links = &mut entry.outputs.links;
        if let Some(at) = links.iter().position(|link| link.output.id == id) {
            links.swap_remove(at).remove();
            entry.note_demand();
        }
    }

    /// A stream is live: sessions that send something else than it has by now are begun anew.
    pub(super) fn renew_outputs(&mut self, stream: StreamId, now: Instant) {
        let Some(entry) = self.streams.get(stream) else {
            return;
        };
        let unfit = entry.stream.viewers.iter().filter(|&&row| {
            let viewer = self.viewers.get(row);
            let link = viewer.and_then(|viewer| viewer.output.as_ref());
            link.is_some_and(|link| {
                let has = self.codecs(&link.output);
                let lacks = has.is_some_and(|has| has != link.offered.get());
                if lacks {
                    link.ended.replace(Some(codecs_changed()));
                }
                lacks
            })
        });
        for row in unfit.copied().collect::<Vec<_>>() {
            self.close_viewer(row, now, "the codecs of the stream have changed");
        }
    }

    /// What of its stream an output sends; `None` unless that is live, and has any of it.
    fn codecs(&self, output: &Output) -> Option<[Option<Codec>; 2]> {
        let entry = self.streams.get(output.stream)?;
        let media = entry.stream.media()?;
        let codec = |track: Option<&crate::media::Track>| track.map(|track| track.info().codec);
        let codecs = [
            codec(media.video.filter(|_| output.video)),
            codec(media.audio.filter(|_| output.audio)),
        ];
        let live = entry.stream.state() == StreamState::Live;
        Some(codecs).filter(|codecs| live && codecs.iter().any(Option::is_some))
    }

    /// Makes an offer, and a session that waits for its answer.
    fn offer_output(&mut self, link: &Rc<Link>) -> Result<Offered> {
        let now = Instant::now();
        let output = &link.output;
        let codecs = self.codecs(output);
        let codecs =
            codecs.ok_or_else(|| Error::new(Status::NotReady, "the stream has no media"))?;
        link.offered.set(codecs);
        self.check_load(now)?;
        let context = &self.context;
        context.registry.check_room(context.tuning.max_sessions())?;
        let location = SessionLocation {
            worker: context.index,
            row: self.viewers.vacant(),
        };
        let local_ice = credentials(location)?;
        let media = self.media_of_output(output)?;
        let candidates = LocalCandidates::new(context, now);
        let local = LocalTransport {
            ice: &local_ice,
            fingerprint: context.certificate.fingerprint(),
            candidates: candidates.get(),
        };
        let (sdp, countered) = answer::offer_to_ingest(
            &media.videos(),
            media.audio,
            media.allowed,
            &mut random::number,
            &local,
        )?;
        let session = self.session_to_be(location, local_ice, now)?;
        let limits = ViewerLimits {
            max_bitrate: output.max_bitrate,
            ..ViewerLimits::default()
        };
        let posted = Posted {
            location_prefix: None,
            ice_links: Some(Vec::new()),
            turn_url: None,
            viewer: ViewerIdentity {
                peer: Some(output.target.server().into()),
                label: output.label.clone(),
                user_data: 0,
            },
        };
        let entered = self.enter_session(
            output.stream,
            limits,
            &posted,
            location,
            session,
            sdp,
            Some(countered),
        )?;
        if let Some(viewer) = self.viewers.get_mut(location.row) {
            viewer.output = Some(Rc::clone(link));
        }
        link.live_since.set(None);
        link.ended.replace(None);
        self.rearmed.ring();
        Ok(Offered {
            sdp: entered.body,
            session: entered.session,
            row: location.row,
        })
    }

    fn media_of_output(&self, output: &Output) -> Result<Media<'_>> {
        let mut media = self.media_for(output.stream)?;
        if !output.video {
            media.own = None;
            media.others.clear();
        }
        media.audio = media.audio.filter(|_| output.audio);
        Ok(media)
    }

    /// Begins with what the media server has answered.
    fn take_ingest_answer(&mut self, link: &Link, offered: &Offered, body: &[u8]) -> Result<()> {
        let now = Instant::now();
        let output = &link.output;
        let IngestAnswer {
            takes,
            dtls_passive,
            mut candidates,
        } = IngestAnswer::parse(body, MAX_CANDIDATES)?;
        candidates.retain(|(address, _)| self.context.socket.serves_remote(address.ip()));
        let viewer = self.viewers.find(offered.row, offered.session)?;
        let (limits, local_ice) = (viewer.limits, viewer.session.ice_credentials().0.clone());
        let countered = viewer.countered.clone();
        let countered = countered
            .ok_or_else(|| Error::new(Status::InvalidState, "the offer was answered before"))?;
        let media = self.media_of_output(output)?;
        let negotiated = answer::negotiate_ingest(
            &takes,
            &countered,
            &media.videos(),
            media.audio,
            media.allowed,
            &mut random::number,
        )?;
        let location = SessionLocation {
            worker: self.context.index,
            row: offered.row,
        };
        let transport = TransportConfig {
            ingest: Some(Ingest {
                candidates,
                dtls_passive,
            }),
            ..self.agreed_transport(location, local_ice, &takes, &negotiated)?
        };
        let random = [random::number()?, random::number()?];
        let legs = LegConfig::of_stream(output.stream, negotiated, random);
        let mut session = Session::new(now, transport, legs);
        session.set_limits(limits);
        let viewer = self.viewers.find(offered.row, offered.session)?;
        session.goes_on_from(&viewer.session);
        viewer.session = session;
        viewer.countered = None;
        self.note_streams(offered.row);
        self.settle(offered.row);
        self.rearmed.ring();
        Ok(())
    }

    /// Ends the session of an output, if it is still there.
    fn end_output(&mut self, offered: &Offered, why: &str) {
        if self.viewers.find(offered.row, offered.session).is_ok() {
            self.close_viewer(offered.row, Instant::now(), why);
            self.rearmed.ring();
        }
    }
}

/// Sends a stream to a media server until the output is removed.
async fn run(core: &RefCell<Core>, link: &Rc<Link>) {
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
        let Over { why, live } = attempt(core, link).await;
        if link.removed.get() {
            break;
        }
        let random = random::number().unwrap_or_default();
        let delay = patience.delay(&why, live, random);
        if let Some(entry) = core.borrow_mut().streams.get_mut(output.stream) {
            entry.outputs.failures += 1;
        }
        log_lines::output_failed(output, &why.error, live, delay);
        output.retries(why.error, Instant::now() + delay);
        // A server that refused what the stream had may take what it has by now.
        let changed = || match core.borrow().codecs(output) {
            _ if link.removed.get() => Some(false),
            Some(codecs) if codecs != link.offered.get() => Some(true),
            _ => None,
        };
        let goes_on = tokio::select! {
            () = tokio::time::sleep(delay) => true,
            goes_on = link.until(changed) => goes_on,
        };
        if !goes_on {
            break;
        }
    }
    output.removed();
}

/// One session, from offer to end.
async fn attempt(core: &RefCell<Core>, link: &Rc<Link>) -> Over {
    let over = |why: Refusal| Over { why, live: None };
    let output = &link.output;
    output.connects();
    let offered = core.borrow_mut().offer_output(link);
    let offered = match offered {
        Ok(offered) => offered,
        Err(error) => return over(error.into()),
    };
    let posted = tokio::select! {
        posted = whip::post(&output.target, &offered.sdp) => posted,
        () = link.removal() => Err(removed().into()),
    };
    let (answer, resource) = match posted {
        Ok(answered) => answered,
        Err(why) => {
            core.borrow_mut()
                .end_output(&offered, "its offer was not answered");
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
        core.borrow_mut()
            .end_output(&offered, "its answer cannot be used");
        leave(link, resource).await;
        return over(error.into());
    }
    output.has_session(offered.session);
    let ended = link
        .until(|| match link.removed.get() {
            true => Some(removed()),
            false => link
                .ended
                .borrow()
                .clone()
                .filter(|_| is_gone(core, &offered)),
        })
        .await;
    core.borrow_mut()
        .end_output(&offered, "the output was removed");
    let live = link.live_since.get().map(|since| since.elapsed());
    leave(link, resource).await;
    Over {
        why: ended.into(),
        live,
    }
}

fn is_gone(core: &RefCell<Core>, offered: &Offered) -> bool {
    core.borrow_mut()
        .viewers
        .find(offered.row, offered.session)
        .is_err()
}

/// Tells the server that a session is over. A new one does not wait for that.
async fn leave(link: &Rc<Link>, resource: Option<Resource>) {
    let Some(resource) = resource else {
        return;
    };
    let told = Rc::clone(link);
    let task = tokio::task::spawn_local(async move {
        whip::delete(&told.output.target, resource).await;
    });
    if link.removed.get() {
        let _ = task.await;
    }
}

fn removed() -> Error {
    Error::new(Status::Cancelled, "the output was removed")
}

fn ended_by_ingest() -> Error {
    Error::new(Status::Connect, "the ingest has ended the session")
}

/// Nobody's fault: the next attempt is not put off.
fn codecs_changed() -> Error {
    Error::new(
        Status::NotReady,
        "the codecs of the stream have changed: it is offered anew",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_session_is_followed_by_another_at_once() {
        let live = Some(Duration::from_secs(3600));
        for error in [codecs_changed(), ended_by_ingest()] {
            let delay = Patience::default().delay(&error.into(), live, 0);
            assert!(delay <= Duration::from_millis(200), "{delay:?}");
        }
    }
}
