//! Command line arguments: `--name value`, `--flag`, and one word that names the command.

use std::collections::HashMap;
use std::str::FromStr;

/// Names of arguments without a value.
const FLAGS: &[&str] = &[
    "quick",
    "bench",
    "help",
    "libwebrtc",
    "sound",
    "some",
    "substream",
    "wall",
];

/// The arguments of a process.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// The command; empty if none is given.
    pub words: Vec<String>,
    values: HashMap<String, String>,
}

impl Args {
    /// The arguments of this process.
    pub fn of_process() -> Result<Args, String> {
        let mut args = Args::default();
        let mut all = std::env::args().skip(1);
        while let Some(arg) = all.next() {
            let Some(name) = arg.strip_prefix("--") else {
                args.words.push(arg);
                continue;
            };
            let value = if FLAGS.contains(&name) {
                String::new()
            } else {
                all.next().ok_or(format!("{arg} needs a value"))?
            };
            args.values.insert(name.to_owned(), value);
        }
        Ok(args)
    }

    /// Whether a flag is present.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub fn number<T: FromStr>(&self, name: &str, default: T) -> T {
        self.text(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// A value's parts.
    pub fn list(&self, name: &str, separator: char) -> impl Iterator<Item = &str> {
        self.text(name)
            .unwrap_or("")
            .split(separator)
            .filter(|part| !part.is_empty())
    }
}
