//! A host that is asked who may.

use std::sync::mpsc::{self, Receiver, Sender};

use rtsp_webrtc_gateway::events::{AuthorizeRequest, Events};

struct Asker(Sender<AuthorizeRequest>);

impl Events for Asker {
    fn authorizes(&self) -> bool {
        true
    }

    fn authorize(&self, request: AuthorizeRequest) {
        let _ = self.0.send(request);
    }
}

/// The events of a host that passes the questions on.
pub fn asker() -> (Option<Box<dyn Events>>, Receiver<AuthorizeRequest>) {
    let (questions, asked) = mpsc::channel();
    (Some(Box::new(Asker(questions))), asked)
}
