//! A foreign WebRTC stack as the viewer: the async `webrtc` crate, over real sockets.

use std::sync::Arc;
use std::time::Instant;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::SrtpProfile;
use testkit::camera::{Audio, CameraConfig, CameraServer};
use tokio::sync::mpsc;
use webrtc::peer_connection::{
    PeerConnection, RTCSessionDescription, SettingEngineBuilder, SrtpProtectionProfile,
};

use crate::common::{LONG, post, pull};
use crate::webrtc_stack::{News, connection, gathered};

async fn viewer(
    profiles: Vec<SrtpProtectionProfile>,
) -> (impl PeerConnection, mpsc::UnboundedReceiver<News>) {
    let settings = SettingEngineBuilder::new().with_srtp_protection_profiles(profiles);
    let (connection, receiver) = connection(settings).await;
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        let init = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            ..Default::default()
        };
        connection
            .add_transceiver_from_kind(kind, Some(init))
            .await
            .unwrap();
    }
    (connection, receiver)
}

/// Plays a camera; returns the SRTP profile of the session.
async fn plays(profiles: Vec<SrtpProtectionProfile>) -> Option<SrtpProfile> {
    let cameras =
        CameraServer::start(vec![CameraConfig::new("cam").audio(Some(Audio::Pcmu))]).unwrap();
    let gateway = Arc::new(Gateway::new(Config::default()).unwrap());
    gateway.add_stream("cam", pull(cameras.url("cam"))).unwrap();

    let (connection, mut news) = viewer(profiles).await;
    let offer = connection.create_offer(None).await.unwrap();
    let sdp = gathered(&connection, offer, &mut news).await;
    let answer = tokio::task::spawn_blocking({
        let gateway = Arc::clone(&gateway);
        move || post(&gateway, "cam", &sdp)
    })
    .await
    .unwrap()
    .unwrap();
    let description = RTCSessionDescription::answer(answer.body).unwrap();
    connection
        .set_remote_description(description)
        .await
        .unwrap();

    let (mut pictures, mut sounds) = (0, 0);
    let mut last = None;
    let deadline = Instant::now() + LONG;
    while pictures < 50 || sounds < 50 {
        let wait = tokio::time::timeout_at(deadline.into(), news.recv());
        let Some(News::Packet(kind, packet)) = wait.await.expect("media") else {
            continue;
        };
        match kind {
            RtpCodecKind::Audio => {
                assert_eq!(packet.payload.len(), 160);
                sounds += 1;
            }
            _ => {
                pictures += u32::from(packet.header.marker);
                let sequence = packet.header.sequence_number;
                if let Some(last) = last.replace(sequence) {
                    assert_eq!(sequence, u16::wrapping_add(last, 1), "a packet is missing");
                }
            }
        }
    }
    let info = gateway.session_info(answer.session).unwrap();
    assert!(info.packets_sent >= 100);
    connection.close().await.unwrap();
    tokio::task::spawn_blocking(move || gateway.shutdown(LONG))
        .await
        .unwrap()
        .unwrap();
    info.srtp_profile
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plays_with_gcm() {
    let profiles = vec![
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    ];
    assert_eq!(plays(profiles).await, Some(SrtpProfile::AeadAes128Gcm));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plays_without_gcm() {
    let profiles = vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80];
    assert_eq!(plays(profiles).await, Some(SrtpProfile::Aes128CmSha1_80));
}
