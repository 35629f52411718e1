//! The viewers of a worker by row, with their deadlines.

use std::rc::Rc;
use std::time::Instant;

use slab::Slab;

use super::allocation::{Beyond, ByServer};
use super::connections::Connections;
use super::deadlines::Deadlines;
use super::outputs::Link;
use super::registry::{SessionLocation, no_session};
use super::routes::Routes;
use super::wall_channel::Talk;
use crate::error::Result;
use crate::sdp::answer::Countered;
use crate::session::{ConnectionId, Remote, Session, Way};
use crate::state::{SessionId, SessionInfo, StreamId, ViewerIdentity, ViewerLimits};

/// All viewers of a worker.
#[derive(Default)]
pub(super) struct Table {
    /// Boxed, so that a viewer's memory is given back when it is gone.
    viewers: Slab<Box<Viewer>>,
    deadlines: Deadlines,
}

/// One viewer.
pub(super) struct Viewer {
    pub(super) id: SessionId,
    /// The stream that it watches; [`StreamId::NONE`] for a wall.
    pub(super) stream: StreamId,
    pub(super) identity: ViewerIdentity,
    pub(super) visit: Visit,
    pub(super) session: Session,
    /// The data channel of a wall, while it is open.
    pub(super) talk: Option<Box<Talk>>,
    /// The streams whose access units are passed to it.
    pub(super) watching: Vec<StreamId>,
    /// Large packets vanish on the way to it.
    pub(super) narrow: bool,
    /// What it asks for.
    pub(super) limits: ViewerLimits,
    /// It is to decide again which of them it shows.
    pub(super) reconsiders: bool,
    /// The lines of the answer that the response to an ICE restart repeats.
    pub(super) section: Box<str>,
    /// Of a viewer that was sent an offer of ours, which it has not answered.
    pub(super) countered: Option<Box<Countered>>,
    /// It is no viewer, but a media server that the stream is sent to.
    pub(super) output: Option<Rc<Link>>,
    /// The socket that it has to itself.
    pub(super) own_socket: Option<ConnectionId>,
    /// The viewer's addresses as routes and connections know them: see [`Session::addresses`].
    bound: Vec<(Remote, Option<Instant>)>,
    /// Those of them that the gateway's TURN server is to let in.
    beyond: Vec<Beyond>,
}

/// What the log lines of a viewer depend on.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) connected: bool,
    pub(super) failed: bool,
    /// Why the library ends the session; `None`: the viewer does.
    pub(super) closing: Option<String>,
}

impl Table {
    /// The row of the next viewer.
    pub(super) fn vacant(&self) -> usize {
        self.viewers.vacant_key()
    }

    /// Adds a viewer.
    pub(super) fn insert(&mut self, viewer: Viewer) -> usize {
        self.viewers.insert(Box::new(viewer))
    }

    pub(super) fn remove(&mut self, row: usize) -> Viewer {
        *self.viewers.remove(row)
    }

    pub(super) fn get(&self, row: usize) -> Option<&Viewer> {
        self.viewers.get(row).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, row: usize) -> Option<&mut Viewer> {
        self.viewers.get_mut(row).map(Box::as_mut)
    }

    /// The viewer in a row, if its session is still this one.
    pub(super) fn find(&mut self, row: usize, id: SessionId) -> Result<&mut Viewer> {
        let viewer = self.get_mut(row);
        viewer
            .filter(|viewer| viewer.id == id)
            .ok_or_else(|| no_session(id))
    }

    /// The first viewer from a row on.
    pub(super) fn next(&self, from: usize) -> Option<(usize, &Viewer)> {
        (from..self.viewers.capacity()).find_map(|row| Some((row, self.get(row)?)))
    }

    pub(super) fn len(&self) -> usize {
        self.viewers.len()
    }

    /// Makes sure that a row is woken at `due` at the latest.
    pub(super) fn arm(&mut self, row: usize, due: Option<Instant>) {
        self.deadlines.arm(row, due);
    }

    /// When the first row is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// A row that is due, which is then no longer armed.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        self.deadlines.pop_due(now)
    }
}

impl Viewer {
    pub(super) fn new(
        id: SessionId,
        stream: StreamId,
        identity: ViewerIdentity,
        session: Session,
        limits: ViewerLimits,
        section: Box<str>,
    ) -> Self {
        Viewer {
            id,
            stream,
            identity,
            visit: Visit::default(),
            session,
            talk: None,
            watching: Vec::new(),
            narrow: false,
            limits,
            reconsiders: false,
            section,
            countered: None,
            output: None,
            own_socket: None,
            bound: Vec::new(),
            beyond: Vec::new(),
        }
    }

    /// Whether it is a wall, which belongs to no stream.
    pub(super) fn is_wall(&self) -> bool {
        self.stream == StreamId::NONE
    }

    /// Routes the viewer's current addresses, and no others, to it; of connections, it has those that it knows.
    pub(super) fn bind(
        &mut self,
        routes: &Routes,
        connections: &mut Connections,
        location: SessionLocation,
    ) {
        self.hold_beyond(&connections.by_server, location);
        if self.session.addresses().eq(self.bound.iter().copied()) {
            return;
        }
        let known: Vec<_> = self.session.addresses().collect();
        for (gone, _) in &self.bound {
            if known.iter().all(|(address, _)| address != gone) {
                release(*gone, routes, connections, location);
            }
        }
        for new in known.iter().filter(|known| !self.bound.contains(known)) {
            let (remote, answered) = *new;
            match (remote.way(), answered) {
                (Way::Connection(id), _) => connections.proven(id),
                // What was allocated says where it comes from.
                (Way::Relay(_), _) => {}
                (Way::Server(peer, by), answered) => {
                    let server = &connections.by_server;
                    server.bound((peer, by), answered.is_some(), location);
                }
                (Way::Socket(address), Some(_)) => routes.own(address, location),
                (Way::Socket(address), None) => routes.claim(address, location),
                // Nobody else has that socket.
                (Way::Own(..), _) => {}
            }
        }
        self.bound = known;
    }

    /// Sees to it that the gateway's TURN server lets in the viewer where it has answered, and has a channel for media.
    fn hold_beyond(&mut self, by_server: &ByServer, location: SessionLocation) {
        let selected = self.session.selected();
        let held = || {
            self.session.addresses().filter_map(|(remote, answered)| {
                let Way::Server(peer, by) = remote.way() else {
                    return None;
                };
                answered?;
                Some(by_server.beyond((peer, by), selected == Some(remote)))
            })
        };
        if held().eq(self.beyond.iter().copied()) {
            return;
        }
        let held: Vec<Beyond> = held().collect();
        for &new in held.iter().filter(|held| !self.beyond.contains(held)) {
            by_server.hold(new, location);
        }
        self.beyond = held;
    }

    /// Removes all routes to the viewer, and closes its connections.
    pub(super) fn unbind(
        &mut self,
        routes: &Routes,
        connections: &mut Connections,
        location: SessionLocation,
    ) {
        for (gone, _) in self.bound.drain(..) {
            release(gone, routes, connections, location);
        }
        connections.relays.close_all(routes, location);
        if let Some(id) = self.own_socket.take() {
            connections.own_sockets.close(id);
        }
    }

    /// The session at this moment; `held_back` as [`Core::held_back`](super::core::Core::held_back)
    /// says it.
    pub(super) fn info(&self, now: Instant, held_back: Option<String>) -> SessionInfo {
        let session = &self.session;
        let figures = session.figures();
        SessionInfo {
            stream: self.stream,
            viewer: self.identity.clone(),
            state: session.state(),
            srtp_profile: session.srtp_profile(),
            remote: session.remote(),
            protocol: session.protocol(),
            bytes_sent: figures.bytes,
            packets_sent: figures.packets,
            nacks: figures.nacks,
            retransmits: figures.retransmits,
            padding_packets: figures.padding_packets,
            padding_bytes: figures.padding_bytes,
            plis: figures.plis,
            rejected: figures.rejected,
            overflows: figures.overflows,
            stills: figures.stills,
            skips: figures.skips,
            sheds: figures.sheds,
            quality: session.quality(),
            held_back,
            slots: Vec::new(),
            switches: figures.switches,
            round_trip: figures.round_trip,
            loss_ppm: figures.loss_ppm,
            age: now.saturating_duration_since(session.created()),
        }
    }
}

/// A viewer has this address no longer.
fn release(
    remote: Remote,
    routes: &Routes,
    connections: &mut Connections,
    location: SessionLocation,
) {
    match remote.way() {
        Way::Socket(address) => routes.release(address, location),
        Way::Relay(id) => connections.relays.close(id, routes, location),
        Way::Server(peer, by) => connections.by_server.release((peer, by), location),
        Way::Connection(id) => connections.close(id),
        // The socket stays until the session ends.
        Way::Own(..) => {}
    }
}
