//! SDP: reads what browsers offer and change, writes the answers. No state, no I/O.

pub mod answer;
mod credentials;
mod fingerprint;
pub mod fragment;
pub mod offer;

pub use credentials::IceCredentials;
pub use fingerprint::Fingerprint;
