//! Keeps a client of servers on the network going: the client does no I/O and reads no clock, this does.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::net::Socket;
use crate::random;
use crate::source::lookup;
use crate::stun::{Action, Asks, Name, Report};

/// Complaints that are remembered, at most.
const MAX_SAID: usize = 64;

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
        let mut complaints = Complaints::default();
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
            self.complain(&mut complaints);
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

    /// Tells the log what is wrong with servers.
    fn complain(&self, complaints: &mut Complaints) {
        let reports = self.client().reports();
        for (server, message) in complaints.new_ones(reports) {
            log::warn!("{} server {server}: {message}", C::PROTOCOL);
        }
    }
}

/// What has been said of servers since they worked last: one with several addresses may fail at each in turn.
#[derive(Default)]
struct Complaints {
    said: Vec<(String, String)>,
}

impl Complaints {
    /// What is wrong and has not been said: the server, and the sentence.
    fn new_ones<Given>(&mut self, reports: Vec<Report<Given>>) -> Vec<(String, String)> {
        let is_true = |(server, message): &(String, String)| {
            let mut of = reports.iter().filter(|report| report.server == *server);
            of.clone().any(|report| report.message == *message)
                || of.all(|report| !report.message.is_empty())
        };
        self.said.retain(is_true);
        let mut new = Vec::new();
        for report in reports
            .into_iter()
            .filter(|report| !report.message.is_empty())
        {
            let complaint = (report.server, report.message);
            if !self.said.contains(&complaint) {
                if self.said.len() == MAX_SAID {
                    self.said.remove(0);
                }
                self.said.push(complaint.clone());
                new.push(complaint);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(server: &str, message: &str) -> Report<()> {
        Report {
            server: server.to_owned(),
            given: None,
            message: message.to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_with_a_server_is_said_once_until_it_works() {
        let mut complaints = Complaints::default();
        let mut says = |message: &str| {
            let reports = vec![report("one", message), report("two", "")];
            complaints.new_ones(reports).len()
        };
        assert_eq!(says("192.0.2.1 did not answer"), 1);
        assert_eq!(says("192.0.2.2 did not answer"), 1);
        for _ in 0..10 {
            assert_eq!(says("192.0.2.1 did not answer"), 0);
            assert_eq!(says("192.0.2.2 did not answer"), 0);
        }
        assert_eq!(says(""), 0);
        assert_eq!(says("192.0.2.2 did not answer"), 1);
    }

    #[test]
    fn one_address_that_never_works_hides_nothing_of_another() {
        let mut complaints = Complaints::default();
        let mut says = |message: &str| {
            let reports = vec![
                report("one", "2001:db8::1 did not answer"),
                report("one", message),
            ];
            complaints.new_ones(reports).len()
        };
        assert_eq!(says("192.0.2.1 did not answer"), 2);
        for _ in 0..3 {
            assert_eq!(says(""), 0);
            assert_eq!(says("192.0.2.1 did not answer"), 1);
        }
    }

    #[test]
    fn what_has_been_said_is_bounded() {
        let mut complaints = Complaints::default();
        for number in 0..10 * MAX_SAID {
            let new = complaints.new_ones(vec![report("one", &number.to_string())]);
            assert_eq!(new.len(), 1);
        }
        assert_eq!(complaints.said.len(), MAX_SAID);
    }
}
