//! What the program is asked by signals (on Windows: by its console and by a shutdown).

use std::fmt::Display;
use std::sync::mpsc::{self, Receiver};

use crate::exit::{Code, Failure};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    End,
    /// Reads the configuration again.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows has no signal for it"))]
    Reload,
}

fn failure(error: impl Display) -> Failure {
    Failure::new(Code::Software, format!("cannot take signals: {error}"))
}

/// Takes the signals from now on: they wait until somebody looks.
#[cfg(unix)]
pub fn take() -> Result<Receiver<Asked>, Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failure)?;
    let (sender, asked) = mpsc::channel();
    let wait = move || {
        for signal in signals.forever() {
            let asked = match signal {
                SIGHUP => Asked::Reload,
                _ => Asked::End,
            };
            if sender.send(asked).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map_err(failure)?;
    Ok(asked)
}

/// Takes Ctrl+C, Ctrl+Break, the end of the console and of the system from now on.
#[cfg(windows)]
pub fn take() -> Result<Receiver<Asked>, Failure> {
    let (sender, asked) = mpsc::channel();
    ctrlc::set_handler(move || drop(sender.send(Asked::End))).map_err(failure)?;
    Ok(asked)
}
