//! Datagrams on a TCP connection: the length of each precedes it, in two bytes (RFC 4571). ICE checks, DTLS and
//! RTCP come to us, the same and SRTP leave.

use std::io::IoSlice;

/// Longest frame that is accepted, in bytes: as of datagrams.
pub const MAX_FRAME: usize = 2048;
/// Bytes of a length.
pub const PREFIX: usize = 2;
/// Most datagrams that [`Frames`] takes.
pub const MAX_RUN: usize = 64;

/// A frame is longer than anything that a viewer has to say: whatever sent it speaks another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Takes the frames out of what a connection delivers.
#[derive(Debug, Default)]
pub struct Deframer {
    /// The beginning of a frame whose end has not come.
    held: Vec<u8>,
}

impl Deframer {
    /// Passes on each frame that is complete. Empty ones say nothing, and are left out. After a failure
    /// nothing that follows can be understood.
    pub fn take(&mut self, mut bytes: &[u8], mut frame: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut pass_on = |contents: &[u8]| {
            if !contents.is_empty() {
                frame(contents);
            }
        };
        while !bytes.is_empty() {
            if self.held.is_empty()
                && let Some((contents, rest)) = split(bytes)?
            {
                pass_on(contents);
                bytes = rest;
                continue;
            }
            let wanted = match length(&self.held)? {
                Some(len) => PREFIX + len,
                None => PREFIX,
            };
            let (more, rest) = bytes.split_at(bytes.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(more);
            bytes = rest;
            if let Some((contents, _)) = split(&self.held)? {
                pass_on(contents);
                self.held.clear();
            }
        }
        Ok(())
    }
}

/// The first frame of what a connection has delivered; `None` if it is not complete.
pub fn first(bytes: &[u8]) -> Result<Option<&[u8]>, TooLong> {
    Ok(split(bytes)?.map(|(contents, _)| contents))
}

fn length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let prefix = bytes.first_chunk::<PREFIX>();
    let length = prefix.map(|prefix| usize::from(u16::from_be_bytes(*prefix)));
    match length {
        Some(length) if length > MAX_FRAME => Err(TooLong),
        length => Ok(length),
    }
}

/// The first frame, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, TooLong> {
    let length = length(bytes)?;
    Ok(length.and_then(|length| bytes.get(PREFIX..)?.split_at_checked(length)))
}

/// Makes frames of a run of datagrams, without a copy of them.
pub struct Frames<'a> {
    contents: &'a [u8],
    segment: usize,
    /// The lengths of all but the last, and of the last.
    prefixes: [[u8; PREFIX]; 2],
}

impl<'a> Frames<'a> {
    /// `contents`: datagrams of `segment` bytes; the last may be shorter. `None`: there are none or too many, or
    /// they are longer than any datagram.
    pub fn new(contents: &'a [u8], segment: usize) -> Option<Frames<'a>> {
        let full = u16::try_from(segment).ok().filter(|&len| len > 0)?;
        let packets = contents.len().div_ceil(segment);
        if !(1..=MAX_RUN).contains(&packets) {
            return None;
        }
        let last = (contents.len() - (packets - 1) * segment) as u16;
        Some(Frames {
            contents,
            segment,
            prefixes: [full.to_be_bytes(), last.to_be_bytes()],
        })
    }

    /// Bytes of all of them.
    pub fn size(&self) -> usize {
        self.contents.len() + PREFIX * self.contents.len().div_ceil(self.segment)
    }

    /// Passes them to `write` as the pieces that they are made of.
    pub fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); 2 * MAX_RUN];
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(self.pieces()) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        write(&slices[..used])
    }

    /// Appends what is behind the first `done` bytes.
    pub fn append_rest(&self, mut done: usize, to: &mut Vec<u8>) {
        for piece in self.pieces() {
            let skipped = done.min(piece.len());
            done -= skipped;
            to.extend_from_slice(&piece[skipped..]);
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let [full, last] = &self.prefixes;
        let datagrams = self.contents.chunks(self.segment);
        let mut left = datagrams.len();
        datagrams.flat_map(move |datagram| {
            left -= 1;
            let prefix = if left == 0 { last } else { full };
            [&prefix[..], datagram]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `deframer` makes of these bytes.
    fn taken(deframer: &mut Deframer, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut frames = Vec::new();
        deframer.take(bytes, |frame| frames.push(frame.to_vec()))?;
        Ok(frames)
    }

    fn framed(contents: &[u8], segment: usize) -> Vec<u8> {
        let frames = Frames::new(contents, segment).unwrap();
        let mut bytes = Vec::new();
        frames.append_rest(0, &mut bytes);
        assert_eq!(bytes.len(), frames.size());
        bytes
    }

    #[test]
    fn frames_arrive_however_they_are_cut() {
        let bytes = [
            framed(&[1; 300], 100),
            vec![0, 0],
            framed(&[2; 250], 100),
            framed(&[3; MAX_FRAME], MAX_FRAME),
            framed(&[4], 1),
        ]
        .concat();
        let sizes = [100, 100, 100, 100, 100, 50, MAX_FRAME, 1];
        for step in [1, 2, 3, 7, 101, 102, 103, 5000] {
            let mut deframer = Deframer::default();
            let mut frames = Vec::new();
            for piece in bytes.chunks(step) {
                frames.extend(taken(&mut deframer, piece).unwrap());
                assert!(deframer.held.capacity() <= 2 * (MAX_FRAME + PREFIX));
            }
            let got: Vec<usize> = frames.iter().map(Vec::len).collect();
            assert_eq!(got, sizes, "{step} bytes at a time");
            assert!(deframer.held.is_empty());
        }
    }

    #[test]
    fn what_is_too_long_is_noticed_by_its_length() {
        let long = (MAX_FRAME as u16 + 1).to_be_bytes();
        assert_eq!(taken(&mut Deframer::default(), &long), Err(TooLong));
        assert_eq!(first(b"GET / HTTP/1.1"), Err(TooLong));
        let mut deframer = Deframer::default();
        assert_eq!(taken(&mut deframer, &long[..1]), Ok(vec![]));
        assert_eq!(taken(&mut deframer, &long[1..]), Err(TooLong));
    }

    #[test]
    fn the_first_frame_is_there_once_it_is_complete() {
        let bytes = framed(&[7; 150], 100);
        assert_eq!(first(&bytes[..101]), Ok(None));
        assert_eq!(first(&bytes), Ok(Some(&[7; 100][..])));
        assert_eq!(first(&[]), Ok(None));
    }

    #[test]
    fn what_a_socket_does_not_take_is_kept_whole() {
        let contents: Vec<u8> = (0..250).map(|i| i as u8).collect();
        let frames = Frames::new(&contents, 100).unwrap();
        let whole = framed(&contents, 100);
        for done in 0..=whole.len() {
            let mut rest = Vec::new();
            frames.append_rest(done, &mut rest);
            assert_eq!(rest, whole[done..]);
        }
        let pieces = frames.write(|slices| slices.iter().map(|slice| slice.len()).collect());
        let pieces: Vec<usize> = pieces;
        assert_eq!(pieces, [2, 100, 2, 100, 2, 50]);
    }

    #[test]
    fn runs_are_bounded() {
        let bytes = [0; 70_000];
        for (len, segment) in [(0, 100), (100, 0), (65, 1), (70_000, 70_000)] {
            assert!(
                Frames::new(&bytes[..len], segment).is_none(),
                "{len} {segment}"
            );
        }
        assert!(Frames::new(&bytes[..64], 1).is_some());
    }
}
