//! Where the outside world is touched: the socket, the threads, the clock.

mod command;
mod core;
mod deadlines;
mod fan_out;
mod interfaces;
mod receiver;
mod route;
mod socket;
mod worker;

pub(crate) use command::{Command, OfferRequest, PatchRequest, WorkerContext};
pub(crate) use interfaces::Interfaces;
pub(crate) use receiver::{ReceiverStats, inbox};
pub(crate) use route::Routes;
pub(crate) use socket::Socket;
pub(crate) use worker::{Reading, Worker};
