//! What clients of servers on the network have in common. They do no I/O and read no clock.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::Name;
use crate::error::Result;

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<Other = Infallible> {
    /// Look up the name of the server with this number, and tell the client.
    Resolve(usize, Name),
    /// Send a datagram from the media socket; from this address of ours, if it has to be that one.
    Send(SocketAddr, Option<IpAddr>, Vec<u8>),
    /// Something that only this client asks for.
    Other(Other),
}

/// What is known of a server, or of one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<Given> {
    /// As the host named it.
    pub server: String,
    /// What it has given.
    pub given: Option<Given>,
    /// What is wrong; empty if nothing is known to be.
    pub message: String,
}

/// Such a client.
pub trait Asks: Send + 'static {
    /// What its servers speak, for the log.
    const PROTOCOL: &str;
    /// What it asks for that others do not.
    type Other;
    /// What its servers give.
    type Given;

    /// The next thing to do; `random` is for transaction IDs.
    fn poll(
        &mut self,
        now: Instant,
        random: &mut dyn FnMut() -> Result<u64>,
    ) -> Result<Option<Action<Self::Other>>>;

    /// When [`Asks::poll`] has something to do.
    fn next_due(&self) -> Option<Instant>;

    /// The addresses of the server with this number, or why they are not known.
    fn resolved(
        &mut self,
        now: Instant,
        number: usize,
        found: std::result::Result<&[SocketAddr], String>,
    );

    /// What is known of each server.
    fn reports(&self) -> Vec<Report<Self::Given>>;
}
