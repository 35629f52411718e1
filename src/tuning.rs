//! Every knob: name, default, range, when it takes effect. One table, read by C, docs and metrics.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::{Error, Result, Status};

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Applies {
    /// Only as an option of `create`.
    Create = 1,
    /// For sessions created later.
    NewSessions = 2,
    /// At once.
    Now = 3,
}

/// A knob. The numbers are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Key {
    /// Threads that carry media.
    WorkerThreads = 1,
    /// Answer NACKs.
    Nack = 2,
    /// Packets kept per video track for NACKs.
    NackHistoryPackets = 3,
    /// Time between sender reports.
    RtcpIntervalMs = 4,
    /// Which SRTP profiles are accepted.
    SrtpPolicy = 5,
    /// How long interface addresses are remembered.
    InterfaceCacheTtlMs = 6,
    /// Use UDP generic segmentation offload.
    Gso = 7,
    /// Packets per GSO run at most.
    SendBatchPackets = 8,
    /// Send buffer of the UDP socket.
    UdpSendBufferBytes = 9,
    /// Receive buffer of the UDP socket.
    UdpRecvBufferBytes = 10,
    /// Keep packets since the last keyframe, so that viewers start at once.
    GopCache = 11,
    /// Bytes of such packets per track at most.
    GopCacheBytes = 12,
    /// Age of such packets at most.
    GopCacheMs = 13,
    /// Spread large access units.
    Pacing = 14,
    /// Pace, in percent of the stream's bit rate.
    PacingRatePercent = 15,
    /// Sessions at most.
    MaxSessions = 16,
    /// Sessions per stream at most.
    MaxSessionsPerStream = 17,
    /// Set many knobs at once.
    Profile = 18,
    /// Let sound wait, so that several packets leave in one run.
    AudioHoldMs = 19,
    /// Age of packets kept for NACKs.
    NackHistoryMs = 20,
}

/// What a knob is.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its number.
    pub key: Key,
    /// Its name, as in `--set name=value`.
    pub name: &'static str,
    /// Its value unless set.
    pub default: i64,
    /// The smallest value.
    pub min: i64,
    /// The largest value.
    pub max: i64,
    /// When a changed value takes effect.
    pub applies: Applies,
    /// What it does, and in which unit.
    pub help: &'static str,
}

const fn knob(
    key: Key,
    name: &'static str,
    default: i64,
    (min, max): (i64, i64),
    applies: Applies,
    help: &'static str,
) -> Knob {
    Knob {
        key,
        name,
        default,
        min,
        max,
        applies,
        help,
    }
}

/// All knobs, ordered by number.
pub const KNOBS: &[Knob] = &[
    knob(
        Key::WorkerThreads,
        "worker_threads",
        0,
        (0, 64),
        Applies::Create,
        "Threads that carry media. 0: half of the cores, 1 to 8.",
    ),
    knob(
        Key::Nack,
        "nack",
        1,
        (0, 1),
        Applies::NewSessions,
        "1: send lost packets again when the viewer asks (NACK). 0: neither announce nor answer it.",
    ),
    knob(
        Key::NackHistoryPackets,
        "nack_history_packets",
        512,
        (0, 8192),
        Applies::Now,
        "Packets kept per video track for NACKs, besides those of the GOP cache, unless they are \
         older than nack_history_ms.",
    ),
    knob(
        Key::RtcpIntervalMs,
        "rtcp_interval_ms",
        1000,
        (100, 60_000),
        Applies::NewSessions,
        "Milliseconds between sender reports of a track.",
    ),
    knob(
        Key::SrtpPolicy,
        "srtp_policy",
        0,
        (0, 2),
        Applies::NewSessions,
        "0 (prefer_gcm): AES-128-GCM if the viewer offers it, else AES-CM-SHA1-80. \
         1 (gcm_only): AES-128-GCM or no session. 2 (any): the first that the viewer lists.",
    ),
    knob(
        Key::InterfaceCacheTtlMs,
        "interface_cache_ttl_ms",
        30_000,
        (0, 3_600_000),
        Applies::Now,
        "Milliseconds for which the addresses of the network interfaces are remembered. \
         0: ask the system for each session.",
    ),
    knob(
        Key::Gso,
        "gso",
        1,
        (0, 1),
        Applies::Now,
        "1: hand runs of packets to the kernel in one call (UDP GSO) where it can. 0: one by one.",
    ),
    knob(
        Key::SendBatchPackets,
        "send_batch_packets",
        32,
        (1, 64),
        Applies::Now,
        "Packets per GSO run at most.",
    ),
    knob(
        Key::UdpSendBufferBytes,
        "udp_send_buffer_bytes",
        0,
        (0, 1 << 30),
        Applies::Create,
        "Send buffer of the UDP socket in bytes. 0: as large as the system gives, up to 8 MiB.",
    ),
    knob(
        Key::UdpRecvBufferBytes,
        "udp_recv_buffer_bytes",
        0,
        (0, 1 << 30),
        Applies::Create,
        "Receive buffer of the UDP socket in bytes. 0: as large as the system gives, up to 8 MiB.",
    ),
    knob(
        Key::GopCache,
        "gop_cache",
        1,
        (0, 1),
        Applies::Now,
        "1: keep all since the last keyframe, so that a viewer sees a picture at once. \
         0: viewers wait for the next keyframe.",
    ),
    knob(
        Key::GopCacheBytes,
        "gop_cache_bytes",
        8 << 20,
        (64 << 10, 1 << 30),
        Applies::Now,
        "Bytes kept per video track at most.",
    ),
    knob(
        Key::GopCacheMs,
        "gop_cache_ms",
        15_000,
        (100, 120_000),
        Applies::Now,
        "Milliseconds of video kept per track at most.",
    ),
    knob(
        Key::Pacing,
        "pacing",
        1,
        (0, 1),
        Applies::NewSessions,
        "1: spread large access units (keyframes) and the backlog of a start over time, unless the \
         viewer is near (round trip up to 5 ms, hardly any loss). 0: send them in one burst.",
    ),
    knob(
        Key::PacingRatePercent,
        "pacing_rate_percent",
        250,
        (110, 10_000),
        Applies::NewSessions,
        "Pace of large access units and of a backlog in percent of the stream's bit rate.",
    ),
    knob(
        Key::MaxSessions,
        "max_sessions",
        0,
        (0, 1_000_000),
        Applies::Now,
        "Sessions at most. 0: no limit.",
    ),
    knob(
        Key::MaxSessionsPerStream,
        "max_sessions_per_stream",
        0,
        (0, 1_000_000),
        Applies::Now,
        "Sessions per stream at most. 0: no limit.",
    ),
    knob(
        Key::Profile,
        "profile",
        0,
        (0, PROFILES.len() as i64 - 1),
        Applies::NewSessions,
        "Sets many knobs at once; those set after it count. 0 (balanced): the defaults. \
         1 (lan): no pacing, short history. 2 (wan): gentle pacing, long history, frequent \
         sender reports. 3 (max_density): least memory and CPU per viewer.",
    ),
    knob(
        Key::AudioHoldMs,
        "audio_hold_ms",
        0,
        (0, 200),
        Applies::NewSessions,
        "Milliseconds that a packet of sound may wait for the next ones, to leave with them in \
         one GSO run. Sound costs nearly as much CPU as the picture when each packet goes alone; \
         held back, it comes that much later, and the picture with it (lip sync).",
    ),
    knob(
        Key::NackHistoryMs,
        "nack_history_ms",
        1000,
        (100, 60_000),
        Applies::Now,
        "Milliseconds for which a packet is kept for NACKs, besides those of the GOP cache, unless \
         nack_history_packets newer ones are there. Four or five round trips are enough.",
    ),
];

/// What each value of [`Key::Profile`] sets; what it does not name gets its default, but for the
/// limits of sessions and what only applies at creation.
pub const PROFILES: [(&str, &[(Key, i64)]); 4] = [
    ("balanced", &[]),
    (
        "lan",
        &[
            (Key::Pacing, 0),
            (Key::NackHistoryPackets, 256),
            (Key::SendBatchPackets, 64),
        ],
    ),
    (
        "wan",
        &[
            (Key::PacingRatePercent, 150),
            (Key::NackHistoryPackets, 2048),
            (Key::NackHistoryMs, 4000),
            (Key::RtcpIntervalMs, 500),
        ],
    ),
    (
        "max_density",
        &[
            (Key::NackHistoryPackets, 128),
            (Key::RtcpIntervalMs, 3000),
            (Key::SendBatchPackets, 64),
            (Key::GopCacheBytes, 2 << 20),
            (Key::GopCacheMs, 12_000),
            (Key::AudioHoldMs, 60),
        ],
    ),
];

/// What a profile sets.
const PROFILE_KEYS: [Key; 11] = [
    Key::Nack,
    Key::NackHistoryPackets,
    Key::NackHistoryMs,
    Key::RtcpIntervalMs,
    Key::SendBatchPackets,
    Key::GopCache,
    Key::GopCacheBytes,
    Key::GopCacheMs,
    Key::Pacing,
    Key::PacingRatePercent,
    Key::AudioHoldMs,
];

impl Key {
    /// The key with this number.
    pub fn from_number(number: i32) -> Option<Key> {
        KNOBS.iter().map(|k| k.key).find(|&k| k as i32 == number)
    }

    /// The key with this name.
    pub fn from_name(name: &str) -> Option<Key> {
        KNOBS.iter().find(|k| k.name == name).map(|k| k.key)
    }

    /// What it is.
    pub fn knob(self) -> &'static Knob {
        &KNOBS[self.index()]
    }

    fn index(self) -> usize {
        self as usize - 1
    }
}

/// Which SRTP profiles a session accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SrtpPolicy {
    /// AES-128-GCM if offered, else AES-CM-SHA1-80.
    #[default]
    PreferGcm,
    /// AES-128-GCM or nothing.
    GcmOnly,
    /// The first of the two that the viewer lists.
    Any,
}

/// The values of all knobs of a gateway, readable from every thread without a lock.
#[derive(Debug)]
pub struct Tuning {
    values: [AtomicI64; KNOBS.len()],
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            values: std::array::from_fn(|i| AtomicI64::new(KNOBS[i].default)),
        }
    }
}

impl Tuning {
    /// The value of a knob.
    pub fn get(&self, key: Key) -> i64 {
        self.values[key.index()].load(Ordering::Relaxed)
    }

    /// Whether a knob of range 0 to 1 is on.
    pub fn on(&self, key: Key) -> bool {
        self.get(key) != 0
    }

    /// The SRTP policy.
    pub fn srtp_policy(&self) -> SrtpPolicy {
        match self.get(Key::SrtpPolicy) {
            1 => SrtpPolicy::GcmOnly,
            2 => SrtpPolicy::Any,
            _ => SrtpPolicy::PreferGcm,
        }
    }

    /// Sets a knob before the gateway starts.
    pub fn set_at_create(&self, key: Key, value: i64) -> Result<()> {
        let knob = key.knob();
        if value < knob.min || value > knob.max {
            return Err(Error::new(
                Status::InvalidArgument,
                format!(
                    "{} must be {} to {}, not {value}",
                    knob.name, knob.min, knob.max
                ),
            ));
        }
        if key == Key::Profile {
            let (_, changes) = PROFILES[value as usize];
            for key in PROFILE_KEYS {
                let changed = changes.iter().find(|(changed, _)| *changed == key);
                self.store(key, changed.map_or(key.knob().default, |(_, value)| *value));
            }
        }
        self.store(key, value);
        Ok(())
    }

    fn store(&self, key: Key, value: i64) {
        self.values[key.index()].store(value, Ordering::Relaxed);
    }

    /// Sets a knob of a running gateway.
    pub fn set(&self, key: Key, value: i64) -> Result<()> {
        let knob = key.knob();
        if knob.applies == Applies::Create {
            return Err(Error::new(
                Status::InvalidState,
                format!("{} can only be set when the gateway is created", knob.name),
            ));
        }
        self.set_at_create(key, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_ordered_and_defaults_are_in_range() {
        for (i, knob) in KNOBS.iter().enumerate() {
            assert_eq!(knob.key.index(), i, "{}", knob.name);
            assert!(knob.min <= knob.default && knob.default <= knob.max);
            assert_eq!(Key::from_name(knob.name), Some(knob.key));
            assert_eq!(Key::from_number(knob.key as i32), Some(knob.key));
        }
    }

    #[test]
    fn values_out_of_range_and_too_late_are_refused() {
        let tuning = Tuning::default();
        let error = tuning.set(Key::RtcpIntervalMs, 5).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert_eq!(tuning.get(Key::RtcpIntervalMs), 1000);
        let error = tuning.set(Key::WorkerThreads, 2).unwrap_err();
        assert_eq!(error.status(), Status::InvalidState);
        tuning.set_at_create(Key::WorkerThreads, 2).unwrap();
        assert_eq!(tuning.get(Key::WorkerThreads), 2);
    }

    #[test]
    fn a_profile_sets_many_knobs_and_later_ones_count() {
        for (number, (name, changes)) in PROFILES.iter().enumerate() {
            let tuning = Tuning::default();
            tuning.set(Key::MaxSessions, 7).unwrap();
            tuning.set(Key::RtcpIntervalMs, 777).unwrap();
            tuning.set(Key::Profile, number as i64).unwrap();
            for (key, value) in *changes {
                assert!(PROFILE_KEYS.contains(key), "{name} {key:?}");
                assert_eq!(tuning.get(*key), *value, "{name} {key:?}");
                let knob = key.knob();
                assert!((knob.min..=knob.max).contains(value), "{name} {key:?}");
            }
            let rtcp = changes.iter().find(|(key, _)| *key == Key::RtcpIntervalMs);
            assert_eq!(
                tuning.get(Key::RtcpIntervalMs),
                rtcp.map_or(1000, |(_, value)| *value)
            );
            assert_eq!(tuning.get(Key::MaxSessions), 7);
            tuning.set(Key::NackHistoryPackets, 99).unwrap();
            assert_eq!(tuning.get(Key::NackHistoryPackets), 99);
        }
    }
}
