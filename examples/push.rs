//! A host that pushes files as if they came from an encoder: AV1 in IVF, H.264 or H.265 as a byte
//! stream with access unit delimiters, and Opus in Ogg. The library's own listener serves the page.
//!
//! `cargo run --example push -- 127.0.0.1:8889 VIDEO.{ivf,h264,h265} [SOUND.opus]`

use std::env;
use std::error::Error;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::config::{Config, Frame, FrameData, HttpOptions, PushOptions};
use rtsp_webrtc_gateway::gateway::Gateway;

/// The files must have this many frames per second, and audio in packets of 20 ms.
const PICTURES_PER_SECOND: i64 = 25;
const SOUND_US: i64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, video, sound @ ..] = &arguments[..] else {
        return Err("usage: push ADDRESS:PORT VIDEO.{ivf,h264,h265} [SOUND.opus]".into());
    };
    let file = fs::read(video)?;
    let (codec, pictures) = match video.rsplit_once('.').map(|(_, extension)| extension) {
        Some("ivf") => (Codec::Av1, ivf_frames(&file)),
        Some("h264") => (
            Codec::H264,
            access_units(&file, |header| header & 0x1f == 9),
        ),
        Some("h265") => (Codec::H265, access_units(&file, |header| header >> 1 == 35)),
        _ => return Err("VIDEO is .ivf, .h264 or .h265".into()),
    };
    let sound = sound.first().map(fs::read).transpose()?;
    let packets = sound.as_deref().map(ogg_packets).unwrap_or_default();
    if pictures.is_empty() {
        return Err(format!("{video} has no pictures (is it without delimiters?)").into());
    }

    let gateway = Gateway::new(Config::default())?;
    let options = PushOptions {
        video: Some(codec),
        audio: (!packets.is_empty()).then_some(Codec::Opus),
        ..PushOptions::default()
    };
    let stream = gateway.add_push_stream("file", options)?;
    let address = gateway.listen_http(HttpOptions {
        address: address.parse()?,
        ..HttpOptions::default()
    })?;
    println!("listening on http://{address}/");

    let begun = Instant::now();
    let frame = |data, pts_us| Frame {
        data: FrameData::Copied(data),
        pts_us,
        capture_unix_us: None,
        discontinuity: false,
    };
    let mut packets = packets.iter().cycle();
    let mut sound_pts = 0;
    for (n, picture) in (0..).zip(pictures.iter().cycle()) {
        let pts = n * 1_000_000 / PICTURES_PER_SECOND;
        let due = begun + Duration::from_micros(pts as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        gateway.push_video(stream, frame(picture, pts))?;
        while sound_pts <= pts
            && let Some(packet) = packets.next()
        {
            gateway.push_audio(stream, frame(packet, sound_pts))?;
            sound_pts += SOUND_US;
        }
    }
    Ok(())
}

/// The frames of an IVF file: a header of 32 bytes, then the frames, each preceded by its size and
/// time.
fn ivf_frames(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = file.get(32..).unwrap_or_default();
    let mut frames = Vec::new();
    while let Some((size, tail)) = rest.split_first_chunk() {
        let size = u32::from_le_bytes(*size) as usize;
        let Some(frame) = tail.get(8..8 + size) else {
            break;
        };
        frames.push(frame);
        rest = &tail[8 + size..];
    }
    frames
}

/// A byte stream, split before each access unit delimiter.
fn access_units(file: &[u8], is_delimiter: impl Fn(u8) -> bool) -> Vec<&[u8]> {
    let starts: Vec<usize> = file
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| bytes[..3] == [0, 0, 1] && is_delimiter(bytes[3]))
        .map(|(at, _)| at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    let units = starts.iter().zip(ends);
    units.map(|(&start, end)| &file[start..end]).collect()
}

/// The packets of an Ogg file (RFC 3533), without the two header packets (RFC 7845).
fn ogg_packets(file: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new()];
    let mut rest = file;
    while rest.starts_with(b"OggS") && rest.len() > 27 {
        let segments = usize::from(rest[26]);
        let (Some(table), Some(mut body)) =
            (rest.get(27..27 + segments), rest.get(27 + segments..))
        else {
            break;
        };
        for &size in table {
            let Some((segment, tail)) = body.split_at_checked(size.into()) else {
                break;
            };
            if let Some(packet) = packets.last_mut() {
                packet.extend_from_slice(segment);
            }
            if size < 255 {
                packets.push(Vec::new());
            }
            body = tail;
        }
        rest = body;
    }
    packets.pop();
    packets.drain(..packets.len().min(2));
    packets
}
