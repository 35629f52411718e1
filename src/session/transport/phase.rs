//! How far a connection has come. Each phase owns what exists in it, and nothing else does.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::sdp::Fingerprint;
use crate::session::data::{DataChannel, DataConfig};
use crate::session::dtls::{Certificate, Dtls, DtlsConfig};
use crate::session::srtp::{KeyingMaterial, RtpSealer, Srtcp};
use crate::state::{SessionState, SrtpProfile};
use crate::tuning::SrtpPolicy;

pub enum Phase {
    /// Offer and answer are exchanged; no authentic ICE check has come, or none of ours that nominates was answered.
    Waiting(Box<Waiting>),
    /// The viewer checks its path, and the DTLS handshake is under way.
    Handshaking(Box<Handshaking>),
    /// There are keys, and media flows.
    Up(Up),
    /// Closed, or failed for good.
    Over,
}

/// What the handshake needs once the viewer comes.
pub struct Waiting {
    pub certificate: Arc<Certificate>,
    pub fingerprints: Vec<Fingerprint>,
    pub policy: SrtpPolicy,
    /// What errors call the other side.
    pub peer: &'static str,
    /// The other side waits for our ClientHello.
    pub dtls_client: bool,
    pub data: Option<DataConfig>,
}

pub struct Handshaking {
    pub dtls: Dtls,
    pub data: Option<DataConfig>,
    /// When our first flight left, until the viewer answers it.
    pub first_flight: Option<Instant>,
}

pub struct Up {
    pub sealer: RtpSealer,
    /// When the next sender reports go along with media.
    pub report_at: Instant,
    /// When the viewer was last heard.
    pub heard: Instant,
    /// It was silent for so long that the session counts as disconnected.
    pub quiet: bool,
    pub control: Box<Control>,
}

/// What a transport needs besides media. It is kept apart, so that what each access unit touches lies
/// together.
pub struct Control {
    pub profile: SrtpProfile,
    pub srtcp: Srtcp,
    /// For the viewer's alerts, to send the last flight again, and around the data channel.
    pub dtls: Dtls,
    /// Where one was negotiated.
    pub data: Option<Box<DataChannel>>,
}

impl Phase {
    /// What the host sees of it. [`SessionState::Failed`] is passed through, never stayed in.
    pub fn state(&self) -> SessionState {
        match self {
            Phase::Waiting(_) => SessionState::New,
            Phase::Handshaking(_) => SessionState::Connecting,
            Phase::Up(up) if up.quiet => SessionState::Disconnected,
            Phase::Up(_) => SessionState::Connected,
            Phase::Over => SessionState::Closed,
        }
    }

    pub fn dtls(&mut self) -> Option<&mut Dtls> {
        match self {
            Phase::Handshaking(handshaking) => Some(&mut handshaking.dtls),
            Phase::Up(up) => Some(&mut up.control.dtls),
            Phase::Waiting(_) | Phase::Over => None,
        }
    }
}

impl Waiting {
    /// There is a path.
    pub fn begin(self, now: Instant) -> Handshaking {
        let config = DtlsConfig {
            certificate: self.certificate,
            fingerprints: self.fingerprints,
            policy: self.policy,
            peer: self.peer,
        };
        let mut dtls = match self.dtls_client {
            true => Dtls::client(now, config),
            false => Dtls::server(now, config),
        };
        if self.data.is_some() {
            dtls.carry_data();
        }
        Handshaking {
            dtls,
            data: self.data,
            first_flight: None,
        }
    }
}

impl Handshaking {
    /// DTLS is done.
    pub fn done(self, now: Instant, keys: &KeyingMaterial) -> Result<Up, Error> {
        Ok(Up {
            sealer: RtpSealer::new(keys)?,
            report_at: now,
            heard: now,
            quiet: false,
            control: Box::new(Control {
                profile: keys.profile,
                srtcp: Srtcp::new(keys)?,
                dtls: self.dtls,
                data: self.data.map(|data| Box::new(DataChannel::new(data))),
            }),
        })
    }
}
