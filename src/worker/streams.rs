//! The streams of a worker, each with its source's task and the offers that wait for its media.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::chores::Leaving;
use super::command::OfferRequest;
use super::feeds::Feeds;
use super::guests::Guests;
use super::held_sound::Hold;
use super::mirror::Mirror;
use super::outputs::Outputs;
use super::stream::Stream;
use super::thread::Peers;
use crate::config::DEFAULT_OFFER_TIMEOUT;
use crate::error::{Error, Status};
use crate::ids::ById;
use crate::media::MediaKind;
use crate::session::Media;
use crate::sinks::StreamSinks;
use crate::source::{CameraConfig, Demand};
use crate::state::{SessionInfo, StreamId, StreamState};

/// All streams of a worker, and its mirrors of others.
#[derive(Default)]
pub(super) struct Streams {
    entries: ById<StreamId, Box<StreamEntry>>,
    pub(super) mirrors: ById<StreamId, Mirror>,
    /// Viewers of streams of others.
    pub(super) guests: ById<StreamId, Guests>,
    /// Removed streams whose viewers have not all been told.
    pub(super) leaving: ById<StreamId, Leaving>,
    /// The worker has more to do than time.
    pub(super) late: bool,
    /// When the first of the waiting offers times out, or earlier.
    offers_due: Option<Instant>,
}

/// A stream, its source's task, and the offers that wait for its first media.
pub(super) struct StreamEntry {
    pub(super) stream: Stream,
    /// Its mirrors on other workers.
    pub(super) feeds: Feeds,
    /// The workers that have, or had, guests who watch it.
    pub(super) hosts: Vec<usize>,
    /// What the host gets of it.
    pub(super) sinks: StreamSinks,
    /// Where it is sent to.
    pub(super) outputs: Outputs,
    pub(super) source: Option<AbortHandle>,
    /// How to connect to it; `None` if the host pushes it.
    pub(super) camera: Option<CameraConfig>,
    /// Whether a viewer wants it; `None` if it is always connected.
    pub(super) demand: Option<Rc<Demand>>,
    waiting: VecDeque<OfferRequest>,
    /// Until when an offer that did not wait keeps an on-demand camera connected.
    woken_until: Option<Instant>,
}

/// How long an offer that does not wait keeps an on-demand camera connected, so that the viewer finds it
/// live when it tries again.
const KEPT_AWAKE: Duration = DEFAULT_OFFER_TIMEOUT;

impl Streams {
    /// Adds a stream. `camera`: how to connect to it, unless the host pushes it.
    pub(super) fn insert(&mut self, id: StreamId, stream: Stream, camera: Option<CameraConfig>) {
        let entry = StreamEntry::new(stream, camera);
        self.entries.insert(id, Box::new(entry));
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&StreamEntry> {
        self.entries.get(&id).map(|entry| &**entry)
    }

    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut StreamEntry> {
        self.entries.get_mut(&id).map(|entry| &mut **entry)
    }

    /// The media of a stream, of this worker or mirrored.
    pub(super) fn media(&self, id: StreamId) -> Option<Media<'_>> {
        match self.entries.get(&id) {
            Some(entry) => entry.stream.media(),
            None => self.mirrors.get(&id)?.media(),
        }
    }

    /// What may be shown in place of a stream, of this worker or mirrored: best first, itself included; empty if
    /// nothing.
    pub(super) fn variants(&self, id: StreamId) -> &[StreamId] {
        match self.entries.get(&id) {
            Some(entry) => &entry.stream.variants,
            None => {
                let mirror = self.mirrors.get(&id).map(|mirror| &mirror.variants);
                // Guests may watch one of them without the stream itself.
                let known = mirror.or_else(|| Some(&self.guests.get(&id)?.variants));
                known.map_or(&[], |variants| variants)
            }
        }
    }

    /// The sessions that the access units of a stream are passed to.
    pub(super) fn audience(&self, id: StreamId) -> &[usize] {
        match self.entries.get(&id) {
            Some(entry) => &entry.stream.audience,
            None => {
                let mirror = self.mirrors.get(&id);
                mirror.map_or(&[], |mirror| &mirror.audience)
            }
        }
    }

    /// The sessions whose offers named a stream, of those that live on this worker.
    pub(super) fn viewers(&self, id: StreamId) -> &[usize] {
        match self.entries.get(&id) {
            Some(entry) => &entry.stream.viewers,
            None => {
                let guests = self.guests.get(&id);
                guests.map_or(&[], |guests| &guests.viewers)
            }
        }
    }

    /// A session whose offer named this stream begins.
    pub(super) fn viewer_came(&mut self, id: StreamId, row: usize) {
        if let Some(entry) = self.get_mut(id) {
            entry.stream.viewers.push(row);
        } else if let Some(guests) = self.guests.get_mut(&id) {
            guests.viewers.push(row);
        }
    }

    /// It has ended.
    pub(super) fn viewer_left(&mut self, id: StreamId, row: usize, sent: &SessionInfo) {
        let (viewers, gone) = if let Some(entry) = self.get_mut(id) {
            (&mut entry.stream.viewers, &mut entry.stream.gone)
        } else if let Some(guests) = self.guests.get_mut(&id) {
            (&mut guests.viewers, &mut guests.gone)
        } else {
            return;
        };
        gone.add(sent);
        viewers.retain(|&other| other != row);
    }

    /// Time that was spent on sending the media of a stream; `system`: see [`MediaCosts::delivered`](crate::stats::MediaCosts::delivered).
    pub(super) fn delivered(&mut self, id: StreamId, time: Duration, system: Option<Duration>) {
        if let Some(entry) = self.get_mut(id) {
            entry.stream.costs.delivered(time, system);
        } else if let Some(guests) = self.guests.get_mut(&id) {
            guests.costs.delivered(time, system);
        }
    }

    /// The access unit that arrived at `arrival` has been sent to all of its audience; `None` for audio beside video.
    pub(super) fn delivered_to_all(
        &mut self,
        id: StreamId,
        arrival: Option<Instant>,
        now: Instant,
    ) {
        if let Some(entry) = self.get_mut(id) {
            entry.stream.delivered(arrival, now);
        } else if let Some(guests) = self.guests.get_mut(&id)
            && let Some(arrival) = arrival
            && !guests.viewers.is_empty()
        {
            let time = now.saturating_duration_since(arrival);
            guests.latency.note(now, time);
        }
    }

    /// Whether to time the system calls of the next access unit that guests get.
    pub(super) fn samples_guests(&mut self, id: StreamId) -> bool {
        let guests = self.guests.get_mut(&id);
        guests.is_some_and(|guests| guests.costs.sample())
    }

    /// The sound of a stream that waits for more, of this worker or mirrored.
    pub(super) fn hold(&self, id: StreamId) -> Option<&Hold> {
        match self.entries.get(&id) {
            Some(entry) => Some(&entry.stream.hold),
            None => Some(&self.mirrors.get(&id)?.hold),
        }
    }

    pub(super) fn hold_mut(&mut self, id: StreamId) -> Option<&mut Hold> {
        match self.entries.get_mut(&id) {
            Some(entry) => Some(&mut entry.stream.hold),
            None => Some(&mut self.mirrors.get_mut(&id)?.hold),
        }
    }

    /// Whether the host of a stream can be asked for keyframes.
    pub(super) fn is_pushed(&self, id: StreamId) -> bool {
        match self.entries.get(&id) {
            Some(entry) => entry.stream.is_pushed(),
            None => self.mirrors.get(&id).is_some_and(Mirror::is_pushed),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamId, &StreamEntry)> {
        self.entries.iter().map(|(&id, entry)| (id, &**entry))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut StreamEntry> {
        self.entries.values_mut().map(|entry| &mut **entry)
    }

    /// The name of a stream, for the log; empty if there is no such stream.
    pub(super) fn name(&self, id: StreamId) -> &str {
        let stream = self.get(id).map(|entry| entry.stream.name());
        let guests = || self.guests.get(&id).map(|guests| &**guests.name());
        let name = stream.or_else(guests);
        name.or_else(|| self.leaving.get(&id).map(Leaving::name))
            .unwrap_or_default()
    }

    /// Forgets a stream. Offers that wait for it fail with `why`.
    pub(super) fn remove(&mut self, id: StreamId, why: &Error) -> Option<Box<StreamEntry>> {
        let mut entry = self.entries.remove(&id)?;
        for request in entry.waiting.drain(..) {
            request.ticket.fail(why.clone());
        }
        Some(entry)
    }

    /// Queues an offer if its stream may soon be live; returns it otherwise. An offer that does not wait
    /// is returned, but it wakes an on-demand camera.
    pub(super) fn wait(&mut self, request: OfferRequest, now: Instant) -> Option<OfferRequest> {
        let Some(entry) = self.entries.get_mut(&request.stream) else {
            return Some(request);
        };
        if !entry.may_soon_be_live() {
            return Some(request);
        }
        let (due, refused) = if request.timeout.is_zero() {
            let until = now + KEPT_AWAKE;
            entry.woken_until = Some(until);
            (until, Some(request))
        } else if now < request.deadline {
            entry.waiting.retain(|waiting| waiting.ticket.is_pending());
            let due = request.deadline;
            entry.waiting.push_back(request);
            (due, None)
        } else {
            return Some(request);
        };
        let first = self.offers_due.unwrap_or(due);
        self.offers_due = Some(first.min(due));
        entry.note_demand();
        refused
    }

    /// Takes the first of the offers that wait for a stream. The caller answers them, then notes the
    /// demand.
    pub(super) fn take_waiting(&mut self, id: StreamId) -> Option<OfferRequest> {
        self.entries.get_mut(&id)?.waiting.pop_front()
    }

    /// Fails the offers that wait for a stream: its connection attempt failed with `error`.
    pub(super) fn fail_waiting(&mut self, id: StreamId, error: &Error) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.woken_until = None;
        for request in entry.waiting.drain(..) {
            request
                .ticket
                .fail(not_ready(entry.stream.name(), Some(error)));
        }
        entry.note_demand();
    }

    /// When [`Streams::time_out_waiting`] is due.
    pub(super) fn offers_due(&self) -> Option<Instant> {
        self.offers_due
    }

    /// Fails the offers that have waited long enough.
    pub(super) fn time_out_waiting(&mut self, now: Instant) {
        if self.offers_due.is_none_or(|due| now < due) {
            return;
        }
        self.offers_due = None;
        for entry in self.entries.values_mut() {
            let name = entry.stream.name();
            entry.waiting.retain(|request| {
                if now >= request.deadline {
                    request.ticket.fail(still_connecting(name, request.timeout));
                }
                now < request.deadline
            });
            entry.woken_until = entry.woken_until.filter(|&until| now < until);
            entry.note_demand();
            let deadlines = entry.waiting.iter().map(|request| request.deadline);
            let next = deadlines.chain(entry.woken_until).min();
            self.offers_due = self.offers_due.into_iter().chain(next).min();
        }
    }
}

impl StreamEntry {
    /// A stream without a task yet.
    pub(super) fn new(stream: Stream, camera: Option<CameraConfig>) -> StreamEntry {
        StreamEntry {
            stream,
            feeds: Feeds::default(),
            hosts: Vec::new(),
            sinks: StreamSinks::new(Instant::now()),
            outputs: Outputs::default(),
            source: None,
            camera,
            demand: None,
            waiting: VecDeque::new(),
            woken_until: None,
        }
    }

    /// Tells the mirrors that the stream is live.
    pub(super) fn feed_live(&mut self, id: StreamId, peers: &Peers) {
        if let Some(media) = self.stream.media() {
            let pushed = self.stream.is_pushed();
            self.feeds.live(id, media, pushed, peers);
        }
    }

    /// Hands the newest access unit of a kind to the mirrors. `begins`: see [`Arrived::Beginning`](super::stream::Arrived::Beginning).
    pub(super) fn feed_unit(&mut self, id: StreamId, kind: MediaKind, begins: bool, peers: &Peers) {
        if let Some(media) = self.stream.media() {
            self.feeds.unit(id, kind, media, begins, peers);
        }
    }

    /// Forgets the media of a camera that is disconnected.
    pub(super) fn forget_media(&mut self, id: StreamId, peers: &Peers) {
        self.stream.forget_media();
        self.feeds.ended(id, peers);
    }

    /// The camera is another from now on: nobody is shown what the one before sent.
    pub(super) fn replaced(&mut self, id: StreamId, peers: &Peers) {
        self.stream.replaced();
        self.feeds.ended(id, peers);
    }

    /// Tells the source of an on-demand camera whether it is wanted, after offers or viewers changed.
    pub(super) fn note_demand(&self) {
        if let Some(demand) = &self.demand {
            demand.set(
                !self.stream.audience.is_empty()
                    || !self.feeds.is_empty()
                    || !self.sinks.is_empty()
                    || !self.outputs.is_empty()
                    || !self.waiting.is_empty()
                    || self.woken_until.is_some(),
            );
        }
    }

    /// Whether the current connection attempt, or one that an offer triggers, may bring the first media.
    /// For an on-demand camera, earlier failures say little.
    pub(super) fn may_soon_be_live(&self) -> bool {
        self.stream.media().is_none()
            && match self.stream.state() {
                StreamState::Idle => true,
                StreamState::Connecting => self.demand.is_some() || self.stream.error().is_none(),
                _ => false,
            }
    }
}

pub(super) fn still_connecting(name: &str, waited: Duration) -> Error {
    if waited.is_zero() {
        return not_ready(name, None);
    }
    let seconds = waited.as_secs_f32();
    Error::new(
        Status::NotReady,
        format!(
            "stream \"{name}\" has no media yet: the camera was still connecting after {seconds:.1} s"
        ),
    )
}

pub(super) fn not_ready(name: &str, error: Option<&Error>) -> Error {
    let why = match error {
        Some(error) => error.message(),
        None => "the camera is still connecting",
    };
    Error::new(
        Status::NotReady,
        format!("stream \"{name}\" has no media yet: {why}"),
    )
}
