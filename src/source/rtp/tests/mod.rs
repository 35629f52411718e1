//! One reception of packets as cameras send them.

mod audio;
mod differential;
mod h264;
mod h265;
mod hostile;
mod order;
mod reports;

use std::time::{Duration, Instant};

use super::{Delivery, Format, Reception, Section, Unit};

const SSRC: u32 = 7;
const UDP: Delivery = Delivery::Reorder {
    packets: 64,
    wait: Duration::from_millis(100),
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn format(media: &str, encoding: &str, clock_rate: u32, fmtp: &str) -> Format {
    Format::of(&Section {
        media: media.to_owned(),
        payload_type: 96,
        encoding_name: encoding.to_owned(),
        clock_rate,
        channels: 1,
        fmtp: fmtp.to_owned(),
    })
    .unwrap()
}

fn rtp(marker: bool, number: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96 | u8::from(marker) << 7];
    packet.extend(number.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A reception, the camera's counters, and what came out.
struct Rig {
    reception: Reception,
    now: Instant,
    next: u16,
    units: Vec<Unit>,
}

impl Rig {
    fn new(format: &Format, order: Delivery) -> Self {
        let now = Instant::now();
        Rig {
            reception: Reception::new(format, order),
            now,
            next: 65_530,
            units: Vec::new(),
        }
    }

    fn video(encoding: &str) -> Self {
        Rig::new(&format("video", encoding, 90_000, ""), Delivery::InOrder)
    }

    fn receive(&mut self, packet: &[u8]) {
        let units = &mut self.units;
        self.reception.rtp(packet, self.now, &mut |unit| {
            units.push(unit);
            Vec::new()
        });
    }

    /// The camera sends the next packet.
    fn send(&mut self, timestamp: u32, marker: bool, payload: &[u8]) {
        let packet = rtp(marker, self.next, timestamp, SSRC, payload);
        self.next = self.next.wrapping_add(1);
        self.receive(&packet);
    }

    /// Packets get lost.
    fn lose(&mut self, packets: u16) {
        self.next = self.next.wrapping_add(packets);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.reception.next_deadline().filter(|&at| at <= end) {
            self.now = at;
            let units = &mut self.units;
            self.reception.handle_timeout(self.now, &mut |unit| {
                units.push(unit);
                Vec::new()
            });
        }
        self.now = end;
    }

    fn take(&mut self) -> Vec<Unit> {
        std::mem::take(&mut self.units)
    }

    /// The data of all units so far.
    fn data(&mut self) -> Vec<Vec<u8>> {
        self.take().into_iter().map(|unit| unit.data).collect()
    }
}
