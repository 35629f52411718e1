//! Asks STUN servers for the addresses that a NAT gives the gateway: from the media socket, for as long as it runs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::keeper::Keeper;
use crate::net::{Socket, canonical};
use crate::sdp::answer::Reflexive;
use crate::stun::{self, Asks, Client, Name, Report};

/// The addresses that a NAT gives the gateway, for all workers.
pub struct PublicAddresses(Arc<Keeper<Client>>);

impl Default for PublicAddresses {
    fn default() -> Self {
        PublicAddresses(Arc::new(Keeper::new(Client::default())))
    }
}

impl PublicAddresses {
    /// As these servers see them; the first worker asks.
    pub fn new(now: Instant, servers: Vec<Name>) -> PublicAddresses {
        PublicAddresses(Arc::new(Keeper::new(Client::new(now, servers))))
    }

    /// What is known now.
    pub fn reflexive(&self) -> Vec<Reflexive> {
        self.0.client().reflexive().to_vec()
    }

    /// What is known of each server.
    pub fn reports(&self) -> Vec<Report<Reflexive>> {
        self.0.client().reports()
    }

    /// How often the addresses were others than before.
    pub fn changes(&self) -> u64 {
        self.0.client().changes()
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
        let mut client = self.0.client();
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
        self.0.tell(|client| client.ask_anew(Instant::now()));
    }

    /// Asks for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>, socket: Arc<Socket>) {
        let keeper = Arc::clone(&self.0);
        keeper.keep(&socket, |never| match never {}, || {}).await;
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
