//! A camera simulator: one RTSP server (RFC 2326) for any number of cameras, on a thread of its own.
//!
//! ```no_run
//! use testkit::camera::{Audio, Auth, CameraConfig, CameraServer, Fault};
//! use testkit::clip::Clip;
//!
//! let server = CameraServer::start(vec![
//!     CameraConfig::new("cam1").clip(Clip::Main720p).audio(Some(Audio::Pcmu)),
//!     CameraConfig::new("cam2").auth(Auth::Digest { user: "admin".into(), password: "secret".into() }),
//! ])?;
//! let url = server.url("cam1"); // rtsp://127.0.0.1:PORT/cam1
//! server.fault("cam1", Fault::Stall);
//! # std::io::Result::Ok(())
//! ```
//!
//! What a client sees:
//! - OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER and TEARDOWN. One connection serves one camera.
//!   The session lasts as long as its connection; the announced timeout of 60 s is not enforced.
//! - H.264 (RFC 6184, packetization mode 1: single NAL units, STAP-A and FU-A) and, if asked for, G.711 audio in 20 ms
//!   packets with a 440 Hz beep of 200 ms at every full second. Interleaved in the connection or over UDP.
//! - Every PLAY starts at frame 0 of the clip, a keyframe, and loops in real time. Sequence numbers and timestamps
//!   start at random values and run on over the loop.
//! - A sender report with SDES CNAME (RFC 3550) per track, ahead of the first packet and then every 5 s.
//! - With authentication, everything but OPTIONS needs it. Digest is MD5 without qop, as most cameras have it; each
//!   connection gets a nonce of its own.

mod audio;
mod auth;
mod connection;
mod faults;
mod load;
mod payload;
mod playback;
mod recording;
mod rtp;
mod script;
mod sdp;
mod server;
mod session;
mod transport;

pub use faults::{Fault, Statistics};
pub use load::{Load, sent_at};
pub use payload::packetize;
pub use recording::{Payloads, Recording};
pub use script::{Exchange, Script, Slot};
pub use server::CameraServer;

use crate::clip::Clip;

/// One simulated camera. The default plays [`Clip::Main720p`] without audio to everybody, over TCP or UDP.
#[derive(Clone)]
pub struct CameraConfig {
    name: String,
    clip: Clip,
    load: Option<Load>,
    audio: Option<Audio>,
    recordings: Vec<Recording>,
    script: Script,
    auth: Auth,
    parameter_sets: ParameterSets,
    udp: bool,
    seed: u64,
}

impl CameraConfig {
    /// A camera at the path `/name` of the server: ASCII letters, digits, `-` and `_`.
    pub fn new(name: &str) -> CameraConfig {
        CameraConfig {
            name: name.into(),
            clip: Clip::Main720p,
            load: None,
            audio: None,
            recordings: Vec::new(),
            script: Script::new(),
            auth: Auth::None,
            parameter_sets: ParameterSets::Both,
            udp: true,
            seed: 1,
        }
    }

    /// The clip that it plays.
    pub fn clip(self, clip: Clip) -> CameraConfig {
        CameraConfig { clip, ..self }
    }

    /// Plays generated frames of a given size instead of the clip's.
    pub fn load(self, load: Load) -> CameraConfig {
        CameraConfig {
            load: Some(load),
            ..self
        }
    }

    /// The codec of its audio track, or `None` for a camera without one.
    pub fn audio(self, audio: Option<Audio>) -> CameraConfig {
        CameraConfig { audio, ..self }
    }

    /// Adds a track. A camera with any has these alone: neither the clip nor the audio.
    pub fn recording(mut self, recording: Recording) -> CameraConfig {
        self.recordings.push(recording);
        self
    }

    /// What it does otherwise than a camera that works.
    pub fn script(self, script: Script) -> CameraConfig {
        CameraConfig { script, ..self }
    }

    /// The authentication that it requires.
    pub fn auth(self, auth: Auth) -> CameraConfig {
        CameraConfig { auth, ..self }
    }

    /// Where it puts its parameter sets.
    pub fn parameter_sets(self, parameter_sets: ParameterSets) -> CameraConfig {
        CameraConfig {
            parameter_sets,
            ..self
        }
    }

    /// Whether it accepts UDP; otherwise it answers 461. Interleaved TCP always works.
    pub fn udp(self, udp: bool) -> CameraConfig {
        CameraConfig { udp, ..self }
    }

    /// How many tracks it may have.
    fn tracks(&self) -> usize {
        self.recordings.len().max(2)
    }

    /// Decides which packets [`Fault::Lose`] drops: the same ones on every connection.
    pub fn seed(self, seed: u64) -> CameraConfig {
        CameraConfig { seed, ..self }
    }
}

/// The codec of an audio track: G.711 at 8 kHz, one channel (RFC 3551).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audio {
    /// µ-law, payload type 0.
    Pcmu,
    /// A-law, payload type 8.
    Pcma,
}

/// Authentication of RTSP requests (RFC 2617).
#[derive(Clone)]
pub enum Auth {
    /// No authentication.
    None,
    Basic {
        user: String,
        password: String,
    },
    Digest {
        user: String,
        password: String,
    },
}

/// Where a camera puts its H.264 parameter sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterSets {
    /// Only in the SDP, as `sprop-parameter-sets`.
    Sdp,
    /// Only in front of every keyframe.
    InBand,
    /// In the SDP and in front of every keyframe.
    Both,
}

impl ParameterSets {
    fn in_sdp(self) -> bool {
        self != ParameterSets::InBand
    }

    fn in_band(self) -> bool {
        self != ParameterSets::Sdp
    }
}

#[cfg(test)]
mod tests;
