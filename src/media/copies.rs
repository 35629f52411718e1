//! Access units that leave a ring to enter the ring of another thread: how a stream is mirrored.

use std::time::Instant;

use super::{MediaClock, Ring, TrackInfo};

/// Bytes in front of each packet that say how long it is.
const LENGTH: usize = 2;

/// The packets of an access unit, in one buffer.
#[derive(Debug)]
pub struct UnitCopy {
    timestamp: u32,
    arrival: Instant,
    keyframe: bool,
    disposable: bool,
    opening: bool,
    marker: bool,
    /// Each packet: its length, then its payload.
    packets: Vec<u8>,
}

impl UnitCopy {
    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.packets.len()
    }

    /// When it arrived.
    pub fn arrival(&self) -> Instant {
        self.arrival
    }

    /// Whether its last packet carries the marker bit.
    pub fn marker(&self) -> bool {
        self.marker
    }

    /// Whether a viewer can start with it.
    pub fn is_keyframe(&self) -> bool {
        self.keyframe
    }

    /// Whether it is for viewers alone that begin with it: see [`Ring::opening`].
    pub fn is_opening(&self) -> bool {
        self.opening
    }

    /// Its packets.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.packets.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<LENGTH>()?;
            let (payload, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = after;
            Some(payload)
        })
    }
}

impl Ring {
    /// Copies the access unit that contains this packet; `None` if it is not stored.
    pub fn copy_unit(&self, number: u64) -> Option<UnitCopy> {
        let unit = self.unit(number)?;
        let packets = || unit.clone().filter_map(|number| self.packet(number));
        let first = packets().next()?;
        let mut copy = UnitCopy {
            timestamp: first.timestamp,
            arrival: first.arrival,
            keyframe: first.keyframe,
            disposable: self.is_disposable(number),
            opening: first.opening,
            marker: packets().any(|packet| packet.marker),
            packets: Vec::with_capacity(packets().map(|p| LENGTH + p.payload.len()).sum()),
        };
        for packet in packets() {
            // Shorter than a datagram.
            let length = packet.payload.len() as u16;
            copy.packets.extend_from_slice(&length.to_be_bytes());
            copy.packets.extend_from_slice(packet.payload);
        }
        Some(copy)
    }

    /// Takes in an access unit of another ring, packet by packet as it was there.
    pub fn add_copy(&mut self, copy: &UnitCopy) {
        self.begin(copy.timestamp, copy.arrival, copy.keyframe);
        if copy.disposable {
            self.disposable();
        }
        if copy.opening {
            self.opening();
        }
        for payload in copy.payloads() {
            self.push(&[payload]);
        }
        self.commit(copy.marker);
    }
}

/// What a mirror of a track begins with.
#[derive(Debug)]
pub struct TrackCopy {
    /// Codec and parameter sets.
    pub info: TrackInfo,
    /// The timeline.
    pub clock: MediaClock,
    /// Everything since the latest keyframe, for viewers to begin with; empty if that is not stored.
    pub units: Vec<UnitCopy>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fastrand::Rng;

    use super::*;
    use crate::media::testing::{nal, sets, unit};
    use crate::media::{AccessUnit, Packet, RingLimits, Track};

    const LIMITS: RingLimits = RingLimits {
        packets: 512,
        history: Duration::from_secs(1),
        keep_gop: true,
        bytes: 8 << 20,
        duration: Duration::from_secs(10),
    };

    /// The packets from a number on.
    fn packets(track: &Track, from: u64) -> Vec<Packet<'_>> {
        let ring = track.ring();
        (from..ring.end()).filter_map(|n| ring.packet(n)).collect()
    }

    #[test]
    fn a_mirror_begins_at_the_keyframe_and_has_the_same_packets() {
        let mut random = Rng::with_seed(1);
        let mut track = Track::new(TrackInfo::video(sets()), LIMITS, 77);
        let begun = Instant::now();
        let mut arrival = begun;
        let mut push = |track: &mut Track, header, length| {
            arrival += Duration::from_millis(40);
            let data = unit(&[nal(header, length, &mut random)]);
            track.push(&AccessUnit {
                data: &data,
                timestamp: (arrival - begun).as_millis() as i64 * 90,
                arrival,
                captured: None,
            });
        };
        assert!(track.copy().units.is_empty());
        push(&mut track, 0x65, 5000);
        push(&mut track, 0x41, 10);
        push(&mut track, 0x65, 20_000);
        push(&mut track, 0x41, 3000);
        let keyframe = track.ring().latest_keyframe().unwrap();

        let mut mirror = Track::mirror(track.copy(), LIMITS);
        assert_ne!(mirror.id(), track.id());
        assert_eq!(mirror.ring().latest_keyframe(), Some(0));
        assert_eq!(packets(&mirror, 0), packets(&track, keyframe));
        // The first is one that no other refers to.
        for (header, length) in [(0x01, 1), (0x41, 1200), (0x41, 9000)] {
            let end = track.ring().end();
            push(&mut track, header, length);
            let copy = track.ring().copy_unit(end).unwrap();
            assert!(!copy.is_keyframe());
            mirror.follow(&copy, track.clock());
        }
        assert_eq!(packets(&mirror, 0), packets(&track, keyframe));
        let disposable = |track: &Track, from| {
            let ring = track.ring();
            (from..ring.end())
                .map(|n| ring.is_disposable(n))
                .collect::<Vec<bool>>()
        };
        let copied = disposable(&mirror, 0);
        assert!(copied.contains(&true));
        assert_eq!(copied, disposable(&track, keyframe));
        let later = begun + Duration::from_secs(3);
        assert_eq!(mirror.clock().rtp_at(later), track.clock().rtp_at(later));
        assert!(track.ring().copy_unit(track.ring().end()).is_none());
    }
}
