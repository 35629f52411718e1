//! The TCP port that media may go over where no UDP passes, and its connections.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, SockRef, Type};

use crate::error::{Error, Result, Status};
use crate::system;

/// Connections that the system accepts before this process does: a page of cameras opens many at once.
const BACKLOG: i32 = 256;
/// Bytes that the system takes although they cannot leave yet. What waits beyond that can still be left out.
const NOT_SENT: u32 = 8 << 10;

/// Listens on this address.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    open(address).map_err(|error| {
        Error::new(
            Status::Io,
            format!(
                "cannot listen on TCP {address}, for viewers without UDP: {error}; \
                 set udp_bind to a port that is free for TCP, too, or leave ice_tcp off"
            ),
        )
    })
}

/// Takes over a listener that somebody else has opened; `name` of the option that passes it.
pub fn adopt(listener: TcpListener, name: &str) -> Result<TcpListener> {
    let socket = SockRef::from(&listener);
    let listens = socket.r#type().ok() == Some(Type::STREAM) && listener.local_addr().is_ok();
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let listens = listens && socket.is_listener().unwrap_or(false);
    if !listens {
        return Err(Error::new(
            Status::InvalidArgument,
            format!("{name} is no TCP socket that listens"),
        ));
    }
    listener.set_nonblocking(true).map_err(|error| {
        Error::new(
            Status::Io,
            format!("cannot prepare the TCP socket of {name}: {error}"),
        )
    })?;
    Ok(listener)
}

/// Listens on this address, of IPv6 for both families, alone.
pub fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    // Connections of a process that has ended do not keep the next one from the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    system::set_exclusive(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Prepares a connection for media: what is written leaves at once, and little is kept that cannot.
pub fn tune(stream: &TcpStream) {
    // One that refuses works all the same, with more delay.
    let _ = stream.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(NOT_SENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = SockRef::from(stream).set_send_buffer_size(8 * NOT_SENT as usize);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_connect() {
        let listener =
            listen("[::]:0".parse().unwrap()).or_else(|_| listen("0.0.0.0:0".parse().unwrap()));
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tune(&stream);
        assert!(stream.nodelay().unwrap());
    }

    /// Elsewhere the C API takes none.
    #[cfg(unix)]
    #[test]
    fn only_a_tcp_socket_that_listens_is_taken_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let adopted = adopt(listener, "tcp_fd").unwrap();
        assert_eq!(adopted.local_addr().unwrap(), address);
        let bound = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        let udp = socket2::Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        for wrong in [bound, udp] {
            let error = adopt(wrong.into(), "tcp_fd").unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains("tcp_fd"), "{error}");
        }
    }

    #[test]
    fn a_program_that_shares_ports_does_not_get_this_one() {
        let listener = open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let other = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_address(true).unwrap();
        let taken = other
            .bind(&address.into())
            .and_then(|()| other.listen(BACKLOG));
        assert!(taken.is_err());
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = listen(address).unwrap_err();
        assert_eq!(error.status(), Status::Io);
        assert!(error.message().contains(&address.to_string()), "{error}");
    }
}
