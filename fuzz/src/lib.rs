//! Fuzz targets: whatever parses bytes from outside, each with what must hold whatever the bytes are.
//!
//! A target is a function of bytes, see [`TARGETS`]. It is used twice:
//!
//! - by libFuzzer, which looks for bytes that reach new code: `make fuzz TIME=3600`;
//! - by `tests/seeded.rs`, on a stable compiler: a fixed number of executions over the bytes in
//!   `seeds`, mutated by a seeded generator.
//!
//! Where random bytes get nowhere, a target reads them as a script ([`arbitrary`]): which messages a
//! peer sends, what is wrong with them, and how much time passes in between. Checksums and keys are then
//! right, unless the script says otherwise.
//!
//! What must hold of every target, beside what it says itself: no panic, and memory and the number of
//! allocations stay within bounds that grow with the length of the input alone ([`meter`]). Both count;
//! nothing here measures time.

pub mod meter;
pub mod seeded;

mod camera;
mod channel;
mod description;
mod dtls;
mod framing;
mod headers;
mod http;
mod keys;
mod offer;
mod push;
mod rtcp;
mod rtp;
mod sctp;
mod session;
mod sound;
mod stage;
mod stun;
mod stun_server;
mod turn;
mod turn_server;
mod video;
mod wall;
mod whep;

use std::time::Instant;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    body: fn(&[u8]),
    /// What an execution may use.
    bounds: meter::Bounds,
    /// Executions in `tests/seeded.rs`: some seconds.
    pub executions: u32,
}

/// Of what only reads and writes text.
const TEXT: meter::Bounds = meter::Bounds {
    bytes: 512 << 10,
    bytes_per_byte: 256,
    allocations: 2_000,
    allocations_per_byte: 32,
};

/// Of the listener: a connection has buffers, and a page may be asked for again and again.
const CONNECTION: meter::Bounds = meter::Bounds {
    bytes: 16 << 20,
    allocations: 20_000,
    ..TEXT
};

/// Of media: a camera's frame may have some megabytes, whose buffer grows by doubling, and be in the
/// ring and in the queues of sinks as well.
const MEDIA: meter::Bounds = meter::Bounds {
    bytes: 24 << 20,
    allocations: 200_000,
    ..TEXT
};

/// Of sessions, which make keys.
const SESSION: meter::Bounds = meter::Bounds {
    bytes: 8 << 20,
    allocations: 20_000,
    allocations_per_byte: 200,
    ..TEXT
};

/// Of handshakes: for a moment, the viewer's `rtc::dtls`, which nothing guards, takes the length of a damaged
/// certificate at its word, which has 24 bits.
const HANDSHAKE: meter::Bounds = meter::Bounds {
    bytes: 40 << 20,
    ..SESSION
};

const fn target(
    name: &'static str,
    body: fn(&[u8]),
    bounds: meter::Bounds,
    executions: u32,
) -> Target {
    Target {
        name,
        body,
        bounds,
        executions,
    }
}

macro_rules! targets {
    ($($target:ident = $name:literal, $body:path, $bounds:ident, $executions:literal;)+) => {
        $(#[doc = concat!("The target `", $name, "`.")]
        pub const $target: Target = target($name, $body, $bounds, $executions);)+

        /// All of them.
        pub const TARGETS: &[Target] = &[$($target),+];
    };
}

targets! {
    OFFER = "offer", offer::offer, TEXT, 50_000;
    FRAGMENT = "fragment", offer::fragment, TEXT, 200_000;
    WHEP = "whep", whep::whep, TEXT, 200_000;
    HTTP = "http", http::http, CONNECTION, 5_000;
    HEADERS = "headers", headers::headers, TEXT, 100_000;
    TUNNEL = "tunnel", headers::tunnel, TEXT, 200_000;
    URL = "url", headers::url, TEXT, 100_000;
    DESCRIPTION = "description", description::description, TEXT, 50_000;
    CAMERA = "camera", camera::camera, MEDIA, 5_000;
    RTP = "rtp", rtp::rtp, MEDIA, 2_000;
    VIDEO = "video", video::video, MEDIA, 50_000;
    SOUND = "sound", sound::sound, MEDIA, 1_500;
    PUSH = "push", push::push, MEDIA, 20_000;
    STUN = "stun", stun::stun, SESSION, 10_000;
    STUN_SERVER = "stun_server", stun_server::stun_server, TEXT, 100_000;
    TCP_FRAMING = "tcp_framing", framing::tcp_framing, TEXT, 200_000;
    TURN = "turn", turn::turn, SESSION, 50_000;
    TURN_SERVER = "turn_server", turn_server::turn_server, SESSION, 20_000;
    DTLS = "dtls", dtls::dtls, HANDSHAKE, 500;
    RTCP = "rtcp", rtcp::rtcp, SESSION, 10_000;
    SCTP = "sctp", sctp::sctp, SESSION, 20_000;
    CHANNEL = "channel", channel::channel, HANDSHAKE, 500;
    WALL_MESSAGE = "wall_message", wall::wall_message, TEXT, 200_000;
}

impl Target {
    /// The target of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn named(name: &str) -> Target {
        let found = TARGETS.iter().find(|target| target.name == name);
        *found.unwrap_or_else(|| panic!("there is no target {name}"))
    }

    /// Runs it once.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn run(&self, data: &[u8]) {
        beginning();
        meter::bounded(&self.bounds, data.len(), || (self.body)(data));
    }
}

/// When the time of all executions begins: they are the same whenever they run.
fn beginning() -> Instant {
    static BEGINNING: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGINNING.get_or_init(|| Instant::now() + std::time::Duration::from_secs(1000))
}

/// The program of a target: under cargo-fuzz, libFuzzer; else it replays the files that it is given. It has
/// nothing of other targets, as libFuzzer looks at all counters of a program after each execution.
#[macro_export]
macro_rules! program {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::$target.run(data));

        #[cfg(not(fuzzing))]
        fn main() {
            for file in std::env::args().skip(1) {
                let data = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
                fuzz::$target.run(&data);
            }
        }
    };
}
