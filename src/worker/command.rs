//! Commands from host threads to a worker, and the context that all workers share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::allocation::{OwnAllocation, ServerWays};
#[cfg(feature = "http")]
use super::callers::Stranger;
use super::callers::{Caller, CallerStats};
use super::feeds::{MirrorAddress, Parcel};
use super::guests::{GuestOffer, Meeting};
use super::narrow::NarrowPaths;
use super::public::PublicAddresses;
use super::routes::Routes;
use super::tcp_ports::TcpPorts;
use super::thread::Peers;
use super::wall::WallRequest;
use super::wall_channel::Pages;
use crate::error::{Error, Result};
use crate::events::Notices;
use crate::net::{Interfaces, Socket};
use crate::sdp::fragment::Fragment;
use crate::sdp::offer::Offer;
use crate::session::dtls::Certificate;
use crate::session::turn::Authority;
use crate::session::{PathMemory, WallClock};
use crate::sinks::{Queue, SinkFrame};
use crate::source::{CameraConfig, push};
use crate::state::{
    OutputId, SessionId, SessionInfo, SinkId, SlotChange, SlotInfo, StreamId, StreamIdentity,
    StreamInfo, ViewerIdentity, ViewerLimits,
};
use crate::stats::WorkerSnapshot;
use crate::tuning::Tuning;
use crate::whep::Response;
use crate::whip::Output;
use crate::worker::pending_offers::Ticket;
use crate::worker::registry::Registry;

/// What all workers of a gateway share.
pub struct WorkerContext {
    /// Index of this worker.
    pub index: usize,
    /// All workers.
    pub peers: Peers,
    /// The gateway's socket.
    pub socket: Arc<Socket>,
    /// Where viewers without UDP may connect over TCP.
    pub tcp_ports: Arc<TcpPorts>,
    /// Counts of connections there.
    pub callers: Arc<CallerStats>,
    /// Makes credentials for the relay, if there is one.
    pub turn: Option<Arc<Authority>>,
    /// Which session owns which address.
    pub routes: Arc<Routes>,
    /// The knobs.
    pub tuning: Arc<Tuning>,
    /// This host's addresses.
    pub interfaces: Arc<Interfaces>,
    /// Additional addresses to advertise.
    pub public_addresses: Arc<[IpAddr]>,
    /// Those that a NAT gives this host.
    pub reflexive: Arc<PublicAddresses>,
    /// Its allocation at a TURN server, if the host names any.
    pub allocation: Option<Arc<OwnAllocation>>,
    /// `Link` headers that announce STUN and TURN servers.
    pub ice_links: Arc<[String]>,
    /// The gateway's certificate.
    pub certificate: Arc<Certificate>,
    /// The queue of events for the host.
    pub notices: Notices,
    /// Streams and sessions, and their owners.
    pub registry: Arc<Registry>,
    /// Where the workers meet at the end.
    pub parting: Arc<Meeting>,
    /// What is known of the paths to viewers.
    pub paths: Arc<PathMemory>,
    /// Where messages of walls' pages go.
    pub pages: Pages,
    /// How many of them drop large packets.
    pub narrow_paths: Arc<NarrowPaths>,
    /// Converts to wall clock time.
    pub clock: WallClock,
}

/// A WHEP offer on its way to the worker that owns the stream.
pub struct OfferRequest {
    /// The stream to watch.
    pub stream: StreamId,
    /// The browser's offer; `None` if it leaves that to us.
    pub offer: Option<Offer>,
    /// Whether we may make an offer of our own where it cannot be answered.
    pub may_counter: bool,
    /// What came with it.
    pub posted: Posted,
    /// How long it may wait for the camera. Zero: not at all.
    pub timeout: Duration,
    /// The end of that time.
    pub deadline: Instant,
    /// What the viewer asks for.
    pub limits: ViewerLimits,
    /// Whether its viewer lives with the stream, whatever there is to do for that worker.
    pub stays: bool,
    /// Completes the offer.
    pub ticket: Ticket,
}

/// What comes with every offer.
pub struct Posted {
    /// The part of `Location` before the session key.
    pub location_prefix: Option<String>,
    /// `Link` headers for this viewer. `None`: those of the gateway.
    pub ice_links: Option<Vec<String>>,
    /// The URL by which this viewer reaches the relay. `None`: that of the media port.
    pub turn_url: Option<String>,
    /// Peer, label and user data of the session.
    pub viewer: ViewerIdentity,
}

/// A PATCH of a session.
pub struct PatchRequest {
    /// The session.
    pub session: SessionId,
    /// Its row.
    pub row: usize,
    /// Its key.
    pub key: String,
    /// The `If-Match` header.
    pub if_match: String,
    /// The body.
    pub fragment: Fragment,
}

/// The answer of a viewer to an offer of ours.
pub struct AnswerRequest {
    /// The session.
    pub session: SessionId,
    /// Its row.
    pub row: usize,
    /// Its key.
    pub key: String,
    /// What the viewer takes, and how to reach it.
    pub answer: Offer,
}

/// What became of each change of slots: what the slot is bound to.
pub type SlotsChanged = Vec<Result<Option<StreamId>>>;

/// A request from a host thread to a worker.
pub enum Command {
    /// Connect a camera.
    AddStream {
        /// Its id.
        id: StreamId,
        /// What the host calls it.
        identity: StreamIdentity,
        /// How to connect to it.
        camera: Box<CameraConfig>,
    },
    /// Add a push stream.
    AddPushStream {
        /// Its id.
        id: StreamId,
        /// What the host calls it.
        identity: StreamIdentity,
        /// Where its media comes from.
        pushed: push::Receiver,
    },
    /// Connect a camera with other options; its viewers stay.
    UpdateStream {
        /// Its id.
        id: StreamId,
        /// Its new label.
        label: Option<Arc<str>>,
        /// New user data of the host.
        user_data: usize,
        /// How to connect to it from now on.
        camera: Box<CameraConfig>,
    },
    /// Connect a camera now, even if it is connected.
    ReconnectStream(StreamId),
    /// Remove a stream and close its sessions.
    RemoveStream(StreamId),
    /// Pass what a stream receives to this sink.
    AddSink(Arc<Queue>, SyncSender<()>),
    /// No longer do so.
    RemoveSink(StreamId, SinkId),
    /// Send a stream to a media server.
    AddOutput(Arc<Output>),
    /// No longer do so.
    RemoveOutput(StreamId, OutputId),
    /// Return the last keyframe of a stream.
    Keyframe(StreamId, SyncSender<Result<SinkFrame>>),
    /// The variants of a stream have changed: the registry has them.
    VariantsChanged(StreamId),
    /// Another worker begins to mirror a stream.
    BeginMirror(StreamId, MirrorAddress),
    /// It no longer does.
    EndMirror(StreamId, MirrorAddress),
    /// News of a stream that this worker mirrors.
    Mirrored(Box<Parcel>),
    /// A viewer of another worker needs a keyframe of a push stream.
    RequestKeyframe(StreamId),
    /// Answer an offer.
    Offer(Box<OfferRequest>),
    /// Answer an offer for a stream of another worker.
    OfferGuest(Box<GuestOffer>),
    /// A stream of that worker is removed: end the sessions of its guests.
    EndGuests(StreamId, usize, Error),
    /// The guests that a worker had of a removed stream are gone.
    GuestsLeft(StreamId),
    /// Answer the offer of a wall.
    OfferWall(Box<WallRequest>),
    /// A TCP connection came to an HTTP listener, and is none of HTTP. For the first worker.
    #[cfg(feature = "http")]
    Called(Box<Stranger>),
    /// A TCP connection asks for a session of this worker.
    Connected(Box<Caller>),
    /// Apply a PATCH: candidates or an ICE restart.
    Patch(Box<PatchRequest>, SyncSender<Result<Response>>),
    /// Take the answer to an offer of ours.
    Answer(Box<AnswerRequest>, SyncSender<Result<Response>>),
    /// Close the session in a row.
    CloseSession(SessionId, usize),
    /// End the session in a row, whose viewer has not connected: it makes room for another.
    DisplaceSession(SessionId, usize),
    /// Report a stream.
    StreamInfo(StreamId, SyncSender<Result<StreamInfo>>),
    /// Report the session in a row.
    SessionInfo(SessionId, usize, SyncSender<Result<SessionInfo>>),
    /// Change slots of the session in a row, each for itself. Reports what each is bound to then.
    ChangeSlots(
        SessionId,
        usize,
        Vec<SlotChange>,
        SyncSender<Result<SlotsChanged>>,
    ),
    /// Report the slots of the session in a row.
    Slots(SessionId, usize, SyncSender<Result<Vec<SlotInfo>>>),
    /// Answer the message of this number, which the page in a row has sent.
    Reply(SessionId, usize, u64, String),
    /// Change what the viewer in a row asks for.
    SetLimits(SessionId, usize, ViewerLimits, SyncSender<Result<()>>),
    /// Reply: what was sent before is done.
    CaughtUp(SyncSender<()>),
    /// Report everything, for metrics.
    Snapshot(SyncSender<WorkerSnapshot>),
    /// How datagrams go through the gateway's TURN server from now on.
    ServerWays(Arc<ServerWays>),
    /// The addresses of this host have changed, and these are gone.
    AddressesChanged(Arc<[IpAddr]>),
    /// A knob has changed.
    TuningChanged,
    /// Close everything and exit.
    Shutdown,
}
