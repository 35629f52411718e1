//! The addresses of this host's network interfaces, cached.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::rules::{Found, Rules};

/// Addresses that viewers are told at most: a browser tries each of them with each of its own.
const MAX_OFFERED: usize = 32;

/// A cache of the addresses. Querying the system takes longer than everything else in an answer.
#[derive(Debug, Default)]
pub struct Interfaces {
    rules: Rules,
    cached: Mutex<Option<(Instant, Arc<Addresses>)>>,
    enumerations: AtomicU64,
    changes: AtomicU64,
}

/// The addresses of this host at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those that a viewer might reach, by the host's rules, most useful first: global before private before
    /// loopback.
    pub offered: Vec<IpAddr>,
    /// All that the host has on interfaces that are up.
    pub present: Vec<IpAddr>,
}

impl Interfaces {
    /// A cache; viewers are told the addresses that `rules` allow.
    pub fn new(rules: Rules) -> Interfaces {
        Interfaces {
            rules,
            ..Interfaces::default()
        }
    }

    /// The addresses. They may be as old as `ttl`.
    pub fn addresses(&self, now: Instant, ttl: Duration) -> Arc<Addresses> {
        let mut cached = self.cached.lock();
        if let Some((at, addresses)) = &*cached
            && now.saturating_duration_since(*at) < ttl
        {
            return Arc::clone(addresses);
        }
        self.enumerations.fetch_add(1, Ordering::Relaxed);
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => {
                let found: Vec<Found> = interfaces.into_iter().map(Found::from).collect();
                let usable = usable(&found);
                let addresses = Arc::new(Addresses::new(&found, &usable, &self.rules));
                let before = cached.replace((now, Arc::clone(&addresses)));
                let before = before.map(|(_, before)| before);
                if before.as_ref().is_some_and(|before| *before != addresses) {
                    self.changes.fetch_add(1, Ordering::Relaxed);
                }
                // The host's log callback must not hold up other workers.
                drop(cached);
                if before.is_none_or(|before| before != addresses)
                    && let Some(names) = self.rules.left_out(&usable, &addresses.offered)
                {
                    log::warn!(
                        "the rules in interfaces leave out all interfaces, so viewers on other machines reach this host only by \
                         public_addresses and relays; there are: {}",
                        names.join(", ")
                    );
                }
                addresses
            }
            Err(error) => {
                let known = cached.as_ref().map(|(_, known)| Arc::clone(known));
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

    /// How often the addresses were others than before.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}

fn is_up(found: &Found) -> bool {
    found.up && !found.ip.is_unspecified() && !found.ip.is_multicast()
}

/// Those of which a viewer may know what to do with them.
fn usable(found: &[Found]) -> Vec<Found> {
    let usable = found
        .iter()
        .filter(|found| is_up(found) && !is_of_the_link(found.ip));
    usable.cloned().collect()
}

impl Addresses {
    fn new(found: &[Found], usable: &[Found], rules: &Rules) -> Addresses {
        let present = found.iter().filter(|found| is_up(found));
        let mut offered = rules.select(usable);
        offered.sort_by_key(|&ip| {
            (
                ip.is_loopback(),
                is_unique_local(ip),
                is_private(ip),
                ip.is_ipv6(),
            )
        });
        offered.dedup();
        offered.truncate(MAX_OFFERED);
        Addresses {
            offered,
            present: present.map(|found| found.ip).collect(),
        }
    }
}

impl From<if_addrs::Interface> for Found {
    fn from(interface: if_addrs::Interface) -> Found {
        Found {
            ip: interface.ip(),
            up: interface.is_oper_up(),
            name: interface.name,
        }
    }
}

/// A browser cannot name the zone that a link-local address needs. And the IPv4 addresses of a host that has IPv6 alone, and
/// translates the rest (RFC 7335: 192.0.0.0/29), are the same on every such host.
fn is_of_the_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_link_local() || matches!(ip.octets(), [192, 0, 0, last] if last < 8)
        }
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Of a network of the host's own (RFC 1918), or of its carrier or overlay (RFC 6598).
fn is_private(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else {
        return false;
    };
    ip.is_private() || matches!(ip.octets(), [100, second, ..] if second & 0xc0 == 64)
}

fn is_unique_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unique_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    fn found(list: &[&str]) -> Vec<Found> {
        let found = |ip| Found {
            name: "eth0".to_owned(),
            ip,
            up: true,
        };
        addresses(list).into_iter().map(found).collect()
    }

    fn offered(list: &[&str]) -> Vec<IpAddr> {
        of(&found(list)).offered
    }

    fn of(found: &[Found]) -> Addresses {
        Addresses::new(found, &usable(found), &Rules::default())
    }

    #[test]
    fn global_comes_first_and_link_local_never() {
        let ranked = offered(&[
            "127.0.0.1",
            "fd00::7",
            "fe80::1",
            "192.168.1.4",
            "2001:db8::1",
            "::1",
            "203.0.113.9",
            "169.254.0.3",
        ]);
        assert_eq!(
            ranked,
            addresses(&[
                "203.0.113.9",
                "2001:db8::1",
                "192.168.1.4",
                "fd00::7",
                "127.0.0.1",
                "::1"
            ])
        );
    }

    #[test]
    fn where_there_is_only_ipv6_the_unique_local_address_is_the_last() {
        assert_eq!(
            offered(&["fd12::3", "fe80::1", "2001:db8::1", "2001:db8::2"]),
            addresses(&["2001:db8::1", "2001:db8::2", "fd12::3"])
        );
    }

    /// The IPv4 of a host that has IPv6 alone is of no use to others; that of a carrier is less than a public one.
    #[test]
    fn addresses_of_translation_are_not_offered_and_those_of_carriers_come_late() {
        let ranked = offered(&["192.0.0.4", "100.64.0.9", "203.0.113.9", "2001:db8::1"]);
        assert_eq!(
            ranked,
            addresses(&["203.0.113.9", "2001:db8::1", "100.64.0.9"])
        );
        assert_eq!(offered(&["192.0.0.8", "100.128.0.1"]).len(), 2);
    }

    #[test]
    fn so_many_addresses_are_offered_the_most_useful_ones() {
        let mut many: Vec<String> = (0..100).map(|i| format!("10.0.0.{i}")).collect();
        many.push("203.0.113.9".to_owned());
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let offered = offered(&many);
        assert_eq!(offered.len(), MAX_OFFERED);
        assert_eq!(offered[0], addresses(&["203.0.113.9"])[0]);
    }

    #[test]
    fn what_is_down_is_neither_offered_nor_present() {
        let mut found = found(&["192.0.2.1", "192.0.2.2", "fe80::1"]);
        found[0].up = false;
        let now = of(&found);
        assert_eq!(now.offered, addresses(&["192.0.2.2"]));
        assert_eq!(now.present, addresses(&["192.0.2.2", "fe80::1"]));
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
