//! Messages of TURN: what is read of requests, and the responses.

use std::net::SocketAddr;

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ERROR_CODE, ATTR_NONCE, ATTR_REALM, ATTR_UNKNOWN_ATTRIBUTES, ATTR_XORMAPPED_ADDRESS,
    AttrType,
};
use rtc::stun::error_code::{CODE_UNAUTHORIZED, CODE_UNKNOWN_ATTRIBUTE};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Message, MessageClass, MessageType, Setter,
};

use super::credentials::REALM;
use super::relay::At;
use crate::crypto::PROVIDER;
use crate::stun::attributes::put_address;

/// The response to a Binding request: where the client is.
pub fn binding(request: &Message, client: SocketAddr) -> Option<Vec<u8>> {
    success(request, None, |response| {
        put_address(response, ATTR_XORMAPPED_ADDRESS, client);
    })
}

/// Asks for credentials, without a word more than it takes: over UDP the request may be forged, and the response goes
/// to somebody else.
pub fn challenge(request: &Message, at: &At<'_>) -> Option<Vec<u8>> {
    refuse_with_nonce(request, CODE_UNAUTHORIZED.0, "", at)
}

/// Refuses a request, and says what it has to repeat.
pub fn refuse_with_nonce(
    request: &Message,
    code: u16,
    reason: &str,
    at: &At<'_>,
) -> Option<Vec<u8>> {
    respond(request, CLASS_ERROR_RESPONSE, None, |response| {
        put_error(response, code, reason);
        let nonce = at.authority.nonce(at.wall, at.client);
        response.add(ATTR_REALM, REALM.as_bytes());
        response.add(ATTR_NONCE, nonce.as_bytes());
    })
}

/// Refuses an authentic request.
pub fn refuse(request: &Message, code: u16, reason: &str, key: &[u8]) -> Option<Vec<u8>> {
    respond(request, CLASS_ERROR_RESPONSE, Some(key), |response| {
        put_error(response, code, reason);
    })
}

/// Refuses an authentic request with these attributes, which are not understood.
pub fn refuse_unknown(request: &Message, unknown: &[AttrType], key: &[u8]) -> Option<Vec<u8>> {
    respond(request, CLASS_ERROR_RESPONSE, Some(key), |response| {
        put_error(response, CODE_UNKNOWN_ATTRIBUTE.0, "Unknown Attribute");
        let types = unknown.iter().flat_map(|kind| kind.value().to_be_bytes());
        response.add(ATTR_UNKNOWN_ATTRIBUTES, &types.collect::<Vec<_>>());
    })
}

/// The response to a request that is granted.
pub fn success(
    request: &Message,
    key: Option<&[u8]>,
    attributes: impl FnOnce(&mut Message),
) -> Option<Vec<u8>> {
    respond(request, CLASS_SUCCESS_RESPONSE, key, attributes)
}

fn put_error(message: &mut Message, code: u16, reason: &str) {
    let [hundreds, rest] = [(code / 100) as u8, (code % 100) as u8];
    let value = [&[0, 0, hundreds, rest], reason.as_bytes()].concat();
    message.add(ATTR_ERROR_CODE, &value);
}

fn respond(
    request: &Message,
    class: MessageClass,
    key: Option<&[u8]>,
    attributes: impl FnOnce(&mut Message),
) -> Option<Vec<u8>> {
    let mut response = Message::new();
    response.typ = MessageType::new(request.typ.method, class);
    response.transaction_id = request.transaction_id;
    response.write_header();
    attributes(&mut response);
    if let Some(key) = key {
        MessageIntegrity::new_raw_integrity_with_provider(key, PROVIDER.crypto())
            .add_to(&mut response)
            .ok()?;
    }
    Some(response.raw)
}
