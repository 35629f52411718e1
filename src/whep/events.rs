//! Events for viewers, by server-sent events: WHEP's core extensions (webrtc-http-egress-events), which say
//! no more than the library knows. Their text, and who wants which.

use crate::error::{Error, Result, Status};

/// What the link of a new session says of them.
const RELATION: &str = "urn:ietf:params:whep:ext:core:server-sent-events";

/// The media type of their stream.
pub const EVENT_STREAM: &str = "text/event-stream";

/// What the stream begins with: how long a viewer waits before it asks again, in milliseconds.
pub const PREAMBLE: &str = "retry: 1000\n\n";

/// What is sent while nothing happens: a comment, so that proxies do not give up the connection, and that
/// one without a viewer is noticed.
pub const NOTHING: &str = ":\n\n";

/// What a viewer may hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerEvent {
    /// The camera sends media.
    Active,
    /// It does so no more.
    Inactive,
    /// The gateway is about to end: connect again.
    Reconnect,
}

impl ViewerEvent {
    const ALL: [ViewerEvent; 3] = [
        ViewerEvent::Active,
        ViewerEvent::Inactive,
        ViewerEvent::Reconnect,
    ];

    const fn name(self) -> &'static str {
        match self {
            ViewerEvent::Active => "active",
            ViewerEvent::Inactive => "inactive",
            ViewerEvent::Reconnect => "reconnect",
        }
    }

    /// As it is sent. None has data of its own; without the URL of another endpoint a viewer connects to
    /// the same one again.
    pub const fn text(self) -> &'static str {
        match self {
            ViewerEvent::Active => "event: active\ndata: {}\n\n",
            ViewerEvent::Inactive => "event: inactive\ndata: {}\n\n",
            ViewerEvent::Reconnect => "event: reconnect\ndata: {}\n\n",
        }
    }
}

/// The events that a viewer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted([bool; ViewerEvent::ALL.len()]);

impl Wanted {
    /// Reads the body of a request for events: a JSON array of names, or nothing, which is all. Names of
    /// others are ignored.
    pub fn read(body: &[u8]) -> Result<Wanted> {
        if body.trim_ascii().is_empty() {
            return Ok(Wanted([true; _]));
        }
        let names: Vec<String> = serde_json::from_slice(body).map_err(|_| {
            Error::new(
                Status::InvalidArgument,
                "the body must be a JSON array of the names of events, such as [\"active\",\"inactive\"]",
            )
        })?;
        let is_named = |event: ViewerEvent| names.iter().any(|name| name == event.name());
        Ok(Wanted(ViewerEvent::ALL.map(is_named)))
    }

    /// Whether this one is among them.
    pub fn has(self, event: ViewerEvent) -> bool {
        let Wanted(wanted) = self;
        wanted[event as usize]
    }
}

/// The value of the `Link` header of a new session whose events are asked for at `url`.
pub fn link(url: &str) -> String {
    let names = ViewerEvent::ALL.map(ViewerEvent::name).join(",");
    format!("<{url}>; rel=\"{RELATION}\"; events=\"{names}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_which() {
        let read = |body: &str| Wanted::read(body.as_bytes()).map(|Wanted(wanted)| wanted);
        for (body, wanted) in [
            ("", [true, true, true]),
            (" \r\n", [true, true, true]),
            ("[]", [false, false, false]),
            ("[\"inactive\", \"layers\"]", [false, true, false]),
            ("[\"reconnect\",\"active\",\"active\"]", [true, false, true]),
        ] {
            assert_eq!(read(body), Ok(wanted), "{body}");
        }
        for bad in ["active", "{}", "[1]", "[\"active\"", "null"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_event_has_its_name_and_one_line_of_json() {
        for event in ViewerEvent::ALL {
            let text = event.text();
            assert_eq!(text, format!("event: {}\ndata: {{}}\n\n", event.name()));
        }
        assert_eq!(
            link("/door/whep/k/events"),
            "</door/whep/k/events>; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; \
             events=\"active,inactive,reconnect\""
        );
    }
}
