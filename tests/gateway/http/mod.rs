//! HTTP over real sockets: WHEP row by row, pages and figures, authorization, TLS, hostile peers.

mod authority;
mod client;
mod counter;
mod events;
mod foreign;
mod hostile;
mod pages;
mod site;
mod tls;
mod whep;
