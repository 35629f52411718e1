//! A host in Rust that has a logger of its own keeps it.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

// Links the library, whose C functions follow.
use rtsp_webrtc_gateway as _;

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
    fn log(&self, _: &log::Record<'_>) {}
    fn flush(&self) {}
}

static FREED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn on_line(_: *mut c_void, _: *const c_void) {}

unsafe extern "C" fn count(_: *mut c_void) {
    FREED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn the_log_callback_is_refused() {
    const INVALID_STATE: c_int = -4;
    log::set_logger(&HostLogger).unwrap();
    log::set_max_level(log::LevelFilter::Info);
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
