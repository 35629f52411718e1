//! ICE checks of the controlling side.

use std::net::SocketAddr;

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::xoraddr::XorMappedAddress;

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();

fn integrity(pwd: &str) -> MessageIntegrity<'static> {
    MessageIntegrity::new_raw_integrity_with_provider(pwd.as_bytes(), CRYPTO.crypto())
}

/// A check that nominates, as Chromium sends it.
pub fn check(username: &str, pwd: &str, transaction: u64) -> Vec<u8> {
    check_with(username, pwd, transaction, &[])
}

/// The same with further attributes.
pub fn check_with(
    username: &str,
    pwd: &str,
    transaction: u64,
    attributes: &[(AttrType, Vec<u8>)],
) -> Vec<u8> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&transaction.to_be_bytes());
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.transaction_id = TransactionId(id);
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_ICE_CONTROLLING, &[7; 8]);
    message.add(ATTR_USE_CANDIDATE, &[]);
    message.add(ATTR_PRIORITY, &[0x6e, 0, 0x1e, 0xff]);
    for (kind, value) in attributes {
        message.add(*kind, value);
    }
    integrity(pwd).add_to(&mut message).expect("integrity");
    FINGERPRINT.add_to(&mut message).expect("fingerprint");
    message.raw
}

/// The response to a check of the other side, if this is one for `pwd`, our own password. Gateways with a full ICE agent
/// send checks and wait for the response.
pub fn answer(bytes: &[u8], pwd: &str, from: SocketAddr) -> Option<Vec<u8>> {
    answer_with(bytes, pwd, from, &[])
}

/// Whether this is an authentic check for `pwd`, our own password.
pub fn is_check(bytes: &[u8], pwd: &str) -> bool {
    let mut check = Message::new();
    check.unmarshal_binary(bytes).is_ok()
        && check.typ == BINDING_REQUEST
        && MessageIntegrity::check(&mut check, pwd.as_bytes(), CRYPTO.crypto()).is_ok()
}

/// The same as [`answer`] with further attributes.
pub fn answer_with(
    bytes: &[u8],
    pwd: &str,
    from: SocketAddr,
    attributes: &[(AttrType, Vec<u8>)],
) -> Option<Vec<u8>> {
    if !is_check(bytes, pwd) {
        return None;
    }
    let mut check = Message::new();
    check.unmarshal_binary(bytes).ok()?;
    let mut message = Message::new();
    message.typ = BINDING_SUCCESS;
    message.transaction_id = check.transaction_id;
    message.write_header();
    let mapped = XorMappedAddress {
        ip: from.ip(),
        port: from.port(),
    };
    mapped.add_to(&mut message).ok()?;
    for (kind, value) in attributes {
        message.add(*kind, value);
    }
    integrity(pwd).add_to(&mut message).ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

/// Whether this is an authentic success response.
pub fn is_success(bytes: &[u8], pwd: &str) -> bool {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).is_ok()
        && message.typ == BINDING_SUCCESS
        && MessageIntegrity::check(&mut message, pwd.as_bytes(), CRYPTO.crypto()).is_ok()
}
