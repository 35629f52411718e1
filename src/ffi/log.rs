//! The log: one callback per process.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::mem::size_of;

use log::kv::Key;
use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;
use parking_lot::RwLock;

use super::convert::{c_text, invalid};
use super::guard::guard_status;
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use crate::error::{Error, Result, Status};
use crate::events::on_callback_thread;

/// How much is logged. Each level includes those before it.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of LevelFilter")]
pub enum rtsp_webrtc_gateway_log_level {
    /// Nothing.
    RTSP_WEBRTC_GATEWAY_LOG_OFF = 0,
    /// Something failed that should not have.
    RTSP_WEBRTC_GATEWAY_LOG_ERROR = 1,
    /// Something is odd or lost, and the library goes on.
    RTSP_WEBRTC_GATEWAY_LOG_WARN = 2,
    /// Cameras and viewers come and go.
    RTSP_WEBRTC_GATEWAY_LOG_INFO = 3,
    /// Steps of connecting.
    RTSP_WEBRTC_GATEWAY_LOG_DEBUG = 4,
    /// Everything.
    RTSP_WEBRTC_GATEWAY_LOG_TRACE = 5,
}

/// One line of the log. The strings live as long as the call.
#[repr(C)]
pub struct rtsp_webrtc_gateway_log_record {
    /// Size of this struct in the library that runs.
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_log_level.
    pub level: i32,
    /// 0.
    pub reserved: u32,
    /// Where it comes from, e.g. "rtsp_webrtc_gateway::whep".
    pub target: *const c_char,
    /// The line: UTF-8, without control characters, and without passwords and keys.
    pub message: *const c_char,
    /// The stream that it is about; 0 if it is not about one stream.
    pub stream: u64,
    /// The session that it is about; 0 if it is not about one session.
    pub session: u64,
}

/// Takes a line of the log. May run on any thread that runs library code, on several at once.
/// It must not call into the library, and must return normally.
pub type rtsp_webrtc_gateway_log_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, record: *const rtsp_webrtc_gateway_log_record),
>;

/// Sets the process-wide log callback and the highest level that it gets (enum
/// rtsp_webrtc_gateway_log_level). It replaces any earlier one. callback may be NULL: then there is
/// none. Without a callback nothing is logged, which is the default.
///
/// When it returns, the earlier callback is not running and its free_user_data has run.
/// free_user_data may be NULL. On failure it runs, too, and the earlier callback stays.
/// Lines of the libraries underneath are not passed on: they may quote whole RTSP requests.
///
/// Blocking: waits for running log callbacks. Errors: ERR_INVALID_ARGUMENT for an unknown level,
/// ERR_WOULD_DEADLOCK inside a callback, ERR_INVALID_STATE if the host is a Rust program that has
/// installed a logger of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_log_callback(
    max_level: i32,
    callback: rtsp_webrtc_gateway_log_fn,
    user_data: *mut c_void,
    free_user_data: rtsp_webrtc_gateway_free_fn,
) -> c_int {
    guard_status(|| {
        let user_data = UserData::new(user_data, free_user_data);
        not_in_a_callback()?;
        let level = level(max_level)?;
        let hook = match callback {
            Some(callback) => {
                install()?;
                Some(Hook {
                    callback,
                    user_data,
                })
            }
            None => None,
        };
        let filter = match hook {
            Some(_) => level,
            None => LevelFilter::Off,
        };
        // Dropped, and so freed, after the lock: a free function is the host's code.
        let earlier = {
            let mut current = HOOK.write();
            if current.is_some() || hook.is_some() {
                log::set_max_level(filter);
            }
            std::mem::replace(&mut *current, hook)
        };
        drop(earlier);
        Ok(())
    })
}

/// Changes the highest level that the log callback gets (enum rtsp_webrtc_gateway_log_level).
///
/// Errors: ERR_INVALID_ARGUMENT for an unknown level, ERR_INVALID_STATE while there is no callback,
/// ERR_WOULD_DEADLOCK inside the log callback.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_set_log_level(max_level: i32) -> c_int {
    guard_status(|| {
        let level = level(max_level)?;
        if IN_LOG_CALLBACK.get() {
            return Err(would_deadlock());
        }
        if HOOK.read().is_none() {
            return Err(Error::new(
                Status::InvalidState,
                "There is no log callback whose level could be changed. Set one first.",
            ));
        }
        log::set_max_level(level);
        Ok(())
    })
}

struct Hook {
    callback: unsafe extern "C" fn(*mut c_void, *const rtsp_webrtc_gateway_log_record),
    user_data: UserData,
}

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

thread_local! {
    static IN_LOG_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Dependencies may quote URLs with passwords, or ICE credentials. What matters of what
        // they say is in the library's own lines.
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
            && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || IN_LOG_CALLBACK.try_with(Cell::get) != Ok(false) {
            return;
        }
        let target = c_text(record.target());
        let message = c_text(&record.args().to_string());
        let id = |key| {
            let value = record.key_values().get(Key::from_str(key));
            value.and_then(|value| value.to_u64()).unwrap_or(0)
        };
        let line = rtsp_webrtc_gateway_log_record {
            struct_size: size_of::<rtsp_webrtc_gateway_log_record>(),
            level: record.level() as i32,
            reserved: 0,
            target: target.as_ptr(),
            message: message.as_ptr(),
            stream: id("stream"),
            session: id("session"),
        };
        if let Some(hook) = &*HOOK.read() {
            IN_LOG_CALLBACK.set(true);
            // SAFETY: the host passed this function to be called with this user_data from any
            // thread; the lock keeps both valid, and `line` outlives the call.
            unsafe { (hook.callback)(hook.user_data.get(), &line) };
            IN_LOG_CALLBACK.set(false);
        }
    }

    fn flush(&self) {}
}

/// Makes ours the logger of the process, once.
fn install() -> Result<()> {
    static INSTALLED: OnceCell<bool> = OnceCell::new();
    if *INSTALLED.get_or_init(|| log::set_logger(&Logger).is_ok()) {
        return Ok(());
    }
    Err(Error::new(
        Status::InvalidState,
        "This process has installed another logger for the Rust crate `log`, which gets the \
         library's lines already. Remove either.",
    ))
}

fn level(number: i32) -> Result<LevelFilter> {
    let mut levels = LevelFilter::iter();
    let found = levels.find(|&level| level as i32 == number);
    found.ok_or_else(|| invalid(format!("{number} is no log level: these are 0 to 5.")))
}

/// A blocking function must not run in a callback: it would wait for itself.
pub(super) fn not_in_a_callback() -> Result<()> {
    if IN_LOG_CALLBACK.get() || on_callback_thread() {
        return Err(would_deadlock());
    }
    Ok(())
}

fn would_deadlock() -> Error {
    Error::new(
        Status::WouldDeadlock,
        "A function that waits for callbacks was called from inside a callback. Call it from \
         another thread.",
    )
}
