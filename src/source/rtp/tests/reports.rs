//! Sender reports, receiver reports, goodbyes.

use super::*;
use crate::source::rtp::{CaptureClock, SenderTime};

fn sender_report(ssrc: u32, time: u64, timestamp: u32) -> Vec<u8> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(ssrc.to_be_bytes());
    report.extend(time.to_be_bytes());
    report.extend(timestamp.to_be_bytes());
    report.extend([0; 8]);
    report
}

const SECOND: u64 = 1 << 32;

/// A camera whose clock is in 1970, or anywhere: its sound is encoded faster than its video, and arrives
/// earlier. By capture times they are together.
#[test]
fn sound_and_video_of_a_camera_share_its_clock() {
    for origin in [0x83aa_7e80 * SECOND, 5, u64::MAX - 3 * SECOND] {
        let mut video = Rig::new(&format("video", "h264", 90_000, ""), Delivery::InOrder);
        let mut audio = Rig::new(&format("audio", "pcmu", 8_000, ""), Delivery::InOrder);
        let mut capture = CaptureClock::default();
        let start = video.now;
        let mut worst = Duration::ZERO;
        for i in 0..500_u32 {
            let at = ms(40) * i;
            if i % 125 == 10 {
                let time = origin.wrapping_add(u64::from(i) * SECOND / 25);
                video
                    .reception
                    .rtcp(&sender_report(SSRC, time, 3600 * i), start + at);
                audio
                    .reception
                    .rtcp(&sender_report(SSRC, time, 320 * i), start + at);
            }
            // Both were captured at `at`.
            audio.now = start + at + ms(5);
            audio.send(320 * i, true, &[1; 320]);
            video.now = start + at + ms(120);
            video.send(3600 * i, true, &[0x41, 0x9a, 1]);
            for unit in audio.take().into_iter().chain(video.take()) {
                let captured = unit.sampled.and_then(|s| capture.captured(s, unit.arrival));
                let Some(captured) = captured.filter(|_| i > 20) else {
                    continue;
                };
                let frame = if unit.data.len() == 320 {
                    i
                } else {
                    unit.timestamp as u32 / 3600
                };
                let truth = start + ms(40) * frame + ms(5);
                let error = captured.saturating_duration_since(truth);
                worst = worst
                    .max(error)
                    .max(truth.saturating_duration_since(captured));
            }
        }
        assert!(worst < ms(1), "{origin:#x}: {worst:?}");
    }
}

/// A camera whose clock is 200 ppm off, and set by an hour at noon; its packets come late by up to 50 ms.
#[test]
fn capture_times_hold_for_a_day() {
    for ppm in [-200, 200_i64] {
        let mut random = fastrand::Rng::with_seed(1);
        let mut video = Rig::new(&format("video", "h264", 90_000, ""), Delivery::InOrder);
        let mut audio = Rig::new(&format("audio", "pcmu", 8_000, ""), Delivery::InOrder);
        let mut capture = CaptureClock::default();
        let start = video.now;
        let mut unknown = 0;
        for second in 0..86_400_u64 {
            let real = Duration::from_nanos(second * (1_000_000 - ppm) as u64 * 1000);
            let set = if second < 43_200 { 0 } else { 3600 * SECOND };
            let time = second * SECOND + set + SECOND;
            let mut moments = Vec::new();
            for (rig, rate) in [(&mut audio, 8_000), (&mut video, 90_000)] {
                let timestamp = (second * rate) as u32;
                if second % 5 == 0 {
                    let report = sender_report(SSRC, time, timestamp);
                    rig.reception.rtcp(&report, start + real);
                }
                rig.now = start + real + ms(random.u64(..50));
                rig.send(timestamp, true, &[0x41, 0x9a, 1]);
                rig.pass(ms(100));
                for unit in rig.take() {
                    assert_eq!(unit.timestamp as u64, second * rate);
                    let captured = unit.sampled.and_then(|s| capture.captured(s, unit.arrival));
                    assert!(captured.is_none_or(|captured| captured <= unit.arrival));
                    moments.extend(captured);
                }
            }
            match moments[..] {
                [sound, picture] => {
                    let apart = sound.max(picture) - sound.min(picture);
                    // With two packets per second, the least delay is not always the same.
                    assert!(
                        apart < ms(20) || second < 10,
                        "{ppm} ppm, {second} s: {apart:?}"
                    );
                    let late = picture.saturating_duration_since(start + real);
                    assert!(late < ms(51), "{ppm} ppm, {second} s: {late:?}");
                }
                _ => unknown += 1,
            }
        }
        assert!(unknown <= 40, "{unknown} s");
    }
}

#[test]
fn reports_before_the_first_packet_count_and_those_of_others_do_not() {
    let mut rig = Rig::new(&format("audio", "pcmu", 8_000, ""), Delivery::InOrder);
    rig.reception
        .rtcp(&sender_report(SSRC, 9 * SECOND, 1000), rig.now);
    rig.send(1000, true, &[1]);
    assert_eq!(rig.take()[0].sampled, Some(SenderTime(9 * SECOND)));
    rig.reception
        .rtcp(&sender_report(SSRC + 1, 99 * SECOND, 1160), rig.now);
    rig.send(1160, true, &[1]);
    let sampled = rig.take()[0].sampled.unwrap().0;
    assert!((sampled - 9 * SECOND) < SECOND / 40);
}

#[test]
fn receiver_reports_leave_in_their_time() {
    let mut rig = Rig::video("h264");
    assert!(rig.reception.poll_report(rig.now + ms(9000)).is_none());
    rig.send(0, true, &[0x41, 0x9a, 1]);
    let mut due = |after| {
        rig.reception
            .poll_report(rig.now + ms(after))
            .map(<[u8]>::to_vec)
    };
    assert_eq!(due(2499), None);
    let report = due(2500).unwrap();
    assert_eq!((report[1], report.len()), (201, 60));
    assert_eq!(due(7499), None);
    assert!(due(7500).is_some());
}
