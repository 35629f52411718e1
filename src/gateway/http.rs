//! HTTP requests of viewers, from the host's web server or from a listener.

#[cfg(feature = "http")]
use std::net::SocketAddr;
use std::sync::mpsc;

#[cfg(feature = "http")]
use tokio_rustls::rustls::ServerConnection;

use super::Handle;
#[cfg(feature = "http")]
use super::authority::Authority;
#[cfg(feature = "http")]
use super::http_runtime::HttpRuntime;
use super::offers::Said;
use super::wall_requests::{Opened, Refused, visitor};
use crate::config::{WallSlots, WhepOffer};
use crate::error::{Error, Result, Status, panicked, shutting_down};
use crate::events::Notices;
use crate::events::{RequestId, role};
use crate::gateway::authority::Claim;
use crate::limit::Permit;
#[cfg(feature = "http")]
use crate::net::Parts;
use crate::state::{VariantChoice, ViewerLimits};
use crate::stats::json;
use crate::wall::{Request, unreadable};
use crate::whep::events::Wanted;
#[cfg(feature = "http")]
use crate::whep::http::Origins;
use crate::whep::http::{Action, AskedLimits, Call, Outcome, Server, Step, read};
use crate::whep::{HttpRequest, HttpResponse};
use crate::worker::quality::no_variant;
#[cfg(feature = "http")]
use crate::worker::{Command, Stranger};

/// Receives the response to a request.
pub type HttpDone = Box<dyn FnOnce(HttpResponse) + Send>;

impl Handle {
    /// Answers an HTTP request of a viewer: all of WHEP, for hosts that have a web server of their own.
    /// The request is to the [target](HttpRequest::target) that the host names, or to
    /// `{prefix}/{stream}/whep` or `{prefix}/{stream}/whep/{key}`. It needs permission if tokens are
    /// configured or if the host decides ([`Events::authorizes`](crate::events::Events::authorizes)).
    ///
    /// A failed request gives a response, too: an HTTP status and problem details (RFC 9457).
    ///
    /// Blocks until the host has decided (at most 30 s), and while the camera is still connecting (at
    /// most [`HttpRequest::timeout`]); returns within milliseconds otherwise. Fails with `WouldDeadlock`
    /// inside a callback, with `Io` if the HTTP thread cannot be started, and with `ShuttingDown`.
    pub fn handle_http(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        role::check_may_block("handle_http")?;
        self.check_open()?;
        let call = match read(request, &self.shared.origins, Server::Host) {
            Step::Respond(answer) => return Ok(answer),
            Step::Call(call) => call,
        };
        let (reply, answer) = mpsc::sync_channel(1);
        let handle = self.clone();
        self.shared.http.enter(|runtime| {
            runtime.spawn(async move {
                let _ = reply.send(handle.answer(call).await);
            });
        })?;
        // No reply: the HTTP thread has stopped.
        Ok(answer
            .recv()
            .unwrap_or_else(|_| HttpResponse::from(&shutting_down())))
    }

    /// As [`Handle::handle_http`], without blocking: `done` is called with the response, once, on the
    /// callback thread, where it must not block; with 503 if the gateway shuts down. If this fails,
    /// `done` is dropped.
    ///
    /// Fails with `Limit` while 1024 requests are pending, and with `ShuttingDown`.
    pub fn handle_http_async(&self, request: &HttpRequest<'_>, done: HttpDone) -> Result<()> {
        self.check_open()?;
        let permit = self.shared.http.permit()?;
        let step = read(request, &self.shared.origins, Server::Host);
        self.shared.http.enter(|runtime| {
            let mut done = Done {
                done: Some((done, permit)),
                notices: self.shared.notices.clone(),
            };
            match step {
                Step::Respond(answer) => done.tell(answer),
                Step::Call(call) => {
                    let handle = self.clone();
                    runtime.spawn(async move {
                        let answer = handle.answer(call).await;
                        done.tell(answer);
                    });
                }
            }
        })
    }

    /// Allows or denies a request of [`Events::authorize`](crate::events::Events::authorize), from any
    /// thread, also inside that call. Fails with `NotFound` if the request is no longer waiting.
    pub fn authorize(&self, request: RequestId, allow: bool) -> Result<()> {
        self.check_open()?;
        self.shared.authority.answer(request, allow)
    }

    /// Replaces [`Config::bearer_tokens`](crate::config::Config::bearer_tokens) for all requests from now on;
    /// sessions that exist continue. No tokens: anyone may do everything, unless
    /// [`Events::authorizes`](crate::events::Events::authorizes). Fails with `InvalidArgument` if one is not usable;
    /// then nothing changes.
    pub fn set_bearer_tokens(&self, tokens: &[String]) -> Result<()> {
        self.check_open()?;
        self.shared.authority.set_tokens(tokens)
    }

    /// Decides who may do what.
    #[cfg(feature = "http")]
    pub(crate) fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// Whose web pages may ask.
    #[cfg(feature = "http")]
    pub(crate) fn origins(&self) -> &Origins {
        &self.shared.origins
    }

    /// The HTTP thread.
    #[cfg(feature = "http")]
    pub(crate) fn http_runtime(&self) -> &HttpRuntime {
        &self.shared.http
    }

    /// Viewers may connect for media at this address of a listener, too.
    #[cfg(feature = "http")]
    pub(crate) fn takes_media_at(&self, address: SocketAddr) {
        self.shared.tcp_ports.add(address);
    }

    /// A connection to a listener is none of HTTP.
    #[cfg(feature = "http")]
    pub(crate) fn called(
        &self,
        socket: std::net::TcpStream,
        tls: Option<ServerConnection>,
        address: SocketAddr,
        read: Vec<u8>,
    ) {
        // A worker that is behind takes no more for now.
        let Ok(permit) = self.shared.called.permit() else {
            return;
        };
        let stranger = Stranger {
            parts: Parts {
                socket,
                tls: tls.map(|tls| Box::new(tls.into())),
            },
            address,
            read,
            permit: Some(permit),
        };
        // A gateway that shuts down closes it.
        let _ = self.command(0, Command::Called(Box::new(stranger)));
    }

    async fn answer(&self, mut call: Call) -> HttpResponse {
        match self.admit(&mut call).await {
            Ok(()) => self.carry_out(call).await,
            Err(refusal) => refusal,
        }
    }

    /// Whether a call is allowed, and there is what it addresses. Does not look at a body.
    pub(crate) async fn admit(&self, call: &mut Call) -> std::result::Result<(), HttpResponse> {
        if let Some(asked) = call.named_slots() {
            // Permission is asked for each of the streams instead.
            let refused = self.refused(&visitor(call), asked.names().collect()).await;
            call.refuse_slots(refused)?;
        } else if !call.authorized {
            let claim = Claim {
                operation: call.operation(),
                stream: Some(call.stream.as_deref().unwrap_or_default()),
                token: call.token.as_deref(),
                peer: call.peer.as_deref(),
            };
            match self.shared.authority.allows(claim).await {
                Ok(true) => {}
                Ok(false) => return Err(call.refused()),
                Err(error) => return Err(call.response(Err(error))),
            }
        }
        let registry = &self.shared.registry;
        let found = match (call.session_key(), &call.stream) {
            (Some(key), stream) => registry.check_session(stream.as_deref(), key),
            (None, Some(stream)) => registry.find_stream(stream).map(drop),
            (None, None) => Ok(()),
        };
        found.map_err(|error| call.response(Err(error)))
    }

    /// Does what was admitted.
    pub(crate) async fn carry_out(&self, call: Call) -> HttpResponse {
        let result = self.act(&call).await;
        call.response(result)
    }

    async fn act(&self, call: &Call) -> Result<Outcome> {
        match &call.action {
            Action::Offer(posted) => {
                let stream = call.stream.as_deref().unwrap_or_default();
                let asked = posted.slots.as_ref();
                let names = asked.map(|asked| asked.video.iter().map(Option::as_deref).collect());
                let names: Option<Vec<Option<&str>>> = names;
                let offer = WhepOffer {
                    stream,
                    wall: names.as_ref().map(|video| WallSlots {
                        video,
                        sound: asked.and_then(|asked| asked.sound.as_deref()),
                    }),
                    sdp: &posted.sdp,
                    location_prefix: Some(&posted.location_prefix),
                    timeout: posted.timeout,
                    peer: call.peer.as_deref(),
                    ice_servers: posted.ice_servers.as_deref(),
                    label: posted.label.as_deref(),
                    user_data: posted.user_data,
                    limits: self.named_limits(stream, &posted.limits)?,
                };
                let said = Said {
                    may_counter: posted.slots.is_none(),
                    turn_url: posted.turn_url.clone(),
                    opened: Opened {
                        visitor: visitor(call),
                        refused: asked.map_or_else(Refused::new, |asked| asked.refused.clone()),
                    },
                };
                let answered = self.answer_offer(&offer, said);
                answered.await.map(Outcome::Response)
            }
            Action::ChangeSlots { key, request } => {
                let (session, _) = self.shared.registry.find_session(key)?;
                match Request::parse(request) {
                    Ok(wanted) => {
                        let visitor = visitor(call);
                        let reply = self.change_slots(session, &visitor, wanted).await?;
                        Ok(Outcome::Described(reply.json()))
                    }
                    Err(error) => Ok(Outcome::Unreadable(
                        error.status().http(),
                        unreadable(request, &error),
                    )),
                }
            }
            Action::Patch {
                key,
                if_match,
                fragment,
            } => {
                let handle = self.clone();
                let (key, if_match) = (key.clone(), if_match.clone());
                let fragment = fragment.clone();
                // It asks the worker and waits.
                let work = tokio::task::spawn_blocking(move || {
                    handle.handle_whep_patch(&key, if_match.as_deref(), &fragment)
                });
                work.await
                    .unwrap_or_else(|_| Err(panicked("this request")))
                    .map(Outcome::Response)
            }
            Action::Answer { key, sdp } => {
                let (handle, key, sdp) = (self.clone(), key.clone(), sdp.clone());
                // It asks the worker and waits.
                let work = tokio::task::spawn_blocking(move || handle.take_answer(&key, &sdp));
                work.await
                    .unwrap_or_else(|_| Err(panicked("this request")))
                    .map(Outcome::Response)
            }
            Action::Delete { key } => {
                self.handle_whep_delete(key)?;
                Ok(Outcome::Deleted)
            }
            Action::FindStream | Action::FindSession { .. } => Ok(Outcome::Found),
            Action::AskForEvents {
                key,
                location,
                body,
            } => {
                let registry = &self.shared.registry;
                registry.ask_for_events(key, Wanted::read(body)?)?;
                Ok(Outcome::Created {
                    location: location.clone(),
                })
            }
            Action::EndEvents { key } => {
                self.shared.registry.end_events(key)?;
                Ok(Outcome::Deleted)
            }
            // The listener sends the stream itself: see [`Handle::listen`].
            Action::HearEvents { .. } => Err(Error::new(
                Status::Unsupported,
                "only the library's own listener sends events",
            )),
            Action::DescribeSession { key } => {
                let (handle, key) = (self.clone(), key.clone());
                // It asks the worker and waits.
                let work = tokio::task::spawn_blocking(move || handle.describe(&key));
                work.await
                    .unwrap_or_else(|_| Err(panicked("this request")))
                    .map(Outcome::Described)
            }
        }
    }

    /// What the viewer of a session is shown, as JSON.
    fn describe(&self, key: &str) -> Result<String> {
        let registry = &self.shared.registry;
        let (session, _) = registry.find_session(key)?;
        if registry.visitor(session).is_ok() {
            return self.describe_wall(session);
        }
        let info = self.session_info(session)?;
        let variant = registry.stream_name(info.quality.variant).ok();
        json::viewer_document(&info, variant.as_deref())
    }

    /// What a viewer asks for by names.
    fn named_limits(&self, stream: &str, asked: &AskedLimits) -> Result<ViewerLimits> {
        let variant = match &asked.variant {
            None => VariantChoice::Auto,
            Some(name) => {
                let registry = &self.shared.registry;
                let found = registry.find_stream(name);
                let (variant, _) = found.map_err(|_| no_variant(name, stream))?;
                match asked.only {
                    true => VariantChoice::Only(variant),
                    false => VariantChoice::AtMost(variant),
                }
            }
        };
        Ok(ViewerLimits {
            max_bitrate: asked.max_bitrate,
            variant,
        })
    }
}

/// Passes the response to the callback thread, also if its task is dropped.
struct Done {
    done: Option<(HttpDone, Permit)>,
    notices: Notices,
}

impl Done {
    fn tell(&mut self, answer: HttpResponse) {
        if let Some((done, permit)) = self.done.take() {
            self.notices.call(Box::new(move || {
                done(answer);
                drop(permit);
            }));
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.tell(HttpResponse::from(&shutting_down()));
    }
}
