//! Where the outside world is touched: the socket, the threads, the clock.

mod command;
mod core;
mod costs;
mod deadlines;
mod interfaces;
mod latency;
mod receiver;
mod route;
mod socket;
mod worker;

pub(crate) use command::{Command, OfferRequest, PatchRequest, WorkerContext};
pub(crate) use costs::{Costs, MediaCosts, UnitTimes};
pub(crate) use interfaces::Interfaces;
pub(crate) use latency::{Latency, LatencyFigures};
pub(crate) use receiver::{Receiver, ReceiverStats};
pub(crate) use route::{Place, Routes};
pub(crate) use socket::Socket;
pub(crate) use worker::Worker;
