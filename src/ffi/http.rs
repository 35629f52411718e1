//! HTTP: all of WHEP by one function, or a listener with player and dashboard.

use std::ffi::{c_char, c_int, c_void};

use super::convert::{
    array, bytes, invalid, optional_str, output, read_struct, required_str, sized_struct, unset,
};
use super::gateway::parse;
use super::guard::guard_status;
use super::handle::{gateway_ref, rtsp_webrtc_gateway};
use super::signals::SignalsBlocked;
use super::user_data::UserData;
use super::whep::rtsp_webrtc_gateway_response;
use crate::config::{HttpOptions, TlsIdentity};
use crate::error::Result;
use crate::whep::{HttpRequest, HttpResponse};

/// A header field of a request.
#[repr(C)]
pub struct rtsp_webrtc_gateway_http_header {
    /// Name, in any case. Required.
    pub name: *const c_char,
    /// Value. Required.
    pub value: *const c_char,
}

/// An HTTP request, as the host's web server got it.
#[repr(C)]
pub struct rtsp_webrtc_gateway_http_request {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// Method, e.g. "POST". Required.
    pub method: *const c_char,
    /// Path of the URL as the viewer wrote it: still percent-encoded, with whatever prefix WHEP is
    /// mounted under, e.g. "/live/door/whep". A query is ignored. Required.
    pub path: *const c_char,
    /// Header fields. Only Authorization, Content-Type and If-Match are looked at. May be NULL if
    /// headers_len is 0.
    pub headers: *const rtsp_webrtc_gateway_http_header,
    /// Number of headers, at most 4,096.
    pub headers_len: usize,
    /// Body. Needs no terminator. May be NULL if body_size is 0.
    pub body: *const c_char,
    /// Bytes of body. More than 131,072 are answered with 413, so the web server needs to read no
    /// more than that.
    pub body_size: usize,
    /// Who asks, for the log and for on_authorize: free text, e.g. the viewer's address. NULL: not
    /// known.
    pub peer: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_http_request,
    "rtsp_webrtc_gateway_http_request"
);

/// Answers a request to {prefix}/{stream}/whep or {prefix}/{stream}/whep/{key}: the whole protocol,
/// for hosts that have a web server. Mount it for all methods under whatever prefix, and write the
/// response as it is: status, headers and body, with Content-Length added but to a 204 (RFC 9110
/// section 8.6). Other paths get 404.
///
/// - `OPTIONS` 200 with what CORS and WHEP ask for; never needs a token.
/// - `POST` of an offer to the endpoint 201, with Location, ETag and Link to each ICE server.
/// - `PATCH` of a session 204 to candidates, 200 and a new ETag to an ICE restart.
/// - `DELETE` of a session 200.
/// - `GET`, `HEAD` 200 without a body, if the stream or the session exists.
/// - Failures: 400, 401 and 403 (see on_authorize), 404, 405 with Allow, 406 without a common codec,
///   409 with Retry-After while the camera is not live, 412, 413, 415, 422, 428, 503 with Retry-After
///   at a limit, 504; each with problem details (RFC 9457) as body, whose "detail" is the sentence.
///
/// On success *out_response is the caller's, to be given to rtsp_webrtc_gateway_response_free();
/// failures of HTTP are successes here. Where no session was created or changed,
/// response_session_id() is 0, and response_session_key() and response_etag() are NULL.
///
/// Blocking while on_authorize is not answered (at most 30 s) and while the camera connects for the
/// first time (at most 5 s). Errors: ERR_INVALID_ARGUMENT, also for a path, a method, a name of a
/// header or a peer that is not UTF-8: then answer with rtsp_webrtc_gateway_http_status(), which is
/// 400; ERR_IO if the thread for it cannot be started, ERR_WOULD_DEADLOCK inside a callback.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_http(
    gateway: *mut rtsp_webrtc_gateway,
    request: *const rtsp_webrtc_gateway_http_request,
    out_response: *mut *mut rtsp_webrtc_gateway_response,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
        // SAFETY: request is NULL or a struct of the header, by the conventions.
        let request = unsafe { read_struct(request) }?;
        // SAFETY: out_response is NULL or writable, by the conventions.
        let out_response = unsafe { output(out_response, "out_response") }?;
        // SAFETY: its pointers are NULL or live, by the conventions.
        let response = unsafe {
            with_request(&request, |request| {
                let _blocked = SignalsBlocked::new();
                gateway.handle_http(request)
            })
        }?;
        out_response.write(into_raw(response));
        Ok(())
    })
}

/// Gets the answer to a request of handle_http_async(), once, on the gateway's callback thread, with
/// the rules of callbacks. response is the callee's, to be given to
/// rtsp_webrtc_gateway_response_free().
pub type rtsp_webrtc_gateway_http_fn = Option<
    unsafe extern "C" fn(user_data: *mut c_void, response: *mut rtsp_webrtc_gateway_response),
>;

/// Answers a request as rtsp_webrtc_gateway_handle_http() does, without blocking. If it returns
/// RTSP_WEBRTC_GATEWAY_OK, callback runs exactly once, which may be before this function returns;
/// with 503 if the gateway shuts down meanwhile. If it returns an error, callback does not run. May
/// be called inside callbacks.
///
/// Errors: ERR_LIMIT while 1,024 requests are under way; ERR_IO if the thread for it cannot be
/// started.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_handle_http_async(
    gateway: *mut rtsp_webrtc_gateway,
    request: *const rtsp_webrtc_gateway_http_request,
    callback: rtsp_webrtc_gateway_http_fn,
    user_data: *mut c_void,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
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
    })
}

/// Options of a listener.
#[repr(C)]
pub struct rtsp_webrtc_gateway_listen_options {
    /// sizeof this struct; set by RTSP_WEBRTC_GATEWAY_INIT().
    pub struct_size: usize,
    /// Where to listen, as "192.0.2.1:8889" or "[::]:8889". Port 0: any. NULL: "127.0.0.1:8889".
    pub address: *const c_char,
    /// For HTTPS: the contents of a PEM file with the certificate, followed by those that lead to its
    /// root. NULL, and no private key: HTTP.
    pub tls_certificates: *const c_char,
    /// Bytes of tls_certificates.
    pub tls_certificates_size: usize,
    /// Its private key: the contents of a PEM file (PKCS#8, PKCS#1 or SEC1), not encrypted.
    pub tls_private_key: *const c_char,
    /// Bytes of tls_private_key.
    pub tls_private_key_size: usize,
    /// Connections at once. When they are reached, the one that is idle for longest makes room; if
    /// none is idle, further ones get 503. A browser opens up to 6. 0: 512.
    pub max_connections: u32,
    /// 0.
    pub reserved: u32,
}
sized_struct!(
    rtsp_webrtc_gateway_listen_options,
    "rtsp_webrtc_gateway_listen_options"
);

/// Serves viewers and operators over HTTP until shutdown(), on a thread of the gateway:
///
/// - `/{stream}/whep` and `/{stream}/whep/{key}`: WHEP, as handle_http() does it;
/// - `/`, `/{stream}`, `/dashboard`: all cameras, one camera, figures; `/player.js` is the player;
/// - `/api/gateway`, `/api/streams`, `/api/sessions`: snapshot() and its parts, 250 ms old at most;
/// - `/metrics`: metrics().
///
/// Without config.bearer_tokens and on_authorize, whoever reaches the port may watch every stream,
/// from a page of any site, and see all figures: then listen on a loopback address, or behind a proxy
/// that asks who it is. Pages themselves need no token: they ask for one.
///
/// options may be NULL for the defaults. *out_port is the port; out_port may be NULL. May be called
/// more than once, for several addresses.
///
/// Errors: ERR_IO if the address cannot be bound, ERR_INVALID_ARGUMENT with what is wrong with the
/// address, the certificate or the key, ERR_UNSUPPORTED in a library that was built without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rtsp_webrtc_gateway_listen_http(
    gateway: *mut rtsp_webrtc_gateway,
    options: *const rtsp_webrtc_gateway_listen_options,
    out_port: *mut u16,
) -> c_int {
    guard_status(|| {
        // SAFETY: gateway is NULL or alive, by the conventions.
        let gateway = unsafe { gateway_ref(gateway) }?;
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

fn into_raw(response: HttpResponse) -> *mut rtsp_webrtc_gateway_response {
    Box::into_raw(Box::new(response.into()))
}

/// # Safety
/// The pointers of `request` are NULL, or live and as long as their lengths say.
unsafe fn with_request<T>(
    request: &rtsp_webrtc_gateway_http_request,
    call: impl FnOnce(&HttpRequest<'_>) -> Result<T>,
) -> Result<T> {
    // SAFETY: this function's contract.
    unsafe {
        let fields = array(request.headers, request.headers_len, "headers")?;
        let mut headers = Vec::with_capacity(fields.len());
        for field in fields {
            let name = required_str(field.name, "the name of a header")?;
            if field.value.is_null() {
                return Err(invalid("the value of a header is NULL"));
            }
            // Of those that matter, no valid value is anything but text.
            if let Ok(Some(value)) = optional_str(field.value, "the value of a header") {
                headers.push((name, value));
            }
        }
        call(&HttpRequest {
            method: required_str(request.method, "method")?,
            path: required_str(request.path, "path")?,
            headers: &headers,
            body: bytes(request.body, request.body_size, "body")?,
            peer: optional_str(request.peer, "peer")?,
        })
    }
}

/// # Safety
/// The pointers of `options` are NULL, or live and as long as their lengths say.
unsafe fn http_options(options: &rtsp_webrtc_gateway_listen_options) -> Result<HttpOptions> {
    unset(options.reserved)?;
    let mut http = HttpOptions::default();
    // SAFETY: this function's contract.
    unsafe {
        if let Some(address) = optional_str(options.address, "address")? {
            http.address = parse(address, "address", "192.0.2.1:8889 or [::]:8889")?;
        }
        // A size without a pointer is a file that was not read: no reason to serve without TLS.
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
    Ok(http)
}
