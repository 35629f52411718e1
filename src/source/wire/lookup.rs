//! DNS lookups of the names of cameras.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

/// Lookups at a time. Each has a thread, for half a minute where no name server answers.
static LOOKUPS: Semaphore = Semaphore::const_new(256);
/// What the system's resolver needs, with room to spare.
const STACK: usize = 512 * 1024;

/// The addresses of a host. The system's resolver cannot be canceled: a thread that nobody waits for any
/// more ends by itself, and uses nothing of the gateway.
pub async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let permit = LOOKUPS.try_acquire().map_err(|_| {
        io::Error::other("too many DNS lookups are waiting: the name server does not answer")
    })?;
    let name = (host.to_owned(), port);
    let (found, answer) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("rwg-lookup".to_owned())
        .stack_size(STACK);
    let started = thread.spawn(move || {
        let _ = found.send(name.to_socket_addrs().map(Iterator::collect));
        drop(permit);
    });
    if let Err(error) = started {
        let why = format!("no thread can be started for the DNS lookup: {error}");
        return Err(io::Error::new(error.kind(), why));
    }
    let ended = |_| Err(io::Error::other("the DNS lookup ended without an answer"));
    answer.await.unwrap_or_else(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses() {
        for host in ["127.0.0.1", "::1", "localhost"] {
            let found = lookup(host, 554).await.unwrap();
            assert!(!found.is_empty(), "{host}");
            for address in found {
                assert!(address.ip().is_loopback() && address.port() == 554);
            }
        }
        assert!(lookup("no name", 554).await.is_err());
    }
}
