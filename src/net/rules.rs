//! Which interfaces' addresses viewers are told: rules of the host, and what is left out without any.

use std::net::IpAddr;

use crate::error::{Error, Result, Status};

/// Rules at most, and characters of each.
const MAX_RULES: usize = 64;
const MAX_RULE: usize = 256;

/// Where containers and virtual machines are, which have no viewers: bridges, the ends of pairs, and what Kubernetes keeps
/// the addresses of its services on.
const INTERNAL: [&str; 21] = [
    "docker*",
    "veth*",
    "cni*",
    "virbr*",
    "vnet*",
    "podman*",
    "nerdctl*",
    "lxc*",
    "lxdbr*",
    "incusbr*",
    "mpqemubr*",
    "cali*",
    "vxlan.calico",
    "flannel*",
    "cilium_*",
    "weave",
    "antrea-gw*",
    "ovn-k8s-*",
    "kube-*",
    "vmnet*",
    "vboxnet*",
];
/// Docker's bridges of networks with names, by an id; other bridges begin like that, too.
const DOCKER: &str = "br-";
const DOCKER_ID: usize = 12;

/// The host's rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// Only these interfaces are used; none: all but the internal ones.
    used: Vec<String>,
    /// These are not.
    left_out: Vec<String>,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub ip: IpAddr,
    /// It is up, and has a carrier.
    pub up: bool,
}

impl Rules {
    /// Reads rules: the name of an interface, perhaps with a `*` at its end for any rest, and perhaps with a `!` in
    /// front of it.
    pub fn new(rules: &[String]) -> Result<Rules> {
        if rules.len() > MAX_RULES {
            return Err(invalid(format!(
                "interfaces has {} elements; the maximum is {MAX_RULES}",
                rules.len()
            )));
        }
        let mut read = Rules::default();
        for rule in rules {
            let (name, list) = match rule.strip_prefix('!') {
                Some(name) => (name, &mut read.left_out),
                None => (rule.as_str(), &mut read.used),
            };
            let fixed = name.strip_suffix('*').unwrap_or(name);
            let odd = |c: char| c.is_control() || c == '*' || c == '!' || c == '/';
            if name.is_empty() || name.len() > MAX_RULE || fixed.contains(odd) {
                return Err(invalid(format!(
                    "interfaces: {rule:?} names no interface: write eth0, wl* or !tun0"
                )));
            }
            list.push(name.to_owned());
        }
        Ok(read)
    }

    /// The addresses of the interfaces that may be used. Those of the host itself always are.
    pub fn select(&self, found: &[Found]) -> Vec<IpAddr> {
        let named =
            |patterns: &[String], name: &str| patterns.iter().any(|pattern| matches(pattern, name));
        let allowed: Vec<&Found> = found
            .iter()
            .filter(|found| !named(&self.left_out, &found.name))
            .filter(|found| {
                self.used.is_empty() || named(&self.used, &found.name) || found.ip.is_loopback()
            })
            .collect();
        // Where there is nothing else, viewers are there: in a container, or beside one.
        let internal = |found: &Found| self.used.is_empty() && is_internal(&found.name);
        let all = !allowed
            .iter()
            .any(|found| !internal(found) && !found.ip.is_loopback());
        let used = allowed.into_iter().filter(|found| all || !internal(found));
        used.map(|found| found.ip).collect()
    }

    /// The interfaces that viewers could be told of, if the rules leave out all of them but loopback: they are meant
    /// otherwise.
    pub fn left_out<'a>(&self, found: &'a [Found], offered: &[IpAddr]) -> Option<Vec<&'a str>> {
        let others = found.iter().filter(|found| !found.ip.is_loopback());
        let mut names: Vec<&str> = others.map(|found| found.name.as_str()).collect();
        names.dedup();
        let only_loopback = offered.iter().all(IpAddr::is_loopback);
        (only_loopback && !names.is_empty()).then_some(names)
    }
}

/// Linux gives addresses that were added later names of their own, behind a colon (`eth0:1`): those are of the interface
/// all the same.
fn matches(pattern: &str, name: &str) -> bool {
    let device = name.split(':').next().unwrap_or(name);
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern || device == pattern,
    }
}

fn is_internal(name: &str) -> bool {
    let id = name.strip_prefix(DOCKER);
    INTERNAL.iter().any(|pattern| matches(pattern, name))
        || id.is_some_and(|id| {
            id.len() == DOCKER_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

fn invalid(sentence: String) -> Error {
    Error::new(Status::InvalidArgument, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[&str]) -> Result<Rules> {
        Rules::new(
            &rules
                .iter()
                .map(|&rule| rule.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    /// Which of these interfaces are used; the number of each is the end of its address.
    fn selected(given: &[&str], names: &[&'static str]) -> Vec<&'static str> {
        let found: Vec<Found> = names
            .iter()
            .zip(1..)
            .map(|(&name, number)| Found {
                name: name.to_owned(),
                ip: match name {
                    "lo" => [127, 0, 0, 1].into(),
                    _ => [192, 0, 2, number].into(),
                },
                up: true,
            })
            .collect();
        let used = rules(given).unwrap().select(&found);
        let kept = names.iter().zip(&found);
        kept.filter(|(_, found)| used.contains(&found.ip))
            .map(|(&name, _)| name)
            .collect()
    }

    #[test]
    fn bridges_of_containers_are_left_out_unless_there_is_nothing_else() {
        let host = [
            "lo",
            "eth0",
            "docker0",
            "br-0123456789ab",
            "veth12ab",
            "br-lan",
            "wg0",
            "docker0:1",
            "lxc1a2b3c",
            "cilium_host",
            "kube-ipvs0",
        ];
        assert_eq!(selected(&[], &host), ["lo", "eth0", "br-lan", "wg0"]);
        assert_eq!(selected(&[], &["lo", "veth0"]), ["lo", "veth0"]);
        assert_eq!(
            selected(&["!eth0"], &["lo", "eth0", "docker0"]),
            ["lo", "docker0"]
        );
        assert_eq!(selected(&[], &["lo"]), ["lo"]);
    }

    #[test]
    fn rules_say_which_interfaces_are_used() {
        let host = ["lo", "eth0", "eth1", "wlan0", "docker0", "tun0"];
        for (rules, used) in [
            (&["eth0"][..], &["lo", "eth0"][..]),
            (&["eth*"], &["lo", "eth0", "eth1"]),
            (&["eth*", "!eth1"], &["lo", "eth0"]),
            (&["!tun*", "!lo"], &["eth0", "eth1", "wlan0"]),
            (&["docker0"], &["lo", "docker0"]),
            (&["*"], &host),
            (&["ppp0"], &["lo"]),
        ] {
            assert_eq!(selected(rules, &host), used, "{rules:?}");
        }
    }

    /// A failover address often has one.
    #[test]
    fn a_label_is_of_its_interface() {
        let host = ["lo", "eth0", "eth0:vip", "eth1", "eth1:0"];
        for (rules, used) in [
            (&["eth0"][..], &["lo", "eth0", "eth0:vip"][..]),
            (&["!eth0"], &["lo", "eth1", "eth1:0"]),
            (&["eth0:vip"], &["lo", "eth0:vip"]),
            (&["!eth0:vip", "!eth1"], &["lo", "eth0"]),
        ] {
            assert_eq!(selected(rules, &host), used, "{rules:?}");
        }
    }

    #[test]
    fn rules_that_leave_nothing_are_noticed() {
        let found: Vec<Found> = ["lo", "eth0", "eth0", "wlan0"]
            .iter()
            .zip(["127.0.0.1", "192.0.2.1", "2001:db8::1", "192.0.2.2"])
            .map(|(&name, ip)| Found {
                name: name.to_owned(),
                ip: ip.parse().unwrap(),
                up: true,
            })
            .collect();
        let left_out = |given: &[&str], found: &[Found]| {
            let rules = rules(given).unwrap();
            let names = rules.left_out(found, &rules.select(found));
            names.map(|names| names.join(" "))
        };
        assert_eq!(left_out(&["eth1"], &found).as_deref(), Some("eth0 wlan0"));
        assert_eq!(left_out(&["eth0"], &found), None);
        assert_eq!(left_out(&[], &found), None);
        assert_eq!(left_out(&["eth1"], &found[..1]), None, "there is nothing");
    }

    #[test]
    fn what_names_no_interface_is_refused() {
        for wrong in ["", "!", "e*h0", "!!eth0", "192.0.2.0/24", "eth0\n"] {
            let error = rules(&[wrong]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{wrong:?}");
        }
        assert!(rules(&["eth0"; MAX_RULES + 1]).is_err());
    }
}
