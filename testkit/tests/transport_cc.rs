//! The viewer's transport-wide feedback, parsed by `rtc`.

use std::time::{Duration, Instant};

use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, SymbolTypeTcc, TransportLayerCc,
};
use testkit::viewer::TransportFeedback;

/// The symbols of a message.
fn symbols(message: &TransportLayerCc) -> Vec<SymbolTypeTcc> {
    let mut symbols = Vec::new();
    for chunk in &message.packet_chunks {
        match chunk {
            PacketStatusChunk::RunLengthChunk(run) => {
                let run_length = usize::from(run.run_length);
                symbols.resize(symbols.len() + run_length, run.packet_status_symbol);
            }
            PacketStatusChunk::StatusVectorChunk(vector) => symbols.extend(&vector.symbol_list),
        }
    }
    symbols.truncate(usize::from(message.packet_status_count));
    symbols
}

fn read(bytes: &[u8]) -> TransportLayerCc {
    let packets = rtc::rtcp::packet::unmarshal(&mut &bytes[..]).expect("RTCP");
    let message = packets[0].as_any().downcast_ref::<TransportLayerCc>();
    message.expect("feedback").clone()
}

#[test]
fn arrivals_losses_and_late_packets_are_reported() {
    let epoch = Instant::now();
    let mut feedback = TransportFeedback::new(epoch);
    let mut random = fastrand::Rng::with_seed(3);
    let mut sequence = 0xfff0_u16;
    for number in 0..50 {
        let mut expected = Vec::new();
        let base = sequence;
        let start = Duration::from_millis(100 * number + 1);
        let mut at = epoch + start;
        for n in 0..40 {
            let lost = n > 0 && n < 39 && random.f64() < 0.2;
            if !lost {
                at += Duration::from_micros(250 * random.u64(0..400).saturating_sub(300));
                feedback.received(at, sequence);
            }
            expected.push((!lost).then_some(at));
            sequence = sequence.wrapping_add(1);
        }
        let message = read(&feedback.message(9).unwrap());
        assert_eq!(message.base_sequence_number, base);
        assert_eq!(message.fb_pkt_count, number as u8);
        assert_eq!(usize::from(message.packet_status_count), expected.len());
        let received = symbols(&message)
            .iter()
            .map(|symbol| *symbol != SymbolTypeTcc::PacketNotReceived)
            .collect::<Vec<_>>();
        let wanted: Vec<bool> = expected.iter().map(Option::is_some).collect();
        assert_eq!(received, wanted);
        let mut at = Duration::from_millis(64) * message.reference_time;
        for (delta, expected) in message.recv_deltas.iter().zip(expected.iter().flatten()) {
            at += Duration::from_micros(delta.delta as u64);
            let off = (*expected - epoch).abs_diff(at);
            assert!(off < Duration::from_micros(250), "{off:?}");
        }
    }
    assert!(feedback.message(9).is_none(), "nothing new");
    // A packet that was reported as lost arrives late.
    feedback.received(epoch + Duration::from_secs(6), sequence.wrapping_sub(2));
    feedback.received(epoch + Duration::from_secs(6), sequence);
    let message = read(&feedback.message(9).unwrap());
    assert_eq!(message.base_sequence_number, sequence.wrapping_sub(2));
    assert_eq!(message.packet_status_count, 3);
}
