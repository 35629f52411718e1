//! Sends one track to one viewer: reads the shared ring, seals into the worker's buffer, hands
//! runs of equal packets to the network.
//!
//! A viewer stores no payload. It stores where it is in the ring (`cursor`) and how packet numbers
//! map to sequence numbers: [`Mapping`]. A retransmission is sealed again from the ring.

use std::time::{Duration, Instant};

use super::pacer::{BURST_PACKETS, Pacer};
use super::srtp::RtpSealer;
use super::transmit::{Path, Transmit, WouldBlock};
use crate::media::{Packet, Ring, StreamRate};
use crate::sdp::answer::NegotiatedTrack;

/// The buffer that packets are sealed into, one per worker: as much as one UDP GSO call takes.
pub type SendBuffer = [u8; 65_000];

/// When a send is tried again after the socket took no more.
const BLOCKED_RETRY: Duration = Duration::from_millis(1);

/// RTP header without extension (RFC 3550 section 5.1).
const HEADER: usize = 12;
/// The playout-delay extension in a one-byte-header block (RFC 8285 section 4.2).
const EXTENSION: usize = 8;

/// How packet numbers of the ring map to packet indices of the viewer. Indices (2^16 * ROC + SEQ)
/// only grow and are used once; when the viewer skips or goes back in the ring, a new mapping
/// begins.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    number: u64,
    index: u64,
}

/// What one viewer gets of one track.
pub struct TrackSender {
    track: NegotiatedTrack,
    timestamp_offset: u32,
    mapping: Mapping,
    /// Number of the next packet to send; `None` until there is one to start from.
    cursor: Option<u64>,
    /// Start, and resume after a gap, at keyframes only.
    needs_keyframe: bool,
    rtx_index: u64,
    repeats: Repeats,
    /// What was sent, for sender reports and statistics.
    pub stats: SendStats,
}

/// What was sent of a track.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendStats {
    /// Packets, retransmissions included.
    pub packets: u64,
    /// Payload bytes, for sender reports.
    pub payload_octets: u64,
    /// SRTP bytes, retransmissions included.
    pub bytes: u64,
    /// Retransmissions.
    pub retransmits: u64,
    /// Times the viewer fell behind the ring.
    pub overflows: u64,
}

/// What a send needs from its worker and its session.
pub struct SendContext<'a, T: Transmit> {
    /// Time.
    pub now: Instant,
    /// Where to.
    pub path: Path,
    /// The session's keys.
    pub sealer: &'a mut RtpSealer,
    /// Scratch space.
    pub buffer: &'a mut SendBuffer,
    /// Packets per run at most.
    pub batch: usize,
    /// The network.
    pub transmit: &'a mut T,
}

impl TrackSender {
    /// A sender whose first sequence number is the low 15 bits of `random` (so that the rollover
    /// counter begins at 0 for any receiver, RFC 3711 section 3.3.1).
    pub fn new(track: NegotiatedTrack, needs_keyframe: bool, random: u64) -> Self {
        TrackSender {
            track,
            timestamp_offset: (random >> 32) as u32,
            mapping: Mapping {
                number: 0,
                index: random & 0x7fff,
            },
            cursor: None,
            needs_keyframe,
            rtx_index: (random >> 16) & 0x7fff,
            repeats: Repeats::new(),
            stats: SendStats::default(),
        }
    }

    /// The track's SSRC.
    pub fn ssrc(&self) -> u32 {
        self.track.ssrc
    }

    /// The RTP timestamp that this viewer sees for one of the track.
    pub fn timestamp(&self, track_timestamp: u32) -> u32 {
        track_timestamp.wrapping_add(self.timestamp_offset)
    }

    /// Sends again from the newest keyframe (the viewer cannot decode). False if there is none.
    pub fn restart(&mut self, ring: &Ring) -> bool {
        let Some(keyframe) = ring.latest_keyframe() else {
            return false;
        };
        self.seek(keyframe);
        true
    }

    /// Whether nothing can be sent before the source makes a keyframe.
    pub fn waits_for_keyframe(&self, ring: &Ring) -> bool {
        self.needs_keyframe
            && self.cursor.is_none_or(|cursor| cursor < ring.start())
            && ring.latest_keyframe().is_none()
    }

    fn next_index(&self) -> u64 {
        let sent = self.cursor.map_or(0, |cursor| cursor - self.mapping.number);
        self.mapping.index + sent
    }

    fn seek(&mut self, number: u64) {
        self.mapping = Mapping {
            number,
            index: self.next_index(),
        };
        self.cursor = Some(number);
    }

    /// The cursor, moved to where the viewer can start or resume if need be.
    fn position(&mut self, ring: &Ring) -> Option<u64> {
        match self.cursor {
            Some(cursor) if cursor >= ring.start() => {}
            Some(_) => {
                // The ring dropped what this viewer has not seen.
                let resume = if self.needs_keyframe {
                    ring.latest_keyframe()?
                } else {
                    ring.end()
                };
                self.stats.overflows += 1;
                self.seek(resume);
            }
            None => {
                let start = if self.needs_keyframe {
                    ring.latest_keyframe()?
                } else {
                    ring.end()
                };
                self.seek(start);
            }
        }
        self.cursor
    }

    /// When the oldest packet that waits to be sent arrived; `None` if none waits.
    pub fn waiting_since(&self, ring: &Ring) -> Option<Instant> {
        let cursor = self.cursor?.max(ring.start());
        ring.packet(cursor).map(|packet| packet.arrival)
    }

    /// Sends what is due. Returns when to call again although no new access unit has come.
    pub fn pump<T: Transmit>(
        &mut self,
        ring: &Ring,
        mut pacer: Option<(&mut Pacer, StreamRate)>,
        context: &mut SendContext<'_, T>,
    ) -> Option<Instant> {
        // Packets that may still leave in this burst; none before the pacer has been asked.
        let mut burst = 0;
        loop {
            let cursor = self.position(ring)?;
            let unit = ring.unit(cursor)?;
            let waiting = (unit.end - cursor) as usize;
            let behind = unit.end < ring.end();
            let mut most = context.batch;
            if let Some((pacer, _)) = &pacer
                && (behind || waiting > BURST_PACKETS || cursor > unit.start)
            {
                if burst == 0 {
                    let ready = pacer.ready_at(context.now);
                    if ready > context.now {
                        return Some(ready);
                    }
                    burst = BURST_PACKETS;
                }
                most = most.min(burst);
            }
            match self.send_run(ring, cursor, most, context) {
                Ok(run) => {
                    burst = burst.saturating_sub(run.packets);
                    if let Some((pacer, rate)) = &mut pacer {
                        pacer.sent(context.now, *rate, run.bytes);
                    }
                }
                Err(WouldBlock) => return Some(context.now + BLOCKED_RETRY),
            }
        }
    }

    /// Seals and sends one run of packets of one size; the last may be shorter.
    fn send_run<T: Transmit>(
        &mut self,
        ring: &Ring,
        cursor: u64,
        most: usize,
        context: &mut SendContext<'_, T>,
    ) -> Result<Run, WouldBlock> {
        let most = most.min(context.transmit.max_segments()).max(1);
        let mut segment = 0;
        let mut used = 0;
        let mut packets = 0;
        let mut octets = 0;
        while packets < most {
            let Some(packet) = ring.packet(cursor + packets as u64) else {
                break;
            };
            let size = self.header_len() + packet.payload.len() + context.sealer.tag_len();
            if packets == 0 {
                segment = size;
            }
            if size > segment || used + size > context.buffer.len() {
                break;
            }
            let index = self.mapping.index + (cursor - self.mapping.number) + packets as u64;
            let mut header = [0; HEADER + EXTENSION];
            let header = self.write_header(&packet, index, &mut header);
            let out = &mut context.buffer[used..used + size];
            if context
                .sealer
                .seal(index, header, &[], packet.payload, out)
                .is_err()
            {
                // Keys and lengths are ours: this cannot happen. Skip the packet.
                break;
            }
            used += size;
            packets += 1;
            octets += packet.payload.len() as u64;
            if size < segment {
                break;
            }
        }
        if used > 0 {
            context
                .transmit
                .transmit(context.path, &context.buffer[..used], segment)?;
        }
        self.cursor = Some(cursor + packets.max(1) as u64);
        self.repeats.earn(packets);
        self.stats.packets += packets as u64;
        self.stats.payload_octets += octets;
        self.stats.bytes += used as u64;
        Ok(Run {
            packets,
            bytes: used,
        })
    }

    /// Sends again what a NACK asks for, if the ring still has it and the limits allow.
    pub fn retransmit<T: Transmit>(
        &mut self,
        ring: &Ring,
        pid: u16,
        blp: u16,
        round_trip: Duration,
        context: &mut SendContext<'_, T>,
    ) {
        for bit in 0..=16u16 {
            if bit > 0 && blp & (1 << (bit - 1)) == 0 {
                continue;
            }
            let sequence = pid.wrapping_add(bit);
            let Some(index) = self.index_of(sequence) else {
                continue;
            };
            let number = self.mapping.number + (index - self.mapping.index);
            let Some(packet) = ring.packet(number) else {
                continue;
            };
            if !self.repeats.allow(context.now, index, round_trip) {
                continue;
            }
            if self.send_again(&packet, index, context).is_err() {
                break;
            }
            self.stats.retransmits += 1;
        }
    }

    /// The index that was sent with this sequence number under the current mapping.
    fn index_of(&self, sequence: u16) -> Option<u64> {
        let last = self.next_index().checked_sub(1)?;
        let back = (last as u16).wrapping_sub(sequence);
        let index = last.checked_sub(u64::from(back))?;
        (index >= self.mapping.index).then_some(index)
    }

    fn send_again<T: Transmit>(
        &mut self,
        packet: &Packet<'_>,
        index: u64,
        context: &mut SendContext<'_, T>,
    ) -> Result<(), WouldBlock> {
        let mut header = [0; HEADER + EXTENSION];
        let length = self.write_header(packet, index, &mut header).len();
        let header = &mut header[..length];
        let rtx = self.track.rtx_payload_type.zip(self.track.rtx_ssrc);
        // RFC 4588 section 4: own SSRC, payload type and sequence; the original sequence number
        // goes before the payload. Without RTX the same packet is sealed again, which gives the
        // same bytes.
        let original = (index as u16).to_be_bytes();
        let (index, prefix): (u64, &[u8]) = match rtx {
            Some((payload_type, ssrc)) => {
                header[1] = header[1] & 0x80 | payload_type;
                header[2..4].copy_from_slice(&(self.rtx_index as u16).to_be_bytes());
                header[8..12].copy_from_slice(&ssrc.to_be_bytes());
                (self.rtx_index, &original)
            }
            None => (index, &[]),
        };
        let size = header.len() + prefix.len() + packet.payload.len() + context.sealer.tag_len();
        let out = &mut context.buffer[..size];
        if context
            .sealer
            .seal(index, header, prefix, packet.payload, out)
            .is_err()
        {
            return Ok(());
        }
        context.transmit.transmit(context.path, out, size)?;
        if rtx.is_some() {
            self.rtx_index += 1;
        }
        self.stats.packets += 1;
        self.stats.bytes += size as u64;
        Ok(())
    }

    fn header_len(&self) -> usize {
        match self.track.playout_delay_id {
            Some(_) => HEADER + EXTENSION,
            None => HEADER,
        }
    }

    fn write_header<'h>(
        &self,
        packet: &Packet<'_>,
        index: u64,
        header: &'h mut [u8; HEADER + EXTENSION],
    ) -> &'h [u8] {
        header[0] = 0x80;
        header[1] = u8::from(packet.marker) << 7 | self.track.payload_type;
        header[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        let timestamp = self.timestamp(packet.timestamp);
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.track.ssrc.to_be_bytes());
        if let Some(id) = self.track.playout_delay_id {
            header[0] |= 0x10;
            // One 4-byte word: id, length 3, minimum and maximum delay of 0: show at once.
            header[12..].copy_from_slice(&[0xbe, 0xde, 0, 1, id << 4 | 2, 0, 0, 0]);
        }
        &header[..self.header_len()]
    }
}

struct Run {
    packets: usize,
    bytes: usize,
}

/// Limits what a viewer can make us send again: each packet once per round trip and a few times in
/// all, and all together no more than it was sent. One datagram can ask for 5000 packets; without
/// that limit a viewer could keep its worker busy with nothing else.
#[derive(Debug)]
struct Repeats {
    /// Empty until the viewer asks for the first time: most never do, and what each viewer needs
    /// for each picture fits few cache lines without it.
    recent: Vec<Option<Repeat>>,
    /// Packets that may still be sent again; each packet sent earns one.
    credit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Repeat {
    index: u64,
    at: Instant,
    times: u8,
}

impl Repeats {
    /// More packets than are usually on their way to a viewer.
    const SLOTS: usize = 256;
    /// A viewer asks again sooner than this only when its question crossed our answer.
    const SHORTEST: Duration = Duration::from_millis(5);
    /// A packet that was lost so often will come too late.
    const MOST: u8 = 6;
    /// Enough for a large keyframe that was lost as a whole.
    const MAX_CREDIT: usize = 1024;

    fn new() -> Self {
        Repeats {
            recent: Vec::new(),
            credit: 0,
        }
    }

    /// Packets were sent for the first time.
    fn earn(&mut self, packets: usize) {
        self.credit = (self.credit + packets).min(Repeats::MAX_CREDIT);
    }

    fn allow(&mut self, now: Instant, index: u64, round_trip: Duration) -> bool {
        self.recent.resize(Repeats::SLOTS, None);
        let slot = &mut self.recent[index as usize % Repeats::SLOTS];
        let before = slot.filter(|repeat| repeat.index == index);
        if before.is_some_and(|repeat| {
            repeat.times >= Repeats::MOST || now < repeat.at + round_trip.max(Repeats::SHORTEST)
        }) {
            return false;
        }
        let Some(left) = self.credit.checked_sub(1) else {
            return false;
        };
        self.credit = left;
        *slot = Some(Repeat {
            index,
            at: now,
            times: before.map_or(1, |repeat| repeat.times + 1),
        });
        true
    }
}
