//! Data channels over the SCTP of `rtc`, which shares no code with the gateway's.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc::sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, TransportConfig,
};
use rtc::shared::TransportProtocol;

/// DATA_CHANNEL_OPEN of a channel that is ordered and reliable, and the answer (RFC 8832).
const OPEN: u8 = 3;
const ACK: [u8; 1] = [2];

/// An association, and the channels in it.
pub struct Channels {
    endpoint: Endpoint,
    handle: AssociationHandle,
    association: Association,
    out: VecDeque<Vec<u8>>,
    connected: bool,
    lost: bool,
    streams: BTreeSet<u16>,
    acknowledged: BTreeSet<u16>,
    /// What came, and on which stream.
    pub received: Vec<(u16, String)>,
}

impl Channels {
    /// Begins an association.
    pub fn connect(now: Instant) -> Channels {
        let config = Arc::new(EndpointConfig::default());
        let mut endpoint = Endpoint::new(peer(), TransportProtocol::UDP, config, None);
        let transport = TransportConfig::default().with_max_message_size(16 << 20);
        let (handle, association) = endpoint
            .connect(now, ClientConfig::new(transport), peer())
            .expect("an association");
        let mut channels = Channels {
            endpoint,
            handle,
            association,
            out: VecDeque::new(),
            connected: false,
            lost: false,
            streams: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            received: Vec::new(),
        };
        channels.drive(now);
        channels
    }

    /// Opens a channel. It is open once [`Channels::is_open`].
    pub fn open(&mut self, now: Instant, stream: u16, label: &str, protocol: &str) {
        let mut message = vec![OPEN, 0, 0, 0, 0, 0, 0, 0];
        message.extend((label.len() as u16).to_be_bytes());
        message.extend((protocol.len() as u16).to_be_bytes());
        message.extend(label.bytes().chain(protocol.bytes()));
        let opened = self
            .association
            .open_stream(stream, PayloadProtocolIdentifier::String);
        opened.expect("a stream");
        self.streams.insert(stream);
        self.write(now, stream, &message, PayloadProtocolIdentifier::Dcep);
    }

    /// Sends a text. False if there is no such stream any more.
    pub fn send(&mut self, now: Instant, stream: u16, text: &str) -> bool {
        self.write(
            now,
            stream,
            text.as_bytes(),
            PayloadProtocolIdentifier::String,
        )
    }

    /// Sends what is no message of a data channel.
    pub fn send_strange(&mut self, now: Instant, stream: u16) -> bool {
        self.write(now, stream, b"?", PayloadProtocolIdentifier::Unknown)
    }

    fn write(
        &mut self,
        now: Instant,
        stream: u16,
        bytes: &[u8],
        protocol: PayloadProtocolIdentifier,
    ) -> bool {
        let sent = self.association.stream(stream).and_then(|mut stream| {
            stream.write_chunk_with_ppi(now, &Bytes::copy_from_slice(bytes), protocol)
        });
        self.drive(now);
        sent.is_ok()
    }

    /// Closes a channel.
    pub fn close(&mut self, now: Instant, stream: u16) {
        if let Ok(mut stream) = self.association.stream(stream) {
            let _ = stream.close(now);
        }
        self.streams.remove(&stream);
        self.drive(now);
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether the gateway has accepted the channel.
    pub fn is_open(&self, stream: u16) -> bool {
        self.acknowledged.contains(&stream)
    }

    /// Whether the gateway has ended the association.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether the gateway has closed the channel.
    pub fn is_reset(&mut self, stream: u16) -> bool {
        self.association.stream(stream).is_err()
    }

    pub fn handle(&mut self, now: Instant, packet: &[u8]) {
        let packet = Bytes::copy_from_slice(packet);
        if let Some((_, DatagramEvent::AssociationEvent(event))) =
            self.endpoint.handle(now, peer(), None, packet)
        {
            self.association.handle_event(event);
        }
        self.drive(now);
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    pub fn timeout(&mut self, now: Instant) {
        if self.next_deadline().is_some_and(|at| at <= now) {
            self.association.handle_timeout(now);
            self.drive(now);
        }
    }

    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    fn drive(&mut self, now: Instant) {
        while let Some(event) = self.association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => self.lost = true,
                _ => {}
            }
        }
        while let Some(event) = self.association.poll_endpoint_event() {
            self.endpoint.handle_event(self.handle, event);
        }
        let mut buffer = vec![0; 1 << 20];
        for &id in &self.streams {
            let Ok(mut stream) = self.association.stream(id) else {
                continue;
            };
            while let Ok(Some(chunks)) = stream.read_sctp() {
                let size = chunks.read(&mut buffer).expect("a message");
                match chunks.ppi {
                    PayloadProtocolIdentifier::Dcep if buffer[..size] == ACK => {
                        self.acknowledged.insert(id);
                    }
                    _ => {
                        let text = String::from_utf8(buffer[..size].to_vec());
                        self.received.push((id, text.expect("text")));
                    }
                }
            }
        }
        while let Some(transmit) = self.association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                self.out
                    .extend(packets.iter().map(|packet| packet.to_vec()));
            }
        }
    }
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 3))
}
