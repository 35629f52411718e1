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
    /// The URL without anything that could be a password.
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
        // The sentences of the library repeat no part of the URL.
        let shown = options.shown_url();
        let shown = shown.map_err(|error| Failure::new(Code::Usage, error.message()))?;
        let url = Url::parse(&options.url);
        let mut open = url.map_err(|_| Failure::new(Code::Usage, "that is no URL"))?;
        // One that has a host takes both.
        let _ = (open.set_username(""), open.set_password(None));
        Ok(Camera {
            options,
            shown,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(url: &str) -> Result<Camera, Failure> {
        Camera::of(CheckCamera {
            url: url.to_owned(),
            user: None,
            password_file: None,
            json: false,
        })
    }

    #[test]
    fn what_is_shown_of_a_url_has_no_password_wherever_cameras_take_it() {
        for (url, shown) in [
            ("rtsp://u:SECRET@h:8554/one", "rtsp://h:8554/one"),
            (
                "rtsp://h:8554/user=admin_password=SECRET_channel=1",
                "rtsp://h:8554/...",
            ),
            (
                "rtsp://h:8554/x?channel=1&password=SECRET",
                "rtsp://h:8554/x?channel=...&password=...",
            ),
        ] {
            assert_eq!(camera(url).unwrap().shown, shown);
        }
        for url in ["u:SECRET@cam", "SECRET", "rtsp://u:SE/CRET@cam/"] {
            let failure = camera(url).err().unwrap();
            assert_eq!(failure.code, Code::Usage, "{url}");
            let text = failure.message;
            assert!(!text.contains("CRET"), "{text}");
        }
    }
}
