//! What viewers hear of their cameras and of the gateway while they listen (server-sent events).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Handle;
use crate::error::Result;
use crate::limit::{Limit, Permit};
use crate::whep::events::{NOTHING, PREAMBLE, ViewerEvent};
use crate::worker::registry::Listening;

/// Viewers that listen at the same time.
const MAX_LISTENING: usize = 256;
/// Between two signs of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// How long shutdown waits at most until all have heard of it: it takes a moment, unless the machine is busy.
const GOODBYE: Duration = Duration::from_secs(3);
const GOODBYE_STEP: Duration = Duration::from_millis(1);

/// Those who listen.
pub struct ViewerEvents {
    closing: watch::Sender<bool>,
    listening: Limit,
}

impl Default for ViewerEvents {
    fn default() -> Self {
        ViewerEvents {
            closing: watch::Sender::new(false),
            listening: Limit::new(MAX_LISTENING, "streams of events"),
        }
    }
}

impl ViewerEvents {
    /// Tells all that the gateway ends, and waits until they have it, until `deadline` at most.
    pub fn close(&self, deadline: Instant) {
        self.closing.send_replace(true);
        let end = deadline.min(Instant::now() + GOODBYE);
        while !self.listening.is_idle() && Instant::now() < end {
            std::thread::sleep(GOODBYE_STEP);
        }
    }
}

/// What one viewer hears.
pub struct EventStream {
    viewer: Listening,
    closing: watch::Receiver<bool>,
    begun: bool,
    ended: bool,
    _permit: Permit,
}

impl Handle {
    /// What the viewer of a session hears from now on, in place of what it heard before. Fails with
    /// `NotFound` if it has not asked for events, and with `Limit`.
    pub(crate) fn listen(&self, key: &str) -> Result<EventStream> {
        self.check_open()?;
        let events = &self.shared.viewer_events;
        let permit = events.listening.permit()?;
        Ok(EventStream {
            viewer: self.shared.registry.listen(key)?,
            closing: events.closing.subscribe(),
            begun: false,
            ended: false,
            _permit: permit,
        })
    }
}

impl EventStream {
    /// What is to be sent next; `None` at the end. Of what changes while nobody reads, the last counts.
    pub async fn next(&mut self) -> Option<&'static str> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(PREAMBLE);
        }
        loop {
            if self.ended {
                // What was said last leaves now, before anybody hears that this is over.
                tokio::task::yield_now().await;
                return None;
            }
            let viewer = &mut self.viewer;
            if *self.closing.borrow_and_update() {
                self.ended = true;
                let goodbye = viewer.wanted.has(ViewerEvent::Reconnect);
                return goodbye.then_some(ViewerEvent::Reconnect.text());
            }
            let active = *viewer.active.borrow_and_update();
            if viewer.told.swap(active, Ordering::Relaxed) != active {
                let event = match active {
                    true => ViewerEvent::Active,
                    false => ViewerEvent::Inactive,
                };
                if viewer.wanted.has(event) {
                    return Some(event.text());
                }
            }
            let changed = tokio::select! {
                changed = self.closing.changed() => changed,
                changed = viewer.active.changed() => changed,
                changed = viewer.open.changed() => changed,
                () = tokio::time::sleep(SIGN_OF_LIFE) => return Some(NOTHING),
            };
            self.ended = changed.is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::whep::events::Wanted;

    struct Rig {
        events: ViewerEvents,
        active: watch::Sender<bool>,
        open: watch::Sender<()>,
        told: Arc<std::sync::atomic::AtomicBool>,
    }

    impl Rig {
        fn new() -> Rig {
            Rig {
                events: ViewerEvents::default(),
                active: watch::Sender::new(false),
                open: watch::Sender::new(()),
                told: Arc::default(),
            }
        }

        fn listen(&self, wanted: &str) -> EventStream {
            EventStream {
                viewer: Listening {
                    wanted: Wanted::read(wanted.as_bytes()).unwrap(),
                    told: Arc::clone(&self.told),
                    active: self.active.subscribe(),
                    open: self.open.subscribe(),
                },
                closing: self.events.closing.subscribe(),
                begun: true,
                ended: false,
                _permit: self.events.listening.permit().unwrap(),
            }
        }
    }

    const ACTIVE: Option<&str> = Some(ViewerEvent::Active.text());
    const INACTIVE: Option<&str> = Some(ViewerEvent::Inactive.text());

    #[tokio::test(start_paused = true)]
    async fn a_viewer_hears_what_is_new_to_it() {
        let rig = Rig::new();
        let mut stream = rig.listen("");
        assert_eq!(
            stream.next().await,
            Some(NOTHING),
            "nothing to say at first"
        );
        rig.active.send_replace(true);
        assert_eq!(stream.next().await, ACTIVE);
        drop(stream);
        // Who listens again has not missed anything that still counts.
        rig.active.send_replace(false);
        rig.active.send_replace(true);
        let mut again = rig.listen("");
        assert_eq!(again.next().await, Some(NOTHING));
        rig.active.send_replace(false);
        assert_eq!(again.next().await, INACTIVE);
    }

    #[tokio::test(start_paused = true)]
    async fn it_hears_what_it_asked_for() {
        let rig = Rig::new();
        let mut stream = rig.listen("[\"inactive\"]");
        rig.active.send_replace(true);
        assert_eq!(stream.next().await, Some(NOTHING));
        rig.active.send_replace(false);
        assert_eq!(stream.next().await, INACTIVE);
        rig.events.closing.send_replace(true);
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_gateway_is_told_once() {
        let rig = Rig::new();
        let mut stream = rig.listen("");
        rig.events.closing.send_replace(true);
        assert_eq!(stream.next().await, Some(ViewerEvent::Reconnect.text()));
        assert_eq!(stream.next().await, None);
        let mut late = rig.listen("");
        assert_eq!(late.next().await, Some(ViewerEvent::Reconnect.text()));
    }

    #[test]
    fn who_does_not_read_holds_nobody_up_beyond_the_deadline() {
        let rig = Rig::new();
        let _stream = rig.listen("");
        let began = Instant::now();
        rig.events.close(began);
        assert!(began.elapsed() < GOODBYE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_session_or_of_the_stream_ends_it() {
        let rig = Rig::new();
        let (mut one, mut other) = (rig.listen(""), rig.listen(""));
        drop(rig.open);
        assert_eq!(one.next().await, None);
        drop(rig.active);
        assert_eq!(other.next().await, None);
    }
}
