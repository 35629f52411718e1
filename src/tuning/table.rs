//! The table of all knobs: one row holds everything that is known about a knob.
//!
//! A new knob is a row here, and an accessor in [`Tuning`](super::Tuning) for the code that obeys
//! it. `UPDATE_DOCS=1 cargo test --test consistency` then writes the C enum and docs/tuning.md.

use super::profile::Profile;

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Applies {
    /// Only when the gateway is created; it cannot be changed later.
    Create = 1,
    /// For sessions created after the change. Existing sessions keep their value.
    NewSessions = 2,
    /// Immediately, for existing sessions and streams too.
    Now = 3,
}

/// What is known about a knob.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its number.
    pub key: Key,
    /// Its stable name, as in `--set name=value`.
    pub name: &'static str,
    /// Its value unless set.
    pub default: i64,
    /// The smallest value allowed.
    pub min: i64,
    /// The largest value allowed.
    pub max: i64,
    /// When a changed value takes effect.
    pub applies: Applies,
    /// What it does, and in which unit.
    pub help: &'static str,
    /// Its value in each profile; `None` if profiles leave it alone.
    by_profile: Option<[i64; Profile::ALL.len()]>,
}

impl Knob {
    /// The value that a profile gives this knob; `None` if profiles leave it alone.
    pub fn in_profile(&self, profile: Profile) -> Option<i64> {
        self.by_profile.map(|values| values[profile as usize])
    }
}

/// Makes [`Key`] and [`KNOBS`] from the rows below. A row's doc comment is the knob's help.
macro_rules! knobs {
    ($(
        $(#[doc = $help:literal])+
        $key:ident = $number:literal, $name:literal {
            default: $default:literal, range: $min:literal..=$max:literal, applies: $applies:ident,
            $(profiles: { lan: $lan:literal, wan: $wan:literal, max_density: $dense:literal },)?
        }
    )+) => {
        /// A knob. The numbers are part of the ABI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Key {
            $($(#[doc = $help])+ $key = $number,)+
        }

        /// All knobs, ordered by number.
        pub const KNOBS: &[Knob] = &[$(
            Knob {
                key: Key::$key,
                name: $name,
                default: $default,
                min: $min,
                max: $max,
                applies: Applies::$applies,
                help: concat!($($help),+).trim_ascii(),
                by_profile: knobs!(@profiles $($default, $lan, $wan, $dense)?),
            },
        )+];
    };
    (@profiles) => { None };
    (@profiles $($value:literal),+) => { Some([$($value),+]) };
}

knobs! {
    /// Number of threads that process media. 0: half of the CPU cores, at least 1 and at most 8.
    WorkerThreads = 1, "worker_threads" {
        default: 0, range: 0..=64, applies: Create,
    }

    /// 1: retransmit the packets that a viewer reports as lost (NACK). 0: do not offer
    /// retransmission; tracks keep no packets for it from then on, so that viewers who are there are
    /// sent again only what the GOP cache has.
    Nack = 2, "nack" {
        default: 1, range: 0..=1, applies: NewSessions,
        profiles: { lan: 1, wan: 1, max_density: 1 },
    }

    /// Maximum number of packets that a video track keeps for retransmission, in addition to the
    /// GOP cache. Packets older than nack_history_ms are not kept.
    NackHistoryPackets = 3, "nack_history_packets" {
        default: 512, range: 0..=8192, applies: Now,
        profiles: { lan: 256, wan: 2048, max_density: 128 },
    }

    /// Interval between the RTCP sender reports of a track, in milliseconds.
    RtcpIntervalMs = 4, "rtcp_interval_ms" {
        default: 1000, range: 100..=60_000, applies: NewSessions,
        profiles: { lan: 1000, wan: 500, max_density: 3000 },
    }

    /// SRTP protection profiles that a session accepts. 0 (prefer_gcm): AES-128-GCM if the viewer
    /// supports it, otherwise AES-CM-128-HMAC-SHA1-80. 1 (gcm_only): AES-128-GCM only; other
    /// viewers cannot connect. 2 (any): whichever of the two the viewer lists first.
    SrtpPolicy = 5, "srtp_policy" {
        default: 0, range: 0..=2, applies: NewSessions,
    }

    /// How long the addresses of the network interfaces are cached, in milliseconds. 0: query the
    /// operating system for each session.
    InterfaceCacheTtlMs = 6, "interface_cache_ttl_ms" {
        default: 30_000, range: 0..=3_600_000, applies: Now,
    }

    /// 1: send packets in batches with UDP generic segmentation offload (GSO) where the operating
    /// system supports it. 0: one system call per packet.
    Gso = 7, "gso" {
        default: 1, range: 0..=1, applies: Now,
    }

    /// Maximum number of packets in one GSO batch.
    SendBatchPackets = 8, "send_batch_packets" {
        default: 32, range: 1..=64, applies: Now,
        profiles: { lan: 64, wan: 32, max_density: 64 },
    }

    /// Size of the UDP socket's send buffer, in bytes. 0: as large as the operating system allows,
    /// up to 8 MiB, and 1 MiB for that of an output.
    UdpSendBufferBytes = 9, "udp_send_buffer_bytes" {
        default: 0, range: 0..=1_073_741_824, applies: Create,
    }

    /// Size of the UDP socket's receive buffer, in bytes. 0: as large as the operating system
    /// allows, up to 8 MiB, and 1 MiB for that of an output.
    UdpRecvBufferBytes = 10, "udp_recv_buffer_bytes" {
        default: 0, range: 0..=1_073_741_824, applies: Create,
    }

    /// 1: keep all video packets since the last keyframe, so that a new viewer starts immediately.
    /// 0: a new viewer waits for the next keyframe.
    GopCache = 11, "gop_cache" {
        default: 1, range: 0..=1, applies: Now,
        profiles: { lan: 1, wan: 1, max_density: 1 },
    }

    /// Maximum memory that the stored media of a track may take, in bytes, for the GOP cache and for
    /// retransmission: RTP payload, and what is kept to find it again.
    GopCacheBytes = 12, "gop_cache_bytes" {
        default: 8_388_608, range: 65_536..=1_073_741_824, applies: Now,
        profiles: { lan: 8_388_608, wan: 8_388_608, max_density: 2_097_152 },
    }

    /// Maximum age of the media that a track keeps, in milliseconds, for the GOP cache and for
    /// retransmission.
    GopCacheMs = 13, "gop_cache_ms" {
        default: 15_000, range: 100..=120_000, applies: Now,
        profiles: { lan: 15_000, wan: 15_000, max_density: 12_000 },
    }

    /// 1: spread large video frames (keyframes) and the backlog of a new viewer over time. The rate is
    /// what the path carries if congestion measures it, and otherwise pacing_rate_percent, or no
    /// limit for a nearby viewer (round trip up to 5 ms, hardly any loss). 0: send everything in one
    /// burst.
    Pacing = 14, "pacing" {
        default: 1, range: 0..=1, applies: NewSessions,
        profiles: { lan: 0, wan: 1, max_density: 1 },
    }

    /// Send rate of paced video in percent of the stream's bit rate, where nothing is measured: for
    /// viewers that send no transport-wide feedback, and with congestion=0.
    PacingRatePercent = 15, "pacing_rate_percent" {
        default: 250, range: 110..=10_000, applies: NewSessions,
        profiles: { lan: 250, wan: 150, max_density: 250 },
    }

    /// Maximum number of viewers that are connected; further offers are refused. Sessions whose viewers
    /// have not connected do not count. At most as many as this, but 64 to 1024, wait for their viewers
    /// (4096 without a limit); beyond, the oldest ends, of the peer that has most. 0: no limit.
    MaxSessions = 16, "max_sessions" {
        default: 0, range: 0..=1_000_000, applies: Now,
    }

    /// Maximum number of viewers of a stream that are connected; outputs do not count. 0: no limit.
    MaxSessionsPerStream = 17, "max_sessions_per_stream" {
        default: 0, range: 0..=1_000_000, applies: Now,
    }

    /// Sets several knobs at once. A knob that is set afterwards overrides the profile. 0
    /// (balanced): the defaults. 1 (lan): no pacing, no congestion control, short history. 2 (wan):
    /// gentle pacing, long history, frequent sender reports. 3 (max_density): least memory and CPU
    /// time per viewer, no congestion control.
    Profile = 18, "profile" {
        default: 0, range: 0..=3, applies: NewSessions,
    }

    /// Maximum time in milliseconds that an audio packet waits for another one, to leave along with it;
    /// 5 ms more if that is late. 0: send each at once. An audio packet that is sent alone costs nearly
    /// as much CPU time as a video frame, and so does reading it alone: where a camera sends audio
    /// packets over TCP that are all alike, one waits in the kernel until more comes (and so does a video
    /// frame that is even smaller, until the next of either): up to twice this time in all. Waiting adds
    /// this delay to the audio, and perhaps to the video as well, because browsers synchronize the two
    /// (lip sync).
    AudioHoldMs = 19, "audio_hold_ms" {
        default: 20, range: 0..=200, applies: Now,
        profiles: { lan: 0, wan: 20, max_density: 60 },
    }

    /// Maximum age of the packets that a video track keeps for retransmission, in milliseconds, in
    /// addition to the GOP cache. Four or five round trips are enough.
    NackHistoryMs = 20, "nack_history_ms" {
        default: 500, range: 100..=60_000, applies: Now,
        profiles: { lan: 500, wan: 4000, max_density: 500 },
    }

    /// 1: measure what the path to a viewer carries (ICE checks at the start, then transport-wide
    /// feedback), pace by it, and skip frames until the next keyframe when the path is slower than
    /// the stream. 0: pace by the bit rate of the stream. It has no effect without pacing.
    Congestion = 21, "congestion" {
        default: 1, range: 0..=1, applies: NewSessions,
        profiles: { lan: 0, wan: 1, max_density: 0 },
    }

    /// What the path to a viewer is assumed to carry until anything is measured, in kbit/s.
    CongestionStartKbps = 22, "congestion_start_kbps" {
        default: 1000, range: 50..=1_000_000, applies: NewSessions,
    }

    /// Minimum of the estimate of what the path to a viewer carries, in kbit/s.
    CongestionFloorKbps = 23, "congestion_floor_kbps" {
        default: 30, range: 10..=100_000, applies: NewSessions,
    }

    /// Maximum of the estimate of what the path to a viewer carries, in kbit/s: packets to a viewer
    /// leave no faster. 0: no limit.
    CongestionCeilingKbps = 24, "congestion_ceiling_kbps" {
        default: 0, range: 0..=1_000_000, applies: NewSessions,
    }

    /// Show video frames with missing parts, and those that depend on them (0 or 1). 0: they are left
    /// out, and the picture stands still until the next keyframe.
    DamagedFrames = 25, "damaged_frames" {
        default: 0, range: 0..=1, applies: Now,
    }

    /// How busy a worker may be and still take new viewers, in percent of its time: measured, and with
    /// what those who have just come will take. Above it offers fail with ERR_LIMIT (503), so that those
    /// who watch lose nothing. 0: no limit.
    MaxWorkerLoadPercent = 26, "max_worker_load_percent" {
        default: 85, range: 0..=100, applies: Now,
    }

    /// Resident memory that the process should stay below, in bytes: all of it, what the host itself
    /// needs included. From 75 % of it on tracks keep less, and together no more than half of it; from
    /// 90 % on offers fail with ERR_LIMIT (503). Those who watch go on. Looked at once a second, and
    /// within 10 s of a change; the limit of a cgroup counts in the same way, whichever is nearer. While
    /// memory is short, malloc_trim() is called every 10 s where the C library has it. Linux only. 0: that of
    /// the cgroup alone.
    MemoryLimitBytes = 27, "memory_limit_bytes" {
        default: 0, range: 0..=1_099_511_627_776, applies: Now,
    }

    /// 1: let the DTLS handshake of a viewer that offers it begin within the checks of ICE (SPED,
    /// draft-hancke-webrtc-sped), which saves up to one round trip before the first picture. 0: it begins
    /// after the first check.
    DtlsInStun = 28, "dtls_in_stun" {
        default: 1, range: 0..=1, applies: NewSessions,
    }
}

impl Key {
    /// The key with this number.
    pub fn from_number(number: i32) -> Option<Key> {
        let knob = KNOBS.iter().find(|knob| knob.key as i32 == number)?;
        Some(knob.key)
    }

    /// The key with this name.
    pub fn from_name(name: &str) -> Option<Key> {
        let knob = KNOBS.iter().find(|knob| knob.name == name)?;
        Some(knob.key)
    }

    /// The knob's row in the table.
    pub fn knob(self) -> &'static Knob {
        &KNOBS[self.index()]
    }

    pub(super) fn index(self) -> usize {
        self as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_ordered_and_their_values_are_in_range() {
        for (i, knob) in KNOBS.iter().enumerate() {
            assert_eq!(knob.key.index(), i, "{}", knob.name);
            assert_eq!(Key::from_name(knob.name), Some(knob.key));
            assert_eq!(Key::from_number(knob.key as i32), Some(knob.key));
            let range = knob.min..=knob.max;
            assert!(range.contains(&knob.default), "{}", knob.name);
            for value in knob.by_profile.into_iter().flatten() {
                assert!(range.contains(&value), "{}", knob.name);
            }
        }
    }

    #[test]
    fn each_profile_has_a_number_and_a_help() {
        let knob = Key::Profile.knob();
        assert_eq!(knob.max, Profile::ALL.len() as i64 - 1);
        for profile in Profile::ALL {
            let words = format!("{} ({}): ", profile as i64, profile.name());
            assert!(knob.help.contains(&words), "{words}");
        }
    }

    #[test]
    fn profiles_leave_limits_and_what_is_fixed_at_creation_alone() {
        for knob in KNOBS {
            let set = knob.in_profile(Profile::Balanced).is_some();
            assert!(!set || knob.applies != Applies::Create, "{}", knob.name);
            assert!(!set || !knob.name.starts_with("max_"), "{}", knob.name);
        }
    }
}
