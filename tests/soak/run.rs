//! The cameras, the course of the soak, and the verdict.
//!
//! `SOAK_MINUTES` is how long it lasts: 2 unless set. From [`LONG`] on, everything has a limit; before, a
//! busy machine says more about itself than about the gateway, so that only what does not depend on its
//! speed is judged.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use testkit::camera::{CameraServer, Fault};

use crate::cameras::{CAMERAS, STEADY, WILD, cameras};
use crate::figures::{Sample, percentile, plot, quiet_cpu, rows, table};
use crate::process::{Host, Machine};
use crate::viewers::{Socket, Storage, Watcher};

/// With the one that is pushed.
const STREAMS: usize = CAMERAS + 1;
/// Viewers that come and go, at most.
const VISITORS: usize = 24;
/// Minutes from which on everything has a limit.
pub const LONG: f64 = 10.0;
/// Minutes from which on slopes have one.
const SETTLED: f64 = 30.0;
/// Time between polls of the sockets.
const NAP: Duration = Duration::from_millis(2);
/// Time between two datagrams of the control.
const CONTROL: Duration = Duration::from_millis(20);
/// Time between what visitors and cameras do.
const ACTS: Duration = Duration::from_millis(150);
/// No step takes this long unless something is broken, however busy the machine is.
pub const STEP: Duration = Duration::from_secs(180);

struct Soak {
    cameras: CameraServer,
    host: Host,
    steady: Vec<Watcher>,
    visitors: Vec<Watcher>,
    control: Socket,
    controls: Vec<f64>,
    next_control: Instant,
    storage: Storage,
    random: Rng,
    came: u64,
    refused: u64,
}

pub fn run() -> ExitCode {
    let minutes = std::env::var("SOAK_MINUTES").map_or(2.0, |text| text.parse().expect("a number"));
    let mut soak = Soak::begin(minutes);
    // All that is made on first use has been made, and each visitor came once.
    soak.live(Duration::from_secs_f64(minutes * 60.0 / 4.0), |_| {});
    let interval = Duration::from_secs_f64((minutes / 40.0 * 60.0).clamp(2.0, 60.0));
    let mut watch = Watch::new(&mut soak);
    let calm = soak.calm();
    soak.live(Duration::from_secs_f64(minutes * 60.0 * 0.75), |soak| {
        if watch.last.elapsed() >= interval {
            watch.look(soak);
        }
    });
    let end = soak.calm();
    let samples = watch.samples;
    let (faults, report) = soak.verdict(minutes, &samples, &calm, &end);
    println!("{report}");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/soak");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("soak.md"), &report).expect("a file");
    fs::write(folder.join("soak.svg"), plot(&samples)).expect("a file");
    let ended = soak.host.end();
    if !ended {
        println!("FAILED: the host did not end as it should");
    }
    for fault in &faults {
        println!("FAILED: {fault}");
    }
    let failed = usize::from(!faults.is_empty() || !ended);
    println!(
        "test soak ... {}\n\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out",
        ["ok", "FAILED"][failed],
        ["ok", "FAILED"][failed],
        1 - failed
    );
    ExitCode::from(failed as u8)
}

/// What is used while nobody visits.
struct Calm {
    resident_mib: f64,
    threads: usize,
    descriptors: usize,
    sessions: usize,
    streams: usize,
}

impl Soak {
    fn begin(minutes: f64) -> Soak {
        let cameras = cameras(minutes);
        let urls: Vec<String> = cameras
            .names()
            .map(|name| format!("{name}={}", cameras.url(name)))
            .collect();
        let control = Socket::bind().expect("a socket");
        let host = Host::start(&urls);
        let mut soak = Soak {
            cameras,
            host,
            steady: Vec::new(),
            visitors: Vec::new(),
            control,
            controls: Vec::new(),
            next_control: Instant::now(),
            storage: Storage::new(),
            random: Rng::with_seed(1),
            came: 0,
            refused: 0,
        };
        let end = Instant::now() + STEP;
        while soak.steady.len() < STEADY {
            assert!(
                Instant::now() < end,
                "{} viewers are admitted",
                soak.steady.len()
            );
            let stream = format!("good{}", soak.steady.len());
            soak.steady
                .extend(Watcher::offer(&soak.host.url, &stream, None));
            soak.serve();
        }
        while !soak.steady.iter().all(Watcher::is_connected) {
            assert!(Instant::now() < end, "not all viewers connect");
            soak.serve();
        }
        soak
    }

    /// Reads and answers, for all.
    fn serve(&mut self) {
        for watcher in self.steady.iter_mut().chain(&mut self.visitors) {
            watcher.serve(&mut self.storage, &mut self.random);
        }
        if Instant::now() >= self.next_control {
            self.next_control = Instant::now() + CONTROL;
            let now = std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap_or_default();
            self.control
                .send(&now.as_nanos().to_be_bytes(), self.host.echo);
        }
        let controls = &mut self.controls;
        self.control.read(&mut self.storage, |datagram, came| {
            if let Ok(nanos) = datagram.try_into().map(u128::from_be_bytes) {
                controls.push((came.as_nanos() as f64 - nanos as f64) / 1e6);
            }
        });
        std::thread::sleep(NAP);
    }

    fn live(&mut self, time: Duration, mut look: impl FnMut(&mut Soak)) {
        let end = Instant::now() + time;
        let mut next_act = Instant::now();
        while Instant::now() < end {
            self.serve();
            if Instant::now() >= next_act {
                next_act = Instant::now() + ACTS;
                self.act();
            }
            look(self);
        }
    }

    /// What visitors and cameras do.
    fn act(&mut self) {
        let random = &mut self.random;
        let wild = format!("wild{}", random.usize(..WILD));
        let any = random.usize(..self.visitors.len().max(1));
        match random.u32(..14) {
            0..=3 => {
                let stream = match random.u32(..8) {
                    0 => format!("good{}", random.usize(..STEADY)),
                    1 => "pushed".to_owned(),
                    2 => format!("guest{}", random.usize(..6)),
                    3 => "nothing".to_owned(),
                    _ => wild,
                };
                let loses = random.u8(..6);
                match Watcher::offer(&self.host.url, &stream, Some(loses)) {
                    Ok(watcher) => {
                        self.came += 1;
                        self.visitors.push(watcher);
                    }
                    Err(_) => self.refused += 1,
                }
            }
            4 | 5 if any < self.visitors.len() => self.visitors.swap_remove(any).close(),
            // Without a word.
            6 if any < self.visitors.len() => drop(self.visitors.swap_remove(any)),
            7 if any < self.visitors.len() => self.visitors[any].roam().expect("a socket"),
            8 if any < self.visitors.len() => {
                (0..20).for_each(|_| self.visitors[any].noise(random));
            }
            9 => self.cameras.fault(&wild, Fault::Drop),
            10 => self.cameras.fault(&wild, Fault::Stall),
            11 => self.cameras.fault(&wild, Fault::Refuse),
            12 => self.cameras.fault(
                &wild,
                Fault::Lose {
                    percent: random.u8(1..10),
                },
            ),
            _ => self.cameras.fault(&wild, Fault::None),
        }
        self.visitors.retain(|visitor| !visitor.is_closed());
        while self.visitors.len() > VISITORS {
            let oldest = (0..self.visitors.len()).max_by_key(|&i| self.visitors[i].age());
            self.visitors
                .swap_remove(oldest.unwrap_or_default())
                .close();
        }
    }

    /// Waits until nobody is there but those who stay, and looks.
    fn calm(&mut self) -> Calm {
        self.host.say("rest");
        for visitor in self.visitors.drain(..) {
            visitor.close();
        }
        for i in 0..WILD {
            self.cameras.fault(&format!("wild{i}"), Fault::None);
        }
        let end = Instant::now() + STEP;
        loop {
            for _ in 0..250 {
                self.serve();
            }
            let state = self.host.state();
            let sessions = count(&state, "sessions");
            let streams = count(&state, "streams");
            // Those that vanished are noticed after half a minute.
            if (sessions, streams) == (STEADY, STREAMS) || Instant::now() > end {
                self.host.say("go on");
                return Calm {
                    resident_mib: self.host.resident_mib(),
                    threads: self.host.threads(),
                    descriptors: self.host.descriptors(),
                    sessions,
                    streams,
                };
            }
        }
    }
}

/// Looks at regular intervals.
struct Watch {
    began: Instant,
    last: Instant,
    cpu: f64,
    machine: Machine,
    samples: Vec<Sample>,
}

impl Watch {
    fn new(soak: &mut Soak) -> Watch {
        soak.take_counts();
        Watch {
            began: Instant::now(),
            last: Instant::now(),
            cpu: soak.host.cpu(),
            machine: Machine::now(&soak.host).expect("/proc/stat"),
            samples: Vec::new(),
        }
    }

    fn look(&mut self, soak: &mut Soak) {
        let (packets, missing, latencies) = soak.take_counts();
        let state = soak.host.state();
        let cpu = soak.host.cpu();
        let spent = cpu - self.cpu;
        let machine = Machine::now(&soak.host).expect("/proc/stat");
        let others = machine.others_since(std::mem::replace(&mut self.machine, machine));
        (self.cpu, self.last) = (cpu, Instant::now());
        self.samples.push(Sample {
            at: self.began.elapsed().as_secs_f64(),
            resident_mib: soak.host.resident_mib(),
            threads: soak.host.threads() as f64,
            descriptors: soak.host.descriptors() as f64,
            cpu_per_packet: spent * 1e6 / packets.max(1) as f64,
            sessions: count(&state, "sessions") as f64,
            queued: queued(&state),
            loss: missing as f64 * 100.0 / (packets as f64 + missing as f64).max(1.0),
            latency_p95_ms: percentile(&latencies, 95),
            control_p95_ms: percentile(&std::mem::take(&mut soak.controls), 95),
            others,
        });
    }
}

impl Soak {
    /// Of those who stay: packets that came, packets that did not, latencies.
    fn take_counts(&mut self) -> (u64, i64, Vec<f64>) {
        let (mut packets, mut missing, mut all) = (0, 0, Vec::new());
        for watcher in &mut self.steady {
            let (counts, latencies) = watcher.take_counts();
            packets += counts.packets;
            missing += counts.missing;
            all.extend(latencies);
        }
        (packets, missing.max(0), all)
    }

    /// What is wrong, and the report.
    fn verdict(
        &self,
        minutes: f64,
        samples: &[Sample],
        calm: &Calm,
        end: &Calm,
    ) -> (Vec<String>, String) {
        let rows = rows(samples);
        let row = |name: &str| {
            let found = rows.iter().find(|row| row.name.starts_with(name));
            found.unwrap_or_else(|| panic!("no row {name}"))
        };
        let total = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
        let loss = total(|s| s.loss) / samples.len().max(1) as f64;
        let worst = |of: fn(&Sample) -> f64| {
            let values: Vec<f64> = samples.iter().map(of).collect();
            percentile(&values, 95)
        };
        let (latency, control) = (worst(|s| s.latency_p95_ms), worst(|s| s.control_p95_ms));
        let mut report = format!(
            "{minutes} minutes, {CAMERAS} cameras, {STEADY} viewers that stay; {} visitors came, {} were \
             refused. Loss on good paths {loss:.3} %, latency p95 {latency:.1} ms where a datagram that \
             is only sent back takes {control:.1} ms. With nobody but those who stay: {:.1} MiB, {} threads, \
             {} descriptors at first; {:.1} MiB, {}, {} at the end.\n\n{}",
            self.came,
            self.refused,
            calm.resident_mib,
            calm.threads,
            calm.descriptors,
            end.resident_mib,
            end.threads,
            end.descriptors,
            table(&rows)
        );

        let mut faults = Vec::new();
        let mut limit = |what: &str, value: f64, most: f64| {
            if value > most {
                faults.push(format!("{what}: {value:.3}, at most {most:.3}"));
            }
        };
        let lost = self
            .steady
            .iter()
            .filter(|watcher| watcher.is_closed())
            .count();
        limit("viewers that were to stay and did not", lost as f64, 0.0);
        limit(
            "threads at the end",
            end.threads as f64,
            calm.threads as f64,
        );
        // A camera that sends by UDP after a fault has more of them: two for each track.
        limit(
            "descriptors at the end",
            end.descriptors as f64,
            (calm.descriptors + 4 * WILD) as f64,
        );
        limit("sessions at the end", end.sessions as f64, STEADY as f64);
        limit("streams at the end", end.streams as f64, STREAMS as f64);
        let is_long = minutes >= LONG;
        let (part, slack) = if is_long { (1.1, 1.0) } else { (1.25, 8.0) };
        limit(
            "MiB at the end",
            end.resident_mib,
            calm.resident_mib * part + slack,
        );
        if is_long {
            limit("loss in percent", loss, 0.1);
            limit("latency p95 in ms", latency, f64::max(100.0, 3.0 * control));
            // A few minutes cannot tell growth from an allocator that settles.
            for row in rows.iter().filter(|_| minutes >= SETTLED) {
                let what = format!("growth in 30 days of {}", row.name);
                limit(&what, row.certain, row.limit);
            }
            match quiet_cpu(samples) {
                Some(cpu) => limit("CPU per packet", cpu.last, cpu.first * 1.1),
                None => report.push_str(
                    "\nCPU per packet has no verdict: others used the machine nearly all the time.\n",
                ),
            }
            let memory = row("resident");
            limit("MiB beside visitors", memory.last, memory.first * 1.1 + 1.0);
        }
        (faults, report)
    }
}

/// How many there are in a list of the state.
fn count(state: &Value, list: &str) -> usize {
    state[list].as_array().map_or(0, Vec::len)
}

/// Frames that wait for sinks.
fn queued(state: &Value) -> f64 {
    let streams = state["streams"].as_array().into_iter().flatten();
    let sinks = streams.flat_map(|stream| stream["sinks"].as_array().into_iter().flatten());
    sinks
        .filter_map(|sink| sink["queued_frames"].as_f64())
        .sum()
}
