//! The addresses of this host's network interfaces, cached.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A cache of the addresses. Querying the system takes longer than everything else in an answer.
#[derive(Debug, Default)]
pub struct Interfaces {
    cached: Mutex<Option<(Instant, Vec<IpAddr>)>>,
    enumerations: AtomicU64,
}

impl Interfaces {
    /// Addresses that a viewer might reach, most useful first: global before private before
    /// loopback. They may be as old as `ttl`.
    pub fn addresses(&self, now: Instant, ttl: Duration) -> Vec<IpAddr> {
        let mut cached = self.cached.lock();
        if let Some((at, addresses)) = &*cached
            && now.saturating_duration_since(*at) < ttl
        {
            return addresses.clone();
        }
        self.enumerations.fetch_add(1, Ordering::Relaxed);
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => {
                let addresses = rank(interfaces.into_iter().map(|i| i.ip()).collect());
                *cached = Some((now, addresses.clone()));
                addresses
            }
            Err(error) => {
                let known = cached.as_ref().map(|(_, known)| known.clone());
                // The host's log callback must not hold up other workers.
                drop(cached);
                log::warn!("cannot list the network interfaces: {error}");
                known.unwrap_or_default()
            }
        }
    }

    /// How often the system has been queried.
    pub fn enumerations(&self) -> u64 {
        self.enumerations.load(Ordering::Relaxed)
    }
}

fn rank(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.retain(|ip| !ip.is_unspecified() && !ip.is_multicast() && !is_link_local(ip));
    addresses.sort_by_key(|ip| (ip.is_loopback(), is_private(ip), ip.is_ipv6()));
    addresses.dedup();
    addresses
}

/// A browser cannot name the zone that such an address needs.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_private(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_comes_first_and_link_local_never() {
        let parse =
            |list: &[&str]| -> Vec<IpAddr> { list.iter().map(|ip| ip.parse().unwrap()).collect() };
        let ranked = rank(parse(&[
            "127.0.0.1",
            "fe80::1",
            "192.168.1.4",
            "2001:db8::1",
            "::1",
            "203.0.113.9",
            "169.254.0.3",
        ]));
        assert_eq!(
            ranked,
            parse(&[
                "203.0.113.9",
                "2001:db8::1",
                "192.168.1.4",
                "127.0.0.1",
                "::1"
            ])
        );
    }

    #[test]
    fn the_system_is_asked_once_per_ttl() {
        let interfaces = Interfaces::default();
        let start = Instant::now();
        let ttl = Duration::from_secs(30);
        let first = interfaces.addresses(start, ttl);
        assert_eq!(interfaces.addresses(start + ttl / 2, ttl), first);
        assert_eq!(interfaces.enumerations(), 1);
        interfaces.addresses(start + ttl, ttl);
        assert_eq!(interfaces.enumerations(), 2);
    }
}
