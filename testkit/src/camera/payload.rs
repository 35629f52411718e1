//! H.264 RTP payloads (RFC 6184, packetization mode 1).

use crate::clip::nal_type;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Cuts the NAL units of one frame into payloads of at most `max` bytes. `emit` gets each payload in two parts, to
/// be sent one after the other, and whether it is the last of the frame.
///
/// Neighbors that fit into one payload together become a STAP-A, one that fits alone becomes a single NAL unit packet,
/// and one that does not becomes a series of FU-A.
pub fn packetize(nals: &[&[u8]], max: usize, mut emit: impl FnMut(&[u8], &[u8], bool)) {
    let mut rest = nals;
    while let Some((&nal, tail)) = rest.split_first() {
        let together = aggregate_len(rest, max);
        if together > 1 {
            let (group, tail) = rest.split_at(together);
            emit(&[], &stap_a(group), tail.is_empty());
            rest = tail;
            continue;
        }
        if nal.len() <= max {
            emit(&[], nal, tail.is_empty());
        } else {
            let mut start = 0x80;
            let mut chunks = nal[1..].chunks(max - 2).peekable();
            while let Some(chunk) = chunks.next() {
                let end = if chunks.peek().is_none() { 0x40 } else { 0 };
                let header = [(nal[0] & 0xe0) | FU_A, start | end | nal_type(nal)];
                emit(&header, chunk, end != 0 && tail.is_empty());
                start = 0;
            }
        }
        rest = tail;
    }
}

/// How many of the first `nals` fit into one STAP-A.
fn aggregate_len(nals: &[&[u8]], max: usize) -> usize {
    let mut len = 1;
    nals.iter()
        .take_while(|nal| {
            len += 2 + nal.len();
            len <= max
        })
        .count()
}

fn stap_a(nals: &[&[u8]]) -> Vec<u8> {
    let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
    let mut payload = vec![importance | STAP_A];
    for nal in nals {
        payload.extend((nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(nals: &[&[u8]], max: usize) -> Vec<(Vec<u8>, bool)> {
        let mut payloads = Vec::new();
        packetize(nals, max, |head, body, last| {
            payloads.push(([head, body].concat(), last));
        });
        payloads
    }

    #[test]
    fn small_neighbors_are_aggregated_and_a_large_nal_is_fragmented() {
        let idr = [&[0x65][..], &[7; 25]].concat();
        let got = payloads(&[&[0x67, 1], &[0x68, 2], &idr], 12);
        let expected: Vec<(Vec<u8>, bool)> = vec![
            (vec![0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2], false),
            ([&[0x7c, 0x85][..], &[7; 10]].concat(), false),
            ([&[0x7c, 0x05][..], &[7; 10]].concat(), false),
            ([&[0x7c, 0x45][..], &[7; 5]].concat(), true),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn a_nal_that_fits_alone_is_sent_as_it_is() {
        assert_eq!(payloads(&[&[0x41; 12]], 12), [(vec![0x41; 12], true)]);
    }
}
