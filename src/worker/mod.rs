//! The engine: threads that own streams with all that belongs to them.
//!
//! Between "access unit complete" and "datagrams handed to the kernel" there is no lock, no channel
//! and no wake-up.

mod addresses;
mod admission;
mod allocation;
mod audience;
mod callers;
mod cameras;
mod chores;
mod command;
mod connections;
mod core;
mod deadlines;
mod demux;
mod fan_out;
mod feeds;
mod guests;
mod held_sound;
mod keeper;
mod load;
mod local_ice;
mod log_lines;
mod mirror;
mod narrow;
mod offers;
mod outbox;
mod output_tasks;
mod outputs;
mod overload;
mod own_sockets;
mod patches;
mod pending;
pub(crate) mod pending_offers;
mod placing;
mod portions;
mod public;
pub(crate) mod quality;
pub(crate) mod registry;
mod relays;
mod routes;
mod server_link;
mod session_io;
mod shares;
mod sink;
mod sinks;
mod slots;
mod snapshot;
mod stream;
mod streams;
mod table;
mod tcp_ports;
mod thread;
mod viewers;
mod wait;
mod wall;
mod wall_channel;

pub(crate) use admission::memory_is_full;
pub(crate) use allocation::OwnAllocation;
pub(crate) use callers::CallerStats;
#[cfg(feature = "http")]
pub(crate) use callers::Stranger;
pub(crate) use command::{
    AnswerRequest, Command, OfferRequest, PatchRequest, Posted, SlotsChanged, WorkerContext,
};
pub(crate) use demux::{ReceiverStats, inbox};
pub(crate) use guests::Meeting;
pub(crate) use narrow::NarrowPaths;
pub(crate) use public::PublicAddresses;
pub(crate) use routes::Routes;
pub(crate) use tcp_ports::TcpPorts;
pub(crate) use thread::{Peers, Reading, Worker, command_queue};
pub(crate) use wall::{Visitor, WallRequest};
pub(crate) use wall_channel::{Asked, Pages};
