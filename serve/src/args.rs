//! The command line.

use std::path::PathBuf;

use crate::config::{Camera, Settings, Tls};
use crate::exit::{Code, Failure};

pub const USAGE: &str = "\
rtsp-webrtc-gateway: shows RTSP cameras in browsers, by WebRTC (WHEP).

usage: rtsp-webrtc-gateway --config FILE [--check]
       rtsp-webrtc-gateway [ADDR:PORT] [OPTION]... NAME=RTSP_URL... [--variant NAME=NAME]...
       rtsp-webrtc-gateway check-camera URL [--user NAME] [--password-file FILE] [--json]
       rtsp-webrtc-gateway health [--config FILE | ADDR:PORT]

  --config FILE            Everything is in this file; SIGHUP reads it again. docs/serve.md describes it.
  --check                  Only say whether the file is valid.
  ADDR:PORT                Where the pages and WHEP are; 127.0.0.1:8889 unless given. Anyone who reaches it can
                           watch: without a file there are no users. Port 0 selects a free port, which is printed.
  NAME=RTSP_URL            A camera, such as door=rtsp://192.0.2.7/1
  --on-demand              Cameras after this are connected only while somebody watches.
  --variant NAME=NAME      Viewers of the first whose connection does not carry it are shown the second.
  --tls CERTIFICATE KEY    HTTPS with the certificate and the private key in these PEM files. Viewers whose network
                           lets nothing but HTTPS pass play as well, by the relay on the same port.
  --udp ADDR:PORT          Where media leaves from and arrives; all addresses and a free port unless given.
  --interface RULE         eth0, wl* or !tun0: interfaces whose addresses viewers are told. May be repeated.
  --stun HOST[:PORT]       A server that tells the public address behind a NAT. May be repeated.
  --help, --version

SIGINT and SIGTERM end it. Sockets that a service manager passes (LISTEN_FDS) are used instead of opening others: a
UDP socket for media; of TCP sockets, the first for HTTP and the second for media of viewers without UDP.
Exit codes: 0; 64 the command line is wrong; 66 a file cannot be read; 69 an address cannot be used; 70 a bug;
78 the configuration is not valid. check-camera: see docs/serve.md.
";

/// What the program is asked for.
pub enum Command {
    Help,
    Version,
    /// The configuration is in a file.
    Serve(PathBuf),
    /// Whether a file is valid.
    Check(PathBuf),
    /// The configuration is on the command line.
    ServeThis(Box<Settings>),
    CheckCamera(CheckCamera),
    Health(Health),
}

/// See [`crate::check_camera`].
pub struct CheckCamera {
    pub url: String,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub json: bool,
}

/// Which gateway is asked how it is.
pub enum Health {
    Config(PathBuf),
    Address(String),
}

/// The words of the command line, one after the other.
struct Words(std::vec::IntoIter<String>);

impl Words {
    fn value(&mut self, option: &str) -> Result<String, Failure> {
        self.0
            .next()
            .ok_or_else(|| usage(&format!("{option} wants a value")))
    }
}

/// Understands the words behind the program's name.
pub fn parse(words: Vec<String>) -> Result<Command, Failure> {
    let mut words = Words(words.into_iter());
    let command = match words.0.as_slice().first().map(String::as_str) {
        Some("check-camera") => check_camera,
        Some("health") => health,
        _ => return serve(words),
    };
    words.0.next();
    command(words)
}

pub fn usage(what: &str) -> Failure {
    Failure::new(
        Code::Usage,
        format!("{what}; --help describes the command line"),
    )
}

fn serve(mut words: Words) -> Result<Command, Failure> {
    let mut settings = Settings::default();
    let (mut config, mut check, mut on_demand, mut address) = (None, false, false, None);
    let mut is_first = true;
    let mut others = false;
    while let Some(word) = words.0.next() {
        let may_be_address = std::mem::replace(&mut is_first, false);
        if !matches!(&*word, "--config" | "--check") {
            others = true;
        }
        match &*word {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" => return Ok(Command::Version),
            "--config" => config = Some(PathBuf::from(words.value(&word)?)),
            "--check" => check = true,
            "--on-demand" => on_demand = true,
            "--tls" => {
                let (certificate, key) = (words.value(&word)?, words.value(&word)?);
                settings.http.tls = Some(Tls {
                    certificates: read(&certificate)?,
                    private_key: read(&key)?,
                });
            }
            "--udp" => settings.media.udp = Some(parsed(&word, &words.value(&word)?)?),
            "--interface" => settings.media.interfaces.push(words.value(&word)?),
            "--stun" => settings.media.stun_servers.push(words.value(&word)?),
            "--variant" => set_variant(&mut settings, &words.value(&word)?)?,
            option if option.starts_with('-') => {
                let name = option.split('=').next().unwrap_or_default();
                return Err(usage(&format!("there is no option {name}")));
            }
            // A URL may contain a password, so no message repeats one, even if its NAME= was forgotten.
            text if may_be_address && !text.contains(['=', '@', '/']) => {
                address = Some(text.to_owned());
            }
            text => match text.split_once('=') {
                Some((name, url)) if !name.is_empty() && !name.contains([':', '/', '@']) => {
                    settings.cameras.push(Camera {
                        on_demand,
                        ..Camera::new(name, url)
                    })
                }
                _ => return Err(usage("a camera is given as NAME=RTSP_URL")),
            },
        }
    }
    match (config, check) {
        (Some(_), _) if others => Err(usage(
            "--config and other options exclude each other: the file has them all",
        )),
        (Some(file), true) => Ok(Command::Check(file)),
        (Some(file), false) => Ok(Command::Serve(file)),
        (None, true) => Err(usage("--check needs --config FILE")),
        (None, false) if !others => Err(usage("no camera and no --config given")),
        (None, false) => {
            if let Some(address) = address {
                settings.http.listen = parsed("the address of the listener", &address)?;
            }
            Ok(Command::ServeThis(Box::new(settings)))
        }
    }
}

fn parsed(what: &str, text: &str) -> Result<std::net::SocketAddr, Failure> {
    text.parse().map_err(|_| {
        usage(&format!(
            "{what} must be an address and a port, such as 0.0.0.0:8889, not {text:?}"
        ))
    })
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let read = crate::config::file::read_any(path);
    read.map_err(|why| Failure::new(Code::NoInput, why))
}

fn set_variant(settings: &mut Settings, text: &str) -> Result<(), Failure> {
    let (name, variant) = text
        .split_once('=')
        .ok_or_else(|| usage("a variant is given as NAME=NAME"))?;
    let known = |wanted: &str| settings.cameras.iter().position(|one| one.name == wanted);
    let (Some(camera), Some(_)) = (known(name), known(variant)) else {
        return Err(usage(
            "--variant NAME=NAME comes after the cameras of both names",
        ));
    };
    settings.cameras[camera].variants.push(variant.to_owned());
    Ok(())
}

fn check_camera(mut words: Words) -> Result<Command, Failure> {
    let (mut url, mut user, mut password_file, mut json) = (None, None, None, false);
    while let Some(word) = words.0.next() {
        match &*word {
            "--help" | "-h" => return Ok(Command::Help),
            "--user" => user = Some(words.value(&word)?),
            "--password-file" => password_file = Some(words.value(&word)?.into()),
            "--json" => json = true,
            option if option.starts_with('-') => {
                return Err(usage(
                    "check-camera knows --user, --password-file and --json",
                ));
            }
            _ if url.is_none() => url = Some(word),
            _ => return Err(usage("check-camera takes one URL")),
        }
    }
    let url = url.ok_or_else(|| usage("check-camera wants the URL of a camera"))?;
    Ok(Command::CheckCamera(CheckCamera {
        url,
        user,
        password_file,
        json,
    }))
}

fn health(mut words: Words) -> Result<Command, Failure> {
    let Some(word) = words.0.next() else {
        let default = Settings::default().http.listen.to_string();
        return Ok(Command::Health(Health::Address(default)));
    };
    let asked = match &*word {
        "--help" | "-h" => return Ok(Command::Help),
        "--config" => Health::Config(words.value(&word)?.into()),
        _ => Health::Address(word),
    };
    match words.0.next() {
        None => Ok(Command::Health(asked)),
        Some(_) => Err(usage("health takes --config FILE or ADDR:PORT")),
    }
}
