//! A TURN server (RFC 8656) that relays to this gateway and to nothing else, for viewers whose network lets them
//! speak to one port alone.
//!
//! There is no relayed socket: what a viewer sends to one of the gateway's own addresses goes to its session, as if
//! it had come over a connection of its own, and media goes back the same way. A request to relay to any other
//! address is refused, and nothing here could send to it.
//!
//! A viewer finds its credentials in the answer to its offer. They name the session, so whoever has others gets no
//! further than a challenge, which takes no memory. Over UDP a forged address is sent no more than a challenge, of 56
//! bytes, or a few more where a nonce is wrong; what it says has to be repeated from where it went.

mod credentials;
mod message;
mod relay;
#[cfg(test)]
mod tests;

pub use credentials::{Authority, Credentials};
pub use relay::{At, Heard, Refusal, Relay};

use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::message::{CLASS_REQUEST, METHOD_BINDING};

use crate::stun::attributes::text;

/// Whether a datagram is a message of TURN, or channel data, that a client sends; and none of the checks of ICE, which
/// are Binding requests as well.
pub fn is_message(datagram: &[u8]) -> bool {
    match datagram {
        [0x40..=0x4f, ..] => true,
        // Requests and indications of Binding.
        [0, 0x01 | 0x11, ..] => false,
        [0, ..] => true,
        _ => false,
    }
}

/// What the first messages of a client are answered with, before anything is known of it.
pub enum Greeting {
    /// It names the session that is at this place, by the beginning of a ufrag.
    Names(String),
    /// Send this, and go on.
    Challenge(Vec<u8>),
}

/// Handles a message of a viewer that has named no session. `None`: it is none that begins anything.
pub fn greet(at: &At<'_>, message: &[u8]) -> Option<Greeting> {
    let request = crate::stun::message(message)?;
    if request.typ.class != CLASS_REQUEST {
        return None;
    }
    if request.typ.method == METHOD_BINDING {
        return message::binding(&request, at.client).map(Greeting::Challenge);
    }
    match text(&request, ATTR_USERNAME) {
        Some(username) => {
            let place = credentials::place(username)?;
            Some(Greeting::Names(place.to_owned()))
        }
        None => message::challenge(&request, at).map(Greeting::Challenge),
    }
}
