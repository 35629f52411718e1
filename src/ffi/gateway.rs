//! A gateway: options, callbacks, create, shutdown, destroy.

use std::ffi::{c_char, c_int, c_void};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::authorize::{self, rtsp_webrtc_gateway_authorize_request};
use super::convert::{
    array, init_struct, invalid, optional_str, output, read_struct, required_str, sized_struct,
    unset,
};
use super::descriptor::duplicate;
use super::events::{
    report_output, report_quality, report_session, report_stream, rtsp_webrtc_gateway_output_event,
    rtsp_webrtc_gateway_quality_event, rtsp_webrtc_gateway_session_event,
    rtsp_webrtc_gateway_stream_event,
};
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway, rtsp_webrtc_gateway_stream_id};
use super::ice_server::{ice_servers, rtsp_webrtc_gateway_ice_server};
use super::signals::SignalsBlocked;
use super::tuning::{key_of, rtsp_webrtc_gateway_tuning};
use super::user_data::{UserData, rtsp_webrtc_gateway_free_fn};
use super::version::ABI_VERSION;
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::events::{
    AuthorizeRequest, Events, OutputEvent, QualityEvent, SessionEvent, StreamEvent, role,
};
use crate::gateway::Gateway;
use crate::state::StreamId;

/// Callbacks of a gateway. Each function may be NULL. The rules for callbacks are under "Callbacks"
/// at the top of this header.
#[repr(C)]
pub struct rtsp_webrtc_gateway_callbacks {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Passed as the first argument to each function.
    pub user_data: *mut c_void,
    /// Frees user_data after the last callback. Runs exactly once, also if create() fails. May be
    /// NULL.
    pub free_user_data: rtsp_webrtc_gateway_free_fn,
    /// A stream changed its state, or it is LIVE and its warning changed. The state in which a stream
    /// is added, CONNECTING or IDLE, is not reported; the last call for a stream has the state
    /// REMOVED.
    pub on_stream_state: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            event: *const rtsp_webrtc_gateway_stream_event,
        ),
    >,
    /// A session changed its state. The first call for a session has the state NEW, the last one
    /// CLOSED.
    pub on_session_state: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            event: *const rtsp_webrtc_gateway_session_event,
        ),
    >,
    /// A push stream needs a keyframe, which only the host's encoder can provide: a viewer cannot
    /// decode without one, or frames were dropped. Request one from the encoder. Called at most
    /// once per second for a stream, and not while an earlier request has yet to be delivered.
    /// Never called for cameras.
    pub on_keyframe_request:
        Option<unsafe extern "C" fn(user_data: *mut c_void, stream: rtsp_webrtc_gateway_stream_id)>,
    /// A client asks for something over HTTP (handle_http(), listen_http()). Answer with
    /// rtsp_webrtc_gateway_authorize() within 30 s, in the callback or later. Called for each
    /// request that carries none of config.bearer_tokens, except OPTIONS requests and requests for
    /// web pages, which need no permission. While 1024 requests wait for an answer, further
    /// requests receive 503. NULL: only bearer_tokens decide.
    pub on_authorize: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            request: *const rtsp_webrtc_gateway_authorize_request,
        ),
    >,
    /// A viewer is shown something else than before: another variant of the stream, more or fewer of
    /// its frames, or the same for another reason. Called when that changes and at no other time, not
    /// before the session is CONNECTED and never after CLOSED. A viewer that gets the best variant with
    /// all frames from the start causes no call.
    pub on_session_quality: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            event: *const rtsp_webrtc_gateway_quality_event,
        ),
    >,
    /// An output changed its state. It may be called before rtsp_webrtc_gateway_add_output() has returned:
    /// output_user_data tells which output it is. The state in which it is added, WAITING, is not reported; the last call
    /// for an output has the state REMOVED, and may come after the REMOVED of its stream.
    pub on_output_state: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            event: *const rtsp_webrtc_gateway_output_event,
        ),
    >,
}
sized_struct!(
    rtsp_webrtc_gateway_callbacks,
    "rtsp_webrtc_gateway_callbacks"
);

/// Flags of rtsp_webrtc_gateway_config.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_config_flags {
    /// Also listen on TCP, on the address and port of udp_bind, for viewers whose network passes no UDP
    /// (ICE-TCP, RFC 6544). The answers name that port, and browsers use it only where UDP does not
    /// work. create() fails with ERR_IO if the port is not free for TCP.
    RTSP_WEBRTC_GATEWAY_CONFIG_ICE_TCP = 1,
    /// Be a TURN server (RFC 8656) for the gateway's own viewers, which relays to this gateway and to
    /// nothing else: over TLS and TCP on the ports of listen_http() with LISTEN_MEDIA, over TCP on that of
    /// CONFIG_ICE_TCP, over UDP on udp_bind. Each answer names it in Link headers, with credentials for this
    /// session that begin nothing after a day: on a listener with LISTEN_MEDIA under the name of its own URL,
    /// otherwise at the addresses of its candidates.
    RTSP_WEBRTC_GATEWAY_CONFIG_TURN = 2,
}

/// Options of a gateway. rtsp_webrtc_gateway_create() copies them.
#[repr(C)]
pub struct rtsp_webrtc_gateway_config {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Local address of the UDP socket that carries all sessions, for example "192.0.2.1:5000" or
    /// "[::]:5000". Port 0 selects any free port. NULL: all addresses, any free port.
    pub udp_bind: *const c_char,
    /// IP addresses to advertise to viewers in addition to the addresses of the network interfaces:
    /// the public addresses of a 1:1 NAT. May be NULL if public_addresses_len is 0.
    pub public_addresses: *const *const c_char,
    /// Number of elements in public_addresses, at most 4096.
    pub public_addresses_len: usize,
    /// Knobs to set to other values than their defaults. May be NULL if tuning_len is 0.
    pub tuning: *const rtsp_webrtc_gateway_tuning,
    /// Number of elements in tuning, at most 4096.
    pub tuning_len: usize,
    /// Callbacks for changes. NULL: none.
    pub callbacks: *const rtsp_webrtc_gateway_callbacks,
    /// Bearer tokens (RFC 6750), each of which permits everything over HTTP. A token consists of
    /// the characters A-Z a-z 0-9 - . _ ~ + / with optional = at the end. With no tokens and no
    /// on_authorize, anyone who can reach the port of listen_http() or of the host's web server can
    /// watch. May be NULL if bearer_tokens_len is 0.
    pub bearer_tokens: *const *const c_char,
    /// Number of elements in bearer_tokens, at most 64.
    pub bearer_tokens_len: usize,
    /// STUN and TURN servers to announce to viewers in Link headers of the response to an offer
    /// (RFC 9725 section 4.6), unless the offer has servers of its own. The gateway itself does
    /// not use them. May be NULL if ice_servers_len is 0.
    pub ice_servers: *const rtsp_webrtc_gateway_ice_server,
    /// Number of elements in ice_servers, at most 16.
    pub ice_servers_len: usize,
    /// Origins whose web pages may use WHEP (CORS), besides pages of the host name and port that a
    /// request is to: "https://nvr.example:8443", without a path. "*": all pages, wherever a viewer's
    /// browser shows them. For listen_http() and handle_http(). May be NULL if allowed_origins_len is
    /// 0.
    pub allowed_origins: *const *const c_char,
    /// Number of elements in allowed_origins, at most 64.
    pub allowed_origins_len: usize,
    /// Bitwise OR of enum rtsp_webrtc_gateway_config_flags.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Rules for the network interfaces whose addresses viewers are told. "eth0", or "wl*" for any rest: only
    /// such interfaces, besides loopback. "!tun0": not this one. Without a rule that has no "!", all
    /// interfaces are used but bridges of containers and virtual machines (docker0, veth*, virbr* and the
    /// like), and those too where there is nothing else. "eth0" is also for the labels of its addresses
    /// ("eth0:1"). Rules that leave nothing but loopback are told in the log. If udp_bind has an address, that
    /// is told, whatever the rules say. May be NULL if interfaces_len is 0.
    pub interfaces: *const *const c_char,
    /// Number of elements in interfaces, at most 64.
    pub interfaces_len: usize,
    /// STUN servers that tell the gateway its public address, where a NAT gives it one: "stun.example.com",
    /// "stun.example.com:3478" or "[2001:db8::1]:3478". They are asked from the media socket every 15 s, which
    /// keeps the NAT's mapping and notices when it changes, and the answers to offers have what they say.
    /// What is wrong with one is told in the log and by state_json(). May be NULL if stun_servers_len is 0.
    pub stun_servers: *const *const c_char,
    /// Number of elements in stun_servers, at most 8.
    pub stun_servers_len: usize,
    /// Instead of udp_bind: the descriptor of a UDP socket that is bound and not connected, for restarts that
    /// keep the port, and for socket activation. create() duplicates it: the host keeps its own, and may close
    /// it at once or pass it on to the next process. Both stand for the same socket, which is set to
    /// non-blocking; only one gateway may read it at a time. 0: none. POSIX only.
    pub udp_fd: i32,
    /// Instead of CONFIG_ICE_TCP: the descriptor of a TCP socket that listens, on any port. As udp_fd. 0: none.
    pub tcp_fd: i32,
    /// TURN servers that relay for the gateway itself, as the last resort for one behind a NAT that lets no
    /// viewer in, with username and credential, which viewers do not get: "turn:turn.example.com:3478" over
    /// UDP; where the network lets no UDP out, "turn:turn.example.com:3478?transport=tcp", or
    /// "turns:turn.example.com:5349" over TLS (RFC 7065; these are the default ports), whose certificate has to
    /// be trusted: see tls_ca and tls_fingerprint of the element. The gateway keeps an allocation at the first of them that gives one, and the answers to offers
    /// have its address as well; browsers use it only where no other works. The server lets in viewers from
    /// the addresses of their candidates, in offers and PATCH requests, and of their peer. What is wrong with
    /// one is told in the log and by state_json(). May be NULL if turn_servers_len is 0.
    pub turn_servers: *const rtsp_webrtc_gateway_ice_server,
    /// Number of elements in turn_servers, at most 8.
    pub turn_servers_len: usize,
}
sized_struct!(rtsp_webrtc_gateway_config, "rtsp_webrtc_gateway_config");

/// Zeroes a struct of this header and sets its struct_size. Use RTSP_WEBRTC_GATEWAY_INIT(pointer),
/// which passes sizeof(*pointer) and RTSP_WEBRTC_GATEWAY_ABI_VERSION.
///
/// Errors: ERR_ABI_MISMATCH if the program was compiled against a header with another ABI version;
/// the struct is then zeroed including struct_size, so that every call that takes it fails with
/// ERR_STRUCT_SIZE. ERR_STRUCT_SIZE if struct_size is not the size of any struct; the struct is
/// left unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_struct_init(
    object: *mut c_void,
    struct_size: usize,
    abi_version: u32,
) -> c_int {
    guard_status(|| {
        let matches = abi_version == ABI_VERSION;
        let noted_size = if matches { struct_size } else { 0 };
        // SAFETY: object is NULL or writable for struct_size bytes, by the conventions.
        unsafe { init_struct(object, struct_size, noted_size) }?;
        match matches {
            true => Ok(()),
            false => Err(abi_mismatch(abi_version)),
        }
    })
}

/// Creates a gateway: binds its UDP socket, and its TCP port if it has one, and starts its threads. No callback runs before the
/// function returns, so user_data may point to where *out_gateway is stored.
///
/// Ownership: on success the caller owns *out_gateway, and frees it with
/// rtsp_webrtc_gateway_destroy(). config->callbacks->free_user_data runs exactly once: after the
/// last callback of the gateway or, if the function fails, before it returns. If it fails with
/// ERR_STRUCT_SIZE, or because config is NULL, the callbacks have not been read: free_user_data
/// does not run, and user_data remains owned by the caller.
///
/// Blocking. Errors: ERR_INVALID_ARGUMENT if an option is not valid; ERR_NOT_FOUND if
/// config->tuning has an unknown key; ERR_IO if a socket cannot be bound or a thread cannot be
/// started.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_create(
    config: *const rtsp_webrtc_gateway_config,
    out_gateway: *mut *mut rtsp_webrtc_gateway,
) -> c_int {
    guard_status(|| {
        // SAFETY: config is NULL or a struct of the header, by the conventions.
        let config = unsafe { read_struct(config) }?;
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

/// Closes all sessions and streams, delivers the last callbacks and ends the threads. When it
/// returns RTSP_WEBRTC_GATEWAY_OK, no callback is running or will run. From the moment it starts,
/// all other calls on the gateway except get_tuning() fail with ERR_SHUTTING_DOWN, and calls that
/// are waiting return with it. After ERR_TIMEOUT, call it again to wait for the remaining threads.
/// After success, further calls do nothing.
///
/// Parameters: timeout_ms is the longest time to wait in milliseconds; 0 means 10000.
///
/// Blocking. Errors: ERR_TIMEOUT if a thread has not ended in time, for example because a callback
/// does not return.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_shutdown(
    gateway: *mut rtsp_webrtc_gateway,
    timeout_ms: u32,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        gateway.shutdown(match timeout_ms {
            0 => DEFAULT_SHUTDOWN,
            ms => Duration::from_millis(ms.into()),
        })
    })
}

/// Shuts down a gateway, unless shutdown() has done so, and frees it. NULL is ignored. It must be
/// the last call on the gateway, with no other call running: call shutdown(), which makes waiting
/// calls return, then stop the threads that use the gateway (the web server), then call destroy().
/// If destroy() itself shuts the gateway down, the last callbacks run before it returns, and
/// functions of this gateway that they call fail with ERR_SHUTTING_DOWN.
///
/// Blocking: waits for at most 10 s. Errors: ERR_TIMEOUT if a thread has not ended in time; the
/// gateway is then not freed, the thread may still run a callback, and destroy() may be called again.
/// ERR_WOULD_DEADLOCK inside a callback; the gateway is then not freed, and remains valid.
/// ERR_INVALID_STATE in a forked child, and if the gateway has been destroyed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_destroy(gateway: *mut rtsp_webrtc_gateway) -> c_int {
    guard_status(|| {
        if gateway.is_null() {
            return Ok(());
        }
        role::check_may_block("destroy")?;
        gateway_ref(gateway)?.shutdown(DEFAULT_SHUTDOWN)?;
        // Only now: the last callbacks have used it. After a timeout one may still do so.
        rtsp_webrtc_gateway::free(gateway)
    })
}

const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(10);

fn abi_mismatch(abi_version: u32) -> Error {
    Error::new(
        Status::AbiMismatch,
        format!(
            "the program was compiled for ABI {abi_version}, but this library ({}) has ABI \
             {ABI_VERSION}: compile the program against this library's header",
            env!("CARGO_PKG_VERSION")
        ),
    )
}

/// # Safety
/// The pointers of `config` are NULL, or live and as long as their lengths say.
unsafe fn options(config: &rtsp_webrtc_gateway_config) -> Result<Config> {
    let ice_tcp = rtsp_webrtc_gateway_config_flags::RTSP_WEBRTC_GATEWAY_CONFIG_ICE_TCP as u32;
    let turn = rtsp_webrtc_gateway_config_flags::RTSP_WEBRTC_GATEWAY_CONFIG_TURN as u32;
    unset(config.reserved)?;
    if config.flags & !(ice_tcp | turn) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not flags of a gateway",
            config.flags
        )));
    }
    let mut options = Config {
        ice_tcp: config.flags & ice_tcp != 0,
        turn: config.flags & turn != 0,
        ..Config::default()
    };
    // SAFETY: this function's contract.
    if let Some(address) = unsafe { optional_str(config.udp_bind, "udp_bind") }? {
        options.udp_bind = Some(parse(address, "udp_bind", "192.0.2.1:5000 or [::]:5000")?);
    }
    // SAFETY: this function's contract.
    let (addresses, knobs) = unsafe {
        (
            array(
                config.public_addresses,
                config.public_addresses_len,
                "public_addresses",
            )?,
            array(config.tuning, config.tuning_len, "tuning")?,
        )
    };
    // SAFETY: this function's contract.
    options.ice_servers = unsafe { ice_servers(config.ice_servers, config.ice_servers_len) }?;
    // SAFETY: this function's contract.
    options.turn_servers = unsafe { ice_servers(config.turn_servers, config.turn_servers_len) }?;
    for &address in addresses {
        // SAFETY: this function's contract.
        let address = unsafe { required_str(address, "an element of public_addresses") }?;
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
            let token = required_str(token, "an element of bearer_tokens")?;
            options.bearer_tokens.push(token.to_owned());
        }
        for &origin in array(
            config.allowed_origins,
            config.allowed_origins_len,
            "allowed_origins",
        )? {
            let origin = required_str(origin, "an element of allowed_origins")?;
            options.allowed_origins.push(origin.to_owned());
        }
        for &rule in array(config.interfaces, config.interfaces_len, "interfaces")? {
            let rule = required_str(rule, "an element of interfaces")?;
            options.interfaces.push(rule.to_owned());
        }
        for &server in array(config.stun_servers, config.stun_servers_len, "stun_servers")? {
            let server = required_str(server, "an element of stun_servers")?;
            options.stun_servers.push(server.to_owned());
        }
    }
    // SAFETY: descriptors of a config stay open during the call, by the conventions.
    unsafe {
        options.udp_socket = duplicate(config.udp_fd, "udp_fd")?;
        options.tcp_listener = duplicate(config.tcp_fd, "tcp_fd")?;
    }
    for knob in knobs {
        unset(knob.reserved)?;
        options.tuning.push((key_of(knob.key)?, knob.value));
    }
    Ok(options)
}

pub(super) fn parse<T: FromStr<Err: Display>>(text: &str, name: &str, example: &str) -> Result<T> {
    text.parse().map_err(|e| {
        invalid(format!(
            "{name} {text:?} is not valid ({e}): write it as {example}"
        ))
    })
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
    fn stream_state(&self, event: &StreamEvent) {
        if let Some(call) = self.table.on_stream_state {
            report_stream(call, self.user_data.get(), event);
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

    fn session_state(&self, event: &SessionEvent) {
        if let Some(call) = self.table.on_session_state {
            report_session(call, self.user_data.get(), event);
        }
    }

    fn session_quality(&self, event: &QualityEvent) {
        if let Some(call) = self.table.on_session_quality {
            report_quality(call, self.user_data.get(), event);
        }
    }

    fn output_state(&self, event: &OutputEvent) {
        if let Some(call) = self.table.on_output_state {
            report_output(call, self.user_data.get(), event);
        }
    }

    fn keyframe_request(&self, stream: StreamId) {
        if let Some(call) = self.table.on_keyframe_request {
            // SAFETY: the host passed this function to be called with this user_data.
            unsafe { call(self.user_data.get(), stream.0) }
        }
    }
}
