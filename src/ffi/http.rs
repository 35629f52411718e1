//! HTTP: the whole of WHEP by one function, or a listener with player and dashboard.

use std::borrow::Cow;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use super::convert::{
    array, bytes, invalid, optional_str, read_struct, required_str, sized_struct, viewers_str,
};
use super::descriptor::duplicate;
use super::gateway::parse;
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use super::ice_server::rtsp_webrtc_gateway_ice_server;
use super::signals::SignalsBlocked;
use super::user_data::UserData;
use super::whep::{
    guard_response, guard_response_later, into_raw, offered_servers, rtsp_webrtc_gateway_response,
    timeout,
};
use crate::config::{HttpOptions, TlsIdentity};
use crate::error::Result;
use crate::whep::{HttpRequest, HttpResponse, HttpTarget};

/// A header field of a request.
#[repr(C)]
pub struct rtsp_webrtc_gateway_http_header {
    /// Name, in any case. Required.
    pub name: *const c_char,
    /// Value. Required.
    pub value: *const c_char,
}

/// Flags of rtsp_webrtc_gateway_http_request.flags.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_http_flags {
    /// Of a POST: as OFFER_NO_WAIT. A viewer gets the same by the header `Prefer: wait=0`.
    RTSP_WEBRTC_GATEWAY_HTTP_NO_WAIT = 1,
    /// The host has authorized this request: config.bearer_tokens and on_authorize are not
    /// consulted. Of a POST to a wall: nor for what it asks to show later, over its data channel.
    RTSP_WEBRTC_GATEWAY_HTTP_AUTHORIZED = 2,
    /// The request is to a wall, for hosts with URLs of their own: with session_key to one that is open,
    /// otherwise to the endpoint where viewers POST. stream_name must be NULL.
    RTSP_WEBRTC_GATEWAY_HTTP_WALL = 4,
}

/// An HTTP request as the host's web server received it. Everything is copied, except what
/// user_data points to.
#[repr(C)]
pub struct rtsp_webrtc_gateway_http_request {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Method, for example "POST". Required.
    pub method: *const c_char,
    /// Path of the URL as the viewer sent it: percent-encoded, with any prefix that WHEP is mounted
    /// under, for example "/live/door/whep". Of a POST, the query may have the viewer's limits:
    /// `max_bitrate=500000` in bits per second, and `variant=NAME` (this variant or a lesser one) or
    /// `variant=only:NAME`, as in rtsp_webrtc_gateway_viewer_limits. Of a POST to a wall, it may have what
    /// the slots show at first: `slots=door,yard,,gate` for the video sections of the offer in order (none
    /// for the third), and `sound=door` for the first audio section. Other parameters are ignored.
    /// Required.
    pub path: *const c_char,
    /// Header fields. Only Accept, Access-Control-Request-Private-Network, Authorization,
    /// Content-Type, Host, If-Match, Origin, Prefer, Sec-Fetch-Site and X-Forwarded-Prefix are used.
    /// May be NULL if headers_len is 0.
    pub headers: *const rtsp_webrtc_gateway_http_header,
    /// Number of elements in headers, at most 4096.
    pub headers_len: usize,
    /// Body. Needs no terminator. May be NULL if body_size is 0.
    pub body: *const c_char,
    /// Size of body in bytes. More than 131072, or 1048576 of a POST to a wall, gives the response 413, so
    /// the web server need not read more than that.
    pub body_size: usize,
    /// Name of the stream, for hosts with URLs of their own, for example "cam7" for a request to
    /// "/api/v1/cameras/7/live". Percent-decoded, unlike path. NULL: path ends in "{stream}/whep",
    /// "{stream}/whep/{key}", "wall" or "wall/{key}", or flags has HTTP_WALL.
    pub stream_name: *const c_char,
    /// With stream_name or HTTP_WALL: the session key in the URL of the request, percent-decoded. The session
    /// must belong to stream_name, or be a wall, otherwise the response is 404. NULL or "": the request is to
    /// the endpoint, where viewers POST.
    pub session_key: *const c_char,
    /// Of a POST: as in rtsp_webrtc_gateway_offer, except for NULL: path and a slash. A 201 always
    /// has a Location.
    pub location_prefix: *const c_char,
    /// Of a POST: as in rtsp_webrtc_gateway_offer. The header `Prefer: wait=<seconds>` (RFC 7240
    /// section 4.3) shortens it.
    pub timeout_ms: u32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_http_flags.
    pub flags: u32,
    /// As in rtsp_webrtc_gateway_offer. It is also passed to on_authorize.
    pub peer: *const c_char,
    /// Of a POST: as in rtsp_webrtc_gateway_offer.
    pub ice_servers: *const rtsp_webrtc_gateway_ice_server,
    /// Number of elements in ice_servers.
    pub ice_servers_len: usize,
    /// Of a POST: as in rtsp_webrtc_gateway_offer.
    pub label: *const c_char,
    /// Of a POST: as in rtsp_webrtc_gateway_offer.
    pub user_data: *mut c_void,
}
sized_struct!(
    rtsp_webrtc_gateway_http_request,
    "rtsp_webrtc_gateway_http_request"
);

/// Answers an HTTP request of a viewer: the whole of WHEP, for hosts that have a web server of
/// their own. Pass it the requests of all methods below the paths that WHEP is mounted under, and
/// send the response as it is. Most web servers add Content-Length themselves.
///
/// The request is to a stream's endpoint or to a session: by its path, which ends in
/// "{stream}/whep" or "{stream}/whep/{key}", for walls in "wall" or "wall/{key}" (any other path gives
/// 404), or by request->stream_name, or HTTP_WALL, and request->session_key.
///
/// - `OPTIONS`: 200 with the headers of CORS and WHEP. Never requires a token.
/// - `POST` of an offer to the endpoint: 201 with Location, ETag and a Link for each ICE server. If the
///   offer has nothing that the camera sends, or is empty: 406 with an offer of the gateway's own as
///   application/sdp, and Location of a session that waits for the answer until "valid-until" of the
///   Content-Type (20 s). on_session_state first hears of that session, as NEW, once the answer is
///   taken, and never if none comes. It has label and peer of the request, but no user_data: as
///   after any response but 201, the host may free what that points to.
/// - `PATCH` of a session: 204 after candidates; 200 with a new ETag after an ICE restart; 204 after
///   the answer to an offer of the gateway's, as application/sdp.
/// - `POST` of an offer to "wall": 201 as for a stream, at once, and with Refused-Slots if some slots do not
///   show what the query asks for: `"1";status=404;detail="..."` for each. 401 or 403 if none of the
///   streams in the query may be shown.
/// - `PATCH` of a wall with application/json, `{"slots":[{"slot":"0","stream":"door"}]}`: 200 with what has
///   become of each slot; 400 and 413 if it is no such request. docs/embedding.md has the messages.
/// - `DELETE` of a session: 200.
/// - `GET`, `HEAD`: 200 without a body, if the stream or the session exists. For `GET` of a session
///   with the header `Accept: application/json`, a JSON object with what its viewer is shown and why:
///   "state", "variant_name", "detail", "reason", "held_back", "bandwidth_bps" and "needed_bps", as
///   in the "sessions" of state_json(). The library's player asks for it every few seconds.
/// - Failures: 400, also for a limit in the query that is not valid; 401 and 403 (see
///   on_authorize); 403 to web pages of other origins than that of the request's Host, unless they are
///   among config.allowed_origins; 404; 405 with Allow; 406 if an answer takes nothing that the camera
///   sends; 409 with Retry-After while the camera is not live; 412; 413; 415; 422; 428; 503 with
///   Retry-After at a limit; 504. Each has problem details (RFC 9457) as body, whose "detail" is
///   the error message. It is meant for operators and may name the camera's address or a knob:
///   replace the body if viewers must not see that.
///
/// Returns RTSP_WEBRTC_GATEWAY_OK for every request that gets an HTTP response, including failures
/// such as 404. It fails for errors of the host, which are listed below.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free(), on
/// success and on failure. If this function fails, *out_response is the response to send, too:
/// problem details, as above, without headers of CORS.
///
/// Blocking: waits for the answer to on_authorize, for at most 30 s, and for the camera as
/// handle_whep_offer() does.
///
/// Errors: ERR_INVALID_ARGUMENT if a required field is NULL, a flag is unknown or a string of the
/// host is not UTF-8 (what the viewer sent may be anything: method, path, stream_name, session_key
/// and the values of headers); ERR_WOULD_DEADLOCK inside a callback; ERR_IO if the HTTP thread
/// cannot be started; ERR_SHUTTING_DOWN.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_http(
    gateway: *mut rtsp_webrtc_gateway,
    request: *const rtsp_webrtc_gateway_http_request,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: request is NULL or a struct of the header, by the conventions.
        let request = unsafe { read_struct(request) }?;
        // SAFETY: its pointers are NULL or live, by the conventions.
        unsafe {
            with_request(&request, |request| {
                let _blocked = SignalsBlocked::new();
                gateway.handle_http(request)
            })
        }
    };
    // SAFETY: out_response is NULL or writable, by the conventions.
    unsafe { guard_response(out_response, body) }
}

/// Receives the response to a request of handle_http_async(): once, on the gateway's callback
/// thread, under the rules for callbacks.
///
/// Parameters: user_data is that of the call.
///
/// Ownership: the callback frees response with rtsp_webrtc_gateway_response_free().
pub type rtsp_webrtc_gateway_http_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, response: *mut rtsp_webrtc_gateway_response),
>;

/// Answers an HTTP request of a viewer as handle_http() does, without waiting.
///
/// If it returns RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once with the response, possibly
/// before this function returns; with 503 if the gateway shuts down. If it returns an error,
/// callback does not run.
///
/// Parameters: user_data is passed to callback; it is not request->user_data, which belongs to
/// the session. *out_response receives the response to send if this function fails, and NULL if
/// it succeeds; out_response may be NULL.
///
/// Ownership: the caller frees *out_response with rtsp_webrtc_gateway_response_free().
///
/// Errors: ERR_INVALID_ARGUMENT as for handle_http(); ERR_LIMIT while 1024 requests are pending;
/// ERR_IO if the HTTP thread cannot be started.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_http_async(
    gateway: *mut rtsp_webrtc_gateway,
    request: *const rtsp_webrtc_gateway_http_request,
    callback: rtsp_webrtc_gateway_http_fn,
    user_data: *mut c_void,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    let body = || {
        let gateway = gateway_ref(gateway)?;
        // SAFETY: request is NULL or a struct of the header, by the conventions.
        let request = unsafe { read_struct(request) }?;
        let Some(callback) = callback else {
            return Err(invalid("callback is NULL"));
        };
        let user_data = UserData::new(user_data, None);
        let done = Box::new(move |response: HttpResponse| {
            // SAFETY: the host passed this function to be called with this user_data, once.
            unsafe { callback(user_data.get(), into_raw(response)) }
        });
        // SAFETY: its pointers are NULL or live, by the conventions.
        unsafe {
            with_request(&request, |request| {
                let _blocked = SignalsBlocked::new();
                gateway.handle_http_async(request, done)
            })
        }
    };
    // SAFETY: out_response is NULL or writable, by the conventions.
    unsafe { guard_response_later(out_response, body) }
}

/// Flags of rtsp_webrtc_gateway_listen_options.
#[repr(C)]
#[allow(dead_code, reason = "the header's names of flags")]
pub enum rtsp_webrtc_gateway_listen_flags {
    /// Take media on this port, too, for viewers whose network lets nothing else pass: ICE-TCP (RFC 6544), which
    /// the answers then name, and with CONFIG_TURN TURN, over TLS where the listener has it. What a connection
    /// begins with tells them from HTTP. Viewers have to reach the listener itself: a reverse proxy passes HTTP
    /// alone.
    RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA = 1,
}

/// Options of a listener. Everything is copied.
#[repr(C)]
pub struct rtsp_webrtc_gateway_listen_options {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// Address and port to listen on, as "192.0.2.1:8889" or "[::]:8889". Port 0: any free port.
    /// NULL: "127.0.0.1:8889".
    pub address: *const c_char,
    /// For HTTPS: the contents of a PEM file with the certificate, followed by the intermediate
    /// certificates. Needs no terminator. If this and tls_private_key are NULL: plain HTTP.
    pub tls_certificates: *const c_char,
    /// Size of tls_certificates in bytes.
    pub tls_certificates_size: usize,
    /// The private key of the certificate: the contents of a PEM file (PKCS#8, PKCS#1 or SEC1), not
    /// encrypted. Needs no terminator.
    pub tls_private_key: *const c_char,
    /// Size of tls_private_key in bytes.
    pub tls_private_key_size: usize,
    /// Maximum number of connections. At the limit, a new connection replaces the one that has been
    /// idle for longest, or whose request has been incomplete for longest; if all are being answered,
    /// it gets 503. A browser opens up to 6. 0: 512.
    pub max_connections: u32,
    /// How many of them one address (of IPv6: one /64 network) may have; beyond that, a new one
    /// replaces one of its own. Behind a reverse proxy, which has a single address, set it to
    /// max_connections. 0: half of max_connections.
    pub max_connections_per_peer: u32,
    /// Names by which viewers reach the listener, besides localhost and IP addresses: "nvr.example",
    /// without a port. On a loopback address, where a reverse proxy passes Host on, they are required;
    /// elsewhere, requests to other names get 421 if there are any. May be NULL if host_names_len is 0.
    pub host_names: *const *const c_char,
    /// Number of elements in host_names, at most 64.
    pub host_names_len: usize,
    /// Instead of address: the descriptor of a TCP socket that listens, for restarts that keep the port, and
    /// for socket activation. listen_http() duplicates it: the host keeps its own, and may close it at once or
    /// pass it on. Both stand for the same socket, which is set to non-blocking. 0: none. POSIX only.
    pub fd: i32,
    /// Bitwise OR of enum rtsp_webrtc_gateway_listen_flags.
    pub flags: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_listen_options,
    "rtsp_webrtc_gateway_listen_options"
);

/// Starts an HTTP listener for viewers and operators. It runs on a thread of the gateway until
/// shutdown(). May be called more than once, for several addresses. It serves:
///
/// - `/{stream}/whep` and `/{stream}/whep/{key}`: WHEP, as handle_http() does;
/// - `/{stream}/whep/{key}/events`: events for the viewer (server-sent events), see docs/embedding.md;
/// - `/`, `/{stream}`, `/dashboard`: pages with all cameras, one camera, and the figures of the
///   gateway; `/player.js`, `/wall.js`: the player, and the wall that uses it;
/// - `/api/gateway`, `/api/streams`, `/api/sessions`: state_json() and its parts, at most 250 ms old;
/// - `/metrics`: metrics();
/// - `/api/health`: 204 if all workers answer, for health checks; without a token.
///
/// WHEP, the rest of `/api`, and `/metrics` require a token of config.bearer_tokens, or are decided by
/// on_authorize. Without both, anyone who can reach the port can watch every stream and read all
/// figures: then listen on a loopback address only, where every program of this machine is let in, or
/// behind a proxy that authenticates. Pages themselves need no token; they ask for it.
///
/// Web pages of other sites are refused (403) even where a browser of this machine shows them, except
/// those of config.allowed_origins, which may use WHEP. A listener on a loopback address answers only
/// requests to an IP address, to localhost, or to a name of host_names, and others with 421: another
/// site cannot pass for this one by letting its own name resolve to this machine. So does one on another
/// address with host_names; without, it answers to any name, and such a site gets what is given without a token.
///
/// Parameters: options may be NULL for the defaults. *out_port receives the port; out_port may
/// be NULL.
///
/// Errors: ERR_IO if the address cannot be bound; ERR_INVALID_ARGUMENT if the address, the
/// certificate or the private key is not usable; ERR_UNSUPPORTED in a library that was built
/// without the listener.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_listen_http(
    gateway: *mut rtsp_webrtc_gateway,
    options: *const rtsp_webrtc_gateway_listen_options,
    out_port: *mut u16,
) -> c_int {
    guard_status(|| {
        let gateway = gateway_ref(gateway)?;
        let options = match options.is_null() {
            true => HttpOptions::default(),
            // SAFETY: not NULL, so a struct of the header with live pointers, by the conventions.
            false => unsafe { http_options(&read_struct(options)?) }?,
        };
        let address = {
            let _blocked = SignalsBlocked::new();
            gateway.listen_http(options)?
        };
        if !out_port.is_null() {
            // SAFETY: not NULL, so writable by the conventions.
            unsafe { out_port.write(address.port()) };
        }
        Ok(())
    })
}

/// # Safety
/// The pointers of `request` are NULL, or live and as long as their lengths say.
unsafe fn with_request<T>(
    request: &rtsp_webrtc_gateway_http_request,
    call: impl FnOnce(&HttpRequest<'_>) -> Result<T>,
) -> Result<T> {
    let no_wait = rtsp_webrtc_gateway_http_flags::RTSP_WEBRTC_GATEWAY_HTTP_NO_WAIT as u32;
    let authorized = rtsp_webrtc_gateway_http_flags::RTSP_WEBRTC_GATEWAY_HTTP_AUTHORIZED as u32;
    let wall = rtsp_webrtc_gateway_http_flags::RTSP_WEBRTC_GATEWAY_HTTP_WALL as u32;
    if request.flags & !(no_wait | authorized | wall) != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are no HTTP flags",
            request.flags
        )));
    }
    // SAFETY: this function's contract.
    unsafe {
        let fields = array(request.headers, request.headers_len, "headers")?;
        let mut headers = Vec::with_capacity(fields.len());
        for field in fields {
            let name = required_str(field.name, "the name of a header")?;
            if field.value.is_null() {
                return Err(invalid("the value of a header is NULL"));
            }
            // The headers that are used have ASCII values; a viewer may send others.
            if let Ok(Some(value)) = optional_str(field.value, "the value of a header") {
                headers.push((name, value));
            }
        }
        let servers = offered_servers(request.ice_servers, request.ice_servers_len)?;
        let (method, path) = (
            viewers_str(request.method, "method")?,
            viewers_str(request.path, "path")?,
        );
        let target = target(request, request.flags & wall != 0)?;
        call(&HttpRequest {
            method: &method,
            path: &path,
            headers: &headers,
            body: bytes(request.body, request.body_size, "body")?,
            target: target.as_ref().map(|(stream, key)| match stream {
                Some(name) => HttpTarget::Stream {
                    name,
                    session_key: key.as_deref(),
                },
                None => HttpTarget::Wall {
                    session_key: key.as_deref(),
                },
            }),
            authorized: request.flags & authorized != 0,
            location_prefix: optional_str(request.location_prefix, "location_prefix")?,
            timeout: timeout(request.timeout_ms, request.flags & no_wait != 0),
            peer: optional_str(request.peer, "peer")?,
            ice_servers: servers.as_deref(),
            label: optional_str(request.label, "label")?,
            user_data: request.user_data.expose_provenance(),
        })
    }
}

/// The stream, or none for a wall, and the session that the host has read from the URL.
type Named<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// # Safety
/// The strings of `request` are NULL, or NUL-terminated and unchanged for `'a`.
unsafe fn target<'a>(
    request: &rtsp_webrtc_gateway_http_request,
    is_wall: bool,
) -> Result<Option<Named<'a>>> {
    let key = match request.session_key.is_null() {
        true => None,
        // SAFETY: this function's contract.
        false => Some(unsafe { viewers_str(request.session_key, "session_key") }?),
    };
    let key = key.filter(|key| !key.is_empty());
    let stream = match request.stream_name.is_null() {
        true => None,
        // SAFETY: this function's contract.
        false => Some(unsafe { viewers_str(request.stream_name, "stream_name") }?),
    };
    match (stream, is_wall, &key) {
        (Some(_), true, _) => Err(invalid(
            "stream_name is for a stream and HTTP_WALL for a wall: set one of them",
        )),
        (None, false, Some(_)) => Err(invalid(
            "session_key is set, but stream_name is not: set stream_name as well, or HTTP_WALL",
        )),
        (None, false, None) => Ok(None),
        (stream, _, _) => Ok(Some((stream, key))),
    }
}

/// # Safety
/// The pointers of `options` are NULL, or live and as long as their lengths say.
unsafe fn http_options(options: &rtsp_webrtc_gateway_listen_options) -> Result<HttpOptions> {
    let media = rtsp_webrtc_gateway_listen_flags::RTSP_WEBRTC_GATEWAY_LISTEN_MEDIA as u32;
    if options.flags & !media != 0 {
        return Err(invalid(format!(
            "flags {:#x} has bits that are not flags of a listener",
            options.flags
        )));
    }
    let mut http = HttpOptions {
        media: options.flags & media != 0,
        ..HttpOptions::default()
    };
    if options.fd != 0 && !options.address.is_null() {
        return Err(invalid(
            "address and fd exclude each other: a socket that is passed listens already",
        ));
    }
    // SAFETY: descriptors of options stay open during the call, by the conventions.
    http.listener = unsafe { duplicate(options.fd, "fd") }?.map(Arc::new);
    // SAFETY: this function's contract.
    unsafe {
        if let Some(address) = optional_str(options.address, "address")? {
            http.address = parse(address, "address", "192.0.2.1:8889 or [::]:8889")?;
        }
        for &name in array(options.host_names, options.host_names_len, "host_names")? {
            let name = required_str(name, "an element of host_names")?;
            http.host_names.push(name.to_owned());
        }
        // A size without a pointer is a file that was not read; that must not turn TLS off.
        let given = |start: *const c_char, size| !start.is_null() || size > 0;
        if given(options.tls_certificates, options.tls_certificates_size)
            || given(options.tls_private_key, options.tls_private_key_size)
        {
            let pem = |start, size, name| Ok(bytes(start, size, name)?.to_vec());
            http.tls = Some(TlsIdentity {
                certificates: pem(
                    options.tls_certificates,
                    options.tls_certificates_size,
                    "tls_certificates",
                )?,
                private_key: pem(
                    options.tls_private_key,
                    options.tls_private_key_size,
                    "tls_private_key",
                )?,
            });
        }
    }
    if options.max_connections > 0 {
        http.max_connections = options.max_connections as usize;
    }
    if options.max_connections_per_peer > 0 {
        http.max_connections_per_peer = Some(options.max_connections_per_peer as usize);
    }
    Ok(http)
}
