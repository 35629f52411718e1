//! The DTLS handshake with a real client, and what a network, or somebody on it, does to its datagrams:
//! before, during and after. And what a client that is not well-behaved seals with its own keys.

use std::collections::VecDeque;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::state::SessionState;
use testkit::viewer::{Tap, Viewer};

use crate::keys::{config, nominate, offer, viewer_address};
use crate::session::{World, path};

/// How long the client waits before it repeats a flight: at first, and at most.
const REPEAT: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(2);
/// Handshakes have ended by then, whatever was done to them.
const LONG: Duration = Duration::from_secs(20);

/// What becomes of a datagram.
#[derive(Arbitrary, Debug)]
enum Fate<'a> {
    Arrives,
    Lost,
    Twice,
    /// After the next one.
    Later,
    Flipped(u16, u8),
    Cut(u16),
    /// In handshake fragments of this size.
    Fragmented(u8),
    /// A record of somebody else comes first.
    Record {
        kind: u8,
        epoch: u8,
        number: u8,
        body: &'a [u8],
    },
    /// A fragment of a handshake message comes first.
    Message {
        kind: u8,
        length: u32,
        sequence: u8,
        offset: u32,
        data: &'a [u8],
    },
    Raw(&'a [u8]),
    /// The client seals another record first, as soon as it has keys.
    Sealed {
        kind: u8,
        number: u16,
        plaintext: &'a [u8],
    },
    /// What the client seals has other bytes, and others behind it.
    Resealed {
        at: u8,
        mask: u8,
        less: u8,
        more: &'a [u8],
    },
    /// Milliseconds pass.
    After(u16),
}

pub fn dtls(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok(gcm) = bool::arbitrary(&mut script) else {
        return;
    };
    let mut world = World::new(offer(gcm));
    let mut viewer = Viewer::new(viewer_address(), config(gcm));
    viewer.accept(world.now, &world.answer.clone(), None);
    nominate(&mut world);
    let start = world.now;
    let (mut received, mut disturbed) = (0, false);
    let mut held: VecDeque<(bool, Vec<u8>)> = VecDeque::new();
    let mut pause = REPEAT;
    // Long enough for the handshake to end in any case.
    while world.now < start + LONG {
        let mut flying: VecDeque<(bool, Vec<u8>)> = std::mem::take(&mut held);
        while let Some(datagram) = viewer.poll_transmit() {
            flying.push_back((true, datagram.bytes));
        }
        for (_, datagram) in world.sent.datagrams.drain(..) {
            flying.push_back((false, datagram));
        }
        for (inbound, datagram) in flying {
            let is_dtls = matches!(datagram.first(), Some(20..=63));
            let mut fate = Fate::Arrives;
            while is_dtls && !script.is_empty() {
                fate = Fate::arbitrary(&mut script).unwrap_or(Fate::Arrives);
                disturbed |= !matches!(fate, Fate::Arrives | Fate::Twice);
                let extra = match &fate {
                    Fate::After(ms) => {
                        world.wait(Duration::from_millis((ms % 2048).into()));
                        continue;
                    }
                    fate => match extra(fate, &viewer) {
                        Some(extra) => extra,
                        None => break,
                    },
                };
                received += extra.len();
                world.arrives(1, &extra);
            }
            let copies: Vec<Vec<u8>> = match fate {
                Fate::Lost => vec![],
                Fate::Twice => vec![datagram.clone(), datagram],
                Fate::Later => {
                    held.push_back((inbound, datagram));
                    continue;
                }
                Fate::Flipped(at, mask) => {
                    let mut datagram = datagram;
                    let at = usize::from(at) % datagram.len();
                    // Still a datagram of DTLS.
                    datagram[at] ^= if at == 0 { 0 } else { mask };
                    vec![datagram]
                }
                Fate::Cut(len) => {
                    let len = 1 + usize::from(len) % datagram.len();
                    vec![datagram[..len].to_vec()]
                }
                Fate::Fragmented(size) => fragments(&datagram, 1 + usize::from(size)),
                Fate::Resealed {
                    at,
                    mask,
                    less,
                    more,
                } => vec![resealed(&datagram, viewer.tap(), |plaintext| {
                    plaintext.truncate(plaintext.len().saturating_sub(less.into()));
                    if let Some(byte) = plaintext.get_mut(usize::from(at)) {
                        *byte ^= mask;
                    }
                    plaintext.extend(more);
                })],
                _ => vec![datagram],
            };
            for copy in copies {
                match inbound {
                    true => {
                        received += copy.len();
                        // The viewer answers checks of the session.
                        if copy.starts_with(&[1, 1]) {
                            world.sent.proven.insert(path(1).remote);
                        }
                        world.arrives(1, &copy);
                    }
                    false => viewer.handle(world.now, &copy),
                }
            }
        }
        assert!(
            world.sent.bytes <= 32_000 + 8 * received,
            "{} bytes for {received}",
            world.sent.bytes
        );
        // Behind the handshake, no datagram has a fate unless it is sent for that.
        while viewer.is_connected() && is_up(&world) && !script.is_empty() {
            disturbed = true;
            match Fate::arbitrary(&mut script) {
                Ok(Fate::After(ms)) => world.wait(Duration::from_millis((ms % 2048).into())),
                Ok(Fate::Later) => viewer.close(world.now),
                Ok(fate) => {
                    if let Some(extra) = extra(&fate, &viewer) {
                        received += extra.len();
                        world.arrives(1, &extra);
                    }
                }
                Err(_) => break,
            }
        }
        let over = world.states.last() == Some(&SessionState::Closed);
        if over || (script.is_empty() && viewer.is_connected() && is_up(&world)) {
            break;
        }
        world.wait(pause);
        viewer.timeout(world.now);
        // As clients do (RFC 6347 section 4.2.4.1). Before, the script is heeded.
        if script.is_empty() {
            pause = (2 * pause).min(MOST);
        }
    }
    assert!(
        disturbed || (is_up(&world) && viewer.is_connected()),
        "{:?}",
        world.states
    );
    // Whatever happened, it is connected, or said why it is not.
    let ended = world.states.contains(&SessionState::Failed)
        || world.states.contains(&SessionState::Closed);
    assert!(ended || is_up(&world), "{:?}", world.states);
}

/// What somebody else, or the client itself, sends besides.
fn extra(fate: &Fate<'_>, viewer: &Viewer) -> Option<Vec<u8>> {
    match *fate {
        Fate::Record {
            kind,
            epoch,
            number,
            body,
        } => Some(record(kind, epoch, number, body)),
        Fate::Message {
            kind,
            length,
            sequence,
            offset,
            data,
        } => {
            let message = message(kind, length, sequence.into(), offset, data);
            Some(record(22, 0, sequence, &message))
        }
        Fate::Raw(bytes) => Some(bytes.to_vec()),
        Fate::Sealed {
            kind,
            number,
            plaintext,
        } => {
            // Mostly what there is: ChangeCipherSpec, alert, handshake, application data.
            let kind = if kind < 240 { 20 + kind % 4 } else { kind };
            viewer.tap().seal(kind, number.into(), plaintext)
        }
        _ => None,
    }
}

/// The datagram with other plaintexts in its sealed records.
fn resealed(datagram: &[u8], tap: &Tap, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), datagram);
    while let Some((head, behind)) = rest.split_at_checked(13) {
        let len = usize::from(u16::from_be_bytes([head[11], head[12]]));
        let Some((body, behind)) = behind.split_at_checked(len) else {
            break;
        };
        rest = behind;
        let record = [head, body].concat();
        let changed = tap.open(&record).and_then(|(kind, number, mut plaintext)| {
            change(&mut plaintext);
            tap.seal(kind, number, &plaintext)
        });
        out.extend(changed.unwrap_or(record));
    }
    out
}

fn is_up(world: &World) -> bool {
    world.states.contains(&SessionState::Connected)
}

fn record(kind: u8, epoch: u8, number: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, number];
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

/// A fragment of a handshake message.
fn message(kind: u8, length: u32, sequence: u16, offset: u32, data: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&length.to_be_bytes()[1..]);
    message.extend(sequence.to_be_bytes());
    message.extend(&offset.to_be_bytes()[1..]);
    message.extend(&(data.len() as u32).to_be_bytes()[1..]);
    message.extend(data);
    message
}

/// A datagram's handshake messages of the first epoch in fragments, each in a record and a datagram of its
/// own; the rest as it is.
fn fragments(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), datagram);
    let mut number = 100;
    while let Some((head, behind)) = rest.split_at_checked(13) {
        let len = usize::from(u16::from_be_bytes([head[11], head[12]]));
        let Some((body, behind)) = behind.split_at_checked(len) else {
            break;
        };
        rest = behind;
        match body {
            &[kind, _, a, b, s, t, 0, 0, 0, _, _, _, ref data @ ..]
                if head[0] == 22 && head[4] == 0 && data.len() <= 2048 =>
            {
                let length = u32::from_be_bytes([0, 0, a, b]);
                let sequence = u16::from_be_bytes([s, t]);
                for (i, part) in data.chunks(size.max(16)).enumerate() {
                    let offset = (i * size.max(16)) as u32;
                    number += 1;
                    out.push(record(
                        22,
                        0,
                        number,
                        &message(kind, length, sequence, offset, part),
                    ));
                    if number == u8::MAX {
                        return out;
                    }
                }
            }
            _ => out.push([head, body].concat()),
        }
    }
    out
}
