//! Answers offers: at once, or as soon as the camera's first media tells its codec.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::{Core, StreamEntry, Viewer};
use super::local_ice::{candidates, credentials, etag};
use crate::error::{Error, Result, Status, panicked};
use crate::random;
use crate::sdp::answer::{self, LocalTransport};
use crate::session::{LegConfig, Session, TransportConfig};
use crate::state::{SessionId, SessionState, StreamId, StreamState};
use crate::whep::Response;
use crate::worker::command::OfferRequest;
use crate::worker::registry::{SessionLocation, no_stream};

/// Offers that may be answered after one whose viewer has not come yet, before that is given up.
/// So offers that nobody follows up cost a worker some 25 MB at most, however many they are, and
/// viewers that come as soon as they are answered get in all the same.
const MAX_UNCLAIMED: usize = 4096;

impl Core {
    pub(super) fn offer(&mut self, request: OfferRequest, now: Instant) {
        if now < request.deadline
            && let Some(owned) = self.streams.get_mut(&request.stream)
            && owned.may_soon_be_live()
        {
            owned.waiting.retain(|waiting| waiting.ticket.is_pending());
            let due = self.offers_due.unwrap_or(request.deadline);
            self.offers_due = Some(due.min(request.deadline));
            owned.waiting.push(request);
            owned.note_demand();
            return;
        }
        let Some(complete) = request.ticket.claim() else {
            // Nobody waits for this answer any more.
            return;
        };
        complete(match self.streams.get(&request.stream) {
            None => Err(no_stream(request.stream)),
            Some(owned) if now >= request.deadline => {
                Err(timed_out(&owned.stream.name, request.timeout))
            }
            Some(owned) if owned.stream.media().is_none() => {
                Err(not_ready(&owned.stream.name, owned.stream.error()))
            }
            Some(_) => {
                // Much of what is looked at here is the viewer's word.
                let create = AssertUnwindSafe(|| self.create_session(&request, now));
                catch_unwind(create).unwrap_or_else(|_| Err(panicked("this offer")))
            }
        });
    }

    pub(super) fn fail_offers(&mut self, id: StreamId, error: &Error) {
        let Some(owned) = self.streams.get_mut(&id) else {
            return;
        };
        for request in owned.waiting.drain(..) {
            let error = not_ready(&owned.stream.name, Some(error));
            request.ticket.fail(error);
        }
        owned.note_demand();
    }

    /// Gives up on offers that have waited long enough.
    pub(super) fn time_out_offers(&mut self, now: Instant) {
        if self.offers_due.is_none_or(|due| now < due) {
            return;
        }
        self.offers_due = None;
        for owned in self.streams.values_mut() {
            let name = &owned.stream.name;
            owned.waiting.retain(|request| {
                if now >= request.deadline {
                    request.ticket.fail(timed_out(name, request.timeout));
                }
                now < request.deadline
            });
            owned.note_demand();
            let next = owned.waiting.iter().map(|request| request.deadline).min();
            self.offers_due = self.offers_due.into_iter().chain(next).min();
        }
    }

    fn create_session(&mut self, request: &OfferRequest, now: Instant) -> Result<Response> {
        let Some(owned) = self.streams.get_mut(&request.stream) else {
            return Err(no_stream(request.stream));
        };
        let context = &self.context;
        check_limit(
            context.tuning.max_sessions(),
            context.registry.session_count(),
            "max_sessions",
        )?;
        check_limit(
            context.tuning.max_sessions_per_stream(),
            owned.stream.viewers.len(),
            "max_sessions_per_stream",
        )?;
        let Some(media) = owned.stream.media() else {
            return Err(not_ready(&owned.stream.name, owned.stream.error()));
        };
        let negotiated = answer::negotiate(
            &request.offer,
            media.video.info(),
            media.audio.map(|track| track.info()),
            context.tuning.nack(),
            &mut random::number,
        )?;
        let entry = self.viewers.vacant_entry();
        let place = SessionLocation {
            worker: context.index,
            slot: entry.key(),
        };
        let local_ice = credentials(place)?;
        let key = random::hex::<16>()?;
        let random = [random::number()?, random::number()?];
        let sdp = answer::answer(
            &request.offer,
            &negotiated,
            &LocalTransport {
                ice: &local_ice,
                fingerprint: context.certificate.fingerprint(),
                candidates: &candidates(context, now),
            },
        );
        let tuning = &context.tuning;
        let transport = TransportConfig {
            local_ice,
            remote_ice: request.offer.ice.clone(),
            certificate: Arc::clone(&context.certificate),
            fingerprints: request.offer.fingerprints.clone(),
            srtp_policy: tuning.srtp_policy(),
            cname: negotiated.cname(),
            rtcp_interval: tuning.rtcp_interval(),
            pacing_percent: tuning.pacing_percent(),
            clock: context.clock,
        };
        let legs = LegConfig::of_stream(request.stream, negotiated, tuning.audio_hold(), random);
        let session = Session::new(now, transport, legs);
        let id = context
            .registry
            .add_session(place, request.stream, key.clone());
        log::info!(session = id.0, stream = request.stream.0; "offer answered; peer {:?}", request.peer);
        let etag = etag(&session);
        entry.insert(Viewer {
            id,
            stream: request.stream,
            session,
            section: answer::transport_section(&sdp).into(),
            bound: Vec::new(),
        });
        owned.stream.viewers.push(place.slot);
        owned.note_demand();
        self.settle(place.slot);
        self.expect_viewer(place.slot, id);
        let location = request
            .location_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}{key}"));
        let mut response = Response::created(sdp, location, id, key, etag);
        let links = self.context.ice_links.iter().cloned();
        response.headers.extend(links.map(|link| ("Link", link)));
        Ok(response)
    }

    /// Remembers that a viewer is to come, and gives up on the oldest that is overdue.
    fn expect_viewer(&mut self, slot: usize, id: SessionId) {
        self.unclaimed.push_back((slot, id));
        while let Some(&(slot, id)) = self.unclaimed.front() {
            let viewer = self.viewers.get(slot).filter(|viewer| viewer.id == id);
            let waits = viewer.is_some_and(|v| v.session.state() == SessionState::New);
            if waits && self.unclaimed.len() <= MAX_UNCLAIMED {
                break;
            }
            self.unclaimed.pop_front();
            if waits {
                self.fail_viewer(slot, overtaken());
            }
        }
    }
}

impl StreamEntry {
    /// Whether the camera's first media may come with the attempt under way, or with one that an
    /// offer brings about: what failed before somebody wanted a camera on demand says little.
    fn may_soon_be_live(&self) -> bool {
        self.stream.media().is_none()
            && match self.stream.state() {
                StreamState::Idle => true,
                StreamState::Connecting => self.demand.is_some() || self.stream.error().is_none(),
                _ => false,
            }
    }
}

fn timed_out(name: &str, timeout: Duration) -> Error {
    let seconds = timeout.as_secs_f32();
    Error::new(
        Status::NotReady,
        format!(
            "stream \"{name}\" has no media yet: the camera was still connecting after {seconds:.1} s"
        ),
    )
}

fn overtaken() -> Error {
    Error::new(
        Status::Limit,
        format!(
            "{MAX_UNCLAIMED} later offers were answered before an ICE check of this viewer came: \
             limit how many offers the web server lets through"
        ),
    )
}

fn check_limit(limit: Option<usize>, count: usize, knob: &str) -> Result<()> {
    if let Some(limit) = limit
        && count >= limit
    {
        return Err(Error::new(
            Status::Limit,
            format!("{knob} = {limit} sessions are connected: try again later, or raise the knob"),
        ));
    }
    Ok(())
}

fn not_ready(name: &str, error: Option<&Error>) -> Error {
    let why = match error {
        Some(error) => error.message(),
        None => "the camera is still connecting",
    };
    Error::new(
        Status::NotReady,
        format!("stream \"{name}\" has no media yet: {why}"),
    )
}
