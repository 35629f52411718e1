//! Figures of a gateway at one moment, and their two formats: Prometheus text and JSON.

mod costs;
pub mod json;
mod latency;
pub mod prometheus;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

pub use self::costs::{Costs, MediaCosts};
pub use self::latency::{Latency, LatencyFigures};
use crate::state::{
    Detail, OutputId, OutputInfo, Quality, QualityReason, SessionId, SessionInfo, SinkId, SinkInfo,
    StreamId, StreamInfo, Switches,
};
use crate::stun::{Reflexive, Report};
use crate::tuning::Tuning;

/// A gateway at one moment.
pub struct GatewaySnapshot<'a> {
    /// Age of the gateway.
    pub uptime: Duration,
    pub workers: Vec<WorkerSnapshot>,
    /// Datagrams for no session.
    pub datagrams_unknown: u64,
    /// Datagrams dropped because a worker was too busy.
    pub datagrams_overrun: u64,
    /// TCP connections for media.
    pub connections_accepted: u64,
    /// Those that ended before an authentic check had come.
    pub connections_strange: u64,
    /// Datagrams that are no media, dropped because a connection took nothing, or was in use.
    pub connections_overrun: u64,
    /// Relays that were allocated.
    pub relays_allocated: u64,
    /// Requests to the relay that were refused.
    pub relay_requests_refused: u64,
    /// Sessions that ended before their viewers had connected, to make room for later offers.
    pub sessions_displaced: u64,
    /// Slots of walls that were bound to a stream, and changes of slots that were refused.
    pub slot_binds: u64,
    pub slot_refusals: u64,
    /// Sends that the system refused.
    pub send_errors: u64,
    /// Events dropped because the host's callback was too slow.
    pub events_dropped: u64,
    /// How often the system was queried for its interface addresses.
    pub interface_enumerations: u64,
    /// How often it had other ones than before.
    pub address_changes: u64,
    /// How often STUN servers saw other public addresses than before.
    pub public_address_changes: u64,
    /// Viewers on whose paths large datagrams vanished.
    pub narrow_paths: u64,
    /// What STUN servers say.
    pub stun: Vec<Report<Reflexive>>,
    /// How often a TURN server has allocated something to the gateway, and what is known of each.
    pub allocations: u64,
    pub turn_servers: Vec<Report<SocketAddr>>,
    /// Offers refused because the process came near its memory limit.
    pub refused_for_memory: u64,
    pub tuning: &'a Tuning,
}

/// A worker at one moment.
pub struct WorkerSnapshot {
    pub index: usize,
    /// Time that its thread was busy.
    pub busy: Duration,
    /// How busy it was during the last second or so, in percent of its time.
    pub load_percent: u32,
    /// Offers that were refused because it was too busy.
    pub refused: u64,
    /// What the time was spent on; the rest is reading RTSP.
    pub costs: Costs,
    pub streams: Vec<StreamSnapshot>,
    /// What its viewers of streams of others have to do with those.
    pub guests: Vec<GuestSnapshot>,
    /// Bytes of memory that the rings of its mirrors hold, for viewers, walls and variants.
    pub mirrors: Vec<(StreamId, usize)>,
    pub sessions: Vec<(SessionId, SessionInfo)>,
    /// What was sent to walls, which belong to no stream.
    pub walls: Totals,
}

impl WorkerSnapshot {
    /// The time that nothing else accounts for: reading from cameras.
    pub fn rtsp(&self) -> Duration {
        let costs = &self.costs;
        let media = costs.media.parts().map(|(_, time)| time);
        let known = media.into_iter().sum::<Duration>() + costs.control;
        self.busy.saturating_sub(known)
    }
}

/// A stream at one moment.
pub struct StreamSnapshot {
    pub id: StreamId,
    /// Whether the host pushes its media.
    pub pushed: bool,
    /// Its state and counters.
    pub info: StreamInfo,
    /// What was sent to its viewers.
    pub totals: Totals,
    /// What its viewers are shown now.
    pub shown: QualityCounts,
    /// Its sinks.
    pub sinks: Vec<(SinkId, SinkInfo)>,
    /// Where it is sent to.
    pub outputs: Vec<(OutputId, OutputInfo)>,
    /// How often sending it there failed or ended, outputs that are gone included.
    pub output_failures: u64,
    /// Frames that they lost, those that are gone included.
    pub sink_frames_dropped: u64,
    /// How often its source took more than its share of the worker: a camera is given up for that.
    pub given_up: u64,
    /// Bytes of memory that its rings hold, those of its mirrors on other workers included.
    pub memory: usize,
    /// What its media cost: packetizing, sealing, sending.
    pub costs: MediaCosts,
    /// Time from the arrival of a frame's last packet until the system has the frame for the last
    /// viewer, without what a pacer held back. Over the last 5 to 10 s; `None` without frames or
    /// viewers in that time.
    pub latency: Option<LatencyFigures>,
}

/// The figures of a stream that come from viewers on another worker than its own.
pub struct GuestSnapshot {
    pub stream: StreamId,
    pub totals: Totals,
    pub shown: QualityCounts,
    pub costs: MediaCosts,
    pub latency: Option<LatencyFigures>,
}

impl StreamSnapshot {
    /// Adds what is known of viewers on another worker.
    fn add(&mut self, guests: &GuestSnapshot) {
        self.totals.add_all(&guests.totals);
        self.shown.add_all(&guests.shown);
        self.costs.add_all(&guests.costs);
        // A frame has left when it has for the last viewer.
        self.latency = match (self.latency, guests.latency) {
            (Some(own), Some(other)) => Some(own.slower(other)),
            (own, other) => own.or(other),
        };
    }
}

/// Adds to the figures of each stream those of its viewers and of its mirrors on other workers.
pub fn join_workers(workers: &mut [WorkerSnapshot]) {
    let mut guests: HashMap<StreamId, Vec<GuestSnapshot>> = HashMap::new();
    let mut mirrors: HashMap<StreamId, usize> = HashMap::new();
    for worker in &mut *workers {
        for of_stream in worker.guests.drain(..) {
            guests.entry(of_stream.stream).or_default().push(of_stream);
        }
        for (stream, memory) in worker.mirrors.drain(..) {
            *mirrors.entry(stream).or_default() += memory;
        }
    }
    for stream in workers.iter_mut().flat_map(|worker| &mut worker.streams) {
        let guests = guests.remove(&stream.id).unwrap_or_default();
        guests.iter().for_each(|guests| stream.add(guests));
        stream.memory += mirrors.remove(&stream.id).unwrap_or_default();
    }
}

/// What was sent to and received from viewers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// SRTP packets, retransmissions included.
    pub packets: u64,
    /// SRTP bytes, retransmissions included.
    pub bytes: u64,
    pub retransmits: u64,
    /// Packets of padding.
    pub padding_packets: u64,
    /// Bytes of them.
    pub padding_bytes: u64,
    /// How often a viewer fell behind and resumed at a keyframe.
    pub overflows: u64,
    /// How often a viewer was shown the last keyframe as a still picture, until the next came.
    pub stills: u64,
    /// How often frames were left out up to a keyframe for a viewer's connection.
    pub skips: u64,
    /// How often frames were left out up to a keyframe because the worker was late with them.
    pub sheds: u64,
    /// How often a viewer was shown something else.
    pub switches: Switches,
    /// Packets that NACKs asked for.
    pub nacks: u64,
    /// PLI and FIR.
    pub plis: u64,
    /// Datagrams that were not authentic, or not understood.
    pub rejected: u64,
}

impl Totals {
    /// Adds the counters of one session.
    pub fn add(&mut self, session: &SessionInfo) {
        self.packets += session.packets_sent;
        self.bytes += session.bytes_sent;
        self.retransmits += session.retransmits;
        self.padding_packets += session.padding_packets;
        self.padding_bytes += session.padding_bytes;
        self.overflows += session.overflows;
        self.stills += session.stills;
        self.skips += session.skips;
        self.sheds += session.sheds;
        self.switches.add(session.switches);
        self.nacks += session.nacks;
        self.plis += session.plis;
        self.rejected += session.rejected;
    }

    /// Adds those of others.
    pub fn add_all(&mut self, other: &Totals) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.retransmits += other.retransmits;
        self.padding_packets += other.padding_packets;
        self.padding_bytes += other.padding_bytes;
        self.overflows += other.overflows;
        self.stills += other.stills;
        self.skips += other.skips;
        self.sheds += other.sheds;
        self.switches.add(other.switches);
        self.nacks += other.nacks;
        self.plis += other.plis;
        self.rejected += other.rejected;
    }
}

/// Numbers of viewers by what they are shown and why.
#[derive(Clone, Copy, Debug, Default)]
pub struct QualityCounts {
    details: [u64; Detail::ALL.len()],
    reasons: [u64; QualityReason::ALL.len()],
}

impl QualityCounts {
    /// Counts a viewer.
    pub fn add(&mut self, quality: &Quality) {
        for (count, detail) in self.details.iter_mut().zip(Detail::ALL) {
            *count += u64::from(detail == quality.detail);
        }
        for (count, reason) in self.reasons.iter_mut().zip(QualityReason::ALL) {
            *count += u64::from(reason == quality.reason);
        }
    }

    /// Counts those of others.
    fn add_all(&mut self, other: &QualityCounts) {
        let counts = self.details.iter_mut().chain(&mut self.reasons);
        let others = other.details.iter().chain(&other.reasons);
        counts
            .zip(others)
            .for_each(|(count, other)| *count += other);
    }

    /// How many are shown this much.
    pub fn details(&self) -> impl Iterator<Item = (Detail, u64)> {
        Detail::ALL.into_iter().zip(self.details)
    }

    /// How many get less than the best for this reason.
    pub fn held_back(&self) -> impl Iterator<Item = (QualityReason, u64)> {
        let all = QualityReason::ALL.into_iter().zip(self.reasons);
        all.filter(|(reason, _)| *reason != QualityReason::Nothing)
    }
}
