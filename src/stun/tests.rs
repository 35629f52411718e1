//! Questions, answers, and what else arrives, in virtual time.

use rtc::stun::message::{MessageType, Setter, TransactionId};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const SERVER: &str = "198.51.100.3:3478";
const OTHER: &str = "198.51.100.4:3478";
const LOCAL: &str = "192.168.1.2:5000";
const PUBLIC: &str = "203.0.113.7:41234";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A client of these servers, whose names are known.
struct World {
    client: Client,
    now: Instant,
    start: Instant,
    numbers: u64,
}

impl World {
    fn new(servers: &[&str]) -> World {
        let names: Vec<_> = servers.iter().map(|server| server.to_string()).collect();
        let now = Instant::now();
        let mut world = World {
            client: Client::new(now, Name::parse_all(&names).unwrap()),
            now,
            start: now,
            numbers: 0,
        };
        for (number, server) in servers.iter().enumerate() {
            let Some(Action::Resolve(asked, name)) = world.poll() else {
                panic!("the names are looked up first");
            };
            assert_eq!((asked, name.to_string().as_str()), (number, *server));
            world.client.resolved(now, number, Ok(&[address(server)]));
            // Only now: the question to this one would come before the next name.
            if number + 1 < servers.len() {
                world.client.servers[number].questions[0].due = now + MS;
            }
        }
        world.now += MS;
        world
    }

    fn poll(&mut self) -> Option<Action> {
        let numbers = &mut self.numbers;
        let mut random = || {
            *numbers += 1;
            Ok(*numbers)
        };
        self.client.poll(self.now, &mut random).unwrap()
    }

    /// Lets time pass until there is a question to this server.
    fn question(&mut self, to: &str) -> Vec<u8> {
        for _ in 0..1000 {
            match self.poll() {
                Some(Action::Send(server, None, request)) if server == address(to) => {
                    return request;
                }
                Some(_) => {}
                None => self.now = self.client.next_due().unwrap().max(self.now),
            }
        }
        panic!("no question to {to}");
    }

    /// True if what is known has changed.
    fn handle(&mut self, from: &str, datagram: &[u8]) -> bool {
        let handled = self
            .client
            .handle(self.now, address(from), address(LOCAL), datagram);
        handled == Some(true)
    }

    /// The server is asked and says this.
    fn exchange(&mut self, server: &str, public: &str) {
        let request = self.question(server);
        self.handle(server, &success(&request, public));
    }

    fn publics(&self) -> Vec<String> {
        let known = self.client.reflexive().iter();
        known.map(|known| known.public.to_string()).collect()
    }
}

fn answer(request: &[u8], kind: MessageType, attributes: &[&dyn Setter]) -> Vec<u8> {
    let mut answer = Message::new();
    answer.typ = kind;
    answer.transaction_id = TransactionId(request[8..20].try_into().unwrap());
    answer.write_header();
    for attribute in attributes {
        attribute.add_to(&mut answer).unwrap();
    }
    answer.raw
}

fn success(request: &[u8], public: &str) -> Vec<u8> {
    let public = address(public);
    let mapped = XorMappedAddress {
        ip: public.ip(),
        port: public.port(),
    };
    answer(request, BINDING_SUCCESS, &[&mapped])
}

#[test]
fn an_address_is_learned_kept_and_seen_to_change() {
    let mut world = World::new(&[SERVER]);
    let request = world.question(SERVER);
    assert_eq!(request[..8], [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    assert!(world.handle(SERVER, &success(&request, PUBLIC)));
    let known = Reflexive {
        public: address(PUBLIC),
        base: address(LOCAL),
    };
    assert_eq!(world.client.reflexive(), [known]);
    assert!(
        !world.handle(SERVER, &success(&request, "203.0.113.8:1")),
        "once"
    );
    let asked = world.now;
    let again = world.question(SERVER);
    assert_eq!(world.now - asked, KEEP_ALIVE);
    assert_ne!(again, request);
    assert!(!world.handle(SERVER, &success(&again, PUBLIC)), "the same");
    assert_eq!(world.client.changes(), 0);
    world.exchange(SERVER, "203.0.113.99:41234");
    assert_eq!(world.publics(), ["203.0.113.99:41234"]);
    assert_eq!(world.client.changes(), 1);
}

#[test]
fn what_is_lost_is_asked_again_and_in_the_end_the_reason_is_told() {
    let mut world = World::new(&[SERVER]);
    let mut times = Vec::new();
    let mut asked = world.now;
    let first = world.question(SERVER);
    while world.client.reports()[0].message.is_empty() {
        match world.poll() {
            Some(Action::Send(_, None, request)) => {
                assert_eq!(request, first, "the same question");
                times.push((world.now - world.start).as_millis());
            }
            Some(other) => panic!("{other:?}"),
            None => {
                asked = world.now;
                world.now = world.client.next_due().unwrap();
            }
        }
        assert!(times.len() < 10);
    }
    assert_eq!(times, [501, 1501, 3501]);
    let report = &world.client.reports()[0];
    assert!(report.message.contains("did not answer"), "{report:?}");
    // Later it does.
    world.exchange(SERVER, PUBLIC);
    assert_eq!(world.now - asked, RETRY);
    assert_eq!(world.publics(), [PUBLIC]);
    assert_eq!(world.client.reports()[0].message, "");
    // And is gone again.
    while !world.publics().is_empty() {
        if world.poll().is_none() && !world.publics().is_empty() {
            world.now = world.client.next_due().unwrap();
        }
        assert!(world.now < asked + RETRY + KEEP_ALIVE + 20 * SECOND);
    }
}

#[test]
fn answers_of_others_change_nothing() {
    let mut world = World::new(&[SERVER]);
    let request = world.question(SERVER);
    let good = success(&request, PUBLIC);
    assert!(!world.handle(OTHER, &good), "from elsewhere");
    assert!(
        !world.handle("198.51.100.3:3479", &good),
        "from another port"
    );
    for at in 4..20 {
        let mut wrong = good.clone();
        wrong[at] ^= 1;
        assert!(
            !world.handle(SERVER, &wrong),
            "byte {at} of the transaction"
        );
    }
    assert!(!world.handle(SERVER, &request), "a question");
    for size in 0..20 {
        assert!(!world.handle(SERVER, &good[..size]));
    }
    assert!(world.publics().is_empty());
    assert!(world.handle(SERVER, &good), "the question still stands");
}

#[test]
fn what_a_server_says_must_be_of_use() {
    let mut world = World::new(&[SERVER]);
    for (public, why) in [
        ("0.0.0.0:5000", "nobody can reach"),
        ("224.0.0.1:5000", "nobody can reach"),
        ("203.0.113.7:0", "nobody can reach"),
        ("[2001:db8::1]:5000", "nobody can reach"),
    ] {
        world.exchange(SERVER, public);
        assert!(world.publics().is_empty(), "{public}");
        let report = &world.client.reports()[0];
        assert!(report.message.contains(why), "{report:?}");
    }
    let request = world.question(SERVER);
    world.handle(SERVER, &answer(&request, BINDING_SUCCESS, &[]));
    let report = &world.client.reports()[0];
    assert!(
        report.message.contains("no XOR-MAPPED-ADDRESS"),
        "{report:?}"
    );
    let request = world.question(SERVER);
    let code = rtc::stun::error_code::CODE_UNAUTHORIZED;
    world.handle(SERVER, &answer(&request, BINDING_ERROR, &[&code]));
    let report = &world.client.reports()[0];
    assert!(report.message.contains("error 401"), "{report:?}");
    let request = world.question(SERVER);
    let mut cut = success(&request, PUBLIC);
    cut.truncate(28);
    world.handle(SERVER, &cut);
    assert!(world.client.reports()[0].message.contains("not STUN"));
    world.exchange(SERVER, PUBLIC);
    assert_eq!(world.publics(), [PUBLIC], "and recovers");
}

#[test]
fn without_a_nat_there_is_nothing_to_tell() {
    let mut world = World::new(&[SERVER]);
    world.exchange(SERVER, LOCAL);
    assert!(world.publics().is_empty());
    let report = &world.client.reports()[0];
    assert!(report.given.is_some() && report.message.is_empty());
}

#[test]
fn a_nat_that_gives_each_destination_another_port_is_named() {
    let mut world = World::new(&[SERVER, OTHER]);
    world.exchange(SERVER, PUBLIC);
    assert_eq!(world.client.reports()[0].message, "");
    world.exchange(OTHER, "203.0.113.7:41235");
    for report in world.client.reports() {
        assert!(report.message.contains("another port"), "{report:?}");
    }
}

#[test]
fn a_name_that_is_not_known_is_looked_up_again() {
    let now = Instant::now();
    let names = Name::parse_all(&["stun.example.com".to_owned()]).unwrap();
    let mut client = Client::new(now, names);
    let mut random = || Ok(1);
    for round in 0..3 {
        let now = now + round * RETRY;
        let action = client.poll(now, &mut random).unwrap();
        assert!(matches!(action, Some(Action::Resolve(0, _))), "{action:?}");
        assert_eq!(client.poll(now, &mut random).unwrap(), None);
        client.resolved(now, 0, Err("no such name".to_owned()));
        assert_eq!(client.next_due(), Some(now + RETRY));
    }
    assert!(client.reports()[0].message.contains("no such name"));
    // One address of each family is asked.
    let now = now + 3 * RETRY;
    client.poll(now, &mut random).unwrap();
    let found = [SERVER, OTHER, "[2001:db8::3]:3478"].map(address);
    client.resolved(now, 0, Ok(&found));
    let mut asked = Vec::new();
    while let Some(Action::Send(to, ..)) = client.poll(now, &mut random).unwrap() {
        asked.push(to);
    }
    assert_eq!(asked, [found[0], found[2]]);
}
