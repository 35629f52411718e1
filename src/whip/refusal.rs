//! What a server says other than yes, as a sentence, and what follows from it.

use std::time::{Duration, SystemTime};

use crate::error::{Error, Status};

/// What `Retry-After` may ask for at most.
const LONGEST: Duration = Duration::from_secs(600);

/// Whether a request had credentials.
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing is sent"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It had.
    Yes,
    /// There are none.
    No,
    /// It went to another origin than that of the options.
    Withheld,
}

/// Why an attempt came to nothing.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The reason.
    pub error: Error,
    /// It will most likely be the same the next time, until somebody changes something.
    pub is_final: bool,
    /// The server asks not to be asked again before this time has passed.
    pub not_before: Option<Duration>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal {
            is_final: matches!(error.status(), Status::Codec | Status::Unsupported),
            error,
            not_before: None,
        }
    }
}

impl Refusal {
    /// What the server says by this HTTP status, to who has sent it credentials or not.
    pub fn of(status: u16, server: &str, credentials: Sent) -> Refusal {
        let (kind, is_final, why) = match status {
            401 if credentials == Sent::Withheld => (
                Status::Auth,
                true,
                "has redirected to another origin, which wants credentials (401) and is not sent those of the first: \
                 put the URL that it redirects to into the options",
            ),
            401 if credentials == Sent::Yes => (
                Status::Auth,
                true,
                "refuses the credentials (401): check bearer_token",
            ),
            401 => (
                Status::Auth,
                true,
                "wants credentials (401): set bearer_token",
            ),
            403 => (
                Status::Auth,
                true,
                "does not allow it (403): check bearer_token, and what it may publish",
            ),
            404 | 410 => (
                Status::NotFound,
                true,
                "has no endpoint there (404 or 410): check the path of the URL",
            ),
            405 | 501 => (
                Status::Unsupported,
                true,
                "takes no POST there (405 or 501): check that the URL is that of a WHIP endpoint",
            ),
            406 | 415 | 422 => (
                Status::Codec,
                true,
                "does not take the offer (406, 415 or 422): check which codecs it takes",
            ),
            400 => (
                Status::Sdp,
                true,
                "finds the offer malformed (400): check that the URL is that of a WHIP endpoint",
            ),
            409 => (
                Status::AlreadyExists,
                false,
                "has that stream from somebody else (409): end the other publisher, or use another path",
            ),
            429 | 503 => (Status::Limit, false, "is busy (429 or 503)"),
            300..=399 => (
                Status::Url,
                true,
                "sends elsewhere, too often, or in a way that WHIP does not have: check the URL",
            ),
            500..=599 => (Status::Ingest, false, "has failed (5xx)"),
            _ => (
                Status::Ingest,
                false,
                "answers in a way that WHIP does not have: check that the URL is that of a WHIP endpoint",
            ),
        };
        Refusal {
            error: Error::new(
                kind,
                format!("the ingest {server} {why}; HTTP status {status}"),
            ),
            is_final,
            not_before: None,
        }
    }

    /// The same with what `Retry-After` asks for (RFC 9110 section 10.2.3), as far as that is reasonable.
    pub fn retry_after(mut self, header: Option<&str>, now: SystemTime) -> Refusal {
        let asked = header.map(str::trim).and_then(|text| {
            let seconds = text.parse().ok().map(Duration::from_secs);
            seconds.or_else(|| {
                httpdate::parse_http_date(text)
                    .ok()?
                    .duration_since(now)
                    .ok()
            })
        });
        self.not_before = asked.map(|asked| asked.min(LONGEST));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_sentence() {
        for status in 100..1000 {
            let refusal = Refusal::of(status, "https://sfu.example", Sent::Yes);
            let message = refusal.error.message();
            assert!(
                message.starts_with("the ingest https://sfu.example "),
                "{message}"
            );
            assert!(
                message.ends_with(&format!("HTTP status {status}")),
                "{message}"
            );
        }
        for (status, is_final) in [
            (401, true),
            (404, true),
            (409, false),
            (503, false),
            (500, false),
        ] {
            assert_eq!(
                Refusal::of(status, "", Sent::No).is_final,
                is_final,
                "{status}"
            );
        }
    }

    #[test]
    fn withheld_credentials_are_not_missing_ones() {
        for (credentials, says) in [
            (Sent::Yes, "check bearer_token"),
            (Sent::No, "set bearer_token"),
            (Sent::Withheld, "put the URL"),
        ] {
            let refusal = Refusal::of(401, "", credentials);
            assert!(refusal.error.message().contains(says), "{}", refusal.error);
        }
    }

    #[test]
    fn retry_after_is_heeded_within_reason() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let after = |header: Option<&str>| {
            let refusal = Refusal::of(503, "", Sent::No).retry_after(header, now);
            refusal.not_before.map(|time| time.as_secs())
        };
        let date = httpdate::fmt_http_date(now + Duration::from_secs(30));
        for (header, expected) in [
            (None, None),
            (Some("17"), Some(17)),
            (Some(" 17 "), Some(17)),
            (Some(date.as_str()), Some(30)),
            (Some("99999999999"), Some(600)),
            (Some("-1"), None),
            (Some("soon"), None),
            (Some("Tue, 14 Nov 2000 00:00:00 GMT"), None),
        ] {
            assert_eq!(after(header), expected, "{header:?}");
        }
    }
}
