//! Failures of a camera, as a status and a sentence: which camera, what happened, what to do.

use std::io;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::CameraUrl;
use super::rtp::Unusable;
use super::rtsp::Failure;
use super::wire::NoAuthorities;
use crate::config::Transport;
use crate::error::{Error, Status};

/// Maximum length of foreign text in a sentence.
const MAX_DETAIL_CHARS: usize = 160;

/// What the RTSP client ended with.
pub(super) fn of_client(url: &CameraUrl, failure: Failure) -> Error {
    let camera = url.authority();
    let (status, message) = match failure {
        Failure::NoCredentials => (
            Status::Auth,
            format!(
                "camera {camera} requires a user and a password, and none were given: set them"
            ),
        ),
        Failure::UnsupportedAuth => (
            Status::Auth,
            format!(
                "camera {camera} requires an authentication scheme other than Basic and Digest, which is not supported: enable Digest in the camera"
            ),
        ),
        Failure::Unauthorized | Failure::Forbidden => (
            Status::Auth,
            format!(
                "camera {camera} refused the user or the password: check both, and that this \
                 user may view over RTSP"
            ),
        ),
        Failure::NotFound => (
            Status::Camera,
            format!("camera {camera} has no stream at this path: check the path of its URL"),
        ),
        Failure::Busy(said) => (
            Status::Camera,
            format!(
                "camera {camera} is busy ({}): it may have reached its limit of RTSP clients",
                detail(url, &said)
            ),
        ),
        Failure::TransportRefused => (
            Status::Camera,
            format!(
                "camera {camera} refused the transport: use another one (TCP, UDP or multicast), or auto"
            ),
        ),
        Failure::SetupRefused(said) => (
            Status::Camera,
            format!(
                "camera {camera} refused SETUP ({}): check the path of its URL, and try another \
                 transport (TCP, UDP or multicast), or auto",
                detail(url, &said)
            ),
        ),
        Failure::SessionLost => (
            Status::Camera,
            format!("camera {camera} no longer knows the session: it may have restarted"),
        ),
        Failure::TornDown => (
            Status::Connect,
            format!(
                "camera {camera} ended the session: it may have restarted or have been reconfigured"
            ),
        ),
        Failure::Refused(method, said) => (
            Status::Camera,
            format!(
                "camera {camera} refused {method} ({}): check the path of its URL, and restart the \
                 camera if it is right",
                detail(url, &said)
            ),
        ),
        Failure::Deaf => (
            Status::Camera,
            format!("camera {camera} does not read what it is sent: restart the camera"),
        ),
        Failure::ElsewhereUnauthorized => (
            Status::Auth,
            format!(
                "camera {camera} redirects to another host, which asks for a password, and the \
                 password is not sent there: use the URL of that host"
            ),
        ),
        Failure::WeakerAuth => (
            Status::Auth,
            format!(
                "camera {camera} asks for the password in clear (Basic), although it took it with Digest \
                 before: it is not sent; check that nobody is between the camera and this machine"
            ),
        ),
        Failure::TooLong(what) => (
            Status::Camera,
            format!(
                "camera {camera} sends {what} that does not end: check the host and port of its URL"
            ),
        ),
        Failure::NotRtsp => (
            Status::Camera,
            format!(
                "camera {camera} violated the RTSP protocol: what it sends is no RTSP; check the \
                 host and port of its URL"
            ),
        ),
        Failure::Redirects => (
            Status::Camera,
            format!(
                "camera {camera} redirects again and again: use the URL of the camera that it \
                 redirects to"
            ),
        ),
        Failure::BadRedirect => (
            Status::Camera,
            format!(
                "camera {camera} redirects to what is no RTSP URL, to one that is too long, or to one \
                 without TLS: check its configuration"
            ),
        ),
        Failure::Closed => return closed(url),
    };
    Error::new(status, message)
}

/// There is no connection to the camera.
pub(super) fn unreachable(url: &CameraUrl, error: &io::Error) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "camera {} cannot be reached ({}): check that it is on the network, and the host and \
             port of its URL",
            url.authority(),
            detail(url, &error.to_string())
        ),
    )
}

/// Its certificate is not one that is trusted.
pub(super) fn not_trusted(url: &CameraUrl, error: &io::Error) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "the certificate of camera {} is not trusted ({}): pass its authority (tls_ca) or its \
             SHA-256 (tls_fingerprint), if that is right",
            url.authority(),
            detail(url, &error.to_string())
        ),
    )
}

/// There is nobody to vouch for its certificate.
pub(super) fn no_authorities(url: &CameraUrl) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "the certificate of camera {} cannot be checked: {}",
            url.authority(),
            NoAuthorities
        ),
    )
}

/// TLS failed before there was a certificate to be trusted.
pub(super) fn no_tls(url: &CameraUrl, error: &io::Error) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "there is no encrypted connection to camera {} ({}): check that this port of it is for \
             rtsps, and update a camera that knows only versions of TLS before 1.2",
            url.authority(),
            detail(url, &error.to_string())
        ),
    )
}

/// The camera refused all transports that were tried.
pub(super) fn refuses_all_transports(url: &CameraUrl) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "camera {} refused TCP and UDP, and did not send by multicast: allow one of them in the \
             camera",
            url.authority()
        ),
    )
}

/// Nothing came by those transports that the camera agreed to, for which `silence` is the error; the others
/// it refused. `then`: why the last of them was of no use.
pub(super) fn heard_in_no_way(
    silence: &Error,
    silent: &[Transport],
    refused: &[Transport],
    then: Option<&Error>,
) -> Error {
    let agreed = listed(silent);
    let refused = match refused {
        [] => String::new(),
        refused => format!(" and refused {}", listed(refused)),
    };
    let then = then.map_or_else(String::new, |error| format!("; then: {}", error.message()));
    Error::new(
        silence.status(),
        format!(
            "{} (it agreed to send by {agreed}{refused}){then}",
            silence.message()
        ),
    )
}

fn listed(transports: &[Transport]) -> String {
    let names = transports.iter().map(|transport| match transport {
        Transport::Udp => "UDP",
        Transport::Multicast => "multicast",
        _ => "TCP",
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The camera redirects to where it must not.
pub(super) fn redirected_here(url: &CameraUrl) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "camera {} redirects to an address of this machine or of its link, which is not followed: \
             use the URL that it redirects to, if that is right",
            url.authority()
        ),
    )
}

/// The connection broke.
pub(super) fn broken(url: &CameraUrl, error: &io::Error) -> Error {
    Error::new(
        Status::Connect,
        format!(
            "the connection to camera {} broke: {}",
            url.authority(),
            detail(url, &error.to_string())
        ),
    )
}

/// There are no UDP ports to receive on.
pub(super) fn no_ports(url: &CameraUrl, error: &io::Error) -> Error {
    Error::new(
        Status::Io,
        format!(
            "no UDP ports could be opened for camera {} ({}): use TCP, or allow more open files",
            url.authority(),
            detail(url, &error.to_string())
        ),
    )
}

/// A multicast group could not be joined; without a cause, the camera named none.
pub(super) fn no_group(url: &CameraUrl, error: Option<&io::Error>) -> Error {
    let camera = url.authority();
    match error {
        Some(error) => Error::new(
            Status::Io,
            format!(
                "the multicast group of camera {camera} could not be joined ({}): use TCP or UDP",
                detail(url, &error.to_string())
            ),
        ),
        None => Error::new(
            Status::Camera,
            format!(
                "camera {camera} names no multicast group: switch multicast on in the camera, or use \
                 TCP or UDP"
            ),
        ),
    }
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

/// The camera closed the connection.
fn closed(url: &CameraUrl) -> Error {
    Error::new(
        Status::Connect,
        format!("camera {} closed the connection", url.authority()),
    )
}

/// The camera stopped sending, or never began to.
pub(super) fn stalled(url: &CameraUrl, after: Duration, has_video: bool) -> Error {
    Error::new(
        Status::Stalled,
        format!(
            "camera {} sent no {} for {}: check the camera and the network to it; with UDP, \
             check that no firewall blocks it",
            url.authority(),
            if has_video { "video" } else { "audio" },
            seconds(after)
        ),
    )
}

/// Video arrived, but never the parameter sets that a decoder needs first.
pub(super) fn no_parameter_sets(url: &CameraUrl, after: Duration) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "camera {} sent video for {} without usable parameter sets (SPS and PPS; for H.265 also \
             VPS): set a shorter keyframe interval",
            url.authority(),
            seconds(after)
        ),
    )
}

/// Reading what the camera sends takes more time than it may.
pub(super) fn exceeds_share(url: &CameraUrl) -> Error {
    Error::new(
        Status::Camera,
        format!(
            "reading camera {} takes more time than it may beside the other streams: it sends very many \
             small packets, or this machine is too slow for it; check that its URL leads to a camera",
            url.authority()
        ),
    )
}

/// The camera has no track that can be used. `why`: of the first that cannot.
pub(super) fn nothing_usable(url: &CameraUrl, why: Option<&Unusable>) -> Error {
    let camera = url.authority();
    match why {
        None => Error::new(
            Status::Camera,
            format!(
                "camera {camera} has neither video nor audio at this path: check the path of its URL"
            ),
        ),
        Some(Unusable { encoding, reason }) => Error::new(
            Status::Unsupported,
            format!(
                "camera {camera} sends {}, which {}",
                detail(url, encoding),
                reason
            ),
        ),
    }
}

/// The camera's sound is left out; its video is not affected.
pub(super) fn no_usable_audio(url: &CameraUrl, why: &Unusable) -> String {
    let sound = detail(url, &why.encoding);
    let reason = &why.reason;
    // Some reasons say what to do.
    let advice = match reason.contains(':') {
        true => "",
        false => ": set the camera to G.711 or Opus",
    };
    format!("its sound is {sound}, which {reason}{advice}")
}

/// The same, because the camera leaves the request for it unanswered.
pub(super) fn sound_unanswered() -> String {
    "it does not answer the request for its sound (SETUP): switch the audio of the camera off and on, or \
     update the camera"
        .to_owned()
}

/// The same, because the camera refuses the request for it.
pub(super) fn sound_refused() -> String {
    "it does not send its sound as it was asked to (SETUP): switch the audio of the camera off and on, or check that \
     this user may hear it"
        .to_owned()
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}

/// The useful part of a foreign text: one short, printable line without URLs, and without what looks
/// like part of one. Nothing is left of a text that repeats a secret of this camera's: what else it says
/// may be the rest of it.
fn detail(url: &CameraUrl, text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let line: String = line
        .chars()
        .filter(|c| !c.is_control() || c.is_whitespace())
        .collect();
    let words = line.split_whitespace().map(|word| match word {
        _ if word.contains("://") => "(URL)",
        // `user=admin&password=...`, `user:password@host`
        _ if word.contains(['=', '&', '@']) => "(left out)",
        word => word,
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let decoded = percent_decode_str(&line).decode_utf8_lossy();
    let said = [line.to_lowercase(), decoded.to_lowercase()];
    let repeats = |secret: String| {
        let secret = secret.to_lowercase();
        said.iter().any(|said| said.contains(&secret))
    };
    if url.secrets().any(repeats) {
        return "its words repeat a secret and are left out".to_owned();
    }
    line.trim_end_matches([':', '.'])
        .chars()
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
    fn each_failure_has_its_status_and_a_sentence() {
        let said = "500 Internal Server Error at rtsp://cam/?password=s3cret".to_owned();
        let table = [
            (Failure::Unauthorized, Status::Auth, "check both"),
            (Failure::NoCredentials, Status::Auth, "none were given"),
            (Failure::UnsupportedAuth, Status::Auth, "other than Basic"),
            (Failure::Forbidden, Status::Auth, "check both"),
            (Failure::NotFound, Status::Camera, "the path"),
            (Failure::Busy(said.clone()), Status::Camera, "busy (500"),
            (Failure::TransportRefused, Status::Camera, "or auto"),
            (
                Failure::SetupRefused(said.clone()),
                Status::Camera,
                "refused SETUP (500",
            ),
            (Failure::SessionLost, Status::Camera, "restarted"),
            (Failure::TornDown, Status::Connect, "restarted"),
            (
                Failure::Refused("PLAY", said),
                Status::Camera,
                "refused PLAY (500",
            ),
            (
                Failure::TooLong("a header"),
                Status::Camera,
                "sends a header",
            ),
            (Failure::Deaf, Status::Camera, "does not read"),
            (
                Failure::ElsewhereUnauthorized,
                Status::Auth,
                "URL of that host",
            ),
            (Failure::NotRtsp, Status::Camera, "port of its URL"),
            (Failure::Redirects, Status::Camera, "again and again"),
            (Failure::BadRedirect, Status::Camera, "no RTSP URL"),
            (Failure::Closed, Status::Connect, "closed the connection"),
        ];
        let url = url("rtsp://u:s3cret@cam/a?password=s3cret");
        for (failure, status, part) in table {
            let error = of_client(&url, failure);
            assert_eq!(error.status(), status, "{error}");
            assert!(error.message().contains("cam:554"), "{error}");
            assert!(error.message().contains(part), "{error}");
            assert!(!error.message().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn foreign_text_is_tamed() {
        let url = url("rtsp://cam/");
        let detail = |text: &str| detail(&url, text);
        assert_eq!(detail("a\u{1b}[31m \t b:\nsecond"), "a[31m b");
        assert_eq!(
            detail("DESCRIBE response at rtsp://cam/?password=x has no type"),
            "DESCRIBE response at (URL) has no type"
        );
        assert_eq!(
            detail("500 cannot open /user=admin&password=x for admin:x@cam"),
            "500 cannot open (left out) for (left out)"
        );
        assert_eq!(detail(&"é".repeat(1000)).chars().count(), MAX_DETAIL_CHARS);
        assert_eq!(detail(""), "");
    }

    #[test]
    fn no_foreign_text_repeats_a_secret() {
        let url =
            url("rtsp://me:pass%2FW0rd@cam/user=me&pwd=inPath7/a?channel=1&key=inQuery7&bare7777");
        for said in [
            "no access for me, pass/W0rd",
            "no access with pass%2fw0rd",
            "no access: PASS/\u{1}W0RD",
            "Basic bWU6cGFzcy9XMHJk is wrong", // base64 of "me:pass/W0rd"
            "pwd inPath7 is wrong",
            "key inQuery7 is wrong",
            "what is bare7777",
        ] {
            for failure in [
                Failure::Busy(said.to_owned()),
                Failure::Refused("PLAY", said.to_owned()),
            ] {
                let error = of_client(&url, failure);
                assert!(error.message().contains("left out"), "{said}: {error}");
            }
            let error = unreachable(&url, &io::Error::other(format!("it answered {said}")));
            assert!(error.message().contains("left out"), "{said}: {error}");
        }
        let channel = Failure::Busy("channel 1 is in use".to_owned());
        let error = of_client(&url, channel);
        assert!(error.message().contains("channel 1 is in use"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let url = url("rtsp://cam/");
        let none = nothing_usable(&url, None);
        assert_eq!(none.status(), Status::Camera);
        let jpeg = Unusable {
            encoding: "MJPEG".to_owned(),
            reason: "cannot be shown: set H.264".to_owned(),
        };
        let error = nothing_usable(&url, Some(&jpeg));
        assert_eq!(error.status(), Status::Unsupported);
        assert!(
            error.message().contains("sends MJPEG, which cannot"),
            "{error}"
        );
        let audio = no_usable_audio(&url, &jpeg);
        assert_eq!(
            audio,
            "its sound is MJPEG, which cannot be shown: set H.264"
        );
        let vorbis = Unusable {
            encoding: "VORBIS".to_owned(),
            reason: "is not supported".to_owned(),
        };
        let audio = no_usable_audio(&url, &vorbis);
        assert!(
            audio.ends_with("supported: set the camera to G.711 or Opus"),
            "{audio}"
        );
    }
}
