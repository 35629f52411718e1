//! RTSP messages (RFC 2326), as cameras write them: any line ends, missing reasons, folded, empty
//! and broken headers. Strict in sizes only.

use memchr::memchr2;

use crate::source::{Quirk, Quirks};

/// A head of a message, without its body: most have 300 bytes.
pub const MAX_HEAD: usize = 16 << 10;
/// A session description with parameter sets of several tracks has 4 KiB.
pub const MAX_BODY: usize = 64 << 10;
const MAX_HEADERS: usize = 128;

/// Methods that a server may send. Their names say where a message begins.
const METHODS: [&str; 11] = [
    "OPTIONS",
    "ANNOUNCE",
    "SET_PARAMETER",
    "GET_PARAMETER",
    "REDIRECT",
    "TEARDOWN",
    "PLAY_NOTIFY",
    "PLAY",
    "PAUSE",
    "DESCRIBE",
    "SETUP",
];
const LONGEST_START: usize = "GET_PARAMETER ".len();

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Response { code: u16, reason: String },
    Request { method: String },
}

/// The head of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub start: Start,
    headers: Vec<(String, String)>,
}

/// A message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub head: Head,
    pub body: Vec<u8>,
}

/// Whether a message begins here; `None`: too few bytes to know.
pub fn begins(data: &[u8]) -> Option<bool> {
    let matches = |word: &str| {
        let common = word.len().min(data.len());
        let same = data[..common].eq_ignore_ascii_case(&word.as_bytes()[..common]);
        (same, common == word.len())
    };
    let mut open = false;
    for word in ["RTSP/", "HTTP/"] {
        match matches(word) {
            (true, true) => return Some(true),
            (same, _) => open |= same,
        }
    }
    for method in METHODS {
        match matches(method) {
            (true, true) => match data.get(method.len()) {
                Some(b' ' | b'\t') => return Some(true),
                Some(_) => {}
                None => open = true,
            },
            (same, _) => open |= same,
        }
    }
    if open && data.len() < LONGEST_START {
        return None;
    }
    Some(false)
}

/// The length of the head that `data` begins with, its empty line included; `None`: not all of it
/// is there.
pub fn head_len(data: &[u8]) -> Option<usize> {
    let (mut at, mut has_lf) = (0, false);
    loop {
        let line = at;
        at += memchr2(b'\r', b'\n', data.get(at..)?)?;
        let empty = at == line && line > 0;
        match (data.get(at), data.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => {
                has_lf = true;
                at += 2;
            }
            // Perhaps an LF follows, unless lines end with CR alone.
            (Some(b'\r'), None) if has_lf || !empty => return None,
            (Some(b'\n'), _) => {
                has_lf = true;
                at += 1;
            }
            _ => at += 1,
        }
        if empty {
            return Some(at);
        }
    }
}

/// Lines without their ends; a NUL ends a line, too. Foreign characters are replaced.
pub fn lines(text: &[u8]) -> impl Iterator<Item = String> + '_ {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        if text.is_empty() {
            rest = None;
            return None;
        }
        let end = text
            .iter()
            .position(|byte| matches!(byte, b'\r' | b'\n' | 0));
        let (line, mut after) = match end {
            Some(end) => (&text[..end], &text[end..]),
            None => (text, &[][..]),
        };
        after = match after {
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            [] => after,
        };
        rest = Some(after);
        Some(String::from_utf8_lossy(line).into_owned())
    })
}

#[cfg(test)]
thread_local! {
    /// Heads that this thread has read.
    pub static PARSED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl Head {
    /// Reads a head; `None` if its first line says nothing.
    pub fn parse(text: &[u8], quirks: &mut Quirks) -> Option<Head> {
        #[cfg(test)]
        PARSED.set(PARSED.get() + 1);
        let crlfs = text.windows(2).filter(|pair| pair == b"\r\n").count();
        let ends = text.iter().filter(|byte| matches!(byte, b'\r' | b'\n'));
        if ends.count() != 2 * crlfs {
            quirks.note(Quirk::LineEnds, 1);
        }
        let mut lines = lines(text);
        let start = start(&lines.next()?, quirks)?;
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut odd = false;
        for line in lines {
            if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
                odd = true;
                if let Some((_, value)) = headers.last_mut() {
                    let blank = if value.is_empty() { "" } else { " " };
                    value.push_str(blank);
                    value.push_str(line.trim());
                }
                continue;
            }
            match line.split_once(':') {
                Some((name, value)) if !name.trim().is_empty() => {
                    odd |= name.trim() != name;
                    if headers.len() < MAX_HEADERS {
                        headers.push((name.trim().to_owned(), value.trim().to_owned()));
                    }
                }
                _ => odd |= !line.trim().is_empty(),
            }
        }
        if odd {
            quirks.note(Quirk::HeaderLine, 1);
        }
        Some(Head { start, headers })
    }

    /// The first header of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// All headers of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter();
        let named = headers.filter(move |header| header.0.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The number that a header begins with.
    pub fn number(&self, name: &str) -> Option<u64> {
        leading_number(self.get(name)?)
    }
}

/// The number that a text begins with.
pub fn leading_number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..digits].parse().ok()
}

fn start(line: &str, quirks: &mut Quirks) -> Option<Start> {
    let protocol = line.get(..5)?;
    if protocol.eq_ignore_ascii_case("RTSP/") || protocol.eq_ignore_ascii_case("HTTP/") {
        let (version, rest) = line.split_once([' ', '\t'])?;
        let rest = rest.trim();
        let code = leading_number(rest).and_then(|code| u16::try_from(code).ok())?;
        let digits = code.to_string().len();
        let reason = rest.get(digits..).unwrap_or_default();
        let usual = version.starts_with("RTSP/1.") || version.starts_with("RTSP/2.");
        if !usual || !reason.starts_with(' ') || line.ends_with(' ') {
            quirks.note(Quirk::StatusLine, 1);
        }
        let reason = reason.trim().to_owned();
        return (100..1000)
            .contains(&code)
            .then_some(Start::Response { code, reason });
    }
    let method = line.split_whitespace().next()?.to_ascii_uppercase();
    Some(Start::Request { method })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<Head>, Vec<&'static str>) {
        let mut quirks = Quirks::default();
        assert_eq!(head_len(text.as_bytes()), Some(text.len()), "{text:?}");
        let head = Head::parse(text.as_bytes(), &mut quirks);
        (head, quirks.iter().map(|(quirk, _)| quirk.name()).collect())
    }

    fn code(head: &Head) -> u16 {
        match head.start {
            Start::Response { code, .. } => code,
            Start::Request { .. } => 0,
        }
    }

    #[test]
    fn responses_of_all_kinds() {
        let ok = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 12\r\n\r\n";
        let table: &[(&str, &[&str])] = &[
            (ok, &[]),
            (
                "RTSP/1.0 200\r\nCSeq: 3\r\nSession: 12\r\n\r\n",
                &["status-line"],
            ),
            (
                "RTSP/1.0 200 \r\nCSeq: 3\r\nSession: 12\r\n\r\n",
                &["status-line"],
            ),
            (
                "rtsp/1.0\t200\tOK\r\ncseq:3\r\nSESSION:12\r\n\r\n",
                &["status-line"],
            ),
            (
                "RTSP/1.0  200  OK\r\nCSeq:   3  \r\nSession:\t12\r\n\r\n",
                &[],
            ),
            (
                "HTTP/1.0 200 OK\r\nCSeq: 3\r\nSession: 12\r\n\r\n",
                &["status-line"],
            ),
            (
                "RTSP/1.0 200OK\r\nCSeq: 3\r\nSession: 12\r\n\r\n",
                &["status-line"],
            ),
            ("RTSP/1.0 200 OK\nCSeq: 3\nSession: 12\n\n", &["line-ends"]),
            ("RTSP/1.0 200 OK\rCSeq: 3\rSession: 12\r\r", &["line-ends"]),
            (
                "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 12\n\r\n",
                &["line-ends"],
            ),
            (
                "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession:\r\n 12\r\n\r\n",
                &["header-line"],
            ),
            (
                "RTSP/1.0 200 OK\r\nCSeq : 3\r\nSession: 12\r\n\r\n",
                &["header-line"],
            ),
            (
                "RTSP/1.0 200 OK\r\nCSeq: 3\r\nodd\r\n: 7\r\nSession: 12\r\n\r\n",
                &["header-line"],
            ),
            (
                "RTSP/1.0 200 OK\r\nX-Empty:\r\nCSeq: 3\r\nSession: 12\r\n\r\n",
                &[],
            ),
        ];
        for &(text, quirks) in table {
            let (head, told) = parse(text);
            let head = head.unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(
                (code(&head), head.number("CSEQ")),
                (200, Some(3)),
                "{text:?}"
            );
            assert_eq!(head.get("session"), Some("12"), "{text:?}");
            assert_eq!(told, quirks, "{text:?}");
        }
    }

    #[test]
    fn what_says_nothing_is_no_head() {
        for text in [
            "RTSP/1.0 OK\r\n\r\n",
            "RTSP/1.0 99 x\r\n\r\n",
            "RTSP/1.0 99999999999 x\r\n\r\n",
            "RTSP/1.0\r\n\r\n",
        ] {
            assert_eq!(parse(text).0, None, "{text:?}");
        }
    }

    #[test]
    fn requests_of_a_server() {
        let (head, _) = parse("ANNOUNCE rtsp://c/ RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        let method = "ANNOUNCE".to_owned();
        assert_eq!(head.unwrap().start, Start::Request { method });
    }

    #[test]
    fn a_head_without_its_end_is_waited_for() {
        let text = "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n";
        for len in 0..text.len() {
            assert_eq!(head_len(&text.as_bytes()[..len]), None, "{len}");
        }
        // A CR may be half of an end.
        assert_eq!(head_len(b"RTSP/1.0 200 OK\r"), None);
        assert_eq!(head_len(b"RTSP/1.0 200 OK\r\nA: b\r\n\r"), None);
    }

    #[test]
    fn where_a_message_may_begin() {
        for text in [
            "RTSP/1.0",
            "rtsp/1",
            "HTTP/1.1 2",
            "OPTIONS *",
            "PLAY_NOTIFY x",
            "PLAY x",
        ] {
            assert_eq!(begins(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["", "R", "RTSP", "GET_PARAMETER", "PLAY", "P"] {
            assert_eq!(begins(text.as_bytes()), None, "{text}");
        }
        for text in ["RTSQ", "a=control:x", "$", "PLAYER", "\0", "RTP/"] {
            assert_eq!(begins(text.as_bytes()), Some(false), "{text}");
        }
    }

    #[test]
    fn headers_are_limited() {
        let mut text = "RTSP/1.0 200 OK\r\n".to_owned();
        for i in 0..1000 {
            text += &format!("X{i}: 1\r\n");
        }
        let (head, _) = parse(&(text + "\r\n"));
        assert_eq!(head.unwrap().headers.len(), MAX_HEADERS);
    }
}
