//! The `camsim` program as scripts use it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running camsim, killed if the test fails before it exits.
struct Camsim {
    child: Child,
    stdin: Option<ChildStdin>,
    urls: Vec<String>,
}

impl Camsim {
    fn start(args: &[&str]) -> Camsim {
        let mut child = Command::new(env!("CARGO_BIN_EXE_camsim"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let words: Vec<String> = line.split_whitespace().map(String::from).collect();
        assert_eq!(words[0], "READY");
        Camsim {
            stdin: child.stdin.take(),
            child,
            urls: words[1..].to_vec(),
        }
    }

    /// The status of a DESCRIBE of this URL.
    fn describe(url: &str) -> u16 {
        let authority = url.split('/').nth(2).unwrap();
        let mut socket = TcpStream::connect(authority).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(socket, "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        line.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Tries DESCRIBE until it gets this status; commands take effect when the program has read them.
    fn await_status(url: &str, status: u16) {
        let deadline = Instant::now() + PATIENCE;
        while Camsim::describe(url) != status {
            assert!(Instant::now() < deadline, "{url} never answered {status}");
        }
    }

    fn exit_status(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "camsim does not exit");
            std::thread::yield_now();
        }
    }
}

impl Drop for Camsim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn obeys_commands_and_exits_with_its_input() {
    let mut camsim = Camsim::start(&["--cameras", "2", "--stdin-exit"]);
    let [first, second] = &camsim.urls[..] else {
        panic!("{:?}", camsim.urls);
    };
    assert!(first.ends_with("/cam1") && second.ends_with("/cam2"));
    assert_eq!(Camsim::describe(first), 200);
    let mut stdin = camsim.stdin.take().unwrap();
    stdin.write_all(b"nonsense\ncam1 refuse\n").unwrap();
    Camsim::await_status(first, 503);
    assert_eq!(Camsim::describe(second), 200);
    stdin.write_all(b"cam1 heal\n").unwrap();
    Camsim::await_status(first, 200);
    drop(stdin);
    assert!(camsim.exit_status().success());
}

#[cfg(unix)]
#[test]
fn outlives_its_input_and_exits_on_sigterm() {
    let mut camsim = Camsim::start(&["--auth", "digest:admin:a:b"]);
    camsim.stdin.take();
    assert_eq!(Camsim::describe(&camsim.urls[0]), 401);
    let pid = camsim.child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    assert!(camsim.exit_status().success());
}

#[test]
fn explains_bad_options() {
    for (args, problem) in [
        (&["--cameras", "0"][..], "from 1 to 1000"),
        (&["--listen"], "--listen needs"),
        (&["--clip", "x"], "main720p"),
        (&["--auth", "digest"], "digest:USER:PASS"),
        (&["--frobnicate"], "--help"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_camsim"))
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut message = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut message).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2));
        assert!(message.contains(problem), "{message}");
    }
}
