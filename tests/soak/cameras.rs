//! The cameras: those that work, and those that do not.

use testkit::camera::{Audio, CameraConfig, CameraServer, Load, Script};
use testkit::clip::Clip;
use testkit::recordings;

use crate::run::LONG;

pub const CAMERAS: usize = 64;
/// Of these, so many have faults, restart and change.
pub const WILD: usize = 16;
/// Viewers that stay: one for each of the other cameras.
pub const STEADY: usize = CAMERAS - WILD;

/// For a soak of so many minutes.
pub fn cameras(minutes: f64) -> CameraServer {
    // Two cores carry the whole of it in an optimized build, less of it in another and beside other tests.
    let packets = if minutes < LONG { 2 } else { 9 };
    let load = |index| Load {
        packets,
        keyframe_packets: 6 * packets,
        frame_rate: if minutes < LONG { 10 } else { 25 },
        ..Load::camera(index, CAMERAS)
    };
    let steady = (0..STEADY).map(|i| {
        let sound = i.is_multiple_of(2).then_some(Audio::Pcmu);
        CameraConfig::new(&format!("good{i}"))
            .load(load(i))
            .audio(sound)
    });
    let wild = (0..WILD).map(|i| {
        let camera = CameraConfig::new(&format!("wild{i}"));
        match i % 8 {
            // Sizes change with each connection, and as guests are sent from one camera to another.
            0 => camera.clip(Clip::Low180p).audio(Some(Audio::Pcma)),
            1 => camera.clip(Clip::Baseline360p),
            2 => camera.recording(recordings::h265()),
            3 => camera
                .recording(recordings::b_frames())
                .recording(recordings::aac()),
            4 => camera.recording(recordings::intra_refresh()),
            // Hangs up again and again.
            5 => camera
                .clip(Clip::Low180p)
                .script(Script::new().slot(|slot| {
                    slot.hang_up = slot.number % 200 == 199;
                })),
            // Sends what is no RTP between its packets.
            6 => camera
                .clip(Clip::Low180p)
                .script(Script::new().slot(|slot| {
                    if slot.number.is_multiple_of(50) {
                        slot.after = b"\r\n$\x07\0\x04junk RTSP/1.0 nonsense\r\n\r\n".to_vec();
                    }
                })),
            // Sends everything twice, and damaged now and then.
            _ => camera
                .clip(Clip::Low180p)
                .script(Script::new().slot(|slot| {
                    let again = slot.packets.clone();
                    slot.packets.extend(again);
                    if slot.number % 30 == 7
                        && let Some(byte) = slot
                            .packets
                            .first_mut()
                            .and_then(|packet| packet.get_mut(13))
                    {
                        *byte ^= 0xff;
                    }
                })),
        }
    });
    CameraServer::start(steady.chain(wild).collect()).expect("cameras")
}
