//! What it costs to send the frames of 64 cameras to one page: one session of 64 slots beside 64 sessions of one.
//! Without sockets: what leaves goes nowhere. `cargo bench --bench wall`.

#[allow(dead_code)] // The scenarios use more of it.
#[path = "../../tests/scenarios/world.rs"]
mod world;

use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::media::{Codec, RateMeter, Track, TrackInfo};
use rtsp_webrtc_gateway::internals::session::{
    Io, Media, Path, SendBuffer, Session, Transmit, WouldBlock,
};
use rtsp_webrtc_gateway::state::StreamId;
use world::camera::{Camera, Frames};
use world::{LIMITS, Setup, Streams, World};

const CAMERAS: u64 = 64;
const ROUNDS: usize = 7;
const FRAMES: u32 = 400;

/// Takes everything, keeps nothing.
#[derive(Default)]
struct Nowhere {
    packets: usize,
}

impl Transmit for Nowhere {
    fn transmit(&mut self, _: Path, contents: &[u8], segment: usize) -> Result<(), WouldBlock> {
        self.packets += contents.len().div_ceil(segment);
        Ok(())
    }

    fn max_segments(&self) -> usize {
        64
    }
}

fn stream(camera: u64) -> StreamId {
    StreamId(100 + camera)
}

/// A connected session with a slot for each of these cameras.
fn session(now: Instant, cameras: impl Iterator<Item = u64>) -> Session {
    let mut world = World::at(
        now,
        Setup {
            slots: Some((cameras.map(|camera| Some(stream(camera))).collect(), vec![])),
            pacing: None,
            congestion: false,
            ..Setup::default()
        },
    );
    world.camera_on = false;
    world.connect();
    world.session
}

/// Sends the frames of all cameras to those who watch them. Returns nanoseconds per packet: the median of the times that
/// all cameras send one, most of which no other process has interrupted.
fn measure(now: Instant, sessions: &mut [Session], watched_by: impl Fn(u64) -> usize) -> f64 {
    let frames = Frames {
        codec: Codec::H264,
        sizes: (9000, 2200),
        gop: 50,
        first: 0,
        disposable: false,
        small: false,
    };
    let cameras = (0..CAMERAS).map(|camera| Camera::new(now, stream(camera), frames));
    let mut cameras: Vec<Camera> = cameras.collect();
    let unused = Track::new(TrackInfo::audio(Codec::Pcmu), LIMITS, 0);
    let mut buffer: Box<SendBuffer> = Box::new([0; _]);
    let mut times = Vec::new();
    for frame in 0..FRAMES {
        let (mut packets, mut time) = (0, Duration::ZERO);
        let now = now + Duration::from_millis(40) * frame;
        for camera in 0..CAMERAS {
            cameras[camera as usize].play(now);
            let tracks = Streams {
                own: Media {
                    video: None,
                    audio: Some(&unused),
                    rate: RateMeter::default().rate(),
                },
                variants: &[],
                cameras: &cameras,
                late: false,
                removed: &[],
                variants_of: &[],
            };
            let mut io = Io {
                now,
                tracks: &tracks,
                buffer: &mut buffer,
                batch: 32,
                transmit: Nowhere::default(),
            };
            let begun = Instant::now();
            let session = &mut sessions[watched_by(camera)];
            session.send(stream(camera), None, &mut io);
            time += begun.elapsed();
            packets += io.transmit.packets;
        }
        // The first frames begin.
        if frame > 20 {
            times.push(time.as_nanos() as f64 / packets as f64);
        }
    }
    median(times)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test --all-targets`
    }
    let now = Instant::now();
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut sessions = vec![session(now, 0..CAMERAS)];
        one.push(measure(now, &mut sessions, |_| 0));
        let singles = (0..CAMERAS).map(|camera| session(now, camera..camera + 1));
        let mut sessions: Vec<Session> = singles.collect();
        many.push(measure(now, &mut sessions, |camera| camera as usize));
    }
    let (one, many) = (median(one), median(many));
    println!("1 session x 64 slots: {one:.0} ns per packet");
    println!("64 sessions x 1 slot: {many:.0} ns per packet");
    println!("ratio: {:.2}", one / many);
}
