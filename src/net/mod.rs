//! The network: the socket, reading it, the TCP port beside it, the addresses of the interfaces. No protocols.

mod changes;
mod interfaces;
mod receiver;
mod rules;
mod socket;
pub(crate) mod tcp;

pub(crate) use changes::AddressChanges;
pub(crate) use interfaces::{Addresses, Interfaces};
pub(crate) use receiver::Receiver;
pub(crate) use rules::Rules;
pub(crate) use socket::{Socket, canonical};
