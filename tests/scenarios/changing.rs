//! Paths that change: the rate falls and rises, LTE and Wi-Fi, loss, jitter.

use std::time::Duration;

use testkit::net::{Bandwidth, Bursts, Link, Step, lte, wifi};

use crate::thin::{MS, SECOND, behind, setup, times, watch, without_sound};

#[test]
fn after_a_drop_the_stream_is_back_within_seconds() {
    static STEPS: [Step; 3] = [
        Step {
            lasts: Duration::from_secs(15),
            rate: 1_500_000,
        },
        Step {
            lasts: Duration::from_secs(20),
            rate: 250_000,
        },
        Step {
            lasts: Duration::from_secs(40),
            rate: 1_500_000,
        },
    ];
    let link = Link {
        bandwidth: Bandwidth::Steps(&STEPS),
        ..times(15, 100 * MS)
    };
    let mut world = behind(link, 4700 * MS, setup());
    let wide = watch(&mut world, 15 * SECOND);
    assert!(wide.gap < 200 * MS, "{wide:?}");
    world.run(3 * SECOND);
    let thin = watch(&mut world, 16 * SECOND);
    // A keyframe every two seconds, which takes half a second beside the sound, and may be that late.
    assert!(thin.gap < 3 * SECOND, "{thin:?}");
    // The bucket of 4 kB passes at once.
    assert!(thin.most_sent < 1.1 * 250_000.0 + 16_384.0, "{thin:?}");
    world.run(6 * SECOND);
    let estimate = world.session.figures().estimate.unwrap();
    assert!(estimate > 550_000, "{estimate}");
    let wide = watch(&mut world, 20 * SECOND);
    assert!(wide.gap < 200 * MS, "{wide:?}");
    assert!(wide.lost < 0.01, "{wide:?}");
}

#[test]
fn traces_of_radio_links_are_survived() {
    for (name, trace) in [("lte", lte()), ("wifi", wifi())] {
        let link = Link {
            delay: 20 * MS,
            bandwidth: Bandwidth::Steps(trace),
            queue: 300 * MS,
            ..Link::default()
        };
        let mut world = behind(link, 4700 * MS, setup());
        let mut frozen = Duration::ZERO;
        let seen = watch(&mut world, 60 * SECOND);
        let units = world.viewer.video.access_units();
        for pair in units.windows(2) {
            let gap = pair[1].at - pair[0].at;
            if gap > 300 * MS {
                frozen += gap;
            }
        }
        println!(
            "{name}: frozen {frozen:?} {seen:?} {:?}",
            world.session.figures()
        );
        // LTE fades for half a second about six times, and then the next keyframe is a second away in the mean.
        assert!(frozen < 10 * SECOND, "{name}: {frozen:?} {seen:?}");
        // Frames that wait while a fade is short come late, but come.
        assert!(seen.frames > 1300, "{name}: {seen:?}");
        // Until a fade is noticed, a third of a second, some twenty packets meet a full queue each time.
        assert!(seen.lost < 0.04, "{name}: {seen:?}");
    }
}

#[test]
fn loss_and_jitter_leave_no_frames_out() {
    let bursts = Bursts {
        start: 0.004,
        stop: 0.2,
        loss: 0.8,
    };
    let link = Link {
        delay: 10 * MS,
        ..times(30, 200 * MS)
    };
    let cases = [
        Link { loss: 0.02, ..link },
        Link { loss: 0.05, ..link },
        Link {
            bursts: Some(bursts),
            ..link
        },
        Link {
            jitter: 20 * MS,
            ..link
        },
    ];
    for link in cases {
        let mut world = behind(link, 4700 * MS, setup());
        world.run(2 * SECOND);
        let seen = watch(&mut world, 30 * SECOND);
        println!("{seen:?} {:?}", world.session.figures());
        assert_eq!(world.session.figures().skips, 0, "{link:?} {seen:?}");
        assert!(seen.gap < 500 * MS, "{link:?} {seen:?}");
        assert!(seen.frames >= 740, "{link:?} {seen:?}");
    }
}

#[test]
fn after_a_dip_of_wifi_the_picture_is_soon_live_again() {
    let link = Link {
        delay: MS,
        bandwidth: Bandwidth::Steps(wifi()),
        queue: 150 * MS,
        ..Link::default()
    };
    let mut all = Duration::ZERO;
    for after in [100, 900, 1700, 2500, 3300, 3900] {
        let mut world = behind(link, after * MS, without_sound());
        world.run(3 * SECOND);
        let seen = watch(&mut world, 37 * SECOND);
        println!("{after}: {seen:?} {:?}", world.session.figures());
        assert!(seen.age < 150 * MS, "{after} ms: {seen:?}");
        assert_eq!(world.session.figures().skips, 0, "{after} ms: {seen:?}");
        all += seen.age;
    }
    // Without any pacing it is 95 ms.
    assert!(all < 6 * 125 * MS, "{all:?}");
}
