//! Failures of a camera, as a status and a sentence.
//!
//! `retina` reveals the kind of an error only in its text, which is written for developers: several
//! lines, sometimes with the URL. Only its first line is used, without URLs.

use std::time::Duration;

use super::CameraUrl;
use crate::error::{Error, Status};

/// Maximum length of foreign text in a sentence.
const MAX_DETAIL_CHARS: usize = 160;

/// How `retina`'s text starts if the TCP connection could not be made.
const CONNECT_PREFIX: &str = "Unable to connect to RTSP server: ";
/// How it starts if the connection broke while reading or writing.
const BROKEN_PREFIXES: [&str; 2] = [
    "Error reading from RTSP peer: ",
    "Error writing to RTSP peer: ",
];

/// An error of `retina`.
pub(super) fn from_retina(url: &CameraUrl, error: &retina::Error) -> Error {
    classify(url, error.status_code(), &error.to_string())
}

fn classify(url: &CameraUrl, status_code: Option<u16>, text: &str) -> Error {
    let camera = url.authority();
    let (status, message) = match status_code {
        Some(401) if url.credentials().is_none() => (
            Status::Auth,
            format!(
                "camera {camera} requires a user and a password, and none were given: set them"
            ),
        ),
        Some(401) if text.contains("WWW-Authenticate") => (
            Status::Auth,
            format!(
                "camera {camera} requires an authentication scheme other than Basic and Digest, which is not supported: enable Digest in the camera"
            ),
        ),
        Some(401 | 403) => (
            Status::Auth,
            format!(
                "camera {camera} refused the user or the password: check both, and that this \
                 user may view over RTSP"
            ),
        ),
        Some(404) => (
            Status::Camera,
            format!("camera {camera} has no stream at this path: check the path of its URL"),
        ),
        Some(453 | 503) => (
            Status::Camera,
            format!(
                "camera {camera} is busy ({}): it may have reached its limit of RTSP clients",
                detail(text)
            ),
        ),
        Some(461) => (
            Status::Camera,
            format!(
                "camera {camera} refused the transport: use UDP instead of TCP, or TCP instead of UDP"
            ),
        ),
        Some(_) => (
            Status::Camera,
            format!(
                "camera {camera} sent an unusable response: {}",
                detail(text)
            ),
        ),
        None => {
            if let Some(cause) = text.strip_prefix(CONNECT_PREFIX) {
                (
                    Status::Connect,
                    format!(
                        "camera {camera} cannot be reached ({}): check that it is on the network, \
                         and the host and port of its URL",
                        detail(cause)
                    ),
                )
            } else if let Some(cause) = BROKEN_PREFIXES
                .iter()
                .find_map(|prefix| text.strip_prefix(prefix))
            {
                (
                    Status::Connect,
                    format!("the connection to camera {camera} broke: {}", detail(cause)),
                )
            } else {
                (
                    Status::Camera,
                    format!(
                        "camera {camera} violated the RTSP protocol: {}",
                        detail(text)
                    ),
                )
            }
        }
    };
    Error::new(status, message)
}

/// The camera did not respond before the deadline of an attempt.
pub(super) fn connect_timeout(url: &CameraUrl, after: Duration) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "camera {} did not respond within {}: check that it is on the network, and the host and \
             port of its URL",
            url.authority(),
            seconds(after)
        ),
    )
}

/// The camera sends a message or a frame without an end.
pub(super) fn endless(url: &CameraUrl) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "camera {} sends a message or a video frame that does not end: check the host and port \
             of its URL",
            url.authority()
        ),
    )
}

/// The camera closed the connection while it played.
pub(super) fn closed(url: &CameraUrl) -> Error {
    Error::new(
        Status::Connect,
        format!("camera {} closed the connection", url.authority()),
    )
}

/// The camera stopped sending video.
pub(super) fn stalled(url: &CameraUrl, after: Duration) -> Error {
    Error::new(
        Status::Stalled,
        format!(
            "camera {} sent no video for {}: check the camera and the network to it; with UDP, \
             check that no firewall blocks it",
            url.authority(),
            seconds(after)
        ),
    )
}

/// Video arrived, but never the parameter sets that a decoder needs first.
pub(super) fn no_parameter_sets(
    url: &CameraUrl,
    after: Duration,
    last: Option<&retina::Error>,
) -> Error {
    let cause = last.map_or(String::new(), |error| {
        format!(" ({})", detail(&error.to_string()))
    });
    Error::new(
        Status::Camera,
        format!(
            "camera {} sent video for {} without usable parameter sets (SPS and PPS; for H.265 also \
             VPS){cause}: set a shorter keyframe interval",
            url.authority(),
            seconds(after)
        ),
    )
}

/// The camera has no usable video. `encodings` are those of its video streams.
pub(super) fn no_usable_video<'a>(
    url: &CameraUrl,
    encodings: impl Iterator<Item = &'a str>,
) -> Error {
    let camera = url.authority();
    let encodings: Vec<String> = encodings.map(|name| detail(name).to_uppercase()).collect();
    if encodings.is_empty() {
        return Error::new(
            Status::Camera,
            format!("camera {camera} has no video at this path: check the path of its URL"),
        );
    }
    Error::new(
        Status::Unsupported,
        format!(
            "camera {camera} sends {}, and only H.264 and H.265 are supported: set the camera to \
             H.264",
            detail(&encodings.join(", "))
        ),
    )
}

/// The camera's audio is left out; its video is not affected.
pub(super) fn no_usable_audio(url: &CameraUrl, encoding: &str) -> String {
    let (name, reason) = match encoding {
        "mpeg4-generic" | "mp4a-latm" => ("AAC".to_owned(), "which browsers cannot play"),
        "opus" => ("Opus".to_owned(), "which is not supported from cameras"),
        other => (detail(other).to_uppercase(), "which is not supported"),
    };
    format!(
        "camera {} sends its audio as {name}, {reason}: the stream has no audio; set the camera's \
         audio to G.711 (PCMU or PCMA), or to G.722 with a clock rate of 8000",
        url.authority()
    )
}

/// `retina` panicked, as it does on some malformed responses.
pub(super) fn panicked(url: &CameraUrl) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "camera {} sent an RTSP response so malformed that the RTSP client gave up: update the \
             camera's firmware",
            url.authority()
        ),
    )
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}

/// The useful part of a foreign text: one short, printable line without URLs.
fn detail(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut words = Vec::new();
    for word in line.split_whitespace() {
        words.push(if word.contains("://") { "(URL)" } else { word });
    }
    words
        .join(" ")
        .trim_end_matches([':', '.'])
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_DETAIL_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PullOptions;

    fn url(text: &str) -> CameraUrl {
        CameraUrl::parse(&PullOptions {
            url: text.to_owned(),
            ..PullOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn retina_errors_get_their_status() {
        let rest = "\n\nconn: 127.0.0.1:1(me)->127.0.0.1:554@t\nmsg: 1@t";
        let table: &[(Option<u16>, &str, Status)] = &[
            (
                Some(401),
                "401 Unauthorized response to DESCRIBE CSeq=2: Received",
                Status::Auth,
            ),
            (
                Some(403),
                "403 Forbidden response to DESCRIBE CSeq=2: Unexpected",
                Status::Auth,
            ),
            (
                Some(404),
                "404 Not Found response to DESCRIBE CSeq=1: Unexpected",
                Status::Camera,
            ),
            (
                Some(453),
                "453 Not Enough Bandwidth response to SETUP",
                Status::Camera,
            ),
            (
                Some(461),
                "461 Unsupported Transport response to SETUP",
                Status::Camera,
            ),
            (
                Some(500),
                "500 Internal Server Error response to PLAY",
                Status::Camera,
            ),
            (
                Some(200),
                "200 OK response to DESCRIBE CSeq=1: Unable to parse SDP",
                Status::Camera,
            ),
            (
                None,
                "Unable to connect to RTSP server: Connection refused",
                Status::Connect,
            ),
            (
                None,
                "Error reading from RTSP peer: Connection reset by peer",
                Status::Connect,
            ),
            (
                None,
                "RTSP framing error: Invalid RTSP message: x",
                Status::Camera,
            ),
        ];
        let url = url("rtsp://u:s3cret@cam/a?password=s3cret");
        for &(code, text, status) in table {
            let error = classify(&url, code, &format!("{text}{rest}"));
            assert_eq!(error.status(), status, "{text}");
            assert!(error.message().contains("cam:554"), "{error}");
            assert!(!error.message().contains('\n'), "{error}");
            assert!(!error.message().contains("conn:"), "{error}");
        }
    }

    #[test]
    fn missing_credentials_are_told_from_wrong_ones() {
        let text = "401 Unauthorized response to DESCRIBE CSeq=1: x";
        let missing = classify(&url("rtsp://cam/"), Some(401), text);
        assert!(missing.message().contains("none were given"), "{missing}");
        let wrong = classify(&url("rtsp://u:p@cam/"), Some(401), text);
        assert!(wrong.message().contains("refused"), "{wrong}");
        let scheme = "401 Unauthorized response to DESCRIBE CSeq=1: Can't understand \
                      WWW-Authenticate header: x";
        let scheme = classify(&url("rtsp://u:p@cam/"), Some(401), scheme);
        assert!(scheme.message().contains("other than Basic"), "{scheme}");
    }

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(detail("a\u{1b}[31m \t b:\nsecond"), "a[31m b");
        assert_eq!(
            detail("DESCRIBE response at rtsp://cam/?password=x has no type"),
            "DESCRIBE response at (URL) has no type"
        );
        assert_eq!(detail(&"é".repeat(1000)).chars().count(), MAX_DETAIL_CHARS);
        assert_eq!(detail(""), "");
    }

    #[test]
    fn other_codecs_are_named() {
        let url = url("rtsp://cam/");
        let none = no_usable_video(&url, std::iter::empty());
        assert_eq!(none.status(), Status::Camera);
        let jpeg = no_usable_video(&url, ["jpeg"].into_iter());
        assert_eq!(jpeg.status(), Status::Unsupported);
        assert!(jpeg.message().contains("sends JPEG"), "{jpeg}");
        let aac = no_usable_audio(&url, "mpeg4-generic");
        assert!(
            aac.contains("its audio as AAC, which browsers cannot play"),
            "{aac}"
        );
        let l16 = no_usable_audio(&url, "l16");
        assert!(l16.contains("its audio as L16"), "{l16}");
    }
}
