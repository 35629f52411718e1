//! A host in Rust that has a logger of its own keeps it, and cannot stop the media with it.
#![allow(unsafe_code)] // calls of the C ABI

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, mpsc};
use std::time::Duration;

use rtsp_webrtc_gateway::config::{Config, PullOptions};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use rtsp_webrtc_gateway::state::StreamId;

unsafe extern "C" {
    fn rtsp_webrtc_gateway_set_log_callback(
        max_level: i32,
        callback: Option<unsafe extern "C" fn(*mut c_void, *const c_void)>,
        user_data: *mut c_void,
        free_user_data: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> c_int;
    fn rtsp_webrtc_gateway_set_log_level(max_level: i32) -> c_int;
}

struct HostLogger;

impl log::Log for HostLogger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let stream = record.key_values().get("stream".into());
        if let Some(id) = stream.and_then(|id| id.to_u64())
            && let Some((gateway, results)) = INSIDE.get()
        {
            let gateway = gateway.lock().unwrap();
            let _ = results.send([
                gateway
                    .stream_info(StreamId(id))
                    .map(|_| ())
                    .map_err(|e| e.status()),
                gateway.metrics().map(|_| ()).map_err(|e| e.status()),
                gateway.shutdown(Duration::ZERO).map_err(|e| e.status()),
                gateway
                    .find_stream("absent")
                    .map(|_| ())
                    .map_err(|e| e.status()),
            ]);
        }
    }
    fn flush(&self) {}
}

type Results = [Result<(), Status>; 4];

/// What the logger calls, and where it says what came of it.
static INSIDE: OnceLock<(Mutex<Gateway>, mpsc::Sender<Results>)> = OnceLock::new();

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| log::set_logger(&HostLogger).unwrap());
    log::set_max_level(log::LevelFilter::Info);
}

#[test]
fn a_call_that_waits_is_refused_inside_the_logger() {
    let (sender, results) = mpsc::channel();
    let gateway = Gateway::new(Config::default()).unwrap();
    let absent = PullOptions {
        url: "rtsp://127.0.0.1:9/".to_owned(), // nobody listens
        ..PullOptions::default()
    };
    let inside = (Mutex::new(gateway), sender);
    let (gateway, _) = INSIDE.get_or_init(|| inside);
    install();
    gateway
        .lock()
        .unwrap()
        .add_stream("absent", absent)
        .unwrap();
    // Logged by the worker that would have to answer.
    let refused = Err(Status::WouldDeadlock);
    assert_eq!(results.recv().unwrap(), [refused, refused, refused, Ok(())]);
    gateway
        .lock()
        .unwrap()
        .shutdown(Duration::from_secs(20))
        .unwrap();
}

static FREED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn on_line(_: *mut c_void, _: *const c_void) {}

unsafe extern "C" fn count(_: *mut c_void) {
    FREED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_log_callback_is_refused() {
    const INVALID_STATE: c_int = -4;
    install();
    // SAFETY: the functions fit their declarations in the header, and user_data is not used.
    let (callback, level) = unsafe {
        (
            rtsp_webrtc_gateway_set_log_callback(
                5,
                Some(on_line),
                std::ptr::null_mut(),
                Some(count),
            ),
            rtsp_webrtc_gateway_set_log_level(5),
        )
    };
    assert_eq!((callback, level), (INVALID_STATE, INVALID_STATE));
    assert_eq!(FREED.load(Ordering::Relaxed), 1);
    assert_eq!(log::max_level(), log::LevelFilter::Info);
}
