//! DTLS within the checks of ICE (SPED, draft-hancke-webrtc-sped), so that the handshake need not wait for the first
//! answer to a check.
//!
//! Each message of ICE may carry a datagram of DTLS, and says by their checksums which datagrams have come. What is not
//! acknowledged goes along again with the next message. Nothing depends on it: whatever finds no place in the message
//! that leaves at the moment leaves by itself, a viewer repeats what is lost as ever, and one that carries nothing of DTLS in
//! its messages, or nothing any more, gets nothing of the kind.
//!
//! It is used where offer and answer say so. What the other side's messages carry counts only as far as their integrity
//! covers it.

use std::collections::VecDeque;

use bytes::BytesMut;
use rtc::stun::fingerprint::{FINGERPRINT_XOR_VALUE, fingerprint_value};

use super::dtls::is_dtls;
use super::ice::{Carried, Unsealed};

/// Checksums that are told at most, of the datagrams that came last: as many as libwebrtc tells.
const MOST_CHECKSUMS: usize = 4;

/// What of a handshake is under way in messages of ICE.
#[derive(Default)]
pub struct Embedding {
    /// Datagrams of our last flight that are not acknowledged, the one to go along next at the front.
    pending: VecDeque<BytesMut>,
    /// Checksums of what has come, newest last.
    came: Vec<u32>,
    /// The handshake is done: no further flight follows.
    done: bool,
}

impl Embedding {
    /// Takes what an authentic message carries: a datagram for DTLS, if there is one that has not come before.
    pub fn take(&mut self, carried: Carried) -> Option<Vec<u8>> {
        let arrived = carried.arrived.unwrap_or_default();
        self.pending
            .retain(|datagram| !arrived.contains(&checksum(datagram)));
        let datagram = carried.datagram.filter(|datagram| is_dtls(datagram))?;
        self.came(&datagram).then_some(datagram)
    }

    /// Notes a datagram of the handshake, however it came. True if it is new.
    pub fn came(&mut self, datagram: &[u8]) -> bool {
        let checksum = checksum(datagram);
        let is_new = !self.came.contains(&checksum);
        if is_new {
            if self.came.len() == MOST_CHECKSUMS {
                self.came.remove(0);
            }
            self.came.push(checksum);
        }
        is_new
    }

    /// The datagrams of our next flight, or of the last one again.
    pub fn flight(&mut self, datagrams: &[BytesMut]) {
        self.pending = datagrams.iter().cloned().collect();
    }

    /// The handshake is done.
    pub fn done(&mut self) {
        self.done = true;
    }

    /// Adds to a message what has come, and the next datagram if `with_datagram`: the one that it carries.
    pub fn add_to(&mut self, message: &mut Unsealed, with_datagram: bool) -> Option<BytesMut> {
        message.acknowledge(&self.came);
        let turns = if with_datagram { self.pending.len() } else { 0 };
        for _ in 0..turns {
            self.pending.rotate_left(1);
            // One that does not fit leaves by itself, and holds up no other.
            if let Some(next) = self.pending.back().filter(|next| message.carry(next)) {
                return Some(next.clone());
            }
        }
        // By an empty one the viewer knows that more may follow.
        if !self.done || !self.pending.is_empty() {
            message.carry(&[]);
        }
        None
    }
}

/// What datagrams are told apart by: CRC-32, as in the fingerprint of STUN but for its mask.
fn checksum(datagram: &[u8]) -> u32 {
    fingerprint_value(datagram) ^ FINGERPRINT_XOR_VALUE
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::sdp::IceCredentials;
    use crate::session::ice::{IceAgent, TransactionKey};

    const HELLO: &[u8] = b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x05hello";

    fn carrying(datagram: &[u8]) -> Carried {
        Carried {
            datagram: Some(datagram.to_vec()),
            arrived: None,
        }
    }

    #[test]
    fn what_comes_again_is_taken_once_and_told_of_always() {
        let mut embedding = Embedding::default();
        assert_eq!(embedding.take(carrying(HELLO)).as_deref(), Some(HELLO));
        let other = [&[0x80], &HELLO[1..]].concat();
        let old = [&[0x16, 3, 3], &HELLO[3..]].concat();
        let cut = &HELLO[..HELLO.len() - 1];
        for no in [HELLO, b"", b"\x16", b"\x16 hello", cut, &other, &old] {
            assert_eq!(embedding.take(carrying(no)), None, "{no:?}");
        }
        assert!(!embedding.came(HELLO), "however it came");
        assert_eq!(embedding.came, [checksum(HELLO)]);
        // The check value of CRC-32 (ISO-HDLC).
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_latest_checksums_are_told() {
        let mut embedding = Embedding::default();
        for number in 0..20 {
            assert!(embedding.came(&[22, number]));
        }
        let told = [16, 17, 18, 19].map(|number| checksum(&[22, number]));
        assert_eq!(embedding.came, told);
    }

    #[test]
    fn a_flight_goes_along_in_turns_until_it_is_acknowledged() {
        let mut embedding = Embedding::default();
        let flight = [&b"\x16 one"[..], b"\x16 two"].map(BytesMut::from);
        embedding.flight(&flight);
        let arrived = |datagrams: &[&[u8]]| Carried {
            datagram: None,
            arrived: Some(datagrams.iter().map(|it| checksum(it)).collect()),
        };
        assert_eq!(embedding.take(arrived(&[b"other", &flight[0]])), None);
        assert_eq!(embedding.pending, [flight[1].clone()]);
        embedding.take(arrived(&[&flight[1], &flight[1]]));
        assert!(embedding.pending.is_empty());
    }

    #[test]
    fn a_datagram_that_fits_nowhere_holds_up_no_other() {
        let now = Instant::now();
        let credentials = |ufrag: &str| IceCredentials {
            ufrag: ufrag.to_owned(),
            pwd: "a password of 22 bytes".to_owned(),
        };
        let key = TransactionKey {
            place: [0; 4],
            secret: [1; 16],
        };
        let to = std::net::SocketAddr::from(([192, 0, 2, 1], 5000)).into();
        let (ours, theirs) = (credentials("ours"), credentials("theirs"));
        let mut agent = IceAgent::controlling(now, ours, theirs, key, &[(to, 1)]);
        let (_, message) = agent.take_due(now).expect("a check");
        let mut embedding = Embedding::default();
        let [large, one, two] = [1400, 100, 101].map(|size| BytesMut::from(&vec![22; size][..]));
        embedding.flight(&[large.clone(), one.clone(), two.clone()]);
        let mut carried = || embedding.add_to(&mut message.clone(), true);
        let turns = [&one, &two, &one, &two].map(|it| Some(it.clone()));
        assert_eq!([(); 4].map(|()| carried()), turns);
        embedding.flight(&[large]);
        assert_eq!(embedding.add_to(&mut message.clone(), true), None);
    }
}
