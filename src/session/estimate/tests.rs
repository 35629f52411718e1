//! Closed loop in virtual time: a paced sender with the estimator, an emulated link, and a viewer that
//! sends feedback.

mod hostile;
mod world;

use std::time::{Duration, Instant};

use testkit::net::{Bandwidth, Bursts, Link, Step, lte, wifi};

use super::{Estimator, Kind, Limits, ProbeOf, TransportFeedback};
use world::{MS, SECOND, Source, World, bottleneck, cross_traffic};

/// The lowest estimate for a stream of 525 kbit/s while a queue that stands is drained, as after the first keyframe:
/// one of 100 ms is by a tenth of a second.
const DRAINING: f64 = 0.9 * 525_000.0;

#[test]
fn a_greedy_sender_uses_the_link_and_keeps_its_queue_short() {
    for (rate, queue) in [(1_000_000, 300), (3_000_000, 150), (10_000_000, 300)] {
        let mut world = World::new(bottleneck(rate, queue * MS), &[Source::Greedy]);
        world.flows[0].estimator.want(100_000_000);
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        let (delivered, delay) = flow.delivery(20.0, 60.0);
        flow.show(
            &format!("greedy {rate}"),
            &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0],
        );
        println!(
            "  utilization {:.3}, delay p95 {delay:?}",
            delivered / rate as f64
        );
        assert!(delivered > 0.85 * rate as f64);
        // Half of the longest queue: a probe leaves at once, and fills some of it.
        assert!(delay < 20 * MS + 150 * MS, "{delay:?}");
        assert!(flow.loss() < 0.01);
        // A probe triples the estimate at most, and they are up to 4 s apart.
        assert!(flow.lowest(15.0, 60.0) > 0.5 * rate as f64);
        assert!(
            flow.mean(14.0, 15.0) > 0.7 * rate as f64,
            "slow to converge"
        );
    }
}

#[test]
fn the_estimate_follows_steps_down_and_up() {
    static STEPS: [Step; 3] = [
        Step {
            lasts: Duration::from_secs(20),
            rate: 1_500_000,
        },
        Step {
            lasts: Duration::from_secs(20),
            rate: 250_000,
        },
        Step {
            lasts: Duration::from_secs(60),
            rate: 1_500_000,
        },
    ];
    // 3 x, 0.5 x, 3 x of the stream that is wanted; what is sent is a quarter of it when it does not fit.
    let link = bottleneck(Bandwidth::Steps(&STEPS), 200 * MS);
    let mut world = World::new(link, &[Source::Camera(1.0)]);
    world.flows[0].estimator.want(550_000);
    let mut down = None;
    let mut up = None;
    for n in 0..800u32 {
        world.run(100 * MS);
        let at = n / 10;
        let flow = &mut world.flows[0];
        let estimate = flow.estimator.estimate();
        if estimate < 500_000 && at >= 20 && down.is_none() {
            down = Some(n - 200);
            flow.source = Source::Camera(0.25);
            flow.queue.clear();
        }
        if estimate > 600_000 && at >= 40 && up.is_none() {
            up = Some(n - 400);
            flow.source = Source::Camera(1.0);
        }
    }
    let flow = &world.flows[0];
    flow.show(
        "steps",
        &[
            1.0, 5.0, 19.0, 20.5, 21.0, 22.0, 25.0, 39.0, 41.0, 45.0, 50.0, 55.0, 60.0, 70.0, 79.0,
        ],
    );
    println!("  down after {down:?}, up after {up:?} tenths of a second");
    assert!(down.is_some_and(|tenths| tenths <= 15), "{down:?}");
    assert!(up.is_some_and(|tenths| tenths <= 80), "{up:?}");
    assert!(flow.highest(24.0, 40.0) < 300_000.0);
    assert!(flow.lowest(2.0, 20.0) > 550_000.0, "no false collapse");
}

#[test]
fn the_estimate_for_a_camera_on_a_link_slightly_wider_than_its_stream_is_stable() {
    for (headroom, queue) in [(1.2, 100), (1.2, 300), (1.6, 100)] {
        let rate = (500_000.0 * headroom) as u64;
        let mut world = World::new(bottleneck(rate, queue * MS), &[Source::Camera(1.0)]);
        world.flows[0].estimator.want(525_000);
        world.run(3 * SECOND);
        let (sender, viewer) = (world.flows[0].sender, world.flows[0].viewer);
        let at_start = world.network.counts(sender, viewer).overflowed;
        world.run(117 * SECOND);
        let flow = &world.flows[0];
        flow.show(
            &format!("camera {headroom} x, {queue} ms"),
            &[0.3, 0.5, 1.0, 3.0, 4.5, 8.5, 20.0, 60.0, 110.0],
        );
        let (delivered, delay) = flow.delivery(8.0, 120.0);
        let backlog = flow.log.iter().skip(80).map(|entry| entry.backlog).max();
        println!(
            "  delivered {:.0}, delay p95 {delay:?}, lowest {:.0}, highest {:.0}, backlog {backlog:?}",
            delivered / 1e3,
            flow.lowest(3.0, 120.0) / 1e3,
            flow.highest(3.0, 120.0) / 1e3
        );
        assert!(flow.lowest(3.0, 10.0) > DRAINING);
        assert!(flow.lowest(10.0, 120.0) > 500_000.0);
        assert!(flow.highest(3.0, 120.0) < 2.0 * rate as f64);
        let counts = world.network.counts(flow.sender, flow.viewer);
        println!(
            "  overflowed {} of {}, {at_start} at the start",
            counts.overflowed, counts.sent
        );
        assert!(counts.overflowed - at_start < counts.sent / 200);
        assert!(delay < 20 * MS + queue * MS);
    }
}

#[test]
fn keyframes_detect_a_wide_path() {
    let mut world = World::new(bottleneck(50_000_000, 100 * MS), &[Source::Camera(4.0)]);
    world.run(30 * SECOND);
    let flow = &world.flows[0];
    flow.show("wide", &[0.3, 1.0, 4.5, 8.5, 12.5, 20.0, 29.0]);
    assert!(flow.lowest(0.5, 30.0) > 10e6);
    // Ten times what is sent: from there on it rests.
    assert!(flow.lowest(8.5, 30.0) > 20e6);
    assert_eq!(flow.loss(), 0.0);
}

#[test]
fn random_and_burst_loss_do_not_lower_the_estimate_much() {
    let bursts = Bursts {
        start: 0.004,
        stop: 0.2,
        loss: 0.8,
    };
    let random = Link {
        loss: 0.02,
        ..bottleneck(2_000_000, 200 * MS)
    };
    let bursty = Link {
        bursts: Some(bursts),
        ..bottleneck(2_000_000, 200 * MS)
    };
    for (name, link) in [("random", random), ("bursts", bursty)] {
        let mut world = World::new(link, &[Source::Greedy]);
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        let (delivered, delay) = flow.delivery(10.0, 60.0);
        flow.show(name, &[1.0, 5.0, 10.0, 30.0, 50.0]);
        println!("  utilization {:.3}, delay p95 {delay:?}", delivered / 2e6);
        assert!(delivered > 0.75 * 2e6);
        let mut world = World::new(link, &[Source::Camera(1.0)]);
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        flow.show(&format!("{name}, camera"), &[1.0, 5.0, 10.0, 30.0, 50.0]);
        assert!(flow.lowest(3.0, 10.0) > DRAINING);
        assert!(flow.lowest(10.0, 60.0) > 525_000.0);
    }
}

#[test]
fn jitter_is_not_mistaken_for_overuse() {
    let link = Link {
        jitter: 15 * MS,
        ..bottleneck(3_000_000, 200 * MS)
    };
    let mut world = World::new(link, &[Source::Camera(1.0)]);
    world.run(60 * SECOND);
    let flow = &world.flows[0];
    flow.show("jitter", &[1.0, 5.0, 10.0, 30.0, 50.0]);
    println!("  lowest {:.0}", flow.lowest(3.0, 60.0));
    assert!(flow.lowest(3.0, 60.0) > 600_000.0);
}

#[test]
fn two_flows_share_a_link() {
    let greedy = Source::Greedy;
    // Both streams fit, or neither does.
    let (fits, too_much) = (Source::Camera(1.3), Source::Camera(2.0));
    for (source, later) in [
        (greedy, 0),
        (greedy, 11),
        (fits, 2),
        (too_much, 0),
        (too_much, 11),
    ] {
        for queue in [100, 400] {
            let link = bottleneck(2_000_000, queue * MS);
            let mut world = World::new(link, &[source, Source::Camera(0.0)]);
            world.run(later * SECOND);
            let (now, second) = (world.now, &mut world.flows[1]);
            (second.source, second.frames) = (source, 0);
            (second.next_send, second.next_frame) = (now, now);
            world.run((120 - later) * SECOND);
            let [first, second] = [0, 1].map(|n| world.flows[n].delivery(60.0, 120.0).0);
            let ratio = first / second;
            println!("{later} s later, queue {queue} ms: {first:.0} and {second:.0}: {ratio:.2}");
            // The lesser has three quarters of the other: a camera does not send less when it is asked to, so
            // nothing but its own keyframes brings it up to the other.
            assert!((0.75..1.33).contains(&ratio));
            if source != fits {
                assert!(first + second > 0.9 * 2e6);
            }
        }
    }
}

#[test]
fn cross_traffic_takes_its_share_and_gives_it_back() {
    let mut world = World::new(bottleneck(2_000_000, 200 * MS), &[Source::Camera(1.0)]);
    world.flows[0].estimator.want(1_200_000);
    let (from, to) = cross_traffic();
    for n in 0..6000 {
        // 1 Mbit/s from 20 to 40 s.
        if (2000..4000).contains(&n) {
            world.network.send(world.now, from, to, [0; 1222]);
        }
        world.run(10 * MS);
    }
    let flow = &world.flows[0];
    flow.show(
        "cross traffic",
        &[
            1.0, 5.0, 19.0, 21.0, 25.0, 30.0, 39.0, 41.0, 45.0, 50.0, 59.0,
        ],
    );
    let overflowed = world.network.counts(flow.sender, flow.viewer).overflowed;
    println!("  overflowed {overflowed}");
    assert!(flow.lowest(2.0, 20.0) > 1_200_000.0);
    assert!(flow.lowest(20.0, 40.0) > 550_000.0);
    // Clearly less than without it. Keyframes are measured between its packets, and show more than is left.
    assert!(flow.mean(25.0, 40.0) < 1_700_000.0);
    assert!(flow.lowest(50.0, 60.0) > 1_200_000.0);
    assert!(overflowed < 10);
}

#[test]
fn traces_are_followed() {
    for (name, trace) in [("lte", lte()), ("wifi", wifi())] {
        let bandwidth = Bandwidth::Steps(trace);
        let mut world = World::new(bottleneck(bandwidth, 300 * MS), &[Source::Greedy]);
        world.flows[0].estimator.want(10_000_000);
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        let capacity = bandwidth.capacity(60 * SECOND).unwrap() / 60.0;
        let (delivered, delay) = flow.delivery(0.0, 60.0);
        flow.show(name, &[1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        println!(
            "  utilization {:.3}, delay p95 {delay:?}",
            delivered / capacity
        );
        assert!(delivered > 0.4 * capacity);
        assert!(flow.loss() < 0.1, "{}", flow.loss());
    }
}

#[test]
fn missing_feedback_lowers_the_estimate_until_it_resumes() {
    let link = bottleneck(3_000_000, 100 * MS);
    let mut world = World::new(link, &[Source::Camera(1.0)]);
    world.flows[0].estimator.want(600_000);
    world.run(10 * SECOND);
    let ways = [
        (world.flows[0].sender, world.flows[0].viewer),
        (world.flows[0].viewer, world.flows[0].sender),
    ];
    for (from, to) in ways {
        world.network.set_link(
            from,
            to,
            Link {
                loss: 1.0,
                ..Link::default()
            },
        );
    }
    world.run(8 * SECOND);
    assert!(world.flows[0].estimator.estimate() < 60_000);
    for (from, to) in ways {
        world.network.set_link(from, to, link);
    }
    world.flows[0].queue.clear();
    world.run(10 * SECOND);
    let flow = &world.flows[0];
    flow.show(
        "silence",
        &[9.0, 12.0, 15.0, 17.9, 18.5, 19.0, 20.0, 22.0, 27.0],
    );
    assert!(flow.lowest(24.0, 28.0) > 550_000.0);
}

#[test]
fn receiver_reports_tell_whether_the_stream_fits() {
    for (headroom, fits) in [(3.0, true), (1.3, true), (0.8, false)] {
        let rate = (500_000.0 * headroom) as u64;
        let mut world = World::new(bottleneck(rate, 200 * MS), &[Source::Camera(1.0)]);
        world.flows[0].reports = Some((0, 0));
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        flow.show(
            &format!("reports, {headroom} x"),
            &[1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 59.0],
        );
        if fits {
            assert!(flow.lowest(6.0, 60.0) > 500_000.0);
            // 2.6 times what was sent in the second of a keyframe, which is a fifth more.
            assert!(flow.highest(6.0, 60.0) < 3.2 * 500_000.0);
        } else {
            assert!(flow.highest(4.0, 60.0) < 480_000.0);
        }
    }
}

#[test]
fn arbitrary_feedback_keeps_the_estimate_within_its_limits() {
    let mut random = fastrand::Rng::with_seed(8);
    let start = Instant::now();
    let limits = Limits::default();
    let mut estimator = Estimator::new(start, limits);
    estimator.want(5_000_000);
    let (mut now, mut sequence) = (start, 0u16);
    for _ in 0..20_000 {
        now += Duration::from_micros(random.u64(0..50_000));
        for _ in 0..random.u8(0..10) {
            let kind = if random.bool() {
                Kind::Media
            } else {
                Kind::Probe
            };
            estimator.packet_sent(now, Some(sequence), random.usize(0..3000), kind);
            sequence = sequence.wrapping_add(random.u16(0..3));
        }
        let mut bytes = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend(sequence.wrapping_sub(random.u16(0..30)).to_be_bytes());
        bytes.extend([0, random.u8(1..30)]);
        bytes.extend(random.u32(..).to_be_bytes());
        bytes.extend((0..80).map(|_| random.u8(..)));
        if let Some(feedback) = TransportFeedback::parse(&bytes) {
            estimator.feedback(now, &feedback, false);
        }
        estimator.report(now, random.f64() * 3.0 - 1.0, None);
        estimator.timeout(now);
        let _ = estimator.probe(now, ProbeOf::Padding);
        let estimate = estimator.estimate();
        assert!((limits.floor..=limits.ceiling).contains(&estimate));
        assert!(estimator.pace(now, Duration::ZERO) >= limits.floor);
    }
}

#[test]
fn long_round_trips_and_rare_feedback_are_handled() {
    for (delay, interval) in [(20, 50), (20, 250), (150, 100), (150, 250)] {
        let link = Link {
            delay: delay * MS,
            ..bottleneck(600_000, 200 * MS)
        };
        let mut world = World::new(link, &[Source::Camera(1.0)]);
        world.flows[0].estimator.want(525_000);
        world.flows[0].feedback_interval = interval * MS;
        world.run(60 * SECOND);
        let flow = &world.flows[0];
        flow.show(
            &format!("one way {delay} ms, feedback every {interval} ms"),
            &[0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 40.0, 59.0],
        );
        let counts = world.network.counts(flow.sender, flow.viewer);
        println!(
            "  overflowed {}, lowest {:.0}",
            counts.overflowed,
            flow.lowest(3.0, 60.0) / 1e3
        );
        assert!(flow.lowest(3.0, 10.0) > DRAINING);
        assert!(flow.lowest(10.0, 60.0) > 525_000.0);
        assert!(flow.highest(3.0, 60.0) < 700_000.0);
        assert!(counts.overflowed < counts.sent / 100);
    }
}
