//! Viewers behind many kinds of links, each through its own emulated link: what they see, and how much
//! is sent to them.

mod servers;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testkit::camera::sent_at;
use testkit::net::{Bandwidth, Link, Step, lte, wifi};
use testkit::relay::{Counts, Relay};
use testkit::viewer::{AccessUnit, UdpViewer, Viewer, ViewerConfig};

use crate::args::Args;
use crate::plot;
use crate::report::{Table, number, write, write_plot};
use crate::viewers::{FEEDBACK, loopback_candidate};
use crate::whep;

use servers::{Server, Source, go2rtc, libwebrtc, ours};

const FRAME: Duration = Duration::from_millis(40);
/// A keyframe every 4 s.
const GOP: usize = 100;
/// 500 kbit/s: packets in a frame and in a keyframe, and bytes of it in each.
const PACKETS: usize = 2;
const KEYFRAME_PACKETS: usize = 8;
const PACKET_BYTES: usize = 1188;
/// The stream's rate over that of its substream.
const SUBSTREAM: usize = 4;
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

/// A link that some viewers share.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    link: Link,
    viewers: usize,
    /// Whether the stream has a substream.
    substream: bool,
}

/// The links.
fn links() -> Vec<Row> {
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
    let lte = Link {
        delay: Duration::from_millis(25),
        ..thin(Bandwidth::Steps(lte()), 300)
    };
    let lossy = Link {
        loss: 0.02,
        ..delayed(10)
    };
    let row = |name, viewers, link| Row {
        name,
        link,
        viewers,
        substream: false,
    };
    let with_substream = |row| Row {
        substream: true,
        ..row
    };
    vec![
        row("near", 1, delayed(0)),
        row("10 ms far", 1, delayed(5)),
        row("1.6 x", 1, times(16, 100)),
        row("1.2 x", 1, times(12, 100)),
        row("0.8 x", 1, times(8, 200)),
        with_substream(row("0.8 x + substream", 1, times(8, 200))),
        with_substream(row("0.5 x + substream", 1, times(5, 200))),
        row("2 at 2.4 x", 2, times(24, 100)),
        row("2 at 1.6 x", 2, times(16, 200)),
        row("3-0.5-3 x", 1, thin(Bandwidth::Steps(&STEPS), 200)),
        row("LTE", 1, lte),
        row("Wi-Fi", 1, thin(Bandwidth::Steps(wifi()), 150)),
        row("2 % loss", 1, lossy),
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
    /// Received packets.
    packets: usize,
    /// Of the viewers of one link, what the one with the fewest packets got, in percent of the one with the most.
    share: f64,
}

/// One viewer behind each link, for `--seconds`; this library and, with `--go2rtc FILE`, go2rtc, and with
/// `--libwebrtc` the sender of Chromium.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let rounds: usize = args.number("rounds", if quick { 1 } else { 3 });
    let time = if quick { 20 } else { 40 };
    let time = Duration::from_secs(args.number("seconds", time));
    let only: Vec<&str> = args.list("only", ',').collect();
    let mut links = links();
    links.retain(|row| only.is_empty() || only.contains(&row.name));
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
            "lesser share %",
        ],
    );
    let mut systems = vec![ours as fn(&Args) -> io::Result<Server>];
    if args.has("go2rtc") {
        systems.push(go2rtc);
    }
    if args.has("libwebrtc") {
        systems.push(libwebrtc);
    }
    let mut names = Vec::new();
    let mut plots = [
        ("links", "Seconds of freeze per minute, by link (0.1: none)"),
        (
            "links_age",
            "Age in milliseconds that 95 % of the frames are below, by link",
        ),
        (
            "links_first",
            "Seconds from the offer to the first frame, by link",
        ),
    ]
    .map(|(name, title)| (name, title, vec![Vec::new(); links.len()]));
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
                .map(|&row| {
                    let url = match row.substream {
                        true => server.with_substream.clone(),
                        false => Some(server.url.clone()),
                    };
                    let source = server.source;
                    std::thread::spawn(move || match url {
                        Some(url) => watch_all(&url, source, row, round as u64, time),
                        None => Ok(Vec::new()),
                    })
                })
                .collect();
            for (i, viewer) in viewers.into_iter().enumerate() {
                let result = viewer
                    .join()
                    .map_err(|_| io::Error::other("a viewer panicked"))?;
                let named = |error| io::Error::other(format!("{}: {error}", links[i].name));
                seen[i].extend(result.map_err(named)?);
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
            let first = mean(|seen| seen.first.unwrap_or(f64::NAN));
            let age = mean(|seen| seen.age[1]);
            let frozen = mean(|seen| seen.frozen);
            // The scale of the plots is logarithmic.
            for ((_, _, bars), (value, least)) in
                plots
                    .iter_mut()
                    .zip([(frozen, 0.1), (age, 1.0), (first, 0.01)])
            {
                bars[i].push(if value.is_nan() {
                    value
                } else {
                    value.max(least)
                });
            }
            rows[i].push(vec![
                links[i].name.into(),
                server.name.into(),
                number(first, 2),
                number(mean(|seen| seen.live.unwrap_or(f64::NAN)), 2),
                number(mean(|seen| seen.shown as f64) / time.as_secs_f64(), 1),
                number(frozen, 1),
                number(mean(|seen| seen.age[0]), 0),
                number(age, 0),
                number(over.fold(f64::NAN, f64::max), 2),
                number(mean(|seen| seen.lost), 1),
                number(mean(|seen| seen.repeated), 1),
                number(mean(|seen| seen.share), 0),
            ]);
        }
    }
    table.rows = rows.into_iter().flatten().collect();
    let about = format!(
        "A camera of {} kbit/s with 25 frames per second and a keyframe of {} kB every 4 s. libwebrtc \
         encodes up to the same rate for each viewer instead, with keyframes only on request. Behind \
         each link one viewer at a time, or 2 where it says so, for {} s, {rounds} times, at various \
         positions in the group of pictures; the mean, and the worst 2 s of all. \"x\" is the rate \
         of the link relative to the stream. A frame is shown when it and all frames that it refers \
         to have arrived. A viewer is live from when all frames are less than 200 ms \
         old for 2 s. A freeze is a gap of more than 200 ms between two frames. Freezes and ages \
         count from 3 s after the offer on. \"Substream\": the stream has one of a quarter of its rate, \
         which the gateway shows instead where the link carries no more; the other systems cannot. \
         What is sent again there is mostly padding that looks for room for the stream. \
         Queues: 4 kB and 100 ms at 1.6 x, 1.2 x and 2.4 x, 4 kB and \
         200 ms at 0.8 x, at 0.5 x and for 2 at 1.6 x, 200 ms with the steps (12 s each), 300 ms with LTE, 150 ms with Wi-Fi.",
        STREAM / 1000,
        KEYFRAME_PACKETS * PACKET_BYTES / 1000,
        time.as_secs(),
    );
    write("links", &about, &[table])?;
    for (name, title, bars) in plots {
        let groups = links.iter().map(|row| row.name.to_owned()).zip(bars);
        let groups: Vec<(String, Vec<f64>)> = groups.collect();
        write_plot(name, &plot::bars(title, &names, &groups))?;
    }
    Ok(())
}

/// The viewers of one link.
fn watch_all(
    url: &str,
    source: Source,
    row: Row,
    seed: u64,
    time: Duration,
) -> io::Result<Vec<Seen>> {
    // Each encoder has a socket of its own, and the relay one target.
    if row.viewers > 1 && source == Source::Encoder {
        return Ok(Vec::new());
    }
    let shared = Mutex::new(None);
    let seen: io::Result<Vec<Seen>> = std::thread::scope(|scope| {
        let viewer = || scope.spawn(|| watch(url, source, row.link, &shared, seed, time));
        let viewers: Vec<_> = (0..row.viewers).map(|_| viewer()).collect();
        let seen = viewers.into_iter().map(|viewer| {
            let result = viewer.join();
            result.map_err(|_| io::Error::other("a viewer panicked"))?
        });
        seen.collect()
    });
    let mut seen = seen?;
    let packets = seen.iter().map(|seen| seen.packets);
    if let (2.., Some(least), Some(most)) = (row.viewers, packets.clone().min(), packets.max()) {
        for seen in &mut seen {
            seen.share = 100.0 * least as f64 / most.max(1) as f64;
        }
    }
    Ok(seen)
}

/// One viewer, behind the link of `shared`, which the first viewer makes.
fn watch(
    url: &str,
    source: Source,
    link: Link,
    shared: &Mutex<Option<Arc<Relay>>>,
    seed: u64,
    time: Duration,
) -> io::Result<Seen> {
    let config = ViewerConfig {
        audio: false,
        feedback_interval: FEEDBACK,
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
    let relay = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let relay = match shared.take() {
            Some(relay) => relay,
            None => Arc::new(Relay::start(listen, target, link, up, seed)?),
        };
        Arc::clone(shared.insert(relay))
    };
    udp.viewer
        .accept(Instant::now(), &answer, Some(relay.address()));
    let mut asked = start;
    while start.elapsed() < time {
        udp.run_till(Duration::from_millis(250), |_| false);
        let newest = last_shown(&udp.viewer, source).unwrap_or(start);
        let now = Instant::now();
        if now - newest.max(asked) > PATIENCE {
            udp.viewer.send_pli();
            asked = now;
        }
    }
    let counts = relay.counts();
    let seen = seen(&udp.viewer, source, start, time, &link, &counts);
    udp.viewer.close(Instant::now());
    udp.run_till(Duration::ZERO, |_| true);
    Ok(seen)
}

fn last_shown(viewer: &Viewer, source: Source) -> Option<Instant> {
    shown(source, &viewer.video.access_units())
        .last()
        .map(|(at, _)| *at)
}

/// The frames that can be decoded, each with the time when it is shown: keyframes, and frames that
/// follow a decoded frame.
fn shown(source: Source, units: &[AccessUnit]) -> Vec<(Instant, &AccessUnit)> {
    let mut shown: Vec<(Instant, &AccessUnit)> = Vec::new();
    for unit in units {
        let follows = shown.last().is_some_and(|(_, last)| {
            let ticks = unit.timestamp.wrapping_sub(last.timestamp);
            match source {
                // At most one and a half frame intervals at 90 kHz.
                Source::Camera => (1..5400).contains(&ticks),
                Source::Encoder => unit.sequences.0 == last.sequences.1 + 1,
            }
        });
        if follows || unit.is_keyframe() {
            let at = shown.last().map_or(unit.at, |(at, _)| unit.at.max(*at));
            shown.push((at, unit));
        }
    }
    shown
}

fn seen(
    viewer: &Viewer,
    source: Source,
    start: Instant,
    time: Duration,
    link: &Link,
    counts: &Counts,
) -> Seen {
    let units = viewer.video.access_units();
    let shown = shown(source, &units);
    let (now, wall) = (Instant::now(), SystemTime::now());
    let (from, to) = (start + STARTED, start + time);
    let aged: Vec<(Instant, f64)> = shown
        .iter()
        .filter_map(|(at, unit)| {
            let sent = match source {
                Source::Camera => UNIX_EPOCH + sent_at(unit.nals.last()?)?,
                Source::Encoder => {
                    viewer.wall_clock_at(viewer.video.ssrc(), unit.timestamp, 90_000)?
                }
            };
            // Clocks are read at different times.
            let shown = wall - (now - *at);
            let age = shown.duration_since(sent).unwrap_or_default();
            Some((*at, age.as_secs_f64() * 1e3))
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
        packets: viewer.video.count(),
        share: f64::NAN,
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
