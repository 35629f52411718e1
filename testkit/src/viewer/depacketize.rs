//! H.264 payloads back to NALs (RFC 6184): independent of the gateway's packetizer.

use super::packet::Packet;

/// An access unit that came whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// RTP timestamp.
    pub timestamp: u32,
    /// When its last packet came.
    pub at: std::time::Instant,
    /// Its NALs, without start codes.
    pub nals: Vec<Vec<u8>>,
}

impl AccessUnit {
    /// Whether it holds an IDR slice.
    pub fn is_keyframe(&self) -> bool {
        self.nals.iter().any(|nal| nal[0] & 0x1f == 5)
    }
}

/// Groups packets into access units; those with a gap are left out.
pub fn access_units<'a>(packets: impl Iterator<Item = &'a Packet>) -> Vec<AccessUnit> {
    let mut units = Vec::new();
    let mut unit: Vec<&Packet> = Vec::new();
    let mut whole = true;
    let mut expected = None;
    for packet in packets {
        if expected.is_some_and(|e| e != packet.sequence) {
            // What is lost belongs to the unit before the gap, to this one, or to both; but
            // nothing comes before parameter sets.
            unit.clear();
            whole = matches!(packet.payload[..], [24, _, _, nal, ..] | [0x78, _, _, nal, ..] if nal & 0x1f == 7);
        }
        expected = Some(packet.sequence + 1);
        unit.push(packet);
        if packet.marker {
            if whole && let Some(nals) = nals(&unit) {
                units.push(AccessUnit {
                    timestamp: packet.timestamp,
                    at: unit.iter().map(|p| p.at).max().unwrap_or(packet.at),
                    nals,
                });
            }
            unit.clear();
            whole = true;
        }
    }
    units
}

fn nals(packets: &[&Packet]) -> Option<Vec<Vec<u8>>> {
    let mut nals: Vec<Vec<u8>> = Vec::new();
    for packet in packets {
        let payload = &packet.payload;
        match payload.first()? & 0x1f {
            1..=23 => nals.push(payload.clone()),
            24 => {
                let mut rest = &payload[1..];
                while let [high, low, tail @ ..] = rest {
                    let size = usize::from(u16::from_be_bytes([*high, *low]));
                    nals.push(tail.get(..size)?.to_vec());
                    rest = &tail[size..];
                }
            }
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
