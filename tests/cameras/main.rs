//! Cameras as they are: what real ones get wrong, by tables of simulated ones that each do one thing wrong, and RTSP servers
//! that others wrote. What a source makes of a camera is recorded in place of a stream, so that every table plays at once.

#[path = "../common/mod.rs"]
mod common;
mod seen;

mod addresses;
mod descriptions;
mod differential;
mod encrypted;
mod frames;
mod packets;
mod passwords;
mod responses;
mod sound;
mod transports;
