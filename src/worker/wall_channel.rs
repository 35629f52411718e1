//! What the pages of walls say over their data channels, and what they are told.
//!
//! A message goes to the gateway, which knows who may see what ([`Asked`]); its reply comes back as a command. A page is
//! answered one message after the other: what it says meanwhile stays in its channel, whose bounds hold. What slots show is told when
//! it changes; many changes in a short time are told together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::core::Core;
use super::log_lines;
use super::outbox::Outbox;
use crate::error::Status;
use crate::session::data::ChannelEvent;
use crate::session::{Io, Session};
use crate::state::{SessionId, SlotInfo};
use crate::wall::{Notice, SlotNotice};

/// Between two notices of a page, on average; so many may follow each other at once.
const PAUSE: Duration = Duration::from_millis(100);
const BURST: u32 = 8;
/// So long news waits for more of it: slots that are bound at once begin one after the other.
const GATHER: Duration = Duration::from_millis(5);

/// A message of a page, which the gateway is to answer with a [`Command::Reply`](super::Command::Reply).
pub struct Asked {
    /// The page's session.
    pub session: SessionId,
    /// Its worker.
    pub worker: usize,
    /// Its row there.
    pub row: usize,
    /// For the reply.
    pub number: u64,
    /// The message: anything.
    pub message: Vec<u8>,
}

/// Where messages of pages go.
#[derive(Clone)]
pub struct Pages(UnboundedSender<Asked>);

impl Pages {
    /// To whoever has the other end. It gets one message of each session at most, until that is answered.
    pub fn new(gateway: UnboundedSender<Asked>) -> Pages {
        Pages(gateway)
    }
}

/// A channel that is open, or one that has closed while a message was answered: a page that opens another waits for
/// that, too.
pub(super) struct Talk {
    is_open: bool,
    /// The number of the message that the gateway is answering.
    asked: Option<u64>,
    /// A reply that the page has no room for yet.
    reply: Option<String>,
    /// Slots whose news were not told yet, and when they may be.
    changed: BTreeSet<usize>,
    due: Instant,
    /// When the first of that news has waited long enough for more.
    gathered: Instant,
}

/// What came of a channel.
#[derive(Default)]
pub(super) struct Heard {
    message: Option<Vec<u8>>,
    /// We have closed the channel, because of this.
    closed: Option<&'static str>,
}

impl Talk {
    /// When notices are due.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.changed.is_empty()).then(|| self.due.max(self.gathered))
    }

    /// A notice was sent.
    fn told(&mut self, now: Instant) {
        let next = (self.due + BURST * PAUSE).max(now) + PAUSE;
        self.due = next.checked_sub(BURST * PAUSE).unwrap_or(now);
    }

    /// A slot shows something else.
    pub(super) fn note(&mut self, slot: usize, now: Instant) {
        if self.is_open {
            if self.changed.is_empty() {
                self.gathered = now + GATHER;
            }
            self.changed.insert(slot);
        }
    }
}

/// Takes what came over the channel of a session, up to the next message that is to be answered.
pub(super) fn listen(
    session: &mut Session,
    talk: &mut Option<Box<Talk>>,
    io: &mut Io<'_, Outbox<'_>>,
) -> Heard {
    let mut heard = Heard::default();
    loop {
        if let Some(open) = talk {
            if !open.goes_on(session, io) {
                return heard;
            }
            if !open.is_open {
                *talk = None;
            }
        }
        match session.poll_message(io) {
            None => return heard,
            Some(ChannelEvent::Opened) => {
                *talk = Some(Box::new(Talk {
                    is_open: true,
                    asked: None,
                    reply: None,
                    changed: (0..session.slots().count()).collect(),
                    due: io.now,
                    gathered: io.now,
                }));
            }
            Some(ChannelEvent::Message(message)) => {
                heard.message = Some(message);
                return heard;
            }
            Some(ChannelEvent::Closed(why)) => {
                heard.closed = why.or(heard.closed);
                if let Some(open) = talk {
                    open.is_open = false;
                    open.changed.clear();
                }
            }
        }
    }
}

impl Talk {
    /// Sends the reply that waits. False while a message is not answered.
    fn goes_on(&mut self, session: &mut Session, io: &mut Io<'_, Outbox<'_>>) -> bool {
        if let Some(reply) = &self.reply {
            match session.send_message(reply, io) {
                Err(error) if error.status() == Status::QueueFull => {}
                // It is sent, or more than the page takes at all.
                Ok(()) | Err(_) => (self.reply, self.asked) = (None, None),
            }
        }
        self.asked.is_none()
    }
}

impl Core {
    /// Does what was heard of the session in a row.
    pub(super) fn heard(&mut self, row: usize, heard: Heard, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        if let Some(why) = heard.closed {
            log_lines::channel_closed(viewer, why, now, &mut self.repeats);
        }
        if let Some(message) = heard.message
            && let Some(talk) = &mut viewer.talk
        {
            self.asked += 1;
            talk.asked = Some(self.asked);
            // A gateway that shuts down answers nothing more.
            let _ = self.context.pages.0.send(Asked {
                session: viewer.id,
                worker: self.context.index,
                row,
                number: self.asked,
                message,
            });
        }
    }

    /// The gateway has answered a message.
    pub(super) fn reply(
        &mut self,
        id: SessionId,
        row: usize,
        number: u64,
        text: String,
        now: Instant,
    ) {
        let Ok(viewer) = self.viewers.find(row, id) else {
            return;
        };
        if let Some(talk) = &mut viewer.talk
            && talk.asked == Some(number)
        {
            talk.reply = Some(text);
            // Sends it, and takes the next.
            self.with_session(row, now, |_, _| ());
        }
    }

    /// Tells the page in a row what has changed, if that is due.
    pub(super) fn tell_page(&mut self, row: usize, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(row) else {
            return;
        };
        let Some(talk) = viewer
            .talk
            .as_mut()
            .filter(|talk| talk.due().is_some_and(|at| at <= now))
        else {
            return;
        };
        talk.told(now);
        let changed = std::mem::take(&mut talk.changed);
        let Some(viewer) = self.viewers.get(row) else {
            return;
        };
        let slots = changed
            .iter()
            .filter_map(|&slot| viewer.session.slot_at(slot));
        let slots: Vec<SlotInfo> = slots.map(|slot| self.slot_info(viewer, &slot)).collect();
        let names: Vec<Option<_>> = slots.iter().map(|slot| self.variant_of(slot)).collect();
        let notices = slots.iter().zip(&names);
        let notices: Vec<_> = notices
            .map(|(slot, name)| SlotNotice::of(slot, name.as_deref()))
            .collect();
        let messages = Notice::messages(&notices);
        let mut told = true;
        self.with_session(row, now, |session, io| {
            // What the page takes at no time is not tried again.
            told = messages.iter().all(|message| {
                let sent = session.send_message(message, io);
                !sent.is_err_and(|error| error.status() == Status::QueueFull)
            });
        });
        if !told
            && let Some(viewer) = self.viewers.get_mut(row)
            && let Some(talk) = &mut viewer.talk
        {
            // The page takes nothing at the moment. What it is told later is what is true then.
            talk.changed.extend(changed);
            talk.due = now + PAUSE;
            self.viewers.arm(row, Some(now + PAUSE));
        }
    }

    fn variant_of(&self, slot: &SlotInfo) -> Option<Arc<str>> {
        let shown = slot.quality?.variant;
        self.context.registry.stream_name(shown).ok()
    }
}
