//! The HTTP listener: WHEP, pages and figures, served by hyper.
//!
//! | path | serves |
//! |---|---|
//! | `/{stream}/whep`, `/{stream}/whep/{key}` | [WHEP](crate::whep::http) |
//! | `/{stream}/whep/{key}/events`, `.../events/stream` | [events](crate::whep::events) for viewers |
//! | `/`, `/{stream}`, `/dashboard` | pages: all cameras, one camera, figures |
//! | `/player.js`, `/wall.js`, `/assets/...` | scripts and style sheets of the pages |
//! | `/api/gateway`, `/api/streams`, `/api/sessions` | figures in JSON |
//! | `/metrics` | figures for Prometheus |
//! | `/api/health` | whether all workers answer, for whoever asks |
//!
//! All input is bounded: the number of connections ([`Connections`](crate::limit::Connections)), the head of a request (16 KiB),
//! its body (128 KiB), and the time that each may take.

#[cfg(feature = "http")]
#[cfg(feature = "http")]
#[allow(missing_docs)] // nobody but tests reaches it from outside
pub(crate) mod listener;
#[cfg(feature = "http")]
mod monitor;
#[cfg(feature = "http")]
mod names;
#[cfg(feature = "http")]
mod pages;
#[cfg(feature = "http")]
mod routes;
#[cfg(feature = "http")]
mod tls;

use std::net::SocketAddr;

use crate::config::HttpOptions;
use crate::error::Result;
use crate::gateway::Handle;

impl Handle {
    /// Starts an HTTP listener for WHEP, the player, the dashboard and their figures, and returns its
    /// address. It runs until shutdown. May be called more than once, for several addresses.
    ///
    /// Without [`bearer_tokens`](crate::config::Config::bearer_tokens) and
    /// [`Events::authorizes`](crate::events::Events::authorizes), anyone who reaches the port may
    /// watch every stream and read all figures. Web pages of other sites may not, except those of
    /// [`allowed_origins`](crate::config::Config::allowed_origins), if the address is loopback or there are
    /// [`host_names`](HttpOptions::host_names): elsewhere, their own names may resolve to this machine (DNS rebinding).
    ///
    /// Fails with `Io` if the address cannot be bound, with `InvalidArgument` if the certificate or the
    /// private key is not usable, and with `Unsupported` in a build without the feature `http`.
    pub fn listen_http(&self, options: HttpOptions) -> Result<SocketAddr> {
        self.check_open()?;
        #[cfg(feature = "http")]
        return self
            .http_runtime()
            .enter(|runtime| listener::listen(self.clone(), options, runtime))?;
        #[cfg(not(feature = "http"))]
        {
            drop(options);
            Err(crate::error::Error::new(
                crate::error::Status::Unsupported,
                "this library was built without its HTTP listener (cargo feature \"http\")",
            ))
        }
    }
}
