//! A check: is it authentic, and what is the answer (RFC 8445 section 7.3, RFC 8489).

use std::net::SocketAddr;

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::error_code::{CODE_ROLE_CONFLICT, CODE_UNKNOWN_ATTRIBUTE};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MESSAGE_HEADER_SIZE, Message, MessageType,
    Setter, TransactionId,
};
use rtc::stun::uattrs::UnknownAttributes;
use rtc::stun::xoraddr::XorMappedAddress;

use super::carried::{Carried, Unsealed};
use crate::crypto::PROVIDER;
use crate::sdp::IceCredentials;
use crate::stun;

/// Longest check in bytes. STUN over UDP stays below the path MTU (RFC 8489 section 6.1);
/// browsers send about 120 bytes.
const MAX_CHECK: usize = 1280;

/// Attributes of a check that this agent understands (RFC 8489 section 14: types below 0x8000
/// must be understood).
const UNDERSTOOD: [AttrType; 4] = [
    ATTR_USERNAME,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY,
    ATTR_USE_CANDIDATE,
];

/// In our checks as the controlled agent: we give way. A lite agent never gets there.
const GIVES_WAY: [u8; 8] = [0; 8];
/// In those as the controlling agent: we have made the offer, so a conflict is a mistake of the other side, and it is to
/// change its role (RFC 8445 section 7.3.1.1).
const INSISTS: [u8; 8] = [0xff; 8];
const PRIORITY: u32 = 0x6eff_ffff;

/// The credentials of both sides, which identify an ICE session.
pub struct Pair {
    pub local: IceCredentials,
    pub remote: IceCredentials,
    /// Our role.
    controlling: bool,
    /// USERNAME of every check of this ICE session (RFC 8445 section 7.2.2).
    username: String,
}

/// The answer to an authentic check.
pub enum Answer {
    /// It cannot be processed, and has no effect.
    Refused(Unsealed),
    /// It is valid.
    Accepted {
        response: Unsealed,
        /// It nominates the address that it came from.
        nominates: bool,
        carried: Carried,
    },
}

impl Pair {
    pub fn new(local: IceCredentials, remote: IceCredentials, controlling: bool) -> Self {
        Pair {
            controlling,
            username: format!("{}:{}", local.ufrag, remote.ufrag),
            local,
            remote,
        }
    }

    /// The answer to a check from `from`; `None` if it is not authentic.
    pub fn answer(&self, from: SocketAddr, datagram: &[u8]) -> Option<Answer> {
        if datagram.len() > MAX_CHECK {
            return None;
        }
        let mut request = Message::new();
        request.unmarshal_binary(datagram).ok()?;
        let authentic = self.authenticate(&mut request, datagram.len())?;
        let authentic = request.attributes.0.get(..authentic)?;
        let has = |kind| authentic.iter().any(|attribute| attribute.typ == kind);

        let unknown: Vec<AttrType> = authentic
            .iter()
            .map(|attribute| attribute.typ)
            .filter(|kind| kind.required() && !UNDERSTOOD.contains(kind))
            .collect();
        let refuse = |error: &[&dyn Setter]| {
            let response = self.respond(&request, BINDING_ERROR, error)?;
            Some(Answer::Refused(response))
        };
        if !unknown.is_empty() {
            return refuse(&[&CODE_UNKNOWN_ATTRIBUTE, &UnknownAttributes(unknown)]);
        }
        // A lite agent is always the controlled one, and who makes the offer to one of ours the controlling one (RFC 8445
        // section 6.1.1).
        let ours = match self.controlling {
            true => ATTR_ICE_CONTROLLING,
            false => ATTR_ICE_CONTROLLED,
        };
        if has(ours) {
            return refuse(&[&CODE_ROLE_CONFLICT]);
        }
        let mapped = XorMappedAddress {
            ip: from.ip().to_canonical(),
            port: from.port(),
        };
        Some(Answer::Accepted {
            nominates: has(ATTR_USE_CANDIDATE) && !self.controlling,
            carried: Carried::of(authentic),
            response: self.respond(&request, BINDING_SUCCESS, &[&mapped])?,
        })
    }

    /// Verifies a request (RFC 8489 section 9.1.3). Returns how many of its attributes, counted from
    /// the first, MESSAGE-INTEGRITY covers. Anyone can append others.
    fn authenticate(&self, request: &mut Message, datagram_len: usize) -> Option<usize> {
        let attributes = &request.attributes.0;
        if request.typ != BINDING_REQUEST
            || request.length as usize + MESSAGE_HEADER_SIZE != datagram_len
        {
            return None;
        }
        let position = |kind| {
            attributes
                .iter()
                .position(|attribute| attribute.typ == kind)
        };
        let integrity = position(ATTR_MESSAGE_INTEGRITY)?;
        let username = position(ATTR_USERNAME).filter(|&position| position < integrity)?;
        if attributes.get(username)?.value != self.username.as_bytes() {
            return None;
        }
        if let Some(fingerprint) = position(ATTR_FINGERPRINT) {
            let last = fingerprint + 1 == attributes.len();
            if !last || FINGERPRINT.check(request).is_err() {
                return None;
            }
        }
        MessageIntegrity::check(request, self.local.pwd.as_bytes(), PROVIDER.crypto()).ok()?;
        Some(integrity)
    }

    /// A check of ours (RFC 8445 section 7.2.2): every full agent answers it at once, and a lite one if it is controlled.
    pub fn request(&self, id: TransactionId, nominates: bool) -> Unsealed {
        let (local, remote) = (&self.local, &self.remote);
        let mut request = Message::new();
        request.typ = BINDING_REQUEST;
        request.transaction_id = id;
        request.write_header();
        let username = format!("{}:{}", remote.ufrag, local.ufrag);
        request.add(ATTR_USERNAME, username.as_bytes());
        match self.controlling {
            true => request.add(ATTR_ICE_CONTROLLING, &INSISTS),
            false => request.add(ATTR_ICE_CONTROLLED, &GIVES_WAY),
        }
        if nominates {
            request.add(ATTR_USE_CANDIDATE, &[]);
        }
        request.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        Unsealed::new(request, &remote.pwd)
    }

    /// What the authentic answer to a check of ours carries; `None` if this is none.
    pub fn read_answer(&self, datagram: &[u8]) -> Option<Carried> {
        let short = Some(datagram).filter(|datagram| datagram.len() <= MAX_CHECK);
        let mut response = short.and_then(stun::message)?;
        let key = self.remote.pwd.as_bytes();
        let authentic =
            response.typ == BINDING_SUCCESS && stun::attributes::authenticate(&mut response, key);
        authentic.then(|| Carried::of(&response.attributes.0))
    }

    fn respond(
        &self,
        request: &Message,
        kind: MessageType,
        attributes: &[&dyn Setter],
    ) -> Option<Unsealed> {
        let mut response = Message::new();
        response.typ = kind;
        response.transaction_id = request.transaction_id;
        response.write_header();
        for attribute in attributes {
            attribute.add_to(&mut response).ok()?;
        }
        Some(Unsealed::new(response, &self.local.pwd))
    }
}
