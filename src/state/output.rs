//! What a host is told of an output.

use std::sync::Arc;
use std::time::Duration;

use super::{SessionId, StreamId};
use crate::error::Error;

/// State of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i32)]
pub enum OutputState {
    /// Its stream is not live: nothing is sent anywhere.
    #[default]
    Waiting = 1,
    /// The media server is asked, or being connected to.
    Connecting = 2,
    /// Media flows.
    Live = 3,
    /// The attempt or the connection failed; another attempt follows.
    Retrying = 4,
    /// Removed; the last event of an output.
    Removed = 5,
}

impl OutputState {
    /// In lower case, as in the JSON document.
    pub const fn name(self) -> &'static str {
        match self {
            OutputState::Waiting => "waiting",
            OutputState::Connecting => "connecting",
            OutputState::Live => "live",
            OutputState::Retrying => "retrying",
            OutputState::Removed => "removed",
        }
    }
}

/// The current state of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputInfo {
    /// Its stream.
    pub stream: StreamId,
    /// State now.
    pub state: OutputState,
    /// Why the last attempt failed; `None` while it is live, and before the first failure.
    pub error: Option<Error>,
    /// Scheme, host and port of the media server.
    pub server: String,
    /// What is wrong with the way there, in a sentence: credentials that anybody on it can read.
    pub warning: Option<&'static str>,
    /// The session that connects to it. It is reported like that of a viewer.
    pub session: Option<SessionId>,
    /// Offers sent so far.
    pub attempts: u64,
    /// How often media began to flow.
    pub connections: u64,
    /// When the next attempt follows, while it is retrying.
    pub retry_in: Option<Duration>,
    /// Label of its options.
    pub label: Option<Arc<str>>,
    /// User data of its options.
    pub user_data: usize,
}
