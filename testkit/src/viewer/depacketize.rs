//! Payloads back to NAL units and OBUs (RFC 6184, RFC 7798, RTP Payload Format For AV1): independent of the gateway's
//! packetizers.

use super::packet::Packet;

/// The payload format of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// RFC 6184.
    #[default]
    H264,
    /// RFC 7798.
    H265,
    /// RTP Payload Format For AV1, version 1.0.
    Av1,
    /// Each payload is one unit: audio.
    Whole,
}

impl Format {
    /// By the encoding name in an `a=rtpmap` line.
    pub(super) fn of(encoding_name: &str) -> Format {
        match encoding_name {
            "H264" => Format::H264,
            "H265" => Format::H265,
            "AV1" => Format::Av1,
            _ => Format::Whole,
        }
    }

    /// Whether this payload starts a frame: it begins with parameter sets.
    fn begins_sequence(self, payload: &[u8]) -> bool {
        match (self, payload) {
            (Format::H264, [24 | 0x78, _, _, nal, ..]) => nal & 0x1f == 7,
            (Format::H265, [header, _, _, _, nal, ..]) => header >> 1 == 48 && nal >> 1 == 32,
            (Format::Av1, [header, ..]) => header & 0x08 != 0,
            (Format::Whole, _) => true,
            _ => false,
        }
    }

    fn is_keyframe(self, nals: &[Vec<u8>]) -> bool {
        match self {
            Format::H264 => nals.iter().any(|nal| nal[0] & 0x1f == 5),
            Format::H265 => nals.iter().any(|nal| (16..24).contains(&(nal[0] >> 1))),
            Format::Av1 => nals.iter().any(|obu| obu[0] >> 3 == 1),
            Format::Whole => true,
        }
    }
}

/// A complete access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// RTP timestamp.
    pub timestamp: u32,
    /// When its last packet arrived.
    pub at: std::time::Instant,
    /// Extended sequence numbers of its first and last packets.
    pub sequences: (u64, u64),
    /// Its NAL units, without start codes; its OBUs, without sizes; or its one audio payload.
    pub nals: Vec<Vec<u8>>,
    keyframe: bool,
}

impl AccessUnit {
    /// Whether decoding can start with it; for AV1, whether it contains a sequence header.
    pub fn is_keyframe(&self) -> bool {
        self.keyframe
    }
}

/// Groups packets into access units; those with a gap are omitted, and those that end without a marker.
pub fn access_units<'a>(packets: impl Iterator<Item = &'a Packet>) -> Vec<AccessUnit> {
    let mut units = Vec::new();
    let mut unit: Vec<&Packet> = Vec::new();
    let mut whole = true;
    let mut expected = None;
    for packet in packets {
        let format = packet.format;
        if unit
            .last()
            .is_some_and(|last| last.timestamp != packet.timestamp)
        {
            unit.clear();
            whole = true;
        }
        if expected.is_some_and(|e| e != packet.sequence) {
            // What is lost belongs to the unit before the gap, to this one, or to both; but
            // nothing comes before parameter sets.
            unit.clear();
            whole = format.begins_sequence(&packet.payload);
        }
        expected = Some(packet.sequence + 1);
        unit.push(packet);
        if packet.marker || format == Format::Whole {
            let nals = match format {
                Format::H264 => h264(&unit),
                Format::H265 => h265(&unit),
                Format::Av1 => av1(&unit),
                Format::Whole => Some(vec![packet.payload.clone()]),
            };
            if whole && let Some(nals) = nals {
                units.push(AccessUnit {
                    timestamp: packet.timestamp,
                    at: unit.iter().map(|p| p.at).max().unwrap_or(packet.at),
                    sequences: (unit[0].sequence, packet.sequence),
                    keyframe: format.is_keyframe(&nals),
                    nals,
                });
            }
            unit.clear();
            whole = true;
        }
    }
    units
}

fn h264(packets: &[&Packet]) -> Option<Vec<Vec<u8>>> {
    let mut nals: Vec<Vec<u8>> = Vec::new();
    for packet in packets {
        let payload = &packet.payload;
        match payload.first()? & 0x1f {
            1..=23 => nals.push(payload.clone()),
            24 => split_aggregate(&payload[1..], &mut nals)?,
            28 => {
                let fu = payload.get(1)?;
                if fu & 0x80 != 0 {
                    nals.push(vec![payload[0] & 0xe0 | fu & 0x1f]);
                }
                nals.last_mut()?.extend(&payload[2..]);
            }
            _ => return None,
        }
    }
    Some(nals)
}

fn h265(packets: &[&Packet]) -> Option<Vec<Vec<u8>>> {
    let mut nals: Vec<Vec<u8>> = Vec::new();
    for packet in packets {
        let payload = &packet.payload;
        match payload.first()? >> 1 {
            48 => split_aggregate(payload.get(2..)?, &mut nals)?,
            49 => {
                let fu = payload.get(2)?;
                if fu & 0x80 != 0 {
                    nals.push(vec![payload[0] & 0x81 | (fu & 0x3f) << 1, payload[1]]);
                }
                nals.last_mut()?.extend(&payload[3..]);
            }
            50.. => return None,
            _ => nals.push(payload.clone()),
        }
    }
    Some(nals)
}

/// The NAL units of an aggregation packet, each preceded by its length in two bytes.
fn split_aggregate(mut rest: &[u8], nals: &mut Vec<Vec<u8>>) -> Option<()> {
    while let [high, low, tail @ ..] = rest {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        nals.push(tail.get(..size)?.to_vec());
        rest = &tail[size..];
    }
    Some(())
}

fn av1(packets: &[&Packet]) -> Option<Vec<Vec<u8>>> {
    let mut obus: Vec<Vec<u8>> = Vec::new();
    let mut continues = false;
    for packet in packets {
        let (header, mut rest) = packet.payload.split_first()?;
        if (header & 0x80 != 0) != continues {
            return None;
        }
        let count = usize::from(header >> 4 & 3);
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let mut len = rest.len();
            if number != count {
                (len, rest) = match *rest {
                    [low, ref tail @ ..] if low < 0x80 => (usize::from(low), tail),
                    [low, high, ref tail @ ..] => {
                        (usize::from(low & 0x7f) | usize::from(high) << 7, tail)
                    }
                    _ => return None,
                };
            }
            let (element, tail) = rest.split_at_checked(len)?;
            match obus.last_mut() {
                Some(open) if continues && number == 1 => open.extend(element),
                _ => obus.push(element.to_vec()),
            }
            rest = tail;
        }
        continues = header & 0x40 != 0;
    }
    (!continues).then_some(obus)
}
