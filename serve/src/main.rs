//! The gateway as a program: cameras by a configuration file or the command line, the library's own pages and WHEP.
//! docs/serve.md describes it. Everything it does, it does by the public API of the library.

mod args;
mod cameras;
mod check_camera;
mod config;
mod exit;
mod health;
mod logging;
mod reload;
mod run;
mod service;

use std::process::ExitCode;

use args::Command;
use exit::Failure;

fn main() -> ExitCode {
    let asked = args::parse(std::env::args().skip(1).collect());
    asked
        .and_then(execute)
        .unwrap_or_else(|failure| failure.report())
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Help => print!("{}", args::USAGE),
        Command::Version => println!("rtsp-webrtc-gateway {}", env!("CARGO_PKG_VERSION")),
        Command::Check(file) => {
            let settings = config::read(&file)?;
            println!(
                "{}: valid, {} cameras",
                file.display(),
                settings.cameras.len()
            );
        }
        Command::Serve(file) => return run::with_file(file),
        Command::ServeThis(settings) => return run::with_settings(*settings),
        Command::CheckCamera(asked) => return check_camera::run(asked),
        Command::Health(asked) => health::ask(&asked)?,
    }
    Ok(ExitCode::SUCCESS)
}
