//! Simulated RTSP cameras on the command line; see `camsim --help`.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use testkit::camera::{Audio, Auth, CameraConfig, CameraServer, Fault};
use testkit::clip::Clip;
use testkit::recordings;
use tokio::sync::mpsc;

const HELP: &str = "\
Usage: camsim [OPTIONS]

Plays test clips as RTSP cameras cam1, cam2, ... until SIGTERM or SIGINT. When it is ready it prints one line:
READY rtsp://ADDR:PORT/cam1 rtsp://ADDR:PORT/cam2 ...

Options:
  --listen ADDR:PORT             where to listen [127.0.0.1:0, any free port]
  --cameras N                    how many cameras, 1 to 1000 [1]
  --clip NAME,...                what the cameras play, each the next one in turn
                                 [main720p,baseline360p,high360p,main480p]; low180p is a substream of high360p
  --recordings NAME[+NAME],...   more cameras with these tracks, each named by them: b-frames, b-pyramid, open-gops,
                                 intra-refresh, two-sizes, 2160p, h265, h265-open-gops, av1, opus, aac, latm, g726, l16
  --auth basic|digest:USER:PASS  what every camera asks for [nothing]
  --no-audio                     no PCMU audio track
  --udp-ok                       accept UDP besides interleaved TCP
  --stdin-exit                   exit when standard input ends
  --help                         print this

Commands on standard input, one a line:
  CAMERA refuse                  close its connections and answer 503
  CAMERA drop                    close its connections once
  CAMERA stall                   keep its connections, send no media
  CAMERA lose PERCENT            leave out this share of its RTP packets
  CAMERA heal                    behave again
";

struct Options {
    listen: SocketAddr,
    cameras: usize,
    clips: Vec<Clip>,
    recordings: Vec<CameraConfig>,
    auth: Auth,
    audio: Option<Audio>,
    udp: bool,
    stdin_exit: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("camsim: {message}; camsim --help lists the options");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("camsim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The options, or `None` if help is requested.
fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        cameras: 1,
        clips: vec![
            Clip::Main720p,
            Clip::Baseline360p,
            Clip::High360p,
            Clip::Main480p,
        ],
        recordings: Vec::new(),
        auth: Auth::None,
        audio: Some(Audio::Pcmu),
        udp: false,
        stdin_exit: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--listen" => {
                options.listen = value()?
                    .parse()
                    .map_err(|_| "--listen needs ADDR:PORT, such as 127.0.0.1:8554")?;
            }
            "--cameras" => {
                options.cameras = match value()?.parse() {
                    Ok(count @ 1..=1000) => count,
                    _ => return Err("--cameras needs a number from 1 to 1000".into()),
                }
            }
            "--clip" => {
                let names = value()?;
                options.clips = names.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "--recordings" => {
                let names = value()?;
                options.recordings = names.split(',').map(recorded).collect::<Result<_, _>>()?;
            }
            "--auth" => options.auth = parse_auth(&value()?)?,
            "--no-audio" => options.audio = None,
            "--udp-ok" => options.udp = true,
            "--stdin-exit" => options.stdin_exit = true,
            "--help" => return Ok(None),
            _ => return Err(format!("{arg:?} is not an option")),
        }
    }
    Ok(Some(options))
}

/// A camera with these tracks.
fn recorded(names: &str) -> Result<CameraConfig, String> {
    let mut camera = CameraConfig::new(&names.replace('+', "-"));
    for name in names.split('+') {
        let known = recordings::ALL.iter().find(|(known, _)| *known == name);
        let (_, recording) = known.ok_or(format!("there is no recording named {name:?}"))?;
        camera = camera.recording(recording());
    }
    Ok(camera)
}

fn parse_auth(text: &str) -> Result<Auth, String> {
    let mut parts = text.splitn(3, ':').map(String::from);
    match (parts.next().as_deref(), parts.next(), parts.next()) {
        (Some("basic"), Some(user), Some(password)) => Ok(Auth::Basic { user, password }),
        (Some("digest"), Some(user), Some(password)) => Ok(Auth::Digest { user, password }),
        _ => Err("--auth needs basic:USER:PASS or digest:USER:PASS".into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: &Options) -> std::io::Result<()> {
    let cameras = (0..options.cameras).map(|i| {
        CameraConfig::new(&format!("cam{}", i + 1))
            .clip(options.clips[i % options.clips.len()])
            .auth(options.auth.clone())
            .audio(options.audio)
            .udp(options.udp)
    });
    let cameras = cameras.chain(options.recordings.iter().cloned());
    let server = CameraServer::start_at(options.listen, cameras.collect())?;
    // The signal handlers are in place before the line that makes others send signals.
    let terminated = terminated()?;
    let urls: Vec<String> = server.names().map(|name| server.url(name)).collect();
    println!("READY {}", urls.join(" "));
    std::io::stdout().flush()?;

    let mut commands = read_commands();
    let mut listening = true;
    tokio::pin!(terminated);
    loop {
        tokio::select! {
            () = &mut terminated => return Ok(()),
            line = commands.recv(), if listening => match line {
                Some(line) => obey(&server, &line),
                None if options.stdin_exit => return Ok(()),
                None => listening = false,
            },
        }
    }
}

/// The lines of standard input. A thread reads them, because such a read cannot be canceled; it ends with the process.
fn read_commands() -> mpsc::Receiver<String> {
    let (lines, commands) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    commands
}

fn obey(server: &CameraServer, line: &str) {
    let (camera, fault) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    if camera.is_empty() {
        return;
    }
    if !server.names().any(|name| name == camera) {
        eprintln!("camsim: there is no camera named {camera:?}");
        return;
    }
    match fault.parse::<Fault>() {
        Ok(fault) => server.fault(camera, fault),
        Err(message) => eprintln!("camsim: {message}"),
    }
}

/// Completes on SIGTERM or SIGINT.
#[cfg(unix)]
fn terminated() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Completes on Ctrl-C.
#[cfg(not(unix))]
fn terminated() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
