//! The program from its start to its end.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::gateway::Gateway;

use crate::config::Settings;
use crate::exit::{Code, Failure};
use crate::service::{self, News, Sockets};
use crate::signals::{self, Asked};
use crate::{cameras, config, logging, reload};

/// How often it looks whether the last viewer has gone, while it waits for that.
const LOOK: Duration = Duration::from_millis(100);
/// How long the gateway's threads may take to end.
const END: Duration = Duration::from_secs(5);
/// Time beyond all that for the service manager to wait, before it kills the program.
const SPARE: Duration = Duration::from_secs(5);

/// Serves what a file says.
pub fn with_file(path: PathBuf) -> Result<ExitCode, Failure> {
    let asked = signals::take()?;
    let settings = config::read(&path)?;
    logging::start(settings.log)?;
    serve(settings, Some(&path), &asked)
}

/// Serves what the command line says.
pub fn with_settings(settings: Settings) -> Result<ExitCode, Failure> {
    let asked = signals::take()?;
    logging::start_bare()?;
    serve(settings, None, &asked)
}

fn serve(
    mut settings: Settings,
    file: Option<&Path>,
    asked: &Receiver<Asked>,
) -> Result<ExitCode, Failure> {
    let sockets = Sockets::passed()?;
    let gateway = start(&settings, sockets)?;
    service::tell(&News::Ready);
    let mut watchdog = Watchdog::new();
    loop {
        match asked.recv_timeout(watchdog.left()) {
            Ok(Asked::Reload) => match file {
                Some(file) => reload::reload(&gateway, &mut settings, file),
                None => log::warn!(
                    "SIGHUP is of no use without --config: there is no file to read again"
                ),
            },
            Err(RecvTimeoutError::Timeout) => watchdog.tell_if_due(&gateway),
            Ok(Asked::End) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    end(&gateway, &settings, asked, watchdog)
}

/// Tells the service manager that the program is alive, as often as that wants to hear it.
struct Watchdog {
    period: Duration,
    told: Instant,
}

impl Watchdog {
    fn new() -> Watchdog {
        Watchdog {
            period: service::watchdog().unwrap_or(Duration::MAX),
            told: Instant::now(),
        }
    }

    fn left(&self) -> Duration {
        self.period.saturating_sub(self.told.elapsed())
    }

    fn tell_if_due(&mut self, gateway: &Gateway) {
        if !self.left().is_zero() {
            return;
        }
        self.told = Instant::now();
        // It asks each worker: one that is stuck says nothing.
        if gateway.metrics().is_ok() {
            service::tell(&News::Watchdog);
        }
    }
}

/// Opens everything, and says so on stdout.
fn start(settings: &Settings, sockets: Sockets) -> Result<Gateway, Failure> {
    let mut options = settings.gateway();
    if sockets.udp.is_some() {
        options.udp_bind = None;
    }
    options.ice_tcp &= sockets.tcp.is_none();
    options.udp_socket = sockets.udp;
    options.tcp_listener = sockets.tcp;
    let gateway = Gateway::new(options).map_err(|error| failure("", error))?;
    let changes = cameras::apply(&gateway, &[], &settings.cameras);
    if !changes.failed.is_empty() {
        return Err(Failure::new(Code::Config, changes.failed.join("\n")));
    }
    let mut listener = settings.listener();
    listener.listener = sockets.http.map(Arc::new);
    let address = gateway
        .listen_http(listener)
        .map_err(|error| failure("http: ", error))?;
    let scheme = match settings.http.tls {
        Some(_) => "https",
        None => "http",
    };
    if settings.admits_any_name(address.ip()) {
        log::warn!(
            "http: anyone who reaches {address} may watch, and so may the web page of another site that a browser \
             here shows, by a name of its own that leads here (DNS rebinding): a configuration file has \
             [access] for tokens, and http.host_names for the names that are answered to"
        );
    }
    // To the address that was asked for: with a socket that was passed, its port is another one.
    let shown = SocketAddr::new(settings.http.listen.ip(), address.port());
    let mut stdout = std::io::stdout().lock();
    // Whoever does not want to hear it has closed it.
    let _ = writeln!(stdout, "listening on {scheme}://{shown}/").and_then(|()| stdout.flush());
    Ok(gateway)
}

fn failure(place: &str, error: Error) -> Failure {
    let code = match error.status() {
        Status::Io => Code::Unavailable,
        Status::Panic => Code::Software,
        _ => Code::Config,
    };
    Failure::new(code, format!("{place}{}", error.message()))
}

/// Ends it: takes no new viewers, gives those who watch the time that is configured, closes what is left.
fn end(
    gateway: &Gateway,
    settings: &Settings,
    asked: &Receiver<Asked>,
    mut watchdog: Watchdog,
) -> Result<ExitCode, Failure> {
    service::tell(&News::Stopping(settings.drain + END + SPARE));
    let until = Instant::now() + settings.drain;
    if let Err(error) = gateway.drain() {
        log::warn!("{}", error.message());
    }
    if !settings.drain.is_zero() {
        log::info!(
            "asked to end: takes no new viewers, and waits up to {:?} for {} who are connected",
            settings.drain,
            viewers(gateway)
        );
    }
    while Instant::now() < until && viewers(gateway) > 0 {
        match asked.recv_timeout(LOOK) {
            Ok(Asked::Reload) | Err(RecvTimeoutError::Timeout) => watchdog.tell_if_due(gateway),
            // Who asks twice does not want to wait.
            Ok(Asked::End) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match gateway.shutdown(END) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure::new(Code::Software, error.message())),
    }
}

fn viewers(gateway: &Gateway) -> usize {
    gateway.connected_viewers().unwrap_or(0)
}
