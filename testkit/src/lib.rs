//! Test helpers for `rtsp_webrtc_gateway`; never shipped.
//!
//! - [`clip`]: short H.264 clips whose pictures carry a frame number that a program can read.
//! - [`camera`]: a camera simulator, an RTSP server that plays the clips and fails on command.
//! - [`net`]: a seeded in-memory network for tests that do no I/O.
//! - [`samples`]: short clips in other codecs, as access units.
//! - [`viewer`]: a WebRTC viewer that does no I/O.

pub mod camera;
pub mod clip;
pub mod net;
pub mod samples;
pub mod viewer;
