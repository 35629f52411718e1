//! Which session a check is for, before anything is verified.

use rtc::stun::attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_USERNAME};

/// The ufrag that a Binding request is addressed to: the part before `:` of its USERNAME.
///
/// Reads no further than USERNAME and allocates nothing, so that a demultiplexer can route by it.
/// `None` if the datagram is not a well-formed Binding request up to there. Nothing is authenticated.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    const BINDING_REQUEST_AND_COOKIE: ([u8; 2], [u8; 4]) = ([0x00, 0x01], [0x21, 0x12, 0xA4, 0x42]);
    let (kind, rest) = datagram.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (cookie, rest) = rest.split_first_chunk::<4>()?;
    let (_transaction, rest) = rest.split_first_chunk::<12>()?;
    if (*kind, *cookie) != BINDING_REQUEST_AND_COOKIE {
        return None;
    }
    let mut attributes = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    loop {
        let (kind, rest) = attributes.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let value = rest.get(..length)?;
        let kind = u16::from_be_bytes(*kind);
        if kind == ATTR_USERNAME.value() {
            return std::str::from_utf8(value)
                .ok()?
                .split_once(':')
                .map(|(local, _)| local);
        }
        if kind == ATTR_MESSAGE_INTEGRITY.value() {
            return None;
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use rtc::stun::message::BINDING_SUCCESS;

    use super::super::testing::Check;
    use super::*;

    #[test]
    fn local_ufrag_is_read_without_trust() {
        let bytes = Check::default().bytes();
        assert_eq!(local_ufrag(&bytes), Some("ours"));
        let hidden = Check {
            username: "no colon",
            ..Check::default()
        };
        assert_eq!(local_ufrag(&hidden.bytes()), None);
        let response = Check {
            kind: BINDING_SUCCESS,
            ..Check::default()
        };
        assert_eq!(local_ufrag(&response.bytes()), None);
        let mut wrong_cookie = bytes.clone();
        wrong_cookie[4] ^= 1;
        assert_eq!(local_ufrag(&wrong_cookie), None);
        for length in 0..bytes.len() {
            assert_eq!(local_ufrag(&bytes[..length]), None, "{length} bytes");
        }
    }
}
