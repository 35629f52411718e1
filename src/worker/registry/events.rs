//! Viewers that want to hear of their session: who listens, and what it was told.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use super::Registry;
use crate::error::{Error, Result, Status};
use crate::whep::events::Wanted;

/// What a viewer wants to hear of.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "http"), expect(dead_code))]
pub struct Subscription {
    wanted: Wanted,
    /// Whether it was last told that its camera sends media.
    told: Arc<AtomicBool>,
    /// Dropped when somebody else listens, nobody is to listen any more, or the session ends.
    listener: watch::Sender<()>,
}

/// A viewer that listens.
#[cfg(feature = "http")]
#[derive(Debug)]
pub struct Listening {
    /// What it wants to hear of.
    pub wanted: Wanted,
    /// Whether it was last told that its camera sends media.
    pub told: Arc<AtomicBool>,
    /// Whether its camera does.
    pub active: watch::Receiver<bool>,
    /// Closed when it is to listen no more.
    pub open: watch::Receiver<()>,
}

impl Registry {
    /// The viewer of a session wants to hear of these events, from now on.
    pub fn ask_for_events(&self, key: &str, wanted: Wanted) -> Result<()> {
        let mut tables = self.tables.lock();
        let entry = tables.session_of_key(key)?;
        entry.events = Some(Subscription {
            wanted,
            told: Arc::default(),
            listener: watch::Sender::new(()),
        });
        Ok(())
    }

    /// It wants to hear of none.
    pub fn end_events(&self, key: &str) -> Result<()> {
        let mut tables = self.tables.lock();
        let events = tables.session_of_key(key)?.events.take();
        events.map(drop).ok_or_else(no_events)
    }

    /// It listens, in place of whoever did so before.
    #[cfg(feature = "http")]
    pub fn listen(&self, key: &str) -> Result<Listening> {
        let mut tables = self.tables.lock();
        let entry = tables.session_of_key(key)?;
        let stream = entry.stream;
        let events = entry.events.as_mut().ok_or_else(no_events)?;
        events.listener = watch::Sender::new(());
        let (wanted, told) = (events.wanted, Arc::clone(&events.told));
        let open = events.listener.subscribe();
        Ok(Listening {
            wanted,
            told,
            active: tables.stream(stream)?.active.subscribe(),
            open,
        })
    }
}

fn no_events() -> Error {
    Error::new(
        Status::NotFound,
        "nobody has asked for the events of this session: POST to its events first",
    )
}
