//! A camera, and how to connect to it.

use std::rc::Rc;
use std::sync::Arc;

use retina::client::SessionGroup;

use super::{CameraUrl, Demand, Timeouts};
use crate::config::{PullOptions, Transport};
use crate::error::Result;

/// A camera, and how to connect to it: checked options of the host.
#[derive(Clone)]
pub struct CameraConfig {
    pub(super) url: CameraUrl,
    pub(super) transport: Transport,
    pub(super) audio: bool,
    #[allow(dead_code)] // Until cameras are received with the client of our own.
    pub(super) metadata: bool,
    pub(super) timeouts: Timeouts,
    pub(super) on_demand: bool,
    /// Counts the sessions whose TEARDOWN is not answered yet.
    pub(super) teardowns: Arc<SessionGroup>,
}

impl CameraConfig {
    /// Fails with `Url`, `Credentials` or `InvalidArgument`.
    pub fn new(options: &PullOptions) -> Result<CameraConfig> {
        Ok(CameraConfig {
            url: CameraUrl::parse(options)?,
            transport: options.transport,
            audio: !options.no_audio,
            metadata: options.metadata,
            timeouts: Timeouts::of(options)?,
            on_demand: options.on_demand,
            teardowns: Arc::default(),
        })
    }

    /// The demand for an on-demand camera; `None` if it is connected in any case.
    pub fn demand(&self) -> Option<Rc<Demand>> {
        self.on_demand
            .then(|| Rc::new(Demand::new(self.timeouts.linger)))
    }

    /// The limit on unanswered TEARDOWNs goes on counting those of the camera that this one replaces.
    pub fn replaces(&mut self, previous: &CameraConfig) {
        self.teardowns = Arc::clone(&previous.teardowns);
    }
}
