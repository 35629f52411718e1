//! What is measured.

pub mod before;
pub mod fanout;
pub mod hostile;
pub mod knobs;
pub mod links;
pub mod loss;
pub mod overload;
pub mod peer;
pub mod scale;
pub mod start;
pub mod wall;
pub mod workers;
