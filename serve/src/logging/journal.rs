//! The native protocol of systemd's journal: a datagram for each line, with its fields.
//! <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>

use std::io;
use std::os::unix::net::UnixDatagram;

use log::{Level, Record};

use super::Fields;

const SOCKET: &str = "/run/systemd/journal/socket";
/// Longer messages are cut: a datagram carries 200 KB.
const MOST: usize = 64 << 10;

/// The way to the journal.
pub struct Journal(UnixDatagram);

impl Journal {
    pub fn open() -> io::Result<Journal> {
        Journal::at(SOCKET)
    }

    fn at(path: &str) -> io::Result<Journal> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A journal that is behind must not hold up the media.
        socket.set_nonblocking(true)?;
        Ok(Journal(socket))
    }

    pub fn send(&self, record: &Record<'_>) {
        let _ = self.0.send(&datagram(record));
    }
}

fn datagram(record: &Record<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = record.args().to_string();
    message.truncate(message.floor_char_boundary(MOST));
    let priority = match record.level() {
        Level::Error => "3",
        Level::Warn => "4",
        Level::Info => "6",
        Level::Debug | Level::Trace => "7",
    };
    field(&mut out, "MESSAGE", &message);
    field(&mut out, "PRIORITY", priority);
    field(&mut out, "SYSLOG_IDENTIFIER", "rtsp-webrtc-gateway");
    field(&mut out, "RWG_MODULE", record.target());
    for (key, value) in Fields::of(record).0 {
        let name: String = key
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        field(&mut out, &format!("RWG_{name}"), &value);
    }
    out
}

/// `NAME=value`, or where the value has several lines, its length ahead of it.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_reach_the_socket_and_lines_cannot_forge_others() {
        let path = std::env::temp_dir().join(format!("rwg-journal-{}", std::process::id()));
        let receiver = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(path.to_str().unwrap()).unwrap();
        let record = Record::builder()
            .args(format_args!("open\nPRIORITY=0"))
            .level(Level::Info)
            .target("cameras")
            .key_values(&[("stream_name", "door")])
            .build();
        journal.send(&record);
        let mut got = [0; 1024];
        let length = receiver.recv(&mut got).unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected = b"MESSAGE\n\x0f\0\0\0\0\0\0\0open\nPRIORITY=0\nPRIORITY=6\n\
            SYSLOG_IDENTIFIER=rtsp-webrtc-gateway\nRWG_MODULE=cameras\nRWG_STREAM_NAME=door\n";
        assert_eq!(&got[..length], expected);
    }
}
