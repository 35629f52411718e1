//! What a worker owns and does: streams, viewers, and the moments when media moves.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use slab::Slab;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::deadlines::Deadlines;
use super::receiver::Datagram;
use super::route::Place;
use super::socket::Sender;
use super::worker::{Command, OfferRequest, WorkerContext};
use crate::config::{SessionId, SessionInfo, SessionState, StreamId, StreamInfo, StreamState};
use crate::error::{Error, Result, Status};
use crate::media::{AccessUnit, MediaKind, TrackInfo};
use crate::notifier::Notice;
use crate::random;
use crate::registry::{no_session, no_stream};
use crate::session::answer::{self, LocalTransport};
use crate::session::ice::IceCredentials;
use crate::session::{Io, SendBuffer, Session, SessionConfig};
use crate::source::{self, Sink};
use crate::stream::Stream;
use crate::tuning::Key;
use crate::whep::Response;

/// A worker's possessions.
pub struct Core {
    context: WorkerContext,
    streams: HashMap<StreamId, Owned>,
    viewers: Slab<Viewer>,
    deadlines: Deadlines,
    rearmed: Rc<Notify>,
    buffer: Box<SendBuffer>,
}

/// A stream, its source's task, and the offers that wait for its first media.
struct Owned {
    stream: Stream,
    source: Option<AbortHandle>,
    waiting: Vec<OfferRequest>,
}

struct Viewer {
    id: SessionId,
    stream: StreamId,
    session: Session,
    /// Addresses of the viewer that lead to this slot.
    bound: Vec<SocketAddr>,
}

impl Core {
    /// A worker without streams.
    pub fn new(context: WorkerContext, rearmed: Rc<Notify>) -> Core {
        Core {
            context,
            streams: HashMap::new(),
            viewers: Slab::new(),
            deadlines: Deadlines::default(),
            rearmed,
            buffer: Box::new([0; _]),
        }
    }

    /// When [`Core::timeouts`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
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
            } => {
                let owned = Owned {
                    stream: Stream::new(name),
                    source: None,
                    waiting: Vec::new(),
                };
                core.borrow_mut().streams.insert(id, owned);
                let sink = StreamSink {
                    core: Rc::clone(core),
                    stream: id,
                };
                let task = tokio::task::spawn_local({
                    let core = Rc::clone(core);
                    async move {
                        let run = AssertUnwindSafe(source::run(*url, *options, sink));
                        if run.catch_unwind().await.is_err() {
                            core.borrow_mut().source_panicked(id);
                        }
                    }
                });
                if let Some(owned) = core.borrow_mut().streams.get_mut(&id) {
                    owned.source = Some(task.abort_handle());
                }
            }
            Command::RemoveStream(id) => core.borrow_mut().remove_stream(id, now),
            Command::Offer(request) => core.borrow_mut().offer(*request, now),
            Command::CloseSession(id) => {
                let mut core = core.borrow_mut();
                if let Some(slot) = core.slot(id) {
                    core.close_viewer(slot, now);
                }
            }
            Command::StreamInfo(id, reply) => {
                let _ = reply.send(core.borrow().stream_info(id, now));
            }
            Command::SessionInfo(id, reply) => {
                let _ = reply.send(core.borrow().session_info(id, now));
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

    /// Closes everything. True if there were cameras.
    pub fn shutdown(&mut self) -> bool {
        let now = Instant::now();
        let streams: Vec<StreamId> = self.streams.keys().copied().collect();
        for &id in &streams {
            let _ = self.context.registry.remove_stream(id);
            self.remove_stream(id, now);
        }
        !streams.is_empty()
    }

    // ------------------------------------------------------------------ streams

    fn remove_stream(&mut self, id: StreamId, now: Instant) {
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
                let error = Error::new(Status::NotFound, "the stream was removed");
                let _ = request.reply.send(Err(error));
            }
        }
        self.notify_stream(id, StreamState::Removed, Status::Ok);
    }

    fn source_panicked(&mut self, id: StreamId) {
        let error = Error::new(
            Status::Panic,
            "a bug in the library stopped this stream: remove and add it again, \
             and report what the log says",
        );
        log::error!(stream = id.0; "{error}");
        self.fail_offers(id, &error);
        self.enter(id, StreamState::Failed, Some(error));
    }

    fn enter(&mut self, id: StreamId, state: StreamState, error: Option<Error>) {
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

    fn live(&mut self, id: StreamId, video: TrackInfo, audio: Option<TrackInfo>) {
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
    }

    /// An access unit has arrived: packetise it once, send it to every viewer.
    fn media(&mut self, id: StreamId, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        let Core {
            context,
            streams,
            viewers,
            deadlines,
            buffer,
            ..
        } = self;
        let Some(owned) = streams.get_mut(&id) else {
            return;
        };
        if !owned.stream.media_arrived(kind, unit, lost) {
            return;
        }
        let Some(media) = owned.stream.media() else {
            return;
        };
        let mut sender = Sender {
            socket: &context.socket,
            gso: context.tuning.on(Key::Gso),
        };
        let mut io = Io {
            now: Instant::now(),
            buffer,
            batch: context.tuning.get(Key::SendBatchPackets) as usize,
            transmit: &mut sender,
        };
        let due_before = deadlines.next();
        for &slot in &owned.stream.viewers {
            let Some(viewer) = viewers.get_mut(slot) else {
                continue;
            };
            viewer.session.send(media, &mut io);
            deadlines.arm(slot, viewer.session.next_deadline());
        }
        if deadlines.next() != due_before {
            self.rearmed.notify_one();
        }
    }

    // ------------------------------------------------------------------ offers

    fn offer(&mut self, request: OfferRequest, now: Instant) {
        let result = match self.streams.get_mut(&request.stream) {
            None => Err(no_stream(request.stream)),
            Some(owned) if owned.stream.media().is_some() => {
                if now >= request.deadline {
                    // Nobody waits for this answer any more.
                    return;
                }
                self.create_session(&request, now)
            }
            Some(owned) => match owned.stream.error() {
                None if owned.stream.state() == StreamState::Connecting => {
                    owned.waiting.retain(|waiting| now < waiting.deadline);
                    owned.waiting.push(request);
                    return;
                }
                error => Err(not_ready(&owned.stream.name, error)),
            },
        };
        let _ = request.reply.send(result);
    }

    fn fail_offers(&mut self, id: StreamId, error: &Error) {
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        for request in owned.waiting.drain(..) {
            let error = not_ready(&owned.stream.name, Some(error));
            let _ = request.reply.send(Err(error));
        }
    }

    fn create_session(&mut self, request: &OfferRequest, now: Instant) -> Result<Response> {
        let Some(owned) = self.streams.get_mut(&request.stream) else {
            return Err(no_stream(request.stream));
        };
        let context = &self.context;
        check_limit(
            context.tuning.get(Key::MaxSessions),
            context.registry.session_count(),
            "max_sessions",
        )?;
        check_limit(
            context.tuning.get(Key::MaxSessionsPerStream),
            owned.stream.viewers.len(),
            "max_sessions_per_stream",
        )?;
        let Some(media) = owned.stream.media() else {
            return Err(not_ready(&owned.stream.name, owned.stream.error()));
        };
        let negotiated = answer::negotiate(
            &request.offer,
            media.video.info(),
            media.audio.map(|track| track.info()),
            context.tuning.on(Key::Nack),
        )?;
        let entry = self.viewers.vacant_entry();
        let place = Place {
            worker: context.index,
            slot: entry.key(),
        };
        let local_ice = IceCredentials {
            ufrag: place.ufrag_prefix() + &random::hex::<4>()?,
            pwd: random::hex::<16>()?,
        };
        let key = random::hex::<16>()?;
        let random = [
            u64::from_le_bytes(random::bytes()?),
            u64::from_le_bytes(random::bytes()?),
        ];
        let sdp = answer::answer(
            &request.offer,
            &negotiated,
            &LocalTransport {
                ice: &local_ice,
                fingerprint: context.certificate.fingerprint(),
                candidates: &candidates(context, now),
            },
        );
        let etag = format!("\"{}\"", local_ice.ufrag);
        let tuning = &context.tuning;
        let session = Session::new(
            now,
            SessionConfig {
                local_ice,
                remote_ice: request.offer.ice.clone(),
                certificate: Arc::clone(&context.certificate),
                fingerprints: request.offer.fingerprints.clone(),
                srtp_policy: tuning.srtp_policy(),
                negotiated,
                rtcp_interval: Duration::from_millis(tuning.get(Key::RtcpIntervalMs) as u64),
                pacing_percent: tuning
                    .on(Key::Pacing)
                    .then(|| tuning.get(Key::PacingRatePercent) as u64),
                clock: context.clock,
                random,
            },
        );
        let id = context.registry.add_session(context.index, key.clone());
        entry.insert(Viewer {
            id,
            stream: request.stream,
            session,
            bound: Vec::new(),
        });
        owned.stream.viewers.push(place.slot);
        self.settle(place.slot);
        let location = request
            .location_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{key}"));
        Ok(Response::created(sdp, location, id, key, etag))
    }

    // ------------------------------------------------------------------ viewers

    fn slot(&self, id: SessionId) -> Option<usize> {
        let mut viewers = self.viewers.iter();
        viewers
            .find(|(_, viewer)| viewer.id == id)
            .map(|(slot, _)| slot)
    }

    fn session_info(&self, id: SessionId, now: Instant) -> Result<SessionInfo> {
        let slot = self.slot(id).ok_or_else(|| no_session(id))?;
        let viewer = &self.viewers[slot];
        let session = &viewer.session;
        let (sent, stats) = (session.sent(), session.stats());
        Ok(SessionInfo {
            stream: viewer.stream,
            state: session.state(),
            srtp_profile: session.srtp_profile(),
            remote: session.remote(),
            bytes_sent: sent.bytes,
            packets_sent: sent.packets,
            nacks: stats.nacks,
            retransmits: sent.retransmits,
            plis: stats.plis,
            overflows: sent.overflows,
            round_trip: stats.round_trip,
            loss_ppm: stats.loss_ppm,
            age: now.saturating_duration_since(session.created()),
        })
    }

    /// Handles a datagram from the receiving thread.
    pub fn datagram(&mut self, datagram: &Datagram) {
        self.with_session(datagram.slot, Instant::now(), |session, media, io| {
            session.handle_datagram(
                datagram.remote,
                datagram.local,
                &datagram.contents,
                media,
                io,
            );
        });
    }

    /// Does what is due.
    pub fn timeouts(&mut self, now: Instant) {
        while let Some(slot) = self.deadlines.pop_due(now) {
            self.with_session(slot, now, |session, media, io| {
                session.handle_timeout(media, io);
            });
        }
    }

    fn close_viewer(&mut self, slot: usize, now: Instant) {
        self.with_session(slot, now, |session, _, io| session.close(io));
    }

    fn fail_viewer(&mut self, slot: usize, error: Error) {
        if let Some(viewer) = self.viewers.get_mut(slot) {
            viewer.session.fail(error);
        }
        self.settle(slot);
    }

    /// Lets a session work, with all it needs, and sees to what came of it. A panic inside costs
    /// this session and no other.
    fn with_session(
        &mut self,
        slot: usize,
        now: Instant,
        work: impl FnOnce(&mut Session, crate::session::Media<'_>, &mut Io<'_, Sender<'_>>),
    ) {
        let Core {
            context,
            streams,
            viewers,
            buffer,
            ..
        } = self;
        let Some(viewer) = viewers.get_mut(slot) else {
            return;
        };
        let Some(media) = streams
            .get(&viewer.stream)
            .and_then(|owned| owned.stream.media())
        else {
            return;
        };
        let mut sender = Sender {
            socket: &context.socket,
            gso: context.tuning.on(Key::Gso),
        };
        let mut io = Io {
            now,
            buffer,
            batch: context.tuning.get(Key::SendBatchPackets) as usize,
            transmit: &mut sender,
        };
        let session = &mut viewer.session;
        let worked = catch_unwind(AssertUnwindSafe(|| work(session, media, &mut io)));
        if worked.is_err() {
            session.fail(Error::new(
                Status::Panic,
                "a bug in the library ended this session: report what the log says",
            ));
        }
        self.settle(slot);
    }

    /// Reports a session's changes, keeps its routes and its deadline, buries it when it is over.
    fn settle(&mut self, slot: usize) {
        let Some(viewer) = self.viewers.get_mut(slot) else {
            return;
        };
        let place = Place {
            worker: self.context.index,
            slot,
        };
        let routes = &self.context.routes;
        if !viewer.session.addresses().eq(viewer.bound.iter().copied()) {
            let known: Vec<SocketAddr> = viewer.session.addresses().collect();
            for &gone in viewer.bound.iter().filter(|a| !known.contains(a)) {
                routes.unbind(gone, place);
            }
            for &new in known.iter().filter(|a| !viewer.bound.contains(a)) {
                routes.bind(new, place);
            }
            viewer.bound = known;
        }
        let (id, stream) = (viewer.id, viewer.stream);
        while let Some(event) = viewer.session.poll_event() {
            if let Some(error) = &event.error {
                log::warn!(session = id.0, stream = stream.0; "session failed: {error}");
            }
            let status = event.error.as_ref().map_or(Status::Ok, Error::status);
            if event.state == SessionState::Closed {
                self.context.registry.remove_session(id);
            }
            self.context
                .notices
                .push(Notice::Session(id, stream, event.state, status));
        }
        if viewer.session.is_closed() {
            for &address in &viewer.bound {
                routes.unbind(address, place);
            }
            self.viewers.remove(slot);
            if let Some(owned) = self.streams.get_mut(&stream) {
                owned.stream.viewers.retain(|&other| other != slot);
            }
            return;
        }
        let deadline = viewer.session.next_deadline();
        self.deadlines.arm(slot, deadline);
    }
}

fn check_limit(limit: i64, count: usize, knob: &str) -> Result<()> {
    if limit > 0 && count as i64 >= limit {
        return Err(Error::new(
            Status::Limit,
            format!("{knob} = {limit} sessions are connected: try again later, or raise the knob"),
        ));
    }
    Ok(())
}

fn not_ready(name: &str, error: Option<&Error>) -> Error {
    let why = match error {
        Some(error) => error.to_string(),
        None => "the camera is still connecting".to_owned(),
    };
    Error::new(
        Status::NotReady,
        format!("stream \"{name}\" has no media yet: {why}"),
    )
}

/// Where viewers may reach us: public addresses first.
fn candidates(context: &WorkerContext, now: Instant) -> Vec<SocketAddr> {
    let ttl = Duration::from_millis(context.tuning.get(Key::InterfaceCacheTtlMs) as u64);
    let port = context.socket.local().port();
    let interfaces = context.interfaces.addresses(now, ttl);
    let local = interfaces
        .into_iter()
        .filter(|&ip| context.socket.serves(ip));
    let mut candidates = Vec::new();
    for ip in context.public_addresses.iter().copied().chain(local) {
        let candidate = SocketAddr::new(ip, port);
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// The way from a source's task into its worker: a plain call.
struct StreamSink {
    core: Rc<RefCell<Core>>,
    stream: StreamId,
}

impl Sink for StreamSink {
    fn connecting(&mut self) {
        let mut core = self.core.borrow_mut();
        core.enter(self.stream, StreamState::Connecting, None);
    }

    fn live(&mut self, video: TrackInfo, audio: Option<TrackInfo>) {
        self.core.borrow_mut().live(self.stream, video, audio);
    }

    fn video_changed(&mut self, video: TrackInfo) {
        if let Some(owned) = self.core.borrow_mut().streams.get_mut(&self.stream) {
            owned.stream.video_changed(video);
        }
    }

    fn media(&mut self, kind: MediaKind, unit: &AccessUnit<'_>, lost: u32) {
        self.core.borrow_mut().media(self.stream, kind, unit, lost);
    }

    fn failed(&mut self, error: &Error, retry_in: Duration) {
        log::warn!(
            stream = self.stream.0;
            "{error}; next attempt in {:.1} s",
            retry_in.as_secs_f32()
        );
        let mut core = self.core.borrow_mut();
        core.fail_offers(self.stream, error);
        core.enter(self.stream, StreamState::Retrying, Some(error.clone()));
    }
}
