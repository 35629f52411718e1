//! Everything that is counted, as Prometheus reads it.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::net::{Costs, LatencyFigures, MediaCosts};
use crate::session::Session;
use crate::session::srtp::SrtpProfile;
use crate::state::{SessionId, SessionInfo, StreamId, StreamInfo, StreamState};
use crate::tuning::{KNOBS, Tuning};

/// A gateway at one moment.
pub struct GatewaySnapshot<'a> {
    /// Age of the gateway.
    pub uptime: Duration,
    /// Its workers.
    pub workers: Vec<WorkerSnapshot>,
    /// Datagrams for no session.
    pub datagrams_unknown: u64,
    /// Datagrams dropped because a worker was too busy.
    pub datagrams_overrun: u64,
    /// Sends that the system refused.
    pub send_errors: u64,
    /// Events dropped because the host's callback was too slow.
    pub events_dropped: u64,
    /// Times that the system was asked for its interface addresses.
    pub interface_enumerations: u64,
    /// The knobs.
    pub tuning: &'a Tuning,
}

/// A worker at one moment.
pub struct WorkerSnapshot {
    /// Its index.
    pub index: usize,
    /// Time that its thread was not waiting.
    pub busy: Duration,
    /// Where that went; the rest is reading RTSP.
    pub costs: Costs,
    /// Its streams.
    pub streams: Vec<StreamSnapshot>,
    /// Its sessions.
    pub sessions: Vec<(SessionId, SessionInfo)>,
}

impl WorkerSnapshot {
    /// What nothing else accounts for: reading from cameras.
    pub fn rtsp(&self) -> Duration {
        let costs = &self.costs;
        let media = media_costs(&costs.media).map(|(_, time)| time);
        let known = media.into_iter().sum::<Duration>() + costs.control;
        self.busy.saturating_sub(known)
    }
}

/// A stream at one moment.
pub struct StreamSnapshot {
    /// Its id.
    pub id: StreamId,
    /// Its name.
    pub name: Arc<str>,
    /// The host pushes its media.
    pub pushed: bool,
    /// How it is.
    pub info: StreamInfo,
    /// What went to its viewers.
    pub totals: Totals,
    /// Bytes of memory that its rings hold.
    pub memory: usize,
    /// What its media cost its worker: packetising, sealing, sending.
    pub costs: MediaCosts,
    /// From the arrival of a picture's last packet until the system had the picture for the last
    /// of the viewers, but for what a pacer held back. Over the last 5 to 10 s; `None` without
    /// pictures or viewers in that time.
    pub latency: Option<LatencyFigures>,
}

/// What went to and came from viewers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// SRTP packets, retransmissions included.
    pub packets: u64,
    /// SRTP bytes, retransmissions included.
    pub bytes: u64,
    /// Packets sent again.
    pub retransmits: u64,
    /// Times a viewer fell behind and went on at a keyframe.
    pub overflows: u64,
    /// Packets asked for again.
    pub nacks: u64,
    /// PLI and FIR.
    pub plis: u64,
    rejected: u64,
}

impl Totals {
    /// Adds what one session counted.
    pub fn add(&mut self, session: &Session) {
        let (sent, stats) = (session.sent(), session.stats());
        self.packets += sent.packets;
        self.bytes += sent.bytes;
        self.retransmits += sent.retransmits;
        self.overflows += sent.overflows;
        self.nacks += stats.nacks;
        self.plis += stats.plis;
        self.rejected += stats.rejected;
    }
}

/// The text format, version 0.0.4.
pub fn text(gateway: &GatewaySnapshot<'_>) -> String {
    let mut out = Text::default();
    workers(&mut out, &gateway.workers);
    streams(&mut out, &gateway.workers);
    for (name, help, value) in [
        (
            "datagrams_unknown",
            "Datagrams that came for no session.",
            gateway.datagrams_unknown,
        ),
        (
            "datagrams_overrun",
            "Datagrams dropped because a worker was too busy.",
            gateway.datagrams_overrun,
        ),
        (
            "send_errors",
            "Datagrams that the system refused to send.",
            gateway.send_errors,
        ),
        (
            "events_dropped",
            "Events dropped because a callback of the host was too slow.",
            gateway.events_dropped,
        ),
        (
            "interface_enumerations",
            "Times that the system was asked for its interface addresses.",
            gateway.interface_enumerations,
        ),
    ] {
        out.counter(name, help);
        out.sample(name, "", value);
    }
    out.gauge("tuning", "Value of a knob.");
    for knob in KNOBS {
        let label = format!("knob=\"{}\"", knob.name);
        out.sample("tuning", &label, gateway.tuning.get(knob.key));
    }
    out.text
}

fn workers(out: &mut Text, workers: &[WorkerSnapshot]) {
    out.counter(
        "cpu_seconds",
        "Time of worker threads by what it was spent on.",
    );
    for worker in workers {
        let rest = [("rtsp", worker.rtsp()), ("control", worker.costs.control)];
        for (part, time) in media_costs(&worker.costs.media).into_iter().chain(rest) {
            let labels = format!("worker=\"{}\",part=\"{part}\"", worker.index);
            out.sample("cpu_seconds", &labels, time.as_secs_f64());
        }
    }
    out.gauge("sessions", "Viewers by the SRTP profile that DTLS chose.");
    for (name, profile) in [
        ("none", None),
        ("aes_128_gcm", Some(SrtpProfile::AeadAes128Gcm)),
        ("aes_128_cm_sha1_80", Some(SrtpProfile::Aes128CmSha1_80)),
    ] {
        let sessions = workers.iter().flat_map(|worker| &worker.sessions);
        let count = sessions.filter(|(_, info)| info.srtp_profile == profile);
        let label = format!("srtp_profile=\"{name}\"");
        out.sample("sessions", &label, count.count());
    }
}

fn media_costs(costs: &MediaCosts) -> [(&'static str, Duration); 3] {
    [
        ("packetise", costs.packetise()),
        ("seal", costs.seal()),
        ("send", costs.send()),
    ]
}

fn streams(out: &mut Text, workers: &[WorkerSnapshot]) {
    type Value = fn(&StreamSnapshot) -> u64;
    let gauges: [(&str, &str, Value); 5] = [
        ("stream_live", "1 while media arrives.", |s| {
            u64::from(s.info.state == StreamState::Live)
        }),
        ("stream_sessions", "Viewers.", |s| s.info.sessions.into()),
        ("stream_bits_per_second", "Bit rate of the picture.", |s| {
            s.info.bitrate_bps
        }),
        ("stream_ring_bytes", "Memory of the packets kept.", |s| {
            s.memory as u64
        }),
        (
            "stream_since_media_milliseconds",
            "Time since the last picture.",
            |s| s.info.since_last_media.map_or(0, |t| t.as_millis() as u64),
        ),
    ];
    let counters: [(&str, &str, Value); 14] = [
        ("stream_received_bytes", "Media from the camera.", |s| {
            s.info.bytes
        }),
        ("stream_frames", "Pictures from the camera.", |s| {
            s.info.frames
        }),
        ("stream_keyframes", "Keyframes from the camera.", |s| {
            s.info.keyframes
        }),
        (
            "stream_received_lost",
            "RTP packets that never came.",
            |s| s.info.packets_lost,
        ),
        (
            "stream_frames_dropped",
            "Pushed pictures that no viewer gets.",
            |s| s.info.frames_dropped,
        ),
        (
            "stream_host_keyframe_requests",
            "Times the pushing host was asked for a keyframe.",
            |s| s.info.keyframe_requests,
        ),
        ("stream_reconnects", "Times the camera came back.", |s| {
            s.info.reconnects.into()
        }),
        ("stream_sent_packets", "SRTP packets to viewers.", |s| {
            s.totals.packets
        }),
        ("stream_sent_bytes", "SRTP bytes to viewers.", |s| {
            s.totals.bytes
        }),
        (
            "stream_nacks",
            "Packets that viewers asked for again.",
            |s| s.totals.nacks,
        ),
        ("stream_retransmits", "Packets sent again.", |s| {
            s.totals.retransmits
        }),
        ("stream_keyframe_requests", "PLI and FIR of viewers.", |s| {
            s.totals.plis
        }),
        (
            "stream_overflows",
            "Times that a viewer fell behind and went on at a keyframe.",
            |s| s.totals.overflows,
        ),
        (
            "stream_rejected_datagrams",
            "Datagrams to sessions that were not authentic.",
            |s| s.totals.rejected,
        ),
    ];
    let all = || workers.iter().flat_map(|worker| &worker.streams);
    for (name, help, value) in gauges {
        out.gauge(name, help);
        for stream in all() {
            out.sample(name, &format!("stream=\"{}\"", stream.name), value(stream));
        }
    }
    for (name, help, value) in counters {
        out.counter(name, help);
        for stream in all() {
            out.sample(name, &format!("stream=\"{}\"", stream.name), value(stream));
        }
    }
    out.counter(
        "stream_cpu_seconds",
        "Time that a stream's media took in its worker, by what it was spent on.",
    );
    for stream in all() {
        for (part, time) in media_costs(&stream.costs) {
            let labels = format!("stream=\"{}\",part=\"{part}\"", stream.name);
            out.sample("stream_cpu_seconds", &labels, time.as_secs_f64());
        }
    }
    out.gauge(
        "stream_latency_seconds",
        "From a picture's last packet until the system had the picture for all viewers, over the \
         last seconds. Quantile 1 is the longest.",
    );
    for stream in all() {
        let Some(latency) = stream.latency else {
            continue;
        };
        for (quantile, time) in [
            ("0.5", latency.p50),
            ("0.95", latency.p95),
            ("1", latency.max),
        ] {
            let labels = format!("stream=\"{}\",quantile=\"{quantile}\"", stream.name);
            out.sample("stream_latency_seconds", &labels, time.as_secs_f64());
        }
    }
}

/// A stream's name has no character that needs an escape in a label.
#[derive(Default)]
struct Text {
    text: String,
    suffix: &'static str,
}

impl Text {
    fn counter(&mut self, name: &str, help: &str) {
        self.suffix = "_total";
        self.head(name, help, "counter");
    }

    fn gauge(&mut self, name: &str, help: &str) {
        self.suffix = "";
        self.head(name, help, "gauge");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let name = format!("rtsp_webrtc_gateway_{name}{}", self.suffix);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let (open, close) = match labels {
            "" => ("", ""),
            _ => ("{", "}"),
        };
        let suffix = self.suffix;
        let _ = writeln!(
            self.text,
            "rtsp_webrtc_gateway_{name}{suffix}{open}{labels}{close} {value}"
        );
    }
}
