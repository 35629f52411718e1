//! The data channel of a connection, in DTLS.

use std::time::Instant;

use super::Transport;
use super::phase::{Control, Phase};
use crate::error::{Error, Result, Status};
use crate::session::data::{ChannelEvent, DataChannel};
use crate::session::io::{Io, Path, Transmit};

impl Transport {
    pub(super) fn channel(&mut self) -> Option<&mut DataChannel> {
        match &mut self.phase {
            Phase::Up(up) => up.control.data.as_deref_mut(),
            _ => None,
        }
    }

    /// An authentic record had this packet in it.
    pub(super) fn handle_packet(&mut self, path: Path, packet: &[u8], now: Instant) {
        self.heard(path, now);
        if let Some(channel) = self.channel() {
            channel.handle(now, packet);
        }
    }

    /// Sends what the channel has to send, once the path is proven. What gets lost it sends again.
    pub(super) fn pump_channel<T: Transmit>(&mut self, io: &mut Io<'_, T>) {
        let Phase::Up(up) = &mut self.phase else {
            return;
        };
        let Control {
            dtls,
            data: Some(channel),
            ..
        } = &mut *up.control
        else {
            return;
        };
        self.rejected += channel.take_rejected();
        let Some(path) = self.ice.proven(io.now) else {
            return;
        };
        while let Some(packet) = channel.poll_packet(io.now) {
            dtls.send(io.now, &packet);
            while let Some(datagram) = dtls.poll_transmit() {
                io.transmit.control(path, &datagram);
            }
        }
    }

    /// What happens to the channel.
    pub fn poll_channel<T: Transmit>(&mut self, io: &mut Io<'_, T>) -> Option<ChannelEvent> {
        let event = self.channel()?.poll_event()?;
        self.pump_channel(io);
        Some(event)
    }

    /// Sends a message over the channel.
    pub fn send_message<T: Transmit>(&mut self, message: &str, io: &mut Io<'_, T>) -> Result<()> {
        let Some(channel) = self.channel() else {
            return Err(Error::new(
                Status::InvalidState,
                "the session has no data channel",
            ));
        };
        channel.send(message)?;
        self.pump_channel(io);
        Ok(())
    }
}
