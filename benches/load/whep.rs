//! The part of HTTP that WHEP needs: one request per connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_BODY: u64 = 1 << 20;

/// POSTs an offer; returns the answer.
pub fn post(url: &str, offer: &str) -> io::Result<String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| other(format!("{url} is not an http:// URL")))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut connection = TcpStream::connect(host)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_nodelay(true)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        offer.len()
    );
    connection.write_all(request.as_bytes())?;
    let message = Message::read(&mut BufReader::new(connection))?;
    match message.first_line.split(' ').nth(1) {
        Some("200" | "201") => Ok(message.body),
        _ => Err(other(format!(
            "{url} answers {}: {}",
            message.first_line, message.body
        ))),
    }
}

/// Serves POSTs at a free port of 127.0.0.1, each on its own thread: `answer` gets the first
/// part of the path and the offer. Returns a URL with `{}` for that part.
pub fn serve<F>(answer: F) -> io::Result<String>
where
    F: Fn(&str, &str) -> Result<String, String> + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/{{}}/whep", listener.local_addr()?);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let _ = serve_one(connection, answer);
            });
        }
    });
    Ok(url)
}

fn serve_one(
    mut connection: TcpStream,
    answer: impl Fn(&str, &str) -> Result<String, String>,
) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let message = Message::read(&mut BufReader::new(&connection))?;
    let stream = message.first_line.split(['/', ' ']).nth(2).unwrap_or("");
    let (status, body) = match answer(stream, &message.body) {
        Ok(body) => ("201 Created", body),
        Err(why) => ("500 Internal Server Error", why),
    };
    let response = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(response.as_bytes())
}

struct Message {
    first_line: String,
    body: String,
}

impl Message {
    fn read(reader: &mut impl BufRead) -> io::Result<Message> {
        let mut line = || -> io::Result<String> {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        let first_line = line()?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let header = line()?;
            if header.is_empty() {
                break;
            }
            let Some((name, value)) = header.split_once(':') else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok(),
                "transfer-encoding" => chunked = value.contains("chunked"),
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size)?;
                let size = u64::from_str_radix(size.trim(), 16).map_err(other)?;
                reader.take(size.min(MAX_BODY)).read_to_end(&mut body)?;
                reader.read_line(&mut String::new())?;
                if size == 0 {
                    break;
                }
            }
        } else {
            reader
                .take(length.unwrap_or(MAX_BODY).min(MAX_BODY))
                .read_to_end(&mut body)?;
        }
        let body = String::from_utf8(body).map_err(other)?;
        Ok(Message { first_line, body })
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}
