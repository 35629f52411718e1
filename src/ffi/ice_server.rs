//! STUN and TURN servers.

use std::ffi::c_char;

use super::convert::{optional_str, read_array, required_str, sized_struct};
use crate::config::IceServer;
use crate::error::Result;

/// A STUN or TURN server. Initialize each element of an array of them.
#[repr(C)]
pub struct rtsp_webrtc_gateway_ice_server {
    /// Size of this struct in bytes; RTSP_WEBRTC_GATEWAY_INIT() sets it.
    pub struct_size: usize,
    /// URL of the server (RFC 7064, RFC 7065): "stun:", "stuns:", "turn:" or "turns:", the host,
    /// the port and the transport, for example "turn:turn.example.com:3478?transport=udp". At most
    /// 512 bytes. Required.
    pub url: *const c_char,
    /// User name, required for TURN: 1 to 512 printable ASCII characters. NULL for STUN.
    pub username: *const c_char,
    /// Password, required for TURN: 1 to 512 printable ASCII characters. NULL for STUN. It is
    /// sent to viewers, unless it is one of config.turn_servers, and it is never logged.
    pub credential: *const c_char,
    /// For "turns:" in config.turn_servers: trust certificates of these authorities only, in PEM.
    /// NULL: those that the system trusts, or tls_fingerprint. With "turn:" there, which is without TLS,
    /// create() fails with ERR_INVALID_ARGUMENT. Ignored for viewers' servers: browsers decide by themselves.
    pub tls_ca: *const c_char,
    /// The same: trust this certificate only, by its SHA-256: 64 hexadecimal digits, with or without
    /// colons. NULL: see tls_ca.
    pub tls_fingerprint: *const c_char,
}
sized_struct!(
    rtsp_webrtc_gateway_ice_server,
    "rtsp_webrtc_gateway_ice_server"
);

/// Reads the servers of a struct of the host.
///
/// # Safety `servers` is NULL, or points to `len` structs of this or of another version of the
/// library, whose strings are NULL or NUL-terminated.
pub(super) unsafe fn ice_servers(
    servers: *const rtsp_webrtc_gateway_ice_server,
    len: usize,
) -> Result<Vec<IceServer>> {
    // SAFETY: this function's contract.
    let servers = unsafe { read_array(servers, len, "an array of ice_server") }?;
    let server = |server: &rtsp_webrtc_gateway_ice_server| {
        // SAFETY: this function's contract.
        let (url, username, credential, tls_ca, tls_fingerprint) = unsafe {
            (
                required_str(server.url, "the url of an ice_server")?,
                optional_str(server.username, "the username of an ice_server")?,
                optional_str(server.credential, "the credential of an ice_server")?,
                optional_str(server.tls_ca, "the tls_ca of an ice_server")?,
                optional_str(
                    server.tls_fingerprint,
                    "the tls_fingerprint of an ice_server",
                )?,
            )
        };
        Ok(IceServer {
            url: url.to_owned(),
            username: username.map(str::to_owned),
            credential: credential.map(str::to_owned),
            tls_ca: tls_ca.map(str::to_owned),
            tls_fingerprint: tls_fingerprint.map(str::to_owned),
        })
    };
    servers.iter().map(server).collect()
}
