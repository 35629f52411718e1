//! What a STUN server says when the gateway asks it for its public address.

use std::net::SocketAddr;

use rtsp_webrtc_gateway::internals::stun::{Action, Asks, Client, Name};

/// The first two bytes are the type of the message, the others its attributes; the header is that of an answer. As they
/// are, the bytes answer nothing after it.
pub fn stun_server(data: &[u8]) {
    let now = crate::beginning();
    let [server, local] = [3478, 5000].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
    let names = Name::parse_all(&["192.0.2.1:3478".to_owned()]);
    let mut client = Client::new(now, names.unwrap_or_default());
    let mut random = || Ok(7);
    let mut poll = |client: &mut Client| client.poll(now, &mut random).ok().flatten();
    assert!(matches!(poll(&mut client), Some(Action::Resolve(0, _))));
    client.resolved(now, 0, Ok(&[server]));
    let Some(Action::Send(to, None, request)) = poll(&mut client) else {
        unreachable!("it asks");
    };
    assert_eq!(to, server);
    let Some((kind, attributes)) = data.split_at_checked(2) else {
        return;
    };
    let size = (attributes.len() as u16).to_be_bytes();
    let answer = [kind, &size, &request[4..], attributes].concat();
    let changed = client.handle(now, server, local, &answer);
    for known in client.reflexive() {
        assert_eq!(changed, Some(true));
        assert!(known.public.port() != 0 && known.public.is_ipv4());
        assert!(!known.public.ip().is_unspecified());
    }
    assert_eq!(client.reports().len(), 1);
    if changed.is_some() {
        assert_eq!(client.handle(now, server, local, data), None, "once");
    }
}
