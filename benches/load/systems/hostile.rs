//! A camera that sends what is dear to read, as much of it as its rate allows.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::process::{say, wait};

/// What it sends. The first is the control: it plays, and sends nothing.
pub const KINDS: [&str; 8] = [
    "silence",
    "aggregates",
    "pictures",
    "keyframes",
    "fragments",
    "answers",
    "junk",
    "descriptions",
];

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=\
    Z01AHtkAoC/5cBEAAAMAAQAAAwAyjxYuSA==,aOvDyyA=\r\na=control:video\r\n";
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x10];
/// Bytes of the description that is none.
const BOMB: usize = 8 << 20;
/// It is written in pieces of so much.
const PIECE: usize = 64 << 10;

/// Plays `--kind` at `--rate` MB/s to everyone who connects.
pub fn run(args: &Args) -> io::Result<()> {
    let kind = args.text("kind").unwrap_or(KINDS[0]).to_owned();
    let rate = args.number("rate", 20.0) * 1e6;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&format!("READY rtsp://{}/hostile", listener.local_addr()?));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kind = kind.clone();
            std::thread::spawn(move || {
                // It ends when the gateway hangs up.
                let _ = serve(stream, &kind, rate);
            });
        }
    });
    wait()
}

fn serve(stream: TcpStream, kind: &str, rate: f64) -> io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    let mut stream = Paced {
        stream,
        rate,
        begun: Instant::now(),
        written: 0.0,
    };
    loop {
        let (mut method, mut number) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("CSeq: ") {
                number = value.to_owned();
            } else if method.is_empty() {
                method = line.split(' ').next().unwrap_or_default().to_owned();
            }
            if line.is_empty() {
                break;
            }
        }
        let (headers, body) = match method.as_str() {
            "DESCRIBE" if kind == "descriptions" => ("Content-Type: application/sdp\r\n", bomb()),
            "DESCRIBE" => ("Content-Type: application/sdp\r\n", SDP.to_owned()),
            "SETUP" => (
                "Session: 1;timeout=3600\r\n\
                 Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
                String::new(),
            ),
            _ => ("", String::new()),
        };
        let length = body.len();
        stream.write(
            format!(
                "RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )?;
        if method == "PLAY" {
            break;
        }
    }
    let (mut sequence, mut time) = (0_u16, 0_u32);
    let mut rtp = |out: &mut Vec<u8>, marker: bool, payload: &[u8]| {
        out.extend([b'$', 0]);
        out.extend((12 + payload.len() as u16).to_be_bytes());
        out.extend([0x80, 96 | u8::from(marker) << 7]);
        out.extend(sequence.to_be_bytes());
        out.extend(time.to_be_bytes());
        out.extend([0, 0, 0, 1]);
        out.extend(payload);
        sequence = sequence.wrapping_add(1);
        if marker {
            time = time.wrapping_add(3600);
        }
    };
    let mut aggregate = vec![0x78];
    for _ in 0..300 {
        aggregate.extend([0, 2, 0x41, 0x9a]);
    }
    let mut fragment = vec![0x7c, 0x05];
    fragment.resize(60_000, 0x55);
    let mut out = Vec::new();
    rtp(&mut out, true, IDR);
    stream.write(&out)?;
    loop {
        out.clear();
        while out.len() < PIECE {
            match kind {
                "aggregates" => rtp(&mut out, true, &aggregate),
                "pictures" => rtp(&mut out, true, &[0x41, 0x9a, 0x10]),
                "keyframes" => rtp(&mut out, true, IDR),
                "fragments" => rtp(&mut out, false, &fragment),
                "answers" => out.extend(b"RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n"),
                "junk" => out.extend([b'z'; 1000]),
                _ => return requests.read_line(&mut String::new()).map(drop),
            }
        }
        stream.write(&out)?;
    }
}

fn bomb() -> String {
    let line = "a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    SDP.to_owned() + &line.repeat(BOMB / line.len())
}

/// Writes no faster than its rate.
struct Paced {
    stream: TcpStream,
    /// Bytes a second.
    rate: f64,
    begun: Instant,
    written: f64,
}

impl Paced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            let due = Duration::from_secs_f64(self.written / self.rate);
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
            self.stream.write_all(piece)?;
            self.written += piece.len() as f64;
        }
        Ok(())
    }
}
