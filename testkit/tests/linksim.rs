//! The `linksim` program as scripts use it.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running linksim, killed if the test fails before it exits.
struct Linksim {
    child: Child,
    address: SocketAddr,
    output: BufReader<std::process::ChildStdout>,
}

impl Linksim {
    fn start(to: SocketAddr, args: &[&str]) -> Linksim {
        let mut child = Command::new(env!("CARGO_BIN_EXE_linksim"))
            .args(["--to", &to.to_string()])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("READY ").unwrap();
        Linksim {
            address: address.parse().unwrap(),
            child,
            output,
        }
    }

    /// Ends it; returns its counters.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        said.trim().to_owned()
    }
}

impl Drop for Linksim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket
}

/// Sends a datagram to the server and returns where it came from: the address of this client for the server. The relay
/// reads all sockets in each turn, so it has read by then what the server sent before.
fn call(link: &Linksim, client: &UdpSocket, server: &UdpSocket) -> SocketAddr {
    client.send_to(b"hello", link.address).unwrap();
    let mut buffer = [0; 10];
    let (len, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"hello");
    from
}

#[test]
fn datagrams_to_clients_are_queued_and_delayed() {
    let server = socket();
    // 1000 bytes with headers take 80 ms.
    let args = [
        "--rate",
        "100000",
        "--queue-ms",
        "60000",
        "--delay-ms",
        "20",
    ];
    let link = Linksim::start(server.local_addr().unwrap(), &args);
    let clients = [socket(), socket()];
    let peers = clients
        .each_ref()
        .map(|client| call(&link, client, &server));
    let start = Instant::now();
    for n in 0..3 {
        let mut bytes = [0; 972];
        bytes[0] = n;
        server.send_to(&bytes, peers[0]).unwrap();
    }
    let mut buffer = [0; 2000];
    for n in 0..3 {
        let len = clients[0].recv(&mut buffer).unwrap();
        assert_eq!((len, buffer[0]), (972, n));
        // Late on a busy machine, never early.
        let least = Duration::from_millis(20 + 80 * (u64::from(n) + 1));
        assert!(start.elapsed() >= least, "{n} after {:?}", start.elapsed());
    }
    server.send_to(b"other", peers[1]).unwrap();
    let len = clients[1].recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"other");
    assert_eq!(link.end(), "sent 4 lost 0 overflowed 0 bytes 3033");
}

#[test]
fn a_full_queue_drops_the_last() {
    let server = socket();
    // 80 s each: one on the wire, three in the queue.
    let args = ["--rate", "100", "--queue-bytes", "3000"];
    let link = Linksim::start(server.local_addr().unwrap(), &args);
    let client = socket();
    let peer = call(&link, &client, &server);
    for _ in 0..6 {
        server.send_to(&[0; 972], peer).unwrap();
    }
    call(&link, &client, &server);
    assert_eq!(link.end(), "sent 6 lost 0 overflowed 2 bytes 6000");
}

#[test]
fn losses_depend_on_the_seed_alone() {
    let run = || {
        let server = socket();
        let args = ["--loss", "30", "--bursts", "0.1,0.5,1", "--seed", "7"];
        let link = Linksim::start(server.local_addr().unwrap(), &args);
        let client = socket();
        let peer = call(&link, &client, &server);
        for _ in 0..50 {
            server.send_to(b"x", peer).unwrap();
        }
        call(&link, &client, &server);
        link.end()
    };
    let first = run();
    assert!(first.starts_with("sent 50 lost "), "{first}");
    assert!(!first.contains("lost 0 "), "{first}");
    assert_eq!(first, run());
}
