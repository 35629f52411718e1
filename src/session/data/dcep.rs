//! How a data channel is opened (RFC 8832).

/// Payload protocol identifier of these messages (RFC 8831 section 8).
pub const PROTOCOL: u32 = 50;
/// DATA_CHANNEL_ACK (RFC 8832 section 5.2).
pub const ACK: [u8; 1] = [2];

/// DATA_CHANNEL_OPEN, and the channel type that is ordered and reliable (RFC 8832 section 5.1).
const OPEN: u8 = 3;
const RELIABLE: u8 = 0;

/// The one channel that there is.
const LABEL: &[u8] = b"wall";
const SUBPROTOCOL: &[u8] = b"wall.1";

/// Whether a message opens the channel that there is.
pub fn opens_wall(message: &[u8]) -> bool {
    let Some((&[kind, channel, .., l1, l0, p1, p0], names)) = message.split_first_chunk::<12>()
    else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([l1, l0]));
    let rest = usize::from(u16::from_be_bytes([p1, p0]));
    let right = kind == OPEN && channel == RELIABLE && names.len() == length + rest;
    right && names.split_at_checked(length) == Some((LABEL, SUBPROTOCOL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(channel: u8, label: &str, protocol: &str) -> Vec<u8> {
        let lengths = [label.len() as u8, 0, protocol.len() as u8];
        let mut message = vec![OPEN, channel, 1, 0, 0, 0, 0, 0, 0];
        message.extend(lengths);
        message.extend(label.bytes().chain(protocol.bytes()));
        message
    }

    #[test]
    fn one_channel_is_opened() {
        assert!(opens_wall(&open(0, "wall", "wall.1")));
        let others = [
            open(0, "wall", "wall.2"),
            open(0, "wallw", "all.1"),
            open(0x80, "wall", "wall.1"),
            open(1, "wall", "wall.1"),
            [open(0, "wall", "wall.1"), vec![0]].concat(),
            open(0, "wall", "wall.1")[..21].to_vec(),
            vec![3; 11],
            vec![],
            ACK.to_vec(),
        ];
        for other in others {
            assert!(!opens_wall(&other), "{other:?}");
        }
    }
}
