//! A camera by RTSP (RFC 2326), through `retina`.

use super::{CameraUrl, Sink};
use crate::config::PullOptions;

/// Connects, delivers media to `sink`, and connects again whenever that ends. Runs until dropped,
/// on a tokio current-thread runtime inside a `LocalSet`.
pub async fn run(url: CameraUrl, options: PullOptions, sink: impl Sink) {
    let _ = (url, options, sink);
    todo!()
}
