//! Faults that a camera can be told to have, and counters of what it did.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::CameraConfig;

/// How a camera misbehaves, until the next fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    None,
    /// It is unavailable: live connections are closed, and every new one gets 503 for its first request and is closed.
    Refuse,
    /// Live connections are closed now. Afterwards it works.
    Drop,
    /// It answers requests but sends no media. When it heals it continues with the next frame of the clip; timestamps
    /// show the gap, sequence numbers do not.
    Stall,
    /// This share of its RTP packets is missing.
    Lose {
        /// 0 to 100.
        percent: u8,
    },
}

impl FromStr for Fault {
    type Err = String;

    /// Parses `heal`, `refuse`, `drop`, `stall` or `lose PERCENT`.
    fn from_str(text: &str) -> Result<Fault, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["heal"] => Ok(Fault::None),
            ["refuse"] => Ok(Fault::Refuse),
            ["drop"] => Ok(Fault::Drop),
            ["stall"] => Ok(Fault::Stall),
            ["lose", percent] => match percent.parse() {
                Ok(percent @ 0..=100) => Ok(Fault::Lose { percent }),
                _ => Err(format!("{percent:?} is not a percentage from 0 to 100")),
            },
            _ => Err(format!(
                "{text:?} is not one of: refuse, drop, stall, lose PERCENT, heal"
            )),
        }
    }
}

/// Counters of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections that asked for this camera, refused ones included.
    pub connections: u64,
    /// How many of these are being played to now.
    pub playing: u64,
    /// RTP packets sent, all tracks. Those that a fault lost do not count.
    pub packets_sent: u64,
    /// Frames sent, whole or in part.
    pub frames_sent: u64,
    /// How many clients sent a TEARDOWN.
    pub teardowns: u64,
}

/// A camera as its connections see it.
pub(super) struct Camera {
    pub config: CameraConfig,
    pub health: watch::Sender<Health>,
    pub counters: Counters,
}

/// The current fault, and how often the live connections have been closed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub fault: Fault,
    pub cuts: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub connections: AtomicU64,
    pub playing: AtomicU64,
    pub packets_sent: AtomicU64,
    pub frames_sent: AtomicU64,
    pub teardowns: AtomicU64,
}

impl Camera {
    pub fn new(config: CameraConfig) -> Camera {
        let health = Health {
            fault: Fault::None,
            cuts: 0,
        };
        Camera {
            config,
            health: watch::Sender::new(health),
            counters: Counters::default(),
        }
    }

    pub fn set_fault(&self, fault: Fault) {
        self.health.send_modify(|health| match fault {
            Fault::Drop => {
                health.fault = Fault::None;
                health.cuts += 1;
            }
            Fault::Refuse => {
                health.fault = fault;
                health.cuts += 1;
            }
            Fault::None | Fault::Stall | Fault::Lose { .. } => health.fault = fault,
        });
    }

    pub fn statistics(&self) -> Statistics {
        let counters = &self.counters;
        Statistics {
            connections: counters.connections.load(Ordering::Relaxed),
            playing: counters.playing.load(Ordering::Relaxed),
            packets_sent: counters.packets_sent.load(Ordering::Relaxed),
            frames_sent: counters.frames_sent.load(Ordering::Relaxed),
            teardowns: counters.teardowns.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_parse() {
        assert_eq!("heal".parse(), Ok(Fault::None));
        assert_eq!(" stall ".parse(), Ok(Fault::Stall));
        assert_eq!("lose 5".parse(), Ok(Fault::Lose { percent: 5 }));
        for bad in ["", "lose", "lose 101", "lose -1", "explode", "drop now"] {
            assert!(bad.parse::<Fault>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_drop_cuts_once_and_heals() {
        let camera = Camera::new(CameraConfig::new("cam1"));
        camera.set_fault(Fault::Stall);
        camera.set_fault(Fault::Drop);
        let health = *camera.health.borrow();
        assert_eq!(
            health,
            Health {
                fault: Fault::None,
                cuts: 1
            }
        );
    }
}
