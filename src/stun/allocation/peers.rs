//! The viewers that a TURN server lets through: permissions for their addresses before they come, channels once they have.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::request::What;

/// Addresses that viewers may come from, at most; the one that was asked for longest ago makes room.
const MAX_PERMISSIONS: usize = 256;
/// How long one is waited for.
const WANTED: Duration = Duration::from_secs(300);
/// Addresses in a request.
const AT_ONCE: usize = 8;
/// Channels, at most: viewers beyond get indications. And their numbers (RFC 8656 section 12).
const MAX_CHANNELS: usize = 1024;
const FIRST: u16 = 0x4000;
const LAST: u16 = 0x4fff;
/// A permission lasts 300 s, a channel 600 s (RFC 8656 sections 9 and 12), which renews the permission of its address:
/// they are renewed after this time.
const RENEWAL: Duration = Duration::from_secs(200);
/// A channel that was refused is asked for again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// The channel of each address that has one.
pub type Channels = HashMap<SocketAddr, u16>;

#[derive(Debug, Default)]
pub struct Peers {
    permissions: Vec<Permission>,
    channels: HashMap<SocketAddr, Channel>,
    numbers: HashMap<u16, SocketAddr>,
    last: u16,
}

#[derive(Debug)]
struct Permission {
    ip: IpAddr,
    /// Until when a viewer may come from there.
    until: Instant,
    /// When to ask for it, again or anew; `None` if the server does not relay to it.
    due: Option<Instant>,
    /// It was refused together with others.
    alone: bool,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    bound: bool,
    due: Instant,
}

impl Peers {
    /// A viewer may come from there soon.
    pub fn permit(&mut self, now: Instant, ip: IpAddr) {
        let until = now + WANTED;
        let place = self.permissions.iter().position(|known| known.ip == ip);
        if let Some(place) = place {
            let mut known = self.permissions.remove(place);
            known.until = until;
            self.permissions.push(known);
            return;
        }
        if self.permissions.len() == MAX_PERMISSIONS {
            self.permissions.remove(0);
        }
        self.permissions.push(Permission {
            ip,
            until,
            due: Some(now),
            alone: false,
        });
    }

    /// A viewer is there, and gets a channel, if there is one left. True if there is something to ask for.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) -> bool {
        if self.channels.contains_key(&peer) {
            return false;
        }
        if self.channels.len() == MAX_CHANNELS {
            self.permit(now, peer.ip());
            return true;
        }
        // A number is used again as late as possible: servers keep it for a while after its end.
        let next = |number: u16| match number {
            FIRST..LAST => number + 1,
            _ => FIRST,
        };
        let mut number = next(self.last);
        while self.numbers.contains_key(&number) {
            number = next(number);
        }
        self.last = number;
        self.numbers.insert(number, peer);
        let channel = Channel {
            number,
            bound: false,
            due: now,
        };
        self.channels.insert(peer, channel);
        true
    }

    /// No viewer is there any more. Whether it had a channel.
    pub fn release(&mut self, peer: SocketAddr) -> bool {
        let Some(channel) = self.channels.remove(&peer) else {
            return false;
        };
        self.numbers.remove(&channel.number);
        channel.bound
    }

    /// What is to be asked for next.
    pub fn next(&mut self, now: Instant) -> Option<What> {
        self.permissions.retain(|known| now < known.until);
        // Those who watch come first.
        let mut channels = self.channels.iter();
        if let Some((&peer, channel)) = channels.find(|(_, channel)| channel.due <= now) {
            return Some(What::Bind(peer, channel.number));
        }
        let due = |known: &&Permission| known.due.is_some_and(|due| due <= now);
        let mut wanted = self.permissions.iter().filter(due);
        let first = wanted.next()?;
        let others = wanted.filter(|other| !first.alone && !other.alone);
        let ips = std::iter::once(first).chain(others).map(|known| known.ip);
        Some(What::Permit(ips.take(AT_ONCE).collect()))
    }

    /// When [`Peers::next`] has something.
    pub fn next_due(&self) -> Option<Instant> {
        let permissions = self.permissions.iter();
        let wanted = permissions.filter_map(|known| Some(known.due?.min(known.until)));
        let channels = self.channels.values().map(|channel| channel.due);
        wanted.chain(channels).min()
    }

    pub fn permitted(&mut self, now: Instant, ips: &[IpAddr]) {
        for known in self
            .permissions
            .iter_mut()
            .filter(|known| ips.contains(&known.ip))
        {
            (known.due, known.alone) = (Some(now + RENEWAL), false);
        }
    }

    /// The server does not relay to one of these.
    pub fn forbidden(&mut self, ips: &[IpAddr]) {
        for known in self
            .permissions
            .iter_mut()
            .filter(|known| ips.contains(&known.ip))
        {
            match ips.len() {
                1 => known.due = None,
                _ => known.alone = true,
            }
        }
    }

    /// Whether it was not before.
    pub fn bound(&mut self, now: Instant, peer: SocketAddr, number: u16) -> bool {
        let known = self.channels.get_mut(&peer);
        let Some(channel) = known.filter(|channel| channel.number == number) else {
            return false;
        };
        channel.due = now + RENEWAL;
        !std::mem::replace(&mut channel.bound, true)
    }

    /// The server gives it no channel: it needs a permission by itself. Whether it had one.
    pub fn unbindable(&mut self, now: Instant, peer: SocketAddr) -> bool {
        let Some(channel) = self.channels.get_mut(&peer) else {
            return false;
        };
        channel.due = now + AGAIN;
        let was_bound = std::mem::replace(&mut channel.bound, false);
        self.permit(now, peer.ip());
        was_bound
    }

    /// The server has not said whether it gives it a channel.
    pub fn unanswered_bind(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(channel) = self.channels.get_mut(&peer) {
            channel.due = now + AGAIN;
        }
    }

    /// The server has not said whether it lets them in.
    pub fn unanswered(&mut self, now: Instant, ips: &[IpAddr]) {
        for known in &mut self.permissions {
            if ips.contains(&known.ip) {
                known.due = Some(now + AGAIN);
            }
        }
    }

    /// All that was allocated is gone, and the viewers with it.
    pub fn lost(&mut self) {
        *self = Peers {
            last: self.last,
            ..Peers::default()
        };
    }

    /// Who has the channel with this number.
    pub fn at(&self, number: u16) -> Option<SocketAddr> {
        self.numbers.get(&number).copied()
    }

    pub fn channels(&self) -> Channels {
        let bound = self.channels.iter().filter(|(_, channel)| channel.bound);
        bound
            .map(|(&peer, channel)| (peer, channel.number))
            .collect()
    }
}
