//! The figures in the text format of Prometheus.

use std::fmt::{Display, Write};

use crate::crypto;
use crate::media::MediaKind;
use crate::state::{OutputState, Protocol, SlotInfo, SrtpProfile, StreamState};
use crate::stats::{GatewaySnapshot, StreamSnapshot, Totals, WorkerSnapshot};
use crate::tuning::KNOBS;

/// The text format, version 0.0.4.
pub fn text(gateway: &GatewaySnapshot<'_>) -> String {
    let mut out = Text::default();
    out.gauge(
        "info",
        "1, with the version, and whether the cryptography is a FIPS module.",
    );
    let fips = u8::from(crypto::is_fips());
    let labels = format!("version=\"{}\",fips=\"{fips}\"", crypto::VERSION);
    out.sample("info", &labels, 1);
    workers(&mut out, &gateway.workers);
    paths(&mut out, &gateway.workers);
    walls(&mut out, &gateway.workers);
    streams(&mut out, &gateway.workers);
    for (name, help, value) in [
        (
            "datagrams_unknown",
            "Datagrams that belong to no session.",
            gateway.datagrams_unknown,
        ),
        (
            "datagrams_overrun",
            "Datagrams dropped because a worker was too busy.",
            gateway.datagrams_overrun,
        ),
        (
            "connections_accepted",
            "TCP connections for media.",
            gateway.connections_accepted,
        ),
        (
            "connections_strange",
            "TCP connections that ended before an authentic ICE check had come.",
            gateway.connections_strange,
        ),
        (
            "connections_overrun",
            "Datagrams that are no media, dropped because a TCP connection took nothing or was in use by another thread.",
            gateway.connections_overrun,
        ),
        (
            "relays_allocated",
            "Relays that viewers allocated by TURN.",
            gateway.relays_allocated,
        ),
        (
            "relay_requests_refused",
            "Requests to the relay by wrong credentials, or to relay to others.",
            gateway.relay_requests_refused,
        ),
        (
            "sessions_displaced",
            "Sessions that made room for later offers before their viewers had connected.",
            gateway.sessions_displaced,
        ),
        (
            "slot_binds",
            "Slots of walls that were bound to a stream.",
            gateway.slot_binds,
        ),
        (
            "slot_refusals",
            "Changes of slots of walls that were refused.",
            gateway.slot_refusals,
        ),
        (
            "send_errors",
            "Datagrams that the system refused to send.",
            gateway.send_errors,
        ),
        (
            "events_dropped",
            "Events dropped because a callback of the host took too long.",
            gateway.events_dropped,
        ),
        (
            "interface_enumerations",
            "Queries of the system for its interface addresses.",
            gateway.interface_enumerations,
        ),
        (
            "address_changes",
            "How often the network interfaces had other addresses than before.",
            gateway.address_changes,
        ),
        (
            "public_address_changes",
            "How often STUN servers saw other public addresses than before.",
            gateway.public_address_changes,
        ),
        (
            "allocations",
            "Allocations that TURN servers gave the gateway.",
            gateway.allocations,
        ),
        (
            "narrow_paths",
            "Viewers on whose paths large datagrams vanished.",
            gateway.narrow_paths,
        ),
        (
            "refused_for_memory",
            "Offers refused because the process came near the memory that its cgroup allows.",
            gateway.refused_for_memory,
        ),
    ] {
        out.counter(name, help);
        out.sample(name, "", value);
    }
    out.gauge(
        "stun_answers",
        "1 while the STUN server says where this host is.",
    );
    for (i, report) in gateway.stun.iter().enumerate() {
        let address = report
            .given
            .map_or(String::new(), |mapping| mapping.public.to_string());
        let labels = format!(
            "number=\"{i}\",server=\"{}\",public=\"{address}\"",
            report.server
        );
        out.sample("stun_answers", &labels, u64::from(report.given.is_some()));
    }
    out.gauge(
        "turn_server_allocated",
        "1 while the gateway has its allocation at the TURN server.",
    );
    for (i, report) in gateway.turn_servers.iter().enumerate() {
        let address = report
            .given
            .map_or(String::new(), |relayed| relayed.to_string());
        let server = &report.server;
        let labels = format!("number=\"{i}\",server=\"{server}\",relayed=\"{address}\"");
        out.sample(
            "turn_server_allocated",
            &labels,
            u64::from(report.given.is_some()),
        );
    }
    out.gauge("tuning", "Value of a knob.");
    for knob in KNOBS {
        let label = format!("knob=\"{}\"", knob.name);
        out.sample("tuning", &label, gateway.tuning.get(knob.key));
    }
    out.text
}

fn workers(out: &mut Text, workers: &[WorkerSnapshot]) {
    out.counter("cpu_seconds", "Busy time of worker threads, by part.");
    for worker in workers {
        let rest = [("rtsp", worker.rtsp()), ("control", worker.costs.control)];
        for (part, time) in worker.costs.media.parts().into_iter().chain(rest) {
            let labels = format!("worker=\"{}\",part=\"{part}\"", worker.index);
            out.sample("cpu_seconds", &labels, time.as_secs_f64());
        }
    }
    out.gauge("worker_load_percent", "How busy a worker is.");
    for worker in workers {
        let label = format!("worker=\"{}\"", worker.index);
        out.sample("worker_load_percent", &label, worker.load_percent);
    }
    out.counter(
        "offers_refused_busy",
        "Offers refused because a worker was too busy.",
    );
    for worker in workers {
        let label = format!("worker=\"{}\"", worker.index);
        out.sample("offers_refused_busy", &label, worker.refused);
    }
    out.gauge("sessions", "Sessions, by negotiated SRTP profile.");
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

fn paths(out: &mut Text, workers: &[WorkerSnapshot]) {
    out.gauge("sessions_by_path", "Sessions, by what carries their media.");
    let protocols = Protocol::ALL.map(|protocol| (protocol.name(), Some(protocol)));
    for (name, protocol) in [("none", None)].into_iter().chain(protocols) {
        let sessions = workers.iter().flat_map(|worker| &worker.sessions);
        let count = sessions.filter(|(_, info)| info.protocol == protocol);
        let label = format!("protocol=\"{name}\"");
        out.sample("sessions_by_path", &label, count.count());
    }
}

fn walls(out: &mut Text, workers: &[WorkerSnapshot]) {
    type Value = fn(&Totals) -> u64;
    let sessions = workers.iter().flat_map(|worker| &worker.sessions);
    let walls: Vec<_> = sessions
        .filter(|(_, info)| !info.slots.is_empty())
        .collect();
    out.gauge("walls", "Sessions that are walls.");
    out.sample("walls", "", walls.len());
    out.gauge(
        "wall_slots",
        "Slots of walls: empty, hidden, live while their stream is, waiting for it otherwise.",
    );
    let slots: Vec<_> = walls.iter().flat_map(|(_, info)| &info.slots).collect();
    for (name, kind) in [("video", MediaKind::Video), ("audio", MediaKind::Audio)] {
        for state in ["empty", "hidden", "live", "waiting"] {
            let slots = slots.iter().filter(|slot| slot.kind == kind);
            let count = slots.filter(|slot| slot_state(slot) == state).count();
            let labels = format!("kind=\"{name}\",state=\"{state}\"");
            out.sample("wall_slots", &labels, count);
        }
    }
    let counters: [(&str, &str, Value); 6] = [
        ("wall_sent_packets", "SRTP packets sent to walls.", |t| {
            t.packets
        }),
        ("wall_sent_bytes", "SRTP bytes sent to walls.", |t| t.bytes),
        (
            "wall_nacks",
            "Packets that walls reported as lost (NACK).",
            |t| t.nacks,
        ),
        ("wall_retransmits", "Packets retransmitted to walls.", |t| {
            t.retransmits
        }),
        (
            "wall_keyframe_requests",
            "Keyframe requests from walls (PLI, FIR).",
            |t| t.plis,
        ),
        (
            "wall_skips",
            "Times that frames were left out up to a keyframe for a wall's connection.",
            |t| t.skips,
        ),
    ];
    for (name, help, value) in counters {
        out.counter(name, help);
        let of_workers = workers.iter().map(|worker| value(&worker.walls));
        out.sample(name, "", of_workers.sum::<u64>());
    }
}

fn slot_state(slot: &SlotInfo) -> &'static str {
    match slot.state {
        None => "empty",
        Some(_) if slot.view.paused => "hidden",
        Some(StreamState::Live) => "live",
        Some(_) => "waiting",
    }
}

fn streams(out: &mut Text, workers: &[WorkerSnapshot]) {
    type Value = fn(&StreamSnapshot) -> u64;
    let gauges: [(&str, &str, Value); 8] = [
        ("stream_live", "1 while the stream is live.", |s| {
            u64::from(s.info.state == StreamState::Live)
        }),
        ("stream_sessions", "Sessions that watch the stream.", |s| {
            s.info.sessions.into()
        }),
        ("stream_sinks", "Sinks of the stream.", |s| {
            s.sinks.len() as u64
        }),
        ("stream_outputs", "Outputs of the stream.", |s| {
            s.outputs.len() as u64
        }),
        (
            "stream_outputs_live",
            "Outputs that a media server gets the stream by.",
            |s| {
                let mut states = s.outputs.iter().map(|(_, output)| output.state);
                states.by_ref().filter(|&s| s == OutputState::Live).count() as u64
            },
        ),
        ("stream_bits_per_second", "Bit rate of the video.", |s| {
            s.info.bitrate_bps
        }),
        (
            "stream_ring_bytes",
            "Memory held for stored packets, on all workers that send the stream.",
            |s| s.memory as u64,
        ),
        (
            "stream_since_media_milliseconds",
            "Time since the last video frame.",
            |s| s.info.since_last_media.map_or(0, |t| t.as_millis() as u64),
        ),
    ];
    let counters: [(&str, &str, Value); 22] = [
        ("stream_received_bytes", "Bytes of media received.", |s| {
            s.info.bytes
        }),
        ("stream_frames", "Video frames received.", |s| s.info.frames),
        ("stream_keyframes", "Keyframes received.", |s| {
            s.info.keyframes
        }),
        (
            "stream_received_lost",
            "RTP packets of the camera that were lost.",
            |s| s.info.packets_lost,
        ),
        (
            "stream_frames_dropped",
            "Video frames that were not sent to any viewer.",
            |s| s.info.frames_dropped,
        ),
        (
            "stream_sink_frames_dropped",
            "Frames that sinks lost because they were not read in time.",
            |s| s.sink_frames_dropped,
        ),
        (
            "stream_output_failures",
            "Attempts and sessions of outputs that failed or ended.",
            |s| s.output_failures,
        ),
        (
            "stream_host_keyframe_requests",
            "Keyframe requests to the pushing host.",
            |s| s.info.keyframe_requests,
        ),
        ("stream_reconnects", "Reconnections of the camera.", |s| {
            s.info.reconnects.into()
        }),
        (
            "stream_given_up",
            "Times that the source took more than its share of a worker: a camera is given up for that.",
            |s| s.given_up,
        ),
        (
            "stream_sent_packets",
            "SRTP packets sent to viewers.",
            |s| s.totals.packets,
        ),
        ("stream_sent_bytes", "SRTP bytes sent to viewers.", |s| {
            s.totals.bytes
        }),
        (
            "stream_nacks",
            "Packets that viewers reported as lost (NACK).",
            |s| s.totals.nacks,
        ),
        ("stream_retransmits", "Packets retransmitted.", |s| {
            s.totals.retransmits
        }),
        (
            "stream_padding_packets",
            "Packets of padding sent to find out what connections carry.",
            |s| s.totals.padding_packets,
        ),
        (
            "stream_padding_bytes",
            "Bytes of padding sent to find out what connections carry.",
            |s| s.totals.padding_bytes,
        ),
        (
            "stream_keyframe_requests",
            "Keyframe requests from viewers (PLI, FIR).",
            |s| s.totals.plis,
        ),
        (
            "stream_overflows",
            "Times that a viewer fell behind and resumed at a keyframe.",
            |s| s.totals.overflows,
        ),
        (
            "stream_stills",
            "Times that a viewer was shown the last keyframe as a still picture until the next.",
            |s| s.totals.stills,
        ),
        (
            "stream_skips",
            "Times that frames were left out up to a keyframe for a viewer's connection.",
            |s| s.totals.skips,
        ),
        (
            "stream_sheds",
            "Times that frames were left out up to a keyframe because a worker was late with them.",
            |s| s.totals.sheds,
        ),
        (
            "stream_rejected_datagrams",
            "Datagrams for sessions that were not authentic.",
            |s| s.totals.rejected,
        ),
    ];
    let all = || workers.iter().flat_map(|worker| &worker.streams);
    for (name, help, value) in gauges {
        out.gauge(name, help);
        for stream in all() {
            out.sample(
                name,
                &format!("stream=\"{}\"", stream.info.identity.name),
                value(stream),
            );
        }
    }
    for (name, help, value) in counters {
        out.counter(name, help);
        for stream in all() {
            out.sample(
                name,
                &format!("stream=\"{}\"", stream.info.identity.name),
                value(stream),
            );
        }
    }
    out.counter(
        "stream_cpu_seconds",
        "Worker time spent on a stream's media, by part.",
    );
    for stream in all() {
        for (part, time) in stream.costs.parts() {
            let labels = format!("stream=\"{}\",part=\"{part}\"", stream.info.identity.name);
            out.sample("stream_cpu_seconds", &labels, time.as_secs_f64());
        }
    }
    out.gauge(
        "stream_warning",
        "1 for a live stream of whose media something is wrong, by what it is.",
    );
    for stream in all() {
        if let Some(warning) = &stream.info.warning {
            let labels = label(stream, "warning", warning.kind.name());
            out.sample("stream_warning", &labels, 1);
        }
    }
    out.gauge(
        "stream_sessions_shown",
        "Sessions that watch the stream, by how much of the video they get.",
    );
    for stream in all() {
        for (detail, count) in stream.shown.details() {
            let labels = label(stream, "detail", detail.name());
            out.sample("stream_sessions_shown", &labels, count);
        }
    }
    out.gauge(
        "stream_sessions_held_back",
        "Sessions that get less than the best variant with all frames, by the reason.",
    );
    for stream in all() {
        for (reason, count) in stream.shown.held_back() {
            let labels = label(stream, "reason", reason.name());
            out.sample("stream_sessions_held_back", &labels, count);
        }
    }
    out.counter(
        "stream_switches",
        "Times that a viewer was shown something else, by what: a better or a worse variant, fewer \
         frames, keyframes or sound alone.",
    );
    for stream in all() {
        let switches = &stream.totals.switches;
        for (to, count) in [
            ("better_variant", switches.up),
            ("worse_variant", switches.down),
            ("fewer_frames", switches.fewer_frames),
            ("keyframes", switches.keyframes),
            ("sound_only", switches.sound_only),
        ] {
            let labels = label(stream, "to", to);
            out.sample("stream_switches", &labels, count);
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
            let labels = format!(
                "stream=\"{}\",quantile=\"{quantile}\"",
                stream.info.identity.name
            );
            out.sample("stream_latency_seconds", &labels, time.as_secs_f64());
        }
    }
}

/// The labels of a figure of a stream that has a second one.
fn label(stream: &StreamSnapshot, name: &str, value: &str) -> String {
    format!(
        "stream=\"{}\",{name}=\"{value}\"",
        stream.info.identity.name
    )
}

/// Stream names contain no character that needs escaping in a label.
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
