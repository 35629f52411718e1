//! The state of a worker and its central operations: commands, stream states, and the media path.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::admission;
use super::callers::Callers;
use super::chores::Chores;
use super::command::{Command, WorkerContext};
use super::connections::Connections;
use super::fan_out::FanOut;
use super::held_sound::{HeldSound, Wait};
use super::load::Load;
use super::log_lines::{self, Repeats};
use super::output_tasks::Underway;
use super::shares::Behind;
use super::snapshot::Unfinished;
use super::stream::Arrived;
use super::streams::Streams;
use super::table::Table;
use super::wait::Bell;
use crate::budget::{Allowance, Budget};
use crate::error::{Error, Status, panicked, shutting_down};
use crate::events::{Notice, StreamEvent};
use crate::limit::Complaint;
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::session::SendBuffer;
use crate::state::{StreamId, StreamIdentity, StreamState, Warning};
use crate::stats::{Costs, Totals};
use crate::worker::registry::no_session;

/// What offers that waited for media take in one turn.
const ANSWERS: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 64,
    bytes: usize::MAX,
};
/// How often streams that get no media return memory.
const TIDY_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that a worker owns.
pub struct Core {
    pub(super) context: WorkerContext,
    pub(super) streams: Streams,
    pub(super) viewers: Table,
    pub(super) connections: Connections,
    /// The connections of which nothing is known yet.
    pub(super) callers: Rc<Callers>,
    pub(super) fan_out: FanOut,
    /// Of outputs.
    pub(super) underway: Rc<Underway>,
    /// What is done for many sessions.
    pub(super) chores: Chores,
    /// Of paths that drop large datagrams.
    pub(super) narrow_complaint: Complaint,
    /// Streams whose sources do not get through.
    pub(super) behind: Behind,
    /// How busy the worker is.
    pub(super) load: Load,
    /// Time that sources took which do not get through.
    pub(super) greedy: Duration,
    /// When streams that get no media return memory.
    tidy_due: Option<Instant>,
    /// Streams that have media for the offers that wait for it.
    pub(super) answering: VecDeque<StreamId>,
    pub(super) held_sound: HeldSound,
    /// Log lines that came too often.
    pub(super) repeats: Repeats,
    /// Wakes the worker's loop because a deadline has moved closer.
    pub(super) rearmed: Rc<Bell>,
    /// Messages of walls' pages that were passed on.
    pub(super) asked: u64,
    /// What was sent to walls that are gone.
    pub(super) gone_walls: Totals,
    pub(super) buffer: Box<SendBuffer>,
    pub(super) costs: Costs,
}

impl Core {
    /// A worker without streams.
    pub fn new(context: WorkerContext, rearmed: Rc<Bell>) -> Core {
        Core {
            callers: Rc::new(Callers::new(&context)),
            connections: Connections::new(context.allocation.clone()),
            context,
            streams: Streams::default(),
            viewers: Table::default(),
            fan_out: FanOut::default(),
            underway: Rc::default(),
            chores: Chores::default(),
            narrow_complaint: Complaint::default(),
            behind: Behind::default(),
            load: Load::default(),
            greedy: Duration::ZERO,
            tidy_due: None,
            answering: VecDeque::new(),
            held_sound: HeldSound::default(),
            repeats: Repeats::default(),
            rearmed,
            asked: 0,
            gone_walls: Totals::default(),
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
                core.borrow_mut().remove_stream(id, &removed);
            }
            Command::AddSink(queue, reply) => {
                core.borrow_mut().add_sink(queue, now);
                let _ = reply.send(());
            }
            Command::RemoveSink(id, sink) => core.borrow_mut().remove_sink(id, sink),
            Command::AddOutput(output) => Core::add_output(core, output),
            Command::RemoveOutput(id, output) => core.borrow_mut().remove_output(id, output),
            Command::Keyframe(id, reply) => {
                let _ = reply.send(core.borrow().keyframe(id));
            }
            Command::VariantsChanged(id) => core.borrow_mut().variants_changed(id),
            Command::BeginMirror(id, to) => core.borrow_mut().begin_mirror(id, to),
            Command::EndMirror(id, to) => core.borrow_mut().end_mirror(id, to),
            Command::Mirrored(parcel) => core.borrow_mut().mirrored(*parcel, now),
            Command::RequestKeyframe(id) => core.borrow_mut().request_keyframe(id, now),
            Command::Offer(request) => core.borrow_mut().offer(*request, now),
            Command::OfferGuest(offer) => core.borrow_mut().offer_guest(*offer, now),
            Command::EndGuests(id, owner, why) => core.borrow_mut().end_guests(id, owner, why),
            Command::GuestsLeft(id) => core.borrow_mut().guests_left(id),
            Command::OfferWall(request) => core.borrow_mut().offer_wall(*request, now),
            #[cfg(feature = "http")]
            Command::Called(stranger) => core.borrow().callers.called(*stranger),
            Command::Connected(caller) => Core::connected(core, *caller),
            Command::Patch(request, reply) => {
                let _ = reply.send(core.borrow_mut().patch(&request, now));
            }
            Command::Answer(request, reply) => {
                let _ = reply.send(core.borrow_mut().answer(&request, now));
            }
            Command::CloseSession(id, row) => {
                let mut core = core.borrow_mut();
                if core.viewers.find(row, id).is_ok() {
                    core.close_viewer(row, now, "the session was closed");
                }
            }
            Command::DisplaceSession(id, row) => {
                let mut core = core.borrow_mut();
                if core.viewers.find(row, id).is_ok() {
                    core.fail_viewer(row, admission::displaced());
                }
            }
            Command::StreamInfo(id, reply) => {
                let _ = reply.send(core.borrow().stream_info(id, now));
            }
            Command::SessionInfo(id, row, reply) => {
                let core = core.borrow();
                let viewer = core.viewers.get(row).filter(|viewer| viewer.id == id);
                let info = viewer.map(|viewer| core.session_info(viewer, now));
                let _ = reply.send(info.ok_or_else(|| no_session(id)));
            }
            Command::ChangeSlots(id, row, changes, reply) => {
                let _ = reply.send(core.borrow_mut().change_slots(id, row, &changes, now));
            }
            Command::Slots(id, row, reply) => {
                let _ = reply.send(core.borrow().slots(id, row));
            }
            Command::Reply(id, row, number, text) => {
                core.borrow_mut().reply(id, row, number, text, now);
            }
            Command::SetLimits(id, row, limits, reply) => {
                let _ = reply.send(core.borrow_mut().set_limits(id, row, limits));
            }
            Command::CaughtUp(reply) => {
                let _ = reply.send(());
            }
            Command::Snapshot(reply) => {
                core.borrow_mut().chores.snapshot(Unfinished::new(reply));
            }
            Command::ServerWays(ways) => core.borrow_mut().connections.by_server.ways = ways,
            Command::AddressesChanged(gone) => {
                core.borrow_mut().addresses_changed(gone);
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
        self.part(now);
        let streams = self.streams.iter();
        let streams: Vec<(StreamId, bool)> = streams
            .map(|(id, entry)| (id, entry.stream.may_be_connected()))
            .collect();
        for &(id, _) in &streams {
            let _ = self.context.registry.remove_stream(id);
            self.remove_stream(id, &shutting_down());
        }
        // Whatever they had of guests, they have parted from.
        self.guests_are_gone();
        while !self.chores.is_empty() {
            self.do_chores(now);
        }
        streams.iter().any(|(_, connected)| *connected)
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
            self.rearmed.ring();
        }
        entry.outputs.stream_changed();
        let identity = entry.stream.identity().clone();
        let warning = entry.stream.warning().cloned();
        self.notify_stream(id, state, error, warning, identity);
        self.tell_walls(id);
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

    pub(super) fn notify_stream(
        &self,
        stream: StreamId,
        state: StreamState,
        error: Option<Error>,
        warning: Option<Warning>,
        identity: StreamIdentity,
    ) {
        let registry = &self.context.registry;
        registry.note_state(stream, state, error.as_ref());
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
        let has_video = video.is_some();
        let others = entry.stream.live(video, audio, &self.context.tuning);
        if !has_video {
            // What is left of one is not to be shown as if it went on.
            entry.feeds.ended(id, &self.context.peers);
        }
        entry.feed_live(id, &self.context.peers);
        let audience = match others.is_empty() {
            true => Vec::new(),
            false => entry.stream.audience.clone(),
        };
        let now = Instant::now();
        self.fail_unfit(id, others);
        self.reconsider(&audience);
        self.enter(id, StreamState::Live, None, now);
        self.renew_outputs(id, now);
        if !self.answering.contains(&id) {
            self.answering.push_back(id);
        }
        self.answer_waiting(now);
        self.rearmed.ring();
    }

    /// Answers offers that waited for media, one at least, as far as the time of a turn goes.
    pub(super) fn answer_waiting(&mut self, now: Instant) {
        let mut budget = Budget::new(ANSWERS, now);
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
            budget.spend(1, 0);
            if !budget.goes_on(Instant::now()) {
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

    /// Whether a viewer is sent the audio of a stream. What viewers of other workers hear is not known here.
    pub(super) fn is_heard(&self, id: StreamId) -> bool {
        let Some(entry) = self.streams.get(id) else {
            return false;
        };
        let stream = &entry.stream;
        let mut rows = stream.viewers.iter().chain(&stream.audience);
        !entry.feeds.is_empty()
            || rows.any(|&row| {
                let viewer = self.viewers.get(row);
                viewer.is_some_and(|viewer| viewer.session.hears(id))
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
        if self.load.is_due(begun) {
            self.sample_load(begun);
        }
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
            entry.feed_unit(id, kind, begins, &self.context.peers);
            if begins {
                let audience = entry.stream.audience.clone();
                self.reconsider(&audience);
            }
        } else {
            entry.feed_unit(id, kind, false, &self.context.peers);
            if !more && self.sound_waits(id, unit.arrival) {
                return;
            }
        }
        if more {
            return;
        }
        self.send_to_audience(id, Some(kind), arrival, packetized, timed);
    }

    /// Whether sound beside video, which has just arrived, waits for more of it.
    pub(super) fn sound_waits(&mut self, id: StreamId, arrival: Instant) -> bool {
        let most = self.context.tuning.audio_hold();
        let hold = match self.streams.audience(id).is_empty() {
            true => None,
            false => self.streams.hold_mut(id),
        };
        match hold.map(|hold| hold.arrived(arrival, most)) {
            None | Some(Wait::Over) => false,
            Some(Wait::GoesOn) => true,
            Some(Wait::Begins(until)) => {
                if self.held_sound.wait(until, id) {
                    self.rearmed.ring();
                }
                true
            }
        }
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
        entry.feed_unit(id, MediaKind::Video, begins, &self.context.peers);
        if begins {
            let audience = entry.stream.audience.clone();
            self.reconsider(&audience);
        }
    }
}
