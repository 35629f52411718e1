//! The bare limit: seals and sends the packets of the same streams and does nothing else. Without
//! camera, packetizer and session, AES-128-GCM and the kernel remain.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSocketState};
use testkit::camera::Load;

use crate::args::Args;
use crate::process::{commands, say};

/// RTP header with the playout-delay extension, as the gateway sends it.
const HEADER: usize = 20;
/// FU header and fragment of [`Load`].
const PAYLOAD: usize = 2 + 1188;
const TAG: usize = 16;
const PACKET: usize = HEADER + PAYLOAD + TAG;
/// Packets per call: as many as fit 64 KiB.
const RUN: usize = 65_000 / PACKET;

struct Viewer {
    address: SocketAddr,
    key: LessSafeKey,
    ssrc: u32,
    index: u64,
}

struct Stream {
    load: Load,
    viewers: Vec<Viewer>,
    pictures: usize,
}

/// Sends `--streams` streams to the sockets at the `--ports` of 127.0.0.1, spread evenly.
pub fn run(args: &Args) -> std::io::Result<()> {
    let count = args.number("streams", 1);
    let mut streams: Vec<Stream> = (0..count)
        .map(|i| Stream {
            load: Load::camera(i, count),
            viewers: Vec::new(),
            pictures: 0,
        })
        .collect();
    for (i, port) in args.list("ports", ',').enumerate() {
        let port: u16 = port.parse().map_err(std::io::Error::other)?;
        let key = UnboundKey::new(&AES_128_GCM, &[i as u8; 16]).map_err(std::io::Error::other)?;
        streams[i % count].viewers.push(Viewer {
            address: ([127, 0, 0, 1], port).into(),
            key: LessSafeKey::new(key),
            ssrc: i as u32,
            index: 0,
        });
    }
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let state = UdpSocketState::new((&socket).into())?;
    state.set_send_buffer_size((&socket).into(), 8 << 20)?;
    say("READY");
    let _end = commands();

    let payloads: Vec<u8> = (0..PAYLOAD * 64).map(|i| i as u8).collect();
    let mut buffer = vec![0; RUN * PACKET];
    let start = Instant::now();
    let mut picture = 0;
    loop {
        for stream in &mut streams {
            let Load {
                frame_rate, phase, ..
            } = stream.load;
            let due = start + Duration::from_secs(1) * picture / frame_rate + phase;
            let now = Instant::now();
            if due > now {
                std::thread::sleep(due - now);
            }
            stream.send(&socket, &state, &payloads, &mut buffer)?;
        }
        picture += 1;
    }
}

impl Stream {
    fn send(
        &mut self,
        socket: &UdpSocket,
        state: &UdpSocketState,
        payloads: &[u8],
        buffer: &mut [u8],
    ) -> std::io::Result<()> {
        let load = &self.load;
        let keyframe = (self.pictures + load.keyframe_phase).is_multiple_of(load.gop);
        let packets = if keyframe {
            load.keyframe_packets
        } else {
            load.packets
        };
        self.pictures += 1;
        let timestamp = self.pictures as u32 * (90_000 / load.frame_rate);
        let payloads = &payloads[..packets * PAYLOAD];
        for viewer in &mut self.viewers {
            for run in payloads.chunks(RUN * PAYLOAD) {
                let mut used = 0;
                for payload in run.chunks_exact(PAYLOAD) {
                    let packet = &mut buffer[used..used + PACKET];
                    viewer.seal(timestamp, payload, packet);
                    used += PACKET;
                }
                let transmit = Transmit {
                    destination: viewer.address,
                    ecn: None,
                    contents: &buffer[..used],
                    segment_size: Some(PACKET),
                    src_ip: None,
                };
                // A socket that is full loses packets, which the viewers count.
                let _ = state.try_send(socket.into(), &transmit);
            }
        }
        Ok(())
    }
}

impl Viewer {
    fn seal(&mut self, timestamp: u32, payload: &[u8], packet: &mut [u8]) {
        self.index += 1;
        let (header, rest) = packet.split_at_mut(HEADER);
        header[0] = 0x90;
        header[1] = 96;
        header[2..4].copy_from_slice(&(self.index as u16).to_be_bytes());
        header[4..8].copy_from_slice(&timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        header[12..].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x52, 0, 0, 0]);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.index.to_be_bytes());
        let (body, tag) = rest.split_at_mut(payload.len());
        self.key
            .seal_out_of_place_scatter(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header),
                payload,
                body,
                &[],
                tag,
            )
            .expect("the lengths fit");
    }
}
