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
mod signals;

use std::ffi::OsString;
use std::process::ExitCode;

use args::Command;
use exit::Failure;

fn main() -> ExitCode {
    // What is not UTF-8 is not quoted: it may contain a password.
    let words = std::env::args_os().skip(1);
    let words: Result<Vec<String>, _> = words.map(OsString::into_string).collect();
    let asked = words.map_err(|_| args::usage("the command line is not UTF-8"));
    let done = asked.and_then(args::parse).and_then(execute);
    log::logger().flush();
    done.unwrap_or_else(|failure| failure.report())
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Help => print!("{}", args::USAGE),
        Command::Version => println!("rtsp-webrtc-gateway {}", rtsp_webrtc_gateway::VERSION),
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
