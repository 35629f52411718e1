//! HTTP over real sockets: WHEP row by row, pages and figures, authorisation, TLS, hostile peers.
#![cfg(feature = "http")]

mod client;
mod pages;
mod site;
