//! The names that a listener answers to.
//!
//! A web page may let its own name resolve to this machine once it is loaded (DNS rebinding). To the
//! browser, a listener on loopback is then of the same site. The name in the request tells them apart.

use std::net::{IpAddr, Ipv6Addr};

use hyper::Version;
use hyper::http::request::Parts;

use crate::config::HttpOptions;
use crate::error::{Error, Result, Status};

/// Maximum number of names.
const MAX_NAMES: usize = 64;

/// The names of a listener.
pub struct Names {
    /// Whether others are refused.
    checked: bool,
    named: Vec<String>,
}

impl Names {
    /// Those of a listener with these options. Fails with `InvalidArgument` for what is no name.
    pub fn new(options: &HttpOptions) -> Result<Names> {
        let named = &options.host_names;
        let wrong = named.iter().find(|name| !is_name(name));
        if let Some(what) = match named.len() > MAX_NAMES {
            true => Some(format!("{} are given", named.len())),
            false => wrong.map(|name| format!("{name:?} is none")),
        } {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "host_names takes at most {MAX_NAMES} names such as nvr.example, without a port; {what}"
                ),
            ));
        }
        Ok(Names {
            checked: options.address.ip().to_canonical().is_loopback() || !named.is_empty(),
            named: named.clone(),
        })
    }

    /// Whether a request is to this listener. One without a name is not of a browser.
    pub fn include(&self, head: &Parts) -> bool {
        let fields = head.headers.get_all("Host").iter();
        let mut hosts = fields.map(|host| host.to_str().unwrap_or_default());
        let of_url = head.uri.authority().map(|authority| authority.as_str());
        !self.checked
            || (hosts.all(|host| self.has(host)) && of_url.is_none_or(|host| self.has(host)))
    }

    fn has(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        // An address is no name that could resolve to another one.
        let v6 = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        v6.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
            || name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.named.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Whether a request says once whom it is to, as HTTP/1.1 requires (RFC 9112 section 3.2).
pub fn is_addressed(head: &Parts) -> bool {
    match head.headers.get_all("Host").iter().count() {
        0 => head.version < Version::HTTP_11,
        hosts => hosts == 1,
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hyper::Request;

    use super::*;

    fn names(address: &str, named: &[&str]) -> Result<Names> {
        Names::new(&HttpOptions {
            address: address.parse::<SocketAddr>().unwrap(),
            host_names: named.iter().map(|&name| name.to_owned()).collect(),
            ..HttpOptions::default()
        })
    }

    fn head(url: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::get(url);
        for host in hosts {
            request = request.header("Host", *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_loopback_listener_answers_to_its_names_only() {
        for address in [
            "127.0.0.1:1",
            "127.8.8.8:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            let names = names(address, &["nvr.example"]).unwrap();
            for host in [
                "localhost",
                "LOCALHOST:8889",
                "127.0.0.1:8889",
                "[::1]:8889",
                "[::1]",
                "192.0.2.1",
                "NVR.example:80",
            ] {
                assert!(names.include(&head("/", &[host])), "{host}");
            }
            for host in [
                "evil.example",
                "evil.example:8889",
                "localhost.evil.example",
                "evil.example:localhost",
                "127.0.0.1.evil.example",
                "[evil.example]",
                "",
                "localhost:evil",
            ] {
                assert!(!names.include(&head("/", &[host])), "{host}");
            }
            assert!(!names.include(&head("/", &["localhost", "evil.example"])));
            assert!(!names.include(&head("http://evil.example/", &["localhost"])));
            assert!(names.include(&head("http://localhost:8/", &["localhost:8"])));
            assert!(names.include(&head("/", &[])));
        }
    }

    #[test]
    fn elsewhere_any_name_will_do_unless_there_are_some() {
        let open = names("0.0.0.0:1", &[]).unwrap();
        assert!(open.include(&head("/", &["nvr.lan"])));
        let named = names("0.0.0.0:1", &["nvr.lan"]).unwrap();
        assert!(named.include(&head("/", &["nvr.lan"])));
        assert!(!named.include(&head("/", &["evil.example"])));
    }

    #[test]
    fn from_http_1_1_on_there_is_one_host() {
        for (version, hosts, addressed) in [
            (Version::HTTP_11, &["a"][..], true),
            (Version::HTTP_11, &[""], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a"], true),
            (Version::HTTP_10, &["a", "b"], false),
        ] {
            let mut head = head("/", hosts);
            head.version = version;
            assert_eq!(is_addressed(&head), addressed, "{version:?} {hosts:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "nvr.example:80", "http://nvr", "a b", "*"] {
            let error = names("127.0.0.1:1", &[bad]).err().unwrap();
            assert_eq!(error.status(), Status::InvalidArgument, "{bad}");
        }
        assert!(names("127.0.0.1:1", &["a"; MAX_NAMES + 1]).is_err());
    }
}
