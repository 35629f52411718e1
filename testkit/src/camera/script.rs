//! What a camera does otherwise than [`CameraServer`](super::CameraServer) does by itself: rewrites of its session
//! description, its responses and its packets. So a test shows a fault of a real camera in a line or two.

use std::sync::Arc;

/// Rewrites, each of which sees what the camera would have sent.
#[derive(Clone, Default)]
pub struct Script {
    description: Option<Rewrite<Vec<u8>>>,
    exchange: Option<Rewrite<Exchange>>,
    slot: Option<Rewrite<Slot>>,
}

type Rewrite<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// A request and the response to it.
pub struct Exchange {
    /// Connections to this camera so far, this one included.
    pub connection: u64,
    pub method: String,
    /// The request up to its empty line, as it came.
    pub request: String,
    /// The response up to its empty line. Nothing is sent if it is empty.
    pub head: String,
    pub body: Vec<u8>,
    /// Closes the connection behind the response.
    pub hang_up: bool,
}

/// The packets of one video frame or of one audio packet.
pub struct Slot {
    /// Connections to this camera so far, this one included.
    pub connection: u64,
    /// The number of the track: video, then audio.
    pub track: usize,
    /// Counted from the answer to PLAY.
    pub number: u64,
    /// RTP packets.
    pub packets: Vec<Vec<u8>>,
    /// Goes into the RTSP connection behind the packets.
    pub after: Vec<u8>,
    /// Closes the connection then.
    pub hang_up: bool,
}

impl Script {
    /// Does nothing yet.
    pub fn new() -> Script {
        Script::default()
    }

    /// Rewrites the session description.
    pub fn description<T: Into<Vec<u8>>>(
        self,
        rewrite: impl Fn(&str) -> T + Send + Sync + 'static,
    ) -> Script {
        let rewrite = move |sdp: &mut Vec<u8>| {
            *sdp = rewrite(&String::from_utf8_lossy(sdp)).into();
        };
        Script {
            description: Some(Arc::new(rewrite)),
            ..self
        }
    }

    /// Rewrites responses.
    pub fn exchange(self, rewrite: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Script {
        Script {
            exchange: Some(Arc::new(rewrite)),
            ..self
        }
    }

    /// Rewrites packets. What is to be kept from one call to the next is the closure's: a mutex.
    pub fn slot(self, rewrite: impl Fn(&mut Slot) + Send + Sync + 'static) -> Script {
        Script {
            slot: Some(Arc::new(rewrite)),
            ..self
        }
    }

    pub(super) fn describe(&self, sdp: String) -> Vec<u8> {
        let mut sdp = sdp.into_bytes();
        if let Some(rewrite) = &self.description {
            rewrite(&mut sdp);
        }
        sdp
    }

    pub(super) fn answer(&self, exchange: &mut Exchange) {
        if let Some(rewrite) = &self.exchange {
            rewrite(exchange);
        }
    }

    pub(super) fn packets(&self) -> Option<&(dyn Fn(&mut Slot) + Send + Sync)> {
        self.slot.as_deref()
    }
}

impl Exchange {
    /// The URL of the request, as it came.
    pub fn url(&self) -> &str {
        self.request.split(' ').nth(1).unwrap_or_default()
    }

    /// A header of the request, as the client spells it.
    pub fn asked(&self, name: &str) -> Option<&str> {
        let mut lines = self.request.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// A header of the response.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Replaces a header of the response, or adds it.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        let end = self.head.len() - "\r\n".len();
        self.head.insert_str(end, &format!("{name}: {value}\r\n"));
    }

    /// Removes a header of the response.
    pub fn remove(&mut self, name: &str) {
        let prefix = format!("{name}: ");
        let lines = self.head.split_inclusive("\r\n");
        self.head = lines.filter(|line| !line.starts_with(&prefix)).collect();
    }

    /// Responds with this status, "404 Not Found" for instance, and nothing else.
    pub fn refuse(&mut self, status: &str) {
        let cseq = self.header("CSeq").unwrap_or_default();
        self.head = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n\r\n");
        self.body.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_replaced_added_and_removed() {
        let mut exchange = Exchange {
            connection: 1,
            method: "SETUP".into(),
            request: "SETUP rtsp://h/p RTSP/1.0\r\nCSeq: 7\r\n\r\n".into(),
            head: "RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: 1\r\n\r\n".into(),
            body: b"body".into(),
            hang_up: false,
        };
        assert_eq!(
            (exchange.url(), exchange.asked("CSeq")),
            ("rtsp://h/p", Some("7"))
        );
        exchange.set("Session", "2");
        exchange.set("Server", "");
        assert_eq!(
            exchange.head,
            "RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: 2\r\nServer: \r\n\r\n"
        );
        exchange.remove("Session");
        exchange.refuse("461 No");
        assert_eq!(exchange.head, "RTSP/1.0 461 No\r\nCSeq: 7\r\n\r\n");
        assert!(exchange.body.is_empty());
    }
}
