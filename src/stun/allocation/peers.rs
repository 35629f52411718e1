//! The viewers that a TURN server lets through: permissions for their addresses before they come, and for those that have
//! answered; and a channel for the address that media goes to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::request::What;
use super::wanted::{Asker, Wanted};

/// Addresses in a request.
const AT_ONCE: usize = 8;
/// Channels, at most: viewers beyond get indications. And their numbers (RFC 8656 section 12).
const MAX_CHANNELS: usize = 1024;
const FIRST: u16 = 0x4000;
const LAST: u16 = 0x4fff;
/// A permission lasts 300 s (RFC 8656 section 9), and a channel renews that of its address: both are renewed after this time.
const RENEWAL: Duration = Duration::from_secs(200);
/// A channel lasts 600 s (RFC 8656 section 12), from when the server has it, which is before it says so.
const BINDING: Duration = Duration::from_secs(590);
/// For so long after a request its number and its address are bound to nothing else: 600 s, and 300 s more.
const RESERVED: Duration = Duration::from_secs(900);
/// What was refused is asked for again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// The channel of each address that has one and uses it.
pub type Channels = HashMap<SocketAddr, u16>;

#[derive(Debug, Default)]
pub struct Peers {
    wanted: Wanted,
    /// Of all addresses that are wanted.
    permissions: HashMap<IpAddr, Permission>,
    channels: HashMap<SocketAddr, Channel>,
    numbers: HashMap<u16, SocketAddr>,
    /// Addresses that media goes to.
    watched: usize,
    last: u16,
    /// Whose turn it is next: those who may come, and not those who are there.
    wanted_next: bool,
}

#[derive(Debug)]
struct Permission {
    /// When to ask for it, again or anew; `None` if the server does not relay to it.
    due: Option<Instant>,
    /// It was refused together with others.
    alone: bool,
}

/// What is known of an address that a viewer is at, or was.
#[derive(Debug)]
struct Channel {
    /// `None`: media has not gone there, or there was none left, and a permission has to do.
    number: Option<u16>,
    /// The session of the viewer; `None`: it is there no longer.
    holder: Option<u64>,
    /// Media goes there.
    watched: bool,
    /// Until when the server has it.
    bound: Option<Instant>,
    /// Until when it can be nothing else.
    reserved: Option<Instant>,
    /// When to ask for it, or for a permission in its place.
    due: Instant,
    /// The server gives it no channel, so it needs a permission.
    refused: bool,
    /// When the server granted either last.
    granted: Option<Instant>,
}

impl Channel {
    fn is_bound(&self, now: Instant) -> bool {
        self.bound.is_some_and(|until| now < until)
    }

    /// Whether a permission is to be asked for, and not a channel.
    fn by_permission(&self) -> bool {
        self.refused || !self.watched || self.number.is_none()
    }
}

impl Peers {
    /// A viewer may come from there soon.
    pub fn permit(&mut self, now: Instant, ip: IpAddr, asker: &Asker) {
        self.wanted.add(now, ip, asker);
        self.permissions.entry(ip).or_insert(Permission {
            due: Some(now),
            alone: false,
        });
    }

    /// The viewer of a session is there, and is let in for as long as it is. `watched`: media goes there, and gets a channel,
    /// if there is one left. True if that changes which channels are in use.
    pub fn hold(&mut self, now: Instant, peer: SocketAddr, holder: u64, watched: bool) -> bool {
        self.forget(now);
        let known = self.channels.get(&peer);
        let number = match known.and_then(|channel| channel.number) {
            None if watched => self.number(),
            known => known,
        };
        if let Some(number) = number {
            self.numbers.insert(number, peer);
        }
        let channel = self.channels.entry(peer).or_insert(Channel {
            number: None,
            holder: None,
            watched: false,
            bound: None,
            reserved: None,
            due: now,
            refused: false,
            granted: None,
        });
        (channel.number, channel.holder) = (number, Some(holder));
        let was_watched = std::mem::replace(&mut channel.watched, watched);
        // Either lets its viewer in, so that one that goes to and fro between its addresses asks for nothing more.
        channel.due = match channel.granted {
            Some(granted) if channel.by_permission() || channel.is_bound(now) => granted + RENEWAL,
            // A permission in place of a channel that was refused.
            Some(_) if was_watched == watched => channel.due,
            _ => now,
        };
        let changes = was_watched != watched && channel.is_bound(now);
        self.watched -= usize::from(was_watched);
        self.watched += usize::from(watched);
        changes
    }

    /// Whether nobody is there, or may come.
    pub fn is_unused(&self) -> bool {
        let mut channels = self.channels.values();
        self.wanted.is_empty() && channels.all(|channel| channel.holder.is_none())
    }

    /// Whether the viewer of a session is there, or may come.
    pub fn expects(&self, session: u64) -> bool {
        let mut channels = self.channels.values();
        self.wanted.is_of(session) || channels.any(|channel| channel.holder == Some(session))
    }

    /// A number that is free. It is used again as late as possible.
    fn number(&mut self) -> Option<u16> {
        let numbers = usize::from(LAST - FIRST) + 1;
        if self.watched >= MAX_CHANNELS || self.numbers.len() == numbers {
            return None;
        }
        let next = |number: u16| match number {
            FIRST..LAST => number + 1,
            _ => FIRST,
        };
        let mut number = next(self.last);
        while self.numbers.contains_key(&number) {
            number = next(number);
        }
        self.last = number;
        Some(number)
    }

    /// The viewer of this session is there no longer. The server keeps the channel for a while, and so it is the same one if
    /// a viewer is there again. True if it was in use.
    pub fn release(&mut self, peer: SocketAddr, holder: u64) -> bool {
        let known = self.channels.get_mut(&peer);
        let Some(channel) = known.filter(|channel| channel.holder == Some(holder)) else {
            return false;
        };
        channel.holder = None;
        let was_watched = std::mem::take(&mut channel.watched);
        self.watched -= usize::from(was_watched);
        let was_used = was_watched && channel.bound.is_some();
        if channel.reserved.is_none() {
            // It was never asked for.
            self.remove(peer);
        }
        was_used
    }

    fn remove(&mut self, peer: SocketAddr) {
        if let Some(number) = self.channels.remove(&peer).and_then(|gone| gone.number) {
            self.numbers.remove(&number);
        }
    }

    /// Forgets channels that the server has forgotten as well.
    fn forget(&mut self, now: Instant) {
        let is_over = |channel: &Channel| {
            channel.holder.is_none() && channel.reserved.is_none_or(|until| now >= until)
        };
        let channels = self.channels.iter();
        let over = channels.filter(|(_, channel)| is_over(channel));
        for peer in over.map(|(&peer, _)| peer).collect::<Vec<_>>() {
            self.remove(peer);
        }
    }

    /// What is to be asked for next.
    pub fn next(&mut self, now: Instant) -> Option<What> {
        if self.wanted.expire(now) {
            let wanted = &self.wanted;
            self.permissions.retain(|&ip, _| wanted.contains(ip));
        }
        let due = |(_, known): &(&IpAddr, &Permission)| known.due.is_some_and(|due| due <= now);
        let is_wanted = self.permissions.iter().any(|known| due(&known));
        let wanted_next = std::mem::replace(&mut self.wanted_next, false);
        // Those who are there take turns with those who may come, and whoever has waited longest comes first.
        let held = self.channels.iter_mut();
        let held = held.filter(|(_, channel)| channel.holder.is_some() && channel.due <= now);
        if let Some((&peer, channel)) = held.min_by_key(|(_, channel)| channel.due)
            && !(wanted_next && is_wanted)
        {
            self.wanted_next = true;
            return Some(match channel.number {
                Some(number) if !channel.by_permission() => {
                    channel.reserved = Some(now + RESERVED);
                    What::Bind(peer, number)
                }
                _ => What::Permit(vec![peer.ip()]),
            });
        }
        let mut wanted = self.permissions.iter().filter(due);
        let (&ip, first) = wanted.next()?;
        let others = wanted.filter(|(_, other)| !first.alone && !other.alone);
        let ips = std::iter::once(ip).chain(others.map(|(&ip, _)| ip));
        Some(What::Permit(ips.take(AT_ONCE).collect()))
    }

    /// When [`Peers::next`] has something.
    pub fn next_due(&self) -> Option<Instant> {
        let permissions = self.permissions.values().filter_map(|known| known.due);
        let channels = self.channels.values();
        let held = channels.filter(|channel| channel.holder.is_some());
        let all = permissions.chain(held.map(|channel| channel.due));
        all.chain(self.wanted.next_due()).min()
    }

    /// The channels that a permission for these addresses is for.
    fn by_permission(&mut self, ips: &[IpAddr]) -> impl Iterator<Item = &mut Channel> {
        let channels = self.channels.iter_mut();
        let theirs =
            channels.filter(|(peer, channel)| channel.by_permission() && ips.contains(&peer.ip()));
        theirs.map(|(_, channel)| channel)
    }

    fn permissions_of(&mut self, ips: &[IpAddr]) -> impl Iterator<Item = &mut Permission> {
        let permissions = self.permissions.iter_mut();
        let theirs = permissions.filter(|(ip, _)| ips.contains(ip));
        theirs.map(|(_, permission)| permission)
    }

    pub fn permitted(&mut self, now: Instant, ips: &[IpAddr]) {
        for known in self.permissions_of(ips) {
            (known.due, known.alone) = (Some(now + RENEWAL), false);
        }
        for channel in self.by_permission(ips) {
            // One that was refused is asked for again.
            channel.due = match channel.refused {
                true => now + AGAIN,
                false => now + RENEWAL,
            };
            channel.refused = false;
            channel.granted = Some(now);
        }
    }

    /// The server does not relay to one of these.
    pub fn forbidden(&mut self, now: Instant, ips: &[IpAddr]) {
        for known in self.permissions_of(ips) {
            match ips.len() {
                1 => known.due = None,
                _ => known.alone = true,
            }
        }
        self.unanswered_channels(now, ips);
    }

    /// The server has not said whether it lets them in.
    pub fn unanswered(&mut self, now: Instant, ips: &[IpAddr]) {
        for known in self.permissions_of(ips) {
            known.due = Some(now + AGAIN);
        }
        self.unanswered_channels(now, ips);
    }

    fn unanswered_channels(&mut self, now: Instant, ips: &[IpAddr]) {
        for channel in self.by_permission(ips) {
            (channel.due, channel.refused) = (now + AGAIN, false);
            channel.granted = None;
        }
    }

    /// The server has the channel. Whether it was not in use before.
    pub fn bound(&mut self, now: Instant, peer: SocketAddr, number: u16) -> bool {
        let known = self.channels.get_mut(&peer);
        let Some(channel) = known.filter(|channel| channel.number == Some(number)) else {
            return false;
        };
        (channel.due, channel.refused) = (now + RENEWAL, false);
        channel.reserved = Some(now + RESERVED);
        channel.granted = Some(now);
        let was_bound = channel.bound.replace(now + BINDING);
        channel.watched && was_bound.is_none_or(|until| now >= until)
    }

    /// The server gives it no channel: it needs a permission by itself. Whether it had one.
    pub fn unbindable(&mut self, now: Instant, peer: SocketAddr) -> bool {
        let Some(channel) = self.channels.get_mut(&peer) else {
            return false;
        };
        (channel.due, channel.refused, channel.granted) = (now, true, None);
        channel.bound.take().is_some()
    }

    /// The server has not said whether it gives it a channel.
    pub fn unanswered_bind(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(channel) = self.channels.get_mut(&peer) {
            channel.due = now + AGAIN;
        }
    }

    /// All that was allocated is gone, and the viewers with it.
    pub fn lost(&mut self) {
        *self = Peers {
            last: self.last,
            ..Peers::default()
        };
    }

    /// Who has the channel with this number, or had it a moment ago.
    pub fn at(&self, number: u16) -> Option<SocketAddr> {
        self.numbers.get(&number).copied()
    }

    /// Those that datagrams may take.
    pub fn channels(&self, now: Instant) -> Channels {
        let channels = self.channels.iter();
        let bound = channels.filter(|(_, known)| known.watched && known.is_bound(now));
        bound
            .filter_map(|(&peer, channel)| Some((peer, channel.number?)))
            .collect()
    }
}
