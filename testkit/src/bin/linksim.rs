//! An emulated UDP link on the command line; see `linksim --help`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use testkit::net::{Bandwidth, Bursts, Link, Step, lte, wifi};
use testkit::relay::Relay;

const HELP: &str = "\
Usage: linksim --to ADDR:PORT [OPTIONS]

Relays UDP between its clients and --to, on the loopback interface, through an emulated link that all clients share.
Rate and loss apply to the direction towards the clients, the delay to both. Prints READY ADDR:PORT when it is ready.
When standard input ends, it prints its counters and exits.

Options:
  --listen ADDR:PORT        where to listen [127.0.0.1:0, any free port]
  --rate BITS               bits per second, 28 bytes of headers per datagram included [unlimited]
  --steps SECONDS:BITS,...  a sequence of rates, repeated after the last
  --trace lte|wifi|FILE     the same from a trace; each line of FILE is MILLISECONDS BITS
  --queue-ms N              with a rate: capacity of the queue in time [100]
  --queue-bytes N           the same in bytes
  --delay-ms N              propagation delay, each way [0]
  --jitter-ms N             added to the delay, uniformly from 0 to this [0]
  --reorder                 jitter may reorder datagrams
  --loss PERCENT            random loss [0]
  --bursts START,STOP,LOSS  burst loss (Gilbert-Elliott), three probabilities
  --seed N                  seed of all randomness [1]
  --help                    print this
";

struct Options {
    listen: SocketAddr,
    to: SocketAddr,
    link: Link,
    seed: u64,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("linksim: {message}; linksim --help lists the options");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linksim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> std::io::Result<()> {
    let up = Link {
        delay: options.link.delay,
        jitter: options.link.jitter,
        jitter_reorders: options.link.jitter_reorders,
        ..Link::default()
    };
    let relay = Relay::start(options.listen, options.to, options.link, up, options.seed)?;
    println!("READY {}", relay.address());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let counts = relay.counts();
    println!(
        "sent {} lost {} overflowed {} bytes {}",
        counts.sent,
        counts.lost,
        counts.overflowed,
        counts.offered.iter().sum::<u64>()
    );
    Ok(())
}

/// The options, or `None` if help is asked for.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut to = None;
    let mut options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        to: ([127, 0, 0, 1], 0).into(),
        link: Link {
            queue: Duration::from_millis(100),
            ..Link::default()
        },
        seed: 1,
    };
    let link = &mut options.link;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--listen" => options.listen = number(&arg, &value()?)?,
            "--to" => to = Some(number(&arg, &value()?)?),
            "--rate" => link.bandwidth = Bandwidth::Constant(number(&arg, &value()?)?),
            "--steps" => link.bandwidth = steps(&value()?, ',', ':', 1000.0)?,
            "--trace" => link.bandwidth = trace(&value()?)?,
            "--queue-ms" => link.queue = millis(&arg, &value()?)?,
            "--queue-bytes" => link.queue_bytes = Some(number(&arg, &value()?)?),
            "--delay-ms" => link.delay = millis(&arg, &value()?)?,
            "--jitter-ms" => link.jitter = millis(&arg, &value()?)?,
            "--reorder" => link.jitter_reorders = true,
            "--loss" => link.loss = number::<f64>(&arg, &value()?)? / 100.0,
            "--bursts" => link.bursts = Some(bursts(&value()?)?),
            "--seed" => options.seed = number(&arg, &value()?)?,
            "--help" => return Ok(None),
            _ => return Err(format!("{arg:?} is not an option")),
        }
    }
    options.to = to.ok_or("--to is missing")?;
    Ok(Some(options))
}

fn number<T: std::str::FromStr>(arg: &str, text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{arg} cannot be {text:?}"))
}

fn millis(arg: &str, text: &str) -> Result<Duration, String> {
    number(arg, text).map(Duration::from_millis)
}

fn bursts(text: &str) -> Result<Bursts, String> {
    let numbers: Vec<f64> = text
        .split(',')
        .map(|part| number("--bursts", part))
        .collect::<Result<_, _>>()?;
    match numbers[..] {
        [start, stop, loss] => Ok(Bursts { start, stop, loss }),
        _ => Err("--bursts needs three probabilities, such as 0.01,0.2,1".into()),
    }
}

fn trace(name: &str) -> Result<Bandwidth, String> {
    match name {
        "lte" => Ok(Bandwidth::Steps(lte())),
        "wifi" => Ok(Bandwidth::Steps(wifi())),
        file => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
            steps(text.trim(), '\n', ' ', 1.0)
        }
    }
}

/// Parses steps; `unit` is the unit of their times in milliseconds.
fn steps(text: &str, between: char, within: char, unit: f64) -> Result<Bandwidth, String> {
    let wrong = |step: &str| format!("{step:?} is not a time and a rate");
    let parse = |step: &str| {
        let (time, rate) = step.split_once(within)?;
        let time: f64 = time.trim().parse().ok()?;
        Some(Step {
            lasts: Duration::try_from_secs_f64(time * unit / 1e3).ok()?,
            rate: rate.trim().parse().ok()?,
        })
    };
    let steps: Vec<Step> = text
        .split(between)
        .map(|step| parse(step).ok_or_else(|| wrong(step)))
        .collect::<Result<_, _>>()?;
    if steps
        .iter()
        .all(|step| step.rate == 0 || step.lasts.is_zero())
    {
        return Err("the rate is 0 in every step".into());
    }
    // Leaked once per run of the program.
    Ok(Bandwidth::Steps(steps.leak()))
}
