//! Log lines: text or JSON on stderr, or the journal of systemd. Neither of them is waited for.

#[cfg(target_os = "linux")]
mod journal;
mod lines;

use std::io;
use std::time::{Duration, SystemTime};

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Metadata, Record};
use serde_json::{Map, json};

use crate::config::{Format, Log};
use crate::exit::{Code, Failure};
use lines::Lines;

/// How long the end of the program waits for who reads stderr.
const FLUSH: Duration = Duration::from_secs(2);

/// The form of lines on stderr.
#[derive(Clone, Copy)]
enum Form {
    /// The message alone: for somebody who has just typed the command.
    Bare,
    Text,
    Json,
}

enum Logger {
    Stderr(Form, Lines),
    #[cfg(target_os = "linux")]
    Journal(journal::Journal),
}

/// Starts logging as configured.
pub fn start(log: Log) -> Result<(), Failure> {
    let logger = match log.format {
        Format::Text => to_stderr(Form::Text)?,
        Format::Json => to_stderr(Form::Json)?,
        Format::Journald => journal()?,
    };
    install(logger, log.level)
}

/// Starts logging for a program that has only a command line.
pub fn start_bare() -> Result<(), Failure> {
    install(to_stderr(Form::Bare)?, LevelFilter::Warn)
}

fn to_stderr(form: Form) -> Result<Logger, Failure> {
    let note = move |left_out: u64| {
        let text = format_args!("{left_out} log lines are left out: nobody read stderr in time");
        let mut record = Record::builder();
        record.level(Level::Warn).target(module_path!());
        form.line(&record.args(text).build(), SystemTime::now())
    };
    let lines = Lines::start(io::stderr(), note).map_err(|error| {
        let text = format!("cannot start the thread that logs: {error}");
        Failure::new(Code::Software, text)
    })?;
    Ok(Logger::Stderr(form, lines))
}

/// Says on stderr why the program ends, as far as somebody reads it in time.
pub fn last_words(text: String) {
    match Lines::start(io::stderr(), |_| String::new()) {
        Ok(lines) => {
            lines.push(text);
            lines.flush(FLUSH);
        }
        Err(_) => eprint!("{text}"),
    }
}

#[cfg(target_os = "linux")]
fn journal() -> Result<Logger, Failure> {
    let journal = journal::Journal::open().map_err(|error| {
        let text = format!("log.format: no journal takes lines here: {error}; \"text\" needs none");
        Failure::new(Code::Unavailable, text)
    })?;
    Ok(Logger::Journal(journal))
}

#[cfg(not(target_os = "linux"))]
fn journal() -> Result<Logger, Failure> {
    let text = "log.format: the journal is a part of systemd, which this system does not have";
    Err(Failure::new(Code::Config, text))
}

fn install(logger: Logger, level: LevelFilter) -> Result<(), Failure> {
    log::set_boxed_logger(Box::new(logger))
        .map_err(|error| Failure::new(Code::Software, error.to_string()))?;
    log::set_max_level(level);
    Ok(())
}

/// Changes how much is logged.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

impl log::Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        match self {
            Logger::Stderr(form, lines) => lines.push(form.line(record, SystemTime::now())),
            #[cfg(target_os = "linux")]
            Logger::Journal(journal) => journal.send(record),
        }
    }

    /// Waits for a moment until what was logged is written.
    fn flush(&self) {
        match self {
            Logger::Stderr(_, lines) => lines.flush(FLUSH),
            #[cfg(target_os = "linux")]
            Logger::Journal(_) => {}
        }
    }
}

impl Form {
    fn line(self, record: &Record<'_>, now: SystemTime) -> String {
        let mut line = match self {
            Form::Bare => record.args().to_string(),
            Form::Text => text(record, now),
            Form::Json => json(record, now),
        };
        line.push('\n');
        line
    }
}

fn time(now: SystemTime) -> impl std::fmt::Display {
    humantime::format_rfc3339_millis(now)
}

fn text(record: &Record<'_>, now: SystemTime) -> String {
    format!("{} {:5} {}", time(now), record.level(), record.args())
}

/// What a record says besides its message: `stream` and `stream_name`, `session`.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(record: &Record<'_>) -> Fields {
        let mut fields = Fields(Vec::new());
        // Its own visitor, which does not fail.
        let _ = record.key_values().visit(&mut fields);
        fields
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        self.0.push((key.to_string(), value.to_string()));
        Ok(())
    }
}

fn json(record: &Record<'_>, now: SystemTime) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), json!(time(now).to_string()));
    line.insert(
        "level".to_owned(),
        json!(record.level().as_str().to_lowercase()),
    );
    line.insert("message".to_owned(), json!(record.args().to_string()));
    line.insert("module".to_owned(), json!(record.target()));
    for (key, value) in Fields::of(record).0 {
        line.insert(key, json!(value));
    }
    serde_json::Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_whatever_it_says() {
        let record = Record::builder()
            .args(format_args!("a \"door\"\nis open"))
            .level(Level::Warn)
            .target("cameras")
            .key_values(&[("stream_name", "door")])
            .build();
        let line = json(&record, SystemTime::UNIX_EPOCH);
        assert_eq!(line.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "time": "1970-01-01T00:00:00.000Z", "level": "warn", "message": "a \"door\"\nis open",
            "module": "cameras", "stream_name": "door",
        });
        assert_eq!(line, expected);
    }
}
