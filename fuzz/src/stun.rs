//! ICE checks with valid integrity over whatever attributes there are, before and after the handshake.

use std::sync::OnceLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::AttrType;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{Message, MessageType, Setter, TransactionId};
use rtsp_webrtc_gateway::internals::sdp::IceCredentials;
use testkit::viewer::{DATAGRAM, Viewer, ViewerConfig};

use crate::keys::{connect, viewer_address};
use crate::session::{PWD, World, path};

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Request,
    Success,
    Error,
    Indication,
    Other(u16, u8),
}

#[derive(Arbitrary, Debug)]
enum Attribute<'a> {
    Username,
    OtherUsername(&'a [u8]),
    Priority,
    Controlling,
    Controlled,
    UseCandidate,
    Of(u16, &'a [u8]),
    /// A datagram of DTLS; a part of a real ClientHello; checksums of datagrams.
    Dtls(&'a [u8]),
    Hello(u16, u16),
    Arrived(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
struct Check<'a> {
    kind: Kind,
    transaction: u8,
    /// The one that browsers send, in front of the others.
    usual: bool,
    nominates: bool,
    attributes: Vec<Attribute<'a>>,
    /// With the right password, that of before or after a restart, a wrong one, or none at all.
    password: u8,
    behind: Option<Attribute<'a>>,
    fingerprint: bool,
    /// XOR of a byte of what is sent.
    damage: Option<(u8, u8)>,
    tail: Option<&'a [u8]>,
}

#[derive(Arbitrary, Debug)]
enum Move<'a> {
    Check(u8, Check<'a>),
    Raw(u8, &'a [u8]),
    /// Sends back what the session sent last, changed.
    Answer(u8),
    /// Answers what the session sent last as a viewer does.
    Prove,
    Restart(u8),
    /// The connection from there ends.
    Lost(u8),
    Frame(bool, u16),
    Wait(u16),
}

pub fn stun(data: &[u8]) {
    let mut script = Unstructured::new(data);
    let Ok(begins) = u8::arbitrary(&mut script) else {
        return;
    };
    let mut world = World::new(offer_of_dtls_in_stun());
    if begins & 1 == 1 {
        connect(&mut world);
    }
    let mut credentials = Credentials::default();
    while let Ok(next) = Move::arbitrary(&mut script) {
        match next {
            Move::Check(from, check) => {
                let bytes = check.bytes(&credentials);
                let from = 1 + from % 12;
                let authentic = check.is_authentic();
                if authentic {
                    world.sent.known.insert(path(from).remote);
                }
                world.sent.datagrams.clear();
                let sent = world.arrives(from, &bytes);
                if !authentic && check.damage.is_none() && !matches!(check.kind, Kind::Success) {
                    assert_eq!(
                        sent, 0,
                        "an answer to a check that is not authentic: {check:?}"
                    );
                }
            }
            Move::Raw(from, bytes) => {
                world.arrives(1 + from % 12, bytes);
            }
            Move::Answer(byte) => {
                if let Some((_, datagram)) = world.sent.datagrams.last() {
                    let mut datagram = datagram.clone();
                    let at = usize::from(byte) % datagram.len().max(1);
                    datagram[at] ^= byte;
                    world.arrives(1, &datagram);
                }
            }
            Move::Prove => world.prove(),
            Move::Restart(number) => {
                credentials.next = Some(number);
                let (local, remote) = (
                    ice(&credentials.pwd(1)),
                    ice("viewer-password-after-restart"),
                );
                world.session.restart_ice(local, remote);
            }
            Move::Lost(from) => {
                let remote = path(1 + from % 12).remote;
                world.with(|session, io| session.handle_lost(remote, io));
            }
            Move::Frame(keyframe, len) => {
                world.frame(keyframe, usize::from(len) % 8000);
            }
            Move::Wait(ms) => world.wait(Duration::from_millis(ms.into())),
        }
        world.sent.datagrams.truncate(64);
        let addresses = world.session.addresses().count();
        assert!(addresses <= 8, "{addresses} addresses are remembered");
        if script.is_empty() {
            break;
        }
    }
}

fn viewer() -> Viewer {
    let config = ViewerConfig {
        dtls_in_stun: Some(500),
        ..ViewerConfig::chromium()
    };
    Viewer::new(viewer_address(), config)
}

/// The offer of a viewer that offers DTLS within the checks of ICE.
fn offer_of_dtls_in_stun() -> &'static str {
    static OFFER: OnceLock<String> = OnceLock::new();
    OFFER.get_or_init(|| viewer().offer())
}

/// Its ClientHello.
fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| {
        let mut viewer = viewer();
        let world = World::new(offer_of_dtls_in_stun());
        viewer.accept(world.now, &world.answer, Some(path(1).remote.address()));
        let check = viewer.poll_transmit().map(|check| check.bytes);
        let mut message = Message::new();
        let _ = message.unmarshal_binary(&check.unwrap_or_default());
        let hello = message.get(DATAGRAM).unwrap_or_default();
        assert!(hello.len() > 500, "no ClientHello in the first check");
        hello
    })
}

fn ice(pwd: &str) -> IceCredentials {
    IceCredentials {
        ufrag: "restart0".to_owned(),
        pwd: pwd.to_owned(),
    }
}

#[derive(Default)]
struct Credentials {
    next: Option<u8>,
}

impl Credentials {
    fn pwd(&self, which: u8) -> String {
        match (which % 4, self.next) {
            (0, _) => PWD.to_owned(),
            (1, Some(number)) => format!("passwordAfterTheRestart{number:03}"),
            _ => "a wrong password of 22 chars".to_owned(),
        }
    }

    fn username(&self, which: u8) -> &'static str {
        match which % 4 {
            1 => "restart0:viewer6000",
            _ => "gateway0:viewer6000",
        }
    }
}

impl Check<'_> {
    /// Whether it may have an effect.
    fn is_authentic(&self) -> bool {
        self.password % 4 < 2
    }

    fn bytes(&self, credentials: &Credentials) -> Vec<u8> {
        let mut message = Message::new();
        let (method, class) = match self.kind {
            Kind::Request => (1, 0),
            Kind::Indication => (1, 1),
            Kind::Success => (1, 2),
            Kind::Error => (1, 3),
            Kind::Other(method, class) => (method & 0xfff, class & 3),
        };
        message.typ = kind_of(method, class);
        let mut id = [0; 12];
        id[11] = self.transaction;
        message.transaction_id = TransactionId(id);
        message.write_header();
        if self.usual {
            Attribute::Username.add(&mut message, credentials.username(self.password));
            Attribute::Controlling.add(&mut message, "");
            Attribute::Priority.add(&mut message, "");
        }
        if self.nominates {
            Attribute::UseCandidate.add(&mut message, "");
        }
        for attribute in self.attributes.iter().take(64) {
            attribute.add(&mut message, credentials.username(self.password));
        }
        if self.password % 4 < 3 {
            let pwd = credentials.pwd(self.password);
            let integrity =
                MessageIntegrity::new_raw_integrity_with_provider(pwd.as_bytes(), CRYPTO.crypto());
            let _ = integrity.add_to(&mut message);
        }
        if let Some(attribute) = &self.behind {
            attribute.add(&mut message, "");
        }
        if self.fingerprint {
            let _ = FINGERPRINT.add_to(&mut message);
        }
        let mut bytes = message.raw;
        if let Some((at, mask)) = self.damage {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= mask;
        }
        bytes.extend(self.tail.unwrap_or_default());
        bytes
    }
}

/// RFC 8489 section 5.
fn kind_of(method: u16, class: u8) -> MessageType {
    let class = u16::from(class & 1) << 4 | u16::from(class & 2) << 7;
    let mut kind = MessageType::default();
    kind.read_value((method & 0xf80) << 2 | (method & 0x70) << 1 | method & 0xf | class);
    kind
}

impl Attribute<'_> {
    fn add(&self, message: &mut Message, username: &str) {
        let (kind, value): (u16, &[u8]) = match self {
            Attribute::Username => (0x0006, username.as_bytes()),
            Attribute::OtherUsername(value) => (0x0006, value),
            Attribute::Priority => (0x0024, &[0x6e, 0, 1, 0xff]),
            Attribute::Controlling => (0x802a, &[7; 8]),
            Attribute::Controlled => (0x8029, &[7; 8]),
            Attribute::UseCandidate => (0x0025, &[]),
            Attribute::Of(kind, value) => (*kind, value),
            Attribute::Dtls(value) => (0xC070, value),
            Attribute::Hello(from, length) => (0xC070, {
                let hello = hello();
                let from = usize::from(*from) % hello.len();
                let most = hello.len() - from;
                // Mostly all of it.
                let length = match usize::from(*length) {
                    length if length < most => length,
                    _ => most,
                };
                &hello[from..from + length]
            }),
            Attribute::Arrived(value) => (0xC071, value),
        };
        if message.raw.len() + value.len() < 60_000 {
            message.add(AttrType(kind), value);
        }
    }
}
