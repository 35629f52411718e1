//! What a client says to the relay: by right credentials or wrong ones, whole or damaged. Whatever it is, nothing is
//! relayed to an address that is not the gateway's.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use arbitrary::{Arbitrary, Unstructured};
use rtc::stun::attributes::AttrType;
use rtc::stun::message::Method;
use rtsp_webrtc_gateway::internals::session::framing::Wrap;
use rtsp_webrtc_gateway::internals::session::turn::{At, Authority, Heard, Relay, greet};
use testkit::viewer::turn::{
    Attributes, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CONNECT,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, TurnClient, channel_data,
    transport,
};

use crate::beginning;

#[derive(Arbitrary, Debug)]
enum Attribute<'a> {
    Transport(u8),
    Peer(u8),
    Channel(u8),
    Of(u16, &'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Move<'a> {
    Allocate,
    Refresh(u16),
    Permit(u8),
    Bind(u8, u8),
    Request(u8, Vec<Attribute<'a>>),
    Send(u8, &'a [u8]),
    ChannelData(u8, &'a [u8]),
    Raw(&'a [u8]),
    /// The next message has one byte changed.
    Damage(u8, u8),
    WrongPassword,
    Wait(u16),
}

const METHODS: [Method; 8] = [
    METHOD_ALLOCATE,
    METHOD_REFRESH,
    METHOD_CREATE_PERMISSION,
    METHOD_CHANNEL_BIND,
    METHOD_BINDING,
    METHOD_SEND,
    METHOD_DATA,
    METHOD_CONNECT,
];
const OURS: u8 = 3;
const SESSION: u64 = 7;

/// Some are the gateway's.
fn address(number: u8) -> SocketAddr {
    match number % 8 {
        ours @ 0..OURS => SocketAddr::from(([192, 0, 2, ours], 5000)),
        3 => SocketAddr::from(([192, 0, 2, 0], 22)),
        4 => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5000)),
        other => SocketAddr::from(([203, 0, 113, other], 5000)),
    }
}

pub fn turn(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let authority = Authority::new([1; 32]);
    let ours: Vec<SocketAddr> = (0..OURS).map(address).collect();
    let (mut now, mut wall) = (
        beginning(),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    );
    let credentials = authority.issue(wall, "00000000", SESSION);
    let mut client = TurnClient::new(&credentials.username, &credentials.password);
    let from = SocketAddr::from(([198, 51, 100, 1], 40_000));
    let mut relay = Relay::new(SocketAddr::from(([192, 0, 2, 0], 50_000)));
    let (mut damage, mut knows) = (None, true);
    while let Ok(next) = Move::arbitrary(&mut script) {
        let bytes = match next {
            Move::Allocate => client.request(METHOD_ALLOCATE, &[transport(17)]),
            Move::Refresh(lifetime) => client.refresh(lifetime.into()),
            Move::Permit(peer) => client.permit(&[address(peer)]),
            Move::Bind(number, peer) => client.bind(0x4000 + u16::from(number % 4), address(peer)),
            Move::Request(method, attributes) => {
                let attributes = attributes.iter().take(16);
                let attributes: Attributes = attributes.map(|a| a.value(&client)).collect();
                client.request(METHODS[usize::from(method) % METHODS.len()], &attributes)
            }
            Move::Send(to, data) => client.send(address(to), &data[..data.len().min(1500)]),
            Move::ChannelData(number, data) => channel_data(
                0x4000 + u16::from(number % 4),
                &data[..data.len().min(1500)],
            ),
            Move::Raw(data) => data.to_vec(),
            Move::Damage(at, mask) => {
                damage = Some((at, mask));
                continue;
            }
            Move::WrongPassword => {
                client.password = "wrong".to_owned();
                knows = false;
                continue;
            }
            Move::Wait(seconds) => {
                let time = Duration::from_secs(u64::from(seconds) % 1000);
                (now, wall) = (now + time, wall + time);
                continue;
            }
        };
        let mut bytes = bytes;
        if let Some((at, mask)) = damage.take()
            && !bytes.is_empty()
        {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= mask;
        }
        let at = At {
            now,
            wall,
            authority: &authority,
            session: SESSION,
            client: from,
            ours: &|| ours.clone(),
        };
        let _ = greet(&at, &bytes);
        match relay.handle(&at, &bytes) {
            Heard::Nothing | Heard::Over(None) => {}
            Heard::Datagram(to, contents) => {
                assert!(ours.iter().any(|own| own.ip() == to), "to {to}");
                assert!(contents.len() <= bytes.len());
            }
            Heard::Allocated(response) => {
                assert!(knows, "without a password");
                client.hear(&response);
            }
            Heard::Response(response)
            | Heard::Refused(response, _)
            | Heard::Over(Some(response)) => {
                assert!(response.len() <= 200 + bytes.len());
                client.hear(&response);
            }
        }
        for number in 0..8 {
            let ip = address(number).ip();
            match relay.way_from(now, Some(ip)) {
                None => {}
                Some(Wrap::Channel(number)) => assert!((0x4000..0x5000).contains(&number)),
                Some(Wrap::Data(peer)) => assert!(ours.contains(&peer) && peer.ip() == ip),
                Some(Wrap::Length | Wrap::Send(_)) => panic!("not to a client"),
            }
            let allowed = relay.way_from(now, Some(ip)).is_some();
            assert!(!allowed || ours.iter().any(|own| own.ip() == ip));
        }
        if script.is_empty() {
            break;
        }
    }
}

impl Attribute<'_> {
    fn value(&self, client: &TurnClient) -> (AttrType, Vec<u8>) {
        match self {
            Attribute::Transport(number) => transport(*number),
            Attribute::Peer(number) => client.peer(address(*number)),
            Attribute::Channel(number) => (AttrType(0x000c), vec![0x40, *number, 0, 0]),
            Attribute::Of(kind, value) => (AttrType(*kind), value[..value.len().min(100)].to_vec()),
        }
    }
}
