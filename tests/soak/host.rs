//! The host: the gateway with its streams, and a thread that adds, removes and changes all the time.

use std::io::BufRead;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rtsp_webrtc_gateway::config::{
    Config, Frame, FrameData, HttpOptions, PullOptions, PushOptions, SinkOptions,
};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{SinkId, StreamId};
use rtsp_webrtc_gateway::tuning::Key;
use testkit::clip::Clip;

/// The word that makes this program a host.
pub const ROLE: &str = "--host";
/// Time between two acts.
const ACTS: Duration = Duration::from_millis(250);
/// Streams that come and go, and sinks.
const GUESTS: usize = 6;
const SINKS: usize = 8;
/// Knobs that change, and between what.
const KNOBS: [(Key, [i64; 2]); 8] = [
    (Key::RtcpIntervalMs, [500, 2000]),
    (Key::Gso, [1, 0]),
    (Key::SendBatchPackets, [32, 4]),
    (Key::GopCacheMs, [10_000, 2_000]),
    (Key::GopCacheBytes, [8 << 20, 1 << 20]),
    (Key::PacingRatePercent, [250, 150]),
    (Key::AudioHoldMs, [0, 20]),
    (Key::NackHistoryMs, [500, 1000]),
];

/// Says where viewers offer and where datagrams are sent back from, then what there is whenever it is asked;
/// ends with standard input. Cameras are NAME=URL; those that begin with "wild" also feed the guests.
pub fn run(cameras: &[&str]) {
    let gateway = Gateway::new(Config {
        // How much one machine carries is not what is tested here.
        tuning: vec![(Key::WorkerThreads, 2), (Key::MaxWorkerLoadPercent, 0)],
        ..Config::default()
    });
    let gateway = Arc::new(gateway.expect("a gateway"));
    let address = gateway
        .listen_http(HttpOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..HttpOptions::default()
        })
        .expect("a free port");
    let mut wild = Vec::new();
    for camera in cameras {
        let (name, url) = camera.split_once('=').expect("NAME=URL");
        gateway.add_stream(name, pull(url)).expect("a stream");
        if name.starts_with("wild") {
            wild.push(url.to_owned());
        }
    }
    let echo = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    println!(
        "http://{address}/{{}}/whep {}",
        echo.local_addr().expect("an address")
    );
    thread::spawn(move || send_back(&echo));
    let (rests, ends) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let host = {
        let (gateway, rests, ends) = (Arc::clone(&gateway), Arc::clone(&rests), Arc::clone(&ends));
        thread::spawn(move || Host::new(&gateway, wild).run(&rests, &ends))
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.as_str() {
            // It removes what it added, and does nothing but push until it is told to go on.
            "rest" => rests.store(true, Ordering::Relaxed),
            "go on" => rests.store(false, Ordering::Relaxed),
            _ => println!("{}", state(&gateway).unwrap_or_default()),
        }
    }
    ends.store(true, Ordering::Relaxed);
    host.join()
        .expect("the host meets nothing that it does not expect");
    gateway.shutdown(Duration::from_secs(20)).expect("it ends");
}

fn pull(url: &str) -> PullOptions {
    PullOptions {
        url: url.to_owned(),
        metadata: true,
        ..PullOptions::default()
    }
}

/// One line of JSON.
fn state(gateway: &Gateway) -> Option<String> {
    Some(gateway.state_json().ok()?.replace('\n', ""))
}

/// The control: what a machine this busy does to datagrams that somebody only passes on.
fn send_back(socket: &UdpSocket) {
    let mut buffer = [0; 64];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(&buffer[..len], from);
    }
}

struct Host<'a> {
    gateway: &'a Gateway,
    wild: Vec<String>,
    guests: Vec<StreamId>,
    sinks: Vec<SinkId>,
    pushed: StreamId,
    random: Rng,
    names: u64,
    frame: usize,
}

/// Success, or what happens to whoever is not alone.
fn expect<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let expected = [
                Status::NotFound,
                Status::NotReady,
                Status::InvalidState,
                Status::Timeout,
                Status::QueueFull,
                Status::Limit,
                Status::ShuttingDown,
            ];
            assert!(expected.contains(&error.status()), "{error}");
            None
        }
    }
}

impl<'a> Host<'a> {
    fn new(gateway: &'a Gateway, wild: Vec<String>) -> Host<'a> {
        let pushed = gateway.add_push_stream("pushed", PushOptions::default());
        Host {
            pushed: pushed.expect("a stream"),
            gateway,
            wild,
            guests: Vec::new(),
            sinks: Vec::new(),
            random: Rng::with_seed(2),
            names: 0,
            frame: 0,
        }
    }

    fn run(mut self, rests: &AtomicBool, ends: &AtomicBool) {
        let mut next_act = Instant::now();
        while !ends.load(Ordering::Relaxed) {
            self.push();
            if rests.load(Ordering::Relaxed) {
                self.clear();
            } else if Instant::now() >= next_act {
                next_act = Instant::now() + ACTS;
                self.act();
            }
            // Every other sink is read, the rest run over.
            for sink in self.sinks.iter().step_by(2) {
                while expect(self.gateway.read_sink(*sink, Some(Duration::ZERO))).is_some() {}
            }
            thread::sleep(Duration::from_millis(40));
        }
    }

    fn clear(&mut self) {
        for stream in self.guests.drain(..) {
            expect(self.gateway.remove_stream(stream));
        }
        for sink in self.sinks.drain(..) {
            expect(self.gateway.remove_sink(sink));
        }
        for (key, [usual, _]) in KNOBS {
            self.gateway.set_tuning(key, usual).expect("a knob");
        }
    }

    /// The next frame of a stream that the host pushes; the clip changes its size now and then.
    fn push(&mut self) {
        let clips = [Clip::Low180p, Clip::Baseline360p];
        let units = clips[self.frame / 500 % 2].access_units();
        let unit = &units[self.frame % units.len()];
        let data: Vec<u8> = unit
            .nals
            .iter()
            .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
            .collect();
        expect(self.gateway.push_video(
            self.pushed,
            Frame {
                data: FrameData::Copied(&data),
                pts_us: self.frame as i64 * 40_000,
                capture_unix_us: None,
                discontinuity: false,
            },
        ));
        self.frame += 1;
    }

    fn act(&mut self) {
        let (gateway, random) = (self.gateway, &mut self.random);
        match random.u32(..9) {
            0 | 1 => {
                if self.guests.len() == GUESTS {
                    let stream = self.guests.swap_remove(random.usize(..GUESTS));
                    expect(gateway.remove_stream(stream));
                }
                self.names += 1;
                let options = PullOptions {
                    on_demand: random.bool(),
                    ..pull(&self.wild[random.usize(..self.wild.len())])
                };
                let name = format!("guest{}", self.names % GUESTS as u64);
                match gateway.add_stream(&name, options) {
                    Err(error) if error.status() == Status::AlreadyExists => {}
                    result => self.guests.extend(expect(result)),
                }
            }
            2 => {
                if let Some(&stream) = random.choice(&self.guests) {
                    let url = &self.wild[random.usize(..self.wild.len())];
                    expect(gateway.update_stream(stream, pull(url)));
                }
            }
            3 | 4 => {
                if self.sinks.len() == SINKS {
                    let sink = self.sinks.swap_remove(random.usize(..SINKS));
                    expect(gateway.remove_sink(sink));
                }
                let streams = expect(gateway.streams()).unwrap_or_default();
                if let Some(&stream) = random.choice(&streams) {
                    let options = SinkOptions {
                        from_cache: random.bool(),
                        length_prefixed: random.bool(),
                        queue_frames: 64,
                        queue_bytes: 256 << 10,
                        ..SinkOptions::default()
                    };
                    self.sinks.extend(expect(gateway.add_sink(stream, options)));
                }
            }
            5 | 6 => {
                let (key, values) = KNOBS[random.usize(..KNOBS.len())];
                let value = values[random.usize(..2)];
                gateway.set_tuning(key, value).expect("a knob");
            }
            7 => {
                let streams = expect(gateway.streams()).unwrap_or_default();
                if let Some(&stream) = random.choice(&streams) {
                    expect(gateway.keyframe(stream));
                    expect(gateway.stream_info(stream));
                }
            }
            _ => drop((expect(gateway.metrics()), expect(gateway.state_json()))),
        }
        // Those whose stream is gone.
        self.sinks.retain(|sink| gateway.sink_info(*sink).is_ok());
    }
}
