//! What comes between RTP packets, and what is wrong with them. The numbers are those of public reports.

use std::sync::Mutex;

use testkit::camera::{Audio, CameraConfig, Script, Slot};

use crate::seen::{camera, play, play_with};

/// A camera whose packets are rewritten.
fn sends(name: &str, rewrite: impl Fn(&mut Slot) + Send + Sync + 'static) -> CameraConfig {
    camera(name, Script::new().slot(rewrite))
}

/// A camera each of whose packets is rewritten.
fn each(name: &str, rewrite: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> CameraConfig {
    sends(name, move |slot| slot.packets.iter_mut().for_each(&rewrite))
}

/// A camera that says this behind every fourth frame.
fn between(name: &str, bytes: &'static [u8]) -> CameraConfig {
    sends(name, move |slot| {
        if slot.number % 4 == 3 {
            slot.after = bytes.to_vec();
        }
    })
}

fn set_timestamp(packet: &mut [u8], timestamp: u32) {
    packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
}

fn timestamp(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[4..8].try_into().unwrap())
}

#[test]
fn between_frames() {
    play(vec![
        between("newlines", b"\r\n\r\n"),
        between("zeros", &[0; 7]),
        // gortsplib 653: the payload of a packet whose head is missing.
        between(
            "junk",
            b"\x65\x88\x84\x19\xff\x6f\x7d\x9a\x80\xb4\x6b\x32RTSP rubbish\x01\x02",
        ),
        between("frames-of-no-length", b"$\0\0\0$\x01\0\0"),
        between("other-channels", b"$\x4d\0\x04abcd"),
        between(
            "rtcp-of-noise",
            b"$\x01\0\x05hello$\x01\0\x04\x80\xc8\xff\xff",
        ),
        between("rtp-too-short", b"$\0\0\x04\x80\x60\0\0"),
        between("goodbyes", b"$\x01\0\x08\x81\xcb\0\x01\0\0\0\x01"),
        between(
            "answers",
            b"RTSP/1.0 200 OK\r\nCSeq: 99\r\nContent-Length: 2\r\n\r\nok",
        ),
        // gortsplib 549, 56.
        between(
            "announcements",
            b"ANNOUNCE rtsp://h/p RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 5\r\n\r\nv=0\r\n",
        ),
        between(
            "requests",
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nFOO rtsp://h/p RTSP/1.0\r\nCSeq: 2\r\n\r\n",
        ),
    ]);
}

#[test]
fn headers_of_packets() {
    play(vec![
        each("padding", |packet| {
            packet[0] |= 0x20;
            packet.extend([0, 0, 0, 4]);
        }),
        each("extension", |packet| {
            packet[0] |= 0x10;
            packet.splice(12..12, [0xab, 0xac, 0, 1, 1, 2, 3, 4]);
        }),
        each("contributing-sources", |packet| {
            packet[0] |= 2;
            packet.splice(12..12, [7; 8]);
        }),
        each("ssrc-0", |packet| packet[8..12].fill(0)),
        // Uniview: gortsplib 687, 480.
        sends("ssrc-changes", |slot| {
            let ssrc = (slot.number / 5) as u8;
            slot.packets
                .iter_mut()
                .for_each(|packet| packet[8..12].fill(ssrc));
        }),
        each("payload-type-of-no-section", |packet| {
            packet[1] = packet[1] & 0x80 | 97
        }),
        // RtspClientSharp 98.
        sends("payload-type-of-another", |slot| {
            let mut packet = slot.packets[0][..12].to_vec();
            packet[1] = 50;
            packet.extend(b"state of the motor");
            slot.packets.insert(0, packet);
        }),
        sends("each-twice", |slot| {
            slot.packets = slot
                .packets
                .iter()
                .flat_map(|packet| [packet.clone(), packet.clone()])
                .collect();
        }),
    ]);
}

#[test]
fn markers() {
    let mark = |name: &str, marked: fn(usize, usize) -> bool| {
        sends(name, move |slot| {
            let count = slot.packets.len();
            for (i, packet) in slot.packets.iter_mut().enumerate() {
                packet[1] = packet[1] & 0x7f | u8::from(marked(i, count)) << 7;
            }
        })
    };
    play(vec![
        mark("none", |_, _| false),
        mark("all", |_, _| true),
        mark("all-but-the-last", |i, count| i + 1 < count),
        mark("the-first", |i, _| i == 0),
    ]);
}

/// A frame goes to viewers at the latest when the next one has come, and none has the time of another.
#[test]
fn timestamps() {
    let stamp = |name: &str, stamp: fn(u32, u64) -> u32| {
        sends(name, move |slot| {
            for packet in &mut slot.packets {
                let stamped = stamp(timestamp(packet), slot.number);
                set_timestamp(packet, stamped);
            }
        })
    };
    play(vec![
        stamp("wrap", |_, n| 0xffff_8000u32.wrapping_add(3600 * n as u32)),
        stamp("jump-back-once-in-a-while", |time, n| {
            if n % 6 == 5 {
                time.wrapping_sub(270_000)
            } else {
                time
            }
        }),
        stamp("backwards", |time, n| time.wrapping_sub(7200 * n as u32)),
        stamp("backwards-unevenly", |time, n| {
            time.wrapping_sub(7200 * n as u32 + n as u32 % 5 * 30)
        }),
        stamp("half-a-second-back-at-times", |time, n| {
            time.wrapping_sub(45_000 * (n as u32 / 6))
        }),
        // mediamtx 6255.
        stamp("hours-off-once-in-a-while", |time, n| {
            if n % 6 == 5 {
                time.wrapping_add(90_000 * 37_600)
            } else {
                time
            }
        }),
    ]);
}

#[test]
fn frames_of_the_same_time() {
    // pion 1735.
    let still = sends("still", |slot| {
        slot.packets
            .iter_mut()
            .for_each(|packet| set_timestamp(packet, 0));
    });
    let pairs = sends("pairs", |slot| {
        let time = slot.number as u32 / 2 * 7200;
        slot.packets
            .iter_mut()
            .for_each(|packet| set_timestamp(packet, time));
    });
    play(vec![still, pairs]);
}

/// pion 1735: frames that come meanwhile are spaced by their arrival, and so is the jump.
#[test]
fn timestamps_that_stand_still_for_five_seconds_and_then_jump() {
    const STILL: u64 = 125;
    const JUMP: u32 = 10 * 90_000;
    let script = Script::new().slot({
        let first = Mutex::new(None);
        move |slot: &mut Slot| {
            for packet in &mut slot.packets {
                let time = timestamp(packet);
                let first = *first.lock().unwrap().get_or_insert(time);
                let stamped = match slot.number {
                    ..STILL => first,
                    _ => time.wrapping_add(JUMP),
                };
                set_timestamp(packet, stamped);
            }
        }
    });
    let seen = play_with(
        vec![camera("camera", script)],
        |options| options,
        |seen| seen.frames.len() as u64 >= STILL + 15,
    );
    let seen = &seen["camera"];
    let first = seen.frames.first().unwrap().timestamp;
    let last = seen.frames.last().unwrap().timestamp;
    // As long as they took to come, however busy this machine is: not the jump on top of it.
    let passed = last - first;
    let (least, most) = (3600 * STILL as i64, 3600 * STILL as i64 + i64::from(JUMP));
    assert!((least..most).contains(&passed), "{passed}");
    assert!(seen.quirks.contains_key("timestamps"), "{:?}", seen.quirks);
}

#[test]
fn both_tracks_with_the_same_ssrc() {
    let same = each("same", |packet| packet[8..12].fill(7)).audio(Some(Audio::Pcmu));
    play_with(
        vec![same],
        |options| options,
        |seen| seen.plays() && seen.sounds(),
    );
}

#[test]
fn nal_units_in_odd_wrapping() {
    /// The payload of a packet that is a single NAL unit is replaced.
    fn single(
        name: &str,
        rewrite: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> CameraConfig {
        each(name, move |packet| {
            if packet[12] & 31 == 1 {
                let payload = rewrite(&packet[12..]);
                packet.truncate(12);
                packet.extend(payload);
            }
        })
    }
    play(vec![
        // retina 131, gortsplib 649.
        single("fragment-that-is-whole", |nal| {
            [&[nal[0] & 0xe0 | 28, 0xc0 | nal[0] & 31], &nal[1..]].concat()
        }),
        single("aggregate-of-one", |nal| {
            [&[0x78], &(nal.len() as u16).to_be_bytes()[..], nal].concat()
        }),
        single("start-code-first", |nal| [&[0, 0, 0, 1], nal].concat()),
        single("zeros-at-the-end", |nal| [nal, &[0, 0]].concat()),
        each("aggregates-with-zeros-at-the-end", |packet| {
            if packet[12] & 31 == 24 {
                packet.extend([0, 0, 0]);
            }
        }),
        each("fragments-without-an-end", |packet| {
            if packet[12] & 31 == 28 {
                packet[13] &= 0xbf;
            }
        }),
    ]);
}
