//! Events for the host, delivered in order on one thread per gateway, without holding a lock.

mod notifier;
pub(crate) mod role;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::notifier::{Notice, Notices, Notifier};
use crate::error::Status;
use crate::state::{
    OutputId, OutputState, Quality, SessionId, SessionState, StreamId, StreamIdentity, StreamState,
    ViewerIdentity, Warning,
};

/// Events for the host. All calls come from one thread of the gateway, one at a
/// time; they may call every function of the gateway that does not block.
pub trait Events: Send + 'static {
    /// A stream changed its state, or it is live and its warning changed. `Removed` is the last call for
    /// an id.
    fn stream_state(&self, event: &StreamEvent) {
        let _ = event;
    }

    /// A session changed its state. `Closed` is the last call for an id.
    fn session_state(&self, event: &SessionEvent) {
        let _ = event;
    }

    /// A viewer is shown something else than before: another variant, more or less of it, or the same
    /// for another reason.
    fn session_quality(&self, event: &QualityEvent) {
        let _ = event;
    }

    /// An output changed its state. The one in which it is added, `Waiting`, is not reported; `Removed` is the last
    /// call for an id.
    fn output_state(&self, event: &OutputEvent) {
        let _ = event;
    }

    /// A push stream needs a keyframe from the host's encoder: a viewer cannot decode without one, or
    /// video frames were dropped. Called at most once a second per stream, and not while an earlier call
    /// is queued.
    fn keyframe_request(&self, stream: StreamId) {
        let _ = stream;
    }

    /// Whether the host decides on HTTP requests, in [`Events::authorize`].
    fn authorizes(&self) -> bool {
        false
    }

    /// Asks whether an HTTP request is allowed. Answer with
    /// [`Handle::authorize`](crate::gateway::Handle::authorize), now or later and from any thread,
    /// within 30 s. Called if [`Events::authorizes`] returns true, for each request that is not a CORS
    /// preflight and has none of the configured tokens.
    fn authorize(&self, request: AuthorizeRequest) {
        let _ = request;
    }
}

/// A change of a stream's state, or of the warning of a stream that is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// The stream.
    pub stream: StreamId,
    /// The new state.
    pub state: StreamState,
    /// Why the stream is `Retrying` or `Failed`; `Ok` in the other states.
    pub status: Status,
    /// Error message for `status`; empty if there is none.
    pub message: String,
    /// What is wrong with the media of a stream that is live, if anything.
    pub warning: Option<Warning>,
    /// Name, label and user data of the stream.
    pub identity: StreamIdentity,
}

/// A change of a session's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// The session.
    pub session: SessionId,
    /// The stream that it watches.
    pub stream: StreamId,
    /// Name of that stream.
    pub stream_name: Arc<str>,
    /// The new state.
    pub state: SessionState,
    /// Why the session is `Failed`, or `Disconnected` if the reason is known; `Ok` in the other states.
    pub status: Status,
    /// Error message for `status`; empty if there is none.
    pub message: String,
    /// Peer, label and user data of the session.
    pub viewer: ViewerIdentity,
}

/// A change of what a viewer is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualityEvent {
    /// The session.
    pub session: SessionId,
    /// The stream that it watches.
    pub stream: StreamId,
    /// Name of that stream.
    pub stream_name: Arc<str>,
    /// What it is shown.
    pub quality: Quality,
    /// Why that is less than the best, in a sentence; `None` if it is not.
    pub held_back: Option<String>,
    /// Peer, label and user data of the session.
    pub viewer: ViewerIdentity,
}

/// A change of an output's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputEvent {
    /// The output.
    pub output: OutputId,
    /// Its stream.
    pub stream: StreamId,
    /// Name of that stream.
    pub stream_name: Arc<str>,
    /// The new state.
    pub state: OutputState,
    /// Why it is `Retrying`; `Ok` in the other states.
    pub status: Status,
    /// Error message for `status`; empty if there is none.
    pub message: String,
    /// The session with the media server, while it is `Live`.
    pub session: Option<SessionId>,
    /// Scheme, host and port of the media server.
    pub server: Arc<str>,
    /// Label of its options.
    pub label: Option<Arc<str>>,
    /// User data of its options.
    pub user_data: usize,
}

/// What an HTTP request would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Operation {
    /// Watch a stream: POST of an offer, and GET or HEAD of its endpoint.
    Watch = 1,
    /// Change a session: PATCH, and GET or HEAD of the session.
    Update = 2,
    /// End a session: DELETE.
    End = 3,
    /// Read all streams and sessions: `/api` and `/metrics` of the listener.
    Monitor = 4,
}

/// Identifies a call of [`Events::authorize`]. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// An HTTP request to be authorized.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Pass it to [`Handle::authorize`](crate::gateway::Handle::authorize).
    pub id: RequestId,
    /// The requested operation.
    pub operation: Operation,
    /// Name of the stream in the request; the stream may not exist. Empty for a wall as such: to open one
    /// that shows nothing yet, to change or to end one. For each stream that it is to show, `Watch` is asked
    /// with the name of that. `None` for `Monitor`.
    pub stream: Option<String>,
    /// The bearer token of the request, if any.
    pub token: Option<String>,
    /// Peer, e.g. the viewer's address; for a request of the host's own server, what the host passed.
    pub peer: Option<String>,
}

impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeRequest")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .field("stream", &self.stream)
            .field("peer", &self.peer)
            .finish_non_exhaustive() // a token is a secret
    }
}
