//! Multicast groups that cameras send to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::Ports;
use super::udp::is_near;

/// Ports below are those of services.
const LEAST_PORT: u16 = 1024;

/// A group, as a camera or its session description names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub address: IpAddr,
    /// Of RTP and of RTCP.
    pub ports: (u16, u16),
    /// The only one who sends, if that was said (RFC 4607).
    pub source: Option<IpAddr>,
}

impl Ports {
    /// Joins a group at the interface with our address, for datagrams of `peer`.
    pub fn join(group: &Group, local: IpAddr, peer: IpAddr) -> io::Result<Ports> {
        let Group { address, ports, .. } = *group;
        if !is_for_media(address) || ports.0.min(ports.1) < LEAST_PORT {
            let why = format!("{address} with port {} is not for media", ports.0);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let source = group.source.filter(|source| is_near(peer, *source));
        let group = Group { source, ..*group };
        let socket = |port| join(&group, port, local);
        Ports::of(socket(group.ports.0)?, socket(group.ports.1)?, peer)
    }
}

/// Whether a camera may send us to this group: not where the protocols of the network itself speak, among
/// them mDNS (RFC 5771 section 4, RFC 4291 section 2.7: scopes of the interface and of the link).
fn is_for_media(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.is_multicast() && group.octets()[..3] != [224, 0, 0],
        IpAddr::V6(group) => group.is_multicast() && group.octets()[1] & 0x0f > 2,
    }
}

fn join(group: &Group, port: u16, local: IpAddr) -> io::Result<Socket> {
    let address = SocketAddr::new(group.address, port);
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    // Several streams, and other programs, may receive a group.
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(target_os = "linux")))]
    socket.set_reuse_port(true)?;
    socket.bind(&bound(address).into())?;
    // Elsewhere the network may not know the difference, and some sources are wrong.
    let source = group.source.filter(|_| is_source_specific(group.address));
    match (group.address, local, source) {
        (IpAddr::V4(group), IpAddr::V4(local), Some(IpAddr::V4(source))) => {
            socket.join_ssm_v4(&source, &group, &local)?;
        }
        (IpAddr::V4(group), IpAddr::V4(local), _) => socket.join_multicast_v4(&group, &local)?,
        (IpAddr::V4(group), ..) => socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?,
        // The interface of the default route.
        (IpAddr::V6(group), ..) => socket.join_multicast_v6(&group, 0)?,
    }
    Ok(socket)
}

/// The range of groups that have one sender each (RFC 4607 section 1).
fn is_source_specific(group: IpAddr) -> bool {
    matches!(group, IpAddr::V4(group) if group.octets()[0] == 232)
}

/// Bound to the group, a socket gets nothing of other groups with the same port. Windows cannot do that.
fn bound(group: SocketAddr) -> SocketAddr {
    if cfg!(unix) {
        return group;
    }
    let any = match group {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, group.port())
}
