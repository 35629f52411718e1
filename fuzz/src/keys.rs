//! A viewer that has keys without a handshake.

use std::net::SocketAddr;
use std::sync::OnceLock;

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;
use rtsp_webrtc_gateway::internals::session::srtp::{KeyingMaterial, MasterKey};
use rtsp_webrtc_gateway::state::{SessionState, SrtpProfile};
use testkit::viewer::{Viewer, ViewerConfig, check};

use crate::session::{PWD, World, path};

/// The port of viewers is part of their credentials.
pub fn viewer_address() -> SocketAddr {
    path(1).remote.address()
}

/// Chromium, or a viewer without AES-GCM.
pub fn config(gcm: bool) -> ViewerConfig {
    match gcm {
        true => ViewerConfig::chromium(),
        false => ViewerConfig::without_gcm(),
    }
}

/// The offer of a viewer, made once for each kind.
pub fn offer(gcm: bool) -> &'static str {
    static OFFERS: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    OFFERS[usize::from(gcm)].get_or_init(|| Viewer::new(viewer_address(), config(gcm)).offer())
}

/// The first check, which nominates.
pub fn nominate(world: &mut World) {
    world.sent.known.insert(path(1).remote);
    let check = check("gateway0:viewer6000", PWD, 1);
    world.arrives(1, &check);
    assert_eq!(world.states.last(), Some(&SessionState::Connecting));
}

/// Connects, and returns what the viewer seals with.
pub fn connect(world: &mut World) -> Context {
    nominate(world);
    world.prove();
    let key = |byte| MasterKey {
        key: [byte; 16],
        salt: vec![byte; SrtpProfile::AeadAes128Gcm.salt_len()],
    };
    let keys = KeyingMaterial {
        profile: SrtpProfile::AeadAes128Gcm,
        local: key(1),
        remote: key(2),
    };
    world.with(|session, io| session.skip_handshake(&keys, io));
    assert_eq!(world.states.last(), Some(&SessionState::Connected));
    let profile = ProtectionProfile::AeadAes128Gcm;
    let crypto = AwsLcRsProvider::new();
    let context = Context::new(
        &[2; 16],
        &keys.remote.salt,
        profile,
        None,
        None,
        crypto.crypto(),
    );
    context.unwrap_or_else(|error| unreachable!("{error}"))
}
