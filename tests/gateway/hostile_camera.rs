//! What a hostile camera can answer and send. Whatever it is, it costs that stream alone: another
//! stream of the same worker goes on, and the gateway shuts down.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rtsp_webrtc_gateway::config::PullOptions;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{StreamId, StreamState};
use rtsp_webrtc_gateway::tuning::Key;
use testkit::viewer::UdpViewer;

use crate::common::{LONG, cameras, frames, has_frames, pull, tuned, watch};

/// How long a camera is looked at that does nothing for which it is given up.
const ATTACK: Duration = Duration::from_millis(1200);
/// How long the gateway waits for a response, and for media.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that a flood sends at most.
const FLOOD: usize = 64 << 20;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=\
    Z01AHtkAoC/5cBEAAAMAAQAAAwAyjxYuSA==,aOvDyyA=\r\na=control:video\r\n";
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x10];

/// A connection from the gateway.
struct Peer {
    stream: TcpStream,
    sequence: u16,
}

impl Peer {
    /// Reads a request; returns its method and CSeq.
    fn request(&mut self) -> io::Result<(String, String)> {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            text.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let method = text.split(' ').next().unwrap_or_default().to_owned();
        let cseq = text.lines().find_map(|line| line.strip_prefix("CSeq: "));
        Ok((method, cseq.unwrap_or_default().to_owned()))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    fn answer(&mut self, cseq: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        self.say(&format!(
            "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// Answers as a camera does, until PLAY is answered.
    fn play(&mut self, sdp: &str) -> io::Result<()> {
        loop {
            let (method, cseq) = self.request()?;
            match method.as_str() {
                "DESCRIBE" => self.answer(&cseq, "Content-Type: application/sdp\r\n", sdp)?,
                "SETUP" => self.answer(
                    &cseq,
                    "Session: 1;timeout=4294967295\r\n\
                     Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
                    "",
                )?,
                _ => return self.answer(&cseq, "", ""),
            }
        }
    }

    fn rtp(&mut self, time: u32, mark: bool, payload: &[u8]) -> io::Result<()> {
        let frame = frame(&mut self.sequence, time, mark, payload);
        self.stream.write_all(&frame)
    }

    /// Says the same over and over.
    fn flood(&mut self, bytes: &[u8]) -> io::Result<()> {
        for _ in 0..FLOOD / bytes.len() {
            self.stream.write_all(bytes)?;
        }
        Ok(())
    }

    /// Is silent, and holds the connection.
    fn hold(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }
}

/// The next RTP packet in an interleaved frame.
fn frame(sequence: &mut u16, time: u32, mark: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', 0];
    frame.extend((12 + payload.len() as u16).to_be_bytes());
    frame.extend([0x80, 96 | u8::from(mark) << 7]);
    frame.extend(sequence.to_be_bytes());
    frame.extend(time.to_be_bytes());
    frame.extend([0, 0, 0, 1]);
    frame.extend(payload);
    *sequence = sequence.wrapping_add(1);
    frame
}

/// Runs a gateway whose one worker has a good camera and one that does `evil` with each
/// connection, for a while.
fn survives(evil: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) {
    attack(evil, |_, viewer, _| {
        viewer.run_till(ATTACK, |_| false);
    });
}

/// The same, until the stream has failed with one of these sentences.
fn fails(
    sentences: &'static [&str],
    evil: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
) {
    attack(evil, |gateway, viewer, bad| {
        let info = || gateway.stream_info(bad).unwrap();
        let failed = || {
            let message = info().message;
            sentences.iter().any(|sentence| message.contains(sentence))
        };
        let end = std::time::Instant::now() + LONG;
        while !failed() {
            assert!(
                std::time::Instant::now() < end,
                "{sentences:?}: {:?}",
                info()
            );
            viewer.run_till(Duration::from_millis(20), |_| false);
        }
    });
}

/// What is said of a camera that answers no longer.
const SILENT: &[&str] = &["did not respond within 2 s"];
/// Of one that sends no frames; one that keeps the worker busy meanwhile may be given up for that before.
const NO_FRAMES_OR_BUSY: &[&str] = &["sent no video for 2 s", "takes more time than it may"];
const HEADER: &[&str] = &["sends a message header that does not end"];
const BODY: &[&str] = &["sends a message body that does not end"];

/// Runs a gateway for as long as `watch` looks on.
fn attack(
    evil: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
    watch_on: impl FnOnce(&Gateway, &mut UdpViewer, StreamId),
) {
    let camera = cameras(&["good"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let accepting = std::thread::spawn({
        let (over, evil) = (Arc::clone(&over), Arc::new(evil));
        move || {
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let evil = Arc::clone(&evil);
                std::thread::spawn(move || {
                    let mut peer = Peer {
                        stream,
                        sequence: 1,
                    };
                    // It ends when the gateway hangs up.
                    let _ = evil(&mut peer).and_then(|()| peer.hold());
                });
            }
        }
    });

    let gateway = tuned(&[(Key::WorkerThreads, 1)]);
    gateway
        .add_stream("good", pull(camera.url("good")))
        .unwrap();
    let (mut viewer, _) = watch(&gateway, "good");

    let options = PullOptions {
        username: Some("admin".to_owned()),
        password: Some("s3cret".to_owned()),
        connect_timeout: Some(PATIENCE),
        idle_timeout: Some(PATIENCE),
        ..pull(format!("rtsp://{address}/cam"))
    };
    let bad = gateway.add_stream("bad", options).unwrap();
    let before = frames(&viewer.viewer);
    // Time for the attack to do its worst, then more video.
    watch_on(&gateway, &mut viewer, bad);
    let enough = has_frames(before + 25);
    assert!(viewer.run_till(LONG, enough), "the good camera starves");
    assert_eq!(viewer.viewer.video.lost(), 0);

    let info = gateway.stream_info(bad).unwrap();
    assert!(!info.message.contains("s3cret"), "{}", info.message);
    gateway.remove_stream(bad).unwrap();
    gateway.shutdown(LONG).unwrap();
    over.store(true, Ordering::Relaxed);
    let _ = TcpStream::connect(address);
    accepting.join().unwrap();
}

#[test]
fn silence_and_a_byte_at_a_time() {
    fails(SILENT, |_| Ok(()));
    fails(SILENT, |peer| {
        peer.request()?;
        for byte in "RTSP/1.0 200 OK\r\nCSeq: 1\r\n".bytes().cycle() {
            peer.stream.write_all(&[byte])?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    });
}

#[test]
fn headers_without_an_end() {
    fails(HEADER, |peer| {
        peer.request()?;
        peer.say("RTSP/1.0 200 OK\r\n")?;
        peer.flood(
            "X-Y: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\r\n"
                .repeat(100)
                .as_bytes(),
        )
    });
}

/// The smaller the pieces, the more often the whole is looked through.
fn endless_line(peer: &mut Peer) -> io::Result<()> {
    peer.say("RTSP/1.0 200 OK\r\nX-Y: ")?;
    for _ in 0..4 {
        peer.flood(&[b'z'; 1000])?;
    }
    Ok(())
}

#[test]
fn a_header_line_without_an_end() {
    fails(HEADER, |peer| {
        peer.request()?;
        endless_line(peer)
    });
    fails(HEADER, |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        endless_line(peer)
    });
}

#[test]
fn a_giant_description() {
    fails(BODY, |peer| {
        let (_, cseq) = peer.request()?;
        let line = "a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
        let sdp = SDP.to_owned() + &line.repeat(FLOOD / line.len());
        peer.answer(&cseq, "Content-Type: application/sdp\r\n", &sdp)
    });
}

#[test]
fn lengths_that_lie() {
    // A description of a wrong length is one all the same; SETUP is left unanswered.
    for (length, sentences) in [
        ("-1", SILENT),
        ("1", SILENT),
        ("9999999", BODY),
        ("18446744073709551615", BODY),
        ("1e9", SILENT),
    ] {
        fails(sentences, move |peer| {
            let (_, cseq) = peer.request()?;
            peer.say(&format!(
                "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\n\
                 Content-Length: {length}\r\n\r\n{SDP}"
            ))
        });
    }
}

#[test]
fn it_hangs_up_redirects_and_asks_for_passwords_for_ever() {
    survives(|peer| {
        peer.request()?;
        peer.say("RTSP/1.0 200 OK\r\nCSe")?;
        peer.stream.shutdown(std::net::Shutdown::Both)
    });
    survives(|peer| {
        let (_, cseq) = peer.request()?;
        peer.say(&format!(
            "RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: rtsp://127.0.0.1:1/\r\n\r\n"
        ))
    });
    survives(|peer| {
        for nonce in 0.. {
            let (_, cseq) = peer.request()?;
            peer.say(&format!(
                "RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n\
                 WWW-Authenticate: Digest realm=\"s\", nonce=\"{nonce}\", stale=\"true\"\r\n\r\n"
            ))?;
        }
        Ok(())
    });
}

#[test]
fn redirects_without_an_end() {
    // To the peer itself, in place of a description, and while it plays.
    let again = "Location: /again\r\n\r\n";
    let sentence = &["redirects again and again"];
    fails(sentence, move |peer| {
        let (_, cseq) = peer.request()?;
        peer.say(&format!("RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\n{again}"))
    });
    fails(sentence, move |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        peer.say(&format!("REDIRECT * RTSP/1.0\r\nCSeq: 1\r\n{again}"))
    });
}

#[test]
fn data_on_channels_that_nobody_asked_for() {
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        let mut data = vec![b'$', 77, 0xff, 0xff];
        data.resize(4 + 0xffff, 0x80);
        peer.flood(&data)
    });
}

#[test]
fn requests_and_answers_that_nobody_asked_for() {
    fails(&["does not read what it is sent"], |peer| {
        peer.play(SDP)?;
        peer.flood(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n")
    });
}

#[test]
fn a_picture_without_an_end() {
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        let mut fragment = vec![0x7c, 0x85];
        fragment.resize(60_000, 0x55);
        for _ in 0..FLOOD / fragment.len() {
            peer.rtp(3600, false, &fragment)?;
            fragment[1] = 0x05;
        }
        Ok(())
    });
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        for _ in 0..FLOOD / 100 {
            peer.rtp(3600, false, &[0x41; 88])?;
        }
        Ok(())
    });
}

#[test]
fn tiny_pictures_as_fast_as_possible_at_wild_times() {
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        let mut time = 0u32;
        for i in 0..FLOOD as u32 / 20 {
            time = time.wrapping_mul(0x5851_f42d).wrapping_add(i);
            peer.rtp(time, true, IDR)?;
        }
        Ok(())
    });
}

#[test]
fn absurd_parameter_sets_and_empty_units() {
    // Sizes as large as Exp-Golomb codes can say, nothing at all, and noise.
    let sets: [&[u8]; 5] = [
        &[
            0x67, 0x42, 0, 0x1e, 0xf8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff,
        ],
        &[0x67, 0x42, 0, 0x1e, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3],
        &[0x67],
        &[
            0x67, 0x64, 0, 0xff, 0xac, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
        &[0x68],
    ];
    survives(move |peer| {
        peer.play(SDP)?;
        let mut time = 0u32;
        loop {
            for set in sets {
                time = time.wrapping_add(3600);
                peer.rtp(time, false, set)?;
                peer.rtp(time, false, &[])?;
                // An aggregate of empty units, and a fragment of nothing.
                peer.rtp(time, false, &[0x78, 0, 0, 0, 0])?;
                peer.rtp(time, false, &[0x7c, 0x85])?;
                peer.rtp(time, true, IDR)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
}

#[test]
fn noise_in_well_formed_packets() {
    survives(|peer| {
        peer.play(SDP)?;
        let mut random = fastrand::Rng::with_seed(1);
        let mut payload = [0; 64];
        for i in 0..u32::MAX {
            random.fill(&mut payload);
            payload[0] &= 0x7f;
            let size = random.usize(..payload.len());
            peer.rtp(i / 8 * 3600, i % 8 == 7, &payload[..size])?;
        }
        Ok(())
    });
}

/// Each packet is in order, and a thousand times as much work as its size.
#[test]
fn aggregates_of_tiny_units() {
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        let mut aggregate = vec![0x78];
        for _ in 0..10_000 {
            aggregate.extend([0, 2, 0x41, 0x9a]);
        }
        for picture in 1..FLOOD as u32 / aggregate.len() as u32 {
            peer.rtp(picture * 3600, true, &aggregate)?;
        }
        Ok(())
    });
}

/// Nothing to forgive in any of them.
#[test]
fn tiny_pictures_as_fast_as_possible_in_order() {
    fails(NO_FRAMES_OR_BUSY, |peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        for picture in 1..FLOOD as u32 / 20 {
            peer.rtp(picture * 3600, true, &[0x41, 0x9a, 0x10])?;
        }
        Ok(())
    });
}

#[test]
fn a_camera_that_takes_more_than_its_share_is_given_up() {
    let evil = |peer: &mut Peer| {
        peer.play(SDP)?;
        peer.rtp(0, true, IDR)?;
        let mut time = 0u32;
        loop {
            let mut many = Vec::new();
            for _ in 0..4000 {
                time = time.wrapping_add(3600);
                many.extend(frame(&mut peer.sequence, time, true, &[0x41, 0x9a, 0x10]));
            }
            peer.stream.write_all(&many)?;
        }
    };
    attack(evil, |gateway, viewer, bad| {
        let given_up = || {
            let info = gateway.stream_info(bad).unwrap();
            info.state == StreamState::Retrying
                && info.message.contains("takes more time than it may")
        };
        let end = std::time::Instant::now() + LONG;
        while !given_up() {
            assert!(std::time::Instant::now() < end, "it is still connected");
            viewer.run_till(Duration::from_millis(20), |_| false);
        }
        let metrics = gateway.metrics().unwrap();
        let name = "rtsp_webrtc_gateway_stream_given_up_total{stream=\"bad\"} ";
        let count = metrics.lines().find_map(|line| line.strip_prefix(name));
        assert!(count.unwrap().parse::<u32>().unwrap() >= 1);
    });
}
