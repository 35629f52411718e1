//! The source reads what an RTSP client that shares no code with it reads: `retina`.

use futures_util::StreamExt;
use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions};
use retina::codec::{CodecItem, FrameFormat};
use rtsp_webrtc_gateway::internals::media::nal::nals;
use testkit::camera::{Audio, CameraConfig, CameraServer};
use testkit::clip::Clip;
use testkit::recordings;

use crate::common::pull;
use crate::seen::{run, watch};

const FRAMES: usize = 60;
const PACKETS_A_SECOND: usize = 50;

/// Video frames and audio packets of a camera, each with its time since the first one.
#[derive(Debug, Default, PartialEq)]
struct Read {
    frames: Vec<(Vec<Vec<u8>>, i64)>,
    sound: Vec<(Vec<u8>, i64)>,
}

/// What retina reads. Parameter sets are left out: the source has them apart.
async fn by_retina(url: &str) -> Read {
    let options = SessionOptions::default();
    let mut session = Session::describe(url.parse().unwrap(), options)
        .await
        .unwrap();
    for i in 0..session.streams().len() {
        let options = SetupOptions::default().frame_format(FrameFormat::MP4);
        session.setup(i, options).await.unwrap();
    }
    let session = session.play(PlayOptions::default()).await.unwrap();
    let h265 = session.streams()[0].encoding_name() == "h265";
    let mut session = session.demuxed().unwrap();
    let mut read = Read::default();
    while read.frames.len() < FRAMES {
        match session.next().await.unwrap().unwrap() {
            CodecItem::VideoFrame(frame) => {
                let units = slices(frame.data(), h265);
                read.frames.push((units, frame.timestamp().elapsed()));
            }
            CodecItem::AudioFrame(frame) => {
                read.sound
                    .push((frame.data().to_vec(), frame.timestamp().elapsed()));
            }
            _ => {}
        }
    }
    read
}

fn slices(data: &[u8], h265: bool) -> Vec<Vec<u8>> {
    let slice = |nal: &&[u8]| match h265 {
        true => nal[0] >> 1 < 32,
        false => nal[0] & 31 <= 5,
    };
    nals(data).filter(slice).map(<[u8]>::to_vec).collect()
}

async fn by_the_source(url: &str, h265: bool) -> Read {
    let seen = watch("camera", &pull(url), |seen| seen.frames.len() >= FRAMES).await;
    let first = seen.frames[0].timestamp;
    let frames = seen
        .frames
        .iter()
        .map(|unit| (slices(&unit.data, h265), unit.timestamp - first));
    let first = seen.sound.first().map_or(0, |unit| unit.timestamp);
    let sound = seen
        .sound
        .iter()
        .map(|unit| (unit.data.clone(), unit.timestamp - first));
    Read {
        frames: frames.collect(),
        sound: sound.collect(),
    }
}

fn agree(camera: CameraConfig, h265: bool) {
    let server = CameraServer::start(vec![camera]).unwrap();
    let url = server.url("camera");
    let (theirs, ours) = run(async {
        let theirs = by_retina(&url).await;
        (theirs, by_the_source(&url, h265).await)
    });
    assert_eq!(ours.frames[..FRAMES], theirs.frames[..FRAMES]);
    // What comes before the first frame is read by retina alone.
    let early = theirs.sound.len().saturating_sub(ours.sound.len()) + 1;
    let same = |skipped: usize| {
        let theirs = theirs.sound.iter().skip(skipped).map(|(data, _)| data);
        ours.sound
            .iter()
            .zip(theirs)
            .all(|((ours, _), theirs)| ours == theirs)
    };
    assert!(
        (0..early.max(PACKETS_A_SECOND)).any(same),
        "the sound differs"
    );
    assert_eq!(ours.sound.is_empty(), theirs.sound.is_empty());
}

#[test]
fn the_same_frames_as_retina() {
    let camera = || CameraConfig::new("camera");
    agree(
        camera().clip(Clip::Main720p).audio(Some(Audio::Pcmu)),
        false,
    );
    agree(
        camera().clip(Clip::Main480p).audio(Some(Audio::Pcma)),
        false,
    );
    agree(camera().recording(recordings::h265()), true);
}
