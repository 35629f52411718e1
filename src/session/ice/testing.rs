//! Checks as browsers send them.

use std::net::SocketAddr;

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, MessageType, Setter, TransactionId};

use crate::crypto::PROVIDER;
use crate::sdp::IceCredentials;
use crate::session::io::{Path, Remote};

pub const PWD: &str = "local-password-of-22ch";

pub fn credentials(ufrag: &str, pwd: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.into(),
        pwd: pwd.into(),
    }
}

pub fn path(last: u8) -> Path {
    Path {
        remote: address(last),
        local: None,
    }
}

pub fn address(last: u8) -> Remote {
    SocketAddr::from(([192, 0, 2, last], 5000)).into()
}

/// A check as browsers send it: `middle` between USERNAME and MESSAGE-INTEGRITY.
pub struct Check<'a> {
    pub kind: MessageType,
    pub username: &'a str,
    pub pwd: &'a str,
    pub middle: Vec<(AttrType, Vec<u8>)>,
    pub after_integrity: Vec<(AttrType, Vec<u8>)>,
    pub fingerprint: bool,
}

impl Default for Check<'_> {
    fn default() -> Self {
        Check {
            kind: BINDING_REQUEST,
            username: "ours:peer",
            pwd: PWD,
            middle: vec![
                (AttrType(0xC057), vec![0, 1, 0, 10]),
                (ATTR_ICE_CONTROLLING, vec![7; 8]),
                (ATTR_PRIORITY, vec![0x6E, 0, 1, 0xFF]),
            ],
            after_integrity: vec![],
            fingerprint: true,
        }
    }
}

impl Check<'_> {
    pub fn nominating() -> Self {
        let mut check = Check::default();
        check.middle.push((ATTR_USE_CANDIDATE, vec![]));
        check
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut message = Message::new();
        message.typ = self.kind;
        message.transaction_id = TransactionId([9; 12]);
        message.write_header();
        message.add(ATTR_USERNAME, self.username.as_bytes());
        for (kind, value) in &self.middle {
            message.add(*kind, value);
        }
        MessageIntegrity::new_raw_integrity_with_provider(self.pwd, PROVIDER.crypto())
            .add_to(&mut message)
            .unwrap();
        for (kind, value) in &self.after_integrity {
            message.add(*kind, value);
        }
        if self.fingerprint {
            FINGERPRINT.add_to(&mut message).unwrap();
        }
        message.raw
    }
}
