//! Streams that are sent to media servers by WHIP (RFC 9725): where to, what the server says to it, and when to try again. It
//! knows no session.

#[cfg(feature = "http")]
mod client;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nobody is asked"))]
mod refusal;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing is sent"))]
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

#[cfg(feature = "http")]
pub use client::{Resource, delete, post};
pub use refusal::Refusal;
pub use target::Target;

use crate::config::OutputOptions;
use crate::error::{Error, Result, Status};
use crate::events::{Notice, Notices, OutputEvent};
use crate::source::{Backoff, Ended};
use crate::state::{OutputId, OutputInfo, OutputState, SessionId, StreamId};

/// Between attempts.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A stream that is sent to a media server, as all threads know it.
pub struct Output {
    /// Its id.
    pub id: OutputId,
    /// The stream.
    pub stream: StreamId,
    /// Name of the stream.
    pub stream_name: Arc<str>,
    /// Where it goes.
    pub target: Target,
    /// Send the video.
    pub video: bool,
    /// Send the audio.
    pub audio: bool,
    /// Bits per second at most: as of a viewer.
    pub max_bitrate: Option<u64>,
    /// For people.
    pub label: Option<Arc<str>>,
    /// Of the host.
    pub user_data: usize,
    /// The host is told of changes.
    notices: Notices,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    state: OutputState,
    error: Option<Error>,
    session: Option<SessionId>,
    attempts: u64,
    connections: u64,
    retry_at: Option<Instant>,
}

impl Output {
    /// Fails with `Url`, `Credentials` or `InvalidArgument`.
    pub fn new(
        id: OutputId,
        stream: StreamId,
        stream_name: Arc<str>,
        options: &OutputOptions,
        notices: Notices,
    ) -> Result<Output> {
        if !(options.video || options.audio) {
            return Err(Error::new(
                Status::InvalidArgument,
                "an output without video and audio: set at least one",
            ));
        }
        Ok(Output {
            id,
            stream,
            stream_name,
            target: Target::new(options)?,
            video: options.video,
            audio: options.audio,
            max_bitrate: options.max_bitrate,
            label: crate::config::checked_label(options.label.as_deref())?,
            user_data: options.user_data,
            notices,
            progress: Mutex::default(),
        })
    }

    /// Its state now.
    pub fn info(&self) -> OutputInfo {
        let progress = self.progress.lock();
        let now = Instant::now();
        OutputInfo {
            stream: self.stream,
            state: progress.state,
            error: progress.error.clone(),
            server: self.target.server().to_owned(),
            warning: self.target.warning(),
            session: progress.session,
            attempts: progress.attempts,
            connections: progress.connections,
            retry_in: progress
                .retry_at
                .filter(|_| progress.state == OutputState::Retrying)
                .map(|at| at.saturating_duration_since(now)),
            label: self.label.clone(),
            user_data: self.user_data,
        }
    }

    /// It waits for its stream.
    pub fn waits(&self) {
        self.enter(OutputState::Waiting, None);
    }

    /// An attempt begins.
    pub fn connects(&self) {
        self.progress.lock().attempts += 1;
        self.enter(OutputState::Connecting, None);
    }

    /// The server has answered: this session connects to it.
    pub fn has_session(&self, session: SessionId) {
        self.progress.lock().session = Some(session);
    }

    /// Media flows.
    pub fn is_live(&self) {
        self.progress.lock().connections += 1;
        self.enter(OutputState::Live, None);
    }

    /// It is not sent any more, because of `error`; another attempt follows at this time.
    pub fn retries(&self, error: Error, at: Instant) {
        self.progress.lock().retry_at = Some(at);
        self.enter(OutputState::Retrying, Some(error));
    }

    /// It is over.
    pub fn removed(&self) {
        self.enter(OutputState::Removed, None);
    }

    fn enter(&self, state: OutputState, error: Option<Error>) {
        let mut progress = self.progress.lock();
        if !matches!(state, OutputState::Connecting | OutputState::Live) {
            progress.session = None;
        }
        match state {
            // Why it waits or tries again stays known.
            OutputState::Live | OutputState::Removed => progress.error = None,
            _ => progress.error = error.clone().or(progress.error.take()),
        }
        let before = std::mem::replace(&mut progress.state, state);
        let session = progress.session;
        drop(progress);
        if before == state {
            return;
        }
        self.notices.push(Notice::Output(Box::new(OutputEvent {
            output: self.id,
            stream: self.stream,
            stream_name: Arc::clone(&self.stream_name),
            state,
            status: error.as_ref().map_or(Status::Ok, Error::status),
            message: error.map_or_else(String::new, |error| error.message().to_owned()),
            session,
            server: self.target.server().into(),
            label: self.label.clone(),
            user_data: self.user_data,
        })));
    }
}

/// When to try again.
pub struct Patience(Backoff);

impl Default for Patience {
    fn default() -> Self {
        Patience(Backoff::new(SHORTEST, LONGEST))
    }
}

impl Patience {
    /// The delay after an attempt that ended with this, after it had been live for so long, if it was. `random` is a
    /// uniformly distributed number.
    pub fn delay(&mut self, refusal: &Refusal, live: Option<Duration>, random: u64) -> Duration {
        let ended = match refusal.is_final {
            true => Ended::Refused,
            false => Ended::Broken { live },
        };
        let delay = self.0.delay(ended, random);
        delay.max(refusal.not_before.unwrap_or_default())
    }
}

/// Without HTTP there is no WHIP.
#[cfg(not(feature = "http"))]
mod without {
    use super::{Refusal, Target};
    use crate::error::{Error, Status};

    /// The session at the server.
    pub struct Resource;

    /// Sends an offer.
    pub async fn post(_: &Target, _: &str) -> Result<(Vec<u8>, Option<Resource>), Refusal> {
        Err(Error::new(Status::Unsupported, "this build has no HTTP").into())
    }

    /// Ends a session at the server.
    pub async fn delete(_: &Target, _: Resource) {}
}
#[cfg(not(feature = "http"))]
pub use without::{Resource, delete, post};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_depends_on_how_it_ended() {
        let mut patience = Patience::default();
        let broken = Refusal::from(Error::new(Status::Ice, "test"));
        let refused = Refusal {
            is_final: true,
            ..broken.clone()
        };
        let busy = Refusal {
            not_before: Some(Duration::from_secs(90)),
            ..broken.clone()
        };
        let hour = Some(Duration::from_secs(3600));
        assert!(patience.delay(&broken, hour, 0) <= Duration::from_millis(200));
        assert_eq!(patience.delay(&broken, None, 0), Duration::from_millis(800));
        assert_eq!(
            patience.delay(&broken, None, 0),
            Duration::from_millis(1600)
        );
        assert_eq!(patience.delay(&refused, None, 0), Duration::from_secs(48));
        assert_eq!(patience.delay(&busy, None, 0), Duration::from_secs(90));
        for _ in 0..20 {
            assert!(patience.delay(&broken, None, u64::MAX) <= LONGEST * 6 / 5);
        }
    }
}
