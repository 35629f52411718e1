//! For how long there has been a reason to move.

use std::time::{Duration, Instant};

/// In percent of the need of what is shown: with less, the path is far too thin.
const SHORT: u64 = 85;
/// For so long the path must be far too thin, or too thin...
const SHORT_TIME: Duration = Duration::from_millis(500);
const TIGHT_TIME: Duration = Duration::from_secs(3);
/// Where fewer frames are shown already, so long.
const LONG_TIME: Duration = Duration::from_secs(8);
/// ...and have clear room, or some.
const CLEAR_TIME: Duration = Duration::from_millis(1000);
const ROOM_TIME: Duration = Duration::from_secs(8);

/// Loss without measurement, in parts per million: more than this for so long is a reason to go down,
/// less than that for so long one to go up.
const LOSSY: u32 = 80_000;
const LOSSY_TIME: Duration = Duration::from_secs(4);
const CLEAN: u32 = 20_000;
const CLEAN_TIME: Duration = Duration::from_secs(20);

/// Since when each reason has been there.
#[derive(Debug, Default)]
pub struct Pressure {
    short: Option<Instant>,
    tight: Option<Instant>,
    late: bool,
    clear: Option<Instant>,
    room: Option<Instant>,
    ample: Option<Instant>,
    lossy: Option<Instant>,
    clean: Option<Instant>,
}

fn note(since: &mut Option<Instant>, now: Instant, holds: bool) {
    if holds {
        since.get_or_insert(now);
    } else {
        *since = None;
    }
}

fn lasts(since: Option<Instant>, now: Instant, time: Duration) -> bool {
    since.is_some_and(|since| now >= since + time)
}

impl Pressure {
    /// The path carries `budget` of the `need` of what is shown.
    pub fn note(&mut self, now: Instant, budget: u64, need: u64, late: bool) {
        note(&mut self.short, now, budget < need * SHORT / 100);
        note(&mut self.tight, now, budget < need);
        self.late = late;
    }

    /// Whether a better step fits, and how clearly so.
    pub fn note_room(&mut self, now: Instant, clear: bool, room: bool, ample: bool) {
        note(&mut self.clear, now, clear);
        note(&mut self.room, now, room);
        note(&mut self.ample, now, ample);
    }

    /// The viewer lost so much, or frames are late.
    pub fn note_loss(&mut self, now: Instant, loss_ppm: u32, late: bool) {
        note(&mut self.lossy, now, loss_ppm > LOSSY || late);
        note(&mut self.clean, now, loss_ppm < CLEAN && !late);
    }

    /// Whether what is shown is too much.
    pub fn is_too_much(&self, now: Instant, at_once: bool) -> bool {
        let short = if at_once { Duration::ZERO } else { SHORT_TIME };
        lasts(self.short, now, short)
            || lasts(self.tight, now, TIGHT_TIME)
            || (self.tight.is_some() && self.late)
    }

    /// Whether what is shown is more than the path carries at the moment.
    pub fn is_tight(&self) -> bool {
        self.tight.is_some()
    }

    /// Whether what is shown has been too much for long.
    pub fn is_too_much_for_long(&self, now: Instant) -> bool {
        lasts(self.tight, now, LONG_TIME)
    }

    pub fn is_clear(&self, now: Instant) -> bool {
        lasts(self.clear, now, CLEAR_TIME)
    }

    pub fn is_ample(&self, now: Instant) -> bool {
        lasts(self.ample, now, CLEAR_TIME)
    }

    pub fn is_roomy(&self, now: Instant) -> bool {
        lasts(self.room, now, ROOM_TIME)
    }

    pub fn is_lossy(&self, now: Instant) -> bool {
        lasts(self.lossy, now, LOSSY_TIME)
    }

    pub fn is_clean(&self, now: Instant) -> bool {
        lasts(self.clean, now, CLEAN_TIME)
    }

    /// Whether a decision may follow from time alone.
    pub fn is_any(&self) -> bool {
        let reasons = [self.short, self.tight, self.clear, self.room, self.lossy];
        reasons.iter().any(Option::is_some)
    }
}
