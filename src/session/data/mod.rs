//! The data channel of a wall: the part of SCTP (RFC 9260) that it takes, over DTLS (RFC 8261).
//!
//! A viewer whose offer has an application section opens one association, and in it one channel, which is ordered
//! and reliable (RFC 8831). So the association waits for the viewer's INIT, has one path, no heartbeats of its own
//! (consent says whether the viewer is there), no partial reliability and no interleaving. Other channels are
//! reset at once.
//!
//! * `packet.rs` reads and writes packets, `dcep.rs` the message that opens a channel.
//! * `inbound.rs` puts the viewer's chunks in order and messages together.
//! * `outbound.rs` cuts ours into chunks, and repeats them until they are acknowledged.
//! * `reset.rs` closes channels.
//!
//! # Bounds
//!
//! Nothing comes here but from authentic DTLS records, so only the viewer itself can do harm. What it makes us keep is
//! bounded: see `MAX_AHEAD` and `MAX_UNREAD` in `inbound.rs`, [`MAX_MESSAGE`], [`MAX_UNSENT`], [`MAX_ANSWERS`].
//! So is what a packet costs: [`MAX_CHUNKS`], and one acknowledgment in each direction. A violation, or a message that is too large,
//! ends the association with a sentence.

mod dcep;
mod inbound;
mod outbound;
pub mod packet;
mod reset;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::earliest;
use crate::error::{Error, Result, Status};
use inbound::{Inbound, Message, OVERHEAD, Violation};
use outbound::Outbound;
use packet::{Chunk, Packet, Writer, parameter};
use reset::Resets;

/// Our port (RFC 8841 section 5), the usual one.
pub const PORT: u16 = 5000;
/// Maximum size of a message in bytes, in both directions (RFC 8841 section 6).
pub const MAX_MESSAGE: usize = 64 << 10;

/// Size of our packets at most. With DTLS, UDP and IPv6 around them they fit wherever media does.
const MAX_PACKET: usize = 1100;
/// What may wait to be sent and acknowledged, in bytes.
const MAX_UNSENT: usize = 256 << 10;
/// Answers that wait to be sent; the viewer repeats itself if it gets none.
const MAX_ANSWERS: usize = 8;
/// Chunks of a packet that are looked at.
const MAX_CHUNKS: usize = 64;
/// The largest heartbeat that is answered.
const MAX_HEARTBEAT: usize = 512;
/// Associations that a viewer may begin, one after the other: a page that is reloaded has another session.
const MAX_ASSOCIATIONS: u32 = 8;

/// Text, and text without a character, which one byte stands for (RFC 8831 section 8). What is called binary is read alike.
const TEXT: u32 = 51;
const BINARY: u32 = 53;
const EMPTY_TEXT: u32 = 56;
const EMPTY_BINARY: u32 = 57;

/// Parameters of INIT and INIT ACK (RFC 9260 section 3.3.3, RFC 5061 section 4.2.7), and the cause of an ABORT that has
/// a sentence (RFC 9260 section 3.3.10.12).
const STATE_COOKIE: u16 = 7;
const SUPPORTED_EXTENSIONS: u16 = 0x8008;
const USER_INITIATED_ABORT: u16 = 12;

/// What was negotiated.
#[derive(Clone, Copy, Debug)]
pub struct DataConfig {
    /// The viewer's port.
    pub peer_port: u16,
    /// The largest message that the viewer takes, in bytes.
    pub peer_max_message: u32,
    /// What the numbers of the association begin with. In DTLS, nobody else could make use of them.
    pub random: u64,
}

/// What happens to the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// The viewer has opened it.
    Opened,
    /// A message.
    Message(Vec<u8>),
    /// It is closed; by us, because of this sentence, or by the viewer.
    Closed(Option<&'static str>),
}

/// The association with a viewer, and its one channel.
pub struct DataChannel {
    config: DataConfig,
    /// The last INIT that was answered, until the viewer sends our cookie back.
    begun: Option<Beginning>,
    beginnings: u32,
    association: Option<Association>,
    answers: VecDeque<Vec<u8>>,
    events: VecDeque<ChannelEvent>,
    /// What `events` costs.
    unread: usize,
    rejected: u64,
}

/// What an INIT and its answer have agreed on.
#[derive(Clone, Copy)]
struct Beginning {
    /// The tag that the viewer expects in our packets, and the one in its own.
    peer_tag: u32,
    tag: u32,
    peer_first: u32,
    first: u32,
    peer_window: u32,
}

struct Association {
    beginning: Beginning,
    inbound: Inbound,
    outbound: Outbound,
    resets: Resets,
    /// The stream of the channel.
    channel: Option<u16>,
    /// The viewer has shut it down: nothing counts but that it may say so again.
    shut: bool,
}

impl DataChannel {
    /// One whose viewer has not said anything.
    pub fn new(config: DataConfig) -> Self {
        DataChannel {
            config,
            begun: None,
            beginnings: 0,
            association: None,
            answers: VecDeque::new(),
            events: VecDeque::new(),
            unread: 0,
            rejected: 0,
        }
    }

    /// Takes a packet.
    pub fn handle(&mut self, now: Instant, packet: &[u8]) {
        let ports = (self.config.peer_port, PORT);
        let packet = Packet::parse(packet).filter(|p| (p.source, p.destination) == ports);
        let Some(packet) = packet else {
            self.rejected += 1;
            return;
        };
        let mut acknowledged = false;
        for chunk in packet.chunks().take(MAX_CHUNKS) {
            let result = match chunk.kind {
                // RFC 9260 section 8.5.1.
                packet::INIT if packet.tag == 0 => {
                    self.begin(chunk.body);
                    return;
                }
                packet::COOKIE_ECHO => {
                    self.echoed(packet.tag, chunk.body);
                    Ok(())
                }
                packet::SACK if std::mem::replace(&mut acknowledged, true) => Ok(()),
                _ => self.handle_chunk(now, packet.tag, chunk),
            };
            if let Err(Violation(sentence)) = result {
                return self.abort(sentence);
            }
        }
    }

    /// INIT: answers it. What was there before stays until the cookie comes back.
    fn begin(&mut self, body: &[u8]) {
        let Some((
            &[
                t3,
                t2,
                t1,
                t0,
                w3,
                w2,
                w1,
                w0,
                o1,
                o0,
                i1,
                i0,
                n3,
                n2,
                n1,
                n0,
            ],
            _,
        )) = body.split_first_chunk::<16>()
        else {
            self.rejected += 1;
            return;
        };
        let peer_tag = u32::from_be_bytes([t3, t2, t1, t0]);
        if peer_tag == 0 || [o1, o0] == [0; 2] || [i1, i0] == [0; 2] {
            self.rejected += 1;
            return;
        }
        let known = [self.begun, self.association.as_ref().map(|a| a.beginning)];
        let known = known.into_iter().flatten().find(|b| b.peer_tag == peer_tag);
        let beginning = match known {
            Some(known) => known,
            None if self.beginnings == MAX_ASSOCIATIONS => {
                self.rejected += 1;
                return;
            }
            None => {
                self.beginnings += 1;
                let tag = (self.config.random as u32).wrapping_add(self.beginnings);
                *self.begun.insert(Beginning {
                    peer_tag,
                    tag: tag.max(1),
                    peer_first: u32::from_be_bytes([n3, n2, n1, n0]),
                    first: ((self.config.random >> 32) as u32).wrapping_add(self.beginnings << 24),
                    peer_window: u32::from_be_bytes([w3, w2, w1, w0]),
                })
            }
        };
        let mut writer = self.writer(beginning.peer_tag);
        let body: [&[u8]; 7] = [
            &beginning.tag.to_be_bytes(),
            &(inbound::WINDOW as u32).to_be_bytes(),
            &u16::MAX.to_be_bytes(),
            &u16::MAX.to_be_bytes(),
            &beginning.first.to_be_bytes(),
            &parameter(STATE_COOKIE, &beginning.tag.to_be_bytes()),
            &parameter(SUPPORTED_EXTENSIONS, &[packet::RE_CONFIG]),
        ];
        writer.chunk(packet::INIT_ACK, 0, &body);
        self.answer(writer);
    }

    /// COOKIE ECHO: the association is up.
    fn echoed(&mut self, tag: u32, cookie: &[u8]) {
        let is = |beginning: &Beginning| beginning.tag == tag && cookie == tag.to_be_bytes();
        if let Some(beginning) = self.begun.filter(is) {
            self.begun = None;
            self.end(None);
            self.association = Some(Association {
                beginning,
                inbound: Inbound::new(beginning.peer_first),
                outbound: Outbound::new(beginning.first, beginning.peer_window as usize),
                resets: Resets::new(beginning.peer_first, beginning.first),
                channel: None,
                shut: false,
            });
        }
        match &self.association {
            Some(association) if is(&association.beginning) => {
                let mut writer = self.writer(association.beginning.peer_tag);
                writer.chunk(packet::COOKIE_ACK, 0, &[]);
                self.answer(writer);
            }
            _ => self.rejected += 1,
        }
    }

    fn handle_chunk(
        &mut self,
        now: Instant,
        tag: u32,
        chunk: Chunk<'_>,
    ) -> std::result::Result<(), Violation> {
        let Some(association) = &mut self.association else {
            self.rejected += 1;
            return Ok(());
        };
        let Beginning {
            peer_tag, tag: own, ..
        } = association.beginning;
        // RFC 9260 section 8.5.1: whoever knows no tag of ours reflects its own.
        let reflected = tag == peer_tag && chunk.flags & 1 != 0;
        match chunk.kind {
            packet::ABORT | packet::SHUTDOWN_COMPLETE if tag == own || reflected => {
                self.end(None);
                return Ok(());
            }
            _ if tag != own => {
                self.rejected += 1;
                return Ok(());
            }
            packet::SHUTDOWN => {
                association.shut = true;
                let mut writer = self.writer(peer_tag);
                writer.chunk(packet::SHUTDOWN_ACK, 0, &[]);
                self.answer(writer);
                self.channel_closed(None);
            }
            _ if association.shut => {}
            packet::DATA => {
                let mut messages = Vec::new();
                let unread = self.unread;
                let inbound = &mut association.inbound;
                inbound.take(chunk.flags, chunk.body, unread, |m| messages.push(m))?;
                for message in messages {
                    self.handle_message(message);
                }
            }
            packet::SACK if !association.outbound.acknowledged(now, chunk.body) => {
                return Err(Violation("an acknowledgment of what was not sent"));
            }
            packet::HEARTBEAT if chunk.body.len() <= MAX_HEARTBEAT => {
                let mut writer = self.writer(peer_tag);
                writer.chunk(packet::HEARTBEAT_ACK, 0, &[chunk.body]);
                self.answer(writer);
            }
            packet::RE_CONFIG => self.handle_resets(chunk.body),
            // SACK, COOKIE ACK, ERROR, FORWARD TSN, which was not offered, and what is not known.
            _ => {}
        }
        Ok(())
    }

    fn handle_resets(&mut self, body: &[u8]) {
        let Some(association) = &mut self.association else {
            return;
        };
        let (channel, mut closed) = (association.channel, false);
        let cumulative = association.inbound.cumulative();
        let reset = |stream| closed |= Some(stream) == channel;
        let answer = association.resets.take(body, cumulative, reset);
        let peer_tag = association.beginning.peer_tag;
        if let Some(answer) = answer {
            let mut writer = self.writer(peer_tag);
            writer.chunk(packet::RE_CONFIG, 0, &[&answer]);
            self.answer(writer);
        }
        if closed {
            self.close_channel(None);
        }
    }

    fn handle_message(&mut self, message: Message) {
        let Some(association) = &mut self.association else {
            return;
        };
        let is_ours = association.channel == Some(message.stream);
        match message.protocol {
            dcep::PROTOCOL if message.bytes == dcep::ACK => {}
            dcep::PROTOCOL if association.channel.is_none() && dcep::opens_wall(&message.bytes) => {
                association.channel = Some(message.stream);
                let ack = Bytes::from_static(&dcep::ACK);
                association
                    .outbound
                    .push(message.stream, dcep::PROTOCOL, ack);
                self.event(ChannelEvent::Opened);
            }
            TEXT | BINARY if is_ours => self.event(ChannelEvent::Message(message.bytes)),
            EMPTY_TEXT | EMPTY_BINARY if is_ours => self.event(ChannelEvent::Message(Vec::new())),
            _ if is_ours => {
                self.rejected += 1;
                self.close_channel(Some("what came over the channel was not text"));
            }
            // A channel that there is not.
            _ => {
                self.rejected += 1;
                association.resets.want(message.stream);
            }
        }
    }

    /// Closes the channel; the association stays, for another one.
    fn close_channel(&mut self, why: Option<&'static str>) {
        if let Some(association) = &mut self.association
            && let Some(stream) = association.channel
        {
            association.resets.want(stream);
            association.outbound.reset();
            self.channel_closed(why);
        }
    }

    fn channel_closed(&mut self, why: Option<&'static str>) {
        let association = self.association.as_mut();
        if association.and_then(|a| a.channel.take()).is_some() {
            self.event(ChannelEvent::Closed(why));
        }
    }

    /// Ends the association, and tells the viewer why.
    fn abort(&mut self, sentence: &'static str) {
        self.rejected += 1;
        if let Some(association) = &self.association {
            let mut writer = self.writer(association.beginning.peer_tag);
            let cause = parameter(USER_INITIATED_ABORT, sentence.as_bytes());
            writer.chunk(packet::ABORT, 0, &[&cause]);
            self.answer(writer);
        }
        self.end(Some(sentence));
    }

    fn end(&mut self, why: Option<&'static str>) {
        self.channel_closed(why);
        self.association = None;
    }

    fn event(&mut self, event: ChannelEvent) {
        self.unread += cost(&event);
        self.events.push_back(event);
    }

    fn writer(&self, peer_tag: u32) -> Writer {
        Writer::new(PORT, self.config.peer_port, peer_tag)
    }

    fn answer(&mut self, writer: Writer) {
        if self.answers.len() < MAX_ANSWERS {
            self.answers.push_back(writer.finish());
        }
    }

    /// The next event. Messages that are not asked for are, beyond some, not taken from the viewer either.
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        let event = self.events.pop_front()?;
        self.unread -= cost(&event);
        if let Some(association) = &mut self.association {
            association.inbound.read(self.unread);
        }
        Some(event)
    }

    /// Sends a message, which is not empty, over the channel.
    ///
    /// # Errors
    /// [`Status::InvalidState`] without a channel, [`Status::TooLarge`] for what the viewer would not take, and
    /// [`Status::QueueFull`] if it has not acknowledged enough of what was sent before.
    pub fn send(&mut self, message: &str) -> Result<()> {
        let open = self.association.as_mut();
        let Some((association, stream)) = open.and_then(|a| a.channel.map(|c| (a, c))) else {
            return Err(Error::new(
                Status::InvalidState,
                "the viewer has no data channel open",
            ));
        };
        let largest = MAX_MESSAGE.min(self.config.peer_max_message as usize);
        if message.len() > largest {
            return Err(Error::new(
                Status::TooLarge,
                format!("the viewer takes messages of at most {largest} bytes"),
            ));
        }
        let bytes = Bytes::copy_from_slice(message.as_bytes());
        match association.outbound.push(stream, TEXT, bytes) {
            true => Ok(()),
            false => Err(Error::new(
                Status::QueueFull,
                "the viewer has not acknowledged what was sent before",
            )),
        }
    }

    /// Whether there is a channel to send over.
    pub fn is_open(&self) -> bool {
        self.association
            .as_ref()
            .is_some_and(|a| a.channel.is_some())
    }

    /// The next packet to send. Ask until there is none, after each of the other calls.
    pub fn poll_packet(&mut self, now: Instant) -> Option<Vec<u8>> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        let association = self.association.as_mut().filter(|a| !a.shut)?;
        let peer_tag = association.beginning.peer_tag;
        let mut packet = Writer::new(PORT, self.config.peer_port, peer_tag);
        if association.inbound.due {
            let body = association.inbound.acknowledgment(self.unread);
            packet.chunk(packet::SACK, 0, &[&body]);
        }
        let Association {
            outbound, resets, ..
        } = association;
        let (sent, last, timeout) = (outbound.is_sent(), outbound.last(), outbound.timeout());
        if let Some(request) = resets.request(now, sent, last, timeout) {
            packet.chunk(packet::RE_CONFIG, 0, &[&request]);
        }
        outbound.fill(now, &mut packet);
        (!packet.is_empty()).then(|| packet.finish())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(association) = &mut self.association else {
            return;
        };
        let timeout = association.outbound.timeout();
        association.resets.handle_timeout(now, timeout);
        if !association.outbound.handle_timeout(now) {
            self.abort("what was sent was not acknowledged for a minute");
        }
    }

    /// When [`DataChannel::handle_timeout`] and [`DataChannel::poll_packet`] are to be called.
    pub fn next_deadline(&self) -> Option<Instant> {
        let association = self.association.as_ref().filter(|a| !a.shut)?;
        earliest(
            association.outbound.deadline(),
            association.resets.deadline(),
        )
    }

    /// How much was not understood, or not allowed, since the last call.
    pub fn take_rejected(&mut self) -> u64 {
        std::mem::take(&mut self.rejected)
    }
}

fn cost(event: &ChannelEvent) -> usize {
    match event {
        ChannelEvent::Message(bytes) => bytes.len() + OVERHEAD,
        ChannelEvent::Opened | ChannelEvent::Closed(_) => OVERHEAD,
    }
}
