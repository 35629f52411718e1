//! The network: the socket, reading it, those that outputs have to themselves, the TCP port beside it and its connections, the addresses of the interfaces.
//! No protocols but TLS.

mod changes;
mod interfaces;
mod own_socket;
mod receiver;
mod rules;
mod socket;
mod stream;
pub(crate) mod tcp;

pub(crate) use changes::AddressChanges;
pub(crate) use interfaces::{Addresses, Interfaces};
pub(crate) use own_socket::OwnSocket;
pub(crate) use receiver::Receiver;
pub(crate) use rules::Rules;
pub(crate) use socket::{Socket, canonical};
pub(crate) use stream::{Parts, Stream};
