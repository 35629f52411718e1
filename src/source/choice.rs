//! Which tracks of a camera's description are used.

use super::audio;
use super::rtp::{Encoding, Format, Unusable};
use super::rtsp::{Description, Track};
use super::{CameraConfig, failure};
use crate::error::Result;
use crate::media::Codec;

/// Tracks that may be set up: each needs two channels, or two ports.
const MAX_SET_UP: usize = 16;

/// The tracks of a description that are used, by their indexes.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Video first, if there is any; then audio, then metadata; at most one of each.
    pub used: Vec<(usize, Format)>,
    /// Why there is no audio although the camera sends some.
    pub no_audio: Option<String>,
    /// Those that are set up, in order; all that may be, because some cameras send nothing
    /// otherwise.
    pub set_up: Vec<usize>,
}

impl Choice {
    /// Fails if the camera sends nothing that can be used.
    pub fn of(description: &Description, config: &CameraConfig) -> Result<Choice> {
        let tracks = &description.tracks;
        let first = |wanted: fn(&Encoding) -> bool, sendonly: bool| {
            let mut all = tracks.iter().enumerate();
            all.find_map(|(index, track)| {
                let mut formats = track
                    .formats
                    .iter()
                    .filter_map(|section| Format::of(section).ok());
                let format = formats.find(|format| wanted(&format.encoding))?;
                (track.sendonly == sendonly).then_some((index, format))
            })
        };
        let is_video = |encoding: &Encoding| matches!(encoding, Encoding::Video(_));
        // A camera sends what it says that it receives, unless that is its loudspeaker.
        let video = first(is_video, false).or_else(|| first(is_video, true));
        let is_audio = |encoding: &Encoding| matches!(encoding, Encoding::Audio(_));
        // What viewers cannot be sent, recorders can.
        let audio = best_audio(tracks).or_else(|| first(is_audio, false));
        let audio = audio.filter(|_| config.audio);
        let heard = audio
            .as_ref()
            .and_then(|(_, format)| codec(&format.encoding));
        let is_metadata = |encoding: &Encoding| *encoding == Encoding::Metadata;
        let metadata = config.metadata.then(|| first(is_metadata, false)).flatten();

        let unusable = unusable(tracks, "video");
        if video.is_none() && (heard.is_none() || unusable.is_some()) {
            let why = unusable.or_else(|| self::unusable(tracks, "audio"));
            return Err(failure::nothing_usable(&config.url, why.as_ref()));
        }
        let no_audio = unusable_audio(tracks).filter(|_| config.audio && heard.is_none());
        let used: Vec<_> = [video, audio, metadata].into_iter().flatten().collect();
        let mut room = MAX_SET_UP - used.len();
        let set_up = tracks.iter().enumerate().filter(|(index, track)| {
            let unwanted = track.sendonly || (!config.audio && track.media == "audio");
            if used.iter().any(|(used, _)| used == index) {
                return true;
            }
            let fits = room > 0 && is_media(track) && !unwanted;
            room -= usize::from(fits);
            fits
        });
        Ok(Choice {
            no_audio: no_audio.map(|why| failure::no_usable_audio(&config.url, &why)),
            set_up: set_up.map(|(index, _)| index).collect(),
            used,
        })
    }

    /// Whether there is no use in the session without this track.
    pub fn needs(&self, index: usize) -> bool {
        self.used
            .first()
            .is_some_and(|(needed, _)| *needed == index)
    }

    pub fn has_video(&self) -> bool {
        self.used
            .iter()
            .any(|(_, format)| matches!(format.encoding, Encoding::Video(_)))
    }

    /// What viewers get as audio.
    pub fn audio(&self) -> Option<Codec> {
        self.used
            .iter()
            .find_map(|(_, format)| codec(&format.encoding))
    }
}

/// The audio track that viewers hear best.
fn best_audio(tracks: &[Track]) -> Option<(usize, Format)> {
    let tracks = tracks
        .iter()
        .enumerate()
        .filter(|(_, track)| !track.sendonly);
    let mut all: Vec<_> = tracks
        .flat_map(|(index, track)| track.formats.iter().map(move |section| (index, section)))
        .filter_map(|(index, section)| Some((index, Format::of(section).ok()?)))
        .filter(|(_, format)| codec(&format.encoding).is_some())
        .collect();
    let best = audio::best(all.iter().filter_map(|(_, format)| match &format.encoding {
        Encoding::Audio(encoding) => Some(encoding),
        _ => None,
    }))?;
    Some(all.swap_remove(best))
}

fn codec(encoding: &Encoding) -> Option<Codec> {
    match encoding {
        Encoding::Audio(encoding) => encoding.codec(),
        _ => None,
    }
}

/// Whether it may be media over RTP; some sections are of the manufacturer's own kind.
fn is_media(track: &Track) -> bool {
    let kinds = ["video", "audio", "application", "text"];
    let protocol = track.protocol.to_ascii_uppercase();
    kinds.contains(&&*track.media) && (protocol.is_empty() || protocol.starts_with("RTP/"))
}

/// Why the first track of this kind that cannot be used cannot.
fn unusable(tracks: &[Track], media: &str) -> Option<Unusable> {
    let mut sections = tracks
        .iter()
        .filter(|track| track.media == media && !track.sendonly)
        .flat_map(|track| &track.formats);
    sections.find_map(|section| Format::of(section).err())
}

fn unusable_audio(tracks: &[Track]) -> Option<Unusable> {
    let track = tracks
        .iter()
        .find(|track| track.media == "audio" && !track.sendonly)?;
    let section = track.formats.first()?;
    Some(match Format::of(section) {
        Err(unusable) => unusable,
        Ok(format) => Unusable {
            encoding: match &format.encoding {
                Encoding::Audio(encoding) => encoding.name().to_owned(),
                _ => section.encoding_name.to_uppercase(),
            },
            reason: "this build does not transcode".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PullOptions;
    use crate::source::Quirks;

    /// What is used is set up, however many others come before.
    #[test]
    fn what_is_used_has_room() {
        let sound = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 X-ODD/8000\r\n".repeat(20);
        let text = format!("{sound}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
        let description = Description::parse(text.as_bytes(), &mut Quirks::default());
        let options = PullOptions {
            url: "rtsp://192.0.2.7/cam".to_owned(),
            ..PullOptions::default()
        };
        let config = CameraConfig::new(&options).unwrap();
        let choice = Choice::of(&description, &config).unwrap();
        assert_eq!(choice.set_up.len(), MAX_SET_UP);
        assert!(choice.set_up.contains(&20) && choice.needs(20));
    }
}
