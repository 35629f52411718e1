//! The RTP header of a leg's packets (RFC 3550 section 5.1).

use crate::media::Packet;

/// The header without extensions.
const FIXED: usize = 12;
/// The playout-delay extension in a block of one-byte headers (RFC 8285 section 4.2).
const EXTENSION: usize = 8;

/// Bytes of the longest header.
pub const MAX_HEADER: usize = FIXED + EXTENSION;

/// What all packets of an RTP stream have in common.
#[derive(Clone, Copy, Debug)]
pub struct RtpStream {
    pub ssrc: u32,
    pub payload_type: u8,
    /// Id of the playout-delay header extension, if it was negotiated.
    pub playout_delay_id: Option<u8>,
    /// What the viewer's timestamps are ahead of the track's.
    pub timestamp_offset: u32,
}

impl RtpStream {
    /// The RTP timestamp that the viewer sees for one of the track.
    pub fn timestamp(&self, of_track: u32) -> u32 {
        of_track.wrapping_add(self.timestamp_offset)
    }

    pub fn header_len(&self) -> usize {
        match self.playout_delay_id {
            Some(_) => MAX_HEADER,
            None => FIXED,
        }
    }

    /// Writes the header of a packet; returns the part of `header` that it fills.
    pub fn write_header<'h>(
        &self,
        packet: &Packet<'_>,
        index: u64,
        header: &'h mut [u8; MAX_HEADER],
    ) -> &'h mut [u8] {
        header[0] = 0x80;
        header[1] = u8::from(packet.marker) << 7 | self.payload_type;
        header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        header[4..8].copy_from_slice(&self.timestamp(packet.timestamp).to_be_bytes());
        header[8..FIXED].copy_from_slice(&self.ssrc.to_be_bytes());
        if let Some(id) = self.playout_delay_id {
            header[0] |= 0x10;
            // One 4-byte word: id, length 3, minimum and maximum delay of 0: show at once.
            header[FIXED..].copy_from_slice(&[0xbe, 0xde, 0, 1, id << 4 | 2, 0, 0, 0]);
        }
        &mut header[..self.header_len()]
    }
}
