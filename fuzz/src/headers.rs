//! What stands in headers of cameras, and in URLs of hosts.

use rtsp_webrtc_gateway::PullOptions;
use rtsp_webrtc_gateway::internals::source::rtsp::{Answer, Authenticator, Challenge};
use rtsp_webrtc_gateway::internals::source::tunnel::head;
use rtsp_webrtc_gateway::internals::source::{CameraConfig, CameraUrl, Quirks};

/// The input is lines: values of a header each.
pub fn headers(data: &[u8]) {
    // As they are read: each of these ends a line.
    let text = String::from_utf8_lossy(data).replace(['\r', '\0'], "\n");
    let answer = Answer::parse(
        text.lines().next().unwrap_or_default(),
        &mut Quirks::default(),
    );
    assert!(answer.interleaved.is_none() || text.to_ascii_lowercase().contains("interleaved"));

    let url = url_of("rtsp://admin:s3cret@192.0.2.7/cam");
    let challenge = Challenge::best(text.lines(), &mut Quirks::default());
    let (Some(challenge), Some(credentials)) = (challenge, url.credentials()) else {
        return;
    };
    let mut authenticator = Authenticator::default();
    authenticator.challenged(challenge);
    let value = authenticator.authorization(credentials, "DESCRIBE", url.requested(), 7);
    let value = value.unwrap_or_else(|| panic!("a challenge without an answer"));
    let (scheme, rest) = value.split_once(' ').unwrap_or_default();
    assert!(matches!(scheme, "Basic" | "Digest"), "{scheme}");
    assert!(!value.contains("s3cret"), "the password is in {rest}");
    // It goes into a request as it is.
    assert!(!value.contains(['\r', '\n', '\0']), "{rest:?}");
    // What is no UTF-8 becomes three bytes each.
    assert!(value.len() <= 512 + 4 * data.len());
}

/// The response to GET, in parts of a size that the first byte says.
pub fn tunnel(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else {
        return;
    };
    let mut received = Vec::new();
    for part in data.chunks(1 + usize::from(size)) {
        received.extend_from_slice(part);
        assert!(received.len() <= (8 << 10) + 512);
        match head(&mut received) {
            Ok(None) => {}
            Ok(Some((_, rest))) => {
                assert!(rest.len() <= part.len());
                return;
            }
            Err(error) => {
                // Whoever passes it on makes it short and printable.
                let sentence = error.to_string();
                assert!(sentence.len() <= 256 + data.len(), "{sentence}");
                return;
            }
        }
    }
}

fn url_of(text: &str) -> CameraUrl {
    let options = PullOptions {
        url: text.to_owned(),
        ..PullOptions::default()
    };
    CameraUrl::parse(&options).unwrap_or_else(|error| unreachable!("{error}"))
}

/// URLs of hosts: whatever is said of them, the password is not.
pub fn url(data: &[u8]) {
    // It occurs in no other word here.
    const PASSWORD: &str = "p4sswort";
    let text = String::from_utf8_lossy(data).replace('@', &format!("{PASSWORD}@"));
    let options = PullOptions {
        url: text,
        ..PullOptions::default()
    };
    match CameraConfig::new(&options).and_then(|_| CameraUrl::parse(&options)) {
        Ok(url) => {
            let is_credential = url
                .credentials()
                .is_some_and(|credentials| credentials.password.contains(PASSWORD));
            if is_credential && options.url.matches(PASSWORD).count() == 1 {
                assert!(!url.requested().contains(PASSWORD), "{}", url.requested());
                assert!(!url.to_string().contains(PASSWORD), "{url}");
            }
            assert!(!url.requested().chars().any(char::is_control));
        }
        Err(error) => {
            assert!(!error.message().contains(PASSWORD), "{error}");
            assert!(!error.message().chars().any(char::is_control), "{error}");
        }
    }
}
