//! A gateway: options, callbacks, create, shutdown, destroy.

use std::ffi::{c_char, c_int, c_void};
use std::fmt::Display;
use std::mem::offset_of;
use std::str::FromStr;
use std::time::Duration;

use super::authorize::{self, rtsp_webrtc_gateway_authorize_request};
use super::convert::{
    array, init_struct, invalid, optional_str, output, read_struct, required_str, sized_struct,
    unset,
};
use super::guard::guard_status;
use super::handle::{
    gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_session_id, rtsp_webrtc_gateway_stream_id,
};
use super::log::not_in_a_callback;
use super::signals::SignalsBlocked;
use super::tuning::{key_of, rtsp_webrtc_gateway_tuning};
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use super::version::ABI_VERSION;
use crate::config::{Config, IceServer};
use crate::error::{Error, Result, Status};
use crate::events::{AuthorizeRequest, Events};
use crate::gateway::Gateway;
use crate::state::{SessionId, SessionState, StreamId, StreamState};

/// Who is told of changes. Each function may be NULL. See "Callbacks" above.
#[repr(C)]
pub struct rtsp_webrtc_gateway_callbacks {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// Passed back as the first argument of each function.
    pub user_data: *mut c_void,
    /// Frees user_data after the last callback. Runs exactly once, also when create() fails.
    pub free_user_data: rtsp_webrtc_gateway_free_fn,
    /// A stream changed to state (enum rtsp_webrtc_gateway_stream_state). status says why it went to
    /// RETRYING or FAILED, and is RTSP_WEBRTC_GATEWAY_OK otherwise.
    pub on_stream_state: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            stream: rtsp_webrtc_gateway_stream_id,
            state: i32,
            status: c_int,
        ),
    >,
    /// A session changed to state (enum rtsp_webrtc_gateway_session_state). status says why it went
    /// to FAILED, and is RTSP_WEBRTC_GATEWAY_OK otherwise.
    pub on_session_state: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            session: rtsp_webrtc_gateway_session_id,
            stream: rtsp_webrtc_gateway_stream_id,
            state: i32,
            status: c_int,
        ),
    >,
    /// A push stream needs a keyframe (IDR picture) that only the host's encoder can give: a viewer
    /// cannot decode without one, or pictures were dropped. Ask the encoder for one. At most one
    /// request a second and per stream, none while an earlier one waits to be delivered. Never for a
    /// camera.
    pub on_keyframe_request:
        Option<unsafe extern "C" fn(user_data: *mut c_void, stream: rtsp_webrtc_gateway_stream_id)>,
    /// Somebody wants to do something over HTTP (handle_http(), listen_http()): answer by
    /// rtsp_webrtc_gateway_authorize(), here or later, within 30 s. Asked for each request that has
    /// none of config.bearer_tokens, but for OPTIONS and for pages, which need no permission; while
    /// 1,024 wait for an answer, further ones get 503. NULL: the tokens decide alone.
    pub on_authorize: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            request: *const rtsp_webrtc_gateway_authorize_request,
        ),
    >,
}
sized_struct!(
    rtsp_webrtc_gateway_callbacks,
    "rtsp_webrtc_gateway_callbacks"
);

/// A STUN or TURN server that viewers are told of.
#[repr(C)]
pub struct rtsp_webrtc_gateway_ice_server {
    /// "stun:", "stuns:", "turn:" or "turns:", host, port and transport (RFC 7064, RFC 7065), e.g.
    /// "turn:turn.example.com:3478?transport=udp". Required.
    pub url: *const c_char,
    /// User of a TURN server; NULL for STUN.
    pub username: *const c_char,
    /// The password to it; NULL for STUN. Whoever may watch is told it; it is never logged.
    pub credential: *const c_char,
}

/// Options of a gateway. All of it is copied by rtsp_webrtc_gateway_create().
#[repr(C)]
pub struct rtsp_webrtc_gateway_config {
    /// sizeof this struct; set by rtsp_webrtc_gateway_config_init().
    pub struct_size: usize,
    /// RTSP_WEBRTC_GATEWAY_ABI_VERSION; set by rtsp_webrtc_gateway_config_init().
    pub abi_version: u32,
    /// 0.
    pub reserved: u32,
    /// Local address of the one UDP socket that carries all sessions, as "192.0.2.1:5000" or
    /// "[::]:5000". Port 0: any. NULL: all addresses, any port.
    pub udp_bind: *const c_char,
    /// IP addresses to advertise to viewers besides those of the network interfaces: the public ones
    /// of a 1:1 NAT. May be NULL if public_addresses_len is 0.
    pub public_addresses: *const *const c_char,
    /// Number of public_addresses.
    pub public_addresses_len: usize,
    /// Knobs that differ from their defaults. May be NULL if tuning_len is 0.
    pub tuning: *const rtsp_webrtc_gateway_tuning,
    /// Number of tuning.
    pub tuning_len: usize,
    /// NULL: nobody is told of changes.
    pub callbacks: *const rtsp_webrtc_gateway_callbacks,
    /// Bearer tokens (RFC 6750) that allow everything over HTTP: at most 64, each of the characters
    /// A-Z a-z 0-9 - . _ ~ + / with = at the end. None, and no on_authorize: whoever reaches the port
    /// of listen_http() or of the host's web server may watch. May be NULL if bearer_tokens_len is 0.
    pub bearer_tokens: *const *const c_char,
    /// Number of bearer_tokens.
    pub bearer_tokens_len: usize,
    /// STUN and TURN servers that viewers are told of by Link headers in the answers to their offers
    /// (RFC 9725 section 4.6), at most 16. The gateway itself uses none. May be NULL if
    /// ice_servers_len is 0.
    pub ice_servers: *const rtsp_webrtc_gateway_ice_server,
    /// Number of ice_servers.
    pub ice_servers_len: usize,
}
sized_struct!(rtsp_webrtc_gateway_config, "rtsp_webrtc_gateway_config");

/// Fills config with the defaults. Pass sizeof(*config) and RTSP_WEBRTC_GATEWAY_ABI_VERSION.
///
/// Errors: ERR_ABI_MISMATCH if the program was compiled against another ABI, ERR_STRUCT_SIZE for a
/// size that no version has. config is not written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_config_init(
    config: *mut rtsp_webrtc_gateway_config,
    struct_size: usize,
    abi_version: u32,
) -> c_int {
    guard_status(|| {
        check_abi(abi_version)?;
        if struct_size < offset_of!(rtsp_webrtc_gateway_config, udp_bind) {
            return Err(Error::new(
                Status::StructSize,
                format!("{struct_size} is not the size of rtsp_webrtc_gateway_config."),
            ));
        }
        // SAFETY: config is NULL or writable for struct_size bytes, by the conventions; that is
        // enough for abi_version.
        unsafe {
            init_struct(config.cast(), struct_size, "rtsp_webrtc_gateway_config")?;
            (&raw mut (*config).abi_version).write(abi_version);
        }
        Ok(())
    })
}

/// Zeroes a struct of this header, any but rtsp_webrtc_gateway_config, and sets its struct_size.
/// RTSP_WEBRTC_GATEWAY_INIT(pointer) is the short way to say it.
///
/// Errors: ERR_STRUCT_SIZE for a size that no struct has; object is not written then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_struct_init(
    object: *mut c_void,
    struct_size: usize,
) -> c_int {
    // SAFETY: object is NULL or writable for struct_size bytes, by the conventions.
    guard_status(|| unsafe { init_struct(object, struct_size, "object") })
}

/// Makes a gateway: binds its socket and starts its threads. On success *out_gateway is the
/// caller's, to be given to rtsp_webrtc_gateway_destroy().
///
/// config->callbacks->free_user_data runs exactly once: after the last callback of the gateway, or
/// before this function returns a failure. Only when it returns ERR_STRUCT_SIZE, ERR_ABI_MISMATCH,
/// or ERR_INVALID_ARGUMENT for a NULL config, the callbacks could not be read, and user_data stays
/// the caller's.
///
/// Blocking. Errors: ERR_INVALID_ARGUMENT and ERR_NOT_FOUND for options that are not usable,
/// ERR_IO if the socket cannot be bound, ERR_WOULD_DEADLOCK inside a callback.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_create(
    config: *const rtsp_webrtc_gateway_config,
    out_gateway: *mut *mut rtsp_webrtc_gateway,
) -> c_int {
    guard_status(|| {
        // SAFETY: config is NULL or a struct of the header, by the conventions.
        let config = unsafe { read_struct(config) }?;
        check_abi(config.abi_version)?;
        // Early, so that every failure from here on frees user_data.
        let callbacks = match config.callbacks.is_null() {
            true => None,
            // SAFETY: not NULL, so a struct of the header by the conventions.
            false => Some(Callbacks::new(unsafe { read_struct(config.callbacks) }?)),
        };
        // SAFETY: out_gateway is NULL or writable, by the conventions.
        let out_gateway = unsafe { output(out_gateway, "out_gateway") }?;
        // SAFETY: the pointers of a config are live and match their lengths, by the conventions.
        let mut options = unsafe { options(&config) }?;
        options.events = callbacks.map(|callbacks| Box::new(callbacks) as Box<dyn Events>);
        let gateway = {
            let _blocked = SignalsBlocked::new();
            Gateway::new(options)?
        };
        out_gateway.write(rtsp_webrtc_gateway::into_raw(gateway));
        Ok(())
    })
}

/// Closes every session and stream, delivers the last callbacks and ends the threads. All other
/// calls on this gateway, but get_tuning(), fail with ERR_SHUTTING_DOWN from the start of it on, and
/// those that wait return so; only destroy() is left. Calling it again does nothing.
///
/// Blocking, for at most timeout_ms milliseconds (0: 10,000). Errors: ERR_TIMEOUT if a thread has
/// not ended by then (a callback that does not return, say), ERR_WOULD_DEADLOCK inside a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_shutdown(
    gateway: *mut rtsp_webrtc_gateway,
    timeout_ms: u32,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        gateway.shutdown(match timeout_ms {
            0 => DEFAULT_SHUTDOWN,
            ms => Duration::from_millis(ms.into()),
        })
    })
}

/// Shuts the gateway down, if that has not been done, and frees it. It must be the last call on this
/// gateway, and no other may be running: call shutdown(), which makes those return, then join the
/// threads that made them (stop the web server), then destroy(). NULL does nothing. The last
/// callbacks run in here, and may still call functions of this gateway.
///
/// Blocking, for at most 10 s. Errors: ERR_WOULD_DEADLOCK inside a callback, and ERR_INVALID_STATE
/// in a forked child; the gateway is not freed then. ERR_TIMEOUT: a thread has not ended; the gateway
/// is no longer the caller's, but that thread may still run a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_destroy(gateway: *mut rtsp_webrtc_gateway) -> c_int {
    guard_status(|| {
        if gateway.is_null() {
            return Ok(());
        }
        not_in_a_callback()?;
        // SAFETY: not NULL, so alive, by the conventions.
        unsafe { gateway_ref(gateway) }?.shutdown(DEFAULT_SHUTDOWN)?;
        // Only now: the last callbacks have used it. After a timeout one may still do so.
        // SAFETY: no callback runs any more, and this is the last call with it, by the conventions.
        unsafe { rtsp_webrtc_gateway::free(gateway) };
        Ok(())
    })
}

const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(10);

fn check_abi(abi_version: u32) -> Result<()> {
    if abi_version == ABI_VERSION {
        return Ok(());
    }
    Err(Error::new(
        Status::AbiMismatch,
        format!(
            "The program says ABI {abi_version}, this library ({}) has ABI {ABI_VERSION}. \
             Initialise the config with rtsp_webrtc_gateway_config_init(), and compile against \
             this library's header.",
            env!("CARGO_PKG_VERSION")
        ),
    ))
}

/// # Safety
/// The pointers of `config` are NULL, or live and as long as their lengths say.
unsafe fn options(config: &rtsp_webrtc_gateway_config) -> Result<Config> {
    unset(config.reserved)?;
    let mut options = Config::default();
    // SAFETY: this function's contract.
    if let Some(address) = unsafe { optional_str(config.udp_bind, "udp_bind") }? {
        options.udp_bind = Some(parse(address, "udp_bind", "192.0.2.1:5000 or [::]:5000")?);
    }
    // SAFETY: this function's contract.
    let (addresses, servers, knobs) = unsafe {
        (
            array(
                config.public_addresses,
                config.public_addresses_len,
                "public_addresses",
            )?,
            array(config.ice_servers, config.ice_servers_len, "ice_servers")?,
            array(config.tuning, config.tuning_len, "tuning")?,
        )
    };
    for &address in addresses {
        // SAFETY: this function's contract.
        let address = unsafe { required_str(address, "An element of public_addresses") }?;
        let address = parse(address, "public_addresses", "192.0.2.1 or 2001:db8::1")?;
        options.public_addresses.push(address);
    }
    // SAFETY: this function's contract.
    unsafe {
        for &token in array(
            config.bearer_tokens,
            config.bearer_tokens_len,
            "bearer_tokens",
        )? {
            let token = required_str(token, "An element of bearer_tokens")?;
            options.bearer_tokens.push(token.to_owned());
        }
    }
    for server in servers {
        // SAFETY: this function's contract.
        let (url, username, credential) = unsafe {
            (
                required_str(server.url, "url of an element of ice_servers")?,
                optional_str(server.username, "username of an element of ice_servers")?,
                optional_str(server.credential, "credential of an element of ice_servers")?,
            )
        };
        options.ice_servers.push(IceServer {
            url: url.to_owned(),
            username: username.map(str::to_owned),
            credential: credential.map(str::to_owned),
        });
    }
    for knob in knobs {
        unset(knob.reserved)?;
        options.tuning.push((key_of(knob.key)?, knob.value));
    }
    Ok(options)
}

pub(super) fn parse<T: FromStr<Err: Display>>(text: &str, name: &str, example: &str) -> Result<T> {
    text.parse()
        .map_err(|e| invalid(format!("{name} {text:?}: {e}. Write it as {example}.")))
}

struct Callbacks {
    table: rtsp_webrtc_gateway_callbacks,
    user_data: UserData,
}

// SAFETY: of the table only its functions are used; the pointer in it is UserData's, which is Send.
unsafe impl Send for Callbacks {}

impl Callbacks {
    fn new(table: rtsp_webrtc_gateway_callbacks) -> Self {
        let user_data = UserData::new(table.user_data, table.free_user_data);
        Callbacks { table, user_data }
    }
}

impl Events for Callbacks {
    fn stream_state(&self, stream: StreamId, state: StreamState, status: Status) {
        if let Some(call) = self.table.on_stream_state {
            // SAFETY: the host passed this function to be called with this user_data.
            unsafe { call(self.user_data.get(), stream.0, state as i32, status.code()) }
        }
    }

    fn authorizes(&self) -> bool {
        self.table.on_authorize.is_some()
    }

    fn authorize(&self, request: AuthorizeRequest) {
        if let Some(call) = self.table.on_authorize {
            authorize::ask(call, self.user_data.get(), &request);
        }
    }

    fn session_state(
        &self,
        session: SessionId,
        stream: StreamId,
        state: SessionState,
        status: Status,
    ) {
        if let Some(call) = self.table.on_session_state {
            // SAFETY: the host passed this function to be called with this user_data.
            unsafe {
                call(
                    self.user_data.get(),
                    session.0,
                    stream.0,
                    state as i32,
                    status.code(),
                )
            }
        }
    }

    fn keyframe_request(&self, stream: StreamId) {
        if let Some(call) = self.table.on_keyframe_request {
            // SAFETY: the host passed this function to be called with this user_data.
            unsafe { call(self.user_data.get(), stream.0) }
        }
    }
}
