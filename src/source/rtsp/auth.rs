//! Basic (RFC 7617) and Digest (RFC 7616, RFC 2069) authentication.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::source::url::Credentials;
use crate::source::{Quirk, Quirks};

/// Challenges of one response that are looked at.
const MAX_CHALLENGES: usize = 8;
/// Parameters of one challenge.
const MAX_PARAMETERS: usize = 16;

/// What a server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    Basic,
    Digest(DigestChallenge),
}

/// See RFC 7616 section 3.3. Texts are as they were between the quotes, and go back the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChallenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the server writes it.
    algorithm: Option<String>,
    sha256: bool,
    session: bool,
    qop: Option<&'static str>,
    /// The nonce was too old; the password was not looked at.
    pub stale: bool,
}

impl Challenge {
    /// The best of the challenges that can be met. `None`: none of them can.
    pub fn best<'a>(
        headers: impl Iterator<Item = &'a str>,
        quirks: &mut Quirks,
    ) -> Option<Challenge> {
        let mut all = Vec::new();
        for header in headers.take(MAX_CHALLENGES) {
            all.extend(parse(header, quirks).into_iter().filter_map(Parsed::usable));
        }
        let rank = |challenge: &Challenge| match challenge {
            Challenge::Digest(digest) if digest.sha256 => 2,
            Challenge::Digest(_) => 1,
            Challenge::Basic => 0,
        };
        // Of equal ones the first.
        all.into_iter().rev().max_by_key(rank)
    }

    /// Whether it is the same nonce.
    pub fn is_stale(&self) -> bool {
        matches!(self, Challenge::Digest(digest) if digest.stale)
    }
}

/// Answers challenges.
#[derive(Debug, Default)]
pub struct Authenticator {
    challenge: Option<Challenge>,
    /// How often the nonce was used.
    uses: u32,
}

impl Authenticator {
    /// Answers this one from now on.
    pub fn challenged(&mut self, challenge: Challenge) {
        self.challenge = Some(challenge);
        self.uses = 0;
    }

    /// The value of the Authorization header, once there was a challenge. `cnonce` is random.
    pub fn authorization(
        &mut self,
        credentials: &Credentials,
        method: &str,
        url: &str,
        cnonce: u64,
    ) -> Option<Zeroizing<String>> {
        self.uses = self.uses.wrapping_add(1);
        Some(match self.challenge.as_ref()? {
            Challenge::Basic => {
                let pair = format!("{}:{}", credentials.username, credentials.password);
                let pair = Zeroizing::new(pair);
                Zeroizing::new(format!("Basic {}", base64(pair.as_bytes())))
            }
            Challenge::Digest(challenge) => {
                challenge.answer(credentials, method, url, self.uses, cnonce)
            }
        })
    }
}

impl DigestChallenge {
    fn hash(&self, text: &str) -> String {
        match self.sha256 {
            true => hex(digest(&SHA256, text.as_bytes()).as_ref()),
            false => hex(&Md5::digest(text.as_bytes())),
        }
    }

    fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        url: &str,
        uses: u32,
        cnonce: u64,
    ) -> Zeroizing<String> {
        let Credentials { username, password } = credentials;
        let (realm, nonce) = (&self.realm, &self.nonce);
        let (count, cnonce) = (format!("{uses:08x}"), format!("{cnonce:016x}"));
        let secret = Zeroizing::new(format!("{username}:{realm}:{password}"));
        let mut ha1 = self.hash(&secret);
        if self.session {
            ha1 = self.hash(&format!("{ha1}:{nonce}:{cnonce}"));
        }
        let ha2 = match self.qop {
            // No request of ours has a body.
            Some("auth-int") => self.hash(&format!("{method}:{url}:{}", self.hash(""))),
            _ => self.hash(&format!("{method}:{url}")),
        };
        let response = self.hash(&match self.qop {
            Some(qop) => format!("{ha1}:{nonce}:{count}:{cnonce}:{qop}:{ha2}"),
            None => format!("{ha1}:{nonce}:{ha2}"),
        });
        let username = username.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{url}\", \
             response=\"{response}\""
        );
        if let Some(algorithm) = &self.algorithm {
            let _ = write!(text, ", algorithm={algorithm}");
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(text, ", opaque=\"{opaque}\"");
        }
        if let Some(qop) = self.qop {
            let _ = write!(text, ", qop={qop}, nc={count}, cnonce=\"{cnonce}\"");
        } else if self.session {
            let _ = write!(text, ", cnonce=\"{cnonce}\"");
        }
        Zeroizing::new(text)
    }
}

/// A challenge as it was read: scheme and parameters.
struct Parsed<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Parsed<'_> {
    fn usable(self) -> Option<Challenge> {
        if self.scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        let get = |name: &str| {
            let mut all = self.parameters.iter();
            all.find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| *value)
        };
        let algorithm = get("algorithm").filter(|name| !name.is_empty());
        let (sha256, session) = match algorithm.map(str::to_ascii_uppercase).as_deref() {
            None | Some("MD5") => (false, false),
            Some("MD5-SESS") => (false, true),
            Some("SHA-256" | "SHA256") => (true, false),
            Some("SHA-256-SESS" | "SHA256-SESS") => (true, true),
            _ => return None,
        };
        let mut offered = get("qop")
            .unwrap_or_default()
            .split([',', ' '])
            .map(str::trim);
        let qop = match (
            get("qop"),
            offered.clone().any(|qop| qop.eq_ignore_ascii_case("auth")),
        ) {
            (None | Some(""), _) => None,
            (_, true) => Some("auth"),
            _ if offered.any(|qop| qop.eq_ignore_ascii_case("auth-int")) => Some("auth-int"),
            _ => None,
        };
        if !self.scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        Some(Challenge::Digest(DigestChallenge {
            realm: get("realm").unwrap_or_default().to_owned(),
            nonce: get("nonce")?.to_owned(),
            opaque: get("opaque").map(str::to_owned),
            algorithm: algorithm.map(str::to_owned),
            sha256,
            session,
            qop,
            stale: get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }))
    }
}

/// Reads a WWW-Authenticate header, which may have several challenges.
fn parse<'a>(header: &'a str, quirks: &mut Quirks) -> Vec<Parsed<'a>> {
    let mut all: Vec<Parsed<'a>> = Vec::new();
    let mut rest = header;
    let mut odd = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', ';']);
        let end = rest.find([' ', '\t', ',', '=', ';']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            break;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            if all.len() == MAX_CHALLENGES {
                break;
            }
            all.push(Parsed {
                scheme: word,
                parameters: Vec::new(),
            });
            rest = after;
            continue;
        };
        let (value, after, plain) = read_value(value.trim_start());
        odd |= !plain;
        rest = after;
        match all.last_mut() {
            Some(last) if last.parameters.len() < MAX_PARAMETERS => {
                last.parameters.push((word, value));
            }
            Some(_) => {}
            None => odd = true,
        }
    }
    if odd {
        quirks.note(Quirk::Challenge, 1);
    }
    all
}

/// A quoted text or a word, what follows it, and whether its grammar is as it should be.
fn read_value(text: &str) -> (&str, &str, bool) {
    let Some(quoted) = text.strip_prefix('"') else {
        // A realm without quotes may have blanks.
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim_end(), rest, !value.trim_end().contains(' '));
    };
    let (mut from, mut plain) = (0, true);
    while let Some(found) = quoted[from..].find('"') {
        let at = from + found;
        let rest = &quoted[at + 1..];
        let escaped = quoted[..at]
            .bytes()
            .rev()
            .take_while(|&byte| byte == b'\\')
            .count()
            % 2
            == 1;
        if !escaped && ends_value(rest) {
            return (&quoted[..at], rest, plain);
        }
        plain &= escaped;
        from = at + 1;
    }
    (quoted.trim_end(), "", false)
}

/// Whether what follows a quote shows that the quote ended the text: nothing, a comma, or another
/// parameter.
fn ends_value(rest: &str) -> bool {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with([',', ';']) {
        return true;
    }
    let word = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(rest.len());
    word > 0 && rest[word..].trim_start().starts_with('=')
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 4648 section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(*chunk.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            text.push(match i <= chunk.len() {
                true => char::from(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    }

    fn best(headers: &[&str]) -> (Option<Challenge>, bool) {
        let mut quirks = Quirks::default();
        let best = Challenge::best(headers.iter().copied(), &mut quirks);
        (best, quirks.iter().next().is_some())
    }

    fn answer(header: &str, method: &str, url: &str, cnonce: u64, who: &Credentials) -> String {
        let mut authenticator = Authenticator::default();
        authenticator.challenged(best(&[header]).0.unwrap());
        let text = authenticator.authorization(who, method, url, cnonce);
        text.unwrap().to_string()
    }

    fn field<'a>(answer: &'a str, name: &str) -> &'a str {
        let (_, rest) = answer.split_once(&format!("{name}=")).unwrap();
        rest.trim_start_matches('"')
            .split(['"', ','])
            .next()
            .unwrap()
    }

    #[test]
    fn basic() {
        let who = credentials("Aladdin", "open sesame");
        let text = answer("Basic realm=\"x\"", "DESCRIBE", "rtsp://h/", 1, &who);
        assert_eq!(text, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    /// Computed with an independent implementation (Python's hashlib).
    #[test]
    fn digests() {
        let who = credentials("admin", "12345");
        let url = "rtsp://192.168.1.64:554/Streaming/Channels/101/";
        let base = "realm=\"IP Camera(C6496)\", nonce=\"abcdef0123\"";
        for (header, expected) in [
            (format!("Digest {base}"), PLAIN),
            (format!("Digest {base}, algorithm=MD5, stale=FALSE"), PLAIN),
            (
                format!("digest {base},algorithm=\"MD5\",opaque=\"\""),
                PLAIN,
            ),
            (format!("Digest {base}, qop=\"auth\""), QOP),
            (format!("Digest {base}, qop=\"auth,auth-int\""), QOP),
            (format!("Digest {base}, qop=auth, algorithm=MD5-sess"), SESS),
            (
                format!("Digest {base}, algorithm=SHA-256, qop=\"auth\""),
                SHA,
            ),
        ] {
            let text = answer(&header, "DESCRIBE", url, 0x1234, &who);
            assert_eq!(field(&text, "response"), expected, "{header}");
            assert_eq!(field(&text, "uri"), url);
        }
    }

    const PLAIN: &str = "ca9e3d4489220c7e39f6199c11ca06cd";
    const QOP: &str = "17db3864afa1329f2202911e4c734c37";
    const SESS: &str = "fb07e43afce1de9425c86220cd5337a0";
    const SHA: &str = "50265b4d5f1237ac03326b3ef3d26922ff7364967154acef6cab23cd0b8be69c";

    #[test]
    fn a_nonce_is_counted() {
        let mut authenticator = Authenticator::default();
        let who = credentials("u", "p");
        assert!(authenticator.authorization(&who, "PLAY", "x", 1).is_none());
        let challenge = best(&["Digest realm=\"r\", nonce=\"n\", qop=\"auth\""])
            .0
            .unwrap();
        authenticator.challenged(challenge);
        for count in ["00000001", "00000002"] {
            let text = authenticator.authorization(&who, "PLAY", "x", 1).unwrap();
            assert_eq!(field(&text, "nc"), count);
        }
    }

    #[test]
    fn the_best_of_several() {
        let (md5, sha) = (
            "Digest realm=\"a\", nonce=\"1\"",
            "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256",
        );
        let nonce = |headers: &[&str]| match best(headers).0 {
            Some(Challenge::Digest(digest)) => digest.nonce,
            Some(Challenge::Basic) => "basic".to_owned(),
            None => "none".to_owned(),
        };
        assert_eq!(nonce(&["Basic realm=\"a\"", md5]), "1");
        assert_eq!(nonce(&["Basic realm=\"a\""]), "basic");
        assert_eq!(nonce(&[md5, sha]), "2");
        assert_eq!(
            nonce(&["Basic realm=\"a\", Digest realm=\"a\", nonce=\"1\""]),
            "1"
        );
        assert_eq!(
            nonce(&["Digest realm=\"a\", nonce=\"1\", Basic realm=\"b\""]),
            "1"
        );
        assert_eq!(
            nonce(&[
                "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256",
                "Basic"
            ]),
            "basic"
        );
        assert_eq!(nonce(&["Bearer x", "Digest realm=\"a\"", ""]), "none");
    }

    #[test]
    fn odd_quotes() {
        for (header, realm) in [
            ("Digest realm=\"a \"b\" c\", nonce=\"1\"", "a \"b\" c"),
            ("Digest realm=a b, nonce=1", "a b"),
            ("Digest realm=\"a\" nonce=\"1\"", "a"),
            ("Digest nonce=\"1\", realm=\"a", "a"),
            ("Digest realm=\"a\\\"b\", nonce=\"1\"", "a\\\"b"),
            ("Digest nonce=\"1\"", ""),
            ("Digest realm = \"a,b\" , nonce = \"1\"", "a,b"),
            ("Digest realm=\"a\";nonce=\"1\"", "a"),
        ] {
            let Some(Challenge::Digest(digest)) = best(&[header]).0 else {
                panic!("{header}");
            };
            assert_eq!((&*digest.realm, &*digest.nonce), (realm, "1"), "{header}");
        }
        assert!(best(&["Digest realm=a b, nonce=1"]).1);
        assert!(!best(&["Digest realm=\"a\", nonce=\"1\", stale=false"]).1);
    }

    #[test]
    fn users_with_quotes() {
        let who = credentials("a\"b\\c", "p");
        let text = answer("Digest realm=\"r\", nonce=\"n\"", "PLAY", "x", 1, &who);
        assert!(text.contains("username=\"a\\\"b\\\\c\","), "{text}");
    }

    #[test]
    fn any_text_will_do() {
        let mut random = fastrand::Rng::with_seed(9);
        let alphabet: Vec<char> = "Digest Basic=\"\\,;ré noncealgorithm\t".chars().collect();
        for _ in 0..5000 {
            let text: String = (0..random.usize(..60))
                .map(|_| alphabet[random.usize(..alphabet.len())])
                .collect();
            best(&[&text]);
        }
    }
}
