//! Which interleaved channel is which track's.

use super::sdp::Track;
use crate::source::{Quirk, Quirks};

const NONE: u8 = u8::MAX;

/// A channel's meaning is twice the track's index, plus 1 for RTCP.
#[derive(Debug)]
pub struct Channels {
    meaning: [u8; 256],
    /// The payload types of each track, as bits; of tracks that are set up.
    types: Vec<u128>,
}

impl Channels {
    pub fn new() -> Channels {
        Channels {
            meaning: [NONE; 256],
            types: Vec::new(),
        }
    }

    /// The track is sent on these channels, of RTP and RTCP.
    pub fn assign(
        &mut self,
        index: usize,
        track: &Track,
        (rtp, rtcp): (u8, u8),
        quirks: &mut Quirks,
    ) {
        if self.types.len() <= index {
            self.types.resize(index + 1, 0);
        }
        let types = track
            .formats
            .iter()
            .map(|format| 1 << (format.payload_type & 0x7f));
        self.types[index] = types.fold(0, |all, bit: u128| all | bit);
        for (channel, is_rtcp) in [(rtp, 0), (rtcp, 1)] {
            let meaning = &mut self.meaning[usize::from(channel)];
            // Some cameras say the same channels for each track; the payload type tells.
            if *meaning != NONE {
                quirks.note(Quirk::Channels, 1);
                continue;
            }
            *meaning = 2 * index as u8 + is_rtcp;
        }
    }

    pub fn is_assigned(&self, channel: u8) -> bool {
        self.meaning[usize::from(channel)] != NONE
    }

    /// The track of a packet, which may be RTCP on either channel.
    pub fn find(&mut self, channel: u8, packet: &[u8], quirks: &mut Quirks) -> Option<usize> {
        let &[first, second, ..] = packet else {
            return None;
        };
        let meaning = self.meaning[usize::from(channel)];
        let own = (meaning != NONE).then_some(usize::from(meaning / 2));
        if matches!(second, 192..=223) {
            return own;
        }
        let bit = 1_u128 << (second & 0x7f);
        if let Some(own) = own
            && self
                .types
                .get(own)
                .is_some_and(|types| types & bit != 0 || *types == 0)
        {
            return Some(own);
        }
        // On a channel that was not said, or that was said twice: the type tells, if one track has it.
        let mut having = (0..self.types.len()).filter(|&track| self.types[track] & bit != 0);
        match (having.next(), having.next(), first >> 6) {
            (Some(track), None, 2) => {
                if own.is_none() {
                    self.meaning[usize::from(channel)] = 2 * track as u8;
                    quirks.note(Quirk::Channels, 1);
                }
                Some(track)
            }
            _ => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::rtp::Section;

    fn track(payload_types: &[u8]) -> Track {
        let format = |&payload_type| Section {
            payload_type,
            ..Section::default()
        };
        Track {
            formats: payload_types.iter().map(format).collect(),
            ..Track::default()
        }
    }

    fn rtp(payload_type: u8) -> [u8; 12] {
        [0x80, payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    const SENDER_REPORT: [u8; 8] = [0x80, 200, 0, 1, 0, 0, 0, 0];

    #[test]
    fn as_it_was_said() {
        let (mut channels, mut quirks) = (Channels::new(), Quirks::default());
        channels.assign(0, &track(&[96]), (0, 1), &mut quirks);
        channels.assign(2, &track(&[0]), (4, 5), &mut quirks);
        for (channel, packet, expected) in [
            (0, &rtp(96)[..], Some(0)),
            (0, &rtp(0xe0), Some(0)),
            (0, &rtp(97), Some(0)),
            (4, &rtp(0), Some(2)),
            (5, &SENDER_REPORT, Some(2)),
            // Both on one channel (RFC 5761).
            (0, &SENDER_REPORT, Some(0)),
            (9, &SENDER_REPORT, None),
            (9, &rtp(33), None),
            (0, &[0x80], None),
        ] {
            let found = channels.find(channel, packet, &mut quirks);
            assert_eq!(found, expected, "{channel} {packet:?}");
        }
        assert_eq!(quirks.iter().count(), 0);
    }

    #[test]
    fn otherwise_than_it_was_said() {
        let (mut channels, mut quirks) = (Channels::new(), Quirks::default());
        channels.assign(0, &track(&[96]), (0, 1), &mut quirks);
        channels.assign(1, &track(&[0, 8]), (0, 1), &mut quirks);
        assert_eq!(channels.find(0, &rtp(96), &mut quirks), Some(0));
        assert_eq!(channels.find(0, &rtp(8), &mut quirks), Some(1));
        assert!(!channels.is_assigned(6));
        assert_eq!(channels.find(6, &rtp(0), &mut quirks), Some(1));
        assert!(channels.is_assigned(6));
        assert_eq!(quirks.iter().next(), Some((Quirk::Channels, 3)));
    }

    #[test]
    fn the_same_payload_type_in_two_tracks() {
        let (mut channels, mut quirks) = (Channels::new(), Quirks::default());
        channels.assign(0, &track(&[96]), (0, 1), &mut quirks);
        channels.assign(1, &track(&[96]), (2, 3), &mut quirks);
        assert_eq!(channels.find(0, &rtp(96), &mut quirks), Some(0));
        assert_eq!(channels.find(2, &rtp(96), &mut quirks), Some(1));
        assert_eq!(channels.find(4, &rtp(96), &mut quirks), None);
    }
}
