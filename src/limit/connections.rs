//! The limits on connections, and which one is closed for a new one.
//!
//! A connection is needed while its request is answered, and dispensable otherwise: idle, or with a
//! head or a body still outstanding. A client that sends slowly thus keeps nobody out. If all are being
//! answered, those that wait longer than others make room: nobody can occupy all places by requests
//! for a camera that is away. An address that has its share of all connections replaces its own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::Complaint;

/// A connection whose request takes longer than this waits for something, such as a camera or the
/// host's decision. It may be closed for a new one if no other can.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The connections of a listener, or those over which nobody has shown yet that it may.
pub struct Connections {
    limit: usize,
    per_peer: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_id: u64,
    entries: HashMap<u64, Entry>,
}

struct Entry {
    peer: IpAddr,
    /// Since when it is dispensable, or busy.
    since: Instant,
    busy: bool,
    close: Arc<Notify>,
}

impl Connections {
    /// No connections, and at most `limit` from now on, of which an address may have `per_peer`.
    pub fn new(limit: usize, per_peer: usize) -> Self {
        Connections {
            limit,
            per_peer,
            open: Mutex::default(),
        }
    }

    /// The next connection, which is still to be admitted. If the system gives none, makes room, and tries again;
    /// `what` is said of it in the log now and then, as each descriptor that comes free may end it for a moment.
    pub async fn accept(
        &self,
        listener: &TcpListener,
        complaint: &mut Complaint,
        what: &str,
    ) -> (TcpStream, SocketAddr) {
        loop {
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    if complaint.is_due(Instant::now()) {
                        log::warn!("{what}: {error}");
                    }
                    self.make_room();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Admits a new connection, which replaces a dispensable one at a limit. `None`: all are busy.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Connection> {
        self.admit_at(peer, Instant::now())
    }

    fn admit_at(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Connection> {
        let peer = owner(peer);
        let mut open = self.open.lock();
        let own = open.entries.values().filter(|entry| entry.peer == peer);
        if own.count() >= self.per_peer {
            open.displace(now, |entry| entry.peer == peer)?;
        } else if open.entries.len() >= self.limit {
            open.displace(now, |_| true)?;
        }
        open.last_id += 1;
        let id = open.last_id;
        let close = Arc::new(Notify::new());
        open.entries.insert(
            id,
            Entry {
                peer,
                since: now,
                busy: false,
                close: Arc::clone(&close),
            },
        );
        Some(Connection {
            connections: Arc::clone(self),
            id,
            close,
        })
    }

    /// Closes a dispensable connection, because the system has no room for a new one.
    fn make_room(&self) {
        self.open.lock().displace(Instant::now(), |_| true);
    }
}

/// Whose connection it is: an IPv6 client has a network of 2^64 addresses.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

impl Open {
    /// Closes the connection that is dispensable for longest, of those in question.
    fn displace(&mut self, now: Instant, in_question: impl Fn(&Entry) -> bool) -> Option<()> {
        let dispensable = |entry: &Entry| !entry.busy || now - entry.since >= PATIENCE;
        let entries = self.entries.iter();
        let (&id, _) = entries
            .filter(|(_, entry)| in_question(entry) && dispensable(entry))
            .min_by_key(|(_, entry)| (entry.busy, entry.since))?;
        self.entries.remove(&id)?.close.notify_one();
        Some(())
    }
}

/// A connection that counts until it is dropped.
pub struct Connection {
    connections: Arc<Connections>,
    id: u64,
    close: Arc<Notify>,
}

impl Connection {
    /// Returns when the connection must make room for another one.
    pub async fn closed(&self) {
        self.close.notified().await;
    }

    /// Marks the connection as busy with a request until dropped.
    #[cfg_attr(not(any(feature = "http", test)), expect(dead_code))]
    pub fn busy(&self) -> Busy<'_> {
        self.set_busy(true);
        Busy(self)
    }

    fn set_busy(&self, busy: bool) {
        if let Some(entry) = self.connections.open.lock().entries.get_mut(&self.id) {
            entry.busy = busy;
            entry.since = Instant::now();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.open.lock().entries.remove(&self.id);
    }
}

/// See [`Connection::busy`].
pub struct Busy<'a>(&'a Connection);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set_busy(false);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_closed(connection: &Connection) -> bool {
        connection.closed().now_or_never().is_some()
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn connections(limit: usize, per_peer: usize) -> Arc<Connections> {
        Arc::new(Connections::new(limit, per_peer))
    }

    #[test]
    fn the_one_idle_for_longest_makes_room() {
        let connections = connections(2, 2);
        let first = connections.admit(peer(1)).unwrap();
        let second = connections.admit(peer(2)).unwrap();
        drop(first.busy()); // now the second is idle for longer
        let third = connections.admit(peer(3)).unwrap();
        assert!(is_closed(&second));
        assert!(!is_closed(&first) && !is_closed(&third));
    }

    #[test]
    fn busy_ones_stay_and_new_ones_are_refused() {
        let connections = connections(2, 2);
        let places = [1, 2].map(|last| connections.admit(peer(last)).unwrap());
        let busy = places.each_ref().map(Connection::busy);
        let now = Instant::now();
        assert!(connections.admit_at(peer(3), now).is_none());
        // Those that wait for a camera do not keep all others out.
        assert!(connections.admit_at(peer(3), now + PATIENCE).is_some());
        assert!(is_closed(&places[0]) && !is_closed(&places[1]));
        drop(busy);
        assert!(connections.admit(peer(3)).is_some());
    }

    #[test]
    fn an_address_that_has_its_share_replaces_its_own() {
        let connections = connections(4, 2);
        let other = connections.admit(peer(1)).unwrap();
        let [oldest, newer] = [2, 2].map(|last| connections.admit(peer(last)).unwrap());
        let newest = connections.admit(peer(2)).unwrap();
        assert!(is_closed(&oldest));
        assert!(!is_closed(&other) && !is_closed(&newer));
        let busy = [newer.busy(), newest.busy()];
        assert!(connections.admit(peer(2)).is_none());
        assert!(connections.admit(peer(3)).is_some());
        drop(busy);
    }

    #[test]
    fn an_address_is_a_client() {
        for (one, other, same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let owners = [one, other].map(|address| owner(address.parse().unwrap()));
            assert_eq!(owners[0] == owners[1], same, "{one} {other}");
        }
    }

    #[test]
    fn a_place_is_free_when_its_connection_ends() {
        let connections = connections(1, 1);
        for _ in 0..3 {
            let connection = connections.admit(peer(1)).unwrap();
            assert!(!is_closed(&connection));
        }
        assert!(connections.open.lock().entries.is_empty());
    }
}
