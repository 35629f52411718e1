//! A camera, and how to connect to it.

use std::rc::Rc;

use super::{CameraUrl, Demand, Timeouts};
use crate::config::{PullOptions, Transport};
use crate::error::Result;

/// A camera, and how to connect to it: checked options of the host.
#[derive(Clone)]
pub struct CameraConfig {
    pub(super) url: CameraUrl,
    pub(super) transport: Transport,
    pub(super) audio: bool,
    pub(super) metadata: bool,
    pub(super) timeouts: Timeouts,
    pub(super) on_demand: bool,
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
        })
    }

    /// The demand for an on-demand camera; `None` if it is connected in any case.
    pub fn demand(&self) -> Option<Rc<Demand>> {
        self.on_demand
            .then(|| Rc::new(Demand::new(self.timeouts.linger)))
    }
}
