//! Near the memory that the process may have.

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
