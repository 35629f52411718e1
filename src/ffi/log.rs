//! The log: one callback per process.

use std::ffi::{c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;

use log::kv::Key;
use log::{LevelFilter, Log, Metadata, Record};
use once_cell::sync::OnceCell;
use parking_lot::RwLock;

use super::convert::{c_text, invalid};
use super::guard::guard_status;
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use crate::error::{Error, Result, Status};
use crate::events::role::{self, LogScope};

/// Log levels. Each level includes the ones above it in this list.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of LevelFilter")]
pub enum rtsp_webrtc_gateway_log_level {
    /// No logging.
    RTSP_WEBRTC_GATEWAY_LOG_OFF = 0,
    /// Failures of the library itself.
    RTSP_WEBRTC_GATEWAY_LOG_ERROR = 1,
    /// Cameras that cannot be reached, viewers that cannot connect, lost events.
    RTSP_WEBRTC_GATEWAY_LOG_WARN = 2,
    /// Cameras and viewers that connect and disconnect.
    RTSP_WEBRTC_GATEWAY_LOG_INFO = 3,
    /// The steps of a connection.
    RTSP_WEBRTC_GATEWAY_LOG_DEBUG = 4,
    /// Everything.
    RTSP_WEBRTC_GATEWAY_LOG_TRACE = 5,
}

/// One line of the log. The strings are valid until the callback returns.
#[repr(C)]
pub struct rtsp_webrtc_gateway_log_record {
    /// Size of this struct in bytes; the library sets it.
    pub struct_size: usize,
    /// enum rtsp_webrtc_gateway_log_level.
    pub level: i32,
    /// Always 0.
    pub reserved: u32,
    /// The part of the library that logs, for example "rtsp_webrtc_gateway::whep".
    pub target: *const c_char,
    /// The message: UTF-8, without control characters, passwords or keys.
    pub message: *const c_char,
    /// The stream that the line is about, or 0.
    pub stream: u64,
    /// The session that the line is about, or 0.
    pub session: u64,
    /// Name of the stream that the line is about. NULL: it is not about one stream.
    pub stream_name: *const c_char,
}

/// Receives a line of the log. It may run on any thread that runs library code, including the
/// threads that carry media, and on several threads at once: it should return quickly, and must
/// return normally.
///
/// It may call functions of the library. Those that are Blocking or that ask a worker thread return
/// ERR_WOULD_DEADLOCK, as does rtsp_webrtc_gateway_set_log_level(). Lines that such a call logs on
/// the same thread are dropped.
pub type rtsp_webrtc_gateway_log_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, record: *const rtsp_webrtc_gateway_log_record),
>;

/// Sets the log callback of the process, and the highest level (enum rtsp_webrtc_gateway_log_level)
/// that it receives. It replaces the previous callback. NULL removes it. Without a callback, which
/// is the default, nothing is logged.
///
/// When the function returns, the previous callback is not running and its free_user_data has run.
/// Messages of the libraries underneath are not passed on, because they may quote RTSP requests
/// with credentials.
///
/// Ownership: the library keeps user_data until another callback is set, and then calls
/// free_user_data(user_data), which may be NULL. If the function fails, free_user_data runs as
/// well, and the previous callback stays.
///
/// Blocking: waits for log callbacks that are running. Errors: ERR_INVALID_ARGUMENT if max_level is
/// not a level; ERR_INVALID_STATE if the host is a Rust program that has installed a logger of its
/// own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_set_log_callback(
    max_level: i32,
    callback: rtsp_webrtc_gateway_log_fn,
    user_data: *mut c_void,
    free_user_data: rtsp_webrtc_gateway_free_fn,
) -> c_int {
    guard_status(|| {
        let user_data = UserData::new(user_data, free_user_data);
        role::check_may_block("set_log_callback")?;
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

/// Changes the highest level (enum rtsp_webrtc_gateway_log_level) that the log callback receives.
///
/// Errors: ERR_INVALID_ARGUMENT if max_level is not a level; ERR_INVALID_STATE if no callback is
/// set; ERR_WOULD_DEADLOCK inside the log callback.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_set_log_level(max_level: i32) -> c_int {
    guard_status(|| {
        let level = level(max_level)?;
        if role::in_log_callback() {
            return Err(Error::new(
                Status::WouldDeadlock,
                "set_log_level cannot be called from the log callback: use another thread",
            ));
        }
        if HOOK.read().is_none() {
            return Err(Error::new(
                Status::InvalidState,
                "there is no log callback whose level could be changed: set one first",
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

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Dependencies may quote URLs with passwords, or ICE credentials. What matters of what
        // they say is in the library's own lines.
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
            && metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(_scope) = LogScope::enter() else {
            return;
        };
        let target = c_text(record.target());
        let message = c_text(&record.args().to_string());
        let id = |key| {
            let value = record.key_values().get(Key::from_str(key));
            value.and_then(|value| value.to_u64()).unwrap_or(0)
        };
        let stream_name = record.key_values().get(Key::from_str("stream_name"));
        let stream_name = stream_name.map(|name| c_text(&name.to_string()));
        let line = rtsp_webrtc_gateway_log_record {
            struct_size: size_of::<rtsp_webrtc_gateway_log_record>(),
            level: record.level() as i32,
            reserved: 0,
            target: target.as_ptr(),
            message: message.as_ptr(),
            stream: id("stream"),
            session: id("session"),
            stream_name: stream_name.as_ref().map_or(ptr::null(), |n| n.as_ptr()),
        };
        if let Some(hook) = &*HOOK.read() {
            // SAFETY: the host passed this function to be called with this user_data from any
            // thread; the lock keeps both valid, and `line` outlives the call.
            unsafe { (hook.callback)(hook.user_data.get(), &line) };
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
        "this process has installed another logger for the Rust crate `log`, which gets the \
         library's lines already: remove one of the two",
    ))
}

fn level(number: i32) -> Result<LevelFilter> {
    let mut levels = LevelFilter::iter();
    let found = levels.find(|&level| level as i32 == number);
    found.ok_or_else(|| invalid(format!("{number} is not a log level: use 0 to 5")))
}
