//! Assembles temporal units of AV1 (RTP Payload Format For AV1, version 1.0). OBUs get their sizes back.

use super::Unit;
use super::unit::{Building, MAX_UNIT, Piece};
use crate::media::av1::{obu_type, read_leb128};

/// Bits of the aggregation header.
const CONTINUES: u8 = 0x80;
const GOES_ON: u8 = 0x40;
/// Bits of an OBU header.
const EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;
/// Bytes of the size of a fragmented OBU, which is not known when it begins. `leb128()` may be longer
/// than necessary (AV1 section 4.10.5).
const SIZE: usize = 4;
/// OBUs in a temporal unit, at most: it has up to 4,096 tiles (AV1 section 3).
const MAX_OBUS: usize = 8192;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct TemporalUnits {
    unit: Building,
    obus: usize,
    /// A fragmented OBU: where it starts, and where its payload does.
    open: Option<(usize, usize)>,
    /// Packets are missing in front of the next one.
    after_gap: bool,
}

impl TemporalUnits {
    /// Takes the next packet.
    pub fn push(&mut self, piece: &Piece<'_>, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let mut lost = piece.before.lost;
        if piece.before.restarts {
            self.unit.restart();
            self.obus = 0;
            self.open = None;
        }
        if lost > 0 {
            self.drop_open();
            self.after_gap = true;
        }
        if piece.timestamp != self.unit.timestamp {
            // The packet with the marker is missing, or the sender does not set it.
            self.drop_open();
            if lost > 0 && !self.unit.data.is_empty() {
                // The packet with the marker is among them.
                self.unit.lost = self.unit.lost.saturating_add(lost);
                self.unit.damaged = true;
                self.after_gap = lost > 1;
                lost = 0;
            }
            self.complete(out);
            self.unit.damaged = false;
            self.unit.timestamp = piece.timestamp;
        }
        self.unit.lost = self.unit.lost.saturating_add(lost);
        self.unit.arrived(piece.arrival);
        self.read(piece.payload);
        if piece.marker && !piece.payload.is_empty() {
            self.drop_open();
            self.complete(out);
        }
    }

    /// Sections 4.3 and 4.4: an aggregation header, then OBUs without sizes.
    fn read(&mut self, payload: &[u8]) {
        let Some((&aggregation, mut rest)) = payload.split_first() else {
            return;
        };
        let continues = aggregation & CONTINUES != 0;
        let goes_on = aggregation & GOES_ON != 0;
        let count = usize::from(aggregation >> 4 & 3);
        if !continues {
            self.drop_open();
        }
        if std::mem::take(&mut self.after_gap) {
            let kind = rest
                .get(usize::from(count != 1))
                .map(|byte| byte >> 3 & 0x0f);
            let begins = matches!(
                kind,
                Some(
                    obu_type::SEQUENCE_HEADER
                        | obu_type::TEMPORAL_DELIMITER
                        | obu_type::FRAME
                        | obu_type::FRAME_HEADER
                )
            );
            self.unit.damaged |= continues || !begins || self.obus > 0;
        }
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let element;
            if number == count {
                (element, rest) = (rest, &[][..]);
            } else {
                let split = read_leb128(rest)
                    .and_then(|(size, tail)| tail.split_at_checked(usize::try_from(size).ok()?));
                let Some(split) = split else {
                    self.drop_open();
                    self.unit.damaged = true;
                    return;
                };
                (element, rest) = split;
            }
            let ends = !(rest.is_empty() && goes_on);
            if !(number == 1 && continues) {
                self.begin(element, ends);
            } else if self.open.is_some() {
                self.go_on(element, ends);
            } else {
                // Its start is missing.
                self.unit.damaged = true;
            }
        }
    }

    /// An OBU begins; it `ends` with this element, or goes on in the next packet.
    fn begin(&mut self, element: &[u8], ends: bool) {
        let Some(&first) = element.first() else {
            return;
        };
        if self.obus >= MAX_OBUS || self.unit.data.len() + element.len() + 2 * SIZE > MAX_UNIT {
            return self.overflow();
        }
        self.obus += 1;
        let data = &mut self.unit.data;
        let start = data.len();
        if first & HAS_SIZE != 0 {
            // Some senders keep the size, although the specification forbids it.
            data.extend_from_slice(element);
            self.open = (!ends).then_some((start, usize::MAX));
            return;
        }
        let header = 1 + usize::from(first & EXTENSION != 0);
        let Some((header, payload)) = element.split_at_checked(header) else {
            return;
        };
        data.push(first | HAS_SIZE);
        data.extend_from_slice(&header[1..]);
        if ends {
            append_leb128(data, payload.len());
        } else {
            data.extend_from_slice(&[0; SIZE]);
            self.open = Some((start, data.len()));
        }
        data.extend_from_slice(payload);
    }

    /// The OBU that is open goes on.
    fn go_on(&mut self, element: &[u8], ends: bool) {
        if self.unit.data.len() + element.len() > MAX_UNIT {
            return self.overflow();
        }
        self.unit.data.extend_from_slice(element);
        if !ends {
            return;
        }
        let Some((_, payload)) = self.open.take() else {
            return;
        };
        let data = &mut self.unit.data;
        if let Some(size) = data.len().checked_sub(payload)
            && let Some(field) = data.get_mut(payload - SIZE..payload)
        {
            for (i, byte) in field.iter_mut().enumerate() {
                let more = if i + 1 < SIZE { 0x80 } else { 0 };
                *byte = (size >> (7 * i)) as u8 & 0x7f | more;
            }
        }
    }

    /// Drops what only a missing packet could complete.
    fn drop_open(&mut self) {
        if let Some((start, _)) = self.open.take() {
            self.unit.data.truncate(start);
            self.unit.damaged = true;
        }
    }

    /// Whatever would complete the unit never comes.
    fn overflow(&mut self) {
        self.open = None;
        self.obus = 0;
        self.unit.data.clear();
        self.unit.damaged = true;
    }

    fn complete(&mut self, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if !self.unit.data.is_empty() {
            self.unit.complete(out);
            self.obus = 0;
        }
    }
}

fn append_leb128(data: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        data.push(value as u8 | 0x80);
        value >>= 7;
    }
    data.push(value as u8);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::media::av1::obus;
    use crate::source::rtp::order::Before;

    /// Assembles the payloads of one temporal unit, without those whose index is in `missing`.
    fn assemble(payloads: &[Vec<u8>], missing: &[usize]) -> Vec<Unit> {
        let arrival = Instant::now();
        let mut assembler = TemporalUnits::default();
        let mut units = Vec::new();
        let mut before = Before::default();
        for (i, payload) in payloads.iter().chain([&vec![]]).enumerate() {
            if missing.contains(&i) {
                before.lost += 1;
                continue;
            }
            let piece = Piece {
                payload,
                timestamp: 7 + i64::from(i == payloads.len()),
                marker: i + 1 == payloads.len(),
                arrival,
                before: std::mem::take(&mut before),
            };
            assembler.push(&piece, &mut |unit| {
                units.push(unit);
                Vec::new()
            });
        }
        units
    }

    /// Headers and payloads of the OBUs, all of which have sizes.
    fn content(unit: &Unit) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = obus(&unit.data);
        let found = all
            .by_ref()
            .map(|obu| (obu.header().to_vec(), obu.payload.to_vec()))
            .collect();
        assert!(!all.broken());
        found
    }

    #[test]
    fn elements_get_their_sizes_back() {
        let header = [0x08, 1, 2, 3];
        let frame: Vec<u8> = [&[0x30][..], &[9; 200]].concat();
        let sent = vec![(vec![0x08], vec![1, 2, 3]), (vec![0x30], vec![9; 200])];
        // Both in one packet: W = 2, and W = 0.
        let two = [&[0x28, 4][..], &header, &frame].concat();
        let zero = [&[0x08, 4][..], &header, &[0xc9, 1], &frame].concat();
        // The frame in three.
        let three = [
            [&[0x68, 4][..], &header, &frame[..50]].concat(),
            [&[0xd0][..], &frame[50..90]].concat(),
            [&[0x90][..], &frame[90..]].concat(),
        ];
        for payloads in [&[two][..], &[zero], &three] {
            let units = assemble(payloads, &[]);
            assert_eq!(content(&units[0]), sent);
            assert!(!units[0].damaged && units.len() == 1);
        }
        for missing in 1..3 {
            let units = assemble(&three, &[missing]);
            assert_eq!(content(&units[0]), sent[..1], "{missing}");
            assert!(units[0].damaged && units[0].lost == 1, "{missing}");
        }
        assert_eq!(assemble(&three, &[0]), []);
    }

    #[test]
    fn sizes_that_were_kept_are_kept() {
        let kept = [0x32, 3, 1, 2, 3];
        let whole = assemble(&[[&[0x10][..], &kept].concat()], &[]);
        let parts = [
            [&[0x50][..], &kept[..2]].concat(),
            [&[0x90][..], &kept[2..]].concat(),
        ];
        let parts = assemble(&parts, &[]);
        assert_eq!(
            (&whole[0].data[..], &parts[0].data[..]),
            (&kept[..], &kept[..])
        );
    }
}
