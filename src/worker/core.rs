//! What a worker owns and does: streams, viewers, and the moments when media moves.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Instant;

use futures_util::FutureExt;
use slab::Slab;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::command::{Command, OfferRequest, WorkerContext};
use super::deadlines::Deadlines;
use super::fan_out::{FanOut, FanOuts, PORTION};
use super::session_io::{StreamTracks, session_io};
use super::sink::StreamSink;
use super::stream::Stream;
use crate::error::{Error, Result, Status, panicked, shutting_down};
use crate::events::Notice;
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::session::{SendBuffer, Session};
use crate::source::{self, Demand};
use crate::state::{SessionId, StreamId, StreamInfo, StreamState};
use crate::stats::{Costs, StreamSnapshot, WorkerSnapshot};
use crate::worker::registry::no_stream;

/// A worker's possessions.
pub struct Core {
    pub(super) context: WorkerContext,
    pub(super) streams: HashMap<StreamId, StreamEntry>,
    pub(super) viewers: Slab<Viewer>,
    /// Sessions whose viewers have yet to come, the oldest first, and some that are over.
    pub(super) unclaimed: VecDeque<(usize, SessionId)>,
    pub(super) deadlines: Deadlines,
    pub(super) fan_outs: FanOuts,
    /// When the first of the offers that wait has waited long enough, or earlier.
    pub(super) offers_due: Option<Instant>,
    pub(super) rearmed: Rc<Notify>,
    pub(super) buffer: Box<SendBuffer>,
    pub(super) costs: Costs,
}

/// A stream, its source's task, and the offers that wait for its first media.
pub(super) struct StreamEntry {
    pub(super) stream: Stream,
    pub(super) source: Option<AbortHandle>,
    /// Whether somebody wants it; `None` if it is connected in any case.
    pub(super) demand: Option<Rc<Demand>>,
    pub(super) waiting: Vec<OfferRequest>,
}

pub(super) struct Viewer {
    pub(super) id: SessionId,
    pub(super) stream: StreamId,
    pub(super) session: Session,
    /// The section of its answer that an answer to a restart names.
    pub(super) section: Box<str>,
    /// Addresses of the viewer that lead to this slot.
    pub(super) bound: Vec<SocketAddr>,
}

impl StreamEntry {
    /// Offers or viewers came or went: tells the source of a camera on demand if that matters.
    pub(super) fn note_demand(&self) {
        if let Some(demand) = &self.demand {
            demand.set(!self.stream.viewers.is_empty() || !self.waiting.is_empty());
        }
    }
}

impl Core {
    /// A worker without streams.
    pub fn new(context: WorkerContext, rearmed: Rc<Notify>) -> Core {
        Core {
            context,
            streams: HashMap::new(),
            viewers: Slab::new(),
            unclaimed: VecDeque::new(),
            deadlines: Deadlines::default(),
            fan_outs: FanOuts::default(),
            offers_due: None,
            rearmed,
            buffer: Box::new([0; _]),
            costs: Costs::default(),
        }
    }

    /// When [`Core::handle_timeouts`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines
            .next()
            .into_iter()
            .chain(self.offers_due)
            .min()
    }

    /// Does what a host thread asks.
    pub fn command(core: &Rc<RefCell<Core>>, command: Command) {
        let now = Instant::now();
        match command {
            Command::AddStream {
                id,
                name,
                url,
                options,
                timeouts,
            } => {
                let demand = options
                    .on_demand
                    .then(|| Rc::new(Demand::new(timeouts.linger)));
                let stream = match demand {
                    Some(_) => Stream::idle(name),
                    None => Stream::new(name),
                };
                Core::add_stream(core, id, stream, demand.clone(), |sink| {
                    source::run(id, *url, *options, timeouts, demand, sink)
                });
            }
            Command::AddPushStream { id, name, pushed } => {
                Core::add_stream(core, id, Stream::pushed(name), None, |sink| {
                    source::push::run(pushed, sink)
                });
            }
            Command::RemoveStream(id) => {
                let removed = Error::new(Status::NotFound, "the stream was removed");
                core.borrow_mut().remove_stream(id, now, &removed);
            }
            Command::Offer(request) => core.borrow_mut().offer(*request, now),
            Command::Patch(request, reply) => {
                let _ = reply.send(core.borrow_mut().patch(&request, now));
            }
            Command::CloseSession(id, slot) => {
                let mut core = core.borrow_mut();
                if core.viewer(id, slot).is_ok() {
                    core.close_viewer(slot, now);
                }
            }
            Command::StreamInfo(id, reply) => {
                let _ = reply.send(core.borrow().stream_info(id, now));
            }
            Command::SessionInfo(id, slot, reply) => {
                let core = core.borrow();
                let _ = reply.send(core.viewer(id, slot).map(|viewer| viewer.info(now)));
            }
            Command::Snapshot(reply) => {
                let _ = reply.send(core.borrow().snapshot(now));
            }
            Command::TuningChanged => {
                let core = &mut *core.borrow_mut();
                for owned in core.streams.values_mut() {
                    owned.stream.tuning_changed(&core.context.tuning);
                }
            }
            Command::Shutdown => {}
        }
    }

    /// Takes a stream in and starts the task of its source.
    fn add_stream<F: Future<Output = ()> + 'static>(
        core: &Rc<RefCell<Core>>,
        id: StreamId,
        stream: Stream,
        demand: Option<Rc<Demand>>,
        source: impl FnOnce(StreamSink) -> F,
    ) {
        let owned = StreamEntry {
            stream,
            source: None,
            demand,
            waiting: Vec::new(),
        };
        core.borrow_mut().streams.insert(id, owned);
        let run = source(StreamSink {
            core: Rc::clone(core),
            stream: id,
        });
        let task = tokio::task::spawn_local({
            let core = Rc::clone(core);
            async move {
                if AssertUnwindSafe(run).catch_unwind().await.is_err() {
                    core.borrow_mut().source_panicked(id);
                }
            }
        });
        if let Some(owned) = core.borrow_mut().streams.get_mut(&id) {
            owned.source = Some(task.abort_handle());
        }
    }

    /// Asks the host of a push stream for a keyframe, if it has not just been asked.
    pub(super) fn request_keyframe(&mut self, id: StreamId, now: Instant) {
        if let Some(owned) = self.streams.get_mut(&id)
            && owned.stream.request_keyframe(now)
        {
            self.context.notices.push(Notice::Keyframe(id));
        }
    }

    /// Closes everything. True if a camera may be connected, and is to take its leave.
    pub fn shutdown(&mut self) -> bool {
        let now = Instant::now();
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        let connected = |owned: &StreamEntry| owned.stream.may_be_connected();
        let any_connected = self.streams.values().any(connected);
        for &id in &streams {
            let _ = self.context.registry.remove_stream(id);
            self.remove_stream(id, now, &shutting_down());
        }
        any_connected
    }

    /// Offers that wait for it hear `why`.
    pub(super) fn remove_stream(&mut self, id: StreamId, now: Instant, why: &Error) {
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        if let Some(source) = owned.source.take() {
            source.abort();
        }
        for slot in owned.stream.viewers.clone() {
            self.close_viewer(slot, now);
        }
        if let Some(owned) = self.streams.remove(&id) {
            for request in owned.waiting {
                request.ticket.fail(why.clone());
            }
        }
        self.notify_stream(id, StreamState::Removed, Status::Ok);
    }

    pub(super) fn source_panicked(&mut self, id: StreamId) {
        let error = panicked("this stream until it is removed and added again");
        log::error!(stream = id.0; "{error}");
        self.fail_offers(id, &error);
        self.enter(id, StreamState::Failed, Some(error));
    }

    pub(super) fn enter(&mut self, id: StreamId, state: StreamState, error: Option<Error>) {
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        let status = error.as_ref().map_or(Status::Ok, Error::status);
        if owned.stream.enter(state, error) {
            self.notify_stream(id, state, status);
        }
    }

    fn notify_stream(&self, id: StreamId, state: StreamState, status: Status) {
        self.context.notices.push(Notice::Stream(id, state, status));
    }

    fn stream_info(&self, id: StreamId, now: Instant) -> Result<StreamInfo> {
        let owned = self.streams.get(&id).ok_or_else(|| no_stream(id))?;
        Ok(owned.stream.info(now))
    }

    fn snapshot(&self, now: Instant) -> WorkerSnapshot {
        WorkerSnapshot {
            index: self.context.index,
            busy: tokio::runtime::Handle::current()
                .metrics()
                .worker_total_busy_duration(0),
            costs: self.costs,
            streams: self
                .streams
                .iter()
                .map(|(&id, owned)| self.stream_snapshot(id, &owned.stream, now))
                .collect(),
            sessions: self
                .viewers
                .iter()
                .map(|(_, viewer)| (viewer.id, viewer.info(now)))
                .collect(),
        }
    }

    fn stream_snapshot(&self, id: StreamId, stream: &Stream, now: Instant) -> StreamSnapshot {
        let mut snapshot = stream.snapshot(id, now);
        for viewer in stream.viewers.iter().filter_map(|&s| self.viewers.get(s)) {
            snapshot.totals.add(&viewer.info(now));
        }
        snapshot
    }

    pub(super) fn live(&mut self, id: StreamId, video: TrackInfo, audio: Option<TrackInfo>) {
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        let fits = owned.stream.live(video, audio, &self.context.tuning);
        let viewers = if fits {
            Vec::new()
        } else {
            owned.stream.viewers.clone()
        };
        let waiting = std::mem::take(&mut owned.waiting);
        for slot in viewers {
            let error = Error::new(
                Status::Camera,
                "the camera came back with another codec: a new offer is needed",
            );
            self.fail_viewer(slot, error);
        }
        self.enter(id, StreamState::Live, None);
        let now = Instant::now();
        for request in waiting {
            self.offer(request, now);
        }
        if let Some(owned) = self.streams.get(&id) {
            owned.note_demand();
        }
    }

    /// An access unit has arrived: packetise it once, and begin to send it to the viewers.
    pub(super) fn media(
        &mut self,
        id: StreamId,
        kind: MediaKind,
        unit: &AccessUnit<'_>,
        lost: u32,
    ) {
        let begun = Instant::now();
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        if !owned.stream.media_arrived(kind, unit, lost) {
            return;
        }
        let packetised = Instant::now();
        let time = packetised.saturating_duration_since(begun);
        owned.stream.costs.packetised(time);
        self.costs.media.packetised(time);
        let timed = owned.stream.costs.sample();
        let arrival = (kind == MediaKind::Video).then_some(unit.arrival);
        let viewers = owned.stream.viewers.len();
        if viewers == 0 {
            return;
        }
        match self.fan_outs.begin(id, viewers, arrival) {
            Some(turn) => self.send_portion(turn, packetised, timed),
            None => self.rearmed.notify_one(),
        }
    }

    /// Goes on with the stream whose turn it is, if there is one. To be called once what viewers
    /// sent is read.
    pub fn fan_out(&mut self) {
        self.fan_outs.turn_begins();
        if let Some(turn) = self.fan_outs.next() {
            self.send_portion(turn, Instant::now(), false);
        }
    }

    /// Whether an access unit is not with all its viewers yet.
    pub fn is_fanning_out(&self) -> bool {
        self.fan_outs.is_pending()
    }

    /// Sends what is new to some of a stream's viewers; measures the time inside the system if
    /// `timed`.
    fn send_portion(&mut self, mut turn: FanOut, now: Instant, timed: bool) {
        let Core {
            context,
            streams,
            viewers,
            deadlines,
            buffer,
            costs,
            ..
        } = self;
        let Some(stream) = streams.get(&turn.stream).map(|owned| &owned.stream) else {
            return;
        };
        if stream.media().is_none() {
            return;
        }
        let tracks = StreamTracks::new(streams, turn.stream);
        let mut io = session_io(context, &tracks, buffer, now, timed);
        let due_before = deadlines.next();
        let mut broken = Vec::new();
        let pushed = stream.is_pushed();
        let mut keyframe_needed = false;
        while turn.left > 0 && io.transmit.packets < PORTION {
            turn.left -= 1;
            let Some(&slot) = stream.viewers.get(turn.left) else {
                continue;
            };
            let Some(viewer) = viewers.get_mut(slot) else {
                continue;
            };
            let send = AssertUnwindSafe(|| {
                #[cfg(any(test, feature = "test-panic"))]
                crate::test_panic::injected(&stream.name, crate::test_panic::SESSION);
                viewer.session.send(turn.stream, &mut io)
            });
            match catch_unwind(send) {
                Ok(due) => deadlines.arm(slot, due),
                Err(_) => broken.push(slot),
            }
            if pushed {
                while viewer.session.poll_keyframe_request().is_some() {
                    keyframe_needed = true;
                }
            }
        }
        let outbox = io.transmit;
        let Some(stream) = streams.get_mut(&turn.stream).map(|owned| &mut owned.stream) else {
            return;
        };
        let sent = Instant::now();
        let time = sent.saturating_duration_since(now);
        stream.costs.delivered(time, outbox.timed);
        costs.media.delivered(time, outbox.timed);
        let (count, packets) = (stream.viewers.len(), outbox.packets);
        if turn.left == 0 {
            stream.delivered(turn.arrival, sent);
        }
        self.fan_outs.portion_sent(turn, count, packets);
        if self.fan_outs.is_pending() || self.deadlines.next() != due_before {
            self.rearmed.notify_one();
        }
        for slot in broken {
            self.fail_viewer(slot, panicked("this session"));
        }
        if keyframe_needed {
            self.request_keyframe(turn.stream, now);
        }
    }
}
