//! Knobs: settings with a default and a range, most of which may change while the gateway runs.
//!
//! [`KNOBS`] is the one table of them; the C API, the documents, the metrics and the JSON read it.
//! [`Config::tuning`](crate::config::Config::tuning) sets knobs at creation,
//! [`Gateway::set_tuning`](crate::gateway::Gateway::set_tuning) later.

mod limits;
mod profile;
mod table;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

pub use self::limits::EstimateLimits;
pub use self::profile::Profile;
pub use self::table::{Applies, KNOBS, Key, Knob};
use crate::error::{Error, Result, Status};

/// What a track keeps at least, however short memory is: the least value of [`Key::GopCacheBytes`].
const SMALLEST_CACHE: usize = 64 << 10;

/// SRTP protection profiles that a session accepts: the values of [`Key::SrtpPolicy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i64)]
pub enum SrtpPolicy {
    /// AES-128-GCM if the viewer supports it, otherwise AES-CM-128-HMAC-SHA1-80.
    #[default]
    PreferGcm = 0,
    /// AES-128-GCM only.
    GcmOnly = 1,
    /// Whichever of the two the viewer lists first.
    Any = 2,
}

/// The values of all knobs of a gateway, readable from every thread without a lock.
#[derive(Debug)]
pub struct Tuning {
    values: [AtomicI64; KNOBS.len()],
    /// What memory leaves a track to keep, in bytes.
    cache_share: AtomicUsize,
    /// Whether memory leaves no room for more viewers.
    is_full: AtomicBool,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            values: std::array::from_fn(|i| AtomicI64::new(KNOBS[i].default)),
            cache_share: AtomicUsize::new(usize::MAX),
            is_full: AtomicBool::new(false),
        }
    }
}

impl Tuning {
    /// The defaults, with `changes` applied in order.
    pub fn new(changes: &[(Key, i64)]) -> Result<Tuning> {
        let tuning = Tuning::default();
        for &(key, value) in changes {
            tuning.change(key, value)?;
        }
        Ok(tuning)
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
        self.change(key, value)
    }

    fn change(&self, key: Key, value: i64) -> Result<()> {
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
        if key == Key::Profile
            && let Some(profile) = Profile::from_value(value)
        {
            for knob in KNOBS {
                if let Some(value) = knob.in_profile(profile) {
                    self.store(knob.key, value);
                }
            }
        }
        self.store(key, value);
        Ok(())
    }

    fn store(&self, key: Key, value: i64) {
        self.values[key.index()].store(value, Ordering::Relaxed);
    }

    /// The value of a knob, as the host set it.
    pub fn get(&self, key: Key) -> i64 {
        self.values[key.index()].load(Ordering::Relaxed)
    }

    /// Number of worker threads; `None` leaves the choice to the gateway.
    pub fn worker_threads(&self) -> Option<usize> {
        self.unless_zero(Key::WorkerThreads)
    }

    /// Whether lost packets are retransmitted.
    pub fn nack(&self) -> bool {
        self.is_on(Key::Nack)
    }

    /// Packets that a video track keeps for retransmission.
    pub fn nack_history_packets(&self) -> usize {
        self.size(Key::NackHistoryPackets)
    }

    /// Maximum age of these packets.
    pub fn nack_history(&self) -> Duration {
        self.milliseconds(Key::NackHistoryMs)
    }

    /// Interval between the sender reports of a track.
    pub fn rtcp_interval(&self) -> Duration {
        self.milliseconds(Key::RtcpIntervalMs)
    }

    /// The SRTP profiles that a session accepts.
    pub fn srtp_policy(&self) -> SrtpPolicy {
        match self.get(Key::SrtpPolicy) {
            1 => SrtpPolicy::GcmOnly,
            2 => SrtpPolicy::Any,
            _ => SrtpPolicy::PreferGcm,
        }
    }

    /// Whether DTLS may begin within the checks of ICE.
    pub fn dtls_in_stun(&self) -> bool {
        self.is_on(Key::DtlsInStun)
    }

    /// How long interface addresses are cached.
    pub fn interface_cache_ttl(&self) -> Duration {
        self.milliseconds(Key::InterfaceCacheTtlMs)
    }

    /// Whether UDP generic segmentation offload is used where it is available.
    pub fn gso(&self) -> bool {
        self.is_on(Key::Gso)
    }

    /// Maximum number of packets in one GSO batch.
    pub fn send_batch_packets(&self) -> usize {
        self.size(Key::SendBatchPackets)
    }

    /// Bytes of the UDP socket's send buffer; `None` leaves the choice to the socket.
    pub fn udp_send_buffer(&self) -> Option<usize> {
        self.unless_zero(Key::UdpSendBufferBytes)
    }

    /// Bytes of the UDP socket's receive buffer; `None` leaves the choice to the socket.
    pub fn udp_recv_buffer(&self) -> Option<usize> {
        self.unless_zero(Key::UdpRecvBufferBytes)
    }

    /// Whether a track keeps all packets since the last keyframe.
    pub fn gop_cache(&self) -> bool {
        self.is_on(Key::GopCache)
    }

    /// Maximum number of bytes that a track keeps. While memory is short: a quarter, or its share.
    pub fn gop_cache_bytes(&self) -> usize {
        let bytes = self.size(Key::GopCacheBytes);
        match self.cache_share.load(Ordering::Relaxed) {
            usize::MAX => bytes,
            share => (bytes / 4).min(share).max(SMALLEST_CACHE),
        }
    }

    /// What memory leaves a track to keep, in bytes; `None`: it is not short. True if that is news.
    pub fn set_cache_share(&self, share: Option<usize>) -> bool {
        let share = share.unwrap_or(usize::MAX);
        self.cache_share.swap(share, Ordering::Relaxed) != share
    }

    /// Whether memory leaves no room for more viewers.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Notes whether it does.
    pub fn set_full(&self, full: bool) {
        self.is_full.store(full, Ordering::Relaxed);
    }

    /// Resident bytes that the process should stay below.
    pub fn memory_limit(&self) -> Option<u64> {
        self.unless_zero(Key::MemoryLimitBytes)
            .map(|bytes| bytes as u64)
    }

    /// Maximum age of what a track keeps.
    pub fn gop_cache_age(&self) -> Duration {
        self.milliseconds(Key::GopCacheMs)
    }

    /// Send rate of paced video in percent of the stream's bit rate; `None` without pacing.
    pub fn pacing_percent(&self) -> Option<u64> {
        self.is_on(Key::Pacing)
            .then(|| self.size(Key::PacingRatePercent) as u64)
    }

    /// Whether the pace follows what is measured of the path.
    pub fn congestion(&self) -> bool {
        self.is_on(Key::Pacing) && self.is_on(Key::Congestion)
    }

    /// How busy a worker may be that takes new viewers, in percent; `None`: it takes any.
    pub fn max_worker_load(&self) -> Option<u32> {
        let percent = self.size(Key::MaxWorkerLoadPercent) as u32;
        Some(percent).filter(|&percent| percent > 0)
    }

    /// Whether frames with missing parts are shown.
    pub fn shows_damaged(&self) -> bool {
        self.is_on(Key::DamagedFrames)
    }

    /// Bounds of the estimate of what a path carries.
    pub fn congestion_limits(&self) -> EstimateLimits {
        let bits = |key| self.get(key) as u64 * 1000;
        let ceiling = Some(bits(Key::CongestionCeilingKbps)).filter(|&bits| bits > 0);
        EstimateLimits {
            start: bits(Key::CongestionStartKbps),
            floor: bits(Key::CongestionFloorKbps),
            ceiling: ceiling.unwrap_or(EstimateLimits::default().ceiling),
        }
    }

    /// Maximum number of sessions.
    pub fn max_sessions(&self) -> Option<usize> {
        self.unless_zero(Key::MaxSessions)
    }

    /// Maximum number of sessions per stream.
    pub fn max_sessions_per_stream(&self) -> Option<usize> {
        self.unless_zero(Key::MaxSessionsPerStream)
    }

    /// Maximum time that an audio packet waits for more.
    pub fn audio_hold(&self) -> Duration {
        self.milliseconds(Key::AudioHoldMs)
    }

    fn is_on(&self, key: Key) -> bool {
        self.get(key) != 0
    }

    fn size(&self, key: Key) -> usize {
        usize::try_from(self.get(key)).unwrap_or(0)
    }

    fn unless_zero(&self, key: Key) -> Option<usize> {
        Some(self.size(key)).filter(|&value| value > 0)
    }

    fn milliseconds(&self, key: Key) -> Duration {
        Duration::from_millis(self.size(key) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_and_too_late_are_refused() {
        let tuning = Tuning::default();
        let error = tuning.set(Key::RtcpIntervalMs, 5).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert_eq!(tuning.rtcp_interval(), Duration::from_secs(1));
        let error = tuning.set(Key::WorkerThreads, 2).unwrap_err();
        assert_eq!(error.status(), Status::InvalidState);
        let tuning = Tuning::new(&[(Key::WorkerThreads, 2)]).unwrap();
        assert_eq!(tuning.worker_threads(), Some(2));
        assert!(Tuning::new(&[(Key::WorkerThreads, 65)]).is_err());
    }

    #[test]
    fn short_memory_leaves_tracks_a_quarter_or_their_share() {
        let tuning = Tuning::default();
        assert_eq!(tuning.gop_cache_bytes(), 8 << 20);
        assert!(tuning.set_cache_share(Some(100 << 20)));
        assert_eq!(tuning.gop_cache_bytes(), 2 << 20);
        assert!(tuning.set_cache_share(Some(1 << 20)));
        assert!(!tuning.set_cache_share(Some(1 << 20)));
        assert_eq!(tuning.gop_cache_bytes(), 1 << 20);
        tuning.set_cache_share(Some(0));
        assert_eq!(tuning.gop_cache_bytes(), SMALLEST_CACHE);
        tuning.set_cache_share(None);
        assert_eq!(tuning.gop_cache_bytes(), 8 << 20);
    }

    #[test]
    fn a_profile_sets_its_column_and_later_values_override_it() {
        for profile in Profile::ALL {
            let tuning = Tuning::default();
            tuning.set(Key::MaxSessions, 7).unwrap();
            tuning.set(Key::RtcpIntervalMs, 777).unwrap();
            tuning.set(Key::Profile, profile as i64).unwrap();
            for knob in KNOBS {
                if let Some(value) = knob.in_profile(profile) {
                    assert_eq!(tuning.get(knob.key), value, "{profile:?} {}", knob.name);
                }
            }
            assert_eq!(tuning.get(Key::Profile), profile as i64);
            assert_eq!(tuning.max_sessions(), Some(7));
            tuning.set(Key::NackHistoryPackets, 99).unwrap();
            assert_eq!(tuning.nack_history_packets(), 99);
        }
        let tuning = Tuning::new(&[(Key::Profile, Profile::Lan as i64)]).unwrap();
        assert_eq!(tuning.pacing_percent(), None);
        let tuning = Tuning::new(&[(Key::Profile, Profile::Wan as i64)]).unwrap();
        assert_eq!(tuning.pacing_percent(), Some(150));
        assert_eq!(tuning.rtcp_interval(), Duration::from_millis(500));
    }
}
