//! Any other WHEP server under the same viewers.

use std::io;
use std::time::Duration;

use super::fanout::{COLUMNS, row};
use crate::args::Args;
use crate::report::{Table, write};
use crate::run::{Load, System, run};

/// `--url` with `{}` for a camera's name (`cam0`, `cam1`, ...), `--pid` of the server, `--streams`,
/// `--each` viewers of each. The server takes its cameras from the `cameras` command.
pub fn measure(args: &Args) -> io::Result<()> {
    let missing = || io::Error::other("peer needs --url http://HOST:PORT/{}/whep and --pid PID");
    let url = args.text("url").ok_or_else(missing)?;
    let pid = args.text("pid").and_then(|pid| pid.parse().ok());
    let system = System::External(url.to_owned(), pid.ok_or_else(missing)?);
    let load = Load {
        streams: args.number("streams", 1),
        each: args.number("each", 1),
    };
    let mut table = Table::new("Figures", &COLUMNS);
    for _ in 0..args.number("rounds", 2) {
        let time = Duration::from_secs(args.number("seconds", 5));
        table
            .rows
            .push(row(load, &system, &run(&system, load, time)?));
    }
    write(
        "peer",
        "Another WHEP server under the same viewers.",
        &[table],
    )
}
