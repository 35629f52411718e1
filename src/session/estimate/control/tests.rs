use super::*;

const SECOND: u64 = 1_000_000;

fn control(start: u64) -> Control {
    Control::new(Limits {
        start,
        ..Limits::default()
    })
}

fn flow(sent: f64, delivered: f64) -> Flow {
    Flow {
        delivered: Some(delivered),
        offered: Some(sent),
        sent: Some(sent),
        wanted: sent,
        waits: false,
        queue: None,
        stands: false,
        response: 100_000,
    }
}

#[test]
fn it_grows_by_8_percent_per_second_up_to_a_multiple_of_the_delivered_rate() {
    let mut control = control(1_000_000);
    let flow = flow(1e6, 1e6);
    control.delay(0, Usage::Normal, flow);
    for n in 1..=10 {
        control.delay(n * SECOND / 10, Usage::Normal, flow);
    }
    assert!((control.estimate() - 1.08e6).abs() < 1e3);
    for n in 11..200 {
        control.delay(n * SECOND / 10, Usage::Normal, flow);
    }
    assert_eq!(control.estimate(), 1.51e6);
}

#[test]
fn overuse_of_a_full_path_falls_below_the_delivered_rate() {
    let mut control = control(2_000_000);
    control.delay(0, Usage::Over, flow(2e6, 1e6));
    assert_eq!(control.estimate(), 0.85e6);
    // Near that capacity the increase is additive.
    control.delay(SECOND, Usage::Normal, flow(0.85e6, 0.85e6));
    control.delay(2 * SECOND, Usage::Normal, flow(0.85e6, 0.85e6));
    assert!(control.estimate() > 0.85e6);
    assert!(control.estimate() < 0.97e6);
}

#[test]
fn the_rate_of_a_stream_that_does_not_fill_the_path_is_not_its_capacity() {
    let mut control = control(3_000_000);
    control.delay(0, Usage::Over, flow(0.5e6, 0.5e6));
    assert_eq!(control.estimate(), 0.85 * 3e6);
    // Too soon after the last decrease.
    control.delay(100_000, Usage::Over, flow(0.5e6, 0.5e6));
    assert_eq!(control.estimate(), 0.85 * 3e6);
    // The path is full.
    control.delay(SECOND, Usage::Over, flow(0.5e6, 0.3e6));
    assert_eq!(control.estimate(), 0.95 * 0.3e6);
}

#[test]
fn trains_raise_and_lower_it() {
    let sample = |shown| Sample {
        shown,
        probe: false,
        proves: true,
    };
    let mut control = control(300_000);
    let usage = Usage::Normal;
    control.train(0, sample(Finding::AtLeast(10e6)), usage, Flow::default());
    assert_eq!(control.estimate(), 9.5e6, "the first");
    control.train(1, sample(Finding::AtLeast(100e6)), usage, Flow::default());
    assert_eq!(control.estimate(), 28.5e6);
    control.train(2, sample(Finding::AtLeast(1e6)), usage, Flow::default());
    assert_eq!(control.estimate(), 28.5e6);
    control.train(
        3,
        sample(Finding::Capacity(2e6, 30_000)),
        usage,
        Flow::default(),
    );
    assert_eq!(control.estimate(), 28.5e6, "too short");
    control.train(
        4,
        sample(Finding::Capacity(2e6, 100_000)),
        usage,
        Flow::default(),
    );
    assert_eq!(control.estimate(), 1.9e6);
}

#[test]
fn only_much_loss_lowers_it() {
    let mut control = control(1_000_000);
    control.loss(0, 0.03, flow(0.2e6, 0.2e6));
    assert_eq!(control.estimate(), 1e6);
    control.loss(0, 0.2, flow(0.2e6, 0.16e6));
    assert_eq!(control.estimate(), 0.9e6);
    control.loss(0, 0.5, flow(0.9e6, 0.9e6));
    assert_eq!(control.estimate(), 0.95 * 0.9e6);
}

#[test]
fn a_wide_path_is_not_narrowed_by_a_machine_that_stalls() {
    let drained = Flow {
        queue: Some(1_000),
        ..flow(4e6, 4e6)
    };
    let mut control = control(100_000_000);
    control.opening(0, Finding::AtLeast(100e6));
    control.delay(0, Usage::Over, drained);
    assert_eq!(control.estimate(), 100e6, "it drains");
    let train = |capacity| Sample {
        shown: Finding::Capacity(capacity, 70_000),
        probe: false,
        proves: true,
    };
    for n in 0..3 {
        control.train(n * 100_000, train(8e6), Usage::Over, drained);
        assert_eq!(control.estimate(), 100e6, "one keyframe");
    }
    control.train(2 * SECOND, train(20e6), Usage::Over, drained);
    assert_eq!(control.estimate(), 19e6, "two, and the better one counts");
    // A queue that stands is believed at once.
    let stands = Flow {
        queue: Some(100_000),
        ..flow(4e6, 2e6)
    };
    control.delay(3 * SECOND, Usage::Over, stands);
    assert_eq!(control.estimate(), 0.95 * 2e6);
}
