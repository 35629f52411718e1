//! What viewers have allocated by TURN over UDP, on the media port. A browser that is told to use relays alone, so that
//! its addresses stay its own, reaches the gateway in no other way.
//!
//! Nothing is relayed to others: what comes by a relay goes to the session whose credentials allocated it, and media goes
//! back to where the messages came from. That address has repeated a nonce, so it is nobody else's. A relay lives until
//! its lifetime is over, its session ends, or the session needs the place for others.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::command::WorkerContext;
use super::core::Core;
use super::demux::Datagram;
use super::local_ice::{LocalCandidates, relayed_address};
use super::registry::SessionLocation;
use super::routes::Routes;
use crate::ids;
use crate::limit::Complaint;
use crate::net::Socket;
use crate::session::framing::{Frames, Wrap};
use crate::session::turn::{self, Heard, Refusal, Relay};
use crate::session::{Carrier, ConnectionId, Path, Relayed, Remote, WouldBlock};

/// Relays of a session: as many as it has paths. A browser has one for each of its addresses.
const PER_SESSION: usize = 8;
/// Bytes that leave by one call: what one datagram may have over IPv4, which bounds a run of them as well.
const RUN: usize = 65_507;

/// The relays over UDP of a worker's viewers.
#[derive(Default)]
pub(super) struct Relays {
    by_id: HashMap<ConnectionId, Entry>,
    /// Those of each session, by its row, the oldest first.
    by_row: HashMap<usize, Vec<ConnectionId>>,
    /// A run in messages of TURN.
    buffer: RefCell<Vec<u8>>,
    /// Requests to relay to others.
    pub(super) complaint: Complaint,
}

struct Entry {
    relay: Relay,
    relayed: Relayed,
    row: usize,
    /// Our address that it was allocated at.
    local: Option<IpAddr>,
    /// When its client sent something last.
    heard: Instant,
}

impl Relays {
    /// Sends `contents` as datagrams of `segment` bytes, from this address of ours as the viewer knows it; so many by one
    /// call. What the viewer does not want is left out.
    pub(super) fn send(
        &self,
        by: (&Socket, usize),
        (id, local): (ConnectionId, Option<IpAddr>),
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        let Some(entry) = self.by_id.get(&id) else {
            // Its session is about to hear that it has ended.
            return Ok(());
        };
        let Some(wrap) = entry.relay.way_from(Instant::now(), local) else {
            return Ok(());
        };
        let buffer = &mut *self.buffer.borrow_mut();
        let to = (entry.relayed.client, entry.local);
        send_framed(by, to, (wrap, buffer), contents, segment)
    }

    /// Its session has no more use for it, or its time is over.
    pub(super) fn close(&mut self, id: ConnectionId, routes: &Routes, place: SessionLocation) {
        let Some(entry) = self.by_id.remove(&id) else {
            return;
        };
        routes.release_relay(entry.relayed.client, place);
        if let Some(own) = self.by_row.get_mut(&entry.row) {
            own.retain(|&other| other != id);
            if own.is_empty() {
                self.by_row.remove(&entry.row);
            }
        }
    }

    /// The session in this row has ended.
    pub(super) fn close_all(&mut self, routes: &Routes, place: SessionLocation) {
        for id in self.of(place.row).to_vec() {
            self.close(id, routes, place);
        }
    }

    fn of(&self, row: usize) -> &[ConnectionId] {
        self.by_row.get(&row).map_or(&[], Vec::as_slice)
    }

    /// What the client at this address has allocated of the session in this row.
    fn find(&self, row: usize, client: SocketAddr) -> Option<ConnectionId> {
        let mut own = self.of(row).iter().copied();
        own.find(|id| {
            let entry = self.by_id.get(id);
            entry.is_some_and(|entry| entry.relayed.client == client)
        })
    }

    /// The one that has to make room for another of the session in this row, if there is no room: what the viewer has left
    /// behind says nothing any more. What media goes by stays.
    fn displaced(&self, row: usize, selected: Option<Remote>) -> Option<ConnectionId> {
        let own = self.of(row);
        if own.len() < PER_SESSION {
            return None;
        }
        let entries = own.iter().filter_map(|id| self.by_id.get(id));
        let others = entries.filter(|entry| Some(Remote::Relay(entry.relayed)) != selected);
        let silent = others.min_by_key(|entry| entry.heard)?;
        Some(silent.relayed.id)
    }
}

/// Sends datagrams in messages of TURN, from this address of ours; so many by one call. `Err`: none of them left.
pub(super) fn send_framed(
    (socket, at_once): (&Socket, usize),
    (to, local): (SocketAddr, Option<IpAddr>),
    (wrap, buffer): (Wrap, &mut Vec<u8>),
    contents: &[u8],
    segment: usize,
) -> Result<(), WouldBlock> {
    let step = at_once.min(RUN / (segment + wrap.most())).max(1) * segment;
    for (i, run) in contents.chunks(step).enumerate() {
        let Some(frames) = Frames::new(run, segment, wrap) else {
            continue;
        };
        buffer.clear();
        frames.append_rest(0, buffer);
        let sent = socket.send(to, local, buffer, frames.segment());
        match (i, sent) {
            (_, Ok(())) => {}
            (0, Err(_)) => return Err(WouldBlock),
            // What does not leave behind others is lost on the way.
            (_, Err(_)) => break,
        }
    }
    Ok(())
}

/// What becomes of a message, for the counters and for the log.
pub(super) fn note(
    context: &WorkerContext,
    complaint: &mut Complaint,
    client: SocketAddr,
    heard: &Heard<'_>,
    now: Instant,
) {
    let stats = &context.callers;
    match heard {
        Heard::Allocated(_) => {
            stats.relays.fetch_add(1, Ordering::Relaxed);
        }
        // A browser pairs its relay with all our candidates, that of our own TURN server among them.
        Heard::Refused(_, Refusal::Stranger(to))
            if context
                .allocation
                .as_ref()
                .is_some_and(|own| own.is_at(to.ip())) => {}
        Heard::Refused(_, why) => {
            stats.refused.fetch_add(1, Ordering::Relaxed);
            if let Refusal::Stranger(to) = why
                && complaint.is_due(now)
            {
                log::warn!(
                    "TURN: {client} asked to relay to {to}, which is no address of this gateway: refused"
                );
            }
        }
        Heard::Nothing | Heard::Response(_) | Heard::Over(_) | Heard::Datagram(..) => {}
    }
}

impl Core {
    /// A message of TURN has come from `client` over UDP, to this address of ours. It names the session in this row, or
    /// the client has allocated something of it.
    pub(super) fn relay_over_udp(
        &mut self,
        row: usize,
        client: SocketAddr,
        local: Option<IpAddr>,
        message: &[u8],
    ) {
        let now = Instant::now();
        self.end_relays(row, now, |entry| {
            entry.relay.ends().is_none_or(|ends| ends <= now)
        });
        let context = &self.context;
        let place = SessionLocation {
            worker: context.index,
            row,
        };
        let (Some(authority), Some(viewer)) = (context.turn.as_deref(), self.viewers.get(row))
        else {
            return;
        };
        let selected = viewer.session.selected();
        let at = turn::At {
            now,
            wall: context.clock.wall(now),
            authority,
            session: viewer.id.0,
            client,
            ours: &|| LocalCandidates::new(context, now).all(),
        };
        let relays = &mut self.connections.relays;
        let known = relays.find(row, client);
        let (mut remote, mut displaced) = (None, None);
        let heard = match known.and_then(|id| relays.by_id.get_mut(&id)) {
            Some(entry) => {
                remote = Some(Remote::Relay(entry.relayed));
                entry.heard = now;
                entry.relay.handle(&at, message)
            }
            None => {
                let id = ConnectionId(ids::next());
                let relayed = Relayed {
                    client,
                    id,
                    address: relayed_address(context, id),
                    carrier: Carrier::Udp,
                };
                let mut relay = Relay::new(relayed.address);
                let heard = relay.handle(&at, message);
                if let Heard::Allocated(_) = heard {
                    displaced = relays.displaced(row, selected);
                    context.routes.own_relay(client, place);
                    relays.by_row.entry(row).or_default().push(id);
                    let entry = Entry {
                        relay,
                        relayed,
                        row,
                        local,
                        heard: now,
                    };
                    relays.by_id.insert(id, entry);
                }
                heard
            }
        };
        note(context, &mut relays.complaint, client, &heard, now);
        if let Some(silent) = displaced {
            self.end_relays(row, now, |entry| entry.relayed.id == silent);
        }
        let context = &self.context;
        let respond = |response: &[u8]| {
            // A client that misses it asks again.
            let _ = context.socket.send(client, local, response, response.len());
        };
        match heard {
            Heard::Nothing => {}
            Heard::Response(response)
            | Heard::Allocated(response)
            | Heard::Refused(response, _) => {
                respond(&response);
            }
            Heard::Over(response) => {
                if let Some(response) = response {
                    respond(&response);
                }
                self.end_relays(row, now, |entry| entry.relayed.client == client);
            }
            Heard::Datagram(local, contents) => {
                if let Some(remote) = remote {
                    self.datagram(&Datagram {
                        row,
                        path: Path {
                            remote,
                            local: Some(local),
                        },
                        contents,
                    });
                }
            }
        }
    }

    /// These addresses of the host are gone: who has allocated there gets nothing any more, and allocates elsewhere.
    pub(super) fn relays_gone(&mut self, row: usize, now: Instant, gone: &[IpAddr]) {
        self.end_relays(row, now, |entry| {
            let local = entry.local.map(|ip| ip.to_canonical());
            local.is_some_and(|local| gone.contains(&local))
        });
    }

    /// Ends some relays of a session, which hears of it.
    fn end_relays(&mut self, row: usize, now: Instant, which: impl Fn(&Entry) -> bool) {
        let relays = &mut self.connections.relays;
        let place = SessionLocation {
            worker: self.context.index,
            row,
        };
        let entries = relays.of(row).iter().filter_map(|id| relays.by_id.get(id));
        let ended: Vec<Relayed> = entries
            .filter(|entry| which(entry))
            .map(|entry| entry.relayed)
            .collect();
        for relayed in ended {
            let relays = &mut self.connections.relays;
            relays.close(relayed.id, &self.context.routes, place);
            let remote = Remote::Relay(relayed);
            self.with_session(row, now, |session, io| session.handle_lost(remote, io));
        }
    }
}
