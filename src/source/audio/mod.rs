//! The sound of a camera: which encodings there are, and what viewers get of each.

#[allow(dead_code)] // What the parts of an encoding are is read by what decodes it.
mod encoding;

pub use encoding::{Aac, Encoding, G726Packing};
