//! Which version this is.

use std::ffi::{CStr, c_char};

use super::guard::guard;
use crate::crypto;

const VERSION: &CStr = match CStr::from_bytes_with_nul(crypto::VERSION_C.as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("a part of the version is not a number"),
    }
}

const VERSION_NUMBER: u32 = (number(env!("CARGO_PKG_VERSION_MAJOR")) << 16)
    | (number(env!("CARGO_PKG_VERSION_MINOR")) << 8)
    | number(env!("CARGO_PKG_VERSION_PATCH"));

/// Set by the build script, which derives the soname and the header's macro from the same parts.
pub(super) const ABI_VERSION: u32 = number(env!("RTSP_WEBRTC_GATEWAY_ABI_VERSION"));

/// Returns the version of the library that runs, for example "0.1.0"; with "+fips" behind it, the
/// cryptography is the FIPS module of AWS-LC. The string is static and never NULL.
/// RTSP_WEBRTC_GATEWAY_VERSION is the version of the header that the program was compiled against.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_version() -> *const c_char {
    guard(c"".as_ptr(), || VERSION.as_ptr())
}

/// Returns the version of the library that runs as a number: (major << 16) | (minor << 8) | patch.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_version_number() -> u32 {
    guard(0, || VERSION_NUMBER)
}

/// Returns the ABI version of the library that runs. If it is not RTSP_WEBRTC_GATEWAY_ABI_VERSION,
/// the program was compiled against an incompatible header, and RTSP_WEBRTC_GATEWAY_INIT() fails
/// with ERR_ABI_MISMATCH.
#[unsafe(no_mangle)]
pub extern "C" fn rtsp_webrtc_gateway_abi_version() -> u32 {
    guard(0, || ABI_VERSION)
}
