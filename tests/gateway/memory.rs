//! Near the memory that the process may have.

use rtsp_webrtc_gateway::config::{WallSlots, WhepOffer};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::tuning::Key;

use crate::common::{
    LONG, cameras, chromium, frames, has_frames, post, pull, tuned, wait_for, watch,
};

#[test]
fn a_full_process_refuses_new_viewers_and_keeps_those_it_has() {
    let server = cameras(&["door"]);
    let gateway = tuned(&[]);
    gateway
        .add_stream("door", pull(server.url("door")))
        .unwrap();
    let (mut viewer, _) = watch(&gateway, "door");
    // Less than any process has.
    gateway.set_tuning(Key::MemoryLimitBytes, 1 << 20).unwrap();
    let offer = || post(&gateway, "door", &chromium().viewer.offer());
    wait_for("a refusal", || match offer() {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.status(), Status::Limit);
            assert!(error.message().contains("memory_limit_bytes"), "{error}");
            true
        }
    });
    let metrics = gateway.metrics().unwrap();
    let refused = metrics
        .lines()
        .find_map(|line| line.strip_prefix("rtsp_webrtc_gateway_refused_for_memory_total "));
    assert!(refused.unwrap().parse::<u64>().unwrap() > 0);
    let before = frames(&viewer.viewer);
    assert!(
        viewer.run_till(LONG, has_frames(before + 25)),
        "the viewer was dropped"
    );
    gateway.set_tuning(Key::MemoryLimitBytes, 0).unwrap();
    wait_for("room for a viewer", || offer().is_ok());
}

#[test]
fn a_full_process_has_no_stream_on_another_worker_as_well() {
    let names = ["door", "yard", "gate", "roof"];
    let server = cameras(&names);
    let gateway = tuned(&[(Key::WorkerThreads, 2)]);
    let streams = names.map(|name| gateway.add_stream(name, pull(server.url(name))).unwrap());
    let mut viewer = chromium();
    let offer = viewer.viewer.offer_of(5, 0);
    let response = gateway.handle_whep_offer(&WhepOffer {
        sdp: offer.as_bytes(),
        wall: Some(WallSlots::default()),
        ..WhepOffer::default()
    });
    let response = response.unwrap();
    let session = response.session;
    viewer.accept(&response.body);
    let bind = |slot: usize, stream| gateway.bind_slot(session, &slot.to_string(), Some(stream));
    bind(0, streams[0]).unwrap();
    gateway.set_tuning(Key::MemoryLimitBytes, 1 << 20).unwrap();
    let mut refused = Vec::new();
    wait_for("a refusal", || {
        // What is bound once is there from then on.
        for (slot, &stream) in streams.iter().enumerate() {
            if let Err(error) = bind(4, stream) {
                assert_eq!(error.status(), Status::Limit);
                assert!(error.message().contains("memory_limit_bytes"), "{error}");
                refused.push((slot, stream));
            }
            bind(4, streams[0]).unwrap();
        }
        !refused.is_empty()
    });
    let (slot, stream) = refused[0];
    assert!(bind(slot, stream).is_err(), "full as before");
    let elsewhere = |other| refused.iter().any(|&(_, stream)| stream == other);
    assert!(
        !streams.iter().all(|&other| elsewhere(other)),
        "the worker's own"
    );
    gateway.set_tuning(Key::MemoryLimitBytes, 0).unwrap();
    wait_for("room for a stream", || bind(slot, stream).is_ok());
}
