//! HTTP over real sockets: WHEP row by row, pages and figures, authorisation, TLS, hostile peers.
#![cfg(feature = "http")]

mod authority;
mod client;
mod foreign;
mod hostile;
mod pages;
mod site;
mod tls;
mod whep;
