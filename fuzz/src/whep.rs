//! Requests of viewers, as HTTP.

use rtsp_webrtc_gateway::internals::whep::respond;
use rtsp_webrtc_gateway::whep::HttpRequest;

/// The input is a request as it is sent: method and path, headers, an empty line, a body.
pub fn whep(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let (method, path) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .unwrap_or_default();
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let request = HttpRequest {
        method,
        path,
        headers: &headers,
        body,
        ..HttpRequest::default()
    };
    let (response, prefix) = respond(&request, "https://nvr.example");
    assert!((200..600).contains(&response.status), "{}", response.status);
    assert!(response.status != 500, "{response:?}");
    for (name, value) in &response.headers {
        assert!(
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{name}"
        );
        assert!(!value.chars().any(char::is_control), "{name}: {value:?}");
    }
    assert!(response.body.len() <= 4096 + 8 * data.len());
    assert!(method != "HEAD" || response.body.is_empty());
    let mut shared = response.headers.iter();
    if let Some((_, origin)) = shared.find(|(name, _)| *name == "Access-Control-Allow-Origin") {
        let canonical = origin.to_ascii_lowercase();
        let named = ["https://nvr.example", "https://nvr.example:443"];
        assert!(named.contains(&canonical.as_str()), "{origin}");
    }
    if let Some(prefix) = prefix {
        // It is the beginning of a path here, never another host.
        assert!(
            prefix.starts_with('/') && !prefix.starts_with("//"),
            "{prefix:?}"
        );
        assert!(
            prefix.is_ascii() && !prefix.contains(['\\', ' ', '<', '"']),
            "{prefix:?}"
        );
        assert!(!prefix.chars().any(char::is_control), "{prefix:?}");
    }
}
