//! How the program ends: the codes of sysexits(3), which service managers and scripts tell apart.

use std::fmt;
use std::process::ExitCode;

use crate::logging;

/// Why the program ends, other than because it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The command line is wrong.
    Usage = 64,
    /// A file cannot be read.
    NoInput = 66,
    /// An address cannot be listened on, or nobody answers at it.
    Unavailable = 69,
    /// A bug, or threads that did not end in time.
    Software = 70,
    /// The configuration is not valid.
    Config = 78,
}

/// A code, and a sentence for people; it may have several lines.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }

    /// Says it on stderr.
    pub fn report(&self) -> ExitCode {
        let lines = self.message.lines();
        let lines = lines.map(|line| format!("rtsp-webrtc-gateway: {line}\n"));
        logging::last_words(lines.collect());
        ExitCode::from(self.code as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
