//! What the log says of streams and viewers that come and go, at level info. Texts from outside are
//! quoted, so that they cannot forge a line.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::table::Viewer;
use crate::error::{Error, Status};
use crate::events::QualityEvent;
use crate::session::SessionEvent;
use crate::state::{Protocol, SessionState, SlotInfo, StreamId};
use crate::whip::Output;

/// What happens to viewers of one worker for one reason is told this often in [`WINDOW`], then counted: a flood of offers, or
/// of messages, must not be a flood of lines.
const LINES: u32 = 5;
const WINDOW: Duration = Duration::from_secs(10);

/// Lines that came too often, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Repeats(Vec<(About, Repeated)>);

/// What lines are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Viewers that fail with this status.
    Failures(Status),
    /// Data channels of walls, which their pages may open again at once.
    Channels,
}

#[derive(Debug)]
struct Repeated {
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Repeats {
    /// Whether there is to be a line about this, and how many like it were left out since the last.
    fn admit(&mut self, about: About, now: Instant) -> Option<u64> {
        let position = self.0.iter().position(|(known, _)| *known == about);
        let position = position.unwrap_or_else(|| {
            let (since, lines, left_out) = (now, 0, 0);
            self.0.push((
                about,
                Repeated {
                    since,
                    lines,
                    left_out,
                },
            ));
            self.0.len() - 1
        });
        let (_, repeated) = self.0.get_mut(position)?;
        if now.saturating_duration_since(repeated.since) >= WINDOW {
            (repeated.since, repeated.lines) = (now, 0);
        }
        if repeated.lines == LINES {
            repeated.left_out += 1;
            return None;
        }
        repeated.lines += 1;
        Some(std::mem::take(&mut repeated.left_out))
    }
}

/// A stream is live: for the first time, or after an `outage`.
pub(super) fn stream_live(id: StreamId, stream: &Stream, outage: Option<Duration>) {
    let name = stream.name();
    let media = stream.describe_media();
    match outage {
        None => log::info!(stream = id.0, stream_name = name; "stream \"{name}\" is live: {media}"),
        Some(outage) => log::info!(
            stream = id.0, stream_name = name;
            "stream \"{name}\" is live again after {}: {media}", seconds(outage)
        ),
    }
}

/// A stream is to be sent to a media server.
pub(super) fn output_added(output: &Output) {
    if let Some(warning) = output.target.warning() {
        let (id, server, stream_name) = (output.id.0, output.target.server(), &*output.stream_name);
        log::warn!(
            stream = output.stream.0, stream_name = stream_name;
            "output {id} of stream {stream_name:?} to {server}: {warning}"
        );
    }
}

/// A stream is being sent to a media server.
pub(super) fn output_live(output: &Output) {
    let (id, server, stream_name) = (output.id.0, output.target.server(), &*output.stream_name);
    log::info!(
        stream = output.stream.0, stream_name = stream_name;
        "output {id} of stream {stream_name:?} to {server} is live"
    );
}

/// A stream is not sent to a media server, or not any more.
pub(super) fn output_failed(
    output: &Output,
    error: &Error,
    live: Option<Duration>,
    retry_in: Duration,
) {
    let retry_in = seconds(retry_in);
    let (id, server) = (output.id.0, output.target.server());
    let why = error.message();
    match live {
        Some(live) => log::warn!(
            stream = output.stream.0;
            "output {id} to {server} ended after {}: {why}; next attempt in {retry_in}", seconds(live)
        ),
        // The same again and again says nothing new.
        None if output.info().error.as_ref() == Some(error) => {}
        None => log::warn!(
            stream = output.stream.0;
            "output {id} to {server} failed: {why}; next attempt in {retry_in}"
        ),
    }
}

/// An on-demand camera is disconnected.
pub(super) fn stream_idle(id: StreamId, name: &str) {
    log::info!(
        stream = id.0, stream_name = name;
        "stream \"{name}\" is idle: disconnected, because nobody needs it"
    );
}

/// A session changed its state.
pub(super) fn viewer(
    viewer: &mut Viewer,
    stream_name: &str,
    event: &SessionEvent,
    now: Instant,
    repeats: &mut Repeats,
) {
    let (session, stream) = (viewer.id.0, viewer.stream.0);
    let age = now.saturating_duration_since(viewer.session.created());
    let (who, what) = (who(viewer), what(viewer, stream_name));
    let visit = &mut viewer.visit;
    match (event.state, &event.error) {
        (SessionState::Connected, _) if !visit.connected => {
            visit.connected = true;
            let profile = viewer.session.srtp_profile().map_or("", |p| p.name());
            log::info!(
                session = session, stream = stream, stream_name = stream_name;
                "viewer{who} of {what} connected in {} ms, {profile}", age.as_millis()
            );
        }
        (SessionState::Failed, Some(error)) => {
            visit.failed = true;
            let about = About::Failures(error.status());
            let Some(left_out) = repeats.admit(about, now) else {
                return;
            };
            let more = and_more(left_out);
            let level = match error.status() {
                Status::Panic => log::Level::Error,
                _ if visit.connected => log::Level::Info,
                _ => log::Level::Warn,
            };
            let event = if visit.connected {
                "lost"
            } else {
                "did not connect"
            };
            log::log!(
                level, session = session, stream = stream, stream_name = stream_name;
                "viewer{who} of {what} {event} after {}: {error}{more}", seconds(age)
            );
        }
        (SessionState::Disconnected, Some(error)) => {
            let about = About::Failures(error.status());
            if let Some(left_out) = repeats.admit(about, now) {
                let more = and_more(left_out);
                log::info!(
                    session = session, stream = stream, stream_name = stream_name;
                    "viewer{who} of {what} is not reached: {error}{more}"
                );
            }
        }
        (SessionState::Closed, _) if !visit.failed => {
            let why = visit
                .closing
                .as_deref()
                .unwrap_or("the viewer closed the connection");
            log::info!(
                session = session, stream = stream, stream_name = stream_name;
                "viewer{who} of {what} gone after {}: {why}", seconds(age)
            );
        }
        _ => {}
    }
}

/// The same, of one that was sent an offer of ours and has not answered it.
pub(super) fn unanswered(viewer: &Viewer, stream_name: &str, event: &SessionEvent) {
    let (session, stream) = (viewer.id.0, viewer.stream.0);
    match (event.state, &event.error) {
        (SessionState::Failed, Some(error)) if error.status() == Status::Panic => log::error!(
            session = session, stream = stream, stream_name = stream_name;
            "viewer{} of \"{stream_name}\" ended: {error}", who(viewer)
        ),
        (SessionState::Closed, _) => log::debug!(
            session = session, stream = stream, stream_name = stream_name;
            "viewer{} of \"{stream_name}\" did not answer the gateway's offer", who(viewer)
        ),
        _ => {}
    }
}

/// A viewer is shown something else.
pub(super) fn quality(viewer: &Viewer, event: &QualityEvent) {
    let stream_name = &*event.stream_name;
    let what = match &event.held_back {
        Some(held_back) => held_back.as_str(),
        None => "gets everything again",
    };
    let kind = match viewer.output {
        Some(_) => "output",
        None => "viewer",
    };
    log::info!(
        session = event.session.0, stream = event.stream.0, stream_name = stream_name;
        "{kind}{} of \"{stream_name}\": {what}", who(viewer)
    );
}

/// A slot of a wall shows something else.
pub(super) fn slot(viewer: &Viewer, slot: &SlotInfo) {
    let shown = slot
        .quality
        .map_or("nothing", |quality| quality.detail.name());
    let reason = slot.reason.as_deref().unwrap_or_default();
    log::debug!(
        session = viewer.id.0, stream = slot.stream.unwrap_or(StreamId::NONE).0,
        stream_name = &*slot.stream_name;
        "wall{}: slot {:?} shows {shown} of \"{}\" {reason}", who(viewer), slot.mid, slot.stream_name
    );
}

/// We have closed the data channel of a wall.
pub(super) fn channel_closed(viewer: &Viewer, why: &str, now: Instant, repeats: &mut Repeats) {
    if let Some(left_out) = repeats.admit(About::Channels, now) {
        let more = and_more(left_out);
        log::warn!(
            session = viewer.id.0;
            "wall{}: its data channel was closed: {why}{more}", who(viewer)
        );
    }
}

/// What a viewer watches.
fn what(viewer: &Viewer, stream_name: &str) -> String {
    match viewer.is_wall() {
        true => "a wall".to_owned(),
        false => format!("\"{stream_name}\""),
    }
}

/// Peer and address, as far as they are known.
fn who(viewer: &Viewer) -> String {
    let mut who = String::new();
    if let Some(peer) = &viewer.identity.peer {
        let _ = write!(who, " {peer:?}");
    }
    if let Some(remote) = viewer.session.remote() {
        let _ = write!(who, " at {remote}");
        let protocol = viewer.session.protocol();
        if let Some(other) = protocol.filter(|&protocol| protocol != Protocol::Udp) {
            let _ = write!(who, " {}", other.words());
        }
    }
    who
}

fn and_more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        more => format!(" (and {more} more like it)"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_often_is_counted() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for i in 0..1000 {
            let now = start + Duration::from_millis(20 * i);
            said.extend(repeats.admit(About::Failures(Status::Ice), now));
        }
        assert_eq!(said, [0, 0, 0, 0, 0, 495, 0, 0, 0, 0]);
        assert_eq!(
            repeats.admit(About::Failures(Status::Dtls), start),
            Some(0),
            "another reason"
        );
    }
}
