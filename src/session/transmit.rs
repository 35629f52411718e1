//! How a session hands datagrams to the network.

use std::net::{IpAddr, SocketAddr};

/// The two ends of a session's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The viewer's address.
    pub remote: SocketAddr,
    /// Our address that the viewer sends to, where the system told. Answers must come from it on
    /// a host with several addresses.
    pub local: Option<IpAddr>,
}

/// The network takes no more at the moment; the same datagrams may be offered again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

/// Where datagrams go: the worker's socket, or a simulated network in tests.
pub trait Transmit {
    /// Sends `contents`, cut into datagrams of `segment` bytes (the last may be shorter).
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock>;

    /// Most datagrams that one call takes.
    fn max_segments(&self) -> usize;
}
