//! The network: the socket, reading it, the TCP port beside it, the addresses of the interfaces. No protocols.

mod interfaces;
mod receiver;
mod socket;
pub(crate) mod tcp;

pub(crate) use interfaces::Interfaces;
pub(crate) use receiver::Receiver;
pub(crate) use socket::{Socket, canonical};
