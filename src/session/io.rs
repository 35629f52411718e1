//! What a session asks of the worker that it lives on: time, media, scratch space, the network.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::framing;
use crate::media::{MediaKind, StreamRate, Track};
use crate::state::{Protocol, StreamId};

/// The buffer that packets are sealed into, one per worker: as much as one UDP GSO call takes.
pub type SendBuffer = [u8; 65_000];

/// What a session needs from its worker for the length of one call.
pub struct Io<'a, T: Transmit> {
    /// Current time.
    pub now: Instant,
    /// The media of the streams that the session's legs send.
    pub tracks: &'a dyn Tracks,
    /// Scratch space to seal into.
    pub buffer: &'a mut SendBuffer,
    /// Maximum number of packets per run.
    pub batch: usize,
    /// The network.
    pub transmit: T,
}

/// Where a session finds the media of its legs.
pub trait Tracks {
    /// The media of a stream; `None` while it has none.
    ///
    /// Called once per leg that has something to do, never per packet.
    fn media(&self, stream: StreamId) -> Option<Media<'_>>;

    /// Whether the worker has more to do than time, so that what waits for long is left out.
    fn is_late(&self) -> bool {
        false
    }

    /// The variants of a stream, best first, itself included; empty if it has none.
    ///
    /// Called when a viewer's variant is decided on, never per packet.
    fn variants(&self, stream: StreamId) -> &[StreamId] {
        let _ = stream;
        &[]
    }
}

/// The tracks of one stream.
#[derive(Clone, Copy)]
pub struct Media<'a> {
    /// Video, if the stream has any.
    pub video: Option<&'a Track>,
    /// Audio, if the stream has any.
    pub audio: Option<&'a Track>,
    /// How fast the video comes in.
    pub rate: StreamRate,
}

impl<'a> Media<'a> {
    /// The track of this kind.
    pub fn track(&self, kind: MediaKind) -> Option<&'a Track> {
        match kind {
            MediaKind::Video => self.video,
            MediaKind::Audio => self.audio,
        }
    }
}

/// The two ends of a path between a viewer and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The viewer's end.
    pub remote: Remote,
    /// The address of ours that the viewer sends to, if the system reports it. On a host with
    /// several addresses, answers must come from that one.
    pub local: Option<IpAddr>,
}

/// The viewer's end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// Datagrams come from this address. It may be forged.
    Udp(SocketAddr),
    /// Datagrams come over this TCP connection (RFC 6544), from this address.
    Tcp(SocketAddr, ConnectionId),
    /// Datagrams come in messages of TURN: see [`turn`](super::turn).
    Relay(Relayed),
    /// Datagrams come from this address through a TURN server, where the gateway has an allocation; by which of two.
    Server(SocketAddr, usize),
    /// Datagrams come from this address to a socket that the session has to itself.
    Own(SocketAddr, ConnectionId),
}

/// What a viewer has allocated by TURN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Relayed {
    /// Where its messages come from.
    pub client: SocketAddr,
    /// Its number, and that of its connection if it has one.
    pub id: ConnectionId,
    /// The address that the viewer believes to be its own beyond the relay.
    pub address: SocketAddr,
    /// What carries its messages.
    pub carrier: Carrier,
}

/// What carries the messages of TURN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// UDP, on the media port.
    Udp,
    /// A connection over TCP.
    Tcp,
    /// One that is encrypted.
    Tls,
}

/// The number of a TCP connection, of a relay, or of a session's own socket. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// How datagrams leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the socket, to this address.
    Socket(SocketAddr),
    /// From the socket, in messages of TURN of the relay with this number.
    Relay(ConnectionId),
    /// Over the connection with this number.
    Connection(ConnectionId),
    /// From the socket, through the gateway's TURN server, to this address; by which of its allocations.
    Server(SocketAddr, usize),
    /// From the session's own socket, which has this number, to this address.
    Own(ConnectionId, SocketAddr),
}

impl Remote {
    /// The viewer's address.
    pub fn address(self) -> SocketAddr {
        match self {
            Remote::Udp(address)
            | Remote::Tcp(address, _)
            | Remote::Server(address, _)
            | Remote::Own(address, _) => address,
            Remote::Relay(relayed) => relayed.client,
        }
    }

    /// The viewer's address as ICE has it.
    pub fn mapped(self) -> SocketAddr {
        match self {
            Remote::Relay(relayed) => relayed.address,
            _ => self.address(),
        }
    }

    /// How datagrams leave for it.
    pub fn way(self) -> Way {
        match self {
            Remote::Udp(address) => Way::Socket(address),
            Remote::Server(address, by) => Way::Server(address, by),
            Remote::Own(address, socket) => Way::Own(socket, address),
            Remote::Tcp(_, connection) => Way::Connection(connection),
            Remote::Relay(relayed) => match relayed.carrier {
                Carrier::Udp => Way::Relay(relayed.id),
                Carrier::Tcp | Carrier::Tls => Way::Connection(relayed.id),
            },
        }
    }

    /// The connection that datagrams come over, if it is one.
    pub fn connection(self) -> Option<ConnectionId> {
        match self.way() {
            Way::Connection(id) => Some(id),
            Way::Socket(_) | Way::Relay(_) | Way::Server(..) | Way::Own(..) => None,
        }
    }

    /// What carries the datagrams.
    pub fn protocol(self) -> Protocol {
        match self {
            Remote::Udp(_) | Remote::Own(..) => Protocol::Udp,
            Remote::Tcp(..) => Protocol::Tcp,
            Remote::Server(..) => Protocol::TurnServer,
            Remote::Relay(relayed) => match relayed.carrier {
                Carrier::Udp => Protocol::TurnUdp,
                Carrier::Tcp => Protocol::TurnTcp,
                Carrier::Tls => Protocol::TurnTls,
            },
        }
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Remote {
        Remote::Udp(address)
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address();
        match self.protocol() {
            Protocol::Udp => address.fmt(f),
            other => write!(f, "{address} {}", other.words()),
        }
    }
}

/// The network takes no more at the moment. The media may be offered again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldBlock;

/// Where datagrams go: the worker's sockets, connections, or a simulated network in tests.
pub trait Transmit {
    /// Sends `contents`, cut into datagrams of `segment` bytes. The last one may be shorter.
    ///
    /// Fails only if none of them left: what leaves later under the same packet indices may differ.
    fn transmit(&mut self, path: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock>;

    /// Maximum number of datagrams that one call takes over UDP; over TCP it takes [`TCP_RUN`].
    fn max_segments(&self) -> usize;

    /// Sends one datagram that is no media, and not worth a second attempt: the peer asks again, or the next
    /// report says the same. A connection that takes no more media keeps a few of these.
    fn control(&mut self, path: Path, datagram: &[u8]) {
        let _ = self.transmit(path, datagram, datagram.len());
    }
}

/// Maximum number of datagrams that one call of [`Transmit::transmit`] takes over TCP.
pub const TCP_RUN: usize = framing::MAX_RUN;
