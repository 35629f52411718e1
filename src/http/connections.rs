//! The limit on connections, and which one is closed for a new one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A connection whose request takes longer than this may be closed for a new one, e.g. that of a viewer
/// that does not read its response.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// The response to a connection above the limit.
pub const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// The connections of a listener.
pub struct Connections {
    limit: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_id: u64,
    entries: HashMap<u64, Entry>,
}

struct Entry {
    /// When it became idle, or began its current request.
    since: Instant,
    busy: bool,
    close: Arc<Notify>,
}

impl Connections {
    /// No connections, and at most `limit` from now on.
    pub fn new(limit: usize) -> Self {
        Connections {
            limit,
            open: Mutex::default(),
        }
    }

    /// Admits a new connection, which replaces an idle one at the limit. `None`: all are busy.
    pub fn admit(self: &Arc<Self>) -> Option<Connection> {
        let now = Instant::now();
        let mut open = self.open.lock();
        if open.entries.len() >= self.limit {
            let id = open.least_needed(now)?;
            if let Some(entry) = open.entries.remove(&id) {
                entry.close.notify_one();
            }
        }
        open.last_id += 1;
        let id = open.last_id;
        let close = Arc::new(Notify::new());
        open.entries.insert(
            id,
            Entry {
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
}

impl Open {
    fn least_needed(&self, now: Instant) -> Option<u64> {
        let dispensable = |entry: &Entry| !entry.busy || now - entry.since >= LONGEST_REQUEST;
        let entries = self.entries.iter().filter(|(_, entry)| dispensable(entry));
        entries
            .min_by_key(|(_, entry)| (entry.busy, entry.since))
            .map(|(&id, _)| id)
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

    #[test]
    fn the_one_idle_for_longest_makes_room() {
        let connections = Arc::new(Connections::new(2));
        let first = connections.admit().unwrap();
        let second = connections.admit().unwrap();
        drop(first.busy()); // now the second is idle for longer
        let third = connections.admit().unwrap();
        assert!(is_closed(&second));
        assert!(!is_closed(&first) && !is_closed(&third));
    }

    #[test]
    fn busy_ones_stay_and_new_ones_are_refused() {
        let connections = Arc::new(Connections::new(2));
        let places = [connections.admit().unwrap(), connections.admit().unwrap()];
        let busy = places.each_ref().map(Connection::busy);
        assert!(connections.admit().is_none());
        drop(busy);
        assert!(connections.admit().is_some());
    }

    #[test]
    fn a_place_is_free_when_its_connection_ends() {
        let connections = Arc::new(Connections::new(1));
        for _ in 0..3 {
            let connection = connections.admit().unwrap();
            assert!(!is_closed(&connection));
        }
        assert!(connections.open.lock().entries.is_empty());
    }
}
