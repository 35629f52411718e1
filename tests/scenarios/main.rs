//! Scenarios: one session of the gateway and one viewer of another make, over a seeded in-memory
//! network, in virtual time. One scenario per file.

mod becomes_thin;
mod changing;
mod codecs;
mod connect;
mod consent;
mod dead;
mod first_seconds;
mod flood;
mod handshake_loss;
mod ice_restart;
mod keyframe_request;
mod knobs;
mod ladder;
mod later_sound;
mod legs;
mod liar;
mod links;
mod nack;
mod opening;
mod overflow;
mod pacing;
mod proof;
mod rare_keyframes;
mod reports;
mod rest;
mod roaming;
mod shared;
mod srtp_policy;
mod stalls;
mod start;
mod tcp;
mod thin;
mod turns;
mod wide_again;
mod world;
