//! How media comes: in the connection, to ports of ours, or from a group.

use std::net::IpAddr;

use super::attempt::Attempt;
use crate::config::Transport;
use crate::error::Result;
use crate::source::failure;
use crate::source::rtp::Delivery;
use crate::source::rtsp::{Answer, Lower, Wanted};
use crate::source::tracks::REORDER;
use crate::source::wire::{Connection, Group, Ports, is_near};

impl Attempt<'_> {
    /// Says so if the camera announces media from where none is taken.
    pub(super) fn note_source(&self, source: Option<IpAddr>) {
        let peer = self
            .connection
            .as_ref()
            .map(|connection| connection.addresses().1);
        if let (Some(source), Some(peer)) = (source, peer)
            && matches!(self.transport, Transport::Udp | Transport::Multicast)
            && !is_near(peer, source)
        {
            let (stream, name) = (self.camera.stream, &self.camera.name);
            log::warn!(
                stream = stream.0, stream_name = &**name;
                "stream \"{name}\": the camera says that it sends from {source}, which is in another \
                 network: nothing is taken from there; use TCP"
            );
        }
    }

    /// How packets arrive.
    pub(super) fn delivery(&self) -> Delivery {
        match self.by_datagrams() {
            true => REORDER,
            false => Delivery::InOrder,
        }
    }

    /// Media of an encrypted connection stays in it, wherever it was redirected from.
    fn by_datagrams(&self) -> bool {
        let encrypted = self.client.url().starts_with("rtsps");
        !encrypted && matches!(self.transport, Transport::Udp | Transport::Multicast)
    }

    /// What to set up, with its ports.
    pub(super) fn wanted(&mut self) -> Result<Vec<Wanted>> {
        self.ports.clear();
        let addresses = self.connection.as_ref().map(Connection::addresses);
        let addresses = addresses.filter(|_| self.by_datagrams());
        let mut wanted = Vec::new();
        for &track in &self.choice.set_up {
            let lower = match (self.transport, addresses) {
                (_, None) => Lower::Interleaved,
                (Transport::Multicast, Some(_)) => Lower::Multicast,
                (_, Some((local, peer))) => {
                    let ports = Ports::bind(local, peer).map_err(|error| {
                        let url = &self.camera.config.url;
                        failure::no_ports(url, &error)
                    })?;
                    let port = ports.number();
                    self.ports.push((track, ports));
                    Lower::Udp { port }
                }
            };
            wanted.push(Wanted {
                track,
                lower,
                needed: self.choice.needs(track),
            });
        }
        Ok(wanted)
    }

    /// The camera said how it sends a track.
    pub(super) fn open(&mut self, track: usize, answer: &Answer) -> Result<()> {
        let ports = self.ports.iter().position(|(of, _)| *of == track);
        let Some(ports) = ports else {
            return match self.by_datagrams() {
                true => self.join(track, answer),
                false => Ok(()),
            };
        };
        // Some send to their group, whatever they were asked for.
        let group = answer.destination.filter(IpAddr::is_multicast);
        if group.is_some() && answer.multicast {
            self.ports.remove(ports);
            return self.join(track, answer);
        }
        if let Some((_, ports)) = self.ports.get_mut(ports) {
            ports.answered(answer.source, answer.server_port);
        }
        Ok(())
    }

    /// Joins the group that the camera sends a track to, by its answer or by its description.
    fn join(&mut self, track: usize, answer: &Answer) -> Result<()> {
        let url = &self.camera.config.url;
        let Some(connection) = &self.connection else {
            return Ok(());
        };
        let described = self.groups.iter().find(|(index, ..)| *index == track);
        let (address, port) = described.map_or((None, 0), |&(_, address, port)| (address, port));
        let mut addresses = [answer.destination, address].into_iter().flatten();
        let address = addresses.find(IpAddr::is_multicast);
        let described = Some((port, port.saturating_add(1))).filter(|_| port > 0);
        let ports = answer.port.or(described);
        let (Some(address), Some(ports)) = (address, ports) else {
            return Err(failure::no_group(url, None));
        };
        let group = Group {
            address,
            ports,
            source: answer.source,
        };
        let (local, peer) = connection.addresses();
        let mut ports = Ports::join(&group, local, peer)
            .map_err(|error| failure::no_group(url, Some(&error)))?;
        ports.answered(answer.source, None);
        self.ports.push((track, ports));
        Ok(())
    }
}
