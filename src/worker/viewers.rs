//! Runs sessions, and applies the results: events, routes, deadlines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::core::Core;
use super::log_lines;
use super::session_io::{StreamTracks, session_io};
use super::table::Viewer;
use super::wall_channel;
use crate::budget::{Allowance, Budget};
use crate::error::{Error, Result, Status, panicked};
use crate::events::{Notice, SessionEvent};
use crate::session::{self, Io, Path, Remote, Session, turn};
use crate::state::SessionState;
use crate::worker::demux::Datagram;
use crate::worker::outbox::Outbox;
use crate::worker::registry::SessionLocation;

/// Due sessions that are handled in one turn. Each may send a burst; after that, viewers' datagrams are
/// read.
const SESSIONS: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 256,
    bytes: usize::MAX,
};

impl Core {
    /// Handles a datagram for a session. It need not come from the viewer: a ufrag can be known to others.
    pub fn datagram(&mut self, datagram: &Datagram<impl AsRef<[u8]>>) {
        let (Path { remote, local }, contents) = (datagram.path, datagram.contents.as_ref());
        if let Remote::Udp(client) = remote
            && turn::is_message(contents)
        {
            return self.relay_over_udp(datagram.row, client, local, contents);
        }
        self.with_session(datagram.row, Instant::now(), |session, io| {
            session.handle_datagram(datagram.path, datagram.contents.as_ref(), io);
        });
    }

    /// Accounts for the time that datagrams took.
    pub fn datagrams_took(&mut self, time: Duration) {
        self.costs.control += time;
    }

    /// Handles due deadlines, up to a limit. True if there are more.
    pub fn handle_timeouts(&mut self, now: Instant) -> bool {
        let mut begun = now;
        let mut budget = Budget::new(SESSIONS, now);
        while let Some(row) = self.viewers.pop_due(now) {
            let stream = self.viewers.get(row).map(|viewer| viewer.stream);
            self.with_session(row, now, |session, io| session.handle_timeout(io));
            let ended = Instant::now();
            // Nearly all of it is media that the pacer held back.
            let time = ended.saturating_duration_since(begun);
            self.costs.media.delivered(time, None);
            if let Some(stream) = stream {
                self.streams.delivered(stream, time, None);
            }
            begun = ended;
            budget.spend(1, 0);
            if !budget.goes_on(ended) {
                break;
            }
        }
        self.send_held_sound(now);
        self.streams.time_out_waiting(now);
        if !self.answering.is_empty() {
            self.answer_waiting(now);
        }
        self.tidy(now);
        self.viewers.next_due().is_some_and(|at| at <= now)
    }

    /// Ends a session because of what `why` says.
    pub(super) fn close_viewer(&mut self, row: usize, now: Instant, why: &str) {
        if let Some(viewer) = self.viewers.get_mut(row) {
            viewer.visit.closing = Some(why.to_owned());
        }
        self.with_session(row, now, |session, io| session.close(io));
    }

    pub(super) fn fail_viewer(&mut self, row: usize, error: Error) {
        if let Some(viewer) = self.viewers.get_mut(row) {
            viewer.session.fail(error);
        }
        self.settle(row);
    }

    /// Runs `work` on a session and applies the results. A panic inside costs only this session.
    pub(super) fn with_session(
        &mut self,
        row: usize,
        now: Instant,
        work: impl FnOnce(&mut Session, &mut Io<'_, Outbox<'_>>),
    ) {
        let Core {
            context,
            streams,
            viewers,
            connections,
            buffer,
            ..
        } = self;
        let Some(viewer) = viewers.get_mut(row) else {
            return;
        };
        let tracks = StreamTracks::new(streams, viewer.stream);
        let mut io = session_io(context, connections, &tracks, buffer, now, false);
        let Viewer { session, talk, .. } = viewer;
        let worked = catch_unwind(AssertUnwindSafe(|| {
            work(session, &mut io);
            wall_channel::listen(session, talk, &mut io)
        }));
        match worked {
            Ok(heard) => self.heard(row, heard, now),
            Err(_) => session.fail(panicked("this session")),
        }
        while let Some(viewer) = self.viewers.get_mut(row)
            && let Some(stream) = viewer.session.poll_keyframe_request()
        {
            self.request_keyframe(stream, now);
        }
        self.settle(row);
        self.tell_page(row, now);
    }

    /// Reports a session's events, updates its routes and deadline, and removes it when it is closed.
    pub(super) fn settle(&mut self, row: usize) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        let location = SessionLocation {
            worker: self.context.index,
            row,
        };
        let routes = &self.context.routes;
        viewer.bind(routes, &mut self.connections, location);
        let stream = viewer.stream;
        while let Some(viewer) = self.viewers.get_mut(row)
            && let Some(event) = viewer.session.poll_event()
        {
            if event.state == SessionState::Connected
                && let Err(error) = self.take_place(row)
            {
                // Which settles the rest.
                return self.with_session(row, Instant::now(), |session, io| {
                    session.give_up(error, io);
                });
            }
            self.tell_state(row, event);
        }
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        let routes = &self.context.routes;
        if viewer.session.is_closed() {
            viewer.unbind(routes, &mut self.connections, location);
            let viewer = self.viewers.remove(row);
            for &watched in &viewer.watching {
                self.leave(watched, row);
                if viewer.narrow {
                    self.count_narrow(watched, false);
                }
            }
            let sent = viewer.info(Instant::now(), None);
            if viewer.is_wall() {
                self.gone_walls.add(&sent);
            } else {
                self.streams.viewer_left(stream, row, &sent);
            }
            return;
        }
        let news = viewer.session.has_news();
        let narrow = viewer.session.drops_large() && !viewer.narrow;
        if viewer.session.poll_streams_changed() {
            self.note_streams(row);
        }
        if narrow {
            self.note_narrow(row, Instant::now());
        }
        if news {
            self.tell_news(row);
        }
        if let Some(viewer) = self.viewers.get(row) {
            let told = viewer.talk.as_ref().and_then(|talk| talk.due());
            let deadlines = viewer.session.next_deadline().into_iter().chain(told);
            self.viewers.arm(row, deadlines.min());
        }
    }

    /// A viewer that connects for the first time takes one of the places that there are.
    fn take_place(&self, row: usize) -> Result<()> {
        let Some(viewer) = self
            .viewers
            .get(row)
            .filter(|viewer| !viewer.visit.connected)
        else {
            return Ok(());
        };
        let tuning = &self.context.tuning;
        // Sessions of outputs are not those of viewers.
        let per_stream = viewer
            .output
            .is_none()
            .then(|| tuning.max_sessions_per_stream());
        let limits = (tuning.max_sessions(), per_stream);
        self.context.registry.connect_session(viewer.id, limits)
    }

    fn tell_state(&mut self, row: usize, event: session::SessionEvent) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        let stream_name = self.streams.name(viewer.stream);
        if event.state == SessionState::Closed {
            self.context.registry.remove_session(viewer.id);
        }
        if let Some(link) = viewer.output.clone() {
            // The host hears of the output.
            let closing = viewer.visit.closing.as_deref();
            if link.heard(&event, closing) {
                viewer.visit.connected = true;
                log_lines::output_live(&link.output);
            }
            return;
        }
        if viewer.countered.is_some() {
            // It has answered nothing yet: the host hears of those who did.
            log_lines::unanswered(viewer, stream_name, &event);
            return;
        }
        log_lines::viewer(
            viewer,
            stream_name,
            &event,
            Instant::now(),
            &mut self.repeats,
        );
        let error = event.error.as_ref();
        self.context
            .notices
            .push(Notice::Session(Box::new(SessionEvent {
                session: viewer.id,
                stream: viewer.stream,
                stream_name: stream_name.into(),
                state: event.state,
                status: error.map_or(Status::Ok, Error::status),
                message: error.map_or_else(String::new, |error| error.message().to_owned()),
                viewer: viewer.identity.clone(),
            })));
    }
}
