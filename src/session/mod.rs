//! One viewer, without I/O: datagrams, media and time come in as arguments, datagrams and events go
//! out.
//!
//! A [`Session`] has two halves, and only it knows both:
//!
//! ```text
//!                   Session
//!   ┌───────────────────┴────────────────────┐
//!   transport, one per connection            legs, one per media section
//!   ICE · DTLS · keys · SRTCP · reports      a stream's track · its place in the ring ·
//!   liveness · round trip · pacer · estimate sequence numbers · repeats · keyframe needs · lag
//!
//!   media:     ring ──► Leg::pump ──► Egress (seal, pace) ──► Transmit
//!   datagrams: worker ──► Transport ──► Received::Rtcp ──► feedback ──► the leg with that SSRC
//! ```
//!
//! * The [`transport`] owns what a connection has once, however many streams it carries. It knows
//!   nothing of media. It goes through typed phases (`transport/phase.rs`), each of which owns what
//!   exists in it: `Waiting` for the first ICE check, `Handshaking`, `Up`, `Over`.
//! * A [`leg`] owns what a media section has: which stream's track it sends, and how far it is.
//!   It knows no key and no address. It sends through the transport's `Egress`, which exists only
//!   while the transport is up, so that a leg cannot send too early, too late, or past the pacer.
//! * The [`ladder`] decides which variant of its stream a viewer is shown, and how much of it.
//! * `share.rs` shares what the path carries among the videos, if there are several.
//! * `order.rs` decides which of the legs sends first, if there is something of several.
//! * `slots.rs` is what the viewer has of the legs: they are slots that are bound to streams.
//! * `sound.rs` notes whether there is sound: it may begin, and end, while a viewer watches.
//! * [`data`] is the data channel of a wall: SCTP in DTLS. What is said over it, the session does not know.
//! * `feedback.rs` takes RTCP from the transport to the legs. `figures.rs` is what others may know of a session.
//! * `embedding.rs` is what of DTLS goes along in messages of ICE.
//! * [`ice`], [`dtls`], [`srtp`] and [`rtcp`] are the protocols. They know neither half. [`framing`] and [`turn`]
//!   are how datagrams come over a TCP connection, of which a session knows no more than that it is one.
//!
//! # The run loop
//!
//! The worker owns clock, sockets and media, and lends them to each call as an [`Io`]:
//!
//! 1. A datagram has arrived: [`Session::handle_datagram`].
//! 2. A stream has a new access unit: [`Session::send`], for each session with a leg of that
//!    stream. It returns when [`Session::handle_timeout`] is due for what was held back.
//! 3. [`Session::next_deadline`] has passed: [`Session::handle_timeout`].
//! 4. A stream that the viewer may be shown has come, gone or changed: [`Session::reconsider`].
//!
//! After 1, 3 and 4, and after [`Session::close`] or [`Session::fail`]: [`Session::poll_event`] until
//! it returns `None`, then ask for `next_deadline` again, which is `None` once the session is over.
//! After 1 to 4, [`Session::poll_keyframe_request`] names the streams whose encoder should make
//! a keyframe. No call blocks, and a call without need does no harm.
//!
//! # Invariants
//!
//! * Nothing changes and nothing is answered before a datagram is authenticated: by
//!   MESSAGE-INTEGRITY, the DTLS handshake or the SRTCP tag.
//! * Packet indices (2^16 * ROC + SEQ) of a leg only grow. No index seals two different packets
//!   that leave, whatever happens to its place in the ring: see `leg/position.rs`.
//! * [`Session::send`] allocates nothing and copies no payload, except for reports at their
//!   interval. It looks a stream up once per leg, not per packet.
//! * Whatever a viewer asks for is limited: repeats (`leg/nack.rs`), starts from a keyframe
//!   (`leg/restart.rs`), other streams (`quality.rs`), handshake datagrams (`dtls/guard.rs`), feedback items ([`rtcp`]).
//! * A state is entered once and reported once: New, Connecting, Connected, Disconnected and back,
//!   then perhaps Failed, and Closed.
//!
//! # A leg of another stream
//!
//! Legs are independent of each other. A session with legs of several streams is made by one
//! [`LegConfig`] per media section, and the worker calls [`Session::send`] for each of the streams.
//!
//! A leg may go on with another stream in place: a video leg with a variant of the stream that it is bound to, and
//! every leg with another stream that it is bound to from now on ([`Session::bind`]). Its position seeks to a
//! keyframe of that stream's ring. The sequence numbers go on by themselves, and `leg/timeline.rs` lets the
//! timestamps go on as well. Which variant is shown is decided by the [`ladder`]; `quality.rs` does what it
//! says. [`Session::streams`] names the streams whose media is needed.

pub mod data;
pub mod dtls;
mod embedding;
pub mod estimate;
mod feedback;
mod figures;
pub mod framing;
pub mod ice;
mod io;
mod ladder;
mod leg;
mod order;
mod quality;
pub mod rtcp;
mod share;
mod showing;
mod slots;
mod sound;
pub mod srtp;
mod transport;
pub mod turn;
mod wall_clock;

use std::net::IpAddr;
use std::time::Instant;

pub use ice::TransactionKey;
pub use io::{
    Carrier, ConnectionId, Io, Media, Path, Relayed, Remote, SendBuffer, Tracks, Transmit, Way,
    WouldBlock,
};
pub use leg::LegConfig;
pub use slots::Slot;
pub use transport::{FIRST_CHECK, Ingest, PathMemory, TransportConfig};
pub use wall_clock::WallClock;

use crate::error::{Error, Result};
use crate::media::MediaKind;
use crate::sdp::IceCredentials;
use crate::state::{SessionState, StreamId, ViewerLimits};
use data::ChannelEvent;
use feedback::Allowance;
use leg::{Burst, Leg};
use order::{Order, Which};
use showing::Showing;
use transport::{Received, Transport};

/// A change of state, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// The new state.
    pub state: SessionState,
    /// Why, if it is a failure.
    pub error: Option<Error>,
}

/// One viewer. What is touched for each access unit lies together, also in its parts: of thousands of viewers
/// nothing is in the cache, and each line of it costs more than the work with it.
#[repr(C)]
pub struct Session {
    transport: Transport,
    /// Whose turn it is to send.
    order: Order,
    /// A variant is shown as soon as it has a keyframe.
    awaits: bool,
    /// Perhaps something else is shown than what was told.
    news: bool,
    /// Something of a leg may be due.
    waits: bool,
    /// An audio leg is bound to another stream, or hears its stream or no longer.
    streams_changed: bool,
    legs: Box<[Leg]>,
    /// The stream that each leg sends, side by side: one look finds the legs of a stream.
    shown: Box<[StreamId]>,
    /// What each video leg shows. Not touched for each access unit.
    showings: Box<[Showing]>,
    /// The names of their media sections; empty in a session of a stream, where nobody asks for them.
    mids: Box<[Box<str>]>,
    nacks: u64,
    plis: u64,
    /// What it may still say.
    allowance: Allowance,
    /// When that was decided.
    decided: Option<Instant>,
    /// Bits per second that the viewer asked for at most.
    max_bitrate: Option<u64>,
    /// What its videos have sent at once, if there are several.
    burst: Burst,
}

/// # Creation and control
impl Session {
    /// A session that has been answered, and waits for the viewer's first check.
    pub fn new(
        now: Instant,
        transport: TransportConfig,
        legs: impl IntoIterator<Item = LegConfig>,
    ) -> Session {
        let mut legs: Vec<LegConfig> = legs.into_iter().collect();
        let mids = legs.iter_mut().map(|leg| std::mem::take(&mut leg.mid));
        let mut mids: Vec<Box<str>> = mids.collect();
        if mids.iter().all(|mid| mid.is_empty()) {
            mids = Vec::new();
        }
        let legs: Box<[Leg]> = legs.into_iter().map(Leg::new).collect();
        let shown = legs
            .iter()
            .map(|leg| leg.stream().unwrap_or(StreamId::NONE));
        Session {
            transport: Transport::new(now, transport),
            shown: shown.collect(),
            max_bitrate: None,
            waits: false,
            showings: Showing::of(&legs),
            legs,
            mids: mids.into(),
            decided: None,
            awaits: false,
            news: false,
            order: Order::default(),
            burst: Burst::default(),
            streams_changed: false,
            nacks: 0,
            plis: 0,
            allowance: Allowance::default(),
        }
    }

    /// Restarts ICE (RFC 8839 section 4.4.1.1.1). DTLS and media go on. The old credentials stay
    /// valid until the viewer nominates a path with the new ones.
    pub fn restart_ice(&mut self, local: IceCredentials, remote: IceCredentials) {
        self.transport.restart_ice(local, remote);
    }

    /// Ends the session from our side: BYE, then close_notify.
    pub fn close<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        self.transport.close(&self.ssrcs(), io);
    }

    /// The same, because of `error`.
    pub fn give_up<T: Transmit>(&mut self, error: Error, io: &mut Io<'_, T>) {
        self.transport.give_up(error, &self.ssrcs(), io);
    }

    fn ssrcs(&self) -> Vec<u32> {
        self.legs.iter().map(Leg::ssrc).collect()
    }

    /// Changes what the viewer asks for: of several videos, all of them together may use the bit rate. Ask for
    /// [`Session::next_deadline`] again.
    pub fn set_limits(&mut self, limits: ViewerLimits) {
        self.max_bitrate = limits.max_bitrate;
        for showing in &mut self.showings {
            showing.set_limits(limits);
        }
    }

    /// Counts on from another one, which nobody has connected to, and in whose place this is.
    pub fn goes_on_from(&mut self, other: &Session) {
        self.transport.goes_on_from(&other.transport);
    }

    /// Gives up on the session because of `error`. The viewer hears nothing of it.
    pub fn fail(&mut self, error: Error) {
        self.transport.fail(error);
    }
}

/// # The run loop
impl Session {
    /// Handles a datagram that arrived on `path`.
    pub fn handle_datagram<T: Transmit>(
        &mut self,
        path: Path,
        datagram: &[u8],
        io: &mut Io<'_, T>,
    ) {
        let received = self.transport.handle_datagram(path, datagram, io);
        self.handle_received(received, io);
    }

    /// The connection that media goes over takes more again.
    pub fn handle_room<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        // What comes first takes the room, and sound is little.
        for kind in [MediaKind::Audio, MediaKind::Video] {
            self.pump(Which::WaitingOf(kind), io);
        }
    }

    /// A TCP connection has ended. Media goes another way if the viewer has one, and waits for the viewer to connect
    /// again if not.
    pub fn handle_lost<T: Transmit>(&mut self, remote: Remote, io: &mut Io<'_, T>) {
        let received = self.transport.lost(remote, io.now);
        self.handle_received(received, io);
    }

    /// The host's addresses have changed, and these are gone: perhaps the one that media left from. Ask for
    /// [`Session::next_deadline`] again.
    pub fn handle_addresses<T: Transmit>(&mut self, gone: &[IpAddr], io: &mut Io<'_, T>) {
        let received = self.transport.host_changed(gone, io.now);
        self.handle_received(received, io);
    }

    /// Goes on as if the handshake, which has begun, had led to these keys: for tests of what is behind it.
    pub fn skip_handshake<T: Transmit>(&mut self, keys: &srtp::KeyingMaterial, io: &mut Io<'_, T>) {
        let received = self.transport.keyed(keys, io.now);
        self.handle_received(received, io);
    }

    /// Sends what is new of a stream, or of its tracks of one `kind`, and along with it the reports that are due. Returns when
    /// [`Session::handle_timeout`] is due for what was held back by the pacer or the socket.
    /// No other deadline moves closer.
    pub fn send<T: Transmit>(
        &mut self,
        stream: StreamId,
        kind: Option<MediaKind>,
        io: &mut Io<'_, T>,
    ) -> Option<Instant> {
        let shown = self.show_if_awaited(stream, io);
        let due = self.pump(Which::Of(stream, kind), io);
        match shown {
            true => earliest(due, self.decision_due(io.now)),
            false => due,
        }
    }

    /// Reads what [`Session::send`] will for this stream, so that it is in the cache by then.
    pub fn touch(&self, stream: StreamId, now: Instant) {
        std::hint::black_box((self.awaits, self.news, self.transport.touch(now)));
        for (leg, &shown) in self.legs.iter().zip(&self.shown) {
            if shown == stream {
                leg.touch();
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let now = io.now;
        let received = self.transport.handle_timeout(io);
        self.handle_received(received, io);
        if self.decision_due(now).is_some_and(|at| at <= now) {
            self.decide(io);
        }
        self.pump(Which::Due, io);
        if self.transport.report_is_overdue(now) {
            self.send_reports(io);
        }
    }

    /// Decides again what the viewer is shown, now that the variants of its stream, or what they have,
    /// have changed. Sooner or later that happens anyway.
    pub fn reconsider<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        self.decide(io);
        self.pump(Which::Due, io);
    }

    /// When [`Session::handle_timeout`] is due; `None` once the session is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        let transport = self.transport.next_deadline()?;
        let legs = self.legs.iter().filter_map(Leg::due);
        let due = legs.chain(self.decision_due(self.created()));
        Some(due.fold(transport, Instant::min))
    }

    /// The next change of state.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.transport.poll_event()
    }

    /// The next stream of which the viewer needs a keyframe that the ring cannot give: it asked for
    /// one, or waits for one to start or to go on with. Each need is reported once; a viewer that
    /// still waits when the next access unit is sent reports it again.
    pub fn poll_keyframe_request(&mut self) -> Option<StreamId> {
        let leg = self.legs.iter_mut().find_map(|leg| {
            let wanted = leg.take_keyframe_request();
            wanted.then_some(leg)
        });
        let wanted = leg.and_then(|leg| leg.stream());
        wanted.or_else(|| {
            let mut showings = self.showings.iter_mut().filter(|_| self.awaits);
            showings.find_map(Showing::take_keyframe_request)
        })
    }

    /// Whether [`Session::streams`] has changed since the last call.
    pub fn poll_streams_changed(&mut self) -> bool {
        let showings = self.showings.iter_mut();
        let shown = showings.fold(false, |any, showing| showing.take_streams_changed() | any);
        std::mem::take(&mut self.streams_changed) | shown
    }

    /// What happens to the data channel, after each call of the run loop until there is nothing. What is not asked for, the viewer has
    /// to keep, beyond 256 KiB.
    pub fn poll_message<T: Transmit>(&mut self, io: &mut Io<'_, T>) -> Option<ChannelEvent> {
        self.transport.poll_channel(io)
    }

    /// Sends a message, which is not empty, over the data channel. Ask for [`Session::next_deadline`] again.
    ///
    /// # Errors
    /// See [`DataChannel::send`](data::DataChannel::send).
    pub fn send_message<T: Transmit>(&mut self, message: &str, io: &mut Io<'_, T>) -> Result<()> {
        self.transport.send_message(message, io)
    }

    fn handle_received<T: Transmit>(&mut self, received: Received, io: &mut Io<'_, T>) {
        match received {
            Received::Nothing => {}
            Received::Up => {
                for leg in &mut self.legs {
                    leg.begin(io.now);
                }
                self.decide(io);
                self.pump(Which::All, io);
            }
            Received::Proven => {
                self.pump(Which::All, io);
            }
            Received::Moved(since) => {
                self.repeat_since(since, io);
                self.pump(Which::All, io);
            }
            Received::Room => {
                self.pump(Which::Waiting, io);
            }
            Received::Rtcp(compound) => self.handle_rtcp(&compound, io),
        }
    }

    /// Sends again what has been sent since then.
    fn repeat_since<T: Transmit>(&mut self, since: Instant, io: &mut Io<'_, T>) {
        let tracks = io.tracks;
        for leg in &mut self.legs {
            if let Some(track) = leg.track(tracks)
                && leg.sends(track)
                && let Some(mut egress) = self.transport.egress(io)
            {
                leg.repeat_since(track.ring(), since, &mut egress);
            }
        }
    }

    fn send_reports<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let (now, tracks) = (io.now, io.tracks);
        let reports = self.legs.iter_mut().filter_map(|leg| {
            let track = leg.track(tracks)?;
            leg.report(track, now)
        });
        self.transport.send_reports(reports, io);
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
