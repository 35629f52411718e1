//! Asks STUN servers for the addresses that a NAT gives the gateway: from the media socket, for as long as it runs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::net::{Socket, canonical};
use crate::random;
use crate::sdp::answer::Reflexive;
use crate::source::lookup;
use crate::stun::{self, Action, Client, Name, Report};

/// The addresses that a NAT gives the gateway, for all workers.
#[derive(Default)]
pub struct PublicAddresses {
    client: Mutex<Client>,
    /// The client has something new to do.
    news: Notify,
}

impl PublicAddresses {
    /// As these servers see them; the first worker asks.
    pub fn new(now: Instant, servers: Vec<Name>) -> PublicAddresses {
        PublicAddresses {
            client: Mutex::new(Client::new(now, servers)),
            news: Notify::new(),
        }
    }

    /// What is known now.
    pub fn reflexive(&self) -> Vec<Reflexive> {
        self.client.lock().reflexive().to_vec()
    }

    /// What is known of each server.
    pub fn reports(&self) -> Vec<Report> {
        self.client.lock().reports()
    }

    /// How often the addresses were others than before.
    pub fn changes(&self) -> u64 {
        self.client.lock().changes()
    }

    /// Takes a datagram if it is a server's answer. `local`: our address that it was sent to, and where the socket is
    /// bound.
    pub(super) fn take(
        &self,
        from: SocketAddr,
        local: (Option<IpAddr>, SocketAddr),
        datagram: &[u8],
    ) -> bool {
        if !stun::may_be_answer(datagram) {
            return false;
        }
        let (ip, bound) = local;
        let local = canonical(SocketAddr::new(ip.unwrap_or(bound.ip()), bound.port()));
        let mut client = self.client.lock();
        let taken = client.handle(Instant::now(), from, local, datagram);
        if taken == Some(true) {
            let known = client.reflexive().to_vec();
            drop(client);
            say(&known);
        }
        taken.is_some()
    }

    /// The host's own addresses have changed.
    pub(super) fn ask_anew(&self) {
        self.client.lock().ask_anew(Instant::now());
        self.news.notify_one();
    }

    /// Asks for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>, socket: Arc<Socket>) {
        let mut said = Vec::new();
        loop {
            while let Some(action) = self.poll() {
                match action {
                    // Repeated if it does not leave.
                    Action::Send(to, request) => {
                        let _ = socket.send(to, None, &request, request.len());
                    }
                    Action::Resolve(number, name) => {
                        let public = Arc::clone(&self);
                        tokio::task::spawn_local(
                            async move { public.resolve(number, &name).await },
                        );
                    }
                }
            }
            self.complain(&mut said);
            let due = self.client.lock().next_due();
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

    fn poll(&self) -> Option<Action> {
        let action = self.client.lock().poll(Instant::now(), &mut random::number);
        action.unwrap_or_else(|error| {
            log::error!("cannot ask STUN servers: {error}");
            None
        })
    }

    async fn resolve(&self, number: usize, name: &Name) {
        let found = lookup(&name.host, name.port).await;
        let found = found.map_err(|error| error.to_string());
        let found = found.as_deref().map_err(Clone::clone);
        self.client.lock().resolved(Instant::now(), number, found);
        self.news.notify_one();
    }

    /// Tells the log what is wrong with a server, once.
    fn complain(&self, said: &mut Vec<(String, String)>) {
        let reports = self.reports();
        let wrong = reports
            .into_iter()
            .filter(|report| !report.message.is_empty());
        let wrong: Vec<_> = wrong
            .map(|report| (report.server, report.message))
            .collect();
        for (server, message) in wrong.iter().filter(|wrong| !said.contains(wrong)) {
            log::warn!("STUN server {server}: {message}");
        }
        *said = wrong;
    }
}

fn say(known: &[Reflexive]) {
    if known.is_empty() {
        log::info!("no STUN server sees this host behind a NAT any more");
    }
    for Reflexive { public, base } in known {
        log::info!("a NAT gives this host the address {public} for {base}: viewers are told");
    }
}
