//! The obvious gateway: the async `webrtc` crate, one peer connection and one local track per
//! viewer, one write per packet. It forwards the camera's RTP packets as they are, which is the
//! cheapest thing it can do, and accepts AES-128-GCM alone, the cheapest cipher.

use std::error::Error;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use retina::client::{PacketItem, PlayOptions, Session, SessionOptions, SetupOptions};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_H264;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCSessionDescription, Registry, SettingEngineBuilder,
    SrtpProtectionProfile, register_default_interceptors,
};

use crate::args::Args;
use crate::process::{say, wait};
use crate::whep;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const PAYLOAD_TYPE: u8 = 96;

/// A viewer's track.
struct Viewer {
    ssrc: u32,
    track: Arc<TrackLocalStaticRTP>,
    /// The connection lives as long as its viewer.
    _connection: Box<dyn Send + Sync>,
}

/// The viewers of one camera.
type Viewers = Arc<Mutex<Vec<Arc<Viewer>>>>;

struct Gathered(mpsc::UnboundedSender<()>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Gathered {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(());
        }
    }
}

/// A gateway for the cameras in `--cameras`.
pub fn run(args: &Args) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let streams: Arc<Vec<Viewers>> = Arc::new(
        args.list("cameras", ' ')
            .map(|url| {
                let viewers = Viewers::default();
                let (url, for_camera) = (url.to_owned(), Arc::clone(&viewers));
                runtime.spawn(async move {
                    if let Err(error) = forward(&url, &for_camera).await {
                        eprintln!("naive gateway: {error}");
                    }
                });
                viewers
            })
            .collect(),
    );
    let handle = runtime.handle().clone();
    let url = whep::serve(move |stream, offer| {
        let index = stream.strip_prefix("cam").and_then(|i| i.parse().ok());
        let viewers = index
            .and_then(|i: usize| streams.get(i))
            .ok_or("no such camera")?;
        let (answer, viewer) = handle
            .block_on(connect(offer))
            .map_err(|error| error.to_string())?;
        viewers.lock().expect("no panic").push(Arc::new(viewer));
        Ok(answer)
    })?;
    say(&format!("READY {url}"));
    wait()
}

/// Forwards a camera's packets to all its viewers.
async fn forward(url: &str, viewers: &Viewers) -> Result<()> {
    let mut session = Session::describe(url.parse()?, SessionOptions::default()).await?;
    session.setup(0, SetupOptions::default()).await?;
    let mut session = session.play(PlayOptions::default()).await?;
    while let Some(item) = session.next().await {
        let PacketItem::Rtp(packet) = item? else {
            continue;
        };
        let (sequence_number, marker, timestamp) = (
            packet.sequence_number(),
            packet.mark(),
            packet.timestamp().timestamp() as u32,
        );
        let payload = Bytes::copy_from_slice(packet.payload());
        let now: Vec<Arc<Viewer>> = viewers.lock().expect("no panic").clone();
        for viewer in now {
            let packet = rtc::rtp::Packet {
                header: rtc::rtp::Header {
                    version: 2,
                    marker,
                    payload_type: PAYLOAD_TYPE,
                    sequence_number,
                    timestamp,
                    ssrc: viewer.ssrc,
                    ..Default::default()
                },
                payload: payload.clone(),
            };
            // A viewer that is not connected yet misses it.
            let _ = viewer.track.write_rtp(packet).await;
        }
    }
    Ok(())
}

async fn connect(offer: &str) -> Result<(String, Viewer)> {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            .to_owned(),
        rtcp_feedback: vec![],
    };
    let mut media = MediaEngine::default();
    let parameters = RTCRtpCodecParameters {
        rtp_codec: codec.clone(),
        payload_type: PAYLOAD_TYPE,
    };
    media.register_codec(parameters, RtpCodecKind::Video)?;
    let interceptors = register_default_interceptors(Registry::new(), &mut media)?;
    let settings = SettingEngineBuilder::new()
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .build();
    let (gathered, mut news) = mpsc::unbounded_channel();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(Gathered(gathered)))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await?;
    let offer = RTCSessionDescription::offer(offer.to_owned())?;
    connection.set_remote_description(offer).await?;
    let ssrc = fastrand::u32(1..);
    let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "camera".to_owned(),
        "video".to_owned(),
        "video".to_owned(),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec,
            ..Default::default()
        }],
    )));
    connection
        .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
        .await?;
    let answer = connection.create_answer(None).await?;
    connection.set_local_description(answer).await?;
    news.recv().await.ok_or("the connection ended")?;
    let answer = connection
        .local_description()
        .await
        .ok_or("no local description")?;
    let viewer = Viewer {
        ssrc,
        track,
        _connection: Box::new(connection),
    };
    Ok((answer.sdp, viewer))
}
