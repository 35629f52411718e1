//! Whole gateways over real sockets: the safe API, HTTP, hostile cameras and hosts, programs of others.

#[path = "../common/mod.rs"]
mod common;

mod allocation;
mod asker;
mod capture_time;
mod foreign_cameras;
mod foreign_webrtc;
mod guests;
mod handover;
mod hostile_camera;
mod hostile_host;
#[cfg(feature = "http")]
mod http;
mod later_sound;
mod lifecycle;
mod lists;
mod memory;
mod offers;
mod on_demand;
#[cfg(feature = "http")]
mod outputs;
mod patch;
mod push;
mod quality;
mod sinks;
mod state_json;
mod stun;
mod tcp;
#[cfg(feature = "http")]
mod turn;
mod turn_udp;
mod update;
mod variants;
mod wall;
mod wall_channel;
mod webrtc_stack;
