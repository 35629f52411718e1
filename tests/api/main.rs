//! What a host asks of a gateway besides watching: over real sockets, with simulated cameras.

mod capture_time;
mod common;
mod lists;
mod offers;
mod on_demand;
mod patch;
mod snapshot;
