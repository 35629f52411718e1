//! Recovery from loss, over the simulated network of the scenarios: one session, one independent
//! viewer, virtual time, the same random numbers in every run.

use std::io;
use std::time::Duration;

use testkit::clip::Clip;
use testkit::net::Link;

use crate::args::Args;
use crate::report::{Table, number, write};
use crate::world::{GATEWAY, Setup, VIEWER, World, address};

enum Pattern {
    /// This share of datagrams, in both directions.
    Random(f64),
    /// This share of datagrams to the viewer, in bursts of this length.
    Bursts(f64, u64),
}

/// Loss of 1, 5 and 10 %, evenly and in bursts; round trips of 20 and 100 ms.
pub fn measure(args: &Args) -> io::Result<()> {
    let time =
        Duration::from_secs(args.number("seconds", if args.has("quick") { 60 } else { 300 }));
    let mut table = Table::new(
        "Recovery",
        &[
            "loss",
            "round trip ms",
            "packets lost",
            "recovered %",
            "never came",
            "sent again",
            "pictures whole %",
        ],
    );
    for share in [0.01, 0.05, 0.10] {
        for pattern in [Pattern::Random(share), Pattern::Bursts(share, 8)] {
            for round_trip in [20, 100] {
                let (name, world) = play(&pattern, Duration::from_millis(round_trip), time);
                let video = &world.viewer.video;
                let (recovered, lost) = (video.recovered as f64, video.lost() as f64);
                let units = video.access_units();
                let span = units.last().zip(units.first()).map_or(0, |(last, first)| {
                    last.timestamp.wrapping_sub(first.timestamp) / 3600 + 1
                });
                table.rows.push(vec![
                    name.into(),
                    number(round_trip as f64, 0),
                    number(recovered + lost, 0),
                    number(100.0 * recovered / (recovered + lost).max(1.0), 3),
                    number(lost, 0),
                    number(world.session.figures().retransmits as f64, 0),
                    number(100.0 * units.len() as f64 / f64::from(span.max(1)), 2),
                ]);
            }
        }
    }
    let about = format!(
        "A 720p clip for {} s of virtual time. Random loss hits both directions, including \
         retransmissions and the viewer's NACKs; bursts of 8 hit what the viewer receives. The \
         viewer repeats a NACK every 60 ms, at most 10 times.",
        time.as_secs()
    );
    write("loss", &about, &[table])
}

fn play(pattern: &Pattern, round_trip: Duration, time: Duration) -> (String, World) {
    let mut world = World::new(Setup {
        clip: Clip::Main720p,
        ..Setup::default()
    });
    world.connect();
    let (gateway, viewer) = (address(GATEWAY), address(VIEWER));
    let mut link = Link {
        delay: round_trip / 2,
        ..Link::default()
    };
    let name = match *pattern {
        Pattern::Random(share) => {
            link.loss = share;
            format!("{:.0} % random", share * 100.0)
        }
        Pattern::Bursts(share, length) => {
            let mut random = fastrand::Rng::with_seed(7);
            let mut n = world.network.counts(gateway, viewer).sent;
            // More datagrams than are ever sent.
            let end = n + 1000 * time.as_secs();
            while n < end {
                let between = length as f64 * (1.0 - share) / share;
                n += (between * 2.0 * random.f64()) as u64;
                for lost in n..n + length {
                    world.network.drop_nth(gateway, viewer, lost);
                }
                n += length;
            }
            format!("{:.0} % in bursts of {length}", share * 100.0)
        }
    };
    world.network.set_link(gateway, viewer, link);
    world.network.set_link(viewer, gateway, link);
    world.run(time);
    // The last NACKs are answered on a good link.
    world.switch_camera(false);
    let link = Link { loss: 0.0, ..link };
    world.network.set_link(gateway, viewer, link);
    world.network.set_link(viewer, gateway, link);
    world.run(Duration::from_secs(1));
    (name, world)
}
