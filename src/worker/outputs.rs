//! Streams that are sent to media servers: their sessions, from the offer to what the server has answered. From then on, such a
//! session is like that of a viewer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::core::Core;
use super::local_ice::{credentials, own_hosts};
use super::log_lines;
use super::offers::Media;
use super::output_tasks;
use super::own_sockets::Own;
use crate::error::{Error, Result, Status};
use crate::media::Codec;
use crate::random;
use crate::sdp::answer::{self, Candidates, LocalTransport};
use crate::sdp::offer::IngestAnswer;
use crate::session::ice::MAX_CANDIDATES;
use crate::session::{Ingest, LegConfig, Remote, Session, SessionEvent, TransportConfig};
use crate::state::{
    OutputId, OutputInfo, SessionId, SessionState, StreamId, StreamState, ViewerIdentity,
    ViewerLimits,
};
use crate::whip::Output;
use crate::worker::command::Posted;
use crate::worker::registry::SessionLocation;

/// An output, as its task and its session see it. Both are on one thread.
pub(super) struct Link {
    pub(super) output: Arc<Output>,
    /// Something of it, or of its stream, has changed. Its task alone listens.
    changed: Notify,
    pub(super) removed: Cell<bool>,
    /// When media began to flow.
    pub(super) live_since: Cell<Option<Instant>>,
    /// How its session has ended.
    pub(super) ended: RefCell<Option<Error>>,
    /// What was offered: the video and the audio.
    pub(super) offered: Cell<[Option<Codec>; 2]>,
    /// Its session, or its last one.
    session: Cell<Option<(usize, SessionId)>>,
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
    pub(super) fn new(output: Arc<Output>) -> Link {
        Link {
            changed: Notify::new(),
            removed: Cell::new(false),
            live_since: Cell::new(None),
            ended: RefCell::default(),
            offered: Cell::default(),
            session: Cell::new(None),
            output,
        }
    }

    fn remove(&self) {
        self.removed.set(true);
        self.changed.notify_one();
    }

    /// Completes once this is so.
    pub(super) async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            self.changed.notified().await;
        }
    }

    pub(super) async fn removal(&self) {
        self.until(|| self.removed.get().then_some(())).await;
    }

    /// Something happened to its session; `closing`: why we close it. True if media flows for the first time.
    pub(super) fn heard(&self, event: &SessionEvent, closing: Option<&str>) -> bool {
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
                self.ended
                    .borrow_mut()
                    .get_or_insert_with(|| match closing {
                        Some(why) => Error::new(Status::Cancelled, why),
                        None => Error::new(Status::Ingest, "the ingest has ended the session"),
                    });
                self.changed.notify_one();
            }
            _ => {}
        }
        false
    }
}

/// An offer that was made for an output.
pub(super) struct Offered {
    pub(super) sdp: String,
    pub(super) session: SessionId,
    pub(super) row: usize,
    pub(super) own: Own,
}

impl Core {
    /// Takes in an output, and begins with it once its stream is live.
    pub(super) fn add_output(core: &Rc<RefCell<Core>>, output: Arc<Output>) {
        log_lines::output_added(&output);
        let link = Rc::new(Link::new(output));
        if let Some(entry) = core.borrow_mut().streams.get_mut(link.output.stream) {
            entry.outputs.links.push(Rc::clone(&link));
            entry.note_demand();
        } else {
            link.remove();
        }
        output_tasks::begin(core, link);
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
    pub(super) fn codecs(&self, output: &Output) -> Option<[Option<Codec>; 2]> {
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
    pub(super) fn offer_output(&mut self, link: &Rc<Link>) -> Result<Offered> {
        let now = Instant::now();
        let output = &link.output;
        let codecs = self.codecs(output);
        let codecs =
            codecs.ok_or_else(|| Error::new(Status::NotReady, "the stream has no media"))?;
        link.offered.set(codecs);
        link.live_since.set(None);
        link.ended.replace(None);
        self.check_load(now)?;
        let context = &self.context;
        context.registry.check_room(context.tuning.max_sessions())?;
        let location = SessionLocation {
            worker: context.index,
            row: self.viewers.vacant(),
        };
        let local_ice = credentials(location)?;
        let media = self.media_of_output(output)?;
        let own = Own::beside(&context.socket, &context.tuning)?;
        let hosts = own_hosts(context, now, own.port());
        let local = LocalTransport {
            ice: &local_ice,
            fingerprint: context.certificate.fingerprint(),
            // Only what sends to the media port is known to pass a NAT, or a TURN server.
            candidates: Candidates {
                hosts: &hosts,
                ..Candidates::default()
            },
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
            ice_links: None,
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
            Some(link),
        )?;
        let viewer = self.viewers.find(location.row, entered.session)?;
        viewer.own_socket = Some(own.id);
        self.connections.own_sockets.insert(&own);
        link.session.set(Some((location.row, entered.session)));
        self.rearmed.ring();
        Ok(Offered {
            sdp: entered.body,
            session: entered.session,
            row: location.row,
            own,
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
    pub(super) fn take_ingest_answer(
        &mut self,
        link: &Link,
        offered: &Offered,
        body: &[u8],
    ) -> Result<()> {
        let now = Instant::now();
        let output = &link.output;
        let viewer = self.viewers.find(offered.row, offered.session)?;
        let (limits, local_ice) = (viewer.limits, viewer.session.ice_credentials().0.clone());
        let countered = viewer.countered.clone();
        let countered = countered
            .ok_or_else(|| Error::new(Status::InvalidState, "the offer was answered before"))?;
        let media = self.media_of_output(output)?;
        let videos = media.videos();
        let serves = |ip| self.context.socket.serves_remote(ip);
        let read = IngestAnswer::parse(body, MAX_CANDIDATES, serves).map_err(|error| {
            match error.status() {
                Status::Codec => answer::not_taken(&videos, media.audio),
                _ => error,
            }
        });
        let IngestAnswer {
            takes,
            dtls_passive,
            candidates,
        } = read?;
        let negotiated = answer::negotiate_ingest(
            &takes,
            &countered,
            &videos,
            media.audio,
            media.allowed,
            &mut random::number,
        )?;
        let location = SessionLocation {
            worker: self.context.index,
            row: offered.row,
        };
        let way = |(address, priority)| (Remote::Own(address, offered.own.id), priority);
        let transport = TransportConfig {
            ingest: Some(Ingest {
                candidates: candidates.into_iter().map(way).collect(),
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

    /// Whether the session of an output is there.
    pub(super) fn has_output_session(&self, link: &Link) -> bool {
        let session = link.session.get();
        session.is_some_and(|(row, id)| self.viewers.get(row).is_some_and(|known| known.id == id))
    }

    /// Ends the session of an output, if it is still there.
    pub(super) fn end_output(&mut self, link: &Link, why: &str) {
        if self.has_output_session(link)
            && let Some((row, _)) = link.session.get()
        {
            self.close_viewer(row, Instant::now(), why);
            self.rearmed.ring();
        }
    }

    /// An attempt or a session has failed or ended.
    pub(super) fn count_output_failure(&mut self, output: &Output) {
        if let Some(entry) = self.streams.get_mut(output.stream) {
            entry.outputs.failures += 1;
        }
    }
}

fn codecs_changed() -> Error {
    Error::new(
        Status::NotReady,
        "the codecs of the stream have changed: it is offered anew",
    )
}
