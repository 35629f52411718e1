//! The one UDP socket that carries all viewers, and others like it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn_udp::UdpSocketState;
use socket2::{Domain, Protocol, SockRef, Type};

use crate::error::{Error, Result, Status};
use crate::system;
use crate::tuning::{Key, Tuning};

/// The socket's send buffer is full at the moment.
pub struct WouldBlock;

/// The buffer size requested from the system if the host sets none, in bytes.
const LARGE_BUFFER: usize = 8 << 20;
/// Of a socket that one session has to itself: what it sends in a second at 8 Mbit/s.
const OWN_BUFFER: usize = 1 << 20;

/// The socket. Every worker sends on it; one thread receives.
#[derive(Debug)]
pub struct Socket {
    io: std::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// It is one of IPv6 that takes no IPv4.
    only_v6: bool,
    /// Sends that the system refused, other than for lack of buffer space; those of sockets beside it as well.
    errors: Arc<AtomicU64>,
}

impl Socket {
    /// Binds. `None`: all addresses of IPv6 and IPv4, or of IPv4 where the host has no IPv6.
    pub fn bind(address: Option<SocketAddr>, tuning: &Tuning) -> Result<Socket> {
        let bound = match address {
            Some(address) => open(address, false),
            None => open((Ipv6Addr::UNSPECIFIED, 0).into(), false)
                .or_else(|_| open((Ipv4Addr::UNSPECIFIED, 0).into(), false)),
        };
        let (io, state) = bound.map_err(|error| {
            let wanted = address.map_or("any address".to_owned(), |a| a.to_string());
            Error::new(
                Status::Io,
                format!("cannot bind the UDP socket to {wanted}: {error}"),
            )
        })?;
        Socket::new(io, state, tuning)
    }

    /// Takes over a socket that somebody else has bound.
    pub fn adopt(io: std::net::UdpSocket, tuning: &Tuning) -> Result<Socket> {
        let is_bound = io.local_addr().is_ok_and(|address| address.port() != 0);
        if SockRef::from(&io).r#type().ok() != Some(Type::DGRAM)
            || !is_bound
            || io.peer_addr().is_ok()
        {
            return Err(Error::new(
                Status::InvalidArgument,
                "udp_fd is no UDP socket that is bound to a port and not connected",
            ));
        }
        let state = UdpSocketState::new((&io).into()).map_err(|error| {
            Error::new(
                Status::Io,
                format!("cannot prepare the UDP socket of udp_fd: {error}"),
            )
        })?;
        Socket::new(io, state, tuning)
    }

    fn new(io: std::net::UdpSocket, state: UdpSocketState, tuning: &Tuning) -> Result<Socket> {
        let local = io.local_addr().map_err(|error| {
            Error::new(
                Status::Io,
                format!("cannot read the address of the UDP socket: {error}"),
            )
        })?;
        let socket = Socket {
            only_v6: local.is_ipv6() && SockRef::from(&io).only_v6().unwrap_or(false),
            io,
            state,
            local,
            errors: Arc::default(),
        };
        socket.size_buffers(tuning, LARGE_BUFFER, log::Level::Warn);
        Ok(socket)
    }

    /// Another one like it for one session, at a port that the system chooses.
    pub fn beside(&self, tuning: &Tuning) -> Result<Socket> {
        let mut address = self.local;
        address.set_port(0);
        let opened = open(address, self.only_v6);
        let opened = opened.and_then(|(io, state)| Ok((io.local_addr()?, io, state)));
        let (local, io, state) = opened.map_err(|error| {
            Error::new(
                Status::Io,
                format!(
                    "cannot open a UDP socket at {}: {error}: {}",
                    address.ip(),
                    advice(&error)
                ),
            )
        })?;
        let socket = Socket {
            io,
            state,
            local,
            only_v6: self.only_v6,
            errors: Arc::clone(&self.errors),
        };
        // What the system does not grant was said when the gateway began.
        socket.size_buffers(tuning, OWN_BUFFER, log::Level::Debug);
        Ok(socket)
    }

    /// `unasked`: the size where the host sets none; `complains`: how loud, if there is less.
    fn size_buffers(&self, tuning: &Tuning, unasked: usize, complains: log::Level) {
        let sock = || (&self.io).into();
        let (send, receive) = (tuning.udp_send_buffer(), tuning.udp_recv_buffer());
        for (key, asked, set, get) in [
            (
                Key::UdpSendBufferBytes,
                send,
                self.state
                    .set_send_buffer_size(sock(), send.unwrap_or(unasked)),
                self.state.send_buffer_size(sock()),
            ),
            (
                Key::UdpRecvBufferBytes,
                receive,
                self.state
                    .set_recv_buffer_size(sock(), receive.unwrap_or(unasked)),
                self.state.recv_buffer_size(sock()),
            ),
        ] {
            let asked = asked.unwrap_or(0);
            let name = key.knob().name;
            match (set, get) {
                (Err(error), _) | (_, Err(error)) => {
                    log::log!(complains, "cannot set {name}: {error}");
                }
                (Ok(()), Ok(given)) if given < asked => {
                    log::log!(
                        complains,
                        "the system granted {given} of the {asked} bytes requested by {name}"
                    );
                }
                (Ok(()), Ok(given)) => log::debug!("{name}: {given}"),
            }
        }
    }

    /// The socket for receiving.
    pub fn io(&self) -> &std::net::UdpSocket {
        &self.io
    }

    /// The system's capabilities: GSO, GRO.
    pub fn state(&self) -> &UdpSocketState {
        &self.state
    }

    /// Where it is bound.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How many sends the system refused, other than for lack of space.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Sends `contents` as datagrams of `segment` bytes; the last may be shorter. `WouldBlock` is the
    /// only error: sends that the system refuses for other reasons are counted, and lost like any
    /// datagram.
    pub fn send(
        &self,
        remote: SocketAddr,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> std::result::Result<(), WouldBlock> {
        let destination = match (self.local, remote) {
            // A dual-stack socket represents IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2).
            (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => remote,
        };
        let transmit = quinn_udp::Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: local,
        };
        match self.state.try_send((&self.io).into(), &transmit) {
            Ok(()) => Ok(()),
            Err(error) if is_full(&error) => Err(WouldBlock),
            Err(error) => {
                // The path is broken (no route, for example); ICE finds out.
                if self.errors.fetch_add(1, Ordering::Relaxed) == 0 {
                    log::warn!("sending to {remote} failed: {error}");
                }
                Ok(())
            }
        }
    }

    /// The most datagrams that one [`Socket::send`] takes.
    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Whether datagrams can be sent to `ip` through it, as far as the family of the address goes.
    pub fn serves_remote(&self, ip: IpAddr) -> bool {
        match self.local.ip() {
            IpAddr::V4(_) => ip.is_ipv4(),
            IpAddr::V6(local) if local.is_unspecified() => ip.is_ipv6() || !self.only_v6,
            IpAddr::V6(_) => ip.is_ipv6(),
        }
    }

    /// Whether a viewer at `ip` can be reached through it.
    pub fn serves(&self, ip: IpAddr) -> bool {
        match self.local.ip() {
            IpAddr::V4(local) => ip.is_ipv4() && (local.is_unspecified() || ip == local),
            IpAddr::V6(local) if local.is_unspecified() => ip.is_ipv6() || !self.only_v6,
            IpAddr::V6(local) => ip == local,
        }
    }
}

#[cfg(unix)]
impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

/// Whether a send may succeed in a moment: the socket's buffer is full, or a queue of the system's.
fn is_full(error: &io::Error) -> bool {
    #[cfg(unix)]
    const FULL: [i32; 2] = [libc::ENOBUFS, libc::ENOMEM];
    /// WSAENOBUFS.
    #[cfg(not(unix))]
    const FULL: [i32; 1] = [10055];
    error.kind() == io::ErrorKind::WouldBlock
        || error
            .raw_os_error()
            .is_some_and(|code| FULL.contains(&code))
}

/// What helps against it.
fn advice(error: &io::Error) -> &'static str {
    #[cfg(unix)]
    const NO_DESCRIPTORS: [i32; 2] = [libc::EMFILE, libc::ENFILE];
    /// WSAEMFILE.
    #[cfg(not(unix))]
    const NO_DESCRIPTORS: [i32; 1] = [10024];
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => "this host does not have the address of udp_bind now",
        io::ErrorKind::AddrInUse => "all ports that the system may choose from are taken",
        _ if error
            .raw_os_error()
            .is_some_and(|code| NO_DESCRIPTORS.contains(&code)) =>
        {
            "allow this process more open files"
        }
        _ => "see what the system says to that",
    }
}

/// `only_v6`: one of IPv6 takes no IPv4.
fn open(address: SocketAddr, only_v6: bool) -> io::Result<(std::net::UdpSocket, UdpSocketState)> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(only_v6)?;
    }
    system::set_exclusive(&socket)?;
    socket.bind(&address.into())?;
    let io = std::net::UdpSocket::from(socket);
    let state = UdpSocketState::new((&io).into())?;
    Ok((io, state))
}

/// The address as the rest of the library represents it: IPv4-mapped IPv6 addresses become IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_as_large_as_asked() {
        let size = |bytes| {
            let keys = [Key::UdpSendBufferBytes, Key::UdpRecvBufferBytes];
            let tuning = Tuning::new(&keys.map(|key| (key, bytes))).unwrap();
            let socket = Socket::bind(None, &tuning).unwrap();
            let sock = || (&socket.io).into();
            let send = socket.state.send_buffer_size(sock()).unwrap();
            (send, socket.state.recv_buffer_size(sock()).unwrap())
        };
        // Linux doubles the requested size, for its own bookkeeping.
        let (send, receive) = size(65_536);
        assert!((65_536..=131_072).contains(&send), "{send}");
        assert!((65_536..=131_072).contains(&receive), "{receive}");
        let (large_send, large_receive) = size(0);
        assert!(large_send > send && large_receive > receive);
    }

    #[test]
    fn a_program_that_shares_ports_does_not_get_this_one() {
        let ours = Socket::bind(None, &Tuning::default()).unwrap();
        let port = ours.local().port();
        let other = socket2::Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        other.set_reuse_address(true).unwrap();
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        assert!(other.bind(&address.into()).is_err());
    }

    #[test]
    fn only_a_udp_socket_that_is_bound_is_taken_over() {
        let bound = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = bound();
        let local = socket.local_addr().unwrap();
        let taken = Socket::adopt(socket, &Tuning::default()).unwrap();
        assert_eq!(taken.local(), local);
        let connected = bound();
        connected.connect(local).unwrap();
        let unbound = socket2::Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        let stream = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        for wrong in [connected, unbound.into(), stream.into()] {
            let error = Socket::adopt(wrong, &Tuning::default()).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
        }
    }

    #[test]
    fn a_socket_of_ipv6_alone_serves_no_ipv4() {
        let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM, None);
        let Ok(socket) = socket else {
            return;
        };
        socket.set_only_v6(true).unwrap();
        let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
        if socket.bind(&any.into()).is_err() {
            return;
        }
        let socket = Socket::adopt(socket.into(), &Tuning::default()).unwrap();
        let own = socket.beside(&Tuning::default()).unwrap();
        for socket in [socket, own] {
            assert!(!socket.serves(Ipv4Addr::LOCALHOST.into()));
            assert!(socket.serves(Ipv6Addr::LOCALHOST.into()));
        }
    }

    #[test]
    fn a_socket_beside_another_is_like_it_and_smaller() {
        let address = "127.0.0.1:0".parse().unwrap();
        let socket = Socket::bind(Some(address), &Tuning::default()).unwrap();
        let own = socket.beside(&Tuning::default()).unwrap();
        assert_eq!(own.local().ip(), socket.local().ip());
        assert_ne!(own.local().port(), socket.local().port());
        let size = |of: &Socket| of.state.send_buffer_size((&of.io).into()).unwrap();
        assert!(size(&own) <= 2 * OWN_BUFFER && size(&own) <= size(&socket));
        // What one of them could not send counts for all.
        let nowhere = "[2001:db8::1]:9".parse().unwrap();
        assert!(own.send(nowhere, None, &[1], 1).is_ok());
        assert_eq!((own.errors(), socket.errors()), (1, 1));
    }

    #[cfg(unix)]
    #[test]
    fn who_has_no_descriptors_is_told_what_helps() {
        let advice = |code| advice(&io::Error::from_raw_os_error(code));
        assert!(advice(libc::EMFILE).contains("more open files"));
        assert!(advice(libc::EADDRNOTAVAIL).contains("udp_bind"));
    }

    #[cfg(unix)]
    #[test]
    fn a_system_without_room_is_no_broken_path() {
        let is_full = |code| is_full(&io::Error::from_raw_os_error(code));
        for code in [libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM] {
            assert!(is_full(code), "{code}");
        }
        for code in [libc::ENETUNREACH, libc::EPERM, libc::EMSGSIZE] {
            assert!(!is_full(code), "{code}");
        }
    }
}
