//! The gain of a second worker: how many packets a gateway sends when its workers never rest.

use std::io;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::process::Process;
use crate::report::{Table, number, write};
use crate::usage::cpu_seconds;

const STREAMS: &str = "4";
const VIEWERS: &str = "256";
/// The target ratio of two workers to one.
const TARGET: f64 = 1.8;

struct Rate {
    packets_per_second: f64,
    cpu_percent: f64,
    micros_per_packet: f64,
}

/// One and two workers, alternating: `--rounds`, `--seconds`.
pub fn measure(args: &Args) -> io::Result<()> {
    let quick = args.has("quick");
    let rounds = args.number("rounds", if quick { 1 } else { 5 });
    let time = Duration::from_secs(args.number("seconds", if quick { 2 } else { 4 }));
    let mut table = Table::new(
        "Figures",
        &["workers", "packets/s", "CPU %", "CPU µs per packet"],
    );
    let mut ratios = Table::new("Ratio", &["two workers to one", "target"]);
    let mut found = Vec::new();
    for round in 0..rounds {
        let mut rates = Vec::new();
        for workers in ["1", "2"] {
            eprintln!("workers, round {}: {workers}", round + 1);
            let rate = saturate(workers, time)?;
            table.rows.push(vec![
                workers.into(),
                number(rate.packets_per_second, 0),
                number(rate.cpu_percent, 1),
                number(rate.micros_per_packet, 2),
            ]);
            rates.push(rate.packets_per_second);
        }
        found.push(rates[1] / rates[0]);
    }
    found.sort_by(f64::total_cmp);
    let median = found.get(found.len() / 2).copied().unwrap_or(f64::NAN);
    ratios.rows.push(vec![number(median, 2), number(TARGET, 1)]);
    let about = format!(
        "Packets that a gateway with one and with two workers passes to the system in {} s when \
         {STREAMS} streams are pushed as fast as it accepts: packetizing, sealing, sending. \
         {VIEWERS} viewers are connected but do not read during the measurement, and the kernel \
         drops their packets at their full sockets. So neither cameras nor viewers take CPU from \
         the workers, and two cores are enough to see two workers at work. The ratio is the \
         median of {rounds} rounds.",
        time.as_secs()
    );
    write("workers", &about, &[ratios, table])
}

fn saturate(workers: &str, time: Duration) -> io::Result<Rate> {
    let start = |role: &str, args: &[&str]| {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        Process::start(role, &args)
    };
    let knobs = format!("pacing=0,worker_threads={workers}");
    let (mut gateway, url) = start("gateway", &["--push", STREAMS, "--set", &knobs])?;
    let viewers = ["--viewers", VIEWERS, "--streams", STREAMS, "--url", &url];
    let (mut viewers, _) = start("viewers", &viewers)?;
    viewers.ask("connect")?;
    viewers.ask("rest")?;
    gateway.ask("flood")?;
    std::thread::sleep(Duration::from_millis(500));
    let mut look = || -> io::Result<(Instant, f64, f64)> {
        let packets = gateway.ask("packets")?.parse().map_err(io::Error::other)?;
        Ok((Instant::now(), packets, cpu_seconds(gateway.pid())?))
    };
    let before = look()?;
    std::thread::sleep(time);
    let after = look()?;
    let seconds = (after.0 - before.0).as_secs_f64();
    let (packets, cpu) = (after.1 - before.1, after.2 - before.2);
    Ok(Rate {
        packets_per_second: packets / seconds,
        cpu_percent: 100.0 * cpu / seconds,
        micros_per_packet: 1e6 * cpu / packets,
    })
}
