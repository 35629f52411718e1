//! A link that becomes thinner than the stream for a while, where there is no substream: what is seen meanwhile, and
//! how soon the stream is live again.

use std::time::{Duration, Instant};

use crate::thin::{MS, SECOND, behind, put_behind, times, watch, without_sound};
use crate::world::World;

/// For how long the picture has stood still since `from`, in pauses of more than 200 ms.
fn frozen(world: &World, from: Instant) -> Duration {
    let units = world.viewer.video.access_units();
    let mut at: Vec<Instant> = units.iter().map(|unit| unit.at).collect();
    at.retain(|&at| at >= from);
    at.sort();
    let ends = [from].into_iter().chain(at.iter().copied());
    let gaps = ends.zip(at.iter().copied().chain([world.now]));
    let gaps = gaps.map(|(last, next)| next - last);
    gaps.filter(|&gap| gap > 200 * MS).sum()
}

#[test]
fn a_viewer_catches_up_once_the_link_is_wide_again() {
    let joins: Vec<u32> = (0..4000).step_by(83).collect();
    let mut still = Duration::ZERO;
    for &after in &joins {
        let mut world = behind(times(30, 200 * MS), after * MS, without_sound());
        world.run(12 * SECOND);
        put_behind(&mut world, times(5, 200 * MS));
        let seen = watch(&mut world, 12 * SECOND);
        assert!(seen.gap < 4500 * MS, "{after}: {seen:?}");
        let wide = world.now;
        put_behind(&mut world, times(30, 200 * MS));
        world.run(16 * SECOND);
        still += frozen(&world, wide);
        let seen = watch(&mut world, 4 * SECOND);
        assert!(seen.age < 200 * MS, "{after}: {seen:?}");
    }
    // 2.1 s if it waited for the next keyframe. It depends much on when the viewer joined: the mean of 16 of these is
    // 1.55 s to 1.97 s.
    let mean = still / joins.len() as u32;
    assert!(mean < 1900 * MS, "{mean:?}");
}
