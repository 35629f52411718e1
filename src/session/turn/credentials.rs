//! Credentials that say themselves until when they are valid and for which session, as those of the "TURN REST API"
//! do: nothing is kept of them, and nobody else can make any.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use md5::{Digest, Md5};

/// What the passwords are for; browsers show it to nobody. Short, as is a nonce: who asks without credentials is
/// answered with both, and may have forged its address.
pub const REALM: &str = "rtsp";
/// Credentials begin an allocation within this time. One that has begun goes on.
const VALID: Duration = Duration::from_secs(24 * 3600);
/// Nonces are others after this time, and one counts for as long again (RFC 8656 section 5: at least once an hour).
const EPOCH: Duration = Duration::from_secs(1800);
/// Hexadecimal digits of passwords and of nonces.
const PASSWORD: usize = 40;
const NONCE: usize = 16;
/// Those that tell a session from the others that have had its place.
const SESSION: usize = 8;

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// What a request names.
    pub username: String,
    /// What it is authenticated by.
    pub password: String,
}

/// Makes credentials, and knows its own.
pub struct Authority {
    key: hmac::Key,
}

impl Authority {
    /// `secret`: random, and known to nobody.
    pub fn new(secret: [u8; 32]) -> Authority {
        Authority {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        }
    }

    /// Credentials for the viewer of a session: where it is, and its number, which none has had before.
    pub fn issue(&self, now: SystemTime, place: &str, session: u64) -> Credentials {
        let until = seconds(now) + VALID.as_secs();
        let username = format!("{until}:{place}{}", self.mark(session));
        let password = self.password(&username);
        Credentials { username, password }
    }

    /// Whether an authentic username is that of this session, and not of one that was at its place before.
    pub fn is_of(&self, username: &str, session: u64) -> bool {
        username.ends_with(&self.mark(session))
    }

    /// What tells a session from others, and nobody how many there have been.
    fn mark(&self, session: u64) -> String {
        self.tag("session", &session.to_string(), SESSION)
    }

    fn password(&self, username: &str) -> String {
        self.tag("password", username, PASSWORD)
    }

    /// What the integrity of messages is keyed with (RFC 8489 section 9.2.2).
    pub fn message_key(&self, username: &str) -> [u8; 16] {
        let password = self.password(username);
        Md5::digest(format!("{username}:{REALM}:{password}")).into()
    }

    /// What a client has to repeat, which only it has received.
    pub fn nonce(&self, now: SystemTime, client: SocketAddr) -> String {
        let epoch = seconds(now) / EPOCH.as_secs();
        self.tag("nonce", &format!("{epoch} {client}"), NONCE)
    }

    /// Whether this nonce was made for this client, and not long ago.
    pub fn is_fresh(&self, nonce: &str, now: SystemTime, client: SocketAddr) -> bool {
        let before = now.checked_sub(EPOCH);
        [Some(now), before]
            .into_iter()
            .flatten()
            .any(|time| nonce == self.nonce(time, client))
    }

    fn tag(&self, purpose: &str, of: &str, digits: usize) -> String {
        let tag = hmac::sign(&self.key, format!("{purpose} {of}").as_bytes());
        let mut text = String::new();
        for byte in tag.as_ref().iter().take(digits / 2) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// The place of the session that a username is for, with what follows it.
pub fn place(username: &str) -> Option<&str> {
    username.split_once(':').map(|(_, place)| place)
}

/// Whether nothing can be begun by this username any more.
pub fn is_expired(username: &str, now: SystemTime) -> bool {
    let until = username
        .split_once(':')
        .map(|(until, _)| until.parse::<u64>());
    !matches!(until, Some(Ok(until)) if seconds(now) < until)
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn credentials_are_for_a_session_and_a_day() {
        let authority = Authority::new([7; 32]);
        let made = authority.issue(now(), "0000002a", 5);
        let named = place(&made.username).unwrap();
        assert!(named.starts_with("0000002a") && named.len() == 8 + SESSION);
        assert!(made.username.starts_with("1800086400:"));
        assert!(authority.is_of(&made.username, 5));
        assert!(!authority.is_of(&made.username, 6));
        assert_eq!(made.password.len(), 40);
        assert!(!is_expired(
            &made.username,
            now() + DAY - Duration::from_secs(1)
        ));
        assert!(is_expired(&made.username, now() + DAY));
        for forged in ["", "x", ":0000002a", "-1:0000002a", "1e9:0000002a"] {
            assert!(is_expired(forged, now()), "{forged}");
        }
        // Another place or session has another password, and so has another gateway.
        for (place, session) in [("0000002b", 5), ("0000002a", 6)] {
            let other = authority.issue(now(), place, session);
            assert_ne!(made.password, other.password);
        }
        let other = Authority::new([8; 32]).issue(now(), "0000002a", 5);
        assert_ne!(made.password, other.password);
        assert_ne!(
            authority.message_key(&made.username),
            authority.message_key(&(made.username + "0"))
        );
    }

    #[test]
    fn a_nonce_is_for_one_client_and_half_an_hour_or_more() {
        let authority = Authority::new([7; 32]);
        let [client, other] = ["192.0.2.1:5000", "192.0.2.1:5001"].map(|a| a.parse().unwrap());
        let nonce = authority.nonce(now(), client);
        assert_eq!(nonce.len(), NONCE);
        assert!(authority.is_fresh(&nonce, now(), client));
        assert!(authority.is_fresh(&nonce, now() + EPOCH, client));
        assert!(!authority.is_fresh(&nonce, now() + 2 * EPOCH, client));
        assert!(!authority.is_fresh(&nonce, now() - EPOCH, client));
        assert!(!authority.is_fresh(&nonce, now(), other));
        for forged in ["", "0000000000000000", "\u{e9}", &nonce[..NONCE - 1]] {
            assert!(!authority.is_fresh(forged, now(), client), "{forged}");
        }
    }
}
