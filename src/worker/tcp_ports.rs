//! Where viewers may connect over TCP: the media port, and the ports of HTTP listeners that take media, too.

use std::net::{IpAddr, SocketAddr};

use parking_lot::RwLock;

use crate::net::canonical;

/// The addresses that are listened on. Read for each answer; written when one is added.
#[derive(Debug)]
pub struct TcpPorts {
    media: Option<u16>,
    bound: RwLock<Vec<SocketAddr>>,
}

impl TcpPorts {
    /// With where the media port is listened on, if it is.
    pub fn new(media: Option<SocketAddr>) -> TcpPorts {
        let bound = media.into_iter().map(canonical).collect();
        TcpPorts {
            media: media.map(|address| address.port()),
            bound: RwLock::new(bound),
        }
    }

    /// The media port over TCP, if there is one.
    pub fn media(&self) -> Option<u16> {
        self.media
    }

    /// It is listened there from now on.
    pub fn add(&self, address: SocketAddr) {
        self.bound.write().push(canonical(address));
    }

    /// The candidates at these addresses of ours, most preferred first; the `public` ones are those of a NAT.
    pub fn candidates(&self, ours: &[SocketAddr], public: &[IpAddr]) -> Vec<SocketAddr> {
        let bound = self.bound.read();
        let mut candidates = Vec::new();
        for bound in bound.iter() {
            for ip in ours.iter().map(SocketAddr::ip) {
                let candidate = SocketAddr::new(ip, bound.port());
                if reaches(bound.ip(), ip, public) && !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        candidates
    }
}

/// Whether who connects to `ip` comes to a listener that is bound to `bound`.
fn reaches(bound: IpAddr, ip: IpAddr, public: &[IpAddr]) -> bool {
    match bound {
        IpAddr::V4(any) if any.is_unspecified() => ip.is_ipv4(),
        IpAddr::V6(any) if any.is_unspecified() => true,
        _ => bound == ip || public.contains(&ip) && !bound.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_where_a_listener_is_bound() {
        let ours = ["203.0.113.1:5000", "192.0.2.1:5000", "[2001:db8::1]:5000"];
        let ours: [SocketAddr; 3] = ours.map(|address| address.parse().unwrap());
        let public = [ours[0].ip()];
        for (bound, expected) in [
            (&[][..], &[][..]),
            (
                &["[::]:5000"],
                &["203.0.113.1:5000", "192.0.2.1:5000", "[2001:db8::1]:5000"],
            ),
            (&["0.0.0.0:443"], &["203.0.113.1:443", "192.0.2.1:443"]),
            (&["192.0.2.1:443"], &["203.0.113.1:443", "192.0.2.1:443"]),
            (&["127.0.0.1:443"], &[]),
            (
                &["192.0.2.1:5000", "[2001:db8::1]:443", "192.0.2.1:5000"],
                &[
                    "203.0.113.1:5000",
                    "192.0.2.1:5000",
                    "203.0.113.1:443",
                    "[2001:db8::1]:443",
                ],
            ),
        ] {
            let ports = TcpPorts::new(None);
            for bound in bound {
                ports.add(bound.parse().unwrap());
            }
            let candidates = ports.candidates(&ours, &public);
            let candidates: Vec<_> = candidates.iter().map(SocketAddr::to_string).collect();
            assert_eq!(candidates, expected, "{bound:?}");
        }
    }
}
