//! How large an offer may be, and the checks before it is taken apart.

use rtc::sdp::description::media::MediaDescription;

use super::{bad_sdp, line_number};
use crate::error::{Error, Result, Status};

/// Maximum size of an offer in bytes.
pub const MAX_OFFER: usize = 128 * 1024;

/// Maximum size of a wall's offer in bytes. Chromium writes 5,000 for each video section.
pub const MAX_WALL_OFFER: usize = 1024 * 1024;

/// Maximum number of video sections of a wall's offer.
pub const MAX_WALL_VIDEO: usize = 128;

/// Maximum number of audio sections of a wall's offer.
pub const MAX_WALL_AUDIO: usize = 8;

/// Maximum length of a line in bytes; browsers write at most 600, in a wall's `a=group:BUNDLE`.
const MAX_LINE: usize = 4096;

/// What an offer may have.
pub(super) struct Limits {
    bytes: usize,
    /// Browsers write up to 170 per media section.
    lines: usize,
    sections: Sections,
}

/// How many media sections, by what they are for.
enum Sections {
    /// Browsers offer one per track.
    AnyOf(usize),
    Wall,
}

pub(super) const STREAM: Limits = Limits {
    bytes: MAX_OFFER,
    lines: 4096,
    sections: Sections::AnyOf(16),
};

pub(super) const WALL: Limits = Limits {
    bytes: MAX_WALL_OFFER,
    lines: 32 * 1024,
    sections: Sections::Wall,
};

impl Limits {
    pub(super) fn sections(&self) -> usize {
        match self.sections {
            Sections::AnyOf(most) => most,
            // One for data.
            Sections::Wall => MAX_WALL_VIDEO + MAX_WALL_AUDIO + 1,
        }
    }

    fn too_many_sections(&self) -> Error {
        let most = self.sections();
        let sentence = match self.sections {
            Sections::AnyOf(_) => format!(
                "the offer has more than {most} media sections: offer one for video and one for audio"
            ),
            Sections::Wall => format!(
                "the offer has more media sections than a wall may have: offer at most {MAX_WALL_VIDEO} \
                 for video, {MAX_WALL_AUDIO} for audio and one for data channels"
            ),
        };
        Error::new(Status::TooLarge, sentence)
    }

    /// Whether there are not too many sections of a kind.
    pub(super) fn check_kinds(&self, media: &[MediaDescription]) -> Result<()> {
        let names = media.iter().map(|media| media.media_name.media.as_str());
        let count = |kind| names.clone().filter(|name| *name == kind).count();
        let fits = match self.sections {
            Sections::AnyOf(most) => media.len() <= most,
            Sections::Wall => {
                let (video, audio) = (count("video"), count("audio"));
                video <= MAX_WALL_VIDEO
                    && audio <= MAX_WALL_AUDIO
                    && media.len() <= video + audio + 1
            }
        };
        match fits {
            true => Ok(()),
            false => Err(self.too_many_sections()),
        }
    }

    /// The offer as text, every line of which has the form of SDP.
    pub(super) fn text<'a>(&self, sdp: &'a [u8]) -> Result<&'a str> {
        let (bytes, lines) = (self.bytes, self.lines);
        if sdp.len() > bytes {
            return Err(Error::new(
                Status::TooLarge,
                format!("the offer has {} bytes; the maximum is {bytes}", sdp.len()),
            ));
        }
        let text = str::from_utf8(sdp).map_err(|error| {
            let line = line_number(&sdp[..error.valid_up_to()]);
            bad_sdp(format!("line {line} of the offer is not UTF-8"))
        })?;
        if text.trim().is_empty() {
            return Err(bad_sdp(
                "the offer is empty: send the SDP of the browser's offer as the body",
            ));
        }
        let mut sections = 0;
        for (i, line) in text.lines().enumerate() {
            if i >= lines || line.len() > MAX_LINE {
                return Err(Error::new(
                    Status::TooLarge,
                    format!(
                        "line {} of the offer is too long, or one too many: it may have {lines} lines \
                         of {MAX_LINE} bytes",
                        i + 1
                    ),
                ));
            }
            let shape = matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]) || line.is_empty();
            // Control characters would be copied into the answer, where a lone CR may count as a line end.
            if !shape || line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(bad_sdp(format!(
                    "line {} of the offer is not SDP: a line is a letter, =, and a value",
                    i + 1
                )));
            }
            sections += usize::from(line.starts_with("m="));
            if sections > self.sections() {
                return Err(self.too_many_sections());
            }
        }
        Ok(text)
    }
}
