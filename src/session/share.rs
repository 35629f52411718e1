//! Shares what the path carries among the videos of a session.
//!
//! Every slot first gets its least variant; if the path does not carry that for all, their keyframes. Then the
//! slot in focus gets the best that its tile asks for, then the others, larger tiles first. What a slot is shown
//! already is kept where that fits; for more there must be clear room.
//!
//! The [`ladder`](super::ladder) of each slot decides against its share. So that it neither leaves what it is to be
//! shown nor takes more, the share is somewhat more than what that needs.
//!
//! Sans-I/O: knows no leg and no ladder.

/// In percent of what a level needs: its share, and the room that one needs which is better than what is shown.
const COMFORT: u64 = 131;
const ROOM: u64 = 130;

/// What a slot could use.
#[derive(Debug)]
pub struct Claim {
    /// What each level needs in bits per second, in order: its keyframes, the least variant with all frames, and
    /// better ones.
    pub levels: Vec<u64>,
    /// The level that is shown.
    pub shown: usize,
    /// This one first.
    pub focus: bool,
    /// Pixels of its tile.
    pub area: u32,
}

/// What a slot gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Bits per second that its ladder decides against.
    pub budget: u64,
    /// Bits per second that it may use for a while, as nobody else does.
    pub spare: u64,
}

/// Shares `total` bits per second.
pub fn share(total: u64, claims: &[Claim]) -> Vec<Share> {
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|&i| (!claims[i].focus, std::cmp::Reverse(claims[i].area)));
    let mut shared = Shared {
        claims,
        total,
        used: 0,
        levels: vec![0; claims.len()],
    };
    shared.used = claims.iter().map(|claim| claim.need(0)).sum();
    let least = claims.iter().map(|claim| claim.need(1));
    let carries_least = least.sum::<u64>() <= total;
    if carries_least {
        for &i in &order {
            shared.raise(i, 1);
        }
    }
    for &i in order.iter().filter(|&&i| claims[i].focus) {
        // Not more of one while not all have the least: a path that becomes thinner gives nobody more.
        let most = if carries_least { claims[i].top() } else { 1 };
        shared.raise_most(i, most);
    }
    // Where not all have it: the least of each before more of one.
    for &i in &order {
        shared.raise_most(i, 1);
    }
    for &i in &order {
        shared.raise_most(i, claims[i].top());
    }
    let spare = total.saturating_sub(shared.used);
    let scarce = shared.used > total;
    let shares = claims.iter().zip(&shared.levels).map(|(claim, &level)| {
        let need = claim.need(level);
        let next = claim.levels.get(level + 1);
        let budget = need * COMFORT / 100;
        let budget = match next {
            Some(&next) if next > need => budget.min(next - 1),
            _ => budget,
        };
        let budget = match scarce {
            true => need * total / shared.used.max(1),
            false => budget,
        };
        Share {
            budget,
            spare: budget.max(need + spare),
        }
    });
    shares.collect()
}

struct Shared<'a> {
    claims: &'a [Claim],
    total: u64,
    used: u64,
    levels: Vec<usize>,
}

impl Shared<'_> {
    /// Raises a slot to the best level that fits, `most` at most.
    fn raise_most(&mut self, slot: usize, most: usize) {
        let claim = &self.claims[slot];
        let now = self.levels[slot];
        let fits = |level: &usize| {
            let more = claim.need(*level).saturating_sub(claim.need(now));
            let room = match *level > claim.shown {
                true => more * ROOM / 100,
                false => more,
            };
            self.used + room <= self.total
        };
        if let Some(level) = (now + 1..=most.min(claim.top())).rev().find(fits) {
            self.raise(slot, level);
        }
    }

    fn raise(&mut self, slot: usize, level: usize) {
        let claim = &self.claims[slot];
        let level = level.min(claim.top());
        let before = std::mem::replace(&mut self.levels[slot], level);
        self.used += claim.need(level).saturating_sub(claim.need(before));
    }
}

impl Claim {
    fn top(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    fn need(&self, level: usize) -> u64 {
        let level = level.min(self.top());
        self.levels.get(level).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: u64 = 4_000_000;
    const SUB: u64 = 500_000;
    const KEYFRAMES: u64 = 50_000;

    fn tiles(count: usize, focus: usize) -> Vec<Claim> {
        let tile = |i| Claim {
            levels: vec![KEYFRAMES, SUB, MAIN],
            shown: 1,
            focus: i == focus,
            area: 320 * 180,
        };
        (0..count).map(tile).collect()
    }

    /// The level that a ladder with this share is content with.
    fn levels(total: u64, claims: &[Claim]) -> Vec<usize> {
        let shares = share(total, claims);
        let fits = |(claim, share): (&Claim, &Share)| {
            let fitting = claim.levels.iter().rposition(|need| *need <= share.budget);
            fitting.unwrap_or(0)
        };
        claims.iter().zip(&shares).map(fits).collect()
    }

    #[test]
    fn where_there_is_enough_all_get_their_best() {
        let shares = share(100_000_000, &tiles(4, 9));
        for share in shares {
            assert!(share.budget >= MAIN * 130 / 100);
            assert!(share.spare > 80_000_000);
        }
    }

    #[test]
    fn the_focused_tile_gets_its_best_before_others_get_more_than_the_least() {
        let claims = tiles(16, 5);
        // Half of what all would use, and just enough for the one in focus.
        assert_eq!(levels(32_000_000, &claims)[5], 2);
        let thin = levels(15 * SUB + MAIN + 1_100_000, &claims);
        let expected: Vec<usize> = (0..16).map(|i| if i == 5 { 2 } else { 1 }).collect();
        assert_eq!(thin, expected);
    }

    #[test]
    fn where_not_all_can_have_the_least_the_focused_one_keeps_all_frames() {
        let claims = tiles(16, 5);
        let shown = levels(3_000_000, &claims);
        assert_eq!(shown[5], 1);
        let all_frames = shown.iter().filter(|&&level| level == 1).count();
        assert!((3..=6).contains(&all_frames), "{shown:?}");
        assert!(shown.iter().all(|&level| level < 2));
    }

    #[test]
    fn a_thinner_path_gives_nobody_more() {
        let claims = tiles(16, 5);
        let mut before = vec![2; 16];
        for step in (0..80).rev() {
            let shown = levels(1_000_000 * step, &claims);
            let less = shown.iter().zip(&before).all(|(now, before)| now <= before);
            assert!(less, "{step} Mbit/s: {shown:?}, not {before:?}");
            before = shown;
        }
    }

    #[test]
    fn larger_tiles_come_before_smaller_ones() {
        let mut claims = tiles(4, 9);
        claims[2].area = 1920 * 1080;
        assert_eq!(levels(3 * SUB + MAIN + 1_100_000, &claims), [1, 1, 2, 1]);
    }

    #[test]
    fn what_is_shown_stays_where_it_just_fits_and_more_needs_clear_room() {
        let mut claims = tiles(2, 0);
        let total = SUB + MAIN + 100_000;
        assert_eq!(levels(total, &claims), [1, 1]);
        claims[0].shown = 2;
        assert_eq!(levels(total, &claims), [2, 1]);
    }

    #[test]
    fn no_more_is_shared_than_there_is() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let claim = |random: &mut fastrand::Rng| {
                let count = random.usize(1..4);
                let mut levels: Vec<u64> =
                    (0..count).map(|_| random.u64(10_000..5_000_000)).collect();
                levels.sort_unstable();
                Claim {
                    shown: random.usize(..count),
                    levels,
                    focus: random.u8(..8) == 0,
                    area: random.u32(..100),
                }
            };
            let claims: Vec<Claim> = (0..random.usize(1..70))
                .map(|_| claim(&mut random))
                .collect();
            let total = random.u64(10_000..200_000_000);
            let shown = levels(total, &claims);
            let needs = claims.iter().zip(shown);
            let used: u64 = needs.map(|(claim, level)| claim.need(level)).sum();
            let floor: u64 = claims.iter().map(|claim| claim.need(0)).sum();
            // A ladder may take a level that needs a little more, up to its comfort.
            assert!(
                used <= total.max(floor) * COMFORT / 100,
                "{used} of {total}"
            );
        }
    }
}
