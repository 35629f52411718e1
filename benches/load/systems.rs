//! The systems under test, each in a process of its own.

pub mod bare;
pub mod cameras;
pub mod gateway;
pub mod hostile;
pub mod naive;
