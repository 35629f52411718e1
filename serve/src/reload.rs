//! Reads the file again and applies what is different, so that nobody who watches notices what does not concern them.

use std::path::Path;

use rtsp_webrtc_gateway::gateway::Handle;
use rtsp_webrtc_gateway::tuning::{Applies, KNOBS, Key, Tuning};

use crate::config::{self, Settings};
use crate::service::{self, News};
use crate::{cameras, logging};

/// Brings a gateway from `settings` to what the file says now. A file that is not valid changes nothing. What is done,
/// and what needs a restart, is logged.
pub fn reload(gateway: &Handle, settings: &mut Settings, file: &Path) {
    service::tell(&News::Reloading);
    match config::read(file) {
        Ok(new) => apply(gateway, settings, new),
        Err(failure) => {
            for line in failure.message.lines() {
                log::error!("{line}");
            }
            let text = "the new configuration is not valid: the one before stays";
            log::error!("{text}");
            service::tell(&News::Status(text));
        }
    }
    // Of either, this is the end.
    service::tell(&News::Ready);
}

fn apply(gateway: &Handle, settings: &mut Settings, mut new: Settings) {
    let mut done = Vec::new();
    let mut failed = Vec::new();
    // First: nobody may see a camera that is to be new because the tokens are still to come.
    let tokens_are_set = set_tokens(gateway, settings, &new, &mut done, &mut failed);
    if !tokens_are_set {
        new.tokens = settings.tokens.clone();
    }
    let changes = cameras::apply(gateway, &settings.cameras, &new.cameras);
    done.extend(changes.words());
    // What failed is tried again at the next reload.
    new.cameras = changes.in_place;
    failed.extend(changes.failed);

    let mut knobs = Vec::new();
    let mut late = settings.restart(&new);
    match Tuning::new(&new.tuning) {
        Ok(wanted) => tune(gateway, &wanted, &mut knobs, &mut late, &mut failed),
        Err(error) => failed.push(error.message().to_owned()),
    }
    if !knobs.is_empty() {
        done.push(format!("knobs changed: {}", knobs.join(", ")));
    }
    if settings.log.level != new.log.level {
        logging::set_level(new.log.level);
        done.push(format!(
            "log level: {}",
            new.log.level.as_str().to_lowercase()
        ));
    }
    if settings.drain != new.drain {
        done.push(format!("at the end, viewers may stay for {:?}", new.drain));
    }
    if done.is_empty() && failed.is_empty() && late.is_empty() {
        done.push("nothing has changed".to_owned());
    }
    for text in done {
        log::info!("reloaded: {text}");
    }
    for text in &failed {
        log::error!("reloaded, but: {text}");
    }
    if !late.is_empty() {
        log::warn!(
            "changed, but takes effect at the next start: {}",
            late.join(", ")
        );
    }
    let status = match failed.is_empty() {
        true => format!("serves {} cameras", new.cameras.len()),
        false => failed.join("; "),
    };
    service::tell(&News::Status(&status));
    // What waits for the next start stays what it is, so that each reload says so again.
    *settings = Settings {
        cameras: new.cameras,
        tokens: new.tokens,
        tuning: new.tuning,
        log: config::Log {
            level: new.log.level,
            ..settings.log
        },
        drain: new.drain,
        ..settings.clone()
    };
}

/// False if the tokens stay what they were because they could not be set.
fn set_tokens(
    gateway: &Handle,
    settings: &Settings,
    new: &Settings,
    done: &mut Vec<String>,
    failed: &mut Vec<String>,
) -> bool {
    if settings.tokens == new.tokens {
        return true;
    }
    let set = gateway.set_bearer_tokens(&new.tokens);
    match &set {
        Ok(()) => done.push(match new.tokens.len() {
            0 => "there are no tokens any more: everybody may watch".to_owned(),
            count => format!("tokens changed: {count} are valid"),
        }),
        Err(error) => failed.push(error.message().to_owned()),
    }
    set.is_ok()
}

/// Sets all knobs that differ, the profile first: it sets others.
fn tune(
    gateway: &Handle,
    wanted: &Tuning,
    done: &mut Vec<String>,
    late: &mut Vec<&'static str>,
    failed: &mut Vec<String>,
) {
    let mut knobs: Vec<_> = KNOBS.iter().collect();
    knobs.sort_by_key(|knob| knob.key != Key::Profile);
    for knob in knobs {
        let value = wanted.get(knob.key);
        if gateway.tuning(knob.key) == value {
            continue;
        }
        if knob.applies == Applies::Create {
            late.push(knob.name);
            continue;
        }
        match gateway.set_tuning(knob.key, value) {
            Ok(()) => done.push(format!("{} = {value}", knob.name)),
            Err(error) => failed.push(error.message().to_owned()),
        }
    }
}

impl Settings {
    /// What differs and cannot be changed at run time.
    fn restart(&self, new: &Settings) -> Vec<&'static str> {
        let (http, media) = (&self.http, &self.media);
        let differs = [
            ("http.listen", http.listen != new.http.listen),
            ("the certificate of http", http.tls != new.http.tls),
            ("http.host_names", http.host_names != new.http.host_names),
            (
                "http.allowed_origins",
                http.allowed_origins != new.http.allowed_origins,
            ),
            (
                "http.max_connections",
                http.max_connections != new.http.max_connections,
            ),
            (
                "http.max_connections_per_peer",
                http.max_connections_per_peer != new.http.max_connections_per_peer,
            ),
            ("media.udp", media.udp != new.media.udp),
            ("media.tcp", media.tcp != new.media.tcp),
            ("media.turn", media.turn != new.media.turn),
            ("media.interfaces", media.interfaces != new.media.interfaces),
            (
                "media.public_addresses",
                media.public_addresses != new.media.public_addresses,
            ),
            (
                "media.stun_servers",
                media.stun_servers != new.media.stun_servers,
            ),
            (
                "media.ice_servers",
                media.ice_servers != new.media.ice_servers,
            ),
            (
                "media.turn_servers",
                media.turn_servers != new.media.turn_servers,
            ),
            ("log.format", self.log.format != new.log.format),
        ];
        let differs = differs.into_iter().filter(|(_, is)| *is);
        differs.map(|(name, _)| name).collect()
    }
}
