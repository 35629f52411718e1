//! The RTP header of a leg's packets (RFC 3550 section 5.1).

use super::timeline::Timeline;
use crate::media::Packet;

/// The header without extensions.
const FIXED: usize = 12;
/// A block of extensions with one-byte headers (RFC 8285 section 4.2), and the word that each of ours
/// takes in it.
const BLOCK: usize = 4;
const WORD: usize = 4;

/// Bytes of the longest header.
pub const MAX_HEADER: usize = FIXED + BLOCK + 2 * WORD;

/// What all packets of an RTP stream have in common.
#[derive(Clone, Copy, Debug)]
pub struct RtpStream {
    pub ssrc: u32,
    pub payload_type: u8,
    /// Id of the playout-delay header extension, if it was negotiated, and the maximum to say, in units
    /// of 10 ms.
    pub playout_delay: Option<(u8, u8)>,
    /// Id of the transport-wide sequence number, if it was negotiated.
    pub transport_cc_id: Option<u8>,
    /// The viewer's timestamps.
    pub timeline: Timeline,
}

impl RtpStream {
    /// The RTP timestamp that the viewer sees for one of the track.
    pub fn timestamp(&self, of_track: u32) -> u32 {
        self.timeline.at(of_track)
    }

    /// Bytes of a header, with or without a transport-wide sequence number.
    pub fn header_len(&self, numbered: bool) -> usize {
        match self.words(numbered) {
            0 => FIXED,
            words => FIXED + BLOCK + words * WORD,
        }
    }

    fn words(&self, numbered: bool) -> usize {
        let number = self.transport_cc_id.filter(|_| numbered);
        usize::from(self.playout_delay.is_some()) + usize::from(number.is_some())
    }

    /// Writes the header of a packet; returns the part of `header` that it fills. `number` is its
    /// transport-wide sequence number, if it is to have one; it counts only if that was negotiated.
    pub fn write_header<'h>(
        &self,
        packet: &Packet<'_>,
        index: u64,
        number: Option<u16>,
        header: &'h mut [u8; MAX_HEADER],
    ) -> &'h mut [u8] {
        header[0] = 0x80;
        header[1] = u8::from(packet.marker) << 7 | self.payload_type;
        header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp(packet.timestamp).to_be_bytes());
        header[8..FIXED].copy_from_slice(&self.ssrc.to_be_bytes());
        let words = self.words(number.is_some());
        if words > 0 {
            header[0] |= 0x10;
            header[FIXED..FIXED + BLOCK].copy_from_slice(&[0xbe, 0xde, 0, words as u8]);
        }
        let mut at = FIXED + BLOCK;
        if let Some((id, most)) = self.playout_delay {
            // Id, length 3, a minimum of 0 and a maximum, in 12 bits each.
            header[at..at + WORD].copy_from_slice(&[id << 4 | 2, 0, 0, most]);
            at += WORD;
        }
        if let (Some(id), Some(number)) = (self.transport_cc_id, number) {
            // Id, length 2, the number, a byte of padding.
            let [high, low] = number.to_be_bytes();
            header[at..at + WORD].copy_from_slice(&[id << 4 | 1, high, low, 0]);
        }
        &mut header[..self.header_len(number.is_some())]
    }
}
