//! The network: the socket, reading it, the TCP port beside it and its connections, the addresses of the interfaces.
//! No protocols but TLS.

mod interfaces;
mod receiver;
mod socket;
mod stream;
pub(crate) mod tcp;

pub(crate) use interfaces::Interfaces;
pub(crate) use receiver::Receiver;
pub(crate) use socket::{Socket, canonical};
pub(crate) use stream::{Parts, Stream};
