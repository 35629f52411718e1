//! `check-camera`: what a camera offers, what it gets wrong, how it will play, and what to change in it. It is looked at
//! by the library's own source, so it is what viewers would get.

mod look;
mod parameters;
mod report;
mod verdict;

use std::path::Path;
use std::process::ExitCode;

use rtsp_webrtc_gateway::config::PullOptions;
use url::Url;

use crate::args::CheckCamera;
use crate::config::file::read_any;
use crate::exit::{Code, Failure};

/// The password, if no file has it.
const VARIABLE: &str = "CAMERA_PASSWORD";

/// A camera and how to get in.
pub struct Camera {
    /// With user and password where they were given so.
    pub options: PullOptions,
    /// Without.
    pub open: PullOptions,
    /// The URL without user and password.
    pub shown: String,
}

/// Looks at a camera and prints what is found on stdout. The exit code is that of the verdict.
pub fn run(asked: CheckCamera) -> Result<ExitCode, Failure> {
    let json = asked.json;
    let camera = Camera::of(asked)?;
    if !json {
        eprintln!("Looking at {} for up to a minute.", camera.shown);
    }
    let findings = look::at(&camera).map_err(|error| {
        Failure::new(Code::Software, format!("cannot look: {}", error.message()))
    })?;
    let verdict = verdict::of(&findings);
    match json {
        true => println!("{:#}", report::json(&camera, &findings, &verdict)),
        false => print!("{}", report::text(&camera, &findings, &verdict)),
    }
    Ok(ExitCode::from(verdict.plays as u8))
}

impl Camera {
    fn of(asked: CheckCamera) -> Result<Camera, Failure> {
        // The reason could quote a password.
        let url = Url::parse(&asked.url).map_err(|_| {
            let text = "that is no URL; a camera's is like rtsp://192.0.2.7:554/stream1";
            Failure::new(Code::Usage, text)
        })?;
        let mut open = url;
        // URLs without a host take neither; the library refuses them.
        let _ = (open.set_username(""), open.set_password(None));
        if asked.password_file.is_some() && asked.user.is_none() {
            return Err(Failure::new(
                Code::Usage,
                "--password-file needs --user NAME",
            ));
        }
        let password = match &asked.password_file {
            Some(path) => Some(password_of(path)?),
            None => std::env::var(VARIABLE).ok(),
        };
        let options = PullOptions {
            url: asked.url,
            password: password.filter(|_| asked.user.is_some()),
            username: asked.user,
            ..PullOptions::default()
        };
        Ok(Camera {
            options,
            shown: open.to_string(),
            open: PullOptions {
                url: open.into(),
                ..PullOptions::default()
            },
        })
    }

    /// Whether a user is given.
    pub fn has_user(&self) -> bool {
        self.options.username.is_some() || self.options.url != self.open.url
    }
}

fn password_of(path: &Path) -> Result<String, Failure> {
    let contents = read_any(&path.to_string_lossy());
    let contents = contents.map_err(|why| Failure::new(Code::NoInput, why))?;
    let text = String::from_utf8_lossy(&contents);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
