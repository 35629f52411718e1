//! When and how a session is kept alive.

use std::time::{Duration, Instant};

use super::message::{Head, leading_number};

/// If the camera does not say how long its sessions last (RFC 2326 section 12.37).
const USUAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests come no more often, whatever the camera says.
const SHORTEST: Duration = Duration::from_secs(1);
/// And no less often: routers forget idle connections.
const LONGEST: Duration = Duration::from_secs(25);

/// The methods. Of the first two some cameras count this one, some the other, so they take turns;
/// the third is for cameras that refuse both.
const METHODS: [&str; 3] = ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"];

/// See the module documentation.
#[derive(Debug, Default)]
pub struct KeepAlive {
    timeout: Option<Duration>,
    /// Index of the method that was used last, if any.
    last: Option<usize>,
    refused: [bool; METHODS.len()],
    next: Option<Instant>,
}

impl KeepAlive {
    /// Reads the Session header of a response: returns the session's name.
    pub fn session(&mut self, head: &Head) -> Option<String> {
        let text = head.get("Session")?;
        let mut parts = text.split(';');
        let name = parts.next()?.trim();
        for part in parts {
            if let Some((key, value)) = part.split_once('=')
                && key.trim().eq_ignore_ascii_case("timeout")
                && let Some(seconds @ 1..) = leading_number(value.trim().trim_matches('"'))
            {
                self.timeout = Some(Duration::from_secs(seconds));
            }
        }
        let allowed = |c: char| !c.is_control() && c.is_ascii();
        let usable = !name.is_empty() && name.len() <= 256 && name.chars().all(allowed);
        usable.then(|| name.to_owned())
    }

    /// The session plays.
    pub fn start(&mut self, now: Instant) {
        self.next = Some(now + self.period());
    }

    /// Thrice in a session's life, so that one may fail.
    fn period(&self) -> Duration {
        (self.timeout.unwrap_or(USUAL_TIMEOUT) / 3).clamp(SHORTEST, LONGEST)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The method of the request that is due.
    pub fn poll(&mut self, now: Instant) -> Option<&'static str> {
        self.next.filter(|&at| at <= now)?;
        self.start(now);
        let method = match (self.last, self.refused) {
            (Some(0), [_, false, _]) | (_, [true, false, _]) => 1,
            (_, [true, true, false]) => 2,
            _ => 0,
        };
        self.last = Some(method);
        METHODS.get(method).copied()
    }

    /// The camera said what it understands.
    pub fn announced(&mut self, head: &Head) {
        if let Some(public) = head.get("Public") {
            self.refused[1] |= !public.to_ascii_uppercase().contains("GET_PARAMETER");
        }
    }

    /// The camera refused a request.
    pub fn refused(&mut self, method: &str) {
        let index = METHODS.iter().position(|known| *known == method);
        if let Some(refused) = index.and_then(|index| self.refused.get_mut(index)) {
            *refused = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Quirks;

    fn head(headers: &str) -> Head {
        let text = format!("RTSP/1.0 200 OK\r\n{headers}\r\n\r\n");
        Head::parse(text.as_bytes(), &mut Quirks::default()).unwrap()
    }

    fn read(header: &str) -> (Option<String>, u64) {
        let mut keep = KeepAlive::default();
        let name = keep.session(&head(header));
        (name, keep.period().as_secs())
    }

    #[test]
    fn the_session_header() {
        for (header, name, seconds) in [
            ("Session: 12ab", Some("12ab"), 20),
            ("Session: 12ab;timeout=30", Some("12ab"), 10),
            ("Session:  12ab ; Timeout = 30 ", Some("12ab"), 10),
            ("Session: 12ab;timeout=\"30\"", Some("12ab"), 10),
            ("Session: 12ab;x;timeout=0", Some("12ab"), 20),
            ("Session: 12ab;timeout=1", Some("12ab"), 1),
            ("Session: 12ab;timeout=4294967296", Some("12ab"), 25),
            (
                "Session: 12ab;timeout=99999999999999999999",
                Some("12ab"),
                20,
            ),
            ("Session: ;timeout=60", None, 20),
            ("Session:", None, 20),
            ("X: y", None, 20),
        ] {
            assert_eq!(read(header), (name.map(str::to_owned), seconds), "{header}");
        }
        assert_eq!(read(&format!("Session: {}", "x".repeat(300))).0, None);
    }

    /// The methods of the next requests.
    fn methods(keep: &mut KeepAlive, count: u32) -> Vec<&'static str> {
        let mut at = Instant::now();
        keep.start(at);
        let mut due = || {
            assert_eq!(keep.poll(at + Duration::from_secs(19)), None);
            at += Duration::from_secs(20);
            keep.poll(at).unwrap()
        };
        (0..count).map(|_| due()).collect()
    }

    #[test]
    fn methods_take_turns_unless_they_are_refused() {
        let mut keep = KeepAlive::default();
        let both = ["OPTIONS", "GET_PARAMETER", "OPTIONS"];
        assert_eq!(methods(&mut keep, 3), both);
        keep.announced(&head("Public: DESCRIBE, get_parameter"));
        keep.announced(&head("X: y"));
        assert_eq!(methods(&mut keep, 2), ["GET_PARAMETER", "OPTIONS"]);
        keep.refused("GET_PARAMETER");
        assert_eq!(methods(&mut keep, 2), ["OPTIONS"; 2]);
        keep.refused("OPTIONS");
        assert_eq!(methods(&mut keep, 2), ["SET_PARAMETER"; 2]);
        keep.refused("SET_PARAMETER");
        assert_eq!(methods(&mut keep, 2), ["OPTIONS"; 2]);

        let mut keep = KeepAlive::default();
        keep.announced(&head("Public: DESCRIBE, SETUP"));
        assert_eq!(methods(&mut keep, 2), ["OPTIONS"; 2]);
        let mut keep = KeepAlive::default();
        keep.refused("OPTIONS");
        assert_eq!(methods(&mut keep, 2), ["GET_PARAMETER"; 2]);
    }
}
