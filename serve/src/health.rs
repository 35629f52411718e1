//! Asks a gateway that runs how it is: for health checks of containers and service managers.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::args::Health;
use crate::config::{Settings, file};
use crate::exit::{Code, Failure};

/// How long it may take to answer each step.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The first byte of an alert (RFC 8446 section 5.1), by which TLS answers what is not TLS.
const ALERT: u8 = 21;

/// Returns without an error if the gateway is well: it answers over HTTP, and its workers answer it. With HTTPS, only
/// that its listener answers is asked. Of a file, its address alone counts: the rest may be about to change.
pub fn ask(whom: &Health) -> Result<(), Failure> {
    let listen = match whom {
        Health::Config(path) => match file::listen(path)? {
            Some(listen) => listen,
            None => Settings::default().http.listen,
        },
        Health::Address(text) => text.parse().map_err(|_| {
            let text = format!("health wants an address and a port, not {text:?}");
            Failure::new(Code::Usage, text)
        })?,
    };
    let address = local(listen);
    let answer = exchange(address);
    let unwell = |why: String| Failure::new(Code::Unavailable, format!("{address} {why}"));
    let answer = answer.map_err(|error| unwell(format!("does not answer: {error}")))?;
    match answer.first() {
        Some(&ALERT) => Ok(()),
        _ if answer.starts_with(b"HTTP/1.1 204 ") => Ok(()),
        _ => {
            let line = answer
                .split(|&byte| byte == b'\r')
                .next()
                .unwrap_or_default();
            let line = String::from_utf8_lossy(line.get(..line.len().min(80)).unwrap_or_default());
            Err(unwell(format!("answers {line:?}, not that it is well")))
        }
    }
}

/// Where this machine reaches it.
fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The beginning of the answer to a request that the workers have a part in.
fn exchange(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    let request =
        format!("GET /api/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = vec![0; 512];
    let length = connection.read(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}
