//! The source against a peer that says what each test tells it to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Event, Events, Recorder, config, failed, live, observe, sets, with_length};
use crate::config::{PullOptions, Transport};
use crate::error::Status;
use crate::media::{Codec, MediaKind};
use crate::source::TURN;
use crate::source::wire::Ports;
use crate::state::StreamId;

/// H.264 with parameter sets (x264, 640x360, Main profile), and PCMU.
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=\
    Z01AHtkAoC/5cBEAAAMAAQAAAwAyjxYuSA==,aOvDyyA=\r\na=control:video\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:audio\r\n";

const SDP_WITHOUT_SETS: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n";

const SPS: &[u8] = &[
    0x67, 0x4d, 0x40, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
    0x00, 0x00, 0x03, 0x00, 0x32, 0x8f, 0x16, 0x2e, 0x48,
];
const PPS: &[u8] = &[0x68, 0xeb, 0xc3, 0xcb, 0x20];
const OTHER_PPS: &[u8] = &[0x68, 0xeb, 0xec, 0xb2, 0x2c];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x10];
const SLICE: &[u8] = &[0x41, 0x9a, 0x21, 0x6c];

/// A connection from the source.
struct Peer {
    stream: TcpStream,
    session: &'static str,
    /// The last request.
    text: String,
}

impl Peer {
    async fn accept(listener: &TcpListener) -> Peer {
        Peer {
            stream: listener.accept().await.unwrap().0,
            session: "1234;timeout=60",
            text: String::new(),
        }
    }

    /// A camera whose stream is live, by its first picture.
    async fn live(listener: &TcpListener, events: &mut Events) -> Peer {
        let mut peer = Peer::accept(listener).await;
        peer.play(SDP).await;
        peer.rtp(0, 1, 0, true, IDR).await;
        live(events).await;
        peer
    }

    /// Reads a request; returns its method and CSeq.
    async fn request(&mut self) -> Option<(String, String)> {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            request.push(char::from(self.stream.read_u8().await.ok()?));
        }
        let method = request.split(' ').next()?.to_owned();
        let (_, rest) = request.split_once("CSeq: ")?;
        let cseq = rest.split("\r\n").next()?.to_owned();
        self.text = request;
        Some((method, cseq))
    }

    async fn answer(&mut self, cseq: &str, status: &str, headers: &str, body: &str) {
        let answer = format!(
            "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Answers DESCRIBE.
    async fn describe(&mut self) {
        let (method, cseq) = self.request().await.unwrap();
        assert_eq!(method, "DESCRIBE");
        let headers = "Content-Type: application/sdp\r\n";
        self.answer(&cseq, "200 OK", headers, SDP_WITHOUT_SETS)
            .await;
    }

    /// The transport of the last SETUP, without its numbers.
    fn asked_transport(&self) -> String {
        let (_, rest) = self.text.split_once("Transport: ").unwrap();
        let end = rest.find(['=', '\r']).unwrap();
        rest[..end].to_owned()
    }

    /// Answers a SETUP with a group, plays, and sends a picture there.
    async fn send_to_group(&mut self, cseq: &str) {
        // A port that is free.
        let local = std::net::Ipv4Addr::LOCALHOST;
        let port = Ports::bind(local.into(), local.into()).unwrap().number();
        let headers = format!(
            "Session: 1\r\nTransport: RTP/AVP;multicast;destination=239.1.2.3;port={port}-{};ttl=1\r\n",
            port + 1
        );
        self.answer(cseq, "200 OK", &headers, "").await;
        let (method, cseq) = self.request().await.unwrap();
        assert_eq!(method, "PLAY");
        self.answer(&cseq, "200 OK", "", "").await;
        let socket = tokio::net::UdpSocket::bind((local, 0)).await.unwrap();
        let options = socket2::SockRef::from(&socket);
        options.set_multicast_if_v4(&local).unwrap();
        options.set_multicast_loop_v4(true).unwrap();
        for (seq, nal) in (0..).zip([SPS, PPS, IDR]) {
            let frame = frame(0, seq, 0, nal == IDR, nal);
            socket
                .send_to(&frame[4..], ("239.1.2.3", port))
                .await
                .unwrap();
        }
    }

    /// Answers until PLAY is answered: DESCRIBE with this SDP, the rest as a camera does.
    async fn play(&mut self, sdp: &str) {
        let mut channel = 0;
        while let Some((method, cseq)) = self.request().await {
            match method.as_str() {
                "DESCRIBE" => {
                    let headers = "Content-Type: application/sdp\r\n";
                    self.answer(&cseq, "200 OK", headers, sdp).await;
                }
                "SETUP" => {
                    let headers = format!(
                        "Session: {}\r\nTransport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n",
                        self.session,
                        channel + 1
                    );
                    channel += 2;
                    self.answer(&cseq, "200 OK", &headers, "").await;
                }
                _ => {
                    // What some cameras say, and is not true.
                    let headers = "RTP-Info: url=video;seq=40000;rtptime=77\r\n";
                    return self.answer(&cseq, "200 OK", headers, "").await;
                }
            }
        }
    }

    /// Sends an RTP packet (RFC 3550) on an interleaved channel.
    async fn rtp(&mut self, channel: u8, seq: u16, time: u32, mark: bool, payload: &[u8]) {
        let frame = frame(channel, seq, time, mark, payload);
        self.stream.write_all(&frame).await.unwrap();
    }
}

/// An RTP packet (RFC 3550) in an interleaved frame.
fn frame(channel: u8, seq: u16, time: u32, mark: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', channel];
    frame.extend((12 + payload.len() as u16).to_be_bytes());
    let payload_type = if channel == 0 { 96 } else { 0 };
    frame.extend([0x80, payload_type | u8::from(mark) << 7]);
    frame.extend(seq.to_be_bytes());
    frame.extend(time.to_be_bytes());
    frame.extend([0, 0, 0, 1 + channel]);
    frame.extend(payload);
    frame
}

/// Runs a source with `options` against `check`, which plays the peer and sees what the source
/// tells. The URL's port is that of the listener.
fn run(edit: impl FnOnce(&mut PullOptions), check: impl AsyncFnOnce(TcpListener, &mut Events)) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut options = PullOptions {
        url: format!("rtsp://{}/cam", listener.local_addr().unwrap()),
        ..PullOptions::default()
    };
    edit(&mut options);
    observe(&options, async |events| {
        check(TcpListener::from_std(listener).unwrap(), events).await
    });
}

#[test]
fn every_refusal_has_its_status() {
    let sdp = "Content-Type: application/sdp\r\n";
    let jpeg = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        m=video 0 RTP/AVP 26\r\n";
    let table = [
        ("401 Unauthorized", "", "", Status::Auth, "none were given"),
        ("403 Forbidden", "", "", Status::Auth, "refused the user"),
        ("404 Not Found", "", "", Status::Camera, "check the path"),
        ("453 Not Enough Bandwidth", "", "", Status::Camera, "busy"),
        ("500 Internal Server Error", "", "", Status::Camera, "500"),
        ("200 OK", sdp, "no SDP", Status::Camera, "neither video"),
        ("200 OK", sdp, jpeg, Status::Unsupported, "JPEG"),
    ];
    for (status_line, headers, body, status, words) in table {
        run(
            |options| options.url += "?password=s3cret",
            async |listener, events| {
                let mut peer = Peer::accept(&listener).await;
                let (_, cseq) = peer.request().await.unwrap();
                peer.answer(&cseq, status_line, headers, body).await;
                let (error, retry_in) = failed(events).await;
                assert_eq!(error.status(), status, "{status_line}: {error}");
                assert!(error.message().contains(words), "{status_line}: {error}");
                assert!(!error.message().contains("s3cret"), "{error}");
                match status {
                    // Cameras lock accounts.
                    Status::Auth => assert!(retry_in >= Duration::from_secs(40)),
                    _ => assert!(retry_in <= Duration::from_millis(1200)),
                }
            },
        );
    }
}

#[test]
fn nobody_there() {
    run(
        |options| {
            let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            options.url = format!("rtsp://{}/cam", closed.local_addr().unwrap());
        },
        async |_, events| {
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Connect, "{error}");
            assert!(error.message().contains("refused"), "{error}");
        },
    );
    run(
        |_| {},
        async |listener, events| {
            let _peer = Peer::accept(&listener).await;
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Connect, "{error}");
            assert!(error.message().contains("within 2 s"), "{error}");
        },
    );
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            peer.stream
                .write_all(b"SSH-2.0-dropbear\r\n\r\n")
                .await
                .unwrap();
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Camera, "{error}");
        },
    );
}

#[test]
fn media_with_the_sets_of_the_sdp() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            peer.play(SDP).await;
            // Audio before the first video frame is dropped.
            peer.rtp(2, 9, 0, true, &[0xff; 160]).await;
            peer.rtp(0, 1, 0, true, IDR).await;
            let (video, audio) = live(events).await;
            assert_eq!(sets(&video), (SPS, PPS));
            assert_eq!(audio.unwrap().codec, Codec::Pcmu);
            peer.rtp(2, 10, 160, true, &[0xfe; 160]).await;
            // Two packets are missing.
            peer.rtp(0, 4, 3600, true, SLICE).await;
            for expected in [
                (MediaKind::Video, with_length(IDR), 0),
                (MediaKind::Audio, vec![0xfe; 160], 0),
                (MediaKind::Video, with_length(SLICE), 2),
            ] {
                match events.recv().await.unwrap() {
                    Event::Media(kind, data, lost) => assert_eq!((kind, data, lost), expected),
                    other => panic!("{other:?}"),
                }
            }
            drop(peer);
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Connect, "{error}");

            // And again, without audio.
            let _peer = Peer::live(&listener, events).await;
        },
    );
}

#[test]
fn sets_in_band_and_their_change() {
    run(
        |options| options.no_audio = true,
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            peer.play(SDP_WITHOUT_SETS).await;
            peer.rtp(0, 1, 0, true, SLICE).await;
            for (seq, time, pps) in [(2, 3600, PPS), (5, 7200, OTHER_PPS), (8, 10_800, OTHER_PPS)] {
                peer.rtp(0, seq, time, false, SPS).await;
                peer.rtp(0, seq + 1, time, false, pps).await;
                peer.rtp(0, seq + 2, time, true, IDR).await;
            }
            let (video, audio) = live(events).await;
            assert_eq!(sets(&video), (SPS, PPS));
            assert!(audio.is_none());
            let mut told = Vec::new();
            for _ in 0..4 {
                told.push(match events.recv().await.unwrap() {
                    Event::Media(MediaKind::Video, data, 0) => {
                        assert!(data.ends_with(&with_length(IDR)));
                        "picture"
                    }
                    Event::Changed(video) => {
                        assert_eq!(sets(&video), (SPS, OTHER_PPS));
                        "changed"
                    }
                    other => panic!("{other:?}"),
                });
            }
            assert_eq!(told, ["picture", "changed", "picture", "picture"]);
        },
    );
}

#[test]
fn damaged_packets_end_nothing() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::live(&listener, events).await;
            events.recv().await.unwrap();
            // A fragment without a beginning, a forbidden NAL type, no RTP at all.
            peer.rtp(0, 2, 3600, false, &[0x7c, 0x05, 1, 2]).await;
            peer.rtp(0, 3, 3600, true, &[0x7f, 1, 2, 3]).await;
            peer.stream.write_all(b"$\0\0\x04junk").await.unwrap();
            peer.rtp(0, 4, 7200, true, SLICE).await;
            loop {
                match events.recv().await.unwrap() {
                    Event::Media(_, data, _) if data == with_length(SLICE) => return,
                    Event::Media(..) => {}
                    other => panic!("{other:?}"),
                }
            }
        },
    );
}

#[test]
fn what_is_no_longer_rtsp_ends_the_session() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::live(&listener, events).await;
            peer.stream.write_all(&[0xff; 300_000]).await.unwrap();
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Camera, "{error}");
        },
    );
}

#[test]
fn a_camera_that_goes_silent_has_stalled() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::live(&listener, events).await;
            // Audio alone does not count as media.
            let mut seq = 0;
            let (error, _) = loop {
                peer.rtp(2, seq, 160 * u32::from(seq), true, &[0xff; 160])
                    .await;
                seq += 1;
                let wait = Duration::from_millis(20);
                if let Ok(failed) = timeout(wait, failed(events)).await {
                    break failed;
                }
            };
            assert_eq!(error.status(), Status::Stalled, "{error}");
            assert!(seq >= 10, "{seq}");
        },
    );
}

#[test]
fn pictures_without_sets_are_told_from_silence() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            peer.play(SDP_WITHOUT_SETS).await;
            let mut seq = 0;
            let (error, _) = loop {
                peer.rtp(0, seq, 3600 * u32::from(seq), true, SLICE).await;
                seq += 1;
                let wait = Duration::from_millis(40);
                if let Ok(failed) = timeout(wait, failed(events)).await {
                    break failed;
                }
            };
            assert_eq!(error.status(), Status::Camera, "{error}");
            assert!(error.message().contains("SPS"), "{error}");
        },
    );
}

#[test]
fn udp_ports_outlive_a_connection_that_ends_behind_a_challenge() {
    run(
        |options| {
            options.transport = Transport::Udp;
            options.username = Some("u".to_owned());
            options.password = Some("p".to_owned());
        },
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            let (_, cseq) = peer.request().await.unwrap();
            let headers = "Content-Type: application/sdp\r\n";
            peer.answer(&cseq, "200 OK", headers, SDP_WITHOUT_SETS)
                .await;
            let (_, cseq) = peer.request().await.unwrap();
            let headers =
                "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\nConnection: close\r\n";
            peer.answer(&cseq, "401 Unauthorized", headers, "").await;
            drop(peer);
            let mut peer = Peer::accept(&listener).await;
            let (method, cseq) = peer.request().await.unwrap();
            assert_eq!(method, "SETUP");
            let (_, rest) = peer.text.split_once("client_port=").unwrap();
            let port: u16 = rest.split('-').next().unwrap().parse().unwrap();
            let headers = format!(
                "Session: 1\r\nTransport: RTP/AVP;unicast;client_port={port}-{}\r\n",
                port + 1
            );
            peer.answer(&cseq, "200 OK", &headers, "").await;
            let (method, cseq) = peer.request().await.unwrap();
            assert_eq!(method, "PLAY");
            peer.answer(&cseq, "200 OK", "", "").await;
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            for (seq, nal) in (0..).zip([SPS, PPS, IDR]) {
                let frame = frame(0, seq, 0, nal == IDR, nal);
                socket
                    .send_to(&frame[4..], ("127.0.0.1", port))
                    .await
                    .unwrap();
            }
            live(events).await;
        },
    );
}

/// With `auto`: by TCP, by UDP, and then from the group that the camera names in its answer.
#[test]
fn a_camera_that_sends_to_a_group_alone_is_heard_there() {
    run(
        |_| {},
        async |listener, events| {
            let mut asked = Vec::new();
            for _ in 0..2 {
                let mut peer = Peer::accept(&listener).await;
                peer.describe().await;
                let (_, cseq) = peer.request().await.unwrap();
                asked.push(peer.asked_transport());
                peer.answer(&cseq, "461 Unsupported Transport", "", "")
                    .await;
            }
            let mut peer = Peer::accept(&listener).await;
            peer.describe().await;
            let (_, cseq) = peer.request().await.unwrap();
            asked.push(peer.asked_transport());
            assert_eq!(
                asked,
                [
                    "RTP/AVP/TCP;unicast;interleaved",
                    "RTP/AVP;unicast;client_port",
                    "RTP/AVP;multicast"
                ]
            );
            peer.send_to_group(&cseq).await;
            live(events).await;
        },
    );
}

/// Some answer so whatever they are asked for.
#[test]
fn a_camera_that_names_a_group_in_place_of_its_ports_is_heard_there() {
    run(
        |options| options.transport = Transport::Udp,
        async |listener, events| {
            let mut peer = Peer::accept(&listener).await;
            peer.describe().await;
            let (_, cseq) = peer.request().await.unwrap();
            peer.send_to_group(&cseq).await;
            live(events).await;
        },
    );
}

#[test]
fn a_camera_that_refuses_every_transport_says_so() {
    run(
        |_| {},
        async |listener, events| {
            refuse_transports(&listener, 3).await;
            let (error, _) = failed(events).await;
            assert!(error.message().contains("refused TCP and UDP"), "{error}");
        },
    );
}

/// Not that the other ways were refused.
#[test]
fn a_camera_that_agrees_and_sends_nothing_says_so() {
    run(
        |_| {},
        async |listener, events| {
            let mut silent = Peer::accept(&listener).await;
            silent.play(SDP_WITHOUT_SETS).await;
            refuse_transports(&listener, 2).await;
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Stalled, "{error}");
            for part in [
                "sent no video for 1 s",
                "agreed to send by TCP and refused UDP, multicast",
            ] {
                assert!(error.message().contains(part), "{error}");
            }
            // The next round begins elsewhere, and says the same.
            refuse_transports(&listener, 1).await;
            let mut silent = Peer::accept(&listener).await;
            silent.play(SDP_WITHOUT_SETS).await;
            refuse_transports(&listener, 1).await;
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Stalled, "{error}");
        },
    );
}

#[test]
fn a_camera_that_agrees_to_udp_alone_and_sends_nothing_says_so() {
    run(
        |_| {},
        async |listener, events| {
            refuse_transports(&listener, 1).await;
            let mut silent = Peer::accept(&listener).await;
            silent.describe().await;
            let (_, cseq) = silent.request().await.unwrap();
            let headers = "Session: 1\r\nTransport: RTP/AVP;unicast\r\n";
            silent.answer(&cseq, "200 OK", headers, "").await;
            let (method, cseq) = silent.request().await.unwrap();
            assert_eq!(method, "PLAY");
            silent.answer(&cseq, "200 OK", "", "").await;
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Stalled, "{error}");
            let part = "agreed to send by UDP and refused TCP)";
            assert!(error.message().contains(part), "{error}");
        },
    );
}

/// Which may have other reasons than its transports.
#[test]
fn a_camera_that_understands_no_set_up_says_so() {
    run(
        |_| {},
        async |listener, events| {
            for _ in 0..3 {
                let mut peer = Peer::accept(&listener).await;
                peer.describe().await;
                while let Some((_, cseq)) = peer.request().await {
                    peer.answer(&cseq, "400 Bad Request", "", "").await;
                }
            }
            let (error, _) = failed(events).await;
            assert_eq!(error.status(), Status::Camera, "{error}");
            let part = "refused SETUP (400 Bad Request)";
            assert!(error.message().contains(part), "{error}");
        },
    );
}

/// So many connections, each of which asks for a transport.
async fn refuse_transports(listener: &TcpListener, count: usize) {
    for _ in 0..count {
        let mut peer = Peer::accept(listener).await;
        peer.describe().await;
        let (_, cseq) = peer.request().await.unwrap();
        peer.answer(&cseq, "461 Unsupported Transport", "", "")
            .await;
    }
}

/// Cameras lock accounts. What is remembered of the camera must not lead to another try at once.
#[test]
fn a_wrong_password_is_not_sent_again_by_another_transport() {
    run(
        |options| {
            options.username = Some("u".to_owned());
            options.password = Some("p".to_owned());
        },
        async |listener, events| {
            refuse_transports(&listener, 2).await;
            let mut peer = Peer::accept(&listener).await;
            peer.describe().await;
            let (_, cseq) = peer.request().await.unwrap();
            peer.send_to_group(&cseq).await;
            live(events).await;
            drop(peer);
            failed(events).await;
            let mut peer = Peer::accept(&listener).await;
            peer.describe().await;
            for _ in 0..2 {
                let (method, cseq) = peer.request().await.unwrap();
                assert_eq!(
                    (&*method, &*peer.asked_transport()),
                    ("SETUP", "RTP/AVP;multicast")
                );
                let headers = "WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n";
                peer.answer(&cseq, "401 Unauthorized", headers, "").await;
            }
            let (error, retry_in) = failed(events).await;
            assert_eq!(error.status(), Status::Auth, "{error}");
            assert!(retry_in >= Duration::from_secs(40), "{retry_in:?}");
        },
    );
}

/// What recorders get says where one session ended and another began.
#[test]
fn a_redirect_while_it_plays_is_another_connection() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::live(&listener, events).await;
            let to = listener.local_addr().unwrap();
            let redirect = format!(
                "REDIRECT rtsp://{to}/cam RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://{to}/other\r\n\r\n"
            );
            peer.stream.write_all(redirect.as_bytes()).await.unwrap();
            let mut other = Peer::accept(&listener).await;
            other.play(SDP).await;
            other.rtp(0, 1, 0, true, IDR).await;
            loop {
                match events.recv().await.unwrap() {
                    Event::Media(..) => {}
                    Event::Connecting => break,
                    event => panic!("{event:?}"),
                }
            }
            live(events).await;
        },
    );
}

/// However much waits, other tasks run before a turn's worth of packets is through and again.
#[test]
fn a_flood_of_tiny_pictures_is_taken_in_turns() {
    run(
        |_| {},
        async |listener, events| {
            let mut peer = Peer::live(&listener, events).await;
            let mut flood = Vec::new();
            for seq in 2..10_000u16 {
                flood.extend(frame(
                    0,
                    seq,
                    3600 * u32::from(seq),
                    true,
                    &[0x41, 0x9a, 0x10],
                ));
            }
            let (mut turns, mut most, mut all) = (0, 0, 0);
            let (_, mut write) = peer.stream.split();
            let mut writing = std::pin::pin!(write.write_all(&flood));
            let mut written = false;
            while all < 9_998 {
                // Others run.
                tokio::task::yield_now().await;
                if !written {
                    written = futures_util::poll!(&mut writing).is_ready();
                }
                let before = all;
                while let Ok(event) = events.try_recv() {
                    all += u32::from(matches!(event, Event::Media(..)));
                }
                turns += u32::from(all > before);
                most = most.max(all - before);
            }
            assert!(most <= 2 * TURN.items as u32, "{most}");
            assert!(turns >= 5, "{turns}");
        },
    );
}

/// A worker's last act: the tasks go when the runtime no longer runs.
#[test]
fn dropping_it_outside_the_runtime_is_safe() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut source = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = PullOptions {
            url: format!("rtsp://{}/cam", listener.local_addr().unwrap()),
            ..PullOptions::default()
        };
        let mut source = Box::pin(crate::source::run(
            StreamId(1),
            "cam".into(),
            config(&options),
            None,
            Recorder(sender),
        ));
        tokio::select! {
            () = &mut source => unreachable!("a source runs until dropped"),
            () = async {
                let mut peer = Peer::accept(&listener).await;
                peer.play(SDP).await;
                peer.rtp(0, 1, 0, true, IDR).await;
                live(&mut events).await;
            } => {}
        }
        Some(source)
    });
    source.take();
}
