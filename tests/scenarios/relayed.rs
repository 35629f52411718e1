//! The relay between a viewer and the session, as both ends of a connection have it, or of a path over UDP.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use rtsp_webrtc_gateway::internals::session::framing::Frames;
use rtsp_webrtc_gateway::internals::session::turn::{At, Authority, Heard, Relay};
use rtsp_webrtc_gateway::internals::session::{Carrier, ConnectionId, Relayed, Remote};
use testkit::viewer::turn::{Said, TurnClient, channel_data, split};

/// The number of the viewer's session.
const SESSION: u64 = 1;

pub struct TurnEnds {
    pub remote: Remote,
    authority: Authority,
    relay: Relay,
    client: TurnClient,
    channel: Option<u16>,
    /// The gateway's address, which the viewer speaks to.
    peer: SocketAddr,
    begun: Instant,
}

impl TurnEnds {
    /// A viewer that has allocated a relay to `peer`, with a channel if there is to be one.
    pub fn new(
        (client, carrier): (SocketAddr, Carrier),
        peer: SocketAddr,
        channel: Option<u16>,
        now: Instant,
    ) -> Self {
        let relayed = SocketAddr::from(([192, 0, 2, 1], 50_000));
        let authority = Authority::new([1; 32]);
        let credentials = authority.issue(SystemTime::UNIX_EPOCH, "00000000", SESSION);
        let mut ends = TurnEnds {
            remote: Remote::Relay(Relayed {
                client,
                id: ConnectionId(1),
                address: relayed,
                carrier,
            }),
            authority,
            relay: Relay::new(relayed),
            client: TurnClient::new(&credentials.username, &credentials.password),
            channel,
            peer,
            begun: now,
        };
        assert!(!ends.ask(now, TurnClient::allocate), "it asks who this is");
        assert!(ends.ask(now, TurnClient::allocate));
        assert!(ends.renew(now));
        ends
    }

    /// Asks for more time for all that was allocated.
    pub fn renew(&mut self, now: Instant) -> bool {
        let (peer, channel) = (self.peer, self.channel);
        self.ask(now, |client| client.refresh(3600))
            && self.ask(now, |client| match channel {
                Some(number) => client.bind(number, peer),
                None => client.permit(&[peer]),
            })
    }

    /// Whether a request is granted.
    fn ask(&mut self, now: Instant, request: impl FnOnce(&mut TurnClient) -> Vec<u8>) -> bool {
        let request = request(&mut self.client);
        let response = match self.handle(now, &request) {
            Heard::Response(response)
            | Heard::Allocated(response)
            | Heard::Refused(response, _)
            | Heard::Over(Some(response)) => response,
            other => panic!("{other:?}"),
        };
        matches!(self.client.hear(&response), Said::Success(_))
    }

    fn handle<'a>(&mut self, now: Instant, message: &'a [u8]) -> Heard<'a> {
        let peer = self.peer;
        let at = At {
            now,
            wall: SystemTime::UNIX_EPOCH + (now - self.begun) + Duration::from_secs(1),
            authority: &self.authority,
            session: SESSION,
            client: self.remote.address(),
            ours: &|| vec![peer],
        };
        self.relay.handle(&at, message)
    }

    /// What the session gets of a datagram of the viewer, and to which address of the gateway.
    pub fn for_session(&mut self, now: Instant, datagram: &[u8]) -> Option<(IpAddr, Vec<u8>)> {
        let message = match self.channel {
            Some(number) => channel_data(number, datagram),
            None => self.client.send(self.peer, datagram),
        };
        let end = match self.channel {
            Some(_) => 4 + datagram.len(),
            None => message.len(),
        };
        match self.handle(now, &message[..end]) {
            Heard::Datagram(to, contents) => Some((to, contents.into_owned())),
            _ => None,
        }
    }

    /// What leaves for datagrams of the session.
    pub fn for_viewer(
        &mut self,
        now: Instant,
        local: Option<IpAddr>,
        contents: &[u8],
        segment: usize,
    ) -> Vec<Vec<u8>> {
        let way = self.relay.way_from(now, local);
        let Some(frames) = way.and_then(|wrap| Frames::new(contents, segment, wrap)) else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        frames.append_rest(0, &mut bytes);
        let (mut messages, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((message, following)) = split(rest) {
            messages.push(message.to_vec());
            rest = following;
        }
        assert!(rest.is_empty());
        messages
    }

    /// The datagram in a message that has arrived at the viewer.
    pub fn arrived(&mut self, message: &[u8]) -> Vec<u8> {
        match self.client.hear(message) {
            Said::Data(from, datagram) => {
                assert_eq!(from, self.channel.ok_or(self.peer));
                datagram
            }
            other => panic!("{other:?}"),
        }
    }
}
