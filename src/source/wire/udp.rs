//! Where the datagrams of one track come in: a port for RTP and one for RTCP.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Instant;

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::budget::Budget;
use crate::system;

/// Two ports in a row are looked for this often.
const ATTEMPTS: u32 = 50;
/// Bytes that wait in the kernel: a keyframe of 4K while this thread is busy. The kernel may give less.
const KERNEL_BUFFER: usize = 1 << 20;
/// The largest datagram there is.
const MAX_DATAGRAM: usize = 64 << 10;
/// Messages that a call receives: where the system gives several, not more than this. With GRO each may be 64
/// datagrams, and they are all taken.
const BATCH_SIZE: usize = if quinn_udp::BATCH_SIZE < 16 {
    quinn_udp::BATCH_SIZE
} else {
    16
};

/// An RTP packet and a receiver report without content: what they say is of no interest, but firewalls on
/// the way let through what answers them.
const OPENING_RTP: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const OPENING_RTCP: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 0];

thread_local! {
    /// All cameras of a thread read into it, one after the other. Most of it is never touched.
    static STORAGE: RefCell<Vec<u8>> = RefCell::new(vec![0; BATCH_SIZE * MAX_DATAGRAM]);
}

/// See the module documentation.
#[derive(Debug)]
pub struct Ports {
    rtp: Port,
    rtcp: Port,
    /// The camera, and where else it said that it sends from. Nothing is taken from others.
    peer: IpAddr,
    source: Option<IpAddr>,
    /// Where reports go.
    reports: Option<SocketAddr>,
}

#[derive(Debug)]
struct Port {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Ports {
    /// Binds an even port and the next one at our address, for datagrams of `peer`.
    pub fn bind(local: IpAddr, peer: IpAddr) -> io::Result<Ports> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in 0..ATTEMPTS {
            let rtp = Port::bind(local, 0)?;
            let port = rtp.number();
            if port % 2 == 1 || port == 0 {
                continue;
            }
            match Port::bind(local, port + 1) {
                Ok(rtcp) => return Ok(Ports::new(rtp, rtcp, peer)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn of(rtp: Socket, rtcp: Socket, peer: IpAddr) -> io::Result<Ports> {
        Ok(Ports::new(Port::new(rtp)?, Port::new(rtcp)?, peer))
    }

    fn new(rtp: Port, rtcp: Port, peer: IpAddr) -> Ports {
        Ports {
            rtp,
            rtcp,
            peer: peer.to_canonical(),
            source: None,
            reports: None,
        }
    }

    /// The port of RTP.
    pub fn number(&self) -> u16 {
        self.rtp.number()
    }

    /// The camera said where it sends from. Opens the way from there.
    pub fn answered(&mut self, source: Option<IpAddr>, ports: Option<(u16, u16)>) {
        self.source = source
            .filter(|source| is_near(self.peer, *source))
            .map(|source| source.to_canonical());
        let Some((rtp, rtcp)) = ports else { return };
        self.reports = Some(SocketAddr::new(self.peer, rtcp));
        self.rtp.send(&OPENING_RTP, SocketAddr::new(self.peer, rtp));
        self.send_report(&OPENING_RTCP);
    }

    /// Sends RTCP to the camera.
    pub fn send_report(&self, report: &[u8]) {
        if let Some(to) = self.reports {
            self.rtcp.send(report, to);
        }
    }

    /// Passes on what is there, as far as the budget goes. Ready if anything was, and then there may be
    /// more.
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        budget: &mut Budget,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<()> {
        let Ports {
            rtp,
            rtcp,
            peer,
            source,
            reports,
        } = self;
        let (mut any, peer, source) = (false, *peer, *source);
        let is_camera = |from: SocketAddr| {
            let from = from.ip().to_canonical();
            from == peer || Some(from) == source
        };
        // RTCP first: it says when what follows was sampled. But little of it.
        if rtcp.io.poll_recv_ready(context).is_ready() {
            any = true;
            rtcp.receive(budget, &mut |from, datagram| {
                if is_camera(from) {
                    // Where it comes from is where it is expected, whatever was said.
                    *reports = Some(from);
                    take(datagram);
                }
            });
        }
        any |= rtp.turn(context, budget, &mut |from, datagram| {
            if is_camera(from) {
                take(datagram);
            }
        });
        match any {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// Whether a camera may have its media sent by `source`. Devices with two addresses, and recorders that
/// hand out the streams of cameras beside them, do that, in one subnet: we do not know its mask, so the
/// usual one is taken. Farther away, one camera could have another's media shown as its own, across
/// networks that are kept apart for this reason.
pub fn is_near(camera: IpAddr, source: IpAddr) -> bool {
    match (camera.to_canonical(), source.to_canonical()) {
        (IpAddr::V4(camera), IpAddr::V4(source)) => camera.octets()[..3] == source.octets()[..3],
        (IpAddr::V6(camera), IpAddr::V6(source)) => camera.octets()[..8] == source.octets()[..8],
        _ => false,
    }
}

impl Port {
    fn bind(local: IpAddr, port: u16) -> io::Result<Port> {
        let address = SocketAddr::new(local, port);
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        system::set_exclusive(&socket)?;
        socket.bind(&address.into())?;
        Port::new(socket)
    }

    fn new(socket: Socket) -> io::Result<Port> {
        socket.set_nonblocking(true)?;
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        let io = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new((&io).into())?;
        Ok(Port { io, state })
    }

    fn number(&self) -> u16 {
        self.io.local_addr().map_or(0, |address| address.port())
    }

    /// What cannot be sent now is not needed later. Past the runtime, which does not know yet whether a
    /// new socket is writable.
    fn send(&self, datagram: &[u8], to: SocketAddr) {
        let _ = SockRef::from(&self.io).send_to(datagram, &to.into());
    }

    /// False if there was nothing: a datagram that is there when this returns wakes the task.
    fn turn(
        &self,
        context: &mut Context<'_>,
        budget: &mut Budget,
        take: &mut impl FnMut(SocketAddr, &[u8]),
    ) -> bool {
        let mut any = false;
        while !budget.is_spent() {
            if self.io.poll_recv_ready(context).is_pending() {
                return any;
            }
            any |= self.receive(budget, take);
            budget.goes_on(Instant::now());
        }
        true
    }

    /// Reads a batch. True if there was one.
    fn receive(&self, budget: &mut Budget, take: &mut impl FnMut(SocketAddr, &[u8])) -> bool {
        budget.spend(1, 0);
        STORAGE.with_borrow_mut(|storage| {
            let mut meta = [RecvMeta::default(); BATCH_SIZE];
            let received = {
                let mut chunks = storage.chunks_exact_mut(MAX_DATAGRAM);
                let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                self.io.try_io(Interest::READABLE, || {
                    self.state.recv((&self.io).into(), &mut buffers, &mut meta)
                })
            };
            // Other errors are of what we sent.
            let count = received.unwrap_or(0);
            for (meta, buffer) in meta
                .iter()
                .zip(storage.chunks_exact(MAX_DATAGRAM))
                .take(count)
            {
                let data = buffer.get(..meta.len).unwrap_or_default();
                for datagram in data.chunks(meta.stride.max(1)) {
                    budget.spend(1, datagram.len());
                    take(meta.addr, datagram);
                }
            }
            if count > 0 && count < BATCH_SIZE {
                // Nothing is left. Later datagrams make the socket ready again.
                let drained = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                let _ = self.io.try_io(Interest::READABLE, drained);
            }
            count > 0
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::Group;
    use super::*;
    use crate::budget::Allowance;
    use crate::source::TURN;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let limited = async { timeout(Duration::from_secs(60), test).await };
        runtime.block_on(limited).expect("datagrams arrive")
    }

    /// Receives until there are so many datagrams.
    async fn receive(ports: &mut Ports, count: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < count {
            let mut take = |datagram: &[u8]| all.push(datagram.to_vec());
            let mut budget = Budget::new(TURN, Instant::now());
            poll_fn(|context| ports.poll_receive(context, &mut budget, &mut take)).await;
        }
        all
    }

    #[test]
    fn datagrams_of_the_camera_arrive_whatever_port_they_are_from() {
        run(async {
            let mut ports = Ports::bind(LOCAL, LOCAL).unwrap();
            assert_eq!(ports.number() % 2, 0);
            let camera = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let stranger = UdpSocket::bind(("127.0.0.2", 0)).await.unwrap();
            let to = (LOCAL, ports.number());
            let large = vec![7; 60_000];
            stranger.send_to(b"strange", to).await.unwrap();
            camera.send_to(b"rtp", to).await.unwrap();
            camera.send_to(&large, to).await.unwrap();
            assert_eq!(receive(&mut ports, 2).await, [&b"rtp"[..], &large]);
            // It says that it sends from elsewhere, too.
            ports.answered(Some("127.0.0.2".parse().unwrap()), None);
            stranger.send_to(b"known", to).await.unwrap();
            assert_eq!(receive(&mut ports, 1).await, [b"known"]);
            // Not from another network, where it may be another camera.
            ports.answered(Some("127.0.1.2".parse().unwrap()), None);
            let far = UdpSocket::bind(("127.0.1.2", 0)).await.unwrap();
            far.send_to(b"far", to).await.unwrap();
            camera.send_to(b"near", to).await.unwrap();
            assert_eq!(receive(&mut ports, 1).await, [b"near"]);
        });
    }

    #[test]
    fn reports_go_where_rtcp_comes_from() {
        run(async {
            let mut ports = Ports::bind(LOCAL, LOCAL).unwrap();
            let rtp = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let rtcp = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let other = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let number = |socket: &UdpSocket| socket.local_addr().unwrap().port();
            ports.send_report(b"to nobody");
            ports.answered(None, Some((number(&rtp), number(&rtcp))));
            let mut buffer = [0; 100];
            assert_eq!(rtp.recv(&mut buffer).await.unwrap(), OPENING_RTP.len());
            assert_eq!(rtcp.recv(&mut buffer).await.unwrap(), OPENING_RTCP.len());
            ports.send_report(b"report");
            assert_eq!(rtcp.recv(&mut buffer).await.unwrap(), 6);
            let to = (LOCAL, ports.number() + 1);
            other.send_to(b"sender report", to).await.unwrap();
            receive(&mut ports, 1).await;
            ports.send_report(b"report");
            assert_eq!(other.recv(&mut buffer).await.unwrap(), 6);
        });
    }

    #[test]
    fn a_flood_is_taken_in_turns() {
        run(async {
            let mut ports = Ports::bind(LOCAL, LOCAL).unwrap();
            let camera = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let sent = 8 * BATCH_SIZE;
            for _ in 0..sent {
                camera
                    .send_to(&[1; 50], (LOCAL, ports.number()))
                    .await
                    .unwrap();
            }
            let few = Allowance { items: 10, ..TURN };
            let mut budget = Budget::new(few, Instant::now());
            let mut count = 0;
            poll_fn(|context| ports.poll_receive(context, &mut budget, &mut |_| count += 1)).await;
            assert!((1..=2 * BATCH_SIZE).contains(&count), "{count}");
            receive(&mut ports, sent - count).await;
        });
    }

    #[test]
    fn a_group_is_joined_and_nobody_else_is_heard() {
        run(async {
            let camera = UdpSocket::bind((LOCAL, 0)).await.unwrap();
            let socket = SockRef::from(&camera);
            socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
            socket.set_multicast_loop_v4(true).unwrap();
            for source in [None, Some(LOCAL)] {
                // A port that is free.
                let port = Ports::bind(LOCAL, LOCAL).unwrap().number();
                let group = Group {
                    address: "232.1.2.3".parse().unwrap(),
                    ports: (port, port + 1),
                    source,
                };
                let mut ports = Ports::join(&group, LOCAL, LOCAL).unwrap();
                // Two streams of one camera, or two programs.
                let mut again = Ports::join(&group, LOCAL, LOCAL).unwrap();
                camera
                    .send_to(b"rtcp", (group.address, port + 1))
                    .await
                    .unwrap();
                camera.send_to(b"rtp", (group.address, port)).await.unwrap();
                let mut all = receive(&mut ports, 2).await;
                all.sort();
                assert_eq!(all, [&b"rtcp"[..], b"rtp"]);
                assert_eq!(receive(&mut again, 2).await.len(), 2);
            }
            for (address, port) in [
                ("127.0.0.1", 5000),
                ("224.0.0.251", 5353),
                ("ff02::fb", 5353),
                ("ff01::1", 5000),
                ("239.1.2.3", 1022),
                ("239.1.2.3", 0),
            ] {
                let group = Group {
                    address: address.parse().unwrap(),
                    ports: (port, port + 1),
                    source: None,
                };
                let error = Ports::join(&group, LOCAL, LOCAL).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{address}");
            }
        });
    }
}
