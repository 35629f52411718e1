//! Sends a leg's new packets: reads the shared ring, seals into the worker's buffer, and hands runs
//! of packets of equal size to the network.

use std::time::{Duration, Instant};

use super::lag::{Fit, is_fresh};
use super::rtp::MAX_HEADER;
use super::show::Share;
use super::{Content, Leg};
use crate::media::{Ring, StreamRate};
use crate::session::estimate::{HEADERS, Kind};
use crate::session::io::{Transmit, WouldBlock};
use crate::session::transport::Egress;
use crate::session::transport::pacer::{Basis, Pace};

/// Packets that a session sends of what waits before others have their turn: about a millisecond of work, most of a
/// GOP for a viewer who begins.
const TURN: usize = 1024;
/// What a run costs, in packets: a system call.
const RUN_COST: usize = 4;
/// Packets of what waits that several videos together send in a [`PAUSE`] on a path that nothing paces. What all slots
/// of a wall begin with is thousands, and browsers' sockets hold some 90 of them (Linux's 208 KiB).
const BURST: usize = 32;
const PAUSE: Duration = Duration::from_millis(1);
/// For so long, for each picture that left with others, waits what follows on such a path: a browser that has to decode
/// hundreds of frames first shows the pictures late.
const SHOWN: Duration = Duration::from_millis(4);
const LONGEST_REST: Duration = Duration::from_millis(100);
/// What follows has its time before others begin and are waited for.
const REST_AGAIN: Duration = Duration::from_secs(2);
/// For so long after a loss that counts for live frames, too: those of many cameras may come at once, again and again.
const CAREFUL: Duration = Duration::from_secs(60);

/// What the legs of a session may send before other sessions have their turn.
pub struct Turn {
    /// Packets.
    left: usize,
    /// Those that nothing paces, if there are several videos, and when more of them may leave.
    burst: Option<(usize, Instant)>,
    /// Live frames wait for that, too.
    careful: bool,
    /// A leg yields when the picture that it begins with has left.
    pictures: bool,
    /// One has.
    yielded: bool,
    /// It is not paced.
    rests: bool,
}

impl Turn {
    /// The turn of a session with one video, or none.
    pub fn of_one() -> Turn {
        Turn {
            left: TURN,
            burst: None,
            careful: false,
            pictures: false,
            yielded: false,
            rests: false,
        }
    }

    /// That of one with several: a picture of each leg goes before what any of them has to catch up with.
    pub fn of_many(burst: &mut Burst, now: Instant) -> Turn {
        Turn {
            burst: Some(burst.room(now)),
            careful: burst.lost.is_some_and(|at| now < at + CAREFUL),
            pictures: true,
            ..Turn::of_one()
        }
    }

    /// Packets that several videos may still send at once.
    pub fn burst_left(&self) -> Option<usize> {
        self.burst.map(|(left, _)| left)
    }

    fn spend(&mut self, packets: usize, unpaced: bool) {
        self.left = self.left.saturating_sub(packets + RUN_COST);
        if let Some((left, _)) = self.burst.as_mut().filter(|_| unpaced) {
            *left = left.saturating_sub(packets);
        }
    }

    /// When to go on with what nothing paces, if no more of it may leave now.
    fn burst_is_over(&self) -> Option<Instant> {
        let (_, again) = self.burst.filter(|&(left, _)| left == 0)?;
        Some(again)
    }

    /// Whether a leg has yielded.
    pub fn has_yielded(&self) -> bool {
        self.yielded
    }

    /// Whether one has that nothing paces.
    pub fn may_rest(&self) -> bool {
        self.rests
    }

    /// No leg yields any more.
    pub fn pictures_have_left(&mut self) {
        self.pictures = false;
    }
}

/// What several videos have sent at once.
#[derive(Debug, Default)]
pub struct Burst {
    since: Option<Instant>,
    left: usize,
    /// When the viewer last said that it misses packets: by asking for them, or in a report where it may not ask.
    lost: Option<Instant>,
    /// When the legs whose pictures have left go on.
    rests_until: Option<Instant>,
}

impl Burst {
    /// The pictures of so many legs have left. When they go on, if not now.
    pub fn rest(&mut self, pictures: usize, now: Instant) -> Option<Instant> {
        let rested = self.rests_until.filter(|&until| now < until + REST_AGAIN);
        let until = rested.or_else(|| {
            let rest = (SHOWN * pictures as u32).min(LONGEST_REST);
            self.rests_until = (pictures > 1).then(|| now + rest);
            self.rests_until
        });
        until.filter(|&until| until > now)
    }

    /// The viewer says that it misses packets.
    pub fn note_loss(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    fn room(&mut self, now: Instant) -> (usize, Instant) {
        let since = self.since.filter(|&since| now < since + PAUSE);
        if since.is_none() {
            (self.since, self.left) = (Some(now), BURST);
        }
        (self.left, since.unwrap_or(now) + PAUSE)
    }

    /// So many may still leave.
    pub fn leave(&mut self, left: Option<usize>) {
        self.left = left.unwrap_or(self.left);
    }
}

impl Leg {
    /// Sends what is due, at the pace of a stream of this rate unless `pace` is `None`. Returns when to
    /// go on with what is left.
    pub(super) fn send_new<T: Transmit>(
        &mut self,
        ring: &Ring,
        pace: Option<(Pace, StreamRate)>,
        turn: &mut Turn,
        egress: &mut Egress<'_, T>,
    ) -> Option<Instant> {
        // Packets that may still leave in this burst; none before the pacer has been asked.
        let mut burst = 0;
        let mut kind = Kind::Media;
        let of_stream = pace.map(|(pace, stream)| (pace.basis, stream));
        // Sound is little, and waits for no picture.
        let unpaced = pace.is_none() && matches!(self.content, Content::Video { .. });
        if self.is_parked() && !self.unpark(ring, of_stream, egress.now()) {
            if !self.gets_less() {
                self.probe_parked(ring, egress);
            }
            return None;
        }
        loop {
            if turn.left == 0 {
                return Some(egress.now());
            }
            let cursor = self.locate(ring)?;
            let Some(unit) = ring.unit(cursor) else {
                self.caught_up();
                return None;
            };
            if cursor == unit.start {
                match self.share(ring, &unit) {
                    Share::Sent => {}
                    Share::Skipped => {
                        self.position.skip(unit.end - unit.start);
                        continue;
                    }
                    Share::Ended => return None,
                }
            }
            let waiting = (unit.end - cursor) as usize;
            let behind = unit.end < ring.end();
            if behind
                && cursor == unit.start
                && let Some((pace, rate)) = pace
            {
                match self.fit(ring, cursor, pace.basis, rate, egress.now()) {
                    Fit::Goes => {}
                    Fit::Waits(until) => return Some(until),
                    Fit::Moved => continue,
                    Fit::Parked => return None,
                }
            }
            let begins = turn.pictures && self.is_joining();
            if begins && cursor == unit.start && !is_keyframe(ring, cursor) {
                (turn.yielded, self.yields) = (true, true);
                turn.rests |= unpaced;
                return Some(egress.now());
            }
            let live = !behind && !self.is_joining();
            if unpaced
                && (turn.careful || !live)
                && let Some(again) = turn.burst_is_over()
            {
                // Who has a picture lets the others have theirs, also then.
                let amid = cursor > unit.start || is_keyframe(ring, cursor);
                self.yields = self.is_joining() && !amid;
                return Some(again);
            }
            // What follows may be left out, or not go yet.
            let by_unit = begins || self.gets_less();
            let mut most = egress.run_limit();
            if by_unit {
                most = most.min(waiting);
            }
            if let Some((pace, _)) = pace
                && (pace.basis != Basis::Stream
                    || behind
                    || waiting > pace.burst
                    || cursor > unit.start)
            {
                if burst == 0 {
                    let ready = egress.pacer_ready();
                    if ready > egress.now() {
                        return Some(ready);
                    }
                    // All else that waits goes sooner or later.
                    let waiting = match by_unit {
                        true => waiting,
                        false => (ring.end() - cursor) as usize,
                    };
                    (burst, kind) = match egress.measuring_burst(waiting) {
                        Some((bytes, kind)) => (self.packets_of(ring, cursor, bytes, egress), kind),
                        None => (pace.burst, Kind::Media),
                    };
                }
                most = most.min(burst);
            }
            match self.send_run(ring, cursor, most, kind, egress) {
                Ok(packets) => {
                    burst = burst.saturating_sub(packets);
                    turn.spend(packets, unpaced);
                }
                Err(WouldBlock) => return Some(egress.retry_at()),
            }
        }
    }

    /// Sends some of what is left out, to find out whether the path carries it by now.
    fn probe_parked<T: Transmit>(&mut self, ring: &Ring, egress: &mut Egress<'_, T>) {
        let fresh = |&at: &u64| is_fresh(ring, at, egress.now());
        let Some(cursor) = self.position.cursor().filter(fresh) else {
            return;
        };
        let waiting = (ring.end() - cursor) as usize;
        let Some((bytes, Kind::Probe)) = egress.measuring_burst(waiting) else {
            return;
        };
        let most = egress.run_limit();
        let mut left = self.packets_of(ring, cursor, bytes, egress);
        while let Some(cursor) = self.position.cursor()
            && left > 0
            && let Ok(packets) = self.send_run(ring, cursor, left.min(most), Kind::Probe, egress)
            && packets > 0
        {
            left = left.saturating_sub(packets);
        }
    }

    /// How many packets from this one on have so many bytes on the wire.
    fn packets_of<T: Transmit>(
        &self,
        ring: &Ring,
        cursor: u64,
        bytes: u64,
        egress: &Egress<'_, T>,
    ) -> usize {
        let overhead = self.rtp.header_len(true) + egress.tag_len() + HEADERS;
        let sizes = (cursor..).map_while(|number| ring.packet(number));
        let sums = sizes.scan(0, |sum, packet| {
            *sum += (overhead + packet.payload.len()) as u64;
            Some(*sum)
        });
        1 + sums.take_while(|&sum| sum < bytes).count()
    }

    /// The number of the next packet to send, after a move to where the viewer can start or resume
    /// if need be; `None` if that needs a keyframe which the ring does not have.
    fn locate(&mut self, ring: &Ring) -> Option<u64> {
        let cursor = self.position.cursor();
        if let Some(cursor) = cursor
            && cursor >= ring.start()
        {
            return Some(cursor);
        }
        let start = match &mut self.content {
            Content::Video {
                keyframe_wanted,
                still,
                ..
            } => {
                let keyframe = ring.latest_keyframe();
                *keyframe_wanted |= keyframe.is_none();
                // Whoever has seen something else is not taken back.
                let may = cursor.is_none() || *still || self.position.begins();
                let still = || ring.still().filter(|_| may);
                keyframe.or_else(|| Some(still()?.first))?
            }
            Content::Audio { .. } => ring.end(),
        };
        // The ring dropped what the viewer has not seen, unless this is its start.
        self.sent.overflows += u64::from(cursor.is_some());
        self.position.seek(start);
        Some(start)
    }

    /// Seals and sends one run of packets of one size; the last may be shorter. Returns how many.
    fn send_run<T: Transmit>(
        &mut self,
        ring: &Ring,
        cursor: u64,
        most: usize,
        kind: Kind,
        egress: &mut Egress<'_, T>,
    ) -> Result<usize, WouldBlock> {
        let mut segment = 0;
        let mut used = 0;
        let mut packets = 0;
        let mut octets = 0;
        let first_number = self.next_number(egress);
        let numbered = first_number.is_some();
        let overhead = self.rtp.header_len(numbered) + egress.tag_len();
        while packets < most {
            let Some(packet) = ring.packet(cursor + packets as u64) else {
                break;
            };
            if packet.opening && packet.first && packets > 0 {
                // Not everybody gets it.
                break;
            }
            let size = overhead + packet.payload.len();
            if packets == 0 {
                segment = size;
            }
            if size > segment || used + size > egress.room() {
                break;
            }
            let index = self.position.index() + packets as u64;
            let number = first_number.map(|first| first.wrapping_add(packets as u16));
            let mut header = [0; MAX_HEADER];
            let header = self.rtp.write_header(&packet, index, number, &mut header);
            if egress
                .seal(index, header, &[], packet.payload, used..used + size)
                .is_err()
            {
                // Keys and lengths are ours: this cannot happen. Skip the packet.
                break;
            }
            if packet.first {
                self.sent_track.sent(self.rtp.timestamp(packet.timestamp));
            }
            used += size;
            packets += 1;
            octets += packet.payload.len() as u64;
            if size < segment {
                break;
            }
        }
        if used > 0 {
            egress.transmit(used, segment, numbered, kind)?;
        }
        self.position.advance(packets.max(1) as u64);
        if let Some(nack) = &mut self.nack {
            nack.earn(packets);
        }
        self.sent.packets += packets as u64;
        self.sent.payload_octets += octets;
        self.sent.bytes += used as u64;
        Ok(packets)
    }
}

fn is_keyframe(ring: &Ring, number: u64) -> bool {
    ring.packet(number).is_some_and(|packet| packet.keyframe)
}
