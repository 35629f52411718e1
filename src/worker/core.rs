//! The state of a worker and its central operations: commands, stream states, and the media path.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::command::{Command, WorkerContext};
use super::fan_out::{FanOut, PORTION, Pass};
use super::held_sound::{HeldSound, Wait};
use super::load::{Load, Spent};
use super::log_lines;
use super::session_io::{StreamTracks, session_io};
use super::shares::{self, Behind};
use super::slots::{Slots, Viewer};
use super::stream::Arrived;
use super::streams::Streams;
use crate::budget::Allowance;
use crate::error::{Error, Result, Status, panicked, shutting_down};
use crate::events::{Notice, StreamEvent};
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::session::{SendBuffer, Tracks};
use crate::state::{SessionInfo, StreamId, StreamIdentity, StreamInfo, StreamState, Warning};
use crate::stats::{Costs, StreamSnapshot, WorkerSnapshot};
use crate::worker::registry::{no_session, no_stream};

/// How long offers that waited for media are answered in one turn; the last that begins in it ends it.
const ANSWERS_TIME: Duration = Duration::from_millis(1);
/// How often streams that get no media return memory.
const TIDY_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that a worker owns.
pub struct Core {
    pub(super) context: WorkerContext,
    pub(super) streams: Streams,
    pub(super) viewers: Slots,
    fan_out: FanOut,
    /// Streams whose sources do not get through.
    behind: Behind,
    /// How busy the worker is.
    pub(super) load: Load,
    /// Time that sources took which do not get through.
    greedy: Duration,
    /// When streams that get no media return memory.
    tidy_due: Option<Instant>,
    /// Streams that have media for the offers that wait for it.
    pub(super) answering: VecDeque<StreamId>,
    pub(super) held_sound: HeldSound,
    /// Wakes the worker's loop because a deadline has moved closer.
    rearmed: Rc<Notify>,
    pub(super) buffer: Box<SendBuffer>,
    pub(super) costs: Costs,
}

impl Core {
    /// A worker without streams.
    pub fn new(context: WorkerContext, rearmed: Rc<Notify>) -> Core {
        Core {
            context,
            streams: Streams::default(),
            viewers: Slots::default(),
            fan_out: FanOut::default(),
            behind: Behind::default(),
            load: Load::default(),
            greedy: Duration::ZERO,
            tidy_due: None,
            answering: VecDeque::new(),
            held_sound: HeldSound::default(),
            rearmed,
            buffer: Box::new([0; _]),
            costs: Costs::default(),
        }
    }

    /// When [`Core::handle_timeouts`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        let viewers = self.viewers.next_due();
        let answering = self.answering.front().map(|_| Instant::now());
        let due = [
            viewers,
            self.streams.offers_due(),
            self.held_sound.next_due(),
            self.tidy_due,
            answering,
        ];
        due.into_iter().flatten().min()
    }

    /// Executes a command from a host thread.
    pub fn command(core: &Rc<RefCell<Core>>, command: Command) {
        let now = Instant::now();
        match command {
            Command::AddStream {
                id,
                identity,
                camera,
            } => Core::add_camera(core, id, identity, *camera),
            Command::AddPushStream {
                id,
                identity,
                pushed,
            } => Core::add_push_stream(core, id, identity, pushed),
            Command::UpdateStream {
                id,
                label,
                user_data,
                camera,
            } => Core::update_camera(core, id, label, user_data, *camera),
            Command::ReconnectStream(id) => Core::connect(core, id),
            Command::RemoveStream(id) => {
                let removed = Error::new(Status::NotFound, "the stream was removed");
                core.borrow_mut().remove_stream(id, now, &removed);
            }
            Command::AddSink(queue) => core.borrow_mut().add_sink(queue, now),
            Command::RemoveSink(id, sink) => core.borrow_mut().remove_sink(id, sink),
            Command::Keyframe(id, reply) => {
                let _ = reply.send(core.borrow().keyframe(id));
            }
            Command::VariantsChanged(id) => core.borrow_mut().variants_changed(id, now),
            Command::BeginMirror(id, to) => core.borrow_mut().begin_mirror(id, to),
            Command::EndMirror(id, to) => core.borrow_mut().end_mirror(id, to),
            Command::Mirrored(parcel) => core.borrow_mut().mirrored(*parcel, now),
            Command::RequestKeyframe(id) => core.borrow_mut().request_keyframe(id, now),
            Command::Offer(request) => core.borrow_mut().offer(*request, now),
            Command::Patch(request, reply) => {
                let _ = reply.send(core.borrow_mut().patch(&request, now));
            }
            Command::CloseSession(id, slot) => {
                let mut core = core.borrow_mut();
                if core.viewers.find(slot, id).is_ok() {
                    core.close_viewer(slot, now, "the session was closed");
                }
            }
            Command::StreamInfo(id, reply) => {
                let _ = reply.send(core.borrow().stream_info(id, now));
            }
            Command::SessionInfo(id, slot, reply) => {
                let core = core.borrow();
                let viewer = core.viewers.get(slot).filter(|viewer| viewer.id == id);
                let info = viewer.map(|viewer| core.session_info(viewer, now));
                let _ = reply.send(info.ok_or_else(|| no_session(id)));
            }
            Command::SetLimits(id, slot, limits, reply) => {
                let _ = reply.send(core.borrow_mut().set_limits(id, slot, limits));
            }
            Command::CaughtUp(reply) => {
                let _ = reply.send(());
            }
            Command::Snapshot(reply) => {
                let _ = reply.send(core.borrow().snapshot(now));
            }
            Command::TuningChanged => {
                let core = &mut *core.borrow_mut();
                for entry in core.streams.iter_mut() {
                    entry.stream.tuning_changed(&core.context.tuning);
                }
                for mirror in core.streams.mirrors.values_mut() {
                    mirror.tuning_changed(&core.context.tuning);
                }
            }
            Command::Shutdown => {}
        }
    }

    /// Asks the host of a push stream for a keyframe, unless it was asked a moment ago.
    pub(super) fn request_keyframe(&mut self, id: StreamId, now: Instant) {
        if let Some(entry) = self.streams.get_mut(id) {
            if entry.stream.request_keyframe(now) {
                self.context.notices.push(Notice::Keyframe(id));
            }
        } else if let Some(mirror) = self.streams.mirrors.get_mut(&id)
            && mirror.request_keyframe(now)
        {
            let peers = &self.context.peers;
            peers.command(mirror.owner, Command::RequestKeyframe(id));
        }
    }

    /// Closes everything. True if a camera may be connected and needs time for its TEARDOWN.
    pub fn shutdown(&mut self) -> bool {
        let now = Instant::now();
        let streams = self.streams.iter();
        let streams: Vec<(StreamId, bool)> = streams
            .map(|(id, entry)| (id, entry.stream.may_be_connected()))
            .collect();
        for &(id, _) in &streams {
            let _ = self.context.registry.remove_stream(id);
            self.remove_stream(id, now, &shutting_down());
        }
        streams.iter().any(|(_, connected)| *connected)
    }

    /// Removes a stream. Offers that wait for it fail with `why`.
    pub(super) fn remove_stream(&mut self, id: StreamId, now: Instant, why: &Error) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        if let Some(source) = entry.source.take() {
            source.abort();
        }
        for slot in entry.stream.viewers.clone() {
            self.close_viewer(slot, now, why.message());
        }
        if let Some(mut entry) = self.streams.remove(id, why) {
            entry.feeds.ended(id, &self.context.peers);
            let identity = entry.stream.identity().clone();
            self.notify_stream(id, StreamState::Removed, None, None, identity);
            self.reconsider(&entry.stream.audience, now);
        }
    }

    pub(super) fn source_panicked(&mut self, id: StreamId) {
        let error = panicked("this stream until it is removed and added again");
        log::error!(stream = id.0, stream_name = self.streams.name(id); "{error}");
        self.streams.fail_waiting(id, &error);
        self.enter(id, StreamState::Failed, Some(error), Instant::now());
    }

    pub(super) fn enter(
        &mut self,
        id: StreamId,
        state: StreamState,
        error: Option<Error>,
        now: Instant,
    ) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        let Some(change) = entry.stream.enter(state, error.clone(), now) else {
            return;
        };
        if state == StreamState::Live {
            log_lines::stream_live(id, &entry.stream, change.outage);
        } else if self.tidy_due.is_none() {
            self.tidy_due = Some(now + TIDY_INTERVAL);
            self.rearmed.notify_one();
        }
        let identity = entry.stream.identity().clone();
        let warning = entry.stream.warning().cloned();
        self.notify_stream(id, state, error, warning, identity);
    }

    /// Takes over what is wrong with a track of a stream that is live. The host is told of another
    /// kind of warning, not of other figures in the same.
    pub(super) fn warn(&mut self, id: StreamId, kind: MediaKind, warning: Option<Warning>) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        if entry.stream.warn(kind, warning) {
            self.tell_warning(id);
        }
    }

    fn tell_warning(&self, id: StreamId) {
        let Some(entry) = self.streams.get(id) else {
            return;
        };
        let stream = &entry.stream;
        let (name, warning) = (stream.name(), stream.warning().cloned());
        match &warning {
            Some(warning) => {
                log::warn!(stream = id.0, stream_name = name; "{}", warning.message);
            }
            None => log::info!(
                stream = id.0, stream_name = name; "stream \"{name}\": nothing is wrong any more"
            ),
        }
        let (state, identity) = (stream.state(), stream.identity().clone());
        self.notify_stream(id, state, None, warning, identity);
    }

    fn notify_stream(
        &self,
        stream: StreamId,
        state: StreamState,
        error: Option<Error>,
        warning: Option<Warning>,
        identity: StreamIdentity,
    ) {
        let error = error.as_ref();
        self.context
            .notices
            .push(Notice::Stream(Box::new(StreamEvent {
                stream,
                state,
                status: error.map_or(Status::Ok, Error::status),
                message: error.map_or_else(String::new, |error| error.message().to_owned()),
                warning,
                identity,
            })));
    }

    fn stream_info(&self, id: StreamId, now: Instant) -> Result<StreamInfo> {
        let entry = self.streams.get(id).ok_or_else(|| no_stream(id))?;
        #[cfg(any(test, feature = "test-panic"))]
        crate::test_panic::injected(entry.stream.name(), crate::test_panic::COMMAND);
        Ok(entry.stream.info(now))
    }

    fn session_info(&self, viewer: &Viewer, now: Instant) -> SessionInfo {
        viewer.info(now, self.held_back(viewer, &viewer.session.quality()))
    }

    fn snapshot(&self, now: Instant) -> WorkerSnapshot {
        let mut streams: HashMap<StreamId, StreamSnapshot> = self
            .streams
            .iter()
            .map(|(id, entry)| {
                let mut snapshot = entry.stream.snapshot(id, now);
                snapshot.sinks = entry.sinks.info().collect();
                snapshot.sink_frames_dropped = entry.sinks.frames_dropped();
                (id, snapshot)
            })
            .collect();
        let viewers = self.viewers.iter();
        let sessions: Vec<_> = viewers
            .map(|viewer| (viewer.id, self.session_info(viewer, now)))
            .collect();
        for (_, session) in &sessions {
            if let Some(stream) = streams.get_mut(&session.stream) {
                stream.totals.add(session);
                stream.shown.add(&session.quality);
            }
        }
        WorkerSnapshot {
            index: self.context.index,
            busy: busy(),
            load_percent: self.load.percent(),
            refused: self.load.refusals(),
            costs: self.costs,
            streams: streams.into_values().collect(),
            sessions,
        }
    }

    pub(super) fn live(
        &mut self,
        id: StreamId,
        video: Option<TrackInfo>,
        audio: Option<TrackInfo>,
    ) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        if let Some(video) = &video {
            self.context.registry.note_video(id, video);
        }
        let others = entry.stream.live(video, audio, &self.context.tuning);
        entry.feed_live(id, &self.context.peers);
        let (viewers, audience) = match others.is_empty() {
            true => Default::default(),
            false => (entry.stream.viewers.clone(), entry.stream.audience.clone()),
        };
        for slot in viewers {
            let viewer = self.viewers.get(slot);
            if viewer.is_some_and(|viewer| others.iter().all(|&codec| viewer.session.takes(codec)))
            {
                continue;
            }
            let error = Error::new(
                Status::Camera,
                "the camera came back with another codec: a new offer is needed",
            );
            self.fail_viewer(slot, error);
        }
        let now = Instant::now();
        self.reconsider(&audience, now);
        self.enter(id, StreamState::Live, None, now);
        if !self.answering.contains(&id) {
            self.answering.push_back(id);
        }
        self.answer_waiting(now);
        self.rearmed.notify_one();
    }

    /// Answers offers that waited for media, one at least, as far as the time of a turn goes.
    pub(super) fn answer_waiting(&mut self, now: Instant) {
        while let Some(&id) = self.answering.front() {
            let live = self.streams.media(id).is_some();
            let request = live.then(|| self.streams.take_waiting(id)).flatten();
            match request {
                Some(request) => self.offer(request, Instant::now()),
                None => {
                    self.answering.pop_front();
                    if let Some(entry) = self.streams.get(id) {
                        entry.note_demand();
                    }
                }
            }
            if now.elapsed() >= ANSWERS_TIME {
                break;
            }
        }
    }

    /// Lets streams that get no media return memory, now and then.
    pub(super) fn tidy(&mut self, now: Instant) {
        if self.tidy_due.is_none_or(|due| now < due) {
            return;
        }
        let mut more = false;
        for entry in self.streams.iter_mut() {
            if entry.stream.state() != StreamState::Live {
                more |= entry.stream.tidy(now);
            }
        }
        self.tidy_due = more.then(|| now + TIDY_INTERVAL);
    }

    /// Whether a viewer is sent the audio of a stream.
    pub(super) fn is_heard(&self, id: StreamId) -> bool {
        let viewers = self.streams.get(id).map(|entry| &entry.stream.viewers);
        let mut viewers = viewers.into_iter().flatten();
        viewers.any(|&slot| {
            let viewer = self.viewers.get(slot);
            viewer.is_some_and(|viewer| viewer.session.hears())
        })
    }

    /// Packetizes an access unit, once, and starts sending it to the viewers, unless `more` follows at
    /// once.
    pub(super) fn media(
        &mut self,
        id: StreamId,
        kind: MediaKind,
        unit: &AccessUnit<'_>,
        lost: u32,
        more: bool,
    ) {
        let begun = Instant::now();
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        let warning = entry.stream.warning_kind();
        let arrived = entry.stream.media_arrived(kind, unit, lost);
        if entry.stream.warning_kind() != warning {
            self.tell_warning(id);
        }
        let Some(entry) = self
            .streams
            .get_mut(id)
            .filter(|_| arrived != Arrived::Nothing)
        else {
            return;
        };
        let packetized = Instant::now();
        let time = packetized.saturating_duration_since(begun);
        entry.stream.costs.packetized(time);
        self.costs.media.packetized(time);
        let timed = entry.stream.costs.sample();
        let arrival = entry.stream.leads(kind).then_some(unit.arrival);
        if entry.stream.leads(kind) {
            let begins = arrived == Arrived::Beginning;
            entry.feed_unit(id, begins, &self.context.peers);
            if begins {
                let audience = entry.stream.audience.clone();
                self.reconsider(&audience, packetized);
            }
        } else if !more && !entry.stream.audience.is_empty() {
            let most = self.context.tuning.audio_hold();
            match entry.stream.hold.arrived(unit.arrival, most) {
                Wait::Over => {}
                Wait::GoesOn => return,
                Wait::Begins(until) => {
                    if self.held_sound.wait(until, id) {
                        self.rearmed.notify_one();
                    }
                    return;
                }
            }
        }
        if more {
            return;
        }
        self.send_to_audience(id, arrival, packetized, timed);
    }

    /// The turn of a stream's source ended before it was through. Returns what its next turn may take.
    pub(super) fn overran(&mut self, id: StreamId, began: Instant, now: Instant) -> Allowance {
        let shares = self.streams.iter().map(|(_, entry)| &entry.stream.share);
        let behind = self.behind.count(now, shares);
        let others = behind.saturating_sub(1);
        if let Some(entry) = self.streams.get_mut(id) {
            let share = &mut entry.stream.share;
            let taken = share.overran(began, now, others);
            if share.exceeds() {
                self.greedy += taken;
            }
        }
        shares::turn(others)
    }

    /// Measures how busy the worker is. Called while media comes: without any, it is not.
    pub(super) fn sample_load(&mut self, now: Instant) {
        let spent = Spent {
            busy: busy(),
            greedy: self.greedy,
            delivered: self.costs.media.deliver(),
        };
        self.load.sample(now, spent, self.viewers.iter().count());
    }

    /// Fails with `Limit` if the worker has no time for a newcomer.
    pub(super) fn check_load(&mut self, now: Instant) -> Result<()> {
        let Some(most) = self.context.tuning.max_worker_load() else {
            return Ok(());
        };
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let percent = self.load.percent();
        if percent < most {
            return Ok(());
        }
        self.load.refused();
        Err(Error::new(
            Status::Limit,
            format!(
                "the worker of this stream is busy for {percent} % of its time, and takes no newcomers \
                 from {most} % on (max_worker_load_percent), so that those who watch lose nothing: try \
                 again later, or use more worker_threads"
            ),
        ))
    }

    /// Takes a keyframe that no camera sent into the ring. It is sent with the access unit that follows.
    pub(super) fn opening(&mut self, id: StreamId, unit: &AccessUnit<'_>) {
        let Some(entry) = self.streams.get_mut(id) else {
            return;
        };
        entry.sinks.opening();
        let arrived = entry.stream.opening(unit);
        if arrived == Arrived::Nothing {
            return;
        }
        let begins = arrived == Arrived::Beginning;
        entry.feed_unit(id, begins, &self.context.peers);
        if begins {
            let audience = entry.stream.audience.clone();
            self.reconsider(&audience, Instant::now());
        }
    }

    /// Starts sending what is new of a stream to the sessions that want it.
    pub(super) fn send_to_audience(
        &mut self,
        id: StreamId,
        arrival: Option<Instant>,
        now: Instant,
        timed: bool,
    ) {
        let audience = self.streams.audience(id).len();
        if audience == 0 {
            return;
        }
        if let Some(entry) = self.streams.get_mut(id) {
            entry.stream.hold.sent();
            self.held_sound.sent(id);
        }
        match self.fan_out.begin(id, audience, arrival) {
            Some(pass) => {
                let time = self.send_portion(pass, now, timed);
                if let Some(entry) = self.streams.get_mut(id) {
                    entry.stream.share.delivered(time);
                }
            }
            None => self.rearmed.notify_one(),
        }
    }

    /// Sends the sound that has waited long enough.
    pub(super) fn send_held_sound(&mut self, now: Instant) {
        let Core {
            held_sound,
            streams,
            ..
        } = self;
        let hold = |id| Some(&streams.get(id)?.stream.hold);
        let due: Vec<StreamId> = std::iter::from_fn(|| held_sound.pop_due(now, hold)).collect();
        for id in due {
            self.send_to_audience(id, None, now, false);
        }
    }

    /// Continues the next pending pass, if any. Call after the viewers' datagrams have been read.
    pub fn fan_out(&mut self) {
        self.fan_out.turn_begins();
        if let Some(pass) = self.fan_out.next() {
            self.send_portion(pass, Instant::now(), false);
        }
    }

    /// Whether a pass is pending.
    pub fn is_fanning_out(&self) -> bool {
        self.fan_out.is_pending()
    }

    /// Sends new packets to some of a stream's viewers; returns the time that it took. `timed`: measure the
    /// time spent in system calls.
    fn send_portion(&mut self, mut pass: Pass, now: Instant, timed: bool) -> Duration {
        let Core {
            context,
            streams,
            viewers,
            buffer,
            costs,
            ..
        } = self;
        let tracks = StreamTracks::new(streams, pass.stream);
        if tracks.media(pass.stream).is_none() {
            return Duration::ZERO;
        }
        let audience = streams.audience(pass.stream);
        let mut io = session_io(context, &tracks, buffer, now, timed);
        let due_before = viewers.next_due();
        let mut broken = Vec::new();
        let pushed = streams.is_pushed(pass.stream);
        let mut keyframes_wanted = Vec::new();
        let mut changed = Vec::new();
        while pass.left > 0 && io.transmit.packets < PORTION {
            pass.left -= 1;
            let Some(&slot) = audience.get(pass.left) else {
                continue;
            };
            let Some(viewer) = viewers.get_mut(slot) else {
                continue;
            };
            let send = AssertUnwindSafe(|| {
                #[cfg(any(test, feature = "test-panic"))]
                crate::test_panic::injected(streams.name(pass.stream), crate::test_panic::SESSION);
                viewer.session.send(pass.stream, &mut io)
            });
            let sent = catch_unwind(send);
            let quality = viewer.session.poll_quality();
            if pushed {
                while let Some(stream) = viewer.session.poll_keyframe_request() {
                    if !keyframes_wanted.contains(&stream) {
                        keyframes_wanted.push(stream);
                    }
                }
            }
            match sent {
                Ok(due) => {
                    viewers.arm(slot, due);
                    changed.extend(quality.map(|quality| (slot, quality)));
                }
                Err(_) => broken.push(slot),
            }
        }
        let outbox = io.transmit;
        let (count, packets) = (audience.len(), outbox.packets);
        let sent = Instant::now();
        let time = sent.saturating_duration_since(now);
        costs.media.delivered(time, outbox.timed);
        if let Some(entry) = streams.get_mut(pass.stream) {
            entry.stream.costs.delivered(time, outbox.timed);
            if pass.left == 0 {
                entry.stream.delivered(pass.arrival, sent);
            }
        }
        self.fan_out.portion_sent(pass, count, packets);
        if self.fan_out.is_pending() || self.viewers.next_due() != due_before {
            self.rearmed.notify_one();
        }
        for (slot, quality) in changed {
            self.tell_quality(slot, quality);
        }
        for slot in broken {
            self.fail_viewer(slot, panicked("this session"));
        }
        for stream in keyframes_wanted {
            self.request_keyframe(stream, now);
        }
        time
    }
}

/// Time that this worker was busy.
fn busy() -> Duration {
    let runtime = tokio::runtime::Handle::try_current();
    runtime.map_or(Duration::ZERO, |runtime| {
        runtime.metrics().worker_total_busy_duration(0)
    })
}
