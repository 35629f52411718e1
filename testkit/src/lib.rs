//! Test helpers for `rtsp_webrtc_gateway`; not shipped.
//!
//! - [`certificate`]: certificates and signatures whose size is always the same.
//! - [`clip`]: short H.264 clips whose frames carry a frame number that a program can read.
//! - [`camera`]: a camera simulator, an RTSP server that plays the clips and fails on command.
//! - [`net`]: a seeded in-memory network for tests without I/O.
//! - [`recordings`]: tracks of cameras in many codecs, some of which browsers do not show as they are.
//! - [`relay`]: a UDP relay that emulates a link in real time.
//! - [`samples`]: short clips in other codecs, as access units.
//! - [`viewer`]: a sans-I/O WebRTC viewer.

pub mod camera;
pub mod certificate;
pub mod clip;
pub mod net;
pub mod recordings;
pub mod relay;
pub mod samples;
pub mod viewer;
