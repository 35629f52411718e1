//! The gateway's candidates.

use std::net::SocketAddr;

use super::Lines;

/// Type preferences (RFC 8445 section 5.1.2.2); over TCP that of host candidates is lower (RFC 6544 section 4.2).
const HOST: u32 = 126;
const REFLEXIVE: u32 = 100;
const HOST_TCP: u32 = 90;
const RELAYED: u32 = 0;
/// Direction preference of passive TCP (RFC 6544 section 4.2), and what is left for the address.
const PASSIVE: u32 = 4 << 13;
const OTHER: u32 = (1 << 13) - 1;

/// Where viewers may reach the gateway.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'a> {
    /// Its own addresses, and the public ones that the host named, most preferred first.
    pub hosts: &'a [SocketAddr],
    /// Those that a NAT gives it.
    pub reflexive: &'a [Reflexive],
    /// Those for viewers without UDP.
    pub tcp: &'a [SocketAddr],
    /// Those that a TURN server gives it.
    pub relayed: &'a [Reflexive],
}

/// An address that a NAT gives the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reflexive {
    /// The one that others see.
    pub public: SocketAddr,
    /// Ours behind it.
    pub base: SocketAddr,
}

impl Candidates<'_> {
    /// Candidates of component 1 (RFC 8839 section 5.1) in order of preference; those of TCP last (RFC 6544 section
    /// 4.5).
    pub(super) fn write(&self, sdp: &mut Lines) {
        let Candidates {
            hosts,
            reflexive,
            tcp,
            relayed,
        } = *self;
        // Candidates of one address share a foundation (RFC 8445 section 5.1.1.3), but not with those of another kind.
        let foundation = |i: usize| {
            let same = |other: &SocketAddr| other.ip() == hosts[i].ip();
            1 + hosts.iter().position(same).unwrap_or(i)
        };
        for (i, host) in hosts.iter().enumerate() {
            let priority = priority(HOST, u32::from(u16::MAX).saturating_sub(rank(i)));
            let (ip, port) = (host.ip(), host.port());
            sdp.line(format_args!(
                "a=candidate:{} 1 udp {priority} {ip} {port} typ host",
                foundation(i)
            ));
        }
        for (i, candidate) in reflexive.iter().enumerate() {
            let priority = priority(REFLEXIVE, u32::from(u16::MAX).saturating_sub(rank(i)));
            let (ip, port) = (candidate.public.ip(), candidate.public.port());
            let (base, base_port) = (candidate.base.ip(), candidate.base.port());
            sdp.line(format_args!(
                "a=candidate:{} 1 udp {priority} {ip} {port} typ srflx raddr {base} rport {base_port}",
                hosts.len() + 1 + i
            ));
        }
        for (i, candidate) in tcp.iter().enumerate() {
            let priority = priority(HOST_TCP, PASSIVE | OTHER.saturating_sub(rank(i)));
            let (ip, port) = (candidate.ip(), candidate.port());
            sdp.line(format_args!(
                "a=candidate:{} 1 tcp {priority} {ip} {port} typ host tcptype passive",
                hosts.len() + reflexive.len() + 1 + i
            ));
        }
        for (i, Reflexive { public, base }) in relayed.iter().enumerate() {
            let priority = priority(RELAYED, u32::from(u16::MAX).saturating_sub(rank(i)));
            let (ip, port, base, base_port) = (public.ip(), public.port(), base.ip(), base.port());
            sdp.line(format_args!(
                "a=candidate:{} 1 udp {priority} {ip} {port} typ relay raddr {base} rport {base_port}",
                hosts.len() + reflexive.len() + tcp.len() + 1 + i
            ));
        }
        sdp.line(format_args!("a=end-of-candidates"));
    }
}

fn rank(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

/// RFC 8445 section 5.1.2.1, for component 1.
fn priority(kind: u32, local: u32) -> u32 {
    (kind << 24) | (local << 8) | 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_behind_a_nat_comes_after_the_hosts_own() {
        let address = |text: &str| text.parse().unwrap();
        let candidates = Candidates {
            hosts: &[address("192.168.1.2:5000"), address("[2001:db8::7]:5000")],
            reflexive: &[Reflexive {
                public: address("203.0.113.7:41234"),
                base: address("192.168.1.2:5000"),
            }],
            tcp: &[address("192.168.1.2:5000"), address("[2001:db8::7]:443")],
            relayed: &[
                Reflexive {
                    public: address("198.51.100.9:50000"),
                    base: address("203.0.113.7:41234"),
                },
                Reflexive {
                    public: address("[2001:db8::9]:50000"),
                    base: address("[::]:9"),
                },
            ],
        };
        let mut sdp = Lines::default();
        candidates.write(&mut sdp);
        assert_eq!(
            sdp.0,
            "a=candidate:1 1 udp 2130706431 192.168.1.2 5000 typ host\r\n\
             a=candidate:2 1 udp 2130706175 2001:db8::7 5000 typ host\r\n\
             a=candidate:3 1 udp 1694498815 203.0.113.7 41234 typ srflx raddr 192.168.1.2 rport 5000\r\n\
             a=candidate:4 1 tcp 1520435199 192.168.1.2 5000 typ host tcptype passive\r\n\
             a=candidate:5 1 tcp 1520434943 2001:db8::7 443 typ host tcptype passive\r\n\
             a=candidate:6 1 udp 16777215 198.51.100.9 50000 typ relay raddr 203.0.113.7 rport 41234\r\n\
             a=candidate:7 1 udp 16776959 2001:db8::9 50000 typ relay raddr :: rport 9\r\n\
             a=end-of-candidates\r\n"
        );
    }
}
