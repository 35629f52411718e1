//! Which tracks of a camera's description are used.

use super::audio;
use super::rtp::{Encoding, Format, Section, Unusable};
use super::rtsp::{Description, Track};
use super::{CameraConfig, failure};
use crate::error;
use crate::media::Codec;

/// Tracks that may be set up: each needs two channels, or two ports.
const MAX_SET_UP: usize = 16;

/// The tracks of a description that are used, by their indexes.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Video first, if there is any; then audio, then metadata; at most one of each.
    pub used: Vec<(usize, Format)>,
    /// Why there is no audio although the camera sends some.
    pub no_audio: Option<String>,
    /// Those that are set up, in order; all that may be, because some cameras send nothing
    /// otherwise.
    pub set_up: Vec<usize>,
    /// Sound is among what is not set up, because nobody wants it.
    pub left_out_sound: bool,
}

impl Choice {
    /// Fails if the camera sends nothing that can be used.
    pub fn of(description: &Description, config: &CameraConfig) -> error::Result<Choice> {
        let tracks = &description.tracks;
        let known = config.learned.get();
        let is_video = |encoding: &Encoding| matches!(encoding, Encoding::Video(_));
        // Some say of everything that they "send" it, the video, too, and mean themselves. Otherwise it is a
        // loudspeaker.
        let sends = tracks.iter().any(|track| track.media == "video")
            && tracks
                .iter()
                .all(|track| track.sendonly || !is_media(track));
        let sent = |track: &Track| sends || !track.sendonly;
        let first = |wanted: fn(&Encoding) -> bool, among: &dyn Fn(usize, &Track) -> bool| {
            let all = tracks.iter().enumerate();
            let mut all = all.filter(|(index, track)| among(*index, track));
            all.find_map(|(index, track)| {
                let mut formats = track
                    .formats
                    .iter()
                    .filter_map(|section| format(track, section).ok());
                Some((index, formats.find(|format| wanted(&format.encoding))?))
            })
        };
        let video = first(is_video, &|_, track| sent(track));
        let video = video.or_else(|| first(is_video, &|_, _| true));
        let is_audio = |encoding: &Encoding| matches!(encoding, Encoding::Audio(_));
        let answered = |index: usize, track: &Track| sent(track) && !known.leaves_out(index);
        // What viewers cannot be sent, recorders can.
        let audio = best_audio(tracks, &answered).or_else(|| first(is_audio, &answered));
        let audio = audio.filter(|_| config.audio);
        let heard = audio
            .as_ref()
            .and_then(|(_, format)| codec(&format.encoding));
        let is_metadata = |encoding: &Encoding| *encoding == Encoding::Metadata;
        let metadata = config
            .metadata
            .then(|| first(is_metadata, &answered))
            .flatten();

        let unusable = unusable(tracks, "video");
        if video.is_none() && (heard.is_none() || unusable.is_some()) {
            let why = unusable.or_else(|| self::unusable(tracks, "audio"));
            return Err(failure::nothing_usable(&config.url, why.as_ref()));
        }
        let mut sound = tracks
            .iter()
            .enumerate()
            .filter(|(_, track)| track.media == "audio");
        let url = &config.url;
        let no_audio = match heard.is_some() || !config.audio {
            true => None,
            false if sound.any(|(index, _)| known.leaves_out(index)) => {
                Some(failure::sound_unanswered())
            }
            false => self::unusable(tracks, "audio").map(|why| failure::no_usable_audio(url, &why)),
        };
        let used: Vec<_> = [video, audio, metadata].into_iter().flatten().collect();
        let with_sound = config.audio || known.needs_sound;
        let mut left_out_sound = false;
        let mut room = MAX_SET_UP - used.len();
        let set_up = tracks.iter().enumerate().filter(|(index, track)| {
            if used.iter().any(|(used, _)| used == index) {
                return true;
            }
            let may_be = is_media(track) && answered(*index, track);
            let unwanted = !with_sound && track.media == "audio";
            left_out_sound |= may_be && unwanted;
            let fits = room > 0 && may_be && !unwanted;
            room -= usize::from(fits);
            fits
        });
        let set_up = set_up.map(|(index, _)| index).collect();
        Ok(Choice {
            no_audio,
            set_up,
            left_out_sound,
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
fn best_audio(tracks: &[Track], among: &dyn Fn(usize, &Track) -> bool) -> Option<(usize, Format)> {
    let tracks = tracks.iter().enumerate();
    let mut all: Vec<_> = tracks
        .filter(|(index, track)| among(*index, track))
        .flat_map(|(index, track)| {
            track
                .formats
                .iter()
                .map(move |section| (index, track, section))
        })
        .filter_map(|(index, track, section)| Some((index, format(track, section).ok()?)))
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
        Encoding::Audio(encoding) => encoding.codec().ok(),
        _ => None,
    }
}

/// The format of a section of a track.
fn format(track: &Track, section: &Section) -> Result<Format, Unusable> {
    match track.has_keys {
        // SRTP, by whatever it may be encrypted.
        true => Err(Unusable {
            encoding: "encrypted media (SRTP)".to_owned(),
            reason:
                "is not supported: switch SRTP off in the camera, or leave out what asks for it in \
                     the URL, and use rtsps for encryption"
                    .to_owned(),
        }),
        false => Format::of(section),
    }
}

/// Whether it may be media over RTP; some sections are of the manufacturer's own kind.
fn is_media(track: &Track) -> bool {
    let kinds = ["video", "audio", "application", "text"];
    let protocol = track.protocol.to_ascii_uppercase();
    kinds.contains(&&*track.media) && (protocol.is_empty() || protocol.starts_with("RTP/"))
}

/// Why the first track of this kind that cannot be used, or of which viewers hear nothing, cannot.
fn unusable(tracks: &[Track], media: &str) -> Option<Unusable> {
    let mut sections = tracks
        .iter()
        .filter(|track| track.media == media && !track.sendonly)
        .flat_map(|track| track.formats.iter().map(move |section| (track, section)));
    sections.find_map(|(track, section)| match format(track, section) {
        Err(unusable) => Some(unusable),
        Ok(format) => match format.encoding {
            Encoding::Audio(encoding) => Some(Unusable {
                encoding: encoding.name().to_owned(),
                reason: encoding.codec().err()?,
            }),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PullOptions;
    use crate::source::Quirks;

    fn choose(text: &str, edit: impl FnOnce(&mut PullOptions)) -> Choice {
        try_choose(text, edit).unwrap()
    }

    fn try_choose(text: &str, edit: impl FnOnce(&mut PullOptions)) -> error::Result<Choice> {
        let description = Description::parse(text.as_bytes(), &mut Quirks::default());
        let mut options = PullOptions {
            url: "rtsp://192.0.2.7/cam".to_owned(),
            ..PullOptions::default()
        };
        edit(&mut options);
        let config = CameraConfig::new(&options).unwrap();
        Choice::of(&description, &config)
    }

    const VIDEO: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    const AAC: &str =
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 config=1408\r\n";

    /// What is used is set up, however many others come before.
    #[test]
    fn what_is_used_has_room() {
        let sound = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 X-ODD/8000\r\n".repeat(20);
        let choice = choose(&(sound + VIDEO), |_| {});
        assert_eq!(choice.set_up.len(), MAX_SET_UP);
        assert!(choice.set_up.contains(&20) && choice.needs(20));
    }

    /// Recorders need no decoder.
    #[test]
    fn sound_that_viewers_cannot_be_sent_is_received_all_the_same() {
        let choice = choose(&format!("{VIDEO}{AAC}"), |_| {});
        assert_eq!(choice.used.len(), 2);
        let decodes = cfg!(feature = "transcode-audio");
        assert_eq!(choice.audio().is_some(), decodes);
        assert_eq!(choice.no_audio.is_none(), decodes);
    }

    const ELD: &str = "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 mpeg4-generic/24000/1\r\n\
                       a=fmtp:98 mode=AAC-hbr;config=F8EC2000\r\n";
    const LATM: &str = "m=audio 0 RTP/AVP 99\r\na=rtpmap:99 MP4A-LATM/24000/1\r\n\
                        a=fmtp:99 cpresent=0;config=4001F1D84000\r\n";
    const PCMU: &str = "m=audio 0 RTP/AVP 0\r\n";

    /// However wide its band is.
    #[test]
    fn sound_that_cannot_be_decoded_is_no_choice_beside_what_plays() {
        for undecodable in [ELD, LATM] {
            for sound in [
                format!("{undecodable}{PCMU}"),
                format!("{PCMU}{undecodable}"),
            ] {
                let choice = choose(&format!("{VIDEO}{sound}"), |_| {});
                assert_eq!(choice.audio(), Some(Codec::Pcmu), "{sound}");
                assert_eq!(choice.no_audio, None);
            }
        }
    }

    #[test]
    fn sound_that_cannot_be_decoded_says_so() {
        let reason = match cfg!(feature = "transcode-audio") {
            true => "of a kind that is not supported",
            false => "does not transcode",
        };
        for undecodable in [ELD, LATM] {
            let choice = choose(&format!("{VIDEO}{undecodable}"), |_| {});
            assert_eq!(choice.audio(), None);
            // Recorders get it.
            assert_eq!(choice.used.len(), 2);
            let why = choice.no_audio.unwrap();
            assert!(why.contains("its sound is AAC, which"), "{why}");
            assert!(why.contains(reason), "{why}");
            // Alone it makes no stream.
            let error = try_choose(undecodable, |_| {}).unwrap_err();
            assert_eq!(error.status(), error::Status::Unsupported, "{error}");
            assert!(error.message().contains(reason), "{error}");
        }
    }

    #[test]
    fn sound_that_nobody_wants_is_left_out_until_the_camera_needs_it() {
        let choice = choose(&format!("{VIDEO}{AAC}"), |options| options.no_audio = true);
        assert_eq!((choice.used.len(), choice.set_up.len()), (1, 1));
        assert!(choice.left_out_sound);
    }
}
