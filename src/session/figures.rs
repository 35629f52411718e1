//! What there is to know of a session.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Session;
use super::io::Remote;
use super::leg::Leg;
use super::showing::Showing;
use super::sound::is_audio;
use crate::media::{Codec, MediaKind};
use crate::sdp::IceCredentials;
use crate::state::{Protocol, SessionState, SrtpProfile, StreamId, Switches};

/// What a session has counted and measured, all legs together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// SRTP packets sent, retransmissions included.
    pub packets: u64,
    /// SRTP bytes sent, retransmissions included.
    pub bytes: u64,
    /// Retransmissions.
    pub retransmits: u64,
    /// Padding, sent to find out whether the path carries more: packets and SRTP bytes, included in
    /// [`Figures::packets`] and [`Figures::bytes`].
    pub padding_packets: u64,
    pub padding_bytes: u64,
    /// Times that a leg fell behind the ring of its track.
    pub overflows: u64,
    /// Times that the viewer was shown a keyframe that its stream had gone on from.
    pub stills: u64,
    /// Times that frames were left out up to a keyframe because the path does not carry them.
    pub skips: u64,
    /// How often frames were left out because they were late here.
    pub sheds: u64,
    /// When that happened last.
    pub skipped_at: Option<Instant>,
    /// What the path carries, in bits per second; `None` until it is measured.
    pub estimate: Option<u64>,
    /// How often the viewer was shown another variant, or more or less of one.
    pub switches: Switches,
    /// Packets that the viewer asked for again.
    pub nacks: u64,
    /// Picture loss indications and full intra requests.
    pub plis: u64,
    /// Datagrams that were not authentic, or not understood.
    pub rejected: u64,
    /// Round trip: by the DTLS handshake at first, then by the last receiver report.
    pub round_trip: Option<Duration>,
    /// Loss of video by the last receiver report, in parts per million. The worst, if there are
    /// several videos.
    pub loss_ppm: u32,
}

/// # What there is to know
impl Session {
    /// Whether large packets vanish on the way to the viewer: a link has a smaller MTU than it should. From the next
    /// picture on, those of the streams that it is shown are to be smaller.
    pub fn drops_large(&self) -> bool {
        self.transport.drops_large()
    }

    /// Current state.
    pub fn state(&self) -> SessionState {
        self.transport.state()
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.state() == SessionState::Closed
    }

    /// Whether the session can go on with a track of this codec. Where there was no sound yet, none is lost.
    pub fn takes(&self, codec: Codec) -> bool {
        let mut legs = self.legs.iter().filter(|leg| leg.kind() == codec.kind());
        legs.all(|leg| leg.takes(codec) || (is_audio(leg) && !leg.has_sent()))
    }

    /// When it was created.
    pub fn created(&self) -> Instant {
        self.transport.created()
    }

    /// The SRTP profile in use; `None` unless there are keys.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.transport.srtp_profile()
    }

    /// The path that media takes; `None` before the first ICE check.
    pub fn selected(&self) -> Option<Remote> {
        self.transport.remote()
    }

    /// Where media goes; `None` before the first ICE check.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.transport.remote().map(Remote::address)
    }

    /// What carries it there.
    pub fn protocol(&self) -> Option<Protocol> {
        self.transport.remote().map(Remote::protocol)
    }

    /// The viewer's addresses, where its datagrams may come from, and when a check of ours was last answered
    /// from there: those of which that is true are the viewer's for certain.
    pub fn addresses(&self) -> impl Iterator<Item = (Remote, Option<Instant>)> + '_ {
        self.transport.ice().addresses()
    }

    /// The ICE credentials of both sides, ours first: those of the last restart, if there was one.
    pub fn ice_credentials(&self) -> (&IceCredentials, &IceCredentials) {
        let ice = self.transport.ice();
        (ice.local(), ice.remote())
    }

    /// The streams whose media the session sends or may soon send. Its own is missing only if the viewer
    /// does not hear it, which may be because it has no sound, and asked not to see it. In order, each once.
    /// Changes only in [`Session::handle_datagram`], [`Session::handle_timeout`], [`Session::reconsider`],
    /// [`Session::bind`] and [`Session::set_view`].
    pub fn streams(&self) -> Vec<StreamId> {
        let others = self.showings.iter().flat_map(Showing::others).flatten();
        let legs = self.legs.iter();
        let legs = legs.filter(|leg| leg.has_sound() || !is_audio(leg));
        let mut all: Vec<StreamId> = others.chain(legs.filter_map(Leg::stream)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What it has counted and measured.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures {
            nacks: self.nacks,
            plis: self.plis,
            rejected: self.transport.rejected(),
            round_trip: self.transport.round_trip(),
            estimate: self.transport.estimate(),
            ..Figures::default()
        };
        for showing in &self.showings {
            figures.switches.add(showing.counts());
        }
        for leg in &self.legs {
            let sent = leg.sent();
            figures.packets += sent.packets + sent.padding_packets;
            figures.bytes += sent.bytes + sent.padding_bytes;
            figures.padding_packets += sent.padding_packets;
            figures.padding_bytes += sent.padding_bytes;
            figures.retransmits += sent.retransmits;
            figures.overflows += sent.overflows;
            figures.stills += sent.stills;
            figures.skips += sent.skips;
            figures.sheds += sent.sheds;
            figures.skipped_at = figures.skipped_at.max(sent.skipped_at);
            if leg.kind() == MediaKind::Video {
                figures.loss_ppm = figures.loss_ppm.max(leg.loss_ppm());
            }
        }
        figures
    }
}
