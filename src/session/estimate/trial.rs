//! Whether a leap of the estimate was too far. A train shows all that a link carries, also where others use some of
//! it: what is sent after it shows the rest.

/// So many packets after a leap are on trial, and it fails if they queue for longer than this, in microseconds.
const PACKETS: u32 = 40;
const QUEUE: i64 = 60_000;

/// The last leap, while it is on trial.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// The estimate before, in bits per second.
    before: f64,
    at: u64,
    packets: u32,
}

/// How a trial goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Not known yet.
    Open,
    /// The leap was right.
    Passed,
    /// It was too far. This was the estimate before.
    Failed(f64),
}

/// What a message tells of packets that are on trial.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// How many arrived.
    pub packets: u32,
    /// For how long each of them queued at least, in microseconds.
    pub queued: i64,
}

impl Trial {
    pub fn new(now: u64, before: f64) -> Trial {
        Trial {
            before,
            at: now,
            packets: 0,
        }
    }

    /// Packets that left from this time on are on trial.
    pub fn since(&self) -> i64 {
        self.at as i64
    }

    pub fn hear(&mut self, evidence: Evidence) -> Outcome {
        self.packets += evidence.packets;
        match self.packets {
            _ if evidence.packets > 0 && evidence.queued > QUEUE => Outcome::Failed(self.before),
            packets if packets > PACKETS => Outcome::Passed,
            _ => Outcome::Open,
        }
    }
}

impl Evidence {
    /// Another packet arrived.
    pub fn add(&mut self, queued: i64) {
        self.queued = match self.packets {
            0 => queued,
            _ => self.queued.min(queued),
        };
        self.packets = self.packets.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_fails_if_what_follows_queues() {
        let evidence = |queues: &[i64]| {
            let mut evidence = Evidence::default();
            queues.iter().for_each(|&queued| evidence.add(queued));
            evidence
        };
        let mut trial = Trial::new(7, 4e5);
        assert_eq!(trial.since(), 7);
        assert_eq!(trial.hear(evidence(&[])), Outcome::Open);
        assert_eq!(
            trial.hear(evidence(&[90_000, 5_000])),
            Outcome::Open,
            "jitter"
        );
        let mut other = trial;
        assert_eq!(
            other.hear(evidence(&[90_000, 70_000])),
            Outcome::Failed(4e5)
        );
        assert_eq!(trial.hear(evidence(&[0; 38])), Outcome::Open);
        assert_eq!(trial.hear(evidence(&[0])), Outcome::Passed);
    }
}
