//! The simulator as a foreign RTSP client, `retina`, sees it.

use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use futures_util::StreamExt;
use retina::client::{
    Credentials, Demuxed, Described, PlayOptions, Session, SessionOptions, SetupOptions, Transport,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame};

use super::*;
use crate::clip::{AccessUnit, nal_type};

/// Fails a test that waits for something which never comes.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what)
        .await
        .expect("nothing happened for 10 s")
}

async fn describe(url: &str, password: Option<&str>) -> Result<Session<Described>, retina::Error> {
    let credentials = password.map(|password| Credentials {
        username: "admin".into(),
        password: password.into(),
    });
    let options = SessionOptions::default().creds(credentials);
    soon(Session::describe(url.parse().unwrap(), options)).await
}

async fn play(mut session: Session<Described>, transport: Transport) -> Demuxed {
    for i in 0..session.streams().len() {
        let mut format = FrameFormat::MP4;
        format.h26x_framing = retina::codec::h26x::Framing::AnnexB;
        let options = SetupOptions::default().transport(transport.clone());
        soon(session.setup(i, options.frame_format(format)))
            .await
            .unwrap();
    }
    let session = soon(session.play(PlayOptions::default())).await.unwrap();
    session.demuxed().unwrap()
}

async fn open(url: &str) -> Demuxed {
    play(describe(url, None).await.unwrap(), Transport::default()).await
}

/// The next frame; what else arrives is passed over.
async fn next_frame(session: &mut Demuxed) -> Result<VideoFrame, Option<retina::Error>> {
    loop {
        match soon(session.next()).await {
            Some(Ok(CodecItem::VideoFrame(frame))) => return Ok(frame),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Some(error)),
            None => return Err(None),
        }
    }
}

/// The slices of a frame as an Annex B stream.
fn slices(unit: &AccessUnit) -> Vec<u8> {
    unit.nals
        .iter()
        .filter(|nal| !matches!(nal_type(nal), 7 | 8))
        .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
        .collect()
}

fn assert_plays(frame: &VideoFrame, clip: Clip, n: usize) {
    let unit = &clip.access_units()[n];
    assert_eq!(frame.data(), slices(unit), "{clip}, picture {n}");
    assert_eq!(frame.loss(), 0);
    let ticks = i64::from(90_000 / clip.frame_rate()) * n as i64;
    assert_eq!(frame.timestamp().elapsed(), ticks);
}

#[tokio::test]
async fn plays_pictures_and_sound_over_tcp_to_who_knows_the_password() {
    for (auth, audio) in [(digest(), Audio::Pcmu), (basic(), Audio::Pcma)] {
        let camera = CameraConfig::new("cam1").auth(auth).audio(Some(audio));
        let server = CameraServer::start(vec![camera]).unwrap();
        for password in [None, Some("wrong")] {
            let error = describe(&server.url("cam1"), password).await.err().unwrap();
            assert_eq!(error.status_code(), Some(401), "{error}");
        }
        let session = describe(&server.url("cam1"), Some("se:cret"))
            .await
            .unwrap();
        let mut session = play(session, Transport::default()).await;
        let (mut frames, mut packets, mut reports) = (0, 0, 0);
        while frames < 8 || packets < 8 || reports < 2 {
            match soon(session.next()).await.unwrap().unwrap() {
                CodecItem::VideoFrame(frame) => {
                    assert_plays(&frame, Clip::Main720p, frames);
                    frames += 1;
                }
                CodecItem::AudioFrame(frame) => {
                    assert_eq!(frame.data(), audio.packet(packets));
                    assert_eq!(frame.timestamp().elapsed(), 160 * packets as i64);
                    packets += 1;
                }
                CodecItem::Rtcp(_) => reports += 1,
                item => panic!("{item:?}"),
            }
        }
        let statistics = server.statistics("cam1");
        assert_eq!((statistics.connections, statistics.playing), (3, 1));
        assert!(statistics.frames_sent >= 8 && statistics.packets_sent > 16);
    }
}

fn digest() -> Auth {
    Auth::Digest {
        user: "admin".into(),
        password: "se:cret".into(),
    }
}

fn basic() -> Auth {
    Auth::Basic {
        user: "admin".into(),
        password: "se:cret".into(),
    }
}

#[tokio::test]
async fn plays_over_udp() {
    let camera = CameraConfig::new("cam1")
        .clip(Clip::Main480p)
        .audio(Some(Audio::Pcmu));
    let server = CameraServer::start(vec![camera]).unwrap();
    let session = describe(&server.url("cam1"), None).await.unwrap();
    let mut session = play(session, Transport::Udp(Default::default())).await;
    for n in 0..4 {
        let frame = next_frame(&mut session).await.unwrap();
        assert_plays(&frame, Clip::Main480p, n);
    }
}

#[tokio::test]
async fn refuses_udp_where_it_is_not_wanted() {
    let server = CameraServer::start(vec![CameraConfig::new("cam1").udp(false)]).unwrap();
    let mut session = describe(&server.url("cam1"), None).await.unwrap();
    let options = SetupOptions::default().transport(Transport::Udp(Default::default()));
    let error = soon(session.setup(0, options)).await.unwrap_err();
    assert_eq!(error.status_code(), Some(461), "{error}");
}

#[tokio::test]
async fn parameter_sets_reach_the_client_either_way() {
    for (place, in_sdp) in [
        (ParameterSets::Sdp, true),
        (ParameterSets::InBand, false),
        (ParameterSets::Both, true),
    ] {
        let clip = Clip::Baseline360p;
        let camera = CameraConfig::new("cam1").clip(clip).parameter_sets(place);
        let server = CameraServer::start(vec![camera]).unwrap();
        let session = describe(&server.url("cam1"), None).await.unwrap();
        assert_eq!(has_size(session.streams()[0].parameters(), clip), in_sdp);

        let mut session = play(session, Transport::default()).await;
        let frame = next_frame(&mut session).await.unwrap();
        assert!(frame.is_random_access_point());
        assert!(has_size(session.streams()[0].parameters(), clip));
    }
}

fn has_size(parameters: Option<ParametersRef<'_>>, clip: Clip) -> bool {
    let Some(ParametersRef::Video(parameters)) = parameters else {
        return false;
    };
    assert_eq!(parameters.pixel_dimensions(), clip.size());
    true
}

#[tokio::test]
async fn drops_its_connections_and_takes_new_ones() {
    let cameras = vec![CameraConfig::new("cam1"), CameraConfig::new("cam2")];
    let server = CameraServer::start(cameras).unwrap();
    let mut session = open(&server.url("cam1")).await;
    let mut other = open(&server.url("cam2")).await;
    next_frame(&mut session).await.unwrap();
    server.fault("cam1", Fault::Drop);
    while next_frame(&mut session).await.is_ok() {}

    let mut session = open(&server.url("cam1")).await;
    let frame = next_frame(&mut session).await.unwrap();
    assert_plays(&frame, Clip::Main720p, 0);
    let statistics = server.statistics("cam1");
    assert_eq!((statistics.connections, statistics.playing), (2, 1));
    // The other camera never noticed.
    for n in 0..3 {
        assert_plays(&next_frame(&mut other).await.unwrap(), Clip::Main720p, n);
    }
}

#[tokio::test]
async fn refuses_until_it_heals() {
    let server = CameraServer::start(vec![CameraConfig::new("cam1")]).unwrap();
    let mut session = open(&server.url("cam1")).await;
    server.fault("cam1", Fault::Refuse);
    while next_frame(&mut session).await.is_ok() {}
    let error = describe(&server.url("cam1"), None).await.err().unwrap();
    assert_eq!(error.status_code(), Some(503), "{error}");
    server.fault("cam1", Fault::None);
    next_frame(&mut open(&server.url("cam1")).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn stalls_and_goes_on_without_missing_a_picture() {
    const STALL: Duration = Duration::from_millis(400);
    let server = CameraServer::start(vec![CameraConfig::new("cam1")]).unwrap();
    let mut session = open(&server.url("cam1")).await;
    let mut last = next_frame(&mut session).await.unwrap();
    server.fault("cam1", Fault::Stall);
    let mut n = 1;
    // What was under way when the camera stalled still arrives; then nothing does.
    while let Ok(frame) = tokio::time::timeout(STALL, next_frame(&mut session)).await {
        last = frame.unwrap();
        n += 1;
        assert!(n < 5, "the camera plays on");
    }
    server.fault("cam1", Fault::None);
    let frame = next_frame(&mut session).await.unwrap();
    assert_eq!(frame.data(), slices(&Clip::Main720p.access_units()[n]));
    assert_eq!(frame.loss(), 0);
    let gap = frame.timestamp().elapsed() - last.timestamp().elapsed();
    assert!(gap >= 90 * 350, "{gap}");
}

#[tokio::test]
async fn loses_packets() {
    let server = CameraServer::start(vec![CameraConfig::new("cam1")]).unwrap();
    server.fault("cam1", Fault::Lose { percent: 30 });
    let mut session = open(&server.url("cam1")).await;
    while next_frame(&mut session).await.unwrap().loss() == 0 {}
}

#[tokio::test]
async fn unknown_cameras_are_not_found() {
    let server = CameraServer::start(vec![CameraConfig::new("cam1")]).unwrap();
    let url = server.url("cam1").replace("cam1", "cam2");
    let error = describe(&url, None).await.err().unwrap();
    assert_eq!(error.status_code(), Some(404), "{error}");
}

#[test]
fn the_port_is_free_again_after_a_drop() {
    let server = CameraServer::start(vec![CameraConfig::new("cam1")]).unwrap();
    let address = ([127, 0, 0, 1], server.port()).into();
    let error = CameraServer::start_at(address, vec![]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(server);
    let server = CameraServer::start_at(address, vec![]).unwrap();
    assert_eq!(server.port(), address.port());
}

#[test]
fn bad_names_are_refused() {
    for names in [&[""][..], &["a/b"], &["a b"], &["cam1", "cam1"]] {
        let cameras = names.iter().map(|name| CameraConfig::new(name)).collect();
        let error = CameraServer::start(cameras).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{names:?}");
    }
}

#[tokio::test]
async fn follows_its_script_and_plays_recordings() {
    let sound = Recording::audio(97, "L16/16000/1", "", 320, (0..50).map(|n| vec![n; 640]));
    let script = Script::new()
        .description(|sdp| sdp.replace("L16/16000/1", "L16/8000"))
        .exchange(|exchange| {
            if exchange.method == "DESCRIBE" && exchange.connection == 1 {
                exchange.refuse("503 Service Unavailable");
                exchange.hang_up = true;
            }
        })
        .slot(|slot| {
            if slot.number == 1 {
                slot.packets.clear();
                slot.after = b"$\x09\0\x01x".to_vec();
            }
            slot.hang_up = slot.number == 3;
        });
    let camera = CameraConfig::new("cam1").recording(sound).script(script);
    let server = CameraServer::start(vec![camera]).unwrap();
    let error = describe(&server.url("cam1"), None).await.err().unwrap();
    assert_eq!(error.status_code(), Some(503), "{error}");
    let session = describe(&server.url("cam1"), None).await.unwrap();
    assert_eq!(session.streams()[0].clock_rate_hz(), 8000);
    let mut session = play(session, Transport::default()).await;
    let mut frames = Vec::new();
    while let Some(item) = soon(session.next()).await {
        match item {
            Ok(CodecItem::AudioFrame(frame)) => {
                frames.push((frame.data()[0], frame.timestamp().elapsed()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    assert_eq!(frames, [(0, 0), (2, 640), (3, 960)]);
}
