//! Tells when the addresses of this host may have changed. Linux says it; elsewhere they are looked at now and then.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// Multicast groups of routing messages: links, IPv4 addresses, IPv6 addresses (rtnetlink(7)).
    const GROUPS: u32 =
        (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;

    /// The socket on which the system tells of changes. What it says is not read: the interfaces are listed anew.
    #[derive(Debug)]
    pub struct AddressChanges(AsyncFd<OwnedFd>);

    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that close their descriptor; this one does not"
    )]
    fn readiness(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
        AsyncFd::with_interest(socket, Interest::READABLE)
    }

    impl AddressChanges {
        /// Must be called inside a tokio runtime.
        pub fn new() -> io::Result<AddressChanges> {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(AddressChanges(readiness(socket)?))
        }

        /// Waits for a change.
        pub async fn next(&self) -> io::Result<()> {
            loop {
                let mut ready = self.0.readable().await?;
                let mut changed = false;
                loop {
                    let read = |socket: &AsyncFd<OwnedFd>| {
                        // Messages are cut off.
                        let mut message = [0; 16];
                        Ok(recv(
                            socket.get_ref(),
                            &mut message[..],
                            RecvFlags::empty(),
                        )?)
                    };
                    match ready.try_io(read) {
                        Err(_) => break,
                        Ok(Ok(_)) => changed = true,
                        // More than the system could keep.
                        Ok(Err(error)) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                            changed = true
                        }
                        Ok(Err(error)) => return Err(error),
                    }
                }
                if changed {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::io;

    /// This system does not tell.
    #[derive(Debug)]
    pub enum AddressChanges {}

    impl AddressChanges {
        pub fn new() -> io::Result<AddressChanges> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub async fn next(&self) -> io::Result<()> {
            match *self {}
        }
    }
}

pub use system::AddressChanges;
