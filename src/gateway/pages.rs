//! Answers what the pages of walls say over their data channels. Workers hand it over, as only the gateway knows who
//! may see what, and the host takes its time to decide.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Handle;
use super::handle::Shared;
use crate::error::Result;
use crate::state::SessionId;
use crate::wall::{Request, unreadable};
use crate::worker::{Asked, Command, Pages};

/// The messages of pages, until the first wall is opened.
pub struct PageMessages(Mutex<Option<UnboundedReceiver<Asked>>>);

impl PageMessages {
    /// There is one message of each session at most, as a page is answered before it is heard again.
    pub fn new() -> (Pages, PageMessages) {
        let (sender, receiver) = unbounded_channel();
        (Pages::new(sender), PageMessages(Mutex::new(Some(receiver))))
    }
}

impl Handle {
    /// From now on pages are answered. Fails if the thread for it cannot be started.
    pub(super) fn answer_pages(&self) -> Result<()> {
        let mut waiting = self.shared.page_messages.0.lock();
        if waiting.is_none() {
            return Ok(());
        }
        self.shared.http.enter(|runtime| {
            if let Some(messages) = waiting.take() {
                runtime.spawn(answer(Arc::downgrade(&self.shared), messages));
            }
        })
    }

    async fn answer_page(&self, asked: Asked) {
        let Asked {
            session,
            worker,
            row,
            number,
            message,
        } = asked;
        let reply = match Request::parse(&message) {
            Ok(request) => self.page_request(session, request).await,
            Err(error) => Err(error),
        };
        let reply = reply.unwrap_or_else(|error| unreadable(&message, &error));
        // A gateway that shuts down closes the channel.
        let _ = self.command(worker, Command::Reply(session, row, number, reply));
    }

    async fn page_request(&self, session: SessionId, request: Request) -> Result<String> {
        let visitor = self.shared.registry.visitor(session)?;
        let reply = self.change_slots(session, &visitor, request).await?;
        Ok(reply.json())
    }
}

async fn answer(gateway: Weak<Shared>, mut messages: UnboundedReceiver<Asked>) {
    while let Some(asked) = messages.recv().await {
        let Some(shared) = gateway.upgrade() else {
            return;
        };
        let handle = Handle { shared };
        tokio::spawn(async move { handle.answer_page(asked).await });
    }
}
