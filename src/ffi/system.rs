//! Calls of the system that no crate makes in safe Rust. In this folder for their `unsafe`; the module is `system`.

use tokio::net::TcpStream;

/// glibc keeps what was freed in pieces, to use it again: this gives the whole pages of it back. Takes
/// milliseconds, in which threads that allocate may wait. Other allocators do by themselves what they do.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn release_memory() {
    // SAFETY: malloc_trim() may be called from any thread at any time; 0 leaves nothing in reserve.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn release_memory() {}

/// Makes a connection readable when so many bytes wait, or when it ends. Elsewhere than on Linux it stays readable when
/// anything waits: there, the option may be for calls alone that block.
#[cfg(target_os = "linux")]
pub fn set_low_water(stream: &TcpStream, bytes: usize) {
    use std::os::fd::AsRawFd;
    let bytes = libc::c_int::try_from(bytes).unwrap_or(1);
    // SAFETY: the descriptor is open as long as `stream` is, and the option is a C int, which is read. Without it more
    // is read one by one, so a failure is none.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

#[cfg(not(target_os = "linux"))]
pub fn set_low_water(_: &TcpStream, _: usize) {}

/// On Windows, keeps a port to this socket: otherwise a program that sets `SO_REUSEADDR` binds it, too, and takes what
/// arrives. Before the socket is bound. Elsewhere that option takes no port away from a socket that has not set it.
#[cfg(windows)]
pub fn set_exclusive(socket: &socket2::Socket) -> std::io::Result<()> {
    use std::os::windows::io::AsRawSocket;
    const SOL_SOCKET: libc::c_int = 0xffff;
    const SO_REUSEADDR: libc::c_int = 4;
    const SO_EXCLUSIVEADDRUSE: libc::c_int = !SO_REUSEADDR;
    let on: libc::c_int = 1;
    // SAFETY: the handle is open as long as `socket` is, and the option is a C int, which is read.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_socket() as libc::SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::c_int,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(not(windows))]
pub fn set_exclusive(_: &socket2::Socket) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn what_was_freed_in_pieces_is_given_back() {
        const MIB: u64 = 1 << 20;
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.unwrap().trim_end_matches("kB").trim();
            kib.parse::<u64>().unwrap() * 1024
        };
        // What other tests take and free at the same time is little beside it.
        let mut pieces: Vec<Vec<u8>> = (0..8192).map(|_| vec![1; 16 << 10]).collect();
        // One in a hundred stays, so that no end of the heap becomes free.
        let mut index = 0;
        pieces.retain(|_| {
            index += 1;
            index % 100 == 0
        });
        let before = resident();
        super::release_memory();
        let after = resident();
        assert!(
            after + 64 * MIB < before,
            "{} -> {} MiB",
            before / MIB,
            after / MIB
        );
        drop(pieces);
    }
}
