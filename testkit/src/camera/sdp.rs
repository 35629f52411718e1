//! The session description that DESCRIBE returns (RFC 4566; RFC 2326, appendix C; RFC 6184, section 8.2).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{CameraConfig, Recording, audio};

/// The payload type of the video.
pub(super) const VIDEO_PAYLOAD_TYPE: u8 = 96;

impl CameraConfig {
    /// The description. Without recordings, track 0 is the video, track 1 the audio.
    pub(super) fn sdp(&self) -> String {
        let mut sdp = format!(
            "v=0\r\n\
             o=- 1 1 IN IP4 0.0.0.0\r\n\
             s={}\r\n\
             c=IN IP4 0.0.0.0\r\n\
             t=0 0\r\n\
             a=control:*\r\n",
            self.name
        );
        if !self.recordings.is_empty() {
            for (track, recording) in self.recordings.iter().enumerate() {
                let Recording {
                    media,
                    payload_type,
                    attributes,
                    ..
                } = recording;
                let _ = write!(
                    sdp,
                    "m={media} 0 RTP/AVP {payload_type}\r\n{attributes}a=control:{}\r\n",
                    control(track)
                );
            }
            return sdp;
        }
        let [sps, pps] = self.clip.parameter_sets();
        let _ = write!(
            sdp,
            "m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}\r\n\
             a=rtpmap:{VIDEO_PAYLOAD_TYPE} H264/90000\r\n\
             a=fmtp:{VIDEO_PAYLOAD_TYPE} packetization-mode=1;profile-level-id={:02x}{:02x}{:02x}",
            sps[1], sps[2], sps[3],
        );
        if self.parameter_sets.in_sdp() {
            let [sps, pps] = [sps, pps].map(|nal| STANDARD.encode(nal));
            let _ = write!(sdp, ";sprop-parameter-sets={sps},{pps}");
        }
        let _ = write!(
            sdp,
            "\r\n\
             a=framerate:{}\r\n\
             a=control:{}\r\n",
            self.clip.frame_rate(),
            control(0)
        );
        if let Some(codec) = self.audio {
            let payload_type = codec.payload_type();
            let _ = write!(
                sdp,
                "m=audio 0 RTP/AVP {payload_type}\r\n\
                 a=rtpmap:{payload_type} {}/{}\r\n\
                 a=control:{}\r\n",
                codec.encoding_name(),
                audio::CLOCK_RATE,
                control(1)
            );
        }
        sdp
    }
}

/// The control attribute of a track, relative to the base URL of the presentation.
pub(super) fn control(track: usize) -> String {
    format!("trackID={track}")
}
