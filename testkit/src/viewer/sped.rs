//! DTLS within the checks of ICE (SPED), as Chromium does it.

use std::collections::VecDeque;

use rtc::stun::attributes::AttrType;
use rtc::stun::fingerprint::{FINGERPRINT_XOR_VALUE, fingerprint_value};
use rtc::stun::message::Message;

/// How Chromium names it in offer and answer.
pub const NAME: &str = "googspedv1";

pub const DATAGRAM: AttrType = AttrType(0xC070);
pub const ARRIVED: AttrType = AttrType(0xC071);

/// What messages of ICE carry.
#[derive(Default)]
pub struct Sped {
    /// Datagrams of the last flight that are not acknowledged.
    pending: VecDeque<Vec<u8>>,
    /// Checksums of what has come.
    came: Vec<u32>,
    /// The gateway's messages carry nothing of the kind.
    off: bool,
}

fn checksum(datagram: &[u8]) -> u32 {
    fingerprint_value(datagram) ^ FINGERPRINT_XOR_VALUE
}

impl Sped {
    /// What the next message carries.
    pub fn attributes(&mut self) -> Vec<(AttrType, Vec<u8>)> {
        if self.off {
            return Vec::new();
        }
        let arrived = self.came.iter().flat_map(|it| it.to_be_bytes()).collect();
        let mut attributes = vec![(ARRIVED, arrived)];
        if let Some(next) = self.pending.pop_front() {
            attributes.push((DATAGRAM, next.clone()));
            self.pending.push_back(next);
        }
        attributes
    }

    /// Takes what an authentic message carries: a datagram that has not come before.
    pub fn take(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let mut parsed = Message::new();
        parsed.unmarshal_binary(message).expect("a STUN message");
        let value = |kind| parsed.get(kind).ok();
        let (datagram, arrived) = (value(DATAGRAM), value(ARRIVED));
        self.off |= datagram.is_none() && arrived.is_none();
        let arrived = arrived.unwrap_or_default();
        let arrived: Vec<_> = arrived.as_chunks().0.to_vec();
        self.pending
            .retain(|datagram| !arrived.contains(&checksum(datagram).to_be_bytes()));
        let datagram = datagram.filter(|datagram| !datagram.is_empty() && !self.off)?;
        self.came(&datagram).then_some(datagram)
    }

    /// Notes a datagram of the gateway's. True if it is new.
    pub fn came(&mut self, datagram: &[u8]) -> bool {
        let checksum = checksum(datagram);
        let is_new = !self.came.contains(&checksum);
        if is_new {
            self.came.push(checksum);
        }
        is_new
    }

    /// A flight begins, or is repeated.
    pub fn flight(&mut self, datagrams: &[Vec<u8>]) {
        self.pending = datagrams.iter().cloned().collect();
    }

    /// What is not acknowledged.
    pub fn pending(&self) -> Vec<Vec<u8>> {
        self.pending.iter().cloned().collect()
    }
}
