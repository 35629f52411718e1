//! A camera, and how to connect to it.

use std::rc::Rc;

use super::learned::Learned;
use super::wire::Trust;
use super::{CameraUrl, Demand, Timeouts};
use crate::config::{PullOptions, Transport};
use crate::error::{Error, Result, Status};

/// A camera, and how to connect to it: checked options of the host.
#[derive(Clone)]
pub struct CameraConfig {
    pub(super) url: CameraUrl,
    pub(super) transport: Transport,
    pub(super) learned: Learned,
    pub(super) trust: Trust,
    pub(super) audio: bool,
    pub(super) metadata: bool,
    pub(super) timeouts: Timeouts,
    pub(super) on_demand: bool,
}

impl CameraConfig {
    /// Fails with `Url`, `Credentials` or `InvalidArgument`.
    pub fn new(options: &PullOptions) -> Result<CameraConfig> {
        let url = CameraUrl::parse(options)?;
        let transport = match (url.is_encrypted(), options.transport) {
            // Nothing but TCP is encrypted.
            (true, Transport::Auto) => Transport::Tcp,
            (true, Transport::Udp | Transport::Multicast) => {
                return Err(Error::new(
                    Status::InvalidArgument,
                    "media of an rtsps URL cannot be received by UDP, which is not encrypted: use \
                     TCP, or an rtsp URL",
                ));
            }
            (_, transport) => transport,
        };
        Ok(CameraConfig {
            url,
            transport,
            learned: Learned::default(),
            trust: Trust::of(
                options.tls_ca.as_deref(),
                options.tls_fingerprint.as_deref(),
                options.tls_unverified,
            )?,
            audio: !options.no_audio,
            metadata: options.metadata,
            timeouts: Timeouts::of(options)?,
            on_demand: options.on_demand,
        })
    }

    /// The demand for an on-demand camera; `None` if it is connected in any case.
    pub fn demand(&self) -> Option<Rc<Demand>> {
        self.on_demand
            .then(|| Rc::new(Demand::new(self.timeouts.linger)))
    }

    /// What was found out about the camera that this one replaces is remembered. True if other media is
    /// asked for than of that one.
    pub fn replaces(&mut self, previous: &CameraConfig) -> bool {
        let is_same = self.url.requested() == previous.url.requested();
        if is_same {
            self.learned = previous.learned.clone();
        } else if self.url.authority() == previous.url.authority() {
            self.learned = previous.learned.of_other_stream();
        }
        !is_same
    }
}

#[cfg(test)]
mod tests {
    use super::Transport::{Auto, Http, Multicast, Tcp, Udp};
    use super::*;

    #[test]
    fn media_of_an_encrypted_connection_stays_in_it() {
        let transport = |url: &str, transport| {
            let options = PullOptions {
                url: url.to_owned(),
                transport,
                ..PullOptions::default()
            };
            let config = CameraConfig::new(&options);
            config
                .map(|config| config.transport)
                .map_err(|e| e.status())
        };
        for asked in [Auto, Tcp, Udp, Multicast, Http] {
            assert_eq!(transport("rtsp://cam/", asked), Ok(asked));
        }
        let refused = Err(Status::InvalidArgument);
        for (asked, got) in [
            (Auto, Ok(Tcp)),
            (Tcp, Ok(Tcp)),
            (Http, Ok(Http)),
            (Udp, refused),
            (Multicast, refused),
        ] {
            assert_eq!(transport("rtsps://cam/", asked), got, "{asked:?}");
        }
    }
}
