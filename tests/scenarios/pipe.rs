//! A TCP connection to the viewer, as a session sees it: nothing is lost, all is in order, and what has not left yet
//! takes room.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::internals::session::{ConnectionId, Remote, WouldBlock};

use super::relayed::TurnEnds;

pub struct Pipe {
    pub remote: Remote,
    /// It carries TURN.
    pub turn: Option<TurnEnds>,
    /// Bits per second; 0 while the viewer does not read.
    rate: u64,
    /// Bytes that may wait.
    room: usize,
    /// What waits, and since when nothing else left.
    waiting: VecDeque<Vec<u8>>,
    at: Instant,
    /// Bytes of the first of them that have left.
    left: f64,
    arrived: VecDeque<Vec<u8>>,
    /// It took nothing, and does so until half of it is free, as the kernel does.
    blocked: bool,
    /// Bytes that it took.
    pub taken: usize,
}

impl Pipe {
    pub fn new(from: SocketAddr, id: u64, rate: u64, now: Instant) -> Pipe {
        Pipe {
            remote: Remote::Tcp(from, ConnectionId(id)),
            turn: None,
            rate,
            room: 8 << 10,
            waiting: VecDeque::new(),
            at: now,
            left: 0.0,
            arrived: VecDeque::new(),
            blocked: false,
            taken: 0,
        }
    }

    /// One that carries what goes by a relay.
    pub fn relayed(turn: TurnEnds, rate: u64, now: Instant) -> Pipe {
        Pipe {
            remote: turn.remote,
            turn: Some(turn),
            ..Pipe::new(SocketAddr::from(([0, 0, 0, 0], 0)), 0, rate, now)
        }
    }

    /// It carries so much from now on.
    pub fn set_rate(&mut self, now: Instant, rate: u64) {
        self.advance(now);
        self.rate = rate;
    }

    pub fn send(
        &mut self,
        now: Instant,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Result<(), WouldBlock> {
        self.advance(now);
        let waiting: usize = self.waiting.iter().map(Vec::len).sum();
        if self.blocked || waiting >= self.room {
            self.blocked = true;
            return Err(WouldBlock);
        }
        self.control(now, local, contents, segment);
        Ok(())
    }

    pub fn control(
        &mut self,
        now: Instant,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) {
        self.taken += contents.len();
        match &mut self.turn {
            None => self
                .waiting
                .extend(contents.chunks(segment).map(<[u8]>::to_vec)),
            Some(ends) => {
                let messages = ends.for_viewer(now, local, contents, segment);
                self.waiting.extend(messages);
            }
        }
    }

    /// Something has arrived at the viewer.
    pub fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.advance(now);
        let arrived = self.arrived.pop_front()?;
        Some(match &mut self.turn {
            None => arrived,
            Some(ends) => ends.arrived(&arrived),
        })
    }

    /// Once after the session had to wait: it takes more again.
    pub fn has_room(&mut self, now: Instant) -> bool {
        self.advance(now);
        let waiting: usize = self.waiting.iter().map(Vec::len).sum();
        let room = self.blocked && waiting <= self.room / 2;
        self.blocked &= !room;
        room
    }

    /// When the next datagram has left.
    pub fn next(&self) -> Option<Instant> {
        let bytes = self.waiting.front()?.len() as f64 - self.left;
        (self.rate > 0).then(|| self.at + Duration::from_secs_f64(bytes * 8.0 / self.rate as f64))
    }

    fn advance(&mut self, now: Instant) {
        while let Some(at) = self.next().filter(|&at| at <= now) {
            self.at = at;
            self.left = 0.0;
            self.arrived.extend(self.waiting.pop_front());
        }
        if now > self.at {
            let time = (now - self.at).as_secs_f64();
            if !self.waiting.is_empty() {
                self.left += time * self.rate as f64 / 8.0;
            }
            self.at = now;
        }
    }
}
