//! What a viewer has of a session's legs: slots, each bound to a stream or to none.
//!
//! A slot is bound to another stream in place, without an offer. Its leg ends with what it sends, and begins with the
//! newest keyframe of the other; sequence numbers and timestamps go on. How often that may happen is
//! limited, as everything since a keyframe may have to be sent: beyond that, a slot begins later with what it is bound
//! to by then.

use std::time::SystemTime;

use super::Session;
use super::io::{Io, Transmit};
use super::leg::Leg;
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::state::{Detail, Quality, QualityReason, SlotView, StreamId};

/// A slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// The name of its media section; empty in a session of a stream.
    pub mid: &'a str,
    /// What it carries.
    pub kind: MediaKind,
    /// The stream that it is bound to.
    pub stream: Option<StreamId>,
    /// How it is shown. Sound has no use for it.
    pub view: SlotView,
    /// Which variant of the stream is shown, and how much of it; `None` if it is bound to none.
    pub quality: Option<Quality>,
    /// An RTP timestamp that the viewer sees, and its wall clock; `None` before it was sent anything of the stream.
    pub clock: Option<(u32, SystemTime)>,
}

impl Session {
    /// The slots, in the order of the offer's media sections.
    pub fn slots(&self) -> impl Iterator<Item = Slot<'_>> {
        (0..self.legs.len()).filter_map(|slot| self.slot_at(slot))
    }

    /// The slot at this place among all.
    pub fn slot_at(&self, slot: usize) -> Option<Slot<'_>> {
        let leg = self.legs.get(slot)?;
        let estimate = self.transport.estimate();
        let showing = self.showings.iter().find(|showing| showing.leg == slot);
        let quality = match showing {
            Some(showing) => showing.quality(&self.legs, estimate),
            None => leg.stream().map(|stream| Quality {
                variant: stream,
                detail: Detail::AllFrames,
                reason: QualityReason::Nothing,
                estimate,
                needed: 0,
            }),
        };
        let clock = leg.clock();
        Some(Slot {
            mid: self.mids.get(slot).map_or("", |mid| mid),
            kind: leg.kind(),
            stream: self.bound(slot),
            view: showing.map_or_else(SlotView::default, |showing| showing.view()),
            quality,
            clock: clock.map(|(at, rtp)| (rtp, self.transport.wall(at))),
        })
    }

    /// The place of the slot whose media section has this name.
    pub fn slot(&self, mid: &str) -> Option<usize> {
        let mut mids = self.mids.iter();
        mids.position(|known| !known.is_empty() && **known == *mid)
    }

    /// The codecs that the viewer takes in the slot at this place.
    pub fn slot_codecs(&self, slot: usize) -> impl Iterator<Item = Codec> + '_ {
        self.legs.get(slot).into_iter().flat_map(Leg::codecs)
    }

    /// The state of a stream has changed: slots that are bound to it have news.
    pub fn stream_changed(&mut self, stream: StreamId) {
        for slot in 0..self.legs.len() {
            if self.bound(slot) == Some(stream) {
                self.legs[slot].note_changed();
                self.news = true;
            }
        }
    }

    /// Whether there may be something for [`Session::poll_quality`] or [`Session::poll_slot_change`].
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// Binds the slot at this place to another stream, or to none. It begins with that stream's cached keyframe: ask
    /// for [`Session::next_deadline`] again, which is now. Binding it to what it is bound to changes nothing.
    ///
    /// If the viewer takes neither the stream's codec nor that of a variant, it shows nothing: see
    /// [`Session::slot_codecs`]. Fails with `Status::NotFound` if there is no such slot.
    pub fn bind<T: Transmit>(
        &mut self,
        slot: usize,
        stream: Option<StreamId>,
        io: &mut Io<'_, T>,
    ) -> Result<()> {
        let bound = self.bound(slot);
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Error::new(
                Status::NotFound,
                format!("this session has no slot {slot}"),
            ));
        };
        if bound == stream {
            return Ok(());
        }
        let before = leg.track(io.tracks);
        let showing = self.showings.iter_mut().find(|showing| showing.leg == slot);
        match showing {
            Some(showing) => {
                showing.bind(stream);
                leg.follow(None, before, io.now);
            }
            None => {
                leg.follow(stream, before, io.now);
                leg.note_sound(stream.is_some());
            }
        }
        (self.streams_changed, self.news) = (true, true);
        self.note_due();
        Ok(())
    }

    /// The viewer shows the slot at this place in another way. Ask for [`Session::next_deadline`] again. Without
    /// effect on sound.
    pub fn set_view<T: Transmit>(&mut self, slot: usize, view: SlotView, io: &mut Io<'_, T>) {
        let showing = self.showings.iter_mut().find(|showing| showing.leg == slot);
        if let Some(showing) = showing
            && showing.set_view(view)
        {
            let leg = &mut self.legs[slot];
            let before = leg.track(io.tracks);
            leg.follow(None, before, io.now);
            self.note_due();
        }
        self.news = true;
    }

    /// A slot that shows another stream or variant than was told, more or less of it, or for another reason; or that has
    /// begun with it.
    pub fn poll_slot_change(&mut self) -> Option<usize> {
        if !self.news {
            return None;
        }
        let estimate = self.transport.estimate();
        let mut showings = self.showings.iter_mut();
        let told = showings.find_map(|showing| {
            showing.take_quality(&self.legs, estimate)?;
            Some(showing.leg)
        });
        let slot = told.or_else(|| self.legs.iter().position(Leg::has_changed));
        match slot {
            Some(slot) => {
                self.legs[slot].take_changed();
            }
            None => self.news = false,
        }
        slot
    }

    /// The stream that the slot at this place is bound to.
    fn bound(&self, slot: usize) -> Option<StreamId> {
        let showing = self.showings.iter().find(|showing| showing.leg == slot);
        match showing {
            Some(showing) => showing.own(),
            None => self.legs.get(slot)?.stream(),
        }
    }
}
