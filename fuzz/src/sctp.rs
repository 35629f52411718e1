//! What a viewer says in the association of a data channel, which is up: in packets whose tag and checksum are right, unless
//! the script says otherwise.

use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use rtsp_webrtc_gateway::internals::session::data::packet::{
    self, Packet, Writer, parameter, parameters,
};
use rtsp_webrtc_gateway::internals::session::data::{
    ChannelEvent, DataChannel, DataConfig, MAX_MESSAGE, PORT,
};

use crate::beginning;

/// The port of viewers' associations.
pub const PEER_PORT: u16 = 5001;
const FIRST: u32 = u32::MAX - 2;
/// Flags of a chunk that is a whole message, and the protocols of what opens a channel and of text.
const WHOLE: u8 = 3;
const DCEP: u32 = 50;
const TEXT: u32 = 51;

#[derive(Arbitrary, Debug)]
pub enum Part<'a> {
    /// A chunk of data: how far ahead of the next, flags, stream, protocol.
    Data(i8, u8, u8, u8, &'a [u8]),
    /// The next chunk of data, of so many times 16 bytes.
    Next(u8, u8),
    /// An acknowledgment: how far ahead of what came, window, gaps.
    Acknowledge(i8, u32, Vec<(u8, u8)>),
    /// Streams are reset: number and last chunk relative to what is right.
    Reset(i8, i8, &'a [u8]),
    Answer(i8, u8),
    Of(u8, u8, &'a [u8]),
}

#[derive(Arbitrary, Debug)]
pub enum Move<'a> {
    Packet(Vec<Part<'a>>),
    Tagged(u32, Vec<Part<'a>>),
    /// The checksum alone is right.
    Raw(&'a [u8]),
    /// The association begins anew.
    Begin(u8),
    Open(u8),
    Read(u8),
    Send(u16),
    Wait(u16),
}

/// The gateway's side, and the way there.
pub trait Gateway {
    /// A packet arrives.
    fn arrives(&mut self, packet: &[u8]);
    /// The next one that it sends.
    fn poll_packet(&mut self) -> Option<Vec<u8>>;
    fn send(&mut self, text: &str);
    fn read(&mut self) -> Option<ChannelEvent>;
    fn wait(&mut self, time: Duration);
}

/// The association alone.
struct Association {
    channel: DataChannel,
    now: Instant,
}

impl Association {
    fn timeout(&mut self) {
        let due = self.channel.next_deadline();
        if due.is_some_and(|at| at <= self.now) {
            self.channel.handle_timeout(self.now);
        }
    }
}

impl Gateway for Association {
    fn arrives(&mut self, packet: &[u8]) {
        self.channel.handle(self.now, packet);
    }

    fn poll_packet(&mut self) -> Option<Vec<u8>> {
        let packet = self.channel.poll_packet(self.now)?;
        assert!(packet.len() <= 1100, "a packet of {} bytes", packet.len());
        Some(packet)
    }

    fn send(&mut self, text: &str) {
        let _ = self.channel.send(text);
    }

    fn read(&mut self) -> Option<ChannelEvent> {
        self.channel.poll_event()
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.timeout();
    }
}

/// See the module documentation.
pub struct Viewer<G> {
    pub gateway: G,
    tag: u32,
    next: u32,
    /// The last chunk of data that came.
    came: u32,
    resets: u32,
}

pub fn sctp(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let mut viewer = Viewer::new(Association {
        channel: DataChannel::new(config()),
        now: beginning(),
    });
    assert!(viewer.gateway.channel.is_open());
    viewer.follow(&mut script);
    // Whatever was done: it ends, or goes on, and no timer stands still.
    for _ in 0..100 {
        let Some(due) = viewer.gateway.channel.next_deadline() else {
            break;
        };
        viewer.gateway.now = due.max(viewer.gateway.now);
        viewer.gateway.timeout();
        viewer.collect();
        let Association { channel, now } = &viewer.gateway;
        assert!(channel.next_deadline().is_none_or(|at| at > *now));
    }
    let due = viewer.gateway.channel.next_deadline();
    assert_eq!(due, None, "it never gives up");
}

/// What was agreed on.
pub fn config() -> DataConfig {
    DataConfig {
        peer_port: PEER_PORT,
        peer_max_message: 1 << 18,
        random: 0x1234_5678_9abc_def0,
    }
}

impl<G: Gateway> Viewer<G> {
    /// One that has opened the channel.
    pub fn new(gateway: G) -> Self {
        let mut viewer = Viewer {
            gateway,
            tag: 0,
            next: FIRST,
            came: 0,
            resets: FIRST,
        };
        viewer.begin(1);
        viewer.open(0);
        viewer
    }

    /// Does what the script says, to its end.
    pub fn follow(&mut self, script: &mut Unstructured<'_>) {
        while !script.is_empty()
            && let Ok(next) = Move::arbitrary(script)
        {
            self.act(next);
        }
    }

    fn act(&mut self, next: Move<'_>) {
        match next {
            Move::Packet(parts) => self.packet(self.tag, &parts),
            Move::Tagged(tag, parts) => self.packet(tag, &parts),
            Move::Raw(bytes) => {
                let mut writer = Writer::new(PEER_PORT, PORT, self.tag);
                writer.raw(bytes);
                self.send(writer);
            }
            Move::Begin(tag) => self.begin(u32::from(tag)),
            Move::Open(stream) => self.open(stream),
            Move::Read(count) => self.read(count),
            Move::Send(size) => {
                self.gateway.send(&"x".repeat(1 + usize::from(size)));
                self.collect();
            }
            Move::Wait(ms) => {
                self.gateway.wait(Duration::from_millis(u64::from(ms)));
                self.collect();
            }
        }
    }

    fn begin(&mut self, tag: u32) {
        let mut writer = Writer::new(PEER_PORT, PORT, 0);
        let numbers = [tag, 1 << 17, u32::MAX, FIRST].map(u32::to_be_bytes);
        writer.chunk(packet::INIT, 0, &[numbers.as_flattened()]);
        self.tag = 0;
        self.send(writer);
        let mut writer = Writer::new(PEER_PORT, PORT, self.tag);
        writer.chunk(packet::COOKIE_ECHO, 0, &[&self.tag.to_be_bytes()]);
        (self.next, self.resets) = (FIRST, FIRST);
        self.send(writer);
    }

    fn open(&mut self, stream: u8) {
        let message = b"\x03\0\0\0\0\0\0\0\0\x04\0\x06wallwall.1";
        let body = self.data(0, u16::from(stream), DCEP, message);
        let mut writer = Writer::new(PEER_PORT, PORT, self.tag);
        writer.chunk(packet::DATA, WHOLE, &[&body]);
        self.send(writer);
    }

    fn data(&mut self, ahead: i8, stream: u16, protocol: u32, bytes: &[u8]) -> Vec<u8> {
        let number = self.next.wrapping_add_signed(i32::from(ahead));
        if ahead == 0 {
            self.next = self.next.wrapping_add(1);
        }
        let mut body = number.to_be_bytes().to_vec();
        body.extend(stream.to_be_bytes());
        body.extend([0, 0]);
        body.extend(protocol.to_be_bytes());
        body.extend_from_slice(bytes);
        body
    }

    fn packet(&mut self, tag: u32, parts: &[Part<'_>]) {
        let mut writer = Writer::new(PEER_PORT, PORT, tag);
        for part in parts {
            self.part(part, &mut writer);
        }
        self.send(writer);
    }

    fn part(&mut self, part: &Part<'_>, writer: &mut Writer) {
        let near = |number: u32, ahead: i8| number.wrapping_add_signed(i32::from(ahead));
        match *part {
            Part::Data(ahead, flags, stream, protocol, bytes) => {
                let body = self.data(ahead, u16::from(stream), u32::from(protocol), bytes);
                writer.chunk(packet::DATA, flags, &[&body]);
            }
            Part::Next(flags, size) => {
                let body = self.data(0, 0, TEXT, &vec![7; 16 * usize::from(size)]);
                writer.chunk(packet::DATA, flags & WHOLE, &[&body]);
            }
            Part::Acknowledge(ahead, window, ref gaps) => {
                let mut body = near(self.came, ahead).to_be_bytes().to_vec();
                body.extend(window.to_be_bytes());
                body.extend((gaps.len() as u16).to_be_bytes());
                body.extend([0, 0]);
                body.extend(gaps.iter().flat_map(|&(start, end)| [0, start, 0, end]));
                writer.chunk(packet::SACK, 0, &[&body]);
            }
            Part::Reset(number, last, streams) => {
                let last = near(self.next.wrapping_sub(1), last);
                let head = [near(self.resets, number), 0, last].map(u32::to_be_bytes);
                let body = parameter(13, &[head.as_flattened(), streams].concat());
                self.resets = self.resets.wrapping_add(u32::from(number == 0));
                writer.chunk(packet::RE_CONFIG, 0, &[&body]);
            }
            Part::Answer(number, result) => {
                let body = [near(self.resets, number), u32::from(result)].map(u32::to_be_bytes);
                let body = parameter(16, body.as_flattened());
                writer.chunk(packet::RE_CONFIG, 0, &[&body]);
            }
            Part::Of(kind, flags, body) => writer.chunk(kind, flags, &[body]),
        }
    }

    fn send(&mut self, writer: Writer) {
        self.gateway.arrives(&writer.finish());
        self.collect();
    }

    /// What is sent is well-formed, small, and comes to an end.
    fn collect(&mut self) {
        let mut packets = 0;
        while let Some(bytes) = self.gateway.poll_packet() {
            packets += 1;
            let packet = Packet::parse(&bytes).unwrap_or_else(|| panic!("{bytes:?}"));
            assert_eq!((packet.source, packet.destination), (PORT, PEER_PORT));
            assert!(packet.chunks().next().is_some());
            for chunk in packet.chunks() {
                let number = chunk.body.first_chunk().map(|&n| u32::from_be_bytes(n));
                match (chunk.kind, number) {
                    (packet::INIT_ACK, Some(tag)) => self.tag = tag,
                    (packet::DATA, Some(number)) => self.came = number,
                    (packet::RE_CONFIG, _) => assert_eq!(parameters(chunk.body).count(), 1),
                    _ => {}
                }
            }
        }
        assert!(packets <= 400, "{packets} packets at once");
    }

    fn read(&mut self, count: u8) {
        for _ in 0..count {
            match self.gateway.read() {
                Some(ChannelEvent::Message(bytes)) => assert!(bytes.len() <= MAX_MESSAGE),
                Some(_) => {}
                None => break,
            }
        }
        self.collect();
    }
}
