//! Many host threads on one gateway, which call everything at once, and callbacks that call back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rtsp_webrtc_gateway::config::{Config, PullOptions, WhepOffer};
use rtsp_webrtc_gateway::error::{Error, Status};
use rtsp_webrtc_gateway::events::{Events, SessionEvent, StreamEvent};
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::{
    SessionState, StreamId, StreamState, VariantChoice, ViewerLimits,
};
use rtsp_webrtc_gateway::tuning::{KNOBS, Key};

mod common;

use common::{DEAD, LONG, cameras, chromium, has_frames, pull};

const THREADS: usize = 16;
const WATCHERS: usize = 2;
/// Seconds that it lasts at least, unless RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS says otherwise...
const LASTS: u64 = 3;
/// ...and it goes on until there were so many sessions.
const SESSIONS: usize = 100;

/// Calls back into the gateway, and counts what is born and what dies.
struct Callback {
    gateway: Arc<OnceLock<Weak<Gateway>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sessions: AtomicUsize,
    closed: AtomicUsize,
    streams: AtomicUsize,
    removed: AtomicUsize,
}

impl Events for Callback {
    fn stream_state(&self, event: &StreamEvent) {
        if event.state == StreamState::Removed {
            self.counts.removed.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(gateway) = self.gateway.get().and_then(Weak::upgrade) {
            expect(gateway.stream_info(event.stream), &[Status::NotFound]);
        }
    }

    fn session_state(&self, event: &SessionEvent) {
        match event.state {
            SessionState::New => self.counts.sessions.fetch_add(1, Ordering::Relaxed),
            SessionState::Closed => self.counts.closed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        if let Some(gateway) = self.gateway.get().and_then(Weak::upgrade) {
            expect(gateway.session_info(event.session), &[Status::NotFound]);
        }
    }
}

/// Success, or one of these failures; `ShuttingDown` is always one.
fn expect<T>(result: Result<T, Error>, allowed: &[Status]) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let status = error.status();
            let fits = status == Status::ShuttingDown || allowed.contains(&status);
            assert!(fits, "{error}");
            None
        }
    }
}

#[test]
fn sixteen_threads_call_everything_at_once() {
    let cameras = cameras(&["a", "b", "c"]);
    let counts = Arc::new(Counts::default());
    let known = Arc::new(OnceLock::new());
    let gateway = Arc::new(
        Gateway::new(Config {
            events: Some(Box::new(Callback {
                gateway: Arc::clone(&known),
                counts: Arc::clone(&counts),
            })),
            tuning: vec![(Key::WorkerThreads, 2), (Key::MaxWorkerLoadPercent, 0)],
            ..Config::default()
        })
        .unwrap(),
    );
    known.set(Arc::downgrade(&gateway)).unwrap();
    let add = |name: &str, url: String| {
        let options = PullOptions {
            on_demand: name == "c",
            linger: Some(Duration::from_millis(100)),
            ..pull(url)
        };
        let added = expect(gateway.add_stream(name, options), &[Status::AlreadyExists]);
        counts
            .streams
            .fetch_add(usize::from(added.is_some()), Ordering::Relaxed);
        added
    };
    let stays = add("a", cameras.url("a")).unwrap();
    let sub = add("c", cameras.url("c")).unwrap();
    let offer = |stream, sdp: &str| {
        let offer = WhepOffer {
            stream,
            sdp: sdp.as_bytes(),
            timeout: Some(Duration::from_millis(500)),
            ..WhepOffer::default()
        };
        expect(
            gateway.handle_whep_offer(&offer),
            &[Status::NotFound, Status::NotReady, Status::Limit],
        )
    };
    let seconds = std::env::var("RTSP_WEBRTC_GATEWAY_HAMMER_SECONDS");
    let lasts = Duration::from_secs(seconds.map_or(LASTS, |seconds| seconds.parse().unwrap()));
    let stop = AtomicBool::new(false);
    let watched = AtomicUsize::new(0);
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let begun = Instant::now();
    let until_stopped = |work: &(dyn Fn(usize) + Sync)| {
        let mut round = 0;
        while !stop.load(Ordering::Relaxed) {
            work(round);
            round += 1;
        }
    };
    thread::scope(|scope| {
        for _ in 0..WATCHERS {
            scope.spawn(|| {
                until_stopped(&|_| {
                    let mut viewer = chromium();
                    let Some(response) = offer("a", &viewer.viewer.offer()) else {
                        return;
                    };
                    viewer.accept(&response.body);
                    if viewer.run_till(Duration::from_secs(2), has_frames(1)) {
                        watched.fetch_add(1, Ordering::Relaxed);
                    }
                    // A variant that comes and goes.
                    let limits = ViewerLimits {
                        variant: VariantChoice::Only(sub),
                        ..ViewerLimits::default()
                    };
                    expect(
                        gateway.set_session_limits(response.session, limits),
                        &[Status::NotFound, Status::InvalidArgument],
                    );
                    viewer.run_till(Duration::from_millis(200), |_| false);
                    expect(
                        gateway.handle_whep_delete(&response.session_key),
                        &[Status::NotFound],
                    );
                });
            });
        }
        for number in WATCHERS..THREADS {
            let (gateway, add, offer, until_stopped) = (&gateway, &add, &offer, &until_stopped);
            let cameras = &cameras;
            scope.spawn(move || {
                let sdp = chromium().viewer.offer();
                match number % 4 {
                    // Cameras come and go under the same name, one of them dead.
                    0 => until_stopped(&|round| {
                        let url = match round % 2 {
                            0 => cameras.url("b"),
                            _ => DEAD.to_owned(),
                        };
                        if let Some(stream) = add("b", url) {
                            offer("b", &sdp);
                            expect(gateway.remove_stream(stream), &[]);
                        }
                    }),
                    1 => until_stopped(&|round| {
                        if let Some(response) = offer(["a", "b", "c"][round % 3], &sdp) {
                            expect(gateway.session_info(response.session), &[Status::NotFound]);
                            let key = &response.session_key;
                            expect(gateway.handle_whep_delete(key), &[Status::NotFound]);
                        }
                    }),
                    2 => until_stopped(&|round| {
                        expect(gateway.stream_info(stays), &[]);
                        let other = expect(gateway.find_stream("b"), &[Status::NotFound]);
                        let variants: Vec<StreamId> = match round % 64 {
                            0 => vec![],
                            _ => other.into_iter().chain([sub]).collect(),
                        };
                        expect(gateway.set_variants(stays, &variants), &[Status::NotFound]);
                        expect(
                            gateway.stream_info(StreamId(round as u64)),
                            &[Status::NotFound],
                        );
                    }),
                    _ => until_stopped(&|round| {
                        let knob = &KNOBS[round % KNOBS.len()];
                        let value = [knob.min, knob.max, knob.default][round % 3];
                        expect(gateway.set_tuning(knob.key, value), &[Status::InvalidState]);
                        gateway.tuning(knob.key);
                    }),
                }
            });
        }
        let done = || {
            begun.elapsed() >= lasts
                && count(&counts.sessions) > SESSIONS
                && count(&watched) > 0
                && cameras.statistics("c").connections > 0
        };
        while !done() && begun.elapsed() < lasts + LONG {
            thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(count(&counts.sessions) > SESSIONS, "something hangs");
    assert!(count(&watched) > 0, "nobody saw a video frame");
    for knob in KNOBS {
        expect(
            gateway.set_tuning(knob.key, knob.default),
            &[Status::InvalidState],
        );
    }
    let info = gateway.stream_info(stays).unwrap();
    assert_eq!(info.state, StreamState::Live);
    assert!(cameras.statistics("c").connections > 0, "it never woke");
    gateway.shutdown(LONG).unwrap();
    assert_eq!(count(&counts.sessions), count(&counts.closed));
    assert_eq!(count(&counts.streams), count(&counts.removed));
}
