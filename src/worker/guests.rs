//! Viewers that do not live with their stream: guests of another worker, which mirrors it.
//!
//! The worker that owns a stream decides who becomes a guest, and of whom ([`placing`](super::placing)): when it would
//! answer the offer, so that the stream has media by then. It passes the offer on with what the stream has. What cannot
//! be answered there comes back, and is refused, or answered by another offer, where the stream is.
//!
//! A guest is a viewer like any other: the registry counts it, its worker says of it what there is to say, and what it
//! was sent is added to the figures of its stream when somebody asks for those. The owner tells the workers that have
//! or had guests of its stream (`StreamEntry::hosts`) of other variants, and when it is removed; the host hears of that
//! once all of them have told theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::command::{Command, OfferRequest};
use super::core::Core;
use super::stream::Stream;
use crate::error::{Error, panicked, shutting_down};
use crate::media::{Codec, MediaKind, Track, TrackInfo};
use crate::sdp::answer::Negotiated;
use crate::state::StreamId;
use crate::stats::{GuestSnapshot, Latency, MediaCosts, QualityCounts, Totals};

/// How long a worker that exits waits for the others to have closed their guests.
const PARTING: Duration = Duration::from_secs(1);

/// Those that a worker has of a stream of another. They are there until the stream is removed, so that no figure ever
/// falls.
pub(super) struct Guests {
    name: Arc<str>,
    /// Their rows.
    pub(super) viewers: Vec<usize>,
    /// The codecs of its video and its audio, as far as they were heard of.
    codecs: [Option<Codec>; 2],
    /// What they may be shown in place of the stream, as [`Stream::variants`].
    pub(super) variants: Vec<StreamId>,
    /// What was sent to those who are gone.
    pub(super) gone: Totals,
    /// What its media cost this worker.
    pub(super) costs: MediaCosts,
    pub(super) latency: Latency,
}

/// The tracks of a stream, as far as an answer needs to know.
pub struct KnownTracks {
    pub video: Option<TrackInfo>,
    pub audio: Option<TrackInfo>,
}

/// An offer whose viewer is to be a guest.
pub struct GuestOffer {
    request: OfferRequest,
    /// The worker of its stream.
    owner: usize,
    name: Arc<str>,
    has: KnownTracks,
}

impl Guests {
    fn new(name: Arc<str>, variants: Vec<StreamId>) -> Guests {
        Guests {
            name,
            viewers: Vec::new(),
            codecs: [None, None],
            variants,
            gone: Totals::default(),
            costs: MediaCosts::default(),
            latency: Latency::default(),
        }
    }

    /// A track of this codec begins. Returns it if there was one of another: those who do not take it cannot go on.
    pub(super) fn hear_of(&mut self, codec: Codec) -> Option<Codec> {
        let [video, audio] = &mut self.codecs;
        let known = match codec.kind() {
            MediaKind::Video => video,
            MediaKind::Audio => audio,
        };
        let before = known.replace(codec);
        before.map(|_| codec).filter(|_| before != Some(codec))
    }

    /// The name of their stream.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Figures without those of the guests that are there.
    pub(super) fn snapshot(&self, stream: StreamId, now: Instant) -> GuestSnapshot {
        GuestSnapshot {
            stream,
            totals: self.gone,
            shown: QualityCounts::default(),
            costs: self.costs,
            latency: self.latency.figures(now),
        }
    }
}

impl KnownTracks {
    fn of(stream: &Stream) -> KnownTracks {
        let media = stream.media();
        let info = |track: &Track| track.info().clone();
        KnownTracks {
            video: media.and_then(|media| media.video).map(info),
            audio: media.and_then(|media| media.audio).map(info),
        }
    }
}

impl Core {
    /// Passes an offer on to the worker whose guest its viewer is to be. Returns it if the viewer lives here.
    pub(super) fn pass_on(&mut self, request: OfferRequest, now: Instant) -> Option<OfferRequest> {
        if self.load.is_due(now) {
            self.sample_load(now);
        }
        let (context, stream) = (&self.context, request.stream);
        let entry = self.streams.get_mut(stream);
        let may = !request.stays && request.offer.is_some();
        let entry = entry.filter(|entry| may && entry.stream.media().is_some());
        let Some(entry) = entry else {
            return Some(request);
        };
        let full = context.tuning.max_worker_load();
        let place = context.registry.place_viewer(stream, full, now);
        let Some(worker) = place.ok().filter(|&worker| worker != context.index) else {
            return Some(request);
        };
        if !entry.hosts.contains(&worker) {
            entry.hosts.push(worker);
        }
        let offer = GuestOffer {
            request,
            owner: context.index,
            name: Arc::clone(&entry.stream.identity().name),
            has: KnownTracks::of(&entry.stream),
        };
        let command = Command::OfferGuest(Box::new(offer));
        if !context.peers.command(worker, command) {
            // It has exited, as this one is about to: the offer ends with the gateway.
            context.registry.guest_came(stream, worker);
        }
        None
    }

    /// Answers an offer for a stream of another worker.
    pub(super) fn offer_guest(&mut self, offer: GuestOffer, now: Instant) {
        let GuestOffer {
            mut request,
            owner,
            name,
            has,
        } = offer;
        let (stream, registry) = (request.stream, &self.context.registry);
        registry.guest_came(stream, self.context.index);
        let guests = self.streams.guests.entry(stream);
        let guests = guests.or_insert_with(|| Guests::new(name, registry.variants(stream)));
        if guests.viewers.is_empty() {
            // Before its mirror says anything: the camera may change meanwhile.
            let codec = |info: &Option<TrackInfo>| info.as_ref().map(|info| info.codec);
            guests.codecs = [codec(&has.video), codec(&has.audio)];
        }
        let has_time = self.has_time(now);
        // Untrusted input decides much of what happens here.
        let agree = AssertUnwindSafe(|| self.agree(&request, &has).filter(|_| has_time));
        let Ok(Some(agreed)) = catch_unwind(agree) else {
            request.stays = true;
            let offer = Command::Offer(Box::new(request));
            self.context.peers.command(owner, offer);
            return;
        };
        let Some(complete) = request.ticket.claim() else {
            // Given up meanwhile.
            return;
        };
        let create = AssertUnwindSafe(|| self.create_session(&request, Some(agreed), now));
        complete(catch_unwind(create).unwrap_or_else(|_| Err(panicked("this offer"))));
    }

    /// What is negotiated with a guest; `None` if there is nothing.
    fn agree(&self, request: &OfferRequest, has: &KnownTracks) -> Option<Negotiated> {
        let media = self.media_of(request.stream, has.video.as_ref(), has.audio.as_ref());
        media.negotiate(request.offer.as_ref()?).ok()
    }

    /// A stream of another worker is removed: ends the sessions of its guests, and tells that worker.
    pub(super) fn end_guests(&mut self, stream: StreamId, owner: usize, why: Error) {
        let guests = self.streams.guests.remove(&stream);
        match guests {
            Some(guests) => self.leave_guests(stream, guests, owner, why),
            None => self.report_left(stream, owner),
        }
    }

    /// The guests of a stream are gone.
    pub(super) fn report_left(&self, stream: StreamId, owner: usize) {
        let left = Command::GuestsLeft(stream);
        self.context.peers.command(owner, left);
    }

    /// Ends all sessions that belong to no stream of this worker, and waits until all workers have done so: of a
    /// stream, the host hears last that it is gone.
    pub(super) fn part(&mut self, now: Instant) {
        let mut from = 0;
        while let Some((row, viewer)) = self.viewers.next(from) {
            from = row + 1;
            if self.streams.get(viewer.stream).is_none() {
                self.close_viewer(row, now, shutting_down().message());
            }
        }
        self.context.parting.meet(PARTING);
    }
}

/// Where all workers meet before any of them goes on.
#[derive(Debug, Default)]
pub struct Meeting {
    missing: Mutex<usize>,
    complete: Condvar,
}

impl Meeting {
    /// One more is to come.
    pub fn expect(&self) {
        *self.missing.lock() += 1;
    }

    /// Waits for the others, so long at most. To be called once by each.
    fn meet(&self, most: Duration) {
        let mut missing = self.missing.lock();
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.complete.notify_all();
        } else {
            let others_missing = |missing: &mut usize| *missing > 0;
            self.complete
                .wait_while_for(&mut missing, others_missing, most);
        }
    }
}
