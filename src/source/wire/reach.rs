//! How near the addresses are that we connect to. A camera may redirect to another, but not to what only
//! this machine or its link can reach: that is not the camera's to see, or to have asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{error, fmt, io};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// How long an address is waited for before the next one is tried as well (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses of one host that are tried.
const MOST_ADDRESSES: usize = 8;

/// Connects to the first of a host's addresses that is no nearer than this and answers.
pub async fn connect(host: &str, port: u16, nearest: Reach) -> io::Result<TcpStream> {
    connect_to_one(lookup(host, port).await?, nearest).await
}

/// One that does not answer, an IPv6 address for example where the network carries only IPv4, does not hold
/// up the others.
async fn connect_to_one(addresses: Vec<SocketAddr>, nearest: Reach) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    let mut connecting = FuturesUnordered::new();
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        if Reach::of(address.ip()) < nearest {
            last = io::Error::other(TooNear);
            continue;
        }
        connecting.push(TcpStream::connect(address));
        let connected = first_of(&mut connecting, &mut last);
        if let Ok(Some(stream)) = timeout(HEAD_START, connected).await {
            return Ok(stream);
        }
    }
    first_of(&mut connecting, &mut last).await.ok_or(last)
}

/// The first that succeeds. `None`: all have failed, the last one with `last`.
async fn first_of(
    connecting: &mut FuturesUnordered<impl Future<Output = io::Result<TcpStream>>>,
    last: &mut io::Error,
) -> Option<TcpStream> {
    while let Some(connected) = connecting.next().await {
        match connected {
            Ok(stream) => return Some(stream),
            Err(error) => *last = error,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

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
    fn an_address_that_does_not_answer_holds_up_no_other() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            // Its queue is full: what comes is not answered.
            let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            silent
                .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
                .unwrap();
            silent.listen(0).unwrap();
            let silent_address = silent.local_addr().unwrap().as_socket().unwrap();
            let mut queue = Vec::new();
            while let Ok(Ok(stream)) =
                timeout(4 * HEAD_START, TcpStream::connect(silent_address)).await
            {
                queue.push(stream);
            }
            let live = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let live = (live.local_addr().unwrap(), live);
            let addresses = vec![silent_address, live.0];
            let connect = connect_to_one(addresses, Reach::Machine);
            let stream = timeout(Duration::from_secs(60), connect).await;
            assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), live.0);
        });
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
