//! What the program is to do: from a file, or from the command line.

pub mod file;
mod reader;
mod rehearsal;
mod secret;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{
    Config, HttpOptions, IceServer, OutputOptions, PullOptions, TlsIdentity, Transport,
};
use rtsp_webrtc_gateway::tuning::Key;

pub use self::file::read;
pub use self::rehearsal::rehearse;

/// Everything that can be configured.
#[derive(Clone)]
pub struct Settings {
    pub http: Http,
    pub media: Media,
    /// Bearer tokens; none: everybody may do everything.
    pub tokens: Vec<String>,
    /// By name, each once.
    pub cameras: Vec<Camera>,
    /// In this order: a profile first.
    pub tuning: Vec<(Key, i64)>,
    pub log: Log,
    /// How long viewers may stay once the program is asked to end.
    pub drain: Duration,
}

/// The HTTP listener.
#[derive(Clone, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    pub host_names: Vec<String>,
    pub allowed_origins: Vec<String>,
    pub max_connections: usize,
    pub max_connections_per_peer: Option<usize>,
}

/// The contents of PEM files.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    pub certificates: Vec<u8>,
    pub private_key: Vec<u8>,
}

/// What carries media to viewers.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    pub udp: Option<SocketAddr>,
    pub tcp: bool,
    /// `None`: if the listener has TLS.
    pub turn: Option<bool>,
    pub interfaces: Vec<String>,
    pub public_addresses: Vec<IpAddr>,
    pub stun_servers: Vec<String>,
    pub ice_servers: Vec<Server>,
    pub turn_servers: Vec<Server>,
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub url: String,
    pub username: Option<String>,
    pub credential: Option<String>,
    pub tls_ca: Option<String>,
    pub tls_fingerprint: Option<String>,
}

/// A camera.
#[derive(Clone, PartialEq, Eq)]
pub struct Camera {
    pub name: String,
    /// Where it stands in the file; 0: nowhere.
    pub line: Line,
    pub url: String,
    pub username: Option<String>,
    pub password: Option<String>,
    pub label: Option<String>,
    pub transport: Transport,
    pub audio: bool,
    pub on_demand: bool,
    pub linger: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub idle_timeout: Option<Duration>,
    pub retry_min: Option<Duration>,
    pub retry_max: Option<Duration>,
    pub tls_ca: Option<String>,
    pub tls_fingerprint: Option<String>,
    pub tls_verify: bool,
    /// Names of other cameras, best first.
    pub variants: Vec<String>,
    /// Media servers that it is sent to.
    pub whip: Vec<Destination>,
}

/// A media server that a camera is sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    pub line: Line,
    pub url: String,
    pub token: Option<String>,
    pub label: Option<String>,
    pub video: bool,
    pub audio: bool,
    pub max_bitrate: Option<u64>,
    pub tls_ca: Option<String>,
    pub tls_fingerprint: Option<String>,
    pub tls_verify: bool,
}

/// A place in a file. All are equal: a camera that only stands elsewhere has not changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line(pub usize);

impl PartialEq for Line {
    fn eq(&self, _: &Line) -> bool {
        true
    }
}

impl Eq for Line {}

/// Where log lines go, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: log::LevelFilter,
    pub format: Format,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people, on stderr.
    Text,
    /// One JSON object a line, on stderr.
    Json,
    /// The journal of systemd, with its fields.
    Journald,
}

impl Default for Settings {
    fn default() -> Settings {
        let options = HttpOptions::default();
        Settings {
            http: Http {
                listen: options.address,
                tls: None,
                host_names: Vec::new(),
                allowed_origins: Vec::new(),
                max_connections: options.max_connections,
                max_connections_per_peer: None,
            },
            media: Media {
                udp: None,
                tcp: true,
                turn: None,
                interfaces: Vec::new(),
                public_addresses: Vec::new(),
                stun_servers: Vec::new(),
                ice_servers: Vec::new(),
                turn_servers: Vec::new(),
            },
            tokens: Vec::new(),
            cameras: Vec::new(),
            tuning: Vec::new(),
            log: Log {
                level: log::LevelFilter::Info,
                format: Format::Text,
            },
            drain: Duration::ZERO,
        }
    }
}

impl Settings {
    /// For the gateway.
    pub fn gateway(&self) -> Config {
        Config {
            udp_bind: self.media.udp,
            ice_tcp: self.media.tcp,
            turn: self.relays(),
            public_addresses: self.media.public_addresses.clone(),
            interfaces: self.media.interfaces.clone(),
            stun_servers: self.media.stun_servers.clone(),
            ice_servers: self.media.ice_servers.iter().map(Server::ice).collect(),
            turn_servers: self.media.turn_servers.iter().map(Server::ice).collect(),
            tuning: self.tuning.clone(),
            bearer_tokens: self.tokens.clone(),
            allowed_origins: self.http.allowed_origins.clone(),
            ..Config::default()
        }
    }

    /// For its listener.
    pub fn listener(&self) -> HttpOptions {
        HttpOptions {
            address: self.http.listen,
            listener: None,
            tls: self.http.tls.as_ref().map(|tls| TlsIdentity {
                certificates: tls.certificates.clone(),
                private_key: tls.private_key.clone(),
            }),
            max_connections: self.http.max_connections,
            max_connections_per_peer: self.http.max_connections_per_peer,
            host_names: self.http.host_names.clone(),
            // For those whose network lets nothing but HTTPS pass.
            media: self.relays(),
        }
    }

    /// Whether the listener, at this address, gives whoever asks by any name what viewers get.
    pub fn admits_any_name(&self, listen: IpAddr) -> bool {
        let is_near = listen.to_canonical().is_loopback();
        !is_near && self.http.host_names.is_empty() && self.tokens.is_empty()
    }

    fn relays(&self) -> bool {
        self.media.turn.unwrap_or(self.http.tls.is_some())
    }
}

impl Server {
    fn ice(&self) -> IceServer {
        IceServer {
            url: self.url.clone(),
            username: self.username.clone(),
            credential: self.credential.clone(),
            tls_ca: self.tls_ca.clone(),
            tls_fingerprint: self.tls_fingerprint.clone(),
        }
    }
}

impl Destination {
    /// For the gateway.
    pub fn output(&self) -> OutputOptions {
        OutputOptions {
            url: self.url.clone(),
            bearer_token: self.token.clone(),
            tls_ca: self.tls_ca.clone(),
            tls_fingerprint: self.tls_fingerprint.clone(),
            tls_unverified: !self.tls_verify,
            video: self.video,
            audio: self.audio,
            max_bitrate: self.max_bitrate,
            label: self.label.clone(),
            user_data: 0,
        }
    }
}

impl Camera {
    /// One at this URL, with the defaults of everything else.
    pub fn new(name: &str, url: &str) -> Camera {
        Camera {
            name: name.to_owned(),
            line: Line(0),
            url: url.to_owned(),
            username: None,
            password: None,
            label: None,
            transport: Transport::Auto,
            audio: true,
            on_demand: false,
            linger: None,
            connect_timeout: None,
            idle_timeout: None,
            retry_min: None,
            retry_max: None,
            tls_ca: None,
            tls_fingerprint: None,
            tls_verify: true,
            variants: Vec::new(),
            whip: Vec::new(),
        }
    }

    /// For the gateway.
    pub fn pull(&self) -> PullOptions {
        PullOptions {
            url: self.url.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            transport: self.transport,
            no_audio: !self.audio,
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
            retry_min: self.retry_min,
            retry_max: self.retry_max,
            metadata: false,
            on_demand: self.on_demand,
            linger: self.linger,
            tls_ca: self.tls_ca.clone(),
            tls_fingerprint: self.tls_fingerprint.clone(),
            tls_unverified: !self.tls_verify,
            label: self.label.clone(),
            user_data: 0,
        }
    }
}
