//! Datagrams on a TCP connection: ICE checks, DTLS and RTCP come to us, the same and SRTP leave. The length of each
//! precedes it (RFC 4571), or they are in messages of TURN (RFC 8656), which say how long they are. Over UDP each of those
//! is a datagram of its own.

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use rtc::stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS};
use rtc::stun::message::{
    CLASS_INDICATION, MAGIC_COOKIE, MESSAGE_HEADER_SIZE, METHOD_DATA, METHOD_SEND, MessageType,
};

/// Longest frame that is accepted, in bytes: as of datagrams.
pub const MAX_FRAME: usize = 2048;
/// Bytes of a length.
pub const PREFIX: usize = 2;
/// Most datagrams that [`Frames`] takes.
pub const MAX_RUN: usize = 64;

/// Bytes that tell how long a message of TURN is.
const TURN_HEAD: usize = 4;
/// Over TCP, messages of TURN end at multiples of this (RFC 8656 section 12.5).
const TURN_STEP: usize = 4;
/// Most bytes before a datagram: a Data indication from an IPv6 address.
const MAX_HEAD: usize = MESSAGE_HEADER_SIZE + 24 + 4;

/// What a connection delivers is of another protocol, or too long for anything that a viewer has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

/// How a connection carries datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// The length of each precedes it, in two bytes (RFC 4571).
    #[default]
    Lengths,
    /// In messages of TURN, and in channel data.
    Turn,
}

/// A frame, and what follows it.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// Where a frame is, counted from its beginning.
struct Extent {
    contents: Range<usize>,
    /// With all that belongs to it.
    size: usize,
}

impl Framing {
    /// That of a connection which begins with these bytes; `None` if there are too few. A connection begins with a
    /// message of STUN, which is longer than the number by which TURN says that it is a request.
    pub fn of(bytes: &[u8]) -> Option<Framing> {
        let first = usize::from(u16::from_be_bytes(*bytes.first_chunk()?));
        Some(match first {
            1..MESSAGE_HEADER_SIZE => Framing::Turn,
            _ => Framing::Lengths,
        })
    }

    /// The first frame of what a connection has delivered; `None` if it is not complete. And what follows it.
    pub fn first(self, bytes: &[u8]) -> Result<Option<Split<'_>>, Garbled> {
        let extent = self.extent(bytes)?;
        Ok(extent.and_then(|extent| {
            let (frame, rest) = bytes.split_at_checked(extent.size)?;
            Some((frame.get(extent.contents)?, rest))
        }))
    }

    /// Bytes that tell how long a frame is.
    fn head(self) -> usize {
        match self {
            Framing::Lengths => PREFIX,
            Framing::Turn => TURN_HEAD,
        }
    }

    /// `None` if there are too few bytes to tell.
    fn extent(self, bytes: &[u8]) -> Result<Option<Extent>, Garbled> {
        let extent = match self {
            Framing::Lengths => lengths(bytes),
            Framing::Turn => turn(bytes)?,
        };
        match extent {
            Some(extent) if extent.contents.len() > MAX_FRAME => Err(Garbled),
            extent => Ok(extent),
        }
    }
}

fn lengths(bytes: &[u8]) -> Option<Extent> {
    let end = PREFIX + usize::from(u16::from_be_bytes(*bytes.first_chunk()?));
    Some(Extent {
        contents: PREFIX..end,
        size: end,
    })
}

/// Channel data and messages are passed on with their heads.
fn turn(bytes: &[u8]) -> Result<Option<Extent>, Garbled> {
    let known = bytes.len().clamp(TURN_HEAD, TURN_HEAD + 4) - TURN_HEAD;
    let cookie = &MAGIC_COOKIE.to_be_bytes()[..known];
    let is_channel = match bytes.first() {
        None => return Ok(None),
        Some(0x40..=0x4f) => true,
        Some(0..=0x3f) if bytes.get(TURN_HEAD..TURN_HEAD + known).unwrap_or_default() == cookie => {
            false
        }
        Some(_) => return Err(Garbled),
    };
    let Some(&[_, _, high, low]) = bytes.first_chunk::<TURN_HEAD>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let head = match is_channel {
        true => TURN_HEAD,
        false if length.is_multiple_of(TURN_STEP) => MESSAGE_HEADER_SIZE,
        false => return Err(Garbled),
    };
    Ok(Some(Extent {
        contents: 0..head + length,
        size: head + length.next_multiple_of(TURN_STEP),
    }))
}

/// Takes the frames out of what a connection delivers.
#[derive(Debug, Default)]
pub struct Deframer {
    framing: Framing,
    /// The beginning of a frame whose end has not come.
    held: Vec<u8>,
}

impl Deframer {
    /// For a connection with this framing.
    pub fn new(framing: Framing) -> Deframer {
        Deframer {
            framing,
            held: Vec::new(),
        }
    }

    /// Passes on each frame that is complete. Empty ones say nothing, and are left out. After a failure
    /// nothing that follows can be understood.
    pub fn take(&mut self, mut bytes: &[u8], mut frame: impl FnMut(&[u8])) -> Result<(), Garbled> {
        let mut pass_on = |contents: &[u8]| {
            if !contents.is_empty() {
                frame(contents);
            }
        };
        while !bytes.is_empty() {
            if self.held.is_empty()
                && let Some((contents, rest)) = self.framing.first(bytes)?
            {
                pass_on(contents);
                bytes = rest;
                continue;
            }
            let wanted = match self.framing.extent(&self.held)? {
                Some(extent) => extent.size,
                None => self.framing.head(),
            };
            let (more, rest) = bytes.split_at(bytes.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(more);
            bytes = rest;
            if let Some((contents, _)) = self.framing.first(&self.held)? {
                pass_on(contents);
                self.held.clear();
            }
        }
        Ok(())
    }
}

/// What goes before each datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// Its length (RFC 4571).
    Length,
    /// The number of a channel of TURN, and its length.
    Channel(u16),
    /// The head of a Data indication of TURN: it comes from there.
    Data(SocketAddr),
    /// That of a Send indication: it goes there.
    Send(SocketAddr),
}

impl Wrap {
    /// Bytes that it adds to a datagram at most.
    pub fn most(self) -> usize {
        match self {
            Wrap::Length => PREFIX,
            Wrap::Channel(_) => TURN_HEAD + TURN_STEP - 1,
            Wrap::Data(_) | Wrap::Send(_) => MAX_HEAD + TURN_STEP - 1,
        }
    }
}

/// What surrounds one datagram.
struct Around {
    head: [u8; MAX_HEAD],
    head_len: usize,
    padding: usize,
}

impl Around {
    /// `None` if the datagram is too long for it.
    fn new(wrap: Wrap, len: usize) -> Option<Around> {
        let len = u16::try_from(len).ok()?;
        let padding = usize::from(len).next_multiple_of(TURN_STEP) - usize::from(len);
        let mut around = Around {
            head: [0; MAX_HEAD],
            head_len: 0,
            padding,
        };
        match wrap {
            Wrap::Length => {
                around.padding = 0;
                around.put(&len.to_be_bytes());
            }
            Wrap::Channel(number) => {
                around.put(&number.to_be_bytes());
                around.put(&len.to_be_bytes());
            }
            Wrap::Data(peer) | Wrap::Send(peer) => {
                let cookie = MAGIC_COOKIE.to_be_bytes();
                // Nobody answers: all have the same transaction ID.
                let mask = u128::from(MAGIC_COOKIE) << 96;
                let port = peer.port() ^ (MAGIC_COOKIE >> 16) as u16;
                let (family, octets, size) = match peer.ip() {
                    IpAddr::V4(ip) => (1, u128::from(ip.to_bits() ^ MAGIC_COOKIE) << 96, 4),
                    IpAddr::V6(ip) => (2, ip.to_bits() ^ mask, 16),
                };
                let attributes = 8 + size + 4 + usize::from(len) + padding;
                let method = match wrap {
                    Wrap::Send(_) => METHOD_SEND,
                    _ => METHOD_DATA,
                };
                let kind = MessageType::new(method, CLASS_INDICATION);
                around.put(&kind.value().to_be_bytes());
                around.put(&u16::try_from(attributes).ok()?.to_be_bytes());
                around.put(&cookie);
                around.put(&[0; 12]);
                around.put(&ATTR_XOR_PEER_ADDRESS.value().to_be_bytes());
                around.put(&(4 + size as u16).to_be_bytes());
                around.put(&[0, family]);
                around.put(&port.to_be_bytes());
                around.put(&octets.to_be_bytes()[..size]);
                around.put(&ATTR_DATA.value().to_be_bytes());
                around.put(&len.to_be_bytes());
            }
        }
        Some(around)
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.head_len + bytes.len();
        self.head[self.head_len..end].copy_from_slice(bytes);
        self.head_len = end;
    }

    fn pieces<'a>(&'a self, datagram: &'a [u8]) -> [&'a [u8]; 3] {
        [
            &self.head[..self.head_len],
            datagram,
            &[0; TURN_STEP][..self.padding],
        ]
    }
}

/// Makes frames of a run of datagrams, without a copy of them.
pub struct Frames<'a> {
    contents: &'a [u8],
    segment: usize,
    /// What surrounds all but the last, and the last.
    around: [Around; 2],
}

impl<'a> Frames<'a> {
    /// `contents`: datagrams of `segment` bytes; the last may be shorter. `None`: there are none or too many, or
    /// they are longer than any datagram.
    pub fn new(contents: &'a [u8], segment: usize, wrap: Wrap) -> Option<Frames<'a>> {
        if segment == 0 {
            return None;
        }
        let packets = contents.len().div_ceil(segment);
        if !(1..=MAX_RUN).contains(&packets) {
            return None;
        }
        let last = contents.len() - (packets - 1) * segment;
        Some(Frames {
            contents,
            segment,
            around: [Around::new(wrap, segment)?, Around::new(wrap, last)?],
        })
    }

    /// Bytes of all of them.
    pub fn size(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// Bytes of each but the last, which may be shorter.
    pub fn segment(&self) -> usize {
        let [full, _] = &self.around;
        full.head_len + self.segment + full.padding
    }

    /// Passes them to `write` as the pieces that they are made of.
    pub fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); 3 * MAX_RUN];
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
        let [full, last] = &self.around;
        let datagrams = self.contents.chunks(self.segment);
        let mut left = datagrams.len();
        datagrams
            .flat_map(move |datagram| {
                left -= 1;
                let around = if left == 0 { last } else { full };
                around.pieces(datagram)
            })
            .filter(|piece| !piece.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `deframer` makes of these bytes.
    fn taken(deframer: &mut Deframer, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Garbled> {
        let mut frames = Vec::new();
        deframer.take(bytes, |frame| frames.push(frame.to_vec()))?;
        Ok(frames)
    }

    fn framed(contents: &[u8], segment: usize) -> Vec<u8> {
        let frames = Frames::new(contents, segment, Wrap::Length).unwrap();
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
        assert_eq!(taken(&mut Deframer::default(), &long), Err(Garbled));
        assert_eq!(Framing::Lengths.first(b"GET / HTTP/1.1"), Err(Garbled));
        let mut deframer = Deframer::default();
        assert_eq!(taken(&mut deframer, &long[..1]), Ok(vec![]));
        assert_eq!(taken(&mut deframer, &long[1..]), Err(Garbled));
    }

    #[test]
    fn the_first_frame_is_there_once_it_is_complete() {
        let bytes = framed(&[7; 150], 100);
        let first = |bytes| Framing::Lengths.first(bytes);
        assert_eq!(first(&bytes[..101]), Ok(None));
        assert_eq!(first(&bytes), Ok(Some((&[7; 100][..], &bytes[102..]))));
        assert_eq!(first(&[]), Ok(None));
    }

    #[test]
    fn what_a_socket_does_not_take_is_kept_whole() {
        let contents: Vec<u8> = (0..250).map(|i| i as u8).collect();
        let frames = Frames::new(&contents, 100, Wrap::Length).unwrap();
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
                Frames::new(&bytes[..len], segment, Wrap::Length).is_none(),
                "{len} {segment}"
            );
        }
        assert!(Frames::new(&bytes[..64], 1, Wrap::Length).is_some());
    }

    /// A request of TURN, channel data, and a check over ICE-TCP, as they begin.
    #[test]
    fn the_first_bytes_tell_the_framing() {
        for (bytes, framing) in [
            (&[0, 1][..], Some(Framing::Turn)),
            (&[0, 3, 0, 8], Some(Framing::Turn)),
            (&[0, 100, 0, 1], Some(Framing::Lengths)),
            (&[0, 20, 0, 1], Some(Framing::Lengths)),
            (&[0, 0], Some(Framing::Lengths)),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(Framing::of(bytes), framing, "{bytes:?}");
        }
    }

    /// A message with an attribute of `len` bytes.
    fn message(len: u16) -> Vec<u8> {
        let head = [0, 0x16, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        let mut message = [&head[..], &[7; 12], &vec![5; usize::from(len)]].concat();
        message[2..4].copy_from_slice(&len.to_be_bytes());
        message
    }

    #[test]
    fn messages_of_turn_arrive_however_they_are_cut() {
        let channel = |data: &[u8]| {
            let frames = Frames::new(data, data.len(), Wrap::Channel(0x4001)).unwrap();
            let mut bytes = Vec::new();
            frames.append_rest(0, &mut bytes);
            bytes
        };
        let parts = [
            message(0),
            channel(&[1; 5]),
            message(100),
            channel(&[2; 8]),
            channel(&[3; 1]),
            message(1200),
        ];
        let bytes = parts.concat();
        // With their heads, without what fills them up.
        let sizes = [20, 9, 120, 12, 5, 1220];
        for step in [1, 2, 3, 7, 21, 5000] {
            let mut deframer = Deframer::new(Framing::Turn);
            let mut frames = Vec::new();
            for piece in bytes.chunks(step) {
                frames.extend(taken(&mut deframer, piece).unwrap());
            }
            let got: Vec<usize> = frames.iter().map(Vec::len).collect();
            assert_eq!(got, sizes, "{step} bytes at a time");
            assert!(deframer.held.is_empty());
        }
    }

    #[test]
    fn what_is_not_turn_is_noticed_at_once() {
        let mut odd = message(100);
        odd[3] = 101;
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            &[0x16, 3, 1, 2, 0, 1],
            &[0, 1, 0, 0, 0x21, 0x13],
            &[0, 4, 1, 2, 3, 4],
            &[0x50, 0, 0, 4, 1],
            &[0x80],
            &message(MAX_FRAME as u16),
            &[0x40, 0, 0xff, 0xff],
            &odd,
        ] {
            let mut deframer = Deframer::new(Framing::Turn);
            assert_eq!(taken(&mut deframer, bytes), Err(Garbled), "{bytes:?}");
        }
    }

    #[test]
    fn datagrams_leave_as_data_of_turn() {
        use rtc::stun::message::Message;
        use rtc::stun::xoraddr::XorMappedAddress;

        let contents = [9; 250];
        for from in ["192.0.2.1:5000", "[2001:db8::1]:5000"] {
            let from: SocketAddr = from.parse().unwrap();
            let frames = Frames::new(&contents, 101, Wrap::Data(from)).unwrap();
            let mut bytes = Vec::new();
            frames.append_rest(0, &mut bytes);
            assert_eq!(bytes.len(), frames.size());
            let messages = taken(&mut Deframer::new(Framing::Turn), &bytes).unwrap();
            assert_eq!(messages.len(), 3);
            for (raw, size) in messages.iter().zip([101, 101, 48]) {
                let mut message = Message::new();
                message.unmarshal_binary(raw).unwrap();
                assert_eq!(message.typ, MessageType::new(METHOD_DATA, CLASS_INDICATION));
                assert_eq!(message.get(ATTR_DATA).unwrap(), vec![9; size]);
                let mut peer = XorMappedAddress::default();
                peer.get_from_as(&message, ATTR_XOR_PEER_ADDRESS).unwrap();
                assert_eq!(SocketAddr::new(peer.ip, peer.port), from);
            }
        }
        let long = [0; 65_530];
        let from = "192.0.2.1:5000".parse().unwrap();
        assert!(Frames::new(&long, long.len(), Wrap::Data(from)).is_none());
    }
}
