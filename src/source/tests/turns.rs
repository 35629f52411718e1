//! What one camera may take of its worker's time.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use tokio::task::{LocalSet, coop};

use super::*;
use crate::error::Status;

/// A camera whose data never ends, and never makes a message. Each read takes a millisecond.
async fn endless(reads: &Cell<u32>) {
    // As on a connection: at first there is nothing.
    tokio::task::yield_now().await;
    poll_fn(|context| {
        loop {
            ready!(coop::poll_proceed(context)).made_progress();
            reads.set(reads.get() + 1);
            std::thread::sleep(Duration::from_millis(1));
        }
    })
    .await
}

fn camera() -> Camera {
    let options = PullOptions {
        url: "rtsp://192.0.2.1/".to_owned(),
        ..PullOptions::default()
    };
    Camera::new(StreamId(1), "cam".into(), config(&options))
}

/// As in a worker: the camera is a task of its own, and viewers' datagrams are read between its
/// turns.
#[test]
fn viewers_have_their_turn_between_the_reads_of_a_camera_that_never_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let local = LocalSet::new();
    let reads = std::rc::Rc::new(Cell::new(0));
    let hog = local.spawn_local({
        let reads = reads.clone();
        async move { camera().guarded(endless(&reads)).await }
    });
    let (mut turns, mut before) = (Vec::new(), 0);
    let mut hog = pin!(hog);
    let ended = local.block_on(
        &runtime,
        poll_fn(|context| {
            turns.push(reads.get() - before);
            before = reads.get();
            hog.as_mut().poll(context)
        }),
    );
    assert_eq!(ended.unwrap().unwrap_err().status(), Status::Camera);
    turns.retain(|&reads| reads > 0);
    assert!(turns.iter().all(|&reads| reads <= 8), "{turns:?}");
    // After ten reads it was known.
    assert!(turns.iter().skip(2).all(|&reads| reads <= 2), "{turns:?}");
    assert!(turns.len() > 2 && before <= 250, "{turns:?}");
}

#[test]
fn a_camera_that_is_waited_for_twice_is_no_less_busy() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let camera = camera();
    let reads = Cell::new(0);
    let mut attempts = 0;
    let error = runtime.block_on(async {
        loop {
            // Something else comes between, as the watchdog does.
            tokio::select! {
                ended = camera.guarded(endless(&reads)) => break ended.unwrap_err(),
                () = tokio::task::yield_now() => attempts += 1,
            }
        }
    });
    assert_eq!(error.status(), Status::Camera);
    assert!(attempts > 2 && reads.get() <= 250);
    // What it sends whole ends that.
    runtime.block_on(async {
        camera.guarded(async {}).await.unwrap();
        let idle = camera.guarded(pending::<()>());
        let mut idle = pin!(idle);
        let polled = poll_fn(|context| Poll::Ready(idle.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    });
}
