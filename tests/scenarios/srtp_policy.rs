//! Which SRTP profile a session ends with.

use std::time::Duration;

use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::state::SessionState;
use rtsp_webrtc_gateway::tuning::SrtpPolicy;
use testkit::viewer::{SrtpProtectionProfile, ViewerConfig};

use crate::world::{Setup, World};

fn profile(policy: SrtpPolicy, viewer: ViewerConfig) -> Option<SrtpProtectionProfile> {
    let mut world = World::new(Setup {
        policy,
        viewer,
        ..Setup::default()
    });
    world.connect();
    world.run(Duration::from_secs(1));
    world.assert_undamaged(20);
    assert_eq!(world.viewer.undecryptable, 0);
    world.viewer.profile()
}

const GCM: Option<SrtpProtectionProfile> = Some(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
const SHA1: Option<SrtpProtectionProfile> =
    Some(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);

#[test]
fn prefer_gcm_takes_gcm_though_chromium_lists_sha1_first() {
    assert_eq!(
        profile(SrtpPolicy::PreferGcm, ViewerConfig::chromium()),
        GCM
    );
}

#[test]
fn prefer_gcm_serves_a_viewer_without_gcm() {
    assert_eq!(
        profile(SrtpPolicy::PreferGcm, ViewerConfig::without_gcm()),
        SHA1
    );
}

#[test]
fn any_lets_the_viewer_choose() {
    assert_eq!(profile(SrtpPolicy::Any, ViewerConfig::chromium()), SHA1);
}

#[test]
fn gcm_only_refuses_a_viewer_without_gcm_and_says_why() {
    let mut world = World::new(Setup {
        policy: SrtpPolicy::GcmOnly,
        viewer: ViewerConfig::without_gcm(),
        ..Setup::default()
    });
    world.run(Duration::from_secs(1));
    assert_eq!(world.session.state(), SessionState::Closed);
    let failure = world.events.iter().find_map(|event| event.error.as_ref());
    assert_eq!(failure.unwrap().status(), Status::SrtpProfile);
}
