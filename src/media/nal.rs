//! NAL units of H.264 and H.265.

use memchr::memmem;

/// The NAL units of an access unit, each preceded by its length in 4 bytes, big endian. Empty ones
/// are skipped. A length that reaches beyond the end ends the iteration: see [`Nals::broken`].
#[derive(Clone, Debug)]
pub struct Nals<'a> {
    rest: &'a [u8],
    broken: bool,
}

/// See [`Nals`].
pub fn nals(unit: &[u8]) -> Nals<'_> {
    Nals {
        rest: unit,
        broken: false,
    }
}

impl Nals<'_> {
    /// Whether the iteration stopped before the end of the access unit, because of a bad length.
    pub fn broken(&self) -> bool {
        self.broken
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let split = self.rest.split_first_chunk().and_then(|(length, rest)| {
                rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
            });
            let Some((nal, rest)) = split else {
                self.broken = true;
                self.rest = &[];
                break;
            };
            self.rest = rest;
            if !nal.is_empty() {
                return Some(nal);
            }
        }
        None
    }
}

/// Appends a NAL unit with its length prefix.
pub fn append_nal(unit: &mut Vec<u8>, nal: &[u8]) {
    // Access units are limited to sizes that fit.
    unit.extend_from_slice(&(nal.len() as u32).to_be_bytes());
    unit.extend_from_slice(nal);
}

/// The NAL units of a byte stream (ITU-T H.264 and H.265, Annex B), without trailing zeros.
#[derive(Clone, Debug)]
pub struct AnnexB<'a> {
    /// The data after a start code; `None` at the end.
    rest: Option<&'a [u8]>,
}

/// The shorter of the two start codes; the other has one more zero in front.
pub const START_CODE: &[u8] = &[0, 0, 1];

impl<'a> AnnexB<'a> {
    /// Begins with the first start code.
    pub fn new(data: &'a [u8]) -> Self {
        let rest = memmem::find(data, START_CODE).map(|at| &data[at + START_CODE.len()..]);
        AnnexB { rest }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest?;
            let end = memmem::find(rest, START_CODE);
            self.rest = end.map(|at| &rest[at + START_CODE.len()..]);
            let nal = &rest[..end.unwrap_or(rest.len())];
            // A NAL unit does not end in zeros: these belong to a longer start code.
            let len = nal.iter().rposition(|&byte| byte != 0);
            if let Some(last) = len {
                return Some(&nal[..=last]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::testing::unit;

    #[test]
    fn nals_come_out_as_they_went_in() {
        let data = unit(&[&[0x67, 1][..], &[], &[0x68], &[0x65; 300]]);
        let mut nals = nals(&data);
        let found: Vec<_> = nals.by_ref().collect();
        assert_eq!(found, [&[0x67, 1][..], &[0x68], &[0x65; 300]]);
        assert!(!nals.broken());
    }

    #[test]
    fn a_bad_length_ends_the_iteration_and_is_reported() {
        for tail in [
            &[0][..],
            &[0, 0, 0],
            &[0, 0, 0, 2, 0x41],
            &[0xff, 0xff, 0xff, 0xff, 0x41, 0x41],
        ] {
            let mut data = unit(&[&[0x65, 7]]);
            data.extend(tail);
            let mut nals = nals(&data);
            assert_eq!(nals.by_ref().collect::<Vec<_>>(), [&[0x65, 7]]);
            assert!(nals.broken(), "{tail:?}");
            assert_eq!(nals.next(), None);
        }
    }
}
