//! Sends lost packets again that the viewer asks for (RFC 4585 section 6.2.1), on the RTX stream if
//! there is one (RFC 4588).

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::rtp::MAX_HEADER;
use super::{Content, Leg};
use crate::media::{Packet, Ring};
use crate::sdp::answer::Retransmission;
use crate::session::estimate::Kind;
use crate::session::io::{Transmit, WouldBlock};
use crate::session::transport::Egress;

/// Enough for a large keyframe that was lost as a whole.
const MAX_CREDIT: usize = 1024;

/// A viewer waits no longer for a lost packet: it asks for a keyframe, or conceals the sound.
const LATEST_VIDEO: Duration = Duration::from_secs(3);
const LATEST_AUDIO: Duration = Duration::from_millis(500);
/// A viewer that has had a newer keyframe for this long, and a round trip, shows nothing before it.
const SUPERSEDED: Duration = Duration::from_millis(200);
/// The packets sent last, of which padding consists.
const PADDING: u64 = 16;

/// Where repeated packets go, and what limits them: each packet goes once per round trip and a few
/// times in all ([`Egress::allow_repeat`]), and all of a leg together no more than were sent for the first time. One
/// datagram can ask for 5000 packets. Without a limit, one viewer could keep its worker busy with nothing else.
#[derive(Debug)]
pub struct Nack {
    /// `None`: on the stream itself.
    rtx: Option<RtxStream>,
    /// Packets that may still be sent again; each packet sent earns one.
    credit: usize,
}

/// The stream of repeated packets.
#[derive(Clone, Copy, Debug)]
struct RtxStream {
    ssrc: u32,
    payload_type: u8,
    /// Index of its next packet.
    index: u64,
}

impl Nack {
    /// `None` if nothing is to be sent again.
    pub fn new(retransmission: Retransmission, first_rtx_index: u64) -> Option<Self> {
        let rtx = match retransmission {
            Retransmission::Off => return None,
            Retransmission::SameStream => None,
            Retransmission::Rtx { payload_type, ssrc } => Some(RtxStream {
                ssrc,
                payload_type,
                index: first_rtx_index,
            }),
        };
        Some(Nack { rtx, credit: 0 })
    }

    /// The stream goes on with another codec, whose RTX stream has this payload type.
    pub fn change(&mut self, rtx_payload_type: Option<u8>) {
        if let (Some(rtx), Some(payload_type)) = (&mut self.rtx, rtx_payload_type) {
            rtx.payload_type = payload_type;
        }
    }

    /// Whether packets are sent again under their own index, and have to be the same then.
    pub fn repeats_in_place(&self) -> bool {
        self.rtx.is_none()
    }

    /// Packets were sent for the first time.
    pub fn earn(&mut self, packets: usize) {
        self.credit = (self.credit + packets).min(MAX_CREDIT);
    }
}

impl Leg {
    /// Sends again what the viewer asks for: the packet with sequence number `pid`, and those of
    /// the 16 after it whose bit is set in `blp`. Passes over what NACK was not negotiated for,
    /// what the ring no longer has, and what the limits do not allow.
    pub fn retransmit<T: Transmit>(
        &mut self,
        ring: &Ring,
        pid: u16,
        blp: u16,
        egress: &mut Egress<'_, T>,
    ) {
        for bit in 0..=16u16 {
            if (bit == 0 || blp & (1 << (bit - 1)) != 0)
                && self.repeat(ring, pid.wrapping_add(bit), egress).is_break()
            {
                break;
            }
        }
    }

    /// Sends again what has been sent since then: it went to where the viewer was before. The viewer would
    /// ask for it, but only a round trip later. The same limits hold.
    pub fn repeat_since<T: Transmit>(
        &mut self,
        ring: &Ring,
        since: Instant,
        egress: &mut Egress<'_, T>,
    ) {
        let last = self.position.index() as u16;
        let sent_since = |&back: &u16| {
            let sent = self.position.sent_as(last.wrapping_sub(back));
            let packet = sent.and_then(|(number, _)| ring.packet(number));
            packet.is_some_and(|packet| packet.arrival >= since)
        };
        let count = (1..=MAX_CREDIT as u16).take_while(sent_since).count() as u16;
        for back in (1..=count).rev() {
            if self
                .repeat(ring, last.wrapping_sub(back), egress)
                .is_break()
            {
                break;
            }
        }
    }

    /// Sends the packet with this sequence number again, if that may be. Breaks if no other may be, either.
    fn repeat<T: Transmit>(
        &mut self,
        ring: &Ring,
        sequence: u16,
        egress: &mut Egress<'_, T>,
    ) -> ControlFlow<()> {
        let round_trip = egress.round_trip().unwrap_or_default();
        let Some((number, index)) = self.position.sent_as(sequence) else {
            return ControlFlow::Continue(());
        };
        let Some(packet) = ring.packet(number) else {
            return ControlFlow::Continue(());
        };
        if self.is_too_late(ring, number, &packet, egress.now(), round_trip) {
            return ControlFlow::Continue(());
        }
        // Beyond its share of the path, a retransmission would only delay others. The viewer asks again.
        let Some(nack) = self.nack.as_mut().filter(|_| egress.may_repair()) else {
            return ControlFlow::Break(());
        };
        if nack.credit == 0 || !egress.allow_repeat(self.rtp.ssrc, index) {
            return ControlFlow::Continue(());
        }
        nack.credit -= 1;
        let Ok(size) = self.send_again(&packet, index, Kind::Media, egress) else {
            return ControlFlow::Break(());
        };
        self.sent.packets += 1;
        self.sent.bytes += size as u64;
        self.sent.retransmits += 1;
        ControlFlow::Continue(())
    }

    /// Whether the viewer would not show a packet any more.
    fn is_too_late(
        &self,
        ring: &Ring,
        number: u64,
        packet: &Packet<'_>,
        now: Instant,
        round_trip: Duration,
    ) -> bool {
        let age = |packet: &Packet<'_>| now.saturating_duration_since(packet.arrival);
        let Content::Video { .. } = self.content else {
            return age(packet) > LATEST_AUDIO;
        };
        let superseded = || {
            let keyframe = ring.latest_keyframe().filter(|&newest| newest > number)?;
            let sent = ring.unit(keyframe)?.end <= self.position.cursor()?;
            Some(sent && age(&ring.packet(keyframe)?) > SUPERSEDED + round_trip)
        };
        age(packet) > LATEST_VIDEO || superseded().unwrap_or(false)
    }

    /// Whether it can send padding that does the viewer no harm.
    pub fn can_pad(&self) -> bool {
        let nack = self.nack.as_ref();
        let Content::Video { .. } = self.content else {
            return false;
        };
        self.rtp.transport_cc_id.is_some() && nack.is_some_and(|nack| nack.rtx.is_some())
    }

    /// Sends at least so many bytes of padding: the packets sent last once more, as retransmissions that
    /// nobody asked for.
    pub fn pad<T: Transmit>(&mut self, ring: &Ring, bytes: usize, egress: &mut Egress<'_, T>) {
        let mut left = bytes;
        while left > 0 {
            let before = left;
            for back in 1..=PADDING {
                let sequence = self.position.index().wrapping_sub(back) as u16;
                let packet = self.position.sent_as(sequence).and_then(|(number, index)| {
                    let packet = ring.packet(number)?;
                    Some((packet, index))
                });
                let Some((packet, index)) = packet.filter(|_| left > 0) else {
                    break;
                };
                let Ok(size) = self.send_again(&packet, index, Kind::Probe, egress) else {
                    return;
                };
                self.sent.padding_packets += 1;
                self.sent.padding_bytes += size as u64;
                left = left.saturating_sub(size);
            }
            if left == before {
                return;
            }
        }
    }

    /// Seals a packet again and sends it. Returns its size.
    fn send_again<T: Transmit>(
        &mut self,
        packet: &Packet<'_>,
        index: u64,
        kind: Kind,
        egress: &mut Egress<'_, T>,
    ) -> Result<usize, WouldBlock> {
        let number = self.next_number(egress);
        let mut header = [0; MAX_HEADER];
        let header = self.rtp.write_header(packet, index, number, &mut header);
        let rtx = self.nack.as_mut().and_then(|nack| nack.rtx.as_mut());
        // RFC 4588 section 4: own SSRC, payload type and sequence number; the original sequence
        // number goes before the payload. Without RTX the same packet is sealed again, which gives
        // the same bytes: then it has no transport-wide sequence number.
        let original = (index as u16).to_be_bytes();
        let (index, prefix): (u64, &[u8]) = match &rtx {
            Some(rtx) => {
                header[1] = header[1] & 0x80 | rtx.payload_type;
                header[2..4].copy_from_slice(&(rtx.index as u16).to_be_bytes());
                header[8..12].copy_from_slice(&rtx.ssrc.to_be_bytes());
                (rtx.index, &original)
            }
            None => (index, &[]),
        };
        let size = header.len() + prefix.len() + packet.payload.len() + egress.tag_len();
        if egress
            .seal(index, header, prefix, packet.payload, 0..size)
            .is_err()
        {
            return Ok(0);
        }
        egress.transmit(size, size, number.is_some(), kind)?;
        if let Some(rtx) = rtx {
            rtx.index += 1;
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_earned_than_a_large_keyframe() {
        let mut nack = Nack::new(Retransmission::SameStream, 0).unwrap();
        nack.earn(3);
        assert_eq!(nack.credit, 3);
        nack.earn(10 * MAX_CREDIT);
        assert_eq!(nack.credit, MAX_CREDIT);
    }
}
