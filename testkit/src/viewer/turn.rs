//! A TURN client (RFC 8656): messages out and in, without I/O; and a viewer that relays by one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS,
    AttrType,
};
use rtc::stun::error_code::ErrorCodeAttribute;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter, Message,
    MessageType, Method, Setter, TransactionId,
};
pub use rtc::stun::message::{
    METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CONNECT, METHOD_CREATE_PERMISSION,
    METHOD_DATA, METHOD_REFRESH, METHOD_SEND,
};
use rtc::stun::xoraddr::XorMappedAddress;

use super::Viewer;
use super::udp::socket;

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();

/// Attributes of a request.
pub type Attributes = Vec<(AttrType, Vec<u8>)>;

/// Makes requests, and remembers what they have to repeat.
#[derive(Clone, Debug, Default)]
pub struct TurnClient {
    pub username: String,
    pub password: String,
    realm: String,
    pub nonce: Option<String>,
    transaction: u32,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Success(Method),
    Error(Method, u16),
    /// A datagram, and where it seems to come from: a channel, or an address.
    Data(Result<u16, SocketAddr>, Vec<u8>),
    /// Something else.
    Nothing,
}

impl TurnClient {
    pub fn new(username: &str, password: &str) -> TurnClient {
        TurnClient {
            username: username.to_owned(),
            password: password.to_owned(),
            ..TurnClient::default()
        }
    }

    /// The URL of a `Link` header for a relay, and a client with its credentials.
    pub fn of_link(link: &str) -> Option<(String, TurnClient)> {
        let (url, rest) = link.strip_prefix('<')?.split_once('>')?;
        let parameter = |name: &str| {
            let (_, rest) = rest.split_once(&format!("; {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        if parameter("rel")? != "ice-server" || parameter("credential-type")? != "password" {
            return None;
        }
        let (username, password) = (parameter("username")?, parameter("credential")?);
        Some((url.to_owned(), TurnClient::new(&username, &password)))
    }

    /// A request, with credentials once the server has asked for them.
    pub fn request(&mut self, method: Method, attributes: &[(AttrType, Vec<u8>)]) -> Vec<u8> {
        let mut message = self.begin(method, CLASS_REQUEST);
        for (kind, value) in attributes {
            message.add(*kind, value);
        }
        if let Some(nonce) = &self.nonce {
            message.add(ATTR_USERNAME, self.username.as_bytes());
            message.add(ATTR_REALM, self.realm.as_bytes());
            message.add(ATTR_NONCE, nonce.as_bytes());
            let key = format!("{}:{}:{}", self.username, self.realm, self.password);
            let key = Md5::digest(key).to_vec();
            MessageIntegrity::new_raw_integrity_with_provider(key, CRYPTO.crypto())
                .add_to(&mut message)
                .expect("integrity");
        }
        message.raw
    }

    pub fn allocate(&mut self) -> Vec<u8> {
        self.request(METHOD_ALLOCATE, &[transport(17)])
    }

    pub fn refresh(&mut self, lifetime: u32) -> Vec<u8> {
        self.request(
            METHOD_REFRESH,
            &[(ATTR_LIFETIME, lifetime.to_be_bytes().into())],
        )
    }

    pub fn permit(&mut self, peers: &[SocketAddr]) -> Vec<u8> {
        let peers: Attributes = peers.iter().map(|&peer| self.peer(peer)).collect();
        self.request(METHOD_CREATE_PERMISSION, &peers)
    }

    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> Vec<u8> {
        let number = [&number.to_be_bytes()[..], &[0, 0]].concat();
        let attributes = [(ATTR_CHANNEL_NUMBER, number), self.peer(peer)];
        self.request(METHOD_CHANNEL_BIND, &attributes)
    }

    /// A Send indication.
    pub fn send(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        let peer = self.peer(peer);
        let mut message = self.begin(METHOD_SEND, CLASS_INDICATION);
        message.add(peer.0, &peer.1);
        message.add(ATTR_DATA, data);
        message.raw
    }

    /// XOR-PEER-ADDRESS for the next request.
    pub fn peer(&self, peer: SocketAddr) -> (AttrType, Vec<u8>) {
        let mut message = Message::new();
        message.transaction_id = id(self.transaction + 1);
        let address = XorMappedAddress {
            ip: peer.ip(),
            port: peer.port(),
        };
        address
            .add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS)
            .expect("an address");
        (ATTR_XOR_PEER_ADDRESS, message.attributes.0[0].value.clone())
    }

    fn begin(&mut self, method: Method, class: rtc::stun::message::MessageClass) -> Message {
        self.transaction += 1;
        let mut message = Message::new();
        message.typ = MessageType::new(method, class);
        message.transaction_id = id(self.transaction);
        message.write_header();
        message
    }

    /// What a message says. A realm and a nonce in it are used from now on.
    pub fn hear(&mut self, bytes: &[u8]) -> Said {
        if let [0x40..=0x4f, ..] = bytes {
            let number = u16::from_be_bytes([bytes[0], bytes[1]]);
            let len = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            return Said::Data(Ok(number), bytes[4..4 + len].to_vec());
        }
        let mut message = Message::new();
        if message.unmarshal_binary(bytes).is_err() {
            return Said::Nothing;
        }
        let text = |kind| String::from_utf8(message.get(kind).ok()?).ok();
        if let (Some(realm), Some(nonce)) = (text(ATTR_REALM), text(ATTR_NONCE)) {
            (self.realm, self.nonce) = (realm, Some(nonce));
        }
        match (message.typ.class, message.typ.method) {
            (CLASS_SUCCESS_RESPONSE, method) => Said::Success(method),
            (CLASS_ERROR_RESPONSE, method) => {
                let mut error = ErrorCodeAttribute::default();
                match error.get_from(&message) {
                    Ok(()) => Said::Error(method, error.code.0),
                    Err(_) => Said::Nothing,
                }
            }
            (CLASS_INDICATION, METHOD_DATA) => {
                let from = address(&message, ATTR_XOR_PEER_ADDRESS);
                match (from, message.get(ATTR_DATA)) {
                    (Some(from), Ok(data)) => Said::Data(Err(from), data),
                    _ => Said::Nothing,
                }
            }
            _ => Said::Nothing,
        }
    }
}

/// REQUESTED-TRANSPORT.
pub fn transport(number: u8) -> (AttrType, Vec<u8>) {
    (ATTR_REQUESTED_TRANSPORT, vec![number, 0, 0, 0])
}

/// Channel data, as it goes over TCP.
pub fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).expect("a datagram");
    let mut bytes = [&number.to_be_bytes()[..], &len.to_be_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The relayed address of a response.
pub fn relayed(response: &[u8]) -> Option<SocketAddr> {
    let mut message = Message::new();
    message.unmarshal_binary(response).ok()?;
    address(&message, ATTR_XOR_RELAYED_ADDRESS)
}

fn address(message: &Message, kind: AttrType) -> Option<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, kind).ok()?;
    Some(SocketAddr::new(address.ip, address.port))
}

fn id(number: u32) -> TransactionId {
    let mut id = [5; 12];
    id[..4].copy_from_slice(&number.to_be_bytes());
    TransactionId(id)
}

/// The first message in these bytes of a connection, and what follows it.
pub fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = bytes.first_chunk::<4>()?;
    let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let len = match head[0] {
        0x40..=0x4f => (4 + len).next_multiple_of(4),
        _ => 20 + len,
    };
    bytes.split_at_checked(len)
}

/// Bytes that are read at once.
const MUCH: usize = 64 << 10;

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A socket whose writes and reads are datagrams.
struct Datagrams(UdpSocket);

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.recv(buffer)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> std::io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The socket below what a viewer speaks by.
enum Below {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

/// Over UDP, a request is repeated after this time: RFC 8489 section 6.2.1.
const REPEAT: Duration = Duration::from_millis(500);

/// A viewer that reaches the gateway by its relay alone.
pub struct RelayViewer {
    stream: Box<dyn Stream>,
    /// The socket below it, for its timeouts.
    socket: Below,
    read: Vec<u8>,
    pub client: TurnClient,
    /// Where media comes from: an address of the gateway.
    pub peer: Option<SocketAddr>,
    pub channel: Option<u16>,
    pub relayed: Option<SocketAddr>,
    /// The connection has ended.
    pub ended: bool,
    pub viewer: Viewer,
}

impl RelayViewer {
    /// Speaks TURN over `stream`, which is that socket or more. The viewer's offer comes before its connection.
    pub fn new(
        viewer: Viewer,
        client: TurnClient,
        stream: impl Read + Write + 'static,
        socket: TcpStream,
    ) -> RelayViewer {
        RelayViewer::with(viewer, client, Box::new(stream), Below::Tcp(socket))
    }

    /// Speaks TURN over UDP with the gateway at this address.
    pub fn over_udp(viewer: Viewer, client: TurnClient, gateway: SocketAddr) -> RelayViewer {
        let any = match gateway {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = socket(any).expect("a socket");
        socket.connect(gateway).expect("a route");
        let below = socket.try_clone().expect("another handle");
        RelayViewer::with(
            viewer,
            client,
            Box::new(Datagrams(socket)),
            Below::Udp(below),
        )
    }

    fn with(
        viewer: Viewer,
        client: TurnClient,
        stream: Box<dyn Stream>,
        socket: Below,
    ) -> RelayViewer {
        RelayViewer {
            stream,
            socket,
            read: Vec::new(),
            client,
            peer: None,
            channel: None,
            relayed: None,
            ended: false,
            viewer,
        }
    }

    /// Where it connects from.
    pub fn local_addr(&self) -> SocketAddr {
        let address = match &self.socket {
            Below::Tcp(socket) => socket.local_addr(),
            Below::Udp(socket) => socket.local_addr(),
        };
        address.expect("it is connected")
    }

    /// Sends a request, and waits for its response.
    pub fn ask(&mut self, request: &[u8]) -> (Said, Vec<u8>) {
        self.write(request);
        self.response(request)
    }

    /// Waits for the response to a request.
    pub fn response(&mut self, request: &[u8]) -> (Said, Vec<u8>) {
        let end = Instant::now() + Duration::from_secs(30);
        let mut repeat = Instant::now() + REPEAT;
        while !self.ended && Instant::now() < end {
            if let Below::Udp(_) = self.socket
                && Instant::now() >= repeat
            {
                self.write(request);
                repeat += REPEAT;
            }
            while let Some((message, rest)) = split(&self.read) {
                let (message, rest) = (message.to_vec(), rest.to_vec());
                self.read = rest;
                match self.client.hear(&message) {
                    Said::Data(_, data) => self.viewer.handle(Instant::now(), &data),
                    said if message[8..20] == request[8..20] => return (said, message),
                    _ => {}
                }
            }
            self.receive(Duration::from_millis(10), MUCH);
        }
        (Said::Nothing, Vec::new())
    }

    /// Allocates a relay to `peer`, with a channel if there is to be one.
    pub fn allocate(&mut self, peer: SocketAddr, channel: Option<u16>) {
        let request = self.client.allocate();
        let (said, _) = self.ask(&request);
        assert_eq!(
            said,
            Said::Error(METHOD_ALLOCATE, 401),
            "it asks who this is"
        );
        let request = self.client.allocate();
        let (said, response) = self.ask(&request);
        assert_eq!(said, Said::Success(METHOD_ALLOCATE));
        self.relayed = relayed(&response);
        let request = match channel {
            Some(number) => self.client.bind(number, peer),
            None => self.client.permit(&[peer]),
        };
        let (said, _) = self.ask(&request);
        assert!(matches!(said, Said::Success(_)), "{said:?}");
        (self.peer, self.channel) = (Some(peer), channel);
    }

    /// Takes the answer; `peer` is the address of the gateway that it names.
    pub fn accept(&mut self, answer: &str) {
        self.viewer.accept(Instant::now(), answer, self.peer);
    }

    /// Receives and responds until `done`; false if that does not happen within `limit`, or the connection ends.
    pub fn run_till(&mut self, limit: Duration, done: impl Fn(&Viewer) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !done(&self.viewer) {
            self.flush();
            let now = Instant::now();
            if now >= end || self.ended {
                return false;
            }
            let wake = self.viewer.next_deadline().unwrap_or(end).min(end);
            self.receive(wake.saturating_duration_since(now), MUCH);
            self.hear();
            self.viewer.timeout(Instant::now());
        }
        self.flush();
        true
    }

    /// Does what a busy viewer does in a while: responds, but reads no more than so many bytes.
    pub fn run_slowly(&mut self, bytes: usize) {
        self.flush();
        self.receive(Duration::from_millis(1), bytes);
        self.hear();
        self.viewer.timeout(Instant::now());
        self.flush();
    }

    /// Hands what has arrived to the viewer.
    fn hear(&mut self) {
        while let Some((message, rest)) = split(&self.read) {
            let (message, rest) = (message.to_vec(), rest.to_vec());
            self.read = rest;
            if let Said::Data(from, data) = self.client.hear(&message) {
                let expected = self.channel.ok_or(self.peer.expect("it is allocated"));
                assert_eq!(from, expected);
                self.viewer.handle(Instant::now(), &data);
            }
        }
    }

    /// Writes bytes, whatever they are.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
        let _ = self.stream.flush();
    }

    fn flush(&mut self) {
        while let Some(out) = self.viewer.poll_transmit() {
            self.write_wrapped(&out.bytes);
        }
    }

    fn write_wrapped(&mut self, datagram: &[u8]) {
        let bytes = match self.channel {
            Some(number) => channel_data(number, datagram),
            None => {
                let peer = self.peer.expect("it is allocated");
                self.client.send(peer, datagram)
            }
        };
        self.write(&bytes);
    }

    /// Has a check of this viewer come by the relay, so that it is one of its paths.
    pub fn is_a_path_of(&mut self, viewer: &mut Viewer) -> bool {
        const SUCCESS: [u8; 2] = [1, 1];
        let check = viewer.check();
        let end = Instant::now() + Duration::from_secs(30);
        while !self.ended && Instant::now() < end {
            self.write_wrapped(&check);
            self.receive(Duration::from_millis(100), MUCH);
            while let Some((message, rest)) = split(&self.read) {
                let (message, rest) = (message.to_vec(), rest.to_vec());
                self.read = rest;
                if let Said::Data(_, data) = self.client.hear(&message)
                    && data.starts_with(&SUCCESS)
                {
                    return true;
                }
            }
        }
        false
    }

    fn receive(&mut self, wait: Duration, most: usize) {
        let wait = wait.max(Duration::from_millis(1));
        let set = match &self.socket {
            Below::Tcp(socket) => socket.set_read_timeout(Some(wait)),
            Below::Udp(socket) => socket.set_read_timeout(Some(wait)),
        };
        set.expect("a timeout that is not zero");
        let mut buffer = vec![0; most];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(size) => self.read.extend_from_slice(&buffer[..size]),
            Err(error) => {
                use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
                self.ended = !matches!(error.kind(), Interrupted | TimedOut | WouldBlock);
            }
        }
    }
}
