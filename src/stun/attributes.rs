//! Attributes of STUN's messages, as TURN has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_XORMAPPED_ADDRESS, AttrType, RawAttribute,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::Message;
use rtc::stun::xoraddr::XorMappedAddress;

use crate::crypto::PROVIDER;

/// The value of the first attribute of this type.
pub fn value(message: &Message, kind: AttrType) -> Option<&[u8]> {
    find(message, kind).map(|attribute| attribute.value.as_slice())
}

/// The same as text.
pub fn text(message: &Message, kind: AttrType) -> Option<&str> {
    std::str::from_utf8(value(message, kind)?).ok()
}

fn find(message: &Message, kind: AttrType) -> Option<&RawAttribute> {
    let mut attributes = message.attributes.0.iter();
    attributes.find(|attribute| attribute.typ == kind)
}

/// An address.
pub fn address(message: &Message, kind: AttrType) -> Option<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, kind).ok()?;
    Some(SocketAddr::new(address.ip.to_canonical(), address.port))
}

/// All addresses of this type; `None` if one is none.
pub fn addresses(message: &Message, kind: AttrType) -> Option<Vec<SocketAddr>> {
    let attributes = message.attributes.0.iter();
    let of_kind = attributes.filter(|attribute| attribute.typ == kind);
    of_kind
        .map(|attribute| {
            let mut one = Message::new();
            one.transaction_id = message.transaction_id;
            one.attributes.0.push(attribute.clone());
            address(&one, kind)
        })
        .collect()
}

/// A lifetime, in seconds.
pub fn lifetime(message: &Message) -> Option<u32> {
    let value = value(message, ATTR_LIFETIME)?;
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Whether a message is authentic. Attributes that are not covered by its integrity are taken away.
pub fn authenticate(message: &mut Message, key: &[u8]) -> bool {
    let mut attributes = message.attributes.0.iter();
    let Some(covered) = attributes.position(|attribute| attribute.typ == ATTR_MESSAGE_INTEGRITY)
    else {
        return false;
    };
    let authentic = MessageIntegrity::check(message, key, PROVIDER.crypto()).is_ok();
    message.attributes.0.truncate(covered);
    authentic
}

/// Where the server sees who has asked.
pub fn mapped(message: &Message) -> Option<SocketAddr> {
    address(message, ATTR_XORMAPPED_ADDRESS)
}

/// An address that is written as it is (RFC 8489 section 14.1).
pub fn plain_address(message: &Message, kind: AttrType) -> Option<SocketAddr> {
    let (head, ip) = value(message, kind)?.split_first_chunk::<4>()?;
    let ip = match head[1] {
        1 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?)),
        2 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes([head[2], head[3]])))
}

/// Adds an attribute that holds an address.
pub fn put_address(message: &mut Message, kind: AttrType, address: SocketAddr) {
    let address = XorMappedAddress {
        ip: address.ip(),
        port: address.port(),
    };
    // It fails for no address.
    let _ = address.add_to_as(message, kind);
}
