//! RTCP of a viewer, sealed with its key: requests, reports and feedback in any order.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::state::SessionState;

use crate::keys::{connect, offer};
use crate::session::{LIMITS, World};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Source {
    Video,
    Audio,
    Other(u32),
}

#[derive(Arbitrary, Debug)]
enum Packet<'a> {
    Nack(Source, Vec<(u16, u16)>),
    /// Of the packets that were sent last.
    NackOfLast(u8, u16),
    Pli(Source),
    Fir(Source, u8),
    Report(Source, u8, u32, u32, u32),
    /// Transport-wide feedback: base, count, reference, and chunks.
    Arrivals(u16, u16, u32, &'a [u8]),
    /// Feedback that all packets so far arrived, so many ticks of 250 us apart.
    AllArrived(u8),
    Remb(&'a [u8]),
    Bye,
    Of(u8, u8, &'a [u8]),
    Raw(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Move<'a> {
    Compound(Vec<Packet<'a>>),
    Unsealed(&'a [u8]),
    Replayed,
    Damaged(u8, u8),
    Frame(bool, u16),
    Wait(u16),
    /// Checks of the session are answered.
    Prove,
}

/// What one datagram may make a session send: a backlog, and some padding.
const MOST_SENT: usize = 4 * LIMITS.bytes;

pub fn rtcp(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let mut world = World::new(offer(true));
    let mut keys = connect(&mut world);
    let ssrcs = ssrcs(&world.answer);
    let mut last = Vec::new();
    let (mut frames, mut feedback) = (0_usize, 0);
    while let Ok(next) = Move::arbitrary(&mut script) {
        match next {
            Move::Compound(packets) => {
                let compound: Vec<u8> = packets
                    .iter()
                    .take(64)
                    .flat_map(|packet| packet.bytes(ssrcs, &world, &mut feedback))
                    .take(1200)
                    .collect();
                if let Ok(sealed) = keys.encrypt_rtcp(&compound) {
                    last = sealed.to_vec();
                    let sent = world.arrives(1, &last);
                    assert!(sent <= MOST_SENT, "{sent} bytes for one datagram");
                }
            }
            Move::Unsealed(bytes) => assert_eq!(world.arrives(1, bytes), 0),
            Move::Replayed => assert_eq!(world.arrives(1, &last), 0),
            Move::Damaged(at, mask) if !last.is_empty() && mask != 0 => {
                let mut damaged = last.clone();
                let at = usize::from(at) % damaged.len();
                damaged[at] ^= mask;
                assert_eq!(world.arrives(1, &damaged), 0);
            }
            Move::Damaged(..) => {}
            Move::Frame(keyframe, len) => {
                let len = usize::from(len) % 20_000;
                frames += len;
                if frames > 1 << 20 {
                    break;
                }
                world.frame(keyframe, len);
            }
            Move::Wait(ms) => {
                world.prove();
                world.wait(Duration::from_millis((ms % 4096).into()));
            }
            Move::Prove => world.prove(),
        }
        let sent = &mut world.sent;
        let surplus = sent.datagrams.len().saturating_sub(64);
        sent.datagrams.drain(..surplus);
        if script.is_empty() || world.states.last() == Some(&SessionState::Closed) {
            break;
        }
    }
}

/// SSRCs of video and audio in an answer, in this order.
fn ssrcs(answer: &str) -> [u32; 2] {
    let of = |kind: &str| {
        let section = answer
            .split("\r\nm=")
            .find(|section| section.starts_with(kind));
        let line = section.and_then(|section| {
            section
                .lines()
                .find_map(|line| line.strip_prefix("a=ssrc:"))
        });
        let number = line.and_then(|line| line.split(' ').next());
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    };
    [of("video"), of("audio")]
}

impl Packet<'_> {
    fn bytes(&self, [video, audio]: [u32; 2], world: &World, feedback: &mut u8) -> Vec<u8> {
        let ssrc = |source: &Source| match source {
            Source::Video => video,
            Source::Audio => audio,
            Source::Other(ssrc) => *ssrc,
        };
        let of = |kind: u8, count: u8, parts: &[&[u8]]| packet(kind, count, &parts.concat());
        let from = &[0, 0, 0, 9][..];
        match self {
            Packet::Nack(source, items) => {
                let items: Vec<u8> = items
                    .iter()
                    .flat_map(|(id, more)| [id.to_be_bytes(), more.to_be_bytes()].concat())
                    .collect();
                of(205, 1, &[from, &ssrc(source).to_be_bytes(), &items])
            }
            Packet::NackOfLast(ago, more) => {
                let mut sent = world.sent.datagrams.iter().rev();
                let number = sent.nth((*ago).into()).map_or([0, 0], |(_, datagram)| {
                    [datagram[2], *datagram.get(3).unwrap_or(&0)]
                });
                of(
                    205,
                    1,
                    &[from, &video.to_be_bytes(), &number, &more.to_be_bytes()],
                )
            }
            Packet::Pli(source) => of(206, 1, &[from, &ssrc(source).to_be_bytes()]),
            Packet::Fir(source, number) => {
                let item = [&ssrc(source).to_be_bytes()[..], &[*number, 0, 0, 0]].concat();
                of(206, 4, &[from, &[0; 4], &item])
            }
            Packet::Report(source, fraction, lost, last_sr, delay) => of(
                201,
                1,
                &[
                    from,
                    &ssrc(source).to_be_bytes(),
                    &(u32::from(*fraction) << 24 | lost & 0xff_ffff).to_be_bytes(),
                    &[0; 8],
                    &last_sr.to_be_bytes(),
                    &delay.to_be_bytes(),
                ],
            ),
            Packet::Arrivals(base, count, reference, chunks) => {
                *feedback = feedback.wrapping_add(1);
                let middle = (reference << 8 | u32::from(*feedback)).to_be_bytes();
                of(
                    205,
                    15,
                    &[
                        from,
                        &video.to_be_bytes(),
                        &base.to_be_bytes(),
                        &count.to_be_bytes(),
                        &middle,
                        chunks,
                    ],
                )
            }
            Packet::AllArrived(ticks) => {
                *feedback = feedback.wrapping_add(1);
                let count = world.sent.datagrams.len().min(64) as u16;
                // A run of small differences.
                let chunk = 0x2000 | count;
                let middle = (u32::from(*feedback)).to_be_bytes();
                let deltas = vec![*ticks; count.into()];
                of(
                    205,
                    15,
                    &[
                        from,
                        &video.to_be_bytes(),
                        &[0, 0],
                        &count.to_be_bytes(),
                        &middle,
                        &chunk.to_be_bytes(),
                        &deltas,
                    ],
                )
            }
            Packet::Remb(rest) => of(206, 15, &[from, &[0; 4], b"REMB", rest]),
            Packet::Bye => of(203, 1, &[from]),
            Packet::Of(kind, count, body) => of(*kind, *count, &[body]),
            Packet::Raw(bytes) => bytes.to_vec(),
        }
    }
}

/// An RTCP packet, padded to its length.
fn packet(kind: u8, count: u8, body: &[u8]) -> Vec<u8> {
    let words = body.len().div_ceil(4);
    let mut packet = vec![0x80 | count & 0x1f, kind];
    packet.extend((words as u16).to_be_bytes());
    packet.extend(body);
    packet.resize(4 + 4 * words, 0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise, all of this is about nothing.
    #[test]
    fn media_flows() {
        let mut world = World::new(offer(true));
        connect(&mut world);
        assert!(world.frame(true, 5000) > 5000);
    }
}
