//! What the program is asked by signals (on Windows: by its console and by a shutdown).

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::exit::{Code, Failure};

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    End,
    /// Reads the configuration again.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows has no signal for it"))]
    Reload,
}

/// Takes the signals from now on: they wait until somebody looks.
pub fn take() -> Result<Receiver<Asked>, Failure> {
    let failure =
        |error: io::Error| Failure::new(Code::Software, format!("cannot take signals: {error}"));
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failure)?;
    let mut signals = system::Signals::take(&runtime).map_err(failure)?;
    let (sender, asked) = mpsc::channel();
    let wait = move || {
        runtime.block_on(async { while sender.send(signals.next().await).is_ok() {} });
    };
    let name = "signals".to_owned();
    thread::Builder::new()
        .name(name)
        .spawn(wait)
        .map_err(failure)?;
    Ok(asked)
}

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Asked, Runtime, io};

    pub struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
    }

    impl Signals {
        pub fn take(runtime: &Runtime) -> io::Result<Signals> {
            let _guard = runtime.enter();
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        pub async fn next(&mut self) -> Asked {
            tokio::select! {
                _ = self.interrupt.recv() => Asked::End,
                _ = self.terminate.recv() => Asked::End,
                _ = self.hangup.recv() => Asked::Reload,
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use tokio::signal::windows::{self, CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};

    use super::{Asked, Runtime, io};

    pub struct Signals {
        interrupt: CtrlC,
        stop: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        pub fn take(_: &Runtime) -> io::Result<Signals> {
            Ok(Signals {
                interrupt: windows::ctrl_c()?,
                stop: windows::ctrl_break()?,
                close: windows::ctrl_close()?,
                shutdown: windows::ctrl_shutdown()?,
            })
        }

        pub async fn next(&mut self) -> Asked {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.stop.recv() => {}
                _ = self.close.recv() => {}
                _ = self.shutdown.recv() => {}
            }
            Asked::End
        }
    }
}
