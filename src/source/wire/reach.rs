//! How near the addresses are that we connect to. A camera may redirect to another, but not to what only
//! this machine or its link can reach: that is not the camera's to see, or to have asked.

use std::net::{IpAddr, SocketAddr};
use std::{error, fmt, io};

use tokio::net::TcpStream;

use super::lookup::lookup;

/// From the nearest to the farthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// This machine.
    Machine,
    /// The network that an interface is in.
    Link,
    Network,
}

impl Reach {
    pub fn of(address: IpAddr) -> Reach {
        let address = address.to_canonical();
        let is_link_local = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        match address {
            // Systems take an unspecified address for their own.
            _ if address.is_loopback() || address.is_unspecified() => Reach::Machine,
            _ if is_link_local => Reach::Link,
            _ => Reach::Network,
        }
    }
}

/// All addresses of a host are nearer than they may be.
#[derive(Debug)]
pub struct TooNear;

impl fmt::Display for TooNear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is of this machine or of its link")
    }
}

impl error::Error for TooNear {}

/// Connects to the first of a host's addresses that is no nearer than this and answers.
pub async fn connect(host: &str, port: u16, nearest: Reach) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup(host, port).await? {
        let connected = match Reach::of(SocketAddr::ip(&address)) < nearest {
            true => Err(io::Error::other(TooNear)),
            false => TcpStream::connect(address).await,
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_near_as_they_are() {
        for (address, reach) in [
            ("127.0.0.1", Reach::Machine),
            ("127.9.9.9", Reach::Machine),
            ("0.0.0.0", Reach::Machine),
            ("::1", Reach::Machine),
            ("::", Reach::Machine),
            ("::ffff:127.0.0.1", Reach::Machine),
            ("169.254.169.254", Reach::Link),
            ("::ffff:169.254.1.1", Reach::Link),
            ("fe80::1", Reach::Link),
            ("192.168.1.2", Reach::Network),
            ("2001:db8::1", Reach::Network),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }

    #[test]
    fn nothing_nearer_is_connected_to_whatever_its_name() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port();
            for host in ["127.0.0.1", "0.0.0.0", "localhost"] {
                let error = connect(host, port, Reach::Network).await.unwrap_err();
                assert!(error.get_ref().is_some_and(|error| error.is::<TooNear>()));
            }
            assert!(listener.accept().is_err());
            connect("127.0.0.1", port, Reach::Machine).await.unwrap();
        });
    }
}
