//! What the tile that a viewer shows a stream in asks for: no variant that is larger than it has to be.

use super::Ladder;
use super::steps::{Access, Rung, permits};
use crate::session::share::Claim;
use crate::state::{Detail, SlotView, StreamId};

impl Ladder {
    /// What it could use of what the path carries, by the last survey. `shown`: the stream that is shown, and how much
    /// of it.
    pub fn claim(&self, (shown, detail): (StreamId, Detail)) -> Claim {
        let best = self.best_for_tile();
        let rungs = self.rungs.iter().enumerate().skip(best);
        let live = rungs.filter(|&(place, rung)| {
            rung.access == Access::Live && permits(self.limits.variant, &self.rungs, place)
        });
        let known = live.filter_map(|(_, rung)| Some((rung, rung.video?)));
        let known: Vec<_> = known.collect();
        let lowest = known
            .last()
            .map(|(rung, video)| rung.keyframes.unwrap_or(*video));
        let mut levels: Vec<u64> = lowest.into_iter().collect();
        // Each at least what the one below needs.
        for (_, video) in known.iter().rev() {
            levels.push(levels.last().copied().unwrap_or(0).max(*video));
        }
        let place = known.iter().rposition(|(rung, _)| rung.stream == shown);
        let of_all = place.map_or(0, |place| known.len() - place);
        Claim {
            levels,
            shown: if detail == Detail::AllFrames {
                of_all
            } else {
                0
            },
            focus: self.tile.focus,
            area: u32::from(self.tile.width) * u32::from(self.tile.height),
        }
    }

    /// Whether something else may begin for the tile that the viewer asks for: not if it is only somewhat larger or
    /// smaller, or comes first.
    pub(super) fn tile_asks(&self) -> bool {
        let (before, asked) = (self.tile, self.asked_tile);
        let is_other = (before.width, before.height) != (asked.width, asked.height);
        let mut rungs = self.rungs.iter();
        is_other
            && rungs.any(|rung| match rung.size {
                (0, 0) => true,
                _ => fills(before, rung) != fills(asked, rung),
            })
    }

    /// The place of the smallest variant that fills the tile; of the best, if the tile is not known or none does.
    pub(super) fn best_for_tile(&self) -> usize {
        let live = |rung: &Rung| rung.access == Access::Live;
        let fills = |rung: &Rung| live(rung) && self.fills_tile(rung);
        self.rungs.iter().rposition(fills).unwrap_or(0)
    }

    fn fills_tile(&self, rung: &Rung) -> bool {
        fills(self.tile, rung)
    }

    /// A variant without media that might fill the tile as well as the one that is shown.
    pub(super) fn smaller(&self, shown: StreamId) -> Option<StreamId> {
        let place = self.place_of(shown)?;
        if !self.fills_tile(&self.rungs[place]) {
            return None;
        }
        // One of which the size is not known most likely has half of it.
        let (width, height) = self.rungs[place].size;
        let much = |side: u16, of_tile: u16| u32::from(side) * 2 >= u32::from(of_tile) * 3;
        let much_larger = much(width, self.tile.width) && much(height, self.tile.height);
        let worse = self.rungs.get(place + 1..)?.iter().enumerate();
        let mut worse = worse.filter(|&(i, rung)| {
            rung.access == Access::Away
                && permits(self.limits.variant, &self.rungs, place + 1 + i)
                && (self.fills_tile(rung) || (rung.size == (0, 0) && much_larger))
        });
        worse.next().map(|(_, rung)| rung.stream)
    }
}

/// Whether a variant is known to be as large as a tile, in which it is shown as a whole.
fn fills(tile: SlotView, rung: &Rung) -> bool {
    let known = tile.width > 0 && tile.height > 0;
    known && (rung.size.0 >= tile.width || rung.size.1 >= tile.height)
}
