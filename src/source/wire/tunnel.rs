//! RTSP through HTTP: the camera's bytes come as the response to a GET, ours go in base64 as the body of
//! a POST on a second connection.

use std::io;

use super::stream::Stream;

/// Of the response to GET.
const MAX_HEAD: usize = 8 << 10;
const KIND: &str = "application/x-rtsp-tunnelled";

/// Opens one direction: sends GET, and reads the head of the response. Returns what came behind it.
pub async fn get(stream: &mut Stream, host: &str, path: &str, cookie: &str) -> io::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nx-sessioncookie: {cookie}\r\nAccept: {KIND}\r\n\
         Pragma: no-cache\r\nCache-Control: no-cache\r\n\r\n"
    );
    stream.write_all(request.into_bytes()).await?;
    let mut received = Vec::new();
    loop {
        if let Some(rest) = behind_head(&mut received) {
            return rest;
        }
        if !stream.read_more(&mut received).await? {
            return Err(no_http());
        }
    }
}

/// What is behind the head of the response to GET; `None`: not all of the head is there.
pub fn behind_head(received: &mut Vec<u8>) -> Option<io::Result<Vec<u8>>> {
    let Some(end) = memchr::memmem::find(received, b"\r\n\r\n") else {
        return (received.len() > MAX_HEAD).then(|| Err(no_http()));
    };
    let rest = received.split_off(end + 4);
    let line = String::from_utf8_lossy(received);
    let line = line.lines().next().unwrap_or_default().to_owned();
    Some(match line.split_whitespace().nth(1) {
        Some("200") => Ok(rest),
        _ => Err(io::Error::other(format!("it answered GET with {line}"))),
    })
}

fn no_http() -> io::Error {
    io::Error::other("it did not answer GET as HTTP servers do")
}

/// Opens the other direction.
pub async fn post(stream: &mut Stream, host: &str, path: &str, cookie: &str) -> io::Result<()> {
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nx-sessioncookie: {cookie}\r\nContent-Type: {KIND}\r\n\
         Pragma: no-cache\r\nCache-Control: no-cache\r\nContent-Length: 32767\r\n\
         Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n"
    );
    stream.write_all(request.into_bytes()).await
}
