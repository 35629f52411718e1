//! RTP payloads of H.264 (RFC 6184) and H.265 (RFC 7798): where the NAL units in them are.
//!
//! Decoding order numbers are passed over: NAL units that are sent in another order than that of
//! decoding (packetization mode 2, `sprop-max-don-diff`) come from no camera known.

use super::nal_kind::NalCodec;
use super::pictures::{Opening, Pictures};
use super::unit::Piece;
use super::{Format, Unit};
use crate::media::nal::{AnnexB, START_CODE};

/// Bits of the fragmentation unit headers: first and last fragment of a NAL unit.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// Bytes of a decoding order number.
const ORDER_NUMBER: usize = 2;

/// Takes the next packet.
pub fn push(
    pictures: &mut Pictures,
    format: &Format,
    piece: &Piece<'_>,
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    let opening = opening(pictures.codec(), piece.payload, format.has_order_numbers);
    pictures.begin(piece, opening, out);
    if begins_with_start_code(piece.payload) {
        for nal in AnnexB::new(piece.payload) {
            pictures.nal(nal, out);
        }
    } else {
        match pictures.codec() {
            NalCodec::H264 => h264(pictures, piece.payload, out),
            NalCodec::H265 => h265(pictures, piece.payload, format.has_order_numbers, out),
        }
    }
    pictures.end(piece.marker, out);
}

/// Not a payload at all, but a piece of a byte stream. Its zeros would be types that RTP does not use.
fn begins_with_start_code(payload: &[u8]) -> bool {
    payload.starts_with(START_CODE)
        || payload
            .strip_prefix(&[0])
            .is_some_and(|rest| rest.starts_with(START_CODE))
}

/// What the payload begins with.
fn opening(codec: NalCodec, payload: &[u8], ordered: bool) -> Opening {
    let number = if ordered { ORDER_NUMBER } else { 0 };
    let nal = |at: usize| Opening::Nal(codec.kind(skip(payload, at)));
    match (codec, payload) {
        (NalCodec::H264, &[indicator, fu, ref body @ ..]) => match indicator & 0x1f {
            24 => nal(3),
            28 | 29 if fu & FU_START == 0 => Opening::Fragment,
            28 => {
                let byte = body.first().copied().unwrap_or_default();
                Opening::Nal(codec.kind(&[fu & 0x1f, byte]))
            }
            _ => nal(0),
        },
        (NalCodec::H265, &[first, second, fu, ref body @ ..]) => match first >> 1 & 0x3f {
            48 => nal(4 + number),
            49 if fu & FU_START == 0 => Opening::Fragment,
            49 => {
                let byte = body.get(number).copied().unwrap_or_default();
                Opening::Nal(codec.kind(&[first & 0x81 | (fu & 0x3f) << 1, second, byte]))
            }
            _ => nal(0),
        },
        _ => nal(0),
    }
}

fn h264(pictures: &mut Pictures, payload: &[u8], out: &mut impl FnMut(Unit) -> Vec<u8>) {
    let Some((&header, rest)) = payload.split_first() else {
        return;
    };
    match header & 0x1f {
        // Single NAL unit (section 5.6).
        1..=23 => pictures.nal(payload, out),
        // STAP-A, STAP-B (section 5.7.1).
        24 => aggregated(pictures, rest, 0, out),
        25 => aggregated(pictures, skip(rest, ORDER_NUMBER), 0, out),
        // MTAP16, MTAP24 (section 5.7.2): difference of order numbers, and offset of the timestamp. The
        // offset is not needed: what is sent in one packet is sampled at nearly the same time.
        26 => aggregated(pictures, skip(rest, ORDER_NUMBER), 3, out),
        27 => aggregated(pictures, skip(rest, ORDER_NUMBER), 4, out),
        // FU-A, FU-B (section 5.8).
        kind @ (28 | 29) => {
            let Some((&fu, body)) = rest.split_first() else {
                return;
            };
            let body = match kind {
                29 if fu & FU_START != 0 => skip(body, ORDER_NUMBER),
                _ => body,
            };
            fragment(pictures, fu, &[header & 0xe0 | fu & 0x1f], body, out);
        }
        _ => {}
    }
}

fn h265(
    pictures: &mut Pictures,
    payload: &[u8],
    ordered: bool,
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    let Some((&[first, second], rest)) = payload.split_first_chunk() else {
        return;
    };
    let number = if ordered { ORDER_NUMBER } else { 0 };
    match first >> 1 & 0x3f {
        // Single NAL unit (section 4.4.1).
        0..48 if ordered => whole(pictures, [first, second], skip(rest, number), out),
        0..48 => pictures.nal(payload, out),
        // AP (section 4.4.2). Each NAL unit but the first has a difference of 1 byte.
        48 => aggregated_h265(pictures, skip(rest, number), ordered, out),
        // FU (section 4.4.3).
        49 => {
            let Some((&fu, body)) = rest.split_first() else {
                return;
            };
            let body = match fu & FU_START {
                0 => body,
                _ => skip(body, number),
            };
            fragment(
                pictures,
                fu,
                &[first & 0x81 | (fu & 0x3f) << 1, second],
                body,
                out,
            );
        }
        // PACI (section 4.4.4) among them.
        _ => {}
    }
}

/// A NAL unit whose header stands apart from the rest.
fn whole(
    pictures: &mut Pictures,
    header: [u8; 2],
    body: &[u8],
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    pictures.fragment((true, true), &header, body, out);
}

fn fragment(
    pictures: &mut Pictures,
    fu: u8,
    header: &[u8],
    body: &[u8],
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    let ends = (fu & FU_START != 0, fu & FU_END != 0);
    pictures.fragment(ends, header, body, out);
}

/// NAL units with lengths of 2 bytes, and `between` more bytes in front of each.
fn aggregated(
    pictures: &mut Pictures,
    mut rest: &[u8],
    between: usize,
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    while let Some((nal, tail)) = split_first(rest, between) {
        pictures.nal(nal, out);
        rest = tail;
    }
}

fn aggregated_h265(
    pictures: &mut Pictures,
    mut rest: &[u8],
    ordered: bool,
    out: &mut impl FnMut(Unit) -> Vec<u8>,
) {
    while let Some((nal, tail)) = split_first(rest, 0) {
        pictures.nal(nal, out);
        rest = skip(tail, usize::from(ordered));
    }
}

fn split_first(data: &[u8], between: usize) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = data.split_first_chunk()?;
    let rest = rest.get(between..)?;
    rest.split_at_checked(u16::from_be_bytes(length).into())
}

fn skip(data: &[u8], bytes: usize) -> &[u8] {
    data.get(bytes..).unwrap_or_default()
}
