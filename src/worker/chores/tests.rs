//! A worker with many sessions, turn by turn.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::time::SystemTime;

use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::error::Status;
use crate::events::{Events, Notifier, SessionEvent, StreamEvent};
use crate::media::testing::{h265_sets, sets};
use crate::media::{Codec, TrackInfo};
use crate::net::Socket;
use crate::sdp::offer::Offer;
use crate::session::WallClock;
use crate::session::dtls::Certificate;
use crate::state::{SessionState, ViewerIdentity, ViewerLimits};
use crate::stats::WorkerSnapshot;
use crate::tuning::{Key, Tuning};
use crate::worker::command::{OfferRequest, Posted};
use crate::worker::pending_offers::PendingOffers;
use crate::worker::stream::Stream;
use crate::worker::tcp_ports::TcpPorts;
use crate::worker::wait::Bell;
use crate::worker::wall_channel::Pages;
use crate::worker::{Peers, WorkerContext};

const OFFER: &[u8] = include_bytes!("../../../tests/fixtures/offers/chromium.sdp");
const SESSIONS: usize = 3 * CHORES.items + 7;

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Removed(StreamId),
    Closed(SessionId, Arc<str>),
    Failed(SessionId, Status),
}

struct Host(Sender<Told>);

impl Events for Host {
    fn stream_state(&self, event: &StreamEvent) {
        if event.state == StreamState::Removed {
            self.0.send(Told::Removed(event.stream)).unwrap();
        }
    }

    fn session_state(&self, event: &SessionEvent) {
        let told = match event.state {
            SessionState::Closed => Told::Closed(event.session, Arc::clone(&event.stream_name)),
            SessionState::Failed => Told::Failed(event.session, event.status),
            _ => return,
        };
        self.0.send(told).unwrap();
    }
}

struct World {
    core: Core,
    notifier: Notifier,
    told: Receiver<Told>,
}

impl World {
    fn new() -> World {
        let tuning = Tuning::new(&[(Key::MaxWorkerLoadPercent, 0)]).unwrap();
        let (sender, told) = channel();
        let notifier = Notifier::start(Some(Box::new(Host(sender)))).unwrap();
        let loopback = "127.0.0.1:0".parse().unwrap();
        let context = WorkerContext {
            allocation: None,
            index: 0,
            peers: Peers::new(&[]),
            socket: Arc::new(Socket::bind(Some(loopback), &tuning).unwrap()),
            tcp_ports: Arc::new(TcpPorts::new(None)),
            turn: None,
            callers: Arc::default(),
            routes: Arc::default(),
            tuning: Arc::new(tuning),
            interfaces: Arc::default(),
            public_addresses: Arc::default(),
            reflexive: Arc::default(),
            pages: Pages::new(unbounded_channel().0),
            narrow_paths: Arc::default(),
            ice_links: Arc::default(),
            certificate: Arc::new(Certificate::generate().unwrap()),
            notices: notifier.notices(),
            registry: Arc::default(),
            parting: Arc::default(),
            paths: Arc::default(),
            clock: WallClock::new(Instant::now(), SystemTime::now()),
        };
        World {
            core: Core::new(context, Rc::new(Bell::default())),
            notifier,
            told,
        }
    }

    /// Adds a stream with so many viewers.
    fn stream(&mut self, name: &str, viewers: usize) -> StreamId {
        let registry = &self.core.context.registry;
        let (id, ..) = registry.add_stream(name, 1, |_, _, _| ()).unwrap();
        let stream = Stream::pushed(StreamIdentity {
            name: name.into(),
            label: None,
            user_data: 0,
        });
        self.core.streams.insert(id, stream, None);
        self.core.live(id, Some(TrackInfo::video(sets())), None);
        let offers = Arc::new(PendingOffers::default());
        for _ in 0..viewers {
            let (reply, answer) = channel();
            let request = OfferRequest {
                stream: id,
                offer: Some(Offer::parse(OFFER).unwrap()),
                may_counter: false,
                posted: Posted {
                    location_prefix: None,
                    ice_links: None,
                    turn_url: None,
                    viewer: ViewerIdentity {
                        peer: None,
                        label: None,
                        user_data: 0,
                    },
                },
                timeout: Duration::ZERO,
                deadline: Instant::now(),
                limits: ViewerLimits::default(),
                stays: false,
                ticket: offers.begin(move |result| reply.send(result).unwrap()),
            };
            self.core.offer(request, Instant::now());
            assert_eq!(answer.recv().unwrap().unwrap().status, 201);
        }
        id
    }

    /// Turns until nothing is left; how much `count` changes in each, beginning with `before`.
    fn turns(&mut self, mut before: usize, count: impl Fn(&Core) -> usize) -> Vec<usize> {
        let mut turns = Vec::new();
        loop {
            let now = count(&self.core);
            turns.push(before - now);
            before = now;
            if self.core.chores.is_empty() {
                return turns;
            }
            self.core.do_chores(Instant::now());
        }
    }

    fn told(mut self) -> Vec<Told> {
        assert!(self.notifier.stop(Duration::from_secs(60)));
        self.told.try_iter().collect()
    }
}

fn is_portioned(turns: &[usize]) -> bool {
    turns.len() > 3 && turns.iter().all(|&done| done <= CHORES.items)
}

#[test]
fn a_removed_stream_lets_others_have_their_turn_between_its_viewers() {
    let mut world = World::new();
    let other = world.stream("yard", 1);
    let door = world.stream("door", SESSIONS);
    let removed = Error::new(Status::NotFound, "the stream was removed");
    world.core.remove_stream(door, &removed);
    assert!(world.core.stream_info(door, Instant::now()).is_err());
    let turns = world.turns(SESSIONS + 1, |core| core.viewers.len());
    assert!(is_portioned(&turns), "{turns:?}");
    assert_eq!(turns.iter().sum::<usize>(), SESSIONS);
    assert_eq!(
        world.core.streams.get(other).unwrap().stream.viewers.len(),
        1
    );
    assert!(world.core.streams.leaving.is_empty());
    let told = world.told();
    assert_eq!(told.len(), SESSIONS + 1);
    let (last, closed) = told.split_last().unwrap();
    assert_eq!(*last, Told::Removed(door));
    let of_door = |told: &Told| matches!(told, Told::Closed(_, name) if &**name == "door");
    assert!(closed.iter().all(of_door));
}

#[test]
fn a_slot_that_another_viewer_has_by_then_is_not_closed() {
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let last = *world
        .core
        .streams
        .get(door)
        .unwrap()
        .stream
        .viewers
        .last()
        .unwrap();
    let removed = Error::new(Status::NotFound, "the stream was removed");
    world.core.remove_stream(door, &removed);
    world
        .core
        .close_viewer(last, Instant::now(), "the session was closed");
    let yard = world.stream("yard", 1);
    assert_eq!(world.core.streams.get(yard).unwrap().stream.viewers, [last]);
    world.turns(SESSIONS, |_| 0);
    assert_eq!(world.core.viewers.len(), 1);
    assert_eq!(world.told().len(), SESSIONS + 1);
}

#[test]
fn a_camera_that_comes_back_with_another_codec_ends_its_viewers_in_portions() {
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let h265 = TrackInfo::video(h265_sets());
    assert_eq!(h265.codec, Codec::H265);
    world.core.live(door, Some(h265), None);
    let turns = world.turns(SESSIONS, |core| core.viewers.len());
    assert!(is_portioned(&turns), "{turns:?}");
    assert_eq!(world.core.viewers.len(), 0);
    let told = world.told();
    let failed = |told: &&Told| matches!(told, Told::Failed(_, Status::Camera));
    assert_eq!(told.iter().filter(failed).count(), SESSIONS);
}

#[test]
fn viewers_whom_the_camera_suits_again_before_their_turn_go_on() {
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let h265 = TrackInfo::video(h265_sets());
    world.core.live(door, Some(h265), None);
    world.core.live(door, Some(TrackInfo::video(sets())), None);
    world.turns(SESSIONS, |core| core.viewers.len());
    assert_eq!(world.core.viewers.len(), SESSIONS);
    assert_eq!(world.told(), []);
}

#[test]
fn sessions_decide_again_in_portions_and_once_however_often_they_are_asked() {
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let undecided = |core: &Core| {
        let rows = 0..SESSIONS;
        rows.filter(|&row| {
            core.viewers
                .get(row)
                .is_some_and(|viewer| viewer.reconsiders)
        })
        .count()
    };
    world.core.variants_changed(door);
    for _ in 0..10 {
        world.core.variants_changed(door);
    }
    assert!(world.core.chores.waiting.len() <= SESSIONS);
    let turns = world.turns(SESSIONS, undecided);
    assert!(
        turns.iter().skip(1).all(|&done| done <= CHORES.items),
        "{turns:?}"
    );
    assert_eq!(undecided(&world.core), 0);
}

fn snapshot(world: &mut World, between: impl FnOnce(&mut World)) -> (usize, WorkerSnapshot) {
    let (reply, answer) = sync_channel(1);
    world.core.chores.snapshot(Unfinished::new(reply));
    assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)));
    between(world);
    let turns = world.turns(0, |_| 0).len();
    (turns, answer.try_recv().unwrap())
}

#[test]
fn a_snapshot_is_made_in_portions() {
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let (turns, all) = snapshot(&mut world, |_| ());
    assert!(turns > 3, "{turns}");
    assert_eq!((all.sessions.len(), all.streams.len()), (SESSIONS, 1));
    let ids = all.sessions.iter().map(|(id, _)| *id);
    assert_eq!(
        ids.collect::<std::collections::HashSet<_>>().len(),
        SESSIONS
    );
    assert_eq!(
        (all.streams[0].id, all.streams[0].info.sessions),
        (door, SESSIONS as u32)
    );
}

#[test]
fn a_stream_counts_for_as_many_as_watch_it() {
    let mut world = World::new();
    for name in ["door", "yard", "hall"] {
        world.stream(name, CHORES.items);
    }
    let (reply, _answer) = sync_channel(1);
    let mut snapshot = Unfinished::new(reply);
    let now = Instant::now();
    let mut looks = Vec::new();
    while let Some(items) = world.core.snapshot_next(&mut snapshot, now) {
        looks.push(items);
    }
    assert_eq!(looks.len(), 3 * CHORES.items + 3);
    let (sessions, streams) = looks.split_at(3 * CHORES.items);
    assert!(sessions.iter().all(|&items| items == 1));
    assert_eq!(streams, [CHORES.items + 1; 3]);
}

#[test]
fn no_total_falls_when_viewers_leave_while_a_snapshot_is_made() {
    let rejected = |snapshot: &WorkerSnapshot| snapshot.streams[0].totals.rejected;
    let mut world = World::new();
    let door = world.stream("door", SESSIONS);
    let rows = world.core.streams.get(door).unwrap().stream.viewers.clone();
    for &row in &rows {
        world.core.with_session(row, Instant::now(), |session, io| {
            let path = crate::session::Path {
                remote: crate::session::Remote::Udp("192.0.2.1:5000".parse().unwrap()),
                local: None,
            };
            session.handle_datagram(path, &[0, 1, 2, 3], io);
        });
    }
    let (_, before) = snapshot(&mut world, |_| ());
    assert_eq!(rejected(&before), SESSIONS as u64);
    // One that was looked at, and one that was not.
    let (_, during) = snapshot(&mut world, |world| {
        for row in [rows[0], rows[SESSIONS - 1]] {
            world
                .core
                .close_viewer(row, Instant::now(), "the session was closed");
        }
    });
    assert_eq!(rejected(&during), SESSIONS as u64);
    // The whole stream goes.
    let (_, without) = snapshot(&mut world, |world| {
        let removed = Error::new(Status::NotFound, "the stream was removed");
        world.core.remove_stream(door, &removed);
    });
    assert!(without.streams.is_empty());
}
