//! Everything that is counted, as Prometheus reads it.

use std::fmt::{Display, Write};

use crate::state::SrtpProfile;
use crate::state::StreamState;
use crate::stats::{GatewaySnapshot, StreamSnapshot, WorkerSnapshot};
use crate::tuning::KNOBS;

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
        for (part, time) in worker.costs.media.parts().into_iter().chain(rest) {
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
        for (part, time) in stream.costs.parts() {
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
