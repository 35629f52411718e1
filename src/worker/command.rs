//! What host threads ask of a worker, and what workers share.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::routes::Routes;
use crate::config::PullOptions;
use crate::error::Result;
use crate::events::Notices;
use crate::net::{Interfaces, Socket};
use crate::sdp::fragment::Fragment;
use crate::sdp::offer::Offer;
use crate::session::WallClock;
use crate::session::dtls::Certificate;
use crate::source::{CameraUrl, Timeouts, push};
use crate::state::{SessionId, SessionInfo, StreamId, StreamInfo};
use crate::stats::WorkerSnapshot;
use crate::tuning::Tuning;
use crate::whep::Response;
use crate::worker::pending_offers::Ticket;
use crate::worker::registry::Registry;

/// What all workers of a gateway share.
pub struct WorkerContext {
    /// Index of this worker.
    pub index: usize,
    /// The gateway's socket.
    pub socket: Arc<Socket>,
    /// Which session owns which address.
    pub routes: Arc<Routes>,
    /// The knobs.
    pub tuning: Arc<Tuning>,
    /// This host's addresses.
    pub interfaces: Arc<Interfaces>,
    /// Addresses to advertise besides.
    pub public_addresses: Arc<[IpAddr]>,
    /// `Link` headers that tell of STUN and TURN servers.
    pub ice_links: Arc<[String]>,
    /// The gateway's certificate.
    pub certificate: Arc<Certificate>,
    /// Where to leave what the host is to be told.
    pub notices: Notices,
    /// Who owns what.
    pub registry: Arc<Registry>,
    /// Tells wall clock.
    pub clock: WallClock,
}

/// A WHEP offer on its way to the worker that owns the stream.
pub struct OfferRequest {
    /// What to watch.
    pub stream: StreamId,
    /// The browser's offer.
    pub offer: Offer,
    /// What to put before the session key in `Location`.
    pub location_prefix: Option<String>,
    /// Who asks, for the log; "" if not known.
    pub peer: String,
    /// How long it may wait for the camera.
    pub timeout: Duration,
    /// When that is over.
    pub deadline: Instant,
    /// Who is told of the answer.
    pub ticket: Ticket,
}

/// A change that a viewer wants of its session (PATCH).
pub struct PatchRequest {
    /// The session.
    pub session: SessionId,
    /// Its slot.
    pub slot: usize,
    /// Its key.
    pub key: String,
    /// The header `If-Match`.
    pub if_match: String,
    /// The body.
    pub fragment: Fragment,
}

/// What host threads ask of a worker.
pub enum Command {
    /// Connect a camera.
    AddStream {
        /// Its id.
        id: StreamId,
        /// Its name.
        name: Arc<str>,
        /// Its address.
        url: Box<CameraUrl>,
        /// How to connect.
        options: Box<PullOptions>,
        /// How long to wait for it.
        timeouts: Timeouts,
    },
    /// Serve what the host pushes.
    AddPushStream {
        /// Its id.
        id: StreamId,
        /// Its name.
        name: Arc<str>,
        /// Where its media comes from.
        pushed: push::Receiver,
    },
    /// Disconnect a camera and close its sessions.
    RemoveStream(StreamId),
    /// Answer an offer.
    Offer(Box<OfferRequest>),
    /// Take candidates, or restart ICE.
    Patch(Box<PatchRequest>, SyncSender<Result<Response>>),
    /// Close the session in a slot.
    CloseSession(SessionId, usize),
    /// Tell of a stream.
    StreamInfo(StreamId, SyncSender<Result<StreamInfo>>),
    /// Tell of the session in a slot.
    SessionInfo(SessionId, usize, SyncSender<Result<SessionInfo>>),
    /// Tell everything, for metrics.
    Snapshot(SyncSender<WorkerSnapshot>),
    /// A knob was changed.
    TuningChanged,
    /// Close everything and end.
    Shutdown,
}
