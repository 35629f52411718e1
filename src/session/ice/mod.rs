//! ICE (RFC 8445) for a host with a public or local address.
//!
//! Towards viewers it is the answering side (ICE lite, section 2.5), which every browser connects to. Towards a media server
//! that we have made an offer to, it is the controlling one, and also checks the other side's candidates: see [`checklist`].
//!
//! Nothing changes and nothing is answered before MESSAGE-INTEGRITY is verified, so a forged check
//! has no effect and cannot be used to reflect traffic. Every authentic check is answered
//! at once: DTLS may flow from the first one, before any nomination.
//!
//! That a check is authentic does not say that it comes from where it seems to. So a check of ours goes back
//! with the answer, which every full agent answers: see [`addresses`]. It goes along with the handshake, and
//! is answered long before that is done.

mod addresses;
mod carried;
mod check;
mod checklist;
#[cfg(test)]
mod testing;
mod transactions;
mod ufrag;

use std::net::IpAddr;
use std::time::Instant;

use crate::sdp::IceCredentials;

use addresses::Addresses;
pub use carried::{Carried, Unsealed};
use check::{Answer, Pair};
use checklist::CheckList;
pub use checklist::MAX_CANDIDATES;
use transactions::Transactions;
pub use transactions::{Check, TransactionKey, place};
pub use ufrag::local_ufrag;

pub use addresses::CONSENT;

use super::io::{Path, Remote};

/// The ICE agent of one session.
#[repr(C)] // the order counts: see Session
pub struct IceAgent {
    addresses: Addresses,
    current: Pair,
    /// The credentials of a restart, until the viewer nominates a path with them.
    next: Option<Pair>,
    transactions: Transactions,
    /// Of the controlling agent, until it has nominated.
    checklist: Option<Box<CheckList>>,
    controlling: bool,
}

/// What an authentic check causes. Both messages go back to where it came from.
pub struct Handled {
    /// A check of ours, which goes first: its answer comes before whatever the viewer sends once it has the
    /// response.
    pub check: Option<Unsealed>,
    pub response: Unsealed,
    /// What it carries of DTLS; `None` if it is refused.
    pub carried: Option<Carried>,
}

impl IceAgent {
    pub fn new(local: IceCredentials, remote: IceCredentials, key: TransactionKey) -> Self {
        IceAgent {
            current: Pair::new(local, remote, false),
            next: None,
            addresses: Addresses::new(false),
            transactions: Transactions::new(key),
            checklist: None,
            controlling: false,
        }
    }

    /// The controlling agent, which checks these candidates of the other side; with each, its priority.
    pub fn controlling(
        now: Instant,
        local: IceCredentials,
        remote: IceCredentials,
        key: TransactionKey,
        candidates: &[(Remote, u32)],
    ) -> Self {
        IceAgent {
            current: Pair::new(local, remote, true),
            addresses: Addresses::new(true),
            checklist: Some(Box::new(CheckList::new(now, candidates))),
            controlling: true,
            next: None,
            transactions: Transactions::new(key),
        }
    }

    /// Whether it is the controlling agent.
    pub fn is_controlling(&self) -> bool {
        self.controlling
    }

    /// Restarts ICE (RFC 8445 section 9). The old credentials, and where media goes, stay valid
    /// until the viewer nominates with the new ones; another restart before that replaces this.
    pub fn restart(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.next = Some(Pair::new(local, remote, false));
    }

    fn latest(&self) -> &Pair {
        self.next.as_ref().unwrap_or(&self.current)
    }

    /// Our credentials in the latest ICE session.
    pub fn local(&self) -> &IceCredentials {
        &self.latest().local
    }

    /// The viewer's credentials in the latest ICE session.
    pub fn remote(&self) -> &IceCredentials {
        &self.latest().remote
    }

    /// Handles a STUN datagram. Returns what an authentic check for this agent causes. Anything else
    /// changes nothing and is not answered.
    pub fn handle(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Option<Handled> {
        let ufrag = local_ufrag(datagram)?;
        let next = self.next.as_ref().filter(|next| next.local.ufrag == ufrag);
        let restarts = next.is_some();
        let current = Some(&self.current).filter(|current| current.local.ufrag == ufrag);
        let pair = next.or(current)?;
        let (response, nominates, carried) = match pair.answer(path.remote.mapped(), datagram)? {
            Answer::Refused(response) => {
                return Some(Handled {
                    check: None,
                    response,
                    carried: None,
                });
            }
            Answer::Accepted {
                response,
                nominates,
                carried,
            } => (response, nominates, carried),
        };
        if restarts
            && nominates
            && let Some(next) = self.next.take()
        {
            self.current = next;
        }
        let asks = self.addresses.checked(now, path, datagram.len(), nominates);
        if let Some(checklist) = self.checklist.as_mut().filter(|_| asks) {
            checklist.triggered(now, path);
        }
        let check = asks.then(|| {
            let nominates = self.is_nominated(path);
            let pair = match &self.next {
                Some(next) if restarts => next,
                _ => &self.current,
            };
            let check = self.transactions.begin(now, path.remote, nominates);
            self.addresses.check_sent(now, check.to, check.random);
            pair.request(check.id, nominates)
        });
        Some(Handled {
            check,
            response,
            carried: Some(carried),
        })
    }

    /// Whether we have nominated this path. Each check along it says so again: after our own address has changed, the other
    /// side learns by that alone where to send from now on (RFC 8445 section 7.3.1.5).
    fn is_nominated(&self, path: Path) -> bool {
        let selected = self.addresses.selected();
        self.controlling
            && self.checklist.is_none()
            && selected.is_some_and(|selected| selected.remote == path.remote)
    }

    /// A check of ours along this path.
    fn check(&mut self, now: Instant, path: Path, nominates: bool) -> Unsealed {
        let nominates = nominates || self.is_nominated(path);
        let check = self.transactions.begin(now, path.remote, nominates);
        self.addresses.check_sent(now, check.to, check.random);
        self.current.request(check.id, nominates)
    }

    /// The number of our next check.
    pub fn next_number(&self) -> u32 {
        self.transactions.next_number()
    }

    /// A check of ours, whose answer says when the viewer had everything that was sent before.
    pub fn check_selected(&mut self, now: Instant) -> Option<Vec<u8>> {
        let path = self.addresses.selected()?;
        self.check(now, path, false).seal()
    }

    /// The check of ours that this datagram is the authentic answer to, as it was received where it went; and what it
    /// carries of DTLS.
    pub fn answered(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Option<(Check, Carried)> {
        place(datagram)?;
        let check = self.transactions.find(now, path.remote, datagram)?;
        let mut pairs = [Some(&self.current), self.next.as_ref()]
            .into_iter()
            .flatten();
        let carried = pairs.find_map(|pair| pair.read_answer(datagram))?;
        self.transactions.end(&check);
        if let Some(checklist) = &mut self.checklist {
            self.addresses.found(now, path);
            match check.nominates {
                true => {
                    self.addresses.nominated(now, path, check.random);
                    self.checklist = None;
                }
                false => checklist.answered(now, path),
            }
        }
        self.addresses.answered(now, path, check.random);
        Some((check, carried))
    }

    /// A connection has ended.
    pub fn lost(&mut self, now: Instant, remote: Remote) {
        self.addresses.lost(now, remote);
    }

    /// The host's addresses have changed, and these are gone. True if the selected path began at one of them.
    pub fn host_changed(&mut self, now: Instant, gone: &[IpAddr]) -> bool {
        self.addresses.host_changed(now, gone)
    }

    /// The address of ours that media left from, if it is gone and no other way has been found since.
    pub fn gone(&self) -> Option<IpAddr> {
        self.addresses.gone()
    }

    /// When [`IceAgent::take_due`] has something.
    pub fn next_due(&self) -> Option<Instant> {
        let checklist = self.checklist.as_ref().and_then(|list| list.next_due());
        self.addresses.next_due().into_iter().chain(checklist).min()
    }

    /// The next check that is due now: for proof of an address, or to keep consent.
    pub fn take_due(&mut self, now: Instant) -> Option<(Path, Unsealed)> {
        let own = self.addresses.take_due(now).map(|path| (path, false));
        let listed = || self.checklist.as_mut()?.take_due(now);
        let (path, nominates) = own.or_else(listed)?;
        Some((path, self.check(now, path, nominates)))
    }

    /// Whether this may be where a NAT on the way has moved the viewer to: its own IP address, with a port from
    /// which no check had come when the path was selected. One may have come since, of a browser that keeps consent: that
    /// does not nominate.
    pub fn may_be_rebound(&self, remote: Remote) -> bool {
        let moved = match (self.selected().map(|path| path.remote), remote) {
            (Some(Remote::Udp(from)), Remote::Udp(to))
            | (Some(Remote::Own(from, _)), Remote::Own(to, _)) => from.ip() == to.ip(),
            _ => false,
        };
        moved && self.addresses.is_newer(remote)
    }

    /// An authentic datagram of `size` bytes came from there: media is wanted there, as nothing but checks
    /// leaves a viewer along another path than the one it has selected. A check of ours for it.
    pub fn rebound(&mut self, now: Instant, path: Path, size: usize) -> Option<Vec<u8>> {
        let asks = self.addresses.checked(now, path, size, true);
        asks.then(|| self.check(now, path, false).seal()).flatten()
    }

    /// Whether an authentic check came from this address, so that a datagram of `size` bytes from there is
    /// accepted. It is counted.
    pub fn received(&mut self, address: Remote, size: usize) -> bool {
        self.addresses.received(address, size)
    }

    /// Whether a datagram of `size` bytes may go to this address. It is counted.
    pub fn may_send(&mut self, now: Instant, address: Remote, size: usize) -> bool {
        let mut lists = self.checklist.iter();
        // Checks and answers alone go there, and those are few.
        lists.any(|list| list.names(address)) || self.addresses.may_send(now, address, size)
    }

    /// Addresses that authentic checks came from, at most a few, and when a check of ours was last answered
    /// from there.
    pub fn addresses(&self) -> impl Iterator<Item = (Remote, Option<Instant>)> + '_ {
        self.addresses.iter()
    }

    /// Where to send: the proven path that was nominated last, or before any nomination the one of the
    /// first authentic check.
    pub fn selected(&self) -> Option<Path> {
        self.addresses.selected()
    }

    /// The selected path, if it is proven: media may flow.
    pub fn proven(&self, now: Instant) -> Option<Path> {
        self.addresses.proven(now)
    }

    /// When consent for the selected path ends, unless a check of ours is answered before.
    pub fn consent_ends(&self) -> Option<Instant> {
        self.addresses.consent_ends()
    }
}

#[cfg(test)]
mod tests;
