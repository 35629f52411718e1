//! The configuration file: docs/serve.md describes each key.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use log::LevelFilter;
use rtsp_webrtc_gateway::config::Transport;
use rtsp_webrtc_gateway::tuning::{KNOBS, Key};
use toml::de::DeTable;

use super::reader::{Problem, Reader, Section};
use super::secret::{self, Base};
use super::{Camera, Destination, Format, Line, Server, Settings, Tls, rehearse};
use crate::exit::{Code, Failure};

/// The largest configuration file, in bytes: tens of thousands of cameras.
const MOST: u64 = 16 << 20;
const ADDRESS: &str = "an address and a port, such as \"0.0.0.0:8889\" or \"[::]:8889\"";
const HOUR_MS: i64 = 3_600_000;
const TIMEOUT_MS: std::ops::RangeInclusive<i64> = 500..=300_000;
const DELAY_MS: std::ops::RangeInclusive<i64> = 100..=HOUR_MS;

fn read_text(path: &Path) -> Result<String, Failure> {
    let cannot = |why: String| {
        Failure::new(
            Code::NoInput,
            format!("cannot read {}: {why}", path.display()),
        )
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    let read = file.take(MOST + 1).read_to_string(&mut text);
    read.map_err(|error| cannot(error.to_string()))?;
    if text.len() as u64 > MOST {
        return Err(cannot("it has more than 16 MiB".to_owned()));
    }
    Ok(text)
}

/// The address of the listener in a file, whatever else is wrong with it; `None` if it names none.
pub fn listen(path: &Path) -> Result<Option<SocketAddr>, Failure> {
    let text = read_text(path)?;
    let (document, _) = DeTable::parse_recoverable(&text);
    let http = document.get_ref().get("http");
    let http = http.and_then(|http| http.get_ref().as_table());
    let Some(listen) = http.and_then(|http| http.get("listen")) else {
        return Ok(None);
    };
    let address = listen.get_ref().as_str().and_then(|text| text.parse().ok());
    let text = || format!("{}: http.listen must be {ADDRESS}", path.display());
    let address = address.ok_or_else(|| Failure::new(Code::Config, text()))?;
    Ok(Some(address))
}

/// Reads a file and everything that it names, and has the library check it.
pub fn read(path: &Path) -> Result<Settings, Failure> {
    let text = read_text(path)?;
    let settings = parse(&text, &Base::of(path));
    let checked = settings.and_then(|settings| {
        rehearse(&settings).map_err(|problem| vec![problem])?;
        Ok(settings)
    });
    checked.map_err(|problems| {
        let lines = problems
            .iter()
            .map(|problem| format!("{}: {problem}", path.display()));
        Failure::new(Code::Config, lines.collect::<Vec<_>>().join("\n"))
    })
}

/// The contents of a file that the command line names.
pub fn read_any(path: &str) -> Result<Vec<u8>, String> {
    Base::default().read(path)
}

/// Reads the text of a file whose paths begin at `base`.
pub fn parse(text: &str, base: &Base) -> Result<Settings, Vec<Problem>> {
    let reader = Reader::new(text);
    let mut settings = Settings::default();
    if let Some(document) = reader.parse() {
        let mut file = Section::root(&reader, document.get_ref());
        read_http(file.section("http"), base, &mut settings);
        read_media(file.section("media"), base, &mut settings);
        if let Some(mut access) = file.section("access") {
            settings.tokens =
                secret::all(&mut access, base, ["tokens", "token_files", "token_env"]);
            if settings.tokens.is_empty() {
                reader.problem(
                    access.line,
                    "access names no token: without any, everybody may watch; leave [access] out for that"
                        .to_owned(),
                );
            }
            access.finish();
        }
        read_log(file.section("log"), &mut settings);
        if let Some(mut service) = file.section("service") {
            settings.drain = duration(&mut service, "drain_ms", 0..=HOUR_MS).unwrap_or_default();
            service.finish();
        }
        read_tuning(file.section("tuning"), &mut settings);
        for (name, section) in file.named("camera") {
            settings.cameras.push(read_camera(&name, section, base));
        }
        for camera in &settings.cameras {
            let is_known = |name: &String| settings.cameras.iter().any(|other| other.name == *name);
            if let Some(unknown) = camera.variants.iter().find(|name| !is_known(name)) {
                let text = format!("camera.{}: there is no camera {unknown:?}", camera.name);
                reader.problem(camera.line.0, text);
            }
        }
        file.finish();
    }
    reader.finish()?;
    Ok(settings)
}

fn read_http(section: Option<Section<'_, '_>>, base: &Base, settings: &mut Settings) {
    let Some(mut section) = section else { return };
    let http = &mut settings.http;
    if let Some(address) = section.parsed("listen", ADDRESS) {
        http.listen = address;
    }
    let mut pem = |key| {
        let path = section.text(key)?;
        let contents = base.read(&path);
        contents
            .map_err(|why| section.wrong(key, format_args!("is of no use: {why}")))
            .ok()
    };
    let (certificates, private_key) = (pem("tls_certificate"), pem("tls_private_key"));
    match (certificates, private_key) {
        (Some(certificates), Some(private_key)) => {
            http.tls = Some(Tls {
                certificates,
                private_key,
            });
        }
        (None, None) => {}
        _ => section.wrong("tls_certificate", "and tls_private_key need each other"),
    }
    http.host_names = section.texts("host_names");
    http.allowed_origins = section.texts("allowed_origins");
    if let Some(most) = section.integer("max_connections", 1..=65_536) {
        http.max_connections = most as usize;
    }
    let per_peer = section.integer("max_connections_per_peer", 1..=65_536);
    http.max_connections_per_peer = per_peer.map(|most| most as usize);
    section.finish();
}

fn read_media(section: Option<Section<'_, '_>>, base: &Base, settings: &mut Settings) {
    let Some(mut section) = section else { return };
    let media = &mut settings.media;
    media.udp = section.parsed("udp", ADDRESS);
    media.tcp = section.flag("tcp").unwrap_or(true);
    media.turn = section.flag("turn");
    media.interfaces = section.texts("interfaces");
    for text in section.texts("public_addresses") {
        match text.parse() {
            Ok(address) => media.public_addresses.push(address),
            Err(_) => section.wrong(
                "public_addresses",
                format_args!("must be IP addresses, not {text:?}"),
            ),
        }
    }
    media.stun_servers = section.texts("stun_servers");
    media.ice_servers = read_servers(&mut section, "ice_servers", base);
    media.turn_servers = read_servers(&mut section, "turn_servers", base);
    section.finish();
}

fn read_servers(section: &mut Section<'_, '_>, key: &'static str, base: &Base) -> Vec<Server> {
    let mut servers = Vec::new();
    for mut server in section.list(key) {
        let url = server.text("url");
        if url.is_none() {
            server.wrong("url", "is missing");
        }
        let username = server.text("username");
        let keys = ["credential", "credential_file", "credential_env"];
        let credential = secret::one(&mut server, base, keys);
        let (tls_ca, tls_fingerprint) = match key {
            "turn_servers" => (
                authorities(&mut server, base),
                server.text("tls_fingerprint"),
            ),
            _ => (None, None),
        };
        server.finish();
        servers.push(Server {
            url: url.unwrap_or_default(),
            username,
            credential,
            tls_ca,
            tls_fingerprint,
        });
    }
    servers
}

fn read_log(section: Option<Section<'_, '_>>, settings: &mut Settings) {
    let Some(mut section) = section else { return };
    let levels = [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
    ];
    let formats = [
        ("text", Format::Text),
        ("json", Format::Json),
        ("journald", Format::Journald),
    ];
    if let Some(level) = section.choice("level", &levels) {
        settings.log.level = level;
    }
    if let Some(format) = section.choice("format", &formats) {
        settings.log.format = format;
    }
    section.finish();
}

fn read_tuning(section: Option<Section<'_, '_>>, settings: &mut Settings) {
    let Some(mut section) = section else { return };
    for knob in KNOBS {
        if let Some(value) = section.integer(knob.name, knob.min..=knob.max) {
            settings.tuning.push((knob.key, value));
        }
    }
    // It sets others, which stand for themselves where they are given.
    settings.tuning.sort_by_key(|(key, _)| *key != Key::Profile);
    section.finish();
}

fn read_camera(name: &str, mut section: Section<'_, '_>, base: &Base) -> Camera {
    let url = secret::one(&mut section, base, ["url", "url_file", "url_env"]);
    if url.is_none() && !section.has_any(&["url", "url_file", "url_env"]) {
        section.wrong("url", "is missing");
    }
    let transports = [
        ("auto", Transport::Auto),
        ("tcp", Transport::Tcp),
        ("udp", Transport::Udp),
        ("multicast", Transport::Multicast),
        ("http", Transport::Http),
    ];
    let authorities = authorities(&mut section, base);
    let whip = section.list("whip").into_iter();
    let whip = whip
        .map(|section| read_destination(section, base))
        .collect();
    let camera = Camera {
        line: Line(section.line),
        username: section.text("username"),
        password: secret::one(
            &mut section,
            base,
            ["password", "password_file", "password_env"],
        ),
        label: section.text("label"),
        transport: section.choice("transport", &transports).unwrap_or_default(),
        audio: section.flag("audio").unwrap_or(true),
        on_demand: section.flag("on_demand").unwrap_or(false),
        linger: duration(&mut section, "linger_ms", DELAY_MS),
        connect_timeout: duration(&mut section, "connect_timeout_ms", TIMEOUT_MS),
        idle_timeout: duration(&mut section, "idle_timeout_ms", TIMEOUT_MS),
        retry_min: duration(&mut section, "retry_min_ms", DELAY_MS),
        retry_max: duration(&mut section, "retry_max_ms", DELAY_MS),
        tls_ca: authorities,
        tls_fingerprint: section.text("tls_fingerprint"),
        tls_verify: section.flag("tls_verify").unwrap_or(true),
        variants: section.texts("variants"),
        whip,
        ..Camera::new(name, &url.unwrap_or_default())
    };
    section.finish();
    camera
}

fn read_destination(mut section: Section<'_, '_>, base: &Base) -> Destination {
    let url = secret::one(&mut section, base, ["url", "url_file", "url_env"]);
    if url.is_none() && !section.has_any(&["url", "url_file", "url_env"]) {
        section.wrong("url", "is missing");
    }
    let most = section.integer("max_bitrate_bps", 1..=i64::MAX);
    let destination = Destination {
        line: Line(section.line),
        url: url.unwrap_or_default(),
        token: secret::one(&mut section, base, ["token", "token_file", "token_env"]),
        label: section.text("label"),
        video: section.flag("video").unwrap_or(true),
        audio: section.flag("audio").unwrap_or(true),
        max_bitrate: most.map(i64::unsigned_abs),
        tls_ca: authorities(&mut section, base),
        tls_fingerprint: section.text("tls_fingerprint"),
        tls_verify: section.flag("tls_verify").unwrap_or(true),
    };
    section.finish();
    destination
}

/// The contents of the file that `tls_ca` names.
fn authorities(section: &mut Section<'_, '_>, base: &Base) -> Option<String> {
    let path = section.text("tls_ca")?;
    let text = base.read_text(&path);
    text.map_err(|why| section.wrong("tls_ca", format_args!("is of no use: {why}")))
        .ok()
}

fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    range: std::ops::RangeInclusive<i64>,
) -> Option<Duration> {
    let milliseconds = section.integer(key, range)?;
    Some(Duration::from_millis(milliseconds.unsigned_abs()))
}
