//! The handle of a gateway, which every thread may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::authority::Authority;
use super::http_runtime::HttpRuntime;
use super::outputs::Outputs;
use super::pages::PageMessages;
use super::push::Feeds;
use super::sinks::Sinks;
#[cfg(feature = "http")]
use super::viewer_events::ViewerEvents;
use crate::error::{Error, Result, Status, shutting_down};
use crate::events::{Notices, role};
#[cfg(feature = "http")]
use crate::limit::Limit;
use crate::net::{Interfaces, Socket};
use crate::stats::{GatewaySnapshot, WorkerSnapshot, join_workers, json, prometheus};
use crate::tuning::{Key, Tuning};
use crate::whep::http::Origins;
use crate::worker::OwnAllocation;
use crate::worker::pending_offers::PendingOffers;
use crate::worker::registry::Registry;
use crate::worker::{
    CallerStats, Command, NarrowPaths, PublicAddresses, ReceiverStats, TcpPorts, Worker,
};

/// How long a worker may take to reply. Only one that is stuck takes longer.
pub(super) const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// All functions of a gateway. May be used by any number of threads concurrently. Cheap to clone.
///
/// It does not keep the gateway running: once the [`Gateway`](super::Gateway) has been shut down or
/// dropped, every call fails with `ShuttingDown`.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

/// What all handles share.
pub(super) struct Shared {
    pub(super) started: Instant,
    pub(super) tuning: Arc<Tuning>,
    pub(super) registry: Arc<Registry>,
    pub(super) feeds: Feeds,
    pub(super) sinks: Sinks,
    pub(super) outputs: Outputs,
    pub(super) socket: Arc<Socket>,
    pub(super) interfaces: Arc<Interfaces>,
    pub(super) reflexive: Arc<PublicAddresses>,
    pub(super) allocation: Option<Arc<OwnAllocation>>,
    pub(super) narrow_paths: Arc<NarrowPaths>,
    /// What pages of walls say.
    pub(super) page_messages: PageMessages,
    pub(super) received: Arc<ReceiverStats>,
    pub(super) callers: Arc<CallerStats>,
    pub(super) tcp_ports: Arc<TcpPorts>,
    /// Connections for media that have come to HTTP listeners, and that no worker has taken yet.
    #[cfg(feature = "http")]
    pub(super) called: Limit,
    pub(super) notices: Notices,
    pub(super) authority: Authority,
    pub(super) origins: Origins,
    pub(super) http: HttpRuntime,
    #[cfg(feature = "http")]
    pub(super) viewer_events: ViewerEvents,
    pub(super) offers: Arc<PendingOffers>,
    /// Offers.
    pub(super) refused_for_memory: AtomicU64,
    /// No new viewers are taken: see [`Handle::drain`].
    pub(super) draining: AtomicBool,
    pub(super) workers: Vec<Worker>,
    pub(super) closing: AtomicBool,
}

impl Handle {
    /// Sets a knob. Fails with `InvalidArgument` if the value is out of range, with `InvalidState` if
    /// the knob can only be set at creation.
    pub fn set_tuning(&self, key: Key, value: i64) -> Result<()> {
        self.check_open()?;
        self.shared.tuning.set(key, value)?;
        for worker in 0..self.shared.workers.len() {
            if !self.shared.workers[worker].retune() {
                return Err(shutting_down());
            }
        }
        Ok(())
    }

    /// Returns the value of a knob.
    pub fn tuning(&self, key: Key) -> i64 {
        self.shared.tuning.get(key)
    }

    /// Counters and gauges in the text format of Prometheus (version 0.0.4). Waits for the workers.
    pub fn metrics(&self) -> Result<String> {
        Ok(prometheus::text(&self.now()?))
    }

    /// Everything about this moment in JSON: workers, knobs, streams and sessions.
    pub fn state_json(&self) -> Result<String> {
        json::document(&self.now()?)
    }

    fn now(&self) -> Result<GatewaySnapshot<'_>> {
        self.check_open()?;
        let mut workers = (0..self.shared.workers.len())
            .map(|worker| self.ask(worker, Command::Snapshot))
            .collect::<Result<Vec<WorkerSnapshot>>>()?;
        // One that was removed meanwhile: some workers may have forgotten what they sent.
        for worker in &mut workers {
            let still = |id| self.shared.registry.stream(id).is_ok();
            worker.streams.retain(|stream| still(stream.id));
        }
        join_workers(&mut workers);
        Ok(GatewaySnapshot {
            uptime: self.shared.started.elapsed(),
            workers,
            datagrams_unknown: self.shared.received.unknown.load(Ordering::Relaxed),
            datagrams_overrun: self.shared.received.overrun.load(Ordering::Relaxed),
            connections_accepted: self.shared.callers.accepted.load(Ordering::Relaxed),
            connections_strange: self.shared.callers.strangers.load(Ordering::Relaxed),
            connections_overrun: self.shared.callers.dropped.load(Ordering::Relaxed),
            relays_allocated: self.shared.callers.relays.load(Ordering::Relaxed),
            relay_requests_refused: self.shared.callers.refused.load(Ordering::Relaxed),
            sessions_displaced: self.shared.registry.displaced(),
            slot_binds: self.shared.registry.slots.bound(),
            slot_refusals: self.shared.registry.slots.refused(),
            send_errors: self.shared.socket.errors(),
            events_dropped: self.shared.notices.dropped(),
            interface_enumerations: self.shared.interfaces.enumerations(),
            address_changes: self.shared.interfaces.changes(),
            public_address_changes: self.shared.reflexive.changes(),
            narrow_paths: self.shared.narrow_paths.count(),
            stun: self.shared.reflexive.reports(),
            allocations: self
                .shared
                .allocation
                .as_ref()
                .map_or(0, |own| own.changes()),
            turn_servers: self
                .shared
                .allocation
                .as_ref()
                .map_or(Vec::new(), |own| own.reports()),
            refused_for_memory: self.shared.refused_for_memory.load(Ordering::Relaxed),
            tuning: &self.shared.tuning,
        })
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.shared.closing.load(Ordering::SeqCst) {
            return Err(shutting_down());
        }
        Ok(())
    }

    pub(super) fn command(&self, worker: usize, command: Command) -> Result<()> {
        if self.shared.workers[worker].command(command) {
            Ok(())
        } else {
            Err(shutting_down())
        }
    }

    /// Waits now and then for a worker that is behind with commands, so that they do not pile up and
    /// shutdown is not late. Not where that could be the same thread.
    pub(super) fn keep_pace(&self, worker: usize) {
        if self.shared.workers[worker].is_pause_due() && role::check_may_ask().is_ok() {
            // One that does not answer is told by the calls that need an answer.
            let _ = self.ask(worker, Command::CaughtUp);
        }
    }

    pub(super) fn ask<T>(
        &self,
        worker: usize,
        question: impl FnOnce(SyncSender<T>) -> Command,
    ) -> Result<T> {
        role::check_may_ask()?;
        let (reply, answer) = mpsc::sync_channel(1);
        self.command(worker, question(reply))?;
        match answer.recv_timeout(REPLY_TIMEOUT) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(shutting_down()),
            Err(RecvTimeoutError::Timeout) => Err(overloaded()),
        }
    }
}

pub(super) fn overloaded() -> Error {
    Error::new(
        Status::Timeout,
        "a worker thread does not respond: the machine is overloaded, or the process was stopped; try again",
    )
}

/// The end of `timeout`; at most a year from now, so that an `Instant` can represent it.
pub(super) fn after(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + timeout.min(YEAR)
}
