//! The async `webrtc` crate with what the simulated cameras send: H.264 and PCMU. As a viewer, or as a media server.

use std::sync::Arc;

use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_PCMU};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCSessionDescription, Registry, SettingEngineBuilder,
    register_default_interceptors,
};

/// What a connection hears of.
pub enum News {
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

/// A connection on the loopback interface, and what it hears of.
pub async fn connection(
    settings: SettingEngineBuilder,
) -> (impl PeerConnection + use<>, mpsc::UnboundedReceiver<News>) {
    let mut media = MediaEngine::default();
    let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let h264 = codec(MIME_TYPE_H264, 90_000, fmtp, 102);
    media.register_codec(h264, RtpCodecKind::Video).unwrap();
    let pcmu = codec(MIME_TYPE_PCMU, 8_000, "", 0);
    media.register_codec(pcmu, RtpCodecKind::Audio).unwrap();
    let interceptors = register_default_interceptors(Registry::new(), &mut media).unwrap();
    let (news, receiver) = mpsc::unbounded_channel();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(Handler(news)))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .unwrap();
    (connection, receiver)
}

/// Takes this description for its own; returns it with all candidates.
pub async fn gathered(
    connection: &impl PeerConnection,
    description: RTCSessionDescription,
    news: &mut mpsc::UnboundedReceiver<News>,
) -> String {
    connection.set_local_description(description).await.unwrap();
    while !matches!(news.recv().await.unwrap(), News::Gathered) {}
    connection.local_description().await.unwrap().sdp
}
