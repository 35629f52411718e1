//! The systems that are compared.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{FRAME, GOP, KEYFRAME_PACKETS, PACKET_BYTES, PACKETS, STREAM, SUBSTREAM};
use crate::args::Args;
use crate::process::Process;

/// A running system.
pub struct Server {
    pub name: &'static str,
    pub url: String,
    /// The same stream, with its substream; `None` if the system cannot show that instead.
    pub with_substream: Option<String>,
    pub source: Source,
    _cameras: Vec<Process>,
    _gateway: Option<Process>,
    _other: Option<Other>,
}

/// Where the frames of a system come from, and so which of them can be decoded, and how old they are.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// The camera: a frame refers to the one before it, and contains the time when it was sent.
    Camera,
    /// An encoder for each viewer: a frame refers to the last one that was sent, and sender reports tell the time
    /// of its RTP timestamp.
    Encoder,
}

/// So many cameras, whose packets have so many bytes of a frame.
fn cameras(count: usize, packet_bytes: usize) -> io::Result<(Process, String)> {
    let numbers = [
        ("--count", count),
        ("--gop", GOP),
        ("--packets", PACKETS),
        ("--keyframe-packets", KEYFRAME_PACKETS),
        ("--packet-bytes", packet_bytes),
    ];
    let args: Vec<String> = numbers
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()])
        .collect();
    Process::start("cameras", &args)
}

pub fn ours(args: &Args) -> io::Result<Server> {
    // The second has a substream.
    let (cameras, urls) = cameras(2, PACKET_BYTES)?;
    let (substream, url) = self::cameras(1, PACKET_BYTES / SUBSTREAM)?;
    let urls = format!("{urls} {url}");
    let knobs = args.text("set").unwrap_or("");
    let gateway = ["--substream", "--cameras", &urls, "--set", knobs].map(str::to_owned);
    let (gateway, url) = Process::start("gateway", &gateway)?;
    mid_group();
    Ok(Server {
        name: "gateway",
        url: url.replace("{}", "cam0"),
        with_substream: Some(url.replace("{}", "cam1")),
        source: Source::Camera,
        _cameras: vec![cameras, substream],
        _gateway: Some(gateway),
        _other: None,
    })
}

/// Waits until viewers join in the middle of a group of pictures.
fn mid_group() {
    std::thread::sleep(FRAME * (GOP / 2 + 5) as u32);
}

/// Another server's process and its configuration file.
struct Other(Child, Option<PathBuf>);

impl Drop for Other {
    fn drop(&mut self) {
        // The one that reads its standard input ends what it has started.
        if self.0.stdin.take().is_none() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
        if let Some(file) = &self.1 {
            let _ = std::fs::remove_file(file);
        }
    }
}

pub fn go2rtc(args: &Args) -> io::Result<Server> {
    let (cameras, camera) = cameras(1, PACKET_BYTES)?;
    let binary = args.text("go2rtc").unwrap_or("go2rtc");
    // Free ports; a machine that runs benchmarks is idle enough to rely on them.
    let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let media = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    let file = std::env::temp_dir().join(format!("links-{}.yaml", std::process::id()));
    let mut config = std::fs::File::create(&file)?;
    write!(
        config,
        "api:\n  listen: \"{http}\"\nrtsp:\n  listen: \"\"\nwebrtc:\n  listen: \"{media}/udp\"\n  \
         candidates: [\"{media}\"]\n  ice_servers: []\n  filters:\n    loopback: true\nstreams:\n  cam0: {camera}\npreload:\n  cam0:\nlog:\n  level: warn\n"
    )?;
    let child = Command::new(binary)
        .arg("-config")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let other = Other(child, Some(file));
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(http).is_err() {
        if Instant::now() > end {
            return Err(io::Error::other("go2rtc does not listen"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    mid_group();
    let url = format!("http://{http}/api/webrtc?src=cam0");
    Ok(Server {
        name: "go2rtc",
        url,
        with_substream: None,
        source: Source::Camera,
        _cameras: vec![cameras],
        _gateway: None,
        _other: Some(other),
    })
}

/// Chromium as the sender: an encoder for each viewer, with up to the rate of the stream.
pub fn libwebrtc(_: &Args) -> io::Result<Server> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/libwebrtc.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .arg(STREAM.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    let other = Other(child, None);
    let url = line.trim_end().strip_prefix("READY ");
    Ok(Server {
        name: "libwebrtc",
        url: url
            .ok_or_else(|| io::Error::other("Chromium does not send"))?
            .to_owned(),
        with_substream: None,
        source: Source::Encoder,
        _cameras: Vec::new(),
        _gateway: None,
        _other: Some(other),
    })
}
