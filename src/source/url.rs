//! The camera's address and credentials, checked before anything is sent.

use crate::config::PullOptions;
use crate::error::Result;

/// A camera's URL without credentials, and the credentials.
pub struct CameraUrl {}

impl CameraUrl {
    /// Checks URL, user and password.
    pub fn parse(options: &PullOptions) -> Result<CameraUrl> {
        let _ = options;
        todo!()
    }
}
