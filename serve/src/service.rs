//! What a service manager is told, and what it passes: systemd's protocols.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use listenfd::ListenFd;

use crate::exit::{Code, Failure};

/// Sockets that were passed (sd_listen_fds(3)).
#[derive(Default)]
pub struct Sockets {
    /// For media.
    pub udp: Option<UdpSocket>,
    /// For HTTP.
    pub http: Option<TcpListener>,
    /// For media of viewers without UDP.
    pub tcp: Option<TcpListener>,
}

impl Sockets {
    /// Takes them.
    pub fn passed() -> Result<Sockets, Failure> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Sockets::default();
        let strange = |index: usize| {
            let text = format!(
                "the socket at LISTEN_FDS index {index} is of no use: one UDP socket and up to two TCP sockets \
                 that listen are taken"
            );
            Failure::new(Code::Usage, text)
        };
        for index in 0..passed.len() {
            // What is no UDP socket stays in its place.
            if let Ok(Some(udp)) = passed.take_udp_socket(index) {
                if sockets.udp.replace(udp).is_some() {
                    return Err(strange(index));
                }
                continue;
            }
            let Ok(Some(tcp)) = passed.take_tcp_listener(index) else {
                return Err(strange(index));
            };
            let place = match (&sockets.http, &sockets.tcp) {
                (None, _) => &mut sockets.http,
                (_, None) => &mut sockets.tcp,
                _ => return Err(strange(index)),
            };
            *place = Some(tcp);
        }
        Ok(sockets)
    }
}

/// What the program says of itself.
pub enum News<'a> {
    /// It serves.
    Ready,
    /// It reads its configuration again.
    Reloading,
    /// It ends, within this time.
    Stopping(Duration),
    /// It is alive.
    Watchdog,
    /// For people.
    Status(&'a str),
}

/// Tells the service manager (sd_notify(3)). Does nothing where there is none.
#[cfg(target_os = "linux")]
pub fn tell(news: &News<'_>) {
    use rustix::time::{ClockId, clock_gettime};

    let message = match news {
        News::Ready => "READY=1".to_owned(),
        News::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
            format!("RELOADING=1\nMONOTONIC_USEC={micros}")
        }
        // For more than the service manager gives by itself (TimeoutStopSec).
        News::Stopping(within) => {
            format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", within.as_micros())
        }
        News::Watchdog => "WATCHDOG=1".to_owned(),
        News::Status(text) => format!("STATUS={}", text.replace('\n', " ")),
    };
    if let Err(error) = send(&message) {
        log::debug!("the service manager cannot be told: {error}");
    }
}

#[cfg(target_os = "linux")]
fn send(message: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    let sent = UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address);
    sent.map(|_| ())
}

#[cfg(not(target_os = "linux"))]
pub fn tell(_: &News<'_>) {}

/// How often the service manager wants to hear that the program is alive, with some time to spare
/// (sd_watchdog_enabled(3)).
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|_| is_ours)?;
    Some(Duration::from_micros(micros / 4))
}
