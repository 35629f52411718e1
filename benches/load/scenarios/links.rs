//! Viewers behind many kinds of links, each through its own emulated link: what they see, and how much
//! is sent to them.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testkit::camera::sent_at;
use testkit::net::{Bandwidth, Link, Step, lte, wifi};
use testkit::relay::{Counts, Relay};
use testkit::viewer::{AccessUnit, UdpViewer, Viewer, ViewerConfig};

use crate::args::Args;
use crate::plot;
use crate::process::Process;
use crate::report::{Table, number, write, write_plot};
use crate::viewers::loopback_candidate;
use crate::whep;

const FRAME: Duration = Duration::from_millis(40);
/// A keyframe every 4 s.
const GOP: usize = 100;
/// 500 kbit/s: packets of 1188 bytes in a frame and in a keyframe.
const PACKETS: usize = 2;
const KEYFRAME_PACKETS: usize = 8;
/// The nominal rate of the stream.
const STREAM: u64 = 500_000;

/// A longer gap between two frames is a freeze.
const FREEZE: Duration = Duration::from_millis(200);
/// Freezes and ages count from this time after the offer on.
const STARTED: Duration = Duration::from_secs(3);
/// A viewer that could show no frame for this time requests a keyframe, as browsers do.
const PATIENCE: Duration = Duration::from_secs(3);
/// Window for comparing the sent rate with the capacity, in units of 100 ms.
const SPAN: usize = 20;

static STEPS: [Step; 3] = [
    Step {
        lasts: Duration::from_secs(12),
        rate: 3 * STREAM,
    },
    Step {
        lasts: Duration::from_secs(12),
        rate: STREAM / 2,
    },
    Step {
        lasts: Duration::from_secs(600),
        rate: 3 * STREAM,
    },
];

/// The links, by name.
fn links() -> Vec<(&'static str, Link)> {
    let delayed = |millis| Link {
        delay: Duration::from_millis(millis),
        ..Link::default()
    };
    let thin = |bandwidth: Bandwidth, queue| Link {
        bandwidth,
        queue: Duration::from_millis(queue),
        ..delayed(1)
    };
    // As `tc tbf` with this latency and a burst of 4 kB.
    let times = |tenths: u64, latency: u64| {
        let rate = STREAM * tenths / 10;
        Link {
            queue_bytes: Some((rate * latency / 8000) as usize + 4096),
            ..thin(rate.into(), latency)
        }
    };
    vec![
        ("near", delayed(0)),
        ("10 ms far", delayed(5)),
        ("1.6 x", times(16, 100)),
        ("1.2 x", times(12, 100)),
        ("0.8 x", times(8, 200)),
        ("3-0.5-3 x", thin(Bandwidth::Steps(&STEPS), 200)),
        (
            "LTE",
            Link {
                delay: Duration::from_millis(25),
                ..thin(Bandwidth::Steps(lte()), 300)
            },
        ),
        ("Wi-Fi", thin(Bandwidth::Steps(wifi()), 150)),
        (
            "2 % loss",
            Link {
                loss: 0.02,
                ..delayed(10)
            },
        ),
    ]
}

/// What a viewer saw, and what was sent to it.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Time from the offer to the first frame, in seconds.
    first: Option<f64>,
    /// Time from the offer until the viewer is live, in seconds.
    live: Option<f64>,
    /// Number of frames shown.
    shown: usize,
    /// Seconds of freeze per minute.
    frozen: f64,
    /// Age in milliseconds, p50 and p95.
    age: [f64; 2],
    /// Highest ratio of what was sent in 2 s to what the link carries in the same time.
    over: Option<f64>,
    /// Datagrams lost or dropped by the link, in percent.
    lost: f64,
    /// Retransmissions, in percent of the received packets.
    repeated: f64,
}

/// A running system.
struct Server {
    name: &'static str,
    url: String,
    _cameras: Process,
    _gateway: Option<Process>,
    _other: Option<Other>,
}

/// One viewer behind each link, for `--seconds`; this library and, with `--go2rtc FILE`, go2rtc.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let rounds: usize = args.number("rounds", if quick { 1 } else { 3 });
    let time = if quick { 20 } else { 40 };
    let time = Duration::from_secs(args.number("seconds", time));
    let only: Vec<&str> = args.list("only", ',').collect();
    let mut links = links();
    links.retain(|(name, _)| only.is_empty() || only.contains(name));
    let mut table = Table::new(
        "Viewers",
        &[
            "link",
            "system",
            "first frame s",
            "live s",
            "frames/s",
            "frozen s/min",
            "age p50 ms",
            "age p95 ms",
            "sent over capacity, worst 2 s",
            "lost %",
            "sent again %",
        ],
    );
    let mut systems = vec![ours as fn(&Args) -> io::Result<Server>];
    if args.has("go2rtc") {
        systems.push(go2rtc);
    }
    let mut names = Vec::new();
    let mut frozen = vec![Vec::new(); links.len()];
    let mut rows: Vec<Vec<_>> = vec![Vec::new(); links.len()];
    for start in systems {
        let server = start(args)?;
        names.push(server.name.to_owned());
        let mut seen = vec![Vec::new(); links.len()];
        for round in 1..=rounds {
            eprintln!("links, round {round}: {}", server.name);
            // All at the same time: each has its own link, and together they are a light load.
            let viewers: Vec<_> = links
                .iter()
                .map(|&(_, link)| {
                    let url = server.url.clone();
                    std::thread::spawn(move || watch(&url, link, round as u64, time))
                })
                .collect();
            for (i, viewer) in viewers.into_iter().enumerate() {
                let result = viewer
                    .join()
                    .map_err(|_| io::Error::other("a viewer panicked"))?;
                let named = |error| io::Error::other(format!("{}: {error}", links[i].0));
                seen[i].push(result.map_err(named)?);
            }
            // The next round joins elsewhere in the group of pictures.
            std::thread::sleep(FRAME * (GOP / 3) as u32);
        }
        for (i, seen) in seen.iter().enumerate() {
            let mean = |figure: fn(&Seen) -> f64| {
                let all: Vec<f64> = seen.iter().map(figure).filter(|f| f.is_finite()).collect();
                all.iter().sum::<f64>() / all.len() as f64
            };
            let over = seen.iter().filter_map(|seen| seen.over);
            // The plot has a logarithmic scale.
            frozen[i].push(mean(|seen| seen.frozen).max(0.1));
            rows[i].push(vec![
                links[i].0.into(),
                server.name.into(),
                number(mean(|seen| seen.first.unwrap_or(f64::NAN)), 2),
                number(mean(|seen| seen.live.unwrap_or(f64::NAN)), 2),
                number(mean(|seen| seen.shown as f64) / time.as_secs_f64(), 1),
                number(mean(|seen| seen.frozen), 1),
                number(mean(|seen| seen.age[0]), 0),
                number(mean(|seen| seen.age[1]), 0),
                number(over.fold(f64::NAN, f64::max), 2),
                number(mean(|seen| seen.lost), 1),
                number(mean(|seen| seen.repeated), 1),
            ]);
        }
    }
    table.rows = rows.into_iter().flatten().collect();
    let about = format!(
        "A camera of {} kbit/s with 25 frames per second and a keyframe of {} kB every 4 s. Behind \
         each link one viewer at a time for {} s, {rounds} times, at various positions in the group of \
         pictures; the mean, and the worst 2 s of all. \"x\" is the rate \
         of the link relative to the stream. A frame is shown when it and all frames that it refers \
         to have arrived. A viewer is live from when all frames are less than 200 ms \
         old for 2 s. A freeze is a gap of more than 200 ms between two frames. Freezes and ages \
         count from 3 s after the offer on. Queues: 4 kB and 100 ms at 1.6 x and 1.2 x, 4 kB and \
         200 ms at 0.8 x, 200 ms with the steps (12 s each), 300 ms with LTE, 150 ms with Wi-Fi.",
        STREAM / 1000,
        KEYFRAME_PACKETS * 1188 / 1000,
        time.as_secs(),
    );
    write("links", &about, &[table])?;
    let groups: Vec<(String, Vec<f64>)> = links
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .zip(frozen)
        .collect();
    let title = "Seconds of freeze per minute, by link (0.1: none)";
    write_plot("links", &plot::bars(title, &names, &groups))
}

fn cameras() -> io::Result<(Process, String)> {
    let numbers = [
        ("--gop", GOP),
        ("--packets", PACKETS),
        ("--keyframe-packets", KEYFRAME_PACKETS),
    ];
    let args: Vec<String> = numbers
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()])
        .collect();
    Process::start("cameras", &args)
}

fn ours(args: &Args) -> io::Result<Server> {
    let (cameras, urls) = cameras()?;
    let knobs = args.text("set").unwrap_or("").to_owned();
    let gateway = ["--cameras".to_owned(), urls, "--set".to_owned(), knobs];
    let (gateway, url) = Process::start("gateway", &gateway)?;
    mid_group();
    Ok(Server {
        name: "gateway",
        url: url.replace("{}", "cam0"),
        _cameras: cameras,
        _gateway: Some(gateway),
        _other: None,
    })
}

/// Waits until viewers join in the middle of a group of pictures.
fn mid_group() {
    std::thread::sleep(FRAME * (GOP / 2 + 5) as u32);
}

/// Another server's process and its configuration file.
struct Other(Child, PathBuf);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_file(&self.1);
    }
}

fn go2rtc(args: &Args) -> io::Result<Server> {
    let (cameras, camera) = cameras()?;
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
    let other = Other(child, file);
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
        _cameras: cameras,
        _gateway: None,
        _other: Some(other),
    })
}

/// One viewer behind one link.
fn watch(url: &str, link: Link, seed: u64, time: Duration) -> io::Result<Seen> {
    let config = ViewerConfig {
        audio: false,
        ..ViewerConfig::chromium()
    };
    let mut udp = UdpViewer::new(config)?;
    // As the DTLS client, so that every server can be measured with the same viewer.
    let offer = udp
        .viewer
        .offer()
        .replace("a=setup:actpass", "a=setup:active");
    let start = Instant::now();
    let answer = whep::post(url, &offer)?;
    let target = loopback_candidate(&answer)
        .ok_or_else(|| io::Error::other("no loopback candidate in the answer"))?;
    let up = Link {
        delay: link.delay,
        ..Link::default()
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let relay = Relay::start(listen, target, link, up, seed)?;
    udp.viewer
        .accept(Instant::now(), &answer, Some(relay.address()));
    let mut asked = start;
    while start.elapsed() < time {
        udp.run_till(Duration::from_millis(250), |_| false);
        let newest = last_shown(&udp.viewer).unwrap_or(start);
        let now = Instant::now();
        if now - newest.max(asked) > PATIENCE {
            udp.viewer.send_pli();
            asked = now;
        }
    }
    let counts = relay.counts();
    let seen = seen(&udp.viewer, start, time, &link, &counts);
    udp.viewer.close(Instant::now());
    udp.run_till(Duration::ZERO, |_| true);
    Ok(seen)
}

fn last_shown(viewer: &Viewer) -> Option<Instant> {
    shown(&viewer.video.access_units())
        .last()
        .map(|(at, _)| *at)
}

/// The frames that can be decoded, each with the time when it is shown: keyframes, and frames that
/// follow a decoded frame.
fn shown(units: &[AccessUnit]) -> Vec<(Instant, &AccessUnit)> {
    let mut shown: Vec<(Instant, &AccessUnit)> = Vec::new();
    for unit in units {
        let follows = shown.last().is_some_and(|(_, last)| {
            let ticks = unit.timestamp.wrapping_sub(last.timestamp);
            // At most one and a half frame intervals at 90 kHz.
            (1..5400).contains(&ticks)
        });
        if follows || unit.is_keyframe() {
            let at = shown.last().map_or(unit.at, |(at, _)| unit.at.max(*at));
            shown.push((at, unit));
        }
    }
    shown
}

fn seen(viewer: &Viewer, start: Instant, time: Duration, link: &Link, counts: &Counts) -> Seen {
    let units = viewer.video.access_units();
    let shown = shown(&units);
    let (now, wall) = (Instant::now(), SystemTime::now());
    let (from, to) = (start + STARTED, start + time);
    let aged: Vec<(Instant, f64)> = shown
        .iter()
        .filter_map(|(at, unit)| {
            let sent = sent_at(unit.nals.last()?)?;
            let shown = (wall - (now - *at)).duration_since(UNIX_EPOCH).ok()?;
            Some((*at, (shown.as_secs_f64() - sent.as_secs_f64()) * 1e3))
        })
        .collect();
    let recent = aged.iter().filter(|(at, _)| *at > from);
    let mut ages: Vec<f64> = recent.map(|(_, age)| *age).collect();
    ages.sort_by(f64::total_cmp);
    let percentile = |percent: usize| {
        let index = (ages.len() * percent / 100).min(ages.len().saturating_sub(1));
        ages.get(index).copied().unwrap_or(f64::NAN)
    };
    let times = shown
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| *at > from && *at < to);
    let mut before = from;
    let mut frozen = Duration::ZERO;
    for at in times.chain([to]) {
        let gap = at - before;
        before = at;
        if gap > FREEZE {
            frozen += gap - FRAME;
        }
    }
    let share = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    // Some servers use RTX, some send the same packet again.
    let again = viewer.video.by_rtx.max(viewer.video.recovered);
    let came = viewer.video.count() as u64 + viewer.video.duplicates;
    Seen {
        first: shown.first().map(|(at, _)| (*at - start).as_secs_f64()),
        live: live(&aged).map(|at| (at - start).as_secs_f64()),
        shown: shown.len(),
        frozen: frozen.as_secs_f64() * 60.0 / (time - STARTED).as_secs_f64(),
        age: [percentile(50), percentile(95)],
        over: over(link, &counts.offered),
        lost: share(counts.lost + counts.overflowed, counts.sent),
        repeated: share(again, came),
    }
}

/// When the viewer is live: from then on, for 2 s, all frames are less than 200 ms old and none
/// is missing.
fn live(aged: &[(Instant, f64)]) -> Option<Instant> {
    let mut since = None;
    let mut last: Option<Instant> = None;
    for &(at, age) in aged {
        let gap = last.replace(at).is_some_and(|last| at - last > FREEZE);
        if gap || age >= FREEZE.as_secs_f64() * 1e3 {
            since = None;
        }
        if age < FREEZE.as_secs_f64() * 1e3 {
            let begun = *since.get_or_insert(at);
            if at - begun > Duration::from_secs(2) {
                return Some(begun);
            }
        }
    }
    None
}

/// The highest ratio of what was sent in 2 s to what the link carries in the same time.
fn over(link: &Link, offered: &[u64]) -> Option<f64> {
    let carried_till = |tenth: usize| {
        let time = Duration::from_millis(100) * tenth as u32;
        link.bandwidth.capacity(time)
    };
    let spans = (0..offered.len().saturating_sub(SPAN)).map(|from| {
        let bits = 8.0 * offered[from..from + SPAN].iter().sum::<u64>() as f64;
        let carried = carried_till(from + SPAN)? - carried_till(from)?;
        Some(bits / carried)
    });
    spans.flatten().max_by(f64::total_cmp)
}
