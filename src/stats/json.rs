//! The state of a gateway at one moment as JSON, for dashboards.
//!
//! Made from the same worker snapshots as the metrics, plus each session. The members and their units
//! are part of the API (documented in the header): members are only ever added.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::crypto;
use crate::error::{Error, Result, Status};
use crate::media::{Codec, MediaKind};
use crate::state::{
    OutputId, OutputInfo, Protocol, SessionId, SessionInfo, SinkId, SinkInfo, SlotInfo,
    SrtpProfile, StreamId, StreamState, Switches, Warning,
};
use crate::stats::{GatewaySnapshot, MediaCosts, StreamSnapshot, WorkerSnapshot};
use crate::stun::{Reflexive, Report};
use crate::tuning::{Applies, KNOBS, Knob, Tuning};

/// Names of all streams.
type Names<'a> = HashMap<StreamId, &'a str>;

/// The document.
pub fn document(gateway: &GatewaySnapshot<'_>) -> Result<String> {
    let mut streams: Vec<&StreamSnapshot> =
        gateway.workers.iter().flat_map(|w| &w.streams).collect();
    streams.sort_unstable_by_key(|stream| stream.id);
    let mut sessions: Vec<&(SessionId, SessionInfo)> =
        gateway.workers.iter().flat_map(|w| &w.sessions).collect();
    sessions.sort_unstable_by_key(|(id, _)| *id);
    let names: Names<'_> = streams
        .iter()
        .map(|s| (s.id, &*s.info.identity.name))
        .collect();
    let now = SystemTime::now();
    let document = Document {
        version: crypto::VERSION,
        fips: crypto::is_fips(),
        unix_ms: now.duration_since(UNIX_EPOCH).map_or(0, millis),
        uptime_ms: millis(gateway.uptime),
        process: Process::now(),
        workers: gateway.workers.iter().map(Worker::from).collect(),
        counters: Counters {
            datagrams_unknown: gateway.datagrams_unknown,
            datagrams_overrun: gateway.datagrams_overrun,
            connections_accepted: gateway.connections_accepted,
            connections_strange: gateway.connections_strange,
            connections_overrun: gateway.connections_overrun,
            relays_allocated: gateway.relays_allocated,
            relay_requests_refused: gateway.relay_requests_refused,
            sessions_displaced: gateway.sessions_displaced,
            slot_binds: gateway.slot_binds,
            slot_refusals: gateway.slot_refusals,
            send_errors: gateway.send_errors,
            events_dropped: gateway.events_dropped,
            interface_enumerations: gateway.interface_enumerations,
            address_changes: gateway.address_changes,
            public_address_changes: gateway.public_address_changes,
            allocations: gateway.allocations,
            narrow_paths: gateway.narrow_paths,
            refused_for_memory: gateway.refused_for_memory,
        },
        stun: gateway.stun.iter().map(StunServer::from).collect(),
        turn_servers: gateway.turn_servers.iter().map(TurnServer::from).collect(),
        tuning: KNOBS
            .iter()
            .map(|knob| Setting::new(knob, gateway.tuning))
            .collect(),
        streams: streams.into_iter().map(Stream::from).collect(),
        sessions: sessions
            .into_iter()
            .map(|(id, info)| Session::new(*id, info, &names))
            .collect(),
    };
    written(&document)
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    fips: bool,
    unix_ms: u64,
    uptime_ms: u64,
    process: Process,
    workers: Vec<Worker>,
    counters: Counters,
    stun: Vec<StunServer<'a>>,
    turn_servers: Vec<TurnServer<'a>>,
    tuning: Vec<Setting>,
    streams: Vec<Stream<'a>>,
    sessions: Vec<Session<'a>>,
}

/// The host's whole process; null where the system does not report it.
#[derive(Serialize)]
struct Process {
    resident_bytes: Option<u64>,
    cpu_us: Option<u64>,
}

impl Process {
    fn now() -> Process {
        Process {
            resident_bytes: resident_bytes(),
            cpu_us: cpu_us(),
        }
    }
}

/// Resident memory of this process. Linux reports it in a file; other systems have none, and on Windows anybody
/// might create one.
pub fn resident_bytes() -> Option<u64> {
    if !cfg!(unix) {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(unix)]
fn cpu_us() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?);
    Some(micros(Duration::new(seconds, nanos)))
}

#[cfg(not(unix))]
fn cpu_us() -> Option<u64> {
    None
}

#[derive(Serialize)]
struct Worker {
    index: usize,
    busy_us: u64,
    load_percent: u32,
    refused: u64,
    streams: usize,
    sessions: usize,
    cost_us: WorkerCost,
}

#[derive(Serialize)]
struct WorkerCost {
    rtsp: u64,
    #[serde(flatten)]
    media: MediaCost,
    control: u64,
}

impl From<&WorkerSnapshot> for Worker {
    fn from(worker: &WorkerSnapshot) -> Worker {
        Worker {
            index: worker.index,
            busy_us: micros(worker.busy),
            load_percent: worker.load_percent,
            refused: worker.refused,
            streams: worker.streams.len(),
            sessions: worker.sessions.len(),
            cost_us: WorkerCost {
                rtsp: micros(worker.rtsp()),
                media: MediaCost::from(&worker.costs.media),
                control: micros(worker.costs.control),
            },
        }
    }
}

#[derive(Serialize)]
struct MediaCost {
    packetize: u64,
    seal: u64,
    send: u64,
}

impl From<&MediaCosts> for MediaCost {
    fn from(costs: &MediaCosts) -> MediaCost {
        MediaCost {
            packetize: micros(costs.packetize()),
            seal: micros(costs.seal()),
            send: micros(costs.send()),
        }
    }
}

#[derive(Serialize)]
struct Counters {
    datagrams_unknown: u64,
    datagrams_overrun: u64,
    connections_accepted: u64,
    connections_strange: u64,
    connections_overrun: u64,
    relays_allocated: u64,
    relay_requests_refused: u64,
    sessions_displaced: u64,
    slot_binds: u64,
    slot_refusals: u64,
    send_errors: u64,
    events_dropped: u64,
    interface_enumerations: u64,
    address_changes: u64,
    public_address_changes: u64,
    allocations: u64,
    narrow_paths: u64,
    refused_for_memory: u64,
}

#[derive(Serialize)]
struct StunServer<'a> {
    server: &'a str,
    public: Option<SocketAddr>,
    base: Option<SocketAddr>,
    message: &'a str,
}

impl<'a> From<&'a Report<Reflexive>> for StunServer<'a> {
    fn from(report: &'a Report<Reflexive>) -> StunServer<'a> {
        StunServer {
            server: &report.server,
            public: report.given.map(|mapping| mapping.public),
            base: report.given.map(|mapping| mapping.base),
            message: &report.message,
        }
    }
}

#[derive(Serialize)]
struct TurnServer<'a> {
    server: &'a str,
    relayed: Option<SocketAddr>,
    message: &'a str,
}

impl<'a> From<&'a Report<SocketAddr>> for TurnServer<'a> {
    fn from(report: &'a Report<SocketAddr>) -> TurnServer<'a> {
        TurnServer {
            server: &report.server,
            relayed: report.given,
            message: &report.message,
        }
    }
}

#[derive(Serialize)]
struct Setting {
    name: &'static str,
    value: i64,
    default: i64,
    min: i64,
    max: i64,
    applies: &'static str,
}

impl Setting {
    fn new(knob: &Knob, tuning: &Tuning) -> Setting {
        Setting {
            name: knob.name,
            value: tuning.get(knob.key),
            default: knob.default,
            min: knob.min,
            max: knob.max,
            applies: match knob.applies {
                Applies::Create => "create",
                Applies::NewSessions => "new_sessions",
                Applies::Now => "now",
            },
        }
    }
}

#[derive(Serialize)]
struct Stream<'a> {
    id: u64,
    name: &'a str,
    label: Option<&'a str>,
    variants: Vec<u64>,
    source: &'static str,
    state: &'static str,
    status: &'static str,
    message: &'a str,
    warning: Option<StreamWarning<'a>>,
    video_codec: Option<&'static str>,
    audio_codec: Option<&'static str>,
    width: Option<u32>,
    height: Option<u32>,
    bitrate_bps: u64,
    sessions: u32,
    reconnects: u32,
    given_up: u64,
    bytes: u64,
    frames: u64,
    keyframes: u64,
    frames_dropped: u64,
    packets_lost: u64,
    keyframe_requests: u64,
    quirks: BTreeMap<&'static str, u32>,
    since_last_media_ms: Option<u64>,
    sinks: Vec<Sink>,
    outputs: Vec<Output<'a>>,
    memory_bytes: usize,
    cost_us: MediaCost,
    latency_us: Option<Latency>,
    sent: Sent,
}

#[derive(Serialize)]
struct Sink {
    id: u64,
    frames: u64,
    bytes: u64,
    frames_dropped: u64,
    overflows: u64,
    queued_frames: u32,
    queued_bytes: u64,
}

#[derive(Serialize)]
struct Output<'a> {
    id: u64,
    state: &'static str,
    status: &'static str,
    message: &'a str,
    server: &'a str,
    warning: Option<&'static str>,
    label: Option<&'a str>,
    session: Option<u64>,
    attempts: u64,
    connections: u64,
    retry_in_ms: Option<u64>,
}

impl<'a> From<&'a (OutputId, OutputInfo)> for Output<'a> {
    fn from((id, info): &'a (OutputId, OutputInfo)) -> Output<'a> {
        let error = info.error.as_ref();
        Output {
            id: id.0,
            state: info.state.name(),
            status: error.map_or(Status::Ok, Error::status).text(),
            message: error.map_or("", Error::message),
            server: &info.server,
            warning: info.warning,
            label: info.label.as_deref(),
            session: info.session.map(|session| session.0),
            attempts: info.attempts,
            connections: info.connections,
            retry_in_ms: info.retry_in.map(millis),
        }
    }
}

impl From<&(SinkId, SinkInfo)> for Sink {
    fn from((id, info): &(SinkId, SinkInfo)) -> Sink {
        Sink {
            id: id.0,
            frames: info.frames,
            bytes: info.bytes,
            frames_dropped: info.frames_dropped,
            overflows: info.overflows,
            queued_frames: info.queued_frames,
            queued_bytes: info.queued_bytes,
        }
    }
}

#[derive(Serialize)]
struct StreamWarning<'a> {
    name: &'static str,
    message: &'a str,
}

impl<'a> From<&'a Warning> for StreamWarning<'a> {
    fn from(warning: &'a Warning) -> StreamWarning<'a> {
        StreamWarning {
            name: warning.kind.name(),
            message: &warning.message,
        }
    }
}

/// Latency over the last seconds. See the metrics for its definition.
#[derive(Serialize)]
struct Latency {
    p50: u64,
    p95: u64,
    max: u64,
}

#[derive(Serialize)]
struct Sent {
    bytes: u64,
    packets: u64,
    nacks: u64,
    retransmits: u64,
    padding_packets: u64,
    padding_bytes: u64,
    plis: u64,
    overflows: u64,
    stills: u64,
    skips: u64,
    sheds: u64,
    switches: SwitchCounts,
}

impl<'a> From<&'a StreamSnapshot> for Stream<'a> {
    fn from(stream: &'a StreamSnapshot) -> Stream<'a> {
        let (info, totals) = (&stream.info, &stream.totals);
        let size = |pixels: u32| Some(pixels).filter(|&pixels| pixels > 0);
        Stream {
            id: stream.id.0,
            name: &info.identity.name,
            label: info.identity.label.as_deref(),
            variants: info.variants.iter().map(|id| id.0).collect(),
            source: if stream.pushed { "push" } else { "pull" },
            state: info.state.name(),
            status: info.status.text(),
            message: &info.message,
            warning: info.warning.as_ref().map(StreamWarning::from),
            video_codec: info.video_codec.map(Codec::encoding_name),
            audio_codec: info.audio_codec.map(Codec::encoding_name),
            width: size(info.width),
            height: size(info.height),
            bitrate_bps: info.bitrate_bps,
            sessions: info.sessions,
            reconnects: info.reconnects,
            given_up: stream.given_up,
            bytes: info.bytes,
            frames: info.frames,
            keyframes: info.keyframes,
            frames_dropped: info.frames_dropped,
            packets_lost: info.packets_lost,
            keyframe_requests: info.keyframe_requests,
            quirks: info.quirks.iter().copied().collect(),
            since_last_media_ms: info.since_last_media.map(millis),
            sinks: stream.sinks.iter().map(Sink::from).collect(),
            outputs: stream.outputs.iter().map(Output::from).collect(),
            memory_bytes: stream.memory,
            cost_us: MediaCost::from(&stream.costs),
            latency_us: stream.latency.map(|latency| Latency {
                p50: micros(latency.p50),
                p95: micros(latency.p95),
                max: micros(latency.max),
            }),
            sent: Sent {
                bytes: totals.bytes,
                packets: totals.packets,
                nacks: totals.nacks,
                retransmits: totals.retransmits,
                padding_packets: totals.padding_packets,
                padding_bytes: totals.padding_bytes,
                plis: totals.plis,
                overflows: totals.overflows,
                stills: totals.stills,
                skips: totals.skips,
                sheds: totals.sheds,
                switches: totals.switches.into(),
            },
        }
    }
}

/// How often a viewer was shown something else.
#[derive(Serialize)]
struct SwitchCounts {
    up: u64,
    down: u64,
    fewer_frames: u64,
    keyframes: u64,
    sound_only: u64,
}

impl From<Switches> for SwitchCounts {
    fn from(switches: Switches) -> SwitchCounts {
        SwitchCounts {
            up: switches.up,
            down: switches.down,
            fewer_frames: switches.fewer_frames,
            keyframes: switches.keyframes,
            sound_only: switches.sound_only,
        }
    }
}

#[derive(Serialize)]
struct Session<'a> {
    id: u64,
    stream: u64,
    stream_name: Option<&'a str>,
    state: &'static str,
    srtp_profile: Option<&'static str>,
    remote: Option<SocketAddr>,
    protocol: Option<&'static str>,
    peer: Option<&'a str>,
    label: Option<&'a str>,
    bytes_sent: u64,
    packets_sent: u64,
    nacks: u64,
    retransmits: u64,
    padding_packets: u64,
    padding_bytes: u64,
    plis: u64,
    overflows: u64,
    stills: u64,
    skips: u64,
    sheds: u64,
    variant: u64,
    variant_name: Option<&'a str>,
    detail: &'static str,
    reason: &'static str,
    held_back: Option<&'a str>,
    bandwidth_bps: Option<u64>,
    needed_bps: Option<u64>,
    slots: Vec<Slot<'a>>,
    switches: SwitchCounts,
    round_trip_us: Option<u64>,
    loss_ppm: u32,
    age_ms: u64,
}

impl<'a> Session<'a> {
    fn new(id: SessionId, info: &'a SessionInfo, names: &Names<'a>) -> Session<'a> {
        let quality = &info.quality;
        Session {
            id: id.0,
            stream: info.stream.0,
            stream_name: names.get(&info.stream).copied(),
            state: info.state.name(),
            srtp_profile: info.srtp_profile.map(SrtpProfile::name),
            remote: info.remote,
            protocol: info.protocol.map(Protocol::name),
            peer: info.viewer.peer.as_deref(),
            label: info.viewer.label.as_deref(),
            bytes_sent: info.bytes_sent,
            packets_sent: info.packets_sent,
            nacks: info.nacks,
            retransmits: info.retransmits,
            padding_packets: info.padding_packets,
            padding_bytes: info.padding_bytes,
            plis: info.plis,
            overflows: info.overflows,
            stills: info.stills,
            skips: info.skips,
            sheds: info.sheds,
            variant: quality.variant.0,
            variant_name: names.get(&quality.variant).copied(),
            detail: quality.detail.name(),
            reason: quality.reason.name(),
            held_back: info.held_back.as_deref(),
            bandwidth_bps: quality.estimate,
            needed_bps: known(quality.needed),
            slots: info
                .slots
                .iter()
                .map(|slot| Slot::new(slot, names))
                .collect(),
            switches: info.switches.into(),
            round_trip_us: info.round_trip.map(micros),
            loss_ppm: info.loss_ppm,
            age_ms: millis(info.age),
        }
    }
}

/// A slot of a wall.
#[derive(Serialize)]
struct Slot<'a> {
    slot: &'a str,
    kind: &'static str,
    stream: Option<u64>,
    stream_name: Option<&'a str>,
    state: Option<&'static str>,
    reason: Option<&'a str>,
    width: u16,
    height: u16,
    focus: bool,
    paused: bool,
    variant: Option<u64>,
    variant_name: Option<&'a str>,
    detail: Option<&'static str>,
    needed_bps: Option<u64>,
}

impl<'a> Slot<'a> {
    fn new(info: &'a SlotInfo, names: &Names<'a>) -> Slot<'a> {
        let quality = info.quality.as_ref();
        Slot {
            slot: &info.mid,
            kind: match info.kind {
                MediaKind::Video => "video",
                MediaKind::Audio => "audio",
            },
            stream: info.stream.map(|stream| stream.0),
            stream_name: info.stream.and(Some(&*info.stream_name)),
            state: info.state.map(StreamState::name),
            reason: info.reason.as_deref(),
            width: info.view.width,
            height: info.view.height,
            focus: info.view.focus,
            paused: info.view.paused,
            variant: quality.map(|quality| quality.variant.0),
            variant_name: quality.and_then(|quality| names.get(&quality.variant).copied()),
            detail: quality.map(|quality| quality.detail.name()),
            needed_bps: quality.and_then(|quality| known(quality.needed)),
        }
    }
}

/// What a viewer may know of its own session: nothing that the host keeps about it.
pub fn viewer_document(info: &SessionInfo, variant_name: Option<&str>) -> Result<String> {
    #[derive(Serialize)]
    struct Viewer<'a> {
        state: &'static str,
        variant_name: Option<&'a str>,
        detail: &'static str,
        reason: &'static str,
        held_back: Option<&'a str>,
        bandwidth_bps: Option<u64>,
        needed_bps: Option<u64>,
    }
    let quality = &info.quality;
    written(&Viewer {
        state: info.state.name(),
        variant_name,
        detail: quality.detail.name(),
        reason: quality.reason.name(),
        held_back: info.held_back.as_deref(),
        bandwidth_bps: quality.estimate,
        needed_bps: known(quality.needed),
    })
}

fn written(document: &impl Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|error| {
        Error::new(
            Status::Panic,
            format!("the state cannot be written as JSON: {error}"),
        )
    })
}

/// 0 stands for what is not known.
fn known(rate: u64) -> Option<u64> {
    (rate > 0).then_some(rate)
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_the_process() {
        let process = Process::now();
        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.cpu_us.is_some());
    }
}
