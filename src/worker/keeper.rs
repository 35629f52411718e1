//! Keeps a client of servers on the network going: the client does no I/O and reads no clock, this does.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::net::Socket;
use crate::random;
use crate::source::lookup;
use crate::stun::{Action, Asks, Name};

/// A client, for all threads.
pub(super) struct Keeper<C> {
    client: Mutex<C>,
    /// The client has something new to do.
    news: Notify,
}

impl<C: Asks> Keeper<C> {
    pub(super) fn new(client: C) -> Keeper<C> {
        Keeper {
            client: Mutex::new(client),
            news: Notify::new(),
        }
    }

    /// The client, to be asked or told something.
    pub(super) fn client(&self) -> MutexGuard<'_, C> {
        self.client.lock()
    }

    /// Tells it something that it may have to act on.
    pub(super) fn tell(&self, news: impl FnOnce(&mut C)) {
        news(&mut self.client());
        self.wake();
    }

    /// It has something new to do.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// Does what it asks for, from this socket, for as long as it is polled. `other`: what it asks for that others do not.
    /// `settled`: it has nothing more to do for now.
    pub(super) async fn keep(
        self: Arc<Self>,
        socket: &Socket,
        mut other: impl FnMut(C::Other),
        mut settled: impl FnMut(),
    ) {
        let mut said = Vec::new();
        loop {
            while let Some(action) = self.poll() {
                match action {
                    // Repeated if it does not leave.
                    Action::Send(to, local, request) => {
                        let _ = socket.send(to, local, &request, request.len());
                    }
                    Action::Resolve(number, name) => {
                        let keeper = Arc::clone(&self);
                        tokio::task::spawn_local(
                            async move { keeper.resolve(number, &name).await },
                        );
                    }
                    Action::Other(action) => other(action),
                }
            }
            settled();
            self.complain(&mut said);
            let due = self.client().next_due();
            match due {
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = self.news.notified() => {}
                },
                // No name is known yet.
                None => self.news.notified().await,
            }
        }
    }

    fn poll(&self) -> Option<Action<C::Other>> {
        let action = self.client().poll(Instant::now(), &mut random::number);
        action.unwrap_or_else(|error| {
            log::error!("cannot ask {} servers: {error}", C::PROTOCOL);
            None
        })
    }

    async fn resolve(&self, number: usize, name: &Name) {
        let found = lookup(&name.host, name.port).await;
        let found = found.map_err(|error| error.to_string());
        let found = found.as_deref().map_err(Clone::clone);
        self.tell(|client| client.resolved(Instant::now(), number, found));
    }

    /// Tells the log what is wrong with a server, once.
    fn complain(&self, said: &mut Vec<(String, String)>) {
        let reports = self.client().reports().into_iter();
        let wrong = reports.filter(|report| !report.message.is_empty());
        let wrong: Vec<_> = wrong
            .map(|report| (report.server, report.message))
            .collect();
        for (server, message) in wrong.iter().filter(|wrong| !said.contains(wrong)) {
            log::warn!("{} server {server}: {message}", C::PROTOCOL);
        }
        *said = wrong;
    }
}
