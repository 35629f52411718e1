//! A foreign WebRTC stack as the viewer: the async `webrtc` crate, over real sockets.

use std::sync::Arc;
use std::time::Instant;

use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_PCMU};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtsp_webrtc_gateway::config::Config;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::SrtpProfile;
use testkit::camera::{Audio, CameraConfig, CameraServer};
use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCSessionDescription, Registry, SettingEngineBuilder,
    SrtpProtectionProfile, register_default_interceptors,
};

use crate::common::{LONG, post, pull};

/// What a viewer hears of.
enum News {
    Gathered,
    Packet(RtpCodecKind, rtc::rtp::Packet),
}

struct Handler(mpsc::UnboundedSender<News>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(News::Gathered);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let news = self.0.clone();
        tokio::spawn(async move {
            let kind = track.kind().await;
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = news.send(News::Packet(kind, packet));
                }
            }
        });
    }
}

fn codec(mime_type: &str, clock_rate: u32, fmtp: &str, payload_type: u8) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels: 0,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: vec![],
        },
        payload_type,
    }
}

async fn viewer(
    profiles: Vec<SrtpProtectionProfile>,
) -> (impl PeerConnection, mpsc::UnboundedReceiver<News>) {
    let mut media = MediaEngine::default();
    let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let h264 = codec(MIME_TYPE_H264, 90_000, fmtp, 102);
    media.register_codec(h264, RtpCodecKind::Video).unwrap();
    let pcmu = codec(MIME_TYPE_PCMU, 8_000, "", 0);
    media.register_codec(pcmu, RtpCodecKind::Audio).unwrap();
    let interceptors = register_default_interceptors(Registry::new(), &mut media).unwrap();
    let settings = SettingEngineBuilder::new()
        .with_srtp_protection_profiles(profiles)
        .build();
    let (news, receiver) = mpsc::unbounded_channel();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(Handler(news)))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .unwrap();
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
    connection.set_local_description(offer).await.unwrap();
    while !matches!(news.recv().await.unwrap(), News::Gathered) {}
    let sdp = connection.local_description().await.unwrap().sdp;
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
