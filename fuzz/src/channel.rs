//! The data channel of a session that is up: what [`sctp`](crate::sctp) does to the association alone, here in records that
//! the viewer has sealed with the keys of a real handshake, through all that a session does with them.

use std::collections::VecDeque;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::internals::session::data::ChannelEvent;
use rtsp_webrtc_gateway::state::SessionState;
use testkit::viewer::Viewer as Client;

use crate::keys::{config, nominate, offer, viewer_address};
use crate::sctp::{self, Gateway, Viewer};
use crate::session::{World, path};

/// Type of a record of application data.
const DATA: u8 = 23;
/// Records of the client's own have lower numbers.
const FIRST: u64 = 1000;
/// A handshake over a path without loss is over by then.
const FLIGHTS: u32 = 50;
/// What leaves a session that says nothing: checks, reports.
const QUIET: usize = 64 << 10;
/// For a byte of an attacker, what the session may send: a short packet is answered by an acknowledgment.
const ANSWER: usize = 16;

struct Sealed {
    world: World,
    client: Client,
    number: u64,
    packets: VecDeque<Vec<u8>>,
    received: usize,
    /// Bytes that the script had the session say.
    said: usize,
}

pub fn channel(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok(quiet) = u8::arbitrary(&mut script) else {
        return;
    };
    let mut viewer = Viewer::new(Sealed::connected());
    viewer.follow(&mut script);
    // Timers that are due do not stand still, whatever was said, and the session goes on or says why it does not.
    viewer
        .gateway
        .wait(Duration::from_millis(100 * u64::from(quiet)));
    let Sealed { world, .. } = &viewer.gateway;
    assert!(
        world
            .session
            .next_deadline()
            .is_none_or(|at| at > world.now)
    );
    let over = world.states.contains(&SessionState::Closed);
    assert_eq!(over, world.session.is_closed(), "{:?}", world.states);
}

impl Sealed {
    /// Both sides, after the handshake.
    fn connected() -> Sealed {
        let mut world = World::with_channel(offer(true), Some(sctp::config()));
        let mut client = Client::new(viewer_address(), config(true));
        client.accept(world.now, &world.answer.clone(), None);
        nominate(&mut world);
        for _ in 0..FLIGHTS {
            while let Some(datagram) = client.poll_transmit() {
                if datagram.bytes.starts_with(&[1, 1]) {
                    world.sent.proven.insert(path(1).remote);
                }
                world.arrives(1, &datagram.bytes);
            }
            for (_, datagram) in std::mem::take(&mut world.sent.datagrams) {
                client.handle(world.now, &datagram);
            }
            if client.is_connected() && world.states.contains(&SessionState::Connected) {
                break;
            }
            world.wait(Duration::from_millis(10));
            client.timeout(world.now);
        }
        assert!(client.is_connected(), "{:?}", world.states);
        world.sent.bytes = 0;
        Sealed {
            world,
            client,
            number: FIRST,
            packets: VecDeque::new(),
            received: 0,
            said: 0,
        }
    }

    /// What the session has sent, as the client reads it.
    fn collect(&mut self) {
        for (_, datagram) in std::mem::take(&mut self.world.sent.datagrams) {
            if let Some((DATA, _, packet)) = self.client.tap().open_received(&datagram) {
                assert!(
                    datagram.len() <= 1200,
                    "a record of {} bytes",
                    datagram.len()
                );
                self.packets.push_back(packet);
            }
        }
        let sent = self.world.sent.bytes;
        let most = QUIET + ANSWER * self.received + 8 * self.said;
        assert!(sent <= most, "{sent} bytes for {}", self.received);
    }
}

impl Gateway for Sealed {
    fn arrives(&mut self, packet: &[u8]) {
        self.number += 1;
        let record = self.client.tap().seal(DATA, self.number, packet);
        let record = record.unwrap_or_else(|| unreachable!("the client has keys"));
        self.received += record.len();
        self.world.arrives(1, &record);
        self.collect();
    }

    fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.packets.pop_front()
    }

    fn send(&mut self, text: &str) {
        self.said += text.len();
        self.world.with(|session, io| {
            let _ = session.send_message(text, io);
        });
        self.collect();
    }

    fn read(&mut self) -> Option<ChannelEvent> {
        let mut event = None;
        self.world
            .with(|session, io| event = session.poll_message(io));
        self.collect();
        event
    }

    fn wait(&mut self, time: Duration) {
        self.world.wait(time);
        self.collect();
    }
}
