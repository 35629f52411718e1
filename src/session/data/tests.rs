//! The association against a viewer made of single packets.

use std::time::Duration;

use super::packet::{COOKIE_ECHO, DATA, INIT, INIT_ACK, RE_CONFIG, SACK, SHUTDOWN, parameters};
use super::*;

const PEER_PORT: u16 = 5001;
const PEER_TAG: u32 = 77;
const FIRST: u32 = 1000;

/// A channel, and what its viewer knows of it.
struct Pair {
    channel: DataChannel,
    now: Instant,
    tag: u32,
    next: u32,
}

impl Pair {
    fn new() -> Pair {
        let config = DataConfig {
            peer_port: PEER_PORT,
            peer_max_message: 1 << 20,
            random: 0x1234_5678_9abc_def0,
        };
        Pair {
            channel: DataChannel::new(config),
            now: Instant::now(),
            tag: 0,
            next: FIRST,
        }
    }

    /// Up to where the viewer has opened the channel.
    fn open() -> Pair {
        let mut pair = Pair::new();
        pair.connect(PEER_TAG);
        pair.data(50, &open("wall", "wall.1"));
        assert_eq!(pair.events(), [ChannelEvent::Opened]);
        pair.answers();
        pair
    }

    fn connect(&mut self, peer_tag: u32) {
        self.next = FIRST;
        let answers = self.packet(0, &[(INIT, 0, &init(peer_tag))]);
        let [(tag, kind, body)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!((*tag, *kind), (peer_tag, INIT_ACK));
        self.tag = u32::from_be_bytes(body[..4].try_into().unwrap());
        let (_, cookie) = parameters(&body[16..])
            .find(|(kind, _)| *kind == 7)
            .unwrap();
        let cookie = cookie.to_vec();
        let answers = self.packet(self.tag, &[(COOKIE_ECHO, 0, &cookie)]);
        assert_eq!(answers, [(peer_tag, packet::COOKIE_ACK, vec![])]);
    }

    /// Hands over a packet of the viewer, and returns the chunks that are sent then.
    fn packet(&mut self, tag: u32, chunks: &[(u8, u8, &[u8])]) -> Vec<(u32, u8, Vec<u8>)> {
        let mut writer = Writer::new(PEER_PORT, PORT, tag);
        for (kind, flags, body) in chunks {
            writer.chunk(*kind, *flags, &[body]);
        }
        self.channel.handle(self.now, &writer.finish());
        self.answers()
    }

    fn answers(&mut self) -> Vec<(u32, u8, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(bytes) = self.channel.poll_packet(self.now) {
            let packet = Packet::parse(&bytes).unwrap();
            assert!(bytes.len() <= MAX_PACKET);
            assert_eq!((packet.source, packet.destination), (PORT, PEER_PORT));
            let tag = packet.tag;
            all.extend(packet.chunks().map(|c| (tag, c.kind, c.body.to_vec())));
        }
        all
    }

    /// Sends a message of one chunk.
    fn data(&mut self, protocol: u32, bytes: &[u8]) -> Vec<(u32, u8, Vec<u8>)> {
        self.data_of(0, protocol, bytes)
    }

    fn data_of(&mut self, stream: u16, protocol: u32, bytes: &[u8]) -> Vec<(u32, u8, Vec<u8>)> {
        let body = data(self.next, stream, protocol, bytes);
        self.next += 1;
        self.packet(self.tag, &[(DATA, 3, &body)])
    }

    fn events(&mut self) -> Vec<ChannelEvent> {
        std::iter::from_fn(|| self.channel.poll_event()).collect()
    }
}

fn init(peer_tag: u32) -> Vec<u8> {
    let mut body = peer_tag.to_be_bytes().to_vec();
    body.extend((1_u32 << 20).to_be_bytes());
    body.extend([0xFF; 4]);
    body.extend(FIRST.to_be_bytes());
    body
}

fn data(number: u32, stream: u16, protocol: u32, bytes: &[u8]) -> Vec<u8> {
    let mut body = number.to_be_bytes().to_vec();
    body.extend(stream.to_be_bytes());
    body.extend([0, 0]);
    body.extend(protocol.to_be_bytes());
    body.extend_from_slice(bytes);
    body
}

fn open(label: &str, protocol: &str) -> Vec<u8> {
    let mut message = vec![
        3,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        label.len() as u8,
        0,
        protocol.len() as u8,
    ];
    message.extend(label.bytes().chain(protocol.bytes()));
    message
}

fn kinds(chunks: &[(u32, u8, Vec<u8>)]) -> Vec<u8> {
    chunks.iter().map(|(_, kind, _)| *kind).collect()
}

#[test]
fn a_viewer_opens_the_channel_and_messages_go_both_ways() {
    let mut pair = Pair::new();
    assert!(pair.channel.send("early").is_err());
    pair.connect(PEER_TAG);
    let answers = pair.data(50, &open("wall", "wall.1"));
    assert_eq!(kinds(&answers), [SACK, DATA]);
    assert_eq!(answers[1].2[8..], [0, 0, 0, 50, 2]);
    assert!(pair.channel.is_open());
    pair.data(51, b"hello");
    pair.data(56, b"0");
    let expected = [
        ChannelEvent::Opened,
        ChannelEvent::Message(b"hello".to_vec()),
        ChannelEvent::Message(vec![]),
    ];
    assert_eq!(pair.events(), expected);
    pair.channel.send("welcome").unwrap();
    let [(PEER_TAG, DATA, body)] = &pair.answers()[..] else {
        panic!("no data");
    };
    assert_eq!(body[4..], *b"\0\0\0\x01\0\0\0\x33welcome");
}

#[test]
fn what_is_lost_at_the_beginning_is_said_again() {
    let mut pair = Pair::new();
    let first = pair.packet(0, &[(INIT, 0, &init(PEER_TAG))]);
    assert_eq!(pair.packet(0, &[(INIT, 0, &init(PEER_TAG))]), first);
    pair.connect(PEER_TAG);
    let cookie = pair.tag.to_be_bytes();
    let again = pair.packet(pair.tag, &[(COOKIE_ECHO, 0, &cookie)]);
    assert_eq!(kinds(&again), [packet::COOKIE_ACK]);
    assert!(
        pair.packet(pair.tag, &[(COOKIE_ECHO, 0, b"else")])
            .is_empty()
    );
    // The cookie and the first message may share a packet.
    let mut pair = Pair::new();
    let answers = pair.packet(0, &[(INIT, 0, &init(PEER_TAG))]);
    let tag = u32::from_be_bytes(answers[0].2[..4].try_into().unwrap());
    let message = data(FIRST, 0, 50, &open("wall", "wall.1"));
    pair.packet(
        tag,
        &[(COOKIE_ECHO, 0, &tag.to_be_bytes()), (DATA, 3, &message)],
    );
    assert_eq!(pair.events(), [ChannelEvent::Opened]);
}

#[test]
fn other_channels_are_reset() {
    let mut pair = Pair::open();
    for (stream, message) in [(2, open("chat", "")), (4, open("wall", "wall.1"))] {
        let answers = pair.data_of(stream, 50, &message);
        assert_eq!(kinds(&answers), [SACK, RE_CONFIG]);
        let (kind, body) = parameters(&answers[1].2).next().unwrap();
        assert_eq!((kind, &body[12..]), (13, &stream.to_be_bytes()[..]));
        let response = [body[..4].to_vec(), vec![0, 0, 0, 1]].concat();
        pair.packet(pair.tag, &[(RE_CONFIG, 0, &parameter(16, &response))]);
    }
    assert!(pair.events().is_empty() && pair.channel.is_open());
    assert_eq!(pair.channel.take_rejected(), 2);
}

#[test]
fn a_channel_that_is_closed_can_be_opened_again() {
    let mut pair = Pair::open();
    pair.channel.send("before").unwrap();
    let request = |number: u32, last: u32| {
        let head = [number, 0, last].map(u32::to_be_bytes).concat();
        parameter(13, &[head, vec![0, 0]].concat())
    };
    let body = request(FIRST, pair.next - 1);
    let answers = pair.packet(pair.tag, &[(RE_CONFIG, 0, &body)]);
    // The response, what was queued before, and our own request once that is sent.
    assert!(kinds(&answers).contains(&RE_CONFIG));
    assert_eq!(pair.events(), [ChannelEvent::Closed(None)]);
    assert!(!pair.channel.is_open() && pair.channel.send("after").is_err());
    pair.data(50, &open("wall", "wall.1"));
    assert_eq!(pair.events(), [ChannelEvent::Opened]);
    pair.channel.send("again").unwrap();
    assert!(pair.channel.is_open());
}

#[test]
fn the_viewer_may_begin_anew_a_few_times() {
    let mut pair = Pair::open();
    for n in 1..MAX_ASSOCIATIONS {
        pair.connect(PEER_TAG + n);
        assert_eq!(pair.events(), [ChannelEvent::Closed(None)]);
        pair.data(50, &open("wall", "wall.1"));
        assert_eq!(pair.events(), [ChannelEvent::Opened]);
    }
    for n in 0..1000 {
        assert!(
            pair.packet(0, &[(INIT, 0, &init(1_000_000 + n))])
                .is_empty()
        );
    }
    // What was there stays.
    pair.data(51, b"hello");
    assert_eq!(pair.events(), [ChannelEvent::Message(b"hello".to_vec())]);
}

#[test]
fn violations_end_the_association_with_a_sentence() {
    let far = [0x90; 12];
    let cases: [(&str, u8, Vec<u8>); 3] = [
        ("without data", DATA, data(FIRST + 1, 0, 51, b"")),
        ("no message", DATA, data(FIRST + 1, 0, 51, b"x")),
        ("not sent", SACK, far.to_vec()),
    ];
    for (why, kind, body) in cases {
        let mut pair = Pair::open();
        let answers = pair.packet(pair.tag, &[(kind, 1, &body)]);
        let [(PEER_TAG, packet::ABORT, body)] = &answers[..] else {
            panic!("{answers:?}");
        };
        let (kind, sentence) = parameters(body).next().unwrap();
        let sentence = std::str::from_utf8(sentence).unwrap();
        assert!(kind == 12 && sentence.contains(why), "{sentence}");
        let [ChannelEvent::Closed(Some(told))] = pair.events()[..] else {
            panic!("it is still open");
        };
        assert_eq!((told, pair.channel.take_rejected()), (sentence, 1));
        assert_eq!(pair.channel.next_deadline(), None);
    }
}

#[test]
fn a_message_that_is_too_large_ends_the_association() {
    let mut pair = Pair::open();
    let body = [7; 1000];
    let mut flags = 2;
    let ended = (0..10_000).find(|_| {
        let body = data(pair.next, 0, 51, &body);
        pair.next += 1;
        let answers = pair.packet(pair.tag, &[(DATA, flags, &body)]);
        flags = 0;
        kinds(&answers) == [packet::ABORT]
    });
    assert_eq!(ended, Some(65));
    let why = Some("a message has more than 64 KiB");
    assert_eq!(pair.events(), [ChannelEvent::Closed(why)]);
}

#[test]
fn messages_that_nobody_reads_stay_with_the_viewer() {
    let mut pair = Pair::open();
    let mut taken = 0;
    for _ in 0..10_000 {
        let before = pair.channel.unread;
        pair.data(51, &[7; 100]);
        taken += usize::from(pair.channel.unread > before);
    }
    assert!((200..800).contains(&taken), "{taken}");
    assert!(pair.channel.unread <= 100 << 10);
    assert_eq!(pair.events().len(), taken);
    let window = |answers: &[(u32, u8, Vec<u8>)]| {
        let (_, _, body) = answers.iter().find(|(_, kind, _)| *kind == SACK).unwrap();
        u32::from_be_bytes(body[4..8].try_into().unwrap())
    };
    // They were read: the viewer is told that it may go on.
    assert!(window(&pair.answers()) > 90_000);
}

#[test]
fn a_viewer_that_acknowledges_nothing_is_given_up() {
    let mut pair = Pair::open();
    let queued = (0..1000).take_while(|_| pair.channel.send(&"x".repeat(1000)).is_ok());
    assert!((100..300).contains(&queued.count()));
    let start = pair.now;
    while let Some(due) = pair.channel.next_deadline() {
        pair.now = due.max(pair.now);
        pair.channel.handle_timeout(pair.now);
        assert!(pair.answers().len() <= 8);
        assert!(pair.now < start + Duration::from_secs(120));
    }
    let [ChannelEvent::Closed(Some(why))] = pair.events()[..] else {
        panic!("it is still open");
    };
    assert!(why.contains("not acknowledged"), "{why}");
}

#[test]
fn a_flood_of_answers_is_bounded() {
    let mut pair = Pair::open();
    let beat = vec![1; 400];
    for _ in 0..1000 {
        let mut writer = Writer::new(PEER_PORT, PORT, pair.tag);
        for _ in 0..200 {
            writer.chunk(packet::HEARTBEAT, 0, &[&beat]);
        }
        pair.channel.handle(pair.now, &writer.finish());
    }
    assert_eq!(pair.answers().len(), MAX_ANSWERS);
}

#[test]
fn a_shutdown_is_answered_as_often_as_it_comes() {
    let mut pair = Pair::open();
    for _ in 0..3 {
        let answers = pair.packet(pair.tag, &[(SHUTDOWN, 0, &[0; 4])]);
        assert_eq!(kinds(&answers), [packet::SHUTDOWN_ACK]);
    }
    assert_eq!(pair.events(), [ChannelEvent::Closed(None)]);
    assert!(pair.data(51, b"late").is_empty());
    pair.packet(pair.tag, &[(packet::SHUTDOWN_COMPLETE, 0, &[])]);
    assert!(pair.channel.association.is_none());
}

#[test]
fn packets_of_others_are_nothing() {
    let mut pair = Pair::open();
    let message = data(FIRST + 1, 0, 51, b"x");
    let mut send = |source, destination, tag| {
        let mut writer = Writer::new(source, destination, tag);
        writer.chunk(DATA, 3, &[&message]);
        pair.channel.handle(pair.now, &writer.finish());
        assert!(pair.events().is_empty() && pair.answers().is_empty());
    };
    send(PEER_PORT, PORT, 5);
    send(PEER_PORT, 1, 0);
    send(1, PORT, 0);
    pair.channel.handle(pair.now, b"no packet");
    assert_eq!(pair.channel.take_rejected(), 4);
}
