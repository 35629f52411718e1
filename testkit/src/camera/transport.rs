//! SETUP: which transport a client gets, and how packets travel on it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rtsp_types::headers::{
    RtpLowerTransport, RtpProfile, RtpTransport, RtpTransportParameters, Transport, Transports,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::rtp::Packets;

/// How the packets of one track reach the client.
pub(super) enum Path {
    /// In the RTSP connection: this channel for RTP and the next one for RTCP.
    Interleaved { channel: u8 },
    /// Connected sockets.
    Udp { rtp: UdpSocket, rtcp: UdpSocket },
}

impl Path {
    /// Chooses the first transport of the client's list that the camera supports, with the response header.
    /// `None` if there is none, or no free port.
    pub async fn negotiate(
        offered: &Transports,
        track: usize,
        udp: bool,
        local: IpAddr,
        peer: IpAddr,
        ssrc: u32,
    ) -> Option<(Path, Transports)> {
        for transport in offered.iter() {
            let Transport::Rtp(offer) = transport else {
                continue;
            };
            if offer.profile != RtpProfile::Avp || offer.params.multicast {
                continue;
            }
            let mut params = RtpTransportParameters {
                unicast: true,
                ssrc: vec![ssrc],
                ..Default::default()
            };
            let tcp = offer.lower_transport == Some(RtpLowerTransport::Tcp);
            let path = match offer.params.client_port {
                _ if tcp => {
                    let own = (2 * track as u8, None);
                    let channel = offer.params.interleaved.unwrap_or(own).0 & !1;
                    params.interleaved = Some((channel, Some(channel + 1)));
                    Path::Interleaved { channel }
                }
                Some((rtp_port, rtcp_port)) if udp => {
                    let rtcp_port = rtcp_port.unwrap_or(rtp_port.wrapping_add(1));
                    let (rtp, rtcp) = bind_pair(local).await.ok()?;
                    let own = (
                        rtp.local_addr().ok()?.port(),
                        rtcp.local_addr().ok()?.port(),
                    );
                    params.client_port = Some((rtp_port, Some(rtcp_port)));
                    params.server_port = Some((own.0, Some(own.1)));
                    rtp.connect(SocketAddr::new(peer, rtp_port)).await.ok()?;
                    rtcp.connect(SocketAddr::new(peer, rtcp_port)).await.ok()?;
                    Path::Udp { rtp, rtcp }
                }
                _ => continue,
            };
            let answer = Transport::Rtp(RtpTransport {
                profile: RtpProfile::Avp,
                lower_transport: offer.lower_transport.clone(),
                params,
            });
            return Some((path, Transports::from(vec![answer])));
        }
        None
    }

    /// The channels of the RTP and RTCP packets; without meaning over UDP.
    pub fn channels(&self) -> (u8, u8) {
        match self {
            Path::Interleaved { channel } => (*channel, channel + 1),
            Path::Udp { .. } => (0, 1),
        }
    }

    pub async fn send_rtp(&self, connection: &mut TcpStream, packets: &Packets) -> io::Result<()> {
        match self {
            Path::Interleaved { .. } => connection.write_all(packets.interleaved()).await,
            Path::Udp { rtp, .. } => send_datagrams(rtp, packets).await,
        }
    }

    pub async fn send_rtcp(&self, connection: &mut TcpStream, packets: &Packets) -> io::Result<()> {
        match self {
            Path::Interleaved { .. } => connection.write_all(packets.interleaved()).await,
            Path::Udp { rtcp, .. } => send_datagrams(rtcp, packets).await,
        }
    }
}

async fn send_datagrams(socket: &UdpSocket, packets: &Packets) -> io::Result<()> {
    for datagram in packets.datagrams() {
        // Fails if the client closed its port. The camera ignores that and continues.
        let _ = socket.send(datagram).await;
    }
    Ok(())
}

/// Binds an even port for RTP and the next one for RTCP (RFC 3550, section 11).
async fn bind_pair(ip: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..100 {
        let rtp = UdpSocket::bind((ip, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((ip, port + 1)).await
        {
            return Ok((rtp, rtcp));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
