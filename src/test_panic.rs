//! Panics on demand, to test that a bug costs its stream or its session and nothing else. Only in
//! the crate's own tests and with the cargo feature `test-panic`: never in what is shipped.

/// Name of a stream whose third video frame causes a panic in the packetizer.
pub const STREAM: &str = "test-panic-stream";
/// Name of a stream whose video frames cause a panic when they are sent to a viewer.
pub const SESSION: &str = "test-panic-session";
/// Name of a stream about which a question of the host causes a panic.
pub const COMMAND: &str = "test-panic-command";

/// Panics if the stream has the name that asks for it.
pub fn injected(stream: &str, name: &str) {
    assert!(stream != name, "injected for the test of panics");
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, Frame, FrameData, PushOptions, WhepOffer};
    use crate::error::Status;
    use crate::events::{Events, SessionEvent, StreamEvent};
    use crate::gateway::Gateway;
    use crate::media::Codec;
    use crate::state::{SessionId, SessionState, StreamId, StreamState};
    use crate::tuning::Key;

    const OFFER: &[u8] = include_bytes!("../tests/fixtures/offers/chromium.sdp");
    /// SPS, PPS, and the beginning of an IDR picture.
    const KEYFRAME: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xf6, 0x84, 0, 0, 0, 1, 0x68, 0xce,
        0x3c, 0x80, 0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xa0,
    ];

    #[derive(Debug, PartialEq)]
    enum Change {
        Stream(StreamId, StreamState, Status),
        Session(SessionId, SessionState, Status),
    }

    struct Changes(Sender<Change>);

    impl Events for Changes {
        fn stream_state(&self, event: &StreamEvent) {
            let change = Change::Stream(event.stream, event.state, event.status);
            let _ = self.0.send(change);
        }

        fn session_state(&self, event: &SessionEvent) {
            let change = Change::Session(event.session, event.state, event.status);
            let _ = self.0.send(change);
        }
    }

    /// A gateway whose streams share one worker.
    fn gateway() -> (Gateway, Receiver<Change>) {
        let (sender, changes) = channel();
        let gateway = Gateway::new(Config {
            udp_bind: Some("127.0.0.1:0".parse().unwrap()),
            tuning: vec![(Key::WorkerThreads, 1)],
            events: Some(Box::new(Changes(sender))),
            ..Config::default()
        });
        (gateway.unwrap(), changes)
    }

    fn add(gateway: &Gateway, name: &str) -> StreamId {
        let options = PushOptions {
            video: Some(Codec::H264),
            ..PushOptions::default()
        };
        gateway.add_push_stream(name, options).unwrap()
    }

    fn push(gateway: &Gateway, stream: StreamId, index: i64) {
        let frame = Frame {
            data: FrameData::Copied(KEYFRAME),
            pts_us: index * 40_000,
            capture_unix_us: None,
            discontinuity: false,
        };
        gateway.push_video(stream, frame).unwrap();
    }

    fn wait_for(changes: &Receiver<Change>, expected: &Change) {
        while changes.recv_timeout(Duration::from_secs(60)).unwrap() != *expected {}
    }

    /// The stream accepts viewers and video frames.
    fn works(gateway: &Gateway, stream: StreamId, name: &str) {
        let pictures = gateway.stream_info(stream).unwrap().frames;
        push(gateway, stream, 100);
        let arrived = (0..60_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            gateway.stream_info(stream).unwrap().frames > pictures
        });
        assert!(arrived, "the picture does not arrive");
        let offer = WhepOffer {
            stream: name,
            sdp: OFFER,
            timeout: Some(Duration::from_secs(60)),
            ..WhepOffer::default()
        };
        assert_eq!(gateway.handle_whep_offer(&offer).unwrap().status, 201);
        let info = gateway.stream_info(stream).unwrap();
        assert_eq!(info.state, StreamState::Live);
    }

    #[test]
    fn a_panic_in_a_stream_stops_it_alone() {
        let (gateway, changes) = gateway();
        let other = add(&gateway, "other");
        push(&gateway, other, 0);
        let broken = add(&gateway, STREAM);
        for index in 0..3 {
            push(&gateway, broken, index);
        }
        let failed = Change::Stream(broken, StreamState::Failed, Status::Panic);
        wait_for(&changes, &failed);
        assert_eq!(gateway.stream_info(broken).unwrap().status, Status::Panic);
        works(&gateway, other, "other");

        // As the message says: removed and added again, it works.
        gateway.remove_stream(broken).unwrap();
        let removed = Change::Stream(broken, StreamState::Removed, Status::Ok);
        wait_for(&changes, &removed);
        let again = add(&gateway, STREAM);
        push(&gateway, again, 0);
        gateway.shutdown(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_panic_in_a_command_costs_its_answer_alone() {
        let (gateway, _changes) = gateway();
        let other = add(&gateway, "other");
        push(&gateway, other, 0);
        let stream = add(&gateway, COMMAND);
        for _ in 0..3 {
            assert!(gateway.stream_info(stream).is_err());
        }
        works(&gateway, other, "other");
        gateway.remove_stream(stream).unwrap();
        gateway.shutdown(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_panic_for_a_viewer_ends_its_session_alone() {
        let (gateway, changes) = gateway();
        let other = add(&gateway, "other");
        push(&gateway, other, 0);
        let stream = add(&gateway, SESSION);
        push(&gateway, stream, 0);
        let offer = WhepOffer {
            stream: SESSION,
            sdp: OFFER,
            timeout: Some(Duration::from_secs(60)),
            ..WhepOffer::default()
        };
        let session = gateway.handle_whep_offer(&offer).unwrap().session;
        push(&gateway, stream, 1);
        let failed = Change::Session(session, SessionState::Failed, Status::Panic);
        wait_for(&changes, &failed);
        wait_for(
            &changes,
            &Change::Session(session, SessionState::Closed, Status::Ok),
        );
        assert_eq!(
            gateway.session_info(session).unwrap_err().status(),
            Status::NotFound
        );
        works(&gateway, stream, SESSION);
        works(&gateway, other, "other");
        gateway.shutdown(Duration::from_secs(60)).unwrap();
    }
}
